//! Somebody else writes to the database.

use std::path::Path;

use sqlx::{Connection as _, Row as _};

use super::fixture::{Fixture, raw, subject, tamper, tenant};
use super::policies;
use crate::behavior::SampleKind;
use crate::crypto::{MintedKey, SystemEntropy};
use crate::domain::{
    ApiKeyId, ConsentProof, ConsentRecord, Decision, FeedbackKind, Purpose, ReceiptId, Role, Source,
};
use crate::store::sqlite::behavior_profiles::tests::profile;
use crate::store::sqlite::table::Table;
use crate::store::{
    Effect, Idempotency, IdempotencyKey, Response, StoreError, SubjectTarget, Subjects as _,
};

/// A closed store with rows in every table.
async fn full() -> Fixture {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    f.enroll("bert", 9).await;
    f.enroll("carl", 13).await;
    put_profile(&f).await;
    policies::propose(&f, 1, "ann").await.unwrap();
    let put = Effect::PutApiKey {
        key: MintedKey::mint(&SystemEntropy),
        role: Role::Client,
        label: "app".into(),
        expires_at: None,
    };
    f.act(None, vec![put]).await.unwrap();
    let mut t = f.decision("anna", Decision::Accept);
    t.idempotency = Some(Idempotency {
        key: IdempotencyKey { method: "Verify", key: "k".into(), body_hash: [1; 32] },
        response: Response::Bytes(b"answer".to_vec()),
        lifetime_ms: 1_000_000,
    });
    f.commit(t).await.unwrap();
    put_feedback(&f).await;
    f.act(Some("anna"), vec![super::phone_numbers::add("+4930123456")]).await.unwrap();
    let key = Source::ApiKey(ApiKeyId::parse("app").unwrap());
    f.act(None, vec![super::sources::fails(key)]).await.unwrap();
    let receipt = ReceiptId::parse("r1").unwrap();
    f.act(Some("carl"), vec![Effect::EraseSubject { receipt }]).await.unwrap();
    f.store.close().await;
    f
}

/// A decision about Anna and one about nobody turn out right.
async fn put_feedback(f: &Fixture) {
    let about_nobody = f.act(None, Vec::new()).await.unwrap().applied.decision;
    let about_anna = f.commit(f.decision("anna", Decision::Accept)).await.unwrap();
    for decision in [about_anna.applied.decision, about_nobody] {
        let feedback = Box::new(super::feedback::entry(FeedbackKind::ConfirmedGenuine));
        f.act(None, vec![Effect::PutFeedback { decision, feedback }]).await.unwrap();
    }
}

/// Anna gets a profile of behavior.
async fn put_profile(f: &Fixture) {
    let record = ConsentRecord { purpose: Purpose::BehaviorAuthentication, ..f.consent() };
    let records = std::slice::from_ref(&record);
    let consent = ConsentProof::find(false, records, record.purpose, f.now()).unwrap();
    let profile = Box::new(profile("p1", SampleKind::Touch, None));
    let effects =
        vec![Effect::PutConsent(record.clone()), Effect::PutBehaviorProfile { profile, consent }];
    let mut transaction = f.transaction(Some("anna"), effects);
    let version = f.snapshot("anna").await.version;
    let target = SubjectTarget { id: subject("anna"), expected_version: Some(version) };
    transaction.subject = Some(target);
    f.commit(transaction).await.unwrap();
}

async fn refuses(f: &Fixture, path: &Path, what: &str) -> StoreError {
    match Fixture::open(path, &f.master).await {
        Ok(_) => panic!("not noticed: {what}"),
        Err(error) => error,
    }
}

fn copy(f: &Fixture, name: &str) -> std::path::PathBuf {
    let to = f.folder.path().join(name);
    std::fs::copy(f.path(), &to).unwrap();
    to
}

