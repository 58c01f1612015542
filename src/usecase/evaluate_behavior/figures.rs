//! Figures of behavior: each person under a threshold of their own, and everybody under one.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::behavior::trial::TrialSet;
use crate::scoring::ScoringError;
use crate::scoring::metrics::{
    Curve, FMR_POINTS, Figures, Interval, Metric, Replicates, Support, Trial,
};

/// Replicates of the bootstrap over people.
pub const REPLICATES: usize = 1_000;
/// Its seed.
const SEED: u64 = 1;
/// Group of a row of all trials.
pub const ALL: &str = "all";
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
    /// Group within it, as `device phone`, or `all`.
    pub group: String,
    /// People with a profile and both kinds of trials.
    pub people: usize,
    /// Comparisons with the person's own probes.
    pub targets: u64,
    /// Comparisons with others' probes.
    pub non_targets: u64,
    /// Of both, those in which nothing could be compared: they count with an LLR of 0.
    pub not_compared: u64,
    /// Mean over people of the EER under their own threshold, by raw score, interpolating the ROC.
    pub eer_mean: Figure,
    /// The same on the convex hull of the ROC, which is lower.
    pub eer_mean_hull: Figure,
    /// EER of the LLR under one threshold for all.
    pub eer_global: Figure,
    /// How far the trials of both kinds support it.
    pub eer_support: Support,
    /// Least detection cost of the LLR at prior 0.01.
    pub min_dcf: Figure,
    /// Detection cost of the LLR at prior 0.01.
    pub act_dcf: Figure,
    /// FNMR of the LLR at a false match rate of 1 %, one threshold for all.
    pub fnmr_at_1_percent: Figure,
    /// FNMR of the LLR at a false match rate of 0.1 %, one threshold for all.
    pub fnmr_at_01_percent: Figure,
    /// FNMR of the LLR at a false match rate of 0.01 %, one threshold for all.
    pub fnmr_at_001_percent: Figure,
    /// How far the trials support a false match rate of 1 %.
    pub support_1_percent: Support,
    /// Of 0.1 %.
    pub support_01_percent: Support,
    /// Of 0.01 %.
    pub support_001_percent: Support,
    /// Cost of the LLRs.
    pub cllr: Figure,
    /// The same after the best monotone calibration.
    pub min_cllr: Figure,
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
    let [support_1_percent, support_01_percent, support_001_percent] =
        FMR_POINTS.map(|rate| Support::of(rate, non_targets));
    let eer = replicates.figures().eer;
    Ok(Row {
        condition: set.name.clone(),
        group: ALL.to_owned(),
        people: eers.len(),
        targets,
        non_targets,
        not_compared: set.trials.iter().filter(|t| !t.compared).count() as u64,
        eer_mean: mean(&eers.iter().map(|e| e[1]).collect::<Vec<_>>()),
        eer_mean_hull: mean(&eers.iter().map(|e| e[0]).collect::<Vec<_>>()),
        eer_global: figure(|f: &Figures| f.eer),
        eer_support: Support::of(eer, targets).min(Support::of(eer, non_targets)),
        min_dcf: figure(|f: &Figures| f.min_dcf[0]),
        act_dcf: figure(|f: &Figures| f.act_dcf[0]),
        fnmr_at_1_percent: figure(|f: &Figures| f.fnmr_at_fmr[0]),
        fnmr_at_01_percent: figure(|f: &Figures| f.fnmr_at_fmr[1]),
        fnmr_at_001_percent: figure(|f: &Figures| f.fnmr_at_fmr[2]),
        support_1_percent,
        support_01_percent,
        support_001_percent,
        cllr: figure(|f: &Figures| f.cllr),
        min_cllr: figure(|f: &Figures| f.min_cllr),
        cllr_loss: figure(|f: &Figures| f.cllr - f.min_cllr),
    })
}

