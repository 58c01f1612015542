//! What is counted in a message: letters with every content word masked (text distortion, Stamatatos,
//! EACL 2017), function words, punctuation, capitals, lengths, emoji, repeated letters, and the rhythm of
//! sending where times are known. A feature is a 32-bit hash; the text is not kept.

use std::collections::HashMap;

use crate::conversation::clean::clean;
use crate::conversation::limits::MAX_WORD_CHARS;
use crate::conversation::message::Message;
use crate::conversation::words::is_function_word;

/// Families of habits: what an explanation names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Habit {
    /// Letters, endings and spacing, content words masked.
    Spelling,
    /// Function words and their order.
    Wording,
    /// Punctuation marks and what stands around them.
    Punctuation,
    /// Capital letters.
    Capitals,
    /// Lengths of words and messages.
    Length,
    /// Emoji and emoticons.
    Emoji,
    /// Letters and marks repeated for effect or by mistake.
    Repeats,
    /// Pauses between messages and speed of typing.
    Rhythm,
}

impl Habit {
    /// Every family, in order of declaration.
    pub const ALL: [Self; 8] = [
        Self::Spelling,
        Self::Wording,
        Self::Punctuation,
        Self::Capitals,
        Self::Length,
        Self::Emoji,
        Self::Repeats,
        Self::Rhythm,
    ];

    /// The name in explanations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spelling => "spelling and spacing",
            Self::Wording => "function words",
            Self::Punctuation => "punctuation",
            Self::Capitals => "capital letters",
            Self::Length => "length of words and messages",
            Self::Emoji => "emoji and emoticons",
            Self::Repeats => "repeated letters",
            Self::Rhythm => "rhythm of messages",
        }
    }

    /// Its place in [`Self::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// Features that are counted against the same total and share one weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Letters2,
    Letters3,
    Letters4,
    Letters5,
    Pairs,
    Words,
    Marks,
    Shape,
    Rhythm,
}

impl Unit {
    pub(super) const COUNT: usize = 9;
    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Letters2,
        Self::Letters3,
        Self::Letters4,
        Self::Letters5,
        Self::Pairs,
        Self::Words,
        Self::Marks,
        Self::Shape,
        Self::Rhythm,
    ];

    /// Share of the unit in the distance between two texts, before the fit turns and scales it. Letters have four
    /// units of weight 1, so each of the three kinds (letters, marks, shape) is near equal.
    pub(super) fn weight(self) -> f32 {
        match self {
            Self::Letters2 | Self::Letters3 | Self::Letters4 | Self::Letters5 => 1.0,
            Self::Pairs | Self::Words => 0.5,
            Self::Marks | Self::Shape => 2.0,
            Self::Rhythm => 1.0,
        }
    }
}

/// A feature as it is emitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Feature {
    pub(super) hash: u32,
    pub(super) unit: Unit,
    pub(super) habit: Habit,
}

/// FNV-1a of 64 bits over the kind and the characters, folded to 32.
fn hash(kind: u8, characters: impl IntoIterator<Item = char>) -> u32 {
    let step = |h: u64, byte: u8| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut h = step(0xcbf2_9ce4_8422_2325, kind);
    for c in characters {
        for byte in (c as u32).to_le_bytes() {
            h = step(h, byte);
        }
    }
    (h ^ (h >> 32)) as u32
}

/// Counts over a stretch of messages.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counts {
    /// By hash: how often, and which kind of feature.
    pub(super) by_hash: HashMap<u32, (u32, Feature)>,
    /// Of each [`Unit`].
    pub(super) totals: [u32; Unit::COUNT],
    /// Words, blank-separated.
    pub(super) words: u32,
}

impl Counts {
    /// Adds a message. `previous` is the time of the one before.
    pub(super) fn add(&mut self, message: &Message, previous: Option<crate::domain::Timestamp>) {
        let text = clean(message.text());
        self.words =
            self.words.saturating_add(text.split(' ').filter(|w| !w.is_empty()).count() as u32);
        if text.is_empty() {
            return;
        }
        letters(&text, self);
        words(&text, self);
        marks(&text, self);
        shape(&text, self);
        if let (Some(at), Some(previous)) = (message.at(), previous) {
            rhythm(at.since(previous), message.text().chars().count(), self);
        }
    }

