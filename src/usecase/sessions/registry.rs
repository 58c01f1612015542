//! The sessions that run, by id and by the idempotency key of their opening.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, mpsc};

use crate::crypto::sha256;
use crate::domain::{SessionId, TenantId};
use crate::usecase::UseCaseError;
use crate::usecase::sessions::worker::Order;

/// Sessions of a server, ended ones that are still remembered included. Each holds up to a megabyte of
/// speech frames.
pub const MAX_SESSIONS: usize = 2_000;
/// When to come back where there are too many, in milliseconds.
const RETRY_AFTER_MS: u64 = 1_000;
/// Part of all places that is kept for tenants that hold less than this part themselves: however much one opens, others
/// find a place.
const KEPT_PART: usize = 8;

/// Whether `taken` of `places` are so many that whoever holds `own` of them gets no more.
pub(super) fn is_full(taken: usize, places: usize, own: impl FnOnce() -> usize) -> bool {
    let kept = places / KEPT_PART;
    taken >= places || (taken >= places - kept && own() >= kept)
}

/// A session that runs.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) tenant: TenantId,
    /// Digest of its secret.
    pub(super) token: [u8; 32],
    /// Idempotency key of its opening, and digest of what it was opened with.
    pub(super) key: String,
    pub(super) content: [u8; 32],
    pub(super) orders: mpsc::Sender<Order>,
    /// Room for the payloads of orders that wait, in bytes.
    pub(super) room: Arc<Semaphore>,
}

#[derive(Default)]
struct Known {
    sessions: HashMap<SessionId, Entry>,
    keys: HashMap<(TenantId, String), SessionId>,
}

/// All sessions.
#[derive(Default)]
pub(super) struct Registry(Mutex<Known>);

impl Registry {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a session; or gives the one that its idempotency key opened before.
    pub(super) fn put(
        &self,
        id: &SessionId,
        entry: Entry,
    ) -> Result<Option<(SessionId, Entry)>, UseCaseError> {
        let mut known = self.known();
        let key = (entry.tenant.clone(), entry.key.clone());
        if let Some(first) = known.keys.get(&key).cloned()
            && let Some(found) = known.sessions.get(&first)
        {
            if found.content != entry.content {
                return Err(UseCaseError::IdempotencyMismatch);
            }
            return Ok(Some((first, found.clone())));
        }
        let own = || known.sessions.values().filter(|other| other.tenant == entry.tenant).count();
        if is_full(known.sessions.len(), MAX_SESSIONS, own) {
            let queue = "the number of sessions of this server";
            return Err(UseCaseError::Busy { queue, retry_after_ms: RETRY_AFTER_MS });
        }
        known.keys.insert(key, id.clone());
        known.sessions.insert(id.clone(), entry);
        Ok(None)
    }

    /// A tenant's session.
    pub(super) fn get(&self, tenant: &TenantId, id: &SessionId) -> Result<Entry, UseCaseError> {
        let found = self.known().sessions.get(id).filter(|entry| entry.tenant == *tenant).cloned();
        found.ok_or(UseCaseError::NotFound { what: "session" })
    }

    /// The same for who knows its secret. Another secret is as good as another session.
    pub(super) fn get_with(
        &self,
        tenant: &TenantId,
        id: &SessionId,
        token: &str,
    ) -> Result<Entry, UseCaseError> {
        let entry = self.get(tenant, id)?;
        // Digests of the two: how far they agree tells nothing about the secret.
        if entry.token != sha256(token.as_bytes()) {
            return Err(UseCaseError::NotFound { what: "session" });
        }
        Ok(entry)
    }

    /// Forgets a session.
    pub(super) fn remove(&self, id: &SessionId) {
        let mut known = self.known();
        if let Some(entry) = known.sessions.remove(id) {
            known.keys.remove(&(entry.tenant, entry.key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn entry(tenant: &str, key: &str, content: u8) -> Entry {
        let tenant = TenantId::parse(tenant).expect("an id");
        let orders = mpsc::channel(1).0;
        let token = sha256(b"secret");
        let room = Arc::new(Semaphore::new(1));
        Entry { tenant, token, key: key.to_owned(), content: [content; 32], orders, room }
    }

    fn id(n: u8) -> SessionId {
        SessionId::new(Timestamp::from_unix_ms(0), [n; 10])
    }

    #[test]
    fn a_session_is_found_by_its_tenant_and_its_secret_alone() {
        let registry = Registry::default();
        assert!(registry.put(&id(1), entry("a", "k", 0)).expect("room").is_none());
        let (a, b) = (entry("a", "", 0).tenant, entry("b", "", 0).tenant);
        assert!(registry.get(&a, &id(1)).is_ok());
        assert!(registry.get(&b, &id(1)).is_err());
        assert!(registry.get_with(&a, &id(1), "secret").is_ok());
        assert!(registry.get_with(&a, &id(1), "Secret").is_err());
        assert!(registry.get_with(&b, &id(1), "secret").is_err());
        registry.remove(&id(1));
        assert!(registry.get(&a, &id(1)).is_err());
    }

    #[test]
    fn an_idempotency_key_opens_one_session_of_a_tenant() {
        let registry = Registry::default();
        assert!(registry.put(&id(1), entry("a", "k", 0)).expect("room").is_none());
        let again = registry.put(&id(2), entry("a", "k", 0)).expect("room");
        assert_eq!(again.map(|(id, _)| id), Some(id(1)));
        let other = registry.put(&id(2), entry("a", "k", 1));
        assert!(matches!(other, Err(UseCaseError::IdempotencyMismatch)));
        assert!(registry.put(&id(3), entry("b", "k", 1)).expect("room").is_none());
        registry.remove(&id(1));
        assert!(registry.put(&id(2), entry("a", "k", 1)).expect("room").is_none());
    }

    #[test]
    fn sessions_are_bounded_and_one_tenant_leaves_room_for_others() {
        let registry = Registry::default();
        let put = |tenant: &str, n: usize| {
            let bytes = [(n / 256) as u8, (n % 256) as u8, 0, 0, 0, 0, 0, 0, 0, 0];
            let id = SessionId::new(Timestamp::from_unix_ms(n as i64), bytes);
            registry.put(&id, entry(tenant, &n.to_string(), 0))
        };
        let kept = MAX_SESSIONS / KEPT_PART;
        for n in 0..MAX_SESSIONS - kept {
            assert!(put("a", n).is_ok(), "{n}");
        }
        let busy = |tenant: &str, n| matches!(put(tenant, n), Err(UseCaseError::Busy { .. }));
        assert!(busy("a", MAX_SESSIONS));
        for n in MAX_SESSIONS - kept..MAX_SESSIONS {
            assert!(put("b", n).is_ok(), "{n}");
        }
        assert!(busy("b", MAX_SESSIONS) && busy("c", MAX_SESSIONS));
    }
}
