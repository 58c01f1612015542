//! What became of decisions.

use super::world::*;
use crate::domain::*;
use crate::usecase::UseCaseError;
use crate::usecase::command::*;
use crate::usecase::output::*;
use crate::usecase::port::Application;

impl World {
    /// A decision about a subject who has nothing enrolled.
    async fn decided(&self, subject: &str) -> DecisionId {
        self.subject(subject).await;
        self.consent(subject, None).await;
        let answer = self.verify(subject, speak(ANNA, 6.0)).await;
        assert_eq!(answer.decision, Decision::NotEnrolled);
        answer.decision_id
    }

    fn turned_out(&self, decision: &DecisionId, kind: FeedbackKind) -> RecordOutcome {
        RecordOutcome {
            decision: decision.clone(),
            kind,
            instead: None,
            reviewer: "reviewer-3".into(),
            reason: None,
            key: self.key(),
        }
    }

    async fn record(
        &self,
        role: Role,
        c: RecordOutcome,
    ) -> Result<Done<RecordedOutcome>, UseCaseError> {
        self.vouch.record_outcome(&self.by(role), c).await
    }

    async fn refused_field(&self, c: RecordOutcome) -> &'static str {
        match self.record(Role::Reviewer, c).await {
            Err(UseCaseError::InvalidArgument { field, .. }) => field,
            other => panic!("{:?}", other.map(|done| done.value)),
        }
    }
}

#[tokio::test]
async fn an_outcome_is_recorded_once_audited_and_read() {
    let world = World::new().await;
    let decision = world.decided("anna").await;
    let c = RecordOutcome {
        reason: Some("write to anna.k@example.org".into()),
        ..world.turned_out(&decision, FeedbackKind::ConfirmedFraud)
    };
    let done = world.record(Role::Reviewer, c.clone()).await.unwrap();
    assert_eq!(done.value.replaced, 0);
    let again = world.record(Role::Reviewer, c).await.unwrap();
    assert_eq!(again, done, "a repeat records nothing");
    let reason = done.value.entry.reason.clone().unwrap();
    assert!(!reason.contains("anna.k") && reason.starts_with("write to "), "{reason}");
    world.is_audited(&done.decision_id, None).await;
    let auditor = world.by(Role::Auditor);
    let read = world.vouch.outcome(&auditor, decision.clone()).await.unwrap();
    assert_eq!(read.subject, Some(id("anna")));
    assert_eq!((&read.current, read.earlier.len()), (&done.value.entry, 0));
    let later = world.turned_out(&decision, FeedbackKind::FalseAlarm);
    let later = world.record(Role::Analyst, later).await.unwrap();
    assert_eq!(later.value.replaced, 1);
    let filter = OutcomeFilter { page_size: 10, ..Default::default() };
    let listed = world.vouch.outcomes(&auditor, filter.clone()).await.unwrap().items;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].current.kind, FeedbackKind::FalseAlarm);
    assert_eq!(listed[0].earlier, [done.value.entry]);
    let fraud = OutcomeFilter { kind: Some(FeedbackKind::ConfirmedFraud), ..filter };
    assert!(world.vouch.outcomes(&auditor, fraud).await.unwrap().items.is_empty());
    let kind = Some(AuditKind::Feedback);
    let filter = DecisionFilter { kind, page_size: 10, ..Default::default() };
    let audited = world.vouch.decisions(&auditor, filter).await.unwrap().items;
    assert_eq!(audited.len(), 2, "both entries have a record");
    assert!(audited.iter().all(|record| record.subject == Some(id("anna"))));
}

#[tokio::test]
async fn roles_decide_who_records_and_who_reads() {
    let world = World::new().await;
    let decision = world.decided("anna").await;
    for role in [Role::Client, Role::Agent, Role::Auditor, Role::Privacy, Role::Router] {
        let c = world.turned_out(&decision, FeedbackKind::FalseAlarm);
        let refused = world.record(role, c).await;
        assert!(matches!(refused, Err(UseCaseError::PermissionDenied { .. })), "{role:?}");
    }
    for role in [Role::Client, Role::Agent, Role::Router] {
        let refused = world.vouch.outcome(&world.by(role), decision.clone()).await;
        assert!(matches!(refused, Err(UseCaseError::PermissionDenied { .. })), "{role:?}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_name() {
    let world = World::new().await;
    let decision = world.decided("anna").await;
    let genuine = || world.turned_out(&decision, FeedbackKind::ConfirmedGenuine);
    let instead = Some(Decision::Accept);
    assert_eq!(world.refused_field(RecordOutcome { instead, ..genuine() }).await, "instead");
    let reviewer = String::new();
    assert_eq!(world.refused_field(RecordOutcome { reviewer, ..genuine() }).await, "reviewer");
    let reason = Some("x".repeat(2_049));
    assert_eq!(world.refused_field(RecordOutcome { reason, ..genuine() }).await, "reason");
    let over = || RecordOutcome {
        instead: Some(Decision::Accept),
        reason: Some("known at the branch".into()),
        ..world.turned_out(&decision, FeedbackKind::Overridden)
    };
    assert_eq!(world.refused_field(RecordOutcome { instead: None, ..over() }).await, "instead");
    let instead = Some(Decision::Locked);
    assert_eq!(world.refused_field(RecordOutcome { instead, ..over() }).await, "instead");
    assert_eq!(world.refused_field(RecordOutcome { reason: None, ..over() }).await, "reason");
    assert!(world.record(Role::Reviewer, over()).await.is_ok());
    let nothing = DecisionId::parse("unheard-of").unwrap();
    let c = world.turned_out(&nothing, FeedbackKind::FalseAlarm);
    let missing = world.record(Role::Reviewer, c).await;
    assert!(matches!(missing, Err(UseCaseError::NotFound { what: "decision" })));
    // The record of an outcome is no decision about a person.
    let filter =
        DecisionFilter { kind: Some(AuditKind::Feedback), page_size: 1, ..Default::default() };
    let page = world.vouch.decisions(&world.by(Role::Auditor), filter).await.unwrap();
    let c = world.turned_out(&page.items[0].id, FeedbackKind::FalseAlarm);
    assert_eq!(world.refused_field(c).await, "decision_id");
}

#[tokio::test]
async fn an_erased_subject_leaves_no_outcome() {
    let world = World::new().await;
    let decision = world.decided("anna").await;
    let c = world.turned_out(&decision, FeedbackKind::ConfirmedFraud);
    world.record(Role::Reviewer, c).await.unwrap();
    let c = OnSubject { subject: id("anna"), key: world.key() };
    world.vouch.erase_subject(&world.by(Role::Privacy), c).await.unwrap();
    let gone = world.vouch.outcome(&world.by(Role::Auditor), decision.clone()).await;
    assert!(matches!(gone, Err(UseCaseError::NotFound { what: "outcome" })));
    let c = world.turned_out(&decision, FeedbackKind::ConfirmedFraud);
    assert_eq!(world.refused_field(c).await, "decision_id");
}
