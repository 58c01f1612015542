//! Verification: is this the behavior of who they claim to be?

use std::sync::Arc;

use crate::domain::{AuditKind, ConsentProof, Decision, EventScore, Reason, SubjectId};
use crate::policy::{BehaviorEvidence, BehaviorVerdict, Outcome, decide_behavior};
use crate::store::{BehaviorProfile, BehaviorSnapshot, Effect, SubjectTarget};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require, sees_fine_scores};
use crate::usecase::behavior::adapt;
use crate::usecase::behavior::compare::{self, Compared, complete, refusal, standing};
use crate::usecase::behavior::probe::{Probe, detected};
use crate::usecase::command::{Caller, OtherFactor, VerifyBehavior};
use crate::usecase::core::{Draft, Inner, MAX_TRIES, Shared};
use crate::usecase::failure::invalid;
use crate::usecase::output::{BehaviorVerification, ShownFinding, ShownHabit, ShownScore};
use crate::usecase::request::{Content, Request};
use crate::usecase::sources;
use crate::usecase::subjects::check_text;
use crate::usecase::verify::{full, shown};
use crate::usecase::voice::Score;

/// RPC, for idempotency.
const METHOD: &str = "vouch.v1.BehaviorService/VerifyBehavior";
/// Names of behavior and style, which are no other factor.
const OWN_FACTORS: [&str; 15] = [
    "behavior",
    "behaviour",
    "keystroke",
    "typing",
    "touch",
    "swipe",
    "stroke",
    "gesture",
    "pointer",
    "mouse",
    "style",
    "stylometry",
    "writing",
    "chat",
    "conversation",
];
/// Fingerprint readers, which are another factor whatever they are called.
const FINGERPRINT: [&str; 3] = ["touch_id", "touch-id", "touchid"];

/// Who claims what.
pub(super) struct Claim {
    pub(super) by: Caller,
    pub(super) request: Request,
    pub(super) subject: SubjectId,
    pub(super) other: Option<OtherFactor>,
}

/// An answer as it is remembered for a repeated request, with what names the captures of a stream, one mark
/// each, empty for a request whose captures are in its hash.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Recorded {
    pub(super) answer: BehaviorVerification,
    pub(super) marks: Vec<u64>,
}

/// A claim weighed against a snapshot.
pub(super) struct Weighed {
    pub(super) verdict: BehaviorVerdict,
    /// Absent when the claim is refused without a comparison.
    pub(super) compared: Option<Compared>,
    consent: Option<ConsentProof>,
}

impl Weighed {
    /// What was measured, where it was enough to conclude from: less tells an impostor something for an
    /// attempt that does not count.
    pub(super) fn score(&self) -> Option<Score> {
        let evidence = self.compared.as_ref()?.evidence.as_ref()?;
        evidence.enough.then_some(Score { raw: evidence.raw, llr: evidence.llr })
    }

    pub(super) fn findings(&self) -> Vec<ShownFinding> {
        self.compared.as_ref().map(|c| c.findings.clone()).unwrap_or_default()
    }

    fn habits(&self) -> Vec<ShownHabit> {
        let evidence = self.compared.as_ref().and_then(|c| c.evidence.as_ref());
        evidence.filter(|e| e.enough).map(compare::habits).unwrap_or_default()
    }

    pub(super) fn enough(&self) -> bool {
        let evidence = self.compared.as_ref().and_then(|c| c.evidence.as_ref());
        evidence.is_some_and(|e| e.enough)
    }

    /// Captures that were compared, and what is in them.
    pub(super) fn amount(&self, probe: Option<&Probe>) -> (u32, u32) {
        let (Some(compared), Some(probe)) = (&self.compared, probe) else {
            return (0, 0);
        };
        let used = compared.used.iter().filter_map(|i| probe.seen.get(*i)?.sample.as_ref());
        used.fold((0, 0), |(n, units), s| (n + 1, u32::saturating_add(units, s.units)))
    }
}

/// What a role may see of an answer.
pub(super) fn for_role(mut answer: BehaviorVerification, by: &Caller) -> BehaviorVerification {
    answer.score = answer.score.map(|score| shown(score, by));
    if !sees_fine_scores(by.role) {
        // Which habit spoke against would teach an impostor what to change.
        answer.habits.clear();
    }
    answer
}

