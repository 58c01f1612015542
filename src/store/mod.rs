//! Durable state. Narrow traits over plain data, so that another database is another module.
//!
//! There is one way to write: [`Commits::commit`] takes a [`Transaction`] (effects, their audit
//! record, the answer to remember for a repeated request) and answers only after all of it is on
//! disk. Readers see committed state alone. What cannot be trusted (a changed, moved, missing, extra
//! or outdated row) is [`StoreError::Integrity`], never data.

mod behavior;
mod error;
mod feedback;
mod model;
pub mod sqlite;
mod transaction;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use behavior::{
    BehaviorProfile, BehaviorSample, BehaviorSnapshot, ProfileKey, ProfileKind, SampleOrigin,
    SecretBytes, TextSlot,
};
pub use error::StoreError;
pub use feedback::{FeedbackFilter, StoredFeedback};
pub use model::{
    ApiKeyInfo, Attempts, AuditHead, Caller, DecisionFilter, DecisionRecord, Embedding,
    EnrolledUtterance, Erasure, ErasureState, MAX_PAGE_SIZE, Page, PageRequest, PendingEnrollment,
    RotationInfo, StoredVoiceprint, SubjectSnapshot, SubjectSummary, TenantInfo, Voiceprint,
};
pub use transaction::{
    Applied, AuditDraft, BuildResponse, Committed, Effect, Idempotency, IdempotencyKey,
    NewUtterance, Outcome, Response, SubjectTarget, Transaction,
};

use crate::domain::{
    ApiKeyId, DecisionId, PhoneNumber, ReceiptId, Source, SubjectId, TenantId, Timestamp,
};
use crate::policy::SourceAttempts;
use crate::policy::session::PolicyLedger;

/// A boxed future, so that the traits can stand behind `dyn`.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The one write path.
pub trait Commits: Send + Sync {
    /// Applies a transaction and answers when it is durable. Once queued it is carried out even if
    /// the returned future is dropped. A repeated request (same tenant, method, key and body hash,
    /// not yet expired) changes nothing and answers [`Outcome::Replayed`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the expected version is not the current one,
    /// [`StoreError::IdempotencyMismatch`] for a used key with another body,
    /// [`StoreError::Busy`] when the queue is full, [`StoreError::Full`] when the disk is, and what
    /// each effect says. Nothing is written in any of these cases.
    fn commit(&self, transaction: Transaction) -> StoreFuture<'_, Outcome>;

    /// Whether commits are carried out: the last one could be written, the disk was not full, and none ended in
    /// doubt. It becomes true again by itself once there is room.
    fn writable(&self) -> bool;

    /// The remembered answer to an earlier request with this key, if it has not expired at `now`.
    ///
    /// # Errors
    /// [`StoreError::IdempotencyMismatch`] for a used key with another body.
    fn replay<'a>(
        &'a self,
        tenant: &'a TenantId,
        key: &'a IdempotencyKey,
        now: Timestamp,
    ) -> StoreFuture<'a, Option<Vec<u8>>>;

    /// How far an erasure has come; `None` for an unknown receipt.
    fn erasure<'a>(
        &'a self,
        tenant: &'a TenantId,
        receipt: &'a ReceiptId,
    ) -> StoreFuture<'a, Option<Erasure>>;
}

/// Subjects and their templates, and who claimed to be them.
pub trait Subjects: Send + Sync {
    /// Everything about one subject, as of one moment; `None` when there is no such subject.
    fn subject<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
    ) -> StoreFuture<'a, Option<SubjectSnapshot>>;

    /// Subjects in order of creation.
    fn subjects<'a>(
        &'a self,
        tenant: &'a TenantId,
        page: PageRequest,
    ) -> StoreFuture<'a, Page<SubjectSummary>>;

    /// Voiceprints in order of their subjects' creation, for the search index. A page may hold fewer
    /// than asked for (subjects without a voiceprint) and still have a next one.
    fn voiceprints<'a>(
        &'a self,
        tenant: &'a TenantId,
        page: PageRequest,
    ) -> StoreFuture<'a, Page<StoredVoiceprint>>;

    /// A subject with its profiles of behavior, all or those for a key, as of one moment; `None` when
    /// there is no such subject.
    fn behavior<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        key: Option<&'a ProfileKey>,
    ) -> StoreFuture<'a, Option<BehaviorSnapshot>>;

    /// The subjects of the tenant that a number is on record for; at most a household, in no order.
    fn household<'a>(
        &'a self,
        tenant: &'a TenantId,
        number: &'a PhoneNumber,
    ) -> StoreFuture<'a, Vec<SubjectId>>;

    /// What a source of claims failed at lately; nothing for one that is not known.
    fn source<'a>(
        &'a self,
        tenant: &'a TenantId,
        source: &'a Source,
    ) -> StoreFuture<'a, SourceAttempts>;
}

