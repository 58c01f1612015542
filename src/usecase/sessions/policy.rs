//! The policy that sessions are held against.

use std::sync::Arc;

use crate::policy::session::{
    ActivePolicy, Counterfactual, DEFAULT_POLICY, DecisionFacts, SessionFacts, SessionVerdict,
    decide, shipped, what_would_change,
};
use crate::scoring::fusion::Fusion;
use crate::session::call::CallRules;
use crate::usecase::UseCaseError;

/// A checked policy of sessions.
pub trait SessionPolicy: Send + Sync {
    /// What all that is known comes to.
    fn judge(&self, facts: &SessionFacts) -> SessionVerdict;

    /// What the machine takes from the policy.
    fn rules(&self) -> CallRules;

    /// What would have led to another decision.
    fn would_change(&self, facts: &DecisionFacts, verdict: &SessionVerdict) -> Vec<Counterfactual>;

    /// Whether a number from which a session was accepted becomes one of the subject's.
    fn remembers_numbers(&self) -> bool {
        false
    }
}

impl SessionPolicy for ActivePolicy {
    fn judge(&self, facts: &SessionFacts) -> SessionVerdict {
        decide(self, facts)
    }

    fn rules(&self) -> CallRules {
        let file = self.file();
        CallRules {
            min_net_speech_ms: file.evidence.min_net_speech_ms,
            ..CallRules::new(file.session_intent.clone())
        }
    }

    fn would_change(&self, facts: &DecisionFacts, verdict: &SessionVerdict) -> Vec<Counterfactual> {
        what_would_change(self, facts, verdict)
    }

    fn remembers_numbers(&self) -> bool {
        self.file().remember_numbers
    }
}

/// The policy of a server that was given none.
pub(super) fn default_policy(fusion: &Fusion) -> Result<Arc<dyn SessionPolicy>, UseCaseError> {
    let found = shipped(DEFAULT_POLICY, fusion.clone());
    let policy = found.ok_or_else(|| UseCaseError::Internal("no policy is shipped".into()))?;
    Ok(Arc::new(policy.map_err(|error| UseCaseError::Internal(Box::new(error)))?))
}
