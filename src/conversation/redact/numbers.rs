//! Numbers: cards, accounts, telephones, and whatever else is a long run of digits.

use super::text::{Text, digit, is_digit, is_invisible};
use super::{Found, PersonalData};

/// Digits in one run from which on it is taken out.
const LONG_RUN: usize = 6;
/// Digits of a number in groups from which on it is taken out: fewer are dates, times and prices.
const LONG_GROUPED: usize = 7;
/// Most separators between two groups, as in `) - `.
const MAX_SEPARATORS: usize = 3;
/// Digits of card numbers (ISO/IEC 7812-1).
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 12..=19;
/// Most digits of a telephone number (ITU-T E.164), and fewest of one with an area code.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
/// Characters of an account number (ISO 13616).
const IBAN_CHARS: std::ops::RangeInclusive<usize> = 15..=34;

fn is_separator(c: char) -> bool {
    is_invisible(c)
        || matches!(
            c,
            ' ' | '\u{a0}' | '\u{202f}' | '-' | '‐' | '‑' | '–' | '.' | '/' | '(' | ')' | '+'
        )
}

/// Finds everything but account numbers.
pub(super) fn find(text: &Text, found: &mut Vec<Found>) {
    let mut i = 0;
    while i < text.chars.len() {
        if !is_digit(text.chars[i]) {
            i += 1;
            continue;
        }
        let groups = groups_from(text, i);
        let end = groups.last().map_or(i + 1, |g| g.1);
        let digits: usize = groups.iter().map(|g| g.1 - g.0).sum();
        let longest = groups.iter().map(|g| g.1 - g.0).max().unwrap_or(0);
        if digits >= LONG_GROUPED || longest >= LONG_RUN {
            let signed = text.while_before(i, |c| matches!(c, '+' | '('));
            found.push(Found { kind: kind_of(text, &groups, signed < i), start: signed, end });
        }
        i = end;
    }
}

/// Runs of digits from `start` on with nothing but separators between.
fn groups_from(text: &Text, start: usize) -> Vec<(usize, usize)> {
    let mut groups = Vec::new();
    let mut at = start;
    loop {
        let end = text.while_from(at, is_digit);
        groups.push((at, end));
        at = text.while_from(end, is_separator);
        let visible = (end..at).filter(|j| text.at(*j).is_some_and(|c| !is_invisible(c))).count();
        if visible > MAX_SEPARATORS || !text.at(at).is_some_and(is_digit) {
            return groups;
        }
    }
}

fn kind_of(text: &Text, groups: &[(usize, usize)], signed: bool) -> PersonalData {
    let digits: Vec<u32> = groups
        .iter()
        .flat_map(|(a, b)| (*a..*b).filter_map(|i| text.at(i).and_then(digit)))
        .collect();
    // A card number may stand beside other numbers: any whole groups that pass the check.
    let mut starts = vec![0];
    for (a, b) in groups {
        starts.push(starts.last().copied().unwrap_or(0) + b - a);
    }
    let window = |i: usize, j: usize| digits.get(starts[i]..starts[j]).unwrap_or_default();
    let most = *CARD_DIGITS.end();
    for i in 0..groups.len() {
        for j in i + 1..=groups.len().min(i + most) {
            if CARD_DIGITS.contains(&window(i, j).len()) && luhn(window(i, j)) {
                return PersonalData::Card;
            }
        }
    }
    let international = digits.starts_with(&[0, 0]) || signed;
    let plausible = PHONE_DIGITS.contains(&digits.len());
    if international || (plausible && (groups.len() > 1 || digits.first() == Some(&0))) {
        PersonalData::Phone
    } else {
        PersonalData::Digits
    }
}

/// The check of ISO/IEC 7812-1: every second digit from the right doubled, the sum of all digits a
/// multiple of ten.
pub(super) fn luhn(digits: &[u32]) -> bool {
    let doubled = |(i, d): (usize, &u32)| match (i % 2, *d) {
        (0, d) => d,
        (_, d) if d > 4 => 2 * d - 9,
        (_, d) => 2 * d,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    sum.is_multiple_of(10) && digits.iter().any(|d| *d > 0)
}

/// Finds account numbers: country, check digits, account, with spaces or hyphens anywhere.
pub(super) fn find_ibans(text: &Text, found: &mut Vec<Found>) {
    let mut i = 0;
    while i < text.chars.len() {
        let starts = !text.before(i).is_some_and(char::is_alphanumeric)
            && text.at(i).is_some_and(|c| c.is_ascii_alphabetic())
            && text.at(i + 1).is_some_and(|c| c.is_ascii_alphabetic());
        let end = if starts { iban_from(text, i) } else { None };
        if let Some(end) = end {
            found.push(Found { kind: PersonalData::Iban, start: i, end });
        }
        i = end.unwrap_or(i + 1);
    }
}

/// End of the longest valid account number from `start` on.
fn iban_from(text: &Text, start: usize) -> Option<usize> {
    let mut characters = Vec::new();
    let mut valid = None;
    let mut i = start;
    while characters.len() < *IBAN_CHARS.end() {
        let Some(c) = text.at(i).filter(char::is_ascii_alphanumeric) else { break };
        characters.push(c);
        i += 1;
        let group_ends = !text.at(i).is_some_and(char::is_alphanumeric);
        let complete = IBAN_CHARS.contains(&characters.len()) && group_ends;
        if complete && mod_97(&characters) == Some(1) {
            valid = Some(i);
        }
        if group_ends && text.at(i).is_some_and(is_separator) {
            i += 1;
        }
    }
    valid
}

/// Remainder by 97 of the number that ISO 13616 makes of an account number: first four characters to the
/// end, letters as 10 to 35. `None` where the two check digits are no digits.
pub(super) fn mod_97(characters: &[char]) -> Option<u32> {
    let (country, rest) = characters.split_at_checked(4)?;
    let checks = country.get(2..)?;
    if !checks.iter().all(char::is_ascii_digit) {
        return None;
    }
    rest.iter().chain(country).try_fold(0, |remainder, c| {
        let value = c.to_digit(36)?;
        let shift = if value < 10 { 10 } else { 100 };
        Some((remainder * shift + value) % 97)
    })
}
