//! The real store in a temporary folder, that can be told to refuse commits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::sync::watch;

use crate::crypto::{MasterKey, MintedKey, SystemEntropy};
use crate::domain::*;
use crate::policy::SourceAttempts;
use crate::store::sqlite::SqliteStore;
use crate::store::*;

/// A store that refuses when told to.
pub(super) struct TestStore {
    inner: SqliteStore,
    refuse: Mutex<Vec<StoreError>>,
    /// After the next commit the next reading of a subject fails.
    fails_after_commit: AtomicBool,
    fails_subject: AtomicBool,
    /// The next reading of profiles fails.
    fails_behavior: AtomicBool,
    _folder: TempDir,
}

impl TestStore {
    /// With one tenant.
    pub(super) async fn with_tenant(tenant: &TenantId) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vouch.db");
        let master = MasterKey::generate(&SystemEntropy);
        let entropy = Arc::new(SystemEntropy);
        let inner = SqliteStore::open(&path, &master, entropy).await.unwrap();
        let no = AtomicBool::default;
        let store = Self {
            inner,
            refuse: Mutex::default(),
            fails_after_commit: no(),
            fails_subject: no(),
            fails_behavior: no(),
            _folder: folder,
        };
        store.act(tenant, vec![Effect::CreateTenant]).await;
        store
    }

    async fn act(&self, tenant: &TenantId, effects: Vec<Effect>) {
        let at = Timestamp::from_unix_ms(1_600_000_000_000);
        let transaction = Transaction {
            tenant: tenant.clone(),
            idempotency: None,
            subject: None,
            effects,
            audit: AuditDraft {
                decision: DecisionId::new(at, crate::crypto::random(&SystemEntropy)),
                at,
                event: Event::new(AuditKind::Key, "prepared"),
            },
        };
        self.inner.commit(transaction).await.unwrap();
    }

    /// A new API key as a client presents it.
    pub(super) async fn new_key(&self, tenant: &TenantId, role: Role) -> String {
        self.key_until(tenant, role, None).await
    }

    /// The same, with an end.
    pub(super) async fn key_until(
        &self,
        tenant: &TenantId,
        role: Role,
        expires_at: Option<Timestamp>,
    ) -> String {
        let key = MintedKey::mint(&SystemEntropy);
        let text = key.text().to_string();
        let put = Effect::PutApiKey { key, role, label: "test".into(), expires_at };
        self.act(tenant, vec![put]).await;
        text
    }

    /// Ends a key at once, as of the time at which everything here is prepared.
    pub(super) async fn revoke(&self, tenant: &TenantId, key: &ApiKeyId) {
        self.act(tenant, vec![Effect::RevokeApiKey { key: key.clone() }]).await;
    }

    /// The next commits are refused with these, last first.
    pub(super) fn refuse_next(&self, errors: Vec<StoreError>) {
        *self.refuse.lock().unwrap() = errors;
    }
}

impl TestStore {
    /// After the next commit the next reading of a subject fails.
    pub(super) fn fail_subject_after_commit(&self) {
        self.fails_after_commit.store(true, Ordering::SeqCst);
    }

    /// Nothing can be written any more.
    pub(super) async fn close(&self) {
        self.inner.close().await;
    }

    /// The next reading of profiles fails.
    pub(super) fn fail_next_behavior(&self) {
        self.fails_behavior.store(true, Ordering::SeqCst);
    }
}

impl Commits for TestStore {
    fn commit(&self, transaction: Transaction) -> StoreFuture<'_, Outcome> {
        if self.fails_after_commit.swap(false, Ordering::SeqCst) {
            self.fails_subject.store(true, Ordering::SeqCst);
        }
        match self.refuse.lock().unwrap().pop() {
            Some(error) => Box::pin(async move { Err(error) }),
            None => self.inner.commit(transaction),
        }
    }

    fn writable(&self) -> bool {
        self.inner.writable()
    }

    fn replay<'a>(
        &'a self,
        tenant: &'a TenantId,
        key: &'a IdempotencyKey,
        now: Timestamp,
    ) -> StoreFuture<'a, Option<Vec<u8>>> {
        self.inner.replay(tenant, key, now)
    }

    fn erasure<'a>(
        &'a self,
        tenant: &'a TenantId,
        receipt: &'a ReceiptId,
    ) -> StoreFuture<'a, Option<Erasure>> {
        self.inner.erasure(tenant, receipt)
    }
}

