//! Enrollment: captures are judged one by one, kept, and become a profile when there are enough.

use std::sync::Arc;

use crate::domain::{AuditKind, BehaviorProfileId, ConsentProof, Purpose, Reason, Timestamp};
use crate::store::{BehaviorProfile, BehaviorSample, BehaviorSnapshot, Effect, SubjectTarget};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::behavior::compare::complete;
use crate::usecase::behavior::judge::judge;
use crate::usecase::behavior::probe::Probe;
use crate::usecase::command::{Caller, EnrollBehavior};
use crate::usecase::core::{Draft, Inner, MAX_TRIES, Shared};
use crate::usecase::enroll::refused_consent;
use crate::usecase::output::{
    BehaviorEnrollment, BehaviorKind, BehaviorProgress, CaptureOutcome, EnrollmentState,
};
use crate::usecase::request::{Content, Request};
use crate::usecase::subjects::check_text;

/// RPC, for idempotency.
const METHOD: &str = "vouch.v1.BehaviorService/EnrollBehavior";

/// Who contributes what.
struct Contribution {
    by: Caller,
    request: Request,
    command: EnrollBehavior,
    probe: Arc<Probe>,
}

/// What the store says before captures are added.
struct Basis {
    snapshot: BehaviorSnapshot,
    consent: ConsentProof,
    /// The profile on the way, if it was begun with the background in force.
    pending: Option<BehaviorProfile>,
}

/// Captures and units of samples.
pub(super) fn amount(samples: &[BehaviorSample]) -> (u32, u32) {
    let captures = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    (captures, samples.iter().fold(0, |sum, s| u32::saturating_add(sum, s.units)))
}

impl Inner {
    pub(super) fn behavior_progress(
        &self,
        kind: BehaviorKind,
        samples: &[BehaviorSample],
    ) -> BehaviorProgress {
        let needs = self.parts.policy.behavior.needs(kind);
        let (captures, units) = amount(samples);
        BehaviorProgress {
            captures,
            required_captures: needs.captures,
            units,
            required_units: needs.units,
            unit: kind.unit().to_owned(),
        }
    }

    /// Whether a profile can be used.
    pub(in crate::usecase) fn profile_state(
        &self,
        profile: &BehaviorProfile,
        at: Timestamp,
    ) -> EnrollmentState {
        let expired = profile.expires_at.is_some_and(|end| end <= at);
        let other = profile.background != self.background_of(profile.kind);
        match profile.completed_at {
            None => EnrollmentState::InProgress,
            Some(_) if expired || other => EnrollmentState::Stale,
            Some(_) => EnrollmentState::Enrolled,
        }
    }

