//! Age by voice: an estimate, a class, and what a tenant has agreed to. It categorizes a caller; it is
//! never evidence of who somebody is and never an input of a decision about identity.

use crate::domain::{Probability, Reason, Timestamp};

/// Age from which on a person is a senior, in years.
pub const SENIOR_YEARS: f64 = 65.0;
/// Age under which a person is a minor, in years.
pub const ADULT_YEARS: f64 = 18.0;

/// What a voice says about age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AgeClass {
    /// Under [`ADULT_YEARS`].
    Minor,
    /// From [`ADULT_YEARS`] to under [`SENIOR_YEARS`].
    Adult,
    /// [`SENIOR_YEARS`] or more.
    Senior,
    /// The audio or the estimate does not allow more.
    Undetermined,
}

impl AgeClass {
    /// The name in files and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minor => "MINOR",
            Self::Adult => "ADULT",
            Self::Senior => "SENIOR",
            Self::Undetermined => "UNDETERMINED",
        }
    }
}

/// Age in years.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AgeYears {
    /// Mean of the distribution.
    pub estimate: f64,
    /// Its 10 % quantile.
    pub low: f64,
    /// Its 90 % quantile.
    pub high: f64,
}

/// The distribution of the age of a voice, as far as anybody asks for it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AgeEstimate {
    /// Mean and interval.
    pub years: AgeYears,
    /// Probability of an age under [`ADULT_YEARS`].
    pub p_minor: Probability,
    /// Probability of an age of [`SENIOR_YEARS`] or more.
    pub p_senior: Probability,
}

impl AgeEstimate {
    /// Probability of an age in between.
    pub fn p_adult(&self) -> Probability {
        let rest = 1.0 - self.p_minor.value() - self.p_senior.value();
        Probability::new(rest.clamp(0.0, 1.0)).unwrap_or(self.p_minor)
    }
}

/// A queue a call can be routed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutingQueue {
    /// For callers who should not wait.
    Priority,
}

impl RoutingQueue {
    /// The name in files and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
        }
    }
}

/// Coarse confidence, for callers without a role for fine scores.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ConfidenceBand {
    /// Less likely than not.
    Low,
    /// More likely than not.
    Medium,
    /// Odds of 4 and more.
    High,
}

/// Probabilities from which on a confidence is medium and high.
const CONFIDENCE_EDGES: [f64; 2] = [0.5, 0.8];

/// Where a call could go. A hint: the router decides.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RoutingHint {
    /// Which queue.
    pub queue: RoutingQueue,
    /// Why.
    pub reason: Reason,
    /// Probability that the reason holds.
    pub confidence: Probability,
}

impl RoutingHint {
    /// The confidence, coarse.
    pub fn band(&self) -> ConfidenceBand {
        match self.confidence.value() {
            p if p >= CONFIDENCE_EDGES[1] => ConfidenceBand::High,
            p if p >= CONFIDENCE_EDGES[0] => ConfidenceBand::Medium,
            _ => ConfidenceBand::Low,
        }
    }
}

/// A tenant's switch: it stands only where callers are given a notice.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AgeClassSetting {
    /// The notice that tells callers about it.
    pub notice_id: String,
    /// Its version.
    pub notice_version: String,
    /// The head of license class `research` may be used.
    pub research: bool,
    /// Enabled when.
    pub enabled_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(value: f64) -> Probability {
        Probability::new(value).expect("a probability")
    }

    #[test]
    fn the_classes_share_the_whole() {
        let years = AgeYears { estimate: 40.0, low: 30.0, high: 50.0 };
        let estimate =
            |minor, senior| AgeEstimate { years, p_minor: p(minor), p_senior: p(senior) };
        assert!((estimate(0.25, 0.25).p_adult().value() - 0.5).abs() < 1e-12);
        assert_eq!(estimate(0.6, 0.6).p_adult().value(), 0.0);
    }

    #[test]
    fn confidence_is_coarse() {
        let band = |c| {
            let reason = Reason::SeniorLikely;
            RoutingHint { queue: RoutingQueue::Priority, reason, confidence: p(c) }.band()
        };
        assert_eq!(band(0.3), ConfidenceBand::Low);
        assert_eq!(band(0.5), ConfidenceBand::Medium);
        assert_eq!(band(0.8), ConfidenceBand::High);
    }
}