    /// Adds another's counts.
    pub(super) fn merge(&mut self, other: &Self) {
        for (hash, (count, feature)) in &other.by_hash {
            let entry = self.by_hash.entry(*hash).or_insert((0, *feature));
            entry.0 = entry.0.saturating_add(*count);
        }
        for (total, more) in self.totals.iter_mut().zip(other.totals) {
            *total = total.saturating_add(more);
        }
        self.words = self.words.saturating_add(other.words);
    }

    fn emit(
        &mut self,
        unit: Unit,
        habit: Habit,
        kind: u8,
        characters: impl IntoIterator<Item = char>,
    ) {
        let feature = Feature { hash: hash(kind, characters), unit, habit };
        let entry = self.by_hash.entry(feature.hash).or_insert((0, feature));
        entry.0 = entry.0.saturating_add(1);
        if let Some(total) = self.totals.get_mut(unit as usize) {
            *total = total.saturating_add(1);
        }
    }
}

/// A word, or what stands between two.
enum Piece<'a> {
    Word(&'a str),
    Other(&'a str),
}

/// Words are letters and digits with apostrophes inside.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = first.is_alphanumeric();
        let end = piece_end(rest, is_word);
        let (piece, tail) = rest.split_at(end);
        out.push(if is_word { Piece::Word(piece) } else { Piece::Other(piece) });
        rest = tail;
    }
    out
}

fn piece_end(text: &str, is_word: bool) -> usize {
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next_in_word = characters.peek().is_some_and(|(_, n)| n.is_alphanumeric());
        let inside = c.is_alphanumeric() || (is_word && matches!(c, '\'' | '’') && next_in_word);
        if inside != is_word {
            return at;
        }
    }
    text.len()
}

/// The text with each content word as `x` or `xx`, first letter in its own case.
fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Other(other) => out.push_str(other),
            Piece::Word(word) if is_function_word(&lower(word)) => out.push_str(word),
            Piece::Word(word) => {
                out.push(if word.starts_with(char::is_uppercase) { 'X' } else { 'x' });
                if word.chars().nth(1).is_some() {
                    out.push('x');
                }
            }
        }
    }
    out
}

fn lower(word: &str) -> String {
    let lower = word.chars().take(MAX_WORD_CHARS).flat_map(char::to_lowercase);
    lower.map(|c| if c == '’' { '\'' } else { c }).collect()
}

fn letters(text: &str, out: &mut Counts) {
    let bounded: Vec<char> = format!("\n{}\n", masked(text)).chars().collect();
    let units =
        [(2, Unit::Letters2), (3, Unit::Letters3), (4, Unit::Letters4), (5, Unit::Letters5)];
    for (n, unit) in units {
        for gram in bounded.windows(n) {
            out.emit(unit, Habit::Spelling, n as u8, gram.iter().copied());
        }
    }
}

fn words(text: &str, out: &mut Counts) {
    let masked = masked(text);
    let mut previous = "^".to_owned();
    for piece in pieces(&masked) {
        let (part, is_word) = match piece {
            Piece::Word(word) => (word, true),
            Piece::Other(other) => (other.trim(), false),
        };
        if part.is_empty() {
            continue;
        }
        if is_word && is_function_word(&lower(part)) {
            out.emit(Unit::Words, Habit::Wording, 10, lower(part).chars());
        }
        let part: String = part.chars().take(MAX_WORD_CHARS).collect();
        out.emit(Unit::Pairs, Habit::Wording, 11, format!("{previous} {part}").chars());
        previous = part;
    }
    out.emit(Unit::Pairs, Habit::Wording, 11, format!("{previous} $").chars());
}

