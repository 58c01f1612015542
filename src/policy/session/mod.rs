//! The policy of a session: what is asked, held against all that is known.
//!
//! The way of a decision: facts → fused evidence ([`crate::scoring::fusion`]) → log-odds of genuine
//! (prior, evidence, context, factors: `assess`) → Bayes thresholds of the intent and assurance of the
//! elements → rules in CEL, which only take away → decision, next step of the ladder, hint at a queue.
//!
//! Two things are asked of an ACCEPT. The *risk*: log-odds at or over the threshold that the costs of the
//! intent give. And *assurance*: enough independent elements. Context shifts the log-odds and is never an
//! element. Evidence that was not checked for attacks may always speak against somebody, but speaks for
//! them, and is an element, only where the intent asks for no more than `assurance.without_pad`.

mod active;
mod assess;
pub mod change;
mod check;
mod context;
mod counterfactual;
mod decide;
mod error;
mod explain;
pub mod facts;
pub mod file;
mod ladder;
mod outside;
mod place;
mod profile;
mod rule;
mod shipped;
mod what_if;

pub use active::{ActivePolicy, MAX_POLICY_BYTES};
pub use change::{
    ChangeKind, PendingChange, PolicyAct, PolicyBytes, PolicyChangeError, PolicyLedger,
    PolicyStanding, PolicyVersion, ShadowRun,
};
pub use check::MAX_PROBLEMS;
pub use counterfactual::what_would_change;
pub use decide::{decide, decide_stored};
pub use error::SessionPolicyError;
pub use explain::{Audience, DecisionRecord, Explanation};
pub use facts::{
    AniHistory, Change, ContextSignals, Contribution, Counterfactual, DecisionFacts, FactorOutcome,
    IntentAsked, ModalityEvidence, RoutingFacts, SessionFacts, SessionRouting, SessionVerdict,
    Source, SubjectStanding, Thresholds, Verstat,
};
pub use file::{AssuranceProfile, SessionPolicyFile};
pub use outside::{Outside, constant_answer, outside};
pub use place::{Place, PolicyProblem, examine_policy, read_policy};
pub use profile::fmr_bound;
pub use shipped::{DEFAULT_POLICY, SHIPPED, shipped};
pub use what_if::{Agreement, Outcomes, ShadowComparison, WhatIf, what_if};

#[cfg(test)]
mod tests;
