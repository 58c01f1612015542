//! Names and secrets that the words before them announce.

use super::text::{Text, is_invisible};
use super::{Found, PersonalData};

/// Most words of a name.
const MAX_NAME_WORDS: usize = 4;

/// What comes before a name, in lower case, words apart by one space.
const NAME_AFTER: &[&str] = &[
    "my name is",
    "my name's",
    "my names",
    "name is",
    "i am called",
    "call me",
    "i am mr",
    "i am mrs",
    "i am ms",
    "i'm mr",
    "i'm mrs",
    "i'm ms",
    "this is mr",
    "this is mrs",
    "this is ms",
    "full name",
    "first name",
    "last name",
    "surname",
    "maiden name is",
    "me llamo",
    "mi nombre es",
    "mi apellido es",
    "a nombre de",
    "nombre completo",
    "nombre",
    "apellidos",
];

/// What comes before a secret.
const SECRET_AFTER: &[&str] = &[
    "password is",
    "password",
    "passcode is",
    "passcode",
    "passphrase is",
    "pin is",
    "pin",
    "pin number is",
    "pin code is",
    "security code is",
    "code is",
    "code",
    "cvv is",
    "cvv",
    "cvc",
    "otp is",
    "otp",
    "contraseña es",
    "contraseña",
    "clave es",
    "clave",
    "código es",
    "código",
    "codigo es",
    "codigo",
];

/// Words that are no name and no secret although they follow the announcement.
const NEITHER: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "back", "but", "by", "calling", "can", "cannot",
    "correct", "did", "do", "does", "doesn't", "field", "for", "from", "has", "have", "here", "i",
    "i'd", "i'm", "if", "in", "invalid", "is", "isn't", "it", "later", "me", "my", "no", "not",
    "now", "of", "on", "or", "please", "reset", "so", "speaking", "that", "the", "this", "to",
    "under", "wants", "was", "what", "when", "which", "with", "won't", "wrong", "you", "your",
    "al", "con", "de", "del", "desde", "el", "en", "es", "esta", "está", "la", "llamo", "mi", "no",
    "para", "pero", "por", "que", "se", "su", "tu", "un", "una", "y", "yo",
];

/// Words between the parts of a name.
const PARTICLES: &[&str] = &[
    "al", "bin", "da", "de", "del", "der", "di", "dos", "el", "la", "las", "los", "van", "von", "y",
];

struct Word {
    start: usize,
    end: usize,
    lower: String,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '\'' | '’' | '-')
}

fn words_of(text: &Text) -> Vec<Word> {
    let mut words = Vec::new();
    let mut i = 0;
    while i < text.chars.len() {
        let end = text.while_from(i, is_word);
        if end > i {
            let lower = text.chars[i..end].iter().flat_map(|c| c.to_lowercase());
            let lower = lower.map(|c| if c == '’' { '\'' } else { c }).collect();
            words.push(Word { start: i, end, lower });
        }
        i = end.max(i + 1);
    }
    words
}

/// Finds names and secrets.
pub(super) fn find(text: &Text, found: &mut Vec<Found>) {
    let words = words_of(text);
    for at in 0..words.len() {
        if announced(text, &words, at, SECRET_AFTER) {
            secret(text, &words, at, found);
        }
        if announced(text, &words, at, NAME_AFTER) {
            name(text, &words, at, found);
        }
    }
}

/// Whether the words before `at` are one of the phrases, with nothing but blanks between: the word in a
/// placeholder announces nothing.
fn announced(text: &Text, words: &[Word], at: usize, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| {
        let count = phrase.split(' ').count();
        let before = at.checked_sub(count).and_then(|from| words.get(from..at));
        before.is_some_and(|b| {
            let gap = |w: &[Word]| text.chars.get(w[0].end..w[1].start).unwrap_or_default();
            b.iter().zip(phrase.split(' ')).all(|(w, p)| w.lower == p)
                && b.windows(2).all(|w| gap(w).iter().all(|c| c.is_whitespace()))
        })
    })
}

/// Only blanks, colons and the like between two places.
fn joined(text: &Text, from: usize, to: usize) -> bool {
    let between = text.chars.get(from..to).unwrap_or_default();
    between.len() <= 4
        && between.iter().all(|c| {
            c.is_whitespace() || is_invisible(*c) || matches!(c, ':' | '=' | '"' | '“' | '*' | '(')
        })
}

fn secret(text: &Text, words: &[Word], at: usize, found: &mut Vec<Found>) {
    let (Some(word), Some(before)) = (words.get(at), at.checked_sub(1).and_then(|i| words.get(i)))
    else {
        return;
    };
    // `code` alone announces a number, not the next word of the sentence.
    let sure = matches!(before.lower.as_str(), "is" | "es")
        || word.lower.chars().any(char::is_numeric)
        || text.chars.get(before.end..word.start).unwrap_or_default().contains(&':');
    if sure && !NEITHER.contains(&word.lower.as_str()) && joined(text, before.end, word.start) {
        let end =
            text.while_from(word.start, |c| !c.is_whitespace() && !matches!(c, ',' | '<' | '>'));
        found.push(Found { kind: PersonalData::Secret, start: word.start, end: end.max(word.end) });
    }
}

fn name(text: &Text, words: &[Word], at: usize, found: &mut Vec<Found>) {
    let mut end = None;
    let mut last = at.checked_sub(1).and_then(|i| words.get(i)).map_or(0, |w| w.end);
    for (k, word) in words.get(at..).unwrap_or_default().iter().take(MAX_NAME_WORDS).enumerate() {
        let next = word.lower.as_str();
        let between = text.chars.get(last..word.start).unwrap_or_default();
        let apart = if k == 0 { !joined(text, last, word.start) } else { between != [' '] };
        let particle = k > 0 && PARTICLES.contains(&next);
        if apart || (NEITHER.contains(&next) && !particle) {
            break;
        }
        last = word.end;
        if !particle {
            end = Some(word.end);
        }
    }
    if let (Some(end), Some(first)) = (end, words.get(at)) {
        found.push(Found { kind: PersonalData::Name, start: first.start, end });
    }
}
