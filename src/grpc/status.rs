//! Use-case errors as gRPC statuses: one place, exhaustive. Details for machines are
//! `google.rpc.ErrorInfo` (reason, domain `vouch`), `BadRequest` and `RetryInfo`; what lies behind an
//! internal error goes to the log, never to the caller.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::domain::DurationMs;
use crate::usecase::UseCaseError;
use crate::usecase::policies::PolicyChangeError;

/// `ErrorInfo.domain` of every error of this server.
pub const ERROR_DOMAIN: &str = "vouch";

/// `ErrorInfo.reason` values; stable, clients may switch over them.
pub mod reason {
    /// No, unknown or revoked API key.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// The role may not do this.
    pub const PERMISSION_DENIED: &str = "PERMISSION_DENIED";
    /// A field is missing or wrong; `BadRequest` names it.
    pub const INVALID_ARGUMENT: &str = "INVALID_ARGUMENT";
    /// The audio cannot be read or is over a limit.
    pub const BAD_AUDIO: &str = "BAD_AUDIO";
    /// A capture of behavior cannot be read or is over a limit; `BadRequest` names it.
    pub const BAD_CAPTURE: &str = "BAD_CAPTURE";
    /// Nothing of that kind and id.
    pub const NOT_FOUND: &str = "NOT_FOUND";
    /// It exists already.
    pub const ALREADY_EXISTS: &str = "ALREADY_EXISTS";
    /// The idempotency key was used with another content.
    pub const IDEMPOTENCY_MISMATCH: &str = "IDEMPOTENCY_MISMATCH";
    /// A live call under the same idempotency key is not over yet.
    pub const IDEMPOTENCY_KEY_IN_USE: &str = "IDEMPOTENCY_KEY_IN_USE";
    /// No current consent.
    pub const CONSENT_MISSING: &str = "CONSENT_MISSING";
    /// The subject opted out.
    pub const OPTED_OUT: &str = "OPTED_OUT";
    /// No voice model is installed.
    pub const MODEL_MISSING: &str = "MODEL_MISSING";
    /// The tenant has not enabled the age class.
    pub const AGE_CLASS_DISABLED: &str = "AGE_CLASS_DISABLED";
    /// There is no age head for the model in force.
    pub const AGE_HEAD_MISSING: &str = "AGE_HEAD_MISSING";
    /// Whoever asked for a change of policy cannot decide on it.
    pub const SECOND_PERSON_NEEDED: &str = "SECOND_PERSON_NEEDED";
    /// Another change of policy is on its way.
    pub const POLICY_CHANGE_PENDING: &str = "POLICY_CHANGE_PENDING";
    /// No change to that policy is on its way, or no policy runs in shadow.
    pub const NO_POLICY_CHANGE: &str = "NO_POLICY_CHANGE";
    /// The digest is not that of the file.
    pub const POLICY_OTHER_BYTES: &str = "POLICY_OTHER_BYTES";
    /// The version names another file already.
    pub const POLICY_VERSION_USED: &str = "POLICY_VERSION_USED";
    /// It cannot be gone back to: never in force, in force already, or its file is kept no more.
    pub const POLICY_NO_WAY_BACK: &str = "POLICY_NO_WAY_BACK";
    /// The tenant has proposed as many versions as it may.
    pub const POLICY_LIMIT: &str = "POLICY_LIMIT";
    /// The policy in force cannot be used by this server.
    pub const POLICY_UNUSABLE: &str = "POLICY_UNUSABLE";
    /// As much is kept of something as may be: phone numbers, consents, profiles, outcomes.
    pub const LIMIT_REACHED: &str = "LIMIT_REACHED";
    /// Another request changed the subject.
    pub const CONFLICT: &str = "CONFLICT";
    /// A queue or a limit on calls is full.
    pub const BUSY: &str = "BUSY";
    /// Live audio arrives faster than it can be processed.
    pub const BACKLOG: &str = "BACKLOG";
    /// The store cannot be used now.
    pub const STORE_UNAVAILABLE: &str = "STORE_UNAVAILABLE";
    /// Stored data fails its integrity check.
    pub const INTEGRITY: &str = "INTEGRITY";
    /// A defect of the server.
    pub const INTERNAL: &str = "INTERNAL";
    /// The call took longer than allowed.
    pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
    /// The server is stopping.
    pub const STOPPING: &str = "STOPPING";
    /// A message is longer than the server reads; the metadata has `limit_bytes` and `got_bytes`.
    pub const MESSAGE_TOO_LARGE: &str = "MESSAGE_TOO_LARGE";
    /// Another connection went on with the session, or this one reads too slowly.
    pub const SESSION_MOVED: &str = "SESSION_MOVED";
    /// Messages of a stream in the wrong order.
    pub const STREAM_ORDER: &str = "STREAM_ORDER";
}

