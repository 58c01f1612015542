//! Thresholds and rules: the only place where a threshold lives. Pure functions of their inputs; time
//! is an argument.

pub mod adaptation;
pub mod admission;
pub mod age;
pub mod attempts;
pub mod behavior;
pub mod conversation;
pub mod enrollment;
pub mod identification;
pub mod rules;
pub mod session;
pub mod sources;
pub mod verification;

pub use adaptation::AdaptationRules;
pub use admission::{Standing, admit};
pub use age::{AgeRules, AgeVerdict, classify_age};
pub use attempts::{Attempts, Outcome};
pub use behavior::{
    BehaviorEvidence, BehaviorNeeds, BehaviorRules, BehaviorVerdict, decide_behavior,
    refuse_capture,
};
pub use conversation::{ConversationRules, StyleEvidence, decide_style, refuse_texts};
pub use enrollment::{Judgement, UtteranceEvidence, judge_utterance};
pub use identification::{IdentificationEvidence, decide_identification};
pub use rules::{
    AttemptRules, EnrollmentRules, IdentificationRules, PolicyError, VerificationRules, VoicePolicy,
};
pub use sources::{SourceAttempts, SourceHold, SourceLimits, SourceRules};
pub use verification::{VerificationEvidence, decide_verification};

use crate::domain::{Decision, Reason};

/// A decision and why, without repeated reasons.
pub type Verdict = (Decision, Vec<Reason>);

/// Appends reasons that are not there yet.
fn add(reasons: &mut Vec<Reason>, more: &[Reason]) {
    for reason in more {
        if !reasons.contains(reason) {
            reasons.push(*reason);
        }
    }
}
