//! What is kept of a text: sums of projected features. They add up, so a profile grows by adding, and two
//! profiles of one person merge.
//!
//! What remains of the text in them: some 64 numbers for each of eight families of habits, each a sum over
//! thousands of hashed counts of letters and function words in which content words were masked first. No word or
//! sentence can be read back, and which content words were used was never counted. Somebody who holds a profile and
//! the background can still compare texts with it; that is what it is for. Profiles are sealed in the store.

use crate::conversation::ConversationError;
use crate::conversation::background::Background;
use crate::conversation::features::{Counts, Habit};
use crate::conversation::limits::{MAX_DIM, MAX_WORDS};
use crate::conversation::message::Message;
use crate::domain::Timestamp;

/// Words in one stretch of text that features are counted over.
pub const CHUNK_WORDS: u32 = 100;

/// The style of a text, of a person's enrolled texts, or of a session so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Style {
    pub(super) background: String,
    pub(super) dim: usize,
    /// `Habit::ALL.len() × dim`, sums over stretches, each weighted by its words over [`CHUNK_WORDS`].
    pub(super) sums: Vec<f64>,
    pub(super) words: u32,
    pub(super) messages: u32,
}

/// First byte of a stored style: its layout.
const LAYOUT: u8 = 1;

impl Style {
    /// The style of nothing.
    pub fn empty(background: &Background) -> Self {
        Self {
            background: background.version().to_owned(),
            dim: background.dim(),
            sums: vec![0.0; Habit::ALL.len() * background.dim()],
            words: 0,
            messages: 0,
        }
    }

    /// Words it stands for, blank-separated.
    pub fn words(&self) -> u32 {
        self.words
    }

    /// Messages it stands for.
    pub fn messages(&self) -> u32 {
        self.messages
    }

    /// Id and version of the background model it was made with.
    pub fn background(&self) -> &str {
        &self.background
    }

    /// Adds another text of the same person.
    ///
    /// # Errors
    /// Another background model, or more than [`MAX_WORDS`] words.
    pub fn merge(&mut self, other: &Self) -> Result<(), ConversationError> {
        if self.background != other.background || self.sums.len() != other.sums.len() {
            return Err(ConversationError::Background {
                enrolled: self.background.clone(),
                got: other.background.clone(),
            });
        }
        let words = self.words.saturating_add(other.words);
        if words > MAX_WORDS {
            let (limit, got) = (MAX_WORDS as usize, words as usize);
            return Err(ConversationError::TooMuch {
                what: "a profile",
                unit: "words",
                limit,
                got,
            });
        }
        self.words = words;
        self.messages = self.messages.saturating_add(other.messages);
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, more)| *sum += more);
        Ok(())
    }

    /// Words in units of [`CHUNK_WORDS`]: how many stretches the sums stand for.
    pub(super) fn weight(&self) -> f64 {
        f64::from(self.words) / f64::from(CHUNK_WORDS)
    }

    /// Its bytes, little-endian: layout, length of the background's name, dim, words, messages, name, sums as `f32`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let name = self.background.as_bytes();
        let name = name.get(..name.len().min(255)).unwrap_or_default();
        let mut bytes = vec![LAYOUT, name.len() as u8];
        bytes.extend((self.dim as u16).to_le_bytes());
        bytes.extend(self.words.to_le_bytes());
        bytes.extend(self.messages.to_le_bytes());
        bytes.extend(name);
        bytes.extend(self.sums.iter().flat_map(|x| (*x as f32).to_le_bytes()));
        bytes
    }

    /// Reads [`Self::to_bytes`].
    ///
    /// # Errors
    /// Anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ConversationError> {
        read(bytes).ok_or(ConversationError::Artifact {
            what: "stored style",
            why: "its bytes are damaged".to_owned(),
        })
    }
}

