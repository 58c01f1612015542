//! Enrollment: utterances are judged, kept and become a voiceprint.

use std::sync::Arc;

use crate::domain::{
    ArtifactRef, AuditKind, ConsentProof, ConsentRefusal, EnrollmentId, Llr, Purpose, Quality,
    Reason, Timestamp, UtteranceId, VoiceprintId,
};
use crate::policy::{UtteranceEvidence, enrollment::refusals_by_quality, judge_utterance};
use crate::store::{Effect, Embedding, EnrolledUtterance, NewUtterance, SubjectSnapshot};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, Enroll, Recording};
use crate::usecase::core::{Draft, Inner, MAX_TRIES, Shared, target};
use crate::usecase::live_request::{HeardAudio, Remembered};
use crate::usecase::output::{Enrollment, EnrollmentState, Progress};
use crate::usecase::parts::VoiceParts;
use crate::usecase::request::{Content, Request};
use crate::usecase::subjects::check_text;
use crate::usecase::tape::Tape;
use crate::usecase::voice::Probe;

/// What an utterance turned out to be.
pub(super) struct HeardUtterance {
    pub(super) quality: Quality,
    /// Absent when its quality alone refuses it.
    pub(super) probe: Option<Probe>,
    /// Embedding of its telephone rendition, where there is one.
    pub(super) telephone: Option<Vec<f32>>,
    /// Lowest LLR between parts of it.
    pub(super) within: Option<Llr>,
}

/// Who contributes what to which enrollment.
pub(super) struct Contribution {
    pub(super) by: Caller,
    pub(super) request: Request,
    pub(super) command: Enroll,
    pub(super) voice: VoiceParts,
    pub(super) captured_at: Timestamp,
}

/// What the store says about an enrollment before an utterance is added.
pub(super) struct Basis {
    pub(super) snapshot: SubjectSnapshot,
    consent: ConsentProof,
    /// It may replace the voiceprint there is.
    replace: bool,
}

impl Basis {
    /// Utterances collected with the model in force.
    fn collected(&self, model: &ArtifactRef) -> &[EnrolledUtterance] {
        match &self.snapshot.enrollment {
            Some(pending) if pending.utterances.iter().all(|u| u.extractor == *model) => {
                &pending.utterances
            }
            _ => &[],
        }
    }
}

pub(super) fn refused_consent(refusal: ConsentRefusal) -> UseCaseError {
    match refusal {
        ConsentRefusal::OptedOut => UseCaseError::OptedOut,
        ConsentRefusal::NoCurrentConsent => UseCaseError::ConsentMissing,
    }
}

impl VoiceParts {
    /// Judges by quality and, if it may be kept, embeds an utterance, its telephone rendition and its
    /// parts.
    pub(super) fn utterance(
        &self,
        frames: &[f32],
        tape: &Tape,
        quality: Quality,
        rules: &crate::policy::EnrollmentRules,
    ) -> Result<HeardUtterance, UseCaseError> {
        if !refusals_by_quality(rules, &quality).is_empty() {
            return Ok(HeardUtterance { quality, probe: None, telephone: None, within: None });
        }
        let called = tape.over_telephone(self.extractor.front_end(), &quality)?;
        let embed =
            |frames: Vec<f32>| self.extractor.embed(&frames).map_err(UseCaseError::Internal);
        Ok(HeardUtterance {
            probe: Some(self.probe(frames, &quality)?),
            telephone: called.map(embed).transpose()?,
            within: self.lowest_within(frames, &quality)?,
            quality,
        })
    }
}

impl Inner {
    /// Everything that can refuse a contribution before audio is heard.
    pub(super) async fn basis(&self, by: &Caller, c: &Enroll) -> Result<Basis, UseCaseError> {
        let snapshot = self.snapshot(&by.tenant, &c.subject).await?;
        let snapshot = snapshot.ok_or(UseCaseError::NotFound { what: "subject" })?;
        let now = self.now();
        let purpose = Purpose::VoiceAuthentication;
        let consent = ConsentProof::find(snapshot.opted_out, &snapshot.consents, purpose, now)
            .map_err(refused_consent)?;
        let usable = self.voiceprint_state(by, &snapshot, now) == EnrollmentState::Enrolled;
        if usable && !c.reenroll {
            return Err(UseCaseError::AlreadyExists { what: "voiceprint" });
        }
        // One that has expired or belongs to another model is in nobody's way.
        let replace = snapshot.voiceprint.is_some();
        Ok(Basis { snapshot, consent, replace })
    }

