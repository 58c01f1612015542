//! Verification: every decision, idempotency, lockout, rights.

use super::sessions::{Client, opening};
use super::world::*;
use crate::domain::*;
use crate::policy::session::FactorOutcome;
use crate::policy::{AttemptRules, VoicePolicy};
use crate::session::call::Message;
use crate::store::{AuditLog as _, StoreError};
use crate::usecase::UseCaseError;
use crate::usecase::command::*;
use crate::usecase::core::MAX_TRIES;
use crate::usecase::port::Application;
use crate::usecase::sessions::*;

#[tokio::test]
async fn the_right_voice_is_accepted_and_another_rejected() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let same = world.verify("anna", speak(ANNA, 12.0)).await;
    assert_eq!(same.decision, Decision::Accept, "{same:?}");
    assert!(same.reasons.contains(&Reason::VoiceMatch));
    assert!(same.quality.net_speech_ms >= 3_000);
    let versions = same.versions;
    assert_eq!(versions.model.unwrap().to_string(), "color@1");
    assert_eq!(versions.calibration.unwrap().to_string(), "test-back-end-b3@1");
    assert_eq!(versions.policy.to_string(), "default@1");
    let other = world.verify("anna", speak(BERT, 12.0)).await;
    assert_eq!(other.decision, Decision::Reject, "{other:?}");
    assert!(other.reasons.contains(&Reason::VoiceMismatch));
}

#[tokio::test]
async fn evidence_between_the_thresholds_asks_for_another_factor() {
    let mut policy = VoicePolicy::default();
    policy.verification.accept_llr = Llr(30.0);
    let world = World::with(Setting { policy, ..Setting::default() }).await;
    world.enrolled("anna", ANNA).await;
    let answer = world.verify("anna", speak(ANNA, 12.0)).await;
    assert_eq!(answer.decision, Decision::StepUp);
    assert!(answer.reasons.contains(&Reason::VoiceUncertain));
}

#[tokio::test]
async fn too_little_speech_is_inconclusive_and_nothing_is_compared() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let asked = world.asked();
    for content in [speak(ANNA, 2.0), silence(5.0)] {
        let answer = world.verify("anna", content).await;
        assert_eq!(answer.decision, Decision::Inconclusive);
        assert!(answer.reasons.contains(&Reason::SpeakLonger));
        assert!(answer.score.is_none());
    }
    assert_eq!(world.asked(), asked);
}

#[tokio::test]
async fn refusals_are_decisions_and_nothing_is_compared() {
    let world = World::new().await;
    world.subject("new").await;
    world.consent("new", None).await;
    world.enrolled("out", ANNA).await;
    world.enrolled("withdrawn", ANNA).await;
    let asked = world.asked();
    let by = world.by(Role::Privacy);
    let c = SetOptOut { subject: id("out"), opted_out: true, key: world.key() };
    world.vouch.set_opt_out(&by, c).await.unwrap();
    let c = WithdrawConsent {
        subject: id("withdrawn"),
        purpose: Purpose::VoiceAuthentication,
        key: world.key(),
    };
    assert_eq!(world.vouch.withdraw_consent(&by, c).await.unwrap().value, 1);
    for (subject, decision, reason) in [
        ("nobody", Decision::NotEnrolled, Reason::NoTemplate),
        ("new", Decision::NotEnrolled, Reason::NoTemplate),
        ("out", Decision::OptedOut, Reason::OptedOut),
        ("withdrawn", Decision::OptedOut, Reason::NoConsent),
    ] {
        let answer = world.verify(subject, speak(ANNA, 12.0)).await;
        assert_eq!(answer.decision, decision, "{subject}");
        assert_eq!(answer.reasons[0], reason, "{subject}");
        assert!(answer.score.is_none());
    }
    assert_eq!(world.asked(), asked);
    assert!(world.vouch.get_subject(&by, id("nobody")).await.is_err());
}

#[tokio::test]
async fn an_expired_voiceprint_and_an_expired_consent_are_refused() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let lifetime = VoicePolicy::default().enrollment.voiceprint_lifetime_ms;
    world.clock.forward(lifetime as i64);
    let answer = world.verify("anna", speak(ANNA, 12.0)).await;
    assert_eq!(answer.decision, Decision::Expired);
    assert_eq!(answer.reasons[0], Reason::TemplateExpired);
}

