//! The policy that sessions are held against.

use crate::policy::session::{SessionFacts, SessionVerdict};
use crate::session::call::CallRules;

/// A checked policy of sessions.
pub trait SessionPolicy: Send + Sync {
    /// What all that is known comes to.
    fn judge(&self, facts: &SessionFacts) -> SessionVerdict;

    /// What the machine takes from the policy.
    fn rules(&self) -> CallRules;
}
