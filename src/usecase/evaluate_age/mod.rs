//! Evaluation of estimated ages on sets of speech: `vouch evaluate age`.
//!
//! Writes into its output folder: `estimates.tsv` (every piece of audio, its truth and its estimate),
//! `evaluation.json`, `roc-seniors.svg` and `mae-net-speech.svg`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::domain::Bandwidth;
use crate::scoring::ScoringError;
use crate::usecase::embed_file::{Channel, Embed, EmbedError, Embedded, Embeddings};
use crate::usecase::embedding_cache::{self, Origin};
use crate::usecase::evaluate::phone;
use crate::usecase::speech_set::{self, SpeechSetError};
use crate::voice::{AgeHead, AgeInput};

pub mod figures;
pub mod plan;
mod plot;
mod report;
mod truth;

pub use figures::{Case, Draws, Figure, Figures};
pub use truth::Age;

use plan::{CURVE_S, FindSpeech, Piece};
use plot::Curve;

/// Name of the pool of several data sets.
const POOLED: &str = "all";

/// Under which channel recordings are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// As they are.
    Clean,
    /// Over the simulated telephone.
    Phone,
}

impl Condition {
    /// As in tables and file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Phone => "phone",
        }
    }

    fn channel(self) -> Channel {
        match self {
            Self::Clean => Channel::AsIs,
            Self::Phone => Channel::Phone,
        }
    }
}

/// What recordings are grouped by, besides data set and condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// Sex, as the manifest says it.
    Sex,
    /// Measured bandwidth.
    Channel,
    /// Measured net speech.
    NetSpeech,
}

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct EvaluateAgeOptions {
    /// Folder with `manifest.tsv`.
    pub data: PathBuf,
    /// Data sets with ages, each on its own and pooled.
    pub corpora: Vec<String>,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Groups to report besides.
    pub by: Vec<GroupBy>,
    /// Where results are written.
    pub out: PathBuf,
    /// Embeddings to use where they are there, and to add to where they are not.
    pub cache: Option<PathBuf>,
    /// Seed of the simulated telephone.
    pub seed: u64,
    /// Bootstrap.
    pub draws: Draws,
}

/// Why there is no evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateAgeError {
    /// The speech set.
    #[error(transparent)]
    Speech(#[from] SpeechSetError),
    /// The embeddings.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// Figures that are not numbers.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
    /// Writing results.
    #[error("{0}: {1}")]
    Write(String, std::io::Error),
    /// A named data set is not in the manifest, or has no ages.
    #[error("no recordings of known age in the data set `{0}`")]
    NoAges(String),
}

/// Figures of one set of recordings.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Row {
    /// Data set, or `all`.
    pub corpus: String,
    /// Condition.
    pub condition: Condition,
    /// `all`, or which part.
    pub group: String,
    /// Net speech the recordings were cut to, in seconds; those with less are left out. Absent: as much as
    /// there is.
    pub cut_s: Option<u32>,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Results of an evaluation.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Evaluation {
    /// The head.
    pub head: String,
    /// Data sets it was fitted on: figures on those say little, if the people are the same.
    pub fitted_on: Vec<String>,
    /// Seed of the simulated telephone.
    pub seed: u64,
    /// Seed of the bootstrap.
    pub bootstrap_seed: u64,
    /// Bootstrap replicates.
    pub replicates: usize,
    /// Recordings left out, and why.
    pub failed: Vec<String>,
    /// Figures.
    pub rows: Vec<Row>,
}

/// Evaluates, writes results into `options.out` and a table to `table`. Exit code 3 is due when
/// [`Evaluation::failed`] is not empty.
///
/// # Errors
/// Data that cannot be read, a data set without ages, results that cannot be written.
pub fn run(
    embed: &dyn Embed,
    head: &AgeHead,
    find: FindSpeech<'_>,
    options: &EvaluateAgeOptions,
    table: &mut dyn Write,
) -> Result<Evaluation, EvaluateAgeError> {
    let recordings = speech_set::read(&options.data)?;
    let cut = |file: &str, condition: Condition| {
        let seed = phone::seed_for(file, options.seed);
        plan::cuts(embed, find, &options.data.join(file), condition, seed)
    };
    let (pieces, mut failed) =
        plan::plan(&recordings, &options.corpora, &options.conditions, &cut)?;
    let items = pieces.iter().map(|piece| piece.item.clone()).collect();
    let origin = Origin { model: head.info().model.to_string(), seed: options.seed };
    let cache = options.cache.as_deref();
    let embeddings = embedding_cache::obtain(Some(embed), &options.data, items, &origin, cache)?;
    let mut judged: Vec<(&Piece, Case)> = Vec::new();
    for piece in &pieces {
        match case(piece, &embeddings, head) {
            Ok(case) => judged.push((piece, case)),
            Err(cause) => failed.push(format!("{}: {cause}", piece.item)),
        }
    }
    let evaluation = Evaluation {
        head: head.reference().to_string(),
        fitted_on: head.info().data.clone(),
        seed: options.seed,
        bootstrap_seed: options.draws.seed,
        replicates: options.draws.replicates,
        failed,
        rows: rows(&judged, options),
    };
    write_results(&evaluation, &judged, options)?;
    table
        .write_all(report::table(&evaluation.rows).as_bytes())
        .map_err(|e| EvaluateAgeError::Write("table".to_owned(), e))?;
    Ok(evaluation)
}

