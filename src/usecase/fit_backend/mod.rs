//! Fits a whole back-end artefact from speech sets in one go, with a report: the model of people on everybody, the
//! calibration on everybody, too, each scored by a model that was fitted without them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::domain::{ArtifactRef, LicenseClass, RawScore};
use crate::scoring::artifact::{CALIBRATION_FILE, MANIFEST_FILE, TENSORS_FILE};
use crate::scoring::calibration::{FitOptions, LabeledTrial, cross_validate, fit};
use crate::scoring::metrics::{Figures, Trial, figures};
use crate::scoring::train::{TrainOptions, TrainUtterance, train};
use crate::scoring::vector::cosine;
use crate::scoring::{BackEnd, BackEndInfo, Calibration, Conditions, Scorer, ScoringError};
use crate::usecase::embed_file::{Channel, Embed, EmbedError, Embedded, Embeddings, Item};
use crate::usecase::embedding_cache::{self, Origin};
use crate::usecase::speech_set::{self, Recording, SpeechSetError, held_back};

pub mod plan;
pub mod trials;

use plan::{is_long, pieces};
use trials::{Piece, Scored, build};

/// File with the calibration of the plain cosine.
pub const PLAIN_CALIBRATION_FILE: &str = "calibration-plain.json";

/// Folds of the cross-validation of the calibration.
const FOLDS: u32 = 5;

/// Cosine of raw embeddings above which two ids of a doubtful corpus are taken for one person.
const ONE_PERSON_COSINE: f64 = 0.7;

/// What to fit, on what.
#[derive(Debug, Clone)]
pub struct FitBackEndOptions {
    /// Folder with `manifest.tsv`.
    pub data: PathBuf,
    /// Data sets to fit on.
    pub corpora: Vec<String>,
    /// Recordings whose path contains one of these are left out: what is not speech.
    pub excluded: Vec<String>,
    /// Data sets whose held-back speakers ([`held_back`]) are left out: they are measured on.
    pub held_back: Vec<String>,
    /// Data sets in which one person may have two ids; the second one is left out.
    pub doubtful_corpora: Vec<String>,
    /// Where the artefact is written.
    pub out: PathBuf,
    /// Cache of embeddings ([`embedding_cache::obtain`]).
    pub cache: Option<PathBuf>,
    /// Id of the artefact.
    pub id: String,
    /// Version of the artefact and its calibrations.
    pub version: u32,
    /// The extractor.
    pub model: ArtifactRef,
    /// Terms of the data.
    pub license: LicenseClass,
    /// Seed of everything random.
    pub seed: u64,
    /// Parts of the speakers, at least 2 (fewer are taken as 2): the trials of each are scored by a back-end fitted on the
    /// others.
    pub parts: usize,
    /// Share of the identity in the within-speaker covariance that the projection evens out.
    pub shrinkage: f64,
    /// Share of its own diagonal in that of the model of people.
    pub model_shrinkage: f64,
    /// Most speakers in the cohort.
    pub cohort: usize,
    /// Best cohort scores used.
    pub top_k: usize,
    /// Penalty on the quality measures of the calibration.
    pub ridge: f64,
}

impl FitBackEndOptions {
    /// The settings of the shipped artefact: chosen on the train sets.
    pub fn shipped(data: PathBuf, out: PathBuf, model: ArtifactRef) -> Self {
        let open = ["commonvoice", "speechocean762", "libri_tc100", "coswara", "speechcmd"];
        Self {
            data,
            corpora: open.map(str::to_owned).to_vec(),
            // Sustained vowels.
            excluded: vec!["vowel-".to_owned()],
            held_back: vec!["commonvoice".to_owned()],
            doubtful_corpora: vec!["speechocean762".to_owned()],
            out,
            cache: None,
            id: format!("{}-open", model.id),
            version: 1,
            model,
            license: LicenseClass::Open,
            seed: 1,
            parts: 3,
            shrinkage: 0.6,
            model_shrinkage: 0.5,
            cohort: 600,
            top_k: 100,
            ridge: 1e-3,
        }
    }
}

/// Why nothing was fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitBackEndError {
    /// The speech set.
    #[error(transparent)]
    Speech(#[from] SpeechSetError),
    /// The embeddings.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The fit.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
    /// Writing the artefact.
    #[error("{0}: {1}")]
    Write(String, std::io::Error),
}

/// Held-out figures of one system.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SystemReport {
    /// On held-out speakers of the calibration set.
    pub cross_validated: Figures,
    /// On each data set by a calibration fitted without it: what an unseen deployment may expect.
    pub unseen_data_sets: BTreeMap<String, Figures>,
    /// What LLRs were multiplied with so that data sets that were not seen are calibrated.
    pub unseen_scale: f64,
    /// What was added to them then.
    pub unseen_shift: f64,
    /// Lowest false match rate the rule of 30 supports.
    pub supported_fmr: f64,
    /// Most candidates supported at a false-positive identification rate of 1 %.
    pub supported_n_at_fpir_1_percent: usize,
}

