//! What became of decisions, in the store.

use super::fixture::{Fixture, at, subject, tamper, tenant};
use crate::domain::{Decision, DecisionId, Feedback, FeedbackKind, ReceiptId, TenantId};
use crate::store::{
    Effect, FeedbackFilter, FeedbackLog as _, PageRequest, StoreError, StoredFeedback, Transaction,
};

/// An entry of a kind.
pub fn entry(kind: FeedbackKind) -> Feedback {
    Feedback {
        kind,
        instead: None,
        reviewer: "reviewer-3".into(),
        reason: Some("called back under the known number".into()),
        recorded_at: at(1_700_000_000_500),
        record: DecisionId::parse("record-1").unwrap(),
        actor: None,
    }
}

fn put(decision: &DecisionId, kind: FeedbackKind) -> Effect {
    Effect::PutFeedback { decision: decision.clone(), feedback: Box::new(entry(kind)) }
}

/// A decision about a subject, who is created.
async fn decided(f: &Fixture, id: &str) -> DecisionId {
    f.act(Some(id), vec![Effect::CreateSubject]).await.unwrap();
    f.commit(f.decision(id, Decision::Accept)).await.unwrap().applied.decision
}

async fn of(f: &Fixture, decision: &DecisionId) -> Option<StoredFeedback> {
    f.store.feedback(&tenant(), decision).await.unwrap()
}

async fn listed(f: &Fixture, filter: &FeedbackFilter) -> Vec<StoredFeedback> {
    let page = PageRequest { size: 10, token: None };
    f.store.feedbacks(&tenant(), filter, page).await.unwrap().items
}

#[tokio::test]
async fn a_later_entry_takes_the_place_of_the_earlier_one_also_after_a_restart() {
    let mut f = Fixture::new().await;
    let decision = decided(&f, "anna").await;
    assert_eq!(of(&f, &decision).await, None);
    let first = f.act(None, vec![put(&decision, FeedbackKind::ConfirmedFraud)]).await.unwrap();
    assert_eq!(first.applied.feedback_entries, 1);
    let later = f.act(None, vec![put(&decision, FeedbackKind::FalseAlarm)]).await.unwrap();
    assert_eq!(later.applied.feedback_entries, 2);
    for _ in 0..2 {
        let found = of(&f, &decision).await.expect("there is feedback");
        assert_eq!(found.subject, Some(subject("anna")));
        assert_eq!(found.current, entry(FeedbackKind::FalseAlarm));
        assert_eq!(found.earlier, [entry(FeedbackKind::ConfirmedFraud)]);
        assert_eq!(listed(&f, &FeedbackFilter::default()).await, [found]);
        f.reopen().await.unwrap();
    }
}

#[tokio::test]
async fn filters_and_pages_find_what_they_say() {
    let f = Fixture::new().await;
    let mut decisions = Vec::new();
    for (id, kind) in [
        ("anna", FeedbackKind::ConfirmedGenuine),
        ("bert", FeedbackKind::ConfirmedFraud),
        ("cara", FeedbackKind::ConfirmedGenuine),
    ] {
        let decision = decided(&f, id).await;
        f.act(None, vec![put(&decision, kind)]).await.unwrap();
        decisions.push(decision);
    }
    let by = |filter: FeedbackFilter| {
        let f = &f;
        async move { listed(f, &filter).await.into_iter().map(|o| o.decision).collect::<Vec<_>>() }
    };
    let all = FeedbackFilter::default();
    let newest: Vec<_> = decisions.iter().rev().cloned().collect();
    assert_eq!(by(all.clone()).await, newest);
    let genuine = Some(FeedbackKind::ConfirmedGenuine);
    let found = by(FeedbackFilter { kind: genuine, ..all.clone() }).await;
    assert_eq!(found, [decisions[2].clone(), decisions[0].clone()]);
    let of = |id| FeedbackFilter { subject: Some(subject(id)), ..FeedbackFilter::default() };
    assert_eq!(by(of("bert")).await, [decisions[1].clone()]);
    assert!(by(of("nobody")).await.is_empty());
    let time = entry(FeedbackKind::FalseAlarm).recorded_at;
    assert!(by(FeedbackFilter { until: Some(time), ..all.clone() }).await.is_empty());
    assert_eq!(by(FeedbackFilter { from: Some(time), ..all.clone() }).await.len(), 3);
    let page = |token| PageRequest { size: 2, token };
    let first = f.store.feedbacks(&tenant(), &all, page(None)).await.unwrap();
    let rest = f.store.feedbacks(&tenant(), &all, page(first.next)).await.unwrap();
    assert_eq!((first.items.len(), rest.items.len(), rest.next), (2, 1, None));
}

