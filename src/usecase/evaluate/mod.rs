//! Evaluation of voice scores on sets of speech: `vouch evaluate voice`.
//!
//! Writes into its output folder: `protocol.toml` and `sides-CORPUS.tsv`, which repeat the run
//! ([`protocol`]), `trials-CORPUS-CONDITION.tsv` (as `vouch score` reads them),
//! `scores-CORPUS-CONDITION.tsv`, `evaluation.json`, `det-*.svg` and `reliability-*.svg`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::scoring::{Scorer, ScoringError};
use crate::usecase::embed_file::{Embed, EmbedError, Embeddings, Item};
use crate::usecase::embedding_cache::{self, Origin};
use crate::usecase::speech_set::{self, Recording, SpeechSetError};

pub mod enrollment;
pub mod groups;
mod judge;
pub mod phone;
pub mod plan;
pub mod plot;
pub mod protocol;
pub mod report;
pub mod score;
pub mod tables;

pub use groups::GroupBy;
pub use protocol::{Condition, Protocol, ProtocolError};
pub use report::Row;

use judge::{judge_all, kinds};
use plan::{Plan, Sides, trial_lines};
use report::{MacroMean, SmallGroup};
use score::{TrialSet, baseline_scores, earlier_scores, score, score_lines};

/// File with all figures.
pub const EVALUATION_FILE: &str = "evaluation.json";

/// The two systems of a model.
pub struct Systems {
    /// Cosine of mean embeddings.
    pub plain: Scorer,
    /// The back-end.
    pub full: Scorer,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Cosine of mean embeddings.
    Plain,
    /// The back-end.
    Full,
}

impl System {
    /// As in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Full => "full",
        }
    }
}

/// A model to judge.
pub struct EvaluatedModel<'a> {
    /// Id and version, as `campplus@1`.
    pub name: String,
    /// Its systems.
    pub systems: &'a Systems,
    /// Its embedder; absent when the cache has everything.
    pub embed: Option<&'a dyn Embed>,
    /// Cache of embeddings ([`embedding_cache::obtain`]).
    pub cache: Option<PathBuf>,
}

/// What a model is compared with.
pub enum Baseline<'a> {
    /// Nothing.
    None,
    /// A system of the model itself.
    Own(System),
    /// A system of another model, scored in this run.
    Model(EvaluatedModel<'a>, System),
    /// A system of another model, scored by an earlier run on the same trials.
    Earlier {
        /// Results of that run.
        folder: PathBuf,
        /// Id of its model.
        model: String,
        /// The system.
        system: System,
    },
}

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct EvaluateOptions {
    /// Folder with `manifest.tsv`.
    pub data: PathBuf,
    /// What is measured on what.
    pub protocol: Protocol,
    /// Groups to report besides.
    pub by: Vec<GroupBy>,
    /// Where results are written.
    pub out: PathBuf,
}

/// Why there is no evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The speech set.
    #[error(transparent)]
    Speech(#[from] SpeechSetError),
    /// The embeddings or a list of sides.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The figures.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
    /// The protocol.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// Reading earlier results.
    #[error("{0}: {1}")]
    Read(String, std::io::Error),
    /// Writing results.
    #[error("{0}: {1}")]
    Write(String, std::io::Error),
    /// A named data set is not in the manifest, or has no speaker with two recordings.
    #[error("no trials for the data set `{0}`")]
    NoTrials(String),
    /// Earlier results are of other trials.
    #[error("the baseline was scored on other trials than `{0}`: evaluate it with this protocol")]
    OtherTrials(String),
    /// A line of a file of scores, or the file as a whole, cannot be used.
    #[error("{0}: `{1}` is not what an evaluation writes")]
    Scores(String, String),
}

