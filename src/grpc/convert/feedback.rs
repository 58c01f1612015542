//! Outcomes of decisions: requests and answers.

use crate::domain::{DecisionId, Feedback, FeedbackKind};
use crate::grpc::convert::{self, Read};
use crate::grpc::proto;
use crate::grpc::status::BadField;
use crate::usecase::command::{OutcomeFilter, RecordOutcome};
use crate::usecase::output::OutcomeInfo;

/// A kind; UNSPECIFIED is none.
fn kind(value: i32, field: &str) -> Read<Option<FeedbackKind>> {
    use proto::OutcomeKind as P;
    let known = P::try_from(value);
    Ok(match known.map_err(|_| BadField::new(field, format!("{value} is not a known value")))? {
        P::Unspecified => None,
        P::ConfirmedGenuine => Some(FeedbackKind::ConfirmedGenuine),
        P::ConfirmedFraud => Some(FeedbackKind::ConfirmedFraud),
        P::FalseAlarm => Some(FeedbackKind::FalseAlarm),
        P::Overridden => Some(FeedbackKind::Overridden),
    })
}

/// RecordOutcome.
pub fn record_outcome(request: proto::RecordOutcomeRequest) -> Read<RecordOutcome> {
    let missing = || BadField::new("kind", "is required, got UNSPECIFIED");
    Ok(RecordOutcome {
        decision: convert::id(&request.decision_id, "decision_id", DecisionId::parse)?,
        kind: kind(request.kind, "kind")?.ok_or_else(missing)?,
        instead: convert::decision_filter(request.instead, "instead")?,
        reviewer: convert::text(request.reviewer, "reviewer")?,
        reason: (!request.reason.is_empty()).then_some(request.reason),
        key: convert::idempotency_key(&request.idempotency_key, "idempotency_key")?,
    })
}

/// ListOutcomes.
pub fn list_outcomes(request: proto::ListOutcomesRequest) -> Read<OutcomeFilter> {
    Ok(OutcomeFilter {
        subject: convert::optional_subject_id(&request.subject_id, "subject_id")?,
        from: convert::optional_timestamp(request.from, "from")?,
        until: convert::optional_timestamp(request.until, "until")?,
        kind: kind(request.kind, "kind")?,
        page_size: convert::page_size(request.page_size, "page_size")?,
        page_token: convert::page_token(request.page_token, "page_token")?,
    })
}

/// GetOutcome.
pub fn get_outcome(request: proto::GetOutcomeRequest) -> Read<DecisionId> {
    convert::id(&request.decision_id, "decision_id", DecisionId::parse)
}

/// One entry.
pub fn outcome_entry(value: Feedback) -> proto::OutcomeEntry {
    use proto::OutcomeKind as P;
    let kind = match value.kind {
        FeedbackKind::ConfirmedGenuine => P::ConfirmedGenuine,
        FeedbackKind::ConfirmedFraud => P::ConfirmedFraud,
        FeedbackKind::FalseAlarm => P::FalseAlarm,
        FeedbackKind::Overridden => P::Overridden,
    };
    let unspecified = proto::Decision::Unspecified;
    proto::OutcomeEntry {
        kind: kind as i32,
        instead: value.instead.map_or(unspecified, convert::decision) as i32,
        reviewer: value.reviewer,
        reason: value.reason.unwrap_or_default(),
        recorded_at: Some(convert::timestamp_out(value.recorded_at)),
        decision_id: value.record.into(),
        actor: value.actor.map(String::from).unwrap_or_default(),
    }
}

/// What became of a decision.
pub fn outcome(value: OutcomeInfo) -> proto::Outcome {
    proto::Outcome {
        decision_id: value.decision.into(),
        subject_id: value.subject.map(String::from).unwrap_or_default(),
        current: Some(outcome_entry(value.current)),
        earlier: value.earlier.into_iter().map(outcome_entry).collect(),
    }
}
