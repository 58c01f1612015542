//! Figures of behavior: each person under a threshold of their own, and everybody under one.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::behavior::trial::TrialSet;
use crate::scoring::ScoringError;
use crate::scoring::metrics::{Curve, Figures, Interval, Metric, Replicates, Support, Trial};

/// Replicates of the bootstrap over people.
pub const REPLICATES: usize = 1_000;
/// Its seed.
const SEED: u64 = 1;
/// Central interval of 95 %.
const TAILS: [f64; 2] = [0.025, 0.975];

/// A figure with its 95 % interval by bootstrap over people; absent where most replicates have no value.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Figure {
    /// On all people.
    pub value: f64,
    /// 95 %.
    pub interval: Option<Interval>,
}

/// All figures of one condition. Rates are 0 to 1, Cllr is in bits.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Row {
    /// The condition.
    pub condition: String,
    /// People with a profile and both kinds of trials.
    pub people: usize,
    /// Comparisons with the person's own probes.
    pub targets: u64,
    /// Comparisons with others' probes.
    pub non_targets: u64,
    /// Mean over people of the EER under their own threshold, by raw score.
    pub eer_mean: Figure,
    /// EER of the LLR under one threshold for all.
    pub eer_global: Figure,
    /// FNMR of the LLR at a false match rate of 1 %, one threshold for all.
    pub fnmr_at_1_percent: Figure,
    /// FNMR of the LLR at a false match rate of 0.1 %, one threshold for all.
    pub fnmr_at_01_percent: Figure,
    /// How far the trials support that rate.
    pub support_01_percent: Support,
    /// Cost of the LLRs.
    pub cllr: Figure,
    /// What calibration loses.
    pub cllr_loss: Figure,
}

/// Judges a condition.
///
/// # Errors
/// Only one kind of trial, fewer than two people, or scores that are not numbers.
pub fn judge(set: &TrialSet) -> Result<Row, ScoringError> {
    let pooled: Vec<Trial> = trials(set, |t| t.llr);
    let replicates = Replicates::new(&pooled, &|_| SEED, REPLICATES)?;
    let figure = |metric: Metric| Figure {
        value: metric(replicates.figures()),
        interval: replicates.interval(metric),
    };
    let eers = own_eers(set)?;
    let targets = pooled.iter().filter(|t| t.target).count() as u64;
    let non_targets = pooled.len() as u64 - targets;
    Ok(Row {
        condition: set.name.clone(),
        people: eers.len(),
        targets,
        non_targets,
        eer_mean: mean(&eers),
        eer_global: figure(|f: &Figures| f.eer),
        fnmr_at_1_percent: figure(|f: &Figures| f.fnmr_at_fmr[0]),
        fnmr_at_01_percent: figure(|f: &Figures| f.fnmr_at_fmr[1]),
        support_01_percent: Support::of(1e-3, non_targets),
        cllr: figure(|f: &Figures| f.cllr),
        cllr_loss: figure(|f: &Figures| f.cllr - f.min_cllr),
    })
}

/// The trials with one of their scores.
pub fn trials(
    set: &TrialSet,
    score: fn(&crate::behavior::trial::ScoredTrial) -> f64,
) -> Vec<Trial> {
    let trial = |t| Trial { score: score(t), target: t.target(), speakers: [t.enrolled, t.probe] };
    set.trials.iter().map(trial).collect()
}

/// The EER of everybody with both kinds of trials, by raw score.
fn own_eers(set: &TrialSet) -> Result<Vec<f64>, ScoringError> {
    let mut own: BTreeMap<u32, Vec<Trial>> = BTreeMap::new();
    for trial in trials(set, |t| t.raw) {
        own.entry(trial.speakers[0]).or_default().push(trial);
    }
    let both = |t: &&Vec<Trial>| t.iter().any(|t| t.target) && t.iter().any(|t| !t.target);
    own.values().filter(both).map(|t| Ok(Curve::new(t)?.figures().eer)).collect()
}

fn mean(values: &[f64]) -> Figure {
    let count = values.len();
    let value = values.iter().sum::<f64>() / count.max(1) as f64;
    if count < 2 {
        return Figure { value, interval: None };
    }
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut draw =
        || (0..count).map(|_| values[rng.random_range(0..count)]).sum::<f64>() / count as f64;
    let mut means: Vec<f64> = (0..REPLICATES).map(|_| draw()).collect();
    means.sort_by(f64::total_cmp);
    let [low, high] = TAILS.map(|tail| means[(tail * (REPLICATES - 1) as f64).round() as usize]);
    Figure { value, interval: Some(Interval { low, high }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::trial::ScoredTrial;

    /// Person 0 is told apart without errors; person 1 needs a lower threshold than person 0 does.
    fn set() -> TrialSet {
        let trial = |enrolled, probe, raw: f64| ScoredTrial {
            enrolled,
            probe,
            capture: String::new(),
            raw,
            llr: raw,
        };
        let mut trials = Vec::new();
        for i in 0..10 {
            let step = f64::from(i) * 0.01;
            trials.push(trial(0, 0, 10.0 + step));
            trials.push(trial(0, 1, 5.0 + step));
            trials.push(trial(1, 1, 4.0 + step));
            trials.push(trial(1, 0, step));
        }
        TrialSet { name: "made".to_owned(), people: vec!["a".to_owned(), "b".to_owned()], trials }
    }

    #[test]
    fn own_thresholds_and_one_threshold_differ() {
        let row = judge(&set()).unwrap();
        assert_eq!((row.people, row.targets, row.non_targets), (2, 20, 20));
        assert_eq!(row.eer_mean.value, 0.0);
        // One threshold takes either person 1's own probes for others', or person 0's impostors for person 0.
        assert!(row.eer_global.value > 0.2, "{:?}", row.eer_global);
        assert_eq!(row.support_01_percent, Support::TooFewTrials);
    }

    #[test]
    fn one_kind_of_trial_is_refused() {
        let mut only = set();
        only.trials.retain(ScoredTrial::target);
        assert!(judge(&only).is_err());
    }
}
