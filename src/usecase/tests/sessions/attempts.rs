//! What counts as an attempt in a session, and what does not.

use super::super::verify::locked_once_too_often;
use super::*;
use crate::policy::AttemptRules;
use crate::usecase::core::MAX_TRIES;

#[tokio::test]
async fn a_factor_beside_a_rejected_voice_opens_nothing_however_often_is_asked() {
    let (world, rules) = locked_once_too_often().await;
    world.vouch.hold_sessions_to(Arc::new(TestPolicy::default()));
    world.clock.forward(rules.lock_ms as i64);
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Admin).await;
    let factor = FactorName::parse("otp").unwrap();
    let passed = ContextEvent::Factor { factor, outcome: FactorOutcome::Passed };
    client.send(SessionMessage::Plain(Message::Context(passed))).await;
    client.speak(&speak(BERT, 20.0)).await;
    // The second and third record find nothing new about the voice.
    for question in ["q1", "q2", "q3"] {
        client.send(ask(question, 0)).await;
        assert_eq!(client.decision().await.assessment.decision, Decision::Reject, "{question}");
    }
    client.close().await;
    let alone = world.verify("anna", speak(ANNA, 12.0)).await;
    assert_eq!(alone.reasons[0], Reason::OtherFactorNeeded, "{alone:?}");
}

#[test]
fn attempts_at_one_time_are_tried_until_they_lock() {
    let limit = AttemptRules::default().unsuccessful_limit;
    assert!(MAX_TRIES > usize::try_from(limit).unwrap(), "{limit}");
}
