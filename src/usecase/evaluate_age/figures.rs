//! Figures of estimated ages, with 95 % intervals by resampling people.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::Age;
use crate::domain::{AgeEstimate, AgeYears};
use crate::policy::AgeRules;
use crate::scoring::metrics::Interval;

/// Share of others that may be given priority when the recall of seniors is stated.
pub const FALSE_PRIORITY: f64 = 0.15;
/// Fewest seniors whose figures are more than an indication.
pub const FEW_SENIORS: usize = 30;
/// Bins of the stated probability of a senior.
const BINS: usize = 10;
/// Central interval of 95 %.
const TAILS: [f64; 2] = [0.025, 0.975];

/// An estimate with its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Index of the person.
    pub speaker: u32,
    /// `F`, `M`, other, or empty when unknown.
    pub sex: String,
    /// Measured telephone band.
    pub narrow: bool,
    /// Measured net speech, in milliseconds.
    pub net_speech_ms: u32,
    /// The truth.
    pub age: Age,
    /// The estimate.
    pub estimate: AgeEstimate,
}

/// How often people are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws {
    /// Replicates.
    pub replicates: usize,
    /// Seed.
    pub seed: u64,
}

impl Default for Draws {
    fn default() -> Self {
        Self { replicates: 1_000, seed: 1 }
    }
}

/// A figure and its interval; the interval is absent when most replicates have no value.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Figure {
    /// On all people.
    pub value: f64,
    /// 95 %.
    pub interval: Option<Interval>,
}

/// One bin of stated probabilities.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Bin {
    /// Mean stated probability of a senior.
    pub stated: f64,
    /// Share of seniors.
    pub observed: f64,
    /// Recordings.
    pub recordings: usize,
}

/// Figures of a set of recordings. Those about seniors leave out bands of ages with 65 inside.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Figures {
    /// Recordings and people.
    pub recordings: usize,
    /// People.
    pub speakers: usize,
    /// People of 65 years or more.
    pub seniors: usize,
    /// Fewer than [`FEW_SENIORS`]: what is said of seniors is an indication only.
    pub few_seniors: bool,
    /// Recordings of an age known to the year.
    pub exact_recordings: usize,
    /// Mean absolute error on them, in years.
    pub mae_years: Option<Figure>,
    /// Share of them within the 10 to 90 % interval; 0.8 is due.
    pub coverage: Option<Figure>,
    /// Mean distance to the band, of recordings with a band, in years.
    pub band_distance_years: Option<Figure>,
    /// Area under the ROC of seniors by their stated probability.
    pub auc_senior: Option<Figure>,
    /// Equal error rate of seniors by it, on straight lines between the thresholds that the probabilities allow.
    pub eer_senior: Option<Figure>,
    /// Recall of seniors at [`FALSE_PRIORITY`].
    pub recall_at_15: Option<Figure>,
    /// The probability from which on it is reached.
    pub threshold_at_15: Option<f64>,
    /// Recall of seniors at the policy's default for the priority queue.
    pub recall_at_policy: Option<Figure>,
    /// Share of others above it.
    pub false_priority_at_policy: Option<Figure>,
    /// Mean squared error of the probability (Brier 1950).
    pub brier: Option<Figure>,
    /// Stated minus observed share of seniors; 0 is due.
    pub bias: Option<Figure>,
    /// Stated against observed.
    pub reliability: Vec<Bin>,
}

/// How many [`Judged::statistics`] gives.
const STATISTICS: usize = 10;

/// Cases with what is computed once.
struct Judged<'a> {
    cases: &'a [Case],
    /// Indices of those known to be seniors or not, by rising probability.
    order: Vec<usize>,
    threshold: f64,
}

impl<'a> Judged<'a> {
    fn new(cases: &'a [Case]) -> Self {
        let known = (0..cases.len()).filter(|i| cases[*i].age.is_senior().is_some());
        let mut order: Vec<usize> = known.collect();
        let p = |i: &usize| cases[*i].estimate.p_senior.value();
        order.sort_by(|a, b| p(a).total_cmp(&p(b)));
        Self { cases, order, threshold: AgeRules::default().priority_probability }
    }

    fn p(&self, i: usize) -> f64 {
        self.cases[i].estimate.p_senior.value()
    }

    fn is_senior(&self, i: usize) -> bool {
        self.cases[i].age.is_senior() == Some(true)
    }

