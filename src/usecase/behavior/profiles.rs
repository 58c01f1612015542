//! Profiles after they were made: list and delete.

use crate::domain::{AuditKind, Reason, SubjectId};
use crate::store::{BehaviorProfile, Effect, SampleOrigin};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, DeleteBehaviorProfile};
use crate::usecase::core::Inner;
use crate::usecase::output::{BehaviorProfileInfo, Done};
use crate::usecase::request::Content;
use crate::usecase::subjects::any_version;

/// RPC, for idempotency.
const METHOD: &str = "vouch.v1.BehaviorService/DeleteBehaviorProfile";

impl Inner {
    pub(in crate::usecase) async fn behavior_profiles(
        &self,
        by: &Caller,
        subject: &SubjectId,
    ) -> Result<Vec<BehaviorProfileInfo>, UseCaseError> {
        require(by, Right::ReadSubject)?;
        let snapshot = self.parts.store.behavior(&by.tenant, subject, None).await?;
        let snapshot = snapshot.ok_or(UseCaseError::NotFound { what: "subject" })?;
        let now = self.now();
        let info = |profile: BehaviorProfile| {
            // Styles have a service of their own.
            let (kind, device) = (profile.kind.samples()?, profile.device?);
            let adapted = profile.samples.iter().filter(|s| s.origin == SampleOrigin::Adapted);
            Some(BehaviorProfileInfo {
                subject: snapshot.subject.clone(),
                state: self.profile_state(&profile, now),
                progress: self.behavior_progress(kind, &profile.samples),
                adapted: u32::try_from(adapted.count()).unwrap_or(u32::MAX),
                bytes: profile.content_bytes(),
                id: profile.id,
                kind,
                device,
                created_at: profile.created_at,
                completed_at: profile.completed_at,
                expires_at: profile.expires_at,
                authorization: profile.authorization,
                background: profile.background,
            })
        };
        Ok(snapshot.profiles.into_iter().filter_map(info).collect())
    }

    pub(in crate::usecase) async fn delete_behavior_profile(
        &self,
        by: Caller,
        c: DeleteBehaviorProfile,
    ) -> Result<Done<()>, UseCaseError> {
        require(&by, Right::DeleteBehaviorProfile)?;
        let request =
            Content::new().subject(&c.subject).text(c.profile.as_str()).request(METHOD, &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let act = "behavior profile deleted";
        let mut draft = self.behavior_draft(&by, AuditKind::BehaviorDeletion, act, None);
        draft.subject = Some(any_version(&c.subject));
        draft.event.subject = Some(c.subject.clone());
        draft.event.reasons = vec![Reason::Administrative];
        let id = c.profile.as_str().to_owned();
        draft.event.details.insert("profile".to_owned(), id);
        draft.effects = vec![Effect::DeleteBehaviorProfile { profile: c.profile }];
        let answer = Done {
            value: (),
            decision_id: draft.decision.clone(),
            versions: self.behavior_versions(None),
        };
        Ok(self.commit(&by, &request, draft, answer).await?.0)
    }
}
