//! From the statistics of a block to a vector, and from two vectors to a log-likelihood ratio.
//!
//! Statistics are held back by how rarely they were seen, standardized, and projected by regularized LDA. In
//! the projected space a block is `slope · y + e`: `y ~ N(0, between)` is the person, `e ~ N(0, noise)` the
//! block (the two-covariance model; Ioffe, ECCV 2006). Slope and noise depend on how many keys a block has,
//! and the noise of a mean shrinks with the blocks, so that confidence grows with keys.

use serde::{Deserialize, Serialize};

use crate::behavior::keystroke::free::groups::{STATISTICS, Sums};
use crate::behavior::keystroke::free::norms::Norms;
use crate::behavior::keystroke::free::press::Press;
use crate::scoring::logistic::Logistic;

/// Presses of a block, about: longer captures are cut into equal blocks.
pub const BLOCK: usize = 50;
/// Standardized statistics are cut here.
const CUT: f32 = 3.0;
/// Scale at which raw scores are compressed before calibration.
const KNEE: f64 = 10.0;
/// Number of values of [`inputs`].
pub const INPUTS: usize = 4;
/// Numbers of [`Totals`] before the vector.
pub const HEAD: usize = 3;

/// A fitted model of one way of naming keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// What people do on average.
    pub norms: Norms,
    /// How statistics become comparable.
    pub scaling: Scaling,
    /// Row-major, a row a dimension, a column a live statistic.
    pub projection: Vec<f32>,
    /// Variance between people of each dimension.
    pub between: Vec<f32>,
    /// Variance within a person of a block of [`BLOCK`] keys.
    pub within: Vec<f32>,
    /// By rising keys of a block: its slope, and its noise in units of `within`.
    pub curve: Vec<Point>,
    /// Noise that more blocks do not take away, in units of `within`.
    pub floor: f32,
    /// From [`inputs`] to an LLR.
    pub calibration: Logistic,
}

/// A point of [`Model::curve`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Keys of a block.
    pub keys: f32,
    /// How much of the person shows.
    pub slope: f32,
    /// How much else.
    pub noise: f32,
}

/// How sums of statistics become standardized values, for those that ever vary.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Scaling {
    /// Which statistics.
    pub live: Vec<u16>,
    /// Mean of a value.
    pub center: Vec<f32>,
    /// Values that a mean is held back by: variance within a person over that between.
    pub held_back: Vec<f32>,
    /// One over the deviation of what results.
    pub scale: Vec<f32>,
    /// Its mean, in deviations.
    pub shift: Vec<f32>,
}

impl Scaling {
    /// Standardized values of a block, one a live statistic.
    pub fn apply(&self, sums: &Sums) -> Vec<f32> {
        let terms = self.live.iter().zip(&self.center).zip(&self.held_back);
        terms
            .zip(self.scale.iter().zip(&self.shift))
            .map(|(((at, center), held_back), (scale, shift))| {
                let at = usize::from(*at);
                let count = sums.count.get(at).copied().unwrap_or(0.0);
                let sum = sums.sum.get(at).copied().unwrap_or(0.0);
                let mean = (sum - count * center) / (count + held_back);
                (mean * scale - shift).clamp(-CUT, CUT)
            })
            .collect()
    }
}

/// Projected blocks, added up. Totals of captures add up to those of a profile.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// Keys.
    pub keys: f64,
    /// Keys times slope.
    pub slope: f64,
    /// Keys squared times noise.
    pub noise: f64,
    /// Keys times projected vector.
    pub vector: Vec<f64>,
}

impl Totals {
    /// Adds those of another capture.
    pub fn add(&mut self, other: &Self) {
        self.keys += other.keys;
        self.slope += other.slope;
        self.noise += other.noise;
        self.vector.resize(self.vector.len().max(other.vector.len()), 0.0);
        self.vector.iter_mut().zip(&other.vector).for_each(|(s, x)| *s += x);
    }
}

/// Cuts presses into equal blocks of about [`BLOCK`].
pub fn blocks(presses: &[Press]) -> impl Iterator<Item = &[Press]> {
    let count = ((presses.len() + BLOCK / 2) / BLOCK).max(1);
    presses.chunks(presses.len().div_ceil(count).max(1))
}

