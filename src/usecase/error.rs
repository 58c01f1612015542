//! Why a use-case could not run. A rejection is not an error.

use crate::domain::{ArtifactRef, DurationMs};
use crate::policy::session::PolicyChangeError;

/// Errors of every use-case; `grpc::status` maps each to one gRPC code and `ErrorInfo.reason`.
#[derive(Debug, thiserror::Error)]
pub enum UseCaseError {
    /// No, unknown or revoked API key.
    #[error("no valid API key was presented")]
    Unauthenticated,
    /// The role may not do this.
    #[error("the role of this API key may not do this: needs {needs}")]
    PermissionDenied {
        /// Roles that may.
        needs: &'static str,
    },
    /// A field is missing or wrong.
    #[error("{field}: {problem}")]
    InvalidArgument {
        /// Path of the field, as in the proto.
        field: &'static str,
        /// What is wrong, with the limit and what came.
        problem: String,
    },
    /// The audio cannot be read or is over a limit.
    #[error("audio: {problem}")]
    BadAudio {
        /// What is wrong, with the limit and what came.
        problem: String,
    },
    /// A capture of behavior cannot be read or is over a limit.
    #[error("captures[{index}]: {problem}")]
    BadCapture {
        /// Its place in the request, from 0.
        index: usize,
        /// What is wrong, with the limit and what came; never content.
        problem: String,
    },
    /// Nothing of that kind and id with this tenant.
    #[error("{what} not found")]
    NotFound {
        /// Kind of thing.
        what: &'static str,
    },
    /// It exists already.
    #[error("{what} exists already")]
    AlreadyExists {
        /// Kind of thing.
        what: &'static str,
    },
    /// The idempotency key was used with another content.
    #[error("this idempotency key was used with another request")]
    IdempotencyMismatch,
    /// A live call under the same idempotency key is not over yet.
    #[error("a live call under this idempotency key is not over yet")]
    KeyInUse,
    /// The subject has no current consent for this.
    #[error("no current consent covers this use")]
    ConsentMissing,
    /// The subject opted out.
    #[error("the subject opted out")]
    OptedOut,
    /// The voice model that is configured, or that a tenant was enrolled with, is not there.
    #[error(
        "voice model `{model}` is not there: run `vouch model install {model}`, then start the server \
         again"
    )]
    ModelMissing {
        /// The model.
        model: String,
    },
    /// The tenant has not enabled the age class.
    #[error(
        "the age class is not enabled for this tenant: an admin can, with the notice for callers"
    )]
    AgeClassDisabled,
    /// There is no age head for the model in force.
    #[error("there is no age head of license class {class} for voice model `{model}`")]
    AgeHeadMissing {
        /// The model.
        model: String,
        /// The class that is needed.
        class: &'static str,
    },
    /// A change of policy that the rules refuse.
    #[error("{0}")]
    PolicyChange(PolicyChangeError),
    /// The policy in force for the tenant cannot be used by this server; no session opens until another one is.
    #[error(
        "the policy {0} in force for this tenant cannot be used by this server: put another one in force"
    )]
    PolicyUnusable(ArtifactRef),
    /// As much is kept as may be: something must go before more can come.
    #[error("a limit is reached: {problem}")]
    LimitReached {
        /// What is limited, with the limit and what it would be.
        problem: String,
    },
    /// Another request changed the subject at the same time; try again.
    #[error("another request changed the subject at the same time")]
    Conflict,
    /// A queue is full.
    #[error("busy: {queue} is full, retry in {retry_after_ms} ms")]
    Busy {
        /// Which one.
        queue: &'static str,
        /// When to come back.
        retry_after_ms: DurationMs,
    },
    /// Live audio arrives faster than it can be processed.
    #[error("{backlog_ms} ms of audio are waiting, at most {limit_ms} may")]
    Backlog {
        /// Waiting.
        backlog_ms: DurationMs,
        /// Limit.
        limit_ms: DurationMs,
    },
    /// The store cannot take or give anything now (disk full, locked).
    #[error("the store is not available")]
    StoreUnavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Stored data fails its integrity check.
    #[error("stored data failed its integrity check")]
    Integrity(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A defect of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}
