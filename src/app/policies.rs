//! Policies of sessions without a client. Needs the database for itself, so the server must be stopped. Two people it
//! takes here as well: who acts is named by an API key of role admin, and the key that asked for a change approves
//! nothing.

use std::path::Path;
use std::sync::Arc;

use super::admin::commit_event;
use super::{AppError, fusion, master_key, open_store};
use crate::config::{Config, clock};
use crate::domain::{ApiKeyId, ArtifactRef, Role, TenantId, Timestamp};
use crate::policy::session::{
    ActivePolicy, MAX_POLICY_BYTES, PolicyAct, PolicyBytes, PolicyLedger, SHIPPED, read_policy,
};
use crate::scoring::fusion::Fusion;
use crate::store::sqlite::SqliteStore;
use crate::store::{AuditLog as _, Directory as _, Effect};
use crate::usecase::policies::{
    Replay, WhatIfReport, change_event, checked_proposal, must_be_free,
};

fn refused(error: impl std::fmt::Display) -> AppError {
    AppError::Refused(error.to_string())
}

/// A policy file, as text.
///
/// # Errors
/// It cannot be read, or is too long.
pub fn file(path: &Path) -> Result<String, AppError> {
    let at = |source| AppError::File { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(at)?.len();
    if usize::try_from(length).unwrap_or(usize::MAX) > MAX_POLICY_BYTES {
        let limit = MAX_POLICY_BYTES;
        return Err(refused(format!(
            "a session policy has at most {limit} bytes, this one has {length}"
        )));
    }
    std::fs::read_to_string(path).map_err(at)
}

/// The policy of tenants that have none of their own, as the configuration names it.
///
/// # Errors
/// There is no such policy, or it is unsound.
pub fn of_server(config: &Config) -> Result<String, AppError> {
    let named = &config.sessions.policy;
    let text = match SHIPPED.iter().find(|(name, _)| name == named) {
        Some((_, text)) => (*text).to_owned(),
        None => file(Path::new(named))?,
    };
    match read_policy(&text, fusion::of_server(config)?) {
        Ok(_) => Ok(text),
        Err(problem) => Err(refused(format!("sessions.policy: {named}: {problem}"))),
    }
}

/// What a command works on.
struct Open {
    store: SqliteStore,
    tenant: TenantId,
}

impl Open {
    async fn new(config: &Config, tenant: &str) -> Result<Self, AppError> {
        let tenant = TenantId::parse(tenant)?;
        let store = open_store(config, &master_key::find(config)?).await?;
        if store.tenant(&tenant).is_none() {
            store.close().await;
            return Err(refused(format!("there is no tenant {tenant}")));
        }
        Ok(Self { store, tenant })
    }

    fn ledger(&self) -> PolicyLedger {
        self.store.policies(&self.tenant).as_of(clock::now())
    }

    /// Who presents an API key of role admin of the tenant.
    fn admin(&self, key: &str) -> Result<ApiKeyId, AppError> {
        let caller = self.store.authenticate(key, clock::now());
        let caller = caller.filter(|c| c.tenant == self.tenant && c.role == Role::Admin);
        let caller =
            caller.ok_or_else(|| refused("no API key of role admin of this tenant was given"))?;
        Ok(caller.key)
    }

    async fn act(&self, key: &str, act: PolicyAct, file: Option<String>) -> Result<(), AppError> {
        let by = self.admin(key)?;
        let event = change_event(&act, by.clone());
        let effect = Effect::ChangePolicy { act, by, file };
        commit_event(&self.store, &self.tenant, vec![effect], event).await
    }
}

/// The tenant's policies.
pub async fn list(config: &Config, tenant: &str) -> Result<PolicyLedger, AppError> {
    let open = Open::new(config, tenant).await?;
    let ledger = open.ledger();
    open.store.close().await;
    Ok(ledger)
}

/// Proposes a file; what it is named.
pub async fn propose(
    config: &Config,
    tenant: &str,
    key: &str,
    text: String,
) -> Result<PolicyBytes, AppError> {
    let policy = checked_proposal(&text, fusion::of_server(config)?).map_err(refused)?;
    must_be_free(&policy, &of_server(config)?).map_err(refused)?;
    let open = Open::new(config, tenant).await?;
    let done = open.act(key, PolicyAct::Propose(policy.clone()), Some(text)).await;
    open.store.close().await;
    done.map(|()| policy)
}

/// Approves the change on its way, to these bytes. They are read and checked first, as the running server does: what it
/// cannot use would refuse every session.
pub async fn approve(
    config: &Config,
    tenant: &str,
    key: &str,
    policy: PolicyBytes,
) -> Result<(), AppError> {
    let fusion = fusion::of_server(config)?;
    let open = Open::new(config, tenant).await?;
    let done = approved(&open, key, policy, fusion).await;
    open.store.close().await;
    done
}

async fn approved(
    open: &Open,
    key: &str,
    policy: PolicyBytes,
    fusion: Fusion,
) -> Result<(), AppError> {
    let act = PolicyAct::Approve(policy);
    let next = open.ledger().after(&act, &open.admin(key)?, clock::now());
    let next = next.map_err(refused)?;
    if let Some(active) = next.active() {
        let text = open.store.policy_file(&open.tenant, &active.policy.sha256).await?;
        read_policy(&text, fusion).map_err(refused)?;
    }
    open.act(key, act, None).await
}

/// Rejects it.
pub async fn reject(
    config: &Config,
    tenant: &str,
    key: &str,
    version: ArtifactRef,
) -> Result<(), AppError> {
    let open = Open::new(config, tenant).await?;
    let done = open.act(key, PolicyAct::Reject(version), None).await;
    open.store.close().await;
    done
}

/// What a file would have decided in place of the policy in force.
pub async fn what_if(
    config: &Config,
    tenant: &str,
    text: &str,
    range: (Option<Timestamp>, Option<Timestamp>),
) -> Result<WhatIfReport, AppError> {
    let fusion = fusion::of_server(config)?;
    let after = Arc::new(read_policy(text, fusion.clone()).map_err(refused)?);
    let server = of_server(config)?;
    let open = Open::new(config, tenant).await?;
    let done = replayed(&open, (&server, fusion), after, range).await;
    open.store.close().await;
    done
}

async fn replayed(
    open: &Open,
    (server, fusion): (&str, Fusion),
    after: Arc<ActivePolicy>,
    range: (Option<Timestamp>, Option<Timestamp>),
) -> Result<WhatIfReport, AppError> {
    let active = match open.ledger().active() {
        Some(active) => open.store.policy_file(&open.tenant, &active.policy.sha256).await?,
        None => server.to_owned(),
    };
    let before = Arc::new(read_policy(&active, fusion).map_err(refused)?);
    let mut replay = Replay::new(before, after, range);
    while let Some(page) = replay.wanted() {
        let found = open.store.decisions(&open.tenant, replay.filter(), page).await?;
        replay = replay.with(found);
    }
    Ok(replay.report())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{MasterKey, MintedKey, SystemEntropy, sha256_hex};
    use crate::domain::{AuditKind, Event};

    /// A store with one tenant, and the keys of two admins.
    async fn open(folder: &Path) -> (Open, [String; 2]) {
        let master = MasterKey::generate(&SystemEntropy);
        let path = folder.join("vouch.db");
        let store = SqliteStore::open(&path, &master, Arc::new(SystemEntropy)).await.unwrap();
        let tenant = TenantId::parse("bank").unwrap();
        let keys = [(); 2].map(|()| MintedKey::mint(&SystemEntropy));
        let texts = [keys[0].text().to_string(), keys[1].text().to_string()];
        let put = |key| Effect::PutApiKey {
            key,
            role: Role::Admin,
            label: "test".into(),
            expires_at: None,
        };
        for effects in [vec![Effect::CreateTenant], keys.map(put).into_iter().collect()] {
            let event = Event::new(AuditKind::Key, "prepared");
            commit_event(&store, &tenant, effects, event).await.unwrap();
        }
        (Open { store, tenant }, texts)
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_not_approved() {
        let folder = tempfile::tempdir().unwrap();
        let (open, [ann, bob]) = open(folder.path()).await;
        let sound = SHIPPED[0].1.to_owned();
        let broken = sound.replacen("genuine = 0.998", "genuine = 1.5", 1);
        assert_ne!(sound, broken);
        for (text, version, taken) in [(broken, 1, false), (sound, 2, true)] {
            let version = ArtifactRef::new("bank", version);
            let policy = PolicyBytes { version, sha256: sha256_hex(text.as_bytes()) };
            // As an older version of the program may have taken it.
            let propose = PolicyAct::Propose(policy.clone());
            open.act(&ann, propose, Some(text)).await.unwrap();
            let done = approved(&open, &bob, policy.clone(), Fusion::cautious()).await;
            assert_eq!(done.is_ok(), taken, "{done:?}");
            assert_eq!(open.ledger().active().is_some(), taken);
            if !taken {
                open.act(&bob, PolicyAct::Reject(policy.version), None).await.unwrap();
            }
        }
        open.store.close().await;
    }
}