impl Model {
    /// Number of dimensions compared.
    pub fn dim(&self) -> usize {
        self.between.len()
    }

    /// Projects one block.
    pub fn project(&self, sums: &Sums) -> Vec<f32> {
        let x = self.scaling.apply(sums);
        self.projection
            .chunks_exact(x.len().max(1))
            .map(|row| row.iter().zip(&x).map(|(w, x)| w * x).sum())
            .collect()
    }

    /// Adds up the projected blocks of a capture.
    pub fn totals(&self, presses: &[Press]) -> Totals {
        let mut totals = Totals { vector: vec![0.0; self.dim()], ..Totals::default() };
        for block in blocks(presses).filter(|b| !b.is_empty()) {
            let y = self.project(&Sums::of(block, &self.norms));
            let (keys, at) = (block.len() as f64, self.at(block.len()));
            totals.keys += keys;
            totals.slope += keys * f64::from(at.slope);
            totals.noise += keys * keys * f64::from(at.noise);
            totals.vector.iter_mut().zip(y).for_each(|(s, y)| *s += keys * f64::from(y));
        }
        totals
    }

    /// Slope and noise of a block of `keys`, between the points of the curve by ln keys.
    fn at(&self, keys: usize) -> Point {
        let keys = keys.max(1) as f32;
        let one = Point { keys, slope: 1.0, noise: 1.0 };
        let above = self.curve.iter().position(|p| p.keys >= keys);
        let (low, high) = match above {
            None => return self.curve.last().copied().unwrap_or(one),
            Some(0) => return self.curve.first().copied().unwrap_or(one),
            Some(at) => match self.curve.get(at - 1..=at) {
                Some([low, high]) => (low, high),
                _ => return one,
            },
        };
        let part = (keys / low.keys).ln() / (high.keys / low.keys).ln();
        let mix = |a: f32, b: f32| a + part * (b - a);
        Point { keys, slope: mix(low.slope, high.slope), noise: mix(low.noise, high.noise) }
    }

    /// Log-likelihood ratio of two sides being one person's, before calibration.
    pub fn raw(&self, enrolled: &Totals, probe: &Totals) -> f64 {
        let side = |t: &Totals| {
            let keys = t.keys.max(1.0);
            (1.0 / keys, t.slope / keys, t.noise / (keys * keys) + f64::from(self.floor))
        };
        let ((e, slope_e, noise_e), (t, slope_t, noise_t)) = (side(enrolled), side(probe));
        let variances = self.between.iter().zip(&self.within);
        variances
            .zip(enrolled.vector.iter().zip(&probe.vector))
            .map(|((between, within), (a, b))| {
                let (between, within) = (f64::from(*between), f64::from(*within));
                let (a, b) = (a * e, b * t);
                let p = slope_e * slope_e * between + noise_e * within;
                let q = slope_t * slope_t * between + noise_t * within;
                let shared = slope_e * slope_t * between;
                let determinant = p * q - shared * shared;
                if determinant <= 0.0 {
                    return 0.0;
                }
                let same = (q * a * a - 2.0 * shared * a * b + p * b * b) / determinant;
                0.5 * ((p * q / determinant).ln() + a * a / p + b * b / q - same)
            })
            .sum()
    }

    /// Calibrated LLR of a raw score.
    pub fn llr(&self, raw: f64, enrolled_keys: f64, probe_keys: f64) -> f64 {
        self.calibration.llr(&inputs(raw, enrolled_keys, probe_keys))
    }

