//! Signs of attack in a capture: replayed, scripted, pasted, remotely controlled, hesitant, or timed too coarsely.
//!
//! A finding is no evidence of identity and never changes an LLR: a robot can type like its owner, and an owner
//! can paste. Each is one of three states with a reason; what cannot be said is [`FindingState::Unknown`], not
//! `NotDetected`. Details hold counts and times, never content. The bounds were set on real captures, so that
//! people seldom meet them; each says how seldom. A careful attacker who imitates human variation is not detected.

mod align;
mod clock;
mod hesitation;
mod paste;
mod remote;
mod replay;
mod scripted;

use crate::behavior::Capture;

pub use clock::{MAX_FINE_STEP_MS, clock_step};
pub use hesitation::{MIN_CAPTURES, Tempo, TempoProfile};
pub use replay::{Fingerprint, MAX_FINGERPRINTS};

/// What a finding is about.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Cue {
    /// The same events came before.
    Replay,
    /// Too regular, too fast or too straight for a hand.
    Scripted,
    /// Text came without keys, or keys in no time.
    Paste,
    /// Events come as a remote desktop sends them.
    RemoteControl,
    /// Pauses and corrections far beyond the person's own: duress, dictation, copying.
    Hesitation,
    /// Times stand on a coarse grid.
    CoarseClock,
}

/// Whether something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// It is there.
    Detected,
    /// It was looked for and is not there.
    NotDetected,
    /// It cannot be said.
    Unknown,
}

/// Why a finding is in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingReason {
    /// Nothing of the kind.
    Clear,
    /// Too few events.
    TooFewEvents,
    /// The cue has no meaning for this kind of capture.
    NotApplicable,
    /// Nothing to compare with.
    NoHistory,
    /// One weak cue alone.
    WeakCue,
    /// The same intervals as a capture seen before.
    SameIntervals,
    /// The same path in the same time as a capture seen before.
    SamePath,
    /// Keys are held for no time.
    ZeroHolds,
    /// Keys are all held for the same time.
    ConstantHolds,
    /// Keys follow each other at the same interval.
    ConstantIntervals,
    /// Faster than hands are.
    ImpossibleSpeed,
    /// Straight paths in equal steps.
    EqualSteps,
    /// Paths without the least bend.
    StraightPaths,
    /// Paths as smooth as a formula.
    NoJitter,
    /// A shortcut that pastes.
    PasteShortcut,
    /// Many keys at one time.
    KeysAtOnce,
    /// The text is longer than the keys that typed it.
    TextWithoutKeys,
    /// The keyboard may complete words, so fewer keys mean nothing.
    KeyboardCompletes,
    /// Events are rare, and positions jump.
    RareAndJumping,
    /// Pauses far beyond the person's own.
    LongPauses,
    /// Corrections far beyond the person's own.
    ManyCorrections,
    /// All times are multiples of a coarse step.
    CoarseStep,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// What it is about.
    pub cue: Cue,
    /// Whether it was found.
    pub state: FindingState,
    /// Why.
    pub reason: FindingReason,
    /// Counts and times behind it; empty where there is nothing to say.
    pub detail: String,
}

/// What is known from before.
#[derive(Debug, Clone, Copy, Default)]
pub struct History<'a> {
    /// Of captures seen before, at most [`MAX_FINGERPRINTS`] of which are compared, latest first.
    pub fingerprints: &'a [Fingerprint],
    /// The person's own tempo.
    pub tempo: Option<&'a TempoProfile>,
    /// Characters of the text that the capture is said to have typed.
    pub characters: Option<u32>,
}

/// Every cue in turn, in the order of [`Cue`].
pub fn findings(capture: &Capture, history: &History<'_>) -> Vec<Finding> {
    vec![
        replay::find(capture, history.fingerprints),
        scripted::find(capture),
        paste::find(capture, history.characters),
        remote::find(capture),
        hesitation::find(capture, history.tempo),
        clock::find(capture),
    ]
}

impl FindingReason {
    /// The reason for people; no content.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Clear => "nothing of the kind",
            Self::TooFewEvents => "too few events",
            Self::NotApplicable => "not looked for in this kind of capture",
            Self::NoHistory => "nothing to compare with yet",
            Self::WeakCue => "one weak sign alone",
            Self::SameIntervals => "the same intervals as an earlier capture",
            Self::SamePath => "the same path as an earlier capture",
            Self::ZeroHolds => "keys are held for no time",
            Self::ConstantHolds => "all keys are held for the same time",
            Self::ConstantIntervals => "keys follow at the same interval",
            Self::ImpossibleSpeed => "faster than hands are",
            Self::EqualSteps => "straight paths in equal steps",
            Self::StraightPaths => "paths without the least bend",
            Self::NoJitter => "paths as smooth as a formula",
            Self::PasteShortcut => "a shortcut that pastes",
            Self::KeysAtOnce => "many keys at one time",
            Self::TextWithoutKeys => "more text than keys",
            Self::KeyboardCompletes => "the keyboard may complete words",
            Self::RareAndJumping => "few events that jump",
            Self::LongPauses => "pauses far beyond the person's own",
            Self::ManyCorrections => "corrections far beyond the person's own",
            Self::CoarseStep => "a coarse clock",
        }
    }
}

impl std::fmt::Display for Finding {
    /// The reason, and the detail in parentheses.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason.phrase())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

impl Finding {
    fn detected(cue: Cue, reason: FindingReason, detail: String) -> Self {
        Self { cue, state: FindingState::Detected, reason, detail }
    }

    fn clear(cue: Cue) -> Self {
        let (state, reason) = (FindingState::NotDetected, FindingReason::Clear);
        Self { cue, state, reason, detail: String::new() }
    }

    fn unknown(cue: Cue, reason: FindingReason) -> Self {
        Self { cue, state: FindingState::Unknown, reason, detail: String::new() }
    }
}

/// Value at a share of a list, 0 to 1; NaN of an empty one.
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1) as f64 * share).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// Mean and standard deviation; NaN of an empty list.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt())
}

#[cfg(test)]
mod tests;
