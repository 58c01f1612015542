//! What would have changed a decision: small changes to the facts, each tried for itself.

use crate::domain::{Amount, Decision, Finding, Llr, Modality, PadOutcome};
use crate::policy::session::active::ActivePolicy;
use crate::policy::session::decide::{decide_stored, decide_without, untried};
use crate::policy::session::{
    Change, Counterfactual, DecisionFacts, FactorOutcome, SessionVerdict, SubjectStanding,
};

/// Largest change of an LLR that is tried, in tenths of a nat.
const MAX_TENTHS: u64 = 200;

/// Every single change of the kinds of [`Change`] that would have led to another decision. A decision is
/// searched for its way to ACCEPT, an ACCEPT for its way out.
pub fn what_would_change(
    policy: &ActivePolicy,
    facts: &DecisionFacts,
    verdict: &SessionVerdict,
) -> Vec<Counterfactual> {
    let mut found = Vec::new();
    let mut tried = |change: Change, decision: Decision| {
        if decision != verdict.decision {
            found.push(Counterfactual { change, decision });
        }
    };
    let decided = |facts: &DecisionFacts| decide_stored(policy, facts).decision;
    if facts.subject == SubjectStanding::Enrolled {
        for modality in facts.evidence.keys() {
            if let Some((change, decision)) = other_llr(policy, facts, verdict, *modality) {
                tried(change, decision);
            }
        }
        let mut checked = facts.clone();
        for evidence in checked.evidence.values_mut() {
            if evidence.pad == PadOutcome::NotEvaluated {
                evidence.pad = PadOutcome::BonaFide;
            }
        }
        tried(Change::Pad, decided(&checked));
    }
    for name in untried(policy, facts) {
        let mut more = facts.clone();
        more.factors.insert(name.clone(), FactorOutcome::Passed);
        tried(Change::Factor(name.clone()), decided(&more));
    }
    let present = facts.context.findings.iter().filter(|(_, f)| **f == Finding::Present);
    for (kind, _) in present {
        let mut without = facts.clone();
        without.context.findings.insert(*kind, Finding::Absent);
        tried(Change::WithoutFinding(*kind), decided(&without));
    }
    for rule in &verdict.rules {
        tried(Change::WithoutRule(rule.clone()), decide_without(policy, facts, rule));
    }
    if let Some((change, decision)) = smaller_amount(policy, facts, verdict) {
        tried(change, decision);
    }
    found
}

/// The smallest change of one LLR, in tenths of a nat, that leads to ACCEPT or away from it. Halving finds
/// it because decisions are monotone in every LLR as long as no rule makes them otherwise; where one does,
/// what is found is still checked to be a change.
fn other_llr(
    policy: &ActivePolicy,
    facts: &DecisionFacts,
    verdict: &SessionVerdict,
    modality: Modality,
) -> Option<(Change, Decision)> {
    let llr = facts.evidence.get(&modality).filter(|e| e.enough)?.llr?;
    let accepted = verdict.decision == Decision::Accept;
    let at = |tenths: u64| {
        let nats = tenths as f64 / 10.0;
        let mut other = facts.clone();
        if let Some(evidence) = other.evidence.get_mut(&modality) {
            evidence.llr = Some(Llr(if accepted { llr.0 - nats } else { llr.0 + nats }));
        }
        decide_stored(policy, &other).decision
    };
    let crossed = |decision: Decision| (decision == Decision::Accept) != accepted;
    let tenths = least(MAX_TENTHS, |tenths| crossed(at(tenths)))?;
    let nats = tenths as f64 / 10.0;
    let change = if accepted {
        Change::LessLlr { modality, nats }
    } else {
        Change::MoreLlr { modality, nats }
    };
    Some((change, at(tenths)))
}

/// The largest sum in whole units that would have been accepted.
fn smaller_amount(
    policy: &ActivePolicy,
    facts: &DecisionFacts,
    verdict: &SessionVerdict,
) -> Option<(Change, Decision)> {
    let asked = facts.intent.amount.as_ref().filter(|_| verdict.decision != Decision::Accept)?;
    let most = asked.value().floor();
    let at = |value: f64| {
        let mut other = facts.clone();
        other.intent.amount = Amount::new(value, asked.currency()).ok();
        decide_stored(policy, &other).decision
    };
    // Counted down from what was asked for. Sums are at most 1e12, which an f64 holds exactly.
    let less = least(most as u64, |by| at(most - by as f64) == Decision::Accept)?;
    let value = most - less as f64;
    Some((Change::Amount(value), at(value)))
}

/// The least step from 0 to `most` at which something holds that goes on holding after it.
fn least(most: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if !holds(most) {
        return None;
    }
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    Some(high)
}
