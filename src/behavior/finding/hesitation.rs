//! Hesitation: pauses and corrections far beyond the person's own. Duress, dictation by phone and copying from paper
//! look like this, and so does a bad day: a reason to ask, not to refuse. Against all earlier captures of the person it is
//! found in 0.04 % of 12,152 typed passwords (31 people, cmu_dsl) and 0.9 % of 6,916 sentences (988 people, Aalto). No
//! recording of duress was at hand: how many are detected was not measured.

use serde::{Deserialize, Serialize};

use crate::behavior::finding::{Cue, Finding, FindingReason, moments, quantile};
use crate::behavior::key::KeyClass;
use crate::behavior::{Capture, Events};

/// Captures behind a tempo profile before it is used.
pub const MIN_CAPTURES: usize = 8;
/// Fewest keys or moves.
const MIN_EVENTS: usize = 6;
/// Own deviations from which pauses or corrections are far beyond.
const FAR: f64 = 5.0;
/// Least deviation that a person is taken to have: in log time, and as a share of corrections.
const LEAST_LOG: f64 = 0.15;
const LEAST_SHARE: f64 = 0.03;
/// The longest pause must also be this long, ms.
const LEAST_PAUSE_MS: f64 = 800.0;
/// Between points of a stroke or pointer, shorter gaps are sampling and not pauses, ms.
const SAMPLING_MS: f64 = 50.0;

/// How hesitant one capture is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tempo {
    /// Natural log of the 90 % quantile of intervals in ms.
    pub slow: f64,
    /// Natural log of the longest interval in ms.
    pub longest: f64,
    /// Corrections a key, 0 to 1.
    pub corrections: f64,
}

impl Tempo {
    /// The tempo of a capture; `None` with too few events. A pointer is measured over its pauses.
    pub fn of(capture: &Capture) -> Option<Self> {
        let (gaps, corrections): (Vec<f64>, f64) = match &capture.events {
            Events::Keystroke(keys) => {
                let edits = keys.iter().filter(|k| k.key.class() == KeyClass::Edit).count();
                let gaps = keys.windows(2).map(|w| w[1].down_ms - w[0].down_ms).collect();
                (gaps, edits as f64 / keys.len().max(1) as f64)
            }
            Events::Touch(points) | Events::Pointer(points) => {
                let gaps = points.windows(2).map(|w| w[1].t_ms - w[0].t_ms);
                (gaps.filter(|gap| *gap > SAMPLING_MS).collect(), 0.0)
            }
        };
        if gaps.len() < MIN_EVENTS - 1 {
            return None;
        }
        let log = |share| (quantile(gaps.clone(), share) + 1.0).ln();
        Some(Self { slow: log(0.9), longest: log(1.0), corrections })
    }

    fn values(&self) -> [f64; 3] {
        [self.slow, self.longest, self.corrections]
    }
}

/// A person's own tempo: moments over accepted captures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TempoProfile {
    /// How many captures.
    pub count: u32,
    /// Mean of each value of [`Tempo`].
    pub mean: [f64; 3],
    /// Standard deviation of each.
    pub deviation: [f64; 3],
}

impl TempoProfile {
    /// The profile of captures of one person.
    pub fn of(tempos: &[Tempo]) -> Self {
        let column = |i: usize| {
            let values: Vec<f64> = tempos.iter().map(|t| t.values()[i]).collect();
            moments(&values)
        };
        let columns = [0, 1, 2].map(|i| if tempos.is_empty() { (0.0, 0.0) } else { column(i) });
        Self {
            count: tempos.len() as u32,
            mean: columns.map(|c| c.0),
            deviation: columns.map(|c| c.1),
        }
    }
}

pub(super) fn find(capture: &Capture, profile: Option<&TempoProfile>) -> Finding {
    let cue = Cue::Hesitation;
    let Some(tempo) = Tempo::of(capture) else {
        return Finding::unknown(cue, FindingReason::TooFewEvents);
    };
    let Some(profile) = profile.filter(|p| p.count as usize >= MIN_CAPTURES) else {
        return Finding::unknown(cue, FindingReason::NoHistory);
    };
    let values = tempo.values();
    let beyond = |i: usize, least: f64| {
        let deviation = profile.deviation[i].max(least);
        (values[i] - profile.mean[i]) / deviation
    };
    let (slow, longest) = (beyond(0, LEAST_LOG), beyond(1, LEAST_LOG));
    let corrections = beyond(2, LEAST_SHARE);
    if slow.max(longest) >= FAR && tempo.longest >= LEAST_PAUSE_MS.ln() {
        let detail = format!("{:.1} own deviations", slow.max(longest));
        return Finding::detected(cue, FindingReason::LongPauses, detail);
    }
    if corrections >= FAR {
        let detail = format!("{corrections:.1} own deviations");
        return Finding::detected(cue, FindingReason::ManyCorrections, detail);
    }
    Finding::clear(cue)
}
