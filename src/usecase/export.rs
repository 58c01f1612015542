//! Everything held on a subject, as JSON lines, a page at a time (GDPR Art. 15). Each line names its section. Templates
//! stand there by what they are; embeddings only when asked for, profiles as counts, for what they are made of is no
//! copy of anything a person gave. Decisions stand with what their subject is told of them and with a coarse band:
//! exact scores and thresholds would say how to get past (recital 63). Who reviewed or asked is left out: those are
//! other people.

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::domain::{AuditKind, DecisionId, Feedback, Reason, SubjectId, TenantId, Versions};
use crate::policy::session::Audience;
use crate::store::{
    BehaviorSnapshot, DecisionFilter, DecisionRecord, Embedding, EnrolledUtterance, FeedbackFilter,
    PageRequest, SampleOrigin, Store, StoredFeedback, SubjectSnapshot,
};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, ExportSubject};
use crate::usecase::core::{Inner, Shared};
use crate::usecase::explain::explain;
use crate::usecase::subjects::any_version;

/// The act in the audit.
pub const ACT_EXPORTED: &str = "subject exported";
/// Name of a detail.
pub const EMBEDDINGS: &str = "embeddings";
/// Records of one page.
const PAGE: u32 = 100;
/// Pages that wait for a slow reader.
const MAX_WAITING_PAGES: usize = 2;

/// An export that was recorded and comes in pages.
pub struct Exported {
    /// Its audit record.
    pub decision_id: DecisionId,
    /// Versions.
    pub versions: Versions,
    /// Pages of lines; ends with the export.
    pub pages: mpsc::Receiver<Result<Vec<String>, UseCaseError>>,
}

/// What comes next.
enum Next {
    Subject,
    Decisions(Option<String>),
    Outcomes(Option<String>),
    Nothing,
}

/// An export under way.
pub struct Export {
    tenant: TenantId,
    subject: SubjectId,
    embeddings: bool,
    next: Next,
}

impl Export {
    /// From the start.
    pub fn new(tenant: TenantId, subject: SubjectId, embeddings: bool) -> Self {
        Self { tenant, subject, embeddings, next: Next::Subject }
    }

    /// The next page of lines; `None` after the last.
    ///
    /// # Errors
    /// The subject is not there (any more), or the store cannot be read.
    pub async fn page(&mut self, store: &dyn Store) -> Result<Option<Vec<String>>, UseCaseError> {
        match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Subject => {
                self.next = Next::Decisions(None);
                self.subject_page(store).await.map(Some)
            }
            Next::Decisions(token) => self.decision_page(store, token).await.map(Some),
            Next::Outcomes(token) => self.outcome_page(store, token).await.map(Some),
            Next::Nothing => {
                // Whoever was erased meanwhile was not exported whole.
                self.snapshot(store).await?;
                Ok(None)
            }
        }
    }

    async fn snapshot(&self, store: &dyn Store) -> Result<SubjectSnapshot, UseCaseError> {
        let found = store.subject(&self.tenant, &self.subject).await?;
        found.ok_or(UseCaseError::NotFound { what: "subject" })
    }

    async fn subject_page(&self, store: &dyn Store) -> Result<Vec<String>, UseCaseError> {
        let snapshot = self.snapshot(store).await?;
        let behavior = store.behavior(&self.tenant, &self.subject, None).await?;
        let behavior = behavior.ok_or(UseCaseError::NotFound { what: "subject" })?;
        let mut lines = vec![head(&snapshot, &behavior)];
        lines.extend(snapshot.consents.iter().map(|c| json!({"section": "consent", "consent": c})));
        lines.extend(self.templates(&snapshot));
        lines.extend(behavior_lines(&behavior));
        Ok(lines.iter().map(Value::to_string).collect())
    }

    fn templates(&self, snapshot: &SubjectSnapshot) -> Vec<Value> {
        let mut lines = Vec::new();
        if let Some(print) = &snapshot.voiceprint {
            lines.push(json!({
                "section": "voiceprint",
                "id": print.id,
                "model": print.extractor.to_string(),
                "created_at": print.created_at,
                "expires_at": print.expires_at,
                "authorization": print.authorization,
                "consent": print.consent,
                "utterances": print.utterances.len(),
            }));
            lines.extend(print.utterances.iter().map(|u| self.utterance("voiceprint", u)));
        }
        if let Some(pending) = &snapshot.enrollment {
            lines.push(json!({
                "section": "enrollment",
                "id": pending.id,
                "started_at": pending.started_at,
                "reenroll": pending.reenroll,
                "utterances": pending.utterances.len(),
            }));
            lines.extend(pending.utterances.iter().map(|u| self.utterance("enrollment", u)));
        }
        lines
    }

    fn utterance(&self, of: &str, u: &EnrolledUtterance) -> Value {
        json!({
            "section": "utterance",
            "of": of,
            "origin": u.origin,
            "id": u.id,
            "captured_at": u.captured_at,
            "model": u.extractor.to_string(),
            "net_speech_ms": u.net_speech_ms,
            "quality": u.quality,
            "authorization": u.authorization,
            "consent": u.consent,
            "embedding": self.embeddings.then(|| u.embedding.values()),
            "telephone_embedding": u.telephone.as_ref().filter(|_| self.embeddings).map(Embedding::values),
        })
    }

    async fn decision_page(
        &mut self,
        store: &dyn Store,
        token: Option<String>,
    ) -> Result<Vec<String>, UseCaseError> {
        let about = Some(self.subject.clone());
        let filter = DecisionFilter { subject: about, ..DecisionFilter::default() };
        let page = PageRequest { size: PAGE, token };
        let page = store.decisions(&self.tenant, &filter, page).await?;
        self.next = match page.next {
            Some(token) => Next::Decisions(Some(token)),
            None => Next::Outcomes(None),
        };
        Ok(page.items.iter().map(|record| decision(record).to_string()).collect())
    }

    async fn outcome_page(
        &mut self,
        store: &dyn Store,
        token: Option<String>,
    ) -> Result<Vec<String>, UseCaseError> {
        let about = Some(self.subject.clone());
        let filter = FeedbackFilter { subject: about, ..FeedbackFilter::default() };
        let page = PageRequest { size: PAGE, token };
        let page = store.feedbacks(&self.tenant, &filter, page).await?;
        self.next = page.next.map_or(Next::Nothing, |token| Next::Outcomes(Some(token)));
        Ok(page.items.iter().map(|stored| outcome(stored).to_string()).collect())
    }
}