/// The rows of a set's groups by a fact, and the groups that have no figures, each with the reason.
pub fn judge_groups(set: &TrialSet, by: &str) -> (Vec<Row>, Vec<String>) {
    let (mut rows, mut without) = (Vec::new(), Vec::new());
    for (name, chosen) in set.groups(by) {
        let group = format!("{by} {name}");
        match judge(&chosen) {
            Ok(row) => rows.push(Row { group, ..row }),
            Err(why) => without.push(format!("{}, {group}: {why}", set.name)),
        }
    }
    (rows, without)
}

/// The trials with one of their scores.
pub fn trials(
    set: &TrialSet,
    score: fn(&crate::behavior::trial::ScoredTrial) -> f64,
) -> Vec<Trial> {
    let trial = |t| Trial { score: score(t), target: t.target(), speakers: [t.enrolled, t.probe] };
    set.trials.iter().map(trial).collect()
}

/// For everybody with both kinds of trials, the EER by raw score on the convex hull of the ROC, and by interpolating
/// the ROC as the field's older figures do. A capture `DEALING/ID` belongs to a dealing of people with a background of
/// its own: each has a threshold, and a person's figure is the mean over them.
fn own_eers(set: &TrialSet) -> Result<Vec<[f64; 2]>, ScoringError> {
    let mut dealt: BTreeMap<(u32, &str), Vec<Trial>> = BTreeMap::new();
    for trial in &set.trials {
        let dealing = trial.capture.split_once('/').map_or("", |(dealing, _)| dealing);
        let (target, speakers) = (trial.target(), [trial.enrolled, trial.probe]);
        let scored = Trial { score: trial.raw, target, speakers };
        dealt.entry((trial.enrolled, dealing)).or_default().push(scored);
    }
    let mut own: BTreeMap<u32, Vec<[f64; 2]>> = BTreeMap::new();
    for ((person, _), trials) in dealt {
        if trials.iter().any(|t| t.target) && trials.iter().any(|t| !t.target) {
            let hull = Curve::new(&trials)?.figures().eer;
            own.entry(person).or_default().push([hull, interpolated_eer(&trials)]);
        }
    }
    let mean = |of: &Vec<[f64; 2]>| {
        [0, 1].map(|i| of.iter().map(|eers| eers[i]).sum::<f64>() / of.len().max(1) as f64)
    };
    Ok(own.values().map(mean).collect())
}

