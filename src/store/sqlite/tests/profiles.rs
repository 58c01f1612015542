//! Profiles of behavior in the store.

use super::fixture::{Fixture, subject, tamper, tenant};
use crate::behavior::{Device, SampleKind};
use crate::domain::{BehaviorProfileId, ConsentProof, ConsentRecord, Purpose, ReceiptId};
use crate::policy::Attempts;
use crate::store::sqlite::behavior_profiles::tests::profile;
use crate::store::sqlite::inspect;
use crate::store::{
    BehaviorProfile, BehaviorSnapshot, Effect, ProfileKey, StoreError, SubjectTarget,
    Subjects as _, TextSlot, Transaction,
};

fn key(kind: SampleKind, text_id: Option<&str>) -> ProfileKey {
    let (kind, device) = (kind.into(), Some(Device::Desktop));
    ProfileKey { kind, device, text_id: text_id.map(str::to_owned) }
}

fn pin() -> ProfileKey {
    key(SampleKind::FixedText, Some("pin"))
}

/// What every test begins with: Anna and Bert, who agreed to behavior.
struct World {
    f: Fixture,
    consent: ConsentRecord,
}

impl World {
    async fn new() -> Self {
        let f = Fixture::new().await;
        let consent = ConsentRecord { purpose: Purpose::BehaviorAuthentication, ..f.consent() };
        for id in ["anna", "bert"] {
            let effects = vec![Effect::CreateSubject, Effect::PutConsent(consent.clone())];
            f.act(Some(id), effects).await.unwrap();
        }
        Self { f, consent }
    }

    fn proof(&self) -> ConsentProof {
        let records = std::slice::from_ref(&self.consent);
        ConsentProof::find(false, records, self.consent.purpose, self.f.now()).unwrap()
    }

    async fn read(&self, id: &str, key: Option<&ProfileKey>) -> BehaviorSnapshot {
        let found = self.f.store.behavior(&tenant(), &subject(id), key).await.unwrap();
        found.expect("the subject exists")
    }

    /// A transaction on a subject as it is now.
    async fn now(&self, id: &str, effect: Effect) -> Transaction {
        let version = self.read(id, None).await.version;
        let mut transaction = self.f.transaction(Some(id), vec![effect]);
        let target = SubjectTarget { id: subject(id), expected_version: Some(version) };
        transaction.subject = Some(target);
        transaction
    }

    fn effect(&self, profile: BehaviorProfile) -> Effect {
        Effect::PutBehaviorProfile { profile: Box::new(profile), consent: self.proof() }
    }

    async fn put(&self, id: &str, profile: BehaviorProfile) -> Result<(), StoreError> {
        let transaction = self.now(id, self.effect(profile)).await;
        self.f.commit(transaction).await.map(drop)
    }

    /// Puts a profile for a text.
    async fn enroll(&self, id: &str, name: &str, text_id: &str) -> BehaviorProfile {
        let key = key(SampleKind::FixedText, Some(text_id));
        let text = self.read(id, Some(&key)).await.text;
        let new = profile(name, SampleKind::FixedText, text);
        self.put(id, new.clone()).await.unwrap();
        new
    }
}

#[tokio::test]
async fn profiles_are_found_by_kind_device_and_text() {
    let mut w = World::new().await;
    let first = w.enroll("anna", "p1", "pin").await;
    let second = w.enroll("anna", "p2", "password").await;
    let free = profile("p3", SampleKind::FreeText, None);
    w.put("anna", free.clone()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(w.read("anna", Some(&pin())).await.profiles, std::slice::from_ref(&first));
        let all = w.read("anna", None).await.profiles;
        assert_eq!(all, [first.clone(), second.clone(), free.clone()]);
        let other = ProfileKey { device: Some(Device::Phone), ..pin() };
        assert_eq!(w.read("anna", Some(&other)).await.profiles, []);
        assert_eq!(w.read("anna", Some(&key(SampleKind::FixedText, None))).await.profiles, []);
        assert_eq!(w.f.snapshot("anna").await.behavior_profiles, 3);
        w.f.reopen().await.unwrap();
    }
    // The same text of another subject has another name.
    assert_ne!(w.read("bert", Some(&pin())).await.text, first.text);
    assert_eq!(w.read("bert", None).await.profiles, []);
}

