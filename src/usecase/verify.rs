//! Verification: is this caller who they claim to be?

use std::sync::Arc;

use crate::domain::{
    ArtifactRef, AuditKind, ConsentId, ConsentProof, Decision, EventScore, PadStatus, Purpose,
    Quality, Reason, Timestamp,
};
use crate::policy::{Standing, Verdict, VerificationEvidence, admit, decide_verification};
use crate::scoring::backend::conditions;
use crate::scoring::{Conditions, Side};
use crate::store::{Effect, SubjectSnapshot};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require, sees_fine_scores};
use crate::usecase::adapt_voice::Heard;
use crate::usecase::command::{Caller, Recording, Verify};
use crate::usecase::core::{Draft, Inner, MAX_TRIES, Shared, target};
use crate::usecase::failure::invalid;
use crate::usecase::listen::nothing_heard;
use crate::usecase::live_request::{HeardAudio, Remembered};
use crate::usecase::output::{ShownScore, Verification};
use crate::usecase::parts::VoiceParts;
use crate::usecase::recalibrate::CONDITIONS;
use crate::usecase::request::{Content, Request};
use crate::usecase::sources;
use crate::usecase::subjects::check_text;
use crate::usecase::voice::{Probe, Score};

/// Who claims what.
pub(super) struct Claim {
    pub(super) by: Caller,
    pub(super) request: Request,
    pub(super) command: Verify,
    pub(super) voice: VoiceParts,
}

/// What was heard when a claim is decided.
#[derive(Clone)]
pub(super) struct Evidence {
    /// Absent when there was too little speech, or nothing was heard.
    pub(super) side: Option<Side>,
    /// Kept only for a claim that may be adapted.
    pub(super) probe: Option<Probe>,
    pub(super) quality: Quality,
    /// The audio ended.
    pub(super) ended: bool,
}

impl Evidence {
    /// For a claim that is refused before anything is heard.
    pub(super) fn none() -> Self {
        Self { side: None, probe: None, quality: nothing_heard(), ended: false }
    }
}

/// Where a subject stands with the model in force; an unknown subject has no template.
pub(super) fn standing(
    snapshot: Option<&SubjectSnapshot>,
    model: &ArtifactRef,
    now: Timestamp,
) -> (Standing, Option<ConsentId>) {
    let Some(snapshot) = snapshot else {
        let unknown = Standing {
            refused: None,
            locked: false,
            factor_needed: false,
            has_template: false,
            model_matches: false,
            expired: false,
        };
        return (unknown, None);
    };
    let purpose = Purpose::VoiceAuthentication;
    let consent = ConsentProof::find(snapshot.opted_out, &snapshot.consents, purpose, now);
    let print = snapshot.voiceprint.as_ref();
    let standing = Standing {
        refused: consent.as_ref().err().copied(),
        locked: snapshot.attempts.is_locked(now),
        factor_needed: snapshot.attempts.factor_needed,
        has_template: print.is_some(),
        model_matches: print.is_some_and(|p| p.extractor == *model),
        expired: print.is_some_and(|p| p.expires_at.is_some_and(|end| end <= now)),
    };
    (standing, consent.ok().map(|c| c.consent_id().clone()))
}

/// What a claim hears whose source is held up.
fn held_up() -> Verdict {
    let (decision, mut reasons) = sources::held_up();
    reasons.push(Reason::PadNotEvaluated);
    (decision, reasons)
}

/// A score with everything, for the record; see [`for_role`].
pub(super) fn full(score: Score) -> ShownScore {
    ShownScore { band: score.llr.band(), llr: Some(score.llr), raw: Some(score.raw) }
}

/// What a role may see of a score.
pub(super) fn shown(score: ShownScore, by: &Caller) -> ShownScore {
    if sees_fine_scores(by.role) {
        return score;
    }
    ShownScore { llr: None, raw: None, ..score }
}

/// What a role may see of an answer.
pub(super) fn for_role(mut answer: Verification, by: &Caller) -> Verification {
    answer.score = answer.score.map(|score| shown(score, by));
    answer
}

impl Verify {
    /// A standing where another factor was passed beside the voice, if one was.
    fn beside(&self, standing: Standing) -> Standing {
        Standing { factor_needed: standing.factor_needed && self.other.is_none(), ..standing }
    }

    /// Whether its voice may join the voiceprint.
    pub(super) fn wants_adaptation(&self) -> bool {
        self.other.as_ref().is_some_and(|other| other.adapt)
    }
}

