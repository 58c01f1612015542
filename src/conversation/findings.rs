//! Findings in a conversation that are no evidence about the person, each with a reason and without content: pasted
//! scripts, patterns of social engineering, text unlike the person's. They are hints for policy and people:
//! a pattern that matches proves nothing.

mod patterns;
mod script;

pub use patterns::{Patterns, SocialFamily};
pub use script::ScriptRules;

use crate::conversation::ConversationError;
use crate::conversation::compare::Evidence;
use crate::conversation::message::{Message, check};
use crate::domain::{Finding, FindingKind};

/// Why a finding is what it is. A closed set of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextReason {
    /// Looked for and not found.
    NothingFound,
    /// Too few messages or words to say anything.
    TooLittleText,
    /// There is no profile to compare with.
    NoProfile,
    /// The same long text more than once.
    RepeatedText,
    /// A fill-in left as it was, such as a name in brackets.
    TemplatePlaceholder,
    /// A long, perfectly punctuated paragraph amid short chat.
    FormalBlock,
    /// Longer than anybody could have typed since the message before.
    FasterThanTyping,
    /// Patterns of a family matched.
    Pattern(SocialFamily),
    /// The LLR against the profile is far below zero.
    UnlikeProfile,
}

impl TextReason {
    /// The code in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NothingFound => "NOTHING_FOUND",
            Self::TooLittleText => "TOO_LITTLE_TEXT",
            Self::NoProfile => "NO_PROFILE",
            Self::RepeatedText => "REPEATED_TEXT",
            Self::TemplatePlaceholder => "TEMPLATE_PLACEHOLDER",
            Self::FormalBlock => "FORMAL_BLOCK",
            Self::FasterThanTyping => "FASTER_THAN_TYPING",
            Self::Pattern(family) => family.code(),
            Self::UnlikeProfile => "UNLIKE_PROFILE",
        }
    }
}

/// A finding with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFinding {
    /// What was looked for.
    pub kind: FindingKind,
    /// Whether it is there.
    pub finding: Finding,
    /// Why; never empty, each once, in order of declaration.
    pub reasons: Vec<TextReason>,
}

impl TextFinding {
    fn new(kind: FindingKind, finding: Finding, mut reasons: Vec<TextReason>) -> Self {
        reasons.sort();
        reasons.dedup();
        if reasons.is_empty() {
            reasons.push(match finding {
                Finding::Unknown => TextReason::TooLittleText,
                _ => TextReason::NothingFound,
            });
        }
        Self { kind, finding, reasons }
    }
}

/// Where text counts as unlike the person. The policy may bring its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnlikeRules {
    /// LLR below which it does.
    pub llr_below: f64,
    /// Fewest words of the probe.
    pub least_words: u32,
}

impl Default for UnlikeRules {
    /// Odds of about 20 to 1 against, from 100 words on. The card says how many genuine texts fall below.
    fn default() -> Self {
        Self { llr_below: -3.0, least_words: 100 }
    }
}

/// All three findings of a conversation; `evidence` is the comparison with the profile of the claimed person, where
/// there is one.
///
/// # Errors
/// More text than the limits of [`crate::conversation::limits`].
pub fn find(
    messages: &[Message],
    evidence: Option<&Evidence>,
    patterns: &Patterns,
    rules: &UnlikeRules,
) -> Result<[TextFinding; 3], ConversationError> {
    check(messages)?;
    Ok([
        pasted_script(messages, &ScriptRules::default()),
        social_engineering(messages, patterns),
        unlike_person(evidence, rules),
    ])
}

/// Whether text was pasted or read out from a script.
pub fn pasted_script(messages: &[Message], rules: &ScriptRules) -> TextFinding {
    let reasons = script::reasons(messages, rules);
    let finding = match (reasons.is_empty(), messages.len() < rules.least_messages) {
        (false, _) => Finding::Present,
        (true, true) => Finding::Unknown,
        (true, false) => Finding::Absent,
    };
    TextFinding::new(FindingKind::PastedScript, finding, reasons)
}

/// Whether patterns of social engineering match: a strong one, or weak and other ones of two families.
pub fn social_engineering(messages: &[Message], patterns: &Patterns) -> TextFinding {
    let kind = FindingKind::SocialEngineering;
    let (mut families, mut strong, mut words) = (Vec::new(), false, 0);
    for message in messages {
        let tokens = patterns::tokens(message.text());
        words += tokens.len();
        for (family, is_strong) in patterns.matches(&tokens) {
            strong |= is_strong;
            families.push(family);
        }
    }
    families.sort();
    families.dedup();
    if strong || families.len() > 1 {
        let reasons = families.into_iter().map(TextReason::Pattern).collect();
        return TextFinding::new(kind, Finding::Present, reasons);
    }
    let finding = if words == 0 { Finding::Unknown } else { Finding::Absent };
    TextFinding::new(kind, finding, Vec::new())
}

/// Whether the text is unlike the person's profile.
pub fn unlike_person(evidence: Option<&Evidence>, rules: &UnlikeRules) -> TextFinding {
    let kind = FindingKind::TextUnlikePerson;
    let Some(evidence) = evidence else {
        return TextFinding::new(kind, Finding::Unknown, vec![TextReason::NoProfile]);
    };
    let [_, words] = evidence.words;
    if evidence.llr.0 < rules.llr_below && words >= rules.least_words {
        return TextFinding::new(kind, Finding::Present, vec![TextReason::UnlikeProfile]);
    }
    let enough = evidence.enough && words >= rules.least_words;
    TextFinding::new(kind, if enough { Finding::Absent } else { Finding::Unknown }, Vec::new())
}

#[cfg(test)]
mod tests;
