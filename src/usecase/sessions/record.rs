//! Sessions in the audit: opened, decided, ended. An opening without an end is how a restart is noticed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::domain::{
    AuditKind, Authorization, Decision, DecisionId, DurationMs, Event, PhoneNumber, SessionId,
    Source, SubjectId, TenantId, Timestamp,
};
use crate::policy::session::{ActivePolicy, ShadowComparison};
use crate::session::call::{OpenRecord, Record, SessionEnd, after_restart};
use crate::store::{DecisionFilter, PageRequest};
use crate::usecase::UseCaseError;
use crate::usecase::adapt_voice::Heard;
use crate::usecase::command::Caller;
use crate::usecase::core::{Draft, Inner, MAX_TRIES, target};
use crate::usecase::sessions::bind::Unrecorded;
use crate::usecase::sessions::captures::Spoke;
use crate::usecase::sessions::policy::SessionPolicy;

/// Acts of audit records.
pub const ACT_OPENED: &str = "session opened";
/// A caller whom nobody claimed was found by voice.
pub const ACT_FOUND: &str = "session caller found";
/// A decision on a question.
pub const ACT_DECIDED: &str = "session decision";
/// Another person is there; an attempt of the one before that no decision has counted.
pub const ACT_CHANGED: &str = "session person changed";
/// The end, with the decision of the session as a whole.
pub const ACT_ENDED: &str = "session ended";

/// Names of details.
pub(in crate::usecase) const SESSION: &str = "session";
const ASK: &str = "ask";
const INTENT: &str = "intent";
pub(in crate::usecase) const FACTS: &str = "facts";
pub(in crate::usecase) const VERDICT: &str = "verdict";
pub(in crate::usecase) const WOULD_CHANGE: &str = "would_change";
/// What was told outside; only where the policy asks for constant answers.
pub(in crate::usecase) const TOLD: &str = "told";
/// Only where a policy ran in shadow.
pub(in crate::usecase) const SHADOW: &str = "shadow";
pub(in crate::usecase) const END: &str = "end";
pub(in crate::usecase) const INCOMPLETE: &str = "incomplete";
const OPEN_MS: &str = "open_ms";

/// Records read at once at the start.
const PAGE: u32 = 1_000;

/// Who asks, and what may be kept of a session that is accepted.
#[derive(Clone, Copy)]
pub(super) struct Kept<'a> {
    /// Who makes the claim.
    pub(super) sources: &'a [Source],
    /// Another factor was passed.
    pub(super) vouched: bool,
    /// Captures that spoke for the person.
    pub(super) spoke: &'a [Spoke],
    /// Where the call comes from.
    pub(super) number: Option<&'a PhoneNumber>,
    /// The caller's voice, and what vouched for them besides it.
    pub(super) heard: Option<&'a (Heard, Authorization)>,
}

pub(super) fn detail(event: &mut Event, name: &str, value: impl Into<String>) {
    event.details.insert(name.to_owned(), value.into());
}

impl Inner {
    /// Records that a session was opened.
    pub(super) async fn record_opening(
        &self,
        by: &Caller,
        session: &SessionId,
        subject: Option<&SubjectId>,
    ) -> Result<(), UseCaseError> {
        self.record_about(by, ACT_OPENED, session, subject).await
    }

    /// Records who was found to be the caller of a session that claimed nobody.
    pub(super) async fn record_found(
        &self,
        by: &Caller,
        session: &SessionId,
        subject: &SubjectId,
    ) -> Result<(), UseCaseError> {
        self.record_about(by, ACT_FOUND, session, Some(subject)).await
    }

    async fn record_about(
        &self,
        by: &Caller,
        act: &str,
        session: &SessionId,
        subject: Option<&SubjectId>,
    ) -> Result<(), UseCaseError> {
        for _ in 0..MAX_TRIES {
            let mut draft = self.draft(by, AuditKind::Session, act);
            detail(&mut draft.event, SESSION, session.as_str());
            if let Some(subject) = subject {
                draft.event.subject = Some(subject.clone());
                let snapshot = self.snapshot(&by.tenant, subject).await?;
                draft.subject = snapshot.as_ref().map(target);
            }
            match self.record(&by.tenant, draft).await {
                Err(UseCaseError::Conflict) => {}
                other => return other.map(|_| ()),
            }
        }
        Err(UseCaseError::Conflict)
    }

