//! A store in a temporary folder with a tenant in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};
use tempfile::TempDir;

use crate::crypto::{MasterKey, SystemEntropy, random};
use crate::domain::{
    ArtifactRef, AuditKind, Authorization, Bandwidth, ConsentId, ConsentProof, ConsentRecord,
    Decision, DecisionId, EnrollmentId, Event, Purpose, Quality, Reason, SubjectId, TenantId,
    Timestamp, UtteranceId, VoiceprintId,
};
use crate::store::sqlite::SqliteStore;
use crate::store::{
    AuditDraft, Commits as _, Committed, Effect, Embedding, NewUtterance, Outcome, StoreError,
    SubjectSnapshot, SubjectTarget, Subjects as _, Transaction,
};

/// Dimensions of the test embeddings.
pub const DIM: usize = 24;

pub struct Fixture {
    pub folder: TempDir,
    pub master: MasterKey,
    pub store: SqliteStore,
    clock: AtomicI64,
}

pub fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

pub fn subject(text: &str) -> SubjectId {
    SubjectId::parse(text).unwrap()
}

pub fn extractor() -> ArtifactRef {
    ArtifactRef::new("campplus", 1)
}

pub fn authorization() -> Authorization {
    Authorization { agent: "agent-7".into(), factor: "otp".into() }
}

pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

pub fn embedding(seed: u32) -> Embedding {
    let value = |i: usize| ((i as f32 + 1.3) * (seed as f32 + 0.7)).sin();
    Embedding::new((0..DIM).map(value).collect())
}

pub fn quality() -> Quality {
    Quality {
        net_speech_ms: 8_000,
        total_ms: 11_000,
        snr_db: Some(21.5),
        level_dbfs: None,
        clipped_share: 0.0,
        bandwidth: Bandwidth::Narrow,
        packets_lost: 0,
        packets_repeated: 0,
        reasons: vec![Reason::NarrowBand],
    }
}

pub fn event(kind: AuditKind, id: Option<&SubjectId>) -> Event {
    Event {
        subject: id.cloned(),
        details: BTreeMap::from([("test".into(), "yes".into())]),
        ..Event::new(kind, "an act")
    }
}

