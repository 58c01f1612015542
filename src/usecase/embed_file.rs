//! From files to embeddings, as the offline commands need it: each distinct piece of audio once,
//! all cores, failures beside the results.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;

use crate::domain::Bandwidth;
use crate::scoring::UtteranceView;
use crate::usecase::evaluate::phone;

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
}

impl Embedded {
    /// As the back-end takes it.
    pub fn view(&self) -> UtteranceView<'_> {
        UtteranceView {
            embedding: &self.embedding,
            bandwidth: self.bandwidth,
            net_speech_ms: self.net_speech_ms,
        }
    }
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
}

/// What is done to a file before it is embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Nothing.
    AsIs,
    /// A simulated telephone call, see [`phone::call`].
    Phone,
    /// A simulated telephone line drawn from many, see [`phone::drawn_line`].
    Line,
}

/// A piece of a file under a channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// Path relative to the root of the data.
    pub file: String,
    /// Simulated channel.
    pub channel: Channel,
    /// First millisecond of the piece.
    pub from_ms: u32,
    /// Its longest duration in milliseconds; `None` takes the rest of the file.
    pub length_ms: Option<u32>,
}

impl Item {
    /// A whole file as it is.
    pub fn whole(file: impl Into<String>) -> Self {
        Self { file: file.into(), channel: Channel::AsIs, from_ms: 0, length_ms: None }
    }

    /// The same piece under a channel.
    pub fn under(&self, channel: Channel) -> Self {
        Self { channel, ..self.clone() }
    }
}

impl std::fmt::Display for Item {
    /// `file`, or `file#phone:0+8000` (channel, first millisecond, duration).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Self::whole(self.file.as_str()) {
            return f.write_str(&self.file);
        }
        let channel = match self.channel {
            Channel::AsIs => "as_is",
            Channel::Phone => "phone",
            Channel::Line => "line",
        };
        write!(f, "{}#{channel}:{}+", self.file, self.from_ms)?;
        match self.length_ms {
            Some(length) => write!(f, "{length}"),
            None => f.write_str("all"),
        }
    }
}

impl std::str::FromStr for Item {
    type Err = EmbedError;

    fn from_str(text: &str) -> Result<Self, EmbedError> {
        let Some((file, rest)) = text.split_once('#') else {
            return Ok(Self::whole(text));
        };
        let parse = || {
            let (channel, piece) = rest.split_once(':')?;
            let channel = match channel {
                "as_is" => Channel::AsIs,
                "phone" => Channel::Phone,
                "line" => Channel::Line,
                _ => return None,
            };
            let (from, length) = piece.split_once('+')?;
            let length_ms = match length {
                "all" => None,
                length => Some(length.parse().ok()?),
            };
            Some(Self { file: file.to_owned(), channel, from_ms: from.parse().ok()?, length_ms })
        };
        parse().ok_or_else(|| EmbedError(format!("`{text}` is not FILE#CHANNEL:FROM+LENGTH")))
    }
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
    let files: Vec<(String, Vec<Item>)> = by_file.into_iter().collect();
    let done: Vec<Vec<(Item, Result<Embedded, EmbedError>)>> = files
        .into_par_iter()
        .map(|(file, items)| embed_pieces(embed, &root.join(file), items, seed))
        .collect();
    Ok(done.into_iter().flatten().collect())
}

fn embed_pieces(
    embed: &dyn Embed,
    path: &Path,
    mut items: Vec<Item>,
    seed: u64,
) -> Vec<(Item, Result<Embedded, EmbedError>)> {
    items.sort();
    items.dedup();
    let whole = embed.decode(path);
    let (mut called, mut lined) = (None, None);
    let mut piece_of = |item: &Item| {
        let whole = whole.as_ref().map_err(Clone::clone)?;
        let source = match item.channel {
            Channel::AsIs => whole,
            Channel::Phone => {
                once(&mut called, || phone::call(whole, phone::seed_for(&item.file, seed)))?
            }
            Channel::Line => {
                once(&mut lined, || phone::drawn_line(whole, phone::seed_for(&item.file, seed)))?
            }
        };
        embed.embed(&cut(source, item))
    };
    items
        .into_iter()
        .map(|item| {
            let result = piece_of(&item);
            (item, result)
        })
        .collect()
}

/// What is there, or what `make` gives.
fn once(
    made: &mut Option<Samples>,
    make: impl FnOnce() -> Result<Samples, EmbedError>,
) -> Result<&Samples, EmbedError> {
    Ok(match made {
        Some(samples) => samples,
        empty => empty.insert(make()?),
    })
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

    /// Counts how often it is used; refuses paths that contain `bad`.
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
            // Ten seconds whose level says the speaker and the take.
            let digits: Vec<u32> = name.chars().filter_map(|c| c.to_digit(10)).collect();
            let level = (digits[0] * 10 + digits.get(1).copied().unwrap_or(0)) as f32 / 100.0;
            let mono = (0..160_000u32).map(|i| if i % 2 == 0 { level } else { -level }).collect();
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
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::testing::ByName;
    use super::*;

    #[test]
    fn items_are_written_and_read_alike() {
        for text in ["a/b.wav", "a.wav#phone:0+8000", "a.wav#as_is:500+all"] {
            let item: Item = text.parse().unwrap();
            assert_eq!(item.to_string(), text);
        }
        for bad in ["a#phone", "a#fax:0+1", "a#phone:x+1", "a#phone:0+-1"] {
            assert!(bad.parse::<Item>().is_err(), "{bad}");
        }
    }

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
}
