//! Evaluation of voice scores on sets of speech: `vouch evaluate voice`.
//!
//! Writes into its output folder: `trials-CORPUS-CONDITION.tsv` (as `vouch score` reads them),
//! `scores-CORPUS-CONDITION.tsv`, `evaluation.json`, `det-*.svg` and `reliability-*.svg`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::scoring::metrics::Trial;
use crate::scoring::{Prepared, Scorer, ScoringError};
use crate::usecase::embed_file::{Embed, EmbedError, Embedded, Embeddings, Item, embed_items};
use crate::usecase::embedding_cache;
use crate::usecase::speech_set::{self, SpeechSetError};

pub mod phone;
pub mod plot;
pub mod protocol;
pub mod report;

pub use protocol::Condition;
pub use report::{Judging, Row};

use plot::Series;
use protocol::{Plan, PlannedSide, plan, trial_lines};
use report::Judged;

/// What trials are grouped by, besides corpus and condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// Trials between people of the same gender, by gender.
    Gender,
    /// Measured bandwidth of both sides.
    Bandwidth,
}

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct EvaluateOptions {
    /// Folder with `manifest.tsv`.
    pub data: PathBuf,
    /// Data sets to evaluate, each on its own.
    pub corpora: Vec<String>,
    /// Data sets of real telephone calls: they are not degraded further.
    pub telephone_corpora: Vec<String>,
    /// Conditions of the others.
    pub conditions: Vec<Condition>,
    /// Groups to report besides.
    pub by: Vec<GroupBy>,
    /// Where results are written.
    pub out: PathBuf,
    /// Embeddings to use instead of the network, or to write after using it.
    pub cache: Option<PathBuf>,
    /// Seed of the simulated telephone.
    pub seed: u64,
    /// How to judge.
    pub judging: Judging,
}

/// Why there is no evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The speech set.
    #[error(transparent)]
    Speech(#[from] SpeechSetError),
    /// The embeddings.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The figures.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
    /// Writing results.
    #[error("{0}: {1}")]
    Write(String, std::io::Error),
    /// Neither an embedder nor a cache.
    #[error("embeddings need an installed model or a cache file")]
    NoEmbeddings,
    /// A named data set is not in the manifest, or has no speaker with two recordings.
    #[error("no trials for the data set `{0}`")]
    NoTrials(String),
}

/// Results of an evaluation.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Evaluation {
    /// Back-end and its calibration.
    pub back_end: String,
    /// Seed of the simulated telephone.
    pub seed: u64,
    /// Seed of the bootstrap.
    pub bootstrap_seed: u64,
    /// Bootstrap replicates.
    pub replicates: usize,
    /// Pieces of audio without an embedding, and why; their trials are left out.
    pub failed: Vec<String>,
    /// Figures.
    pub rows: Vec<Row>,
}

/// The two systems to compare.
pub struct Systems {
    /// Cosine of mean embeddings.
    pub plain: Scorer,
    /// The back-end.
    pub full: Scorer,
}

