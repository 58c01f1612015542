//! Voiceprints and enrollments after they were made: list, delete, cancel, renew.

use crate::domain::{AuditKind, Reason, SubjectId};
use crate::store::{Effect, EnrolledUtterance, SampleOrigin};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, DeleteVoiceprint, IdempotencyKey, OnSubject};
use crate::usecase::core::Inner;
use crate::usecase::enroll::{count, net_speech};
use crate::usecase::output::{Done, EnrollmentState, EnrollmentStatus, VoiceprintInfo};
use crate::usecase::request::Content;
use crate::usecase::subjects::any_version;

/// How many came by adaptation.
fn adapted(utterances: &[EnrolledUtterance]) -> u32 {
    let adapted = utterances.iter().filter(|u| u.origin == SampleOrigin::Adapted).count();
    u32::try_from(adapted).unwrap_or(u32::MAX)
}

impl Inner {
    pub(super) async fn enrollment(
        &self,
        by: &Caller,
        subject: &SubjectId,
    ) -> Result<EnrollmentStatus, UseCaseError> {
        require(by, Right::ReadSubject)?;
        let snapshot = self.snapshot(&by.tenant, subject).await?;
        let snapshot = snapshot.ok_or(UseCaseError::NotFound { what: "subject" })?;
        let pending = snapshot.enrollment.as_ref();
        let collected = pending.map_or(&[][..], |p| &p.utterances);
        let state = if collected.is_empty() {
            self.voiceprint_state(by, &snapshot, self.now())
        } else {
            EnrollmentState::InProgress
        };
        Ok(EnrollmentStatus {
            state,
            progress: self.progress(net_speech(collected), count(collected)),
            versions: self.versions(&by.tenant),
        })
    }

    pub(super) async fn voiceprints(
        &self,
        by: &Caller,
        subject: &SubjectId,
    ) -> Result<Vec<VoiceprintInfo>, UseCaseError> {
        require(by, Right::ReadSubject)?;
        let snapshot = self.snapshot(&by.tenant, subject).await?;
        let snapshot = snapshot.ok_or(UseCaseError::NotFound { what: "subject" })?;
        let shown = snapshot.voiceprint.map(|print| VoiceprintInfo {
            id: print.id,
            subject: snapshot.id,
            model: print.extractor,
            adapted_utterances: adapted(&print.utterances),
            utterances: count(&print.utterances),
            net_speech_ms: net_speech(&print.utterances),
            created_at: print.created_at,
            expires_at: print.expires_at,
            authorization: print.authorization,
        });
        Ok(shown.into_iter().collect())
    }

    pub(super) async fn cancel_enrollment(
        &self,
        by: Caller,
        c: OnSubject,
    ) -> Result<Done<u32>, UseCaseError> {
        require(&by, Right::Enroll)?;
        let request = Content::new()
            .subject(&c.subject)
            .request("vouch.v1.EnrollmentService/CancelEnrollment", &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let mut draft = self.draft(&by, AuditKind::Enrollment, "enrollment canceled");
        draft.subject = Some(any_version(&c.subject));
        draft.event.subject = Some(c.subject);
        draft.event.reasons = vec![Reason::Administrative];
        draft.effects = vec![Effect::CancelEnrollment];
        let (decision_id, versions) = (draft.decision.clone(), self.versions(&by.tenant));
        let done = self
            .commit_built(&by, &request, draft, move |applied| Done {
                value: applied.utterances_dropped,
                decision_id,
                versions,
            })
            .await?;
        Ok(done.0)
    }

    pub(super) async fn delete_voiceprint(
        &self,
        by: Caller,
        c: DeleteVoiceprint,
    ) -> Result<Done<()>, UseCaseError> {
        require(&by, Right::DeleteVoiceprint)?;
        let request = Content::new()
            .subject(&c.subject)
            .text(c.voiceprint.as_str())
            .request("vouch.v1.EnrollmentService/DeleteVoiceprint", &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let mut draft = self.draft(&by, AuditKind::Template, "voiceprint deleted");
        draft.subject = Some(any_version(&c.subject));
        draft.event.subject = Some(c.subject.clone());
        draft.event.reasons = vec![Reason::Administrative];
        let id = c.voiceprint.as_str().to_owned();
        draft.event.details.insert("voiceprint".to_owned(), id);
        draft.effects = vec![Effect::DeleteVoiceprint { voiceprint: c.voiceprint }];
        let answer = Done {
            value: (),
            decision_id: draft.decision.clone(),
            versions: self.versions(&by.tenant),
        };
        let (answer, _) = self.commit(&by, &request, draft, answer).await?;
        self.refresh(&by, &c.subject).await?;
        Ok(answer)
    }

    pub(super) async fn renew_voiceprints(
        &self,
        by: Caller,
        key: IdempotencyKey,
    ) -> Result<Done<(u32, u32)>, UseCaseError> {
        require(&by, Right::Renew)?;
        let method = "vouch.v1.EnrollmentService/RenewVoiceprints";
        let request = Content::new().request(method, &key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let tenant = self.parts.store.tenant(&by.tenant);
        let tenant = tenant.ok_or(UseCaseError::NotFound { what: "tenant" })?;
        let mut draft = self.draft(&by, AuditKind::Template, "voiceprints renewed");
        draft.event.reasons = vec![Reason::Administrative];
        draft.effects =
            vec![Effect::RenewRotation { expected_generation: tenant.rotation.generation }];
        let (decision_id, versions) = (draft.decision.clone(), self.versions(&by.tenant));
        // The gallery holds embeddings without rotation: nothing changes there.
        let done = self
            .commit_built(&by, &request, draft, move |applied| Done {
                value: (applied.renewed, applied.rotation_generation),
                decision_id,
                versions,
            })
            .await?;
        Ok(done.0)
    }
}
