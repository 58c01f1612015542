//! Nothing is left of an erased subject.

use std::path::Path;

use sqlx::{Connection as _, Row as _};

use super::fixture::{Fixture, at, raw, subject, tamper, tenant};
use crate::domain::{Decision, FeedbackKind, ReceiptId};
use crate::store::{
    AuditLog as _, Commits as _, DecisionFilter, Effect, ErasureState, Idempotency, IdempotencyKey,
    PageRequest, Response, StoreError, Subjects as _,
};

const ID: &str = "anna-who-wants-to-be-forgotten";

/// Bytes that must not be found afterwards, and their names.
async fn secrets(path: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let mut conn = raw(path).await;
    let sql = "SELECT handle, lookup, wrapped_key, sealed FROM subject WHERE n = 1";
    let row = sqlx::query(sql).fetch_one(&mut conn).await.unwrap();
    let mut found: Vec<(&'static str, Vec<u8>)> = vec![
        ("id", ID.as_bytes().to_vec()),
        ("handle", row.get(0)),
        ("lookup", row.get(1)),
        ("wrapped key", row.get(2)),
        ("document", row.get(3)),
    ];
    let utterances = sqlx::query(
        "SELECT sealed FROM utterance WHERE subject = (SELECT handle FROM subject WHERE n = 1)",
    );
    for row in utterances.fetch_all(&mut conn).await.unwrap() {
        found.push(("utterance", row.get(0)));
    }
    let payloads = sqlx::query(
        "SELECT sealed FROM audit WHERE subject = (SELECT handle FROM subject WHERE n = 1)",
    );
    for row in payloads.fetch_all(&mut conn).await.unwrap() {
        found.push(("audit payload", row.get(0)));
    }
    let requests = sqlx::query(
        "SELECT sealed FROM idempotency WHERE subject = (SELECT handle FROM subject WHERE n = 1)",
    );
    for row in requests.fetch_all(&mut conn).await.unwrap() {
        found.push(("answer", row.get(0)));
    }
    conn.close().await.unwrap();
    found
}

