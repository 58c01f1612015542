//! Style profiles after they were made: list and delete.

use crate::domain::{AuditKind, Reason, SubjectId};
use crate::store::{BehaviorProfile, Effect, SampleOrigin, SubjectTarget};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, DeleteBehaviorProfile};
use crate::usecase::conversation::enroll::words;
use crate::usecase::conversation::texts::style_key;
use crate::usecase::core::Inner;
use crate::usecase::output::{Done, StyleProfileInfo};
use crate::usecase::request::Content;

/// RPC, for idempotency.
const METHOD: &str = "vouch.v1.ConversationService/DeleteStyleProfile";

impl Inner {
    pub(in crate::usecase) async fn style_profiles(
        &self,
        by: &Caller,
        subject: &SubjectId,
    ) -> Result<Vec<StyleProfileInfo>, UseCaseError> {
        require(by, Right::ReadSubject)?;
        let found = self.parts.store.behavior(&by.tenant, subject, Some(&style_key())).await?;
        let snapshot = found.ok_or(UseCaseError::NotFound { what: "subject" })?;
        let now = self.now();
        let info = |profile: BehaviorProfile| StyleProfileInfo {
            subject: snapshot.subject.clone(),
            state: self.profile_state(&profile, now),
            progress: self.style_progress(&profile.samples),
            adapted_words: words(&profile.samples, Some(SampleOrigin::Adapted)),
            bytes: profile.content_bytes(),
            id: profile.id,
            created_at: profile.created_at,
            completed_at: profile.completed_at,
            expires_at: profile.expires_at,
            authorization: profile.authorization,
            background: profile.background,
        };
        Ok(snapshot.profiles.into_iter().map(info).collect())
    }

    pub(in crate::usecase) async fn delete_style_profile(
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
        let found = self.parts.store.behavior(&by.tenant, &c.subject, Some(&style_key())).await?;
        let snapshot = found.ok_or(UseCaseError::NotFound { what: "subject" })?;
        if !snapshot.profiles.iter().any(|p| p.id == c.profile) {
            return Err(UseCaseError::NotFound { what: "style profile" });
        }
        let act = "style profile deleted";
        let mut draft = self.style_draft(&by, AuditKind::ConversationDeletion, act);
        let (id, expected_version) = (c.subject.clone(), Some(snapshot.version));
        draft.subject = Some(SubjectTarget { id, expected_version });
        draft.event.subject = Some(c.subject);
        draft.event.reasons = vec![Reason::Administrative];
        let id = c.profile.as_str().to_owned();
        draft.event.details.insert("profile".to_owned(), id);
        draft.effects = vec![Effect::DeleteBehaviorProfile { profile: c.profile }];
        let answer = Done {
            value: (),
            decision_id: draft.decision.clone(),
            versions: self.style_versions(),
        };
        Ok(self.commit(&by, &request, draft, answer).await?.0)
    }
}
