//! What an app says over a session token: against the person it is believed, for them it is not.

use super::sessions::{Client, opening};
use super::world::*;
use crate::domain::*;
use crate::session::call::Message;
use crate::usecase::command::*;
use crate::usecase::port::Application;
use crate::usecase::sessions::*;
use crate::usecase::{Clock as _, UseCaseError};

/// A token for anna, as its app presents it.
async fn token(world: &World) -> (Caller, SessionGrant) {
    let mint = MintSessionToken {
        subject: Some(id("anna")),
        channel: SessionChannel::App,
        lifetime_ms: 60_000,
    };
    let minted = world.vouch.mint_session_token(&world.by(Role::Admin), mint).await.unwrap();
    world.vouch.authenticate_session(&minted.token).await.unwrap()
}

fn app(world: &World, grant: &SessionGrant) -> OpenSession {
    OpenSession {
        channel: SessionChannel::App,
        audio: None,
        grant: Some(grant.clone()),
        ..opening(world, Some("anna"))
    }
}

fn factor(name: &str, outcome: FactorOutcome) -> ContextEvent {
    ContextEvent::Factor { factor: FactorName::parse(name).unwrap(), outcome }
}

fn passed() -> Vec<ContextEvent> {
    vec![factor("otp_app", FactorOutcome::Passed), factor("pin", FactorOutcome::Passed)]
}

fn finding(finding: Finding) -> ContextEvent {
    ContextEvent::Finding { kind: FindingKind::RemoteAccess, finding }
}

impl Client {
    /// Says something, and whether it was refused as the word of an app.
    async fn says(&mut self, fact: ContextEvent) -> bool {
        let refused = self.refusal_of(Message::Context(fact)).await;
        assert!(matches!(refused, None | Some(RefusalReason::BackEndOnly)), "{refused:?}");
        refused.is_some()
    }

    async fn asks_to_change_address(&mut self, name: &str) -> ShownAssessment {
        let intent = Intent {
            ask: AskId::parse(name).unwrap(),
            intent: IntentId::parse("change_address").unwrap(),
            amount: None,
            wait_ms: 0,
        };
        self.send(SessionMessage::Plain(Message::Intent(intent))).await;
        self.decision().await.assessment
    }
}

async fn report(
    world: &World,
    client: &Client,
    context: Vec<ContextEvent>,
    key: &IdempotencyKey,
) -> Result<(), UseCaseError> {
    let c = ReportContext { session: client.session.clone(), context, key: key.clone() };
    world.vouch.report_context(&world.by(Role::Client), c).await
}

#[tokio::test]
async fn an_app_cannot_vouch_for_its_own_customer_and_its_back_end_can() {
    let world = World::new().await;
    world.subject("anna").await;
    let (by, grant) = token(&world).await;
    let mut client = Client::open_by(&world, app(&world, &grant), &by).await;
    for fact in passed() {
        assert!(client.says(fact).await);
    }
    assert_ne!(client.asks_to_change_address("q1").await.decision, Decision::Accept);
    let key = world.key();
    report(&world, &client, passed(), &key).await.unwrap();
    assert_eq!(client.asks_to_change_address("q2").await.decision, Decision::Accept);
    // The app takes nothing back by saying it, and the same report again changes nothing.
    assert!(!client.says(factor("pin", FactorOutcome::Failed)).await);
    report(&world, &client, passed(), &key).await.unwrap();
    assert_ne!(client.asks_to_change_address("q3").await.decision, Decision::Accept);
    let other = report(&world, &client, vec![passed().remove(0)], &key).await;
    assert!(matches!(other, Err(UseCaseError::IdempotencyMismatch)));
    // Over a connection with an API key it is believed, and on the next one of the app again not.
    let mut client = client.resumed(&world, &world.by(Role::Client), None).await;
    assert!(!client.says(passed().remove(1)).await);
    assert_eq!(client.asks_to_change_address("q4").await.decision, Decision::Accept);
    let mut client = client.resumed(&world, &by, Some(grant)).await;
    assert!(client.says(passed().remove(1)).await);
}

#[tokio::test]
async fn an_app_is_believed_against_the_person_alone() {
    let world = World::new().await;
    world.subject("anna").await;
    let (by, grant) = token(&world).await;
    for fact in [
        passed().remove(0),
        ContextEvent::Ani(AniHistory::Known),
        ContextEvent::Verstat(Verstat::PassedA),
        ContextEvent::NewDevice(Finding::Absent),
        finding(Finding::Absent),
    ] {
        let c = OpenSession { context: vec![fact.clone()], ..app(&world, &grant) };
        let refused = world.vouch.open_session(&by, c).await;
        assert!(matches!(refused, Err(UseCaseError::InvalidArgument { .. })), "{fact:?}");
    }
    // The token is still good.
    let told = vec![ContextEvent::NewDevice(Finding::Present)];
    let c = OpenSession { context: told, ..app(&world, &grant) };
    let mut client = Client::open_by(&world, c, &by).await;
    let steps = [
        (ContextEvent::NewDevice(Finding::Unknown), true),
        (ContextEvent::NewDevice(Finding::Absent), true),
        (ContextEvent::Ani(AniHistory::OtherSubject), false),
        (ContextEvent::Ani(AniHistory::New), true),
        (ContextEvent::Ani(AniHistory::Known), true),
        (ContextEvent::Verstat(Verstat::Failed), false),
        (ContextEvent::Verstat(Verstat::Unknown), true),
        (ContextEvent::Verstat(Verstat::PassedC), true),
        (ContextEvent::SimSwapAgeMs(3_600_000), false),
        (ContextEvent::SimSwapAgeMs(7_200_000), true),
        (ContextEvent::SimSwapAgeMs(60_000), false),
        (ContextEvent::GeoVelocityKmh(900.0), false),
        (ContextEvent::GeoVelocityKmh(1.0), true),
        (finding(Finding::Present), false),
        (finding(Finding::Absent), true),
        (factor("otp_app", FactorOutcome::Failed), false),
        (factor("otp_app", FactorOutcome::Passed), true),
    ];
    for (fact, refused) in steps {
        assert_eq!(client.says(fact.clone()).await, refused, "{fact:?}");
    }
}

