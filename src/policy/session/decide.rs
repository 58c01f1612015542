//! One decision: what is asked, held against all that is known.

use std::collections::BTreeSet;

use crate::domain::{
    AgeClass, Assurance, Decision, FactorName, Finding, FindingKind, NextStep, RuleName,
    SessionReason, probability_of,
};
use crate::policy::session::active::ActivePolicy;
use crate::policy::session::assess::{Assessment, Element, assess, is_known};
use crate::policy::session::ladder::{biometrics_could_help, next_step};
use crate::policy::session::rule::{Bound, Values, decision_values, routing_values};
use crate::policy::session::{
    DecisionFacts, FactorOutcome, RoutingFacts, SessionFacts, SessionRouting, SessionVerdict,
    Source, SubjectStanding,
};

/// Decides what is asked and hints at a queue. Age is an input of the hint alone: what decides does not
/// get to see [`RoutingFacts`].
pub fn decide(policy: &ActivePolicy, facts: &SessionFacts) -> SessionVerdict {
    let (mut verdict, values) = judge(policy, &facts.decision, None);
    verdict.routing = route(policy, values, &verdict, &facts.routing);
    verdict
}

/// Decides what is asked, without a hint. This is what is replayed.
pub fn decide_stored(policy: &ActivePolicy, facts: &DecisionFacts) -> SessionVerdict {
    judge(policy, facts, None).0
}

/// What would be decided if one rule did not exist.
pub(super) fn decide_without(
    policy: &ActivePolicy,
    facts: &DecisionFacts,
    rule: &RuleName,
) -> Decision {
    judge(policy, facts, Some(rule)).0.decision
}

fn judge(
    policy: &ActivePolicy,
    facts: &DecisionFacts,
    without: Option<&RuleName>,
) -> (SessionVerdict, Values) {
    let assessment = assess(policy, facts);
    let base = base_decision(policy, facts, &assessment);
    let values = decision_values(policy, facts, &assessment);
    let applied = apply_rules(policy, &values, without);
    let decision = capped(base, applied.cap);
    let (next, factors) = next_step(policy, facts, &assessment, decision);
    let next = match (decision, applied.next) {
        (Decision::Accept, _) | (_, None) => next,
        (Decision::Reject, Some(asked)) => asked,
        (_, Some(asked)) => next.max(asked),
    };
    let factors =
        if matches!(next, NextStep::OtherFactor | NextStep::Human) { factors } else { Vec::new() };
    let reasons = reasons(facts, &assessment, decision, &applied);
    let verdict = SessionVerdict {
        decision,
        next,
        factors,
        reasons,
        p_genuine: probability_of(assessment.log_odds),
        risk: assessment.risk(),
        fused: assessment.fused,
        covered: assessment.covered,
        contributions: assessment.contributions,
        thresholds: assessment.thresholds,
        assurance: assessment.assurance,
        rules: applied.rules,
        policy: policy.version().clone(),
        fusion: policy.fusion().id.clone(),
        routing: None,
    };
    (verdict, values)
}

/// The decision before any rule.
pub(super) fn base_decision(
    policy: &ActivePolicy,
    facts: &DecisionFacts,
    assessment: &Assessment,
) -> Decision {
    if assessment.attack {
        return policy.file().assurance.on_attack;
    }
    if assessment.log_odds < assessment.thresholds.reject_log_odds {
        return Decision::Reject;
    }
    if assessment.accepts() && (is_known(facts.subject) || !needs_claim(assessment)) {
        return Decision::Accept;
    }
    match facts.subject {
        SubjectStanding::Locked | SubjectStanding::FactorNeeded | SubjectStanding::SourceLocked => {
            Decision::Locked
        }
        SubjectStanding::OptedOut | SubjectStanding::NoConsent => Decision::OptedOut,
        SubjectStanding::Expired => Decision::Expired,
        SubjectStanding::NotEnrolled | SubjectStanding::Unknown => Decision::NotEnrolled,
        SubjectStanding::Unclaimed => Decision::Inconclusive,
        SubjectStanding::Enrolled => {
            let waiting = assessment.fused.is_none()
                && facts.factors.is_empty()
                && assessment.intent_known
                && biometrics_could_help(policy, facts, assessment);
            if waiting { Decision::Inconclusive } else { Decision::StepUp }
        }
    }
}

/// Something that needs assurance needs somebody who is claimed.
fn needs_claim(assessment: &Assessment) -> bool {
    assessment.thresholds.required > Assurance::None
}

/// What the rules of a policy say.
#[derive(Default)]
struct Applied {
    cap: Option<Decision>,
    next: Option<NextStep>,
    rules: BTreeSet<RuleName>,
    failed: bool,
}

/// A rule that cannot be evaluated counts as one that holds: rules only ever take away.
fn apply_rules(policy: &ActivePolicy, values: &Values, without: Option<&RuleName>) -> Applied {
    let mut applied = Applied::default();
    let values = Bound::new(values);
    for (rule, condition) in policy.rules().iter().filter(|(r, _)| without != Some(&r.name)) {
        match condition.holds(&values) {
            Ok(false) => continue,
            Ok(true) => {}
            Err(_) => applied.failed = true,
        }
        applied.rules.insert(rule.name.clone());
        applied.next = applied.next.max(rule.next);
        if applied.cap != Some(Decision::Reject) {
            applied.cap = Some(rule.at_most);
        }
    }
    applied
}

