//! What sources of claims failed at lately: a row a source, sealed under the tenant's key. It is counted in the writer,
//! so that of many calls at once none is lost, and the version of each row is held in memory like that of a subject.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::batch::{self, Batch};
use super::doc;
use super::errors;
use super::read::settled;
use super::shared::{Lookup, Shared, Tenant, short};
use super::table::{Row, Table, Value};
use super::work::{Work, seal_for_tenant};
use crate::crypto::Encoder;
use crate::domain::{AuditKind, Event, Reason, Source, TenantId};
use crate::policy::{Outcome, SourceAttempts, SourceHold, SourceRules};
use crate::store::{AuditDraft, StoreError};

/// A source that a transaction held up.
pub(super) struct Held {
    /// Which, for the record: its kind and the first half of its digest.
    pub kind: &'static str,
    pub name: Lookup,
    pub hold: SourceHold,
}

impl Held {
    /// Its record, beside that of the decision that led to it. Equal digests are the same source.
    pub fn event(&self, cause: &AuditDraft) -> Event {
        let (act, until) = match self.hold {
            SourceHold::Delayed(until) => ("source slowed down", until),
            SourceHold::Locked(until) => ("source locked", until),
        };
        let mut event = Event::new(AuditKind::Source, act);
        event.actor.clone_from(&cause.event.actor);
        event.reasons = vec![Reason::SourceLocked];
        event.details = BTreeMap::from([
            ("kind".to_owned(), self.kind.to_owned()),
            ("source".to_owned(), hex::encode(self.name)),
            ("until".to_owned(), until.to_string()),
            ("decision".to_owned(), cause.decision.as_str().to_owned()),
        ]);
        event
    }
}

/// The digest that names a source.
fn row_id(tenant: &Tenant, source: &Source) -> [u8; 32] {
    let name = Encoder::new("vouch.source.v1").text(source.kind().as_str()).text(source.as_str());
    tenant.keys.number.mac(name.as_slice())
}

fn open(tenant: &Tenant, row: &Row) -> Result<SourceAttempts, StoreError> {
    doc::open(row, 3, &tenant.keys.data, row.blob(0)?)
}

/// The row that must be at a version, or not be there.
fn at_version(
    id: &[u8; 32],
    row: Option<Row>,
    version: Option<u64>,
) -> Result<Option<Row>, StoreError> {
    match (row, version) {
        (None, None) => Ok(None),
        (Some(row), Some(version)) if row.version == version => Ok(Some(row)),
        (Some(row), _) => Err(row.broken("it is not at the version last committed: put back")),
        (None, Some(_)) => Err(Table::Source.broken(hex::encode(&id[..8]), "the row is missing")),
    }
}

/// What a source failed at.
pub(super) async fn read(
    shared: &Shared,
    tenant: &TenantId,
    source: &Source,
) -> Result<SourceAttempts, StoreError> {
    settled(shared, || read_once(shared, tenant, source)).await
}

async fn read_once(
    shared: &Shared,
    tenant: &TenantId,
    source: &Source,
) -> Result<SourceAttempts, StoreError> {
    let tenant = shared.tenant(tenant)?;
    let id = row_id(&tenant, source);
    let get = Table::Source.spec().get;
    let mut conn = shared.pool.acquire().await.map_err(errors::sql)?;
    let row =
        batch::one(&mut conn, shared, Table::Source, get, vec![Value::Blob(id.to_vec())]).await?;
    let row = at_version(&id, row, shared.version(&short(&id)))?;
    row.map(|row| open(&tenant, &row)).transpose().map(Option::unwrap_or_default)
}

async fn find(batch: &mut Batch<'_>, id: &[u8; 32]) -> Result<Option<Row>, StoreError> {
    let get = Table::Source.spec().get;
    let row = batch.one(Table::Source, get, vec![Value::Blob(id.to_vec())]).await?;
    at_version(id, row, batch.version(&short(id)))
}

/// Counts a comparison.
///
/// # Errors
/// [`StoreError::SourceHeld`] where the source is held up by now: the comparison came too late.
pub(super) async fn count(
    work: &mut Work<'_, '_>,
    source: &Source,
    outcome: Outcome,
    rules: &SourceRules,
) -> Result<(), StoreError> {
    let tenant = Arc::clone(&work.tenant);
    let id = row_id(&tenant, source);
    let row = find(work.batch, &id).await?;
    let before = row.as_ref().map(|row| open(&tenant, row)).transpose()?.unwrap_or_default();
    if before.is_held(work.at) {
        return Err(StoreError::SourceHeld);
    }
    let (after, hold) = before.after(outcome, work.at, rules);
    let Some(expires_at) = after.forgotten_at(rules).filter(|_| after != before) else {
        return Ok(());
    };
    let version = row.as_ref().map_or(1, |row| row.version + 1);
    let sealed = seal_for_tenant(work.batch, &tenant, &after, (Table::Source, &id, version))?;
    let values = vec![
        Value::Blob(id.to_vec()),
        Value::from(tenant.id.as_str()),
        Value::Int(expires_at.unix_ms()),
        sealed,
    ];
    match row {
        Some(row) => work.batch.update(&row, values).await?,
        None => work.batch.insert(Table::Source, values).await?,
    };
    let held = |hold| Held { kind: source.kind().as_str(), name: short(&id), hold };
    work.held.extend(hold.map(held));
    Ok(())
}