fn head(snapshot: &SubjectSnapshot, behavior: &BehaviorSnapshot) -> Value {
    json!({
        "section": "subject",
        "id": snapshot.id,
        "created_at": snapshot.created_at,
        "opted_out": snapshot.opted_out,
        "consents": snapshot.consents.len(),
        "enrolled": snapshot.voiceprint.is_some(),
        "behavior_profiles": snapshot.behavior_profiles,
        "phone_numbers": snapshot.phone_numbers,
        "attempts_by_voice": snapshot.attempts,
        "attempts_by_behavior": behavior.attempts,
    })
}

fn behavior_lines(behavior: &BehaviorSnapshot) -> impl Iterator<Item = Value> {
    behavior.profiles.iter().map(|profile| {
        let of = |origin| profile.samples.iter().filter(|s| s.origin == origin).count();
        json!({
            "section": "behavior_profile",
            "id": profile.id,
            "kind": profile.kind,
            "device": profile.device,
            "background": profile.background.to_string(),
            "created_at": profile.created_at,
            "completed_at": profile.completed_at,
            "expires_at": profile.expires_at,
            "authorization": profile.authorization,
            "consent": profile.consent,
            "enrolled_samples": of(SampleOrigin::Enrolled),
            "adapted_samples": of(SampleOrigin::Adapted),
            "units": profile.samples.iter().map(|s| u64::from(s.units)).sum::<u64>(),
            "captures_remembered": profile.seen.len(),
            "bytes": profile.content_bytes(),
        })
    })
}

fn decision(record: &DecisionRecord) -> Value {
    let event = record.event.as_ref();
    json!({
        "section": "decision",
        "id": record.id,
        "at": record.at,
        "kind": record.kind,
        "act": event.map(|e| &e.act),
        "decision": record.decision,
        "reasons": record.reasons,
        "explanation": explain(record, Some(Audience::Customer), false, false),
        "band": event.and_then(|e| e.score).map(|score| score.llr.band()),
        "quality": event.and_then(|e| e.quality.as_ref()),
        "authorization": event.and_then(|e| e.authorization.as_ref()),
        "consent": event.and_then(|e| e.consent.as_ref()),
        "versions": event.and_then(|e| e.versions.as_ref()),
    })
}

fn entry(feedback: &Feedback) -> Value {
    json!({
        "kind": feedback.kind,
        "instead": feedback.instead,
        "reason": feedback.reason,
        "recorded_at": feedback.recorded_at,
    })
}

fn outcome(stored: &StoredFeedback) -> Value {
    json!({
        "section": "outcome",
        "decision": stored.decision,
        "current": entry(&stored.current),
        "earlier": stored.earlier.iter().map(entry).collect::<Vec<_>>(),
    })
}

impl Inner {
    /// Records the export, then reads it page by page on a task of its own, which ends with its reader.
    pub(super) async fn export_subject(
        self: Shared,
        by: Caller,
        c: ExportSubject,
    ) -> Result<Exported, UseCaseError> {
        require(&by, Right::Export)?;
        let found = self.snapshot(&by.tenant, &c.subject).await?;
        found.ok_or(UseCaseError::NotFound { what: "subject" })?;
        let mut draft = self.draft(&by, AuditKind::Export, ACT_EXPORTED);
        draft.subject = Some(any_version(&c.subject));
        draft.event.subject = Some(c.subject.clone());
        draft.event.reasons = vec![Reason::Administrative];
        draft.event.details.insert(EMBEDDINGS.to_owned(), c.embeddings.to_string());
        let (decision_id, versions) = (draft.decision.clone(), self.versions(&by.tenant));
        self.record(&by.tenant, draft).await?;
        let (sender, pages) = mpsc::channel(MAX_WAITING_PAGES);
        let mut export = Export::new(by.tenant, c.subject, c.embeddings);
        tokio::spawn(async move {
            loop {
                let page = export.page(self.parts.store.as_ref()).await.transpose();
                let Some(page) = page else { return };
                let ended = page.is_err();
                if sender.send(page).await.is_err() || ended {
                    return;
                }
            }
        });
        Ok(Exported { decision_id, versions, pages })
    }
}
