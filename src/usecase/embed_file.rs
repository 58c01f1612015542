//! From files to embeddings, as the offline commands need it: each distinct piece of audio once,
//! all cores, failures beside the results.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;

use crate::audio::{Pcm, QualityLimits, listen};
use crate::domain::Bandwidth;
use crate::scoring::UtteranceView;
use crate::usecase::evaluate::phone;
pub use crate::usecase::item::{Channel, Item};

/// Most distinct pieces of audio in one run.
pub const MAX_ITEMS: usize = 5_000_000;

/// Decoded mono speech; full scale is ±1.
#[derive(Clone)]
pub struct Samples {
    /// Samples per second.
    pub rate_hz: u32,
    /// The samples.
    pub mono: Vec<f32>,
}

/// What became of a piece of audio.
#[derive(Clone)]
pub struct Embedded {
    /// Raw embedding of the extractor.
    pub embedding: Vec<f32>,
    /// Measured bandwidth.
    pub bandwidth: Bandwidth,
    /// Speech left after voice activity detection, in milliseconds.
    pub net_speech_ms: u32,
    /// Measured speech-to-noise ratio in dB; absent without a pause to measure noise on.
    pub snr_db: Option<f32>,
}

impl Embedded {
    /// As the back-end takes it.
    pub fn view(&self) -> UtteranceView<'_> {
        UtteranceView {
            embedding: &self.embedding,
            bandwidth: self.bandwidth,
            net_speech_ms: self.net_speech_ms,
            telephone: None,
        }
    }

    /// As it stands in a template, beside its telephone rendition.
    pub fn enrolled<'a>(&'a self, rendition: Option<&'a Self>) -> UtteranceView<'a> {
        UtteranceView { telephone: rendition.map(|r| r.embedding.as_slice()), ..self.view() }
    }
}

/// A piece of audio as it stands in a template: beside its telephone rendition, if that was embedded.
pub fn enrolled<'a>(embeddings: &'a Embeddings, item: &Item) -> Option<UtteranceView<'a>> {
    let own = embeddings.get(item)?.as_ref().ok()?;
    let rendition = item.rendition().and_then(|r| embeddings.get(&r)?.as_ref().ok());
    Some(own.enrolled(rendition))
}

/// Renditions that a template of these pieces has: those of wide-band audio.
pub fn renditions<'a>(
    embeddings: &Embeddings,
    enrolled: impl IntoIterator<Item = &'a Item>,
) -> BTreeSet<Item> {
    let wide = |item: &&Item| match embeddings.get(*item) {
        Some(Ok(embedded)) => embedded.bandwidth == Bandwidth::Wide,
        _ => false,
    };
    enrolled.into_iter().filter(wide).filter_map(Item::rendition).collect()
}

/// Why a file has no embedding; says the cause in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EmbedError(pub String);

/// The road from a file to an embedding. Implementations decode, resample, find speech and run
/// the network; each call is independent of the others.
pub trait Embed: Sync {
    /// Decodes a file to mono, at 8 kHz when it is 8 kHz and at 16 kHz otherwise.
    fn decode(&self, path: &Path) -> Result<Samples, EmbedError>;

    /// Embeds the speech of a piece of audio.
    fn embed(&self, samples: &Samples) -> Result<Embedded, EmbedError>;

    /// Embeds what an enrollment keeps of wide-band audio beside its embedding: the same speech as a
    /// simulated telephone line brings it.
    fn over_telephone(&self, samples: &Samples) -> Result<Embedded, EmbedError>;

    /// Which frames of 10 ms hold speech, from the start of the audio.
    fn speech(&self, samples: &Samples) -> Result<Vec<bool>, EmbedError> {
        let pcm = Pcm { sample_rate_hz: samples.rate_hz, samples: samples.mono.clone() };
        let heard = listen(&pcm, QualityLimits::default());
        Ok(heard.map_err(|e| EmbedError(e.to_string()))?.speech)
    }
}

/// Milliseconds of a frame of [`Embed::speech`].
const FRAME_MS: usize = 10;

/// Samples before the end of the frame in which net speech reaches `speech_ms`; all of them where there
/// is less speech.
///
/// # Errors
/// As [`Embed::speech`].
pub fn samples_with_speech(
    embed: &dyn Embed,
    samples: &Samples,
    speech_ms: u32,
) -> Result<usize, EmbedError> {
    let wanted = (speech_ms as usize).div_ceil(FRAME_MS);
    if wanted == 0 {
        return Ok(0);
    }
    let flags = embed.speech(samples)?;
    let mut speech = flags.iter().enumerate().filter(|(_, speech)| **speech);
    let end = speech
        .nth(wanted - 1)
        .map(|(frame, _)| (frame + 1) * FRAME_MS * samples.rate_hz as usize / 1_000);
    Ok(end.map_or(samples.mono.len(), |end| end.min(samples.mono.len())))
}

