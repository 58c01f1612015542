//! Challenges: digits to say once, before they expire, in this session only.

use crate::domain::{DurationMs, Finding, Timestamp};

/// Digits of a prompt: one chance in a million to hold them ready.
pub const PROMPT_DIGITS: usize = 6;

/// English words of the digits, for transcripts that spell them out.
const WORDS: [&str; 10] =
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// Digits of a prompt from random bytes, as "4 0 7 1 9 3"; no digit follows itself, because two in a row
/// are hard to tell from one long one. `None` when the bytes run out: one in 25 is not used.
pub fn prompt(random: &[u8]) -> Option<String> {
    let mut digits: Vec<u8> = Vec::with_capacity(PROMPT_DIGITS);
    // 250 is the largest multiple of ten in a byte: beyond it low digits would be likelier.
    for byte in random.iter().filter(|byte| **byte < 250) {
        let digit = byte % 10;
        if digits.last() != Some(&digit) {
            digits.push(digit);
        }
        if digits.len() == PROMPT_DIGITS {
            let text: Vec<String> = digits.iter().map(u8::to_string).collect();
            return Some(text.join(" "));
        }
    }
    None
}

/// Whether a transcript holds the digits of a prompt and no others: in figures, full-width ones included, or
/// as English words. `Unknown` when it holds no digits at all: nothing was recognized.
pub fn answers(prompt: &str, transcript: &str) -> Finding {
    let (wanted, said) = (digits(prompt), digits(transcript));
    match said.is_empty() {
        true => Finding::Unknown,
        false if said == wanted => Finding::Present,
        false => Finding::Absent,
    }
}

/// The digits in a text.
fn digits(text: &str) -> Vec<u8> {
    let mut found = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        let lower = word.to_lowercase();
        if let Some(digit) = WORDS.iter().position(|w| *w == lower) {
            found.push(digit as u8);
        } else if lower == "oh" {
            found.push(0);
        } else {
            found.extend(word.chars().filter_map(figure));
        }
    }
    found
}

/// A figure's value.
fn figure(c: char) -> Option<u8> {
    let base = match c {
        '0'..='9' => '0',
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}',
        _ => return None,
    };
    u8::try_from(u32::from(c) - u32::from(base)).ok()
}

/// A challenge on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Open {
    /// Its prompt is being made.
    Making,
    /// It can be answered.
    Asked { prompt: String, expires_at: Timestamp },
    /// The answer is being checked.
    Checking,
}

/// The challenges of a session: at most one at a time, each answered at most once.
#[derive(Debug, Clone, Default)]
pub struct Challenges {
    /// Number of the last one; they count from 1.
    count: u32,
    open: Option<Open>,
    answered: Finding,
}

impl Challenges {
    /// How many there were.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// One is on its way.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// How the last answer was.
    pub fn answered(&self) -> Finding {
        self.answered
    }

    /// Begins one; its number. Not to be called while one is open.
    pub fn begin(&mut self) -> u32 {
        self.count = self.count.saturating_add(1);
        self.open = Some(Open::Making);
        self.count
    }

    /// The prompt of one is there: until when it can be answered.
    pub fn ready(
        &mut self,
        number: u32,
        prompt: &str,
        lifetime_ms: DurationMs,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if number != self.count || self.open != Some(Open::Making) {
            return None;
        }
        let expires_at = now.plus_ms(lifetime_ms);
        self.open = Some(Open::Asked { prompt: prompt.to_owned(), expires_at });
        Some(expires_at)
    }

    /// It is answered; its prompt, if it can be.
    pub fn answer(&mut self, number: u32, now: Timestamp) -> Option<String> {
        self.expire(now);
        if number != self.count || !matches!(self.open, Some(Open::Asked { .. })) {
            return None;
        }
        match self.open.replace(Open::Checking) {
            Some(Open::Asked { prompt, .. }) => Some(prompt),
            _ => None,
        }
    }

    /// The answer was checked. Whether that is news.
    pub fn checked(&mut self, number: u32, right: Finding) -> bool {
        if number != self.count || self.open != Some(Open::Checking) {
            return false;
        }
        self.open = None;
        let news = self.answered != right;
        self.answered = right;
        news
    }

    /// Closes one whose time is up.
    pub fn expire(&mut self, now: Timestamp) {
        if self.expires_at().is_some_and(|at| at <= now) {
            self.open = None;
        }
    }

    /// When the open one expires.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match &self.open {
            Some(Open::Asked { expires_at, .. }) => Some(*expires_at),
            _ => None,
        }
    }

    /// Another person is there: what the one before answered, or is answering, says nothing.
    pub fn person_changed(&mut self) {
        self.answered = Finding::Unknown;
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    #[test]
    fn prompts_are_even_and_have_no_twins() {
        assert_eq!(prompt(&[14, 20, 250, 255, 7, 7, 1, 9, 3]), Some("4 0 7 1 9 3".to_owned()));
        assert_eq!(prompt(&[1, 1, 1, 2, 3]), None);
        let mut counts = [0u32; 10];
        for byte in (0..=255u8).filter(|b| *b < 250) {
            counts[usize::from(byte % 10)] += 1;
        }
        assert_eq!(counts, [25; 10]);
    }

    #[test]
    fn transcripts_follow_the_table() {
        let cases = [
            ("4 0 7 1 9 3", Finding::Present),
            ("407193", Finding::Present),
            ("four zero seven, one nine three.", Finding::Present),
            ("Four OH seven 1 9 3", Finding::Present),
            ("４０７１９３", Finding::Present),
            ("it is 407 193, thanks", Finding::Present),
            ("4 0 7 1 9", Finding::Absent),
            ("4 0 7 1 9 3 3", Finding::Absent),
            ("4 0 7 9 1 3", Finding::Absent),
            ("say it for me", Finding::Unknown),
            ("", Finding::Unknown),
        ];
        for (said, right) in cases {
            assert_eq!(answers("4 0 7 1 9 3", said), right, "{said}");
        }
    }

    #[test]
    fn a_challenge_is_answered_once_and_in_time() {
        let mut c = Challenges::default();
        let number = c.begin();
        assert_eq!((number, c.is_open()), (1, true));
        assert_eq!(c.answer(1, at(0)), None);
        assert_eq!(c.ready(2, "1", 100, at(0)), None);
        assert_eq!(c.ready(1, "1 2", 100, at(0)), Some(at(100)));
        assert_eq!(c.ready(1, "3 4", 100, at(0)), None);
        assert_eq!(c.answer(9, at(50)), None);
        assert_eq!(c.answer(1, at(99)), Some("1 2".to_owned()));
        assert_eq!(c.answer(1, at(99)), None);
        assert!(c.checked(1, Finding::Present));
        assert!(!c.checked(1, Finding::Absent));
        assert_eq!(c.answered(), Finding::Present);
        assert!(!c.is_open());

        assert_eq!(c.begin(), 2);
        assert_eq!(c.ready(2, "5", 100, at(200)), Some(at(300)));
        assert_eq!(c.answer(2, at(300)), None);
        assert!(!c.is_open());
        // An expired one says nothing about the answer before.
        assert_eq!(c.answered(), Finding::Present);
        c.person_changed();
        assert_eq!(c.answered(), Finding::Unknown);
    }
}