/// Results of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Version of the program.
    pub program: String,
    /// Extractor.
    pub model: String,
    /// Back-end and its calibration.
    pub back_end: String,
    /// What ratios are to, as `campplus:plain`.
    pub baseline: Option<String>,
    /// Model of the baseline with its version.
    pub baseline_model: Option<String>,
    /// What was measured on what, with all seeds.
    pub protocol: Protocol,
    /// Pieces of audio without an embedding, and why; their trials are left out.
    pub failed: Vec<String>,
    /// Figures.
    pub rows: Vec<Row>,
    /// Means over data sets, by condition.
    pub macro_means: Vec<MacroMean>,
    /// Groups without figures.
    pub small_groups: Vec<SmallGroup>,
}

impl Evaluation {
    /// Reads what an evaluation wrote.
    ///
    /// # Errors
    /// No file, or another one.
    pub fn read(path: &Path) -> Result<Self, EvaluateError> {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|e| EvaluateError::Read(name.clone(), e))?;
        serde_json::from_str(&text).map_err(|e| EvaluateError::Scores(name, e.to_string()))
    }

    /// Id of the model, without its version.
    pub fn model_id(&self) -> &str {
        self.model.split('@').next().unwrap_or_default()
    }

    /// Conditions in the order of the protocol.
    pub fn conditions(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.protocol.conditions.iter().map(|c| c.name())
    }
}

/// Evaluates, writes results into `options.out` and tables to `table`. Exit code 3 is due when
/// [`Evaluation::failed`] is not empty.
///
/// # Errors
/// A data set without trials; embeddings, baseline or files that cannot be had.
pub fn run(
    model: &EvaluatedModel<'_>,
    baseline: &Baseline<'_>,
    options: &EvaluateOptions,
    table: &mut dyn Write,
) -> Result<Evaluation, EvaluateError> {
    let recordings = speech_set::read(&options.data)?;
    let folder = &options.out;
    std::fs::create_dir_all(folder)
        .map_err(|e| EvaluateError::Write(folder.display().to_string(), e))?;
    let plans = plans(&recordings, options)?;
    let embeddings = embeddings(model, System::Full, &plans, options)?;
    let failed = embeddings.iter().filter_map(|(item, embedded)| {
        let cause = embedded.as_ref().err()?;
        Some(format!("{item}: {cause}"))
    });
    let (baseline_name, baseline_model) = match baseline_names(model, baseline)? {
        Some([name, model]) => (Some(name), Some(model)),
        None => (None, None),
    };
    let mut evaluation = Evaluation {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        model: model.name.clone(),
        back_end: match &model.systems.full {
            Scorer::Full(back_end) => back_end.reference().to_string(),
            Scorer::Plain(_) => "plain".to_owned(),
        },
        baseline: baseline_name,
        baseline_model,
        protocol: options.protocol.clone(),
        failed: failed.collect(),
        rows: Vec::new(),
        macro_means: Vec::new(),
        small_groups: Vec::new(),
    };
    let sets = score_all(model, baseline, &plans, &embeddings, options)?;
    judge_all(&plans, &sets, options, &mut evaluation)?;
    let json = serde_json::to_string_pretty(&evaluation)
        .map_err(|e| ScoringError::Artifact(e.to_string()))?;
    put(folder, EVALUATION_FILE, &json)?;
    table
        .write_all(tables::text(&evaluation).as_bytes())
        .map_err(|e| EvaluateError::Write("table".to_owned(), e))?;
    Ok(evaluation)
}

/// Name of the baseline, as `campplus:plain`, and its model with version.
fn baseline_names(
    model: &EvaluatedModel<'_>,
    baseline: &Baseline<'_>,
) -> Result<Option<[String; 2]>, EvaluateError> {
    let (full_name, system) = match baseline {
        Baseline::None => return Ok(None),
        Baseline::Own(system) => (model.name.clone(), system),
        Baseline::Model(other, system) => (other.name.clone(), system),
        Baseline::Earlier { folder, model, system } => {
            let path = folder.join(EVALUATION_FILE);
            let earlier = Evaluation::read(&path)?;
            if earlier.model_id() != model {
                let found = format!("model {}", earlier.model);
                return Err(EvaluateError::Scores(path.display().to_string(), found));
            }
            (earlier.model, system)
        }
    };
    let id = full_name.split('@').next().unwrap_or_default();
    Ok(Some([format!("{id}:{}", system.name()), full_name]))
}

