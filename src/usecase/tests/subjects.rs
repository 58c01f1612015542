//! Subjects, consent, erasure, the record of decisions.

use super::world::*;
use crate::domain::*;
use crate::usecase::UseCaseError;
use crate::usecase::command::*;
use crate::usecase::output::Erasure;
use crate::usecase::port::Application;

#[tokio::test]
async fn subjects_are_created_once_and_read() {
    let world = World::new().await;
    let by = world.by(Role::Client);
    let c = CreateSubject { subject: Some(id("anna")), key: world.key() };
    let done = world.vouch.create_subject(&by, c.clone()).await.unwrap();
    assert_eq!(world.vouch.create_subject(&by, c).await.unwrap(), done);
    let c = CreateSubject { subject: Some(id("anna")), key: world.key() };
    let again = world.vouch.create_subject(&by, c).await;
    assert!(matches!(again, Err(UseCaseError::AlreadyExists { .. })));
    let c = CreateSubject { subject: None, key: world.key() };
    let made = world.vouch.create_subject(&by, c).await.unwrap().value;
    let read = world.vouch.get_subject(&by, made.id.clone()).await.unwrap();
    assert_eq!(read, made);
    let page = world.vouch.list_subjects(&by, 10, None).await.unwrap();
    assert_eq!(page.items.len(), 2);
    let refused = world.vouch.list_subjects(&by, 0, None).await;
    assert!(matches!(refused, Err(UseCaseError::InvalidArgument { .. })));
}

#[tokio::test]
async fn consents_are_checked_recorded_and_withdrawn() {
    let world = World::new().await;
    world.subject("anna").await;
    let by = world.by(Role::Agent);
    let now = crate::usecase::Clock::now(world.clock.as_ref());
    let good = RecordConsent {
        subject: id("anna"),
        notice_id: "voice".into(),
        notice_version: "2".into(),
        purpose: Purpose::VoiceAuthentication,
        channel: "app".into(),
        collector: "agent-1".into(),
        given_at: None,
        expires_at: None,
        key: world.key(),
    };
    let wrong = [
        RecordConsent { notice_id: String::new(), ..good.clone() },
        RecordConsent { channel: "x".repeat(129), ..good.clone() },
        RecordConsent { given_at: Some(now.plus_ms(3_600_000)), ..good.clone() },
        RecordConsent { expires_at: Some(now), ..good.clone() },
    ];
    for c in wrong {
        let refused = world.vouch.record_consent(&by, c).await;
        assert!(matches!(refused, Err(UseCaseError::InvalidArgument { .. })));
    }
    world.vouch.record_consent(&by, good.clone()).await.unwrap();
    let read = world.vouch.get_subject(&by, id("anna")).await.unwrap();
    assert_eq!(read.consents.len(), 1);
    assert!(read.consents[0].1);
    let c = WithdrawConsent {
        subject: id("anna"),
        purpose: Purpose::VoiceAuthentication,
        key: world.key(),
    };
    let done = world.vouch.withdraw_consent(&by, c.clone()).await.unwrap();
    assert_eq!(done.value, 1);
    assert_eq!(world.vouch.withdraw_consent(&by, c).await.unwrap(), done);
    let read = world.vouch.get_subject(&by, id("anna")).await.unwrap();
    assert!(!read.consents[0].1);
    let refused = world.vouch.record_consent(&world.by(Role::Client), good).await;
    assert!(matches!(refused, Err(UseCaseError::PermissionDenied { .. })));
}

#[tokio::test]
async fn erasure_gives_a_receipt_and_is_idempotent() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let verified = world.verify("anna", speak(ANNA, 12.0)).await;
    let by = world.by(Role::Privacy);
    let c = OnSubject { subject: id("anna"), key: world.key() };
    let mut done = world.vouch.erase_subject(&by, c.clone()).await.unwrap();
    let decision = done.decision_id.clone();
    while done.value == Erasure::Pending {
        done = world.vouch.erase_subject(&by, c.clone()).await.unwrap();
        assert_eq!(done.decision_id, decision);
    }
    assert!(matches!(&done.value, Erasure::Done(r) if r.rows_destroyed > 0));
    let gone = world.vouch.get_subject(&by, id("anna")).await;
    assert!(matches!(gone, Err(UseCaseError::NotFound { .. })));
    let answer = world.verify("anna", speak(ANNA, 12.0)).await;
    assert_eq!(answer.decision, Decision::NotEnrolled);
    let c = ExplainDecision { decision: verified.decision_id, audience: None };
    let (info, sentences) = world.vouch.explain(&by, c).await.unwrap();
    assert!(info.erased && info.subject.is_none() && info.score.is_none());
    assert!(sentences[0].contains("was erased"));
    let c = OnSubject { subject: id("anna"), key: world.key() };
    let again = world.vouch.erase_subject(&by, c).await;
    assert!(matches!(again, Err(UseCaseError::NotFound { .. })));
}

#[tokio::test]
async fn decisions_are_listed_by_kind_and_reason() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    world.verify("anna", speak(ANNA, 12.0)).await;
    world.verify("anna", speak(BERT, 12.0)).await;
    let by = world.by(Role::Auditor);
    let filter = DecisionFilter {
        kind: Some(AuditKind::Verification),
        page_size: 100,
        ..DecisionFilter::default()
    };
    let all = world.vouch.decisions(&by, filter.clone()).await.unwrap();
    let decisions: Vec<_> = all.items.iter().map(|d| d.decision.unwrap()).collect();
    assert_eq!(decisions, [Decision::Reject, Decision::Accept]);
    assert!(all.items.iter().all(|d| d.actor == "admin"));
    let filter = DecisionFilter { reason: Some(Reason::VoiceMismatch), ..filter };
    let some = world.vouch.decisions(&by, filter.clone()).await.unwrap();
    assert_eq!(some.items.len(), 1);
    let head = world.vouch.audit_head(&by).await.unwrap();
    assert_eq!(head.sequence, all.items[0].sequence);
    assert_eq!(head.checkpoint_sequence, 2);
    let refused = world.vouch.decisions(&world.by(Role::Client), filter).await;
    assert!(matches!(refused, Err(UseCaseError::PermissionDenied { .. })));
}

#[tokio::test]
async fn callers_are_known_by_their_keys() {
    let world = World::new().await;
    let text = world.store.new_key(&tenant(), Role::Agent).await;
    let known = world.vouch.authenticate(&text).await.unwrap();
    assert_eq!((known.tenant, known.role), (tenant(), Role::Agent));
    let unknown = world.vouch.authenticate("guess").await;
    assert!(matches!(unknown, Err(UseCaseError::Unauthenticated)));
}

#[tokio::test]
async fn another_tenant_sees_and_finds_nothing() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let mut by = world.by(Role::Admin);
    by.tenant = TenantId::parse("other").unwrap();
    let read = world.vouch.get_subject(&by, id("anna")).await;
    assert!(matches!(read, Err(UseCaseError::NotFound { .. })));
}
