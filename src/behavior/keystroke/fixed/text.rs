//! What a background knows about one text on one class of device: how people type it, how they differ, and how
//! typing changes with practice.

use crate::behavior::BehaviorError;
use crate::behavior::event::Device;
use crate::behavior::keystroke::fixed::keys::KeySequence;
use crate::behavior::keystroke::fixed::layout::{Group, LEAST_KEYS, Layout, MOST_KEYS, TOUCH};
use crate::behavior::keystroke::fixed::stats::Usual;
use crate::behavior::limits::MAX_ID_BYTES;
use crate::scoring::plda::Plda;

/// Most people of a text that are kept to compare with.
pub const MOST_COHORT: usize = 64;
/// Standardized values are cut here before they are projected.
const CUT: f64 = 4.0;

/// A text that many people typed.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextModel {
    /// Its name.
    pub id: String,
    /// Where it was typed.
    pub device: Device,
    /// Shape of its vectors.
    pub layout: Layout,
    /// Its keys.
    pub keys: KeySequence,
    /// How many people it was fitted on.
    pub people: u32,
    /// All people.
    pub everybody: Normal,
    /// Deviation of one person's typings around that person's mean, `layout.len()` values.
    pub within: Vec<f32>,
    /// Deviation of people's means.
    pub between: Vec<f32>,
    /// Usual mean absolute deviations of one person.
    pub usual: UsualModel,
    /// Who types it for the first time.
    pub novice: Normal,
    /// Who has typed it often.
    pub practiced: Normal,
    /// Medians of some people, `layout.len()` values each.
    pub cohort: Vec<Vec<f32>>,
    /// How people change after so many typings, by rising number.
    pub practice: Vec<Practice>,
    /// Compares hold and step times.
    pub timing: Projection,
    /// Compares what a touch screen gives.
    pub touch: Option<Projection>,
}

/// Mean and deviation of each value.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normal {
    /// Mean, `layout.len()` values.
    pub mean: Vec<f32>,
    /// Standard deviation, above 0.
    pub deviation: Vec<f32>,
}

/// [`Usual`] in a file.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsualModel {
    /// `layout.len()` values.
    pub log: Vec<f32>,
    /// `layout.timing_len()` values.
    pub raw: Vec<f32>,
}

/// Regression of later typing on the first typings.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Practice {
    /// How many typings were enrolled.
    pub typings: u32,
    /// Mean over people of the median of those.
    pub early: Vec<f32>,
    /// Mean over people of the median of later sessions.
    pub late: Vec<f32>,
    /// How much of a person's distance from the mean stays, 0 to 1.2.
    pub slope: Vec<f32>,
    /// What is left unexplained.
    pub rest: Vec<f32>,
}

/// A projection and how much of the variance within a person is one sitting's.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Projection {
    /// Over standardized values.
    pub plda: Plda,
    /// Share of a sitting, 0 to 1.
    pub session: f32,
}

impl TextModel {
    /// Refuses what cannot have come from a fit.
    ///
    /// # Errors
    /// Lengths that do not fit together, numbers that are not finite, deviations that are not positive.
    pub fn check(&self) -> Result<(), BehaviorError> {
        let bad = |what: &str| Err(BehaviorError::Background(format!("a fixed text: {what}")));
        let n = self.layout.len();
        let keys = self.layout.keys;
        if !(LEAST_KEYS..=MOST_KEYS).contains(&keys) || self.id.len() > MAX_ID_BYTES {
            return bad("number of keys or name");
        }
        if self.keys.known.len() != keys || self.keys.classes.len() != keys {
            return bad("keys");
        }
        let finite = |v: &[f32], n: usize| v.len() == n && v.iter().all(|x| x.is_finite());
        let spread = |v: &[f32], n: usize| finite(v, n) && v.iter().all(|x| *x > 0.0);
        let normals = [&self.everybody, &self.novice, &self.practiced];
        if !normals.iter().all(|d| finite(&d.mean, n) && spread(&d.deviation, n)) {
            return bad("means and deviations");
        }
        let usual = spread(&self.usual.log, n) && spread(&self.usual.raw, self.layout.timing_len());
        if !usual || !spread(&self.within, n) || !spread(&self.between, n) {
            return bad("deviations");
        }
        let cohort = (1..=MOST_COHORT).contains(&self.cohort.len());
        if !cohort || !self.cohort.iter().all(|c| finite(c, n)) {
            return bad("cohort");
        }
        let usable = |p: &Practice| {
            [&p.early, &p.late, &p.slope].iter().all(|v| finite(v, n)) && spread(&p.rest, n)
        };
        let rising = self.practice.windows(2).all(|w| w[0].typings < w[1].typings);
        if self.practice.is_empty() || !rising || !self.practice.iter().all(usable) {
            return bad("practice");
        }
        if self.timing.plda.input() != 2 * keys - 1 {
            return bad("projection");
        }
        if self.touch.as_ref().is_some_and(|t| t.plda.input() != touch_len(&self.layout)) {
            return bad("projection of touch");
        }
        for projection in std::iter::once(&self.timing).chain(&self.touch) {
            projection.plda.check()?;
            if !(0.0..=1.0).contains(&projection.session) {
                return bad("share of a sitting");
            }
        }
        Ok(())
    }

