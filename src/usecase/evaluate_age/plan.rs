//! Which pieces of audio are estimated. No randomness: the manifest and voice activity decide.

use std::path::Path;

use rayon::prelude::*;

use super::{Age, Condition, EvaluateAgeError};
use crate::audio::{Pcm, QualityLimits, listen};
use crate::usecase::embed_file::{Channel, Embed, EmbedError, Item, Samples};
use crate::usecase::evaluate::phone;
use crate::usecase::speech_set::{self, Recording};

/// Longest piece of a recording, in milliseconds of audio: nothing is gained by more.
pub const MAX_MS: u32 = 30_000;
/// Points of the curve over net speech, in seconds.
pub const CURVE_S: [u32; 4] = [1, 3, 5, 10];
/// Frames of voice activity in a second, and length of the hop and of the overlap of one, in ms.
const FRAMES_PER_S: usize = 100;
const HOP_MS: u32 = 10;
const OVERLAP_MS: u32 = 15;

/// Finds the frames with speech, one every 10 ms.
pub type FindSpeech<'a> = &'a (dyn Fn(&Samples) -> Result<Vec<bool>, EmbedError> + Sync);

/// Where a recording is cut for each point of the curve, in milliseconds of audio; `None` where it has less
/// speech.
pub type Cuts = Vec<Option<u32>>;

/// Finds the cuts of a file under a condition; see [`cuts`].
pub type FindCuts<'a> = &'a (dyn Fn(&str, Condition) -> Result<Cuts, EmbedError> + Sync);

/// A piece of audio of a person of known age.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// What is embedded.
    pub item: Item,
    /// Data set.
    pub corpus: String,
    /// Index of the person among all.
    pub speaker: u32,
    /// `F`, `M`, other, or empty when unknown.
    pub sex: String,
    /// Age of the person.
    pub age: Age,
    /// Channel.
    pub condition: Condition,
    /// Net speech it was cut to, in seconds; `None`: as much as there is, up to [`MAX_MS`].
    pub cut_s: Option<u32>,
}

/// Voice activity as the program hears it.
pub fn find_speech(samples: &Samples) -> Result<Vec<bool>, EmbedError> {
    let pcm = Pcm { sample_rate_hz: samples.rate_hz, samples: samples.mono.clone() };
    let heard = listen(&pcm, QualityLimits::default()).map_err(|e| EmbedError(e.to_string()))?;
    Ok(heard.speech)
}

/// All pieces of the recordings with a known age, and what could not be cut, with its cause.
///
/// # Errors
/// A data set without any recording of known age.
pub fn plan(
    recordings: &[Recording],
    corpora: &[String],
    conditions: &[Condition],
    cut: FindCuts<'_>,
) -> Result<(Vec<Piece>, Vec<String>), EvaluateAgeError> {
    let known: Vec<(&Recording, Age)> = recordings
        .iter()
        .filter(|r| corpora.contains(&r.corpus))
        .filter_map(|r| Some((r, Age::parse(&r.age)?)))
        .collect();
    if let Some(without) = corpora.iter().find(|c| !known.iter().any(|(r, _)| r.corpus == **c)) {
        return Err(EvaluateAgeError::NoAges(without.clone()));
    }
    let people = people(recordings);
    let jobs: Vec<_> =
        known.iter().flat_map(|k| conditions.iter().map(move |c| (k.0, k.1, *c))).collect();
    let done: Vec<Result<Vec<Piece>, String>> = jobs
        .into_par_iter()
        .map(|(recording, age, condition)| {
            let cuts = cut(&recording.file, condition)
                .map_err(|cause| format!("{} ({}): {cause}", recording.file, condition.name()))?;
            let speaker = people[&(recording.corpus.as_str(), recording.speaker.as_str())];
            Ok(pieces(recording, speaker, age, condition, &cuts))
        })
        .collect();
    let (mut all, mut failed) = (Vec::new(), Vec::new());
    for one in done {
        match one {
            Ok(pieces) => all.extend(pieces),
            Err(cause) => failed.push(cause),
        }
    }
    Ok((all, failed))
}

type People<'a> = std::collections::BTreeMap<(&'a str, &'a str), u32>;

fn people(recordings: &[Recording]) -> People<'_> {
    let of = speech_set::by_speaker(recordings);
    let names = of.iter().map(|files| (files[0].corpus.as_str(), files[0].speaker.as_str()));
    names.zip(0..).collect()
}

fn pieces(
    recording: &Recording,
    speaker: u32,
    age: Age,
    condition: Condition,
    cuts_ms: &[Option<u32>],
) -> Vec<Piece> {
    let piece = |cut_s: Option<u32>, length_ms: u32| Piece {
        item: Item {
            channel: condition.channel(),
            length_ms: Some(length_ms),
            ..Item::whole(recording.file.as_str())
        },
        corpus: recording.corpus.clone(),
        speaker,
        sex: recording.gender.clone(),
        age,
        condition,
        cut_s,
    };
    let cut = CURVE_S.iter().zip(cuts_ms);
    let cut = cut.filter_map(|(seconds, at_ms)| Some(piece(Some(*seconds), (*at_ms)?)));
    std::iter::once(piece(None, MAX_MS)).chain(cut).collect()
}

/// Where a recording under a condition has had the net speech of each point of the curve, in
/// milliseconds of audio; `None` where it has less.
///
/// # Errors
/// A file that cannot be read.
pub fn cuts(
    embed: &dyn Embed,
    find: FindSpeech<'_>,
    path: &Path,
    condition: Condition,
    seed: u64,
) -> Result<Cuts, EmbedError> {
    let whole = embed.decode(path)?;
    let heard = match condition.channel() {
        Channel::Phone => phone::call(&whole, seed)?,
        _ => whole,
    };
    let speech = find(&heard)?;
    let at = |seconds: &u32| {
        let wanted = *seconds as usize * FRAMES_PER_S;
        let last = speech.iter().enumerate().filter(|(_, is)| **is).nth(wanted - 1)?.0;
        let end = u32::try_from(last + 1).ok()? * HOP_MS + OVERLAP_MS;
        (end <= MAX_MS).then_some(end)
    };
    Ok(CURVE_S.iter().map(at).collect())
}
