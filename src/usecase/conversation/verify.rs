//! Verification: is this the style of who they claim to be?

use std::sync::Arc;

use crate::domain::{
    AuditKind, ConsentProof, Decision, EventScore, Llr, Purpose, SubjectId, Versions,
};
use crate::policy::{BehaviorVerdict, Outcome, StyleEvidence, decide_style};
use crate::store::{
    BehaviorProfile, BehaviorSnapshot, Effect, SampleOrigin, SecretBytes, SubjectTarget,
};
use crate::usecase::UseCaseError;
use crate::usecase::access::sees_fine_scores;
use crate::usecase::behavior::compare::{complete, consent_id, refusal, standing_for};
use crate::usecase::behavior::verify::{check_claim, claim_content};
use crate::usecase::command::{Caller, OtherFactor, VerifyTexts};
use crate::usecase::conversation::enroll::{kept, words};
use crate::usecase::conversation::texts::{Compared, Probe, evidence, style_in, style_key};
use crate::usecase::core::{Draft, Inner, MAX_TRIES, Shared};
use crate::usecase::output::{ShownStyleHabit, ShownTextFinding, TextVerification};
use crate::usecase::request::Request;
use crate::usecase::sources;
use crate::usecase::verify::{full, shown};
use crate::usecase::voice::Score;

/// RPC, for idempotency.
const METHOD: &str = "vouch.v1.ConversationService/VerifyTexts";

/// Who claims what.
struct Claim {
    by: Caller,
    request: Request,
    subject: SubjectId,
    other: Option<OtherFactor>,
    probe: Arc<Probe>,
}

/// A claim weighed against a snapshot.
struct Weighed {
    verdict: BehaviorVerdict,
    /// Absent when the claim is refused without a comparison.
    compared: Option<Compared>,
    /// The texts match the enrolled ones alone, and may be adapted.
    adaptable: bool,
    consent: Option<ConsentProof>,
}

impl Weighed {
    fn enough(&self) -> bool {
        let evidence = self.compared.as_ref().and_then(|c| c.evidence.as_ref());
        evidence.is_some_and(|e| e.enough)
    }

    /// What was measured, where it was enough to conclude from.
    fn score(&self) -> Option<Score> {
        let evidence = self.compared.as_ref()?.evidence.as_ref()?;
        evidence.enough.then_some(Score { raw: evidence.raw, llr: evidence.llr })
    }

    fn findings(&self, probe: &Probe) -> Vec<ShownTextFinding> {
        let Some(compared) = &self.compared else { return Vec::new() };
        [&probe.script, &probe.social, &compared.unlike].map(ShownTextFinding::from).to_vec()
    }

    fn habits(&self) -> Vec<ShownStyleHabit> {
        let evidence = self.compared.as_ref().and_then(|c| c.evidence.as_ref());
        let shares = evidence.filter(|e| e.enough).map(|e| &e.habits[..]).unwrap_or_default();
        let finite = shares.iter().filter(|share| share.llr.is_finite());
        let shown = |what: &str, llr| ShownStyleHabit { what: what.to_owned(), llr };
        finite.map(|share| shown(share.habit.as_str(), share.llr)).collect()
    }
}

/// What a role may see of an answer.
fn for_role(mut answer: TextVerification, by: &Caller) -> TextVerification {
    answer.score = answer.score.map(|score| shown(score, by));
    if !sees_fine_scores(by.role) {
        // Which habit spoke against would teach an impostor what to change.
        answer.habits.clear();
    }
    answer
}

impl Inner {
    /// What is in force for styles.
    pub(super) fn style_versions(&self) -> Versions {
        let background = Some(self.parts.conversation.artifact());
        Versions {
            model: background.clone(),
            calibration: background,
            policy: self.parts.policy.version.clone(),
        }
    }

    /// A draft of an act on styles.
    pub(super) fn style_draft(&self, by: &Caller, kind: AuditKind, act: &str) -> Draft {
        let mut draft = self.draft(by, kind, act);
        draft.event.versions = Some(self.style_versions());
        draft
    }

