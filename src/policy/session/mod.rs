//! The policy of a session: what is asked, held against all that is known.

pub mod facts;

pub use facts::{
    AniHistory, Change, ContextSignals, Contribution, Counterfactual, DecisionFacts, FactorOutcome,
    IntentAsked, ModalityEvidence, RoutingFacts, SessionFacts, SessionRouting, SessionVerdict,
    Source, SubjectStanding, Thresholds, Verstat,
};
