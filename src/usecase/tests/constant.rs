//! Constant answers: who is unknown, opted out or refused cannot be told apart by who has no fine scores.

use super::policies::{file, put};
use super::sessions::{Client, opening};
use super::world::*;
use crate::domain::*;
use crate::session::call::Message;
use crate::usecase::command::*;
use crate::usecase::port::Application;
use crate::usecase::sessions::*;

const CONSTANT: (&str, &str) = ("constant_answers = false", "constant_answers = true");
/// How long a question waits, in milliseconds.
const WAIT_MS: u64 = 30_000;

/// Everything that was heard about a subject, with what must differ taken out: ids, and moments.
struct Heard {
    updates: Vec<String>,
    decision: String,
    status: String,
    customer: String,
}

/// What is the same whoever it is.
fn shape(value: &impl std::fmt::Debug, subject: &str) -> String {
    format!("{value:?}").replace(&format!("\"{subject}\""), "SUBJECT")
}

async fn call(world: &World, subject: &str, role: Role) -> (Heard, DecisionId, SessionId) {
    let mut client = Client::open(world, opening(world, Some(subject)), role).await;
    client.speak(&speak(BERT, 12.0)).await;
    let intent = Intent {
        ask: AskId::parse("q").unwrap(),
        intent: IntentId::parse("balance").unwrap(),
        amount: None,
        wait_ms: WAIT_MS,
    };
    client.send(SessionMessage::Plain(Message::Intent(intent))).await;
    client.send(SessionMessage::Plain(Message::WantUpdate)).await;
    // Two questions stand in the update that was asked for: nothing but acceptance is said before its time.
    let updates = client.until(|response| match response {
        SessionResponse::Decision(early) => panic!("decided before its time: {early:?}"),
        SessionResponse::Update(all) if all.len() == 2 => Some(all.clone()),
        _ => None,
    });
    let updates = updates.await.iter().map(|a| shape(a, subject)).collect();
    world.clock.forward(i64::try_from(WAIT_MS).unwrap());
    client.send(SessionMessage::Plain(Message::WantUpdate)).await;
    let decided = client.until(|response| match response {
        SessionResponse::Decision(decided) => Some(decided.as_ref().clone()),
        _ => None,
    });
    let decided = decided.await;
    let by = world.by(role);
    let status = world.vouch.session_status(&by, client.session.clone()).await.unwrap();
    let told: Vec<_> = status.decisions.iter().map(|d| &d.assessment).collect();
    let status = format!("{}{}", shape(&status.assessments, subject), shape(&told, subject));
    let c =
        ExplainDecision { decision: decided.decision.clone(), audience: Some(Audience::Customer) };
    let (info, sentences) = world.vouch.explain(&world.by(Role::Agent), c).await.unwrap();
    let customer = format!("{:?} {:?} {sentences:?}", info.decision, info.score);
    let decision = shape(&decided.assessment, subject);
    (Heard { updates, decision, status, customer }, decided.decision, client.session)
}

#[tokio::test]
async fn unknown_opted_out_and_rejected_subjects_are_answered_alike() {
    let world = World::new().await;
    // Nearly every second caller is somebody else: then a voice that does not match is enough to refuse.
    let doubting = file(1, CONSTANT).replacen("genuine = 0.998", "genuine = 0.52", 1);
    put(&world, &doubting).await;
    world.enrolled("anna", ANNA).await;
    world.enrolled("dora", DORA).await;
    let c = SetOptOut { subject: id("dora"), opted_out: true, key: world.key() };
    world.vouch.set_opt_out(&world.by(Role::Privacy), c).await.unwrap();
    let (rejected, at_rejected, session) = call(&world, "anna", Role::Client).await;
    assert!(rejected.decision.contains("decision: StepUp"), "{}", rejected.decision);
    assert!(rejected.decision.contains("evidence: []"), "{}", rejected.decision);
    let mut real = vec![(at_rejected, Decision::Reject)];
    for (subject, decision) in [("dora", Decision::OptedOut), ("nobody", Decision::NotEnrolled)] {
        let (heard, at, _) = call(&world, subject, Role::Client).await;
        assert_eq!(heard.updates, rejected.updates, "{subject}");
        assert_eq!(heard.decision, rejected.decision, "{subject}");
        assert_eq!(heard.status, rejected.status, "{subject}");
        assert_eq!(heard.customer, rejected.customer, "{subject}");
        real.push((at, decision));
    }
    // Who sees fine scores sees what was decided, and so does the record.
    for (at, decision) in real {
        world.is_audited(&at, Some(decision)).await;
    }
    let admin = world.vouch.session_status(&world.by(Role::Admin), session).await.unwrap();
    assert_eq!(admin.decisions[0].assessment.decision, Decision::Reject);
    assert!(!admin.decisions[0].assessment.evidence.is_empty());
}

#[tokio::test]
async fn without_the_policy_asking_answers_differ() {
    let world = World::new().await;
    world.subject("anna").await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Client).await;
    let known = client.close().await.0;
    let mut client = Client::open(&world, opening(&world, Some("nobody")), Role::Client).await;
    let unknown = client.close().await.0;
    assert_ne!(known.assessment.reasons, unknown.assessment.reasons);
    assert_eq!(unknown.assessment.decision, Decision::NotEnrolled);
}