/// Embeddings, or why there is none, by item.
pub type Embeddings = BTreeMap<Item, Result<Embedded, EmbedError>>;

/// Embeds every item on all cores; each file is decoded once.
pub fn embed_items(
    embed: &dyn Embed,
    root: &Path,
    items: impl IntoIterator<Item = Item>,
    seed: u64,
) -> Result<Embeddings, EmbedError> {
    let mut by_file: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    let mut count = 0usize;
    for item in items {
        count += 1;
        if count > MAX_ITEMS {
            let limit = format!("at most {MAX_ITEMS} pieces of audio in one run, got more");
            return Err(EmbedError(limit));
        }
        by_file.entry(item.file.clone()).or_default().push(item);
    }
    let files: Vec<Vec<Item>> = by_file.into_values().collect();
    let done: Vec<Vec<(Item, Result<Embedded, EmbedError>)>> =
        files.into_par_iter().map(|items| embed_pieces(embed, root, items, seed)).collect();
    Ok(done.into_iter().flatten().collect())
}

/// Embeds pieces that begin in one file.
fn embed_pieces(
    embed: &dyn Embed,
    root: &Path,
    mut items: Vec<Item>,
    seed: u64,
) -> Vec<(Item, Result<Embedded, EmbedError>)> {
    items.sort();
    items.dedup();
    let mut sources = Sources { embed, root, seed, known: BTreeMap::new() };
    let mut piece_of = |item: &Item| {
        let mut audio = cut(&sources.joined(item)?, item);
        if let Some(ms) = item.speech_ms {
            let end = samples_with_speech(embed, &audio, ms)?;
            audio.mono.truncate(end);
        }
        match item.channel {
            Channel::Rendition => embed.over_telephone(&audio),
            Channel::AsIs | Channel::Phone | Channel::Journey => embed.embed(&audio),
        }
    };
    items
        .into_iter()
        .map(|item| {
            let result = piece_of(&item);
            (item, result)
        })
        .collect()
}

/// Files under channels, each made once.
struct Sources<'a> {
    embed: &'a dyn Embed,
    root: &'a Path,
    seed: u64,
    known: BTreeMap<(String, Channel), Result<Samples, EmbedError>>,
}

impl Sources<'_> {
    fn get(&mut self, file: &str, channel: Channel) -> &Result<Samples, EmbedError> {
        let key = (file.to_owned(), channel);
        if !self.known.contains_key(&key) {
            let made = match channel {
                Channel::AsIs | Channel::Rendition => self.embed.decode(&self.root.join(file)),
                Channel::Phone | Channel::Journey => {
                    let seed = phone::seed_for(file, self.seed);
                    let simulate =
                        if channel == Channel::Phone { phone::call } else { phone::drawn_journey };
                    let whole = self.get(file, Channel::AsIs);
                    whole.as_ref().map_err(Clone::clone).and_then(|whole| simulate(whole, seed))
                }
            };
            self.known.insert(key.clone(), made);
        }
        self.known.entry(key).or_insert_with(|| Err(EmbedError("not decoded".to_owned())))
    }

    /// The files of an item one after the other.
    fn joined(&mut self, item: &Item) -> Result<Samples, EmbedError> {
        let channel = match item.channel {
            // It is made of the piece as it is.
            Channel::Rendition => Channel::AsIs,
            other => other,
        };
        let mut all = self.get(&item.file, channel).clone()?;
        for file in &item.more {
            let next = self.get(file, channel).as_ref().map_err(Clone::clone)?;
            if next.rate_hz != all.rate_hz {
                let rates = format!("{} and {} Hz", all.rate_hz, next.rate_hz);
                return Err(EmbedError(format!("files of {rates} cannot be joined")));
            }
            all.mono.extend_from_slice(&next.mono);
        }
        Ok(all)
    }
}

fn cut(samples: &Samples, item: &Item) -> Samples {
    let at =
        |ms: u64| usize::try_from(ms * u64::from(samples.rate_hz) / 1_000).unwrap_or(usize::MAX);
    let end = samples.mono.len();
    let from = at(u64::from(item.from_ms)).min(end);
    let to = match item.length_ms {
        Some(length) => at(u64::from(item.from_ms) + u64::from(length)).min(end),
        None => end,
    };
    Samples { rate_hz: samples.rate_hz, mono: samples.mono[from..to].to_vec() }
}

