//! Captures of behavior in sessions: compared, refused, remembered, withdrawn.

use std::pin::pin;
use std::time::Duration;

use super::behavior::{ANNA_MS, BERT_MS, TEXT};
use super::rhythm::typed;
use super::sessions::{Client, ask, opening, world};
use super::world::*;
use crate::behavior::RawCapture;
use crate::behavior::event::RawEvents;
use crate::domain::*;
use crate::store::{AuditLog as _, Subjects as _};
use crate::usecase::command::*;
use crate::usecase::port::Application;
use crate::usecase::sessions::*;

fn quiet(world: &World) -> OpenSession {
    OpenSession { channel: SessionChannel::App, audio: None, ..opening(world, Some("anna")) }
}

async fn app(world: &World) -> Client {
    Client::open(world, quiet(world), Role::Admin).await
}

/// Types once and waits until that speaks for her.
async fn types_like_anna(client: &mut Client) {
    client.types(ANNA_MS, 20..21).await;
    client.send(SessionMessage::Plain(Message::WantUpdate)).await;
    let evidence = |response: &SessionResponse| match response {
        SessionResponse::Update(all) => all.iter().find_map(llr),
        _ => None,
    };
    assert!(client.until(evidence).await > 4.6);
}

fn capture(hold_ms: f64, n: u32) -> SessionMessage {
    SessionMessage::Capture(Box::new(typed(TEXT, hold_ms, n)))
}

impl Client {
    async fn types(&mut self, hold_ms: f64, numbers: std::ops::Range<u32>) {
        for n in numbers {
            self.send(capture(hold_ms, n)).await;
        }
    }

    async fn asks(&mut self, name: &str) -> ShownAssessment {
        self.send(ask(name, 0)).await;
        self.decision().await.assessment
    }

    async fn refusal(&mut self) -> String {
        self.until(|response| match response {
            SessionResponse::Refused { reason: RefusalReason::Content(why), .. } => {
                Some(why.clone())
            }
            _ => None,
        })
        .await
    }
}

fn keys(assessment: &ShownAssessment) -> Option<&ShownEvidence> {
    assessment.evidence.iter().find(|e| e.modality == Modality::Keystroke)
}

fn llr(assessment: &ShownAssessment) -> Option<f64> {
    Some(keys(assessment)?.score?.llr?.0)
}

async fn withdraw(world: &World, purpose: Purpose) {
    let c = WithdrawConsent { subject: id("anna"), purpose, key: world.key() };
    world.vouch.withdraw_consent(&world.by(Role::Agent), c).await.unwrap();
}

/// Waits while time passes: what was not recorded is decided anew after a second.
async fn later<T>(world: &World, wait: impl Future<Output = T>) -> T {
    let mut wait = pin!(wait);
    loop {
        tokio::select! {
            done = &mut wait => return done,
            () = tokio::time::sleep(Duration::from_millis(200)) => world.clock.forward(500),
        }
    }
}

/// What the record of a decision says.
async fn details(world: &World, decision: &DecisionId) -> String {
    let record = world.store.decision(&tenant(), decision).await.unwrap().unwrap();
    format!("{:?}", record.event.unwrap().details)
}

#[tokio::test]
async fn an_app_session_without_audio_is_decided_by_how_somebody_types() {
    let world = world().await;
    world.with_profile("anna", ANNA_MS).await;
    let mut client = app(&world).await;
    client.types(ANNA_MS, 20..22).await;
    client.send(ask("q1", 0)).await;
    let decided = client.decision().await;
    let assessment = &decided.assessment;
    assert_eq!(assessment.decision, Decision::Accept, "{assessment:?}");
    let evidence = keys(assessment).unwrap();
    assert_eq!((evidence.amount, evidence.enough), (26, true));
    assert_eq!(evidence.pad, PadOutcome::NotEvaluated);
    assert!(llr(assessment).unwrap() > 4.6);
    world.is_audited(&decided.decision, Some(Decision::Accept)).await;
    // What was typed is in no record.
    let record = details(&world, &decided.decision).await;
    assert!(record.contains("keystroke") && !record.contains("pin"), "{record}");

    let mut other = app(&world).await;
    other.types(BERT_MS, 23..24).await;
    assert_eq!(other.asks("q1").await.decision, Decision::Reject);
}

