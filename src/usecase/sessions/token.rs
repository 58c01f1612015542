//! Tokens of app sessions. A back end mints one with its API key and hands it to its app, which opens one
//! session with it and can resume that one; it is good for nothing else, and for nothing at all once that API key has
//! ended. Tokens live in memory: after a restart a back end mints new ones.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::crypto::{random, sha256};
use crate::domain::{DurationMs, Role, SessionChannel, SessionId, SubjectId, Timestamp};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::Caller;
use crate::usecase::core::Inner;
use crate::usecase::failure::invalid;
use crate::usecase::sessions::registry::is_full;

/// How every token begins, so that it is told from an API key.
pub const SESSION_TOKEN_PREFIX: &str = "vs_";
/// Tokens of a server that have not expired.
pub const MAX_SESSION_TOKENS: usize = 10_000;
/// Shortest and longest lifetime of a token, in milliseconds.
pub const TOKEN_LIFETIME_MS: std::ops::RangeInclusive<DurationMs> = 10_000..=3_600_000;
/// Lifetime of a token whose request names none, in milliseconds.
pub const DEFAULT_TOKEN_LIFETIME_MS: DurationMs = 300_000;
/// Bytes of randomness of a token.
const TOKEN_BYTES: usize = 24;
/// When to come back where there are too many, in milliseconds.
const RETRY_AFTER_MS: DurationMs = 10_000;

/// Mint a token.
#[derive(Debug, Clone)]
pub struct MintSessionToken {
    /// The subject its session claims; `None` for a session without a claim.
    pub subject: Option<SubjectId>,
    /// Where its session takes place.
    pub channel: SessionChannel,
    /// How long it can open its session, in milliseconds.
    pub lifetime_ms: DurationMs,
}

/// A token. No `Debug`: it is a secret.
#[derive(Clone)]
pub struct MintedToken {
    /// The token.
    pub token: String,
    /// Until when it can open its session.
    pub expires_at: Timestamp,
}

/// What a token that was presented is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionGrant {
    /// Names the token; not the token itself.
    pub digest: [u8; 32],
    /// The subject its session claims.
    pub subject: Option<SubjectId>,
    /// Where its session takes place.
    pub channel: SessionChannel,
}

struct Minted {
    by: Caller,
    grant: SessionGrant,
    expires_at: Timestamp,
    /// The session it opened.
    opened: Option<SessionId>,
}

/// All tokens.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<[u8; 32], Minted>>);

impl Tokens {
    fn known(&self) -> MutexGuard<'_, HashMap<[u8; 32], Minted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, minted: Minted, now: Timestamp) -> Result<(), UseCaseError> {
        let mut known = self.known();
        let full = |known: &HashMap<[u8; 32], Minted>| {
            let own = || known.values().filter(|m| m.by.tenant == minted.by.tenant).count();
            is_full(known.len(), MAX_SESSION_TOKENS, own)
        };
        if full(&known) {
            known.retain(|_, minted| now < minted.expires_at || minted.opened.is_some());
        }
        if full(&known) {
            let queue = "the number of session tokens of this server";
            return Err(UseCaseError::Busy { queue, retry_after_ms: RETRY_AFTER_MS });
        }
        known.insert(minted.grant.digest, minted);
        Ok(())
    }

    /// Who presents a token, and what for. One that has expired is good for the session it opened.
    fn find(&self, presented: &str, now: Timestamp) -> Option<(Caller, SessionGrant)> {
        let known = self.known();
        let minted = known.get(&sha256(presented.as_bytes()))?;
        let usable = now < minted.expires_at || minted.opened.is_some();
        usable.then(|| (minted.by.clone(), minted.grant.clone()))
    }

    /// Spends a token on a session; false when it was spent on another.
    pub(super) fn spend(&self, digest: &[u8; 32], session: &SessionId) -> bool {
        match self.known().get_mut(digest) {
            Some(minted) if minted.opened.is_none() => {
                minted.opened = Some(session.clone());
                true
            }
            Some(minted) => minted.opened.as_ref() == Some(session),
            None => false,
        }
    }

    /// Whether a token opened this session.
    pub(super) fn opened(&self, digest: &[u8; 32], session: &SessionId) -> bool {
        self.known().get(digest).is_some_and(|minted| minted.opened.as_ref() == Some(session))
    }

    /// A session is over: its token is good for nothing more.
    pub(super) fn forget(&self, session: &SessionId) {
        self.known().retain(|_, minted| minted.opened.as_ref() != Some(session));
    }
}

