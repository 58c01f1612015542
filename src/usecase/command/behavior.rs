//! What is asked about behavior.

use crate::domain::{Authorization, BehaviorProfileId, SubjectId};
use crate::usecase::command::{IdempotencyKey, RawCapture};

/// Add captures to a profile of behavior. No `Debug`, like the other commands that hold captures: what
/// was typed must not reach a log.
#[derive(Clone)]
pub struct EnrollBehavior {
    /// Who is enrolled.
    pub subject: SubjectId,
    /// As they came; all of one kind, class of device and text.
    pub captures: Vec<RawCapture>,
    /// Who authorized it and how the subject was authenticated.
    pub authorization: Authorization,
    /// Replace an existing profile once complete.
    pub reenroll: bool,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// What vouches for a person beside their voice or behavior, and what may follow from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherFactor {
    /// Which factor, and who checked it.
    pub checked: Authorization,
    /// Let an accepted claim refresh the voiceprint or profile.
    pub adapt: bool,
}

/// Verify a claim by behavior.
#[derive(Clone)]
pub struct VerifyBehavior {
    /// Claimed identity.
    pub subject: SubjectId,
    /// As they came; all of one kind, class of device and text.
    pub captures: Vec<RawCapture>,
    /// Another factor of this session, if there was one.
    pub other: Option<OtherFactor>,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Verify a claim while captures come in.
#[derive(Debug, Clone)]
pub struct ObserveBehavior {
    /// Claimed identity.
    pub subject: SubjectId,
    /// Another factor of this session, if there was one.
    pub other: Option<OtherFactor>,
    /// Idempotency.
    pub key: IdempotencyKey,
}

/// Delete a profile of behavior.
#[derive(Debug, Clone)]
pub struct DeleteBehaviorProfile {
    /// Whose.
    pub subject: SubjectId,
    /// Which.
    pub profile: BehaviorProfileId,
    /// Idempotency.
    pub key: IdempotencyKey,
}
