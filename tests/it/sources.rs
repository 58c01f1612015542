//! Limits of who makes claims, over the wire, with the real program, across a restart.

use vouch::grpc::proto::audit_service_client::AuditServiceClient;
use vouch::grpc::proto::{self, Decision, Reason};

use crate::behavior::Typist;
use crate::behavior::story::Story;

/// Two rejections hold an API key up for half an hour.
const STRICT: &str = "[policy.sources.api_key]\nrejected_limit = 2\nleast_share = 0.0\ndelays = 0\nlock_ms = 1800000\n\
     max_lock_ms = 1800000\n";

async fn records(story: &Story) -> Vec<proto::DecisionRecord> {
    let request =
        proto::ListDecisionsRequest { kind: proto::AuditKind::Source as i32, ..Default::default() };
    let mut client = AuditServiceClient::new(story.channel.clone());
    client.list_decisions(story.keyed(request)).await.unwrap().into_inner().decisions
}

#[tokio::test]
async fn a_key_that_keeps_failing_is_locked_also_after_a_restart_and_another_one_is_not() {
    let mut story = Story::with(STRICT).await;
    let (mut anna, mut bert) = (Typist::new(11), Typist::new(23));
    story.create().await;
    story.consent().await;
    story.enroll(anna.times(10), "enroll").await.unwrap();
    for n in 0..2 {
        assert_eq!(records(&story).await, []);
        let other = story.verify(bert.times(1), &format!("i-{n}")).await.unwrap();
        assert_eq!(other.decision(), Decision::Reject, "{other:?}");
    }
    let locked = story.verify(anna.times(1), "g-0").await.unwrap();
    assert_eq!(locked.decision(), Decision::Locked, "{locked:?}");
    assert_eq!(locked.reasons, [Reason::SourceLocked as i32]);
    assert_eq!(locked.score, None);
    let found = records(&story).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].reasons, [Reason::SourceLocked as i32]);

    let another = story.restart("client").await;
    let locked = story.verify(anna.times(1), "g-1").await.unwrap();
    assert_eq!(locked.reasons, [Reason::SourceLocked as i32], "{locked:?}");
    // The person themselves is not locked: who asks is.
    story.use_key(another);
    let accepted = story.verify(anna.times(1), "g-2").await.unwrap();
    assert_eq!(accepted.decision(), Decision::Accept, "{accepted:?}");
    let report = story.place.done(&["audit", "verify"]);
    assert!(report.starts_with("records "), "{report}");
}