    /// Runs of equal probability, rising: probability, weight of seniors and of others.
    fn runs(&self, weight: &[f64]) -> Vec<(f64, [f64; 2])> {
        let mut runs: Vec<(f64, [f64; 2])> = Vec::new();
        for &i in &self.order {
            let p = self.p(i);
            if runs.last().is_none_or(|(last, _)| *last != p) {
                runs.push((p, [0.0; 2]));
            }
            if let Some((_, sums)) = runs.last_mut() {
                sums[usize::from(!self.is_senior(i))] += weight[i];
            }
        }
        runs
    }

    /// `None` where a figure has no recordings with weight.
    fn statistics(&self, weight: &[f64]) -> [Option<f64>; STATISTICS] {
        let all = || self.cases.iter().zip(weight).map(|(case, w)| (case, *w));
        let exact = |case: &Case| case.age.is_exact();
        let off = |case: &Case| case.age.distance(case.estimate.years.estimate);
        let covered = |case: &Case| {
            let AgeYears { low, high, .. } = case.estimate.years;
            let within = matches!(case.age, Age::Years(y) if (low..=high).contains(&y));
            f64::from(u8::from(within))
        };
        let runs = self.runs(weight);
        let senior = |i: usize| f64::from(u8::from(self.is_senior(i)));
        let known = || self.order.iter().map(|i| (*i, weight[*i]));
        [
            mean(all().filter(|(c, _)| exact(c)).map(|(c, w)| (off(c), w))),
            mean(all().filter(|(c, _)| exact(c)).map(|(c, w)| (covered(c), w))),
            mean(all().filter(|(c, _)| !exact(c)).map(|(c, w)| (off(c), w))),
            auc(&runs),
            best_within(&runs, FALSE_PRIORITY).map(|(recall, _)| recall),
            share_from(&runs, self.threshold, 0),
            share_from(&runs, self.threshold, 1),
            mean(known().map(|(i, w)| ((self.p(i) - senior(i)).powi(2), w))),
            mean(known().map(|(i, w)| (self.p(i) - senior(i), w))),
            eer(&runs),
        ]
    }

    fn reliability(&self) -> Vec<Bin> {
        let of = |i: &usize| ((self.p(*i) * BINS as f64) as usize).min(BINS - 1);
        (0..BINS)
            .filter_map(|bin| {
                let inside: Vec<usize> =
                    self.order.iter().copied().filter(|i| of(i) == bin).collect();
                let count = inside.len() as f64;
                (!inside.is_empty()).then(|| Bin {
                    stated: inside.iter().map(|i| self.p(*i)).sum::<f64>() / count,
                    observed: inside.iter().filter(|i| self.is_senior(**i)).count() as f64 / count,
                    recordings: inside.len(),
                })
            })
            .collect()
    }
}

fn mean(values: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (sum, weight) = values.fold((0.0, 0.0), |(s, w), (x, by)| (s + x * by, w + by));
    (weight > 0.0).then(|| sum / weight)
}

fn totals(runs: &[(f64, [f64; 2])]) -> Option<[f64; 2]> {
    let sums = runs.iter().fold([0.0; 2], |a, (_, b)| [a[0] + b[0], a[1] + b[1]]);
    sums.iter().all(|s| *s > 0.0).then_some(sums)
}

/// Probability that a senior's value is above another's (Mann and Whitney 1947).
fn auc(runs: &[(f64, [f64; 2])]) -> Option<f64> {
    let [seniors, others] = totals(runs)?;
    let (mut below, mut sum) = (0f64, 0f64);
    for (_, [s, o]) in runs {
        sum += s * (below + o / 2.0);
        below += o;
    }
    Some(sum / (seniors * others))
}

/// Where the share of others let through and that of seniors missed cross.
fn eer(runs: &[(f64, [f64; 2])]) -> Option<f64> {
    let [seniors, others] = totals(runs)?;
    let (mut passed, mut missed) = (0f64, 1f64);
    for (_, [s, o]) in runs.iter().rev() {
        let now = (passed + o / others, missed - s / seniors);
        if now.0 >= now.1 {
            let (gap, next) = (missed - passed, now.0 - now.1);
            let part = if gap + next > 0.0 { gap / (gap + next) } else { 0.0 };
            return Some(passed + part * (now.0 - passed));
        }
        (passed, missed) = now;
    }
    Some(passed)
}