/// Names of the voice, which is no other factor.
const OWN_FACTORS: [&str; 3] = ["voice", "voiceprint", "speaker"];

/// Refuses another factor that is not named or is the voice, and adaptation without the right to it. A name is not a
/// proof: who may name a factor answers for it. This stops slips, not lies.
pub(super) fn check_other(by: &Caller, c: &Verify) -> Result<(), UseCaseError> {
    let Some(other) = &c.other else { return Ok(()) };
    check_text("other_factor.agent", &other.checked.agent)?;
    check_text("other_factor.factor", &other.checked.factor)?;
    let name = other.checked.factor.to_ascii_lowercase();
    if name.split(['_', '-']).any(|part| OWN_FACTORS.contains(&part)) {
        return Err(invalid("other_factor.factor", "the voice cannot vouch for itself"));
    }
    if other.adapt { require(by, Right::Adapt) } else { Ok(()) }
}

/// The other factor as a part of a request's content.
pub(super) fn other_content(content: Content, c: &Verify) -> Content {
    match &c.other {
        Some(other) => content.authorization(&other.checked).flag(other.adapt),
        None => content,
    }
}

impl Inner {
    pub(super) async fn verify(
        self: Shared,
        by: Caller,
        c: Verify,
        audio: Recording,
    ) -> Result<Verification, UseCaseError> {
        require(&by, Right::Compare)?;
        check_other(&by, &c)?;
        let audio = Arc::new(audio);
        let method = "vouch.v1.VerificationService/Verify";
        let content = other_content(Content::new().subject(&c.subject), &c);
        let wanted = c.wants_adaptation();
        let request = self.audio_request(content, &audio, method, c.key.clone()).await?;
        if let Some(Remembered { answer, .. }) = self.remembered(&by, &request).await? {
            return Ok(for_role(answer, &by));
        }
        let voice = self.voice(&by.tenant)?;
        let claim = Claim { by, request, command: c, voice: voice.clone() };
        let evidence = if self.refusal(&claim).await?.is_some() {
            Evidence::none()
        } else {
            let least = self.parts.policy.verification.min_net_speech_ms;
            self.hear(&claim.voice, audio, least, move |speech| {
                let quality = speech.quality;
                if quality.net_speech_ms < least {
                    return Ok(Evidence { side: None, probe: None, quality, ended: true });
                }
                let probe = voice.probe(&speech.frames, &quality)?;
                let side = Some(voice.probe_side(&probe)?);
                Ok(Evidence { side, probe: Some(probe).filter(|_| wanted), quality, ended: true })
            })
            .await?
        };
        self.conclude(&claim, evidence, None).await
    }

    /// Why the claim would be refused now without a comparison.
    pub(super) async fn refusal(&self, claim: &Claim) -> Result<Option<Verdict>, UseCaseError> {
        if self.source_held(&claim.by.tenant, &sources::of(&claim.by)).await? {
            return Ok(Some(held_up()));
        }
        let snapshot = self.snapshot(&claim.by.tenant, &claim.command.subject).await?;
        let model = claim.voice.extractor.artifact();
        Ok(admit(claim.command.beside(standing(snapshot.as_ref(), &model, self.now()).0)))
    }

    /// Decides, counts the attempt, audits; taken anew when the subject changes in between. `heard` names what a
    /// live call heard.
    pub(super) async fn conclude(
        &self,
        claim: &Claim,
        evidence: Evidence,
        heard: Option<HeardAudio>,
    ) -> Result<Verification, UseCaseError> {
        for _ in 0..MAX_TRIES {
            let snapshot = self.snapshot(&claim.by.tenant, &claim.command.subject).await?;
            let held = self.source_held(&claim.by.tenant, &sources::of(&claim.by)).await?;
            let (draft, answer) = self.decide(claim, &evidence, snapshot.as_ref(), held)?;
            let remembered = Remembered { answer, heard: heard.clone() };
            match self.commit(&claim.by, &claim.request, draft, remembered).await {
                Err(UseCaseError::Conflict) => {}
                Err(error) => return Err(error),
                Ok((Remembered { answer, .. }, _)) => {
                    if answer.adapted {
                        self.refresh(&claim.by, &claim.command.subject).await?;
                    }
                    return Ok(for_role(answer, &claim.by));
                }
            }
        }
        Err(UseCaseError::Conflict)
    }

