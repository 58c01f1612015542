//! The words of the product: ids, time, scores, decisions, consent, quality. Plain data, no I/O.

pub mod age;
pub mod audio_format;
pub mod consent;
pub mod decision;
pub mod event;
pub mod ids;
pub mod quality;
pub mod redaction;
pub mod risk;
pub mod role;
pub mod score;
pub mod time;
pub mod version;

pub use age::{
    ADULT_YEARS, AgeClass, AgeClassSetting, AgeEstimate, AgeYears, ConfidenceBand, RoutingHint,
    RoutingQueue, SENIOR_YEARS,
};
pub use audio_format::{AudioEncoding, AudioFormat};
pub use consent::{Authorization, ConsentProof, ConsentRecord, ConsentRefusal, Purpose};
pub use decision::{Decision, PadStatus, Reason};
pub use event::{AuditKind, Event, EventScore};
pub use ids::{
    ApiKeyId, BehaviorProfileId, ConsentId, DecisionId, EnrollmentId, IdError, ReceiptId,
    SessionId, SubjectId, TenantId, UtteranceId, VoiceprintId,
};
pub use quality::{Bandwidth, Quality};
pub use redaction::RedactionMode;
pub use risk::{
    Amount, AmountError, Assurance, FactorCategory, FactorName, Finding, FindingKind, IntentId,
    Modality, NextStep, PadOutcome, QueueName, Risk, RuleName, SessionChannel, SessionReason,
    probability_of,
};
pub use role::Role;
pub use score::{Llr, Probability, RawScore, ScoreBand};
pub use time::{DurationMs, Timestamp};
pub use version::{ArtifactRef, LicenseClass, Versions};
