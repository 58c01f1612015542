//! Operation without a client: tenants, API keys, the audit chain. Needs the database for itself,
//! except where it only reads.

use std::io::Write;
use std::path::Path;

use zeroize::Zeroizing;

use super::{AppError, entropy, master_key, open_store};
use crate::audit::{self, Report};
use crate::config::{Config, clock};
use crate::crypto::{MintedKey, VerifyKey, random};
use crate::domain::{
    AgeClassSetting, ApiKeyId, AuditKind, DecisionId, Event, Reason, Role, TenantId, Timestamp,
};
use crate::store::sqlite::{SqliteStore, inspect};
use crate::store::{
    ApiKeyInfo, AuditDraft, Commits as _, DecisionFilter, Directory as _, Effect, TenantInfo,
    Transaction,
};
use crate::usecase::age;

/// A new API key: the only moment its text is known.
pub struct NewKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What a client presents.
    pub text: Zeroizing<String>,
}

/// Creates a tenant.
pub async fn create_tenant(config: &Config, tenant: &str) -> Result<(), AppError> {
    let tenant = TenantId::parse(tenant)?;
    let master = master_key::find_or_make(config)?;
    let store = open_store(config, &master).await?;
    let done = put_tenant(&store, &tenant).await;
    store.close().await;
    done
}

/// Every tenant.
pub async fn tenants(config: &Config) -> Result<Vec<TenantInfo>, AppError> {
    let store = open_store(config, &master_key::find(config)?).await?;
    let tenants = store.tenants();
    store.close().await;
    Ok(tenants)
}

/// Enables the age class for a tenant, under the notice that tells callers about it, or disables it.
pub async fn set_age_class(
    config: &Config,
    tenant: &str,
    setting: Option<AgeClassSetting>,
) -> Result<(), AppError> {
    let tenant = TenantId::parse(tenant)?;
    let store = open_store(config, &master_key::find(config)?).await?;
    let act = match &setting {
        Some(_) => age::ACT_ENABLED,
        None => age::ACT_DISABLED,
    };
    let mut event = Event::new(AuditKind::Categorization, act);
    event.reasons = vec![Reason::Administrative];
    event.details.extend(setting.iter().flat_map(age::setting_details));
    let effect = Effect::SetAgeClass(setting.map(Box::new));
    let done = commit_event(&store, &tenant, vec![effect], event).await;
    store.close().await;
    done
}

/// Creates an API key; the first key of the first tenant creates the tenant as well.
pub async fn create_key(
    config: &Config,
    tenant: &str,
    role: Role,
    label: &str,
    expires_at: Option<Timestamp>,
) -> Result<NewKey, AppError> {
    let tenant = TenantId::parse(tenant)?;
    let master = master_key::find_or_make(config)?;
    let store = open_store(config, &master).await?;
    let done = async {
        if store.tenants().is_empty() && tenant.as_str() == super::serve::FIRST_TENANT {
            put_tenant(&store, &tenant).await?;
        }
        put_key(&store, &tenant, role, label, expires_at).await
    };
    let done = done.await;
    store.close().await;
    done
}

/// Replaces an API key by a new one of the same role and label; the old one ends at once.
pub async fn rotate_key(config: &Config, tenant: &str, key: &str) -> Result<NewKey, AppError> {
    let (tenant, key) = (TenantId::parse(tenant)?, ApiKeyId::parse(key)?);
    let store = open_store(config, &master_key::find(config)?).await?;
    let done = async {
        let known = store.api_keys(&tenant).into_iter().find(|k| k.id == key);
        let old = known.filter(|k| k.revoked_at.is_none());
        let old =
            old.ok_or_else(|| AppError::Refused(format!("tenant {tenant} has no key {key}")))?;
        let minted = MintedKey::mint(entropy().as_ref());
        let new = shown(&minted);
        let effects = vec![
            Effect::PutApiKey {
                key: minted,
                role: old.role,
                label: old.label,
                expires_at: old.expires_at,
            },
            Effect::RevokeApiKey { key },
        ];
        commit(&store, &tenant, effects, "API key rotated").await?;
        Ok(new)
    };
    let done = done.await;
    store.close().await;
    done
}