/// Where the false match rate and the false non-match rate cross, on straight lines between the thresholds that the
/// scores allow. Needs both kinds of trials.
fn interpolated_eer(trials: &[Trial]) -> f64 {
    let mut scores: Vec<(f64, bool)> = trials.iter().map(|t| (t.score, t.target)).collect();
    scores.sort_by(|a, b| a.0.total_cmp(&b.0));
    let targets = scores.iter().filter(|s| s.1).count() as f64;
    let others = scores.len() as f64 - targets;
    // Rates when everything up to a score is refused.
    let (mut missed, mut stopped) = (0.0, 0.0);
    let mut before = (0.0, 1.0);
    let mut i = 0;
    while i < scores.len() {
        let score = scores[i].0;
        while i < scores.len() && scores[i].0 == score {
            if scores[i].1 {
                missed += 1.0
            } else {
                stopped += 1.0
            }
            i += 1;
        }
        let now = (missed / targets, 1.0 - stopped / others);
        if now.0 >= now.1 {
            let (gap, next) = (before.1 - before.0, now.0 - now.1);
            let part = if gap + next > 0.0 { gap / (gap + next) } else { 0.0 };
            return before.0 + part * (now.0 - before.0);
        }
        before = now;
    }
    before.0
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
    use crate::behavior::trial::{Grouping, ScoredTrial};

    /// Person 0 is told apart without errors; person 1 needs a lower threshold than person 0 does.
    fn set() -> TrialSet {
        let trial = |enrolled, probe, raw: f64| ScoredTrial {
            enrolled,
            probe,
            capture: String::new(),
            raw,
            llr: raw,
            compared: true,
        };
        let mut trials = Vec::new();
        for i in 0..10 {
            let step = f64::from(i) * 0.01;
            trials.push(trial(0, 0, 10.0 + step));
            trials.push(trial(0, 1, 5.0 + step));
            trials.push(trial(1, 1, 4.0 + step));
            trials.push(trial(1, 0, step));
        }
        let people = vec!["a".to_owned(), "b".to_owned()];
        TrialSet { name: "made".to_owned(), people, trials, groupings: Vec::new() }
    }

    #[test]
    fn own_thresholds_and_one_threshold_differ() {
        let row = judge(&set()).unwrap();
        assert_eq!((row.people, row.targets, row.non_targets), (2, 20, 20));
        assert_eq!(row.eer_mean.value, 0.0);
        // One threshold takes either person 1's own probes for others', or person 0's impostors for person 0.
        assert!(row.eer_global.value > 0.2, "{:?}", row.eer_global);
        let few = [row.support_1_percent, row.support_01_percent, row.support_001_percent];
        assert_eq!(few, [Support::TooFewTrials; 3]);
        assert_eq!(row.eer_support, Support::Uncertain);
        assert!((row.cllr.value - row.min_cllr.value - row.cllr_loss.value).abs() < 1e-9);
        assert!(row.min_dcf.value <= row.act_dcf.value && row.fnmr_at_001_percent.value > 0.2);
        assert_eq!((row.group.as_str(), row.not_compared), ("all", 0));
    }

    #[test]
    fn groups_have_rows_of_their_own_or_a_reason() {
        let mut set = set();
        let session = |i: usize| if i < 20 { "early" } else { "late" };
        let sessions = (0..set.trials.len()).map(|i| session(i).to_owned());
        let devices =
            set.trials.iter().map(|t| if t.target() { "phone" } else { "tablet" }.to_owned());
        let devices: Vec<String> = devices.collect();
        set.groupings =
            vec![Grouping::new("session", sessions), Grouping::new("device", devices.into_iter())];
        let (rows, without) = judge_groups(&set, "session");
        let named: Vec<(&str, u64)> =
            rows.iter().map(|r| (r.group.as_str(), r.targets + r.non_targets)).collect();
        assert_eq!(named, [("session early", 20), ("session late", 20)]);
        assert!(without.is_empty());
        let (rows, without) = judge_groups(&set, "device");
        assert!(rows.is_empty());
        assert!(
            without.len() == 2 && without[0].starts_with("made, device phone: "),
            "{without:?}"
        );
        assert_eq!(judge_groups(&set, "unknown"), (Vec::new(), Vec::new()));
    }

    #[test]
    fn interpolation_follows_the_lines_between_thresholds() {
        let trial = |score, target| Trial { score, target, speakers: [0, u32::from(!target)] };
        let own = [2.0, 4.0, 5.0, 6.0].map(|s| trial(s, true));
        let others = [1.0, 3.0, 0.0, 0.5].map(|s| trial(s, false));
        // Refusing up to 2: one of four own, one of four others left.
        assert_eq!(interpolated_eer(&[own, others].concat()), 0.25);
        let apart = [trial(1.0, false), trial(2.0, true)];
        assert_eq!(interpolated_eer(&apart), 0.0);
        let swapped = [trial(2.0, false), trial(1.0, true)];
        assert_eq!(interpolated_eer(&swapped), 1.0);
        let tied = [trial(1.0, false), trial(1.0, true)];
        assert_eq!(interpolated_eer(&tied), 0.5);
    }

    #[test]
    fn dealings_have_thresholds_of_their_own() {
        let mut dealt = set();
        for (i, t) in dealt.trials.iter_mut().enumerate() {
            let second = i % 8 >= 4;
            t.capture = format!("{}/c", u8::from(second));
            // The second dealing's background moves all scores.
            t.raw += if second { 100.0 } else { 0.0 };
        }
        assert_eq!(judge(&dealt).unwrap().eer_mean.value, 0.0);
    }

    #[test]
    fn one_kind_of_trial_is_refused() {
        let mut only = set();
        only.trials.retain(ScoredTrial::target);
        assert!(judge(&only).is_err());
    }
}
