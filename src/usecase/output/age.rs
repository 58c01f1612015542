//! The age class as shown.

use crate::domain::{
    AgeClass, AgeClassSetting, AgeEstimate, ArtifactRef, ConfidenceBand, DecisionId, LicenseClass,
    Probability, Quality, Reason, RoutingQueue, Versions,
};

/// A fitted age head as shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AgeHeadRef {
    /// Id and version.
    pub artifact: ArtifactRef,
    /// Terms of the data it was fitted on.
    pub license_class: LicenseClass,
    /// That data.
    pub data: Vec<String>,
}

/// Whether callers of the tenant may be categorized by age, and with what.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AgeClassStatus {
    /// Absent while it is disabled.
    pub setting: Option<AgeClassSetting>,
    /// The head in force; absent while it is disabled or there is none for the model.
    pub head: Option<AgeHeadRef>,
}

/// An audited categorization of a caller. Nothing of it is remembered but its audit record.
#[derive(Debug, Clone, PartialEq)]
pub struct AgeClassification {
    /// The class.
    pub class: AgeClass,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Only for roles with fine scores, where there was enough speech.
    pub estimate: Option<AgeEstimate>,
    /// Where the call could go.
    pub routing: Option<ShownHint>,
    /// Quality of the recording.
    pub quality: Quality,
    /// What produced it.
    pub head: AgeHeadRef,
    /// Its audit record.
    pub decision_id: DecisionId,
    /// Versions.
    pub versions: Versions,
}

/// A routing hint as the caller may see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShownHint {
    /// Which queue.
    pub queue: RoutingQueue,
    /// Why.
    pub reason: Reason,
    /// How likely the reason holds.
    pub band: ConfidenceBand,
    /// The same as a number; only for roles with fine scores.
    pub confidence: Option<Probability>,
}
