//! The store in one SQLite file (WAL), owned by one process.

mod audit_rows;
mod batch;
mod behavior_profiles;
mod decisions;
mod doc;
mod effects;
mod enrollment;
mod erase;
mod errors;
mod feedback;
mod keys;
mod ledger;
mod open;
mod phone_numbers;
mod policies;
mod read;
mod renew;
mod requests;
mod schema;
mod shared;
mod sources;
mod table;
mod upkeep;
mod work;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};

use tokio::sync::{mpsc, oneshot, watch};

pub use decisions::{ChainReader, ChainRow, Inspection, inspect};

use crate::crypto::{Entropy, MasterKey, Signer};
use crate::domain::{
    ApiKeyId, DecisionId, PhoneNumber, ReceiptId, Source, SubjectId, TenantId, Timestamp,
};
use crate::policy::SourceAttempts;
use crate::policy::session::PolicyLedger;
use crate::store::{
    ApiKeyInfo, AuditHead, AuditLog, BehaviorSnapshot, Caller, Commits, DecisionFilter,
    DecisionRecord, Directory, Erasure, ErasureState, FeedbackFilter, FeedbackLog, IdempotencyKey,
    Outcome, Page, PageRequest, ProfileKey, StoreError, StoreFuture, StoredFeedback,
    StoredVoiceprint, SubjectSnapshot, SubjectSummary, Subjects, TenantInfo, Transaction,
};
use shared::Shared;
use table::{Table, Value};
use writer::{Job, QUEUE, Writer};

/// An open store. Clones are the same store.
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
}

impl SqliteStore {
    /// Opens the database at `path`, making it when there is none, and checks every row of it. Must be
    /// called within a Tokio runtime, which then runs the writer.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::WrongMasterKey`], [`StoreError::NewerSchema`];
    /// [`StoreError::Integrity`], [`StoreError::RowSet`] and [`StoreError::Schema`] when the database
    /// was changed by anybody else.
    pub async fn open(
        path: &Path,
        master: &MasterKey,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StoreError> {
        let lock = open::lock(path)?;
        let mut conn = open::connect(path).await?;
        open::prepare(&mut conn, master, &*entropy).await?;
        let root = open::unlock(&mut conn, master).await?;
        let scanned = open::scan(&mut conn, root).await?;
        let erasures = scanned.directory.erasures.values();
        let pending = erasures
            .filter(|entry| entry.erasure.state == ErasureState::Pending)
            .cloned()
            .collect();
        let shared = Arc::new(Shared {
            root: scanned.root,
            entropy,
            pool: open::readers(path),
            directory: RwLock::new(scanned.directory),
            versions: RwLock::new(scanned.versions.into_iter().collect()),
            gate: tokio::sync::RwLock::new(()),
            head: watch::Sender::new(scanned.ledger.head),
            writable: AtomicBool::new(true),
        });
        let mut writer = Writer {
            conn,
            shared: Arc::clone(&shared),
            ledger: scanned.ledger,
            pending,
            retry_at: None,
            probe_at: None,
            poisoned: false,
            lock,
        };
        writer.finish_erasures().await;
        let (jobs, queue) = mpsc::channel(QUEUE);
        tokio::spawn(writer::serve(writer, queue));
        Ok(Self { shared, jobs })
    }

    /// Commits what is queued and closes the database. Other clones answer [`StoreError::Closed`]
    /// afterwards.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.jobs.send(Job::Close(done)).await.is_ok() {
            closed.await.ok();
        }
    }

    /// Makes the database full at a number of pages.
    #[cfg(test)]
    async fn limit_pages(&self, pages: i64) {
        self.jobs.send(Job::LimitPages(pages)).await.ok();
    }

    /// Signs this store's checkpoints.
    pub fn checkpoint_signer(&self) -> Signer {
        self.shared.root.checkpoint_signer()
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteStore")
    }
}

impl Commits for SqliteStore {
    fn commit(&self, transaction: Transaction) -> StoreFuture<'_, Outcome> {
        let (sender, answer) = oneshot::channel();
        // Queued at once, not when first polled: a dropped future changes nothing.
        let queued = self.jobs.try_send(Job::Commit(Box::new(transaction), sender));
        Box::pin(async move {
            match queued {
                Ok(()) => answer.await.unwrap_or(Err(StoreError::Closed)),
                Err(mpsc::error::TrySendError::Full(_)) => Err(StoreError::Busy { limit: QUEUE }),
                Err(mpsc::error::TrySendError::Closed(_)) => Err(StoreError::Closed),
            }
        })
    }

    fn writable(&self) -> bool {
        self.shared.writable() && !self.jobs.is_closed()
    }

    fn replay<'a>(
        &'a self,
        tenant: &'a TenantId,
        key: &'a IdempotencyKey,
        now: Timestamp,
    ) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let tenant = self.shared.tenant(tenant)?;
            let id = Value::Blob(requests::row_id(&tenant, key).to_vec());
            let mut conn = self.shared.pool.acquire().await.map_err(errors::sql)?;
            let get = Table::Idempotency.spec().get;
            let table = Table::Idempotency;
            match batch::one(&mut conn, &self.shared, table, get, vec![id]).await? {
                Some(row) => requests::answer(&tenant, &row, key, now),
                None => Ok(None),
            }
        })
    }

    fn erasure<'a>(
        &'a self,
        tenant: &'a TenantId,
        receipt: &'a ReceiptId,
    ) -> StoreFuture<'a, Option<Erasure>> {
        let found = self.shared.directory().erasures.get(receipt).cloned();
        let found = found.filter(|entry| entry.tenant == *tenant);
        Box::pin(async move { Ok(found.map(|entry| entry.erasure.clone())) })
    }
}

