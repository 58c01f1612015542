//! Figures of one set of trials, for people and for machines.

use crate::scoring::ScoringError;
use crate::scoring::metrics::{
    FMR_POINTS, Figures, Interval, Metric, PairedRatio, Support, ThresholdErrors, Trial, bootstrap,
    figures, paired_ratio, threshold_errors,
};

/// How to judge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judging {
    /// LLR at or above which the default policy accepts.
    pub accept_llr: f64,
    /// LLR below which it rejects.
    pub reject_llr: f64,
    /// Bootstrap replicates.
    pub replicates: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for Judging {
    fn default() -> Self {
        Self { accept_llr: 4.6, reject_llr: -2.0, replicates: 1_000, seed: 1 }
    }
}

/// One system on one set of trials.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SystemFigures {
    /// The figures.
    pub figures: Figures,
    /// 95 % intervals by bootstrap over speakers.
    pub eer_interval: Option<Interval>,
    /// Of Cllr.
    pub cllr_interval: Option<Interval>,
    /// Cllr − minCllr: what calibration loses, in bits.
    pub calibration_loss: f64,
    /// Errors at the default thresholds.
    pub at_thresholds: Option<ThresholdErrors>,
}

/// Both systems on one set of trials.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Row {
    /// Corpus, or `all`.
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
    /// EER of full over plain, paired.
    pub eer_ratio: Option<PairedRatio>,
}

/// Trials of one set under both systems, in the same order; scores are LLRs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Cosine of mean embeddings.
    pub plain: Vec<Trial>,
    /// The back-end.
    pub full: Vec<Trial>,
}

impl Judged {
    /// Trials chosen by position.
    pub fn choose(&self, chosen: impl Fn(usize) -> bool) -> Self {
        let pick = |trials: &[Trial]| {
            let numbered = trials.iter().enumerate();
            numbered.filter(|(i, _)| chosen(*i)).map(|(_, t)| *t).collect()
        };
        Self { plain: pick(&self.plain), full: pick(&self.full) }
    }

    /// Adds trials of other people.
    pub fn extend(&mut self, other: &Self) {
        let next = self.full.iter().flat_map(|t| t.speakers).max().map_or(0, |s| s + 1);
        let moved = |t: &Trial| Trial { speakers: t.speakers.map(|s| s + next), ..*t };
        self.plain.extend(other.plain.iter().map(moved));
        self.full.extend(other.full.iter().map(moved));
    }

    /// Judges both systems.
    ///
    /// # Errors
    /// A kind of trial is missing.
    pub fn row(
        &self,
        corpus: &str,
        condition: &str,
        group: &str,
        judging: &Judging,
    ) -> Result<Row, ScoringError> {
        let targets = self.full.iter().filter(|t| t.target).count();
        let non_targets = self.full.len() - targets;
        let mut people: Vec<u32> = self.full.iter().flat_map(|t| t.speakers).collect();
        people.sort_unstable();
        people.dedup();
        let Judging { replicates, seed, .. } = *judging;
        Ok(Row {
            corpus: corpus.to_owned(),
            condition: condition.to_owned(),
            group: group.to_owned(),
            speakers: people.len(),
            targets,
            non_targets,
            fmr_support: FMR_POINTS.map(|fmr| Support::of(fmr, non_targets as u64)),
            plain: system(&self.plain, judging)?,
            full: system(&self.full, judging)?,
            eer_ratio: paired_ratio(&self.full, &self.plain, |f| f.eer, replicates, seed).ok(),
        })
    }
}

fn system(trials: &[Trial], judging: &Judging) -> Result<SystemFigures, ScoringError> {
    let figures = figures(trials)?;
    let metrics: [Metric; 2] = [|f| f.eer, |f| f.cllr];
    let intervals = bootstrap(trials, &metrics, judging.replicates, judging.seed).ok();
    let interval = |i: usize| intervals.as_ref().and_then(|list| list.get(i).copied());
    Ok(SystemFigures {
        figures,
        eer_interval: interval(0),
        cllr_interval: interval(1),
        calibration_loss: figures.cllr - figures.min_cllr,
        at_thresholds: threshold_errors(trials, judging.accept_llr, judging.reject_llr),
    })
}

/// A table for people: one line a row and system.
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<16}{:<7}{:<14}{:>4}{:>7}{:>8} {:<6}{:>7} {:<15}{:>7}{:>7}{:>7}{:>7}{:>8}{:>8} {}\n",
        "corpus",
        "cond",
        "group",
        "spk",
        "target",
        "nontar",
        "system",
        "EER %",
        "95 %",
        "Cllr",
        "min",
        "minDCF",
        "actDCF",
        "FA %",
        "miss %",
        "FNMR % at FMR 1e-2 / 1e-3 / 1e-4"
    );
    for row in rows {
        for (name, system) in [("plain", &row.plain), ("full", &row.full)] {
            text += &line(row, name, system);
        }
    }
    text += "FA, miss: non-targets at or above and targets below the accept threshold. minDCF, \
             actDCF: prior 0.01.\n~ 3 to 30 errors expected (rule of 30): no precision. ? fewer \
             than 3 (rule of 3): not measurable with these trials.\n95 %: bootstrap over speakers.\n";
    text
}

fn line(row: &Row, name: &str, system: &SystemFigures) -> String {
    let percent = |x: f64| format!("{:.2}", 100.0 * x);
    let interval = system
        .eer_interval
        .map_or(String::new(), |i| format!("[{:.1}, {:.1}]", 100.0 * i.low, 100.0 * i.high));
    let errors = |pick: fn(&ThresholdErrors) -> f64| {
        let value = system.at_thresholds.as_ref().map(pick);
        value.map_or("-".to_owned(), percent)
    };
    let f = &system.figures;
    let fnmr: Vec<String> = (0..FMR_POINTS.len())
        .map(|i| {
            let mark = match row.fmr_support[i] {
                Support::Supported => "",
                Support::Uncertain => "~",
                Support::TooFewTrials => "?",
            };
            format!("{}{mark}", percent(f.fnmr_at_fmr[i]))
        })
        .collect();
    format!(
        "{:<16}{:<7}{:<14}{:>4}{:>7}{:>8} {:<6}{:>7} {:<15}{:>7.3}{:>7.3}{:>7.3}{:>7.3}{:>8}{:>8} {}\n",
        row.corpus,
        row.condition,
        row.group,
        row.speakers,
        row.targets,
        row.non_targets,
        name,
        percent(f.eer),
        interval,
        f.cllr,
        f.min_cllr,
        f.min_dcf[0],
        f.act_dcf[0],
        errors(|e| e.false_accepts),
        errors(|e| e.targets_not_accepted),
        fnmr.join(" / ")
    )
}
