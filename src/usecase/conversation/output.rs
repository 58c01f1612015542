//! What the edges get back about texts and styles.

use crate::conversation::findings::{TextFinding, TextReason};
use crate::domain::{
    ArtifactRef, Authorization, BehaviorProfileId, Decision, DecisionId, Finding, FindingKind,
    Reason, RedactionMode, SubjectId, Timestamp, Versions,
};
use crate::usecase::output::{EnrollmentState, ShownScore};

/// How far a style profile has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StyleProgress {
    /// Words collected.
    pub words: u32,
    /// Words needed.
    pub required_words: u32,
}

impl StyleProgress {
    /// For people: "320 of 500 words".
    pub fn text(&self) -> String {
        format!("{} of {} words", self.words, self.required_words)
    }
}

/// What became of texts and of the profile.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TextEnrollment {
    /// State after it.
    pub state: EnrollmentState,
    /// Progress after it.
    pub progress: StyleProgress,
    /// Whether the texts were kept, as sums.
    pub accepted: bool,
    /// Why.
    pub reasons: Vec<Reason>,
    /// The profile they went into; absent when they were not kept and there is none.
    pub profile: Option<BehaviorProfileId>,
    /// Words in them.
    pub words: u32,
    /// Its audit record.
    pub decision_id: DecisionId,
    /// Versions.
    pub versions: Versions,
}

/// A finding in texts, apart from the evidence about identity.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ShownTextFinding {
    /// Of what.
    pub kind: FindingKind,
    /// What is known.
    pub state: Finding,
    /// Why, as codes; they reveal no content.
    pub codes: Vec<String>,
}

impl From<&TextFinding> for ShownTextFinding {
    fn from(finding: &TextFinding) -> Self {
        let code = |reason: &TextReason| reason.as_str().to_owned();
        let codes = finding.reasons.iter().map(code).collect();
        Self { kind: finding.kind, state: finding.finding, codes }
    }
}

/// A family of habits that spoke for or against.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ShownStyleHabit {
    /// As a phrase: "punctuation", "function words".
    pub what: String,
    /// What it adds to the LLR, roughly; above zero speaks for the person.
    pub llr: f64,
}

/// A final, audited verification by style.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TextVerification {
    /// What was concluded.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Absent when nothing was compared.
    pub score: Option<ShownScore>,
    /// Findings in the texts; empty when the claim was refused without looking.
    pub findings: Vec<ShownTextFinding>,
    /// Strongest first; only for roles with fine scores.
    pub habits: Vec<ShownStyleHabit>,
    /// Words compared; 0 when nothing was.
    pub words: u32,
    /// Messages they stand in.
    pub messages: u32,
    /// Profile and texts hold what the calibration was made for.
    pub enough: bool,
    /// The texts were taken into the profile.
    pub adapted: bool,
    /// Its audit record.
    pub decision_id: DecisionId,
    /// Versions.
    pub versions: Versions,
}

/// A style profile without its content.
#[derive(Debug, Clone, PartialEq)]
pub struct StyleProfileInfo {
    /// Its id.
    pub id: BehaviorProfileId,
    /// Whose.
    pub subject: SubjectId,
    /// Whether it can be used.
    pub state: EnrollmentState,
    /// How far it has come.
    pub progress: StyleProgress,
    /// Of its words, those that came by adaptation.
    pub adapted_words: u32,
    /// When its first texts were kept.
    pub created_at: Timestamp,
    /// When it was complete.
    pub completed_at: Option<Timestamp>,
    /// Usable until.
    pub expires_at: Option<Timestamp>,
    /// Who authorized it.
    pub authorization: Authorization,
    /// Background model it was made with.
    pub background: ArtifactRef,
    /// Content, in bytes.
    pub bytes: u32,
}

/// A text without personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct RedactedText {
    /// With placeholders.
    pub text: String,
    /// Values found.
    pub found: u32,
    /// How they were replaced.
    pub mode: RedactionMode,
}