impl Inner {
    /// Mints a token. Minting the same twice gives two tokens: a secret is not kept to be told again.
    pub(in crate::usecase) async fn mint_session_token(
        &self,
        by: &Caller,
        c: MintSessionToken,
    ) -> Result<MintedToken, UseCaseError> {
        require(by, Right::Compare)?;
        if !TOKEN_LIFETIME_MS.contains(&c.lifetime_ms) {
            let (low, high) = (TOKEN_LIFETIME_MS.start() / 1_000, TOKEN_LIFETIME_MS.end() / 1_000);
            let problem = format!("must be {low} to {high} seconds, got {} ms", c.lifetime_ms);
            return Err(invalid("lifetime", problem));
        }
        let secret = hex::encode(random::<TOKEN_BYTES>(self.parts.entropy.as_ref()));
        let token = format!("{SESSION_TOKEN_PREFIX}{secret}");
        let now = self.now();
        let key = self.parts.store.api_key(&by.tenant, &by.key);
        let key_ends = key.ok_or(UseCaseError::Unauthenticated)?.expires_at;
        let own_end = now.plus_ms(c.lifetime_ms);
        let expires_at = key_ends.map_or(own_end, |end| end.min(own_end));
        let digest = sha256(token.as_bytes());
        let minted = Minted {
            // An app sees what a client sees, whoever mints for it.
            by: Caller { role: Role::Client, ..by.clone() },
            grant: SessionGrant { digest, subject: c.subject, channel: c.channel },
            expires_at,
            opened: None,
        };
        self.sessions.tokens.put(minted, now)?;
        Ok(MintedToken { token, expires_at })
    }

    /// Who presents a token, and what it is good for.
    pub(in crate::usecase) fn authenticate_session(
        &self,
        presented: &str,
    ) -> Result<(Caller, SessionGrant), UseCaseError> {
        let now = self.now();
        let found = self.sessions.tokens.find(presented, now);
        // What its API key may do no more, a token made with it may not either: also one that opened a session.
        let in_force = |by: &Caller| {
            let key = self.parts.store.api_key(&by.tenant, &by.key);
            key.is_some_and(|key| key.in_force(now))
        };
        found.filter(|(by, _)| in_force(by)).ok_or(UseCaseError::Unauthenticated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ApiKeyId, TenantId};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn minted(token: &str, expires_at: i64) -> Minted {
        Minted {
            by: Caller {
                tenant: TenantId::parse("t").expect("an id"),
                key: ApiKeyId::parse("k").expect("an id"),
                role: Role::Client,
            },
            grant: SessionGrant {
                digest: sha256(token.as_bytes()),
                subject: None,
                channel: SessionChannel::App,
            },
            expires_at: at(expires_at),
            opened: None,
        }
    }

    fn session(n: u8) -> SessionId {
        SessionId::new(at(0), [n; 10])
    }

    #[test]
    fn a_token_opens_one_session_in_time_and_can_resume_it() {
        let tokens = Tokens::default();
        tokens.put(minted("vs_a", 100), at(0)).expect("room");
        assert!(tokens.find("vs_b", at(0)).is_none());
        let (_, grant) = tokens.find("vs_a", at(99)).expect("a token");
        assert!(tokens.find("vs_a", at(100)).is_none());
        assert!(!tokens.opened(&grant.digest, &session(1)));
        assert!(tokens.spend(&grant.digest, &session(1)));
        assert!(tokens.spend(&grant.digest, &session(1)));
        assert!(!tokens.spend(&grant.digest, &session(2)));
        assert!(tokens.find("vs_a", at(5_000)).is_some());
        assert!(tokens.opened(&grant.digest, &session(1)));
        tokens.forget(&session(1));
        assert!(tokens.find("vs_a", at(0)).is_none());
    }

    #[test]
    fn tokens_are_bounded_by_tenant_and_expired_ones_make_room() {
        let tokens = Tokens::default();
        let put = |tenant: &str, i: usize, (expires_at, now): (i64, i64)| {
            let mut new = minted(&format!("vs_{tenant}{i}"), expires_at);
            new.by.tenant = TenantId::parse(tenant).expect("an id");
            tokens.put(new, at(now))
        };
        let mut i = 0;
        while put("a", i, (100, 0)).is_ok() {
            i += 1;
        }
        assert!(i < MAX_SESSION_TOKENS && i > MAX_SESSION_TOKENS / 2, "{i}");
        for n in 0..MAX_SESSION_TOKENS - i {
            put("b", n, (100, 0)).expect("room");
        }
        for tenant in ["a", "b", "c"] {
            let full = put(tenant, MAX_SESSION_TOKENS, (200, 0));
            assert!(matches!(full, Err(UseCaseError::Busy { .. })), "{tenant}");
        }
        assert!(put("a", MAX_SESSION_TOKENS, (200, 100)).is_ok());
    }
}
