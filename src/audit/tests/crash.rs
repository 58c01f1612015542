//! kill -9 in the middle of commits.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::audit;
use crate::crypto::{MasterKey, SystemEntropy};
use crate::domain::{Decision, DecisionId};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::tests::{Fixture, subject, tenant};
use crate::store::{AuditLog as _, Effect, Subjects as _};

/// Folder for the child; set only by the test that starts it.
const FOLDER: &str = "VOUCH_TEST_CRASH_FOLDER";

/// Not a test by itself: writes until it is killed, and says what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the test below in a process of its own"]
async fn child() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let folder = PathBuf::from(folder);
    let mut f = Fixture::new().await;
    f.store.close().await;
    let master = MasterKey::load(&folder.join("master.key")).unwrap();
    let path = folder.join("vouch.db");
    f.store = SqliteStore::open(&path, &master, Arc::new(SystemEntropy)).await.unwrap();
    if f.store.head().sequence == 0 {
        f.act(None, vec![Effect::CreateTenant]).await.unwrap();
    }
    let round = f.store.head().sequence;
    let f = Arc::new(f);
    let mut tasks = Vec::new();
    for writer in 0..8 {
        let f = Arc::clone(&f);
        tasks.push(tokio::spawn(async move {
            for i in 0..100_000u32 {
                let id = format!("s{round}-{writer}-{i}");
                f.enroll(&id, i).await;
                let done = f.commit(f.decision(&id, Decision::Accept)).await.unwrap();
                println!("ACK {id} {}", done.applied.decision);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn no_acknowledged_decision_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let master = MasterKey::generate(&SystemEntropy);
    master.save_new(&folder.path().join("master.key")).unwrap();
    let path = folder.path().join("vouch.db");
    let mut acknowledged = Vec::new();
    for kill_after in [7, 19, 40] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "audit::tests::crash::child"])
            .args(["--ignored", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut count = 0;
        for line in lines {
            let line = line.unwrap();
            // The harness may put its own words before the first line.
            let Some((_, ack)) = line.split_once("ACK ") else {
                continue;
            };
            acknowledged.push(ack.to_owned());
            count += 1;
            if count == kill_after {
                // SIGKILL. Lines already in the pipe are acknowledged as well.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(count >= kill_after, "the child wrote {count}");
        let store = Fixture::open(&path, &master).await.expect("opens and every row is right");
        for ack in &acknowledged {
            let (id, decision) = ack.split_once(' ').unwrap();
            let decision = DecisionId::parse(decision).unwrap();
            let record = store.decision(&tenant(), &decision).await.unwrap();
            assert!(record.is_some(), "{ack} is missing");
            let found = store.subject(&tenant(), &subject(id)).await.unwrap();
            assert!(found.is_some_and(|s| s.voiceprint.is_some()), "{ack}");
        }
        let key = store.checkpoint_signer().verify_key();
        store.close().await;
        let none = folder.path().join("none");
        std::fs::write(&none, "").unwrap();
        let report = audit::verify(&path, &none, key).await.unwrap();
        assert_eq!(report.finding, None);
        assert!(report.records >= acknowledged.len() as u64);
    }
}