#[tokio::test]
async fn only_a_decision_of_the_tenant_that_is_not_erased_has_feedback() {
    let f = Fixture::new().await;
    let decision = decided(&f, "anna").await;
    let nobody = DecisionId::parse("unheard-of").unwrap();
    let refused = f.act(None, vec![put(&nobody, FeedbackKind::FalseAlarm)]).await;
    assert_eq!(refused.unwrap_err(), StoreError::NoDecision);
    let other = TenantId::parse("other").unwrap();
    let create =
        Transaction { tenant: other.clone(), ..f.transaction(None, vec![Effect::CreateTenant]) };
    f.commit(create).await.unwrap();
    let theirs = f.transaction(None, vec![put(&decision, FeedbackKind::FalseAlarm)]);
    let refused = f.commit(Transaction { tenant: other.clone(), ..theirs }).await;
    assert_eq!(refused.unwrap_err(), StoreError::NoDecision);
    f.act(None, vec![put(&decision, FeedbackKind::FalseAlarm)]).await.unwrap();
    assert_eq!(f.store.feedback(&other, &decision).await, Ok(None));
    let all = FeedbackFilter::default();
    let page = PageRequest { size: 10, token: None };
    assert!(f.store.feedbacks(&other, &all, page).await.unwrap().items.is_empty());
    let receipt = ReceiptId::parse("r1").unwrap();
    f.act(Some("anna"), vec![Effect::EraseSubject { receipt }]).await.unwrap();
    let refused = f.act(None, vec![put(&decision, FeedbackKind::FalseAlarm)]).await;
    assert_eq!(refused.unwrap_err(), StoreError::DecisionErased);
}

#[tokio::test]
async fn entries_about_a_decision_are_limited() {
    let f = Fixture::new().await;
    let decision = decided(&f, "anna").await;
    for _ in 0..32 {
        f.act(None, vec![put(&decision, FeedbackKind::FalseAlarm)]).await.unwrap();
    }
    let refused = f.act(None, vec![put(&decision, FeedbackKind::FalseAlarm)]).await;
    assert!(matches!(refused, Err(StoreError::Limit { limit: 32, got: 33, .. })), "{refused:?}");
}

#[tokio::test]
async fn an_erasure_takes_the_feedback_along() {
    let mut f = Fixture::new().await;
    let (anna, bert) = (decided(&f, "anna").await, decided(&f, "bert").await);
    for decision in [&anna, &bert] {
        f.act(None, vec![put(decision, FeedbackKind::FalseAlarm)]).await.unwrap();
    }
    let receipt = ReceiptId::parse("r1").unwrap();
    let done = f.act(Some("anna"), vec![Effect::EraseSubject { receipt }]).await.unwrap();
    // The subject, records of its creation and decision, the feedback.
    assert_eq!(done.applied.erasure.map(|e| e.rows_destroyed), Some(4));
    for _ in 0..2 {
        assert_eq!(of(&f, &anna).await, None);
        let left = listed(&f, &FeedbackFilter::default()).await;
        assert_eq!(left.iter().map(|o| &o.decision).collect::<Vec<_>>(), [&bert]);
        f.reopen().await.unwrap();
    }
}

#[tokio::test]
async fn an_earlier_entry_put_back_is_refused_also_while_running() {
    let f = Fixture::new().await;
    let decision = decided(&f, "anna").await;
    f.act(None, vec![put(&decision, FeedbackKind::ConfirmedFraud)]).await.unwrap();
    tamper(&f.path(), "CREATE TABLE old AS SELECT * FROM feedback").await;
    f.act(None, vec![put(&decision, FeedbackKind::ConfirmedGenuine)]).await.unwrap();
    let sql = "UPDATE feedback SET (at, kind, sealed, version, mac) = \
               (SELECT at, kind, sealed, version, mac FROM old)";
    tamper(&f.path(), sql).await;
    let broken = |error: StoreError| {
        assert!(matches!(error, StoreError::Integrity { table: "feedback", .. }), "{error}");
    };
    broken(f.store.feedback(&tenant(), &decision).await.unwrap_err());
    let (all, page) = (FeedbackFilter::default(), PageRequest { size: 10, token: None });
    broken(f.store.feedbacks(&tenant(), &all, page).await.unwrap_err());
    broken(f.act(None, vec![put(&decision, FeedbackKind::FalseAlarm)]).await.unwrap_err());
    tamper(&f.path(), "DELETE FROM feedback").await;
    broken(f.store.feedback(&tenant(), &decision).await.unwrap_err());
    broken(f.act(None, vec![put(&decision, FeedbackKind::FalseAlarm)]).await.unwrap_err());
}
