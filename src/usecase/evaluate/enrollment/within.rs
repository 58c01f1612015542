//! Parts of one recording against each other: of one speaker, and spliced from two.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::domain::Bandwidth;
use crate::scoring::metrics::Trial;
use crate::usecase::embed_file::{Channel, Embed, EmbedError, Embedded, Embeddings, Item, Samples};
use crate::usecase::embedding_cache::{self, Origin};
use crate::usecase::evaluate::enrollment::consistency::conditions;
use crate::usecase::evaluate::enrollment::{
    Check, Comparisons, EnrollmentOptions, People, llr, same_sex,
};
use crate::usecase::evaluate::protocol::Condition;
use crate::usecase::evaluate::{EvaluateError, EvaluatedModel, phone};
use crate::usecase::speech_set::Recording;
use crate::usecase::voice::{MAX_PARTS, MIN_PART_FRAMES};

/// Share of a splice that the first speaker has.
const FIRST_SHARE: [f64; 2] = [0.3, 0.7];

/// Recordings of one speaker that are judged.
const MAX_JUDGED: usize = 10;

/// Milliseconds of a frame.
const FRAME_MS: u32 = 10;

/// Audio below which a recording cannot hold two parts, in seconds.
const MIN_SECONDS: f64 = (2 * MIN_PART_FRAMES) as f64 * FRAME_MS as f64 / 1_000.0;

/// A recording, or the beginning of one and the end of another.
#[derive(Debug, Clone, PartialEq)]
struct Source {
    files: [String; 2],
    /// Share of the audio of each that is taken: of the first from its start, of the second to its end.
    shares: [f64; 2],
    channel: Channel,
    speakers: [u32; 2],
}

impl Source {
    /// Name of its parts in the cache.
    fn name(&self) -> String {
        let [a, b] = &self.files;
        let [x, y] = self.shares;
        format!("parts:{}:{a}:{x:.4}:{b}:{y:.4}:", self.channel.name())
    }
}

/// All comparisons of the check, by data set and channel.
pub(super) fn compare(
    model: &EvaluatedModel<'_>,
    options: &EnrollmentOptions,
    people: &People<'_>,
) -> Result<Vec<Comparisons>, EvaluateError> {
    let corpora: BTreeSet<&String> = people.corpora.iter().collect();
    let mut planned: Vec<(&String, Condition, Source)> = Vec::new();
    for corpus in corpora {
        for condition in conditions(options, corpus) {
            let sources = sources(&people.within(corpus), condition, options.protocol.seed);
            planned.extend(sources.into_iter().map(|s| (corpus, condition, s)));
        }
    }
    let parts = all_parts(model, options, planned.iter().map(|(_, _, s)| s).collect())?;
    let mut all: Vec<Comparisons> = Vec::new();
    for ((corpus, condition, source), parts) in planned.iter().zip(&parts) {
        let Some(score) = lowest(model, parts) else {
            continue;
        };
        let [a, b] = source.speakers;
        let trial = Trial { score, target: a == b, speakers: [a, b] };
        match all.last_mut().filter(|c| c.corpus == **corpus && c.condition == *condition) {
            Some(last) => last.trials.push(trial),
            None => all.push(Comparisons {
                check: Check::SameRecording,
                corpus: (*corpus).clone(),
                condition: *condition,
                before: None,
                trials: vec![trial],
            }),
        }
    }
    Ok(all)
}

/// The recordings long enough, and for each one spliced with a recording of another speaker of the same
/// sex; drawn by the seed.
fn sources(people: &[&(u32, Vec<&Recording>)], condition: Condition, seed: u64) -> Vec<Source> {
    let [channel, _] = condition.channels();
    let long = |own: &[&Recording]| -> Vec<String> {
        let kept = own.iter().filter(|r| r.seconds >= MIN_SECONDS).take(MAX_JUDGED);
        kept.map(|r| r.file.clone()).collect()
    };
    let mut sources = Vec::new();
    for (speaker, own) in people {
        let others: Vec<(u32, Vec<String>)> = people
            .iter()
            .filter(|(other, theirs)| other != speaker && same_sex(theirs[0], own[0]))
            .map(|(other, theirs)| (*other, long(theirs)))
            .filter(|(_, files)| !files.is_empty())
            .collect();
        for file in long(own) {
            let mut rng = ChaCha8Rng::seed_from_u64(phone::seed_for(&file, seed));
            sources.push(Source {
                files: [file.clone(), file.clone()],
                shares: [1.0, 0.0],
                channel,
                speakers: [*speaker; 2],
            });
            if others.is_empty() {
                continue;
            }
            let (other, files) = &others[rng.random_range(0..others.len())];
            let second = files[rng.random_range(0..files.len())].clone();
            let [least, most] = FIRST_SHARE;
            let share = least + rng.random::<f64>() * (most - least);
            sources.push(Source {
                files: [file, second],
                shares: [share, 1.0 - share],
                channel,
                speakers: [*speaker, *other],
            });
        }
    }
    sources
}

/// Lowest LLR between two parts, as enrollment takes it.
fn lowest(model: &EvaluatedModel<'_>, parts: &[Embedded]) -> Option<f64> {
    let scorer = &model.systems.full;
    let pairs =
        parts.iter().enumerate().flat_map(|(i, a)| parts[i + 1..].iter().map(move |b| (a, b)));
    pairs.filter_map(|(a, b)| llr(scorer, &[a], &[b])).min_by(f64::total_cmp)
}