/// What was fitted.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct FitReport {
    /// Recordings that could not be embedded.
    pub failed: Vec<String>,
    /// Speakers left out as second ids of a person.
    pub left_out: Vec<String>,
    /// Speakers.
    pub speakers: usize,
    /// Target trials of the calibration.
    pub target_trials: u64,
    /// Non-target trials of the calibration.
    pub non_target_trials: u64,
    /// The back-end.
    pub full: SystemReport,
    /// The plain cosine.
    pub plain: SystemReport,
}

/// Fits and writes an artefact. `embed` may be absent when the cache file exists. `published` is the model without
/// its adapter, of a model that has one: the calibration of the plain cosine is for its embeddings.
pub fn run(
    embed: Option<&dyn Embed>,
    published: Option<(&dyn Embed, &ArtifactRef)>,
    options: &FitBackEndOptions,
) -> Result<FitReport, FitBackEndError> {
    let mut recordings = speech_set::read(&options.data)?;
    let excluded = |r: &Recording| options.excluded.iter().any(|part| r.file.contains(part));
    let held = |r: &Recording| options.held_back.contains(&r.corpus) && held_back(&r.speaker);
    recordings.retain(|r| options.corpora.contains(&r.corpus) && !excluded(r) && !held(r));
    let items: BTreeSet<Item> = recordings.iter().flat_map(|r| pieces(r, options.seed)).collect();
    let enrolled = items.iter().filter(|i| is_long(i)).cloned().collect();
    let fitted = |embed: Option<&dyn Embed>, model: &ArtifactRef| {
        let origin = Origin { model: model.to_string(), seed: options.seed };
        let from = (&origin, options.cache.as_deref());
        let items = items.clone();
        let embeddings =
            embedding_cache::obtain_enrolled(embed, &options.data, items, &enrolled, from)?;
        fit_artifact(&recordings, &embeddings, options)
    };
    let (back_end, mut plain, mut report) = fitted(embed, &options.model)?;
    if let Some((embed, model)) = published {
        let (_, of_published, its) = fitted(Some(embed), model)?;
        (plain, report.plain) = (of_published, its.plain);
    }
    write(&options.out, &back_end, &plain, &report)?;
    Ok(report)
}

/// A speaker: who they could be taken for, and their pieces.
type Speaker<'a> = (String, Vec<Piece<'a>>);

/// Population of a recording: its data set, and its language where it is known.
fn population(recording: &Recording) -> String {
    format!("{}/{}", recording.corpus, recording.language().unwrap_or_default())
}

/// Fits the artefact to embeddings: the back-end with its calibration, and the calibration of the
/// plain cosine.
pub fn fit_artifact(
    recordings: &[Recording],
    embeddings: &Embeddings,
    options: &FitBackEndOptions,
) -> Result<(BackEnd, Calibration, FitReport), FitBackEndError> {
    // Not every piece has a rendition.
    let pieces = embeddings.iter().filter(|(item, _)| item.channel != Channel::Rendition);
    let failed =
        pieces.filter_map(|(item, e)| Some(format!("{item}: {}", e.as_ref().err()?))).collect();
    let (mut speakers, left_out) = speakers(recordings, embeddings, options);
    speakers.shuffle(&mut ChaCha8Rng::seed_from_u64(options.seed));
    let corpora: Vec<String> =
        speakers.iter().map(|(p, _)| p.split('/').next().unwrap_or_default().to_owned()).collect();
    let mut of_full = Scored::default();
    let mut of_plain = Scored::default();
    let size = speakers.len().div_ceil(options.parts.max(2)).max(1);
    for first in (0..speakers.len()).step_by(size) {
        let last = (first + size).min(speakers.len());
        let others: Vec<Speaker<'_>> = [&speakers[..first], &speakers[last..]].concat();
        let back_end = fit_back_end(&others, options)?;
        let pieces: Vec<Vec<Piece<'_>>> =
            speakers[first..last].iter().map(|(_, p)| p.clone()).collect();
        let populations: Vec<String> =
            speakers[first..last].iter().map(|(p, _)| p.clone()).collect();
        let trials = build(&pieces, &populations, options.seed);
        of_full.extend(trials.score(&Scorer::Full(Box::new(back_end))), first);
        of_plain.extend(trials.score(&Scorer::Plain(Calibration::identity())), first);
    }
    let back_end = fit_back_end(&speakers, options)?;
    let (calibration, full) = calibrate(&of_full, &corpora, options)?;
    let (plain_calibration, plain) = calibrate(&of_plain, &corpora, options)?;
    let report = FitReport {
        failed,
        left_out,
        speakers: speakers.len(),
        target_trials: calibration.fitted_on.target_trials,
        non_target_trials: calibration.fitted_on.non_target_trials,
        full,
        plain,
    };
    Ok((back_end.with_calibration(calibration), plain_calibration, report))
}

