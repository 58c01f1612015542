//! Live calls: updates, early decisions, hanging up.

use super::world::*;
use crate::domain::*;
use crate::store::AuditLog as _;
use crate::usecase::UseCaseError;
use crate::usecase::command::*;
use crate::usecase::output::{EnrollmentState, Verification};
use crate::usecase::port::{Application, LiveVerification, VerificationStep};

/// Bytes of a chunk: 100 ms.
const CHUNK: usize = RATE_HZ as usize / 10 * 2;

fn chunks(content: &[u8]) -> impl Iterator<Item = Chunk> {
    (1..)
        .zip(content.chunks(CHUNK))
        .map(|(number, bytes)| Chunk { sequence: Some(number), content: bytes.to_vec() })
}

async fn open(world: &World, c: Verify) -> Box<dyn LiveVerification> {
    let by = world.by(Role::Admin);
    world.vouch.verify_stream(&by, c, format()).await.unwrap()
}

/// Pushes it all; updates so far and an early decision.
async fn push_all(
    live: &mut Box<dyn LiveVerification>,
    content: &[u8],
) -> (usize, Option<(usize, Verification)>) {
    let mut updates = 0;
    for (number, chunk) in chunks(content).enumerate() {
        match live.push(vec![chunk]).await.unwrap() {
            VerificationStep::Quiet => {}
            VerificationStep::Update(update) => {
                updates += 1;
                assert!(update.reasons.contains(&Reason::PadNotEvaluated));
                if update.quality.net_speech_ms < 3_000 {
                    assert_eq!(update.decision, Decision::Inconclusive);
                    assert!(update.score.is_none());
                }
            }
            VerificationStep::Final(answer) => return (updates, Some((number, answer))),
        }
    }
    (updates, None)
}

#[tokio::test]
async fn a_clear_voice_is_accepted_before_the_audio_ends() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let mut live = open(&world, world.verify_command("anna")).await;
    assert_eq!(live.duration_ms(CHUNK), 100);
    let (updates, early) = push_all(&mut live, &speak(ANNA, 30.0)).await;
    let (number, answer) = early.expect("an early decision");
    assert!(updates > 0 && number < 200, "{updates} {number}");
    assert_eq!(answer.decision, Decision::Accept);
    assert!(answer.quality.net_speech_ms >= 3_000);
    world.is_audited(&answer.decision_id, Some(Decision::Accept)).await;
    let records = world.store.head().sequence;
    drop(live);
    tokio::task::yield_now().await;
    assert_eq!(world.store.head().sequence, records);
}

#[tokio::test]
async fn another_voice_is_rejected_early_and_counts() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    for _ in 0..5 {
        let mut live = open(&world, world.verify_command("anna")).await;
        let (_, early) = push_all(&mut live, &speak(BERT, 30.0)).await;
        let (_, answer) = early.expect("an early decision");
        assert_eq!(answer.decision, Decision::Reject);
        assert!(answer.quality.net_speech_ms >= 5_000);
    }
    let mut live = open(&world, world.verify_command("anna")).await;
    let (updates, early) = push_all(&mut live, &speak(ANNA, 1.0)).await;
    let (number, answer) = early.expect("refused at once");
    assert_eq!((updates, number), (0, 0));
    assert_eq!(answer.decision, Decision::Locked);
}

#[tokio::test]
async fn without_early_decisions_it_listens_to_the_end() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let mut c = world.verify_command("anna");
    c.no_early_decision = true;
    let mut live = open(&world, c.clone()).await;
    let content = speak(ANNA, 12.0);
    let (updates, early) = push_all(&mut live, &content).await;
    assert!(updates >= 3 && early.is_none());
    let answer = live.finish().await.unwrap();
    assert_eq!(answer.decision, Decision::Accept);
    assert_eq!(answer.quality.total_ms, 12_000);
    // A repeated stream gets the first answer, for the same audio and no other.
    let asked = world.asked();
    let mut again = open(&world, c.clone()).await;
    assert_eq!(push_all(&mut again, &content).await, (0, None));
    assert_eq!(again.finish().await.unwrap(), answer);
    for other in [speak(BERT, 12.0), speak(ANNA, 11.0)] {
        let mut again = open(&world, c.clone()).await;
        let pushed = again.push(vec![Chunk { sequence: None, content: other }]).await;
        let refused = pushed.err().or(again.finish().await.err());
        assert!(matches!(refused, Some(UseCaseError::IdempotencyMismatch)), "{refused:?}");
    }
    let mut longer = open(&world, c).await;
    push_all(&mut longer, &content).await;
    let refused = longer.push(vec![Chunk { sequence: None, content: vec![0; 2] }]).await;
    assert!(matches!(refused, Err(UseCaseError::IdempotencyMismatch)));
    assert_eq!(world.asked(), asked);
}

