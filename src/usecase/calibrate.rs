//! Fits a calibration to labeled trials of a deployment: `vouch calibrate`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::domain::RawScore;
use crate::scoring::calibration::{FitOptions, LabeledTrial, cross_validate, fit};
pub use crate::scoring::metrics::Figures;
use crate::scoring::metrics::{Trial, figures};
use crate::scoring::{Calibration, Conditions, Scorer, ScoringError};
use crate::usecase::embed_file::Embed;
use crate::usecase::fit_backend::distinct_pairs;
use crate::usecase::score_trials::{self, ScoreTrialsError, TrialLine};

/// How to fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrateOptions {
    /// Version the calibration bears: above that of the one it replaces.
    pub version: u32,
    /// Penalty on the quality measures.
    pub ridge: f64,
    /// Folds of the cross-validation.
    pub folds: u32,
    /// Seed of the folds.
    pub seed: u64,
}

impl Default for CalibrateOptions {
    fn default() -> Self {
        Self { version: 1, ridge: 1e-3, folds: 5, seed: 1 }
    }
}

/// Why nothing was fitted.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// The list of trials.
    #[error(transparent)]
    Trials(#[from] ScoreTrialsError),
    /// The fit.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
    /// A trial without a label.
    #[error("a calibration needs a label, `target` or `nontarget`, on every trial")]
    NoLabels,
    /// A line of a score file; the first must be the header.
    #[error("line {0}: not `enroll test raw llr label`, separated by tabs")]
    Line(usize),
}

impl CalibrateError {
    /// Whether the list of trials or scores is none.
    pub fn is_of_list(&self) -> bool {
        match self {
            Self::NoLabels | Self::Line(_) | Self::Trials(ScoreTrialsError::Line { .. }) => true,
            Self::Trials(_) | Self::Scoring(_) => false,
        }
    }
}

/// A fitted calibration and how it was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibrated {
    /// What was fitted.
    pub calibration: Calibration,
    /// Figures on held-out people; absent when there are too few for folds.
    pub cross_validated: Option<Figures>,
    /// Figures of the calibration it would replace on the same trials, where LLRs were given.
    pub before: Option<Figures>,
    /// People, as the target trials link their files.
    pub speakers: u64,
    /// Causes of trials that could not be scored; exit code 3 is due when there are any.
    pub failed: Vec<String>,
}

/// Scores labeled trials with a system and fits its calibration, with quality measures.
pub fn from_trials(
    embed: &dyn Embed,
    scorer: &Scorer,
    list: &str,
    root: &Path,
    options: &CalibrateOptions,
) -> Result<Calibrated, CalibrateError> {
    let lines = score_trials::parse(list)?;
    let scored = score_trials::score_all(embed, scorer, &lines, root, options.seed);
    let scored = scored.map_err(ScoreTrialsError::Embed)?;
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (i, (line, scored)) in lines.into_iter().zip(scored).enumerate() {
        match scored {
            Ok(s) => rows.push((line, s.raw, Some(s.llr.0), s.conditions)),
            Err(cause) => failed.push(format!("trial {}: {cause}", i + 1)),
        }
    }
    fit_rows(&rows, failed, options)
}

/// First line of labeled scores.
const SCORES_HEADER: &str = "enroll\ttest\traw\tllr\tlabel";