fn capped(base: Decision, cap: Option<Decision>) -> Decision {
    match (base, cap) {
        (_, Some(Decision::Reject)) => Decision::Reject,
        (Decision::Accept, Some(_)) => Decision::StepUp,
        (base, _) => base,
    }
}

fn reasons(
    facts: &DecisionFacts,
    assessment: &Assessment,
    decision: Decision,
    applied: &Applied,
) -> Vec<SessionReason> {
    use SessionReason as Why;
    let mut found = Vec::new();
    let mut when = |holds: bool, reason: Why| {
        if holds {
            found.push(reason);
        }
    };
    when(decision == Decision::Accept, Why::Sufficient);
    when(assessment.attack, Why::PadAttack);
    if let Some(standing) = reason_of_standing(facts.subject) {
        when(true, standing);
    }
    when(!assessment.intent_known, Why::IntentUnknown);
    when(assessment.intent_known && !assessment.priced, Why::AmountUnpriced);
    let refused = assessment.log_odds < assessment.thresholds.reject_log_odds;
    when(refused, Why::RiskHigh);
    when(assessment.priced && !refused && !assessment.risk_met(), Why::RiskUncertain);
    when(assessment.intent_known && !assessment.assured(), Why::AssuranceMissing);
    when(!applied.rules.is_empty() && decision != Decision::Accept, Why::RuleApplied);
    when(applied.failed, Why::RuleFailed);
    when(facts.changed_ms_ago.is_some(), Why::PersonChanged);
    when(facts.context.finding(FindingKind::SecondVoice) == Finding::Present, Why::SecondVoice);
    let enrolled = facts.subject == SubjectStanding::Enrolled;
    match assessment.fused {
        Some(llr) => {
            when(llr.0 > 0.0, Why::EvidenceFor);
            when(llr.0 < 0.0, Why::EvidenceAgainst);
        }
        None => when(enrolled && !assessment.attack, Why::NothingMeasured),
    }
    let waiting = facts.evidence.values().any(|e| !e.enough);
    when(enrolled && waiting && decision != Decision::Accept, Why::SpeakLonger);
    when(assessment.unchecked, Why::PadNotEvaluated);
    when(assessment.old, Why::EvidenceOld);
    let not_counted = assessment.element > Element::None
        && !assessment.assured()
        && assessment.thresholds.required > Assurance::None;
    when(not_counted, Why::InherenceNotCounted);
    when(facts.factors.values().any(|f| *f == FactorOutcome::Failed), Why::FactorFailed);
    let context =
        assessment.contributions.iter().filter(|c| matches!(c.source, Source::Context(_)));
    let (mut gain, mut loss) = (false, false);
    for c in context {
        gain |= c.nats > 0.0;
        loss |= c.nats < 0.0;
    }
    when(loss, Why::ContextAgainst);
    when(gain, Why::ContextFor);
    found
}

fn reason_of_standing(subject: SubjectStanding) -> Option<SessionReason> {
    match subject {
        SubjectStanding::Enrolled => None,
        SubjectStanding::Unclaimed => Some(SessionReason::NobodyClaimed),
        SubjectStanding::Unknown => Some(SessionReason::SubjectUnknown),
        SubjectStanding::NotEnrolled => Some(SessionReason::NotEnrolled),
        SubjectStanding::Expired => Some(SessionReason::TemplateExpired),
        SubjectStanding::NoConsent => Some(SessionReason::NoConsent),
        SubjectStanding::OptedOut => Some(SessionReason::OptedOut),
        SubjectStanding::Locked => Some(SessionReason::Locked),
        SubjectStanding::FactorNeeded => Some(SessionReason::OtherFactorNeeded),
        SubjectStanding::SourceLocked => Some(SessionReason::SourceLocked),
    }
}

/// The first routing rule that holds. One that cannot be evaluated does not: a hint is never forced.
fn route(
    policy: &ActivePolicy,
    values: Values,
    verdict: &SessionVerdict,
    routing: &RoutingFacts,
) -> Option<SessionRouting> {
    let values = routing_values(values, verdict.decision, verdict.next, routing);
    let values = Bound::new(&values);
    let mut rules = policy.routing().iter();
    let (rule, condition) =
        rules.find(|(_, condition)| condition.holds(&values).unwrap_or(false))?;
    // How sure another class is was not measured.
    let senior = condition.looks_at("p_senior")
        || (condition.looks_at("age_class") && routing.age_class == Some(AgeClass::Senior));
    Some(SessionRouting {
        queue: rule.queue.clone(),
        rule: rule.name.clone(),
        reason: rule.reason.clone(),
        confidence: routing.age_class.and(routing.p_senior).filter(|_| senior),
    })
}

/// The factors of a policy that were not tried.
pub(super) fn untried<'a>(
    policy: &'a ActivePolicy,
    facts: &'a DecisionFacts,
) -> impl Iterator<Item = &'a FactorName> {
    policy.file().factors.keys().filter(|name| !facts.factors.contains_key(*name))
}