/// What a template has beside a piece.
fn rendition<'a>(embeddings: &'a Embeddings, item: &Item) -> Option<&'a Embedded> {
    embeddings.get(&item.rendition()?)?.as_ref().ok()
}

/// Speakers with embeddings, and the names of those left out as somebody's second id.
fn speakers<'a>(
    recordings: &[Recording],
    embeddings: &'a Embeddings,
    options: &FitBackEndOptions,
) -> (Vec<Speaker<'a>>, Vec<String>) {
    let mut by_file: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (item, embedded) in embeddings {
        if let (Ok(embedded), false) = (embedded, item.channel == Channel::Rendition) {
            by_file.entry(&item.file).or_default().push((item, embedded));
        }
    }
    let mut kept: Vec<Speaker<'a>> = Vec::new();
    let mut left_out = Vec::new();
    // First long piece of each kept speaker of a doubtful corpus, by corpus.
    let mut seen: BTreeMap<&str, Vec<&[f32]>> = BTreeMap::new();
    for of_speaker in speech_set::by_speaker(recordings) {
        let mut pieces = Vec::new();
        for (recording, file) in of_speaker.iter().enumerate() {
            for (item, embedded) in by_file.get(file.file.as_str()).into_iter().flatten() {
                pieces.push(Piece {
                    recording,
                    channel: item.channel,
                    long: is_long(item),
                    embedded,
                    rendition: rendition(embeddings, item),
                });
            }
        }
        let Some(first) = pieces.iter().find(|p| p.long) else {
            continue;
        };
        let corpus = of_speaker[0].corpus.as_str();
        let name = format!("{corpus}/{}", of_speaker[0].speaker);
        if options.doubtful_corpora.iter().any(|c| c == corpus) {
            let own: &[f32] = &first.embedded.embedding;
            let others = seen.entry(corpus).or_default();
            let same = |o: &&[f32]| cosine(o, own).is_some_and(|c| c > ONE_PERSON_COSINE);
            if others.iter().any(same) {
                left_out.push(name);
                continue;
            }
            others.push(own);
        }
        kept.push((population(of_speaker[0]), pieces));
    }
    (kept, left_out)
}