    pub(in crate::usecase) async fn verify_texts(
        self: Shared,
        by: Caller,
        c: VerifyTexts,
    ) -> Result<TextVerification, UseCaseError> {
        check_claim(&by, c.other.as_ref())?;
        let (probe, digest) = self.text_probe(c.texts).await?;
        let content = claim_content(&c.subject, c.other.as_ref()).bytes(&digest);
        let request = content.request(METHOD, &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(for_role(answer, &by));
        }
        let probe = Arc::new(probe);
        let claim = Claim { by, request, subject: c.subject, other: c.other, probe };
        for _ in 0..MAX_TRIES {
            let store = &self.parts.store;
            let snapshot =
                store.behavior(&claim.by.tenant, &claim.subject, Some(&style_key())).await?;
            let weighed = self.weigh_style(&claim, snapshot.as_ref()).await?;
            let (draft, answer) = self.decided_style(&claim, snapshot.as_ref(), &weighed);
            match self.commit(&claim.by, &claim.request, draft, answer).await {
                Err(UseCaseError::Conflict) => {}
                Err(error) => return Err(error),
                Ok((answer, _)) => return Ok(for_role(answer, &claim.by)),
            }
        }
        Err(UseCaseError::Conflict)
    }

    /// Compares, in the engine, unless something refuses that, and decides.
    async fn weigh_style(
        &self,
        claim: &Claim,
        snapshot: Option<&BehaviorSnapshot>,
    ) -> Result<Weighed, UseCaseError> {
        let purpose = Purpose::ConversationAuthentication;
        let background = self.parts.conversation.artifact();
        let (mut stands, consent) = standing_for(purpose, snapshot, &background, self.now());
        stands.factor_needed &= claim.other.is_none();
        let held = self.source_held(&claim.by.tenant, &sources::of(&claim.by)).await?;
        // Who asks comes before whom it is about.
        let refused = if held { Some(sources::held_up()) } else { refusal(stands) };
        if let Some((decision, reasons)) = refused {
            let outcome = Outcome::from(decision);
            let verdict = BehaviorVerdict { decision, reasons, outcome };
            return Ok(Weighed { verdict, compared: None, adaptable: false, consent });
        }
        let (compared, adaptable) = match snapshot.and_then(complete) {
            Some(profile) => {
                let (compared, adaptable) = self.compare_style(claim, profile).await?;
                (Some(compared), adaptable)
            }
            None => (None, false),
        };
        let replayed = compared.as_ref().is_some_and(|c| c.replayed);
        let evidence = compared.as_ref().and_then(|c| c.evidence.as_ref());
        let verdict = decide_style(
            &self.parts.policy.conversation,
            StyleEvidence {
                llr: evidence.map(|e| e.llr),
                enough: evidence.is_some_and(|e| e.enough),
                detected: &claim.probe.detected(replayed),
                other_factor: claim.other.is_some(),
            },
        );
        Ok(Weighed { verdict, compared, adaptable, consent })
    }

    async fn compare_style(
        &self,
        claim: &Claim,
        profile: &BehaviorProfile,
    ) -> Result<(Compared, bool), UseCaseError> {
        let models = Arc::clone(&self.parts.conversation);
        let least = self.parts.policy.conversation.adapt_llr;
        let (probe, profile) = (Arc::clone(&claim.probe), profile.clone());
        self.compute(move || {
            let compared = probe.compare(&models, &profile)?;
            let enrolled = style_in(&models, &profile, Some(SampleOrigin::Enrolled))?;
            let anchor = evidence(&models, &enrolled, &probe.style)?;
            Ok((compared, anchor.is_some_and(|e| e.enough && e.llr >= least)))
        })
        .await?
    }

    fn decided_style(
        &self,
        claim: &Claim,
        snapshot: Option<&BehaviorSnapshot>,
        weighed: &Weighed,
    ) -> (Draft, TextVerification) {
        let (kind, act) = (AuditKind::ConversationVerification, "verification by style");
        let mut draft = self.style_draft(&claim.by, kind, act);
        let verdict = &weighed.verdict;
        let mut adapted = false;
        self.count_sources(&mut draft, &sources::of(&claim.by), verdict.outcome);
        if let Some(snapshot) = snapshot {
            draft.subject = Some(SubjectTarget {
                id: snapshot.subject.clone(),
                expected_version: Some(snapshot.version),
            });
            let vouched = claim.other.is_some() && verdict.decision != Decision::Locked;
            self.count_behavior_attempt(&mut draft, snapshot, verdict.outcome, vouched);
            adapted = self.refresh_style(&mut draft, claim, snapshot, weighed);
        }
        let style = &claim.probe.style;
        let looked = weighed.compared.is_some();
        let answer = TextVerification {
            decision: verdict.decision,
            reasons: verdict.reasons.clone(),
            score: weighed.score().map(full),
            findings: weighed.findings(&claim.probe),
            habits: weighed.habits(),
            words: if looked { style.words() } else { 0 },
            messages: if looked { style.messages() } else { 0 },
            enough: weighed.enough(),
            adapted,
            decision_id: draft.decision.clone(),
            versions: self.style_versions(),
        };
        self.note_style(&mut draft, claim, weighed, &answer);
        (draft, answer)
    }

