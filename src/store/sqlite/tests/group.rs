//! Many writers at once, a full disk, and figures.

use std::sync::Arc;

use super::fixture::{Fixture, at, raw, subject};
use crate::domain::Decision;
use crate::store::sqlite::inspect;
use crate::store::{Attempts, AuditLog as _, Commits as _, Effect, StoreError, SubjectTarget};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_writers_make_one_chain() {
    let f = Fixture::new().await;
    for i in 0..10 {
        f.enroll(&format!("s{i}"), i).await;
    }
    let before = f.store.head().sequence;
    let f = Arc::new(f);
    let mut tasks = Vec::new();
    for writer in 0..50 {
        let f = Arc::clone(&f);
        tasks.push(tokio::spawn(async move {
            let id = format!("s{}", writer % 10);
            let mut sequences = Vec::new();
            for _ in 0..6 {
                // A refused transaction in between must not harm its neighbors.
                let refused = f.act(Some("nobody"), vec![Effect::SetOptOut(true)]).await;
                assert_eq!(refused, Err(StoreError::NoSubject(subject("nobody"))));
                sequences.push(count_up(&f, &id).await);
                let done = f.commit(f.decision(&id, Decision::Accept)).await.unwrap();
                sequences.push(done.applied.sequence);
            }
            assert!(sequences.is_sorted(), "a writer's own order holds");
            sequences
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all.sort_unstable();
    let expected: Vec<u64> = (before + 1..=before + 600).collect();
    assert_eq!(all, expected, "every sequence once, none missing");
    for i in 0..10 {
        let snapshot = f.snapshot(&format!("s{i}")).await;
        assert_eq!(snapshot.attempts.failed, 30, "no update was lost");
    }
    f.store.close().await;
    let inspected = inspect(&f.path(), &f.master).await.unwrap();
    assert_eq!(inspected.head.sequence, before + 600);
}

/// Counts a failed attempt, reading again after a conflict; the sequence of its record.
async fn count_up(f: &Fixture, id: &str) -> u64 {
    loop {
        let snapshot = f.snapshot(id).await;
        let attempts = Attempts {
            failed: snapshot.attempts.failed + 1,
            last_failed_at: Some(at(7)),
            ..snapshot.attempts
        };
        let mut t = f.transaction(Some(id), vec![Effect::SetAttempts(attempts)]);
        t.subject =
            Some(SubjectTarget { id: subject(id), expected_version: Some(snapshot.version) });
        match f.commit(t).await {
            Ok(done) => return done.applied.sequence,
            Err(StoreError::Conflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_dropped_caller_still_commits() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    let before = f.store.head().sequence;
    drop(f.store.commit(f.decision("anna", Decision::Accept)));
    let mut heads = f.store.watch_head();
    while heads.borrow_and_update().sequence == before {
        heads.changed().await.unwrap();
    }
    assert_eq!(f.store.head().sequence, before + 1);
}

#[tokio::test]
async fn a_full_database_is_a_typed_error_and_nothing_is_half_written() {
    let mut f = Fixture::new().await;
    f.enroll("anna", 5).await;
    f.store.close().await;
    let pages = {
        use sqlx::Row as _;
        let mut conn = raw(&f.path()).await;
        let row = sqlx::query("PRAGMA page_count").fetch_one(&mut conn).await.unwrap();
        row.get::<i64, _>(0)
    };
    f.store = Fixture::open(&f.path(), &f.master).await.unwrap();
    f.store.limit_pages(pages + 8).await;
    let mut acknowledged = f.store.head().sequence;
    let mut full = 0;
    assert!(f.store.writable());
    for i in 0..200 {
        let id = format!("more-{i}");
        let before = f.store.head();
        match f.act(Some(&id), vec![Effect::CreateSubject]).await {
            Ok(done) => {
                acknowledged = done.applied.sequence;
                assert!(f.store.writable());
            }
            Err(StoreError::Full) => {
                full += 1;
                assert_eq!(f.store.head(), before);
                assert!(!f.store.writable());
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(full > 0, "the limit was reached");
    f.snapshot("anna").await;
    // It finds out by itself that there is room again.
    f.act(Some("one-more"), vec![Effect::CreateSubject]).await.unwrap_err();
    f.store.limit_pages(pages + 1_000).await;
    let begun = tokio::time::Instant::now();
    while !f.store.writable() {
        assert!(begun.elapsed().as_secs() < 20, "it does not try again");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    f.reopen().await.unwrap();
    assert_eq!(f.store.head().sequence, acknowledged);
    f.act(Some("later"), vec![Effect::CreateSubject]).await.unwrap();
    f.store.close().await;
    let inspected = inspect(&f.path(), &f.master).await.unwrap();
    assert_eq!(inspected.head.sequence, acknowledged + 1);
}

/// The same on a real file system: `VOUCH_TEST_SMALL_DISK` names a folder on one of 2 to 16 MiB.
#[tokio::test]
async fn a_full_disk_is_a_typed_error_and_ends_when_there_is_room() {
    let Some(folder) = std::env::var_os("VOUCH_TEST_SMALL_DISK") else {
        crate::testing::skipped("a_full_disk_is_a_typed_error", "set VOUCH_TEST_SMALL_DISK");
        return;
    };
    let mut f = Fixture::new().await;
    f.store.close().await;
    f.folder = tempfile::tempdir_in(folder).unwrap();
    f.store = Fixture::open(&f.path(), &f.master).await.unwrap();
    f.act(None, vec![Effect::CreateTenant]).await.unwrap();
    f.enroll("anna", 5).await;
    let filler = f.folder.path().join("filler");
    std::fs::write(&filler, vec![1; 512 * 1024]).unwrap();
    let mut acknowledged = f.store.head().sequence;
    let mut full = 0;
    for i in 0..100_000u32 {
        match f.act(Some(&format!("s{i}")), vec![Effect::CreateSubject]).await {
            Ok(done) => acknowledged = done.applied.sequence,
            Err(StoreError::Full) => full += 1,
            Err(other) => panic!("{other}"),
        }
        if full == 5 {
            break;
        }
    }
    assert_eq!(full, 5, "the disk was filled");
    assert_eq!(f.store.head().sequence, acknowledged);
    f.snapshot("anna").await;
    std::fs::remove_file(&filler).unwrap();
    f.act(Some("later"), vec![Effect::CreateSubject]).await.unwrap();
    f.reopen().await.unwrap();
    assert_eq!(f.store.head().sequence, acknowledged + 1);
}

/// Figures: `cargo test --release --lib measure_commits -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
async fn measure_commits() {
    use std::time::Instant;
    const CLIENTS: u32 = 32;
    const EACH: usize = 200;
    let f = Fixture::new().await;
    for i in 0..CLIENTS {
        f.enroll(&format!("s{i}"), i).await;
    }
    let f = Arc::new(f);
    let start = Instant::now();
    let mut tasks = Vec::new();
    for client in 0..CLIENTS {
        let f = Arc::clone(&f);
        tasks.push(tokio::spawn(async move {
            let id = format!("s{client}");
            let mut times = Vec::with_capacity(EACH);
            for _ in 0..EACH {
                let begun = Instant::now();
                count_up(&f, &id).await;
                times.push(begun.elapsed());
            }
            times
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let total = start.elapsed().as_secs_f64();
    times.sort_unstable();
    let ms = |share: f64| times[(share * (times.len() - 1) as f64) as usize].as_secs_f64() * 1e3;
    println!(
        "{} clients, {} commits (read, attempt, audit record): {:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
        CLIENTS,
        times.len(),
        times.len() as f64 / total,
        ms(0.5),
        ms(0.99)
    );
    let start = Instant::now();
    for i in 0..2_000 {
        f.snapshot(&format!("s{}", i % CLIENTS)).await;
    }
    let each = start.elapsed().as_secs_f64() / 2_000.0;
    println!("snapshot with 3 utterances: {:.2} ms", each * 1e3);
    f.store.close().await;
    let start = Instant::now();
    let store = Fixture::open(&f.path(), &f.master).await.unwrap();
    let rows = store.head().sequence;
    let seconds = start.elapsed().as_secs_f64();
    println!("opening, {rows} audit records: {seconds:.2} s");
}
