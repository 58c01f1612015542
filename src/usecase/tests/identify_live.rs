//! Live searches: candidates while the caller speaks, early decisions, hanging up.

use super::world::*;
use crate::domain::*;
use crate::store::AuditLog as _;
use crate::usecase::UseCaseError;
use crate::usecase::command::*;
use crate::usecase::output::{Identification, IdentificationUpdate};
use crate::usecase::port::{Application, IdentificationStep, LiveIdentification};

/// Bytes of a chunk: 100 ms.
const CHUNK: usize = RATE_HZ as usize / 10 * 2;

async fn three() -> World {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    world.enrolled("bert", BERT).await;
    world.enrolled("cara", CARA).await;
    world
}

fn command(world: &World, candidates: Candidates) -> Identify {
    Identify { candidates, max_results: 10, no_early_decision: false, key: world.key() }
}

async fn open(world: &World, c: Identify) -> Box<dyn LiveIdentification> {
    let by = world.by(Role::Admin);
    world.vouch.identify_stream(&by, c, format()).await.unwrap()
}

/// Pushes it all, several chunks at once as far as it has patience; updates so far and an early decision.
async fn push_all(
    live: &mut Box<dyn LiveIdentification>,
    content: &[u8],
) -> (Vec<IdentificationUpdate>, Option<Identification>) {
    let mut updates = Vec::new();
    let mut rest = content;
    let mut number = 0;
    while !rest.is_empty() {
        let together = usize::try_from(live.patience_ms() / 100).unwrap_or(5).clamp(1, 5);
        let (piece, after) = rest.split_at(rest.len().min(together * CHUNK));
        rest = after;
        let chunks = piece.chunks(CHUNK).map(|bytes| {
            number += 1;
            Chunk { sequence: Some(number), content: bytes.to_vec() }
        });
        match live.push(chunks.collect()).await.unwrap() {
            IdentificationStep::Quiet => {}
            IdentificationStep::Update(update) => updates.push(update),
            IdentificationStep::Final(answer) => return (updates, Some(answer)),
        }
    }
    (updates, None)
}

#[tokio::test]
async fn a_known_voice_is_found_before_the_audio_ends() {
    let world = three().await;
    let mut live = open(&world, command(&world, Candidates::WholeTenant)).await;
    assert_eq!(live.duration_ms(CHUNK), 100);
    let (updates, early) = push_all(&mut live, &speak(BERT, 40.0)).await;
    let answer = early.expect("an early decision");
    assert!(!updates.is_empty());
    for update in &updates {
        assert_eq!(update.candidates.is_empty(), update.quality.net_speech_ms < 3_000);
        assert!(update.reasons.contains(&Reason::PadNotEvaluated));
    }
    assert_eq!(answer.decision, Decision::Accept, "{answer:?}");
    assert_eq!(answer.candidates[0].subject, id("bert"));
    assert_eq!(answer.searched, 3);
    world.is_audited(&answer.decision_id, Some(Decision::Accept)).await;
    let records = world.store.head().sequence;
    drop(live);
    tokio::task::yield_now().await;
    assert_eq!(world.store.head().sequence, records);
}

#[tokio::test]
async fn a_stranger_is_nobody_and_only_at_the_end() {
    let world = three().await;
    let content = speak(DORA, 24.0);
    let whole = world.identify(Candidates::WholeTenant, content.clone()).await;
    let mut live = open(&world, command(&world, Candidates::WholeTenant)).await;
    let (updates, early) = push_all(&mut live, &content).await;
    assert!(early.is_none());
    let last = updates.last().expect("updates");
    assert_eq!((last.decision, last.searched, last.extrapolated), (Decision::NoMatch, 3, false));
    let answer = live.finish().await.unwrap();
    assert_eq!(answer.decision, Decision::NoMatch);
    world.is_audited(&answer.decision_id, Some(Decision::NoMatch)).await;
    // What the whole recording gives.
    assert_eq!(answer.quality, whole.quality);
    let order = |found: &Identification| {
        found.candidates.iter().map(|c| c.subject.clone()).collect::<Vec<_>>()
    };
    assert_eq!(order(&answer), order(&whole));
    let llr = |found: &Identification| found.candidates[0].score.llr.unwrap().0;
    assert!((llr(&answer) - llr(&whole)).abs() < 1e-3);
}

