//! Why a policy file is refused. Each message says where and what is permitted.

use crate::domain::RuleName;

/// Errors of this module.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SessionPolicyError {
    /// The file is too long.
    #[error("a session policy has at most {limit} bytes, this one has {got}")]
    TooLarge {
        /// The limit.
        limit: usize,
        /// What came.
        got: usize,
    },
    /// Not TOML, or not of this shape; the message has line and column.
    #[error("session policy: {0}")]
    Shape(String),
    /// A number is out of its range.
    #[error("session policy {field}: {value} is not within {low} to {high}")]
    OutOfRange {
        /// Path of the number, as in the file.
        field: String,
        /// What came.
        value: f64,
        /// Least that is permitted.
        low: f64,
        /// Most that is permitted.
        high: f64,
    },
    /// A list is too long or too short.
    #[error("session policy {field}: {least} to {most} entries, got {got}")]
    Count {
        /// Path of the list.
        field: String,
        /// Least that is permitted.
        least: usize,
        /// Most that is permitted.
        most: usize,
        /// What came.
        got: usize,
    },
    /// Something does not fit together.
    #[error("session policy {field}: {why}")]
    Unfit {
        /// Path of the entry.
        field: String,
        /// Why.
        why: String,
    },
    /// The file breaks what its profile promises.
    #[error("session policy {field}: the profile {profile} does not permit this: {why}")]
    Profile {
        /// The profile.
        profile: &'static str,
        /// Path of the entry.
        field: String,
        /// Why.
        why: String,
    },
    /// The condition of a rule is unusable.
    #[error("session policy rule {rule}, line {line}, column {column} of `when`: {why}")]
    Rule {
        /// Which rule.
        rule: RuleName,
        /// Line within the condition, from 1.
        line: usize,
        /// Column in it, from 1.
        column: usize,
        /// Why.
        why: String,
    },
}

impl SessionPolicyError {
    /// Something does not fit together.
    pub(super) fn unfit(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Unfit { field: field.into(), why: why.into() }
    }
}
