//! Calibration: raw score and quality measures to a natural-log likelihood ratio.
//!
//! Logistic regression (Brümmer and du Preez, Computer Speech and Language 20, 2006) with quality
//! measures (Mandasari et al., IEEE TASLP 21, 2013) in offset and slope:
//! `llr = b·q + raw · (w·q)`, `q = (1, short, long, cross, narrow)`, each measure scaled to 0..=1 over
//! the range seen in the fit and clamped to it. The fit holds the slope positive on the whole of
//! that range, so the LLR rises with the raw score under all conditions.

use crate::domain::{Llr, RawScore};
use crate::scoring::ScoringError;
use crate::scoring::tail::ImpostorTail;

mod fit;
mod validate;

pub(crate) use fit::softplus;
pub use fit::{FitOptions, fit};
pub use validate::cross_validate;

/// Quality measures, with the constant.
pub const MEASURES: usize = 5;

/// Least slope of the LLR over the raw score that a calibration may have anywhere.
pub const MIN_SLOPE: f64 = 1e-3;

/// What is known about a trial besides its score. Order of the sides does not matter.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Conditions {
    /// Net speech of each side, in milliseconds.
    pub net_speech_ms: [u32; 2],
    /// Share of telephone-band speech of each side, 0 to 1.
    pub narrow_share: [f64; 2],
}

impl Conditions {
    /// The same for every trial: a fit to trials under it has two numbers, a scale and a shift.
    pub const ALIKE: Self = Self { net_speech_ms: [1, 1], narrow_share: [0.0, 0.0] };
}

/// A trial with its score and its truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabeledTrial {
    /// Score to be calibrated.
    pub raw: RawScore,
    /// What is known about it.
    pub conditions: Conditions,
    /// Same person.
    pub target: bool,
    /// Weight in the fit, ≥ 0.
    pub weight: f64,
}

/// Range of net speech seen in a fit, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeechRange {
    /// Least.
    pub from_ms: u32,
    /// Most.
    pub to_ms: u32,
}

/// What a calibration was fitted on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitCounts {
    /// Trials of the same person.
    pub target_trials: u64,
    /// Trials of two people.
    pub non_target_trials: u64,
    /// People.
    pub speakers: u64,
}

/// A fitted calibration.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Its own version, from 1.
    pub version: u32,
    /// Weights of the offset, for `(1, short, long, cross, narrow)`.
    pub offset: [f64; MEASURES],
    /// Weights of the slope, for the same.
    pub slope: [f64; MEASURES],
    /// Net speech of the shorter side, as seen in the fit.
    pub shorter: SpeechRange,
    /// Net speech of the longer side, as seen in the fit.
    pub longer: SpeechRange,
    /// What it was fitted on.
    pub fitted_on: FitCounts,
    /// Impostor tail for 1:N thresholds.
    pub tail: ImpostorTail,
}

impl SpeechRange {
    /// Position of a duration within the range on a logarithmic scale, clamped to 0..=1.
    fn position(self, net_speech_ms: u32) -> f64 {
        let ln = |ms: u32| f64::from(ms.max(1)).ln();
        let (from, to) = (ln(self.from_ms), ln(self.to_ms));
        if to <= from {
            return 0.0;
        }
        ((ln(net_speech_ms) - from) / (to - from)).clamp(0.0, 1.0)
    }
}

/// The measures of a trial, each in 0..=1, led by the constant.
pub(crate) fn measures(
    conditions: &Conditions,
    shorter: SpeechRange,
    longer: SpeechRange,
) -> [f64; MEASURES] {
    let [a, b] = conditions.net_speech_ms;
    let [x, y] = conditions.narrow_share.map(|share| share.clamp(0.0, 1.0));
    [1.0, shorter.position(a.min(b)), longer.position(a.max(b)), (x - y).abs(), x.min(y)]
}

fn product(weights: &[f64; MEASURES], q: &[f64; MEASURES]) -> f64 {
    weights.iter().zip(q).map(|(w, q)| w * q).sum()
}

/// Least slope over all conditions. Measures 1 and 2 are free in 0..=1; `cross + narrow ≤ 1`.
pub(crate) fn least_slope(slope: &[f64; MEASURES]) -> f64 {
    slope[0] + slope[1].min(0.0) + slope[2].min(0.0) + slope[3].min(slope[4]).min(0.0)
}