#[tokio::test]
async fn failed_attempts_lock_and_the_lock_runs_out() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let rules = VoicePolicy::default().attempts;
    for _ in 0..rules.limit {
        let answer = world.verify("anna", speak(BERT, 12.0)).await;
        assert_eq!(answer.decision, Decision::Reject);
    }
    let asked = world.asked();
    let answer = world.verify("anna", speak(ANNA, 12.0)).await;
    assert_eq!(answer.decision, Decision::Locked);
    assert_eq!(answer.reasons[0], Reason::TooManyAttempts);
    assert_eq!(world.asked(), asked);
    world.clock.forward(rules.lock_ms as i64);
    let answer = world.verify("anna", speak(ANNA, 12.0)).await;
    assert_eq!(answer.decision, Decision::Accept);
}

#[tokio::test]
async fn step_ups_without_end_lock_too() {
    let mut policy = VoicePolicy::default();
    policy.verification.accept_llr = Llr(30.0);
    let rules = policy.attempts.clone();
    let world = World::with(Setting { policy, ..Setting::default() }).await;
    world.enrolled("anna", ANNA).await;
    let mut last = None;
    for _ in 0..rules.unsuccessful_limit {
        let answer = world.verify("anna", speak(ANNA, 12.0)).await;
        assert_eq!(answer.decision, Decision::StepUp);
        last = Some(answer.decision_id);
    }
    let asked = world.asked();
    let answer = world.verify("anna", speak(ANNA, 12.0)).await;
    assert_eq!(answer.decision, Decision::Locked);
    assert_eq!(world.asked(), asked);
    let c = ExplainDecision { decision: last.unwrap(), audience: None };
    let (_, sentences) = world.vouch.explain(&world.by(Role::Auditor), c).await.unwrap();
    assert!(sentences.join("\n").contains("the subject is locked until 2023-11-14T"));
    // Without an acceptance in between the next lock is twice as long.
    world.clock.forward(rules.lock_ms as i64);
    for _ in 0..rules.unsuccessful_limit {
        assert_eq!(world.verify("anna", speak(ANNA, 12.0)).await.decision, Decision::StepUp);
    }
    world.clock.forward(rules.lock_ms as i64);
    assert_eq!(world.verify("anna", speak(ANNA, 12.0)).await.decision, Decision::Locked);
    world.clock.forward(rules.lock_ms as i64);
    assert_eq!(world.verify("anna", speak(ANNA, 12.0)).await.decision, Decision::StepUp);
}

/// A world in which anna, whose one lock was her last before another factor, was rejected until it came.
pub(super) async fn locked_once_too_often() -> (World, AttemptRules) {
    let mut policy = VoicePolicy::default();
    policy.attempts.locks_before_factor = 1;
    let rules = policy.attempts.clone();
    let world = World::with(Setting { policy, ..Setting::default() }).await;
    world.enrolled("anna", ANNA).await;
    for _ in 0..rules.limit {
        assert_eq!(world.verify("anna", speak(BERT, 12.0)).await.decision, Decision::Reject);
    }
    (world, rules)
}

#[tokio::test]
async fn after_the_last_lock_only_a_claim_with_another_factor_is_compared() {
    let (world, rules) = locked_once_too_often().await;
    let alone = || async { world.verify("anna", speak(ANNA, 12.0)).await };
    assert_eq!(alone().await.reasons[0], Reason::TooManyAttempts);
    let asked = world.asked();
    for _ in 0..2 {
        // The lock has run out, then all that time forgets is forgotten.
        world.clock.forward(rules.window_ms as i64);
        let answer = alone().await;
        assert_eq!(answer.decision, Decision::Locked);
        assert_eq!(answer.reasons[0], Reason::OtherFactorNeeded);
    }
    assert_eq!(world.asked(), asked);
    let found = world.identify(Candidates::List(vec![id("anna")]), speak(ANNA, 12.0)).await;
    assert_eq!(found.decision, Decision::StepUp);
    assert_eq!(found.reasons[0], Reason::OtherFactorNeeded);
    let by = world.by(Role::Client);
    let beside = |factor: &str, voice| {
        let checked = Authorization { agent: "agent-7".into(), factor: factor.into() };
        let other = Some(OtherFactor { checked, adapt: false });
        let c = Verify { other, ..world.verify_command("anna") };
        world.vouch.verify(&by, c, recording(speak(voice, 12.0)))
    };
    let itself = beside("voice_sample", ANNA).await;
    assert!(matches!(itself, Err(UseCaseError::InvalidArgument { .. })), "{itself:?}");
    assert_eq!(beside("otp", BERT).await.unwrap().decision, Decision::Reject);
    assert_eq!(alone().await.reasons[0], Reason::OtherFactorNeeded, "the voice was another");
    assert_eq!(beside("otp", ANNA).await.unwrap().decision, Decision::Accept);
    assert_eq!(alone().await.decision, Decision::Accept);
}