fn fit_back_end(
    speakers: &[Speaker<'_>],
    options: &FitBackEndOptions,
) -> Result<BackEnd, ScoringError> {
    let utterances: Vec<TrainUtterance<'_>> = speakers
        .iter()
        .enumerate()
        .flat_map(|(speaker, (_, pieces))| {
            pieces.iter().map(move |p| TrainUtterance {
                speaker: speaker as u32,
                embedding: &p.embedded.embedding,
                bandwidth: p.embedded.bandwidth,
                net_speech_ms: p.embedded.net_speech_ms,
                in_cohort: p.long,
            })
        })
        .collect();
    let FitBackEndOptions { shrinkage, model_shrinkage, cohort, .. } = *options;
    let train_options = TrainOptions { shrinkage, model_shrinkage, cohort };
    let info = BackEndInfo {
        id: options.id.clone(),
        version: options.version,
        model: options.model.clone(),
        license: options.license,
        top_k: options.top_k,
        seed: options.seed,
        data: options.corpora.clone(),
    };
    let parts = train(&utterances, &train_options)?;
    // Through the bytes, so that the calibration sees the numbers as they will be read.
    let parts = crate::scoring::BackEndParts::from_bytes(&parts.to_bytes()?)?;
    BackEnd::new(info, parts, Calibration::identity())
}

fn calibrate(
    Scored { trials, speakers }: &Scored,
    corpora: &[String],
    options: &FitBackEndOptions,
) -> Result<(Calibration, SystemReport), ScoringError> {
    let fit_options = FitOptions {
        version: options.version,
        ridge: options.ridge,
        prior: 0.5,
        speakers: corpora.len() as u64,
        pairs: distinct_pairs(trials, speakers),
    };
    let calibration = fit(trials, &fit_options)?;
    let mut held_out = cross_validate(trials, speakers, &fit_options, FOLDS, options.seed)?;
    let mut unseen = unseen(trials, speakers, corpora, &fit_options);
    let (scale, shift) = toward_unseen(&unseen, trials.len(), &fit_options)?;
    let calibration = calibration.rescaled(scale, shift, options.version)?;
    held_out.iter_mut().for_each(|t| t.score = scale * t.score + shift);
    let judged = unseen.iter_mut().filter_map(|(name, trials)| {
        trials.iter_mut().for_each(|t| t.score = scale * t.score + shift);
        Some((name.clone(), figures(trials).ok()?))
    });
    let report = SystemReport {
        cross_validated: figures(&held_out)?,
        unseen_data_sets: judged.collect(),
        unseen_scale: scale,
        unseen_shift: shift,
        supported_fmr: calibration.tail.supported_fmr(),
        supported_n_at_fpir_1_percent: calibration.tail.supported_n(0.01),
    };
    Ok((calibration, report))
}

/// Trials of each data set under a calibration fitted on the others; data sets without which no fit is
/// possible are left out.
fn unseen(
    trials: &[LabeledTrial],
    speakers: &[[u32; 2]],
    corpora: &[String],
    options: &FitOptions,
) -> BTreeMap<String, Vec<Trial>> {
    let of = |pair: &[u32; 2]| corpora.get(pair[0] as usize);
    let names: BTreeSet<&String> = corpora.iter().collect();
    let mut all = BTreeMap::new();
    for name in names {
        let paired = trials.iter().zip(speakers);
        let (inside, outside): (Vec<_>, Vec<_>) = paired.partition(|(_, s)| of(s) == Some(name));
        let others: Vec<LabeledTrial> = outside.into_iter().map(|(t, _)| *t).collect();
        let Ok(calibration) = fit(&others, options) else {
            continue;
        };
        let judged: Vec<Trial> = inside
            .into_iter()
            .map(|(t, pair)| Trial {
                score: calibration.llr(t.raw, &t.conditions).0,
                target: t.target,
                speakers: *pair,
            })
            .collect();
        all.insert(name.clone(), judged);
    }
    all
}

/// Scale and shift that calibrate the LLRs of data sets that were not seen: what a caller brings is of no data set of
/// the fit either, and a calibration is too sure of itself there. Each counts as much as was left to fit on without it: a
/// fit without most of `all` trials says little of the fit on them. Nothing is done where a calibration is not too sure.
fn toward_unseen(
    unseen: &BTreeMap<String, Vec<Trial>>,
    all: usize,
    options: &FitOptions,
) -> Result<(f64, f64), ScoringError> {
    let mut trials = Vec::new();
    for of_set in unseen.values() {
        let left = (all - of_set.len()) as f64 / all as f64;
        let targets = of_set.iter().filter(|t| t.target).count();
        let counts = [of_set.len() - targets, targets];
        // One that has no trials of a kind says nothing.
        if counts.contains(&0) {
            continue;
        }
        trials.extend(of_set.iter().map(|t| LabeledTrial {
            raw: RawScore(t.score),
            conditions: Conditions::ALIKE,
            target: t.target,
            weight: left / counts[usize::from(t.target)] as f64,
        }));
    }
    if trials.is_empty() {
        return Ok((1.0, 0.0));
    }
    let fitted = fit(&trials, options)?;
    match fitted.slope[0] < 1.0 {
        true => Ok((fitted.slope[0], fitted.offset[0])),
        false => Ok((1.0, 0.0)),
    }
}

/// Distinct pairs of people among the non-target trials.
pub(crate) fn distinct_pairs(trials: &[LabeledTrial], speakers: &[[u32; 2]]) -> u64 {
    let mut pairs: Vec<[u32; 2]> = trials
        .iter()
        .zip(speakers)
        .filter(|(t, _)| !t.target)
        .map(|(_, [a, b])| [*a.min(b), *a.max(b)])
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.len() as u64
}

fn write(
    folder: &Path,
    back_end: &BackEnd,
    plain: &Calibration,
    report: &FitReport,
) -> Result<(), FitBackEndError> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes)
            .map_err(|e| FitBackEndError::Write(path.display().to_string(), e))
    };
    std::fs::create_dir_all(folder)
        .map_err(|e| FitBackEndError::Write(folder.display().to_string(), e))?;
    put(MANIFEST_FILE, back_end.info().to_toml()?.as_bytes())?;
    put(TENSORS_FILE, &back_end.parts().to_bytes()?)?;
    put(CALIBRATION_FILE, back_end.calibration().to_json()?.as_bytes())?;
    put(PLAIN_CALIBRATION_FILE, plain.to_json()?.as_bytes())?;
    let report =
        serde_json::to_string_pretty(report).map_err(|e| ScoringError::Artifact(e.to_string()))?;
    put("fit-report.json", report.as_bytes())
}

#[cfg(test)]
mod tests;