    /// What is wrong with it, if anything.
    pub fn wrong(&self) -> Option<&'static str> {
        let s = &self.scaling;
        let live = s.live.len();
        let lengths = [s.center.len(), s.held_back.len(), s.scale.len(), s.shift.len()];
        if lengths.iter().any(|n| *n != live) || self.projection.len() != live * self.dim() {
            return Some("lengths do not fit together");
        }
        if self.within.len() != self.dim() || self.dim() == 0 || self.curve.is_empty() {
            return Some("lengths do not fit together");
        }
        if s.live.iter().any(|at| usize::from(*at) >= STATISTICS) {
            return Some("a statistic that does not exist");
        }
        let points = self.curve.iter().flat_map(|p| [p.keys, p.slope, p.noise]);
        let above_zero = self.between.iter().chain(&self.within).chain(&s.held_back).copied();
        if !above_zero.chain(points).all(|x| x.is_finite() && x > 0.0) {
            return Some("a variance or slope is not above zero");
        }
        let numbers = self.projection.iter().chain(&s.center).chain(&s.scale).chain(&s.shift);
        if !numbers.chain([&self.floor]).all(|x| x.is_finite()) || self.floor < 0.0 {
            return Some("a number is not finite");
        }
        if !self.curve.windows(2).all(|w| matches!(w, [a, b] if a.keys < b.keys)) {
            return Some("the curve is not in order");
        }
        if self.calibration.check().is_err() || self.calibration.mean.len() != INPUTS {
            return Some("the calibration has another shape");
        }
        self.norms.wrong()
    }
}

/// What calibration sees: the score, compressed; how it changes with the probe's keys; both counts.
pub fn inputs(raw: f64, enrolled_keys: f64, probe_keys: f64) -> [f64; INPUTS] {
    let score = KNEE * (raw / KNEE).asinh();
    let amount = |keys: f64| (keys.clamp(5.0, 1_000.0) / BLOCK as f64).ln();
    [score, score * amount(probe_keys), amount(probe_keys), amount(enrolled_keys)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let norms = Norms::fit([].iter(), 1, 1);
        let scaling = Scaling {
            live: vec![0],
            center: vec![0.0],
            held_back: vec![1.0],
            scale: vec![1.0],
            shift: vec![0.0],
        };
        let points = [(10.0, 0.5, 2.0), (50.0, 1.0, 1.0)];
        Model {
            norms,
            scaling,
            projection: vec![1.0],
            between: vec![3.0],
            within: vec![0.8],
            curve: points.map(|(keys, slope, noise)| Point { keys, slope, noise }).to_vec(),
            floor: 0.1,
            calibration: Logistic {
                mean: vec![0.0; INPUTS],
                scale: vec![1.0; INPUTS],
                weights: vec![1.0, 0.0, 0.0, 0.0],
                bias: 0.0,
            },
        }
    }

    fn totals(keys: f64, slope: f64, noise: f64, y: f64) -> Totals {
        Totals { keys, slope: keys * slope, noise: keys * keys * noise, vector: vec![keys * y] }
    }

    #[test]
    fn agrees_with_the_densities_written_out() {
        let model = model();
        assert_eq!(model.wrong(), None);
        let density = |x: f64, variance: f64| {
            (-0.5 * x * x / variance).exp() / (2.0 * std::f64::consts::PI * variance).sqrt()
        };
        let (a, b) = (0.9, -0.4);
        // Slopes 1 and 0.5; noise (1 + 0.1)·0.8 and (2 + 0.1)·0.8.
        let (va, vb) = (1.1 * 0.8, 2.1 * 0.8);
        let step = 1e-3;
        let joint: f64 = (-20_000..20_000)
            .map(|i| f64::from(i) * step)
            .map(|y| density(y, 3.0) * density(a - y, va) * density(b - 0.5 * y, vb) * step)
            .sum();
        let expected = (joint / (density(a, 3.0 + va) * density(b, 0.75 + vb))).ln();
        let got = model.raw(&totals(50.0, 1.0, 1.0, a), &totals(10.0, 0.5, 2.0, b));
        assert!((got - expected).abs() < 1e-5, "{got} {expected}");
    }

    #[test]
    fn totals_of_captures_add_up_and_more_keys_say_more() {
        let model = model();
        let one = totals(50.0, 1.0, 1.0, 1.5);
        let mut two = one.clone();
        two.add(&one);
        assert!(model.raw(&two, &one) > model.raw(&one, &one));
        assert_eq!(two.vector, [150.0]);
        assert!(model.raw(&Totals::default(), &one).abs() < 1e-12);
    }

    #[test]
    fn the_curve_is_followed_and_its_ends_hold() {
        let model = model();
        assert_eq!((model.at(1).slope, model.at(10).slope, model.at(500).slope), (0.5, 0.5, 1.0));
        let middle = model.at(22);
        assert!(middle.slope > 0.7 && middle.slope < 0.8 && middle.noise < 2.0);
    }
}
