//! Limits of who makes claims: an API key, a calling number.

use std::sync::Arc;

use super::sessions::{Client, TestPolicy, ask, opening};
use super::world::*;
use crate::domain::*;
use crate::policy::VoicePolicy;
use crate::store::AuditLog as _;
use crate::usecase::command::*;
use crate::usecase::port::{Application, VerificationStep};
use crate::usecase::sessions::*;

const FRAUDSTER: &str = "+4930666666";
const HOME: &str = "+4930123456";

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

/// Anna, Cara and Dora, and an API key that is slowed down after its second rejection and locked after the third.
async fn strict() -> (World, VoicePolicy) {
    let mut policy = VoicePolicy::default();
    let rules = &mut policy.sources.api_key;
    (rules.rejected_limit, rules.least_share, rules.delays) = (3, 0.0, 1);
    let world = World::with(Setting { policy: policy.clone(), ..Setting::default() }).await;
    for (subject, voice) in [("anna", ANNA), ("cara", CARA), ("dora", DORA)] {
        world.enrolled(subject, voice).await;
    }
    (world, policy)
}

async fn acts(world: &World) -> Vec<String> {
    let filter = crate::store::DecisionFilter {
        kind: Some(AuditKind::Source),
        ..crate::store::DecisionFilter::default()
    };
    let page = crate::store::PageRequest { size: 10, token: None };
    let found = world.store.decisions(&tenant(), &filter, page).await.unwrap();
    let acts = found.items.into_iter().filter_map(|r| r.event).map(|event| event.act);
    acts.collect()
}

#[tokio::test]
async fn a_client_that_fails_as_one_after_the_other_is_slowed_down_and_locked() {
    let (world, policy) = strict().await;
    let rules = policy.sources.api_key;
    for subject in ["anna", "cara"] {
        let answer = world.verify(subject, speak(BERT, 12.0)).await;
        assert_eq!(answer.decision, Decision::Reject, "{subject}");
    }
    // Whoever it claims to be now, known or not: nothing is compared and the answer is the same.
    let asked = world.asked();
    let why = [Reason::SourceLocked, Reason::PadNotEvaluated];
    for subject in ["dora", "nobody"] {
        let answer = world.verify(subject, speak(DORA, 12.0)).await;
        assert_eq!((answer.decision, &answer.reasons[..]), (Decision::Locked, &why[..]));
    }
    assert_eq!(world.asked(), asked);
    let found = world.identify(Candidates::List(vec![id("dora")]), speak(DORA, 12.0)).await;
    assert_eq!(found.decision, Decision::StepUp);
    assert_eq!(found.reasons[0], Reason::SourceLocked);
    // Another client is not.
    let c = world.verify_command("dora");
    let by = world.by(Role::Client);
    let other = world.vouch.verify(&by, c, recording(speak(DORA, 12.0)));
    assert_eq!(other.await.unwrap().decision, Decision::Accept);
    assert_eq!(acts(&world).await, ["source slowed down"]);
    world.clock.forward(rules.delay_ms as i64);
    assert_eq!(world.verify("dora", speak(BERT, 12.0)).await.decision, Decision::Reject);
    world.clock.forward(rules.lock_ms as i64 - 1_000);
    assert_eq!(world.verify("dora", speak(DORA, 12.0)).await.decision, Decision::Locked);
    world.clock.forward(1_000);
    assert_eq!(world.verify("dora", speak(DORA, 12.0)).await.decision, Decision::Accept);
    assert_eq!(acts(&world).await, ["source locked", "source slowed down"]);
}

#[tokio::test]
async fn a_live_claim_begun_before_the_lock_gets_no_more_estimates() {
    let (world, _) = strict().await;
    let by = world.by(Role::Admin);
    let c = Verify { no_early_decision: true, ..world.verify_command("dora") };
    let mut live = world.vouch.verify_stream(&by, c, format()).await.unwrap();
    for subject in ["anna", "cara"] {
        assert_eq!(world.verify(subject, speak(BERT, 12.0)).await.decision, Decision::Reject);
    }
    let asked = world.asked();
    let mut answer = None;
    // A second each.
    for piece in speak(DORA, 12.0).chunks(RATE_HZ as usize * 2) {
        let chunk = Chunk { sequence: None, content: piece.to_vec() };
        match live.push(vec![chunk]).await.unwrap() {
            VerificationStep::Quiet => {}
            // Before there is speech enough to compare.
            VerificationStep::Update(update) => assert!(update.score.is_none(), "{update:?}"),
            VerificationStep::Final(found) => {
                answer = Some(found);
                break;
            }
        }
    }
    let answer = answer.expect("the lock ends it");
    assert_eq!(answer.decision, Decision::Locked);
    assert_eq!(world.asked(), asked);
}

/// A call from a number that is asked once and left open.
async fn call(world: &World, subject: &str, from: &str, voice: f32) -> ShownAssessment {
    let c = OpenSession { number: Some(number(from)), ..opening(world, Some(subject)) };
    let mut client = Client::open(world, c, Role::Admin).await;
    client.speak(&speak(voice, 30.0)).await;
    client.send(ask("q1", 0)).await;
    let assessment = client.decision().await.assessment;
    client.close().await;
    assessment
}

#[tokio::test]
async fn a_number_that_goes_through_customers_is_locked_and_theirs_are_not() {
    let world = World::new().await;
    world.vouch.hold_sessions_to(Arc::new(TestPolicy::default()));
    for (subject, voice) in [("anna", ANNA), ("cara", CARA), ("dora", DORA)] {
        world.enrolled(subject, voice).await;
    }
    for subject in ["anna", "cara", "dora"] {
        let answer = call(&world, subject, FRAUDSTER, BERT).await;
        assert_eq!(answer.decision, Decision::Reject, "{subject}");
    }
    let asked = world.asked();
    let held = call(&world, "anna", FRAUDSTER, ANNA).await;
    assert_eq!(held.decision, Decision::Locked, "{held:?}");
    assert!(held.reasons.contains(&SessionReason::SourceLocked), "{held:?}");
    assert!(held.evidence.is_empty(), "{held:?}");
    assert_eq!(world.asked(), asked);
    assert_eq!(call(&world, "anna", HOME, ANNA).await.decision, Decision::Accept);
    // That nobody is known by a name is no standing of the number.
    let nobody = call(&world, "nobody", FRAUDSTER, BERT).await;
    assert_eq!(nobody.decision, Decision::Inconclusive, "{nobody:?}");
    assert_eq!(acts(&world).await, ["source slowed down"]);
    let rules = VoicePolicy::default().sources.phone_number;
    world.clock.forward(rules.delay_ms as i64);
    assert_eq!(call(&world, "anna", FRAUDSTER, ANNA).await.decision, Decision::Accept);
}
