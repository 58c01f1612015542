//! The bounds of enrollment, measured: `vouch evaluate enrollment`.
//!
//! Consistency: the LLR of an utterance against the 1, 2, 3 before it, of the same speaker and of another
//! of the same sex, all over the same channel. Same recording: the lowest LLR between parts of a recording
//! of one speaker, and of one spliced from two of the same sex. The bound for a stated rate of false
//! refusals is chosen on some data sets and reported on others.
//!
//! Writes `enrollment.json`.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use crate::policy::EnrollmentRules;
use crate::scoring::metrics::{Interval, Support, Trial, resample};
use crate::scoring::{Scorer, ScoringError};
use crate::usecase::embed_file::{EmbedError, Embedded};
use crate::usecase::evaluate::protocol::{Condition, Protocol};
use crate::usecase::evaluate::{EvaluateError, EvaluatedModel, phone};
use crate::usecase::speech_set::{self, Recording, held_back};

mod consistency;
mod tables;
mod within;

/// Most utterances before the one that is judged.
pub const MOST_BEFORE: usize = 3;

/// Bounds at which errors are reported, natural-log likelihood ratio.
pub const BOUNDS: [f64; 9] = [-8.0, -6.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0];

/// What to measure.
#[derive(Debug, Clone)]
pub struct EnrollmentOptions {
    /// Folder with `manifest.tsv`.
    pub data: PathBuf,
    /// Data sets, seeds.
    pub protocol: Protocol,
    /// Where the results are written.
    pub out: PathBuf,
    /// Share of a speaker's own utterances or recordings that may be refused, 0 to 1.
    pub false_refusal: f64,
}

/// Errors at a bound: an LLR below it refuses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AtBound {
    /// The bound.
    pub llr: f64,
    /// Share refused of what is one speaker's.
    pub false_refusal: Option<f64>,
    /// Its 95 % interval by bootstrap over speakers.
    pub false_refusal_interval: Option<Interval>,
    /// Share accepted of what is two speakers'.
    pub false_acceptance: Option<f64>,
    /// Its interval.
    pub false_acceptance_interval: Option<Interval>,
}

/// The highest bound that refuses no more than the stated share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bound {
    /// Stated rate of false refusals.
    pub false_refusal: f64,
    /// The bound.
    pub llr: f64,
    /// Its 95 % interval by bootstrap over speakers.
    pub interval: Option<Interval>,
    /// How far the comparisons support the stated rate.
    pub support: Support,
    /// Share of two speakers' accepted at it.
    pub false_acceptance: Option<f64>,
}

/// One check on one set of comparisons.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckRow {
    /// `consistency` or `same recording`.
    pub check: String,
    /// Whether bounds are chosen on it.
    pub chooses: bool,
    /// Data set, or `all`.
    pub corpus: String,
    /// Channel of both sides: `clean` or `phone`, or `all`.
    pub condition: String,
    /// Utterances before the one judged; `None` for all numbers of them, and for the other check.
    pub before: Option<usize>,
    /// People.
    pub speakers: usize,
    /// Comparisons of one speaker.
    pub targets: usize,
    /// Comparisons of two.
    pub non_targets: usize,
    /// Errors at [`BOUNDS`], and at the default of the policy.
    pub at_bounds: Vec<AtBound>,
    /// The bound that this set would give.
    pub bound: Option<Bound>,
}

/// Results.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnrollmentEvaluation {
    /// Version of the program.
    pub program: String,
    /// Extractor.
    pub model: String,
    /// Back-end and its calibration.
    pub back_end: String,
    /// Data sets, seeds.
    pub protocol: Protocol,
    /// Bounds in force: `consistency_llr`, `same_recording_llr`.
    pub default_bounds: [f64; 2],
    /// Recordings that could not be used, and why.
    pub failed: Vec<String>,
    /// All checks.
    pub rows: Vec<CheckRow>,
}

/// Comparisons of one check.
struct Comparisons {
    check: Check,
    corpus: String,
    condition: Condition,
    before: Option<usize>,
    trials: Vec<Trial>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    Consistency,
    SameRecording,
}

/// Recordings by speaker, with a number for each speaker over all data sets.
struct People<'a> {
    recordings: Vec<(u32, Vec<&'a Recording>)>,
    /// Data set of each number.
    corpora: Vec<String>,
}

