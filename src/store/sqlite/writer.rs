//! The only writer. Transactions that wait are committed together: one write to disk for all.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;

use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::batch::{Batch, write_row};
use super::errors;
use super::ledger::Ledger;
use super::schema::run as run_sql;
use super::shared::{Change, ErasureEntry, Shared};
use super::table::{Row, Table, Value, select};
use super::work;
use crate::domain::Timestamp;
use crate::store::{Outcome, StoreError, Transaction};

/// Longest queue, in transactions.
pub(super) const QUEUE: usize = 1_024;
/// Most transactions in one commit.
const GROUP: usize = 64;
/// Most expired requests, and as many sources, forgotten with one commit, in rows.
const FORGET: i64 = 64;

type Answer = Result<Outcome, StoreError>;

/// What the writer is asked.
pub(super) enum Job {
    Commit(Box<Transaction>, oneshot::Sender<Answer>),
    Close(oneshot::Sender<()>),
    #[cfg(test)]
    LimitPages(i64),
}

/// The writer's own state.
pub(super) struct Writer {
    pub conn: SqliteConnection,
    pub shared: Arc<Shared>,
    pub ledger: Ledger,
    /// Erasures whose old pages may still stand in the log.
    pub pending: Vec<Arc<ErasureEntry>>,
    /// When to truncate the log again, however many commits come meanwhile.
    pub retry_at: Option<Instant>,
    /// When to try to write again, after a group could not be written.
    pub probe_at: Option<Instant>,
    /// A commit ended in doubt: nothing more is written.
    pub poisoned: bool,
    /// Keeps other processes out.
    pub lock: File,
}

/// Serves jobs until all senders are gone or one asks to close.
pub(super) async fn serve(mut writer: Writer, mut jobs: mpsc::Receiver<Job>) {
    let mut waiting = VecDeque::new();
    let mut closing = Vec::new();
    loop {
        writer.keep_up().await;
        if waiting.is_empty() {
            let job = match writer.wakes_at() {
                None => jobs.recv().await,
                Some(at) => match timeout_at(at, jobs.recv()).await {
                    Ok(job) => job,
                    Err(_) => continue,
                },
            };
            match job {
                Some(job) => writer.sort(job, &mut waiting, &mut closing).await,
                None => break,
            }
        }
        while waiting.len() < GROUP {
            let Ok(job) = jobs.try_recv() else { break };
            writer.sort(job, &mut waiting, &mut closing).await;
        }
        if !waiting.is_empty() {
            writer.group(&mut waiting).await;
        } else if !closing.is_empty() {
            break;
        }
    }
    writer.finish_erasures().await;
    writer.shared.pool.close().await;
    let Writer { conn, lock, .. } = writer;
    if let Err(error) = sqlx::Connection::close(conn).await {
        tracing::warn!(%error, "closing the database failed");
    }
    drop(lock);
    jobs.close();
    for done in closing {
        done.send(()).ok();
    }
}

type Waiting = VecDeque<(Box<Transaction>, oneshot::Sender<Answer>)>;

impl Writer {
    async fn sort(
        &mut self,
        job: Job,
        waiting: &mut Waiting,
        closing: &mut Vec<oneshot::Sender<()>>,
    ) {
        match job {
            Job::Commit(transaction, answer) => waiting.push_back((transaction, answer)),
            Job::Close(done) => closing.push(done),
            #[cfg(test)]
            Job::LimitPages(pages) => {
                let sql = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
                let done = sqlx::raw_sql(sql).execute(&mut self.conn).await;
                assert!(done.is_ok(), "{done:?}");
            }
        }
    }

    /// Commits what waits, at most [`GROUP`]. A change of the directory ends its group, so that what
    /// comes after sees it.
    async fn group(&mut self, waiting: &mut Waiting) {
        if self.poisoned {
            answer_all(waiting, &StoreError::Closed);
            return;
        }
        if let Err(error) = run_sql(&mut self.conn, "BEGIN IMMEDIATE").await {
            self.note(&Err(error.clone()));
            answer_all(waiting, &error);
            return;
        }
        let mut batch = self.batch();
        let mut answers: Vec<(oneshot::Sender<Answer>, Answer)> = Vec::new();
        let mut latest = None;
        let mut failure = None;
        while let Some((transaction, answer)) = waiting.pop_front() {
            let at = transaction.audit.at;
            let result = one(&mut batch, *transaction).await;
            let fatal = match &result {
                Err(error @ (StoreError::Full | StoreError::Database(_))) => Some(error.clone()),
                _ => None,
            };
            if matches!(result, Ok(Outcome::Committed(_))) {
                latest = latest.max(Some(at));
            }
            answers.push((answer, result));
            if fatal.is_some() {
                failure = fatal;
                break;
            }
            if !batch.changes.is_empty() || answers.len() == GROUP {
                break;
            }
        }
        let written = match (failure, latest) {
            (Some(error), _) => Err(error),
            (None, None) => Ok(None),
            (None, Some(at)) => seal_group(&mut batch, at).await.map(Some),
        };
        let wrote = matches!(written, Ok(Some(_)));
        let Batch { versions, changes, .. } = batch;
        let result = match written {
            Ok(Some(ledger)) => self.commit(ledger, &versions, &changes).await,
            Ok(None) => run_sql(&mut self.conn, "ROLLBACK").await,
            Err(error) => {
                // The statement that failed may have rolled back already.
                run_sql(&mut self.conn, "ROLLBACK").await.ok();
                Err(error)
            }
        };
        if wrote || result.is_err() {
            self.note(&result);
        }
        self.after(&result, &changes, &mut answers).await;
        for (sender, answer) in answers {
            let answer = match &result {
                Err(error) if answer.is_ok() => Err(error.clone()),
                _ => answer,
            };
            sender.send(answer).ok();
        }
    }