#[tokio::test]
async fn what_nobody_enrolled_is_no_evidence_and_tells_so() {
    let world = world().await;
    world.subject("anna").await;
    world.agree("anna", Purpose::BehaviorAuthentication).await;
    let mut client = app(&world).await;
    client.types(ANNA_MS, 20..21).await;
    let assessment = client.asks("q1").await;
    assert_eq!(keys(&assessment), None);
    assert_ne!(assessment.decision, Decision::Accept);
    let mut nobody =
        Client::open(&world, OpenSession { subject: None, ..quiet(&world) }, Role::Admin).await;
    nobody.types(ANNA_MS, 21..22).await;
    assert!(nobody.refusal().await.contains("consent"));
}

#[tokio::test]
async fn a_capture_is_checked_first_and_then_consent() {
    let world = world().await;
    world.subject("anna").await;
    let mut client = app(&world).await;
    let broken = RawCapture { events: RawEvents::Keystroke(vec![]), ..typed(TEXT, ANNA_MS, 1) };
    client.send(SessionMessage::Capture(Box::new(broken))).await;
    let why = client.refusal().await;
    assert!(why.contains("captures[0]"), "{why}");
    client.types(ANNA_MS, 1..2).await;
    let why = client.refusal().await;
    assert!(why.contains("consent"), "{why}");
    let out = SetOptOut { subject: id("anna"), opted_out: true, key: world.key() };
    world.agree("anna", Purpose::BehaviorAuthentication).await;
    world.vouch.set_opt_out(&world.by(Role::Agent), out).await.unwrap();
    client.types(ANNA_MS, 2..3).await;
    // The same answer: nothing is told about who opted out.
    assert_eq!(client.refusal().await, why);
    let (last, _) = client.close().await;
    assert_eq!(keys(&last.assessment), None);
    assert!(details(&world, &last.decision).await.contains("opted_out"));
}

#[tokio::test]
async fn withdrawn_consent_takes_the_evidence_along() {
    let world = world().await;
    world.with_profile("anna", ANNA_MS).await;
    let mut client = app(&world).await;
    client.types(ANNA_MS, 20..21).await;
    assert_eq!(client.asks("q1").await.decision, Decision::Accept);
    withdraw(&world, Purpose::BehaviorAuthentication).await;
    // Asked without another capture in between.
    let after = client.asks("q2").await;
    assert_eq!(keys(&after), None);
    assert_ne!(after.decision, Decision::Accept);
    client.types(ANNA_MS, 21..22).await;
    assert!(client.refusal().await.contains("consent"));
}

#[tokio::test]
async fn a_decision_is_not_recorded_on_what_was_withdrawn_just_before() {
    let world = world().await;
    world.with_profile("anna", ANNA_MS).await;
    let mut client = app(&world).await;
    types_like_anna(&mut client).await;
    withdraw(&world, Purpose::BehaviorAuthentication).await;
    let (last, _) = later(&world, client.close()).await;
    assert_eq!(keys(&last.assessment), None);
    assert!(details(&world, &last.decision).await.contains("no_consent"));
}

#[tokio::test]
async fn a_decision_is_not_recorded_on_somebody_erased_just_before() {
    let world = world().await;
    world.with_profile("anna", ANNA_MS).await;
    let mut client = app(&world).await;
    types_like_anna(&mut client).await;
    let c = OnSubject { subject: id("anna"), key: world.key() };
    world.vouch.erase_subject(&world.by(Role::Privacy), c).await.unwrap();
    let (last, _) = later(&world, client.close()).await;
    assert_eq!(keys(&last.assessment), None);
    assert_ne!(last.assessment.decision, Decision::Accept);
    assert!(!details(&world, &last.decision).await.contains("keystroke"));
}

