//! What became of decisions: a row a decision, with every entry about it in its sealed part. It is sealed under the
//! key of the subject the decision was about, so that it ends with the subject.

use std::sync::Arc;

use sqlx::SqliteConnection;

use super::audit_rows::word;
use super::batch::{self, Batch};
use super::doc::{self, OpenSubject};
use super::errors;
use super::read::{current, current_at, filtered, list_binds, next_token, position, settled};
use super::shared::{Lookup, Shared, Tenant, short};
use super::table::{Row, Table, Value, select};
use super::work::Work;
use crate::crypto::{Encoder, SealKey, sha256};
use crate::domain::{DecisionId, Feedback, SubjectId, TenantId};
use crate::store::{FeedbackFilter, Page, PageRequest, StoreError, StoredFeedback};

/// Most entries about one decision.
const MAX_ENTRIES: usize = 32;

/// `feedback.sealed`.
#[derive(serde::Serialize, serde::Deserialize)]
struct FeedbackDoc {
    subject: Option<SubjectId>,
    /// Oldest first; the last is in force.
    entries: Vec<Feedback>,
}

/// Names a row in memory, where its version is held.
pub(super) fn lookup(row: &Row) -> Result<Lookup, StoreError> {
    Ok(lookup_of(row.text(1)?))
}

fn lookup_of(decision: &str) -> Lookup {
    let name = sha256(Encoder::new("vouch.feedback.v1").text(decision).as_slice());
    short(&name)
}

/// Associated data names decision and subject.
fn place(decision: &str, handle: Option<&[u8; 16]>) -> Vec<u8> {
    [handle.map_or(&[][..], |h| &h[..]), decision.as_bytes()].concat()
}

fn handle_of(row: &Row, column: usize) -> Result<Option<[u8; 16]>, StoreError> {
    if row.is_null(column) { Ok(None) } else { row.array(column).map(Some) }
}

/// Puts an entry about a decision; earlier ones stay.
pub(super) async fn put(
    work: &mut Work<'_, '_>,
    decision: &DecisionId,
    entry: Feedback,
) -> Result<(), StoreError> {
    let tenant = Arc::clone(&work.tenant);
    let batch = &mut *work.batch;
    let handle = decided_about(batch, &tenant, decision).await?;
    let owner = match &handle {
        Some(handle) => {
            let row = owner(batch.conn, batch.shared, handle).await?;
            let version = batch.version(&short(&row.array(3)?));
            Some(id_and_key(current_at(version, &tenant, row)?))
        }
        None => None,
    };
    let sql = select!(feedback "WHERE decision_id = ?");
    let old = batch.one(Table::Feedback, sql, vec![Value::from(decision.as_str())]).await?;
    if old.as_ref().map(|row| row.version) != batch.version(&lookup_of(decision.as_str())) {
        return Err(put_back(decision));
    }
    let mut doc = match &old {
        Some(row) => open(row, &tenant, owner.as_ref().map(|(_, key)| key))?,
        None => {
            let subject = owner.as_ref().map(|(subject, _)| subject.clone());
            FeedbackDoc { subject, entries: Vec::new() }
        }
    };
    if doc.entries.len() >= MAX_ENTRIES {
        let got = doc.entries.len() + 1;
        let what = "entries about a decision";
        return Err(StoreError::Limit { what, limit: MAX_ENTRIES, got });
    }
    let (at, kind) = (Value::Int(entry.recorded_at.unix_ms()), word(&entry.kind));
    doc.entries.push(entry);
    work.applied.feedback_entries = u32::try_from(doc.entries.len()).unwrap_or(u32::MAX);
    let key = owner.as_ref().map_or(&tenant.keys.data, |(_, key)| key);
    let version = old.as_ref().map_or(1, |row| row.version + 1);
    let place = place(decision.as_str(), handle.as_ref());
    let sealed = (Table::Feedback, &place[..], version);
    let sealed = doc::seal(&doc, key, sealed, &*batch.shared.entropy)?;
    match old {
        Some(row) => {
            let mut values = row.values.clone();
            (values[3], values[4], values[6]) = (at, Value::Text(kind), sealed);
            batch.update(&row, values).await?;
        }
        None => {
            let values = vec![
                Value::Int(batch.next("SELECT coalesce(max(n), 0) + 1 FROM feedback").await?),
                Value::from(decision.as_str()),
                Value::from(tenant.id.as_str()),
                at,
                Value::Text(kind),
                handle.map_or(Value::Null, |h| Value::Blob(h.to_vec())),
                sealed,
            ];
            batch.insert(Table::Feedback, values).await?;
        }
    }
    Ok(())
}

/// The handle of the subject a decision was about.
async fn decided_about(
    batch: &mut Batch<'_>,
    tenant: &Tenant,
    decision: &DecisionId,
) -> Result<Option<[u8; 16]>, StoreError> {
    let sql = select!(audit "WHERE decision_id = ? AND tenant = ?");
    let binds = vec![Value::from(decision.as_str()), Value::from(tenant.id.as_str())];
    let row = batch.one(Table::Audit, sql, binds).await?.ok_or(StoreError::NoDecision)?;
    if row.is_null(10) {
        return Err(StoreError::DecisionErased);
    }
    handle_of(&row, 9)
}