/// Runs of marks with words as `w`, neighboring words as one.
fn marks(text: &str, out: &mut Counts) {
    let mut skeleton: Vec<char> = vec!['^', ' '];
    for c in text.chars().chain([' ', '$']) {
        let c = if c.is_alphanumeric() { 'w' } else { c };
        if c == 'w' && skeleton.ends_with(&['w', ' ']) {
            skeleton.pop();
        }
        if !(c == 'w' && skeleton.ends_with(&['w'])) {
            skeleton.push(c);
        }
    }
    let says_nothing = |c: &char| matches!(c, 'w' | ' ' | '^' | '$');
    for n in 2..=4 {
        for gram in skeleton.windows(n).filter(|g| !g.iter().all(says_nothing)) {
            out.emit(Unit::Marks, Habit::Punctuation, 20 + n as u8, gram.iter().copied());
        }
    }
}

fn shape(text: &str, out: &mut Counts) {
    let words: Vec<&str> = pieces(text)
        .into_iter()
        .filter_map(|p| match p {
            Piece::Word(word) => Some(word),
            Piece::Other(_) => None,
        })
        .collect();
    let last = text.chars().last().map(|c| if c.is_alphanumeric() { 'a' } else { c });
    out.emit(Unit::Shape, Habit::Punctuation, 30, last);
    for word in &words {
        let first_upper = word.starts_with(char::is_uppercase);
        let upper = word.chars().filter(|c| c.is_uppercase()).count();
        let case = match (first_upper, upper) {
            (true, n) if n > 1 && !word.chars().any(char::is_lowercase) => 'U',
            (true, _) => 'C',
            (false, 0) => 'l',
            (false, _) => 'm',
        };
        out.emit(Unit::Shape, Habit::Capitals, 31, [case]);
        let length = word.chars().count().min(12) as u32;
        out.emit(Unit::Shape, Habit::Length, 32, char::from_digit(length, 36));
    }
    if let Some(first) = words.first() {
        let case = if first.starts_with(char::is_uppercase) { 'C' } else { 'l' };
        out.emit(Unit::Shape, Habit::Capitals, 33, [case]);
    }
    let bin = if words.is_empty() { 0 } else { 1 + (2.0 * (words.len() as f32).log2()) as u32 };
    out.emit(Unit::Shape, Habit::Length, 34, char::from_digit(bin.min(35), 36));
    repeats(text, out);
    for token in text.split(' ') {
        if let Some(kind) = emoji(token) {
            out.emit(Unit::Shape, Habit::Emoji, 36, kind.chars());
        }
    }
}

/// Characters three times or more in a row.
fn repeats(text: &str, out: &mut Counts) {
    let mut previous = '\0';
    let mut run = 1;
    for c in text.chars().chain(['\0']) {
        if c == previous {
            run += 1;
            continue;
        }
        if run >= 3 {
            out.emit(Unit::Shape, Habit::Repeats, 35, [previous]);
        }
        (previous, run) = (c, 1);
    }
}

/// The emoticon that a token is, or the first emoji in it.
fn emoji(token: &str) -> Option<String> {
    let is_emoji = |c: &char| matches!(*c as u32, 0x2600..=0x27bf | 0x1f300..=0x1faff);
    if let Some(found) = token.chars().find(is_emoji) {
        return Some(found.to_string());
    }
    let count = token.chars().count();
    let eyes = token.starts_with([':', ';', '=', '8', 'x', 'X']);
    let mouth =
        token.ends_with([')', '(', 'D', 'P', 'p', '/', '\\', '|', 'o', 'O', ']', '[', '*', '3']);
    let face = (2..=4).contains(&count) && eyes && mouth && token.starts_with([':', ';', '=']);
    let known = matches!(token, "xD" | "XD" | "^^" | "^_^" | "-_-" | "o_O" | "O_o" | "<3" | "\\o/");
    (face || known).then(|| token.to_owned())
}

/// Pause since the message before, and characters a second in it, in powers of two.
fn rhythm(pause_ms: u64, characters: usize, out: &mut Counts) {
    let seconds = pause_ms as f64 / 1_000.0;
    let bin = |x: f64| char::from_digit((x.max(0.0625).log2().clamp(-4.0, 12.0) + 4.0) as u32, 36);
    out.emit(Unit::Rhythm, Habit::Rhythm, 40, bin(seconds));
    if (0.5..120.0).contains(&seconds) {
        out.emit(Unit::Rhythm, Habit::Rhythm, 41, bin(characters as f64 / seconds));
    }
}