#[tokio::test]
async fn the_right_answer_to_a_challenge_counts_nothing_on_the_word_of_an_app() {
    let world = World::new().await;
    world.subject("anna").await;
    for (trusted, right) in [(false, "unknown"), (true, "present")] {
        let (by, grant) = token(&world).await;
        let mut client = Client::open_by(&world, app(&world, &grant), &by).await;
        if trusted {
            client = client.resumed(&world, &world.by(Role::Client), None).await;
        }
        client.send(SessionMessage::Plain(Message::WantChallenge)).await;
        let (challenge, prompt) = client
            .until(|response| match response {
                SessionResponse::Challenge { number, prompt, .. } => {
                    Some((*number, prompt.clone()))
                }
                _ => None,
            })
            .await;
        let answer = Message::Answer { challenge, transcript: Some(prompt) };
        client.send(SessionMessage::Plain(answer)).await;
        let (decided, _) = client.close().await;
        let facts = super::sessions::detail_of(&world, &decided.decision, "facts").await;
        assert!(facts.contains(&format!("\"challenge\":\"{right}\"")), "{facts}");
    }
}

#[tokio::test]
async fn a_report_needs_a_session_that_runs_and_has_bounds() {
    let world = World::new().await;
    world.subject("anna").await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Client).await;
    let bad = |result: Result<(), UseCaseError>| {
        assert!(matches!(result, Err(UseCaseError::InvalidArgument { .. })), "{result:?}");
    };
    bad(report(&world, &client, vec![], &world.key()).await);
    bad(report(&world, &client, vec![finding(Finding::Absent); 33], &world.key()).await);
    let many = |n: usize| -> Vec<ContextEvent> {
        (0..n).map(|i| factor(&format!("f{i}"), FactorOutcome::Failed)).collect()
    };
    bad(report(&world, &client, many(17), &world.key()).await);
    report(&world, &client, many(16), &world.key()).await.unwrap();
    bad(report(&world, &client, passed(), &world.key()).await);
    let c = ReportContext { session: client.session.clone(), context: many(1), key: world.key() };
    let auditor = world.vouch.report_context(&world.by(Role::Auditor), c.clone()).await;
    assert!(matches!(auditor, Err(UseCaseError::PermissionDenied { .. })));
    let unknown = ReportContext { session: SessionId::parse("none").unwrap(), ..c };
    let missing = world.vouch.report_context(&world.by(Role::Client), unknown).await;
    assert!(matches!(missing, Err(UseCaseError::NotFound { .. })));
    client.close().await;
    let late = report(&world, &client, many(1), &world.key()).await;
    assert!(matches!(late, Err(UseCaseError::NotFound { .. })));
}

#[tokio::test]
async fn a_token_ends_with_the_key_it_was_minted_with() {
    let world = World::new().await;
    let (subject, channel) = (None, SessionChannel::App);
    let mint = MintSessionToken { subject, channel, lifetime_ms: 60_000 };
    let unknown = |result: Result<(Caller, SessionGrant), UseCaseError>| {
        assert!(matches!(result, Err(UseCaseError::Unauthenticated)));
    };
    let end = world.clock.now().plus_ms(30_000);
    let short = world.store.key_until(&tenant(), Role::Agent, Some(end)).await;
    let by = world.vouch.authenticate(&short).await.unwrap();
    let minted = world.vouch.mint_session_token(&by, mint.clone()).await.unwrap();
    assert_eq!(minted.expires_at, end);
    let (caller, grant) = world.vouch.authenticate_session(&minted.token).await.unwrap();
    let opened = OpenSession {
        channel: SessionChannel::App,
        audio: None,
        grant: Some(grant),
        ..opening(&world, None)
    };
    let _live = world.vouch.open_session(&caller, opened).await.unwrap();
    world.vouch.authenticate_session(&minted.token).await.unwrap();
    // It could resume its session for longer, if its key had not ended.
    world.clock.forward(30_000);
    unknown(world.vouch.authenticate_session(&minted.token).await);
    let key = world.store.new_key(&tenant(), Role::Agent).await;
    let by = world.vouch.authenticate(&key).await.unwrap();
    let minted = world.vouch.mint_session_token(&by, mint).await.unwrap();
    world.vouch.authenticate_session(&minted.token).await.unwrap();
    world.store.revoke(&tenant(), &by.key).await;
    unknown(world.vouch.authenticate_session(&minted.token).await);
}
