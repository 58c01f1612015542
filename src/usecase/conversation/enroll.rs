//! Enrollment: texts are judged, kept as sums, and become a profile when there are enough words.

use std::sync::Arc;

use crate::domain::{
    AuditKind, Authorization, BehaviorProfileId, ConsentProof, Llr, Purpose, Reason, Timestamp,
};
use crate::policy::refuse_texts;
use crate::store::{
    BehaviorProfile, BehaviorSample, BehaviorSnapshot, Effect, ProfileKind, SampleOrigin,
    SecretBytes, SubjectTarget,
};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::behavior::compare::complete;
use crate::usecase::command::{Caller, EnrollTexts};
use crate::usecase::conversation::texts::{Probe, evidence, style_in, style_key};
use crate::usecase::core::{Draft, Inner, MAX_TRIES, Shared};
use crate::usecase::enroll::refused_consent;
use crate::usecase::output::{EnrollmentState, StyleProgress, TextEnrollment};
use crate::usecase::request::{Content, Request};
use crate::usecase::subjects::check_text;

/// RPC, for idempotency.
const METHOD: &str = "vouch.v1.ConversationService/EnrollTexts";

/// Who contributes what.
struct Contribution {
    by: Caller,
    request: Request,
    command: EnrollTexts,
    probe: Arc<Probe>,
}

/// What the store says before texts are added.
struct Basis {
    snapshot: BehaviorSnapshot,
    consent: ConsentProof,
    /// The profile on the way, if it was begun with the background in force.
    pending: Option<BehaviorProfile>,
}

/// Words of samples.
pub(super) fn words(samples: &[BehaviorSample], only: Option<SampleOrigin>) -> u32 {
    let counted = samples.iter().filter(|s| only.is_none_or(|o| s.origin == o));
    counted.fold(0, |sum, s| u32::saturating_add(sum, s.units))
}

/// Texts as they are kept.
pub(super) fn kept(
    probe: &Probe,
    origin: SampleOrigin,
    authorization: &Authorization,
    at: Timestamp,
) -> BehaviorSample {
    BehaviorSample {
        captured_at: at,
        origin,
        authorization: authorization.clone(),
        units: probe.style.words(),
        features: SecretBytes::new(probe.style.to_bytes()),
        fingerprint: SecretBytes::new(probe.fingerprint.clone()),
    }
}

impl Inner {
    pub(super) fn style_progress(&self, samples: &[BehaviorSample]) -> StyleProgress {
        StyleProgress {
            words: words(samples, None),
            required_words: self.parts.policy.conversation.enrollment_words,
        }
    }

