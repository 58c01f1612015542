//! Numbers that subjects call from.

use std::sync::Arc;

use super::sessions::{Client, TestPolicy, ask, opening};
use super::world::*;
use crate::domain::*;
use crate::policy::session::{Counterfactual, DecisionFacts, SessionFacts, SessionVerdict};
use crate::session::call::CallRules;
use crate::store::AuditLog as _;
use crate::usecase::UseCaseError;
use crate::usecase::command::*;
use crate::usecase::port::Application;
use crate::usecase::sessions::*;

const HOME: &str = "+4930123456";

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

impl World {
    fn subject_number(&self, subject: &str, text: &str) -> SubjectNumber {
        SubjectNumber { subject: id(subject), number: number(text), key: self.key() }
    }

    async fn calls_from(&self, subject: &str, text: &str) {
        let c = self.subject_number(subject, text);
        self.vouch.add_phone_number(&self.by(Role::Client), c).await.unwrap();
    }

    fn call(&self, subject: Option<&str>, text: &str) -> OpenSession {
        OpenSession { number: Some(number(text)), ..opening(self, subject) }
    }

    /// The facts that the decision on a question was taken with, as recorded.
    async fn facts(&self, mut client: Client) -> String {
        client.send(ask("q1", 0)).await;
        let decided = client.decision().await;
        let record = self.store.decision(&tenant(), &decided.decision).await.unwrap();
        record.unwrap().event.unwrap().details["facts"].clone()
    }
}

async fn world(remembers: bool) -> World {
    let world = World::new().await;
    world.vouch.hold_sessions_to(Arc::new(TestPolicy { remembers }));
    world
}

#[tokio::test]
async fn numbers_are_added_and_removed_once_and_audited_without_the_number() {
    let world = world(false).await;
    world.subject("anna").await;
    let by = world.by(Role::Client);
    let c = world.subject_number("anna", HOME);
    let done = world.vouch.add_phone_number(&by, c.clone()).await.unwrap();
    assert_eq!(done.value, 1);
    assert_eq!(world.vouch.add_phone_number(&by, c).await.unwrap(), done);
    let c = world.subject_number("anna", HOME);
    let again = world.vouch.add_phone_number(&by, c).await;
    assert!(matches!(again, Err(UseCaseError::AlreadyExists { what: "phone number" })));
    let record = world.store.decision(&tenant(), &done.decision_id).await.unwrap().unwrap();
    assert_eq!(record.kind, AuditKind::PhoneNumber);
    assert!(!format!("{record:?}").contains("30123456"), "{record:?}");
    assert_eq!(world.vouch.get_subject(&by, id("anna")).await.unwrap().phone_numbers, 1);
    let c = world.subject_number("anna", HOME);
    assert_eq!(world.vouch.remove_phone_number(&by, c).await.unwrap().value, 0);
    let c = world.subject_number("anna", HOME);
    let missing = world.vouch.remove_phone_number(&by, c).await;
    assert!(matches!(missing, Err(UseCaseError::NotFound { what: "phone number" })));
    for n in 0..8 {
        world.calls_from("anna", &format!("+49309876540{n}")).await;
    }
    let over = world.vouch.add_phone_number(&by, world.subject_number("anna", HOME)).await;
    let Err(UseCaseError::LimitReached { problem }) = over else { panic!("{over:?}") };
    assert_eq!(problem, "phone numbers of a subject: at most 8, this would be 9");
    let c = world.subject_number("nobody", HOME);
    let missing = world.vouch.add_phone_number(&by, c).await;
    assert!(matches!(missing, Err(UseCaseError::NotFound { what: "subject" })));
    for role in [Role::Analyst, Role::Reviewer, Role::Auditor, Role::Router] {
        let c = world.subject_number("anna", HOME);
        let refused = world.vouch.add_phone_number(&world.by(role), c).await;
        assert!(matches!(refused, Err(UseCaseError::PermissionDenied { .. })), "{role:?}");
    }
}

#[tokio::test]
async fn a_caller_is_found_in_the_household_behind_the_number_and_may_be_greeted() {
    let world = world(false).await;
    world.enrolled("anna", ANNA).await;
    world.enrolled("bert", BERT).await;
    for subject in ["anna", "bert"] {
        world.calls_from(subject, HOME).await;
    }
    let call = OpenSession { language: Some("de-ch".into()), ..world.call(None, HOME) };
    let mut client = Client::open(&world, call, Role::Admin).await;
    client.speak(&speak(BERT, 25.0)).await;
    client.send(ask("q1", 0)).await;
    let assessment = client.decision().await.assessment;
    let origin = ClaimOrigin::Identified { among: 2 };
    assert_eq!(assessment.claim, Some((id("bert"), origin)));
    let greeting =
        Personalization { subject: id("bert"), language: Some("de-ch".into()), age_class: None };
    assert_eq!(assessment.personalization, Some(greeting));
    // A claim is no identification, and another number leads nowhere.
    let mut client = Client::open(&world, world.call(Some("bert"), HOME), Role::Admin).await;
    client.speak(&speak(BERT, 25.0)).await;
    client.send(ask("q1", 0)).await;
    assert_eq!(client.decision().await.assessment.personalization, None);
    let call = world.call(None, "+4930999999");
    let mut client = Client::open(&world, call, Role::Admin).await;
    client.speak(&speak(BERT, 25.0)).await;
    client.send(ask("q1", 0)).await;
    assert_eq!(client.decision().await.assessment.claim, None);
}

