//! What is known of other people's pointers, and how a comparison becomes an LLR by it.

use serde::{Deserialize, Serialize};

use crate::behavior::BehaviorError;
use crate::behavior::pointer::features::FEATURES;
use crate::behavior::pointer::stats::{Adjusted, BLOCK, LENGTH_FIT, STATS, adjust, blocks};
use crate::scoring::logistic::Logistic;
use crate::scoring::plda::Plda;

/// Layout of the file.
pub const VERSION: u32 = 1;
/// LLRs end here: some 3,000 pairs of other people are behind the calibration, and they show no more.
pub const MAX_LLR: f64 = 7.0;
/// Share of the variance within a person that does not shrink with more actions: mood, hand, session.
const FLOOR: f64 = 0.6;
/// Standardized statistics are cut here.
const CUT: f64 = 4.0;
/// Scale at which raw scores are compressed before calibration.
const KNEE: f64 = 5.0;

/// A fitted background model: `models/behavior-pointer/background.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Background {
    /// [`VERSION`].
    pub version: u32,
    /// How many people it was fitted on.
    pub people: u32,
    /// [`LENGTH_FIT`] coefficients: what the length of an action explains of each feature.
    pub length_fit: Vec<f32>,
    /// Mean of each of [`STATS`] block statistics.
    pub mean: Vec<f32>,
    /// One over its standard deviation.
    pub scale: Vec<f32>,
    /// Over the standardized statistics.
    pub plda: Plda,
    /// Over what [`inputs`] makes of a comparison.
    pub calibration: Logistic,
}

/// A set of actions as the model sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// [`STATS`] standardized statistics, mean over blocks, 0 where there is none.
    pub stats: Vec<f32>,
    /// Their projection.
    pub projected: Vec<f64>,
    /// How many actions.
    pub actions: usize,
}

impl Background {
    /// Refuses what cannot have come from a fit.
    ///
    /// # Errors
    /// Another version, lengths that do not fit together, numbers that are not finite.
    pub fn check(&self) -> Result<(), BehaviorError> {
        let refuse = |why: String| Err(BehaviorError::Background(why));
        if self.version != VERSION {
            return refuse(format!("pointer version {VERSION} is read, got {}", self.version));
        }
        let parts = [
            ("length_fit", &self.length_fit, LENGTH_FIT),
            ("mean", &self.mean, STATS),
            ("scale", &self.scale, STATS),
            ("plda.mean", &self.plda.mean, STATS),
        ];
        for (what, part, expected) in parts {
            if part.len() != expected || !part.iter().all(|x| x.is_finite()) {
                return refuse(format!("{what} needs {expected} finite values"));
            }
        }
        self.plda.check()?;
        self.calibration.check()?;
        let (expected, got) = (INPUTS, self.calibration.mean.len());
        if got != expected {
            return refuse(format!("the calibration needs {expected} inputs, got {got}"));
        }
        Ok(())
    }

    /// The rows of a person or probe, adjusted for length.
    pub fn adjusted<'a>(&self, rows: impl Iterator<Item = &'a [f32]>) -> Vec<Adjusted> {
        rows.map(|row| adjust(row, &self.length_fit)).collect()
    }

    /// What the model compares.
    ///
    /// # Errors
    /// None after [`Self::check`].
    pub fn side(&self, actions: &[Adjusted]) -> Result<Side, BehaviorError> {
        let stats = mean_of(&standardized(&blocks(actions), &self.mean, &self.scale));
        self.side_of(stats, actions.len())
    }

    /// The same, from statistics.
    ///
    /// # Errors
    /// Another number of statistics.
    pub fn side_of(&self, stats: Vec<f32>, actions: usize) -> Result<Side, BehaviorError> {
        let mut projected = Vec::new();
        self.plda.project(&stats, &mut projected)?;
        Ok(Side { stats, projected, actions })
    }

    /// PLDA log-likelihood ratio before calibration.
    pub fn raw(&self, enrolled: &Side, probe: &Side) -> f64 {
        raw(&self.plda, enrolled, probe)
    }

    /// Calibrated LLR of a raw score, within ±[`MAX_LLR`].
    pub fn llr(&self, raw: f64, enrolled: usize, probe: usize) -> f64 {
        self.calibration.llr(&inputs(raw, enrolled, probe)).clamp(-MAX_LLR, MAX_LLR)
    }
}

/// PLDA log-likelihood ratio of two sides.
pub(super) fn raw(plda: &Plda, enrolled: &Side, probe: &Side) -> f64 {
    let variance = |side: &Side| FLOOR + (1.0 - FLOOR) * BLOCK as f64 / side.actions.max(1) as f64;
    plda.llr((&enrolled.projected, variance(enrolled)), (&probe.projected, variance(probe)))
}

/// Number of values of [`inputs`].
pub const INPUTS: usize = 4;

/// What calibration sees: the score, compressed; how it changes with the probe's actions; both counts.
pub fn inputs(raw: f64, enrolled: usize, probe: usize) -> [f64; INPUTS] {
    let score = KNEE * (raw / KNEE).asinh();
    let amount = |n: usize| (n.clamp(1, 400) as f64 / BLOCK as f64).ln();
    [score, score * amount(probe), amount(probe), amount(enrolled)]
}

/// Block vectors in standard units, cut, with 0 for what is missing.
pub(super) fn standardized(blocks: &[[f64; STATS]], mean: &[f32], scale: &[f32]) -> Vec<Vec<f32>> {
    let one = |x: &f64, m: &f32, s: &f32| {
        let z = (x - f64::from(*m)) * f64::from(*s);
        if z.is_finite() { z.clamp(-CUT, CUT) as f32 } else { 0.0 }
    };
    let row = |block: &[f64; STATS]| {
        block.iter().zip(mean.iter().zip(scale)).map(|(x, (m, s))| one(x, m, s)).collect()
    };
    blocks.iter().map(row).collect()
}

/// Mean of vectors of [`STATS`] values.
pub(super) fn mean_of(vectors: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = vec![0.0f32; STATS];
    for vector in vectors {
        sum.iter_mut().zip(vector).for_each(|(s, x)| *s += x);
    }
    let count = vectors.len().max(1) as f32;
    sum.iter_mut().for_each(|s| *s /= count);
    sum
}

/// Positions among the statistics that feature `i` has.
pub(super) fn positions(i: usize) -> [usize; 4] {
    [0, 1, 2, 3].map(|part| part * FEATURES + i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_background_can_be_used() {
        let text = include_str!("../../../models/behavior-pointer/background.json");
        let background: Background = serde_json::from_str(text).unwrap();
        background.check().unwrap();
        assert!(text.len() < 300_000 && background.people == 72);
        let side = background.side(&[]).unwrap();
        assert!(background.raw(&side, &side).is_finite());
        for raw in [-1e300, -50.0, 0.0, 50.0, f64::INFINITY, f64::NAN] {
            assert!(background.llr(raw, 200, 60).abs() <= MAX_LLR, "{raw}");
        }
        let llr = |raw| background.llr(raw, 200, 60);
        assert!(llr(5.0) > llr(0.0) && llr(0.0) > llr(-5.0));
    }
}