/// Evaluates, writes results into `options.out` and a table to `table`. Exit code 3 is due when
/// [`Evaluation::failed`] is not empty.
pub fn run(
    embed: Option<&dyn Embed>,
    systems: &Systems,
    options: &EvaluateOptions,
    table: &mut dyn Write,
) -> Result<Evaluation, EvaluateError> {
    let recordings = speech_set::read(&options.data)?;
    let mut plans = Vec::new();
    for corpus in &options.corpora {
        for condition in conditions(options, corpus) {
            let plan = plan(&recordings, corpus, condition);
            if plan.templates.len() < 2 {
                return Err(EvaluateError::NoTrials(corpus.clone()));
            }
            plans.push(plan);
        }
    }
    let items: BTreeSet<Item> = plans.iter().flat_map(items_of).collect();
    let embeddings = embeddings(embed, options, items.clone())?;
    let failed = items.iter().filter_map(|item| match embeddings.get(item) {
        Some(Ok(_)) => None,
        Some(Err(cause)) => Some(format!("{item}: {cause}")),
        None => Some(format!("{item}: not in the cache")),
    });
    let mut evaluation = Evaluation {
        back_end: match &systems.full {
            Scorer::Full(back_end) => back_end.reference().to_string(),
            Scorer::Plain(_) => "plain".to_owned(),
        },
        seed: options.seed,
        bootstrap_seed: options.judging.seed,
        replicates: options.judging.replicates,
        failed: failed.collect(),
        rows: Vec::new(),
    };
    let folder = &options.out;
    std::fs::create_dir_all(folder)
        .map_err(|e| EvaluateError::Write(folder.display().to_string(), e))?;
    judge_all(&plans, &embeddings, systems, options, &mut evaluation)?;
    let json = serde_json::to_string_pretty(&evaluation)
        .map_err(|e| ScoringError::Artifact(e.to_string()))?;
    put(folder, "evaluation.json", &json)?;
    table
        .write_all(report::table(&evaluation.rows).as_bytes())
        .map_err(|e| EvaluateError::Write("table".to_owned(), e))?;
    Ok(evaluation)
}

fn conditions(options: &EvaluateOptions, corpus: &String) -> Vec<Condition> {
    if options.telephone_corpora.contains(corpus) {
        vec![Condition::Clean]
    } else {
        options.conditions.clone()
    }
}

fn items_of(plan: &Plan) -> impl Iterator<Item = Item> + '_ {
    let sides = plan.templates.iter().chain(&plan.tests);
    sides.flat_map(|side| side.items.iter().cloned())
}

fn embeddings(
    embed: Option<&dyn Embed>,
    options: &EvaluateOptions,
    items: BTreeSet<Item>,
) -> Result<Embeddings, EvaluateError> {
    match (&options.cache, embed) {
        (Some(path), _) if path.exists() => Ok(embedding_cache::load(path)?),
        (cache, Some(embed)) => {
            let done = embed_items(embed, &options.data, items, options.seed)?;
            if let Some(path) = cache {
                embedding_cache::save(path, &done)?;
            }
            Ok(done)
        }
        (_, None) => Err(EvaluateError::NoEmbeddings),
    }
}

fn judge_all(
    plans: &[Plan],
    embeddings: &Embeddings,
    systems: &Systems,
    options: &EvaluateOptions,
    evaluation: &mut Evaluation,
) -> Result<(), EvaluateError> {
    let mut pooled: BTreeMap<Condition, (usize, Judged)> = BTreeMap::new();
    for plan in plans {
        let (condition, corpus) = (plan.condition.name(), plan.corpus.as_str());
        let name = format!("{corpus}-{condition}");
        put(&options.out, &format!("trials-{name}.tsv"), &trial_lines(plan))?;
        let scored = score(plan, embeddings, systems);
        put(&options.out, &format!("scores-{name}.tsv"), &score_lines(&scored.judged))?;
        plots(&options.out, &name, &scored.judged)?;
        let judging = &options.judging;
        let all = scored.judged.row(corpus, condition, "all", judging)?;
        evaluation.rows.push(all);
        for by in &options.by {
            for (group, judged) in scored.groups(plan, *by) {
                // A group without both kinds of trials has no figures.
                let row = judged.row(corpus, condition, &group, judging);
                evaluation.rows.extend(row.ok());
            }
        }
        let (count, together) = pooled.entry(plan.condition).or_default();
        *count += 1;
        together.extend(&scored.judged);
    }
    for (condition, (count, judged)) in &pooled {
        if *count > 1 {
            let name = condition.name();
            plots(&options.out, &format!("all-{name}"), judged)?;
            let row = judged.row("all", name, "all", &options.judging)?;
            evaluation.rows.push(row);
        }
    }
    Ok(())
}

/// Scored trials of a plan.
struct Scored {
    judged: Judged,
    /// Number of sides in telephone band, for each trial.
    narrow_sides: Vec<u8>,
}

