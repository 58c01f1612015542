//! What effects do, and what they refuse.

use super::fixture::{
    DIM, Fixture, at, authorization, embedding, extractor, subject, tamper, tenant,
};
use crate::crypto::{MasterKey, MintedKey, SystemEntropy};
use crate::domain::{
    ArtifactRef, AuditKind, ConsentRefusal, Decision, EnrollmentId, Purpose, Reason, Role,
    TenantId, VoiceprintId,
};
use crate::store::{
    Attempts, AuditLog as _, Commits as _, DecisionFilter, Directory as _, Effect, Embedding,
    Idempotency, IdempotencyKey, Outcome, PageRequest, Response, StoreError, SubjectTarget,
    Subjects as _,
};

fn page(size: u32, token: Option<String>) -> PageRequest {
    PageRequest { size, token }
}

#[tokio::test]
async fn an_enrollment_is_read_back_after_reopening() {
    let mut f = Fixture::new().await;
    f.enroll("anna", 5).await;
    for _ in 0..2 {
        let snapshot = f.snapshot("anna").await;
        let voiceprint = snapshot.voiceprint.expect("enrolled");
        assert_eq!(voiceprint.id.as_str(), "v1-anna");
        assert_eq!(voiceprint.extractor, extractor());
        assert_eq!(voiceprint.authorization, authorization());
        assert_eq!(voiceprint.utterances.len(), 2);
        for (utterance, seed) in voiceprint.utterances.iter().zip([5, 6]) {
            let expected = embedding(seed);
            let got = utterance.embedding.values();
            assert_eq!(got.len(), DIM);
            let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
            assert!(got.iter().zip(expected.values()).all(close));
        }
        let pending = snapshot.enrollment.expect("a re-enrollment is on the way");
        assert!(pending.reenroll);
        assert_eq!(pending.utterances.len(), 1);
        assert_eq!(snapshot.consents.len(), 1);
        f.reopen().await.unwrap();
    }
    let info = f.store.tenant(&tenant()).unwrap();
    assert_eq!(info.extractor, Some(extractor()));
    let all = f.store.voiceprints(&tenant(), page(10, None)).await.unwrap();
    assert_eq!(all.items.len(), 1);
    assert_eq!(all.items[0].subject, subject("anna"));
}

#[tokio::test]
async fn a_reenrollment_replaces_and_a_cancellation_drops() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    let snapshot = f.snapshot("anna").await;
    let proof = f.proof(&snapshot.consents[0]);
    f.act(Some("anna"), vec![f.complete("v2", &proof)]).await.unwrap();
    let snapshot = f.snapshot("anna").await;
    let voiceprint = snapshot.voiceprint.expect("enrolled");
    assert_eq!(voiceprint.id.as_str(), "v2");
    assert_eq!(voiceprint.utterances.len(), 1);
    assert!(snapshot.enrollment.is_none());
    // Without the wish to replace, an enrolled subject is refused.
    let refused = f.act(Some("anna"), vec![f.add("e3", 1, &proof)]).await;
    assert_eq!(refused, Err(StoreError::VoiceprintExists));
    let wrong = VoiceprintId::parse("v1-anna").unwrap();
    let effects = vec![Effect::DeleteVoiceprint { voiceprint: wrong }];
    assert_eq!(f.act(Some("anna"), effects).await, Err(StoreError::NoVoiceprint));
    let right = VoiceprintId::parse("v2").unwrap();
    let effects = vec![Effect::DeleteVoiceprint { voiceprint: right }, f.add("e4", 1, &proof)];
    f.act(Some("anna"), effects).await.unwrap();
    let refused = f.act(Some("anna"), vec![f.add("e5", 1, &proof)]).await;
    assert_eq!(refused, Err(StoreError::OtherEnrollment));
    let done = f.act(Some("anna"), vec![Effect::CancelEnrollment]).await;
    assert_eq!(done.unwrap().applied.utterances_dropped, 1);
    let again = f.act(Some("anna"), vec![Effect::CancelEnrollment]).await;
    assert_eq!(again, Err(StoreError::NoEnrollment));
}

