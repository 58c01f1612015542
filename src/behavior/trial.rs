//! Scored comparisons of an evaluation.

use crate::behavior::Evidence;

/// One comparison of a profile with a probe, with its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredTrial {
    /// Number of the enrolled person.
    pub enrolled: u32,
    /// Number of the person who made the probe.
    pub probe: u32,
    /// Which of that person's probes: the capture's id, or the first one's of a window. `DEALING/ID` where people are
    /// dealt several times, each time with a background of its own.
    pub capture: String,
    /// Raw score.
    pub raw: f64,
    /// Calibrated.
    pub llr: f64,
}

impl ScoredTrial {
    /// From what a comparison said.
    pub fn new(enrolled: u32, probe: u32, capture: impl Into<String>, evidence: &Evidence) -> Self {
        let (raw, llr) = (evidence.raw.0, evidence.llr.0);
        Self { enrolled, probe, capture: capture.into(), raw, llr }
    }

    /// Whether both sides are one person.
    pub fn target(&self) -> bool {
        self.enrolled == self.probe
    }
}

/// The comparisons of one condition of a protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialSet {
    /// Condition, e.g. `practiced impostors`.
    pub name: String,
    /// Names of people; trials count them from 0.
    pub people: Vec<String>,
    /// The comparisons.
    pub trials: Vec<ScoredTrial>,
}