#[tokio::test]
async fn what_the_number_says_becomes_context_unless_the_client_said_it() {
    let world = world(false).await;
    for subject in ["anna", "bert"] {
        world.subject(subject).await;
    }
    world.calls_from("anna", HOME).await;
    let said = |history| vec![ContextEvent::Ani(history)];
    let cases = [
        (world.call(Some("anna"), HOME), "known"),
        (world.call(Some("bert"), HOME), "other_subject"),
        (world.call(Some("anna"), "+4930999999"), "new"),
        (opening(&world, Some("anna")), "unknown"),
        (
            OpenSession { context: said(AniHistory::Withheld), ..world.call(Some("anna"), HOME) },
            "withheld",
        ),
    ];
    for (call, expected) in cases {
        let call = OpenSession { audio: None, ..call };
        let client = Client::open(&world, call, Role::Admin).await;
        let facts = world.facts(client).await;
        assert!(facts.contains(&format!("\"ani\":\"{expected}\"")), "{expected}: {facts}");
    }
}

#[tokio::test]
async fn a_number_that_comes_with_a_token_is_not_believed() {
    let world = world(false).await;
    world.subject("anna").await;
    world.calls_from("anna", HOME).await;
    let mint = MintSessionToken {
        subject: Some(id("anna")),
        channel: SessionChannel::Phone,
        lifetime_ms: 60_000,
    };
    let minted = world.vouch.mint_session_token(&world.by(Role::Admin), mint).await.unwrap();
    let (_, grant) = world.vouch.authenticate_session(&minted.token).await.unwrap();
    let call = OpenSession { audio: None, grant: Some(grant), ..world.call(None, HOME) };
    let client = Client::open(&world, call, Role::Admin).await;
    let facts = world.facts(client).await;
    assert!(facts.contains("\"ani\":\"unknown\""), "{facts}");
}

#[tokio::test]
async fn an_accepted_number_is_remembered_only_where_the_policy_says_so() {
    for remembers in [false, true] {
        let world = world(remembers).await;
        world.enrolled("anna", ANNA).await;
        let numbers = || async {
            let by = world.by(Role::Client);
            world.vouch.get_subject(&by, id("anna")).await.unwrap().phone_numbers
        };
        for (voice, decision, expected) in [
            (BERT, Decision::Reject, 0),
            (ANNA, Decision::Accept, u32::from(remembers)),
            (ANNA, Decision::Accept, u32::from(remembers)),
        ] {
            let mut client =
                Client::open(&world, world.call(Some("anna"), HOME), Role::Admin).await;
            client.speak(&speak(voice, 30.0)).await;
            client.send(ask("q1", 0)).await;
            assert_eq!(client.decision().await.assessment.decision, decision);
            assert_eq!(numbers().await, expected, "{remembers}");
        }
    }
}

/// A policy that accepts whatever is asked.
struct Careless(TestPolicy);

impl SessionPolicy for Careless {
    fn judge(&self, facts: &SessionFacts) -> SessionVerdict {
        let (decision, next) = (Decision::Accept, NextStep::Proceed);
        SessionVerdict { decision, next, ..self.0.judge(facts) }
    }

    fn rules(&self) -> CallRules {
        self.0.rules()
    }

    fn would_change(&self, facts: &DecisionFacts, is: &SessionVerdict) -> Vec<Counterfactual> {
        self.0.would_change(facts, is)
    }

    fn remembers_numbers(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_number_is_not_remembered_where_nothing_speaks_for_its_caller() {
    let world = World::new().await;
    world.vouch.hold_sessions_to(Arc::new(Careless(TestPolicy::default())));
    world.enrolled("anna", ANNA).await;
    let factor = FactorName::parse("otp").unwrap();
    let passed = ContextEvent::Factor { factor, outcome: FactorOutcome::Passed };
    for (voice, context, expected) in [
        // Nobody spoke; another voice spoke; another factor was passed.
        (None, vec![], 0),
        (Some(BERT), vec![], 0),
        (None, vec![passed], 1),
    ] {
        let call = OpenSession { context, ..world.call(Some("anna"), HOME) };
        let mut client = Client::open(&world, call, Role::Admin).await;
        if let Some(voice) = voice {
            client.speak(&speak(voice, 20.0)).await;
        }
        client.send(ask("q1", 0)).await;
        assert_eq!(client.decision().await.assessment.decision, Decision::Accept);
        let by = world.by(Role::Client);
        let subject = world.vouch.get_subject(&by, id("anna")).await.unwrap();
        assert_eq!(subject.phone_numbers, expected, "{voice:?}");
    }
}
