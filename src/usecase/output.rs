//! What the edges get back. Fine scores are already removed where the role may not see them.

mod age;
mod decisions;

pub use age::*;
pub use decisions::*;

use crate::domain::{
    ArtifactRef, Authorization, ConsentRecord, Decision, DecisionId, LicenseClass, Llr, PadStatus,
    Quality, RawScore, Reason, ReceiptId, ScoreBand, SubjectId, Timestamp, Versions, VoiceprintId,
};
pub use crate::usecase::behavior::output::*;
pub use crate::usecase::conversation::output::*;

/// Strength of evidence as the caller may see it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ShownScore {
    /// Always.
    pub band: ScoreBand,
    /// Only for roles with fine scores.
    pub llr: Option<Llr>,
    /// Only for roles with fine scores.
    pub raw: Option<RawScore>,
}

/// How far an enrollment has come.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// Net speech collected.
    pub net_speech_ms: u32,
    /// Net speech needed.
    pub required_ms: u32,
    /// Utterances collected.
    pub utterances: u32,
    /// Utterances needed.
    pub required_utterances: u32,
}

impl Progress {
    /// For people: "12.4 of 20.0 s of net speech, 2 of 3 utterances".
    pub fn text(&self) -> String {
        format!(
            "{:.1} of {:.1} s of net speech, {} of {} utterances",
            f64::from(self.net_speech_ms) / 1000.0,
            f64::from(self.required_ms) / 1000.0,
            self.utterances,
            self.required_utterances
        )
    }
}

/// State of an enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum EnrollmentState {
    /// Nothing collected, no voiceprint.
    None,
    /// More utterances needed.
    InProgress,
    /// A usable voiceprint exists.
    Enrolled,
    /// A voiceprint exists but has expired or belongs to another model.
    Stale,
}

/// What became of one utterance and of the enrollment.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Enrollment {
    /// State after it.
    pub state: EnrollmentState,
    /// Whether the utterance was kept.
    pub utterance_accepted: bool,
    /// Why, or why not.
    pub reasons: Vec<Reason>,
    /// Progress after it.
    pub progress: Progress,
    /// Quality of the utterance.
    pub quality: Quality,
    /// Set when complete.
    pub voiceprint: Option<VoiceprintId>,
    /// Its audit record.
    pub decision_id: DecisionId,
    /// Versions.
    pub versions: Versions,
}

/// While enrollment audio arrives.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrollmentUpdate {
    /// Progress including what was heard so far.
    pub progress: Progress,
    /// Quality so far.
    pub quality: Quality,
}

/// Where a subject's enrollment stands.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrollmentStatus {
    /// State.
    pub state: EnrollmentState,
    /// Progress of the enrollment on the way.
    pub progress: Progress,
    /// Versions.
    pub versions: Versions,
}

/// A template without its biometric content.
#[derive(Debug, Clone, PartialEq)]
pub struct VoiceprintInfo {
    /// Its id.
    pub id: VoiceprintId,
    /// Whose.
    pub subject: SubjectId,
    /// Model it was made with.
    pub model: ArtifactRef,
    /// Utterances.
    pub utterances: u32,
    /// Those of them that came by adaptation.
    pub adapted_utterances: u32,
    /// Net speech.
    pub net_speech_ms: u32,
    /// Made when.
    pub created_at: Timestamp,
    /// Usable until.
    pub expires_at: Option<Timestamp>,
    /// Who authorized it.
    pub authorization: Authorization,
}

/// A final, audited verification.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Verification {
    /// What was concluded.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Absent when nothing was compared.
    pub score: Option<ShownScore>,
    /// Quality of the probe.
    pub quality: Quality,
    /// Presentation attack detection.
    pub pad: PadStatus,
    /// The voice joined the voiceprint.
    #[serde(default)]
    pub adapted: bool,
    /// Its audit record.
    pub decision_id: DecisionId,
    /// Versions.
    pub versions: Versions,
}

/// An estimate on the way; not audited.
#[derive(Debug, Clone, PartialEq)]
pub struct VerificationUpdate {
    /// What the decision would be now.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Absent until something could be compared.
    pub score: Option<ShownScore>,
    /// Quality so far.
    pub quality: Quality,
    /// Presentation attack detection.
    pub pad: PadStatus,
    /// Versions.
    pub versions: Versions,
}

/// A ranked candidate.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RankedCandidate {
    /// Who.
    pub subject: SubjectId,
    /// 1 is best.
    pub rank: u32,
    /// How strong.
    pub score: ShownScore,
}

/// A final, audited identification.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Identification {
    /// ACCEPT with the first candidate, NO_MATCH, STEP_UP or INCONCLUSIVE.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Best first.
    pub candidates: Vec<RankedCandidate>,
    /// Voiceprints searched.
    pub searched: u32,
    /// Threshold for this many; fine-score roles only.
    pub threshold: Option<Llr>,
    /// False-positive identification rate the threshold holds.
    pub fpir: f64,
    /// More than the calibration data supports.
    pub extrapolated: bool,
    /// Most candidates it supports.
    pub supported_candidates: u32,
    /// Quality of the probe.
    pub quality: Quality,
    /// Presentation attack detection.
    pub pad: PadStatus,
    /// Its audit record.
    pub decision_id: DecisionId,
    /// Versions.
    pub versions: Versions,
}

/// An estimate of who it is on the way; not audited.
#[derive(Debug, Clone, PartialEq)]
pub struct IdentificationUpdate {
    /// What the decision would be if the audio ended now.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Best first; empty until something could be compared.
    pub candidates: Vec<RankedCandidate>,
    /// Voiceprints searched.
    pub searched: u32,
    /// More than the calibration data supports.
    pub extrapolated: bool,
    /// Quality so far.
    pub quality: Quality,
    /// Presentation attack detection.
    pub pad: PadStatus,
    /// Versions.
    pub versions: Versions,
}

/// A subject as shown.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SubjectInfo {
    /// Pseudonymous id.
    pub id: SubjectId,
    /// Registered when.
    pub created_at: Timestamp,
    /// Opted out of biometric processing.
    pub opted_out: bool,
    /// All consents on record with whether each is current.
    pub consents: Vec<(ConsentRecord, bool)>,
    /// A voiceprint exists.
    pub enrolled: bool,
    /// Profiles of behavior, incomplete ones included.
    #[serde(default)]
    pub behavior_profiles: u32,
    /// Phone numbers on record.
    #[serde(default)]
    pub phone_numbers: u32,
}

/// An act that changed something, and what it returned.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Done<T> {
    /// The result.
    pub value: T,
    /// Its audit record.
    pub decision_id: DecisionId,
    /// Versions.
    pub versions: Versions,
}

/// Proof of an erasure; names no subject.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Receipt {
    /// Its id.
    pub id: ReceiptId,
    /// Completed when.
    pub erased_at: Timestamp,
    /// Rows destroyed.
    pub rows_destroyed: u32,
}

/// How far an erasure has come.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Erasure {
    /// Old pages may still stand in the write-ahead log.
    Pending,
    /// Nothing left.
    Done(Receipt),
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Token of the next page, if any.
    pub next: Option<String>,
}

/// An installed or installable model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// Id and version.
    pub artifact: ArtifactRef,
    /// In words.
    pub description: String,
    /// Its licence.
    pub license: String,
    /// Licence class.
    pub license_class: LicenseClass,
    /// Weights on disk with the right hash.
    pub installed: bool,
    /// New enrollments use it.
    pub is_default: bool,
    /// SHA-256 of the weights, hex.
    pub sha256: String,
    /// Embedding length.
    pub dimensions: u32,
}