/// Fits to a file that `vouch score` wrote. It knows no quality measures, so none take part;
/// rows with `error` are passed over.
///
/// # Errors
/// A first line that is not the header of labeled scores, other lines that are none, and a fit without a result.
pub fn from_scores(text: &str, options: &CalibrateOptions) -> Result<Calibrated, CalibrateError> {
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    // A file without the header, or of another command, would lose its first row unseen.
    if text.trim_start_matches('\u{feff}').lines().next() != Some(SCORES_HEADER) {
        return Err(CalibrateError::Line(1));
    }
    for (i, line) in text.lines().enumerate().skip(1) {
        let wrong = || CalibrateError::Line(i + 1);
        let fields: Vec<&str> = line.split('\t').collect();
        let [enroll, test, raw, llr, label] = fields[..] else {
            return Err(wrong());
        };
        if raw == "error" {
            failed.push(format!("line {}: error", i + 1));
            continue;
        }
        let line = TrialLine {
            enroll: enroll.to_owned(),
            test: test.to_owned(),
            label: match label {
                "target" => Some(true),
                "nontarget" => Some(false),
                _ => return Err(wrong()),
            },
        };
        let unknown = Conditions { net_speech_ms: [1, 1], narrow_share: [0.0, 0.0] };
        let raw = RawScore(raw.parse().map_err(|_| wrong())?);
        rows.push((line, raw, llr.parse().ok(), unknown));
    }
    fit_rows(&rows, failed, options)
}

type RowData = (TrialLine, RawScore, Option<f64>, Conditions);

fn fit_rows(
    rows: &[RowData],
    failed: Vec<String>,
    options: &CalibrateOptions,
) -> Result<Calibrated, CalibrateError> {
    let people = People::of(rows.iter().map(|r| &r.0));
    let (mut trials, mut speakers, mut before) = (Vec::new(), Vec::new(), Vec::new());
    for (line, raw, llr, conditions) in rows {
        let target = line.label.ok_or(CalibrateError::NoLabels)?;
        let pair = [people.index(&line.enroll), people.index(&line.test)];
        trials.push(LabeledTrial { raw: *raw, conditions: *conditions, target, weight: 1.0 });
        speakers.push(pair);
        before.extend(llr.map(|score| Trial { score, target, speakers: pair }));
    }
    let fit_options = FitOptions {
        version: options.version,
        ridge: options.ridge,
        prior: 0.5,
        speakers: people.count,
        pairs: distinct_pairs(&trials, &speakers),
    };
    let calibration = fit(&trials, &fit_options)?;
    let held_out = cross_validate(&trials, &speakers, &fit_options, options.folds, options.seed);
    let complete = before.len() == trials.len();
    Ok(Calibrated {
        calibration,
        cross_validated: held_out.and_then(|t| figures(&t)).ok(),
        before: complete.then(|| figures(&before).ok()).flatten(),
        speakers: people.count,
        failed,
    })
}

/// People behind files: files in one side and sides of one target trial belong to one person.
struct People {
    index: BTreeMap<String, u32>,
    count: u64,
}

impl People {
    fn of<'a>(trials: impl Iterator<Item = &'a TrialLine> + Clone) -> Self {
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut parent: Vec<usize> = Vec::new();
        let mut number = |file: &'a str, parent: &mut Vec<usize>| {
            *numbers.entry(file).or_insert_with(|| {
                parent.push(parent.len());
                parent.len() - 1
            })
        };
        for trial in trials {
            let mut sides = [0, 0];
            for (side, text) in sides.iter_mut().zip([&trial.enroll, &trial.test]) {
                let mut files = text.split(',').map(|f| number(f, &mut parent)).collect::<Vec<_>>();
                *side = files.pop().unwrap_or(0);
                for other in files {
                    join(&mut parent, other, *side);
                }
            }
            if trial.label == Some(true) {
                join(&mut parent, sides[0], sides[1]);
            }
        }
        let mut roots: BTreeMap<usize, u32> = BTreeMap::new();
        let index = numbers
            .iter()
            .map(|(file, at)| {
                let next = roots.len() as u32;
                let person = *roots.entry(root(&mut parent, *at)).or_insert(next);
                ((*file).to_owned(), person)
            })
            .collect();
        Self { index, count: roots.len() as u64 }
    }

    fn index(&self, side: &str) -> u32 {
        let first = side.split(',').next().unwrap_or(side);
        self.index.get(first).copied().unwrap_or(0)
    }
}

fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}