/// Rights and texts of a claim.
pub(in crate::usecase) fn check_claim(
    by: &Caller,
    other: Option<&OtherFactor>,
) -> Result<(), UseCaseError> {
    require(by, Right::Compare)?;
    let Some(OtherFactor { checked, adapt }) = other else {
        return Ok(());
    };
    if *adapt {
        require(by, Right::Adapt)?;
    }
    check_text("other_factor.agent", &checked.agent)?;
    check_text("other_factor.factor", &checked.factor)?;
    let name = checked.factor.to_ascii_lowercase();
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.chars().all(word) {
        return Err(invalid("other_factor.factor", "letters, digits, `_` and `-` only"));
    }
    // A name, not a proof: who may name a factor answers for it. This stops slips, not lies.
    let own = |part: &str| OWN_FACTORS.iter().any(|own| part.starts_with(own));
    if name.split(['_', '-']).any(own) && !FINGERPRINT.contains(&name.as_str()) {
        return Err(invalid("other_factor.factor", "behavior cannot vouch for itself"));
    }
    Ok(())
}

/// Content of a claim without its captures.
pub(in crate::usecase) fn claim_content(
    subject: &SubjectId,
    other: Option<&OtherFactor>,
) -> Content {
    let content = Content::new().subject(subject).flag(other.is_some());
    match other {
        Some(other) => content.authorization(&other.checked).flag(other.adapt),
        None => content,
    }
}

impl Inner {
    pub(in crate::usecase) async fn verify_behavior(
        self: Shared,
        by: Caller,
        c: VerifyBehavior,
    ) -> Result<BehaviorVerification, UseCaseError> {
        check_claim(&by, c.other.as_ref())?;
        let (probe, digest) = self.probe(c.captures).await?;
        let content = claim_content(&c.subject, c.other.as_ref()).bytes(&digest);
        let request = content.request(METHOD, &c.key);
        if let Some(Recorded { answer, .. }) = self.remembered(&by, &request).await? {
            return Ok(for_role(answer, &by));
        }
        let claim = Claim { by, request, subject: c.subject, other: c.other };
        self.conclude_behavior(&claim, Some(Arc::new(probe)), &[]).await
    }

    /// Decides, counts the attempt, refreshes the profile, audits; taken anew when the subject changes in
    /// between, so that two clients with the same capture cannot both pass. `marks` name the captures of a
    /// stream.
    pub(super) async fn conclude_behavior(
        &self,
        claim: &Claim,
        probe: Option<Arc<Probe>>,
        marks: &[u64],
    ) -> Result<BehaviorVerification, UseCaseError> {
        for _ in 0..MAX_TRIES {
            let key = probe.as_ref().map(|p| p.key.profile());
            let store = &self.parts.store;
            let snapshot = store.behavior(&claim.by.tenant, &claim.subject, key.as_ref()).await?;
            let weighed = self.weigh_claim(claim, probe.as_ref(), snapshot.as_ref()).await?;
            let (draft, answer) =
                self.decided(claim, probe.as_deref(), snapshot.as_ref(), &weighed)?;
            let recorded = Recorded { answer, marks: marks.to_vec() };
            match self.commit(&claim.by, &claim.request, draft, recorded).await {
                Err(UseCaseError::Conflict) => {}
                Err(error) => return Err(error),
                // Another stream with the same key was faster, and its captures were others.
                Ok((recorded, _)) if recorded.marks != marks => {
                    return Err(UseCaseError::IdempotencyMismatch);
                }
                Ok((recorded, _)) => return Ok(for_role(recorded.answer, &claim.by)),
            }
        }
        Err(UseCaseError::Conflict)
    }

