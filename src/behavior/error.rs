//! What can be wrong with captures, samples and backgrounds.

use crate::behavior::sample::SampleKind;
use crate::scoring::ScoringError;

/// Errors of this module. None of them holds content of a capture.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BehaviorError {
    /// Not JSON, or not the object of the format.
    #[error("line {line}: not a capture: {why}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// What the parser says, without content.
        why: String,
    },
    /// Longer than a limit.
    #[error("{what}: at most {limit} {unit}, got {got}")]
    TooMuch {
        /// What is too long.
        what: &'static str,
        /// Its unit.
        unit: &'static str,
        /// The limit.
        limit: usize,
        /// What came.
        got: usize,
    },
    /// An id that is empty or holds white space or control characters.
    #[error("{what} must be {limit} bytes or fewer without white space, and not empty")]
    Id {
        /// Which.
        what: &'static str,
        /// Most bytes.
        limit: usize,
    },
    /// A number that is not finite or outside its range.
    #[error("{place}{what} must be {range}, got {}", Short(*.got))]
    Number {
        /// Where it stands.
        place: Place,
        /// Its name.
        what: &'static str,
        /// What it may be.
        range: &'static str,
        /// What came.
        got: f64,
    },
    /// Time runs back by more than is mended.
    #[error("{place}time runs back by {} ms; up to {limit_ms} ms are put in order", Short(*.back_ms))]
    TimeRunsBack {
        /// Where.
        place: Place,
        /// By how much.
        back_ms: f64,
        /// What is mended.
        limit_ms: f64,
    },
    /// A capture without events.
    #[error("the capture holds no events")]
    Empty,
    /// Events of another kind than the capture says, e.g. a key among points, or without a field.
    #[error("event {index}: not an event of a {kind} capture: without {missing}")]
    WrongEvent {
        /// Position of the event, from 0.
        index: usize,
        /// What the capture is.
        kind: &'static str,
        /// The first field that such an event needs and this one has not.
        missing: &'static str,
    },
    /// A touch capture that is not one stroke.
    #[error("event {index} {why}: a touch capture is one stroke, down, moves, up")]
    Stroke {
        /// Position of the event, from 0.
        index: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Too little to make features of.
    #[error("too little data: {what} needs at least {needed}, got {got}")]
    TooFew {
        /// What is missing.
        what: &'static str,
        /// The least that is needed.
        needed: usize,
        /// What came.
        got: usize,
    },
    /// Samples that cannot be compared.
    #[error("{what} cannot be compared: enrolled {enrolled}, got {got}")]
    Mismatch {
        /// What differs: kind, device, text, number of keys, …
        what: &'static str,
        /// Of the profile.
        enrolled: String,
        /// Of the probe.
        got: String,
    },
    /// A sample that is not of this kind or not of this shape.
    #[error("not a usable {kind:?} sample: {why}")]
    Sample {
        /// What was expected.
        kind: SampleKind,
        /// What is wrong.
        why: &'static str,
    },
    /// A background model that cannot be used.
    #[error("unusable background model: {0}")]
    Background(String),
    /// A file of a data set that is not as documented.
    #[error("line {line}: not a row of {dataset}: {why}")]
    Dataset {
        /// Which set.
        dataset: &'static str,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// A fit or a score that did not work out.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
}

/// Where in a capture something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In what is said of the whole.
    Capture,
    /// In an event, counted from 0.
    Event(usize),
    /// In a reading of the motion sensors, counted from 0.
    Motion(usize),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Capture => Ok(()),
            Self::Event(index) => write!(f, "event {index}: "),
            Self::Motion(index) => write!(f, "motion {index}: "),
        }
    }
}

/// A number that came, in few digits: one of 300 digits says no more than its size.
struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.0.abs();
        if size == 0.0 || !size.is_finite() || (1e-6..1e15).contains(&size) {
            return self.0.fmt(f);
        }
        write!(f, "{:e}", self.0)
    }
}
