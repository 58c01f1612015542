//! Sessions in trouble: a busy engine, a restart, a task that fails, a comparison that cannot be made.

use super::texts::text_evidence;
use super::*;

/// Longer than a busy engine is waited for, in milliseconds of audio.
const LONG_MS: usize = 700;

#[tokio::test]
async fn audio_waits_for_a_busy_engine_and_is_lost_loudly_at_a_limit() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Admin).await;
    let sound = speak(ANNA, 40.0);
    // Odd: each message splits a sample.
    let (early, late) = sound.split_at(RATE_HZ as usize * 2 * LONG_MS / 1_000 + 1);
    let full = world.fill_engine().await;
    client.send(SessionMessage::Audio { leg: Leg::Caller, content: early.to_vec() }).await;
    client.send(SessionMessage::Plain(Message::WantUpdate)).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    drop(full);
    let (early, late) = late.split_at(RATE_HZ as usize * 20);
    client.speak(early).await;
    client.send(ask("q1", 0)).await;
    let mut refused = 0;
    let decided = loop {
        let output = client.responses.recv().await.unwrap();
        match output.response {
            SessionResponse::Refused { .. } => refused += 1,
            SessionResponse::Decision(decided) => break decided,
            _ => {}
        }
    };
    assert_eq!((decided.assessment.decision, refused), (Decision::Accept, 0));
    // For longer than audio waits: each message is refused, and what follows is heard as sound.
    let full = world.fill_engine().await;
    let piece = RATE_HZ as usize * 2 * LONG_MS / 1_000 + 1;
    let first = client.next;
    let (lost, late) = late.split_at(3 * piece);
    for content in lost.chunks(piece) {
        client.send(SessionMessage::Audio { leg: Leg::Caller, content: content.to_vec() }).await;
    }
    let mut missing: Vec<u64> = (first..first + 3).collect();
    while !missing.is_empty() {
        let number = client.until(|response| match response {
            SessionResponse::Refused { sequence, reason: RefusalReason::Content(why) } => {
                assert!(why.contains("busy"), "{why}");
                Some(*sequence)
            }
            _ => None,
        });
        let number = number.await;
        missing.retain(|sequence| *sequence != number);
    }
    drop(full);
    client.speak(late).await;
    client.send(ask("q2", 0)).await;
    let decided = client.decision().await.assessment;
    assert_eq!((decided.decision, decided.changes), (Decision::Accept, 0), "{decided:?}");
}

#[tokio::test]
async fn what_waits_for_a_busy_session_is_bounded_in_bytes() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Client).await;
    let full = world.fill_engine().await;
    let long = || SessionMessage::Audio { leg: Leg::Caller, content: vec![0; 1 << 20] };
    client.send(long()).await;
    // There is no room for it before the first is done with, which takes a second.
    let push = client.live.push(client.next, long());
    let waited = tokio::time::timeout(Duration::from_millis(300), push).await;
    assert!(waited.is_err(), "two messages of a MiB wait");
    drop(full);
    client.send(long()).await;
    client.close().await;
}

#[tokio::test]
async fn who_was_found_is_known_after_a_restart() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    let c = OpenSession { candidates: vec![id("anna")], ..opening(&world, None) };
    let mut client = Client::open(&world, c, Role::Admin).await;
    client.speak(&speak(ANNA, 25.0)).await;
    client.send(ask("q1", 0)).await;
    assert_eq!(client.decision().await.assessment.decision, Decision::Accept);
    let again =
        World::with(Setting { store: Some(world.store.clone()), ..Setting::default() }).await;
    let records = records(&again).await;
    let acts: Vec<&str> = records.iter().map(|r| r.act.as_str()).collect();
    assert_eq!(acts, [ACT_ENDED, ACT_DECIDED, ACT_FOUND, ACT_OPENED]);
    assert_eq!((&records[0].subject, &records[3].subject), (&Some(id("anna")), &None));
}

/// A policy that fails on one intent, as no policy should.
struct Breaking(TestPolicy);

impl SessionPolicy for Breaking {
    fn judge(&self, facts: &SessionFacts) -> SessionVerdict {
        assert_ne!(facts.decision.intent.id.as_str(), "transfer", "made up for a test");
        self.0.judge(facts)
    }

    fn rules(&self) -> CallRules {
        self.0.rules()
    }

    fn would_change(&self, facts: &DecisionFacts, is: &SessionVerdict) -> Vec<Counterfactual> {
        self.0.would_change(facts, is)
    }
}

#[tokio::test]
async fn a_session_whose_task_fails_is_recorded_as_incomplete() {
    let world = World::new().await;
    world.vouch.hold_sessions_to(Arc::new(Breaking(TestPolicy::default())));
    world.enrolled("anna", ANNA).await;
    let mut client = Client::open(&world, opening(&world, Some("anna")), Role::Client).await;
    client.send(ask("q1", 0)).await;
    let rest = async { while client.responses.recv().await.is_some() {} };
    tokio::time::timeout(PATIENCE, rest).await.unwrap();
    let ended = async {
        while records(&world).await.len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    let acts: Vec<String> = records(&world).await.into_iter().map(|r| r.act).collect();
    assert_eq!(acts, [ACT_ENDED, ACT_OPENED]);
}

#[tokio::test]
async fn a_style_that_could_not_be_compared_loses_no_finding_and_is_compared_next() {
    let world = world().await;
    world.enrolled("anna", ANNA).await;
    world.style("anna", true).await;
    let quiet = OpenSession { audio: None, ..opening(&world, Some("anna")) };
    let mut client = Client::open(&world, quiet, Role::Admin).await;
    let mut content = "he said stay on the line and do not tell anyone at the bank. ".to_owned();
    content.extend(chat(true, 6, 250).into_iter().take(12).map(|text| text.content + " "));
    client.send(SessionMessage::Plain(Message::WantUpdate)).await;
    client.until(|r| matches!(r, SessionResponse::Update(_)).then_some(())).await;
    world.store.fail_next_behavior();
    client.send(SessionMessage::Text { transcript: false, content }).await;
    client.send(SessionMessage::Text { transcript: false, content: "so it is".to_owned() }).await;
    let (decided, _) = client.close().await;
    assert!(text_evidence(&decided).is_some(), "{decided:?}");
    let facts = detail_of(&world, &decided.decision, "facts").await;
    assert!(facts.contains(r#""social_engineering":"present""#), "{facts}");
}