    /// Usual deviations for samples of `layout`, which may lack what a touch screen gives.
    pub fn usual(&self, layout: &Layout) -> Usual {
        let log = self.usual.log.get(..layout.len()).unwrap_or(&self.usual.log);
        Usual {
            log: log.iter().map(|x| f64::from(*x)).collect(),
            raw: self.usual.raw.iter().map(|x| f64::from(*x)).collect(),
        }
    }

    /// The regression for so many enrolled typings, between those that were fitted by the logarithm of the number.
    pub fn practice(&self, typings: f64) -> Practice {
        let Some((low, high, share)) = between(&self.practice, |p| p.typings, typings) else {
            return Practice::default();
        };
        let mix = |a: &[f32], b: &[f32]| -> Vec<f32> {
            a.iter().zip(b).map(|(a, b)| a + (b - a) * share as f32).collect()
        };
        Practice {
            typings: typings as u32,
            early: mix(&low.early, &high.early),
            late: mix(&low.late, &high.late),
            slope: mix(&low.slope, &high.slope),
            rest: mix(&low.rest, &high.rest),
        }
    }

    /// Standardizes the hold and step times of a vector, cut, for [`Self::timing`].
    pub fn standard_timing(&self, log: &[f64], shift: &[f32], out: &mut Vec<f32>) {
        out.clear();
        for i in 0..2 * self.layout.keys - 1 {
            out.push(self.standard(i, log, shift));
        }
    }

    /// The same of what the touch screen gives, for [`Self::touch`].
    pub fn standard_touch(&self, log: &[f64], shift: &[f32], out: &mut Vec<f32>) {
        out.clear();
        for i in self.layout.timing_len()..self.layout.len() {
            out.push(self.standard(i, log, shift));
        }
    }

    fn standard(&self, i: usize, log: &[f64], shift: &[f32]) -> f32 {
        let at = |v: &[f32]| v.get(i).copied().map_or(0.0, f64::from);
        let x = log.get(i).copied().unwrap_or_default() + at(shift);
        let deviation = at(&self.everybody.deviation).max(1e-9);
        ((x - at(&self.everybody.mean)) / deviation).clamp(-CUT, CUT) as f32
    }

    /// Whether places and pressures lie where this background's people had them: coordinates and units are those of a
    /// device, and on another they would tell nothing but that.
    pub fn same_screen(&self, log: &[f64]) -> bool {
        let mut z = Vec::new();
        self.standard_touch(log, &[], &mut z);
        let mean = z.iter().map(|x| x.abs()).sum::<f32>() / z.len().max(1) as f32;
        mean < MOST_SCREEN_DEVIATIONS
    }
}

/// Mean standardized distance of a person's touches from everybody's beyond which the device must be another one.
const MOST_SCREEN_DEVIATIONS: f32 = 2.5;

/// Values of a touch screen in a vector.
pub fn touch_len(layout: &Layout) -> usize {
    TOUCH.iter().map(|g: &Group| layout.range(*g).len()).sum()
}

/// The two neighbors of `typings` in a list by rising number, and how far it lies towards the second by its logarithm.
pub fn between<T>(list: &[T], number: impl Fn(&T) -> u32, typings: f64) -> Option<(&T, &T, f64)> {
    let above = list.iter().position(|x| f64::from(number(x)) >= typings);
    match above {
        None => list.last().map(|last| (last, last, 0.0)),
        Some(0) => list.first().map(|first| (first, first, 0.0)),
        Some(i) => {
            let (low, high) = (list.get(i - 1)?, list.get(i)?);
            let ln = |x: f64| x.max(1.0).ln();
            let (a, b) = (ln(f64::from(number(low))), ln(f64::from(number(high))));
            Some((low, high, (ln(typings) - a) / (b - a).max(1e-9)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_numbers_the_logarithm_counts() {
        let list = [1, 10, 100];
        let at = |n| between(&list, |x| *x, n).unwrap();
        assert_eq!(at(10.0), (&1, &10, 1.0));
        assert_eq!((at(0.5).0, at(0.5).2), (&1, 0.0));
        assert_eq!((at(500.0).0, at(500.0).2), (&100, 0.0));
        let (low, high, share) = at(31.622_776);
        assert_eq!((low, high), (&10, &100));
        assert!((share - 0.5).abs() < 1e-6);
        assert!(between::<u32>(&[], |x| *x, 3.0).is_none());
    }
}
