//! What readers get.

use std::fmt;

use crate::domain::{
    AgeClassSetting, ApiKeyId, ArtifactRef, AuditKind, Authorization, Bandwidth, ConsentId,
    ConsentRecord, Decision, DecisionId, EnrollmentId, Event, Quality, Reason, ReceiptId,
    RedactionMode, Role, SubjectId, TenantCalibration, TenantId, Timestamp, UtteranceId,
    VoiceprintId,
};

use crate::store::SampleOrigin;

/// Unsuccessful attempts: policy computes the next state, the store keeps it.
pub use crate::policy::Attempts;

/// Most entries on one page.
pub const MAX_PAGE_SIZE: u32 = 1_000;

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Entries on it, 1 to [`MAX_PAGE_SIZE`]; other values are clamped.
    pub size: u32,
    /// What the page before said; `None` for the first.
    pub token: Option<String>,
}

/// One page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// Its entries.
    pub items: Vec<T>,
    /// Token of the next page; `None` on the last.
    pub next: Option<String>,
}

/// A raw embedding as the extractor gave it: not centered, not projected. Zeroed when dropped;
/// `Debug` shows the dimension only.
#[derive(Clone, PartialEq, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct Embedding(Vec<f32>);

impl Embedding {
    /// From `[dim]` values.
    pub fn new(values: Vec<f32>) -> Self {
        Self(values)
    }

    /// The values, `[dim]`.
    pub fn values(&self) -> &[f32] {
        &self.0
    }
}

impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding([{}])", self.0.len())
    }
}

/// One enrolled utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrolledUtterance {
    /// Its id.
    pub id: UtteranceId,
    /// When it was recorded.
    pub captured_at: Timestamp,
    /// Raw embedding.
    pub embedding: Embedding,
    /// Of a wide-band utterance, the raw embedding of what a simulated telephone line brought of it;
    /// nothing of other ones and of those from before there were any.
    pub telephone: Option<Embedding>,
    /// Extractor that made it.
    pub extractor: ArtifactRef,
    /// Measured bandwidth.
    pub bandwidth: Bandwidth,
    /// Net speech in milliseconds.
    pub net_speech_ms: u32,
    /// What the recording was worth.
    pub quality: Quality,
    /// Who authorized it.
    pub authorization: Authorization,
    /// The consent that covered it.
    pub consent: ConsentId,
    /// How it came into the voiceprint.
    pub origin: SampleOrigin,
}

/// An enrollment on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingEnrollment {
    /// Its id.
    pub id: EnrollmentId,
    /// When its first utterance was kept.
    pub started_at: Timestamp,
    /// It will replace an existing voiceprint.
    pub reenroll: bool,
    /// Utterances so far, in order of arrival.
    pub utterances: Vec<EnrolledUtterance>,
}

/// A subject's voiceprint.
#[derive(Debug, Clone, PartialEq)]
pub struct Voiceprint {
    /// Its id.
    pub id: VoiceprintId,
    /// Extractor of its utterances.
    pub extractor: ArtifactRef,
    /// When the enrollment was complete.
    pub created_at: Timestamp,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// Who authorized the enrollment.
    pub authorization: Authorization,
    /// The consent that covered it.
    pub consent: ConsentId,
    /// Its utterances, in order of arrival.
    pub utterances: Vec<EnrolledUtterance>,
}

/// Everything about one subject, as of one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct SubjectSnapshot {
    /// Its id.
    pub id: SubjectId,
    /// Counts every change of the subject; hand it back as
    /// [`SubjectTarget::expected_version`](super::SubjectTarget).
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Opted out of biometric processing.
    pub opted_out: bool,
    /// Every consent, also withdrawn and expired ones, in order of recording.
    pub consents: Vec<ConsentRecord>,
    /// An enrollment on the way.
    pub enrollment: Option<PendingEnrollment>,
    /// The voiceprint.
    pub voiceprint: Option<Voiceprint>,
    /// Unsuccessful attempts by voice and the lock.
    pub attempts: Attempts,
    /// Profiles of behavior, incomplete ones included.
    pub behavior_profiles: u32,
    /// Phone numbers on record.
    pub phone_numbers: u32,
}