#[tokio::test]
async fn voice_that_was_withdrawn_goes_and_behavior_stays() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    world.agree("anna", Purpose::BehaviorAuthentication).await;
    let enrolled = (0..10).map(|n| typed(TEXT, ANNA_MS, n)).collect();
    world.keep("anna", enrolled).await.unwrap();
    let c = opening(&world, Some("anna"));
    let mut client = Client::open(&world, c, Role::Admin).await;
    client.speak(&speak(ANNA, 20.0)).await;
    client.types(ANNA_MS, 20..21).await;
    let both = client.asks("q1").await;
    assert_eq!(both.evidence.len(), 2, "{both:?}");
    withdraw(&world, Purpose::VoiceAuthentication).await;
    let left = client.asks("q2").await;
    let modalities: Vec<Modality> = left.evidence.iter().map(|e| e.modality).collect();
    assert_eq!(modalities, [Modality::Keystroke]);
    assert_eq!(left.decision, Decision::Accept);
    let asked = world.asked();
    client.speak(&speak(ANNA, 20.0)).await;
    client.asks("q3").await;
    assert_eq!(world.asked(), asked, "a voice was compared without consent");
}

#[tokio::test]
async fn captures_make_up_for_a_voice_that_was_never_enrolled() {
    let world = world().await;
    world.with_profile("anna", ANNA_MS).await;
    let c = opening(&world, Some("anna"));
    let mut client = Client::open(&world, c, Role::Admin).await;
    client.speak(&speak(ANNA, 10.0)).await;
    assert_ne!(client.asks("q1").await.decision, Decision::Accept);
    client.types(ANNA_MS, 20..21).await;
    assert_eq!(client.asks("q2").await.decision, Decision::Accept);
    client.speak(&speak(BERT, 20.0)).await;
    assert_eq!(client.asks("q3").await.changes, 0);
    assert_eq!(world.asked(), 0, "a voice was compared without consent");
}