#[cfg(test)]
pub(crate) mod testing {
    //! An embedder without a network: the first letters of a file name are its speaker.

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Length of a test embedding.
    pub const DIM: usize = 8;

    /// Counts how often it is used; refuses names that contain `bad`.
    #[derive(Default)]
    pub struct ByName {
        /// Files decoded so far.
        pub decoded: AtomicUsize,
        /// Pieces embedded so far.
        pub embedded: AtomicUsize,
    }

    impl Embed for ByName {
        fn decode(&self, path: &Path) -> Result<Samples, EmbedError> {
            self.decoded.fetch_add(1, Ordering::Relaxed);
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.contains("bad") {
                return Err(EmbedError("unreadable".into()));
            }
            // Ten seconds, or thirty, whose level says the speaker and the take.
            let samples = if name.contains("long") { 480_000u32 } else { 160_000 };
            let digits: Vec<u32> = name.chars().filter_map(|c| c.to_digit(10)).collect();
            let level = (digits[0] * 10 + digits.get(1).copied().unwrap_or(0)) as f32 / 100.0;
            let mono = (0..samples).map(|i| if i % 2 == 0 { level } else { -level }).collect();
            Ok(Samples { rate_hz: 16_000, mono })
        }

        fn embed(&self, samples: &Samples) -> Result<Embedded, EmbedError> {
            self.embedded.fetch_add(1, Ordering::Relaxed);
            let level = samples.mono.iter().fold(0f32, |a, b| a.max(b.abs())) * 100.0;
            let (speaker, take) = ((level / 10.0).floor(), level.round() % 10.0);
            let embedding = (0..DIM)
                .map(|i| (speaker * 2.3 + i as f32 * 1.7).sin() + 0.1 * (take + i as f32).cos())
                .collect();
            let narrow = samples.rate_hz == 8_000;
            Ok(Embedded {
                embedding,
                bandwidth: if narrow { Bandwidth::Narrow } else { Bandwidth::Wide },
                net_speech_ms: (samples.mono.len() as u64 * 1_000 / u64::from(samples.rate_hz))
                    as u32,
                snr_db: Some(5.0 * speaker),
            })
        }

        fn over_telephone(&self, samples: &Samples) -> Result<Embedded, EmbedError> {
            self.embed(&phone::call(samples, 1)?)
        }

        /// Every other frame.
        fn speech(&self, samples: &Samples) -> Result<Vec<bool>, EmbedError> {
            let frames = samples.mono.len() * 100 / samples.rate_hz as usize;
            Ok((0..frames).map(|i| i % 2 == 1).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::testing::ByName;
    use super::*;

    #[test]
    fn each_file_is_decoded_once_and_each_item_embedded_once() {
        let embed = ByName::default();
        let cut: Item = "11.wav#as_is:0+1000".parse().unwrap();
        let items =
            [Item::whole("11.wav"), cut.clone(), Item::whole("11.wav"), Item::whole("bad1.wav")];
        let done = embed_items(&embed, Path::new("."), items, 1).unwrap();
        assert_eq!(embed.decoded.load(Ordering::Relaxed), 2);
        assert_eq!(embed.embedded.load(Ordering::Relaxed), 2);
        assert_eq!(done.len(), 3);
        assert_eq!(done[&cut].as_ref().ok().unwrap().net_speech_ms, 1_000);
        assert!(done[&Item::whole("bad1.wav")].is_err());
    }
    #[test]
    fn files_are_joined_and_cut_at_their_speech() {
        let embed = ByName::default();
        let joined: Item = "11.wav&12.wav#phone:0+all".parse().unwrap();
        let speech: Item = "11.wav&12.wav#as_is:0+all@9000".parse().unwrap();
        let short: Item = "11.wav#as_is:0+all@9000".parse().unwrap();
        let broken: Item = "11.wav&bad1.wav#as_is:0+all".parse().unwrap();
        let items = [joined.clone(), speech.clone(), short.clone(), broken.clone()];
        let done = embed_items(&embed, Path::new("."), items, 1).unwrap();
        let net = |item: &Item| done[item].as_ref().ok().unwrap().net_speech_ms;
        assert_eq!(net(&joined), 20_000);
        // The test embedder takes all audio for speech once it is cut: 9 s of every other frame.
        assert_eq!(net(&speech), 18_000);
        assert_eq!(net(&short), 10_000, "there is no more");
        assert!(done[&broken].is_err());
        assert_eq!(embed.decoded.load(Ordering::Relaxed), 3);
    }
}
