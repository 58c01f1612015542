//! What the edges ask for. Tenant and role come with the [`Caller`], never from a field.

mod behavior;
mod texts;

pub use behavior::*;
pub use texts::*;

pub use crate::behavior::event::{
    Device, MotionEvent, Phase, RawCapture, RawEvents, RawKey, RawPoint, Screen,
};
use crate::domain::{
    ApiKeyId, AudioFormat, AuditKind, Authorization, Decision, DecisionId, FeedbackKind,
    PhoneNumber, Purpose, Reason, Role, SubjectId, TenantId, Timestamp, VoiceprintId,
};
pub use crate::policy::session::Audience;

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Tenant of the key.
    pub tenant: TenantId,
    /// The key, without its secret.
    pub key: ApiKeyId,
    /// What it may do.
    pub role: Role,
}

/// Scoped to tenant, method and content; 1 to 128 bytes. Required by every mutating request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// Longest idempotency key, in bytes.
pub const MAX_IDEMPOTENCY_KEY_LEN: usize = 128;

impl IdempotencyKey {
    /// `None` when empty, too long or not printable ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        let ok = !text.is_empty()
            && text.len() <= MAX_IDEMPOTENCY_KEY_LEN
            && text.bytes().all(|b| b.is_ascii_graphic());
        ok.then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A whole recording.
#[derive(Clone)]
pub struct Recording {
    /// Claimed format.
    pub format: AudioFormat,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// A piece of a live recording.
#[derive(Clone)]
pub struct Chunk {
    /// Packet number; `None` when the client does not number.
    pub sequence: Option<u64>,
    /// Bytes; may split a sample.
    pub content: Vec<u8>,
}

/// Register a subject.
#[derive(Debug, Clone)]
pub struct CreateSubject {
    /// Chosen id; the server makes one when absent.
    pub subject: Option<SubjectId>,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Record a consent.
#[derive(Debug, Clone)]
pub struct RecordConsent {
    /// Who consents.
    pub subject: SubjectId,
    /// Notice given.
    pub notice_id: String,
    /// Its version.
    pub notice_version: String,
    /// What it covers.
    pub purpose: Purpose,
    /// How it was given.
    pub channel: String,
    /// Who collected it, pseudonymous.
    pub collector: String,
    /// When; now if absent.
    pub given_at: Option<Timestamp>,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Withdraw every consent for a purpose.
#[derive(Debug, Clone)]
pub struct WithdrawConsent {
    /// Who withdraws.
    pub subject: SubjectId,
    /// From what.
    pub purpose: Purpose,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Opt out of biometric processing, or back in.
#[derive(Debug, Clone)]
pub struct SetOptOut {
    /// Who.
    pub subject: SubjectId,
    /// Out or in.
    pub opted_out: bool,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Add a number to a subject, or remove one.
#[derive(Debug, Clone)]
pub struct SubjectNumber {
    /// Whose.
    pub subject: SubjectId,
    /// Which.
    pub number: PhoneNumber,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Hand out everything held on a subject.
#[derive(Debug, Clone)]
pub struct ExportSubject {
    /// Who.
    pub subject: SubjectId,
    /// The voice embeddings as well.
    pub embeddings: bool,
}

/// An act on one subject that needs nothing but the subject: cancel an enrollment, erase.
#[derive(Debug, Clone)]
pub struct OnSubject {
    /// Who.
    pub subject: SubjectId,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Settings of one contribution to an enrollment.
#[derive(Debug, Clone)]
pub struct Enroll {
    /// Who is enrolled.
    pub subject: SubjectId,
    /// Who authorized it and how the subject was authenticated.
    pub authorization: Authorization,
    /// Replace an existing voiceprint once complete.
    pub reenroll: bool,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Delete a voiceprint.
#[derive(Debug, Clone)]
pub struct DeleteVoiceprint {
    /// Whose.
    pub subject: SubjectId,
    /// Which.
    pub voiceprint: VoiceprintId,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Verify a claim.
#[derive(Debug, Clone)]
pub struct Verify {
    /// Claimed identity.
    pub subject: SubjectId,
    /// Idempotency.
    pub key: IdempotencyKey,
    /// Streams only: listen to the end even if the evidence suffices earlier.
    pub no_early_decision: bool,
    /// Another factor of this session, if there was one.
    pub other: Option<OtherFactor>,
}

/// Who may be found.
#[derive(Debug, Clone)]
pub enum Candidates {
    /// These; at most 1,000.
    List(Vec<SubjectId>),
    /// Everybody enrolled with the tenant.
    WholeTenant,
}

/// Identify a voice.
#[derive(Debug, Clone)]
pub struct Identify {
    /// Who may be found.
    pub candidates: Candidates,
    /// Ranked candidates to return, 1 to 100.
    pub max_results: usize,
    /// Streams only: listen to the end even if the evidence suffices earlier.
    pub no_early_decision: bool,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Which decisions to list.
#[derive(Debug, Clone, Default)]
pub struct DecisionFilter {
    /// Of one subject.
    pub subject: Option<SubjectId>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// With this decision.
    pub decision: Option<Decision>,
    /// With this reason among its reasons.
    pub reason: Option<Reason>,
    /// Of this kind.
    pub kind: Option<AuditKind>,
    /// 1 to 1000.
    pub page_size: usize,
    /// Where the page before ended.
    pub page_token: Option<String>,
}

/// Record what became of a decision. No `Debug`: the reason may hold personal data.
#[derive(Clone)]
pub struct RecordOutcome {
    /// Which decision.
    pub decision: DecisionId,
    /// What became of it.
    pub kind: FeedbackKind,
    /// What was done instead; with an override alone.
    pub instead: Option<Decision>,
    /// Who found out, pseudonymous.
    pub reviewer: String,
    /// Why.
    pub reason: Option<String>,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Which outcomes to list.
#[derive(Debug, Clone, Default)]
pub struct OutcomeFilter {
    /// Of decisions on one subject.
    pub subject: Option<SubjectId>,
    /// Recorded not before.
    pub from: Option<Timestamp>,
    /// Recorded before.
    pub until: Option<Timestamp>,
    /// Of this kind.
    pub kind: Option<FeedbackKind>,
    /// 1 to 1000.
    pub page_size: usize,
    /// Where the page before ended.
    pub page_token: Option<String>,
}

/// One decision.
#[derive(Debug, Clone)]
pub struct ExplainDecision {
    /// Which.
    pub decision: DecisionId,
    /// For whom; absent: everything that the role may see.
    pub audience: Option<Audience>,
}

/// Enable the age class for the tenant.
#[derive(Debug, Clone)]
pub struct EnableAgeClass {
    /// The notice that tells callers about it.
    pub notice_id: String,
    /// Its version.
    pub notice_version: String,
    /// Use the head of license class `research`.
    pub research: bool,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Disable it.
#[derive(Debug, Clone)]
pub struct DisableAgeClass {
    /// Idempotency.
    pub key: IdempotencyKey,
}