impl Subjects for SqliteStore {
    fn subject<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
    ) -> StoreFuture<'a, Option<SubjectSnapshot>> {
        Box::pin(read::subject(&self.shared, tenant, subject))
    }

    fn subjects<'a>(
        &'a self,
        tenant: &'a TenantId,
        page: PageRequest,
    ) -> StoreFuture<'a, Page<SubjectSummary>> {
        Box::pin(async move { read::subjects(&self.shared, tenant, &page).await })
    }

    fn voiceprints<'a>(
        &'a self,
        tenant: &'a TenantId,
        page: PageRequest,
    ) -> StoreFuture<'a, Page<StoredVoiceprint>> {
        Box::pin(async move { read::voiceprints(&self.shared, tenant, &page).await })
    }

    fn behavior<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        key: Option<&'a ProfileKey>,
    ) -> StoreFuture<'a, Option<BehaviorSnapshot>> {
        Box::pin(behavior_profiles::read(&self.shared, tenant, subject, key))
    }

    fn household<'a>(
        &'a self,
        tenant: &'a TenantId,
        number: &'a PhoneNumber,
    ) -> StoreFuture<'a, Vec<SubjectId>> {
        Box::pin(phone_numbers::household(&self.shared, tenant, number))
    }

    fn source<'a>(
        &'a self,
        tenant: &'a TenantId,
        source: &'a Source,
    ) -> StoreFuture<'a, SourceAttempts> {
        Box::pin(sources::read(&self.shared, tenant, source))
    }
}

impl Directory for SqliteStore {
    fn authenticate(&self, presented: &str, now: Timestamp) -> Option<Caller> {
        self.shared.authenticate(presented, now)
    }

    fn tenants(&self) -> Vec<TenantInfo> {
        let directory = self.shared.directory();
        directory.tenants.values().map(|t| t.info()).collect()
    }

    fn tenant(&self, tenant: &TenantId) -> Option<TenantInfo> {
        let directory = self.shared.directory();
        directory.tenants.get(tenant).map(|t| t.info())
    }

    fn pseudonym(&self, tenant: &TenantId, kind: &str, value: &str) -> Option<u64> {
        let tenant = self.shared.directory().tenants.get(tenant).cloned()?;
        Some(tenant.pseudonym(kind, value))
    }

    fn policies(&self, tenant: &TenantId) -> Arc<PolicyLedger> {
        let directory = self.shared.directory();
        directory.policies.get(tenant).map(|entry| Arc::clone(&entry.ledger)).unwrap_or_default()
    }

    fn policy_file<'a>(&'a self, tenant: &'a TenantId, sha256: &'a str) -> StoreFuture<'a, String> {
        Box::pin(policies::file(&self.shared, tenant, sha256))
    }

    fn api_key(&self, tenant: &TenantId, key: &ApiKeyId) -> Option<ApiKeyInfo> {
        let directory = self.shared.directory();
        directory.keys.get(key).filter(|k| k.tenant == *tenant).map(|k| k.info())
    }

    fn api_keys(&self, tenant: &TenantId) -> Vec<ApiKeyInfo> {
        let directory = self.shared.directory();
        let keys = directory.keys.values().filter(|k| k.tenant == *tenant);
        let mut infos: Vec<_> = keys.map(|k| k.info()).collect();
        infos.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        infos
    }
}

impl FeedbackLog for SqliteStore {
    fn feedback<'a>(
        &'a self,
        tenant: &'a TenantId,
        decision: &'a DecisionId,
    ) -> StoreFuture<'a, Option<StoredFeedback>> {
        Box::pin(feedback::one(&self.shared, tenant, decision))
    }

    fn feedbacks<'a>(
        &'a self,
        tenant: &'a TenantId,
        filter: &'a FeedbackFilter,
        page: PageRequest,
    ) -> StoreFuture<'a, Page<StoredFeedback>> {
        Box::pin(async move { feedback::list(&self.shared, tenant, filter, &page).await })
    }
}

impl AuditLog for SqliteStore {
    fn decisions<'a>(
        &'a self,
        tenant: &'a TenantId,
        filter: &'a DecisionFilter,
        page: PageRequest,
    ) -> StoreFuture<'a, Page<DecisionRecord>> {
        Box::pin(async move { decisions::list(&self.shared, tenant, filter, &page).await })
    }

    fn decision<'a>(
        &'a self,
        tenant: &'a TenantId,
        decision: &'a DecisionId,
    ) -> StoreFuture<'a, Option<DecisionRecord>> {
        Box::pin(decisions::one(&self.shared, tenant, decision))
    }

    fn head(&self) -> AuditHead {
        *self.shared.head.borrow()
    }

    fn watch_head(&self) -> watch::Receiver<AuditHead> {
        self.shared.head.subscribe()
    }
}