fn read(bytes: &[u8]) -> Option<Style> {
    let ([LAYOUT, name_bytes], rest) = bytes.split_first_chunk::<2>()? else { return None };
    let (dim, rest) = rest.split_first_chunk::<2>()?;
    let (words, rest) = rest.split_first_chunk::<4>()?;
    let (messages, rest) = rest.split_first_chunk::<4>()?;
    let (name, values) = rest.split_at_checked(usize::from(*name_bytes))?;
    let (values, left) = values.as_chunks::<4>();
    let sums: Vec<f64> = values.iter().map(|w| f64::from(f32::from_le_bytes(*w))).collect();
    let dim = usize::from(u16::from_le_bytes(*dim));
    let words = u32::from_le_bytes(*words);
    let whole = left.is_empty() && dim <= MAX_DIM && sums.len() == dim * Habit::ALL.len();
    (whole && words <= MAX_WORDS && sums.iter().all(|x| x.is_finite())).then_some(())?;
    Some(Style {
        background: std::str::from_utf8(name).ok()?.to_owned(),
        dim,
        sums,
        words,
        messages: u32::from_le_bytes(*messages),
    })
}

/// Turns messages into stretches of [`CHUNK_WORDS`] words or more; what is left at the end joins the last one if it
/// is less than half of that.
#[derive(Debug, Clone, Default)]
pub(super) struct Stretches {
    held: Option<Counts>,
    pending: Counts,
    previous: Option<Timestamp>,
}

impl Stretches {
    /// Counts a message; gives a stretch when one is complete and can no longer grow.
    pub(super) fn push(&mut self, message: &Message) -> Option<Counts> {
        self.pending.add(message, self.previous);
        self.previous = message.at().or(self.previous);
        if self.pending.words < CHUNK_WORDS {
            return None;
        }
        self.held.replace(std::mem::take(&mut self.pending))
    }

    /// What is not given yet.
    pub(super) fn rest(mut self) -> impl Iterator<Item = Counts> {
        if let Some(held) = self.held.as_mut().filter(|_| self.pending.words < CHUNK_WORDS / 2) {
            held.merge(&std::mem::take(&mut self.pending));
        }
        self.held.into_iter().chain((self.pending.words > 0).then_some(self.pending))
    }
}

/// Messages as they come, as counts and sums, never text. Belongs to the background it was begun with, which
/// each call is given anew.
#[derive(Debug, Clone)]
pub struct Reading {
    stretches: Stretches,
    done: Style,
}

impl Reading {
    /// Before the first message.
    pub fn new(background: &Background) -> Self {
        Self { stretches: Stretches::default(), done: Style::empty(background) }
    }

    /// Counts a message of the customer. Messages of one session, in order.
    pub fn push(&mut self, background: &Background, message: &Message) {
        self.done.messages = self.done.messages.saturating_add(1);
        if let Some(stretch) = self.stretches.push(message) {
            background.add(&stretch, &mut self.done);
        }
    }

    /// Words so far.
    pub fn words(&self) -> u32 {
        let rest = self.stretches.held.iter().chain([&self.stretches.pending]);
        rest.fold(self.done.words, |sum, counts| sum.saturating_add(counts.words))
    }

    /// The style of everything so far.
    pub fn style(&self, background: &Background) -> Style {
        let mut style = self.done.clone();
        for stretch in self.stretches.clone().rest() {
            background.add(&stretch, &mut style);
        }
        style
    }
}

/// Reads messages as they come and keeps counts and sums of them, never text.
#[derive(Debug, Clone)]
pub struct StyleReader<'a> {
    background: &'a Background,
    reading: Reading,
}

impl<'a> StyleReader<'a> {
    /// Before the first message.
    pub fn new(background: &'a Background) -> Self {
        Self { background, reading: Reading::new(background) }
    }

    /// Counts a message of the customer. Messages of one session, in order.
    pub fn push(&mut self, message: &Message) {
        self.reading.push(self.background, message);
    }

    /// The style of everything so far.
    pub fn style(&self) -> Style {
        self.reading.style(self.background)
    }
}

/// The style of a conversation.
///
/// # Errors
/// More text than the limits of [`crate::conversation::limits`].
pub fn style_of(background: &Background, messages: &[Message]) -> Result<Style, ConversationError> {
    crate::conversation::message::check(messages)?;
    let mut reader = StyleReader::new(background);
    messages.iter().for_each(|message| reader.push(message));
    Ok(reader.style())
}
