//! Personal data out of text that is logged or exported: replaced by stable placeholders (pseudonyms under
//! the caller's key), or removed.
//!
//! Detection is by pattern and leans to too much: a long number is taken out whatever it is. What no
//! pattern tells (a street, a name without introduction) stays, so this is a second line of defense;
//! the first is that text is not kept.

mod introduced;
mod links;
mod numbers;
mod text;

use text::Text;

/// Kinds of personal data that are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonalData {
    /// An e-mail address.
    Email,
    /// A web address that can hold more than a site: with a user, a path or a query.
    Url,
    /// An IPv4 or IPv6 address.
    Ip,
    /// An account number with valid check digits (ISO 13616, ISO 7064 mod 97-10).
    Iban,
    /// A card number with a valid check digit (ISO/IEC 7812-1, Luhn).
    Card,
    /// A telephone number, or what is grouped like one.
    Phone,
    /// Another long run of digits.
    Digits,
    /// A name after words that introduce one.
    Name,
    /// A password, PIN or code after words that introduce one.
    Secret,
}

impl PersonalData {
    /// The name in placeholders.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Url => "URL",
            Self::Ip => "IP",
            Self::Iban => "IBAN",
            Self::Card => "CARD",
            Self::Phone => "PHONE",
            Self::Digits => "DIGITS",
            Self::Name => "NAME",
            Self::Secret => "SECRET",
        }
    }
}

/// Where something was found: bytes `start..end` of the text, on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// What.
    pub kind: PersonalData,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// What takes the place of personal data.
#[derive(Clone, Copy)]
pub enum Redaction<'a> {
    /// Its kind and nothing else: `<EMAIL>`. Nothing links two of them.
    Anonymize,
    /// A pseudonym, `<EMAIL_c4f9a1n0>`: 32 bits of what the function says of kind and value. It must be a keyed
    /// one (HMAC), or short values can be guessed. The same value gets the same pseudonym while the key is the same,
    /// in whatever spelling: values are given in lower case, numbers without separators.
    Pseudonymize(&'a dyn Fn(PersonalData, &str) -> u64),
}

impl std::fmt::Debug for Redaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Anonymize => "Anonymize",
            Self::Pseudonymize(_) => "Pseudonymize",
        })
    }
}

/// Rounds of detectors. A find may leave another one beside it; a third round has found nothing yet.
const MAX_ROUNDS: usize = 4;

/// Personal data in a text, in order and without overlap. Time grows with the length of the text.
pub fn detect(text: &str) -> Vec<Span> {
    let mut text = Text::new(text);
    let mut found: Vec<Found> = Vec::new();
    // Earlier detectors win: an address may hold what looks like a number. What is found stands as a
    // placeholder before the next one looks.
    let detectors: [fn(&Text, &mut Vec<Found>); 6] = [
        links::urls,
        links::emails,
        links::ips,
        numbers::find_ibans,
        numbers::find,
        introduced::find,
    ];
    for _ in 0..MAX_ROUNDS {
        let before = found.len();
        for detector in detectors {
            let mut new = Vec::new();
            detector(&text, &mut new);
            for find in new {
                if text.wall_off(find.start, find.end) {
                    found.push(find);
                }
            }
        }
        if found.len() == before {
            break;
        }
    }
    found.sort_by_key(|f| f.start);
    found
        .into_iter()
        .map(|f| Span { kind: f.kind, start: text.byte(f.start), end: text.byte(f.end) })
        .collect()
}

/// The text with every span of [`detect`] replaced.
pub fn redact(text: &str, how: Redaction<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut kept_to = 0;
    for span in detect(text) {
        out.push_str(text.get(kept_to..span.start).unwrap_or_default());
        let value = text.get(span.start..span.end).unwrap_or_default();
        out.push_str(&placeholder(span.kind, value, how));
        kept_to = span.end;
    }
    out.push_str(text.get(kept_to..).unwrap_or_default());
    out
}

fn placeholder(kind: PersonalData, value: &str, how: Redaction<'_>) -> String {
    match how {
        Redaction::Anonymize => format!("<{}>", kind.as_str()),
        Redaction::Pseudonymize(token) => {
            format!("<{}_{}>", kind.as_str(), spell(token(kind, &normal(kind, value))))
        }
    }
}

/// One spelling for every way to write the value.
fn normal(kind: PersonalData, value: &str) -> String {
    let lower = value.chars().flat_map(char::to_lowercase);
    match kind {
        PersonalData::Email | PersonalData::Url | PersonalData::Ip | PersonalData::Secret => {
            lower.collect()
        }
        PersonalData::Name => {
            lower.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
        }
        PersonalData::Iban => lower.filter(|c| c.is_alphanumeric()).collect(),
        PersonalData::Card | PersonalData::Phone | PersonalData::Digits => {
            value.chars().filter_map(text::digit).filter_map(|d| char::from_digit(d, 10)).collect()
        }
    }
}

/// 32 bits as eight characters in which no two digits follow each other, so that a pseudonym is never taken
/// for a number.
fn spell(token: u64) -> String {
    const LETTERS: &[u8; 16] = b"abcdefghkmnprstv";
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    (0..8)
        .map(|i| {
            let alphabet = if i % 2 == 0 { LETTERS } else { DIGITS };
            char::from(alphabet[(token >> (4 * i)) as usize & 15])
        })
        .collect()
}

/// A find, in characters.
#[derive(Debug, Clone, Copy)]
struct Found {
    kind: PersonalData,
    start: usize,
    end: usize,
}

#[cfg(test)]
mod tests;
