//! The policy that sessions are held against.

use std::collections::BTreeMap;

use crate::domain::{ArtifactRef, FactorName};
use crate::policy::session::{
    ActivePolicy, Counterfactual, DecisionFacts, FactorOutcome, Outside, SessionFacts,
    SessionVerdict, SubjectStanding, constant_answer, decide, what_would_change,
};
use crate::session::call::{CallRules, ContextEvent, Message};

/// A checked policy of sessions.
pub trait SessionPolicy: Send + Sync {
    /// What all that is known comes to.
    fn judge(&self, facts: &SessionFacts) -> SessionVerdict;

    /// Name and version, where it has one.
    fn version(&self) -> Option<ArtifactRef> {
        None
    }

    /// What is told to who may not know the verdict, where the policy asks for constant answers. `last`: it is a
    /// decision, not an estimate on the way.
    fn told(&self, _: &DecisionFacts, _: &SessionVerdict, _last: bool) -> Option<Outside> {
        None
    }

    /// What the machine takes from the policy.
    fn rules(&self) -> CallRules;

    /// What would have led to another decision.
    fn would_change(&self, facts: &DecisionFacts, verdict: &SessionVerdict) -> Vec<Counterfactual>;

    /// Whether the policy knows a factor; one that it does not counts for nothing.
    fn knows_factor(&self, _: &FactorName) -> bool {
        true
    }

    /// Whether a number from which a session was accepted on evidence becomes one of the subject's.
    fn remembers_numbers(&self) -> bool {
        false
    }
}

impl SessionPolicy for ActivePolicy {
    fn judge(&self, facts: &SessionFacts) -> SessionVerdict {
        decide(self, facts)
    }

    fn version(&self) -> Option<ArtifactRef> {
        Some(self.version().clone())
    }

    fn told(&self, facts: &DecisionFacts, verdict: &SessionVerdict, last: bool) -> Option<Outside> {
        constant_answer(self, facts, verdict, last)
    }

    fn rules(&self) -> CallRules {
        let file = self.file();
        CallRules {
            min_net_speech_ms: file.evidence.min_net_speech_ms,
            constant_time: file.constant_answers,
            ..CallRules::new(file.session_intent.clone())
        }
    }

    fn would_change(&self, facts: &DecisionFacts, verdict: &SessionVerdict) -> Vec<Counterfactual> {
        what_would_change(self, facts, verdict)
    }

    fn knows_factor(&self, factor: &FactorName) -> bool {
        self.file().factors.contains_key(factor)
    }

    fn remembers_numbers(&self) -> bool {
        self.file().remember_numbers
    }
}

/// Whether a factor that counts was passed.
pub(super) fn passed(
    policy: &dyn SessionPolicy,
    factors: &BTreeMap<FactorName, FactorOutcome>,
) -> bool {
    let known = |(name, outcome): (&FactorName, &FactorOutcome)| {
        *outcome == FactorOutcome::Passed && policy.knows_factor(name)
    };
    factors.iter().any(known)
}

/// Whether another factor was passed beside what a decision rests on.
pub(super) fn vouched(policy: &dyn SessionPolicy, facts: &DecisionFacts) -> bool {
    facts.subject == SubjectStanding::Enrolled && passed(policy, &facts.factors)
}

/// Whether a message says that another factor was passed.
pub(super) fn says_passed(message: &Message) -> bool {
    let passed = FactorOutcome::Passed;
    matches!(message, Message::Context(ContextEvent::Factor { outcome, .. }) if *outcome == passed)
}