    /// Records a decision, counts the attempts it is, and remembers the captures that spoke for the person; taken
    /// anew when the subject changes in between, so that nothing is decided on what may not be used any more.
    pub(super) async fn record_decision(
        &self,
        by: &Caller,
        session: &SessionId,
        record: &Record,
        held: (&Arc<dyn SessionPolicy>, Option<&Arc<ActivePolicy>>),
        kept: Kept<'_>,
    ) -> Result<(DecisionId, bool), Unrecorded> {
        let beside = self.beside(record, held).await?;
        for _ in 0..MAX_TRIES {
            let mut draft = self.decision_draft(by, session, record)?;
            for (name, value) in &beside {
                detail(&mut draft.event, name, value);
            }
            let recorded = match self.bind_subject(&by.tenant, record, kept, &mut draft).await {
                Ok(adapted) => {
                    let recorded = self.record(&by.tenant, draft).await;
                    recorded.map(|id| (id, adapted)).map_err(Unrecorded::from)
                }
                Err(why) => Err(why),
            };
            match recorded {
                Err(Unrecorded::Failed(UseCaseError::Conflict)) => {}
                Err(why) => return Err(why),
                Ok((decision, adapted)) => {
                    if let (true, Some((subject, _))) = (adapted, &record.assessment.claim) {
                        // The record stands: one that were written twice would count twice. What is kept in
                        // memory of the voiceprint is read anew with the next change or start.
                        let refreshed = self.refresh(by, subject).await;
                        if let Err(error) = refreshed {
                            tracing::error!(%error, session = %session, "an adapted voice was not loaded");
                        }
                    }
                    return Ok((decision, adapted));
                }
            }
        }
        Err(UseCaseError::Conflict.into())
    }

    /// What is recorded beside a decision, by names of details: what would have changed it, found while its policy is
    /// in force, and what the policy in shadow would have decided. It is many decisions, so the engine takes them.
    async fn beside(
        &self,
        record: &Record,
        (policy, shadow): (&Arc<dyn SessionPolicy>, Option<&Arc<ActivePolicy>>),
    ) -> Result<Vec<(&'static str, String)>, UseCaseError> {
        let (policy, shadow) = (Arc::clone(policy), shadow.cloned());
        let (facts, verdict) = (record.assessment.facts.clone(), record.assessment.verdict.clone());
        let told = policy.told(&facts, &verdict, true);
        let work = move || {
            let compared = shadow.map(|shadow| ShadowComparison::make(&verdict, &shadow, &facts));
            (policy.would_change(&facts, &verdict), compared)
        };
        // A busy server still records the decision.
        let found = self.compute(work).await;
        let found = found.inspect_err(|error| tracing::warn!(%error, "no counterfactuals"));
        let (would_change, compared) = found.unwrap_or_default();
        let mut beside = vec![(WOULD_CHANGE, serde_json::to_string(&would_change)?)];
        if let Some(told) = told {
            beside.push((TOLD, serde_json::to_string(&told)?));
        }
        if let Some(compared) = compared {
            beside.push((SHADOW, serde_json::to_string(&compared)?));
        }
        Ok(beside)
    }

    fn decision_draft(
        &self,
        by: &Caller,
        session: &SessionId,
        record: &Record,
    ) -> Result<Draft, UseCaseError> {
        let assessment = &record.assessment;
        let verdict = &assessment.verdict;
        let act = if record.end.is_some() { ACT_ENDED } else { ACT_DECIDED };
        let mut draft = self.draft(by, AuditKind::Session, act);
        let event = &mut draft.event;
        event.decision = Some(verdict.decision);
        if let Some(versions) = &mut event.versions {
            versions.policy = verdict.policy.clone();
        }
        detail(event, SESSION, session.as_str());
        detail(event, INTENT, assessment.facts.intent.id.as_str());
        detail(event, FACTS, serde_json::to_string(&assessment.facts)?);
        detail(event, VERDICT, serde_json::to_string(verdict)?);
        if let Some(ask) = &assessment.ask {
            detail(event, ASK, ask.as_str());
        }
        if let Some(end) = record.end {
            detail(event, END, end.as_str());
            detail(event, INCOMPLETE, end.is_incomplete().to_string());
        }
        event.subject = assessment.claim.as_ref().map(|(subject, _)| subject.clone());
        Ok(draft)
    }