impl<'a> People<'a> {
    fn of(recordings: &'a [Recording], protocol: &Protocol) -> Self {
        let sets = &protocol.enrollment;
        let mut people = Self { recordings: Vec::new(), corpora: Vec::new() };
        for own in speech_set::by_speaker(recordings) {
            let corpus = &own[0].corpus;
            let named = sets.choose.contains(corpus) || sets.report.contains(corpus);
            let seen = protocol.held_back.contains(corpus) && !held_back(&own[0].speaker);
            if named && !seen {
                people.recordings.push((people.corpora.len() as u32, own));
                people.corpora.push(corpus.clone());
            }
        }
        people
    }

    /// Those of one data set.
    fn within(&self, corpus: &str) -> Vec<&(u32, Vec<&'a Recording>)> {
        self.recordings.iter().filter(|(_, own)| own[0].corpus == corpus).collect()
    }
}

/// Whether two speakers are told apart by more than their sex: only pairs of the same known one are
/// compared.
fn same_sex(a: &Recording, b: &Recording) -> bool {
    !a.gender.is_empty() && a.gender == b.gender
}

/// LLR of two sides made of recordings.
fn llr(scorer: &Scorer, enrolled: &[&Embedded], test: &[&Embedded]) -> Option<f64> {
    let side = |embedded: &[&Embedded]| {
        let views: Vec<_> = embedded.iter().map(|e| e.view()).collect();
        scorer.prepare(&views).ok()
    };
    scorer.score(&side(enrolled)?, &side(test)?).map(|(_, llr)| llr.0)
}

/// Measures both checks, writes `enrollment.json` and tables to `table`.
///
/// # Errors
/// A rate outside 0 to 1; embeddings or files that cannot be had; no comparison at all.
pub fn run(
    model: &EvaluatedModel<'_>,
    options: &EnrollmentOptions,
    table: &mut dyn Write,
) -> Result<EnrollmentEvaluation, EvaluateError> {
    if !(options.false_refusal > 0.0 && options.false_refusal < 1.0) {
        return Err(EvaluateError::Scoring(ScoringError::OutOfRange {
            what: "the rate of false refusals",
            range: "between 0 and 1",
            got: options.false_refusal,
        }));
    }
    let recordings = speech_set::read(&options.data)?;
    let people = People::of(&recordings, &options.protocol);
    let mut failed = Vec::new();
    let mut all = consistency::compare(model, options, &people, &mut failed)?;
    all.extend(within::compare(model, options, &people)?);
    if all.is_empty() {
        let sets = &options.protocol.enrollment;
        let names: Vec<&str> = sets.choose.iter().chain(&sets.report).map(String::as_str).collect();
        return Err(EvaluateError::NoTrials(names.join(", ")));
    }
    let rules = EnrollmentRules::default();
    let evaluation = EnrollmentEvaluation {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        model: model.name.clone(),
        back_end: match &model.systems.full {
            Scorer::Full(back_end) => back_end.reference().to_string(),
            Scorer::Plain(_) => "plain".to_owned(),
        },
        protocol: options.protocol.clone(),
        default_bounds: [rules.consistency_llr.0, rules.same_recording_llr.0],
        failed,
        rows: rows(&all, &people, options),
    };
    let json = serde_json::to_string_pretty(&evaluation)
        .map_err(|e| ScoringError::Artifact(e.to_string()))?;
    let folder = &options.out;
    let write = |e: std::io::Error| EvaluateError::Write(folder.display().to_string(), e);
    std::fs::create_dir_all(folder).map_err(write)?;
    std::fs::write(folder.join("enrollment.json"), json).map_err(write)?;
    table.write_all(tables::text(&evaluation).as_bytes()).map_err(write)?;
    Ok(evaluation)
}

/// A row for each set of comparisons, and for all together on which bounds are chosen.
fn rows(all: &[Comparisons], people: &People<'_>, options: &EnrollmentOptions) -> Vec<CheckRow> {
    let chooses = |corpus: &String| options.protocol.enrollment.choose.contains(corpus);
    let mut rows = Vec::new();
    for check in [Check::Consistency, Check::SameRecording] {
        let mut own: Vec<&Comparisons> = all.iter().filter(|c| c.check == check).collect();
        own.sort_by_key(|c| !chooses(&c.corpus));
        let chosen = own.iter().filter(|c| chooses(&c.corpus));
        let pooled: Vec<Trial> = chosen.flat_map(|c| c.trials.iter().copied()).collect();
        let mut add = |trials: &[Trial], corpus: &str, condition: &str, chooses, before| {
            let row = row(trials, check, people, options);
            rows.extend(row.map(|row| CheckRow {
                chooses,
                corpus: corpus.to_owned(),
                condition: condition.to_owned(),
                before,
                ..row
            }));
        };
        add(&pooled, "all", "all", true, None);
        for one in own {
            let name = one.condition.name();
            add(&one.trials, &one.corpus, name, chooses(&one.corpus), one.before);
        }
    }
    rows
}

