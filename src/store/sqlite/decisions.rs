//! Readers of the audit chain.

use std::collections::HashMap;
use std::path::Path;

use sqlx::SqliteConnection;

use super::audit_rows;
use super::batch;
use super::doc;
use super::errors;
use super::open;
use super::read::{current, filtered, list_binds, next_token, position, settled};
use super::schema;
use super::shared::{Shared, Tenant};
use super::table::{Row, Table, Value, select};
use crate::crypto::{ChainEntry, MasterKey, SealKey, VerifyKey};
use crate::domain::{DecisionId, TenantId};
use crate::store::{AuditHead, DecisionFilter, DecisionRecord, Page, PageRequest, StoreError};

/// Decisions of a tenant, newest first.
pub(super) async fn list(
    shared: &Shared,
    tenant: &TenantId,
    filter: &DecisionFilter,
    page: &PageRequest,
) -> Result<Page<DecisionRecord>, StoreError> {
    settled(shared, || list_once(shared, tenant, filter, page)).await
}

async fn list_once(
    shared: &Shared,
    tenant: &TenantId,
    filter: &DecisionFilter,
    page: &PageRequest,
) -> Result<Page<DecisionRecord>, StoreError> {
    let tenant = shared.tenant(tenant)?;
    let (before, size) = position(page, i64::MAX)?;
    let mut tx = shared.pool.begin().await.map_err(errors::sql)?;
    let subject = filter.subject.as_ref();
    let Some(handle) = filtered(&mut tx, shared, &tenant, subject).await? else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    // The same conditions twice, so that each finds its index.
    let sql = match handle {
        Some(_) => select!(audit "WHERE tenant = ?1 AND seq < ?2 AND subject = ?3
            AND (?4 IS NULL OR at >= ?4) AND (?5 IS NULL OR at < ?5)
            AND (?6 IS NULL OR decision = ?6) AND (?7 IS NULL OR instr(reasons, ?7) > 0)
            AND (?8 IS NULL OR kind = ?8) ORDER BY seq DESC LIMIT ?9"),
        None => select!(audit "WHERE tenant = ?1 AND seq < ?2 AND ?3 IS NULL
            AND (?4 IS NULL OR at >= ?4) AND (?5 IS NULL OR at < ?5)
            AND (?6 IS NULL OR decision = ?6) AND (?7 IS NULL OR instr(reasons, ?7) > 0)
            AND (?8 IS NULL OR kind = ?8) ORDER BY seq DESC LIMIT ?9"),
    };
    let text = |text: Option<String>| text.map_or(Value::Null, Value::Text);
    let mut binds = list_binds(&tenant, before, handle, [filter.from, filter.until]);
    binds.extend([
        text(filter.decision.as_ref().map(audit_rows::word)),
        text(filter.reason.map(audit_rows::reason_pattern)),
        text(filter.kind.as_ref().map(audit_rows::word)),
        Value::Int(size),
    ]);
    let rows = batch::all(&mut tx, shared, Table::Audit, sql, binds).await?;
    let next = next_token(&rows, size)?;
    let mut opener = Opener::new(&tenant);
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(opener.record(&mut tx, shared, row).await?);
    }
    tx.commit().await.map_err(errors::sql)?;
    Ok(Page { items, next })
}

/// One decision.
pub(super) async fn one(
    shared: &Shared,
    tenant: &TenantId,
    decision: &DecisionId,
) -> Result<Option<DecisionRecord>, StoreError> {
    settled(shared, || one_once(shared, tenant, decision)).await
}

async fn one_once(
    shared: &Shared,
    tenant: &TenantId,
    decision: &DecisionId,
) -> Result<Option<DecisionRecord>, StoreError> {
    let tenant = shared.tenant(tenant)?;
    let mut tx = shared.pool.begin().await.map_err(errors::sql)?;
    let sql = select!(audit "WHERE decision_id = ? AND tenant = ?");
    let binds = vec![Value::from(decision.as_str()), Value::from(tenant.id.as_str())];
    let record = match batch::one(&mut tx, shared, Table::Audit, sql, binds).await? {
        None => None,
        Some(row) => Some(Opener::new(&tenant).record(&mut tx, shared, &row).await?),
    };
    tx.commit().await.map_err(errors::sql)?;
    Ok(record)
}

/// Opens payloads; a subject's key is fetched once.
struct Opener<'t> {
    tenant: &'t Tenant,
    keys: HashMap<[u8; 16], SealKey>,
}

impl<'t> Opener<'t> {
    fn new(tenant: &'t Tenant) -> Self {
        Self { tenant, keys: HashMap::new() }
    }