impl Calibration {
    /// Refuses weights that are not finite or not monotone, and unusable ranges and tails.
    pub fn check(&self) -> Result<(), ScoringError> {
        let finite = self.offset.iter().chain(&self.slope).all(|w| w.is_finite());
        if !finite || least_slope(&self.slope) < MIN_SLOPE {
            let why = "the calibration is not finite and rising everywhere";
            return Err(ScoringError::Artifact(why.into()));
        }
        for range in [self.shorter, self.longer] {
            if range.from_ms == 0 || range.to_ms < range.from_ms {
                let why = "a range of net speech is empty or starts at 0 ms";
                return Err(ScoringError::Artifact(why.into()));
            }
        }
        self.tail.check()
    }

    /// A calibration that gives the raw score back: a placeholder while a back-end is being fitted.
    /// It has no impostor tail and does not pass [`Calibration::check`].
    pub fn identity() -> Self {
        let range = SpeechRange { from_ms: 1, to_ms: 1 };
        Self {
            version: 0,
            offset: [0.0; MEASURES],
            slope: [1.0, 0.0, 0.0, 0.0, 0.0],
            shorter: range,
            longer: range,
            fitted_on: FitCounts { target_trials: 0, non_target_trials: 0, speakers: 0 },
            tail: ImpostorTail { comparisons: 0, pairs: 0, points: Vec::new() },
        }
    }

    /// Calibrated evidence.
    pub fn llr(&self, raw: RawScore, conditions: &Conditions) -> Llr {
        let q = measures(conditions, self.shorter, self.longer);
        Llr(product(&self.offset, &q) + raw.0 * product(&self.slope, &q))
    }

    /// The calibration whose LLRs are `scale · llr + shift` of this one's; thresholds for identification move along.
    ///
    /// # Errors
    /// A scale that is not positive, or numbers that are not finite.
    pub fn rescaled(&self, scale: f64, shift: f64, version: u32) -> Result<Self, ScoringError> {
        let mut offset = self.offset.map(|w| scale * w);
        offset[0] += shift;
        let mut tail = self.tail.clone();
        tail.points.iter_mut().for_each(|point| point.llr = scale * point.llr + shift);
        let slope = self.slope.map(|w| scale * w);
        let rescaled = Self { version, offset, slope, tail, ..self.clone() };
        rescaled.check()?;
        Ok(rescaled)
    }

    /// Reads and checks the JSON form.
    pub fn from_json(text: &str) -> Result<Self, ScoringError> {
        let calibration: Self =
            serde_json::from_str(text).map_err(|e| ScoringError::Artifact(e.to_string()))?;
        calibration.check()?;
        Ok(calibration)
    }

    /// The JSON form, numbers at full precision.
    pub fn to_json(&self) -> Result<String, ScoringError> {
        serde_json::to_string_pretty(self).map_err(|e| ScoringError::Artifact(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::backend::testing::back_end;

    #[test]
    fn a_rescaled_calibration_moves_llrs_and_thresholds_alike() {
        let base = back_end().calibration().clone();
        let moved = base.rescaled(0.5, -1.25, 9).unwrap();
        assert_eq!(moved.version, 9);
        for (raw, speech, share) in [(0.3, 1_000, 0.0), (-2.0, 60_000, 1.0), (4.0, 5_000, 0.4)] {
            let conditions =
                Conditions { net_speech_ms: [speech, 20_000], narrow_share: [share, 0.2] };
            let llr = |c: &Calibration| c.llr(RawScore(raw), &conditions).0;
            assert!((llr(&moved) - (0.5 * llr(&base) - 1.25)).abs() < 1e-12);
        }
        let top = |c: &Calibration| c.tail.points[0].llr;
        assert!((top(&moved) - (0.5 * top(&base) - 1.25)).abs() < 1e-12);
        for scale in [0.0, -1.0, f64::NAN] {
            assert!(base.rescaled(scale, 0.0, 9).is_err(), "{scale}");
        }
        assert!(base.rescaled(1.0, f64::INFINITY, 9).is_err());
    }
}
