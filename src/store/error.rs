//! What can go wrong with the store.

use crate::domain::{ArtifactRef, ConsentRefusal, SubjectId, TenantId};
use crate::policy::session::PolicyChangeError;

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The tenant does not exist.
    #[error("there is no tenant {0}")]
    NoTenant(TenantId),
    /// The tenant exists already.
    #[error("tenant {0} exists already")]
    TenantExists(TenantId),
    /// The subject does not exist.
    #[error("there is no subject {0}")]
    NoSubject(SubjectId),
    /// The subject exists already.
    #[error("subject {0} exists already")]
    SubjectExists(SubjectId),
    /// No API key with this id, or it is revoked already.
    #[error("there is no such API key")]
    NoApiKey,
    /// An API key with this id exists already.
    #[error("an API key with this id exists already")]
    ApiKeyExists,
    /// The subject changed since it was read: read it again.
    #[error("the subject is at version {found}, not {expected}: it changed since it was read")]
    Conflict {
        /// What the caller had read.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// The tenant's rotation was renewed since it was read.
    #[error("the rotation is at generation {found}, not {expected}: it was renewed meanwhile")]
    RotationConflict {
        /// What the caller had read.
        expected: u32,
        /// What it is.
        found: u32,
    },
    /// The idempotency key was used for a request with another body.
    #[error("this idempotency key was used for another request")]
    IdempotencyMismatch,
    /// No enrollment is on the way.
    #[error("the subject has no enrollment on the way")]
    NoEnrollment,
    /// Another enrollment is on the way.
    #[error("another enrollment of this subject is on the way")]
    OtherEnrollment,
    /// The subject has a voiceprint and the enrollment does not replace it.
    #[error("the subject has a voiceprint already")]
    VoiceprintExists,
    /// The subject has no such voiceprint.
    #[error("the subject has no such voiceprint")]
    NoVoiceprint,
    /// The subject has no such profile of behavior.
    #[error("the subject has no such behavior profile")]
    NoBehaviorProfile,
    /// The number is not on record for the subject.
    #[error("the number is not on record for this subject")]
    NoPhoneNumber,
    /// The number is on record for the subject already.
    #[error("the number is on record for this subject already")]
    PhoneNumberExists,
    /// The tenant has no such decision.
    #[error("there is no such decision")]
    NoDecision,
    /// The subject the decision was about was erased.
    #[error("the subject of this decision was erased")]
    DecisionErased,
    /// The source of a comparison is held up by now: it comes too late.
    #[error("the source of this comparison was delayed or locked meanwhile")]
    SourceHeld,
    /// No consent covers the storage, as of the transaction's time.
    #[error("{0}")]
    NoConsent(ConsentRefusal),
    /// A change of policy that the rules refuse.
    #[error("{0}")]
    PolicyChange(PolicyChangeError),
    /// The tenant has no such policy file, or it is kept no more.
    #[error("the tenant has no such policy file")]
    NoPolicyFile,
    /// The tenant's voiceprints are made with another extractor.
    #[error("the tenant is pinned to extractor {pinned}, this is {found}")]
    OtherExtractor {
        /// The tenant's.
        pinned: ArtifactRef,
        /// What came.
        found: ArtifactRef,
    },
    /// There would be too many or too much of what is kept.
    #[error("{what}: at most {limit}, this would be {got}")]
    Limit {
        /// What is limited.
        what: &'static str,
        /// How many.
        limit: usize,
        /// How many it would be.
        got: usize,
    },
    /// What came is too large, whatever is kept already.
    #[error("{what}: at most {limit}, got {got}")]
    TooLarge {
        /// What is limited.
        what: &'static str,
        /// How large it may be.
        limit: usize,
        /// How large it is.
        got: usize,
    },
    /// A transaction that makes no sense, such as an effect on a subject without naming one.
    #[error("the transaction makes no sense: {0}")]
    Invalid(&'static str),
    /// A page token from elsewhere.
    #[error("this page token was not given out by this server")]
    BadPageToken,
    /// The write queue is full: try again later.
    #[error("the write queue is full ({limit} transactions)")]
    Busy {
        /// Length of the queue, in transactions.
        limit: usize,
    },
    /// The disk, or the database's page limit, is full.
    #[error("the disk is full; nothing was written")]
    Full,
    /// A row that cannot be trusted.
    #[error("integrity: table {table}, row {row}: {problem}")]
    Integrity {
        /// Table.
        table: &'static str,
        /// Row key, as text.
        row: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Every row is genuine, but they are not the ones recorded.
    #[error(
        "integrity: the set of rows differs from the recorded state: \
         a row is missing, was put back, or was added"
    )]
    RowSet,
    /// The schema is not the one this program makes.
    #[error("integrity: the schema differs from the one this version makes: {0}")]
    Schema(String),
    /// The database was made by a newer version.
    #[error("the database has schema version {found}, this program knows {known}")]
    NewerSchema {
        /// In the file.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// The master key does not open this store.
    #[error("the master key does not open this store")]
    WrongMasterKey,
    /// Another process owns the store.
    #[error("the store at {0} is in use by another process")]
    InUse(String),
    /// The store was closed, or a failed commit left it in doubt.
    #[error("the store is closed")]
    Closed,
    /// The database answered with an error. The text is for the log, not for callers.
    #[error("database: {0}")]
    Database(String),
    /// A file could not be read or written.
    #[error("{path}: {problem}")]
    File {
        /// Which.
        path: String,
        /// The system's words.
        problem: String,
    },
}
