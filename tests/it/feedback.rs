//! Outcomes of decisions over the wire, with the real program.

use tonic::transport::Channel;
use tonic::{Code, Request};
use vouch::grpc::proto::conversation_service_client::ConversationServiceClient;
use vouch::grpc::proto::feedback_service_client::FeedbackServiceClient;
use vouch::grpc::proto::subject_service_client::SubjectServiceClient;
use vouch::grpc::proto::{self, Decision, OutcomeKind};

use crate::process::Place;
use crate::server::{reason_of, with_key};

fn record(decision: &str, kind: OutcomeKind, key: &str) -> proto::RecordOutcomeRequest {
    proto::RecordOutcomeRequest {
        decision_id: decision.into(),
        kind: kind as i32,
        instead: 0,
        reviewer: "reviewer-3".into(),
        reason: "call +49 170 1234567".into(),
        idempotency_key: key.into(),
    }
}

/// A decision about a subject who has nothing enrolled.
async fn decide(channel: &Channel, key: &str) -> String {
    let mut subjects = SubjectServiceClient::new(channel.clone());
    let request =
        proto::CreateSubjectRequest { subject_id: "anna".into(), idempotency_key: "create".into() };
    subjects.create_subject(with_key(request, key)).await.unwrap();
    let mut texts = ConversationServiceClient::new(channel.clone());
    let request = proto::VerifyTextsRequest {
        subject_id: "anna".into(),
        texts: vec![proto::WrittenText { content: "hello".into(), sent_at: None }],
        idempotency_key: "verify".into(),
        ..Default::default()
    };
    texts.verify_texts(with_key(request, key)).await.unwrap().into_inner().decision_id
}

#[tokio::test]
async fn an_outcome_is_recorded_listed_and_kept_over_a_restart() {
    let models = tempfile::tempdir().unwrap();
    let place = Place::new(models.path(), "");
    let key = |role: &str| place.done(&["key", "create", "--role", role]).trim().to_owned();
    let (admin, reviewer, auditor) = (key("admin"), key("reviewer"), key("auditor"));
    let (mut server, address) = place.serve().await;
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    let decision = decide(&channel, &admin).await;
    let mut client = FeedbackServiceClient::new(channel.clone());
    let get = || proto::GetOutcomeRequest { decision_id: decision.clone() };
    let none = client.get_outcome(with_key(get(), &auditor)).await.unwrap_err();
    assert_eq!(none.code(), Code::NotFound);
    let first = record(&decision, OutcomeKind::ConfirmedFraud, "o-1");
    let kept = client.record_outcome(with_key(first.clone(), &reviewer)).await.unwrap();
    let kept = kept.into_inner();
    let entry = kept.entry.clone().unwrap();
    assert!(!entry.reason.contains("1234567") && !kept.decision_id.is_empty(), "{entry:?}");
    let again = client.record_outcome(with_key(first, &reviewer)).await.unwrap().into_inner();
    assert_eq!(again, kept);
    let refused = record(&decision, OutcomeKind::FalseAlarm, "o-2");
    let refused = client.record_outcome(with_key(refused, &auditor)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let over = proto::RecordOutcomeRequest {
        instead: Decision::Accept as i32,
        ..record(&decision, OutcomeKind::Overridden, "o-3")
    };
    let over = client.record_outcome(with_key(over, &reviewer)).await.unwrap().into_inner();
    assert_eq!(over.replaced, 1);
    server.kill();
    let (mut server, address) = place.serve().await;
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    let mut client = FeedbackServiceClient::new(channel);
    let found = client.get_outcome(with_key(get(), &auditor)).await.unwrap().into_inner();
    let found = found.outcome.unwrap();
    assert_eq!(found.subject_id, "anna");
    assert_eq!(found.current, over.entry);
    assert_eq!(found.earlier, [entry]);
    let list =
        proto::ListOutcomesRequest { kind: OutcomeKind::Overridden as i32, ..Default::default() };
    let listed = client.list_outcomes(with_key(list, &auditor)).await.unwrap().into_inner();
    assert_eq!(listed.outcomes, [found]);
    server.kill();
}

#[tokio::test]
async fn a_request_without_what_it_needs_is_refused_by_name() {
    let server = crate::server::start(crate::server::settings()).await;
    let mut client = FeedbackServiceClient::new(server.channel().await);
    let good = || record("d-1", OutcomeKind::FalseAlarm, "k");
    let bad = [
        proto::RecordOutcomeRequest { decision_id: String::new(), ..good() },
        proto::RecordOutcomeRequest { kind: 0, ..good() },
        proto::RecordOutcomeRequest { kind: 99, ..good() },
        proto::RecordOutcomeRequest { instead: 99, ..good() },
        proto::RecordOutcomeRequest { reviewer: String::new(), ..good() },
        proto::RecordOutcomeRequest { idempotency_key: String::new(), ..good() },
    ];
    for request in bad {
        let status = client.record_outcome(crate::server::keyed(request)).await.unwrap_err();
        assert_eq!(reason_of(&status), "INVALID_ARGUMENT", "{status}");
    }
    let bare = client.record_outcome(Request::new(good())).await.unwrap_err();
    assert_eq!(bare.code(), Code::Unauthenticated);
    assert!(client.record_outcome(crate::server::keyed(good())).await.is_ok());
}
