//! What should happen next: the first step of the ladder that can still help.

use crate::domain::{Assurance, Decision, FactorName, Finding, NextStep, PadOutcome};
use crate::policy::session::active::ActivePolicy;
use crate::policy::session::assess::{Assessment, Element, assess, assurance, is_known};
use crate::policy::session::decide::untried;
use crate::policy::session::{DecisionFacts, FactorOutcome, SubjectStanding};

/// The next step, and the factors that could lead to ACCEPT.
pub(super) fn next_step(
    policy: &ActivePolicy,
    facts: &DecisionFacts,
    assessment: &Assessment,
    decision: Decision,
) -> (NextStep, Vec<FactorName>) {
    match decision {
        Decision::Accept => return (NextStep::Proceed, Vec::new()),
        Decision::Reject => return (NextStep::Stop, Vec::new()),
        _ => {}
    }
    if facts.subject == SubjectStanding::FactorNeeded {
        // Any factor opens the way for what is compared; whether it suffices then shows.
        let all: Vec<FactorName> = untried(policy, facts).cloned().collect();
        let step = if all.is_empty() { NextStep::Human } else { NextStep::OtherFactor };
        return (step, all);
    }
    let factors = helpful_factors(policy, facts, assessment);
    let intent = policy.file().intents.get(&facts.intent.id);
    let ladder = intent.and_then(|i| i.ladder.as_ref()).unwrap_or(&policy.file().ladder);
    let helps = |step: &&NextStep| match step {
        NextStep::SpeakLonger => speech_helps(policy, facts, assessment),
        NextStep::Challenge => challenge_helps(policy, facts, assessment),
        NextStep::OtherFactor => !factors.is_empty(),
        NextStep::Human | NextStep::Proceed | NextStep::Stop => true,
    };
    let step = ladder.iter().find(helps).copied().unwrap_or(NextStep::Human);
    (step, factors)
}

/// More or better biometric evidence could lower the risk enough or be a missing element. Whether input
/// will be checked for attacks is taken from what came so far; before anything came, it may be.
pub(super) fn biometrics_could_help(
    policy: &ActivePolicy,
    facts: &DecisionFacts,
    assessment: &Assessment,
) -> bool {
    if facts.subject != SubjectStanding::Enrolled || assessment.attack || !assessment.priced {
        return false;
    }
    let rules = &policy.file().assurance;
    let checked = facts.evidence.values().all(|e| e.pad == PadOutcome::BonaFide);
    let best = if checked { Element::Checked } else { Element::Unchecked };
    let factors = facts.factors.iter().filter(|(_, outcome)| **outcome == FactorOutcome::Passed);
    let factors = factors.filter_map(|(name, _)| policy.file().factors.get(name));
    let reachable = assurance(rules, &factors.map(|f| f.category).collect(), best);
    let required = assessment.thresholds.required;
    let as_element = !assessment.assured() && reachable >= required;
    // Unchecked evidence is not credited beyond low-risk intents, so more of it lowers no risk there.
    let credited = checked || required <= rules.without_pad;
    let as_risk = !assessment.risk_met() && assessment.assured() && credited;
    as_element || as_risk
}

/// There is more to be had: the person is still there, and evidence is missing, thin or old.
fn speech_helps(policy: &ActivePolicy, facts: &DecisionFacts, assessment: &Assessment) -> bool {
    let thin = facts.net_speech_ms < policy.file().evidence.min_net_speech_ms
        || facts.evidence.values().any(|e| !e.enough)
        || assessment.fused.is_none()
        || assessment.old;
    facts.open && thin && biometrics_could_help(policy, facts, assessment)
}

/// A challenge that was not answered yet would make the risk small enough, and nothing else is missing.
fn challenge_helps(policy: &ActivePolicy, facts: &DecisionFacts, assessment: &Assessment) -> bool {
    let right = policy.file().challenge.right;
    let enough = assessment.log_odds + right >= assessment.thresholds.accept_log_odds;
    facts.open
        && facts.challenge == Finding::Unknown
        && is_known(facts.subject)
        && !assessment.attack
        && assessment.assured()
        && !assessment.risk_met()
        && enough
}

/// Factors not tried yet, one of which would suffice; where none would, those that are a step on a way
/// that ends in ACCEPT; none where all of them together would not.
fn helpful_factors(
    policy: &ActivePolicy,
    facts: &DecisionFacts,
    assessment: &Assessment,
) -> Vec<FactorName> {
    if !is_known(facts.subject) {
        return Vec::new();
    }
    let with = |names: &[FactorName]| {
        let mut facts = facts.clone();
        facts.factors.extend(names.iter().map(|name| (name.clone(), FactorOutcome::Passed)));
        assess(policy, &facts)
    };
    let all: Vec<FactorName> = untried(policy, facts).cloned().collect();
    if all.is_empty() || !with(&all).accepts() {
        return Vec::new();
    }
    let alone: Vec<(&FactorName, Assessment)> =
        all.iter().map(|name| (name, with(std::slice::from_ref(name)))).collect();
    let names = |keep: &dyn Fn(&Assessment) -> bool| -> Vec<FactorName> {
        alone.iter().filter(|(_, a)| keep(a)).map(|(name, _)| (*name).clone()).collect()
    };
    let sufficient = names(&|a| a.accepts());
    if !sufficient.is_empty() {
        return sufficient;
    }
    let (level, odds): (Assurance, f64) = (assessment.assurance, assessment.log_odds);
    let risk_open = !assessment.risk_met();
    let steps = names(&|a| a.assurance > level || (risk_open && a.log_odds > odds));
    // Two categories may be needed before the assurance rises at all.
    if steps.is_empty() { all } else { steps }
}
