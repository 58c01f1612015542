//! What a decision means for the counters of unsuccessful attempts. Attempts by voice and by behavior (typing,
//! strokes, pointer, style) are counted apart, so a decision counts for the counters of what spoke.

use std::collections::BTreeSet;

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

impl Attempted {
    /// With what was counted after it.
    fn then(self, later: Self) -> Self {
        Self { voice: later.voice.or(self.voice), behavior: later.behavior.or(self.behavior) }
    }
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
/// nothing: whoever tries has learned nothing, and what was measured of `earlier` modalities, of somebody who was there
/// before, is no attempt of the present person. A found attack is a failed attempt whatever was measured.
/// Acceptance forgets failed attempts only of the counter that carried it: the other one's evidence, though it
/// was for the person, might not have sufficed.
fn outcomes(assessment: &Assessment, earlier: &BTreeSet<Modality>) -> Attempted {
    let (facts, verdict) = (&assessment.facts, &assessment.verdict);
    if facts.subject != SubjectStanding::Enrolled {
        return Attempted::default();
    }
    let (mut voice, mut behavior) = (Said::default(), Said::default());
    for (modality, evidence) in facts.evidence.iter().filter(|(m, _)| !earlier.contains(m)) {
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

/// What a session has counted. A person is one attempt however much is asked; a counter counts again only where the
/// evidence came to another conclusion, and a pass that turns doubtful is still the pass that was counted. Each further
/// person is a further attempt, or somebody could try one voice after the other.
#[derive(Debug, Clone, Default)]
pub struct Counting {
    /// Of the present person, in records that are written.
    counted: Attempted,
    /// What the evidence about the present person came to, asked or not: estimates tell as much.
    seen: Attempted,
    /// What each decision counts whose record is being written, in their order: one of each question at most.
    writing: Vec<(Option<AskId>, Attempted)>,
}

impl Counting {
    /// A decision is taken: what of it counts.
    pub fn count(&mut self, assessment: &Assessment, earlier: &BTreeSet<Modality>) -> Attempted {
        let now = outcomes(assessment, earlier);
        self.not_recorded(&assessment.ask);
        let mut counted = self.all();
        let new = Attempted {
            voice: again(&mut counted.voice, now.voice),
            behavior: again(&mut counted.behavior, now.behavior),
        };
        self.writing.push((assessment.ask.clone(), new));
        new
    }

    /// What is counted if all records that are being written will be.
    fn all(&self) -> Attempted {
        self.writing.iter().fold(self.counted, |counted, (_, new)| counted.then(*new))
    }

    /// An estimate is made.
    pub fn see(&mut self, assessment: &Assessment, earlier: &BTreeSet<Modality>) {
        let now = outcomes(assessment, earlier);
        again(&mut self.seen.voice, now.voice);
        again(&mut self.seen.behavior, now.behavior);
    }

    /// Another person is there, who is an attempt of their own. What of the one before was not counted, because nothing
    /// was asked, is to be counted now; nobody passes unasked. A record of theirs that is being written and fails
    /// is decided anew on the evidence of who is there then.
    pub fn person_changed(&mut self) -> Attempted {
        let Self { seen, .. } = *self;
        let mut counted = self.all();
        *self = Self::default();
        let unsuccessful = |outcome: &Outcome| *outcome != Outcome::Passed;
        Attempted {
            voice: again(&mut counted.voice, seen.voice).filter(unsuccessful),
            behavior: again(&mut counted.behavior, seen.behavior).filter(unsuccessful),
        }
    }

    /// Its record is written.
    pub fn recorded(&mut self, ask: &Option<AskId>) {
        if let Some((_, new)) = self.writing.iter().find(|(written, _)| written == ask) {
            self.counted = self.counted.then(*new);
        }
        self.not_recorded(ask);
    }

    /// Its record was not written: it counts when it is.
    pub fn not_recorded(&mut self, ask: &Option<AskId>) {
        self.writing.retain(|(written, _)| written != ask);
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

    /// Everything is of the present person.
    fn all() -> BTreeSet<Modality> {
        BTreeSet::new()
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
            assert_eq!(outcomes(&assessed(evidence), &all()), want, "{evidence:?}");
        }
        let mut locked = assessed(&[(Voice, Some(6.0))]);
        locked.facts.subject = SubjectStanding::Locked;
        assert_eq!(outcomes(&locked, &all()), Attempted::default());
    }

    #[test]
    fn a_session_is_one_attempt_and_what_is_not_recorded_counts_later() {
        let mut counting = Counting::default();
        let passed = assessed(&[(Modality::Touch, Some(6.0))]);
        assert_eq!(counting.count(&passed, &all()).behavior, Some(Outcome::Passed));
        counting.not_recorded(&None);
        assert_eq!(counting.count(&passed, &all()).behavior, Some(Outcome::Passed));
        counting.recorded(&None);
        assert_eq!(counting.count(&passed, &all()), Attempted::default());
        let unsure = assessed(&[(Modality::Touch, Some(1.0))]);
        assert_eq!(counting.count(&unsure, &all()), Attempted::default());
        let failed = assessed(&[(Modality::Touch, Some(-6.0))]);
        assert_eq!(counting.count(&failed, &all()).behavior, Some(Outcome::Failed));
    }

    #[test]
    fn an_attempt_counts_though_the_records_of_several_decisions_fail() {
        let asked = |name: &str| {
            let ask = Some(AskId::parse(name).expect("a name"));
            Assessment { ask, ..assessed(&[(Modality::Voice, Some(-6.0))]) }
        };
        let (first, second, last) = (asked("q1"), asked("q2"), asked("q3"));
        let failed = Attempted { voice: Some(Outcome::Failed), behavior: None };
        let none = Attempted::default();
        // Which of the records of the first two are written, in that order, and what the third then counts.
        for (written, counts) in [
            ([false, false], failed),
            ([true, false], none),
            // The second one counted nothing, because the first one did.
            ([false, true], failed),
            ([true, true], none),
        ] {
            let mut counting = Counting::default();
            assert_eq!(counting.count(&first, &all()), failed);
            assert_eq!(counting.count(&second, &all()), none);
            for (assessment, written) in [&first, &second].into_iter().zip(written) {
                match written {
                    true => counting.recorded(&assessment.ask),
                    false => counting.not_recorded(&assessment.ask),
                }
            }
            assert_eq!(counting.count(&last, &all()), counts, "{written:?}");
        }
    }

    #[test]
    fn a_further_person_is_a_further_attempt_and_one_who_was_only_seen_counts_when_they_go() {
        let failed = assessed(&[(Modality::Voice, Some(-6.0))]);
        let passed = assessed(&[(Modality::Voice, Some(6.0))]);
        let unsure = assessed(&[(Modality::Voice, Some(1.0))]);
        let voice = |outcome| Attempted { voice: Some(outcome), behavior: None };
        let mut counting = Counting::default();
        counting.see(&failed, &all());
        assert_eq!(counting.count(&failed, &all()), voice(Outcome::Failed));
        // It was counted: nothing is owed, and the next one counts anew.
        assert_eq!(counting.person_changed(), Attempted::default());
        let earlier = BTreeSet::from([Modality::Voice]);
        assert_eq!(counting.count(&failed, &earlier), Attempted::default());
        assert_eq!(counting.count(&failed, &all()), voice(Outcome::Failed));
        counting.person_changed();
        for (seen, owed) in [
            (&failed, voice(Outcome::Failed)),
            (&unsure, voice(Outcome::Uncertain)),
            (&passed, Attempted::default()),
        ] {
            counting.see(seen, &all());
            assert_eq!(counting.person_changed(), owed);
        }
        // One who passed and then turned out to be somebody else.
        assert_eq!(counting.count(&passed, &all()), voice(Outcome::Passed));
        counting.see(&failed, &all());
        assert_eq!(counting.person_changed(), voice(Outcome::Failed));
    }
}
