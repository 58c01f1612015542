//! Streams of captures.

use super::*;

#[tokio::test]
async fn a_stream_says_how_it_stands_and_decides_once() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let c = ObserveBehavior { subject: id("anna"), other: otp(true), key: world.key() };
    let by = world.by(Role::Admin);
    let mut live = world.vouch.observe_behavior(&by, c.clone()).await.unwrap();
    for n in 0..3 {
        let update = live.push(typed(TEXT, ANNA_MS, 20 + n)).await.unwrap();
        assert_eq!((update.decision, update.captures), (Decision::Accept, n + 1));
    }
    let wrong = RawCapture { device: Device::Tablet, ..typed(TEXT, ANNA_MS, 30) };
    assert!(live.push(wrong).await.is_err());
    let result = live.finish().await.unwrap();
    assert_eq!((result.decision, result.captures, result.adapted), (Decision::Accept, 3, 3));
    world.is_audited(&result.decision_id, Some(Decision::Accept)).await;
    // A repeat of the same captures, the refused one included, is the same decision.
    let mut again = world.vouch.observe_behavior(&by, c).await.unwrap();
    for n in 0..3 {
        again.push(typed(TEXT, ANNA_MS, 20 + n)).await.unwrap();
    }
    again.push(RawCapture { device: Device::Tablet, ..typed(TEXT, ANNA_MS, 30) }).await.unwrap();
    assert_eq!(again.finish().await.unwrap(), result);
}

#[tokio::test]
async fn a_key_belongs_to_the_captures_of_its_stream() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let by = world.by(Role::Admin);
    let c = ObserveBehavior { subject: id("anna"), other: otp(false), key: world.key() };
    let open = || world.vouch.observe_behavior(&by, c.clone());
    let mut first = open().await.unwrap();
    for n in 0..2 {
        first.push(typed(TEXT, ANNA_MS, 20 + n)).await.unwrap();
        // Side by side only one could be counted and recorded.
        assert!(matches!(open().await, Err(UseCaseError::KeyInUse)));
    }
    first.finish().await.unwrap();
    let mismatch = |error| matches!(error, UseCaseError::IdempotencyMismatch);
    let mut other = open().await.unwrap();
    assert!(mismatch(other.push(typed(TEXT, BERT_MS, 20)).await.unwrap_err()));
    let mut later = open().await.unwrap();
    later.push(typed(TEXT, ANNA_MS, 20)).await.unwrap();
    assert!(mismatch(later.push(typed(TEXT, ANNA_MS, 22)).await.unwrap_err()));
    let mut fewer = open().await.unwrap();
    fewer.push(typed(TEXT, ANNA_MS, 20)).await.unwrap();
    assert!(mismatch(fewer.finish().await.unwrap_err()));
    let mut more = open().await.unwrap();
    for n in 0..2 {
        more.push(typed(TEXT, ANNA_MS, 20 + n)).await.unwrap();
    }
    assert!(mismatch(more.push(typed(TEXT, ANNA_MS, 22)).await.unwrap_err()));
}

#[tokio::test]
async fn a_stream_that_is_left_has_used_an_attempt() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let by = world.by(Role::Admin);
    let claim = || ObserveBehavior { subject: id("anna"), other: None, key: world.key() };
    // Nothing was compared: nothing is owed.
    drop(world.vouch.observe_behavior(&by, claim()).await.unwrap());
    for n in 0..5 {
        let mut live = world.vouch.observe_behavior(&by, claim()).await.unwrap();
        live.push(typed(TEXT, BERT_MS, n)).await.unwrap();
        drop(live);
        // It is decided in a task of its own.
        let mut attempts = 0;
        for _ in 0..1_000 {
            let snapshot = world.store.behavior(&tenant(), &id("anna"), None).await.unwrap();
            attempts = snapshot.unwrap().attempts.failed;
            if attempts > n {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(attempts, n + 1);
    }
    let locked = world.type_as(ANNA_MS, 20, otp(false)).await;
    assert_eq!((locked.decision, locked.score), (Decision::Locked, None));
}

#[tokio::test]
async fn a_stream_without_a_capture_concludes_nothing() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    for (subject, decision) in [("anna", Decision::Inconclusive), ("nobody", Decision::NotEnrolled)]
    {
        let c = ObserveBehavior { subject: id(subject), other: None, key: world.key() };
        let live = world.vouch.observe_behavior(&world.by(Role::Client), c).await.unwrap();
        let result = live.finish().await.unwrap();
        assert_eq!((result.decision, result.kind, result.captures), (decision, None, 0));
    }
}

#[tokio::test]
async fn the_latest_captures_of_a_stream_count() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let c = ObserveBehavior { subject: id("anna"), other: None, key: world.key() };
    let mut live = world.vouch.observe_behavior(&world.by(Role::Admin), c).await.unwrap();
    for n in 0..64 {
        live.push(typed(TEXT, BERT_MS, 100 + n)).await.unwrap();
    }
    let mut last = None;
    for n in 0..64 {
        last = Some(live.push(typed(TEXT, ANNA_MS, 200 + n)).await.unwrap());
    }
    let last = last.unwrap();
    assert_eq!(last.captures, 64);
    assert_eq!(last.reasons[0], Reason::BehaviorMatch, "{last:?}");
}

#[tokio::test]
async fn a_lock_ends_what_an_open_stream_tells() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let by = world.by(Role::Admin);
    let claim = ObserveBehavior { subject: id("anna"), other: None, key: world.key() };
    let mut live = world.vouch.observe_behavior(&by, claim).await.unwrap();
    assert!(live.push(typed(TEXT, ANNA_MS, 30)).await.unwrap().score.is_some());
    for n in 0..5 {
        world.type_as(BERT_MS, n, None).await;
    }
    let after = live.push(typed(TEXT, ANNA_MS, 31)).await.unwrap();
    assert_eq!((after.decision, after.score), (Decision::Locked, None));
}