    pub(in crate::usecase) async fn enroll_behavior(
        self: Shared,
        by: Caller,
        mut c: EnrollBehavior,
    ) -> Result<BehaviorEnrollment, UseCaseError> {
        require(&by, Right::Enroll)?;
        check_text("authorization.agent", &c.authorization.agent)?;
        check_text("authorization.factor", &c.authorization.factor)?;
        let (probe, digest) = self.probe(std::mem::take(&mut c.captures)).await?;
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
            let basis = self.behavior_basis(&contribution).await?;
            let (draft, answer) = self.weigh_captures(&contribution, basis).await?;
            match self.commit(&contribution.by, &contribution.request, draft, answer).await {
                Err(UseCaseError::Conflict) => {}
                Err(error) => return Err(error),
                Ok((answer, _)) => return Ok(answer),
            }
        }
        Err(UseCaseError::Conflict)
    }

    /// Everything that can refuse a contribution before a capture is judged.
    async fn behavior_basis(&self, contribution: &Contribution) -> Result<Basis, UseCaseError> {
        let Contribution { by, command, probe, .. } = contribution;
        let store = &self.parts.store;
        let snapshot =
            store.behavior(&by.tenant, &command.subject, Some(&probe.key.profile())).await?;
        let snapshot = snapshot.ok_or(UseCaseError::NotFound { what: "subject" })?;
        let now = self.now();
        let purpose = Purpose::BehaviorAuthentication;
        let consent = ConsentProof::find(snapshot.opted_out, &snapshot.consents, purpose, now)
            .map_err(refused_consent)?;
        let in_force = complete(&snapshot)
            .is_some_and(|p| self.profile_state(p, now) == EnrollmentState::Enrolled);
        if in_force && !command.reenroll {
            return Err(UseCaseError::AlreadyExists { what: "behavior profile" });
        }
        let background = self.parts.behavior.background(probe.key.kind);
        let pending = snapshot
            .profiles
            .iter()
            .find(|p| p.completed_at.is_none() && p.background == background)
            .cloned();
        Ok(Basis { snapshot, consent, pending })
    }

    async fn weigh_captures(
        &self,
        contribution: &Contribution,
        basis: Basis,
    ) -> Result<(Draft, BehaviorEnrollment), UseCaseError> {
        let Contribution { by, command, probe, .. } = contribution;
        let kind = probe.key.kind;
        let mut draft = self.behavior_draft(by, AuditKind::BehaviorEnrollment, "", Some(kind));
        let Basis { snapshot, consent, pending } = basis;
        let (models, rules) =
            (Arc::clone(&self.parts.behavior), self.parts.policy.behavior.clone());
        let (about, at) = (Arc::clone(probe), draft.at);
        let authorization = command.authorization.clone();
        let job = move || {
            let before: Vec<&BehaviorProfile> = snapshot.profiles.iter().collect();
            let who = (&authorization, at);
            let judged = judge(models.as_ref(), &rules, &before, pending.as_ref(), &about, who)?;
            Ok::<_, UseCaseError>((judged, snapshot, pending))
        };
        let (judged, snapshot, pending) = self.compute(job).await??;
        let some_kept = !judged.kept.is_empty();
        let profile = self.grown(contribution, &snapshot, &consent, pending, judged.kept, at);
        let state = match (&profile.samples[..], complete(&snapshot)) {
            ([], None) => EnrollmentState::None,
            ([], Some(old)) => self.profile_state(old, at),
            _ => self.profile_state(&profile, at),
        };
        let answer = BehaviorEnrollment {
            state,
            progress: self.behavior_progress(kind, &profile.samples),
            reasons: reasons(&judged.outcomes, profile.completed_at.is_some()),
            captures: judged.outcomes,
            profile: (!profile.samples.is_empty()).then(|| profile.id.clone()),
            kind,
            device: probe.key.device,
            decision_id: draft.decision.clone(),
            versions: self.behavior_versions(Some(kind)),
        };
        note(&mut draft, command, &answer);
        draft.event.consent = Some(consent.consent_id().clone());
        draft.subject = Some(SubjectTarget {
            id: snapshot.subject.clone(),
            expected_version: Some(snapshot.version),
        });
        if some_kept {
            draft.effects = replaced(&snapshot, &profile);
            let profile = Box::new(profile);
            draft.effects.push(Effect::PutBehaviorProfile { profile, consent });
        }
        Ok((draft, answer))
    }

    /// The profile on the way, or a new one, with what was kept.
    fn grown(
        &self,
        contribution: &Contribution,
        snapshot: &BehaviorSnapshot,
        consent: &ConsentProof,
        pending: Option<BehaviorProfile>,
        kept: Vec<BehaviorSample>,
        at: Timestamp,
    ) -> BehaviorProfile {
        let key = &contribution.probe.key;
        let mut profile = pending.unwrap_or_else(|| BehaviorProfile {
            id: BehaviorProfileId::new(at, self.id_bytes()),
            kind: key.kind.into(),
            device: Some(key.device),
            text: snapshot.text,
            background: self.parts.behavior.background(key.kind),
            created_at: at,
            completed_at: None,
            expires_at: None,
            authorization: contribution.command.authorization.clone(),
            consent: consent.consent_id().clone(),
            samples: Vec::new(),
            seen: Vec::new(),
        });
        profile.samples.extend(kept);
        let rules = &self.parts.policy.behavior;
        let (captures, units) = amount(&profile.samples);
        if rules.needs(key.kind).met(captures, units) {
            profile.completed_at = Some(at);
            profile.expires_at = Some(at.plus_ms(rules.profile_lifetime_ms));
        }
        profile
    }
}

/// How the enrollment stands, where anything was kept, and why what was not was not.
fn reasons(outcomes: &[CaptureOutcome], complete: bool) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if outcomes.iter().any(|o| o.accepted) {
        let step = if complete { Reason::EnrollmentComplete } else { Reason::EnrollmentInProgress };
        reasons.push(step);
    }
    for reason in outcomes.iter().flat_map(|o| &o.reasons) {
        if !reasons.contains(reason) {
            reasons.push(*reason);
        }
    }
    reasons
}

/// The record of it.
fn note(draft: &mut Draft, command: &EnrollBehavior, answer: &BehaviorEnrollment) {
    let accepted = answer.captures.iter().filter(|o| o.accepted).count();
    let event = &mut draft.event;
    event.act = match answer.reasons.first() {
        Some(Reason::EnrollmentComplete) => "behavior profile created",
        _ if accepted > 0 => "captures kept",
        _ => "captures refused",
    }
    .to_owned();
    event.subject = Some(command.subject.clone());
    event.authorization = Some(command.authorization.clone());
    event.reasons.clone_from(&answer.reasons);
    for (name, value) in [
        ("kind", answer.kind.as_str().to_owned()),
        ("device", answer.device.as_str().to_owned()),
        ("captures", answer.captures.len().to_string()),
        ("captures_kept", accepted.to_string()),
        ("progress", answer.progress.text()),
    ] {
        event.details.insert(name.to_owned(), value);
    }
    if let Some(id) = &answer.profile {
        event.details.insert("profile".to_owned(), id.as_str().to_owned());
    }
}

/// Deletes what a profile takes the place of: others on the way, begun with another background, and, once
/// it is complete, the one before it.
fn replaced(snapshot: &BehaviorSnapshot, new: &BehaviorProfile) -> Vec<Effect> {
    let others = snapshot.profiles.iter().filter(|p| p.id != new.id);
    let gone = others.filter(|p| p.completed_at.is_none() || new.completed_at.is_some());
    gone.map(|p| Effect::DeleteBehaviorProfile { profile: p.id.clone() }).collect()
}
