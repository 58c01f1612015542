//! What every use-case shares: time, ids, versions, the one way to commit, the engine.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::crypto::random;
use crate::domain::{AuditKind, DecisionId, Event, SubjectId, TenantId, Timestamp, Versions};
use crate::store::{
    Applied, AuditDraft, Effect, Idempotency, Outcome, Response, SubjectSnapshot, SubjectTarget,
    Transaction,
};
use crate::usecase::UseCaseError;
use crate::usecase::command::Caller;
use crate::usecase::gallery::Galleries;
use crate::usecase::live_request::LiveKeys;
use crate::usecase::parts::{Parts, VoiceParts};
use crate::usecase::request::{REMEMBER_MS, Request};
use crate::usecase::sessions::Sessions;

/// How often a decision is taken anew because another request changed the subject in between. More than the unsuccessful
/// attempts that lock ([`AttemptRules`](crate::policy::AttemptRules), 10 unless configured): of attempts made at one time
/// those before the lock are all counted, however they meet.
pub(super) const MAX_TRIES: usize = 16;

/// Shared by all calls.
pub(super) struct Inner {
    pub(super) parts: Parts,
    pub(super) galleries: Galleries,
    pub(super) sessions: Sessions,
    pub(super) live_keys: Arc<LiveKeys>,
    /// Models under calibrations of tenants' own.
    pub(super) calibrated: HashMap<TenantId, VoiceParts>,
}

/// A change and its record, before it is committed.
pub(super) struct Draft {
    pub(super) subject: Option<SubjectTarget>,
    pub(super) effects: Vec<Effect>,
    pub(super) event: Event,
    pub(super) decision: DecisionId,
    pub(super) at: Timestamp,
}

impl Inner {
    pub(super) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Randomness of a new id.
    pub(super) fn id_bytes(&self) -> [u8; 10] {
        random(self.parts.entropy.as_ref())
    }

    /// What is in force for a tenant.
    pub(super) fn versions(&self, tenant: &TenantId) -> Versions {
        self.versions_with(self.voice(tenant).ok().as_ref())
    }

    /// What is in force where this model is.
    pub(super) fn versions_with(&self, voice: Option<&VoiceParts>) -> Versions {
        Versions {
            model: voice.map(|v| v.extractor.artifact()),
            calibration: voice.map(|v| v.back_end.reference()),
            policy: self.parts.policy.version.clone(),
        }
    }

    /// The model in force for a tenant: that of its first enrollment, whatever is configured since;
    /// before it the configured one.
    ///
    /// # Errors
    /// It is not installed.
    pub(super) fn voice(&self, tenant: &TenantId) -> Result<VoiceParts, UseCaseError> {
        let pinned = self.parts.store.tenant(tenant).and_then(|t| t.extractor);
        let own = self.calibrated.get(tenant).filter(|own| own.serves(pinned.as_ref()));
        let voice = own.or_else(|| self.parts.voice_of(pinned.as_ref()));
        voice.cloned().ok_or_else(|| UseCaseError::ModelMissing {
            model: pinned.map_or_else(|| self.parts.configured_model.clone(), |p| p.id),
        })
    }

    /// A subject as of now.
    pub(super) async fn snapshot(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
    ) -> Result<Option<SubjectSnapshot>, UseCaseError> {
        Ok(self.parts.store.subject(tenant, subject).await?)
    }

    /// A draft at this moment, with who asked and which versions are in force.
    pub(super) fn draft(&self, by: &Caller, kind: AuditKind, act: &str) -> Draft {
        let at = self.now();
        let mut event = Event::new(kind, act);
        event.actor = Some(by.key.clone());
        event.versions = Some(self.versions(&by.tenant));
        Draft {
            subject: None,
            effects: Vec::new(),
            event,
            decision: DecisionId::new(at, self.id_bytes()),
            at,
        }
    }