impl Scored {
    fn groups(&self, plan: &Plan, by: GroupBy) -> Vec<(String, Judged)> {
        let key = |i: usize| -> Option<String> {
            match by {
                GroupBy::Gender => {
                    let [a, b] = self.judged.full[i].speakers.map(|s| &plan.genders[s as usize]);
                    (a == b && !a.is_empty()).then(|| format!("gender {a}"))
                }
                GroupBy::Bandwidth => {
                    let name = ["wide", "wide-narrow", "narrow"];
                    Some(name[usize::from(self.narrow_sides[i])].to_owned())
                }
            }
        };
        let keys: Vec<Option<String>> = (0..self.judged.full.len()).map(key).collect();
        let names: BTreeSet<&String> = keys.iter().flatten().collect();
        names
            .into_iter()
            .map(|name| {
                let judged = self.judged.choose(|i| keys[i].as_ref() == Some(name));
                (name.clone(), judged)
            })
            .collect()
    }
}

/// A side under both systems.
struct Ready {
    speaker: u32,
    plain: Prepared,
    full: Prepared,
    narrow: bool,
}

fn ready(side: &PlannedSide, embeddings: &Embeddings, systems: &Systems) -> Option<Ready> {
    let found: Option<Vec<&Embedded>> =
        side.items.iter().map(|item| embeddings.get(item)?.as_ref().ok()).collect();
    let views: Vec<_> = found?.into_iter().map(Embedded::view).collect();
    let full = systems.full.prepare(&views).ok()?;
    let narrow = Scorer::conditions(&full, &full).narrow_share[0] > 0.5;
    Some(Ready { speaker: side.speaker, plain: systems.plain.prepare(&views).ok()?, full, narrow })
}

fn score(plan: &Plan, embeddings: &Embeddings, systems: &Systems) -> Scored {
    let prepare = |sides: &[PlannedSide]| -> Vec<Ready> {
        let all = sides.iter();
        all.filter_map(|side| ready(side, embeddings, systems)).collect()
    };
    let (templates, tests) = (prepare(&plan.templates), prepare(&plan.tests));
    let mut scored = Scored { judged: Judged::default(), narrow_sides: Vec::new() };
    for template in &templates {
        for test in &tests {
            let scores = (
                systems.plain.score(&template.plain, &test.plain),
                systems.full.score(&template.full, &test.full),
            );
            let (Some((_, plain)), Some((_, full))) = scores else {
                continue;
            };
            let trial = |score: f64| Trial {
                score,
                target: template.speaker == test.speaker,
                speakers: [template.speaker, test.speaker],
            };
            scored.judged.plain.push(trial(plain.0));
            scored.judged.full.push(trial(full.0));
            let sides = u8::from(template.narrow) + u8::from(test.narrow);
            scored.narrow_sides.push(sides);
        }
    }
    scored
}

fn score_lines(judged: &Judged) -> String {
    let mut lines = "plain_llr\tfull_llr\tlabel\tenroll_speaker\ttest_speaker\n".to_owned();
    for (plain, full) in judged.plain.iter().zip(&judged.full) {
        let label = if full.target { "target" } else { "nontarget" };
        let [a, b] = full.speakers;
        let (p, f) = (plain.score, full.score);
        lines += &format!("{p:.9e}\t{f:.9e}\t{label}\t{a}\t{b}\n");
    }
    lines
}

fn plots(folder: &Path, name: &str, judged: &Judged) -> Result<(), EvaluateError> {
    let series = [("plain", &judged.plain), ("full", &judged.full)]
        .map(|(name, trials)| Series { name: name.to_owned(), trials });
    put(folder, &format!("det-{name}.svg"), &plot::det(&format!("DET: {name}"), &series))?;
    let title = format!("Calibration: {name}");
    put(folder, &format!("reliability-{name}.svg"), &plot::reliability(&title, &series))
}

fn put(folder: &Path, name: &str, content: &str) -> Result<(), EvaluateError> {
    let path = folder.join(name);
    std::fs::write(&path, content).map_err(|e| EvaluateError::Write(path.display().to_string(), e))
}

#[cfg(test)]
mod tests;