    /// Follows up on the erasures of a group that was committed.
    async fn after(
        &mut self,
        result: &Result<(), StoreError>,
        changes: &[Change],
        answers: &mut [(oneshot::Sender<Answer>, Answer)],
    ) {
        let erased = changes.iter().filter_map(|change| match change {
            Change::Erasure(entry) => Some(Arc::clone(entry)),
            _ => None,
        });
        if result.is_err() {
            return;
        }
        let before = self.pending.len();
        self.pending.extend(erased);
        if self.pending.len() == before {
            return;
        }
        self.finish_erasures().await;
        for (_, answer) in answers {
            let Ok(Outcome::Committed(committed)) = answer else {
                continue;
            };
            if let Some(erasure) = &mut committed.applied.erasure {
                let directory = self.shared.directory();
                if let Some(entry) = directory.erasures.get(&erasure.receipt) {
                    *erasure = entry.erasure.clone();
                }
            }
        }
    }

    /// Commits the open transaction and publishes it. Readers who doubt what they read wait here.
    pub async fn commit(
        &mut self,
        ledger: Ledger,
        versions: &[(super::shared::Lookup, Option<u64>)],
        changes: &[Change],
    ) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let _gate = shared.gate.write().await;
        if let Err(error) = run_sql(&mut self.conn, "COMMIT").await {
            run_sql(&mut self.conn, "ROLLBACK").await.ok();
            match self.commits_on_disk().await {
                Ok(commits) if commits == ledger.commits => {
                    tracing::warn!(%error, "a commit reported an error but is on disk");
                }
                Ok(_) => return Err(error),
                Err(second) => {
                    tracing::error!(%error, %second, "a commit ended in doubt: store closed");
                    self.poisoned = true;
                    return Err(StoreError::Closed);
                }
            }
        }
        self.ledger = ledger;
        shared.publish_versions(versions);
        let mut directory = shared.directory_mut();
        changes.iter().for_each(|c| directory.apply(c.clone()));
        drop(directory);
        shared.head.send_replace(ledger.head);
        Ok(())
    }

    async fn commits_on_disk(&mut self) -> Result<u64, StoreError> {
        let row = sqlx::query(Table::State.spec().scan)
            .fetch_one(&mut self.conn)
            .await
            .map_err(errors::sql)?;
        let row = Row::read(&self.shared.root.integrity, Table::State, &row)?;
        Ok(row.version)
    }
}

/// One transaction in a savepoint of its own.
async fn one(batch: &mut Batch<'_>, transaction: Transaction) -> Answer {
    run_sql(batch.conn, "SAVEPOINT one").await?;
    let mark = batch.mark();
    let result = work::run(batch, transaction).await;
    match &result {
        Ok(_) => run_sql(batch.conn, "RELEASE one").await?,
        Err(StoreError::Full | StoreError::Database(_)) => {}
        Err(_) => {
            batch.back_to(mark);
            run_sql(batch.conn, "ROLLBACK TO one; RELEASE one").await?;
        }
    }
    result
}

/// Forgets expired requests and sources, and writes the `state` row.
async fn seal_group(batch: &mut Batch<'_>, now: Timestamp) -> Result<Ledger, StoreError> {
    let requests = select!(idempotency "WHERE expires_at <= ? LIMIT ?");
    let sources = select!(source "WHERE expires_at <= ? LIMIT ?");
    for (table, sql) in [(Table::Idempotency, requests), (Table::Source, sources)] {
        let binds = vec![Value::Int(now.unix_ms()), Value::Int(FORGET)];
        for row in batch.all(table, sql, binds).await? {
            batch.delete(&row).await?;
        }
    }
    write_state(batch).await
}

pub(super) async fn write_state(batch: &mut Batch<'_>) -> Result<Ledger, StoreError> {
    batch.ledger.commits += 1;
    let row = batch.ledger.row(&batch.shared.root, &*batch.shared.entropy);
    write_row(batch.conn, Table::State.spec().update, &row, true).await?;
    Ok(batch.ledger)
}

fn answer_all(waiting: &mut Waiting, error: &StoreError) {
    for (_, answer) in waiting.drain(..) {
        answer.send(Err(error.clone())).ok();
    }
}
