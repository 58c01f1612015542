//! Figures of sets of trials, for machines. For people: [`tables`](super::tables).

use serde::{Deserialize, Serialize};

use crate::policy::VerificationRules;
use crate::scoring::ScoringError;
use crate::scoring::metrics::{
    FMR_POINTS, Figures, Interval, Metric, PairedRatio, Replicates, Support, ThresholdErrors,
    mean_figure, mean_interval, mean_ratio, threshold_errors,
};
use crate::usecase::evaluate::score::TrialSet;

/// People below whom a row is remarked on: an interval over fewer says little.
const FEW_PEOPLE: usize = 20;

/// How to judge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judging {
    /// LLR at or above which the default policy accepts.
    pub accept_llr: f64,
    /// LLR below which it rejects.
    pub reject_llr: f64,
    /// Bootstrap replicates.
    pub replicates: usize,
}

impl Judging {
    /// With the thresholds of the default policy.
    pub fn by_default_policy(replicates: usize) -> Self {
        let rules = VerificationRules::default();
        Self { accept_llr: rules.accept_llr.0, reject_llr: rules.reject_llr.0, replicates }
    }
}

/// 95 % intervals by bootstrap over speakers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Of the equal error rate.
    pub eer: Interval,
    /// Of the least detection cost at prior 0.01.
    pub min_dcf: Interval,
    /// Of the detection cost at prior 0.01.
    pub act_dcf: Interval,
    /// Of Cllr.
    pub cllr: Interval,
    /// Of minCllr.
    pub min_cllr: Interval,
    /// Of FNMR at the false match rates of `FMR_POINTS`.
    pub fnmr_at_fmr: [Interval; 3],
}

const EER: Metric = |f| f.eer;
const MIN_DCF: Metric = |f| f.min_dcf[0];
const ACT_DCF: Metric = |f| f.act_dcf[0];
const CLLR: Metric = |f| f.cllr;
const MIN_CLLR: Metric = |f| f.min_cllr;
const FNMR: [Metric; 3] = [|f| f.fnmr_at_fmr[0], |f| f.fnmr_at_fmr[1], |f| f.fnmr_at_fmr[2]];

impl Intervals {
    fn over(sets: &[&Replicates]) -> Option<Self> {
        let of = |metric| mean_interval(sets, metric);
        Some(Self {
            eer: of(EER)?,
            min_dcf: of(MIN_DCF)?,
            act_dcf: of(ACT_DCF)?,
            cllr: of(CLLR)?,
            min_cllr: of(MIN_CLLR)?,
            fnmr_at_fmr: [of(FNMR[0])?, of(FNMR[1])?, of(FNMR[2])?],
        })
    }
}

/// One system on one set of trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SystemFigures {
    /// The figures.
    pub figures: Figures,
    /// Their intervals; absent where too few replicates had both kinds of trials.
    pub intervals: Option<Intervals>,
    /// How far the trials of both kinds support the equal error rate.
    pub eer_support: Support,
    /// Cllr − minCllr: what calibration loses, in bits.
    pub calibration_loss: f64,
    /// actDCF over minDCF at prior 0.01; absent where minDCF is 0.
    pub act_over_min_dcf: Option<f64>,
    /// Errors at the default thresholds.
    pub at_thresholds: Option<ThresholdErrors>,
}

/// All systems on one set of trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Corpus, or `all`: pooled, under one threshold.
    pub corpus: String,
    /// Condition.
    pub condition: String,
    /// Group within them, or `all`.
    pub group: String,
    /// People.
    pub speakers: usize,
    /// Trials of one person.
    pub targets: usize,
    /// Trials of two people.
    pub non_targets: usize,
    /// How far the number of non-targets supports each false match rate of `fnmr_at_fmr`.
    pub fmr_support: [Support; 3],
    /// Cosine of mean embeddings.
    pub plain: SystemFigures,
    /// The back-end.
    pub full: SystemFigures,
    /// The baseline.
    pub baseline: Option<SystemFigures>,
    /// EER of full over plain, paired.
    pub full_over_plain: Option<PairedRatio>,
    /// EER of plain over the baseline, paired.
    pub plain_over_baseline: Option<PairedRatio>,
    /// EER of full over the baseline, paired.
    pub full_over_baseline: Option<PairedRatio>,
    /// Trials without a score of the baseline, left out of its figures and ratios.
    pub without_baseline: usize,
    /// What limits these figures, in words.
    pub notes: Vec<String>,
}