/// Tenants and their keys. Held in memory: these calls do not touch the disk.
pub trait Directory: Send + Sync {
    /// Who presents this API key text; `None` when it is malformed, unknown, wrong, revoked or
    /// expired at `now`. Takes the same time for all of these.
    fn authenticate(&self, presented: &str, now: Timestamp) -> Option<Caller>;

    /// Every tenant, by id.
    fn tenants(&self) -> Vec<TenantInfo>;

    /// One tenant.
    fn tenant(&self, tenant: &TenantId) -> Option<TenantInfo>;

    /// A pseudonym for a value of a kind, under a key of the tenant: the same whenever the same comes
    /// again, and nothing without the key. `None` when there is no such tenant.
    fn pseudonym(&self, tenant: &TenantId, kind: &str, value: &str) -> Option<u64>;

    /// The tenant's policies of sessions as they were changed last. Empty for an unknown tenant.
    fn policies(&self, tenant: &TenantId) -> Arc<PolicyLedger>;

    /// A policy file of the tenant, by its digest. This one reads from the disk.
    ///
    /// # Errors
    /// [`StoreError::NoPolicyFile`] when it was never kept or is kept no more.
    fn policy_file<'a>(&'a self, tenant: &'a TenantId, sha256: &'a str) -> StoreFuture<'a, String>;

    /// One API key of the tenant, without its secret, whether or not it is in force.
    fn api_key(&self, tenant: &TenantId, key: &ApiKeyId) -> Option<ApiKeyInfo>;

    /// The tenant's API keys, without secrets, by creation.
    fn api_keys(&self, tenant: &TenantId) -> Vec<ApiKeyInfo>;
}

/// The record of decisions.
pub trait AuditLog: Send + Sync {
    /// Decisions of a tenant, newest first.
    fn decisions<'a>(
        &'a self,
        tenant: &'a TenantId,
        filter: &'a DecisionFilter,
        page: PageRequest,
    ) -> StoreFuture<'a, Page<DecisionRecord>>;

    /// One decision; `None` when the tenant has none with this id.
    fn decision<'a>(
        &'a self,
        tenant: &'a TenantId,
        decision: &'a DecisionId,
    ) -> StoreFuture<'a, Option<DecisionRecord>>;

    /// The last durable record of the chain.
    fn head(&self) -> AuditHead;

    /// The same, as it moves.
    fn watch_head(&self) -> tokio::sync::watch::Receiver<AuditHead>;
}

/// What people found out about decisions.
pub trait FeedbackLog: Send + Sync {
    /// What was recorded about one decision; `None` when nothing was.
    fn feedback<'a>(
        &'a self,
        tenant: &'a TenantId,
        decision: &'a DecisionId,
    ) -> StoreFuture<'a, Option<StoredFeedback>>;

    /// What was recorded about decisions of a tenant, by its first entry, newest first.
    fn feedbacks<'a>(
        &'a self,
        tenant: &'a TenantId,
        filter: &'a FeedbackFilter,
        page: PageRequest,
    ) -> StoreFuture<'a, Page<StoredFeedback>>;
}

/// A whole store.
pub trait Store: Commits + Subjects + Directory + AuditLog + FeedbackLog {}

impl<T: Commits + Subjects + Directory + AuditLog + FeedbackLog> Store for T {}
