//! Somebody changes the chain; the checkpoints tell.

mod crash;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::checkpoint::{Checkpoint, CheckpointFile, read_checkpoints};
use super::{
    AnchorPolicy, Anchors, AuditError, Finding, Problem, Report, export_chain, export_decisions,
    verify,
};
use crate::crypto::{MasterKey, SystemEntropy, VerifyKey, random};
use crate::domain::{AuditKind, Decision, DecisionId, Event, TenantId, Timestamp};
use crate::store::sqlite::tests::tamper;
use crate::store::sqlite::{SqliteStore, inspect};
use crate::store::{
    AuditDraft, AuditLog as _, Commits as _, DecisionFilter, Effect, StoreError, Transaction,
};

struct Fixture {
    folder: TempDir,
    master: MasterKey,
    store: SqliteStore,
    key: VerifyKey,
}

fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let master = MasterKey::generate(&SystemEntropy);
        let path = folder.path().join("vouch.db");
        let store = SqliteStore::open(&path, &master, Arc::new(SystemEntropy)).await.unwrap();
        let key = store.checkpoint_signer().verify_key();
        let f = Self { folder, master, store, key };
        f.write(vec![Effect::CreateTenant]).await;
        f
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("vouch.db")
    }

    fn checkpoints(&self) -> PathBuf {
        self.folder.path().join("checkpoints.jsonl")
    }

    async fn write(&self, effects: Vec<Effect>) {
        let at = Timestamp::from_unix_ms(1_700_000_000_000);
        let mut event = Event::new(AuditKind::Verification, "an act");
        event.decision = Some(Decision::Reject);
        let transaction = Transaction {
            tenant: tenant(),
            idempotency: None,
            subject: None,
            effects,
            audit: AuditDraft { decision: DecisionId::new(at, random(&SystemEntropy)), at, event },
        };
        self.store.commit(transaction).await.unwrap();
    }

    /// Checkpoints at 5 and 10 of 12 records; the store is closed.
    async fn anchored() -> Self {
        let f = Self::new().await;
        let signer = f.store.checkpoint_signer();
        let (mut file, old) = CheckpointFile::open(&f.checkpoints()).unwrap();
        assert!(old.is_empty());
        for n in 2..=12 {
            f.write(Vec::new()).await;
            if n % 5 == 0 {
                let at = Timestamp::from_unix_ms(n);
                let checkpoint = Checkpoint::sign(&f.store.head(), at, &signer);
                file.append(&checkpoint).unwrap();
            }
        }
        f.store.close().await;
        f
    }

    async fn report(&self) -> Report {
        verify(&self.path(), &self.checkpoints(), self.key).await.unwrap()
    }

    async fn anchors(&self, policy: AnchorPolicy) -> Result<Anchors, AuditError> {
        let heads = self.store.watch_head();
        let signer = self.store.checkpoint_signer();
        let clock = || Timestamp::from_unix_ms(9);
        Anchors::start(&self.path(), heads, signer, &self.checkpoints(), policy, clock).await
    }
}

#[tokio::test]
async fn an_untouched_chain_verifies_and_states_its_window() {
    let f = Fixture::anchored().await;
    let report = f.report().await;
    assert_eq!(report.finding, None);
    assert_eq!((report.records, report.checkpoints), (12, 2));
    assert_eq!((report.anchored.sequence, report.unanchored()), (10, 2));
    assert_eq!(report.anchored_at, Some(Timestamp::from_unix_ms(10)));
    let inspected = inspect(&f.path(), &f.master).await.unwrap();
    assert_eq!((inspected.payloads, inspected.head), (12, report.head));
    assert_eq!(inspected.verify_key, f.key);
}

/// Puts a database back; what a connection left in its write-ahead log would be played over it.
fn restore(path: &Path, whole: &[u8]) {
    for log in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(log);
        let _ = std::fs::remove_file(name);
    }
    std::fs::write(path, whole).unwrap();
}

#[tokio::test]
async fn the_first_bad_record_is_named() {
    let swap = |a: u32, b: u32| {
        format!(
            "UPDATE audit SET seq = 99 WHERE seq = {a}; UPDATE audit SET seq = {a} WHERE seq = {b}; \
             UPDATE audit SET seq = {b} WHERE seq = 99"
        )
    };
    let cases = [
        (
            "UPDATE audit SET decision = 'ACCEPT' WHERE seq = 4".to_owned(),
            4,
            Problem::Changed,
            None,
        ),
        ("UPDATE audit SET hash = x'00' WHERE seq = 7".to_owned(), 7, Problem::Changed, None),
        ("DELETE FROM audit WHERE seq = 6".to_owned(), 6, Problem::Removed, None),
        ("DELETE FROM audit WHERE seq = 1".to_owned(), 1, Problem::Removed, None),
        (swap(3, 8), 3, Problem::Reordered, Some(8)),
        ("DELETE FROM audit WHERE seq > 8".to_owned(), 9, Problem::CutOff, Some(10)),
        ("DELETE FROM audit".to_owned(), 1, Problem::CutOff, Some(10)),
    ];
    let f = Fixture::anchored().await;
    let whole = std::fs::read(f.path()).unwrap();
    for (sql, sequence, problem, other) in cases {
        tamper(&f.path(), &sql).await;
        let finding = Finding { sequence, problem, other };
        assert_eq!(f.report().await.finding, Some(finding), "{sql}");
        restore(&f.path(), &whole);
    }
    // After the last checkpoint only the store itself notices: that is the window.
    tamper(&f.path(), "DELETE FROM audit WHERE seq = 12").await;
    assert_eq!(f.report().await.finding, None);
    let opened = SqliteStore::open(&f.path(), &f.master, Arc::new(SystemEntropy)).await;
    assert_eq!(opened.err(), Some(StoreError::RowSet));
}