#[tokio::test]
async fn a_copy_is_an_attack_wherever_the_first_one_was() {
    let world = world().await;
    world.with_profile("anna", ANNA_MS).await;
    let attacked = |a: &ShownAssessment| keys(a).is_some_and(|e| e.pad == PadOutcome::Attack);
    let mut client = app(&world).await;
    // One that was enrolled.
    client.types(ANNA_MS, 3..4).await;
    let found = client.asks("q1").await;
    assert!(attacked(&found), "{found:?}");
    assert_ne!(found.decision, Decision::Accept);
    // One of an earlier session, and what follows it.
    let mut client = app(&world).await;
    client.types(ANNA_MS, 20..21).await;
    assert_eq!(client.asks("q1").await.decision, Decision::Accept);
    let mut client = app(&world).await;
    client.types(ANNA_MS, 20..22).await;
    client.send(ask("q1", 0)).await;
    let decided = client.decision().await;
    assert!(attacked(&decided.assessment), "{decided:?}");
    assert!(details(&world, &decided.decision).await.contains(r#"\"automation\":\"present\""#));
    // One of the same session.
    let mut client = app(&world).await;
    client.types(ANNA_MS, 30..31).await;
    client.types(ANNA_MS, 30..31).await;
    assert!(attacked(&client.asks("q1").await));
    // One that a session was decided on is known to other requests, too.
    let answer = world.type_as(ANNA_MS, 20, None).await;
    assert_eq!(answer.reasons, [Reason::InputReplayed]);
}

#[tokio::test]
async fn saying_that_somebody_else_is_there_forgets_no_attack() {
    let world = world().await;
    world.with_profile("anna", ANNA_MS).await;
    let mut client = app(&world).await;
    client.types(ANNA_MS, 30..31).await;
    client.types(ANNA_MS, 30..31).await;
    let changed = Message::Context(ContextEvent::PersonChanged);
    client.send(SessionMessage::Plain(changed)).await;
    client.types(ANNA_MS, 31..33).await;
    let found = client.asks("q1").await;
    assert_eq!(keys(&found).map(|e| e.pad), Some(PadOutcome::Attack), "{found:?}");
    assert_ne!(found.decision, Decision::Accept);
}

#[tokio::test]
async fn two_sessions_with_one_capture_do_not_both_pass() {
    let world = world().await;
    world.with_profile("anna", ANNA_MS).await;
    let (mut first, mut second) = (app(&world).await, app(&world).await);
    first.types(ANNA_MS, 20..21).await;
    second.types(ANNA_MS, 20..21).await;
    assert_eq!(first.asks("q1").await.decision, Decision::Accept);
    let decided = later(&world, second.asks("q1")).await;
    assert_ne!(decided.decision, Decision::Accept);
    assert_eq!(keys(&decided).map(|e| e.pad), Some(PadOutcome::Attack));
}

#[tokio::test]
async fn a_script_is_automation_and_no_evidence() {
    let world = world().await;
    world.with_profile("anna", ANNA_MS).await;
    let mut client = app(&world).await;
    let mut even = typed(TEXT, ANNA_MS, 20);
    if let RawEvents::Keystroke(keys) = &mut even.events {
        keys.iter_mut().for_each(|key| key.up_ms = key.down_ms + ANNA_MS);
    }
    client.send(SessionMessage::Capture(Box::new(even))).await;
    client.send(ask("q1", 0)).await;
    let decided = client.decision().await;
    assert_eq!(keys(&decided.assessment), None);
    assert!(details(&world, &decided.decision).await.contains(r#"\"automation\":\"present\""#));
}

#[tokio::test]
async fn attempts_by_behavior_are_counted_apart_from_those_by_voice() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    world.agree("anna", Purpose::BehaviorAuthentication).await;
    let enrolled = (0..10).map(|n| typed(TEXT, ANNA_MS, n)).collect();
    world.keep("anna", enrolled).await.unwrap();
    for n in 0..5 {
        let mut client = app(&world).await;
        client.types(BERT_MS, 40 + n..41 + n).await;
        assert_eq!(client.asks("q1").await.decision, Decision::Reject);
        // The fifth has locked the subject for itself, too.
        later(&world, client.close()).await;
    }
    let mut client = app(&world).await;
    client.types(ANNA_MS, 60..61).await;
    assert_eq!(client.asks("q1").await.decision, Decision::Locked);
    assert_eq!(world.type_as(ANNA_MS, 61, None).await.decision, Decision::Locked);
    let snapshot = world.store.subject(&tenant(), &id("anna")).await.unwrap().unwrap();
    assert_eq!(snapshot.attempts.failed, 0);
    assert_eq!(world.verify("anna", speak(ANNA, 30.0)).await.decision, Decision::Accept);
}

#[tokio::test]
async fn somebody_else_at_the_keys_is_noticed() {
    let world = world().await;
    world.with_profile("anna", ANNA_MS).await;
    let mut client = app(&world).await;
    client.types(ANNA_MS, 20..23).await;
    assert_eq!(client.asks("balance").await.decision, Decision::Accept);
    client.types(BERT_MS, 40..41).await;
    // One odd capture is doubt.
    let doubt = client.asks("transfer").await;
    assert_ne!(doubt.decision, Decision::Accept);
    assert_eq!(doubt.changes, 0);
    client.types(BERT_MS, 41..42).await;
    let changed = client.asks("sim_swap").await;
    assert_eq!((changed.decision, changed.changes), (Decision::Reject, 1), "{changed:?}");
    // Only what the new person typed is left.
    assert_eq!(keys(&changed).map(|e| (e.amount, e.before_change)), Some((26, false)));
    // What she typed before is still known when it comes again.
    let answer = world.type_as(ANNA_MS, 22, None).await;
    assert_eq!(answer.reasons, [Reason::InputReplayed]);
}

#[tokio::test]
async fn texts_and_devices_of_a_session_are_bounded() {
    let world = world().await;
    world.with_profile("anna", ANNA_MS).await;
    let mut client = app(&world).await;
    for n in 0..9 {
        let text_id = Some(format!("text-{n}"));
        let other = RawCapture { text_id, ..typed(TEXT, ANNA_MS, 20 + n) };
        client.send(SessionMessage::Capture(Box::new(other))).await;
    }
    assert!(client.refusal().await.contains("at most 8"));
}
