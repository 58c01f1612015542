//! What the edges get back about behavior.

use crate::behavior::event::Device;
use crate::domain::{
    ArtifactRef, Authorization, BehaviorProfileId, Decision, DecisionId, Finding, Reason,
    SubjectId, Timestamp, Versions,
};
use crate::usecase::output::{EnrollmentState, ShownScore};

/// What a profile of behavior is about.
pub use crate::behavior::sample::SampleKind as BehaviorKind;

/// How far a profile of behavior has come.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BehaviorProgress {
    /// Captures collected.
    pub captures: u32,
    /// Captures needed.
    pub required_captures: u32,
    /// Keys, strokes or movements in them.
    pub units: u32,
    /// How many are needed; 0 where captures alone count.
    pub required_units: u32,
    /// What a unit is, in the plural.
    pub unit: String,
}

impl BehaviorProgress {
    /// For people: "7 of 10 captures, 88 of 100 keys".
    pub fn text(&self) -> String {
        let captures = format!("{} of {} captures", self.captures, self.required_captures);
        if self.required_units == 0 {
            return captures;
        }
        format!("{captures}, {} of {} {}", self.units, self.required_units, self.unit)
    }
}

/// What became of one capture of an enrollment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CaptureOutcome {
    /// The client's name for it.
    pub capture: String,
    /// Whether it was kept.
    pub accepted: bool,
    /// Why not.
    pub reasons: Vec<Reason>,
}

/// What became of captures and of the profile.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BehaviorEnrollment {
    /// State after it.
    pub state: EnrollmentState,
    /// Progress after it.
    pub progress: BehaviorProgress,
    /// In the order of the request.
    pub captures: Vec<CaptureOutcome>,
    /// Why.
    pub reasons: Vec<Reason>,
    /// The profile the captures went into; absent when none was kept and there is none.
    pub profile: Option<BehaviorProfileId>,
    /// What it is about.
    pub kind: BehaviorKind,
    /// On which class of device.
    pub device: Device,
    /// Its audit record.
    pub decision_id: DecisionId,
    /// Versions.
    pub versions: Versions,
}

/// A cue of an attack.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum BehaviorFinding {
    /// The same capture, or nearly, came before.
    Replay,
    /// Made by a program.
    Scripted,
    /// Pasted or filled in.
    Paste,
    /// Through remote-control software.
    RemoteControl,
    /// Hesitates as somebody who is told what to do.
    Hesitation,
    /// Times stand on a coarse grid: no attack, but less to tell people apart by.
    CoarseClock,
}

/// A finding, apart from the evidence about identity.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ShownFinding {
    /// Of what.
    pub kind: BehaviorFinding,
    /// What is known.
    pub state: Finding,
    /// Why, for people; reveals no content.
    pub detail: String,
}

/// A habit that spoke for or against.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ShownHabit {
    /// As a phrase.
    pub what: String,
    /// Where in a fixed text, from 1.
    pub position: Option<u16>,
    /// In the person's own standard deviations; above zero is longer, faster, more.
    pub deviation: f64,
    /// What it adds to the LLR, roughly.
    pub llr: f64,
}

/// A final, audited verification by behavior.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BehaviorVerification {
    /// What was concluded.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Absent when nothing was compared.
    pub score: Option<ShownScore>,
    /// Cues of attacks.
    pub findings: Vec<ShownFinding>,
    /// Strongest first; only for roles with fine scores.
    pub habits: Vec<ShownHabit>,
    /// What was compared; absent when no capture came.
    pub kind: Option<BehaviorKind>,
    /// On which class of device; absent when no capture came.
    pub device: Option<Device>,
    /// Captures compared.
    pub captures: u32,
    /// Keys, strokes or movements in them.
    pub units: u32,
    /// Profile and captures hold what the calibration was made for.
    pub enough: bool,
    /// Captures taken into the profile.
    pub adapted: u32,
    /// Its audit record.
    pub decision_id: DecisionId,
    /// Versions.
    pub versions: Versions,
}

/// Evidence on the way; not audited.
#[derive(Debug, Clone, PartialEq)]
pub struct BehaviorUpdate {
    /// What the decision would be now.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Absent until something could be compared.
    pub score: Option<ShownScore>,
    /// Cues of attacks so far.
    pub findings: Vec<ShownFinding>,
    /// Captures that count.
    pub captures: u32,
    /// Keys, strokes or movements in them.
    pub units: u32,
    /// See [`BehaviorVerification::enough`].
    pub enough: bool,
    /// Versions.
    pub versions: Versions,
}

/// A profile of behavior without its biometric content.
#[derive(Debug, Clone, PartialEq)]
pub struct BehaviorProfileInfo {
    /// Its id.
    pub id: BehaviorProfileId,
    /// Whose.
    pub subject: SubjectId,
    /// What it is about.
    pub kind: BehaviorKind,
    /// On which class of device.
    pub device: Device,
    /// Whether it can be used.
    pub state: EnrollmentState,
    /// How far it has come.
    pub progress: BehaviorProgress,
    /// Of its captures, those that came by adaptation.
    pub adapted: u32,
    /// When its first capture was kept.
    pub created_at: Timestamp,
    /// When it was complete.
    pub completed_at: Option<Timestamp>,
    /// Usable until.
    pub expires_at: Option<Timestamp>,
    /// Who authorized it.
    pub authorization: Authorization,
    /// Background model it was made with.
    pub background: ArtifactRef,
    /// Biometric content, in bytes.
    pub bytes: u32,
}
