//! What can be wrong with messages, profiles and background models.

use crate::scoring::ScoringError;

/// Errors of this module. None of them holds content of a message.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConversationError {
    /// Longer than a limit.
    #[error("{what}: at most {limit} {unit}, got {got}")]
    TooMuch {
        /// What is too long.
        what: &'static str,
        /// Its unit.
        unit: &'static str,
        /// The limit.
        limit: usize,
        /// What came.
        got: usize,
    },
    /// Too little to say anything.
    #[error("too little text: {what} needs at least {needed}, got {got}")]
    TooFew {
        /// What is missing.
        what: &'static str,
        /// The least that is needed.
        needed: usize,
        /// What came.
        got: usize,
    },
    /// A profile of another background model.
    #[error("the profile was made with background {enrolled}, this one is {got}")]
    Background {
        /// Of the profile.
        enrolled: String,
        /// Of the comparison.
        got: String,
    },
    /// A background model, pattern file or stored profile that cannot be used.
    #[error("unusable {what}: {why}")]
    Artifact {
        /// Which.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A file of a data set that is not as documented.
    #[error("line {line}: not a row of the chat set: {why}")]
    Dataset {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// A fit or a score that did not work out.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
}
