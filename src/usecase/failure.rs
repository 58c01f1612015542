//! Errors of the parts as errors of the use-cases, each mapped once.

use crate::audio::AudioError;
use crate::domain::ConsentRefusal;
use crate::engine::{Busy, JobFailed};
use crate::scoring::ScoringError;
use crate::scoring::search::SearchError;
use crate::store::StoreError;
use crate::usecase::UseCaseError;

/// Name of the store's write queue in answers.
pub const STORE_QUEUE: &str = "store";
/// When to come back after the store's write queue was full, in milliseconds: it is emptied with
/// each group commit.
const STORE_RETRY_MS: u64 = 100;

impl From<StoreError> for UseCaseError {
    fn from(error: StoreError) -> Self {
        let not_found = |what| Self::NotFound { what };
        let exists = |what| Self::AlreadyExists { what };
        match error {
            StoreError::NoSubject(_) => not_found("subject"),
            StoreError::NoTenant(_) => not_found("tenant"),
            StoreError::NoApiKey => not_found("API key"),
            StoreError::NoEnrollment => not_found("enrollment"),
            StoreError::NoVoiceprint => not_found("voiceprint"),
            StoreError::NoBehaviorProfile => not_found("behavior profile"),
            StoreError::NoPolicyFile => not_found("policy file"),
            StoreError::PolicyChange(refused) => Self::PolicyChange(refused),
            StoreError::NoPhoneNumber => not_found("phone number"),
            StoreError::PhoneNumberExists => exists("phone number"),
            StoreError::NoDecision => not_found("decision"),
            StoreError::DecisionErased => {
                Self::InvalidArgument { field: "decision_id", problem: error.to_string() }
            }
            StoreError::SubjectExists(_) => exists("subject"),
            StoreError::TenantExists(_) => exists("tenant"),
            StoreError::ApiKeyExists => exists("API key"),
            StoreError::VoiceprintExists => exists("voiceprint"),
            StoreError::Conflict { .. }
            | StoreError::RotationConflict { .. }
            | StoreError::SourceHeld
            | StoreError::OtherEnrollment => Self::Conflict,
            StoreError::IdempotencyMismatch => Self::IdempotencyMismatch,
            StoreError::BadPageToken => {
                Self::InvalidArgument { field: "page_token", problem: error.to_string() }
            }
            StoreError::Limit { .. } => Self::LimitReached { problem: error.to_string() },
            StoreError::TooLarge { what, .. } => {
                Self::InvalidArgument { field: what, problem: error.to_string() }
            }
            StoreError::Busy { .. } => {
                Self::Busy { queue: STORE_QUEUE, retry_after_ms: STORE_RETRY_MS }
            }
            StoreError::Integrity { .. }
            | StoreError::RowSet
            | StoreError::Schema(_)
            | StoreError::WrongMasterKey
            | StoreError::NewerSchema { .. } => Self::Integrity(Box::new(error)),
            StoreError::NoConsent(ConsentRefusal::OptedOut) => Self::OptedOut,
            StoreError::NoConsent(ConsentRefusal::NoCurrentConsent) => Self::ConsentMissing,
            StoreError::Invalid(_) | StoreError::OtherExtractor { .. } => {
                Self::Internal(Box::new(error))
            }
            StoreError::Full
            | StoreError::InUse(_)
            | StoreError::Closed
            | StoreError::Database(_)
            | StoreError::File { .. } => Self::StoreUnavailable(Box::new(error)),
        }
    }
}

impl From<Busy> for UseCaseError {
    fn from(busy: Busy) -> Self {
        Self::Busy { queue: busy.queue, retry_after_ms: busy.retry_after_ms }
    }
}

impl From<JobFailed> for UseCaseError {
    fn from(error: JobFailed) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl From<AudioError> for UseCaseError {
    fn from(error: AudioError) -> Self {
        Self::BadAudio { problem: error.to_string() }
    }
}

impl From<ScoringError> for UseCaseError {
    fn from(error: ScoringError) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl From<SearchError> for UseCaseError {
    fn from(error: SearchError) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl From<serde_json::Error> for UseCaseError {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(Box::new(error))
    }
}

/// A wrong argument.
pub(super) fn invalid(field: &'static str, problem: impl Into<String>) -> UseCaseError {
    UseCaseError::InvalidArgument { field, problem: problem.into() }
}
