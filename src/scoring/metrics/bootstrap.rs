//! Confidence intervals by resampling people, not trials.
//!
//! A replicate draws as many people as there are, with replacement. A trial between two people
//! weighs the product of how often each was drawn; a target trial how often its person was
//! drawn (Poh and Bengio 2007: trials of one person are not independent).

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::scoring::ScoringError;
use crate::scoring::metrics::{Curve, Figures, Trial};

/// Most replicates.
pub const MAX_REPLICATES: usize = 100_000;

/// Central interval of 95 %.
const TAILS: [f64; 2] = [0.025, 0.975];

/// A figure to put an interval around.
pub type Metric = fn(&Figures) -> f64;

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Interval {
    /// 2.5 % quantile.
    pub low: f64,
    /// 97.5 % quantile.
    pub high: f64,
}

/// Ratio of a figure between two systems on the same trials.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct PairedRatio {
    /// System over baseline: 1 when neither has errors, infinite (`null` in JSON) when only the
    /// baseline has none.
    pub ratio: f64,
    /// Its interval, both systems on the same replicates.
    pub interval: Interval,
}

/// Intervals of several figures, over `replicates` draws of people.
///
/// # Errors
/// As [`Curve::new`]; fewer than two people; replicates outside `1..=MAX_REPLICATES`.
pub fn bootstrap(
    trials: &[Trial],
    metrics: &[Metric],
    replicates: usize,
    seed: u64,
) -> Result<Vec<Interval>, ScoringError> {
    let mut curve = Curve::new(trials)?;
    let mut values = vec![Vec::with_capacity(replicates); metrics.len()];
    for counts in draws(trials, replicates, seed)? {
        if curve.reweight(|t| weight(t, &counts)) {
            let figures = curve.figures();
            for (list, metric) in values.iter_mut().zip(metrics) {
                list.push(metric(&figures));
            }
        }
    }
    values.into_iter().map(interval).collect()
}

/// Ratio of a figure between a system and a baseline scored on the same trials, in the same order.
///
/// # Errors
/// As [`bootstrap`]; trials that differ in more than their scores.
pub fn paired_ratio(
    system: &[Trial],
    baseline: &[Trial],
    metric: Metric,
    replicates: usize,
    seed: u64,
) -> Result<PairedRatio, ScoringError> {
    let alike = |(a, b): (&Trial, &Trial)| a.target == b.target && a.speakers == b.speakers;
    if system.len() != baseline.len() || !system.iter().zip(baseline).all(alike) {
        return Err(ScoringError::Fit("the two systems have different trials"));
    }
    let (mut ours, mut theirs) = (Curve::new(system)?, Curve::new(baseline)?);
    let ratio = metric(&ours.figures()) / metric(&theirs.figures());
    let mut ratios = Vec::with_capacity(replicates);
    for counts in draws(system, replicates, seed)? {
        let usable = ours.reweight(|t| weight(t, &counts));
        if theirs.reweight(|t| weight(t, &counts)) && usable {
            let value = metric(&ours.figures()) / metric(&theirs.figures());
            // 0/0: both without errors, so neither is better.
            ratios.push(if value.is_nan() { 1.0 } else { value });
        }
    }
    let ratio = if ratio.is_nan() { 1.0 } else { ratio };
    Ok(PairedRatio { ratio, interval: interval(ratios)? })
}

fn weight(trial: &Trial, counts: &[u32]) -> f64 {
    let [a, b] = trial.speakers.map(|s| f64::from(counts[s as usize]));
    if trial.speakers[0] == trial.speakers[1] { a } else { a * b }
}

/// For each replicate, how often each person was drawn; people without trials are never drawn.
fn draws(
    trials: &[Trial],
    replicates: usize,
    seed: u64,
) -> Result<impl Iterator<Item = Vec<u32>>, ScoringError> {
    let people: BTreeSet<u32> = trials.iter().flat_map(|t| t.speakers).collect();
    let people: Vec<u32> = people.into_iter().collect();
    if people.len() < 2 {
        return Err(ScoringError::TooFew {
            what: "people in a bootstrap",
            needed: 2,
            got: people.len(),
        });
    }
    if !(1..=MAX_REPLICATES).contains(&replicates) {
        return Err(ScoringError::OutOfRange {
            what: "the number of bootstrap replicates",
            range: "1 to 100000",
            got: replicates as f64,
        });
    }
    let size = people.last().map_or(0, |last| *last as usize + 1);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Ok((0..replicates).map(move |_| {
        let mut counts = vec![0u32; size];
        for _ in 0..people.len() {
            counts[people[rng.random_range(0..people.len())] as usize] += 1;
        }
        counts
    }))
}

fn interval(mut values: Vec<f64>) -> Result<Interval, ScoringError> {
    if values.is_empty() {
        return Err(ScoringError::Fit("no bootstrap replicate had trials of both kinds"));
    }
    values.sort_by(f64::total_cmp);
    let at = |q: f64| values[((values.len() - 1) as f64 * q).round() as usize];
    Ok(Interval { low: at(TAILS[0]), high: at(TAILS[1]) })
}