    async fn record(
        &mut self,
        conn: &mut SqliteConnection,
        shared: &Shared,
        row: &Row,
    ) -> Result<DecisionRecord, StoreError> {
        if row.is_null(10) {
            return audit_rows::record(row, None);
        }
        let id = row.text(1)?.as_bytes();
        let plain = if row.is_null(9) {
            doc::open_bytes(row, 10, &self.tenant.keys.data, id)?
        } else {
            let handle = row.array::<16>(9)?;
            if !self.keys.contains_key(&handle) {
                let key = self.key(conn, shared, row, &handle).await?;
                self.keys.insert(handle, key);
            }
            doc::open_bytes(row, 10, &self.keys[&handle], id)?
        };
        let event = audit_rows::check_payload(row, &plain)?;
        audit_rows::record(row, Some(event))
    }

    async fn key(
        &self,
        conn: &mut SqliteConnection,
        shared: &Shared,
        row: &Row,
        handle: &[u8; 16],
    ) -> Result<SealKey, StoreError> {
        let sql = select!(subject "WHERE handle = ?");
        let binds = vec![Value::Blob(handle.to_vec())];
        let subject = batch::one(conn, shared, Table::Subject, sql, binds)
            .await?
            .ok_or_else(|| row.broken("its subject is missing: put back after an erasure"))?;
        // An old row of the subject and an old record about it, put back together, would fit each other.
        Ok(current(shared, self.tenant, subject)?.key)
    }
}

/// One link of the chain as it stands in the database, nothing checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainRow {
    /// Its position, as the row says.
    pub sequence: u64,
    /// Linked part and chain hash; `None` when a column cannot be read.
    pub link: Option<(ChainEntry, [u8; 32])>,
    /// The payload was not erased.
    pub has_payload: bool,
}

/// Reads the chain without keys, beside a running server, as of the moment it was opened.
#[derive(Debug)]
pub struct ChainReader {
    conn: SqliteConnection,
}

impl ChainReader {
    /// Opens the database for reading.
    ///
    /// # Errors
    /// [`StoreError::Database`] when there is none or it is not one.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let mut conn = open::read_only(path).await?;
        schema::run(&mut conn, "BEGIN").await?;
        Ok(Self { conn })
    }

    /// Links after `sequence`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn after(&mut self, sequence: u64, limit: u32) -> Result<Vec<ChainRow>, StoreError> {
        use sqlx::Row as _;
        let after = i64::try_from(sequence).unwrap_or(i64::MAX);
        let sql = "SELECT seq, decision_id, tenant, at, kind, decision, reasons, commitment, hash, \
                   sealed IS NOT NULL FROM audit WHERE seq > ? ORDER BY seq LIMIT ?";
        let rows = sqlx::query(sql)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&mut self.conn)
            .await
            .map_err(errors::sql)?;
        let link = |row: &sqlx::sqlite::SqliteRow| -> Option<(ChainEntry, [u8; 32])> {
            let commitment: Vec<u8> = row.try_get(7).ok()?;
            let hash: Vec<u8> = row.try_get(8).ok()?;
            let entry = ChainEntry {
                decision_id: row.try_get(1).ok()?,
                tenant: row.try_get(2).ok()?,
                at_unix_ms: row.try_get(3).ok()?,
                kind: row.try_get(4).ok()?,
                decision: row.try_get(5).ok()?,
                reasons: row.try_get(6).ok()?,
                commitment: commitment.try_into().ok()?,
            };
            Some((entry, hash.try_into().ok()?))
        };
        rows.iter()
            .map(|row| {
                let sequence: i64 = row.try_get(0).map_err(errors::sql)?;
                Ok(ChainRow {
                    sequence: u64::try_from(sequence).unwrap_or(0),
                    link: link(row),
                    has_payload: row.try_get(9).unwrap_or(false),
                })
            })
            .collect()
    }
}

/// What [`inspect`] found in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspection {
    /// End of the chain.
    pub head: AuditHead,
    /// Payloads held against their commitments.
    pub payloads: u64,
    /// The key that verifies this store's checkpoints.
    pub verify_key: VerifyKey,
}

/// Checks every row and every payload with the master key, beside a running server.
///
/// # Errors
/// [`StoreError::Integrity`], [`StoreError::RowSet`], [`StoreError::WrongMasterKey`].
pub async fn inspect(path: &Path, master: &MasterKey) -> Result<Inspection, StoreError> {
    let mut conn = open::read_only(path).await?;
    schema::run(&mut conn, "BEGIN").await?;
    let root = open::unlock(&mut conn, master).await?;
    let scanned = open::scan(&mut conn, root).await?;
    let payloads = open::check_payloads(&mut conn, &scanned).await?;
    Ok(Inspection {
        head: scanned.ledger.head,
        payloads,
        verify_key: open::verify_key(&scanned.root),
    })
}
