//! What people found out about a decision afterwards.

use crate::domain::{ApiKeyId, Decision, DecisionId, Timestamp};

/// What became of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FeedbackKind {
    /// It was the person.
    ConfirmedGenuine,
    /// It was somebody else.
    ConfirmedFraud,
    /// The decision or a finding of it raised an alarm about the right person.
    FalseAlarm,
    /// Somebody did something else than was decided. Says nothing about who it was.
    Overridden,
}

impl FeedbackKind {
    /// Every kind, in order of declaration.
    pub const ALL: [Self; 4] =
        [Self::ConfirmedGenuine, Self::ConfirmedFraud, Self::FalseAlarm, Self::Overridden];

    /// The name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmedGenuine => "confirmed_genuine",
            Self::ConfirmedFraud => "confirmed_fraud",
            Self::FalseAlarm => "false_alarm",
            Self::Overridden => "overridden",
        }
    }

    /// Whether it was the person; `None` where that was not found out.
    pub const fn genuine(self) -> Option<bool> {
        match self {
            Self::ConfirmedGenuine | Self::FalseAlarm => Some(true),
            Self::ConfirmedFraud => Some(false),
            Self::Overridden => None,
        }
    }
}

/// One entry about a decision.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Feedback {
    /// What became of it.
    pub kind: FeedbackKind,
    /// What was done instead; only with [`FeedbackKind::Overridden`].
    pub instead: Option<Decision>,
    /// Who found out, pseudonymous.
    pub reviewer: String,
    /// Why, without personal data that a pattern tells.
    pub reason: Option<String>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The audit record of it.
    pub record: DecisionId,
    /// The API key it came with.
    pub actor: Option<ApiKeyId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_found_out_is_a_label() {
        let labels = FeedbackKind::ALL.map(FeedbackKind::genuine);
        assert_eq!(labels, [Some(true), Some(false), Some(true), None]);
    }
}