    /// Records the sessions that were open when the server stopped as ended and incomplete; how many. None
    /// can have been opened longer before the last record than a session lasts.
    pub(in crate::usecase) async fn end_open_sessions(
        &self,
        longest_ms: DurationMs,
    ) -> Result<usize, UseCaseError> {
        let mut count = 0;
        for tenant in self.parts.store.tenants() {
            for (session, open) in self.open_sessions(&tenant.id, longest_ms).await? {
                self.record_restart(&tenant.id, &session, &open).await?;
                count += 1;
            }
        }
        Ok(count)
    }

    async fn open_sessions(
        &self,
        tenant: &TenantId,
        longest_ms: DurationMs,
    ) -> Result<HashMap<SessionId, OpenRecord>, UseCaseError> {
        let store = &self.parts.store;
        let mut filter = DecisionFilter { kind: Some(AuditKind::Session), ..Default::default() };
        let mut page = PageRequest { size: PAGE, token: None };
        let (mut ended, mut open) = (HashSet::new(), HashMap::new());
        let mut found: HashMap<SessionId, Option<SubjectId>> = HashMap::new();
        loop {
            // Newest first: an end is read before its opening.
            let records = store.decisions(tenant, &filter, page).await?;
            if let (None, Some(newest)) = (filter.from, records.items.first()) {
                let span = i64::try_from(longest_ms).unwrap_or(i64::MAX);
                let from = newest.at.unix_ms().saturating_sub(span);
                filter.from = Some(Timestamp::from_unix_ms(from));
            }
            for record in records.items {
                let Some(event) = record.event else { continue };
                let named = event.details.get(SESSION).and_then(|id| SessionId::parse(id).ok());
                let Some(session) = named else { continue };
                if event.act == ACT_ENDED {
                    ended.insert(session);
                } else if event.act == ACT_FOUND {
                    found.insert(session, event.subject);
                } else if event.act == ACT_OPENED && !ended.contains(&session) {
                    let subject = event.subject.or_else(|| found.remove(&session).flatten());
                    let kept = OpenRecord { opened_at: record.at, subject };
                    open.insert(session, kept);
                }
            }
            match records.next {
                Some(token) => page = PageRequest { size: PAGE, token: Some(token) },
                None => return Ok(open),
            }
        }
    }

    pub(super) async fn record_restart(
        &self,
        tenant: &TenantId,
        session: &SessionId,
        open: &OpenRecord,
    ) -> Result<(), UseCaseError> {
        for _ in 0..MAX_TRIES {
            let at = self.now();
            let (end, open_ms) = after_restart(open, at);
            let subject = match &open.subject {
                Some(subject) => self.snapshot(tenant, subject).await?,
                None => None,
            };
            let event = restart_event(session, end, open_ms, open.subject.clone());
            let draft = Draft {
                subject: subject.as_ref().map(target),
                effects: Vec::new(),
                event,
                decision: DecisionId::new(at, self.id_bytes()),
                at,
            };
            match self.record(tenant, draft).await {
                Err(UseCaseError::Conflict) => {}
                other => return other.map(|_| ()),
            }
        }
        Err(UseCaseError::Conflict)
    }
}

/// The end of a session that nobody could decide any more.
fn restart_event(
    session: &SessionId,
    end: SessionEnd,
    open_ms: DurationMs,
    subject: Option<SubjectId>,
) -> Event {
    let mut event = Event::new(AuditKind::Session, ACT_ENDED);
    event.subject = subject;
    event.decision = Some(Decision::Inconclusive);
    event.details = BTreeMap::from([
        (SESSION.to_owned(), session.as_str().to_owned()),
        (END.to_owned(), end.as_str().to_owned()),
        (INCOMPLETE.to_owned(), end.is_incomplete().to_string()),
        (OPEN_MS.to_owned(), open_ms.to_string()),
    ]);
    event
}
