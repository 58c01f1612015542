//! What a session hears from its client, checked.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Amount, DurationMs, FactorName, Finding, FindingKind, IdError, IntentId, Modality,
    SessionChannel, SubjectId,
};
use crate::policy::session::{AniHistory, FactorOutcome, IntentAsked, Verstat};

/// Longest name of a question, in bytes.
pub const MAX_ASK_ID_LEN: usize = 64;

/// The client's name of a question, unique in its session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AskId(String);

impl AskId {
    /// Checks a name from outside: 1 to [`MAX_ASK_ID_LEN`] of `[A-Za-z0-9._-]`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > MAX_ASK_ID_LEN {
            return Err(IdError::TooLong(text.len()));
        }
        let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        match text.chars().position(|c| !ok(c)) {
            Some(position) => Err(IdError::BadCharacter(position)),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AskId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        Self::parse(&text)
    }
}

impl From<AskId> for String {
    fn from(id: AskId) -> String {
        id.0
    }
}

/// Who speaks on a leg of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// The caller.
    #[default]
    Caller,
    /// The agent: never compared with anybody.
    Agent,
}

/// How the subject became the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimOrigin {
    /// The client said so.
    Client,
    /// The token of the session is bound to it.
    Token,
    /// Found by voice among this many candidates.
    Identified {
        /// How many were searched.
        among: u32,
    },
}

/// A fact about the surroundings. A later one of a kind replaces the earlier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ContextEvent {
    /// The calling number against the record.
    Ani(AniHistory),
    /// The network's word on the calling number.
    Verstat(Verstat),
    /// Whether the device is new for the subject.
    NewDevice(Finding),
    /// Since the SIM of the number was last changed, in milliseconds.
    SimSwapAgeMs(DurationMs),
    /// Speed at which the subject would have had to travel, in km/h; not negative.
    GeoVelocityKmh(f64),
    /// What a check found.
    Finding {
        /// Of what.
        kind: FindingKind,
        /// Whether it is there.
        finding: Finding,
    },
    /// The client noticed another person at the device or on the line.
    PersonChanged,
    /// Another factor was asked for.
    Factor {
        /// Which.
        factor: FactorName,
        /// How it ended.
        outcome: FactorOutcome,
    },
}

impl ContextEvent {
    /// Whether it speaks for the person, or against an attack. Of these nothing is taken on the word of an app.
    pub fn is_favorable(&self) -> bool {
        match self {
            Self::Ani(ani) => *ani == AniHistory::Known,
            Self::Verstat(verstat) => {
                matches!(verstat, Verstat::PassedA | Verstat::PassedB | Verstat::PassedC)
            }
            Self::NewDevice(finding) | Self::Finding { finding, .. } => *finding == Finding::Absent,
            Self::Factor { outcome, .. } => *outcome == FactorOutcome::Passed,
            Self::SimSwapAgeMs(_) | Self::GeoVelocityKmh(_) | Self::PersonChanged => false,
        }
    }
}

/// Something the customer wants done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The client's name of the question.
    pub ask: AskId,
    /// What, in the words of the policy.
    pub intent: IntentId,
    /// For how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// How long the decision may wait for more evidence, in milliseconds; cut to the limit.
    #[serde(default)]
    pub wait_ms: DurationMs,
}

impl Intent {
    /// What the policy is asked.
    pub fn asked(&self) -> IntentAsked {
        IntentAsked { id: self.intent.clone(), amount: self.amount.clone() }
    }
}

/// How a session starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// Where it takes place.
    pub channel: SessionChannel,
    /// Who is claimed, and by whom.
    pub claim: Option<(SubjectId, ClaimOrigin)>,
    /// How many may be behind the number; searched while nobody is claimed.
    pub candidates: u32,
    /// Audio will come.
    pub audio: bool,
    /// Language by BCP 47, lower case.
    pub language: Option<String>,
    /// Known at once.
    pub context: Vec<ContextEvent>,
    /// Asked at once.
    pub intent: Option<Intent>,
}

/// One message of the client, without what only the driver needs: the bytes of audio, captures and texts
/// stay with it until [`Effect::Process`](super::Effect::Process).
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Audio of a leg.
    Audio(Leg),
    /// Keys, strokes, movements or a text.
    Capture(Modality),
    /// A fact about the surroundings.
    Context(ContextEvent),
    /// The same on the word of an app: only taken where it speaks against the person.
    AppContext(ContextEvent),
    /// Something to decide.
    Intent(Intent),
    /// An answer to a challenge; with what was said, if the client recognized it.
    Answer {
        /// Which challenge.
        challenge: u32,
        /// The client's transcript.
        transcript: Option<String>,
    },
    /// A challenge is wanted.
    WantChallenge,
    /// An update is wanted.
    WantUpdate,
    /// Everything up to this message is lost.
    Skip,
    /// The session is over.
    Close,
    /// A message that could not be read; why, for people.
    Unreadable(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_questions_are_checked() {
        assert!(AskId::parse("transfer-1.a_B").is_ok());
        assert_eq!(AskId::parse(""), Err(IdError::Empty));
        assert_eq!(AskId::parse("a b"), Err(IdError::BadCharacter(1)));
        assert_eq!(AskId::parse(&"x".repeat(65)), Err(IdError::TooLong(65)));
        assert!(serde_json::from_str::<AskId>("\"\"").is_err());
    }

    #[test]
    fn facts_are_written_plainly() {
        let read = |text: &str| serde_json::from_str::<ContextEvent>(text);
        assert_eq!(read(r#"{"sim_swap_age_ms":5}"#).ok(), Some(ContextEvent::SimSwapAgeMs(5)));
        assert_eq!(read("\"person_changed\"").ok(), Some(ContextEvent::PersonChanged));
        let finding = r#"{"finding":{"kind":"remote_access","finding":"present"}}"#;
        assert!(matches!(read(finding), Ok(ContextEvent::Finding { .. })));
        assert!(read(r#"{"age":70}"#).is_err());
    }
}