    /// Compares, in the engine, unless something refuses that, and decides.
    pub(super) async fn weigh_claim(
        &self,
        claim: &Claim,
        probe: Option<&Arc<Probe>>,
        snapshot: Option<&BehaviorSnapshot>,
    ) -> Result<Weighed, UseCaseError> {
        let profile = snapshot.and_then(complete);
        let kind = probe.map(|p| p.key.kind).or(profile.and_then(|p| p.kind.samples()));
        let (mut stands, consent) = match kind {
            Some(kind) => standing(snapshot, &self.parts.behavior.background(kind), self.now()),
            None => standing(snapshot, &self.parts.policy.version, self.now()),
        };
        // Without a capture nothing is said about profiles.
        stands.has_template |= probe.is_none() && snapshot.is_some();
        stands.model_matches |= probe.is_none();
        stands.factor_needed &= claim.other.is_none();
        let held = self.source_held(&claim.by.tenant, &sources::of(&claim.by)).await?;
        // Who asks comes before whom it is about.
        let refused = if held { Some(sources::held_up()) } else { refusal(stands) };
        if let Some((decision, reasons)) = refused {
            let outcome = Outcome::from(decision);
            let verdict = BehaviorVerdict { decision, reasons, outcome };
            return Ok(Weighed { verdict, compared: None, consent });
        }
        let compared = match (probe, profile) {
            (Some(probe), Some(profile)) => Some(self.compared(claim, probe, profile).await?),
            _ => None,
        };
        let cues = compared.as_ref().map(|c| detected(&c.findings)).unwrap_or_default();
        let evidence = compared.as_ref().and_then(|c| c.evidence.as_ref());
        let mut verdict = decide_behavior(
            &self.parts.policy.behavior,
            BehaviorEvidence {
                llr: evidence.map(|e| e.llr),
                enough: evidence.is_some_and(|e| e.enough),
                detected: &cues,
                other_factor: claim.other.is_some(),
            },
        );
        if compared.as_ref().is_some_and(|c| c.other_text) {
            // More of it would not help.
            verdict.reasons.retain(|r| *r != Reason::MoreInput || evidence.is_some());
            verdict.reasons.push(Reason::OtherText);
        }
        Ok(Weighed { verdict, compared, consent })
    }

    async fn compared(
        &self,
        claim: &Claim,
        probe: &Arc<Probe>,
        profile: &BehaviorProfile,
    ) -> Result<Compared, UseCaseError> {
        let (models, rules) =
            (Arc::clone(&self.parts.behavior), self.parts.policy.behavior.clone());
        let (probe, profile) = (Arc::clone(probe), profile.clone());
        let adapt = claim.other.as_ref().is_some_and(|other| other.adapt);
        self.compute(move || {
            let models = models.as_ref();
            let mut compared = compare::compare(models, &profile, &probe.seen)?;
            if adapt && compared.evidence.is_some() {
                compared.adaptable =
                    adapt::adaptable(models, &rules, &profile, &probe.seen, &compared.used)?;
            }
            Ok(compared)
        })
        .await?
    }

    fn decided(
        &self,
        claim: &Claim,
        probe: Option<&Probe>,
        snapshot: Option<&BehaviorSnapshot>,
        weighed: &Weighed,
    ) -> Result<(Draft, BehaviorVerification), UseCaseError> {
        let kind = probe.map(|p| p.key.kind);
        let act = "verification by behavior";
        let mut draft = self.behavior_draft(&claim.by, AuditKind::BehaviorVerification, act, kind);
        let verdict = &weighed.verdict;
        let mut adapted = 0;
        self.count_sources(&mut draft, &sources::of(&claim.by), verdict.outcome);
        if let Some(snapshot) = snapshot {
            draft.subject = Some(SubjectTarget {
                id: snapshot.subject.clone(),
                expected_version: Some(snapshot.version),
            });
            let vouched = claim.other.is_some() && verdict.decision != Decision::Locked;
            self.count_behavior_attempt(&mut draft, snapshot, verdict.outcome, vouched);
            adapted = self.refresh_profile(&mut draft, claim, probe, snapshot, weighed)?;
        }
        let (captures, units) = weighed.amount(probe);
        self.note_verification(&mut draft, claim, probe, weighed, (captures, units, adapted));
        let answer = BehaviorVerification {
            decision: verdict.decision,
            reasons: verdict.reasons.clone(),
            score: weighed.score().map(full),
            findings: weighed.findings(),
            habits: weighed.habits(),
            kind,
            device: probe.map(|p| p.key.device),
            captures,
            units,
            enough: weighed.enough(),
            adapted,
            decision_id: draft.decision.clone(),
            versions: self.behavior_versions(kind),
        };
        Ok((draft, answer))
    }

    /// Counts the attempt, beside which another factor was passed if `vouched`; a lock that it begins stands in its
    /// record.
    pub(in crate::usecase) fn count_behavior_attempt(
        &self,
        draft: &mut Draft,
        snapshot: &BehaviorSnapshot,
        outcome: Outcome,
        vouched: bool,
    ) {
        let (before, at, rules) = (snapshot.attempts, draft.at, &self.parts.policy.attempts);
        let after = before.counted(outcome, vouched, at, rules);
        if after == before {
            return;
        }
        draft.effects.push(Effect::SetBehaviorAttempts(after));
        if let Some(until) = after.locked_until.filter(|until| draft.at < *until) {
            draft.event.details.insert("locked_until".to_owned(), until.to_string());
        }
    }