/// Parts of each source, from the cache where it has them; empty where there are none.
fn all_parts(
    model: &EvaluatedModel<'_>,
    options: &EnrollmentOptions,
    sources: Vec<&Source>,
) -> Result<Vec<Vec<Embedded>>, EmbedError> {
    let origin = Origin { model: format!("{}-parts", model.name), seed: options.protocol.seed };
    let file = model.cache.as_ref().map(|path| match path.is_dir() {
        true => origin.file(path),
        false => PathBuf::from(format!("{}.parts", path.display())),
    });
    let mut known = match &file {
        Some(file) if file.exists() => embedding_cache::load(file, &origin)?,
        _ => Embeddings::new(),
    };
    let cached = |name: &str, known: &Embeddings| -> Vec<Embedded> {
        let from = Item::whole(name);
        let own = known.range(from..).take_while(|(item, _)| item.file.starts_with(name));
        own.filter_map(|(_, e)| e.as_ref().ok().cloned()).collect()
    };
    let mut missing: Vec<&Source> = sources.clone();
    missing.retain(|source| cached(&source.name(), &known).is_empty());
    if let (Some(embed), false) = (model.embed, missing.is_empty()) {
        let made: Vec<(String, Vec<Embedded>)> = missing
            .into_par_iter()
            .map(|source| {
                let audio = audio(embed, options, source);
                let parts = audio.and_then(|audio| parts(embed, &audio)).unwrap_or_default();
                (source.name(), parts)
            })
            .collect();
        for (name, parts) in made {
            for (i, part) in parts.into_iter().enumerate() {
                known.insert(Item::whole(format!("{name}{i}")), Ok(part));
            }
        }
        if let Some(file) = &file {
            embedding_cache::save(file, &origin, &known)?;
        }
    }
    Ok(sources.into_iter().map(|source| cached(&source.name(), &known)).collect())
}

fn audio(
    embed: &dyn Embed,
    options: &EnrollmentOptions,
    source: &Source,
) -> Result<Samples, EmbedError> {
    let read = |file: &String| {
        let whole = embed.decode(&options.data.join(file))?;
        match source.channel {
            Channel::AsIs | Channel::Rendition => Ok(whole),
            Channel::Phone => phone::call(&whole, phone::seed_for(file, options.protocol.seed)),
            Channel::Journey => {
                phone::drawn_journey(&whole, phone::seed_for(file, options.protocol.seed))
            }
        }
    };
    let [first, second] = source.shares;
    let mut audio = read(&source.files[0])?;
    let count = |samples: &Samples, share: f64| (samples.mono.len() as f64 * share) as usize;
    audio.mono.truncate(count(&audio, first));
    if second > 0.0 {
        let next = read(&source.files[1])?;
        if next.rate_hz != audio.rate_hz {
            return Err(EmbedError("recordings of different rates cannot be spliced".to_owned()));
        }
        audio.mono.extend_from_slice(&next.mono[next.mono.len() - count(&next, second)..]);
    }
    Ok(audio)
}

/// Parts of equal net speech, as many as enrollment makes of a recording; none of one that is too short.
fn parts(embed: &dyn Embed, audio: &Samples) -> Result<Vec<Embedded>, EmbedError> {
    let flags = embed.speech(audio)?;
    let frames: Vec<usize> =
        flags.iter().enumerate().filter(|(_, speech)| **speech).map(|(i, _)| i).collect();
    let count = (frames.len() / MIN_PART_FRAMES).min(MAX_PARTS);
    if count < 2 {
        return Ok(Vec::new());
    }
    let each = frames.len() / count;
    let samples_of = |frame: usize| frame * FRAME_MS as usize * audio.rate_hz as usize / 1_000;
    let mut parts = Vec::with_capacity(count);
    for part in frames.chunks_exact(each).take(count) {
        let (Some(first), Some(last)) = (part.first(), part.last()) else {
            continue;
        };
        let end = samples_of(last + 1).min(audio.mono.len());
        let mono = audio.mono[samples_of(*first).min(end)..end].to_vec();
        parts.push(embed.embed(&Samples { mono, rate_hz: audio.rate_hz })?);
    }
    // Enrollment knows the bandwidth of the whole recording, and cuts speech exactly.
    let narrow = parts.iter().filter(|p| p.bandwidth == Bandwidth::Narrow).count();
    let bandwidth = if 2 * narrow > parts.len() { Bandwidth::Narrow } else { Bandwidth::Wide };
    for part in &mut parts {
        part.bandwidth = bandwidth;
        part.net_speech_ms = u32::try_from(each).unwrap_or(u32::MAX).saturating_mul(FRAME_MS);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usecase::embed_file::testing::ByName;

    #[test]
    fn parts_have_equal_speech() {
        let embed = ByName::default();
        let audio =
            |seconds: usize| Samples { rate_hz: 16_000, mono: vec![0.11; seconds * 16_000] };
        // The test embedder hears speech in every other frame.
        assert!(parts(&embed, &audio(11)).unwrap().is_empty(), "5.5 s of speech");
        let two = parts(&embed, &audio(16)).unwrap();
        assert_eq!(two.iter().map(|p| p.net_speech_ms).collect::<Vec<_>>(), [4_000, 4_000]);
        assert_eq!(parts(&embed, &audio(120)).unwrap().len(), MAX_PARTS);
    }
}
