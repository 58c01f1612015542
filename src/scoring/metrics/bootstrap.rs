//! Confidence intervals by resampling people, not trials.
//!
//! A replicate draws as many people as there are, with replacement, within each stratum (data set) for
//! itself. A trial between two people weighs the product of how often each was drawn; a target trial how
//! often its person was drawn (Poh and Bengio 2007: trials of one person are not independent). Systems
//! that are judged on the same trials with the same seeds see the same draws, so their replicates are
//! paired.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::scoring::ScoringError;
use crate::scoring::metrics::{Curve, Figures, Trial};

/// Most replicates.
pub const MAX_REPLICATES: usize = 100_000;

/// Central interval of 95 %.
const TAILS: [f64; 2] = [0.025, 0.975];

/// A figure to put an interval around.
pub type Metric = fn(&Figures) -> f64;

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// 2.5 % quantile.
    #[serde(deserialize_with = "infinite_if_null")]
    pub low: f64,
    /// 97.5 % quantile; infinite is `null` in JSON.
    #[serde(deserialize_with = "infinite_if_null")]
    pub high: f64,
}

/// Ratio of a figure between two systems on the same trials.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PairedRatio {
    /// System over baseline: 1 when neither has errors, infinite (`null` in JSON) when only the
    /// baseline has none.
    #[serde(deserialize_with = "infinite_if_null")]
    pub ratio: f64,
    /// Its interval, both systems on the same replicates.
    pub interval: Interval,
}

/// JSON has no infinity.
fn infinite_if_null<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let value: Option<f64> = serde::Deserialize::deserialize(from)?;
    Ok(value.unwrap_or(f64::INFINITY))
}

/// The figures of one system on one set of trials, and on each replicate of its people.
#[derive(Debug, Clone, PartialEq)]
pub struct Replicates {
    figures: Figures,
    /// `None` where a kind of trial had no weight.
    draws: Vec<Option<Figures>>,
}

impl Replicates {
    /// Judges `trials` as they are and over `replicates` draws. `seed_of` gives the seed for each person:
    /// people with one seed are a stratum, drawn among themselves.
    ///
    /// # Errors
    /// As [`Curve::new`]; fewer than two people; replicates outside `1..=MAX_REPLICATES`.
    pub fn new(
        trials: &[Trial],
        seed_of: &dyn Fn(u32) -> u64,
        replicates: usize,
    ) -> Result<Self, ScoringError> {
        let curve = Curve::new(trials)?;
        let counts = draws(trials, seed_of, replicates)?;
        let judge = |curve: &mut Curve, counts: &Vec<u32>| {
            curve.reweight(|t| weight(t, counts)).then(|| curve.figures())
        };
        let draws = counts.par_iter().map_init(|| curve.clone(), judge).collect();
        Ok(Self { figures: curve.figures(), draws })
    }

    /// The figures of the trials as they are.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Interval of a figure; `None` when most replicates lack a kind of trial.
    pub fn interval(&self, metric: Metric) -> Option<Interval> {
        mean_interval(&[self], metric)
    }

    /// Ratio of a figure to that of a baseline on the same trials; `None` as for [`Self::interval`].
    pub fn ratio(&self, baseline: &Self, metric: Metric) -> Option<PairedRatio> {
        mean_ratio(&[self], &[baseline], metric)
    }
}

/// Mean of a figure over sets of trials.
pub fn mean_figure(sets: &[&Replicates], metric: Metric) -> f64 {
    let sum: f64 = sets.iter().map(|set| metric(&set.figures)).sum();
    sum / sets.len() as f64
}

/// Interval of the mean of a figure over sets of trials of different people.
pub fn mean_interval(sets: &[&Replicates], metric: Metric) -> Option<Interval> {
    let count = sets.iter().map(|set| set.draws.len()).min()?;
    let values = (0..count).filter_map(|i| mean_draw(sets, i, metric)).collect();
    interval(values, count)
}

/// Ratio of the mean of a figure over sets of trials to that of a baseline on the same sets.
pub fn mean_ratio(
    systems: &[&Replicates],
    baselines: &[&Replicates],
    metric: Metric,
) -> Option<PairedRatio> {
    let all = systems.iter().chain(baselines);
    let count = all.map(|set| set.draws.len()).min()?;
    // 0/0: both without errors, so neither is better.
    let over = |a: f64, b: f64| if a == 0.0 && b == 0.0 { 1.0 } else { a / b };
    let ratio =
        |i: usize| Some(over(mean_draw(systems, i, metric)?, mean_draw(baselines, i, metric)?));
    Some(PairedRatio {
        ratio: over(mean_figure(systems, metric), mean_figure(baselines, metric)),
        interval: interval((0..count).filter_map(ratio).collect(), count)?,
    })
}

fn mean_draw(sets: &[&Replicates], i: usize, metric: Metric) -> Option<f64> {
    let mut sum = 0.0;
    for set in sets {
        sum += metric(set.draws.get(i)?.as_ref()?);
    }
    Some(sum / sets.len() as f64)
}

/// Intervals of any statistics of trials: `statistics` gets a weight for each trial and answers one value
/// for each statistic, `None` where the weights leave it without meaning. `seed_of` as for
/// [`Replicates::new`]. An interval is `None` when most replicates lack a value.
///
/// # Errors
/// Fewer than two people; replicates outside `1..=MAX_REPLICATES`.
pub fn resample(
    trials: &[Trial],
    seed_of: &dyn Fn(u32) -> u64,
    replicates: usize,
    statistics: &(dyn Fn(&[f64]) -> Vec<Option<f64>> + Sync),
) -> Result<Vec<Option<Interval>>, ScoringError> {
    let counts = draws(trials, seed_of, replicates)?;
    let judge = |counts: &Vec<u32>| {
        let weights: Vec<f64> = trials.iter().map(|t| weight(t, counts)).collect();
        statistics(&weights)
    };
    let drawn: Vec<Vec<Option<f64>>> = counts.par_iter().map(judge).collect();
    let width = drawn.iter().map(Vec::len).min().unwrap_or(0);
    let column = |i: usize| drawn.iter().filter_map(|row| row[i]).collect();
    Ok((0..width).map(|i| interval(column(i), replicates)).collect())
}

fn weight(trial: &Trial, counts: &[u32]) -> f64 {
    let [a, b] = trial.speakers.map(|s| f64::from(counts[s as usize]));
    if trial.speakers[0] == trial.speakers[1] { a } else { a * b }
}

/// For each replicate, how often each person was drawn; people without trials are never drawn.
fn draws(
    trials: &[Trial],
    seed_of: &dyn Fn(u32) -> u64,
    replicates: usize,
) -> Result<Vec<Vec<u32>>, ScoringError> {
    let people: BTreeSet<u32> = trials.iter().flat_map(|t| t.speakers).collect();
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
    let mut strata: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for person in people {
        strata.entry(seed_of(person)).or_default().push(person);
    }
    let mut all = vec![vec![0u32; size]; replicates];
    for (seed, people) in strata {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for counts in &mut all {
            for _ in 0..people.len() {
                counts[people[rng.random_range(0..people.len())] as usize] += 1;
            }
        }
    }
    Ok(all)
}

/// Quantiles of the usable ones among `count` replicates, if those are more than half.
fn interval(mut values: Vec<f64>, count: usize) -> Option<Interval> {
    if values.is_empty() || values.len() * 2 < count {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |q: f64| values[((values.len() - 1) as f64 * q).round() as usize];
    Some(Interval { low: at(TAILS[0]), high: at(TAILS[1]) })
}