#[tokio::test]
async fn a_flipped_byte_in_any_column_of_any_row_is_refused() {
    let f = full().await;
    let path = copy(&f, "flip.db");
    let mut flips = 0;
    for table in Table::SUMMED.iter().chain([&Table::State]) {
        let name = table.spec().name;
        let mut conn = raw(&path).await;
        let sql = format!("SELECT * FROM {name}");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut conn).await.unwrap();
        assert!(!rows.is_empty(), "{name} has a row");
        let columns: Vec<String> = {
            use sqlx::Column as _;
            rows[0].columns().iter().map(|c| c.name().to_owned()).collect()
        };
        conn.close().await.unwrap();
        for n in 0..rows.len() {
            for column in &columns {
                let row = format!("(SELECT * FROM {name} LIMIT 1 OFFSET {n})");
                // Flip the lowest bit of the last byte; keep the type.
                let mut conn = raw(&path).await;
                let read = format!("SELECT typeof({column}), CAST({column} AS BLOB) FROM {row}");
                let got =
                    sqlx::query(sqlx::AssertSqlSafe(read)).fetch_one(&mut conn).await.unwrap();
                let kind: String = got.get(0);
                let bytes: Option<Vec<u8>> = got.get(1);
                conn.close().await.unwrap();
                let value = match (kind.as_str(), bytes) {
                    ("null", _) => "x'00'".to_owned(),
                    ("integer", _) => format!("{column} + 1000"),
                    (kind, Some(mut bytes)) if !bytes.is_empty() => {
                        let last = bytes.len() - 1;
                        bytes[last] ^= 1;
                        let hex = hex::encode(bytes);
                        match kind {
                            "text" => format!("CAST(x'{hex}' AS TEXT)"),
                            _ => format!("x'{hex}'"),
                        }
                    }
                    (kind, bytes) => panic!("{name}.{column}: {kind} {bytes:?}"),
                };
                let key = &columns[0];
                let text_null = matches!((name, column.as_str()), ("audit", "decision"));
                let value = if kind == "null" && text_null { "'X'".into() } else { value };
                let work = copy_of(&path, &f, "work.db");
                let sql = format!(
                    "UPDATE {name} SET {column} = {value} WHERE {key} = (SELECT {key} FROM {name} \
                     LIMIT 1 OFFSET {n})"
                );
                assert_eq!(tamper(&work, &sql).await, 1, "{sql}");
                let error = refuses(&f, &work, &sql).await;
                let named = matches!(&error, StoreError::Integrity { table, .. } if *table == name);
                assert!(named || name == "keyring", "{sql}: {error}");
                flips += 1;
            }
        }
    }
    assert!(flips > 150, "{flips} flips");
}

fn copy_of(from: &Path, f: &Fixture, name: &str) -> std::path::PathBuf {
    let to = f.folder.path().join(name);
    for tail in ["-wal", "-shm"] {
        std::fs::remove_file(f.folder.path().join(format!("{name}{tail}"))).ok();
    }
    std::fs::copy(from, &to).unwrap();
    to
}

#[tokio::test]
async fn flipped_bytes_of_the_file_are_refused() {
    let f = full().await;
    // Anna's utterances are asked for, so that every reader's path is behind the check.
    let whole = std::fs::read(f.path()).unwrap();
    let mut unnoticed = Vec::new();
    for position in (100..whole.len()).step_by(1009) {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x10;
        let work = copy_of(&f.path(), &f, "bytes.db");
        std::fs::write(&work, &bytes).unwrap();
        if let Ok(store) = Fixture::open(&work, &f.master).await {
            // Free space within pages holds nothing; what is there must be whole.
            let anna = store.subject(&tenant(), &subject("anna")).await.unwrap();
            assert!(anna.is_some_and(|a| a.voiceprint.is_some()));
            unnoticed.push(position);
            store.close().await;
        }
    }
    let tried = whole.len() / 1009;
    assert!(unnoticed.len() < tried, "{} of {tried}", unnoticed.len());
}

#[tokio::test]
async fn missing_extra_and_old_rows_are_refused() {
    let f = full().await;
    let statements = [
        "DELETE FROM utterance WHERE id = (SELECT min(id) FROM utterance)",
        "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM idempotency",
        "DELETE FROM api_key",
        "DELETE FROM erasure",
        "DELETE FROM behavior_profile",
        "DELETE FROM policy_ledger",
        "DELETE FROM policy_file",
        "DELETE FROM feedback",
        "DELETE FROM phone_number",
        "DELETE FROM feedback WHERE subject IS NULL",
        "DELETE FROM state",
        "DELETE FROM keyring",
        "DELETE FROM tenant",
        "DELETE FROM subject WHERE n = 1",
        "CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM audit; END",
        "DROP INDEX audit_by_tenant",
        "UPDATE audit SET seq = 1000 WHERE seq = 3; \
         UPDATE audit SET seq = 3 WHERE seq = 4; UPDATE audit SET seq = 4 WHERE seq = 1000",
    ];
    for sql in statements {
        let path = copy_of(&f.path(), &f, "rows.db");
        tamper(&path, sql).await;
        refuses(&f, &path, sql).await;
    }
}

