//! Weighted, regularized logistic regression by Newton's method.

use crate::domain::RawScore;
use crate::scoring::ScoringError;
use crate::scoring::calibration::{
    Calibration, FitCounts, LabeledTrial, MEASURES, MIN_SLOPE, SpeechRange, least_slope, measures,
};
use crate::scoring::tail::ImpostorTail;

/// Weights of the regression: offset and slope for each measure.
const WEIGHTS: usize = 2 * MEASURES;

/// Newton steps before a fit is given up.
const MAX_STEPS: usize = 100;

/// Largest change of a weight at which the fit has converged.
const TOLERANCE: f64 = 1e-9;

/// How often the regularization of the slope's measures is raised tenfold to make it positive.
const MAX_RAISES: usize = 12;

/// Fewest trials of each kind.
const MIN_TRIALS: usize = 30;

/// Settings of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitOptions {
    /// Version the result bears.
    pub version: u32,
    /// Squared-weight penalty on everything but constant offset and slope, relative to a total
    /// trial weight of 1.
    pub ridge: f64,
    /// Prior probability of a target at which the logarithmic cost is minimized.
    pub prior: f64,
    /// People behind the trials.
    pub speakers: u64,
    /// Distinct pairs of people behind the non-target trials.
    pub pairs: u64,
}

/// Fits a calibration to labeled trials. Targets and non-targets each get the total weight of
/// the prior, whatever their numbers; weights act within each.
///
/// # Errors
/// Fewer than 30 trials of a kind, numbers that are not finite, or no convergence.
pub fn fit(trials: &[LabeledTrial], options: &FitOptions) -> Result<Calibration, ScoringError> {
    let (targets, total) = check(trials)?;
    let (shorter, longer) = speech_ranges(trials);
    let scale = |target| {
        if target { options.prior / total[1] } else { (1.0 - options.prior) / total[0] }
    };
    let rows: Vec<Row> = trials
        .iter()
        .map(|t| {
            let q = measures(&t.conditions, shorter, longer);
            Row::new(q, t.raw, t.target, t.weight * scale(t.target))
        })
        .collect();
    let weights = fit_rising(&rows, options)?;
    let mut calibration = Calibration {
        version: options.version,
        offset: std::array::from_fn(|i| weights[i]),
        slope: std::array::from_fn(|i| weights[MEASURES + i]),
        shorter,
        longer,
        fitted_on: FitCounts {
            target_trials: targets as u64,
            non_target_trials: (trials.len() - targets) as u64,
            speakers: options.speakers,
        },
        tail: ImpostorTail { comparisons: 0, pairs: 0, points: Vec::new() },
    };
    let impostors: Vec<f64> = trials
        .iter()
        .filter(|t| !t.target)
        .map(|t| calibration.llr(t.raw, &t.conditions).0)
        .collect();
    calibration.tail = ImpostorTail::measure(&impostors, options.pairs)?;
    calibration.check()?;
    Ok(calibration)
}

/// Number of targets, and total weights of non-targets and targets.
fn check(trials: &[LabeledTrial]) -> Result<(usize, [f64; 2]), ScoringError> {
    let targets = trials.iter().filter(|t| t.target).count();
    let fewest = targets.min(trials.len() - targets);
    if fewest < MIN_TRIALS {
        return Err(ScoringError::TooFew {
            what: "a calibration: trials of each kind",
            needed: MIN_TRIALS,
            got: fewest,
        });
    }
    let usable = |t: &LabeledTrial| t.raw.0.is_finite() && t.weight.is_finite() && t.weight >= 0.0;
    if !trials.iter().all(usable) {
        return Err(ScoringError::Fit("a score or weight is not finite"));
    }
    let mut total = [0f64; 2];
    for t in trials {
        total[usize::from(t.target)] += t.weight;
    }
    if total.iter().any(|w| *w <= 0.0) {
        return Err(ScoringError::Fit("one kind of trial has no weight"));
    }
    Ok((targets, total))
}

fn speech_ranges(trials: &[LabeledTrial]) -> (SpeechRange, SpeechRange) {
    let range = |pick: fn(u32, u32) -> u32| {
        let picked = trials.iter().map(|t| {
            let [a, b] = t.conditions.net_speech_ms;
            pick(a, b).max(1)
        });
        let (from_ms, to_ms) = picked.fold((u32::MAX, 1), |(lo, hi), x| (lo.min(x), hi.max(x)));
        SpeechRange { from_ms, to_ms }
    };
    (range(Ord::min), range(Ord::max))
}

struct Row {
    x: [f64; WEIGHTS],
    target: bool,
    weight: f64,
}

impl Row {
    fn new(q: [f64; MEASURES], raw: RawScore, target: bool, weight: f64) -> Self {
        let x = std::array::from_fn(|i| if i < MEASURES { q[i] } else { raw.0 * q[i - MEASURES] });
        Self { x, target, weight }
    }
}

