//! Fused scores: by a fusion that was fitted on other people, by the cautious one, and by plain addition.

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
    /// Fitted on the other folds.
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

/// Fused LLRs of all sessions.
pub struct Fused {
    /// For each way, one LLR a session.
    pub llrs: BTreeMap<Way, Vec<f64>>,
    /// The fusion that judged each fold, fitted on the others.
    pub folds: Vec<Fusion>,
}

/// Fits a fusion on the sessions that are kept.
///
/// # Errors
/// Too few sessions with several modalities.
pub fn fit(
    protocol: &ProtocolFile,
    sessions: &[Session],
    keep: impl Fn(&Session) -> bool,
) -> Result<Fusion, ScoringError> {
    let kept: Vec<&Session> = sessions.iter().filter(|s| keep(s)).collect();
    let mut people: Vec<u32> = kept.iter().map(|s| s.person).collect();
    people.dedup();
    let trial = |s: &&Session| FusionTrial { llrs: s.llrs.clone(), target: s.genuine() };
    let trials: Vec<FusionTrial> = kept.iter().map(trial).collect();
    let options = FusionOptions {
        version: FUSION_VERSION,
        ridge: protocol.fit.ridge,
        prior: protocol.fit.prior,
        people: people.len() as u64,
    };
    let id = ArtifactRef::new(FUSION_ID, FUSION_VERSION);
    Ok(Fusion { id, ..Fusion::fit(&trials, &options)? })
}

/// Fuses every session; the fitted way by a fusion that has seen nobody of its fold.
///
/// # Errors
/// As [`fit`].
pub fn fuse(protocol: &ProtocolFile, sessions: &[Session]) -> Result<Fused, ScoringError> {
    let folds = (0..protocol.folds).map(|fold| fit(protocol, sessions, |s| s.fold != fold));
    let folds: Vec<Fusion> = folds.collect::<Result<_, _>>()?;
    let cautious = Fusion::cautious();
    let by = |fusion: Option<&Fusion>, session: &Session| {
        let fused = fusion.and_then(|fusion| fusion.fuse(&evidence(session)));
        fused.map_or(0.0, |fused| fused.llr.0)
    };
    let of = |way: Way| {
        let llr = |session: &Session| match way {
            Way::Fitted => by(folds.get(session.fold), session),
            Way::Cautious => by(Some(&cautious), session),
            Way::Sum => session.llrs.values().map(|llr| llr.0).sum(),
        };
        (way, sessions.iter().map(llr).collect())
    };
    let llrs = Way::ALL.into_iter().map(of).collect();
    Ok(Fused { llrs, folds })
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
    fn a_fold_is_judged_by_a_fusion_that_has_not_seen_it() {
        let protocol = protocol();
        let sessions = assemble(&protocol, &sources()).unwrap().sessions;
        let fused = fuse(&protocol, &sessions).unwrap();
        assert_eq!(fused.folds.len(), protocol.folds);
        // Whatever the sessions of fold 0 say, its own fusion stays and the others change.
        let mut other = sessions.clone();
        for session in other.iter_mut().filter(|s| s.fold == 0) {
            session.llrs.values_mut().for_each(|llr| llr.0 = -llr.0);
        }
        let moved = fuse(&protocol, &other).unwrap();
        assert_eq!(moved.folds[0], fused.folds[0]);
        assert_ne!(moved.folds[1], fused.folds[1]);
    }

    #[test]
    fn independent_calibrated_parts_are_about_added() {
        let protocol = protocol();
        let sessions = assemble(&protocol, &sources()).unwrap().sessions;
        let fusion = fit(&protocol, &sessions, |_| true).unwrap();
        for weight in &fusion.weights {
            assert!((weight.weight - 1.0).abs() < 0.25, "{weight:?}");
        }
        assert_eq!(fusion.fitted_on.people, 120);
        assert_eq!(fusion.id.to_string(), "fusion-chimeric@1");
    }
}