    /// The answer to an earlier request with the same key, if there was one. What that request left undone, because
    /// what it had changed could not be read again, is done first.
    pub(super) async fn remembered<T: DeserializeOwned>(
        &self,
        by: &Caller,
        request: &Request,
    ) -> Result<Option<T>, UseCaseError> {
        let found = self.parts.store.replay(&by.tenant, &request.0, self.now()).await?;
        if found.is_some() {
            for subject in self.galleries.of(&by.tenant)?.unread() {
                self.refresh(by, &subject).await?;
            }
        }
        found.map(|bytes| read(&bytes)).transpose()
    }

    /// Commits a draft whose answer is known. `None` in place of what was applied: another request
    /// with the same key was faster, and the answer is the one it got.
    pub(super) async fn commit<T: Serialize + DeserializeOwned>(
        &self,
        by: &Caller,
        request: &Request,
        draft: Draft,
        answer: T,
    ) -> Result<(T, Option<Applied>), UseCaseError> {
        let bytes = serde_json::to_vec(&answer)?;
        // As it will be read for a repeated request: a number may differ in its last bit. What could
        // not be read again is found out before anything is written.
        let answer = read(&bytes)?;
        match self.send(by, request, draft, bytes.into()).await? {
            Outcome::Committed(done) => Ok((answer, Some(done.applied))),
            Outcome::Replayed(bytes) => Ok((read(&bytes)?, None)),
        }
    }

    /// Commits a draft whose answer depends on what the commit finds.
    pub(super) async fn commit_built<T, F>(
        &self,
        by: &Caller,
        request: &Request,
        draft: Draft,
        build: F,
    ) -> Result<(T, Option<Applied>), UseCaseError>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce(&Applied) -> T + Send + 'static,
    {
        // An answer that cannot be written down is empty and found out when it is read.
        let build =
            move |applied: &Applied| serde_json::to_vec(&build(applied)).unwrap_or_default();
        let response = Response::Build(Box::new(build));
        match self.send(by, request, draft, response).await? {
            Outcome::Committed(done) => Ok((read(&done.response)?, Some(done.applied))),
            Outcome::Replayed(bytes) => Ok((read(&bytes)?, None)),
        }
    }

    /// Commits a draft whose answer is not remembered.
    pub(super) async fn record(
        &self,
        tenant: &TenantId,
        draft: Draft,
    ) -> Result<DecisionId, UseCaseError> {
        let decision = draft.decision.clone();
        let transaction = Transaction {
            tenant: tenant.clone(),
            idempotency: None,
            subject: draft.subject,
            effects: draft.effects,
            audit: AuditDraft { decision: draft.decision, at: draft.at, event: draft.event },
        };
        self.parts.store.commit(transaction).await?;
        Ok(decision)
    }

    async fn send(
        &self,
        by: &Caller,
        request: &Request,
        draft: Draft,
        response: Response,
    ) -> Result<Outcome, UseCaseError> {
        let transaction = Transaction {
            tenant: by.tenant.clone(),
            idempotency: Some(Idempotency {
                key: request.0.clone(),
                response,
                lifetime_ms: REMEMBER_MS,
            }),
            subject: draft.subject,
            effects: draft.effects,
            audit: AuditDraft { decision: draft.decision, at: draft.at, event: draft.event },
        };
        Ok(self.parts.store.commit(transaction).await?)
    }

    /// Runs CPU work in the engine.
    pub(super) async fn compute<T, F>(&self, job: F) -> Result<T, UseCaseError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        Ok(self.parts.engine.submit(job)?.await?)
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, UseCaseError> {
    Ok(serde_json::from_slice(bytes)?)
}

/// Names a subject that was read, so that a change in between is noticed.
pub(super) fn target(snapshot: &SubjectSnapshot) -> SubjectTarget {
    SubjectTarget { id: snapshot.id.clone(), expected_version: Some(snapshot.version) }
}

/// Runs a use-case to its end even if the caller goes away.
pub(super) async fn to_the_end<T, F>(work: F) -> Result<T, UseCaseError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, UseCaseError>> + Send + 'static,
{
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => Err(UseCaseError::Internal(Box::new(error))),
    }
}

/// The shared state, for a task of its own.
pub(super) type Shared = Arc<Inner>;
