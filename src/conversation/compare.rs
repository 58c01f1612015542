//! A profile against a probe.

use crate::conversation::ConversationError;
use crate::conversation::background::Background;
use crate::conversation::features::Habit;
use crate::conversation::profile::Style;
use crate::domain::{Llr, RawScore};
use crate::scoring::plda::Plda;

/// Fewest words of a side: less is no style.
pub const MIN_WORDS: u32 = 30;

/// Variance of a person from one day to another, which more words of one day do not lower, in units of the
/// variance of one stretch of text.
pub(super) const DAY_VARIANCE: f64 = 0.2;

/// Variance that a text of the cohort is given: some two stretches.
const COHORT_VARIANCE: f64 = 0.5 + DAY_VARIANCE;

/// Values of the calibration: score and normalized score, each alone and by the words of either side, and the
/// words.
pub(super) const CALIBRATION_VALUES: usize = 8;

/// What a comparison says.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The model's own log-likelihood ratio, before calibration.
    pub raw: RawScore,
    /// Calibrated.
    pub llr: Llr,
    /// Whether both sides hold the words that the calibration was made for. If not, the LLR is drawn to 0 by
    /// the share that is missing.
    pub enough: bool,
    /// Words of profile and probe.
    pub words: [u32; 2],
    /// What spoke for and against, strongest first.
    pub habits: Vec<HabitShare>,
}

/// What a family of habits adds to the LLR.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HabitShare {
    /// Which.
    pub habit: Habit,
    /// Above zero speaks for the person. Shares do not add up to the LLR: what all comparisons of so many words have
    /// in common belongs to no habit.
    pub llr: f64,
}

impl Background {
    /// How much better the probe fits the profile's person than somebody else. Symmetric but for the calibration.
    ///
    /// # Errors
    /// Another background model, or fewer than [`MIN_WORDS`] words on a side.
    pub fn compare(&self, profile: &Style, probe: &Style) -> Result<Evidence, ConversationError> {
        for (what, side) in [("a profile", profile), ("a probe", probe)] {
            let (needed, got) = (MIN_WORDS as usize, side.words as usize);
            if got < needed {
                return Err(ConversationError::TooFew { what, needed, got });
            }
            let version = self.version().to_owned();
            if side.background != version || side.dim != self.dim() {
                let enrolled = side.background.clone();
                return Err(ConversationError::Background { enrolled, got: version });
            }
        }
        let (a, b) = (Side::of(profile), Side::of(probe));
        let raw = self.model.llr((&a.total, a.variance), (&b.total, b.variance));
        let usual = [&a, &b]
            .map(|side| Usual::of(&self.model, self.cohort(), (&side.total, side.variance)));
        let clamp = |words: u32, range: &super::background::WordRange| {
            f64::from(words.clamp(range.least, range.most))
        };
        let words =
            [clamp(profile.words, &self.profile_words), clamp(probe.words, &self.probe_words)];
        let missing = (f64::from(profile.words) / f64::from(self.profile_words.least)).min(1.0)
            * (f64::from(probe.words) / f64::from(self.probe_words.least)).min(1.0);
        let at = |raw: f64| missing * self.calibration.llr(&calibration_values(raw, &usual, words));
        // A slope, so that shares are in the unit of the LLR.
        let slope = (at(raw + 0.5) - at(raw - 0.5)).max(0.0);
        Ok(Evidence {
            raw: RawScore(raw),
            llr: Llr(at(raw)),
            enough: missing >= 1.0,
            words: [profile.words, probe.words],
            habits: self.shares(&a, &b, slope),
        })
    }

    /// The score is a quadratic form in both sides, so by Euler's theorem half of gradient times value is the score
    /// less its constant; values are sums over families, and so each family has its share.
    fn shares(&self, a: &Side, b: &Side, slope: f64) -> Vec<HabitShare> {
        let dim = self.dim();
        let mut shares: Vec<HabitShare> =
            Habit::ALL.map(|habit| HabitShare { habit, llr: 0.0 }).into();
        for (d, between) in self.model.between.iter().enumerate() {
            let between = f64::from(*between);
            let (p, q) = (between + a.variance, between + b.variance);
            let determinant = p * q - between * between;
            let (Some(x), Some(y)) = (a.total.get(d), b.total.get(d)) else { continue };
            if determinant <= 0.0 {
                continue;
            }
            let from_a = x / p - (q * x - between * y) / determinant;
            let from_b = y / q - (p * y - between * x) / determinant;
            for (k, share) in shares.iter_mut().enumerate() {
                let at = |side: &Side| side.parts.get(k * dim + d).copied().unwrap_or(0.0);
                share.llr += slope * 0.5 * (from_a * at(a) + from_b * at(b));
            }
        }
        shares.retain(|s| s.llr != 0.0);
        shares.sort_by(|s, t| t.llr.abs().total_cmp(&s.llr.abs()));
        shares
    }
}

/// What a side scores against the people of the cohort, who are all somebody else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usual {
    mean: f64,
    deviation: f64,
}

impl Usual {
    /// Over `cohort`, vectors of the model's dimension. Without a cohort a score is its own normalization.
    pub(super) fn of<'c>(
        model: &Plda,
        cohort: impl Iterator<Item = &'c [f64]>,
        side: (&[f64], f64),
    ) -> Self {
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for other in cohort {
            let score = model.llr(side, (other, COHORT_VARIANCE));
            count += 1.0;
            sum += score;
            squares += score * score;
        }
        if count < 2.0 {
            return Self { mean: 0.0, deviation: 1.0 };
        }
        let mean = sum / count;
        // Scores that hardly differ would make every one extreme.
        Self { mean, deviation: (squares / count - mean * mean).max(0.25).sqrt() }
    }
}

/// What the calibration looks at: the raw score, the score as seen from either side's usual ones (s-norm: Shum et al.,
/// Odyssey 2010), and words within the calibration's range.
pub(super) fn calibration_values(
    raw: f64,
    usual: &[Usual; 2],
    words: [f64; 2],
) -> [f64; CALIBRATION_VALUES] {
    let [profile, probe] = words.map(|w| (w / 100.0).ln());
    let normal = usual.iter().map(|u| (raw - u.mean) / u.deviation).sum::<f64>() / 2.0;
    [raw, normal, raw * profile, raw * probe, normal * profile, normal * probe, profile, probe]
}

/// Means of a style.
struct Side {
    /// Of each family, `Habit::ALL.len() × dim`.
    parts: Vec<f64>,
    /// Their sum, `dim`.
    total: Vec<f64>,
    variance: f64,
}

impl Side {
    fn of(style: &Style) -> Self {
        let weight = style.weight();
        let parts: Vec<f64> = style.sums.iter().map(|x| x / weight).collect();
        let mut total = vec![0.0; style.dim];
        for part in parts.chunks_exact(style.dim.max(1)) {
            total.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        }
        Self { parts, total, variance: 1.0 / weight + DAY_VARIANCE }
    }
}