    /// Where the style matched, remembers the texts by their fingerprint, and takes them in if they may be.
    fn refresh_style(
        &self,
        draft: &mut Draft,
        claim: &Claim,
        snapshot: &BehaviorSnapshot,
        weighed: &Weighed,
    ) -> bool {
        let (Some(profile), Some(consent)) = (complete(snapshot), &weighed.consent) else {
            return false;
        };
        // What speaks against the person need not be remembered: a copy will not match either.
        let speaks_for = weighed.score().is_some_and(|score| score.llr > Llr(0.0));
        let replayed = weighed.compared.as_ref().is_some_and(|c| c.replayed);
        if !speaks_for || replayed {
            return false;
        }
        let rules = &self.parts.policy.conversation;
        let mut profile = profile.clone();
        let adapt = claim.other.as_ref().filter(|other| {
            other.adapt && weighed.adaptable && weighed.verdict.decision == Decision::Accept
        });
        let enrolled = words(&profile.samples, Some(SampleOrigin::Enrolled));
        let (limit, new) = (rules.adapted_limit(enrolled), claim.probe.style.words());
        let taken = adapt.filter(|_| new <= limit);
        match taken {
            Some(other) => {
                make_room(&mut profile, limit - new);
                let (origin, by) = (SampleOrigin::Adapted, &other.checked);
                profile.samples.push(kept(&claim.probe, origin, by, draft.at));
            }
            None => profile.seen.push(SecretBytes::new(claim.probe.fingerprint.clone())),
        }
        let most = usize::try_from(rules.remembered_texts).unwrap_or(usize::MAX);
        let over = profile.seen.len().saturating_sub(most);
        profile.seen.drain(..over);
        let (profile, consent) = (Box::new(profile), consent.clone());
        draft.effects.push(Effect::PutBehaviorProfile { profile, consent });
        taken.is_some()
    }

    /// The record: amounts, scores and codes. Nothing of what was written.
    fn note_style(
        &self,
        draft: &mut Draft,
        claim: &Claim,
        weighed: &Weighed,
        answer: &TextVerification,
    ) {
        let rules = &self.parts.policy.conversation;
        let event = &mut draft.event;
        event.subject = Some(claim.subject.clone());
        event.decision = Some(answer.decision);
        event.reasons.clone_from(&answer.reasons);
        event.score = weighed.score().map(|s| EventScore { raw: s.raw, llr: s.llr });
        event.accept_llr = Some(rules.accept_llr);
        event.reject_llr = Some(rules.reject_llr);
        event.authorization = claim.other.as_ref().map(|other| other.checked.clone());
        event.consent = consent_id(weighed.consent.as_ref());
        if weighed.compared.is_none() {
            return;
        }
        let finding = |f: &ShownTextFinding| {
            format!("{} {:?} ({})", f.kind.as_str(), f.state, f.codes.join(" "))
        };
        let habit = |h: &ShownStyleHabit| format!("{}: LLR {:+.1}", h.what, h.llr);
        for (name, value) in [
            ("words", answer.words.to_string()),
            ("messages", answer.messages.to_string()),
            ("enough", answer.enough.to_string()),
            ("adapted", answer.adapted.to_string()),
            ("findings", answer.findings.iter().map(finding).collect::<Vec<_>>().join(", ")),
            ("habits", answer.habits.iter().map(habit).collect::<Vec<_>>().join("; ")),
        ] {
            event.details.insert(name.to_owned(), value);
        }
    }
}

/// Lets the oldest adapted texts go until at most this many words of them are left; their fingerprints stay.
fn make_room(profile: &mut BehaviorProfile, most: u32) {
    while words(&profile.samples, Some(SampleOrigin::Adapted)) > most {
        let oldest = profile.samples.iter().position(|s| s.origin == SampleOrigin::Adapted);
        let Some(oldest) = oldest else { return };
        let left = profile.samples.remove(oldest);
        profile.seen.push(left.fingerprint.clone());
    }
}
