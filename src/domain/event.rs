//! What the audit log says about one act. Never audio, never embeddings, no names.

use std::collections::BTreeMap;

use crate::domain::{
    ApiKeyId, Authorization, ConsentId, Decision, Llr, Quality, RawScore, Reason, SubjectId,
    Versions,
};

/// What kind of act a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuditKind {
    /// A subject was created, opted out or in.
    Subject,
    /// Consent was given or withdrawn.
    Consent,
    /// An utterance was offered, an enrollment completed or canceled.
    Enrollment,
    /// A 1:1 decision.
    Verification,
    /// A 1:N decision.
    Identification,
    /// A subject was erased.
    Erasure,
    /// A voiceprint was deleted, expired or renewed.
    Template,
    /// A tenant or an API key was created or revoked, a key rotated.
    Key,
    /// A caller was categorized by age, or that was enabled or disabled. No verification is recorded
    /// under this kind, and no categorization under another.
    Categorization,
    /// Captures were offered to a behavior profile.
    BehaviorEnrollment,
    /// A 1:1 decision by behavior.
    BehaviorVerification,
    /// A behavior profile was deleted.
    BehaviorDeletion,
    /// A session was opened, decided what its client asked, or ended.
    Session,
    /// Texts were offered to a style profile.
    ConversationEnrollment,
    /// A 1:1 decision by style of text.
    ConversationVerification,
    /// A style profile was deleted.
    ConversationDeletion,
    /// How personal data is taken out of texts was chosen.
    Redaction,
    /// A policy of sessions was proposed, approved, rejected or gone back to, or its shadow started or ended.
    Policy,
    /// What became of a decision was recorded.
    Feedback,
    /// A number was added to a subject or removed.
    PhoneNumber,
    /// Everything held on a subject was handed out.
    Export,
    /// A calibration was put in force or taken out of it.
    Calibration,
    /// An API key or a telephone number was slowed down or locked after failed claims.
    Source,
}

impl AuditKind {
    /// Every kind, in order of declaration.
    pub const ALL: &'static [AuditKind] = &[
        AuditKind::Subject,
        AuditKind::Consent,
        AuditKind::Enrollment,
        AuditKind::Verification,
        AuditKind::Identification,
        AuditKind::Erasure,
        AuditKind::Template,
        AuditKind::Key,
        AuditKind::Categorization,
        AuditKind::BehaviorEnrollment,
        AuditKind::BehaviorVerification,
        AuditKind::BehaviorDeletion,
        AuditKind::Session,
        AuditKind::ConversationEnrollment,
        AuditKind::ConversationVerification,
        AuditKind::ConversationDeletion,
        AuditKind::Redaction,
        AuditKind::Policy,
        AuditKind::Feedback,
        AuditKind::PhoneNumber,
        AuditKind::Export,
        AuditKind::Calibration,
        AuditKind::Source,
    ];
}

/// Similarity and evidence of one comparison.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EventScore {
    /// Before calibration.
    pub raw: RawScore,
    /// Calibrated.
    pub llr: Llr,
}

/// One audited act. `details` must not name other subjects: only `subject` is forgotten when the
/// subject is erased.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Event {
    /// Kind of act.
    pub kind: AuditKind,
    /// The act in words, e.g. `voiceprint created`.
    pub act: String,
    /// Whom it is about. Not stored when the id names no subject, or the act erases it.
    pub subject: Option<SubjectId>,
    /// The decision, where there was one.
    pub decision: Option<Decision>,
    /// Its reasons.
    pub reasons: Vec<Reason>,
    /// What was measured; absent when nothing was compared.
    pub score: Option<EventScore>,
    /// LLR at or above which the policy accepts.
    pub accept_llr: Option<Llr>,
    /// LLR at or below which the policy rejects.
    pub reject_llr: Option<Llr>,
    /// What the recording was worth.
    pub quality: Option<Quality>,
    /// What produced the decision.
    pub versions: Option<Versions>,
    /// Key of the caller; absent for acts of the server itself and of the command line.
    pub actor: Option<ApiKeyId>,
    /// Who authorized it.
    pub authorization: Option<Authorization>,
    /// The consent that covered it.
    pub consent: Option<ConsentId>,
    /// Further facts, e.g. `searched` → `120`.
    pub details: BTreeMap<String, String>,
}

impl Event {
    /// An act with nothing else known about it yet.
    pub fn new(kind: AuditKind, act: impl Into<String>) -> Self {
        Self {
            kind,
            act: act.into(),
            subject: None,
            decision: None,
            reasons: Vec::new(),
            score: None,
            accept_llr: None,
            reject_llr: None,
            quality: None,
            versions: None,
            actor: None,
            authorization: None,
            consent: None,
            details: BTreeMap::new(),
        }
    }
}
