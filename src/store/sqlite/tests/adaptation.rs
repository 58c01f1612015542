//! Voiceprints that adapt, and calibrations of tenants' own, in the store.

use super::fixture::{Fixture, at, subject, tenant};
use crate::domain::{ArtifactRef, TenantCalibration, UtteranceId, VoiceprintId};
use crate::store::{
    Directory as _, Effect, EnrolledUtterance, SampleOrigin, StoreError, SubjectTarget,
};

fn print() -> VoiceprintId {
    VoiceprintId::parse("v1-anna").unwrap()
}

/// An adaptation of Anna's voiceprint, at the version it has.
async fn adapt(
    f: &Fixture,
    seed: u32,
    drop: Vec<UtteranceId>,
) -> Result<Vec<EnrolledUtterance>, StoreError> {
    let snapshot = f.snapshot("anna").await;
    let consent = f.proof(&snapshot.consents[0]);
    let utterance = f.utterance(seed);
    let effect = Effect::AdaptVoiceprint { voiceprint: print(), utterance, drop, consent };
    let mut transaction = f.transaction(Some("anna"), vec![effect]);
    let expected_version = Some(snapshot.version);
    transaction.subject = Some(SubjectTarget { id: subject("anna"), expected_version });
    f.commit(transaction).await?;
    Ok(f.snapshot("anna").await.voiceprint.expect("enrolled").utterances)
}

fn origins(utterances: &[EnrolledUtterance]) -> Vec<SampleOrigin> {
    utterances.iter().map(|u| u.origin).collect()
}

#[tokio::test]
async fn an_adapted_utterance_joins_and_makes_way_also_after_a_restart() {
    use SampleOrigin::{Adapted, Enrolled};
    let mut f = Fixture::new().await;
    f.enroll("anna", 5).await;
    let first = adapt(&f, 40, vec![]).await.unwrap();
    assert_eq!(origins(&first), [Enrolled, Enrolled, Adapted]);
    f.reopen().await.unwrap();
    let old = first[2].id.clone();
    let second = adapt(&f, 41, vec![old.clone()]).await.unwrap();
    assert_eq!(origins(&second), [Enrolled, Enrolled, Adapted]);
    assert!(second.iter().all(|u| u.id != old));
    let renew = Effect::RenewRotation { expected_generation: 1 };
    f.act(None, vec![renew]).await.unwrap();
    f.reopen().await.unwrap();
    let kept = f.snapshot("anna").await.voiceprint.expect("enrolled").utterances;
    assert_eq!(origins(&kept), [Enrolled, Enrolled, Adapted]);
}

#[tokio::test]
async fn an_enrolled_utterance_never_makes_way() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    let enrolled = f.snapshot("anna").await.voiceprint.expect("enrolled").utterances;
    let refused = adapt(&f, 40, vec![enrolled[0].id.clone()]).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    let unknown = UtteranceId::parse("unheard-of").unwrap();
    let refused = adapt(&f, 40, vec![unknown]).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    assert_eq!(f.snapshot("anna").await.voiceprint.expect("enrolled").utterances, enrolled);
}

#[tokio::test]
async fn an_adaptation_needs_version_consent_and_the_voiceprint_it_means() {
    let f = Fixture::new().await;
    f.enroll("anna", 5).await;
    let consent = f.proof(&f.snapshot("anna").await.consents[0]);
    let effect = |voiceprint: &str| Effect::AdaptVoiceprint {
        voiceprint: VoiceprintId::parse(voiceprint).unwrap(),
        utterance: f.utterance(40),
        drop: vec![],
        consent: consent.clone(),
    };
    let blind = f.act(Some("anna"), vec![effect("v1-anna")]).await;
    assert!(matches!(blind, Err(StoreError::Invalid(_))), "{blind:?}");
    let at_version = |effects: Vec<Effect>, version| {
        let mut transaction = f.transaction(Some("anna"), effects);
        let expected_version = Some(version);
        transaction.subject = Some(SubjectTarget { id: subject("anna"), expected_version });
        transaction
    };
    let version = f.snapshot("anna").await.version;
    let other = f.commit(at_version(vec![effect("v2-anna")], version)).await;
    assert_eq!(other.unwrap_err(), StoreError::NoVoiceprint);
    f.act(Some("anna"), vec![Effect::SetOptOut(true)]).await.unwrap();
    let out = f.commit(at_version(vec![effect("v1-anna")], version + 1)).await;
    assert!(matches!(out, Err(StoreError::NoConsent(_))), "{out:?}");
}

#[tokio::test]
async fn a_calibration_is_kept_until_it_is_taken_out() {
    let mut f = Fixture::new().await;
    let calibration = TenantCalibration {
        model: ArtifactRef::new("campplus", 1),
        base: ArtifactRef::new("campplus-open-b1", 1),
        version: 2,
        scale: 0.75,
        shift: -0.5,
        genuine: 40,
        fraud: 30,
        subjects: 25,
        fitted_at: at(1_700_000_000_000),
    };
    let set = Effect::SetCalibration(Some(Box::new(calibration.clone())));
    f.act(None, vec![set]).await.unwrap();
    for _ in 0..2 {
        let info = f.store.tenant(&tenant()).unwrap();
        assert_eq!(info.calibration.as_ref(), Some(&calibration));
        f.reopen().await.unwrap();
    }
    f.act(None, vec![Effect::SetCalibration(None)]).await.unwrap();
    f.reopen().await.unwrap();
    assert_eq!(f.store.tenant(&tenant()).unwrap().calibration, None);
}