/// Ends an API key at once.
pub async fn revoke_key(config: &Config, tenant: &str, key: &str) -> Result<(), AppError> {
    let (tenant, key) = (TenantId::parse(tenant)?, ApiKeyId::parse(key)?);
    let store = open_store(config, &master_key::find(config)?).await?;
    let effects = vec![Effect::RevokeApiKey { key }];
    let done = commit(&store, &tenant, effects, "API key revoked").await;
    store.close().await;
    done
}

/// API keys of a tenant, without secrets.
pub async fn keys(config: &Config, tenant: &str) -> Result<Vec<ApiKeyInfo>, AppError> {
    let tenant = TenantId::parse(tenant)?;
    let store = open_store(config, &master_key::find(config)?).await?;
    let known = store.tenant(&tenant).is_some();
    let keys = store.api_keys(&tenant);
    store.close().await;
    match known {
        true => Ok(keys),
        false => Err(AppError::Refused(format!("there is no tenant {tenant}"))),
    }
}

/// Verifies the audit chain against the checkpoints, beside a running server. Without a public key the
/// one of the store is used, and every row is checked with the master key as well.
pub async fn verify_audit(
    config: &Config,
    checkpoints: &Path,
    key: Option<&str>,
) -> Result<Report, AppError> {
    let key = match key {
        Some(text) => VerifyKey::parse(text)
            .ok_or_else(|| AppError::Refused("the public key needs 64 hex digits".to_owned()))?,
        None => {
            let master = master_key::find(config)?;
            inspect(&config.store.path, &master).await?.verify_key
        }
    };
    Ok(audit::verify(&config.store.path, checkpoints, key).await?)
}

/// Writes the links of the chain as JSON lines, beside a running server; how many.
pub async fn export_chain(config: &Config, out: &mut (dyn Write + Send)) -> Result<u64, AppError> {
    Ok(audit::export_chain(&config.store.path, out).await?)
}

/// Writes a tenant's decisions as JSON lines, newest first; how many.
pub async fn export_decisions(
    config: &Config,
    tenant: &str,
    out: &mut (dyn Write + Send),
) -> Result<u64, AppError> {
    let tenant = TenantId::parse(tenant)?;
    let store = open_store(config, &master_key::find(config)?).await?;
    let filter = DecisionFilter::default();
    let done = audit::export_decisions(&store, &tenant, &filter, out).await;
    store.close().await;
    Ok(done?)
}

pub(super) async fn put_tenant(store: &SqliteStore, tenant: &TenantId) -> Result<(), AppError> {
    commit(store, tenant, vec![Effect::CreateTenant], "tenant created").await
}

pub(super) async fn put_key(
    store: &SqliteStore,
    tenant: &TenantId,
    role: Role,
    label: &str,
    expires_at: Option<Timestamp>,
) -> Result<NewKey, AppError> {
    let minted = MintedKey::mint(entropy().as_ref());
    let new = shown(&minted);
    let effect = Effect::PutApiKey { key: minted, role, label: label.to_owned(), expires_at };
    commit(store, tenant, vec![effect], "API key created").await?;
    Ok(new)
}

fn shown(minted: &MintedKey) -> NewKey {
    NewKey { id: minted.id().clone(), text: minted.text() }
}

async fn commit(
    store: &SqliteStore,
    tenant: &TenantId,
    effects: Vec<Effect>,
    act: &str,
) -> Result<(), AppError> {
    commit_event(store, tenant, effects, Event::new(AuditKind::Key, act)).await
}

pub(super) async fn commit_event(
    store: &SqliteStore,
    tenant: &TenantId,
    effects: Vec<Effect>,
    event: Event,
) -> Result<(), AppError> {
    let at = clock::now();
    let transaction = Transaction {
        tenant: tenant.clone(),
        idempotency: None,
        subject: None,
        effects,
        audit: AuditDraft { decision: DecisionId::new(at, random(entropy().as_ref())), at, event },
    };
    store.commit(transaction).await?;
    Ok(())
}
