//! The words of the product: ids, time, scores, decisions, consent, quality. Plain data, no I/O.

pub mod age;
pub mod amount;
pub mod audio_format;
pub mod calibration;
pub mod consent;
pub mod decision;
pub mod event;
pub mod feedback;
pub mod ids;
pub mod phone;
pub mod policy_name;
pub mod quality;
pub mod redaction;
pub mod risk;
pub mod role;
pub mod score;
pub mod session_reason;
pub mod source;
pub mod time;
pub mod version;

pub use age::{
    ADULT_YEARS, AgeClass, AgeClassSetting, AgeEstimate, AgeYears, ConfidenceBand, RoutingHint,
    RoutingQueue, SENIOR_YEARS,
};
pub use amount::{Amount, AmountError};
pub use audio_format::{AudioEncoding, AudioFormat};
pub use calibration::TenantCalibration;
pub use consent::{Authorization, ConsentProof, ConsentRecord, ConsentRefusal, Purpose};
pub use decision::{Decision, PadStatus, Reason};
pub use event::{AuditKind, Event, EventScore};
pub use feedback::{Feedback, FeedbackKind};
pub use ids::{
    ApiKeyId, BehaviorProfileId, ConsentId, DecisionId, EnrollmentId, IdError, ReceiptId,
    SessionId, SubjectId, TenantId, UtteranceId, VoiceprintId,
};
pub use phone::{PhoneNumber, PhoneNumberError};
pub use policy_name::{FactorName, IntentId, QueueName, RuleName};
pub use quality::{Bandwidth, Quality};
pub use redaction::RedactionMode;
pub use risk::{
    Assurance, FactorCategory, Finding, FindingKind, Modality, NextStep, PadOutcome, Risk,
    SessionChannel, probability_of,
};
pub use role::Role;
pub use score::{Llr, Probability, RawScore, ScoreBand};
pub use session_reason::SessionReason;
pub use source::{Source, SourceKind};
pub use time::{DurationMs, Timestamp};
pub use version::{ArtifactRef, LicenseClass, Versions};
