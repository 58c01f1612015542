//! Each value against the background people: its quantile, as a standard normal number. Outliers and units lose
//! their power, and a value in which a person lies at the 90 % quantile says 1.28 whatever it is.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::behavior::BehaviorError;
use crate::behavior::touch::features::quantile;
use crate::scoring::metrics::probit;

/// Knots of a value's distribution.
pub const KNOTS: usize = 41;
/// No number is further out: half a knot beyond the first and last.
const EDGE: f64 = 0.5 / KNOTS as f64;

/// Distributions of several values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// [`KNOTS`] rising knots for each value, one value after the other.
    pub knots: Vec<f32>,
}

impl Quantiles {
    /// Of rows with `dim` values each; every row counts by its weight.
    pub fn fit(rows: &[(&[f32], f64)], dim: usize) -> Self {
        let mut knots = Vec::with_capacity(dim * KNOTS);
        for i in 0..dim {
            let mut values: Vec<(f64, f64)> =
                rows.iter().filter_map(|(r, w)| Some((f64::from(*r.get(i)?), *w))).collect();
            values.sort_by(|a, b| a.0.total_cmp(&b.0));
            let total: f64 = values.iter().map(|v| v.1).sum();
            let (mut at, mut sum) = (0, 0.0);
            for knot in 0..KNOTS {
                let wanted = total * knot as f64 / (KNOTS - 1) as f64;
                while at + 1 < values.len() && sum + values[at].1 < wanted {
                    sum += values[at].1;
                    at += 1;
                }
                knots.push(values.get(at).map_or(0.0, |v| v.0) as f32);
            }
        }
        Self { knots }
    }

    /// How many values.
    pub fn dim(&self) -> usize {
        self.knots.len() / KNOTS
    }

    /// The standard normal number of value `i`; a tie over several knots is their middle.
    pub fn normal(&self, i: usize, x: f32) -> f64 {
        let Some(knots) = self.knots.get(i * KNOTS..(i + 1) * KNOTS) else { return 0.0 };
        let below = knots.partition_point(|k| *k < x);
        let upto = knots.partition_point(|k| *k <= x);
        if below < upto {
            at_rank((below + upto - 1) as f64 / 2.0)
        } else if below == 0 {
            at_rank(0.0)
        } else if below == KNOTS {
            at_rank((KNOTS - 1) as f64)
        } else {
            let (a, b) = (f64::from(knots[below - 1]), f64::from(knots[below]));
            at_rank((below - 1) as f64 + (f64::from(x) - a) / (b - a))
        }
    }

    /// Refuses what cannot have come from a fit.
    ///
    /// # Errors
    /// Another number of knots, or knots that fall or are not finite.
    pub fn check(&self, dim: usize) -> Result<(), BehaviorError> {
        let rising = |k: &[f32]| k.windows(2).all(|w| w[0] <= w[1]);
        let good = self.knots.len() == dim * KNOTS
            && self.knots.iter().all(|x| x.is_finite())
            && self.knots.chunks_exact(KNOTS).all(rising);
        good.then_some(())
            .ok_or_else(|| BehaviorError::Background("quantiles of touch are damaged".to_owned()))
    }
}

/// Median of numbers in any order.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(values, 0.5)
}

/// The normal quantile at a rank among the knots, linear between them.
fn at_rank(rank: f64) -> f64 {
    static NORMAL: OnceLock<[f64; KNOTS]> = OnceLock::new();
    let normal = NORMAL.get_or_init(|| {
        std::array::from_fn(|k| probit((k as f64 / (KNOTS - 1) as f64).clamp(EDGE, 1.0 - EDGE)))
    });
    quantile(normal, rank / (KNOTS - 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f32]) -> Vec<(&[f32], f64)> {
        values.chunks_exact(1).map(|r| (r, 1.0)).collect()
    }

    #[test]
    fn a_uniform_value_becomes_normal() {
        let values: Vec<f32> = (0..=1000).map(|i| i as f32 / 10.0).collect();
        let quantiles = Quantiles::fit(&rows(&values), 1);
        quantiles.check(1).unwrap();
        for (x, expected) in [(50.0, 0.0), (84.13, 1.0), (15.87, -1.0), (97.5, 1.96)] {
            let got = quantiles.normal(0, x);
            assert!((got - expected).abs() < 0.12, "{x}: {got}");
        }
        assert_eq!(quantiles.normal(0, 1e9), -quantiles.normal(0, -1e9));
        assert!(quantiles.normal(0, 1e9) < 2.6);
    }

    #[test]
    fn ties_and_constants_are_their_middle() {
        let constant = Quantiles::fit(&rows(&[3.0; 9]), 1);
        assert!(constant.normal(0, 3.0).abs() < 1e-9);
        assert!(constant.normal(0, 4.0) > 2.0 && constant.normal(0, 2.0) < -2.0);
        assert!(constant.normal(7, 4.0).abs() < 1e-9);
        assert!(Quantiles::fit(&[], 2).normal(1, 0.0).abs() < 1e-9);
    }

    #[test]
    fn weights_count() {
        let values = [0.0f32, 1.0];
        let weighted: Vec<_> = values.chunks_exact(1).zip([3.0, 1.0]).collect();
        let quantiles = Quantiles::fit(&weighted, 1);
        assert!(quantiles.normal(0, 0.0) < 0.0 && quantiles.normal(0, 1.0) > 1.0);
    }

    #[test]
    fn damage_is_refused() {
        let good = Quantiles::fit(&rows(&[1.0, 2.0]), 1);
        assert!(good.check(2).is_err());
        let mut bad = good.clone();
        bad.knots[3] = f32::NAN;
        assert!(bad.check(1).is_err());
        bad.knots[3] = 1e9;
        assert!(bad.check(1).is_err());
    }
}
