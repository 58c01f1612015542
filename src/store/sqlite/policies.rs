//! Policies of sessions: the ledger of a tenant, held in memory, and the files that it names.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::batch;
use super::doc;
use super::errors;
use super::shared::{Change, Shared, Tenant};
use super::table::{Row, Table, Value};
use super::work::{Work, seal_for_tenant};
use crate::crypto::sha256_hex;
use crate::domain::{ApiKeyId, TenantId};
use crate::policy::session::{MAX_POLICY_BYTES, PolicyAct, PolicyLedger};
use crate::store::StoreError;

/// A tenant's ledger with its row.
#[derive(Debug)]
pub(super) struct PolicyEntry {
    pub tenant: TenantId,
    row: Row,
    pub ledger: Arc<PolicyLedger>,
}

impl PolicyEntry {
    /// Opens a ledger's row.
    pub fn open(tenant: &Tenant, row: Row) -> Result<Self, StoreError> {
        if row.text(0)? != tenant.id.as_str() {
            return Err(row.broken("the ledger is of another tenant"));
        }
        let ledger: PolicyLedger =
            doc::open(&row, 2, &tenant.keys.data, tenant.id.as_str().as_bytes())?;
        Ok(Self { tenant: tenant.id.clone(), row, ledger: Arc::new(ledger) })
    }
}

/// Row id of a file.
fn file_id(tenant: &TenantId, sha256: &str) -> String {
    format!("{tenant}/{sha256}")
}

/// Opens a file's row: the bytes are those its id names.
fn open_file(tenant: &Tenant, row: &Row) -> Result<String, StoreError> {
    let id = row.text(0)?;
    let text: String = doc::open(row, 2, &tenant.keys.data, id.as_bytes())?;
    if id != file_id(&tenant.id, &sha256_hex(text.as_bytes())) {
        return Err(row.broken("the file is not the one its id names"));
    }
    Ok(text)
}

/// Whether a file's row can be opened.
pub(super) fn check(tenant: &Tenant, row: &Row) -> Result<(), StoreError> {
    open_file(tenant, row).map(|_| ())
}

/// A file of a tenant, by its digest.
pub(super) async fn file(
    shared: &Shared,
    tenant: &TenantId,
    sha256: &str,
) -> Result<String, StoreError> {
    let tenant = shared.tenant(tenant)?;
    let mut conn = shared.pool.acquire().await.map_err(errors::sql)?;
    let id = vec![Value::Text(file_id(&tenant.id, sha256))];
    let get = Table::PolicyFile.spec().get;
    let row = batch::one(&mut conn, shared, Table::PolicyFile, get, id).await?;
    open_file(&tenant, &row.ok_or(StoreError::NoPolicyFile)?)
}

/// Carries an act out: the ledger's row, the file that comes and those that go.
pub(super) async fn change(
    work: &mut Work<'_, '_>,
    act: &PolicyAct,
    by: &ApiKeyId,
    file: Option<String>,
) -> Result<(), StoreError> {
    let tenant = Arc::clone(&work.tenant);
    let before = work.batch.shared.directory().policies.get(&tenant.id).cloned();
    let empty = PolicyLedger::default();
    let ledger = before.as_ref().map_or(&empty, |entry| entry.ledger.as_ref());
    let next = ledger.after(act, by, work.at).map_err(StoreError::PolicyChange)?;
    if let PolicyAct::Propose(policy) = act {
        let text = file.ok_or(StoreError::Invalid("a policy is proposed without its file"))?;
        if sha256_hex(text.as_bytes()) != policy.sha256 {
            return Err(StoreError::Invalid("a policy is proposed under another digest"));
        }
        put_file(work, &tenant, &policy.sha256, &text).await?;
    }
    let kept: BTreeSet<&str> = next.kept().collect();
    for gone in ledger.kept().filter(|sha256| !kept.contains(sha256)) {
        drop_file(work, &tenant, gone).await?;
    }
    let id = tenant.id.as_str();
    let version = before.as_ref().map_or(1, |entry| entry.row.version + 1);
    let place = (Table::PolicyLedger, id.as_bytes(), version);
    let sealed = seal_for_tenant(work.batch, &tenant, &next, place)?;
    let values = vec![Value::from(id), Value::from(id), sealed];
    let row = match &before {
        Some(entry) => work.batch.update(&entry.row, values).await?,
        None => work.batch.insert(Table::PolicyLedger, values).await?,
    };
    let entry = PolicyEntry::open(&tenant, row)?;
    work.batch.changes.push(Change::Policies(Arc::new(entry)));
    Ok(())
}

async fn put_file(
    work: &mut Work<'_, '_>,
    tenant: &Tenant,
    sha256: &str,
    text: &str,
) -> Result<(), StoreError> {
    if text.len() > MAX_POLICY_BYTES {
        let (limit, got) = (MAX_POLICY_BYTES, text.len());
        return Err(StoreError::TooLarge { what: "bytes of a policy", limit, got });
    }
    let id = file_id(&tenant.id, sha256);
    let place = (Table::PolicyFile, id.as_bytes(), 1);
    let sealed = seal_for_tenant(work.batch, tenant, &text, place)?;
    let owner = Value::from(tenant.id.as_str());
    work.batch.insert(Table::PolicyFile, vec![Value::Text(id), owner, sealed]).await?;
    Ok(())
}

async fn drop_file(
    work: &mut Work<'_, '_>,
    tenant: &Tenant,
    sha256: &str,
) -> Result<(), StoreError> {
    let id = file_id(&tenant.id, sha256);
    let get = Table::PolicyFile.spec().get;
    let row = work.batch.one(Table::PolicyFile, get, vec![Value::from(id.as_str())]).await?;
    let row = row.ok_or_else(|| Table::PolicyFile.broken(id, "the row is missing"))?;
    work.batch.delete(&row).await
}
