//! What is asked about texts.

use crate::domain::{Authorization, RedactionMode, SubjectId, Timestamp};
use crate::usecase::command::{IdempotencyKey, OtherFactor};

/// A message of a person, as it came. No `Debug`, like the commands that hold some: what was written must
/// not reach a log.
#[derive(Clone)]
pub struct RawText {
    /// The text.
    pub content: String,
    /// When it was sent, where that is known.
    pub sent_at: Option<Timestamp>,
}

/// Add texts to a style profile.
#[derive(Clone)]
pub struct EnrollTexts {
    /// Who is enrolled.
    pub subject: SubjectId,
    /// In the order they were sent.
    pub texts: Vec<RawText>,
    /// Who authorized it and how the subject was authenticated.
    pub authorization: Authorization,
    /// Replace an existing profile once complete.
    pub reenroll: bool,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Verify a claim by texts.
#[derive(Clone)]
pub struct VerifyTexts {
    /// Claimed identity.
    pub subject: SubjectId,
    /// In the order they were sent.
    pub texts: Vec<RawText>,
    /// Another factor of this session, if there was one.
    pub other: Option<OtherFactor>,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Take personal data out of a text.
#[derive(Clone)]
pub struct RedactText {
    /// The text.
    pub text: String,
}

/// Choose how personal data is taken out of the tenant's texts.
#[derive(Debug, Clone)]
pub struct SetRedaction {
    /// How.
    pub mode: RedactionMode,
    /// Idempotency.
    pub key: IdempotencyKey,
}