fn case(piece: &Piece, embeddings: &Embeddings, head: &AgeHead) -> Result<Case, EmbedError> {
    let embedded: &Embedded = match embeddings.get(&piece.item) {
        Some(found) => found.as_ref().map_err(Clone::clone)?,
        None => return Err(EmbedError("no embedding".to_owned())),
    };
    let input = AgeInput {
        embedding: &embedded.embedding,
        bandwidth: embedded.bandwidth,
        // Audio without detected speech was embedded whole.
        net_speech_ms: embedded.net_speech_ms.max(1),
    };
    Ok(Case {
        speaker: piece.speaker,
        sex: piece.sex.clone(),
        narrow: embedded.bandwidth == Bandwidth::Narrow,
        net_speech_ms: embedded.net_speech_ms,
        age: piece.age,
        estimate: head.estimate(&[input]).map_err(|e| EmbedError(e.to_string()))?,
    })
}

/// The parts a case belongs to beside `all`.
fn group(case: &Case, by: GroupBy) -> Option<String> {
    match by {
        GroupBy::Sex => (!case.sex.is_empty()).then(|| format!("sex {}", case.sex)),
        GroupBy::Channel => {
            Some(format!("channel {}", if case.narrow { "narrow" } else { "wide" }))
        }
        GroupBy::NetSpeech => {
            Some(format!("net speech {}", report::speech_band(case.net_speech_ms)))
        }
    }
}

fn rows(judged: &[(&Piece, Case)], options: &EvaluateAgeOptions) -> Vec<Row> {
    let mut sets: BTreeMap<(String, Condition, Option<u32>, String), Vec<Case>> = BTreeMap::new();
    for (piece, case) in judged {
        let mut groups = vec![POOLED.to_owned()];
        if piece.cut_s.is_none() {
            groups.extend(options.by.iter().filter_map(|by| group(case, *by)));
        }
        let mut corpora = vec![piece.corpus.clone()];
        if options.corpora.len() > 1 {
            corpora.push(POOLED.to_owned());
        }
        for corpus in &corpora {
            for group in &groups {
                let key = (corpus.clone(), piece.condition, piece.cut_s, group.clone());
                sets.entry(key).or_default().push(case.clone());
            }
        }
    }
    sets.into_iter()
        .filter_map(|((corpus, condition, cut_s, group), cases)| {
            let figures = figures::figures(&cases, options.draws)?;
            Some(Row { corpus, condition, group, cut_s, figures })
        })
        .collect()
}

fn write_results(
    evaluation: &Evaluation,
    judged: &[(&Piece, Case)],
    options: &EvaluateAgeOptions,
) -> Result<(), EvaluateAgeError> {
    let folder = &options.out;
    std::fs::create_dir_all(folder)
        .map_err(|e| EvaluateAgeError::Write(folder.display().to_string(), e))?;
    let json = serde_json::to_string_pretty(evaluation)
        .map_err(|e| ScoringError::Artifact(e.to_string()))?;
    put(folder, "evaluation.json", &json)?;
    put(folder, "estimates.tsv", &report::estimates(judged))?;
    let rocs: Vec<Curve<f64>> = options
        .conditions
        .iter()
        .map(|condition| {
            let whole =
                judged.iter().filter(|(p, _)| p.condition == *condition && p.cut_s.is_none());
            let cases: Vec<Case> = whole.map(|(_, case)| case.clone()).collect();
            Curve { name: condition.name().to_owned(), points: figures::roc(&cases) }
        })
        .collect();
    let title = format!("Seniors: {}", evaluation.head);
    put(folder, "roc-seniors.svg", &plot::roc(&title, &rocs))?;
    let wanted = match options.corpora.as_slice() {
        [one] => one.as_str(),
        _ => POOLED,
    };
    let maes: Vec<Curve<Figure>> = options
        .conditions
        .iter()
        .map(|condition| {
            let points = CURVE_S.iter().filter_map(|seconds| {
                let row = evaluation.rows.iter().find(|row| {
                    row.corpus == wanted
                        && row.condition == *condition
                        && row.group == POOLED
                        && row.cut_s == Some(*seconds)
                })?;
                Some((f64::from(*seconds), row.figures.mae_years?))
            });
            Curve { name: condition.name().to_owned(), points: points.collect() }
        })
        .collect();
    let title = format!("Error over net speech: {}", evaluation.head);
    put(folder, "mae-net-speech.svg", &plot::mae(&title, &maes))
}

fn put(folder: &Path, name: &str, content: &str) -> Result<(), EvaluateAgeError> {
    let path = folder.join(name);
    std::fs::write(&path, content)
        .map_err(|e| EvaluateAgeError::Write(path.display().to_string(), e))
}

#[cfg(test)]
mod tests;
