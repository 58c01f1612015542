//! Voiceprints that adapt to accepted claims.

use std::sync::Arc;

use super::sessions::{Client, TestPolicy, ask, opening};
use super::world::*;
use crate::domain::*;
use crate::policy::VoicePolicy;
use crate::store::AuditLog as _;
use crate::usecase::UseCaseError;
use crate::usecase::command::*;
use crate::usecase::output::Verification;
use crate::usecase::port::{Application, VerificationStep};
use crate::usecase::sessions::{ContextEvent, FactorOutcome, Message, SessionMessage};

async fn world(enabled: bool) -> World {
    let mut policy = VoicePolicy::default();
    policy.adaptation.enabled = enabled;
    let world = World::with(Setting { policy: policy.checked().unwrap(), ..Setting::default() });
    let world = world.await;
    world.vouch.hold_sessions_to(Arc::new(TestPolicy::default()));
    world.enrolled("anna", ANNA).await;
    world
}

fn otp(adapt: bool) -> Option<OtherFactor> {
    let checked = Authorization { agent: "agent-7".into(), factor: "otp".into() };
    Some(OtherFactor { checked, adapt })
}

impl World {
    async fn claim_by_voice(
        &self,
        role: Role,
        speed: f32,
        other: Option<OtherFactor>,
    ) -> Result<Verification, UseCaseError> {
        let c = Verify { other, ..self.verify_command("anna") };
        self.vouch.verify(&self.by(role), c, recording(speak(speed, 25.0))).await
    }

    /// Utterances of Anna's voiceprint and how many of them are adapted.
    async fn print(&self) -> (u32, u32) {
        let by = self.by(Role::Agent);
        let prints = self.vouch.voiceprints(&by, id("anna")).await.unwrap();
        (prints[0].utterances, prints[0].adapted_utterances)
    }
}

#[tokio::test]
async fn an_accepted_claim_with_another_factor_joins_and_later_ones_replace_it() {
    let world = world(true).await;
    let (enrolled, _) = world.print().await;
    let first = world.claim_by_voice(Role::Client, ANNA, otp(true)).await.unwrap();
    assert_eq!((first.decision, first.adapted), (Decision::Accept, true), "{first:?}");
    assert_eq!(world.print().await, (enrolled + 1, 1));
    let record = world.store.decision(&tenant(), &first.decision_id).await.unwrap().unwrap();
    let event = record.event.unwrap();
    assert_eq!(event.authorization.unwrap().factor, "otp");
    assert_eq!(event.details["adapted_dropped"], "0");
    for _ in 0..4 {
        assert!(world.claim_by_voice(Role::Client, ANNA, otp(true)).await.unwrap().adapted);
    }
    let (all, adapted) = world.print().await;
    assert_eq!(all - adapted, enrolled, "enrolled ones stay");
    assert!(f64::from(adapted) <= 0.3 * f64::from(all), "{adapted} of {all}");
    assert_eq!(world.verify("anna", speak(ANNA, 25.0)).await.decision, Decision::Accept);
    assert_eq!(world.verify("anna", speak(BERT, 25.0)).await.decision, Decision::Reject);
}

#[tokio::test]
async fn nothing_joins_without_policy_factor_wish_or_acceptance() {
    let off = world(false).await;
    let before = off.print().await;
    assert!(!off.claim_by_voice(Role::Client, ANNA, otp(true)).await.unwrap().adapted);
    assert_eq!(off.print().await, before);
    let world = world(true).await;
    for (speed, other) in [(ANNA, None), (ANNA, otp(false)), (BERT, otp(true))] {
        let answer = world.claim_by_voice(Role::Client, speed, other).await.unwrap();
        assert!(!answer.adapted, "{answer:?}");
        assert_eq!(answer.decision == Decision::Accept, speed == ANNA);
    }
    assert_eq!(world.print().await, before);
    let nameless = OtherFactor {
        checked: Authorization { agent: "agent-7".into(), factor: String::new() },
        adapt: true,
    };
    let refused = world.claim_by_voice(Role::Client, ANNA, Some(nameless)).await;
    let field = "other_factor.factor";
    assert!(matches!(refused, Err(UseCaseError::InvalidArgument { field: f, .. }) if f == field));
}

#[tokio::test]
async fn a_repeat_adapts_once_and_a_live_claim_like_a_whole_one() {
    let world = world(true).await;
    let by = world.by(Role::Client);
    let c = Verify { other: otp(true), ..world.verify_command("anna") };
    let first = world.vouch.verify(&by, c.clone(), recording(speak(ANNA, 25.0))).await.unwrap();
    let after = world.print().await;
    let again = world.vouch.verify(&by, c, recording(speak(ANNA, 25.0))).await.unwrap();
    assert_eq!((again, world.print().await), (first, after));
    let c = Verify { other: otp(true), no_early_decision: true, ..world.verify_command("anna") };
    let mut live = world.vouch.verify_stream(&by, c, format()).await.unwrap();
    let content = speak(ANNA, 20.0);
    for piece in content.chunks(RATE_HZ as usize) {
        let chunk = Chunk { sequence: None, content: piece.to_vec() };
        assert!(!matches!(live.push(vec![chunk]).await.unwrap(), VerificationStep::Final(_)));
    }
    assert!(live.finish().await.unwrap().adapted);
    assert_eq!(world.print().await.1, after.1, "it took the place of the one before");
}

#[tokio::test]
async fn an_accepted_session_adapts_once_where_something_else_vouched() {
    let world = world(true).await;
    let before = world.print().await;
    for passed in [false, true] {
        let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Admin).await;
        if passed {
            let factor = FactorName::parse("otp_app").unwrap();
            let fact = ContextEvent::Factor { factor, outcome: FactorOutcome::Passed };
            client.send(SessionMessage::Plain(Message::Context(fact))).await;
        }
        client.speak(&speak(ANNA, 30.0)).await;
        for question in ["q1", "q2"] {
            client.send(ask(question, 0)).await;
            assert_eq!(client.decision().await.assessment.decision, Decision::Accept);
        }
        assert_eq!(world.print().await, (before.0 + u32::from(passed), u32::from(passed)));
    }
}

#[tokio::test]
async fn a_decision_whose_voice_cannot_be_read_again_is_recorded_once() {
    let world = world(true).await;
    let before = world.print().await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Admin).await;
    let factor = FactorName::parse("otp_app").unwrap();
    let fact = ContextEvent::Factor { factor, outcome: FactorOutcome::Passed };
    assert_eq!(client.refusal_of(Message::Context(fact)).await, None);
    client.speak(&speak(ANNA, 30.0)).await;
    assert_eq!(client.refusal_of(Message::WantUpdate).await, None);
    world.store.fail_subject_after_commit();
    client.send(ask("q1", 0)).await;
    assert_eq!(client.decision().await.assessment.decision, Decision::Accept);
    assert_eq!(world.print().await, (before.0 + 1, 1));
}