#[tokio::test]
async fn an_old_template_put_back_is_refused_also_while_running() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    f.enroll("bert", 9).await;
    tamper(
        &f.path(),
        "CREATE TABLE old_subject AS SELECT * FROM subject; \
         CREATE TABLE old_utterance AS SELECT * FROM utterance",
    )
    .await;
    f.act(Some("anna"), vec![Effect::SetOptOut(true)]).await.unwrap();
    // The row from before the opt-out comes back.
    let sql = "UPDATE subject SET (sealed, version, mac) = \
               (SELECT sealed, version, mac FROM old_subject o WHERE o.n = subject.n) WHERE n = 1";
    tamper(&f.path(), sql).await;
    let refused = f.store.subject(&tenant(), &subject("anna")).await;
    assert!(matches!(refused, Err(StoreError::Integrity { table: "subject", .. })));
    let refused = f.act(Some("anna"), vec![Effect::SetOptOut(true)]).await;
    assert!(matches!(refused, Err(StoreError::Integrity { table: "subject", .. })));
    assert!(f.store.subject(&tenant(), &subject("bert")).await.is_ok());
    tamper(&f.path(), "DELETE FROM subject WHERE n = 2").await;
    let missing = f.store.subject(&tenant(), &subject("bert")).await;
    assert!(matches!(missing, Err(StoreError::Integrity { table: "subject", .. })));
    // And after a restart.
    f.store.close().await;
    tamper(&f.path(), "DROP TABLE old_subject; DROP TABLE old_utterance").await;
    assert_eq!(refuses(&f, &f.path(), "old row").await, StoreError::RowSet);
}

#[tokio::test]
async fn a_template_moved_to_another_row_does_not_open() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    f.enroll("bert", 9).await;
    // Bert's row gets the content of Anna's utterance, MAC and all.
    let sql = "UPDATE utterance SET (sealed, version, mac) = (SELECT sealed, version, mac FROM \
               utterance WHERE subject = (SELECT handle FROM subject WHERE n = 1) LIMIT 1) \
               WHERE subject = (SELECT handle FROM subject WHERE n = 2)";
    tamper(&f.path(), sql).await;
    let moved = f.store.subject(&tenant(), &subject("bert")).await;
    assert!(matches!(moved, Err(StoreError::Integrity { table: "utterance", .. })));
    // Anna's utterances are handed to Bert as whole rows: her handle is in their MACs.
    tamper(&f.path(), "UPDATE utterance SET subject = (SELECT handle FROM subject WHERE n = 2)")
        .await;
    let moved = f.store.subject(&tenant(), &subject("bert")).await;
    assert!(matches!(moved, Err(StoreError::Integrity { table: "utterance", .. })));
    let gone = f.store.subject(&tenant(), &subject("anna")).await;
    assert!(matches!(gone, Err(StoreError::Integrity { table: "utterance", .. })));
}

#[tokio::test]
async fn an_old_utterance_under_its_own_id_does_not_open() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    tamper(&f.path(), "CREATE TABLE old AS SELECT * FROM utterance").await;
    let renew = Effect::RenewRotation { expected_generation: 1 };
    f.act(None, vec![renew]).await.unwrap();
    let sql = "UPDATE utterance SET (sealed, version, mac) = \
               (SELECT sealed, version, mac FROM old WHERE old.id = utterance.id)";
    tamper(&f.path(), sql).await;
    let refused = f.store.subject(&tenant(), &subject("anna")).await;
    assert!(matches!(refused, Err(StoreError::Integrity { table: "utterance", .. })));
}

#[tokio::test]
async fn a_wrong_master_key_is_named_as_such() {
    let f = full().await;
    let other = crate::crypto::MasterKey::generate(&SystemEntropy);
    let refused = Fixture::open(&f.path(), &other).await;
    assert_eq!(refused.err(), Some(StoreError::WrongMasterKey));
}
