//! Attempts of people who were there before the present one: they count when the next one is noticed, asked or not, in a
//! record of their own.

use crate::domain::{AuditKind, SessionId, Source, SubjectId};
use crate::session::call::{Attempted, Event};
use crate::usecase::UseCaseError;
use crate::usecase::command::Caller;
use crate::usecase::conversation::texts::style_key;
use crate::usecase::core::{Draft, Inner, MAX_TRIES, target};
use crate::usecase::sessions::bind::same;
use crate::usecase::sessions::record::{ACT_CHANGED, SESSION, detail};
use crate::usecase::sessions::worker::Worker;
use crate::usecase::sources::worst;

/// Attempts of one session that wait to be counted. Nothing is compared while one waits, so there are hardly two.
const MAX_UNCOUNTED: usize = 16;

/// Whose attempt it is: who asks, in which session, from where.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    by: &'a Caller,
    session: &'a SessionId,
    sources: &'a [Source],
    subject: &'a SubjectId,
}

impl Worker {
    /// Counts an attempt, and looks at what may be used after it.
    pub(super) async fn count(&mut self, attempted: Attempted) -> Vec<Event> {
        if self.uncounted.len() < MAX_UNCOUNTED {
            self.uncounted.push(attempted);
        }
        self.refresh().await
    }

    /// Counts what waits; whether nothing waits any more.
    pub(super) async fn count_all(&mut self, subject: &SubjectId) -> bool {
        while let Some(attempted) = self.uncounted.first().copied() {
            let attempt =
                Attempt { by: &self.by, session: &self.id, sources: &self.sources, subject };
            if let Err(error) = self.inner.record_change(attempt, attempted).await {
                tracing::error!(%error, session = %self.id, "an attempt was not counted");
                return false;
            }
            self.uncounted.remove(0);
        }
        true
    }
}

impl Inner {
    async fn record_change(
        &self,
        attempt: Attempt<'_>,
        attempted: Attempted,
    ) -> Result<(), UseCaseError> {
        for _ in 0..MAX_TRIES {
            let Some(draft) = self.change_draft(attempt, attempted).await? else { return Ok(()) };
            match self.record(&attempt.by.tenant, draft).await {
                Err(UseCaseError::Conflict) => {}
                other => return other.map(|_| ()),
            }
        }
        Err(UseCaseError::Conflict)
    }

    /// `None`: there is nobody to count it for any more.
    async fn change_draft(
        &self,
        attempt: Attempt<'_>,
        attempted: Attempted,
    ) -> Result<Option<Draft>, UseCaseError> {
        let Attempt { by, session, sources, subject } = attempt;
        let Some(snapshot) = self.snapshot(&by.tenant, subject).await? else { return Ok(None) };
        let mut draft = self.draft(by, AuditKind::Session, ACT_CHANGED);
        detail(&mut draft.event, SESSION, session.as_str());
        draft.event.subject = Some(subject.clone());
        draft.subject = Some(target(&snapshot));
        let worst = worst([attempted.voice, attempted.behavior].into_iter().flatten());
        // What is held up already counts no further, as with a decision.
        if let Some(outcome) = worst
            && !self.source_held(&by.tenant, sources).await?
        {
            self.count_sources(&mut draft, sources, outcome);
        }
        // Another factor, if one was passed, vouched for somebody who is gone.
        self.count_voice_attempt(&mut draft, &snapshot, attempted.voice, false);
        if let Some(outcome) = attempted.behavior {
            let found = self.parts.store.behavior(&by.tenant, subject, Some(&style_key())).await?;
            let found = same(found, &snapshot)?;
            self.count_behavior_attempt(&mut draft, &found, outcome, false);
        }
        Ok(Some(draft))
    }
}
