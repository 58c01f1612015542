//! What a decision means for the counters of unsuccessful attempts. Attempts by voice and by behavior (typing,
//! strokes, pointer, style) are counted apart, so a decision counts for the counters of what spoke.

use std::collections::BTreeMap;

use crate::domain::{Decision, Modality, PadOutcome, SessionReason};
use crate::policy::Outcome;
use crate::policy::session::{ModalityEvidence, SubjectStanding};
use crate::session::call::output::Assessment;
use crate::session::call::words::AskId;

/// What is counted; `None` for a counter that stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempted {
    /// For the counter of attempts by voice.
    pub voice: Option<Outcome>,
    /// For that of attempts by behavior, style included.
    pub behavior: Option<Outcome>,
}

/// What one counter's modalities said.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    /// Sum of their LLRs; `None` when nothing was measured.
    nats: Option<f64>,
    attack: bool,
}

impl Said {
    fn take(&mut self, evidence: &ModalityEvidence) {
        self.attack |= evidence.pad == PadOutcome::Attack;
        let usable = evidence.enough && evidence.pad != PadOutcome::Attack;
        if let Some(llr) = evidence.llr.filter(|llr| usable && llr.0.is_finite()) {
            self.nats = Some(self.nats.unwrap_or(0.0) + llr.0);
        }
    }
}

/// How a decision ends for each counter. What was decided without evidence about the person counts for
/// nothing: whoever tries has learned nothing. A found attack is a failed attempt whatever was measured.
/// Acceptance forgets failed attempts only of the counter that carried it: the other one's evidence, though it
/// was for the person, might not have sufficed.
fn outcomes(assessment: &Assessment) -> Attempted {
    let (facts, verdict) = (&assessment.facts, &assessment.verdict);
    if facts.subject != SubjectStanding::Enrolled {
        return Attempted::default();
    }
    let (mut voice, mut behavior) = (Said::default(), Said::default());
    for (modality, evidence) in &facts.evidence {
        let own = if *modality == Modality::Voice { &mut voice } else { &mut behavior };
        own.take(evidence);
    }
    let says = |reason| verdict.reasons.contains(&reason);
    let outcome = |own: Said, other: Said| {
        if own.attack {
            return Some(Outcome::Failed);
        }
        let nats = own.nats.filter(|_| verdict.fused.is_some())?;
        match verdict.decision {
            Decision::Reject if nats < 0.0 && says(SessionReason::EvidenceAgainst) => {
                Some(Outcome::Failed)
            }
            Decision::Accept if nats > 0.0 && says(SessionReason::EvidenceFor) => {
                (nats >= other.nats.unwrap_or(0.0)).then_some(Outcome::Passed)
            }
            _ => Some(Outcome::Uncertain),
        }
    };
    Attempted { voice: outcome(voice, behavior), behavior: outcome(behavior, voice) }
}

/// What a session has counted. It is one attempt however much it asks; a counter counts again only where the
/// evidence came to another conclusion, and a pass that turns doubtful is still the pass that was counted.
#[derive(Debug, Clone, Default)]
pub struct Counting {
    counted: Attempted,
    /// What was counted before each decision whose record is being written.
    before: BTreeMap<Option<AskId>, Attempted>,
}

impl Counting {
    /// A decision is taken: what of it counts.
    pub fn count(&mut self, assessment: &Assessment) -> Attempted {
        let now = outcomes(assessment);
        self.before.insert(assessment.ask.clone(), self.counted);
        Attempted {
            voice: again(&mut self.counted.voice, now.voice),
            behavior: again(&mut self.counted.behavior, now.behavior),
        }
    }

    /// Its record is written.
    pub fn recorded(&mut self, ask: &Option<AskId>) {
        self.before.remove(ask);
    }

    /// Its record was not written: it counts when it is.
    pub fn not_recorded(&mut self, ask: &Option<AskId>) {
        if let Some(before) = self.before.remove(ask) {
            self.counted = before;
        }
    }
}

