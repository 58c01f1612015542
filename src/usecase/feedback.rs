//! What became of decisions: recorded by people, read by people, and taken by calibration.

use crate::domain::{AuditKind, Decision, DecisionId, Feedback, FeedbackKind, Reason};
use crate::store::{DecisionRecord, Effect, FeedbackFilter, StoredFeedback};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, OutcomeFilter, RecordOutcome};
use crate::usecase::core::Inner;
use crate::usecase::failure::invalid;
use crate::usecase::output::{Done, OutcomeInfo, Page, RecordedOutcome};
use crate::usecase::request::Content;
use crate::usecase::subjects::{check_text, page_request};

/// RPC, for idempotency.
const METHOD: &str = "vouch.v1.FeedbackService/RecordOutcome";
/// The act in the audit.
pub const ACT_RECORDED: &str = "outcome recorded";
/// Longest reason, in bytes.
pub const MAX_REASON_BYTES: usize = 2_048;

/// Whether something was concluded about a person, so that it can turn out right or wrong.
fn can_turn_out(record: &DecisionRecord) -> bool {
    record.decision.is_some()
        && match record.kind {
            AuditKind::Verification
            | AuditKind::Identification
            | AuditKind::BehaviorVerification
            | AuditKind::ConversationVerification
            | AuditKind::Session => true,
            AuditKind::Subject
            | AuditKind::Consent
            | AuditKind::Enrollment
            | AuditKind::Erasure
            | AuditKind::Template
            | AuditKind::Key
            | AuditKind::Categorization
            | AuditKind::BehaviorEnrollment
            | AuditKind::BehaviorDeletion
            | AuditKind::ConversationEnrollment
            | AuditKind::ConversationDeletion
            | AuditKind::Redaction
            | AuditKind::Policy
            | AuditKind::Feedback
            | AuditKind::PhoneNumber
            | AuditKind::Export
            | AuditKind::Calibration
            | AuditKind::Source => false,
        }
}

fn shown(stored: StoredFeedback) -> OutcomeInfo {
    let StoredFeedback { decision, subject, current, earlier } = stored;
    OutcomeInfo { decision, subject, current, earlier }
}

/// What does not depend on the store.
fn check(c: &RecordOutcome) -> Result<(), UseCaseError> {
    check_text("reviewer", &c.reviewer)?;
    match (c.kind, c.instead) {
        (
            FeedbackKind::Overridden,
            Some(Decision::Accept | Decision::StepUp | Decision::Reject),
        ) => {}
        (FeedbackKind::Overridden, _) => {
            return Err(invalid("instead", "must be ACCEPT, STEP_UP or REJECT for an override"));
        }
        (_, Some(_)) => return Err(invalid("instead", "is for an override alone")),
        (_, None) => {}
    }
    let got = c.reason.as_ref().map_or(0, String::len);
    if got > MAX_REASON_BYTES {
        return Err(invalid("reason", format!("has {got} bytes, at most {MAX_REASON_BYTES} may")));
    }
    if got == 0 && c.kind == FeedbackKind::Overridden {
        return Err(invalid("reason", "an override needs one"));
    }
    Ok(())
}

fn content(c: &RecordOutcome) -> Content {
    let instead = c.instead.map(|decision| format!("{decision:?}"));
    Content::new()
        .text(c.decision.as_str())
        .text(c.kind.as_str())
        .optional(instead.as_deref())
        .text(&c.reviewer)
        .optional(c.reason.as_deref())
}

impl Inner {
    pub(super) async fn record_outcome(
        &self,
        by: Caller,
        c: RecordOutcome,
    ) -> Result<Done<RecordedOutcome>, UseCaseError> {
        require(&by, Right::RecordFeedback)?;
        check(&c)?;
        let request = content(&c).request(METHOD, &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let found = self.parts.store.decision(&by.tenant, &c.decision).await?;
        let record = found.ok_or(UseCaseError::NotFound { what: "decision" })?;
        if !can_turn_out(&record) {
            let problem = "nothing was concluded about a person there, so it has no outcome";
            return Err(invalid("decision_id", problem));
        }
        let reason = match &c.reason {
            Some(reason) => Some(self.redacted_note(&by.tenant, "reason", reason)?),
            None => None,
        };
        let mut draft = self.draft(&by, AuditKind::Feedback, ACT_RECORDED);
        let entry = Feedback {
            kind: c.kind,
            instead: c.instead,
            reviewer: c.reviewer,
            reason,
            recorded_at: draft.at,
            record: draft.decision.clone(),
            actor: Some(by.key.clone()),
        };
        draft.event.subject = record.event.and_then(|event| event.subject);
        draft.event.reasons = vec![Reason::Administrative];
        let instead = entry.instead.map(|decision| format!("{decision:?}"));
        let details = [
            ("of", Some(c.decision.as_str().to_owned())),
            ("outcome", Some(entry.kind.as_str().to_owned())),
            ("instead", instead),
            ("reviewer", Some(entry.reviewer.clone())),
            ("reason", entry.reason.clone()),
        ];
        let known = details.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        draft.event.details.extend(known);
        let feedback = Box::new(entry.clone());
        draft.effects = vec![Effect::PutFeedback { decision: c.decision, feedback }];
        let (decision_id, versions) = (draft.decision.clone(), self.versions(&by.tenant));
        let done = self
            .commit_built(&by, &request, draft, move |applied| Done {
                value: RecordedOutcome {
                    entry,
                    replaced: applied.feedback_entries.saturating_sub(1),
                },
                decision_id,
                versions,
            })
            .await?;
        Ok(done.0)
    }

    pub(super) async fn outcome(
        &self,
        by: &Caller,
        decision: &DecisionId,
    ) -> Result<OutcomeInfo, UseCaseError> {
        require(by, Right::ReadFeedback)?;
        let found = self.parts.store.feedback(&by.tenant, decision).await?;
        found.map(shown).ok_or(UseCaseError::NotFound { what: "outcome" })
    }

    pub(super) async fn outcomes(
        &self,
        by: &Caller,
        filter: OutcomeFilter,
    ) -> Result<Page<OutcomeInfo>, UseCaseError> {
        require(by, Right::ReadFeedback)?;
        let request = page_request(filter.page_size, filter.page_token)?;
        let OutcomeFilter { subject, from, until, kind, .. } = filter;
        let wanted = FeedbackFilter { subject, from, until, kind };
        let page = self.parts.store.feedbacks(&by.tenant, &wanted, request).await?;
        Ok(Page { items: page.items.into_iter().map(shown).collect(), next: page.next })
    }
}