/// A subject in a list: no biometric content.
#[derive(Debug, Clone, PartialEq)]
pub struct SubjectSummary {
    /// Its id.
    pub id: SubjectId,
    /// Its version.
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Opted out of biometric processing.
    pub opted_out: bool,
    /// Every consent, in order of recording.
    pub consents: Vec<ConsentRecord>,
    /// Has a voiceprint (which may have expired).
    pub enrolled: bool,
    /// Profiles of behavior, incomplete ones included.
    pub behavior_profiles: u32,
    /// Phone numbers on record.
    pub phone_numbers: u32,
}

/// A voiceprint with what the search index must know of its subject.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredVoiceprint {
    /// Whose.
    pub subject: SubjectId,
    /// Version of the subject when it was read.
    pub subject_version: u64,
    /// Opted out of biometric processing.
    pub opted_out: bool,
    /// Every consent, in order of recording.
    pub consents: Vec<ConsentRecord>,
    /// The voiceprint.
    pub voiceprint: Voiceprint,
}

/// Who presents an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Tenant of the key.
    pub tenant: TenantId,
    /// The key.
    pub key: ApiKeyId,
    /// Its role.
    pub role: Role,
}

/// An API key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyInfo {
    /// Its id.
    pub id: ApiKeyId,
    /// Its role.
    pub role: Role,
    /// What people call it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKeyInfo {
    /// Neither revoked nor expired.
    pub fn in_force(&self, now: Timestamp) -> bool {
        [self.revoked_at, self.expires_at].into_iter().flatten().all(|end| now < end)
    }
}

/// The rotation of a tenant's embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationInfo {
    /// From 1; renewal counts up.
    pub generation: u32,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantInfo {
    /// Its id.
    pub id: TenantId,
    /// When it was created.
    pub created_at: Timestamp,
    /// The extractor its voiceprints are made with: pinned by its first enrollment.
    pub extractor: Option<ArtifactRef>,
    /// The rotation in force.
    pub rotation: RotationInfo,
    /// Under which notice callers may be categorized by age; absent while that is disabled.
    pub age_class: Option<AgeClassSetting>,
    /// How personal data is taken out of its texts.
    pub redaction: RedactionMode,
    /// Its own calibration; absent while it uses the one that ships.
    pub calibration: Option<TenantCalibration>,
}

/// Position and hash of the last record of the chain; sequence 0 and zeros when there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditHead {
    /// From 1.
    pub sequence: u64,
    /// Chain hash, SHA-256.
    pub hash: [u8; 32],
}

/// Which decisions; absent fields do not filter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DecisionFilter {
    /// About this subject. An unknown subject has none.
    pub subject: Option<SubjectId>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// With this decision.
    pub decision: Option<Decision>,
    /// With this reason among its reasons.
    pub reason: Option<Reason>,
    /// Of this kind.
    pub kind: Option<AuditKind>,
}

/// One record of the chain.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct DecisionRecord {
    /// Its id.
    pub id: DecisionId,
    /// Position in the chain, from 1.
    pub sequence: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// Kind of act.
    pub kind: AuditKind,
    /// The decision, where there was one.
    pub decision: Option<Decision>,
    /// Its reasons.
    pub reasons: Vec<Reason>,
    /// Everything else; `None` once the subject was erased.
    pub event: Option<Event>,
}

/// How far an erasure has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// Key and rows are destroyed; old pages may still stand in the write-ahead log.
    Pending,
    /// Nothing is left in the database files.
    Done,
}

/// Proof of an erasure. Names no subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Its id.
    pub receipt: ReceiptId,
    /// How far it has come.
    pub state: ErasureState,
    /// When key and rows were destroyed.
    pub erased_at: Timestamp,
    /// Rows deleted, and audit records emptied.
    pub rows_destroyed: u32,
    /// The audit record of the erasure.
    pub decision: DecisionId,
}