/// Files of the database that hold `needle` or its first or last 16 bytes.
fn holding(folder: &Path, needle: &[u8]) -> Vec<String> {
    let parts =
        [needle, &needle[..needle.len().min(16)], &needle[needle.len() - needle.len().min(16)..]];
    let holds = |bytes: &[u8]| {
        parts.iter().any(|part| bytes.windows(part.len()).any(|window| window == *part))
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if holds(&std::fs::read(&path).unwrap()) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn erase() -> Effect {
    Effect::EraseSubject { receipt: ReceiptId::parse("r1").unwrap() }
}

/// Anna with a voiceprint, decisions and a remembered answer, among others.
async fn prepared() -> Fixture {
    let f = Fixture::new().await;
    f.enroll(ID, 5).await;
    for i in 0..40 {
        f.enroll(&format!("other-{i}"), 100 + i).await;
        f.commit(f.decision(ID, Decision::Accept)).await.unwrap();
    }
    let mut t = f.decision(ID, Decision::Reject);
    t.idempotency = Some(Idempotency {
        key: IdempotencyKey { method: "Verify", key: "k".into(), body_hash: [1; 32] },
        response: Response::Bytes(format!("answer about {ID}").into_bytes()),
        lifetime_ms: 1_000_000_000,
    });
    f.commit(t).await.unwrap();
    f
}

#[tokio::test]
async fn no_file_holds_the_key_or_the_id_afterwards() {
    let mut f = prepared().await;
    let secrets = secrets(&f.path()).await;
    assert!(secrets.len() > 45);
    let folder = f.folder.path().to_owned();
    for (name, bytes) in secrets.iter().filter(|(name, _)| *name != "id") {
        assert!(!holding(&folder, bytes).is_empty(), "{name} is there before");
    }
    let done = f.act(Some(ID), vec![erase()]).await.unwrap();
    let erasure = done.applied.erasure.expect("an erasure");
    assert_eq!(erasure.state, ErasureState::Done);
    // Subject, 3 utterances, 42 audit records, 1 answer.
    assert_eq!(erasure.rows_destroyed, 47);
    for (name, bytes) in &secrets {
        assert_eq!(holding(&folder, bytes), Vec::<String>::new(), "{name}");
    }
    let receipt = ReceiptId::parse("r1").unwrap();
    for _ in 0..2 {
        assert!(f.store.subject(&tenant(), &subject(ID)).await.unwrap().is_none());
        let known = f.store.erasure(&tenant(), &receipt).await.unwrap();
        assert_eq!(known.as_ref(), Some(&erasure));
        let all = DecisionFilter::default();
        let page = PageRequest { size: 1_000, token: None };
        let listed = f.store.decisions(&tenant(), &all, page).await.unwrap().items;
        assert_eq!(listed.iter().filter(|r| r.event.is_none()).count(), 42);
        f.reopen().await.unwrap();
    }
    for (name, bytes) in &secrets {
        assert_eq!(holding(&folder, bytes), Vec::<String>::new(), "{name}");
    }
    // The id is free again, under another pseudonym and key.
    f.enroll(ID, 77).await;
    let again = self::secrets_of_new(&f).await;
    assert_ne!(again, secrets[1].1);
}

async fn secrets_of_new(f: &Fixture) -> Vec<u8> {
    let mut conn = raw(&f.path()).await;
    let sql = "SELECT handle FROM subject ORDER BY n DESC LIMIT 1";
    let row = sqlx::query(sql).fetch_one(&mut conn).await.unwrap();
    row.get(0)
}

#[tokio::test]
async fn an_erasure_is_pending_while_somebody_reads_an_old_state() {
    let f = prepared().await;
    let secrets = secrets(&f.path()).await;
    let mut reader = raw(&f.path()).await;
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM subject").execute(&mut reader).await.unwrap();
    let done = f.act(Some(ID), vec![erase()]).await.unwrap();
    let erasure = done.applied.erasure.expect("an erasure");
    assert_eq!(erasure.state, ErasureState::Pending);
    assert_eq!(erasure.erased_at, done_at(&f, &done.applied.decision).await);
    sqlx::raw_sql("COMMIT").execute(&mut reader).await.unwrap();
    reader.close().await.unwrap();
    let receipt = ReceiptId::parse("r1").unwrap();
    for _ in 0..100 {
        let now = f.store.erasure(&tenant(), &receipt).await.unwrap().unwrap();
        if now.state == ErasureState::Done {
            for (name, bytes) in &secrets {
                let left = holding(f.folder.path(), bytes);
                assert_eq!(left, Vec::<String>::new(), "{name}");
            }
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("still pending");
}

#[tokio::test]
async fn an_erasure_is_not_held_up_by_commits() {
    let f = prepared().await;
    let mut reader = raw(&f.path()).await;
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM subject").execute(&mut reader).await.unwrap();
    let done = f.act(Some(ID), vec![erase()]).await.unwrap();
    assert_eq!(done.applied.erasure.map(|e| e.state), Some(ErasureState::Pending));
    sqlx::raw_sql("COMMIT").execute(&mut reader).await.unwrap();
    reader.close().await.unwrap();
    let receipt = ReceiptId::parse("r1").unwrap();
    // The writer is never idle for as long as it waits between two attempts.
    for _ in 0..100 {
        f.commit(f.decision("other-1", Decision::Accept)).await.unwrap();
        let now = f.store.erasure(&tenant(), &receipt).await.unwrap().unwrap();
        if now.state == ErasureState::Done {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("still pending");
}

/// Rows of the subject and of what is on record about it, from before the erasure, stand where they stood.
#[tokio::test]
async fn what_is_put_back_together_after_an_erasure_stays_shut_while_running() {
    let f = Fixture::new().await;
    f.enroll(ID, 5).await;
    let decided = f.commit(f.decision(ID, Decision::Accept)).await.unwrap().applied.decision;
    let copies = "CREATE TABLE old_subject AS SELECT * FROM subject; \
                  CREATE TABLE old_audit AS SELECT * FROM audit";
    tamper(&f.path(), copies).await;
    f.act(Some(ID), vec![erase()]).await.unwrap();
    assert!(f.store.decision(&tenant(), &decided).await.unwrap().unwrap().event.is_none());
    let back = "INSERT INTO subject SELECT * FROM old_subject; \
                DELETE FROM audit WHERE seq IN (SELECT seq FROM old_audit); \
                INSERT INTO audit SELECT * FROM old_audit";
    tamper(&f.path(), back).await;
    let shut = |error: StoreError| {
        assert!(matches!(error, StoreError::Integrity { table: "subject", .. }), "{error}");
    };
    shut(f.store.decision(&tenant(), &decided).await.unwrap_err());
    let (all, page) = (DecisionFilter::default(), PageRequest { size: 10, token: None });
    shut(f.store.decisions(&tenant(), &all, page).await.unwrap_err());
    let feedback = Box::new(super::feedback::entry(FeedbackKind::FalseAlarm));
    let put = Effect::PutFeedback { decision: decided, feedback };
    shut(f.act(None, vec![put]).await.unwrap_err());
}

async fn done_at(f: &Fixture, id: &crate::domain::DecisionId) -> crate::domain::Timestamp {
    let record = f.store.decision(&tenant(), id).await.unwrap();
    record.map_or(at(0), |r| r.at)
}

/// Pages split and merge as rows come and go; no copy may stay behind in a gap.
#[tokio::test]
async fn nothing_stays_behind_in_the_gaps_of_a_busy_database() {
    let f = Fixture::new().await;
    let mut secrets = Vec::new();
    for i in 0..120 {
        f.enroll(&format!("subject-{i:04}-end"), i).await;
    }
    for i in 0..120 {
        f.commit(f.decision(&format!("subject-{i:04}-end"), Decision::Accept)).await.unwrap();
    }
    let mut conn = raw(&f.path()).await;
    for table in ["subject", "utterance"] {
        let column = if table == "subject" {
            "n % 3 = 0"
        } else {
            "subject IN (SELECT handle FROM subject WHERE n % 3 = 0)"
        };
        let sql = format!("SELECT sealed FROM {table} WHERE {column}");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut conn).await.unwrap();
        secrets.extend(rows.iter().map(|row| (table, row.get::<Vec<u8>, _>(0))));
    }
    let sql = "SELECT handle, lookup, wrapped_key FROM subject WHERE n % 3 = 0";
    for row in sqlx::query(sql).fetch_all(&mut conn).await.unwrap() {
        secrets.push(("handle", row.get(0)));
        secrets.push(("lookup", row.get(1)));
        secrets.push(("wrapped key", row.get(2)));
    }
    conn.close().await.unwrap();
    for i in (0..120).filter(|i| (i + 1) % 3 == 0) {
        let receipt = ReceiptId::parse(&format!("r{i}")).unwrap();
        let id = format!("subject-{i:04}-end");
        let done = f.act(Some(&id), vec![Effect::EraseSubject { receipt }]).await.unwrap();
        let erasure = done.applied.erasure.expect("an erasure");
        assert_eq!(erasure.state, ErasureState::Done);
    }
    assert_eq!(secrets.len(), 40 * 7);
    let left: Vec<_> = secrets
        .iter()
        .filter(|(_, bytes)| !holding(f.folder.path(), bytes).is_empty())
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(left, Vec::<&str>::new());
}