/// A group that has no figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmallGroup {
    /// Corpus, or `all`.
    pub corpus: String,
    /// Condition.
    pub condition: String,
    /// The group.
    pub group: String,
    /// People.
    pub speakers: usize,
    /// Trials of one person.
    pub targets: usize,
    /// Trials of two people.
    pub non_targets: usize,
    /// Why there are none.
    pub why: String,
}

/// Means of one system over data sets, each under thresholds of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeanFigures {
    /// Equal error rate.
    pub eer: f64,
    /// Least detection cost at prior 0.01.
    pub min_dcf: f64,
    /// Detection cost at prior 0.01.
    pub act_dcf: f64,
    /// Cllr.
    pub cllr: f64,
    /// minCllr.
    pub min_cllr: f64,
    /// FNMR at the false match rates of `FMR_POINTS`.
    pub fnmr_at_fmr: [f64; 3],
    /// Intervals of the means.
    pub intervals: Option<Intervals>,
}

/// Mean over the data sets of a condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MacroMean {
    /// Condition.
    pub condition: String,
    /// Data sets.
    pub corpora: Vec<String>,
    /// Cosine of mean embeddings.
    pub plain: MeanFigures,
    /// The back-end.
    pub full: MeanFigures,
    /// The baseline.
    pub baseline: Option<MeanFigures>,
    /// Mean EER of full over that of plain, paired.
    pub full_over_plain: Option<PairedRatio>,
    /// Mean EER of plain over that of the baseline, paired.
    pub plain_over_baseline: Option<PairedRatio>,
    /// Mean EER of full over that of the baseline, paired.
    pub full_over_baseline: Option<PairedRatio>,
}

/// The replicates of all systems on one set of trials.
pub struct Judged {
    /// Cosine of mean embeddings.
    pub plain: Replicates,
    /// The back-end.
    pub full: Replicates,
    /// Baseline, plain and full on the trials that the baseline has.
    pub paired: Option<[Replicates; 3]>,
}

impl Judged {
    /// Judges all systems.
    ///
    /// # Errors
    /// A kind of trial is missing, or there is only one person.
    pub fn new(set: &TrialSet, judging: &Judging) -> Result<Self, ScoringError> {
        let judge = |set: &TrialSet, scores: &[f64]| {
            let seed_of = |speaker: u32| set.seeds.get(speaker as usize).copied().unwrap_or(0);
            Replicates::new(&set.trials(scores), &seed_of, judging.replicates)
        };
        let (plain, full) = (judge(set, &set.plain)?, judge(set, &set.full)?);
        let paired = if set.baseline.is_empty() {
            None
        } else if set.baseline.iter().any(|s| s.is_nan()) {
            let common = set.choose(|i| !set.baseline[i].is_nan());
            let of = |scores: &[f64]| judge(&common, scores).ok();
            match (of(&common.baseline), of(&common.plain), of(&common.full)) {
                (Some(baseline), Some(plain), Some(full)) => Some([baseline, plain, full]),
                _ => None,
            }
        } else {
            Some([judge(set, &set.baseline)?, plain.clone(), full.clone()])
        };
        Ok(Self { plain, full, paired })
    }