    /// State of the voiceprint alone.
    pub(super) fn voiceprint_state(
        &self,
        by: &Caller,
        snapshot: &SubjectSnapshot,
        now: Timestamp,
    ) -> EnrollmentState {
        let model = self.versions(&by.tenant).model;
        match &snapshot.voiceprint {
            None => EnrollmentState::None,
            Some(print) => {
                let expired = print.expires_at.is_some_and(|end| end <= now);
                let other = model.is_some_and(|model| model != print.extractor);
                if expired || other { EnrollmentState::Stale } else { EnrollmentState::Enrolled }
            }
        }
    }

    pub(super) fn progress(&self, net_speech_ms: u32, utterances: u32) -> Progress {
        let rules = &self.parts.policy.enrollment;
        Progress {
            net_speech_ms,
            required_ms: rules.required_net_speech_ms,
            utterances,
            required_utterances: rules.min_utterances,
        }
    }

    pub(super) fn check_enroll(&self, by: &Caller, c: &Enroll) -> Result<(), UseCaseError> {
        require(by, Right::Enroll)?;
        check_text("config.authorization.agent", &c.authorization.agent)?;
        check_text("config.authorization.factor", &c.authorization.factor)
    }

    /// Content of a contribution without its audio.
    pub(super) fn enroll_content(c: &Enroll) -> Content {
        Content::new().subject(&c.subject).authorization(&c.authorization).flag(c.reenroll)
    }

    pub(super) async fn enroll(
        self: Shared,
        by: Caller,
        c: Enroll,
        audio: Recording,
    ) -> Result<Enrollment, UseCaseError> {
        self.check_enroll(&by, &c)?;
        let audio = Arc::new(audio);
        let method = "vouch.v1.EnrollmentService/EnrollUtterance";
        let content = Self::enroll_content(&c);
        let request = self.audio_request(content, &audio, method, c.key.clone()).await?;
        if let Some(Remembered { answer, .. }) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let voice = self.voice(&by.tenant)?;
        self.basis(&by, &c).await?;
        let rules = self.parts.policy.enrollment.clone();
        let model = voice.clone();
        let least = rules.min_utterance_net_speech_ms;
        let captured_at = self.now();
        let heard = self
            .hear(&voice, audio, least, move |speech| {
                model.utterance(&speech.frames, &speech.tape, speech.quality, &rules)
            })
            .await?;
        let contribution = Contribution { by, request, command: c, voice, captured_at };
        self.conclude_enrollment(&contribution, heard, None).await
    }

    /// Judges an utterance against what is collected now, keeps or refuses it, audits. Taken anew
    /// when the subject changes in between. `audio` names what a live call heard.
    pub(super) async fn conclude_enrollment(
        &self,
        contribution: &Contribution,
        heard: HeardUtterance,
        audio: Option<HeardAudio>,
    ) -> Result<Enrollment, UseCaseError> {
        let Contribution { by, command, .. } = contribution;
        for _ in 0..MAX_TRIES {
            let basis = self.basis(by, command).await?;
            let (draft, answer) = self.weigh(contribution, &heard, basis)?;
            let complete = answer.voiceprint.is_some();
            let remembered = Remembered { answer, heard: audio.clone() };
            match self.commit(by, &contribution.request, draft, remembered).await {
                Err(UseCaseError::Conflict) => {}
                Err(error) => return Err(error),
                Ok((Remembered { answer, .. }, _)) => {
                    if complete {
                        self.refresh(by, &command.subject).await?;
                    }
                    return Ok(answer);
                }
            }
        }
        Err(UseCaseError::Conflict)
    }

    fn weigh(
        &self,
        contribution: &Contribution,
        heard: &HeardUtterance,
        basis: Basis,
    ) -> Result<(Draft, Enrollment), UseCaseError> {
        let rules = &self.parts.policy.enrollment;
        let voice = &contribution.voice;
        let collected = basis.collected(&voice.extractor.artifact());
        let consistency = match &heard.probe {
            Some(probe) if !collected.is_empty() => {
                let before = voice.utterances_side(collected)?;
                Some(voice.score(&before, &voice.probe_side(probe)?).llr)
            }
            _ => None,
        };
        let evidence = UtteranceEvidence {
            quality: &heard.quality,
            consistency,
            same_recording: heard.within,
        };
        let judgement = judge_utterance(rules, evidence);
        let kept = judgement.accepted && heard.probe.is_some();
        let mut net = net_speech(collected);
        let mut utterances = count(collected);
        if kept {
            net = net.saturating_add(heard.quality.net_speech_ms);
            utterances += 1;
        }
        let complete = kept && rules.is_complete(net, utterances);
        let progress = self.progress(net, utterances);
        let mut draft = self.enrollment_draft(contribution, heard, &evidence, &progress, kept);
        draft.subject = Some(target(&basis.snapshot));
        draft.event.consent = Some(basis.consent.consent_id().clone());
        let mut reasons = judgement.reasons;
        let state = match (complete, utterances) {
            (true, _) => EnrollmentState::Enrolled,
            (false, 0) => self.voiceprint_state(&contribution.by, &basis.snapshot, draft.at),
            (false, _) => EnrollmentState::InProgress,
        };
        if kept {
            let step =
                if complete { Reason::EnrollmentComplete } else { Reason::EnrollmentInProgress };
            reasons.insert(0, step);
        }
        let voiceprint = complete.then(|| VoiceprintId::new(draft.at, self.id_bytes()));
        if let (true, Some(probe)) = (kept, &heard.probe) {
            draft.effects =
                self.keep(contribution, probe, heard, &basis, draft.at, voiceprint.clone());
        }
        if let Some(print) = &voiceprint {
            draft.event.act = "voiceprint created".to_owned();
            let id = print.as_str().to_owned();
            draft.event.details.insert("voiceprint".to_owned(), id);
        }
        draft.event.reasons.clone_from(&reasons);
        let answer = Enrollment {
            state,
            utterance_accepted: kept,
            reasons,
            progress,
            quality: heard.quality.clone(),
            voiceprint,
            decision_id: draft.decision.clone(),
            versions: self.versions(&contribution.by.tenant),
        };
        Ok((draft, answer))
    }

