//! Signs that text was not typed.

use std::collections::BTreeMap;

use super::TextReason;
use crate::conversation::message::Message;

/// What counts as pasted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScriptRules {
    /// Fewest messages for "not found" to mean something.
    pub least_messages: usize,
    /// Words of a text from which on saying it twice is a sign.
    pub repeated_words: usize,
    /// Words of a formal block.
    pub block_words: usize,
    /// Sentences of a formal block.
    pub block_sentences: usize,
    /// Most words of the median message for a block to stand out.
    pub chat_words: usize,
    /// Characters a second. Champions type 17 for a minute; half as much again is out of reach.
    pub fastest_typing: f64,
    /// Characters of a message from which on its speed is looked at.
    pub speed_characters: usize,
}

impl Default for ScriptRules {
    fn default() -> Self {
        Self {
            least_messages: 3,
            repeated_words: 8,
            block_words: 40,
            block_sentences: 3,
            chat_words: 12,
            fastest_typing: 25.0,
            speed_characters: 120,
        }
    }
}

/// Every sign there is.
pub(super) fn reasons(messages: &[Message], rules: &ScriptRules) -> Vec<TextReason> {
    let signs = [
        (repeated(messages, rules), TextReason::RepeatedText),
        (messages.iter().any(|m| has_placeholder(m.text())), TextReason::TemplatePlaceholder),
        (formal_block(messages, rules), TextReason::FormalBlock),
        (too_fast(messages, rules), TextReason::FasterThanTyping),
    ];
    signs.into_iter().filter(|(present, _)| *present).map(|(_, reason)| reason).collect()
}

fn word_count(text: &str) -> usize {
    text.split_whitespace().filter(|w| w.contains(char::is_alphabetic)).count()
}

/// The same text twice, but for case, blanks and marks.
fn repeated(messages: &[Message], rules: &ScriptRules) -> bool {
    let mut seen: BTreeMap<String, ()> = BTreeMap::new();
    messages.iter().filter(|m| word_count(m.text()) >= rules.repeated_words).any(|message| {
        let plain = message.text().chars().filter(|c| c.is_alphanumeric());
        seen.insert(plain.flat_map(char::to_lowercase).collect(), ()).is_some()
    })
}

/// `[NAME]`, `{first_name}`, `{{…}}`, `<insert date>`: short, in brackets, one of the words that forms are made of.
fn has_placeholder(text: &str) -> bool {
    const BRACKETS: [(char, char); 3] = [('[', ']'), ('{', '}'), ('<', '>')];
    const FIELDS: [&str; 22] = [
        "account",
        "address",
        "agent",
        "amount",
        "apellidos",
        "bank",
        "banco",
        "company",
        "cuenta",
        "customer",
        "date",
        "email",
        "empresa",
        "fecha",
        "importe",
        "insert",
        "name",
        "nombre",
        "number",
        "phone",
        "surname",
        "your",
    ];
    const MOST_CHARS: usize = 40;
    let characters: Vec<char> = text.chars().collect();
    BRACKETS.iter().any(|(open, close)| {
        (0..characters.len()).filter(|i| characters[*i] == *open).any(|start| {
            let inside = characters.get(start + 1..).unwrap_or_default();
            let end = inside.iter().take(MOST_CHARS).position(|c| c == close);
            let inside: String = inside.iter().take(end.unwrap_or(0)).collect();
            let fits =
                inside.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '_' | '-' | '\''));
            let lower = inside.to_lowercase();
            fits && lower.split(|c: char| !c.is_alphabetic()).any(|w| FIELDS.contains(&w))
        })
    })
}

/// One message of several whole sentences, each with a capital and a mark at its end, where the others are short and
/// mostly without.
fn formal_block(messages: &[Message], rules: &ScriptRules) -> bool {
    let mut lengths: Vec<usize> = messages.iter().map(|m| word_count(m.text())).collect();
    lengths.sort_unstable();
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or(0);
    let is_block = |m: &Message| {
        word_count(m.text()) >= rules.block_words
            && formal_sentences(m.text()) >= rules.block_sentences
    };
    let others: Vec<&Message> = messages.iter().filter(|m| !is_block(m)).collect();
    let formal = others.iter().filter(|m| formal_sentences(m.text()) > 0).count();
    messages.len() >= rules.least_messages
        && median <= rules.chat_words
        && others.len() < messages.len()
        && 2 * formal < others.len()
}

/// Sentences, if every one begins with a capital and the last has its mark; else 0.
fn formal_sentences(text: &str) -> usize {
    let text = text.trim();
    if !text.ends_with(['.', '?', '!']) {
        return 0;
    }
    let sentences: Vec<&str> = text
        .split_inclusive(['.', '?', '!'])
        .map(|s| s.trim().trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|s| !s.is_empty())
        .collect();
    let formal =
        sentences.iter().all(|s| s.starts_with(|c: char| c.is_uppercase() || c.is_numeric()));
    if formal { sentences.len() } else { 0 }
}

fn too_fast(messages: &[Message], rules: &ScriptRules) -> bool {
    messages.windows(2).any(|pair| {
        let [before, message] = pair else { return false };
        let (Some(from), Some(to)) = (before.at(), message.at()) else { return false };
        let characters = message.text().chars().count();
        let seconds = to.since(from) as f64 / 1_000.0;
        // Messages out of order say nothing about speed.
        to >= from
            && characters >= rules.speed_characters
            && characters as f64 > rules.fastest_typing * seconds
    })
}
