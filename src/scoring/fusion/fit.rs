//! Weights and offsets by regularized logistic regression, Newton's method.

use std::collections::BTreeMap;

use crate::domain::{ArtifactRef, LicenseClass, Llr, Modality};
use crate::scoring::ScoringError;
use crate::scoring::calibration::softplus;
use crate::scoring::fusion::{
    CombinationOffset, Fusion, FusionCounts, MAX_BOUND, MAX_WEIGHT, MIN_WEIGHT, ModalityWeight,
};

/// Newton steps before a fit is given up.
const MAX_STEPS: usize = 100;
/// Largest change of a parameter at which the fit has converged.
const TOLERANCE: f64 = 1e-9;
/// Fewest trials of each kind.
const MIN_TRIALS: usize = 30;
/// Fewest trials of each kind for an offset of a combination.
const MIN_COMBINATION_TRIALS: usize = 30;
/// Of so many trials without an error one expects 3 at the rate that is just still possible (rule of 3).
const RULE_OF_3: f64 = 3.0;

/// One comparison by one or more modalities, with its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct FusionTrial {
    /// Calibrated LLRs; a modality that is not listed was missing.
    pub llrs: BTreeMap<Modality, Llr>,
    /// Same person.
    pub target: bool,
}

/// Settings of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FusionOptions {
    /// Version the result bears.
    pub version: u32,
    /// Terms of the data behind the trials.
    pub license: LicenseClass,
    /// Penalty on the squared distance of weights from 1 and offsets from 0, relative to a total trial
    /// weight of 1.
    pub ridge: f64,
    /// Prior probability of a target at which the logarithmic cost is minimized.
    pub prior: f64,
    /// People behind the trials.
    pub people: u64,
}

impl Fusion {
    /// Fits weights and offsets to trials with two and more modalities; those with one only take part in
    /// the bounds. Targets and non-targets each get the total weight of the prior.
    ///
    /// # Errors
    /// Fewer than 30 trials of a kind with two modalities, LLRs that are not numbers, a prior or ridge
    /// out of range, or no convergence.
    pub fn fit(trials: &[FusionTrial], options: &FusionOptions) -> Result<Self, ScoringError> {
        check(trials, options)?;
        let bounds = bounds(trials);
        let several: Vec<&FusionTrial> = trials.iter().filter(|t| t.llrs.len() > 1).collect();
        let sets = sets(&several);
        let rows = rows(&several, &bounds, &sets, options.prior);
        let fitted = fit_positive(&rows, bounds.len() + sets.len(), bounds.len(), options)?;
        let (weights, offsets) = fitted.split_at(bounds.len());
        let weights = bounds
            .iter()
            .zip(weights)
            .map(|(b, weight)| ModalityWeight { weight: weight.min(MAX_WEIGHT), ..*b });
        let combinations = sets.iter().zip(offsets).map(|((set, trials), offset)| {
            let offset = offset.clamp(-MAX_WEIGHT, MAX_WEIGHT);
            CombinationOffset { modalities: set.clone(), offset, trials: *trials }
        });
        let targets = trials.iter().filter(|t| t.target).count();
        let fusion = Self {
            id: ArtifactRef::new("fitted", options.version),
            license: options.license,
            weights: weights.collect(),
            combinations: combinations.collect(),
            fitted_on: FusionCounts {
                target_trials: targets as u64,
                non_target_trials: (trials.len() - targets) as u64,
                people: options.people,
            },
        };
        fusion.check()?;
        Ok(fusion)
    }
}

