//! What a verification leaves behind: replays are recognized, profiles adapt.

use super::*;

#[tokio::test]
async fn a_replay_is_found_wherever_the_first_one_was() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let replayed = |answer: &BehaviorVerification| {
        assert_eq!(answer.decision, Decision::Reject, "{answer:?}");
        assert_eq!(answer.reasons, [Reason::InputReplayed]);
        assert_eq!(answer.findings[0].kind, BehaviorFinding::Replay);
        assert_eq!(answer.findings[0].state, Finding::Present);
    };
    // One that was enrolled, one that was accepted, one that matched and was stepped up.
    replayed(&world.type_as(ANNA_MS, 3, otp(false)).await);
    world.type_as(ANNA_MS, 20, otp(false)).await;
    replayed(&world.type_as(ANNA_MS, 20, otp(false)).await);
    world.type_as(ANNA_MS, 21, None).await;
    replayed(&world.type_as(ANNA_MS, 21, otp(false)).await);
    // Twice within one request.
    let twice = vec![typed(TEXT, ANNA_MS, 22), typed(TEXT, ANNA_MS, 22)];
    replayed(&world.try_claim(twice, otp(false)).await.unwrap());
    // One that spoke for her, though not enough.
    let near = world.type_as(ANNA_MS + 7.0, 24, otp(false)).await;
    assert_eq!(near.reasons, [Reason::BehaviorUncertain]);
    assert!(near.score.unwrap().llr.unwrap().0 > 0.0);
    replayed(&world.type_as(ANNA_MS + 7.0, 24, otp(false)).await);
    // What spoke against her is not remembered.
    for _ in 0..2 {
        let other = world.type_as(BERT_MS, 23, None).await;
        assert_eq!(other.reasons, [Reason::BehaviorMismatch]);
    }
}

#[tokio::test]
async fn adaptation_needs_another_factor_and_stays_a_minority() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    assert_eq!(world.type_as(ANNA_MS, 20, otp(false)).await.adapted, 0);
    for n in 21..30 {
        assert_eq!(world.type_as(ANNA_MS, n, otp(true)).await.adapted, 1);
    }
    let profile = world.profiles("anna").await.remove(0);
    // 4 of 14 is the most that is under 30 %.
    assert_eq!((profile.progress.captures, profile.adapted), (14, 4));
    // What was adapted and has left again is still recognized.
    for n in [21, 29] {
        assert_eq!(world.type_as(ANNA_MS, n, otp(true)).await.reasons, [Reason::InputReplayed]);
    }
    let by = world.by(Role::Analyst);
    let c = world.claim(captures(ANNA_MS, 60..61), otp(true));
    let refused = world.vouch.verify_behavior(&by, c).await.unwrap_err();
    assert!(matches!(refused, UseCaseError::PermissionDenied { .. }));
}

#[tokio::test]
async fn small_steps_do_not_walk_a_profile_away() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    // An impostor with the other factor moves by half a millisecond a time.
    let mut farthest = ANNA_MS;
    for n in 0..100 {
        let hold_ms = ANNA_MS + 0.5 * f64::from(n);
        if world.type_as(hold_ms, 100 + n, otp(true)).await.adapted > 0 {
            farthest = hold_ms;
        }
        world.clock.forward(86_400_000 * 2);
    }
    // 10 - |x - mean| >= 4.6 against what was enrolled, whatever came since.
    assert!((95.0..96.0).contains(&farthest), "{farthest}");
    assert_eq!(world.type_as(BERT_MS, 300, otp(true)).await.decision, Decision::Reject);
    assert_eq!(world.type_as(ANNA_MS, 301, otp(true)).await.decision, Decision::Accept);
}

#[tokio::test]
async fn copies_push_nothing_out_of_memory() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    for n in [20, 21] {
        assert_eq!(world.type_as(ANNA_MS, n, otp(false)).await.decision, Decision::Accept);
    }
    let copies = vec![typed(TEXT, ANNA_MS, 21); 200];
    for _ in 0..2 {
        let answer = world.try_claim(copies.clone(), otp(false)).await.unwrap();
        assert_eq!(answer.reasons, [Reason::InputReplayed]);
    }
    let first = world.type_as(ANNA_MS, 20, otp(false)).await;
    assert_eq!(first.reasons, [Reason::InputReplayed], "still known");
}