impl Subjects for TestStore {
    fn subject<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
    ) -> StoreFuture<'a, Option<SubjectSnapshot>> {
        if self.fails_subject.swap(false, Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::Full) });
        }
        self.inner.subject(tenant, subject)
    }

    fn subjects<'a>(
        &'a self,
        tenant: &'a TenantId,
        page: PageRequest,
    ) -> StoreFuture<'a, Page<SubjectSummary>> {
        self.inner.subjects(tenant, page)
    }

    fn voiceprints<'a>(
        &'a self,
        tenant: &'a TenantId,
        page: PageRequest,
    ) -> StoreFuture<'a, Page<StoredVoiceprint>> {
        self.inner.voiceprints(tenant, page)
    }

    fn behavior<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        key: Option<&'a ProfileKey>,
    ) -> StoreFuture<'a, Option<BehaviorSnapshot>> {
        if self.fails_behavior.swap(false, Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::Full) });
        }
        self.inner.behavior(tenant, subject, key)
    }

    fn household<'a>(
        &'a self,
        tenant: &'a TenantId,
        number: &'a PhoneNumber,
    ) -> StoreFuture<'a, Vec<SubjectId>> {
        self.inner.household(tenant, number)
    }

    fn source<'a>(
        &'a self,
        tenant: &'a TenantId,
        source: &'a Source,
    ) -> StoreFuture<'a, SourceAttempts> {
        self.inner.source(tenant, source)
    }
}

impl Directory for TestStore {
    fn authenticate(&self, presented: &str, now: Timestamp) -> Option<Caller> {
        self.inner.authenticate(presented, now)
    }

    fn tenants(&self) -> Vec<TenantInfo> {
        self.inner.tenants()
    }

    fn tenant(&self, tenant: &TenantId) -> Option<TenantInfo> {
        self.inner.tenant(tenant)
    }

    fn pseudonym(&self, tenant: &TenantId, kind: &str, value: &str) -> Option<u64> {
        self.inner.pseudonym(tenant, kind, value)
    }

    fn policies(&self, tenant: &TenantId) -> Arc<crate::policy::session::PolicyLedger> {
        self.inner.policies(tenant)
    }

    fn policy_file<'a>(&'a self, tenant: &'a TenantId, sha256: &'a str) -> StoreFuture<'a, String> {
        self.inner.policy_file(tenant, sha256)
    }

    /// The callers of the tests have keys that were never made; those that were are as they are.
    fn api_key(&self, tenant: &TenantId, key: &ApiKeyId) -> Option<ApiKeyInfo> {
        let made_up = ApiKeyInfo {
            id: key.clone(),
            role: Role::Admin,
            label: "made up".into(),
            created_at: Timestamp::from_unix_ms(0),
            expires_at: None,
            revoked_at: None,
        };
        self.inner.api_key(tenant, key).or(Some(made_up))
    }

    fn api_keys(&self, tenant: &TenantId) -> Vec<ApiKeyInfo> {
        self.inner.api_keys(tenant)
    }
}

impl FeedbackLog for TestStore {
    fn feedback<'a>(
        &'a self,
        tenant: &'a TenantId,
        decision: &'a DecisionId,
    ) -> StoreFuture<'a, Option<StoredFeedback>> {
        self.inner.feedback(tenant, decision)
    }

    fn feedbacks<'a>(
        &'a self,
        tenant: &'a TenantId,
        filter: &'a FeedbackFilter,
        page: PageRequest,
    ) -> StoreFuture<'a, Page<StoredFeedback>> {
        self.inner.feedbacks(tenant, filter, page)
    }
}

impl AuditLog for TestStore {
    fn decisions<'a>(
        &'a self,
        tenant: &'a TenantId,
        filter: &'a DecisionFilter,
        page: PageRequest,
    ) -> StoreFuture<'a, Page<DecisionRecord>> {
        self.inner.decisions(tenant, filter, page)
    }

    fn decision<'a>(
        &'a self,
        tenant: &'a TenantId,
        decision: &'a DecisionId,
    ) -> StoreFuture<'a, Option<DecisionRecord>> {
        self.inner.decision(tenant, decision)
    }

    fn head(&self) -> AuditHead {
        self.inner.head()
    }

    fn watch_head(&self) -> watch::Receiver<AuditHead> {
        self.inner.watch_head()
    }
}