    /// The row of a set of trials.
    pub fn row(
        &self,
        set: &TrialSet,
        corpus: &str,
        condition: &str,
        group: &str,
        judging: &Judging,
    ) -> Row {
        let (speakers, targets, non_targets) = set.counts();
        let of = |replicates: &Replicates, scores: &[f64]| {
            let trials = set.trials(scores);
            let errors = threshold_errors(&trials, judging.accept_llr, judging.reject_llr);
            system(replicates, [targets, non_targets], errors)
        };
        let baseline = self.paired.as_ref().map(|[baseline, _, _]| {
            let known = set.choose(|i| !set.baseline[i].is_nan());
            let trials = known.trials(&known.baseline);
            let errors = threshold_errors(&trials, judging.accept_llr, judging.reject_llr);
            let (_, targets, non_targets) = known.counts();
            system(baseline, [targets, non_targets], errors)
        });
        let over = |which: usize| {
            let paired = self.paired.as_ref()?;
            paired[which].ratio(&paired[0], EER)
        };
        let fmr_support = FMR_POINTS.map(|fmr| Support::of(fmr, non_targets as u64));
        let without_baseline = set.baseline.iter().filter(|s| s.is_nan()).count();
        Row {
            corpus: corpus.to_owned(),
            condition: condition.to_owned(),
            group: group.to_owned(),
            speakers,
            targets,
            non_targets,
            fmr_support,
            plain: of(&self.plain, &set.plain),
            full: of(&self.full, &set.full),
            baseline,
            full_over_plain: self.full.ratio(&self.plain, EER),
            plain_over_baseline: over(1),
            full_over_baseline: over(2),
            without_baseline,
            notes: notes(speakers, fmr_support, without_baseline),
        }
    }
}

fn notes(speakers: usize, fmr_support: [Support; 3], without_baseline: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if speakers < FEW_PEOPLE {
        notes.push(format!("{speakers} speakers: the intervals themselves are uncertain"));
    }
    for (fmr, support) in FMR_POINTS.into_iter().zip(fmr_support) {
        match support {
            Support::TooFewTrials => {
                notes.push(format!("too few non-targets for FMR {fmr:e} (rule of 3)"));
            }
            Support::Uncertain => {
                notes.push(format!("FMR {fmr:e} without precision (rule of 30)"));
            }
            Support::Supported => {}
        }
    }
    if without_baseline > 0 {
        notes.push(format!("{without_baseline} trials without a score of the baseline"));
    }
    notes
}

fn system(
    replicates: &Replicates,
    [targets, non_targets]: [usize; 2],
    at_thresholds: Option<ThresholdErrors>,
) -> SystemFigures {
    let figures = *replicates.figures();
    let [min, act] = [figures.min_dcf[0], figures.act_dcf[0]];
    let support = |trials: usize| Support::of(figures.eer, trials as u64);
    SystemFigures {
        figures,
        intervals: Intervals::over(&[replicates]),
        eer_support: support(targets).min(support(non_targets)),
        calibration_loss: figures.cllr - figures.min_cllr,
        act_over_min_dcf: (min > 0.0).then(|| act / min),
        at_thresholds,
    }
}

/// Mean over data sets, each judged for itself. `None` without any.
pub fn macro_mean(condition: &str, sets: &[(String, Judged)]) -> Option<MacroMean> {
    let of = |pick: fn(&Judged) -> &Replicates| -> Vec<&Replicates> {
        sets.iter().map(|(_, judged)| pick(judged)).collect()
    };
    if sets.is_empty() {
        return None;
    }
    let (plain, full) = (of(|j| &j.plain), of(|j| &j.full));
    let paired: Option<Vec<&[Replicates; 3]>> =
        sets.iter().map(|(_, judged)| judged.paired.as_ref()).collect();
    let column = |i: usize| -> Option<Vec<&Replicates>> {
        paired.as_ref().map(|rows| rows.iter().map(|row| &row[i]).collect())
    };
    let over = |which: usize| mean_ratio(&column(which)?, &column(0)?, EER);
    Some(MacroMean {
        condition: condition.to_owned(),
        corpora: sets.iter().map(|(corpus, _)| corpus.clone()).collect(),
        plain: means(&plain),
        full: means(&full),
        baseline: column(0).map(|sets| means(&sets)),
        full_over_plain: mean_ratio(&full, &plain, EER),
        plain_over_baseline: over(1),
        full_over_baseline: over(2),
    })
}

fn means(sets: &[&Replicates]) -> MeanFigures {
    let of = |metric| mean_figure(sets, metric);
    MeanFigures {
        eer: of(EER),
        min_dcf: of(MIN_DCF),
        act_dcf: of(ACT_DCF),
        cllr: of(CLLR),
        min_cllr: of(MIN_CLLR),
        fnmr_at_fmr: FNMR.map(of),
        intervals: Intervals::over(sets),
    }
}