#[tokio::test]
async fn storage_needs_consent_at_the_commit() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    let proof = f.proof(&f.snapshot("anna").await.consents[0]);
    let withdraw = vec![Effect::WithdrawConsents(Purpose::VoiceAuthentication)];
    let done = f.act(Some("anna"), withdraw).await.unwrap();
    assert_eq!(done.applied.withdrawn, 1);
    let add = Effect::AddUtterance {
        enrollment: EnrollmentId::parse("e2-anna").unwrap(),
        reenroll: true,
        utterance: f.utterance(9),
        consent: proof.clone(),
    };
    let refused = f.act(Some("anna"), vec![add]).await;
    let no_consent = StoreError::NoConsent(ConsentRefusal::NoCurrentConsent);
    assert_eq!(refused, Err(no_consent));
    f.act(Some("anna"), vec![Effect::SetOptOut(true)]).await.unwrap();
    let refused = f.act(Some("anna"), vec![f.complete("v9", &proof)]).await;
    assert_eq!(refused, Err(StoreError::NoConsent(ConsentRefusal::OptedOut)));
    assert!(f.snapshot("anna").await.opted_out);
}

#[tokio::test]
async fn extractors_do_not_mix() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    let proof = f.proof(&f.snapshot("anna").await.consents[0]);
    let mut utterance = f.utterance(1);
    utterance.extractor = ArtifactRef::new("other", 1);
    let add = Effect::AddUtterance {
        enrollment: EnrollmentId::parse("e2-anna").unwrap(),
        reenroll: true,
        utterance,
        consent: proof.clone(),
    };
    let refused = f.act(Some("anna"), vec![add]).await;
    assert!(matches!(refused, Err(StoreError::OtherExtractor { .. })));
    let pin = Effect::PinExtractor(ArtifactRef::new("other", 1));
    f.act(None, vec![pin]).await.unwrap();
    let refused = f.act(Some("anna"), vec![f.add("e2-anna", 1, &proof)]).await;
    assert!(matches!(refused, Err(StoreError::OtherExtractor { .. })));
}

#[tokio::test]
async fn a_version_that_moved_on_is_a_conflict_and_writes_nothing() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    let version = f.snapshot("anna").await.version;
    let locked = Attempts {
        failed: 3,
        unsuccessful: 7,
        last_failed_at: Some(at(5)),
        locked_until: Some(at(9)),
        locks: 2,
        factor_needed: true,
    };
    let attempt = |expected| {
        let mut t = f.transaction(Some("anna"), vec![Effect::SetAttempts(locked)]);
        t.subject = Some(SubjectTarget { id: subject("anna"), expected_version: expected });
        t
    };
    let head = f.store.head();
    let blind = f.commit(attempt(None)).await;
    assert!(matches!(blind, Err(StoreError::Invalid(_))));
    assert_eq!(f.store.head(), head);
    f.commit(attempt(Some(version))).await.unwrap();
    let late = f.commit(attempt(Some(version))).await;
    let conflict = StoreError::Conflict { expected: version, found: version + 1 };
    assert_eq!(late, Err(conflict));
    assert_eq!(f.store.head().sequence, head.sequence + 1);
    assert_eq!(f.snapshot("anna").await.attempts, locked);
}

#[tokio::test]
async fn a_failed_effect_leaves_nothing_behind() {
    let f = Fixture::new().await;
    let record = f.consent();
    let effects = vec![Effect::CreateSubject, Effect::PutConsent(record), Effect::CancelEnrollment];
    let refused = f.act(Some("anna"), effects).await;
    assert_eq!(refused, Err(StoreError::NoEnrollment));
    let found = f.store.subject(&tenant(), &subject("anna")).await.unwrap();
    assert!(found.is_none());
    f.act(Some("anna"), vec![Effect::CreateSubject]).await.unwrap();
    let twice = f.act(Some("anna"), vec![Effect::CreateSubject]).await;
    assert_eq!(twice, Err(StoreError::SubjectExists(subject("anna"))));
    let nobody = f.act(Some("bert"), vec![Effect::SetOptOut(true)]).await;
    assert_eq!(nobody, Err(StoreError::NoSubject(subject("bert"))));
    let mut f = f;
    f.reopen().await.unwrap();
}

