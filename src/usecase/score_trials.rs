//! Scores a list of trials: `vouch score`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use crate::domain::{Bandwidth, Llr, RawScore};
use crate::scoring::{Conditions, Prepared, Scorer};
use crate::usecase::embed_file::{
    Embed, EmbedError, Embeddings, Item, embed_items, enrolled, renditions,
};

/// Most trials in one list.
pub const MAX_TRIALS: usize = 20_000_000;

/// Why a list was not scored.
#[derive(Debug, thiserror::Error)]
pub enum ScoreTrialsError {
    /// A line is not a trial.
    #[error("line {line}: {why}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// More than [`MAX_TRIALS`].
    #[error("at most {MAX_TRIALS} trials in one list, got more")]
    TooMany,
    /// Too many distinct pieces of audio.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// Writing the result.
    #[error("writing scores: {0}")]
    Write(#[from] std::io::Error),
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialLine {
    /// Enrolled files, separated by commas.
    pub enroll: String,
    /// Tested files, separated by commas.
    pub test: String,
    /// Same person, where the list says so.
    pub label: Option<bool>,
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreOutcome {
    /// Rows written.
    pub rows: usize,
    /// Of them, rows with `error`; exit code 3 is due when there are any.
    pub failed: usize,
}

/// A scored trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredLine {
    /// Score of the system.
    pub raw: RawScore,
    /// Calibrated.
    pub llr: Llr,
    /// What the calibration was told.
    pub conditions: Conditions,
}

/// Reads a list: `enroll[,enroll…] test[,test…] [target|nontarget]`, separated by whitespace; empty
/// lines are skipped. Either all lines have a label or none.
pub fn parse(text: &str) -> Result<Vec<TrialLine>, ScoreTrialsError> {
    let mut trials: Vec<TrialLine> = Vec::new();
    // Some programs begin a file with a byte-order mark.
    for (i, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let wrong = |why| ScoreTrialsError::Line { line: i + 1, why };
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (enroll, test, label) = match fields.as_slice() {
            [] => continue,
            [enroll, test] => (enroll, test, None),
            [enroll, test, "target"] => (enroll, test, Some(true)),
            [enroll, test, "nontarget"] => (enroll, test, Some(false)),
            [_, _, _] => return Err(wrong("the label is neither `target` nor `nontarget`")),
            _ => return Err(wrong("a trial has two or three fields")),
        };
        if [enroll, test].iter().any(|side| side.split(',').any(str::is_empty)) {
            return Err(wrong("nothing between two commas"));
        }
        if trials.first().is_some_and(|t| t.label.is_some() != label.is_some()) {
            return Err(wrong("either all trials have a label or none"));
        }
        if trials.len() == MAX_TRIALS {
            return Err(ScoreTrialsError::TooMany);
        }
        trials.push(TrialLine { enroll: (*enroll).to_owned(), test: (*test).to_owned(), label });
    }
    Ok(trials)
}

/// A path, or a piece of one as evaluations write it (`FILE#CHANNEL:FROM+LENGTH`).
fn item(text: &str) -> Item {
    text.parse().unwrap_or_else(|_| Item::whole(text))
}

/// Scores trials in order; a failed one has its cause. `seed` is that of the simulated telephone, which
/// only pieces written by an evaluation ask for.
pub fn score_all(
    embed: &dyn Embed,
    scorer: &Scorer,
    trials: &[TrialLine],
    root: &Path,
    seed: u64,
) -> Result<Vec<Result<ScoredLine, String>>, EmbedError> {
    let items = |sides: &BTreeSet<&str>| -> BTreeSet<Item> {
        sides.iter().flat_map(|s| s.split(',').map(item)).collect()
    };
    let enrolled_sides: BTreeSet<&str> = trials.iter().map(|t| t.enroll.as_str()).collect();
    let tested_sides: BTreeSet<&str> = trials.iter().map(|t| t.test.as_str()).collect();
    let enrolled_items = items(&enrolled_sides);
    let all = enrolled_items.union(&items(&tested_sides)).cloned().collect::<BTreeSet<_>>();
    let mut embeddings = embed_items(embed, root, all, seed)?;
    // They play a part against calls only.
    let calls = tested_sides.iter().any(|side| has_call(side, &embeddings));
    if calls && matches!(scorer, Scorer::Full(_)) {
        let renditions = renditions(&embeddings, &enrolled_items);
        embeddings.extend(embed_items(embed, root, renditions, seed)?);
    }
    let prepare_all = |sides: BTreeSet<&str>, role| -> Sides {
        let prepared = |side: &str| (side.to_owned(), prepare(scorer, side, role, &embeddings));
        sides.into_iter().map(prepared).collect()
    };
    let templates = prepare_all(enrolled_sides, Role::Enrolled);
    let tests = prepare_all(tested_sides, Role::Tested);
    let scored = trials.iter().map(|trial| {
        let (a, b) = (prepared(&templates, &trial.enroll)?, prepared(&tests, &trial.test)?);
        let (raw, llr) = scorer.score(a, b).ok_or("the sides do not fit together")?;
        Ok(ScoredLine { raw, llr, conditions: Scorer::conditions(a, b) })
    });
    Ok(scored.collect())
}

/// Whether a piece of a side came over a telephone.
fn has_call(side: &str, embeddings: &Embeddings) -> bool {
    side.split(',').any(|name| {
        let found = embeddings.get(&item(name)).and_then(|e| e.as_ref().ok());
        found.is_some_and(|e| e.bandwidth == Bandwidth::Narrow)
    })
}

/// Which side of a trial.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// With telephone renditions.
    Enrolled,
    /// Without.
    Tested,
}

/// Sides of one role by their text.
type Sides = BTreeMap<String, Result<Prepared, String>>;

fn prepared<'a>(sides: &'a Sides, name: &str) -> Result<&'a Prepared, String> {
    match sides.get(name) {
        Some(Ok(side)) => Ok(side),
        Some(Err(cause)) => Err(cause.clone()),
        None => Err(format!("{name}: not prepared")),
    }
}

