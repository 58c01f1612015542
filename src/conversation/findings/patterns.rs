//! Phrases of social engineering, from a file that people can read and change.

use serde::Deserialize;

use crate::conversation::ConversationError;

/// The file that ships.
const BUILT_IN: &str = include_str!("../../../models/behavior-text/patterns.toml");
const FORMAT: &str = "vouch-text-patterns-1";

/// Most bytes of a pattern file.
pub const MAX_FILE_BYTES: usize = 256 << 10;
/// Most phrases of a file.
pub const MAX_PHRASES: usize = 4_096;
/// Most words of a phrase.
pub const MAX_PHRASE_WORDS: usize = 12;
/// Words that `*` stands for at most.
const MAX_GAP: usize = 3;

/// Families of patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocialFamily {
    /// Pressure of time.
    Urgency,
    /// Nobody is to know.
    Secrecy,
    /// A one-time code is asked for.
    CodeRequest,
    /// A password, PIN or card is asked for.
    CredentialRequest,
    /// A tool for remote control.
    RemoteTool,
    /// Somebody else gives instructions.
    ThirdParty,
    /// Checks are to be left out.
    BypassChecks,
    /// Money is to be moved in a way typical of fraud.
    MoneyMove,
}

impl SocialFamily {
    /// The reason code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Urgency => "URGENCY",
            Self::Secrecy => "SECRECY",
            Self::CodeRequest => "CODE_REQUEST",
            Self::CredentialRequest => "CREDENTIAL_REQUEST",
            Self::RemoteTool => "REMOTE_TOOL",
            Self::ThirdParty => "THIRD_PARTY",
            Self::BypassChecks => "BYPASS_CHECKS",
            Self::MoneyMove => "MONEY_MOVE",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Strength {
    Weak,
    Strong,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    pattern: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    family: SocialFamily,
    language: String,
    strength: Strength,
    phrases: Vec<String>,
}

/// One word of a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    AnyOf(Vec<String>),
    Gap,
}

#[derive(Debug, Clone)]
struct Phrase {
    family: SocialFamily,
    strong: bool,
    parts: Vec<Part>,
}

/// A checked set of patterns.
#[derive(Debug, Clone)]
pub struct Patterns {
    phrases: Vec<Phrase>,
    languages: Vec<String>,
}

impl Patterns {
    /// The patterns that ship: English and Spanish.
    ///
    /// # Errors
    /// Never: a test reads them.
    pub fn built_in() -> Result<Self, ConversationError> {
        Self::from_toml(BUILT_IN)
    }

    /// Reads a pattern file; `models/behavior-text/patterns.toml` says the format.
    ///
    /// # Errors
    /// Over a limit, or not such a file. Messages name the phrase.
    pub fn from_toml(text: &str) -> Result<Self, ConversationError> {
        let unusable = |why: String| ConversationError::Artifact { what: "pattern file", why };
        let (limit, got) = (MAX_FILE_BYTES, text.len());
        if got > limit {
            let (what, unit) = ("a pattern file", "bytes");
            return Err(ConversationError::TooMuch { what, unit, limit, got });
        }
        let file: File = toml::from_str(text).map_err(|e| unusable(e.to_string()))?;
        if file.format != FORMAT {
            return Err(unusable(format!("format is not {FORMAT}")));
        }
        let (mut phrases, mut languages) = (Vec::new(), Vec::new());
        for group in file.pattern {
            for phrase in &group.phrases {
                let parts = parts_of(phrase)
                    .ok_or_else(|| unusable(format!("not a phrase of words: {phrase:?}")))?;
                let strong = group.strength == Strength::Strong;
                phrases.push(Phrase { family: group.family, strong, parts });
            }
            if !languages.contains(&group.language) {
                languages.push(group.language);
            }
        }
        let (limit, got) = (MAX_PHRASES, phrases.len());
        if got > limit {
            let (what, unit) = ("a pattern file", "phrases");
            return Err(ConversationError::TooMuch { what, unit, limit, got });
        }
        Ok(Self { phrases, languages })
    }

    /// Languages that the patterns are of, as the file tags them.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// Families that match, and whether by a strong pattern.
    pub(super) fn matches(&self, tokens: &[String]) -> impl Iterator<Item = (SocialFamily, bool)> {
        self.phrases
            .iter()
            .filter(|p| {
                (0..tokens.len()).any(|i| fits(&p.parts, tokens.get(i..).unwrap_or_default()))
            })
            .map(|p| (p.family, p.strong))
    }
}

fn parts_of(phrase: &str) -> Option<Vec<Part>> {
    let parts: Vec<Part> = phrase
        .split(' ')
        .map(|part| match part {
            "*" => Part::Gap,
            _ => Part::AnyOf(part.split('|').map(str::to_owned).collect()),
        })
        .collect();
    let plain = |word: &String| !word.is_empty() && tokens(word) == [word.as_str()];
    let good = |part: &Part| matches!(part, Part::AnyOf(words) if words.iter().all(plain));
    let ends = parts.first().is_some_and(good) && parts.last().is_some_and(good);
    let all = parts.iter().all(|p| *p == Part::Gap || good(p));
    (ends && all && parts.len() <= MAX_PHRASE_WORDS).then_some(parts)
}

/// Whether the tokens begin with the parts.
fn fits(parts: &[Part], tokens: &[String]) -> bool {
    match parts.split_first() {
        None => true,
        Some((Part::Gap, rest)) => (0..=MAX_GAP.min(tokens.len()))
            .any(|gap| fits(rest, tokens.get(gap..).unwrap_or_default())),
        Some((Part::AnyOf(words), rest)) => tokens
            .split_first()
            .is_some_and(|(token, tokens)| words.contains(token) && fits(rest, tokens)),
    }
}

/// Words in lower case, without accents and apostrophes.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let plain = |c: char| match c {
        'á' | 'à' | 'â' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'ö' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ñ' => 'n',
        c => c,
    };
    // An accent may also be a character of its own.
    let kept = text.chars().filter(|c| !matches!(c, '\'' | '’' | '\u{300}'..='\u{36f}'));
    let lower: String = kept.flat_map(char::to_lowercase).map(plain).collect();
    lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}