fn request(key: &str, body: u8, response: &[u8]) -> Idempotency {
    Idempotency {
        key: IdempotencyKey { method: "Verify", key: key.into(), body_hash: [body; 32] },
        response: Response::Bytes(response.to_vec()),
        lifetime_ms: 1_000,
    }
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    let repeated = |key: &str, body, response: &[u8]| {
        let mut t = f.decision("anna", Decision::Accept);
        t.idempotency = Some(request(key, body, response));
        t
    };
    f.commit(repeated("k", 1, b"first")).await.unwrap();
    let head = f.store.head();
    let again = f.store.commit(repeated("k", 1, b"second")).await;
    assert_eq!(again, Ok(Outcome::Replayed(b"first".to_vec())));
    let other = f.store.commit(repeated("k", 2, b"second")).await;
    assert_eq!(other, Err(StoreError::IdempotencyMismatch));
    assert_eq!(f.store.head(), head);
    f.commit(repeated("another", 1, b"x")).await.unwrap();
    // The same through the reader, until it expires.
    let key = request("k", 1, b"").key;
    let now = f.now();
    let replay = f.store.replay(&tenant(), &key, now).await;
    assert_eq!(replay, Ok(Some(b"first".to_vec())));
    let late = now.plus_ms(5_000);
    assert_eq!(f.store.replay(&tenant(), &key, late).await, Ok(None));
    let mut fresh = repeated("k", 2, b"third");
    fresh.audit.at = late;
    let Ok(Outcome::Committed(committed)) = f.store.commit(fresh).await else {
        panic!("an expired key is free again");
    };
    assert_eq!(committed.response, b"third");
    let mut f = f;
    f.reopen().await.unwrap();
}

#[tokio::test]
async fn an_answer_may_be_made_from_what_the_commit_found() {
    let f = Fixture::new().await;
    let mut t = f.decision("nobody", Decision::NotEnrolled);
    t.subject = None;
    t.idempotency = Some(Idempotency {
        response: Response::Build(Box::new(|applied| vec![applied.sequence as u8])),
        ..request("k", 1, b"")
    });
    assert_eq!(f.commit(t).await.unwrap().response, vec![2]);
}

#[tokio::test]
async fn api_keys_authenticate_until_revoked_or_expired() {
    let mut f = Fixture::new().await;
    let key = MintedKey::mint(&SystemEntropy);
    let put = Effect::PutApiKey {
        key: key.clone(),
        role: Role::Auditor,
        label: "books".into(),
        expires_at: Some(at(2_000_000_000_000)),
    };
    f.act(None, vec![put]).await.unwrap();
    f.reopen().await.unwrap();
    let caller = f.store.authenticate(&key.text(), f.now()).expect("known");
    assert_eq!((caller.tenant, caller.role), (tenant(), Role::Auditor));
    assert_eq!(caller.key, *key.id());
    let mut wrong = key.text().to_string();
    let last = wrong.pop().unwrap();
    wrong.push(if last == 'A' { 'E' } else { 'A' });
    assert!(f.store.authenticate(&wrong, f.now()).is_none());
    assert!(f.store.authenticate("vk_x_y", f.now()).is_none());
    assert!(f.store.authenticate(&key.text(), at(2_000_000_000_000)).is_none());
    let revoke = |key: &MintedKey| Effect::RevokeApiKey { key: key.id().clone() };
    f.act(None, vec![revoke(&key)]).await.unwrap();
    assert!(f.store.authenticate(&key.text(), f.now()).is_none());
    let again = f.act(None, vec![revoke(&key)]).await;
    assert_eq!(again, Err(StoreError::NoApiKey));
    assert!(f.store.api_keys(&tenant())[0].revoked_at.is_some());
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    let other = TenantId::parse("other").unwrap();
    let mut t = f.transaction(None, vec![Effect::CreateTenant]);
    t.tenant = other.clone();
    f.commit(t).await.unwrap();
    let found = f.store.subject(&other, &subject("anna")).await.unwrap();
    assert!(found.is_none());
    let all = DecisionFilter::default();
    let listed = f.store.decisions(&other, &all, page(10, None)).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    let unknown = TenantId::parse("unknown").unwrap();
    let refused = f.store.subject(&unknown, &subject("anna")).await;
    assert_eq!(refused, Err(StoreError::NoTenant(unknown)));
    let twice = f.act(None, vec![Effect::CreateTenant]).await;
    assert_eq!(twice, Err(StoreError::TenantExists(tenant())));
}