/// When to come back after the store could not be used or the server stopped.
const RETRY_LATER: Duration = Duration::from_secs(1);

/// A field of a request that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct BadField {
    /// Path as in the proto, e.g. `audio.config.encoding`.
    pub field: String,
    /// What is wrong, with the limit and what came.
    pub problem: String,
}

impl BadField {
    /// A wrong field.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

impl From<BadField> for Status {
    fn from(bad: BadField) -> Self {
        bad_request(&bad.field, &bad.problem)
    }
}

fn info(code: Code, why: &str, message: impl Into<String>) -> Status {
    with(code, why, message, ErrorDetails::new())
}

fn with(code: Code, why: &str, message: impl Into<String>, mut details: ErrorDetails) -> Status {
    details.set_error_info(why, ERROR_DOMAIN, HashMap::new());
    Status::with_error_details(code, message, details)
}

fn retry(code: Code, why: &str, message: impl Into<String>, after: Duration) -> Status {
    with(code, why, message, ErrorDetails::with_retry_info(Some(after)))
}

fn bad_request(field: &str, problem: &str) -> Status {
    let details = ErrorDetails::with_bad_request_violation(field, problem);
    with(Code::InvalidArgument, reason::INVALID_ARGUMENT, format!("{field}: {problem}"), details)
}

/// Messages of a stream in the wrong order.
pub fn stream_order(problem: &str) -> Status {
    let details = ErrorDetails::with_bad_request_violation("message", problem);
    with(Code::InvalidArgument, reason::STREAM_ORDER, problem, details)
}

/// A limit on calls or queues is reached.
pub fn busy(what: &str, after: Duration) -> Status {
    let message = format!("busy: {what} is full, retry in {} ms", after.as_millis());
    retry(Code::ResourceExhausted, reason::BUSY, message, after)
}

/// A message is longer than the server reads. Without a time to come back: it will not become shorter.
pub fn message_too_large(got_bytes: u32, limit_bytes: usize) -> Status {
    let message = format!("a message of {got_bytes} bytes came, at most {limit_bytes} are read");
    let numbers = HashMap::from([
        ("limit_bytes".to_owned(), limit_bytes.to_string()),
        ("got_bytes".to_owned(), got_bytes.to_string()),
    ]);
    let mut details = ErrorDetails::new();
    details.set_error_info(reason::MESSAGE_TOO_LARGE, ERROR_DOMAIN, numbers);
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// The call took longer than allowed.
pub fn deadline(limit: Duration) -> Status {
    let message = format!("not done within {} ms", limit.as_millis());
    info(Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED, message)
}

/// The server stops and takes no more calls.
pub fn stopping() -> Status {
    retry(Code::Unavailable, reason::STOPPING, "the server is stopping", RETRY_LATER)
}

/// Another connection went on with the session, or the client reads too slowly to be told what it must
/// know: it can resume.
pub fn session_moved() -> Status {
    let message = "this connection was replaced by another one, or it reads too slowly; resume";
    info(Code::Aborted, reason::SESSION_MOVED, message)
}

/// A defect of the server; `what` goes to the log.
pub fn internal(what: &str) -> Status {
    tracing::error!(target: "vouch::grpc", what, "internal error");
    info(Code::Internal, reason::INTERNAL, "internal error")
}

/// Live audio waiting to be processed is over the limit.
pub fn backlog(backlog_ms: DurationMs, limit_ms: DurationMs) -> Status {
    status(&UseCaseError::Backlog { backlog_ms, limit_ms })
}

/// The status of a use-case error.
pub fn status(error: &UseCaseError) -> Status {
    let text = error.to_string();
    match error {
        UseCaseError::Unauthenticated => info(Code::Unauthenticated, reason::UNAUTHENTICATED, text),
        UseCaseError::PermissionDenied { .. } => {
            info(Code::PermissionDenied, reason::PERMISSION_DENIED, text)
        }
        UseCaseError::InvalidArgument { field, problem } => bad_request(field, problem),
        UseCaseError::BadAudio { problem } => with(
            Code::InvalidArgument,
            reason::BAD_AUDIO,
            text,
            ErrorDetails::with_bad_request_violation("audio", problem),
        ),
        UseCaseError::BadCapture { index, problem } => with(
            Code::InvalidArgument,
            reason::BAD_CAPTURE,
            text,
            ErrorDetails::with_bad_request_violation(format!("captures[{index}]"), problem),
        ),
        UseCaseError::NotFound { .. } => info(Code::NotFound, reason::NOT_FOUND, text),
        UseCaseError::AlreadyExists { .. } => {
            info(Code::AlreadyExists, reason::ALREADY_EXISTS, text)
        }
        UseCaseError::IdempotencyMismatch => with(
            Code::InvalidArgument,
            reason::IDEMPOTENCY_MISMATCH,
            text.clone(),
            ErrorDetails::with_bad_request_violation("idempotency_key", text),
        ),
        UseCaseError::KeyInUse => info(Code::Aborted, reason::IDEMPOTENCY_KEY_IN_USE, text),
        UseCaseError::ConsentMissing => {
            info(Code::FailedPrecondition, reason::CONSENT_MISSING, text)
        }
        UseCaseError::OptedOut => info(Code::FailedPrecondition, reason::OPTED_OUT, text),
        UseCaseError::ModelMissing { .. } => {
            info(Code::FailedPrecondition, reason::MODEL_MISSING, text)
        }
        UseCaseError::AgeClassDisabled => {
            info(Code::FailedPrecondition, reason::AGE_CLASS_DISABLED, text)
        }
        UseCaseError::AgeHeadMissing { .. } => {
            info(Code::FailedPrecondition, reason::AGE_HEAD_MISSING, text)
        }
        UseCaseError::PolicyChange(refused) => policy_change(refused, text),
        UseCaseError::PolicyUnusable(_) => {
            info(Code::FailedPrecondition, reason::POLICY_UNUSABLE, text)
        }
        // Not RESOURCE_EXHAUSTED: coming back later helps nothing.
        UseCaseError::LimitReached { .. } => {
            info(Code::FailedPrecondition, reason::LIMIT_REACHED, text)
        }
        UseCaseError::Conflict => info(Code::Aborted, reason::CONFLICT, text),
        UseCaseError::Busy { retry_after_ms, .. } => retry(
            Code::ResourceExhausted,
            reason::BUSY,
            text,
            Duration::from_millis(*retry_after_ms),
        ),
        UseCaseError::Backlog { backlog_ms, limit_ms } => retry(
            Code::ResourceExhausted,
            reason::BACKLOG,
            text,
            Duration::from_millis((*limit_ms).min(*backlog_ms)),
        ),
        UseCaseError::StoreUnavailable(source) => {
            log_sources("store unavailable", source.as_ref());
            retry(Code::Unavailable, reason::STORE_UNAVAILABLE, text, RETRY_LATER)
        }
        UseCaseError::Integrity(source) => {
            log_sources("integrity check failed", source.as_ref());
            info(Code::DataLoss, reason::INTEGRITY, text)
        }
        UseCaseError::Internal(source) => {
            log_sources("internal error", source.as_ref());
            info(Code::Internal, reason::INTERNAL, text)
        }
    }
}

fn policy_change(refused: &PolicyChangeError, text: String) -> Status {
    use PolicyChangeError as E;
    let why = match refused {
        E::SamePerson => reason::SECOND_PERSON_NEEDED,
        E::Pending(_) => reason::POLICY_CHANGE_PENDING,
        E::NotPending(_) | E::NoShadow => reason::NO_POLICY_CHANGE,
        E::OtherBytes(_) => reason::POLICY_OTHER_BYTES,
        E::UsedVersion(_) => reason::POLICY_VERSION_USED,
        E::NeverInForce(_) | E::AlreadyActive(_) | E::NotKept { .. } => reason::POLICY_NO_WAY_BACK,
        E::TooMany { .. } => reason::POLICY_LIMIT,
        E::NoSuchVersion(_) => return info(Code::NotFound, reason::NOT_FOUND, text),
    };
    info(Code::FailedPrecondition, why, text)
}

/// The code alone, for the log.
pub fn code(number: i32) -> &'static str {
    match Code::from_i32(number) {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Logs an error and what it came from.
fn log_sources(what: &str, error: &(dyn Error + 'static)) {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    tracing::error!(target: "vouch::grpc", cause = %text, "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ArtifactRef;

    fn boxed(text: &str) -> Box<dyn Error + Send + Sync> {
        text.into()
    }

    fn cases() -> Vec<(UseCaseError, Code, &'static str)> {
        use UseCaseError as E;
        vec![
            (E::Unauthenticated, Code::Unauthenticated, reason::UNAUTHENTICATED),
            (
                E::PermissionDenied { needs: "admin" },
                Code::PermissionDenied,
                reason::PERMISSION_DENIED,
            ),
            (
                E::InvalidArgument { field: "page_size", problem: "at most 1000, got 2000".into() },
                Code::InvalidArgument,
                reason::INVALID_ARGUMENT,
            ),
            (E::BadAudio { problem: "truncated".into() }, Code::InvalidArgument, reason::BAD_AUDIO),
            (
                E::BadCapture { index: 3, problem: "no events".into() },
                Code::InvalidArgument,
                reason::BAD_CAPTURE,
            ),
            (E::NotFound { what: "subject" }, Code::NotFound, reason::NOT_FOUND),
            (E::AlreadyExists { what: "subject" }, Code::AlreadyExists, reason::ALREADY_EXISTS),
            (E::IdempotencyMismatch, Code::InvalidArgument, reason::IDEMPOTENCY_MISMATCH),
            (E::KeyInUse, Code::Aborted, reason::IDEMPOTENCY_KEY_IN_USE),
            (E::ConsentMissing, Code::FailedPrecondition, reason::CONSENT_MISSING),
            (E::OptedOut, Code::FailedPrecondition, reason::OPTED_OUT),
            (
                E::ModelMissing { model: "campplus".into() },
                Code::FailedPrecondition,
                reason::MODEL_MISSING,
            ),
            (E::AgeClassDisabled, Code::FailedPrecondition, reason::AGE_CLASS_DISABLED),
            (
                E::AgeHeadMissing { model: "campplus".into(), class: "open" },
                Code::FailedPrecondition,
                reason::AGE_HEAD_MISSING,
            ),
            (
                E::PolicyChange(PolicyChangeError::SamePerson),
                Code::FailedPrecondition,
                reason::SECOND_PERSON_NEEDED,
            ),
            (
                E::PolicyChange(PolicyChangeError::NoSuchVersion(ArtifactRef::new("bank", 2))),
                Code::NotFound,
                reason::NOT_FOUND,
            ),
            (
                E::PolicyUnusable(ArtifactRef::new("bank", 2)),
                Code::FailedPrecondition,
                reason::POLICY_UNUSABLE,
            ),
            (
                E::LimitReached { problem: "phone numbers: at most 8".into() },
                Code::FailedPrecondition,
                reason::LIMIT_REACHED,
            ),
            (E::Conflict, Code::Aborted, reason::CONFLICT),
            (
                E::Busy { queue: "engine", retry_after_ms: 250 },
                Code::ResourceExhausted,
                reason::BUSY,
            ),
            (
                E::Backlog { backlog_ms: 2500, limit_ms: 2000 },
                Code::ResourceExhausted,
                reason::BACKLOG,
            ),
            (
                E::StoreUnavailable(boxed("disk at /secret is full")),
                Code::Unavailable,
                reason::STORE_UNAVAILABLE,
            ),
            (E::Integrity(boxed("row 7 of /secret")), Code::DataLoss, reason::INTEGRITY),
            (E::Internal(boxed("bug in /secret")), Code::Internal, reason::INTERNAL),
        ]
    }

    #[test]
    fn every_error_has_its_code_and_reason_and_hides_its_cause() {
        for (error, code, why) in cases() {
            let status = status(&error);
            assert_eq!(status.code(), code, "{error}");
            let info = status.get_details_error_info().expect("ErrorInfo is set");
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (why, ERROR_DOMAIN));
            assert!(!status.message().contains("/secret"), "{}", status.message());
            assert!(!String::from_utf8_lossy(status.details()).contains("/secret"));
        }
    }

    #[test]
    fn exhaustion_says_when_to_come_back() {
        for (error, code, _) in cases() {
            let status = status(&error);
            let retry = status.get_details_retry_info();
            let expects = matches!(code, Code::ResourceExhausted | Code::Unavailable);
            assert_eq!(retry.is_some_and(|r| r.retry_delay.is_some()), expects, "{error}");
        }
    }

    #[test]
    fn a_bad_field_is_named() {
        let status = Status::from(BadField::new("audio.config.channels", "at most 8, got 9"));
        let bad = status.get_details_bad_request().expect("BadRequest is set");
        assert_eq!(bad.field_violations[0].field, "audio.config.channels");
        assert_eq!(bad.field_violations[0].description, "at most 8, got 9");
    }
}