#[tokio::test]
async fn a_factor_passed_in_a_session_opens_what_was_locked_too_often() {
    let (world, rules) = locked_once_too_often().await;
    world.clock.forward(rules.lock_ms as i64);
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Admin).await;
    client.speak(&speak(ANNA, 12.0)).await;
    let asks = |name: &str| {
        let intent = Intent {
            ask: AskId::parse(name).unwrap(),
            intent: IntentId::parse("balance").unwrap(),
            amount: None,
            wait_ms: 0,
        };
        SessionMessage::Plain(Message::Intent(intent))
    };
    client.send(asks("q1")).await;
    let before = client.decision().await.assessment;
    assert_eq!((before.decision, before.next), (Decision::Locked, NextStep::OtherFactor));
    assert!(before.reasons.contains(&SessionReason::OtherFactorNeeded), "{before:?}");
    assert!(before.evidence.is_empty(), "{before:?}");
    let factor = before.factors[0].clone();
    let passed = ContextEvent::Factor { factor, outcome: FactorOutcome::Passed };
    client.send(SessionMessage::Plain(Message::Context(passed))).await;
    client.speak(&speak(ANNA, 6.0)).await;
    client.send(asks("q2")).await;
    let after = client.decision().await.assessment;
    assert_eq!(after.decision, Decision::Accept, "{after:?}");
    assert!(!after.evidence.is_empty(), "{after:?}");
    assert_eq!(world.verify("anna", speak(ANNA, 12.0)).await.decision, Decision::Accept);
}

#[tokio::test]
async fn too_little_speech_never_locks() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    for _ in 0..VoicePolicy::default().attempts.unsuccessful_limit + 2 {
        let answer = world.verify("anna", speak(BERT, 2.0)).await;
        assert_eq!(answer.decision, Decision::Inconclusive);
    }
    assert_eq!(world.verify("anna", speak(ANNA, 12.0)).await.decision, Decision::Accept);
}

#[tokio::test]
async fn an_acceptance_forgets_failures() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    for _ in 0..3 {
        for _ in 0..3 {
            world.verify("anna", speak(BERT, 12.0)).await;
        }
        let answer = world.verify("anna", speak(ANNA, 12.0)).await;
        assert_eq!(answer.decision, Decision::Accept);
    }
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_compares_nothing() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let by = world.by(Role::Admin);
    let c = world.verify_command("anna");
    let audio = || recording(speak(ANNA, 12.0));
    let first = world.vouch.verify(&by, c.clone(), audio()).await.unwrap();
    let asked = world.asked();
    let again = world.vouch.verify(&by, c.clone(), audio()).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(world.asked(), asked);
    // The same key with another body is an error; with another role the answer is coarser.
    let other = world.vouch.verify(&by, c.clone(), recording(speak(BERT, 12.0)));
    assert!(matches!(other.await, Err(UseCaseError::IdempotencyMismatch)));
    let coarse = world.vouch.verify(&world.by(Role::Client), c, audio()).await;
    assert!(coarse.unwrap().score.unwrap().llr.is_none());
}

#[tokio::test]
async fn roles_decide_what_is_shown_and_what_is_permitted() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    for (role, fine) in [(Role::Client, false), (Role::Agent, false), (Role::Admin, true)] {
        let c = world.verify_command("anna");
        let by = world.by(role);
        let answer = world.vouch.verify(&by, c, recording(speak(ANNA, 12.0)));
        let score = answer.await.unwrap().score.unwrap();
        assert_eq!(score.llr.is_some(), fine);
        assert_eq!(score.raw.is_some(), fine);
        assert!(score.band >= ScoreBand::High);
    }
    for role in [Role::Analyst, Role::Reviewer, Role::Auditor, Role::Privacy] {
        let c = world.verify_command("anna");
        let by = world.by(role);
        let answer = world.vouch.verify(&by, c, recording(vec![]));
        assert!(matches!(answer.await, Err(UseCaseError::PermissionDenied { .. })));
    }
}