#[tokio::test]
async fn a_rewritten_chain_is_found() {
    // Another store with as many records: consistent in itself, signed by nobody.
    let f = Fixture::anchored().await;
    let other = Fixture::anchored().await;
    std::fs::copy(other.path(), f.path()).unwrap();
    let finding = Finding { sequence: 1, problem: Problem::Rewritten, other: Some(5) };
    assert_eq!(f.report().await.finding, Some(finding));
}

#[tokio::test]
async fn a_rollback_of_the_whole_database_is_found_and_refused() {
    let f = Fixture::new().await;
    f.store.close().await;
    let old = std::fs::read(f.path()).unwrap();
    let mut f = f;
    f.store = SqliteStore::open(&f.path(), &f.master, Arc::new(SystemEntropy)).await.unwrap();
    let policy = AnchorPolicy { every_records: 3, every_ms: 3_600_000 };
    let anchors = f.anchors(policy).await.unwrap();
    for _ in 0..7 {
        f.write(Vec::new()).await;
    }
    f.store.close().await;
    anchors.shutdown().await;
    let report = f.report().await;
    assert_eq!((report.finding, report.unanchored()), (None, 0), "signed at the end");
    assert!(report.checkpoints >= 2, "and on the way");
    std::fs::write(f.path(), &old).unwrap();
    let finding = f.report().await.finding.expect("rolled back");
    assert_eq!((finding.sequence, finding.problem), (2, Problem::CutOff));
    f.store = SqliteStore::open(&f.path(), &f.master, Arc::new(SystemEntropy))
        .await
        .expect("in itself the old copy is whole");
    assert!(matches!(f.anchors(policy).await, Err(AuditError::Chain(_))));
}

#[tokio::test]
async fn forged_checkpoints_are_found() {
    let f = Fixture::anchored().await;
    let text = std::fs::read_to_string(f.checkpoints()).unwrap();
    let forged = text.replacen("\"sequence\":10", "\"sequence\":11", 1);
    std::fs::write(f.checkpoints(), forged).unwrap();
    let finding = f.report().await.finding.expect("forged");
    assert_eq!((finding.sequence, finding.problem), (11, Problem::BadSignature));
    let lines: Vec<&str> = text.lines().rev().collect();
    std::fs::write(f.checkpoints(), lines.join("\n") + "\n").unwrap();
    let finding = f.report().await.finding.expect("out of order");
    assert_eq!((finding.sequence, finding.problem), (5, Problem::CheckpointOrder));
}

#[tokio::test]
async fn a_torn_last_line_is_dropped_and_garbage_is_an_error() {
    let f = Fixture::anchored().await;
    let text = std::fs::read_to_string(f.checkpoints()).unwrap();
    std::fs::write(f.checkpoints(), format!("{text}{{\"sequen")).unwrap();
    assert_eq!(read_checkpoints(&f.checkpoints()).unwrap().len(), 2);
    let (_, read) = CheckpointFile::open(&f.checkpoints()).unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(std::fs::read_to_string(f.checkpoints()).unwrap(), text);
    std::fs::write(f.checkpoints(), format!("{text}garbage\n")).unwrap();
    let error = read_checkpoints(&f.checkpoints());
    assert!(matches!(error, Err(AuditError::BadLine { line: 3, .. })));
}

#[tokio::test]
async fn exports_hold_every_record_once() {
    let f = Fixture::new().await;
    for _ in 0..4 {
        f.write(Vec::new()).await;
    }
    let mut out = Vec::new();
    let filter = DecisionFilter::default();
    let n = export_decisions(&f.store, &tenant(), &filter, &mut out).await.unwrap();
    assert_eq!(n, 5);
    let text = String::from_utf8(out).unwrap();
    assert!(text.lines().next().unwrap().contains("\"sequence\":5"));
    let mut out = Vec::new();
    assert_eq!(export_chain(&f.path(), &mut out).await.unwrap(), 5);
    let text = String::from_utf8(out).unwrap();
    assert!(text.lines().next().unwrap().contains("\"sequence\":1"));
    assert_eq!(text.lines().count(), 5);
}