    fn enrollment_draft(
        &self,
        contribution: &Contribution,
        heard: &HeardUtterance,
        evidence: &UtteranceEvidence<'_>,
        progress: &Progress,
        kept: bool,
    ) -> Draft {
        let rules = &self.parts.policy.enrollment;
        let act = if kept { "utterance kept" } else { "utterance refused" };
        let mut draft = self.draft(&contribution.by, AuditKind::Enrollment, act);
        let event = &mut draft.event;
        event.subject = Some(contribution.command.subject.clone());
        event.authorization = Some(contribution.command.authorization.clone());
        event.quality = Some(heard.quality.clone());
        let mut note = |name: &str, value: String| event.details.insert(name.to_owned(), value);
        note("progress", progress.text());
        note("min_net_speech_ms", rules.min_utterance_net_speech_ms.to_string());
        note("min_snr_db", rules.min_snr_db.to_string());
        if let Some(llr) = evidence.consistency {
            note("consistency_llr", format!("{:.2}", llr.0));
            note("min_consistency_llr", rules.consistency_llr.0.to_string());
        }
        if let Some(llr) = evidence.same_recording {
            note("within_llr", format!("{:.2}", llr.0));
            note("min_within_llr", rules.same_recording_llr.0.to_string());
        }
        draft
    }

    /// The effects of an utterance that is kept.
    fn keep(
        &self,
        contribution: &Contribution,
        probe: &Probe,
        heard: &HeardUtterance,
        basis: &Basis,
        at: Timestamp,
        voiceprint: Option<VoiceprintId>,
    ) -> Vec<Effect> {
        let model = contribution.voice.extractor.artifact();
        let mut effects = Vec::with_capacity(3);
        let going_on =
            basis.snapshot.enrollment.as_ref().filter(|_| !basis.collected(&model).is_empty());
        if going_on.is_none() && basis.snapshot.enrollment.is_some() {
            // Collected with another model: of no use any more.
            effects.push(Effect::CancelEnrollment);
        }
        let enrollment = match going_on {
            Some(pending) => pending.id.clone(),
            None => EnrollmentId::new(at, self.id_bytes()),
        };
        let authorization = contribution.command.authorization.clone();
        effects.push(Effect::AddUtterance {
            enrollment,
            reenroll: basis.replace,
            utterance: Box::new(NewUtterance {
                id: UtteranceId::new(at, self.id_bytes()),
                captured_at: contribution.captured_at,
                embedding: Embedding::new(probe.embedding.clone()),
                telephone: heard.telephone.clone().map(Embedding::new),
                extractor: model,
                bandwidth: probe.bandwidth,
                net_speech_ms: probe.net_speech_ms,
                quality: heard.quality.clone(),
                authorization: authorization.clone(),
            }),
            consent: basis.consent.clone(),
        });
        if let Some(voiceprint) = voiceprint {
            let lifetime = self.parts.policy.enrollment.voiceprint_lifetime_ms;
            effects.push(Effect::CompleteEnrollment {
                voiceprint,
                expires_at: Some(at.plus_ms(lifetime)),
                authorization,
                consent: basis.consent.clone(),
            });
        }
        effects
    }
}

pub(super) fn net_speech(utterances: &[EnrolledUtterance]) -> u32 {
    utterances.iter().fold(0, |sum, u| u32::saturating_add(sum, u.net_speech_ms))
}

pub(super) fn count(utterances: &[EnrolledUtterance]) -> u32 {
    u32::try_from(utterances.len()).unwrap_or(u32::MAX)
}
