//! Fused scores: by a fusion fitted on other people, by the cautious one, and by plain addition.

use std::collections::BTreeMap;

use crate::domain::{ArtifactRef, Modality};
use crate::scoring::ScoringError;
use crate::scoring::fusion::{Fusion, FusionOptions, FusionTrial, ModalityLlr};
use crate::usecase::evaluate_session::chimera::Session;
use crate::usecase::evaluate_session::protocol::ProtocolFile;

/// Name of a fusion fitted on chimeric sessions.
pub const FUSION_ID: &str = "fusion-chimeric";
/// Version of such a fusion.
const FUSION_VERSION: u32 = 1;

/// Ways to fuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Fitted on other people.
    Fitted,
    /// Chosen weights: what is used where nothing fitted may be.
    Cautious,
    /// The sum of the LLRs as they are.
    Sum,
}

impl Way {
    /// All of them.
    pub const ALL: [Way; 3] = [Self::Fitted, Self::Cautious, Self::Sum];

    /// As tables name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fitted => "fused",
            Self::Cautious => "fused, cautious weights",
            Self::Sum => "plain sum",
        }
    }
}

/// Fused LLRs of sessions.
pub struct Fused {
    /// For each way, one LLR a session.
    pub llrs: BTreeMap<Way, Vec<f64>>,
    /// The fitted fusion.
    pub fusion: Fusion,
}

/// Fits a fusion on the sessions that are there for it.
///
/// # Errors
/// Too few sessions with several modalities.
pub fn fit(protocol: &ProtocolFile, sessions: &[Session]) -> Result<Fusion, ScoringError> {
    let kept: Vec<&Session> = sessions.iter().filter(|s| s.fitted).collect();
    let mut people: Vec<u32> = kept.iter().map(|s| s.person).collect();
    people.dedup();
    let trial = |s: &&Session| FusionTrial { llrs: s.llrs.clone(), target: s.genuine() };
    let trials: Vec<FusionTrial> = kept.iter().map(trial).collect();
    let options = FusionOptions {
        version: FUSION_VERSION,
        license: protocol.fit.license,
        ridge: protocol.fit.ridge,
        prior: protocol.fit.prior,
        people: people.len() as u64,
    };
    let mut fusion = Fusion::fit(&trials, &options)?;
    fusion.id = ArtifactRef::new(FUSION_ID, FUSION_VERSION);
    for weight in &mut fusion.weights {
        weight.weight = weight.weight.min(protocol.fit.most_weight);
    }
    Ok(fusion)
}

/// Fuses sessions by a fitted fusion and in the other ways.
pub fn fuse(fusion: Fusion, sessions: &[Session]) -> Fused {
    let cautious = Fusion::cautious();
    let by = |fusion: &Fusion, session: &Session| {
        fusion.fuse(&evidence(session)).map_or(0.0, |fused| fused.llr.0)
    };
    let of = |way: Way| {
        let llr = |session: &Session| match way {
            Way::Fitted => by(&fusion, session),
            Way::Cautious => by(&cautious, session),
            Way::Sum => session.llrs.values().map(|llr| llr.0).sum(),
        };
        (way, sessions.iter().map(llr).collect())
    };
    let llrs = Way::ALL.into_iter().map(of).collect();
    Fused { llrs, fusion }
}

/// Fresh evidence of a session.
fn evidence(session: &Session) -> Vec<ModalityLlr> {
    let one = |(modality, llr): (&Modality, &_)| ModalityLlr {
        modality: *modality,
        llr: *llr,
        same: 1.0,
    };
    session.llrs.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usecase::evaluate_session::chimera::assemble;
    use crate::usecase::evaluate_session::chimera::tests::{protocol, sources};

    #[test]
    fn who_is_judged_says_nothing_about_the_fusion() {
        let protocol = protocol();
        let mut sessions = assemble(&protocol, &sources()).unwrap().sessions;
        let fusion = fit(&protocol, &sessions).unwrap();
        for session in sessions.iter_mut().filter(|s| !s.fitted) {
            session.llrs.values_mut().for_each(|llr| llr.0 = -llr.0);
        }
        assert_eq!(fit(&protocol, &sessions).unwrap(), fusion);
        for session in sessions.iter_mut().filter(|s| s.fitted) {
            session.llrs.values_mut().for_each(|llr| llr.0 *= 2.0);
        }
        assert_ne!(fit(&protocol, &sessions).unwrap(), fusion);
    }

    #[test]
    fn independent_calibrated_parts_are_about_added_and_no_more() {
        let protocol = protocol();
        let sessions = assemble(&protocol, &sources()).unwrap().sessions;
        let fusion = fit(&protocol, &sessions).unwrap();
        for weight in &fusion.weights {
            assert!(weight.weight > 0.7 && weight.weight <= 1.0, "{weight:?}");
        }
        assert_eq!(fusion.fitted_on.people, 84);
        assert_eq!(fusion.id.to_string(), "fusion-chimeric@1");
    }
}