/// Raises the penalty on the slope's measures until the slope is positive everywhere.
fn fit_rising(rows: &[Row], options: &FitOptions) -> Result<[f64; WEIGHTS], ScoringError> {
    let mut slope_ridge = options.ridge;
    for _ in 0..MAX_RAISES {
        let weights = newton(rows, options, slope_ridge)?;
        let slope = std::array::from_fn(|i| weights[MEASURES + i]);
        if least_slope(&slope) >= MIN_SLOPE {
            return Ok(weights);
        }
        slope_ridge = (slope_ridge * 10.0).max(1e-6);
    }
    Err(ScoringError::Fit("the scores do not rise from non-targets to targets"))
}

fn newton(
    rows: &[Row],
    options: &FitOptions,
    slope_ridge: f64,
) -> Result<[f64; WEIGHTS], ScoringError> {
    let prior_log_odds = (options.prior / (1.0 - options.prior)).ln();
    let penalty: [f64; WEIGHTS] = std::array::from_fn(|i| match i {
        // Constants: only as much as keeps separable data finite.
        0 | MEASURES => 1e-9,
        i if i < MEASURES => options.ridge,
        _ => slope_ridge,
    });
    let mut weights = [0f64; WEIGHTS];
    let mut cost = objective(rows, &weights, &penalty, prior_log_odds);
    for _ in 0..MAX_STEPS {
        let (gradient, hessian) = derivatives(rows, &weights, &penalty, prior_log_odds);
        let step = solve(hessian, gradient).ok_or(ScoringError::Fit("singular system"))?;
        // Halve the step until the cost falls: Newton alone may overshoot on separable data.
        let mut share = 1.0;
        let mut next = weights;
        let mut next_cost = f64::INFINITY;
        while share > 1e-6 {
            next = std::array::from_fn(|i| weights[i] - share * step[i]);
            next_cost = objective(rows, &next, &penalty, prior_log_odds);
            if next_cost <= cost {
                break;
            }
            share *= 0.5;
        }
        if next_cost > cost {
            return Ok(weights);
        }
        let change = weights.iter().zip(&next).map(|(a, b)| (a - b).abs());
        let change = change.fold(0f64, f64::max);
        (weights, cost) = (next, next_cost);
        if change < TOLERANCE {
            return Ok(weights);
        }
    }
    Err(ScoringError::Fit("no convergence"))
}

fn log_odds(row: &Row, weights: &[f64; WEIGHTS], prior_log_odds: f64) -> f64 {
    let sum: f64 = row.x.iter().zip(weights).map(|(x, w)| x * w).sum();
    sum + prior_log_odds
}

fn objective(
    rows: &[Row],
    weights: &[f64; WEIGHTS],
    penalty: &[f64; WEIGHTS],
    prior_log_odds: f64,
) -> f64 {
    let costs = rows.iter().map(|row| {
        let z = log_odds(row, weights, prior_log_odds);
        let wrong = if row.target { -z } else { z };
        row.weight * softplus(wrong)
    });
    let penalties = penalty.iter().zip(weights).map(|(p, w)| 0.5 * p * w * w);
    costs.sum::<f64>() + penalties.sum::<f64>()
}

/// ln(1 + e^x) without overflow.
pub(crate) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

type Matrix = [[f64; WEIGHTS]; WEIGHTS];

fn derivatives(
    rows: &[Row],
    weights: &[f64; WEIGHTS],
    penalty: &[f64; WEIGHTS],
    prior_log_odds: f64,
) -> ([f64; WEIGHTS], Matrix) {
    let mut gradient: [f64; WEIGHTS] = std::array::from_fn(|i| penalty[i] * weights[i]);
    let mut hessian = [[0f64; WEIGHTS]; WEIGHTS];
    for row in rows {
        let p = 1.0 / (1.0 + (-log_odds(row, weights, prior_log_odds)).exp());
        let error = row.weight * (p - f64::from(u8::from(row.target)));
        let curvature = row.weight * p * (1.0 - p);
        for (i, x) in row.x.iter().enumerate() {
            gradient[i] += error * x;
            for (sum, y) in hessian[i].iter_mut().zip(&row.x[..=i]) {
                *sum += curvature * x * y;
            }
        }
    }
    for i in 0..WEIGHTS {
        // The tiny term keeps measures that never vary in the data solvable.
        hessian[i][i] += penalty[i] + 1e-12;
        let lower = hessian[i];
        for (row, value) in hessian.iter_mut().zip(&lower[..i]) {
            row[i] = *value;
        }
    }
    (gradient, hessian)
}