/// The row of the subject behind a handle.
async fn owner(
    conn: &mut SqliteConnection,
    shared: &Shared,
    handle: &[u8; 16],
) -> Result<Row, StoreError> {
    let sql = select!(subject "WHERE handle = ?");
    let binds = vec![Value::Blob(handle.to_vec())];
    let row = batch::one(conn, shared, Table::Subject, sql, binds).await?;
    row.ok_or_else(|| {
        Table::Subject
            .broken(hex::encode(&handle[..8]), "the row is missing: its feedback is there")
    })
}

fn id_and_key(subject: OpenSubject) -> (SubjectId, SealKey) {
    (subject.doc.id, subject.key)
}

fn open(row: &Row, tenant: &Tenant, key: Option<&SealKey>) -> Result<FeedbackDoc, StoreError> {
    let place = place(row.text(1)?, handle_of(row, 5)?.as_ref());
    doc::open(row, 6, key.unwrap_or(&tenant.keys.data), &place)
}

fn put_back(decision: &DecisionId) -> StoreError {
    let problem = "it is not at the version last committed: missing or put back";
    Table::Feedback.broken(decision.as_str(), problem)
}

/// What was recorded about one decision.
pub(super) async fn one(
    shared: &Shared,
    tenant: &TenantId,
    decision: &DecisionId,
) -> Result<Option<StoredFeedback>, StoreError> {
    settled(shared, || one_once(shared, tenant, decision)).await
}

async fn one_once(
    shared: &Shared,
    tenant: &TenantId,
    decision: &DecisionId,
) -> Result<Option<StoredFeedback>, StoreError> {
    let tenant = shared.tenant(tenant)?;
    let mut tx = shared.pool.begin().await.map_err(errors::sql)?;
    let sql = select!(feedback "WHERE decision_id = ? AND tenant = ?");
    let binds = vec![Value::from(decision.as_str()), Value::from(tenant.id.as_str())];
    let row = batch::one(&mut tx, shared, Table::Feedback, sql, binds).await?;
    let found = match row {
        Some(row) => Some(stored(&mut tx, shared, &tenant, &row).await?),
        None => None,
    };
    // A decision of another tenant has a version and no row of this one.
    if found.is_none() && shared.version(&lookup_of(decision.as_str())).is_some() {
        let sql = select!(audit "WHERE decision_id = ? AND tenant = ?");
        let binds = vec![Value::from(decision.as_str()), Value::from(tenant.id.as_str())];
        if batch::one(&mut tx, shared, Table::Audit, sql, binds).await?.is_some() {
            return Err(put_back(decision));
        }
    }
    tx.commit().await.map_err(errors::sql)?;
    Ok(found)
}

/// Feedback of a tenant, newest decision-with-feedback first.
pub(super) async fn list(
    shared: &Shared,
    tenant: &TenantId,
    filter: &FeedbackFilter,
    page: &PageRequest,
) -> Result<Page<StoredFeedback>, StoreError> {
    settled(shared, || list_once(shared, tenant, filter, page)).await
}

async fn list_once(
    shared: &Shared,
    tenant: &TenantId,
    filter: &FeedbackFilter,
    page: &PageRequest,
) -> Result<Page<StoredFeedback>, StoreError> {
    let tenant = shared.tenant(tenant)?;
    let (before, size) = position(page, i64::MAX)?;
    let mut tx = shared.pool.begin().await.map_err(errors::sql)?;
    let subject = filter.subject.as_ref();
    let Some(handle) = filtered(&mut tx, shared, &tenant, subject).await? else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    let sql = match handle {
        Some(_) => select!(feedback "WHERE tenant = ?1 AND n < ?2 AND subject = ?3
            AND (?4 IS NULL OR at >= ?4) AND (?5 IS NULL OR at < ?5)
            AND (?6 IS NULL OR kind = ?6) ORDER BY n DESC LIMIT ?7"),
        None => select!(feedback "WHERE tenant = ?1 AND n < ?2 AND ?3 IS NULL
            AND (?4 IS NULL OR at >= ?4) AND (?5 IS NULL OR at < ?5)
            AND (?6 IS NULL OR kind = ?6) ORDER BY n DESC LIMIT ?7"),
    };
    let mut binds = list_binds(&tenant, before, handle, [filter.from, filter.until]);
    binds.extend([
        filter.kind.as_ref().map_or(Value::Null, |kind| Value::Text(word(kind))),
        Value::Int(size),
    ]);
    let rows = batch::all(&mut tx, shared, Table::Feedback, sql, binds).await?;
    let next = next_token(&rows, size)?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(stored(&mut tx, shared, &tenant, row).await?);
    }
    tx.commit().await.map_err(errors::sql)?;
    Ok(Page { items, next })
}

async fn stored(
    conn: &mut SqliteConnection,
    shared: &Shared,
    tenant: &Tenant,
    row: &Row,
) -> Result<StoredFeedback, StoreError> {
    let decision =
        DecisionId::parse(row.text(1)?).map_err(|_| row.broken("the decision's id is none"))?;
    if shared.version(&lookup(row)?) != Some(row.version) {
        return Err(put_back(&decision));
    }
    let owner = match handle_of(row, 5)? {
        Some(handle) => {
            let row = owner(conn, shared, &handle).await?;
            Some(id_and_key(current(shared, tenant, row)?))
        }
        None => None,
    };
    let doc = open(row, tenant, owner.as_ref().map(|(_, key)| key))?;
    let mut earlier = doc.entries;
    let current = earlier.pop().ok_or_else(|| row.broken("it has no entry"))?;
    Ok(StoredFeedback { decision, subject: doc.subject, current, earlier })
}