impl Fixture {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let master = MasterKey::generate(&SystemEntropy);
        let path = folder.path().join("vouch.db");
        let store = SqliteStore::open(&path, &master, Arc::new(SystemEntropy)).await.unwrap();
        let fixture = Self { folder, master, store, clock: AtomicI64::new(1_700_000_000_000) };
        fixture.act(None, vec![Effect::CreateTenant]).await.unwrap();
        fixture
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("vouch.db")
    }

    pub fn now(&self) -> Timestamp {
        at(self.clock.fetch_add(1, Ordering::Relaxed))
    }

    pub async fn open(path: &Path, master: &MasterKey) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(path, master, Arc::new(SystemEntropy)).await
    }

    pub async fn reopen(&mut self) -> Result<(), StoreError> {
        self.store.close().await;
        self.store = Self::open(&self.path(), &self.master).await?;
        Ok(())
    }

    pub fn draft(&self, id: Option<&SubjectId>) -> AuditDraft {
        let now = self.now();
        AuditDraft {
            decision: DecisionId::new(now, random(&SystemEntropy)),
            at: now,
            event: event(AuditKind::Subject, id),
        }
    }

    pub fn transaction(&self, id: Option<&str>, effects: Vec<Effect>) -> Transaction {
        let id = id.map(subject);
        Transaction {
            tenant: tenant(),
            idempotency: None,
            audit: self.draft(id.as_ref()),
            subject: id.map(|id| SubjectTarget { id, expected_version: None }),
            effects,
        }
    }

    pub async fn commit(&self, transaction: Transaction) -> Result<Committed, StoreError> {
        match self.store.commit(transaction).await? {
            Outcome::Committed(committed) => Ok(*committed),
            Outcome::Replayed(_) => panic!("replayed"),
        }
    }

    pub async fn act(
        &self,
        id: Option<&str>,
        effects: Vec<Effect>,
    ) -> Result<Committed, StoreError> {
        self.commit(self.transaction(id, effects)).await
    }

    pub async fn snapshot(&self, id: &str) -> SubjectSnapshot {
        let found = self.store.subject(&tenant(), &subject(id)).await.unwrap();
        found.expect("the subject exists")
    }

    pub fn consent(&self) -> ConsentRecord {
        ConsentRecord {
            id: ConsentId::new(self.now(), random(&SystemEntropy)),
            notice_id: "voice-privacy".into(),
            notice_version: "3".into(),
            purpose: Purpose::VoiceAuthentication,
            channel: "call".into(),
            collector: "agent-7".into(),
            given_at: at(1_600_000_000_000),
            expires_at: None,
            withdrawn_at: None,
        }
    }

    pub fn proof(&self, record: &ConsentRecord) -> ConsentProof {
        let records = std::slice::from_ref(record);
        ConsentProof::find(false, records, Purpose::VoiceAuthentication, self.now()).unwrap()
    }

    pub fn utterance(&self, seed: u32) -> Box<NewUtterance> {
        Box::new(NewUtterance {
            id: UtteranceId::new(self.now(), random(&SystemEntropy)),
            captured_at: at(1_650_000_000_000),
            embedding: embedding(seed),
            telephone: None,
            extractor: extractor(),
            bandwidth: Bandwidth::Narrow,
            net_speech_ms: 8_000,
            quality: quality(),
            authorization: authorization(),
        })
    }

    pub fn add(&self, enrollment: &str, seed: u32, proof: &ConsentProof) -> Effect {
        Effect::AddUtterance {
            enrollment: EnrollmentId::parse(enrollment).unwrap(),
            reenroll: false,
            utterance: self.utterance(seed),
            consent: proof.clone(),
        }
    }

    pub fn complete(&self, voiceprint: &str, proof: &ConsentProof) -> Effect {
        Effect::CompleteEnrollment {
            voiceprint: VoiceprintId::parse(voiceprint).unwrap(),
            expires_at: None,
            authorization: authorization(),
            consent: proof.clone(),
        }
    }

    /// Creates a subject with a consent, a voiceprint of two utterances and a pending re-enrollment
    /// of one.
    pub async fn enroll(&self, id: &str, seed: u32) {
        let record = self.consent();
        let proof = self.proof(&record);
        let effects = vec![
            Effect::CreateSubject,
            Effect::PutConsent(record),
            self.add(&format!("e1-{id}"), seed, &proof),
            self.add(&format!("e1-{id}"), seed + 1, &proof),
            self.complete(&format!("v1-{id}"), &proof),
            Effect::AddUtterance {
                enrollment: EnrollmentId::parse(&format!("e2-{id}")).unwrap(),
                reenroll: true,
                utterance: self.utterance(seed + 2),
                consent: proof.clone(),
            },
        ];
        self.act(Some(id), effects).await.unwrap();
    }

    /// A decision about a subject that changes nothing.
    pub fn decision(&self, id: &str, decision: Decision) -> Transaction {
        let mut transaction = self.transaction(Some(id), Vec::new());
        transaction.audit.event.kind = AuditKind::Verification;
        transaction.audit.event.decision = Some(decision);
        transaction.audit.event.reasons = vec![Reason::VoiceMatch, Reason::PadNotEvaluated];
        transaction
    }
}

/// A connection past the store, with nothing in the way of writing.
pub async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).foreign_keys(false).connect().await.unwrap()
}

/// Runs a statement past the store.
pub async fn tamper(path: &Path, sql: &str) -> u64 {
    let mut conn = raw(path).await;
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut conn).await;
    let rows = done.unwrap_or_else(|e| panic!("{sql}: {e}")).rows_affected();
    sqlx::Connection::close(conn).await.unwrap();
    rows
}