#[tokio::test]
async fn decisions_are_filtered_and_paged_newest_first() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    f.enroll("bert", 9).await;
    let mut ids = Vec::new();
    for i in 0..7 {
        let (who, what) = match i % 2 {
            0 => ("anna", Decision::Accept),
            _ => ("bert", Decision::Reject),
        };
        let done = f.commit(f.decision(who, what)).await.unwrap();
        ids.push(done.applied.decision);
    }
    let filter = DecisionFilter {
        subject: Some(subject("anna")),
        decision: Some(Decision::Accept),
        reason: Some(Reason::PadNotEvaluated),
        kind: Some(AuditKind::Verification),
        ..DecisionFilter::default()
    };
    let first = f.store.decisions(&tenant(), &filter, page(3, None)).await.unwrap();
    let got: Vec<_> = first.items.iter().map(|r| r.id.clone()).collect();
    assert_eq!(got, [6, 4, 2].map(|i: usize| ids[i].clone()));
    let event = first.items[0].event.as_ref().expect("not erased");
    assert_eq!(event.subject, Some(subject("anna")));
    let rest = f.store.decisions(&tenant(), &filter, page(3, first.next)).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    let none = DecisionFilter { reason: Some(Reason::Clipped), ..DecisionFilter::default() };
    let empty = f.store.decisions(&tenant(), &none, page(3, None)).await.unwrap();
    assert!(empty.items.is_empty());
    let middle = rest.items[0].at;
    let window = DecisionFilter {
        from: Some(middle),
        until: Some(middle.plus_ms(1)),
        ..DecisionFilter::default()
    };
    let window = f.store.decisions(&tenant(), &window, page(9, None)).await.unwrap();
    assert_eq!(window.items.len(), 1);
    let one = f.store.decision(&tenant(), &ids[0]).await.unwrap();
    assert_eq!(one.as_ref(), Some(&rest.items[0]));
    let bad = f.store.decisions(&tenant(), &filter, page(3, Some("x".into()))).await;
    assert_eq!(bad, Err(StoreError::BadPageToken));
}

#[tokio::test]
async fn an_id_that_names_nobody_is_not_kept() {
    let f = Fixture::new().await;
    let mut t = f.transaction(None, Vec::new());
    t.audit.event.subject = Some(subject("ghost"));
    let id = f.commit(t).await.unwrap().applied.decision;
    let record = f.store.decision(&tenant(), &id).await.unwrap().unwrap();
    assert_eq!(record.event.expect("sealed by the tenant").subject, None);
}

#[tokio::test]
async fn subjects_are_listed_in_pages() {
    let f = Fixture::new().await;
    for i in 0..5 {
        let id = format!("s{i}");
        f.act(Some(&id), vec![Effect::CreateSubject]).await.unwrap();
    }
    let mut token = None;
    let mut seen = Vec::new();
    loop {
        let got = f.store.subjects(&tenant(), page(2, token)).await.unwrap();
        seen.extend(got.items.into_iter().map(|s| s.id.to_string()));
        token = got.next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["s0", "s1", "s2", "s3", "s4"]);
}