    /// Where the behavior matched, remembers its captures, and takes in those that may be; how many.
    fn refresh_profile(
        &self,
        draft: &mut Draft,
        claim: &Claim,
        probe: Option<&Probe>,
        snapshot: &BehaviorSnapshot,
        weighed: &Weighed,
    ) -> Result<u32, UseCaseError> {
        let parts = (probe, complete(snapshot), &weighed.compared, &weighed.consent);
        let (Some(probe), Some(profile), Some(compared), Some(consent)) = parts else {
            return Ok(0);
        };
        // What speaks against the person need not be remembered: a copy will not match either, and junk cannot push
        // captures of the right person out of memory. What speaks for the person is, though it was not enough:
        // together with others it may be. A copy or a program is neither: copies would push what they copy out.
        let cues = detected(&compared.findings);
        let attacked =
            cues.contains(&Reason::InputReplayed) || cues.contains(&Reason::InputScripted);
        if attacked || weighed.score().is_none_or(|score| score.llr.0 <= 0.0) {
            return Ok(0);
        }
        let rules = &self.parts.policy.behavior;
        let mut profile = profile.clone();
        let mut taken = 0;
        let mut which: &[usize] = &[];
        if let Some(other) = claim.other.as_ref().filter(|other| other.adapt)
            && weighed.verdict.decision == Decision::Accept
        {
            let (seen, at) = (&probe.seen, draft.at);
            let may = &compared.adaptable;
            taken = adapt::take_in(rules, &mut profile, seen, may, &other.checked, at)?;
            which = may.get(..usize::try_from(taken).unwrap_or(0)).unwrap_or_default();
        }
        // Those taken in are held as samples.
        let new = compared.used.iter().filter(|i| !which.contains(i));
        let new = new.filter_map(|i| Some(probe.seen.get(*i)?.fingerprint.clone()));
        adapt::remember(rules, &mut profile, new);
        let (profile, consent) = (Box::new(profile), consent.clone());
        draft.effects.push(Effect::PutBehaviorProfile { profile, consent });
        Ok(taken)
    }

    /// The record: what was compared with what, what it said, what followed. Nothing of what was typed.
    fn note_verification(
        &self,
        draft: &mut Draft,
        claim: &Claim,
        probe: Option<&Probe>,
        weighed: &Weighed,
        (captures, units, adapted): (u32, u32, u32),
    ) {
        let rules = &self.parts.policy.behavior;
        let event = &mut draft.event;
        event.subject = Some(claim.subject.clone());
        event.decision = Some(weighed.verdict.decision);
        event.reasons.clone_from(&weighed.verdict.reasons);
        event.score = weighed.score().map(|s| EventScore { raw: s.raw, llr: s.llr });
        event.accept_llr = Some(rules.accept_llr);
        event.reject_llr = Some(rules.reject_llr);
        event.authorization = claim.other.as_ref().map(|other| other.checked.clone());
        event.consent = compare::consent_id(weighed.consent.as_ref());
        let mut note = |name: &str, value: String| event.details.insert(name.to_owned(), value);
        if let Some(probe) = probe {
            note("kind", probe.key.kind.as_str().to_owned());
            note("device", probe.key.device.as_str().to_owned());
            note("unit", probe.key.kind.unit().to_owned());
        }
        if weighed.compared.is_some() {
            note("captures", captures.to_string());
            note("units", units.to_string());
            note("enough", weighed.enough().to_string());
            note("adapted", adapted.to_string());
            let states =
                weighed.findings().into_iter().map(|f| format!("{:?} {:?}", f.kind, f.state));
            note("findings", states.collect::<Vec<_>>().join(", "));
        }
        let habits = weighed.habits();
        if !habits.is_empty() {
            let phrases = habits.iter().map(phrase).collect::<Vec<_>>();
            note("habits", phrases.join("; "));
        }
    }
}

/// A habit in words: "pause before key 3: 3.1 deviations above, LLR -1.2".
fn phrase(habit: &ShownHabit) -> String {
    let place = habit.position.map_or(String::new(), |at| format!(" {at}"));
    let side = if habit.deviation < 0.0 { "below" } else { "above" };
    let (what, size) = (&habit.what, habit.deviation.abs());
    format!("{what}{place}: {size:.1} deviations {side}, LLR {:+.1}", habit.llr)
}

/// A score as shown, for estimates on the way.
pub(super) fn shown_score(score: Option<Score>, by: &Caller) -> Option<ShownScore> {
    score.map(|score| shown(full(score), by))
}
