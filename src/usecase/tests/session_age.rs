//! The class of age in sessions: for routing alone, where the tenant and the caller agree.

use super::age::{enable, heads};
use super::sessions::{Client, ask, opening};
use super::world::*;
use crate::domain::*;
use crate::store::AuditLog as _;
use crate::usecase::command::*;
use crate::usecase::port::Application;
use crate::usecase::sessions::*;

/// A world with heads that hear seniors everywhere, and the policy that ships.
async fn world(enabled: bool) -> World {
    let world = World::with(Setting { age: heads(), ..Setting::default() }).await;
    world.enrolled("anna", ANNA).await;
    if enabled {
        enable(&world, false).await.unwrap();
    }
    world
}

/// Where a session is routed after the caller has spoken.
async fn route(client: &mut Client) -> Option<SessionRouting> {
    client.send(SessionMessage::Plain(Message::WantUpdate)).await;
    // Everything before is told with the decision at the latest.
    client.send(ask("q1", 0)).await;
    client.decision().await.assessment.routing
}

async fn categorizations(world: &World) -> Vec<DecisionId> {
    let filter = DecisionFilter {
        kind: Some(AuditKind::Categorization),
        page_size: 100,
        ..DecisionFilter::default()
    };
    let found = world.vouch.decisions(&world.by(Role::Auditor), filter).await.unwrap();
    let made = found.items.into_iter().filter(|info| info.act == "age class determined");
    made.map(|info| info.id).collect()
}

async fn record(world: &World, decision: &DecisionId) -> String {
    let record = world.store.decision(&tenant(), decision).await.unwrap().unwrap();
    format!("{:?}", record.event.unwrap())
}

#[tokio::test]
async fn a_senior_is_routed_and_no_record_of_the_session_says_so() {
    let world = world(true).await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Admin).await;
    client.speak(&speak(ANNA, 20.0)).await;
    client.send(ask("q1", 0)).await;
    let decided = client.decision().await;
    let route = decided.assessment.routing.clone().unwrap();
    assert_eq!((route.queue.as_str(), route.rule.as_str()), ("priority", "senior"));
    assert!(route.confidence.unwrap().value() > 0.9 && route.reason.is_some());
    let (last, _) = client.close().await;
    for decision in [&decided.decision, &last.decision] {
        let text = record(&world, decision).await.to_lowercase();
        assert!(!text.contains("senior") && !text.contains("age_class"), "{text}");
    }
    let made = categorizations(&world).await;
    assert!((1..=2).contains(&made.len()), "{made:?}");
    for decision in &made {
        let text = record(&world, decision).await;
        let session = client.session.as_str();
        assert!(text.contains("SENIOR") && text.contains("age-notice@4"), "{text}");
        assert!(!text.contains("anna") && !text.contains(session), "{text}");
    }
}

#[tokio::test]
async fn how_sure_it_is_needs_a_role() {
    let world = world(true).await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Client).await;
    client.speak(&speak(ANNA, 8.0)).await;
    let route = route(&mut client).await.unwrap();
    assert_eq!((route.queue.as_str(), route.confidence), ("priority", None));
}

#[tokio::test]
async fn where_it_is_off_nothing_is_routed_by_it() {
    let world = world(false).await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Admin).await;
    client.speak(&speak(ANNA, 20.0)).await;
    assert_eq!(route(&mut client).await, None);
    assert_eq!(categorizations(&world).await, []);
}

#[tokio::test]
async fn a_caller_nobody_claims_to_be_is_told_by_the_notice() {
    let world = world(true).await;
    let mut client = Client::open(&world, opening(&world, None), Role::Admin).await;
    client.speak(&speak(DORA, 8.0)).await;
    assert_eq!(route(&mut client).await.unwrap().queue.as_str(), "priority");
}

#[tokio::test]
async fn it_is_forgotten_with_the_person_and_with_their_consent() {
    let world = world(true).await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Admin).await;
    client.speak(&speak(ANNA, 8.0)).await;
    client.send(SessionMessage::Plain(Message::Context(ContextEvent::PersonChanged))).await;
    assert_eq!(route(&mut client).await, None);
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Admin).await;
    client.speak(&speak(ANNA, 8.0)).await;
    // What was determined before is recorded before it is told.
    client.send(SessionMessage::Plain(Message::WantUpdate)).await;
    let routed = client.until(|response| match response {
        SessionResponse::Update(all) => all[0].routing.clone(),
        _ => None,
    });
    assert_eq!(routed.await.queue.as_str(), "priority");
    let purpose = Purpose::VoiceAuthentication;
    let c = WithdrawConsent { subject: id("anna"), purpose, key: world.key() };
    world.vouch.withdraw_consent(&world.by(Role::Agent), c).await.unwrap();
    let made = categorizations(&world).await.len();
    assert_eq!(route(&mut client).await, None);
    client.speak(&speak(ANNA, 20.0)).await;
    client.close().await;
    assert_eq!(categorizations(&world).await.len(), made);
}

#[tokio::test]
async fn a_tenant_that_switches_it_off_stops_it_at_once() {
    let world = world(true).await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Admin).await;
    client.speak(&speak(ANNA, 8.0)).await;
    let c = DisableAgeClass { key: world.key() };
    world.vouch.disable_age_class(&world.by(Role::Admin), c).await.unwrap();
    assert_eq!(route(&mut client).await, None);
}
