//! What a client without a role for fine scores may hear of a verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Decision, FactorName, NextStep, Risk, ScoreBand, SessionReason, probability_of,
};
use crate::policy::session::active::ActivePolicy;
use crate::policy::session::decide::decide_stored;
use crate::policy::session::{DecisionFacts, DecisionRecord, SessionVerdict, SubjectStanding};

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

/// The same where the policy asks for constant answers, else nothing. Until the last word is spoken, everybody who is not
/// accepted is answered like somebody enrolled of whom nothing was heard yet, so that neither the moment of a comparison
/// nor what it came to tells anything.
pub fn constant_answer(
    policy: &ActivePolicy,
    facts: &DecisionFacts,
    verdict: &SessionVerdict,
    last: bool,
) -> Option<Outside> {
    if !policy.file().constant_answers {
        return None;
    }
    let told = outside(policy, verdict);
    if last || verdict.decision == Decision::Accept {
        return Some(told);
    }
    let (subject, evidence) = (SubjectStanding::Enrolled, BTreeMap::new());
    let waiting = DecisionFacts { subject, evidence, changed_ms_ago: None, ..facts.clone() };
    let waiting = decide_stored(policy, &waiting);
    if waiting.decision == Decision::Accept {
        return Some(told);
    }
    Some(outside(policy, &waiting))
}

impl DecisionRecord {
    /// The record as somebody may know it who was told this.
    pub fn as_told(&self, told: &Outside) -> Self {
        if told.decision == Decision::Accept {
            return self.clone();
        }
        let facts = DecisionFacts {
            subject: SubjectStanding::Enrolled,
            evidence: BTreeMap::new(),
            net_speech_ms: 0,
            changed_ms_ago: None,
            ..self.facts.clone()
        };
        let verdict = SessionVerdict {
            decision: told.decision,
            next: told.next,
            factors: told.factors.clone(),
            reasons: told.reasons.clone(),
            p_genuine: probability_of(0.0),
            risk: Risk::from_log_odds(0.0),
            fused: None,
            covered: None,
            contributions: Vec::new(),
            rules: Default::default(),
            ..self.verdict.clone()
        };
        Self { facts, verdict, would_change: Vec::new() }
    }
}