#[tokio::test]
async fn a_list_bounds_who_can_be_found_live() {
    let world = three().await;
    let list = Candidates::List(vec![id("bert"), id("cara"), id("nobody")]);
    let mut live = open(&world, command(&world, list)).await;
    let (updates, early) = push_all(&mut live, &speak(ANNA, 12.0)).await;
    assert!(early.is_none());
    assert!(updates.iter().all(|u| u.candidates.iter().all(|c| c.subject != id("anna"))));
    let answer = live.finish().await.unwrap();
    assert_eq!((answer.decision, answer.searched), (Decision::NoMatch, 2));
    let by = world.by(Role::Client);
    let none = command(&world, Candidates::List(vec![]));
    let refused = world.vouch.identify_stream(&by, none, format()).await;
    assert!(matches!(refused, Err(UseCaseError::InvalidArgument { .. })));
}

#[tokio::test]
async fn a_repeated_live_search_gets_the_first_answer() {
    let world = three().await;
    let c = Identify { no_early_decision: true, ..command(&world, Candidates::WholeTenant) };
    let content = speak(CARA, 12.0);
    let mut live = open(&world, c.clone()).await;
    assert!(push_all(&mut live, &content).await.1.is_none());
    let answer = live.finish().await.unwrap();
    assert_eq!(answer.candidates[0].subject, id("cara"));
    let asked = world.asked();
    let mut again = open(&world, c.clone()).await;
    assert!(push_all(&mut again, &content).await.1.is_none());
    assert_eq!(again.finish().await.unwrap(), answer);
    // Other audio is another request.
    let mut other = open(&world, c).await;
    let content = speak(ANNA, 12.0);
    let refused = other.push(vec![Chunk { sequence: None, content }]).await;
    assert!(matches!(refused, Err(UseCaseError::IdempotencyMismatch)));
    assert_eq!(world.asked(), asked);
}

#[tokio::test]
async fn a_key_has_one_live_search_at_a_time() {
    let world = three().await;
    let by = world.by(Role::Admin);
    let c = command(&world, Candidates::WholeTenant);
    let first = open(&world, c.clone()).await;
    let beside = world.vouch.identify_stream(&by, c.clone(), format()).await;
    assert!(matches!(beside, Err(UseCaseError::KeyInUse)));
    drop(first);
    open(&world, c).await;
}

#[tokio::test]
async fn an_opt_out_during_the_call_holds() {
    let world = three().await;
    let c = Identify { no_early_decision: true, ..command(&world, Candidates::WholeTenant) };
    let mut live = open(&world, c).await;
    push_all(&mut live, &speak(ANNA, 9.0)).await;
    let c = SetOptOut { subject: id("anna"), opted_out: true, key: world.key() };
    world.vouch.set_opt_out(&world.by(Role::Privacy), c).await.unwrap();
    let answer = live.finish().await.unwrap();
    assert_ne!(answer.decision, Decision::Accept);
    assert!(answer.candidates.iter().all(|c| c.subject != id("anna")), "{answer:?}");
}

#[tokio::test]
async fn fine_scores_are_for_those_who_may_see_them() {
    let world = three().await;
    let by = world.by(Role::Client);
    let c = command(&world, Candidates::WholeTenant);
    let mut live = world.vouch.identify_stream(&by, c, format()).await.unwrap();
    let (updates, _) = push_all(&mut live, &speak(DORA, 24.0)).await;
    let answer = live.finish().await.unwrap();
    assert!(answer.threshold.is_none());
    let shown = updates.iter().flat_map(|u| &u.candidates).chain(&answer.candidates);
    assert!(shown.clone().count() > 0);
    assert!(shown.clone().all(|c| c.score.llr.is_none() && c.score.raw.is_none()));
}

#[tokio::test]
async fn hanging_up_after_a_search_is_recorded_and_before_it_is_not() {
    let world = three().await;
    let before = world.store.head().sequence;
    let mut live = open(&world, command(&world, Candidates::WholeTenant)).await;
    push_all(&mut live, &speak(DORA, 1.0)).await;
    drop(live);
    tokio::task::yield_now().await;
    assert_eq!(world.store.head().sequence, before);
    let mut live = open(&world, command(&world, Candidates::WholeTenant)).await;
    push_all(&mut live, &speak(DORA, 24.0)).await;
    assert_eq!(world.store.head().sequence, before);
    drop(live);
    let mut head = world.store.watch_head();
    while head.borrow_and_update().sequence == before {
        head.changed().await.unwrap();
    }
    let filter = DecisionFilter {
        decision: Some(Decision::NoMatch),
        page_size: 10,
        ..DecisionFilter::default()
    };
    let page = world.vouch.decisions(&world.by(Role::Admin), filter).await.unwrap();
    assert_eq!(page.items.len(), 1);
}