fn again(counted: &mut Option<Outcome>, now: Option<Outcome>) -> Option<Outcome> {
    let same =
        *counted == now || (now == Some(Outcome::Uncertain) && counted.is_some()) || now.is_none();
    if same {
        return None;
    }
    *counted = now;
    now
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ArtifactRef, IntentId, Llr, SessionChannel};
    use crate::policy::session::{DecisionFacts, RoutingFacts, SessionFacts};
    use crate::session::call::tests::judge;

    /// What the test policy says to these LLRs; `None` is an attack.
    fn assessed(evidence: &[(Modality, Option<f64>)]) -> Assessment {
        let intent = IntentId::parse("session").expect("a name");
        let mut facts = DecisionFacts::new(intent, SessionChannel::App, SubjectStanding::Enrolled);
        for (modality, llr) in evidence {
            let pad = if llr.is_none() { PadOutcome::Attack } else { PadOutcome::NotEvaluated };
            let model = ArtifactRef::new("test", 1);
            let one = ModalityEvidence { llr: llr.map(Llr), enough: true, age_ms: 0, model, pad };
            facts.evidence.insert(*modality, one);
        }
        let all = SessionFacts { decision: facts, routing: RoutingFacts::default() };
        let verdict = judge(&all);
        let facts = all.decision;
        Assessment { ask: None, facts, verdict, evidence: vec![], claim: None, changes: 0 }
    }

    #[test]
    fn each_counter_counts_what_its_own_modalities_said() {
        use Modality::{Keystroke, Text, Touch, Voice};
        let (failed, passed) = (Some(Outcome::Failed), Some(Outcome::Passed));
        let unsure = Some(Outcome::Uncertain);
        type Said<'a> = &'a [(Modality, Option<f64>)];
        let cases: [(Said<'_>, Attempted); 9] = [
            (&[], Attempted::default()),
            (&[(Voice, Some(6.0))], Attempted { voice: passed, behavior: None }),
            (&[(Keystroke, Some(6.0))], Attempted { voice: None, behavior: passed }),
            (&[(Touch, Some(-5.0))], Attempted { voice: None, behavior: failed }),
            (&[(Text, Some(1.0))], Attempted { voice: None, behavior: unsure }),
            // The weaker of the two is not forgiven by the other.
            (
                &[(Voice, Some(6.0)), (Keystroke, Some(1.0))],
                Attempted { voice: passed, behavior: None },
            ),
            (
                &[(Voice, Some(-1.0)), (Keystroke, Some(6.0))],
                Attempted { voice: unsure, behavior: passed },
            ),
            (
                &[(Voice, Some(-9.0)), (Keystroke, Some(2.0))],
                Attempted { voice: failed, behavior: unsure },
            ),
            (&[(Keystroke, None)], Attempted { voice: None, behavior: failed }),
        ];
        for (evidence, want) in cases {
            assert_eq!(outcomes(&assessed(evidence)), want, "{evidence:?}");
        }
        let mut locked = assessed(&[(Voice, Some(6.0))]);
        locked.facts.subject = SubjectStanding::Locked;
        assert_eq!(outcomes(&locked), Attempted::default());
    }

    #[test]
    fn a_session_is_one_attempt_and_what_is_not_recorded_counts_later() {
        let mut counting = Counting::default();
        let passed = assessed(&[(Modality::Touch, Some(6.0))]);
        assert_eq!(counting.count(&passed).behavior, Some(Outcome::Passed));
        counting.not_recorded(&None);
        assert_eq!(counting.count(&passed).behavior, Some(Outcome::Passed));
        counting.recorded(&None);
        assert_eq!(counting.count(&passed), Attempted::default());
        let unsure = assessed(&[(Modality::Touch, Some(1.0))]);
        assert_eq!(counting.count(&unsure), Attempted::default());
        let failed = assessed(&[(Modality::Touch, Some(-6.0))]);
        assert_eq!(counting.count(&failed).behavior, Some(Outcome::Failed));
    }
}