fn check(trials: &[FusionTrial], options: &FusionOptions) -> Result<(), ScoringError> {
    let range = |what, range, got, ok: bool| {
        if ok { Ok(()) } else { Err(ScoringError::OutOfRange { what, range, got }) }
    };
    let inside = options.prior > 0.0 && options.prior < 1.0;
    range("the prior of a fusion", "between 0 and 1", options.prior, inside)?;
    let usable = (0.0..=1e3).contains(&options.ridge);
    range("the ridge of a fusion", "0 to 1000", options.ridge, usable)?;
    if trials.iter().flat_map(|t| t.llrs.values()).any(|llr| llr.0.is_nan()) {
        return Err(ScoringError::Fit("an LLR is not a number"));
    }
    let of = |target| trials.iter().filter(|t| t.target == target && t.llrs.len() > 1).count();
    let got = of(true).min(of(false));
    if got < MIN_TRIALS {
        let what = "a fusion: trials of each kind with two modalities";
        return Err(ScoringError::TooFew { what, needed: MIN_TRIALS, got });
    }
    Ok(())
}

/// What the data can show of each modality: with n trials of the other kind an odds ratio of n / 3.
fn bounds(trials: &[FusionTrial]) -> Vec<ModalityWeight> {
    let count =
        |m, target| trials.iter().filter(|t| t.target == target && t.llrs.contains_key(&m)).count();
    let shown = |n: usize| (n as f64 / RULE_OF_3).max(1.0).ln().min(MAX_BOUND);
    let there = Modality::ALL.into_iter().filter(|m| count(*m, true) + count(*m, false) > 0);
    there
        .map(|modality| ModalityWeight {
            modality,
            weight: 1.0,
            lowest: -shown(count(modality, true)),
            highest: shown(count(modality, false)),
        })
        .collect()
}

type Set = (Vec<Modality>, u64);

/// Sets with enough trials of each kind for an offset of their own.
fn sets(trials: &[&FusionTrial]) -> Vec<Set> {
    let mut counts: BTreeMap<Vec<Modality>, [usize; 2]> = BTreeMap::new();
    for t in trials {
        let count = counts.entry(t.llrs.keys().copied().collect()).or_default();
        count[usize::from(t.target)] += 1;
    }
    let enough = counts.into_iter().filter(|(_, n)| n[0].min(n[1]) >= MIN_COMBINATION_TRIALS);
    enough.map(|(set, n)| (set, (n[0] + n[1]) as u64)).collect()
}

struct Row {
    /// Bounded LLRs (0 where missing: it is then left out of the sum), then one indicator a set.
    x: Vec<f64>,
    target: bool,
    weight: f64,
}

fn rows(trials: &[&FusionTrial], bounds: &[ModalityWeight], sets: &[Set], prior: f64) -> Vec<Row> {
    let targets = trials.iter().filter(|t| t.target).count();
    let share = |target| {
        if target {
            prior / targets as f64
        } else {
            (1.0 - prior) / (trials.len() - targets) as f64
        }
    };
    let row = |t: &&FusionTrial| {
        let llrs = bounds
            .iter()
            .map(|b| t.llrs.get(&b.modality).map_or(0.0, |llr| llr.0.clamp(b.lowest, b.highest)));
        let own = |set: &Set| f64::from(u8::from(t.llrs.keys().eq(set.0.iter())));
        let x = llrs.chain(sets.iter().map(own)).collect();
        Row { x, target: t.target, weight: share(t.target) }
    };
    trials.iter().map(row).collect()
}

/// Weights that come out under the least are held there and the rest is fitted again.
fn fit_positive(
    rows: &[Row],
    size: usize,
    modalities: usize,
    options: &FusionOptions,
) -> Result<Vec<f64>, ScoringError> {
    let mut held = vec![false; size];
    for _ in 0..=modalities {
        let found = newton(rows, &held, modalities, options)?;
        let low: Vec<usize> =
            (0..modalities).filter(|i| !held[*i] && found[*i] < MIN_WEIGHT).collect();
        if low.is_empty() {
            return Ok(found);
        }
        for i in low {
            held[i] = true;
        }
    }
    Err(ScoringError::Fit("no weights of a fusion are positive"))
}