#[tokio::test]
async fn bad_audio_is_an_error_and_leaves_no_record() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let before = world.store.head();
    let by = world.by(Role::Client);
    let c = world.verify_command("anna");
    let answer = world.vouch.verify(&by, c, recording(vec![])).await;
    assert!(matches!(answer, Err(UseCaseError::BadAudio { .. })));
    assert_eq!(world.store.head(), before);
}

#[tokio::test]
async fn without_a_model_voice_calls_say_so_and_the_rest_works() {
    let world = World::with(Setting { installed: false, ..Setting::default() }).await;
    assert!(world.vouch.ready() && world.vouch.versions(None).model.is_none());
    world.subject("anna").await;
    world.consent("anna", None).await;
    let by = world.by(Role::Client);
    let c = world.verify_command("anna");
    let answer = world.vouch.verify(&by, c, recording(speak(ANNA, 12.0))).await;
    assert!(matches!(answer, Err(UseCaseError::ModelMissing { model }) if model == "color"));
    let answer = world.utterance("anna", speak(ANNA, 12.0)).await;
    assert!(matches!(answer, Err(UseCaseError::ModelMissing { .. })));
}

#[tokio::test]
async fn a_store_that_takes_no_commits_is_not_ready() {
    let world = World::new().await;
    assert!(world.vouch.ready());
    world.store.close().await;
    assert!(!world.vouch.ready());
}

#[tokio::test]
async fn a_conflict_is_decided_anew_and_a_full_store_is_told() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let conflict = StoreError::Conflict { expected: 1, found: 2 };
    world.store.refuse_next(vec![conflict.clone(), conflict.clone()]);
    let answer = world.verify("anna", speak(ANNA, 12.0)).await;
    assert_eq!(answer.decision, Decision::Accept);
    world.store.refuse_next(vec![StoreError::Full]);
    let by = world.by(Role::Client);
    let c = world.verify_command("anna");
    let answer = world.vouch.verify(&by, c, recording(speak(ANNA, 12.0))).await;
    assert!(matches!(answer, Err(UseCaseError::StoreUnavailable(_))));
    world.store.refuse_next(vec![conflict; MAX_TRIES]);
    let c = world.verify_command("anna");
    let answer = world.vouch.verify(&by, c, recording(speak(ANNA, 12.0))).await;
    assert!(matches!(answer, Err(UseCaseError::Conflict)));
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_the_decision() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let before = world.store.head().sequence;
    let by = world.by(Role::Client);
    let c = world.verify_command("anna");
    let mut call = world.vouch.verify(&by, c, recording(speak(ANNA, 12.0)));
    // Polled once, then dropped.
    assert!(futures_now(call.as_mut()).is_none());
    drop(call);
    let mut head = world.store.watch_head();
    while head.borrow_and_update().sequence == before {
        head.changed().await.unwrap();
    }
}

fn futures_now<F: Future + ?Sized>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn an_explanation_names_the_numbers() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let answer = world.verify("anna", speak(ANNA, 12.0)).await;
    let c = ExplainDecision { decision: answer.decision_id, audience: None };
    let analyst = world.by(Role::Analyst);
    let (info, sentences) = world.vouch.explain(&analyst, c.clone()).await.unwrap();
    assert_eq!(info.subject, Some(id("anna")));
    assert!(info.score.unwrap().llr.is_some());
    let text = sentences.join("\n");
    for words in [
        "of net speech, at least 3.0 s needed",
        "is above the accept threshold 4.6",
        "Model color@1, calibration test-back-end-b3@1, policy default@1",
        "No presentation attack detection ran",
        "The decision is ACCEPT",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let auditor = world.by(Role::Auditor);
    let (info, sentences) = world.vouch.explain(&auditor, c).await.unwrap();
    assert!(info.score.unwrap().llr.is_none() && info.accept_llr.is_none());
    assert!(!sentences.join("\n").contains("LLR"));
    let inconclusive = world.verify("anna", speak(ANNA, 2.0)).await;
    let c = ExplainDecision { decision: inconclusive.decision_id, audience: None };
    let (_, sentences) = world.vouch.explain(&analyst, c).await.unwrap();
    assert!(sentences.join("\n").contains("What helps: speak longer"));
}