/// All plans, those of cut tests last; writes the protocol with its lists.
fn plans(recordings: &[Recording], options: &EvaluateOptions) -> Result<Vec<Plan>, EvaluateError> {
    let protocol = &options.protocol;
    let (mut whole, mut cut) = (Vec::new(), Vec::new());
    for corpus in &protocol.corpora {
        let sides = Sides::of(recordings, corpus, protocol)?;
        if sides.templates.len() < 2 || sides.tests.is_empty() {
            return Err(EvaluateError::NoTrials(corpus.clone()));
        }
        put(&options.out, &protocol::list_name(corpus), &sides.to_list())?;
        for condition in protocol.conditions_of(corpus) {
            whole.push(sides.plan(corpus, condition));
            if options.by.contains(&GroupBy::NetSpeech) {
                let of = |s: &u32| sides.net_speech_plan(corpus, condition, recordings, *s);
                cut.extend(protocol.net_speech_s.iter().map(of));
            }
        }
    }
    let repeatable = Protocol { lists: Some(".".to_owned()), ..protocol.clone() };
    put(&options.out, protocol::PROTOCOL_FILE, &repeatable.to_toml()?)?;
    whole.extend(cut);
    Ok(whole)
}

/// What a system needs of a model: the full one has telephone renditions in its templates.
fn embeddings(
    model: &EvaluatedModel<'_>,
    system: System,
    plans: &[Plan],
    options: &EvaluateOptions,
) -> Result<Embeddings, EvaluateError> {
    let items: BTreeSet<Item> = plans.iter().flat_map(Plan::items).cloned().collect();
    let origin = Origin { model: model.name.clone(), seed: options.protocol.seed };
    let cache = model.cache.as_deref();
    let enrolled = match system {
        System::Full => plans.iter().flat_map(Plan::enrolled).cloned().collect(),
        System::Plain => BTreeSet::new(),
    };
    let from = (&origin, cache);
    Ok(embedding_cache::obtain_enrolled(model.embed, &options.data, items, &enrolled, from)?)
}

/// Scores every plan with all systems; writes trials and scores.
fn score_all(
    model: &EvaluatedModel<'_>,
    baseline: &Baseline<'_>,
    plans: &[Plan],
    embeddings: &Embeddings,
    options: &EvaluateOptions,
) -> Result<Vec<TrialSet>, EvaluateError> {
    let others = match baseline {
        Baseline::Model(other, system) => Some(self::embeddings(other, *system, plans, options)?),
        _ => None,
    };
    let mut sets = Vec::with_capacity(plans.len());
    for plan in plans {
        let seed = phone::seed_for(&plan.corpus, options.protocol.bootstrap_seed);
        let kinds = kinds(plan, &options.by);
        let mut set = score(plan, embeddings, model.systems, &kinds, seed);
        let name = plan.name();
        put(&options.out, &format!("trials-{name}.tsv"), &trial_lines(plan))?;
        put(&options.out, &format!("scores-{name}.tsv"), &score_lines(&set, plan))?;
        set.baseline = match (baseline, &others) {
            (Baseline::Own(System::Plain), _) => set.plain.clone(),
            (Baseline::Own(System::Full), _) => set.full.clone(),
            (Baseline::Model(other, system), Some(embeddings)) => {
                let scorer = match system {
                    System::Plain => &other.systems.plain,
                    System::Full => &other.systems.full,
                };
                baseline_scores(&set, plan, embeddings, scorer)
            }
            (Baseline::Earlier { folder, system, .. }, _) => {
                earlier_scores(&set, plan, folder, *system)?
            }
            (Baseline::None | Baseline::Model(..), _) => Vec::new(),
        };
        sets.push(set);
    }
    Ok(sets)
}

fn put(folder: &Path, name: &str, content: &str) -> Result<(), EvaluateError> {
    let path = folder.join(name);
    std::fs::write(&path, content).map_err(|e| EvaluateError::Write(path.display().to_string(), e))
}

#[cfg(test)]
mod tests;
