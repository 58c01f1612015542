//! What a client without a role for fine scores may hear of a verdict.

use serde::{Deserialize, Serialize};

use crate::domain::{Decision, FactorName, NextStep, ScoreBand, SessionReason};
use crate::policy::session::SessionVerdict;
use crate::policy::session::active::ActivePolicy;

/// Steps in which a risk is told outside, in points: too coarse to climb by.
const RISK_STEP: u8 = 25;

/// A verdict as it is told outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outside {
    /// The decision.
    pub decision: Decision,
    /// What should happen next.
    pub next: NextStep,
    /// Factors that could help.
    pub factors: Vec<FactorName>,
    /// Why.
    pub reasons: Vec<SessionReason>,
    /// Coarse strength of the fused evidence.
    pub band: Option<ScoreBand>,
    /// Risk, rounded down to 0, 25, 50, 75 or 100.
    pub coarse_risk: Option<u8>,
}

/// The verdict as a client hears it. Where the policy asks for constant answers, everything but ACCEPT
/// goes without scores, and unknown, opted-out, expired, locked and rejected subjects cannot be told apart:
/// STEP_UP to a person, with the same factors and reason for all.
pub fn outside(policy: &ActivePolicy, verdict: &SessionVerdict) -> Outside {
    let plain = Outside {
        decision: verdict.decision,
        next: verdict.next,
        factors: verdict.factors.clone(),
        reasons: verdict.reasons.clone(),
        band: verdict.fused.map(|llr| llr.band()),
        coarse_risk: Some(verdict.risk.points() / RISK_STEP * RISK_STEP),
    };
    if !policy.file().constant_answers {
        return plain;
    }
    match verdict.decision {
        Decision::Accept => plain,
        Decision::StepUp | Decision::Inconclusive => {
            let told = |r: &SessionReason| {
                matches!(
                    r,
                    SessionReason::RiskUncertain
                        | SessionReason::AssuranceMissing
                        | SessionReason::SpeakLonger
                        | SessionReason::NothingMeasured
                )
            };
            let reasons = verdict.reasons.iter().copied().filter(told).collect();
            Outside { reasons, band: None, coarse_risk: None, ..plain }
        }
        _ => Outside {
            decision: Decision::StepUp,
            next: NextStep::Human,
            factors: policy.file().factors.keys().cloned().collect(),
            reasons: vec![SessionReason::AssuranceMissing],
            band: None,
            coarse_risk: None,
        },
    }
}
