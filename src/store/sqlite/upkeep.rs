//! What the writer does without being asked: the log is truncated until erasures are done, and a store that could not
//! be written to is tried until it can.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row as _;
use tokio::time::Instant;

use super::batch::Batch;
use super::doc;
use super::errors;
use super::schema::run as run_sql;
use super::shared::{Change, ErasureEntry};
use super::table::Table;
use super::writer::{Writer, write_state};
use crate::store::{ErasureState, StoreError};

/// Pause between attempts to truncate the log while an erasure is pending. An attempt may hold commits up for 50 ms.
const TRUNCATE_RETRY: Duration = Duration::from_millis(500);
/// Pause between attempts to write to a store that was full or failed: with its health gone nobody else may try.
const PROBE_RETRY: Duration = Duration::from_secs(1);

impl Writer {
    /// When there is something to do, if there is.
    pub fn wakes_at(&self) -> Option<Instant> {
        [self.retry_at, self.probe_at].into_iter().flatten().min()
    }

    /// Does what is due.
    pub async fn keep_up(&mut self) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= Instant::now());
        if due(self.retry_at) {
            self.finish_erasures().await;
        }
        if due(self.probe_at) {
            self.probe().await;
        }
    }

    /// Notes whether a group could be written.
    pub fn note(&mut self, result: &Result<(), StoreError>) {
        self.shared.set_writable(result.is_ok());
        let again = result.is_err() && !self.poisoned;
        self.probe_at = again.then(|| Instant::now() + PROBE_RETRY);
    }

    /// Writes the `state` row, on which everything depends, and nothing else.
    async fn probe(&mut self) {
        let result = self.write_nothing().await;
        if result.is_err() {
            run_sql(&mut self.conn, "ROLLBACK").await.ok();
        }
        self.note(&result);
    }

    async fn write_nothing(&mut self) -> Result<(), StoreError> {
        run_sql(&mut self.conn, "BEGIN IMMEDIATE").await?;
        let mut batch = self.batch();
        let ledger = write_state(&mut batch).await?;
        self.commit(ledger, &[], &[]).await
    }

    /// Truncates the log and marks pending erasures as done. When the log cannot be truncated because
    /// somebody reads an old state, it is tried again later.
    pub async fn finish_erasures(&mut self) {
        self.retry_at = None;
        if self.pending.is_empty() || self.poisoned {
            return;
        }
        self.try_to_finish().await;
        if self.poisoned {
            self.note(&Err(StoreError::Closed));
        } else if !self.pending.is_empty() {
            self.retry_at = Some(Instant::now() + TRUNCATE_RETRY);
        }
    }

    async fn try_to_finish(&mut self) {
        match self.truncate().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "the log could not be truncated");
                return;
            }
        }
        if let Err(error) = self.mark_done().await {
            run_sql(&mut self.conn, "ROLLBACK").await.ok();
            tracing::warn!(%error, "an erasure could not be marked as done");
        }
    }

    async fn truncate(&mut self) -> Result<bool, StoreError> {
        run_sql(&mut self.conn, "PRAGMA busy_timeout = 50").await?;
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut self.conn)
            .await
            .map_err(errors::sql);
        run_sql(&mut self.conn, "PRAGMA busy_timeout = 2000").await?;
        let busy: i64 = row?.try_get(0).map_err(errors::sql)?;
        Ok(busy == 0)
    }

    async fn mark_done(&mut self) -> Result<(), StoreError> {
        run_sql(&mut self.conn, "BEGIN IMMEDIATE").await?;
        let pending = self.pending.clone();
        let mut batch = self.batch();
        for entry in &pending {
            let mut doc = entry.doc();
            doc.state = ErasureState::Done;
            let tenant = batch.shared.tenant(&entry.tenant)?;
            let id = entry.erasure.receipt.as_str();
            let place = (Table::Erasure, id.as_bytes(), entry.row.version + 1);
            let mut values = entry.row.values.clone();
            values[2] = doc::seal(&doc, &tenant.keys.data, place, &*batch.shared.entropy)?;
            let row = batch.update(&entry.row, values).await?;
            let done = ErasureEntry::open(&tenant, row)?;
            batch.changes.push(Change::Erasure(Arc::new(done)));
        }
        let ledger = write_state(&mut batch).await?;
        let changes = std::mem::take(&mut batch.changes);
        self.commit(ledger, &[], &changes).await?;
        self.pending.clear();
        Ok(())
    }

    /// A group commit that begins.
    pub fn batch(&mut self) -> Batch<'_> {
        Batch {
            conn: &mut self.conn,
            shared: &self.shared,
            ledger: self.ledger,
            versions: Vec::new(),
            changes: Vec::new(),
        }
    }
}