fn prepare(
    scorer: &Scorer,
    side: &str,
    role: Role,
    embeddings: &Embeddings,
) -> Result<Prepared, String> {
    let mut views = Vec::new();
    for name in side.split(',') {
        let item = item(name);
        match embeddings.get(&item) {
            Some(Ok(own)) if role == Role::Tested => views.push(own.view()),
            Some(Ok(own)) => views.push(enrolled(embeddings, &item).unwrap_or(own.view())),
            Some(Err(cause)) => return Err(format!("{name}: {cause}")),
            None => return Err(format!("{name}: not embedded")),
        }
    }
    scorer.prepare(&views).map_err(|e| format!("{side}: {e}"))
}

/// Scores a list and writes TSV with header `enroll test raw llr [label]` in input order; causes of
/// failed rows go to `errors`.
pub fn run(
    embed: &dyn Embed,
    scorer: &Scorer,
    list: &str,
    root: &Path,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> Result<ScoreOutcome, ScoreTrialsError> {
    let trials = parse(list)?;
    let scored = score_all(embed, scorer, &trials, root, 1)?;
    let labeled = trials.first().is_some_and(|t| t.label.is_some());
    writeln!(out, "enroll\ttest\traw\tllr{}", if labeled { "\tlabel" } else { "" })?;
    let mut failed = 0;
    for (i, (trial, scored)) in trials.iter().zip(scored).enumerate() {
        write!(out, "{}\t{}\t", trial.enroll, trial.test)?;
        match scored {
            // Ten significant digits.
            Ok(s) => write!(out, "{:.9e}\t{:.9e}", s.raw.0, s.llr.0)?,
            Err(cause) => {
                failed += 1;
                write!(out, "error\terror")?;
                writeln!(errors, "trial {}: {cause}", i + 1)?;
            }
        }
        match trial.label {
            Some(true) => writeln!(out, "\ttarget")?,
            Some(false) => writeln!(out, "\tnontarget")?,
            None => writeln!(out)?,
        }
    }
    Ok(ScoreOutcome { rows: trials.len(), failed })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::scoring::backend::testing::{back_end, calibration};
    use crate::usecase::embed_file::testing::ByName;

    fn score(list: &str) -> (String, String, ScoreOutcome, ByName) {
        let embed = ByName::default();
        let scorer = Scorer::Full(Box::new(back_end()));
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        let root = Path::new(".");
        let outcome = run(&embed, &scorer, list, root, &mut out, &mut errors).unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(out), text(errors), outcome, embed)
    }

    #[test]
    fn rows_keep_their_order_and_files_are_embedded_once() {
        let list =
            "11.wav,12.wav 13.wav target\n\n  21.wav\t13.wav nontarget\n13.wav 11.wav target\n";
        let (out, errors, outcome, embed) = score(list);
        let lines: Vec<Vec<&str>> = out.lines().map(|l| l.split('\t').collect()).collect();
        assert_eq!(lines[0], ["enroll", "test", "raw", "llr", "label"]);
        assert_eq!(lines[1][..2], ["11.wav,12.wav", "13.wav"]);
        assert_eq!(lines[2][4], "nontarget");
        let raw = |i: usize| lines[i][2].parse::<f64>().unwrap();
        assert!(raw(1) > raw(2), "{out}");
        let digits = lines[1][2].split('e').next().unwrap();
        assert!(digits.chars().filter(char::is_ascii_digit).count() >= 8);
        assert_eq!((outcome.rows, outcome.failed, errors.as_str()), (3, 0, ""));
        assert_eq!(embed.decoded.load(Ordering::Relaxed), 4);
        assert_eq!(embed.embedded.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_template_is_heard_over_the_telephone_for_calls_only() {
        let count = |list| score(list).3.embedded.load(Ordering::Relaxed);
        assert_eq!(count("11.wav,12.wav 13.wav\n"), 3);
        // Both enrolled ones once more.
        assert_eq!(count("11.wav,12.wav 13.wav#phone:0+all\n"), 5);
        assert_eq!(count("11.wav#phone:0+all 13.wav#phone:0+all\n"), 2);
        let raw =
            |list| score(list).0.lines().nth(1).unwrap().split('\t').nth(2).unwrap().to_owned();
        assert_eq!(raw("11.wav 13.wav"), raw("13.wav 11.wav"));
        // Only what is enrolled has a rendition.
        assert_ne!(raw("11.wav 13.wav#phone:0+all"), raw("13.wav#phone:0+all 11.wav"));
        let embed = ByName::default();
        let full = Scorer::Full(Box::new(back_end()));
        let trials = parse("11.wav 13.wav#phone:0+all").unwrap();
        let scored = score_all(&embed, &full, &trials, Path::new("."), 1).unwrap();
        let samples = embed.decode(Path::new("11.wav")).unwrap();
        let (own, call) = (embed.embed(&samples).unwrap(), embed.over_telephone(&samples).unwrap());
        let probe: Item = "13.wav#phone:0+all".parse().unwrap();
        let probes = embed_items(&embed, Path::new("."), [probe.clone()], 1).unwrap();
        let probe = probes[&probe].as_ref().ok().unwrap();
        let template = full.prepare(&[own.enrolled(Some(&call))]).unwrap();
        let (expected, _) = full.score(&template, &full.prepare(&[probe.view()]).unwrap()).unwrap();
        assert_eq!(scored[0].as_ref().unwrap().raw, expected);
    }

    #[test]
    fn a_failed_row_says_error_and_the_others_are_answered() {
        let (out, errors, outcome, _) = score("11.wav bad1.wav\n11.wav 12.wav\n");
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[0], "enroll\ttest\traw\tllr");
        assert_eq!(lines[1], "11.wav\tbad1.wav\terror\terror");
        assert!(!lines[2].contains("error"));
        assert_eq!((outcome.rows, outcome.failed), (2, 1));
        assert_eq!(errors, "trial 1: bad1.wav: unreadable\n");
    }

    #[test]
    fn plain_is_the_cosine_of_mean_embeddings() {
        let embed = ByName::default();
        let scorer = Scorer::Plain(calibration());
        let trials = parse("11.wav,12.wav 21.wav").unwrap();
        let scored = score_all(&embed, &scorer, &trials, Path::new("."), 1).unwrap();
        let of = |name: &str| {
            let samples = embed.decode(Path::new(name)).unwrap();
            embed.embed(&samples).unwrap().embedding
        };
        let (a, b, c) = (of("11.wav"), of("12.wav"), of("21.wav"));
        let sum: Vec<f32> = a.iter().zip(&b).map(|(x, y)| x + y).collect();
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
        let expected = dot(&sum, &c) / (dot(&sum, &sum) * dot(&c, &c)).sqrt();
        let raw = scored[0].as_ref().unwrap().raw.0;
        assert!((raw - f64::from(expected)).abs() < 1e-5);
    }

    #[test]
    fn lists_are_checked() {
        assert!(parse("").unwrap().is_empty());
        for bad in ["a", "a b c", "a b target d", "a, b", "a b target\na b", "a b\na b target"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let error = parse("a b\n\nonly\n").unwrap_err().to_string();
        assert_eq!(error, "line 3: a trial has two or three fields");
    }
}