#[tokio::test]
async fn renewal_keeps_embeddings_and_changes_every_stored_copy() {
    let mut f = Fixture::new().await;
    f.enroll("anna", 5).await;
    f.enroll("bert", 50).await;
    let before = f.snapshot("anna").await;
    let renew = |generation| Effect::RenewRotation { expected_generation: generation };
    let done = f.act(None, vec![renew(1)]).await.unwrap().applied;
    assert_eq!((done.renewed, done.rotation_generation), (2, 2));
    let stale = f.act(None, vec![renew(1)]).await;
    let conflict = StoreError::RotationConflict { expected: 1, found: 2 };
    assert_eq!(stale, Err(conflict));
    for _ in 0..2 {
        let after = f.snapshot("anna").await;
        assert_eq!(after.version, before.version + 1);
        let (old, new) = (before.voiceprint.as_ref(), after.voiceprint.as_ref());
        let pairs = old.unwrap().utterances.iter().zip(&new.unwrap().utterances);
        for (a, b) in pairs {
            let (a, b) = (a.embedding.values(), b.embedding.values());
            assert!(a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-5));
        }
        f.reopen().await.unwrap();
    }
}

#[tokio::test]
async fn a_telephone_rendition_is_kept_and_renewed_beside_its_embedding() {
    let mut f = Fixture::new().await;
    f.enroll("anna", 5).await;
    let proof = f.proof(&f.snapshot("anna").await.consents[0]);
    let mut added = f.utterance(30);
    added.telephone = Some(embedding(31));
    let add = |utterance| Effect::AddUtterance {
        enrollment: EnrollmentId::parse("e3-anna").unwrap(),
        reenroll: true,
        utterance,
        consent: proof.clone(),
    };
    f.act(Some("anna"), vec![Effect::CancelEnrollment, add(added)]).await.unwrap();
    f.act(Some("anna"), vec![f.complete("v2", &proof)]).await.unwrap();
    let close = |a: &Embedding, b: &Embedding| {
        assert_eq!(a.values().len(), DIM);
        a.values().iter().zip(b.values()).all(|(x, y)| (x - y).abs() < 1e-5)
    };
    for round in 0..2 {
        let print = f.snapshot("anna").await.voiceprint.unwrap();
        let one = &print.utterances[0];
        assert!(close(&one.embedding, &embedding(30)), "round {round}");
        assert!(close(one.telephone.as_ref().unwrap(), &embedding(31)), "round {round}");
        f.act(None, vec![Effect::RenewRotation { expected_generation: round + 1 }]).await.unwrap();
        f.reopen().await.unwrap();
    }
    let mut odd = f.utterance(30);
    odd.telephone = Some(Embedding::new(vec![0.5; DIM - 1]));
    let refused = f.act(Some("anna"), vec![add(odd)]).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn the_master_key_rotates_and_the_old_one_no_longer_opens() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    let new = MasterKey::generate(&SystemEntropy);
    f.act(None, vec![Effect::RotateMasterKey(new.clone())]).await.unwrap();
    f.store.close().await;
    let old = Fixture::open(&f.path(), &f.master).await;
    assert_eq!(old.err(), Some(StoreError::WrongMasterKey));
    let store = Fixture::open(&f.path(), &new).await.unwrap();
    let found = store.subject(&tenant(), &subject("anna")).await.unwrap();
    assert!(found.is_some_and(|s| s.voiceprint.is_some()));
}

#[tokio::test]
async fn one_process_owns_a_store() {
    let f = Fixture::new().await;
    let second = Fixture::open(&f.path(), &f.master).await;
    assert!(matches!(second, Err(StoreError::InUse(_))));
    f.store.close().await;
    let closed = f.act(None, Vec::new()).await;
    assert_eq!(closed, Err(StoreError::Closed));
    Fixture::open(&f.path(), &f.master).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let f = Fixture::new().await;
    f.store.close().await;
    tamper(&f.path(), "PRAGMA user_version = 99").await;
    let refused = Fixture::open(&f.path(), &f.master).await;
    assert!(matches!(refused, Err(StoreError::NewerSchema { found: 99, .. })));
}