#[tokio::test]
async fn an_early_decision_is_repeated_for_what_it_was_made_of() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let c = world.verify_command("anna");
    let content = speak(ANNA, 30.0);
    let mut live = open(&world, c.clone()).await;
    let (_, early) = push_all(&mut live, &content).await;
    let asked = world.asked();
    // What came after the decision was not heard and is not compared. The first call need not be gone.
    let mut again = open(&world, c.clone()).await;
    assert_eq!(push_all(&mut again, &content).await, (0, early));
    let mut other = open(&world, c).await;
    let refused = other.push(chunks(&speak(BERT, 30.0)).collect()).await;
    assert!(matches!(refused, Err(UseCaseError::IdempotencyMismatch)));
    assert_eq!(world.asked(), asked);
}

#[tokio::test]
async fn a_key_has_one_live_call_at_a_time() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let by = world.by(Role::Admin);
    let c = Verify { no_early_decision: true, ..world.verify_command("anna") };
    let mut first = open(&world, c.clone()).await;
    let beside = world.vouch.verify_stream(&by, c.clone(), format()).await;
    assert!(matches!(beside, Err(UseCaseError::KeyInUse)));
    let content = speak(BERT, 9.0);
    push_all(&mut first, &content).await;
    let before = world.store.head().sequence;
    drop(first);
    // It is taken until the attempt that was used is on record, and then it is known.
    let mut again = loop {
        match world.vouch.verify_stream(&by, c.clone(), format()).await {
            Ok(live) => break live,
            Err(UseCaseError::KeyInUse) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(world.store.head().sequence, before + 1);
    let asked = world.asked();
    let (_, answer) = push_all(&mut again, &content).await;
    assert_eq!(answer.unwrap().1.decision, Decision::Reject);
    assert_eq!(world.asked(), asked);
    // A call that compared nothing leaves nothing behind.
    let c = world.verify_command("anna");
    drop(open(&world, c.clone()).await);
    drop(open(&world, c).await);
}

#[tokio::test]
async fn live_and_whole_recordings_agree() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let content = speak(ANNA, 9.0);
    let whole = world.verify("anna", content.clone()).await;
    let mut c = world.verify_command("anna");
    c.no_early_decision = true;
    let mut live = open(&world, c).await;
    push_all(&mut live, &content).await;
    let live = live.finish().await.unwrap();
    let llr = |v: &Verification| v.score.unwrap().llr.unwrap().0;
    assert!((llr(&whole) - llr(&live)).abs() < 1e-3, "{whole:?} {live:?}");
    assert_eq!(whole.quality.net_speech_ms, live.quality.net_speech_ms);
}

#[tokio::test]
async fn a_stream_that_ends_early_is_inconclusive() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    for content in [vec![], speak(ANNA, 2.0), vec![1; 3]] {
        let mut live = open(&world, world.verify_command("anna")).await;
        assert!(push_all(&mut live, &content).await.1.is_none());
        let answer = live.finish().await.unwrap();
        assert_eq!(answer.decision, Decision::Inconclusive);
        assert!(answer.score.is_none());
        world.is_audited(&answer.decision_id, Some(Decision::Inconclusive)).await;
    }
}

#[tokio::test]
async fn a_withdrawal_during_the_call_holds() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let mut c = world.verify_command("anna");
    c.no_early_decision = true;
    let mut live = open(&world, c).await;
    push_all(&mut live, &speak(ANNA, 9.0)).await;
    let c = WithdrawConsent {
        subject: id("anna"),
        purpose: Purpose::VoiceAuthentication,
        key: world.key(),
    };
    world.vouch.withdraw_consent(&world.by(Role::Privacy), c).await.unwrap();
    let answer = live.finish().await.unwrap();
    assert_eq!(answer.decision, Decision::OptedOut);
    assert!(answer.score.is_none());
}

#[tokio::test]
async fn a_lock_during_the_call_ends_its_estimates() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let mut c = world.verify_command("anna");
    c.no_early_decision = true;
    let mut live = open(&world, c).await;
    let (content, half) = (speak(ANNA, 18.0), 90);
    let (updates, early) = push_all(&mut live, &content[..half * CHUNK]).await;
    assert!(updates > 0 && early.is_none());
    for _ in 0..5 {
        let answer = world.verify("anna", speak(BERT, 12.0)).await;
        assert_eq!(answer.decision, Decision::Reject);
    }
    let asked = world.asked();
    let mut last = None;
    for chunk in chunks(&content).skip(half) {
        match live.push(vec![chunk]).await.unwrap() {
            VerificationStep::Quiet => {}
            VerificationStep::Update(update) => panic!("an estimate after the lock: {update:?}"),
            VerificationStep::Final(answer) => {
                last = Some(answer);
                break;
            }
        }
    }
    let answer = last.expect("refused at the next comparison");
    assert_eq!(answer.decision, Decision::Locked);
    assert!(answer.score.is_none());
    assert_eq!(world.asked(), asked);
}