fn newton(
    rows: &[Row],
    held: &[bool],
    modalities: usize,
    options: &FusionOptions,
) -> Result<Vec<f64>, ScoringError> {
    let prior_log_odds = (options.prior / (1.0 - options.prior)).ln();
    // Towards independence; the tiny term keeps separable data finite.
    let towards: Vec<f64> = (0..held.len()).map(|i| f64::from(u8::from(i < modalities))).collect();
    let ridge = options.ridge.max(1e-9);
    let mut found: Vec<f64> =
        towards.iter().zip(held).map(|(t, held)| if *held { MIN_WEIGHT } else { *t }).collect();
    let mut cost = objective(rows, &found, &towards, ridge, prior_log_odds);
    for _ in 0..MAX_STEPS {
        let (mut gradient, mut hessian) = derivatives(rows, &found, prior_log_odds);
        for i in 0..found.len() {
            gradient[i] += ridge * (found[i] - towards[i]);
            hessian[i][i] += ridge;
            if held[i] {
                gradient[i] = 0.0;
                hessian.iter_mut().for_each(|row| row[i] = 0.0);
                hessian[i].fill(0.0);
                hessian[i][i] = 1.0;
            }
        }
        let step = solve(hessian, gradient).ok_or(ScoringError::Fit("a fusion is singular"))?;
        // Halve the step until the cost falls: Newton alone may overshoot on separable data.
        let (mut share, mut next, mut next_cost) = (1.0, found.clone(), f64::INFINITY);
        while share > 1e-6 && next_cost > cost {
            next = found.iter().zip(&step).map(|(w, s)| w - share * s).collect();
            next_cost = objective(rows, &next, &towards, ridge, prior_log_odds);
            share *= 0.5;
        }
        if next_cost > cost {
            return Ok(found);
        }
        let change = found.iter().zip(&next).map(|(a, b)| (a - b).abs()).fold(0f64, f64::max);
        (found, cost) = (next, next_cost);
        if change < TOLERANCE {
            return Ok(found);
        }
    }
    Err(ScoringError::Fit("a fusion does not converge"))
}

fn log_odds(row: &Row, weights: &[f64], prior_log_odds: f64) -> f64 {
    row.x.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>() + prior_log_odds
}

fn objective(
    rows: &[Row],
    weights: &[f64],
    towards: &[f64],
    ridge: f64,
    prior_log_odds: f64,
) -> f64 {
    let costs = rows.iter().map(|row| {
        let z = log_odds(row, weights, prior_log_odds);
        row.weight * softplus(if row.target { -z } else { z })
    });
    let penalties = weights.iter().zip(towards).map(|(w, t)| 0.5 * ridge * (w - t).powi(2));
    costs.sum::<f64>() + penalties.sum::<f64>()
}

fn derivatives(rows: &[Row], weights: &[f64], prior_log_odds: f64) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = weights.len();
    let (mut gradient, mut hessian) = (vec![0.0; n], vec![vec![0.0; n]; n]);
    for row in rows {
        let p = 1.0 / (1.0 + (-log_odds(row, weights, prior_log_odds)).exp());
        let error = row.weight * (p - f64::from(u8::from(row.target)));
        let curvature = row.weight * p * (1.0 - p);
        for (i, x) in row.x.iter().enumerate() {
            gradient[i] += error * x;
            for (sum, y) in hessian[i].iter_mut().zip(&row.x) {
                *sum += curvature * x * y;
            }
        }
    }
    (gradient, hessian)
}

/// `x` with `A x = b` by Cholesky's method; `None` unless A is positive definite.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for j in 0..n {
        for i in j..n {
            let dot: f64 = (0..j).map(|k| a[i][k] * a[j][k]).sum();
            let rest = a[i][j] - dot;
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                a[j][j] = rest.sqrt();
            } else {
                a[i][j] = rest / a[j][j];
            }
        }
    }
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| a[i][k] * b[k]).sum();
        b[i] = (b[i] - dot) / a[i][i];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| a[k][i] * b[k]).sum();
        b[i] = (b[i] - dot) / a[i][i];
    }
    Some(b)
}