    fn decide(
        &self,
        claim: &Claim,
        evidence: &Evidence,
        snapshot: Option<&SubjectSnapshot>,
        held: bool,
    ) -> Result<(Draft, Verification), UseCaseError> {
        let policy = &self.parts.policy;
        let mut draft = self.draft(&claim.by, AuditKind::Verification, "verification");
        let model = claim.voice.extractor.artifact();
        let (standing, consent) = standing(snapshot, &model, draft.at);
        let standing = claim.command.beside(standing);
        let (mut score, mut adapted) = (None, false);
        let mut quality = evidence.quality.clone();
        let refused = if held { Some(held_up()) } else { admit(standing) };
        let (decision, reasons) = match refused {
            Some(verdict) => verdict,
            None => {
                let compared = self.compare(claim, evidence, snapshot)?;
                score = compared.map(|(score, _)| score);
                if let Some((_, conditions)) = compared {
                    let text = serde_json::to_string(&conditions)?;
                    draft.event.details.insert(CONDITIONS.to_owned(), text);
                }
                let evidence = VerificationEvidence {
                    llr: score.map(|s| s.llr),
                    quality: &evidence.quality,
                    ended: evidence.ended,
                };
                decide_verification(&policy.verification, evidence)
            }
        };
        if evidence.ended || score.is_some() {
            draft.event.quality = Some(quality.clone());
        } else {
            quality = nothing_heard();
        }
        let event = &mut draft.event;
        event.subject = Some(claim.command.subject.clone());
        event.decision = Some(decision);
        event.reasons.clone_from(&reasons);
        event.score = score.map(|s| EventScore { raw: s.raw, llr: s.llr });
        event.accept_llr = Some(policy.verification.accept_llr);
        event.reject_llr = Some(policy.verification.reject_llr);
        event.consent = consent;
        event.authorization = claim.command.other.as_ref().map(|other| other.checked.clone());
        let least = policy.verification.min_net_speech_ms.to_string();
        event.details.insert("min_net_speech_ms".to_owned(), least);
        self.count_sources(&mut draft, &sources::of(&claim.by), decision.into());
        if let Some(snapshot) = snapshot {
            draft.subject = Some(target(snapshot));
            let vouched = claim.command.other.is_some() && !held;
            self.count_attempt(&mut draft, snapshot, decision, vouched);
            if decision == Decision::Accept {
                adapted = self.adapt(&mut draft, claim, evidence, snapshot)?;
            }
        }
        let answer = Verification {
            decision,
            reasons,
            score: score.map(full),
            quality,
            pad: PadStatus::NotEvaluated,
            adapted,
            decision_id: draft.decision.clone(),
            versions: self.versions(&claim.by.tenant),
        };
        Ok((draft, answer))
    }

    /// Lets an accepted claim refresh the voiceprint, where its caller wants it and another factor was checked.
    fn adapt(
        &self,
        draft: &mut Draft,
        claim: &Claim,
        evidence: &Evidence,
        snapshot: &SubjectSnapshot,
    ) -> Result<bool, UseCaseError> {
        let other = claim.command.other.as_ref().filter(|other| other.adapt);
        let (Some(other), Some(probe)) = (other, &evidence.probe) else { return Ok(false) };
        let heard = Heard { probe: probe.clone(), quality: evidence.quality.clone() };
        self.adapt_voice(draft, &claim.voice, &heard, snapshot, &other.checked)
    }

    fn compare(
        &self,
        claim: &Claim,
        evidence: &Evidence,
        snapshot: Option<&SubjectSnapshot>,
    ) -> Result<Option<(Score, Conditions)>, UseCaseError> {
        let print = snapshot.and_then(|s| s.voiceprint.as_ref());
        let (Some(side), Some(print)) = (&evidence.side, print) else {
            return Ok(None);
        };
        let template = claim.voice.voiceprint_side(print)?;
        Ok(Some((claim.voice.score(&template, side), conditions(&template, side))))
    }

    /// Counts the attempt; a lock that it begins stands in its record.
    fn count_attempt(
        &self,
        draft: &mut Draft,
        snapshot: &SubjectSnapshot,
        decision: Decision,
        vouched: bool,
    ) {
        let (before, at, rules) = (snapshot.attempts, draft.at, &self.parts.policy.attempts);
        let after = before.counted(decision.into(), vouched, at, rules);
        if after == before {
            return;
        }
        draft.effects.push(Effect::SetAttempts(after));
        if let Some(until) = after.locked_until.filter(|until| draft.at < *until) {
            draft.event.details.insert("locked_until".to_owned(), until.to_string());
        }
    }
}