/// Recall of seniors at the lowest threshold with at most a share of others at or above it.
fn best_within(runs: &[(f64, [f64; 2])], most: f64) -> Option<(f64, f64)> {
    let [seniors, others] = totals(runs)?;
    let (mut found, mut wrong, mut threshold) = (0f64, 0f64, 1f64);
    for (p, [s, o]) in runs.iter().rev() {
        if (wrong + o) / others > most + 1e-12 {
            break;
        }
        (found, wrong, threshold) = (found + s, wrong + o, *p);
    }
    Some((found / seniors, threshold))
}

/// Share of seniors (0) or of others (1) at or above a threshold.
fn share_from(runs: &[(f64, [f64; 2])], threshold: f64, kind: usize) -> Option<f64> {
    mean(runs.iter().map(|(p, sums)| (f64::from(u8::from(*p >= threshold)), sums[kind])))
}

/// Points (false priority, recall) of the ROC of seniors, rising; empty without both kinds.
pub fn roc(cases: &[Case]) -> Vec<(f64, f64)> {
    let runs = Judged::new(cases).runs(&vec![1.0; cases.len()]);
    let Some([seniors, others]) = totals(&runs) else {
        return Vec::new();
    };
    let mut at = (0.0, 0.0);
    let mut points = vec![at];
    for (_, [s, o]) in runs.iter().rev() {
        at = (at.0 + o / others, at.1 + s / seniors);
        points.push(at);
    }
    points
}

/// Judges cases; `None` without any.
pub fn figures(cases: &[Case], draws: Draws) -> Option<Figures> {
    if cases.is_empty() {
        return None;
    }
    let judged = Judged::new(cases);
    let ones = vec![1.0; cases.len()];
    let values = judged.statistics(&ones);
    let drawn = replicates(cases, draws, &|weight| judged.statistics(weight));
    let figure = |i: usize| {
        let value = values[i]?;
        let column = drawn.iter().filter_map(|row| row[i]).collect();
        Some(Figure { value, interval: interval(column, draws.replicates) })
    };
    let seniors = people(cases.iter().filter(|c| c.age.is_senior() == Some(true))).len();
    Some(Figures {
        recordings: cases.len(),
        speakers: people(cases.iter()).len(),
        seniors,
        few_seniors: seniors < FEW_SENIORS,
        exact_recordings: cases.iter().filter(|c| c.age.is_exact()).count(),
        mae_years: figure(0),
        coverage: figure(1),
        band_distance_years: figure(2),
        auc_senior: figure(3),
        eer_senior: figure(9),
        recall_at_15: figure(4),
        threshold_at_15: best_within(&judged.runs(&ones), FALSE_PRIORITY).map(|(_, t)| t),
        recall_at_policy: figure(5),
        false_priority_at_policy: figure(6),
        brier: figure(7),
        bias: figure(8),
        reliability: judged.reliability(),
    })
}

fn people<'a>(cases: impl Iterator<Item = &'a Case>) -> BTreeSet<u32> {
    cases.map(|case| case.speaker).collect()
}

/// Statistics of each replicate: as many people as there are, drawn with replacement; a recording
/// weighs how often its person was drawn.
fn replicates(
    cases: &[Case],
    draws: Draws,
    statistics: &(dyn Fn(&[f64]) -> [Option<f64>; STATISTICS] + Sync),
) -> Vec<[Option<f64>; STATISTICS]> {
    let people: Vec<u32> = people(cases.iter()).into_iter().collect();
    let place: Vec<usize> =
        cases.iter().map(|c| people.partition_point(|p| *p < c.speaker)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(draws.seed);
    let counts: Vec<Vec<u32>> = (0..draws.replicates)
        .map(|_| {
            let mut counts = vec![0; people.len()];
            for _ in 0..people.len() {
                counts[rng.random_range(0..people.len())] += 1;
            }
            counts
        })
        .collect();
    counts
        .into_par_iter()
        .map(|counts| {
            let weight: Vec<f64> = place.iter().map(|p| f64::from(counts[*p])).collect();
            statistics(&weight)
        })
        .collect()
}

fn interval(mut values: Vec<f64>, replicates: usize) -> Option<Interval> {
    if values.is_empty() || values.len() * 2 < replicates {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |q: f64| values[((values.len() - 1) as f64 * q).round() as usize];
    Some(Interval { low: at(TAILS[0]), high: at(TAILS[1]) })
}