    pub(in crate::usecase) async fn enroll_texts(
        self: Shared,
        by: Caller,
        mut c: EnrollTexts,
    ) -> Result<TextEnrollment, UseCaseError> {
        require(&by, Right::Enroll)?;
        check_text("authorization.agent", &c.authorization.agent)?;
        check_text("authorization.factor", &c.authorization.factor)?;
        let (probe, digest) = self.text_probe(std::mem::take(&mut c.texts)).await?;
        let request = Content::new()
            .subject(&c.subject)
            .authorization(&c.authorization)
            .flag(c.reenroll)
            .bytes(&digest)
            .request(METHOD, &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let contribution = Contribution { by, request, command: c, probe: Arc::new(probe) };
        for _ in 0..MAX_TRIES {
            let basis = self.style_basis(&contribution).await?;
            let (draft, answer) = self.weigh_texts(&contribution, basis).await?;
            match self.commit(&contribution.by, &contribution.request, draft, answer).await {
                Err(UseCaseError::Conflict) => {}
                Err(error) => return Err(error),
                Ok((answer, _)) => return Ok(answer),
            }
        }
        Err(UseCaseError::Conflict)
    }

    /// Everything that can refuse a contribution before it is judged.
    async fn style_basis(&self, contribution: &Contribution) -> Result<Basis, UseCaseError> {
        let Contribution { by, command, .. } = contribution;
        let store = &self.parts.store;
        let snapshot = store.behavior(&by.tenant, &command.subject, Some(&style_key())).await?;
        let snapshot = snapshot.ok_or(UseCaseError::NotFound { what: "subject" })?;
        let now = self.now();
        let purpose = Purpose::ConversationAuthentication;
        let consent = ConsentProof::find(snapshot.opted_out, &snapshot.consents, purpose, now)
            .map_err(refused_consent)?;
        let in_force = complete(&snapshot)
            .is_some_and(|p| self.profile_state(p, now) == EnrollmentState::Enrolled);
        if in_force && !command.reenroll {
            return Err(UseCaseError::AlreadyExists { what: "style profile" });
        }
        let background = self.parts.conversation.artifact();
        let mut profiles = snapshot.profiles.iter();
        let pending =
            profiles.find(|p| p.completed_at.is_none() && p.background == background).cloned();
        Ok(Basis { snapshot, consent, pending })
    }

    /// Why the texts are not kept; empty when they are.
    async fn judge_texts(
        &self,
        probe: &Arc<Probe>,
        snapshot: &BehaviorSnapshot,
        pending: Option<&BehaviorProfile>,
    ) -> Result<Vec<Reason>, UseCaseError> {
        let models = Arc::clone(&self.parts.conversation);
        let rules = self.parts.policy.conversation.clone();
        let replayed = snapshot.profiles.iter().any(|p| probe.known_to(p));
        let (probe, pending) = (Arc::clone(probe), pending.cloned());
        self.compute(move || {
            let consistency: Option<Llr> = match &pending {
                Some(profile) => {
                    let before = style_in(&models, profile, None)?;
                    let evidence = evidence(&models, &before, &probe.style)?;
                    evidence.filter(|e| e.enough).map(|e| e.llr)
                }
                None => None,
            };
            let detected = probe.detected(replayed);
            Ok(refuse_texts(&rules, probe.style.words(), &detected, consistency))
        })
        .await?
    }

    async fn weigh_texts(
        &self,
        contribution: &Contribution,
        basis: Basis,
    ) -> Result<(Draft, TextEnrollment), UseCaseError> {
        let Contribution { by, command, probe, .. } = contribution;
        let Basis { snapshot, consent, pending } = basis;
        let mut draft = self.style_draft(by, AuditKind::ConversationEnrollment, "");
        let refused = self.judge_texts(probe, &snapshot, pending.as_ref()).await?;
        let accepted = refused.is_empty();
        let at = draft.at;
        let new = accepted.then(|| kept(probe, SampleOrigin::Enrolled, &command.authorization, at));
        let profile = self.grown_style(command, &consent, pending, new, at);
        let state = match (&profile.samples[..], complete(&snapshot)) {
            ([], None) => EnrollmentState::None,
            ([], Some(old)) => self.profile_state(old, at),
            _ => self.profile_state(&profile, at),
        };
        let reasons = match (accepted, profile.completed_at) {
            (false, _) => refused,
            (true, Some(_)) => vec![Reason::EnrollmentComplete],
            (true, None) => vec![Reason::EnrollmentInProgress],
        };
        let answer = TextEnrollment {
            state,
            progress: self.style_progress(&profile.samples),
            accepted,
            reasons,
            profile: (!profile.samples.is_empty()).then(|| profile.id.clone()),
            words: probe.style.words(),
            decision_id: draft.decision.clone(),
            versions: self.style_versions(),
        };
        note(&mut draft, command, &answer, probe.style.messages());
        draft.event.consent = Some(consent.consent_id().clone());
        draft.subject = Some(SubjectTarget {
            id: snapshot.subject.clone(),
            expected_version: Some(snapshot.version),
        });
        if accepted {
            draft.effects = replaced(&snapshot, &profile);
            let profile = Box::new(profile);
            draft.effects.push(Effect::PutBehaviorProfile { profile, consent });
        }
        Ok((draft, answer))
    }

    /// The profile on the way, or a new one, with what was kept.
    fn grown_style(
        &self,
        command: &EnrollTexts,
        consent: &ConsentProof,
        pending: Option<BehaviorProfile>,
        kept: Option<BehaviorSample>,
        at: Timestamp,
    ) -> BehaviorProfile {
        let mut profile = pending.unwrap_or_else(|| BehaviorProfile {
            id: BehaviorProfileId::new(at, self.id_bytes()),
            kind: ProfileKind::Style,
            device: None,
            text: None,
            background: self.parts.conversation.artifact(),
            created_at: at,
            completed_at: None,
            expires_at: None,
            authorization: command.authorization.clone(),
            consent: consent.consent_id().clone(),
            samples: Vec::new(),
            seen: Vec::new(),
        });
        profile.samples.extend(kept);
        let rules = &self.parts.policy.conversation;
        if words(&profile.samples, None) >= rules.enrollment_words {
            profile.completed_at = Some(at);
            profile.expires_at = Some(at.plus_ms(rules.profile_lifetime_ms));
        }
        profile
    }
}

/// The record of it: amounts, no words.
fn note(draft: &mut Draft, command: &EnrollTexts, answer: &TextEnrollment, messages: u32) {
    let event = &mut draft.event;
    event.act = match answer.reasons.first() {
        Some(Reason::EnrollmentComplete) => "style profile created",
        _ if answer.accepted => "texts counted",
        _ => "texts refused",
    }
    .to_owned();
    event.subject = Some(command.subject.clone());
    event.authorization = Some(command.authorization.clone());
    event.reasons.clone_from(&answer.reasons);
    for (name, value) in [
        ("words", answer.words.to_string()),
        ("messages", messages.to_string()),
        ("progress", answer.progress.text()),
    ] {
        event.details.insert(name.to_owned(), value);
    }
    if let Some(id) = &answer.profile {
        event.details.insert("profile".to_owned(), id.as_str().to_owned());
    }
}

/// Deletes what a profile takes the place of: others on the way, and, once it is complete, the one before.
fn replaced(snapshot: &BehaviorSnapshot, new: &BehaviorProfile) -> Vec<Effect> {
    let others = snapshot.profiles.iter().filter(|p| p.id != new.id);
    let gone = others.filter(|p| p.completed_at.is_none() || new.completed_at.is_some());
    gone.map(|p| Effect::DeleteBehaviorProfile { profile: p.id.clone() }).collect()
}