fn join(parent: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(parent, a), root(parent, b));
    parent[a] = b;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::backend::testing::back_end;
    use crate::usecase::embed_file::testing::ByName;

    fn list() -> String {
        let mut list = String::new();
        for a in 1..=9 {
            for b in 1..=9 {
                for take in 1..=4 {
                    let label = if a == b { "target" } else { "nontarget" };
                    list += &format!("{a}0.wav {b}{take}.wav {label}\n");
                }
            }
        }
        list
    }

    #[test]
    fn people_are_found_through_target_trials() {
        let list = "a,b c target\nd e nontarget\ne f target\nc d nontarget\n";
        let lines = score_trials::parse(list).unwrap();
        let people = People::of(lines.iter());
        assert_eq!(people.count, 3);
        assert_eq!(people.index("a,b"), people.index("c"));
        assert_eq!(people.index("e"), people.index("f"));
        assert_ne!(people.index("d"), people.index("e"));
    }

    #[test]
    fn trials_and_their_scores_give_a_calibration() {
        let scorer = Scorer::Full(Box::new(back_end()));
        let (embed, root) = (ByName::default(), Path::new("."));
        let options = CalibrateOptions { version: 7, folds: 2, ..CalibrateOptions::default() };
        let bad = format!("{}bad1.wav 11.wav nontarget\n", list());
        let fitted = from_trials(&embed, &scorer, &bad, root, &options).unwrap();
        assert_eq!((fitted.calibration.version, fitted.speakers), (7, 9));
        assert_eq!(fitted.failed.len(), 1);
        assert_eq!(fitted.calibration.fitted_on.target_trials, 36);
        assert_eq!(fitted.calibration.tail.pairs, 36);

        let (mut out, mut errors) = (Vec::new(), Vec::new());
        score_trials::run(&embed, &scorer, &bad, root, &mut out, &mut errors).unwrap();
        let scores = String::from_utf8(out).unwrap();
        let again = from_scores(&scores, &options).unwrap();
        assert_eq!((again.speakers, again.failed.len()), (9, 1));
        let before = again.before.unwrap();
        assert!((before.cllr - fitted.before.unwrap().cllr).abs() < 1e-6);
        assert!(figures_of(&again, &scores).cllr <= before.cllr);
    }

    /// Cllr of the new calibration on the trials it was fitted on.
    fn figures_of(fitted: &Calibrated, scores: &str) -> Figures {
        let conditions = Conditions { net_speech_ms: [1, 1], narrow_share: [0.0; 2] };
        let trials: Vec<Trial> = scores
            .lines()
            .skip(1)
            .filter(|l| !l.contains("error"))
            .map(|line| {
                let f: Vec<&str> = line.split('\t').collect();
                let raw = RawScore(f[2].parse().unwrap());
                Trial {
                    score: fitted.calibration.llr(raw, &conditions).0,
                    target: f[4] == "target",
                    speakers: [0, 0],
                }
            })
            .collect();
        figures(&trials).unwrap()
    }

    #[test]
    fn labels_are_needed() {
        let scorer = Scorer::Full(Box::new(back_end()));
        let options = CalibrateOptions::default();
        let list = "11.wav 12.wav\n";
        let result = from_trials(&ByName::default(), &scorer, list, Path::new("."), &options);
        assert!(matches!(result, Err(CalibrateError::NoLabels)));
        let scores = format!("{SCORES_HEADER}\na\tb\t1\t2\n");
        assert!(matches!(from_scores(&scores, &options), Err(CalibrateError::Line(2))));
        let row = "a\tb\t1\t2\ttarget\n";
        for first in ["", row, "enroll\ttest\traw\tllr\n", "subject\tcapture\traw\tllr\tlabel\n"] {
            let result = from_scores(&format!("{first}{row}"), &options);
            assert!(matches!(result, Err(CalibrateError::Line(1))), "{first}");
        }
        assert!(matches!(from_scores("", &options), Err(CalibrateError::Line(1))));
    }
}
