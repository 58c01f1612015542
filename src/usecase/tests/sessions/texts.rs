//! What is typed in a session.

use super::*;

/// What a session without audio ends with, after these texts.
pub(super) async fn after_texts(
    world: &World,
    transcript: bool,
    texts: Vec<String>,
) -> ShownDecision {
    let quiet = OpenSession { audio: None, ..opening(world, Some("anna")) };
    let mut client = Client::open(world, quiet, Role::Admin).await;
    for content in texts {
        client.send(SessionMessage::Text { transcript, content }).await;
    }
    client.close().await.0
}

pub(super) fn text_evidence(decided: &ShownDecision) -> Option<(f64, u32)> {
    let found = decided.assessment.evidence.iter().find(|e| e.modality == Modality::Text)?;
    Some((found.score?.llr?.0, found.amount))
}

#[tokio::test]
async fn what_is_typed_is_compared_and_a_transcript_is_only_looked_at() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let texts = |careful, day| -> Vec<String> {
        chat(careful, day, 250).into_iter().map(|t| t.content).collect()
    };
    let before = after_texts(&world, false, texts(true, 6)).await;
    assert_eq!(text_evidence(&before), None, "no style is enrolled, nor agreed to");
    world.style("anna", true).await;
    let (llr, words) = text_evidence(&after_texts(&world, false, texts(true, 7)).await).unwrap();
    assert!(llr > 3.0 && words >= 200, "{llr} {words}");
    let (llr, _) = text_evidence(&after_texts(&world, false, texts(false, 8)).await).unwrap();
    assert!(llr < -3.0, "{llr}");
    assert_eq!(text_evidence(&after_texts(&world, true, texts(true, 9)).await), None);
    let c = WithdrawConsent {
        subject: id("anna"),
        purpose: Purpose::ConversationAuthentication,
        key: world.key(),
    };
    world.vouch.withdraw_consent(&world.by(Role::Agent), c).await.unwrap();
    assert_eq!(text_evidence(&after_texts(&world, false, texts(true, 10)).await), None);
}

#[tokio::test]
async fn findings_in_texts_are_recorded_without_the_texts() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let said = "he said stay on the line and do not tell anyone at the bank".to_owned();
    let decided = after_texts(&world, true, vec![said]).await;
    let record = world.store.decision(&tenant(), &decided.decision).await.unwrap().unwrap();
    let shown = format!("{:?}", record.event.unwrap().details);
    assert!(shown.contains("social_engineering"), "{shown}");
    assert!(!shown.contains("stay on the line"), "{shown}");
}
