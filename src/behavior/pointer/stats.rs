//! From rows of actions to vectors: length taken out, then means and spreads over blocks of actions.

use crate::behavior::pointer::features::{FEATURES, MISSING, ROW};

/// Actions of a block, about a quarter of a minute of work.
pub const BLOCK: usize = 33;
/// Values of a block's vector: means, log deviations, means of clicks, means of drags.
pub const STATS: usize = 4 * FEATURES;
/// Values of a [`LengthFit`]: three coefficients for each kind of action and feature.
pub const LENGTH_FIT: usize = 3 * FEATURES * 3;
/// Relative log lengths are cut here, so that the parabola is never far outside of what it was fitted on.
const LONGEST: f64 = 3.0;

/// One action's features without what its kind and length explain; NaN where it has none.
#[derive(Debug, Clone, PartialEq)]
pub struct Adjusted {
    /// Code of the kind of the action.
    pub kind: usize,
    /// The features.
    pub values: [f64; FEATURES],
}

/// Powers of a row's relative log length: 1, x, x².
pub fn powers(row: &[f32]) -> [f64; 3] {
    let x = row.get(1).map_or(0.0, |x| f64::from(*x).clamp(-LONGEST, LONGEST));
    [1.0, x, x * x]
}

/// Code of the kind of a row's action.
pub fn kind(row: &[f32]) -> usize {
    row.first().map_or(0, |k| k.clamp(0.0, 2.0) as usize)
}

/// Features of a row, missing ones as NaN.
pub fn values(row: &[f32]) -> [f64; FEATURES] {
    let mut out = [f64::NAN; FEATURES];
    for (out, x) in out.iter_mut().zip(row.iter().skip(ROW - FEATURES)) {
        if *x > MISSING / 2.0 {
            *out = f64::from(*x);
        }
    }
    out
}

/// Takes out of a row what a parabola over its length predicts; `fit` is [`LENGTH_FIT`] values, or empty for none.
pub fn adjust(row: &[f32], fit: &[f32]) -> Adjusted {
    let (kind, powers) = (kind(row), powers(row));
    let mut values = values(row);
    let own = fit.chunks_exact(3).skip(kind * FEATURES);
    for (value, coefficients) in values.iter_mut().zip(own) {
        let predicted: f64 = coefficients.iter().zip(powers).map(|(c, p)| f64::from(*c) * p).sum();
        *value -= predicted;
    }
    Adjusted { kind, values }
}

/// Mean and standard deviation of what is there; NaN where nothing is.
pub fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let there = values.filter(|x| x.is_finite());
    let count = there.clone().count() as f64;
    let mean = there.clone().sum::<f64>() / count;
    let variance = there.map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

/// The vectors of contiguous blocks of about [`BLOCK`] actions; fewer actions make one block.
pub fn blocks(actions: &[Adjusted]) -> Vec<[f64; STATS]> {
    let count = ((actions.len() as f64 / BLOCK as f64).round() as usize).max(1);
    let edge = |i: usize| i * actions.len() / count;
    (0..count).map(|i| vector(actions.get(edge(i)..edge(i + 1)).unwrap_or_default())).collect()
}

fn vector(actions: &[Adjusted]) -> [f64; STATS] {
    let mut out = [f64::NAN; STATS];
    for i in 0..FEATURES {
        let all = actions.iter().map(|a| a.values[i]);
        let (mean, deviation) = moments(all);
        out[i] = mean;
        out[FEATURES + i] = (deviation + 0.02).ln();
        for kind in [1, 2] {
            let own = actions.iter().filter(|a| a.kind == kind).map(|a| a.values[i]);
            out[(1 + kind) * FEATURES + i] = moments(own).0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: f32, length: f32, value: f32) -> [f32; ROW] {
        let mut row = [MISSING; ROW];
        (row[0], row[1], row[2]) = (kind, length, value);
        row
    }

    #[test]
    fn the_parabola_is_taken_out() {
        let mut fit = vec![0.0; LENGTH_FIT];
        fit[3 * FEATURES..3 * FEATURES + 3].copy_from_slice(&[1.0, 2.0, 0.5]);
        let adjusted = adjust(&row(1.0, 2.0, 10.0), &fit);
        assert_eq!((adjusted.kind, adjusted.values[0]), (1, 10.0 - 1.0 - 4.0 - 2.0));
        assert!(adjusted.values[1].is_nan());
        assert_eq!(adjust(&row(0.0, 2.0, 10.0), &fit).values[0], 10.0);
        assert_eq!(adjust(&row(7.0, f32::MAX, 10.0), &[]).values[0], 10.0);
    }

    #[test]
    fn blocks_hold_means_and_spreads() {
        let rows: Vec<_> = (0..66).map(|i| row((i % 2) as f32, 0.0, (i % 2) as f32)).collect();
        let actions: Vec<_> = rows.iter().map(|r| adjust(r, &[])).collect();
        let made = blocks(&actions);
        assert_eq!(made.len(), 2);
        assert!((made[0][0] - 16.0 / 33.0).abs() < 1e-12);
        assert!((made[0][FEATURES] - 0.52f64.ln()).abs() < 1e-3);
        assert_eq!(made[0][2 * FEATURES], 1.0);
        assert!(made[0][3 * FEATURES].is_nan() && made[0][1].is_nan());
        assert_eq!(blocks(&actions[..3]).len(), 1);
        assert!(blocks(&[])[0][0].is_nan());
    }
}