/// Judges comparisons; `None` without any.
fn row(
    trials: &[Trial],
    check: Check,
    people: &People<'_>,
    options: &EnrollmentOptions,
) -> Option<CheckRow> {
    let rules = EnrollmentRules::default();
    let (name, default) = match check {
        Check::Consistency => ("consistency", rules.consistency_llr.0),
        Check::SameRecording => ("same recording", rules.same_recording_llr.0),
    };
    let targets = trials.iter().filter(|t| t.target).count();
    if trials.is_empty() {
        return None;
    }
    let mut speakers: Vec<u32> = trials.iter().flat_map(|t| t.speakers).collect();
    speakers.sort_unstable();
    speakers.dedup();
    let mut bounds = BOUNDS.to_vec();
    bounds.push(default);
    let statistics = |weights: &[f64]| {
        let mut values = Vec::with_capacity(2 * bounds.len() + 1);
        for bound in &bounds {
            values.push(share(trials, weights, true, |s| s < *bound));
            values.push(share(trials, weights, false, |s| s >= *bound));
        }
        values.push(highest_bound(trials, weights, options.false_refusal));
        values
    };
    let values = statistics(&vec![1.0; trials.len()]);
    let seed = |speaker: u32| {
        let corpus = people.corpora.get(speaker as usize).map_or("", String::as_str);
        phone::seed_for(corpus, options.protocol.bootstrap_seed)
    };
    let replicates = options.protocol.replicates;
    let intervals = resample(trials, &seed, replicates, &statistics).unwrap_or_default();
    let interval = |i: usize| intervals.get(i).copied().flatten();
    let at_bounds = bounds.iter().enumerate().map(|(i, llr)| AtBound {
        llr: *llr,
        false_refusal: values[2 * i],
        false_refusal_interval: interval(2 * i),
        false_acceptance: values[2 * i + 1],
        false_acceptance_interval: interval(2 * i + 1),
    });
    let last = 2 * bounds.len();
    let bound = values[last].map(|llr| Bound {
        false_refusal: options.false_refusal,
        llr,
        interval: interval(last),
        support: Support::of(options.false_refusal, targets as u64),
        false_acceptance: share(trials, &vec![1.0; trials.len()], false, |s| s >= llr),
    });
    Some(CheckRow {
        check: name.to_owned(),
        chooses: false,
        corpus: String::new(),
        condition: String::new(),
        before: None,
        speakers: speakers.len(),
        targets,
        non_targets: trials.len() - targets,
        at_bounds: at_bounds.collect(),
        bound,
    })
}

/// Weighted share of one kind of comparison for which `wrong` holds.
fn share(
    trials: &[Trial],
    weights: &[f64],
    target: bool,
    wrong: impl Fn(f64) -> bool,
) -> Option<f64> {
    let (mut all, mut bad) = (0.0, 0.0);
    for (trial, weight) in trials.iter().zip(weights).filter(|(t, _)| t.target == target) {
        all += weight;
        bad += if wrong(trial.score) { *weight } else { 0.0 };
    }
    (all > 0.0).then(|| bad / all)
}

/// The highest LLR below which no more than `rate` of the targets lie.
fn highest_bound(trials: &[Trial], weights: &[f64], rate: f64) -> Option<f64> {
    let mut targets: Vec<(f64, f64)> = trials
        .iter()
        .zip(weights)
        .filter(|(t, w)| t.target && **w > 0.0)
        .map(|(t, w)| (t.score, *w))
        .collect();
    targets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let allowed = rate * targets.iter().map(|t| t.1).sum::<f64>() + 1e-9;
    let mut below = 0.0;
    for (score, weight) in &targets {
        below += weight;
        if below > allowed {
            return Some(*score);
        }
    }
    None
}

/// Why a recording has no part in the checks.
fn unusable(file: &str, why: &EmbedError) -> String {
    format!("{file}: {why}")
}

#[cfg(test)]
mod tests;