/// Gaussian elimination with partial pivoting; `None` for a singular matrix.
fn solve(mut a: Matrix, mut b: [f64; WEIGHTS]) -> Option<[f64; WEIGHTS]> {
    for column in 0..WEIGHTS {
        let pivot =
            (column..WEIGHTS).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs()))?;
        if a[pivot][column].abs() < 1e-300 || !a[pivot][column].is_finite() {
            return None;
        }
        a.swap(column, pivot);
        b.swap(column, pivot);
        for row in column + 1..WEIGHTS {
            let factor = a[row][column] / a[column][column];
            let pivot_row = a[column];
            for (value, above) in a[row].iter_mut().zip(&pivot_row).skip(column) {
                *value -= factor * above;
            }
            b[row] -= factor * b[column];
        }
    }
    let mut x = [0f64; WEIGHTS];
    for row in (0..WEIGHTS).rev() {
        let rest: f64 = (row + 1..WEIGHTS).map(|k| a[row][k] * x[k]).sum();
        x[row] = (b[row] - rest) / a[row][row];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::calibration::Conditions;

    fn options() -> FitOptions {
        FitOptions { version: 1, ridge: 1e-4, prior: 0.5, speakers: 100, pairs: 4_950 }
    }

    /// Quantiles of a normal distribution, by bisection on the logistic-free error integral.
    fn normal_quantiles(n: usize, mean: f64) -> Vec<f64> {
        (0..n)
            .map(|i| mean + crate::scoring::metrics::probit((i as f64 + 0.5) / n as f64))
            .collect()
    }

    fn trials(mean: f64, seconds: u32, narrow: f64, target: bool) -> Vec<LabeledTrial> {
        normal_quantiles(2_000, mean)
            .into_iter()
            .map(|s| LabeledTrial {
                raw: RawScore(s),
                conditions: Conditions {
                    net_speech_ms: [seconds * 1_000, 10_000],
                    narrow_share: [narrow, narrow],
                },
                target,
                weight: 1.0,
            })
            .collect()
    }

    #[test]
    fn equal_gaussians_give_their_closed_form() {
        // Targets N(3, 1), non-targets N(0, 1): llr = 3 s - 4.5.
        let mut all = trials(3.0, 5, 0.0, true);
        all.extend(trials(0.0, 5, 0.0, false));
        let c = fit(&all, &options()).unwrap();
        for s in [-1.0, 1.5, 4.0] {
            let llr = c.llr(RawScore(s), &all[0].conditions).0;
            assert!((llr - (3.0 * s - 4.5)).abs() < 0.1, "{s}: {llr}");
        }
    }

    #[test]
    fn the_prior_of_the_fit_does_not_move_the_llr() {
        let mut all = trials(3.0, 5, 0.0, true);
        all.extend(trials(0.0, 5, 0.0, false));
        for prior in [0.1, 0.9] {
            let c = fit(&all, &FitOptions { prior, ..options() }).unwrap();
            let llr = c.llr(RawScore(1.5), &all[0].conditions).0;
            assert!(llr.abs() < 0.15, "{prior}: {llr}");
        }
    }

    #[test]
    fn quality_moves_offset_and_slope() {
        // Short: N(2, 1), long: N(4, 1), so llr = 2 s - 2 and 4 s - 8.
        let mut all = trials(2.0, 2, 0.0, true);
        all.extend(trials(0.0, 2, 0.0, false));
        let long = trials(4.0, 8, 0.0, true);
        let at_long = long[0].conditions;
        all.extend(long);
        all.extend(trials(0.0, 8, 0.0, false));
        let c = fit(&all, &options()).unwrap();
        assert!((c.llr(RawScore(2.0), &all[0].conditions).0 - 2.0).abs() < 0.3);
        assert!((c.llr(RawScore(3.0), &at_long).0 - 4.0).abs() < 0.5);
        // Beyond the range of the fit nothing changes.
        let beyond = Conditions { net_speech_ms: [9_000, 10_000], ..at_long };
        let same = c.llr(RawScore(3.0), &at_long).0;
        assert_eq!(c.llr(RawScore(3.0), &beyond).0, same);
    }

    #[test]
    fn the_llr_rises_even_where_the_data_fall() {
        // Under telephone conditions the scores run the wrong way round.
        let mut all = trials(3.0, 5, 0.0, true);
        all.extend(trials(0.0, 5, 0.0, false));
        all.extend(trials(0.0, 5, 1.0, true));
        all.extend(trials(0.5, 5, 1.0, false));
        let c = fit(&all, &options()).unwrap();
        assert!(least_slope(&c.slope) >= MIN_SLOPE);
        let narrow = trials(0.0, 5, 1.0, true)[0].conditions;
        assert!(c.llr(RawScore(1.0), &narrow).0 > c.llr(RawScore(0.0), &narrow).0);
    }

    #[test]
    fn separable_scores_stay_finite() {
        let mut all = trials(1e3, 5, 0.0, true);
        all.extend(trials(-1e3, 5, 0.0, false));
        let c = fit(&all, &options()).unwrap();
        assert!(c.llr(RawScore(1e3), &all[0].conditions).0.is_finite());
    }

    #[test]
    fn useless_data_is_refused() {
        let few = trials(3.0, 5, 0.0, true);
        assert!(matches!(fit(&few, &options()), Err(ScoringError::TooFew { .. })));
        let mut backwards = trials(0.0, 5, 0.0, true);
        backwards.extend(trials(3.0, 5, 0.0, false));
        assert!(fit(&backwards, &options()).is_err());
        let mut nan = trials(3.0, 5, 0.0, true);
        nan.extend(trials(0.0, 5, 0.0, false));
        nan[7].raw = RawScore(f64::NAN);
        assert!(fit(&nan, &options()).is_err());
    }
}