#[tokio::test]
async fn a_profile_is_replaced_and_deleted() {
    let w = World::new().await;
    let mut p = w.enroll("anna", "p1", "pin").await;
    let before = w.read("anna", None).await.version;
    p.seen.clear();
    p.completed_at = p.expires_at;
    w.put("anna", p.clone()).await.unwrap();
    let after = w.read("anna", None).await;
    assert_eq!((after.version, after.profiles), (before + 1, vec![p]));
    let id = BehaviorProfileId::parse("p1").unwrap();
    let delete = || vec![Effect::DeleteBehaviorProfile { profile: id.clone() }];
    let refused = w.f.act(Some("bert"), delete()).await;
    assert_eq!(refused.unwrap_err(), StoreError::NoBehaviorProfile);
    w.f.act(Some("anna"), delete()).await.unwrap();
    assert_eq!(w.read("anna", None).await.profiles, []);
    let refused = w.f.act(Some("anna"), delete()).await;
    assert_eq!(refused.unwrap_err(), StoreError::NoBehaviorProfile);
}

#[tokio::test]
async fn a_renewal_of_voiceprints_leaves_profiles_as_they_are() {
    let mut w = World::new().await;
    let before = w.enroll("anna", "p1", "pin").await;
    let renew = Effect::RenewRotation { expected_generation: 1 };
    let done = w.f.act(None, vec![renew]).await.unwrap().applied;
    assert_eq!((done.renewed, done.rotation_generation), (0, 2));
    for _ in 0..2 {
        assert_eq!(w.read("anna", Some(&pin())).await.profiles, std::slice::from_ref(&before));
        w.f.reopen().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_computed_from_an_old_version_is_refused() {
    let w = World::new().await;
    let first = w.now("anna", w.effect(profile("p1", SampleKind::Touch, None))).await;
    let second = w.now("anna", w.effect(profile("p2", SampleKind::Touch, None))).await;
    w.f.commit(first).await.unwrap();
    let refused = w.f.commit(second).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }));
    let blind = w.effect(profile("p2", SampleKind::Touch, None));
    let refused = w.f.act(Some("anna"), vec![blind]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Invalid(_)));
    let attempts = Attempts { failed: 3, ..Attempts::default() };
    let blind = vec![Effect::SetBehaviorAttempts(attempts)];
    assert!(matches!(w.f.act(Some("anna"), blind).await, Err(StoreError::Invalid(_))));
    let count = w.now("anna", Effect::SetBehaviorAttempts(attempts)).await;
    w.f.commit(count).await.unwrap();
    assert_eq!(w.read("anna", None).await.attempts, attempts);
    assert_eq!(w.f.snapshot("anna").await.attempts, Attempts::default(), "counted apart");
}

#[tokio::test]
async fn consent_is_checked_at_the_commit_and_by_purpose() {
    let w = World::new().await;
    let voice = w.f.consent();
    w.f.act(Some("anna"), vec![Effect::PutConsent(voice.clone())]).await.unwrap();
    let mut wrong = w.now("anna", Effect::SetOptOut(false)).await;
    wrong.effects = vec![Effect::PutBehaviorProfile {
        profile: Box::new(profile("p1", SampleKind::Touch, None)),
        consent: w.f.proof(&voice),
    }];
    assert!(matches!(w.f.commit(wrong).await, Err(StoreError::Invalid(_))));
    let withdraw = vec![Effect::WithdrawConsents(Purpose::BehaviorAuthentication)];
    w.f.act(Some("anna"), withdraw).await.unwrap();
    let late = w.put("anna", profile("p1", SampleKind::Touch, None)).await;
    assert!(matches!(late, Err(StoreError::NoConsent(_))));
}

