//! Decisions as shown, and what became of them.

use crate::domain::{
    AuditKind, Decision, DecisionId, Feedback, Llr, Quality, Reason, SubjectId, Timestamp, Versions,
};
use crate::usecase::output::ShownScore;

/// An audit record as shown.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionInfo {
    /// Its id.
    pub id: DecisionId,
    /// Position in the chain, from 1.
    pub sequence: u64,
    /// When.
    pub decided_at: Timestamp,
    /// What kind of act.
    pub kind: AuditKind,
    /// The act in words.
    pub act: String,
    /// Who, unless erased or without a subject.
    pub subject: Option<SubjectId>,
    /// Decision, if one was made.
    pub decision: Option<Decision>,
    /// Why.
    pub reasons: Vec<Reason>,
    /// How strong.
    pub score: Option<ShownScore>,
    /// Accept threshold (natural-log LR), fine-score roles only.
    pub accept_llr: Option<Llr>,
    /// Reject threshold, fine-score roles only.
    pub reject_llr: Option<Llr>,
    /// Quality of the probe.
    pub quality: Option<Quality>,
    /// Versions, unless erased.
    pub versions: Option<Versions>,
    /// The API key that asked.
    pub actor: String,
    /// Payload destroyed by an erasure.
    pub erased: bool,
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OutcomeInfo {
    /// Which decision.
    pub decision: DecisionId,
    /// Whom it was about.
    pub subject: Option<SubjectId>,
    /// The entry in force.
    pub current: Feedback,
    /// Those it replaced, oldest first.
    pub earlier: Vec<Feedback>,
}

/// An outcome that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RecordedOutcome {
    /// The entry.
    pub entry: Feedback,
    /// How many entries it replaced, itself not counted.
    pub replaced: u32,
}

/// Head of the audit chain.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditHead {
    /// Last record.
    pub sequence: u64,
    /// Its chain hash.
    pub head_hash: [u8; 32],
    /// Last record under a signed checkpoint.
    pub checkpoint_sequence: u64,
}