#[tokio::test]
async fn hanging_up_after_a_comparison_uses_an_attempt() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let before = world.store.head().sequence;
    let mut c = world.verify_command("anna");
    c.no_early_decision = true;
    let mut live = open(&world, c).await;
    push_all(&mut live, &speak(BERT, 9.0)).await;
    assert_eq!(world.store.head().sequence, before);
    drop(live);
    let mut head = world.store.watch_head();
    while head.borrow_and_update().sequence == before {
        head.changed().await.unwrap();
    }
    let by = world.by(Role::Admin);
    let filter = DecisionFilter {
        decision: Some(Decision::Reject),
        page_size: 10,
        ..DecisionFilter::default()
    };
    let page = world.vouch.decisions(&by, filter).await.unwrap();
    assert_eq!(page.items.len(), 1);
}

#[tokio::test]
async fn hanging_up_before_a_comparison_leaves_nothing() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let before = world.store.head().sequence;
    let mut live = open(&world, world.verify_command("anna")).await;
    push_all(&mut live, &speak(ANNA, 1.0)).await;
    drop(live);
    tokio::task::yield_now().await;
    assert_eq!(world.store.head().sequence, before);
}

#[tokio::test]
async fn packets_that_are_lost_or_repeated_are_reported() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let mut c = world.verify_command("anna");
    c.no_early_decision = true;
    let mut live = open(&world, c).await;
    for (number, chunk) in chunks(&speak(ANNA, 9.0)).enumerate() {
        if number == 10 {
            continue;
        }
        live.push(vec![chunk.clone()]).await.unwrap();
        if number == 20 {
            live.push(vec![chunk]).await.unwrap();
        }
    }
    let answer = live.finish().await.unwrap();
    assert_eq!(answer.quality.packets_lost, 1);
    assert_eq!(answer.quality.packets_repeated, 1);
    assert!(answer.reasons.contains(&Reason::PacketLoss));
}

#[tokio::test]
async fn formats_that_cannot_be_streamed_are_refused() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let by = world.by(Role::Client);
    for encoding in [AudioEncoding::Flac, AudioEncoding::Opus] {
        let format = AudioFormat { encoding, ..format() };
        let opened = world.vouch.verify_stream(&by, world.verify_command("anna"), format).await;
        assert!(matches!(opened, Err(UseCaseError::BadAudio { .. })));
    }
}

#[tokio::test]
async fn a_live_enrollment_tells_its_progress_and_is_kept_when_finished() {
    let world = World::new().await;
    world.subject("anna").await;
    world.consent("anna", None).await;
    let by = world.by(Role::Client);
    let c = world.enroll_command("anna");
    let mut live = world.vouch.enroll_stream(&by, c.clone(), format()).await.unwrap();
    let beside = world.vouch.enroll_stream(&by, c.clone(), format()).await;
    assert!(matches!(beside, Err(UseCaseError::KeyInUse)));
    let mut told = Vec::new();
    for chunk in chunks(&speak(ANNA, 10.0)) {
        if let Some(update) = live.push(vec![chunk]).await.unwrap() {
            told.push(update.progress.net_speech_ms);
        }
    }
    assert!(told.len() >= 4 && told.is_sorted(), "{told:?}");
    let answer = live.finish().await.unwrap();
    assert!(answer.utterance_accepted, "{answer:?}");
    assert_eq!(answer.state, EnrollmentState::InProgress);
    assert_eq!(answer.progress.utterances, 1);
    // Repeated: the same answer, nothing added.
    let mut again = world.vouch.enroll_stream(&by, c.clone(), format()).await.unwrap();
    for chunk in chunks(&speak(ANNA, 10.0)) {
        assert!(again.push(vec![chunk]).await.unwrap().is_none());
    }
    assert_eq!(again.finish().await.unwrap(), answer);
    let mut other = world.vouch.enroll_stream(&by, c, format()).await.unwrap();
    let refused = other.push(chunks(&speak(BERT, 10.0)).collect()).await;
    assert!(matches!(refused, Err(UseCaseError::IdempotencyMismatch)));
    let status = world.vouch.enrollment(&by, id("anna")).await.unwrap();
    assert_eq!(status.progress.utterances, 1);
}

#[tokio::test]
async fn a_caller_who_drops_a_live_enrollment_leaves_nothing() {
    let world = World::new().await;
    world.subject("anna").await;
    world.consent("anna", None).await;
    let before = world.store.head().sequence;
    let by = world.by(Role::Client);
    let c = world.enroll_command("anna");
    let mut live = world.vouch.enroll_stream(&by, c, format()).await.unwrap();
    for chunk in chunks(&speak(ANNA, 10.0)) {
        live.push(vec![chunk]).await.unwrap();
    }
    drop(live);
    tokio::task::yield_now().await;
    assert_eq!(world.store.head().sequence, before);
    let status = world.vouch.enrollment(&by, id("anna")).await.unwrap();
    assert_eq!(status.state, EnrollmentState::None);
}