#[tokio::test]
async fn a_subject_has_a_limited_number_of_profiles() {
    let w = World::new().await;
    for n in 0..64 {
        w.put("anna", profile(&format!("p{n}"), SampleKind::Touch, None)).await.unwrap();
    }
    let over = w.put("anna", profile("over", SampleKind::Touch, None)).await;
    assert!(matches!(over, Err(StoreError::Limit { limit: 64, got: 65, .. })));
}

#[tokio::test]
async fn an_old_profile_put_back_or_moved_is_refused() {
    let w = World::new().await;
    let p = w.enroll("anna", "p1", "pin").await;
    w.enroll("bert", "p2", "pin").await;
    tamper(&w.f.path(), "CREATE TABLE old AS SELECT * FROM behavior_profile").await;
    let back = "UPDATE behavior_profile SET (sealed, version, mac) = \
                (SELECT sealed, version, mac FROM old WHERE old.id = behavior_profile.id)";
    w.put("anna", BehaviorProfile { seen: Vec::new(), ..p }).await.unwrap();
    tamper(&w.f.path(), back).await;
    let refused = |answer: Result<Option<BehaviorSnapshot>, StoreError>| {
        matches!(answer, Err(StoreError::Integrity { table: "behavior_profile", .. }))
    };
    assert!(refused(w.f.store.behavior(&tenant(), &subject("anna"), None).await));
    assert!(!refused(w.f.store.behavior(&tenant(), &subject("bert"), None).await));
    let swap = "UPDATE behavior_profile SET sealed = (SELECT sealed FROM old WHERE id = 'p1') \
                WHERE id = 'p2'";
    tamper(&w.f.path(), swap).await;
    assert!(refused(w.f.store.behavior(&tenant(), &subject("bert"), None).await));
}

#[tokio::test]
async fn an_erasure_takes_the_profiles_along() {
    let w = World::new().await;
    w.enroll("anna", "p1", "pin").await;
    w.enroll("anna", "p2", "password").await;
    let erase = Effect::EraseSubject { receipt: ReceiptId::parse("r1").unwrap() };
    let done = w.f.act(Some("anna"), vec![erase]).await.unwrap();
    // Subject, 2 profiles, 3 audit records.
    assert_eq!(done.applied.erasure.map(|e| e.rows_destroyed), Some(6));
    let gone = w.f.store.behavior(&tenant(), &subject("anna"), None).await.unwrap();
    assert!(gone.is_none());
    w.enroll("bert", "p1", "pin").await;
}

#[tokio::test]
async fn neither_the_text_nor_its_digest_stands_in_the_file() {
    let w = World::new().await;
    let p = w.enroll("anna", "p1", "the-name-of-a-text").await;
    let TextSlot(slot) = p.text.expect("a text");
    w.f.store.close().await;
    for entry in std::fs::read_dir(w.f.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for needle in [&b"the-name-of-a-text"[..], &slot, p.samples[0].features.as_slice()] {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle));
        }
    }
}

#[tokio::test]
async fn a_database_from_before_behavior_is_read_and_brought_up_to_date() {
    let mut f = Fixture::new().await;
    f.enroll("anna", 5).await;
    f.store.close().await;
    let sql = "DROP TABLE behavior_profile; DROP TABLE policy_ledger; DROP TABLE policy_file; \
               DROP TABLE feedback; DROP TABLE phone_number; PRAGMA user_version = 1";
    tamper(&f.path(), sql).await;
    assert!(inspect(&f.path(), &f.master).await.is_ok(), "looked at as it is");
    f.reopen().await.unwrap();
    let snapshot = f.snapshot("anna").await;
    assert!(snapshot.voiceprint.is_some());
    assert_eq!(snapshot.behavior_profiles, 0);
}
