//! Identification: found, nobody, extrapolated, and who is never found.

use super::world::*;
use crate::domain::*;
use crate::usecase::UseCaseError;
use crate::usecase::command::*;
use crate::usecase::port::Application;

async fn three() -> World {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    world.enrolled("bert", BERT).await;
    world.enrolled("cara", CARA).await;
    world
}

fn list(ids: &[&str]) -> Candidates {
    Candidates::List(ids.iter().map(|s| id(s)).collect())
}

#[tokio::test]
async fn the_right_one_is_found_and_a_stranger_is_nobody() {
    let world = three().await;
    for (subject, speed) in [("anna", ANNA), ("bert", BERT), ("cara", CARA)] {
        let found = world.identify(Candidates::WholeTenant, speak(speed, 12.0)).await;
        assert_eq!(found.decision, Decision::Accept, "{found:?}");
        assert_eq!(found.searched, 3);
        assert_eq!(found.candidates[0].subject, id(subject));
        assert_eq!(found.candidates.len(), 3);
        assert!(!found.extrapolated);
        let llr = found.candidates[0].score.llr.unwrap();
        assert!(llr >= found.threshold.unwrap());
    }
    let stranger = world.identify(Candidates::WholeTenant, speak(DORA, 24.0)).await;
    assert_eq!(stranger.decision, Decision::NoMatch, "{stranger:?}");
    assert!(stranger.reasons.contains(&Reason::BelowIdentificationThreshold));
}

#[tokio::test]
async fn a_list_bounds_who_can_be_found() {
    let world = three().await;
    let found = world.identify(list(&["bert", "cara", "bert", "nobody"]), speak(ANNA, 12.0)).await;
    assert_eq!(found.decision, Decision::NoMatch);
    assert_eq!(found.searched, 2);
    let found = world.identify(list(&["anna"]), speak(ANNA, 12.0)).await;
    assert_eq!(found.decision, Decision::Accept);
    let nobody = world.identify(list(&["nobody"]), speak(ANNA, 12.0)).await;
    assert_eq!(nobody.decision, Decision::NoMatch);
    assert_eq!(nobody.reasons[0], Reason::NoTemplate);
    let by = world.by(Role::Client);
    for candidates in [list(&[]), Candidates::List(vec![id("anna"); 1_001])] {
        let c = Identify { candidates, max_results: 10, no_early_decision: true, key: world.key() };
        let refused = world.vouch.identify(&by, c, recording(speak(ANNA, 12.0))).await;
        assert!(matches!(refused, Err(UseCaseError::InvalidArgument { .. })));
    }
}

#[tokio::test]
async fn too_little_speech_is_inconclusive() {
    let world = three().await;
    let asked = world.asked();
    let answer = world.identify(Candidates::WholeTenant, speak(ANNA, 2.0)).await;
    assert_eq!(answer.decision, Decision::Inconclusive);
    assert!(answer.candidates.is_empty());
    assert_eq!(world.asked(), asked);
}

#[tokio::test]
async fn beyond_the_calibration_data_nobody_is_accepted() {
    let world = World::with(Setting { pairs: 3_100, ..Setting::default() }).await;
    world.enrolled("anna", ANNA).await;
    let one = world.identify(Candidates::WholeTenant, speak(ANNA, 12.0)).await;
    assert_eq!((one.decision, one.supported_candidates), (Decision::Accept, 1));
    world.enrolled("bert", BERT).await;
    let two = world.identify(Candidates::WholeTenant, speak(ANNA, 12.0)).await;
    assert_eq!(two.decision, Decision::StepUp, "{two:?}");
    assert!(two.extrapolated && two.reasons.contains(&Reason::Extrapolated));
    assert_eq!(two.candidates[0].subject, id("anna"));
}

#[tokio::test]
async fn opted_out_withdrawn_and_erased_subjects_are_never_found() {
    let world = three().await;
    let by = world.by(Role::Privacy);
    let c = SetOptOut { subject: id("anna"), opted_out: true, key: world.key() };
    world.vouch.set_opt_out(&by, c).await.unwrap();
    let c = WithdrawConsent {
        subject: id("bert"),
        purpose: Purpose::VoiceAuthentication,
        key: world.key(),
    };
    world.vouch.withdraw_consent(&by, c).await.unwrap();
    let c = OnSubject { subject: id("cara"), key: world.key() };
    world.vouch.erase_subject(&by, c).await.unwrap();
    for speed in [ANNA, BERT, CARA] {
        let found = world.identify(Candidates::WholeTenant, speak(speed, 12.0)).await;
        assert_eq!(found.decision, Decision::NoMatch);
        assert_eq!((found.searched, found.candidates.len()), (0, 0));
    }
    let c = SetOptOut { subject: id("anna"), opted_out: false, key: world.key() };
    world.vouch.set_opt_out(&by, c).await.unwrap();
    world.consent("bert", None).await;
    for speed in [ANNA, BERT] {
        let found = world.identify(Candidates::WholeTenant, speak(speed, 12.0)).await;
        assert_eq!(found.decision, Decision::Accept, "back in");
    }
}

#[tokio::test]
async fn expired_consents_and_voiceprints_are_not_searched() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    world.enrolled("bert", BERT).await;
    let by = world.by(Role::Privacy);
    let c = WithdrawConsent {
        subject: id("anna"),
        purpose: Purpose::VoiceAuthentication,
        key: world.key(),
    };
    world.vouch.withdraw_consent(&by, c).await.unwrap();
    let soon = crate::usecase::Clock::now(world.clock.as_ref()).plus_ms(60_000);
    world.consent("anna", Some(soon)).await;
    let found = world.identify(Candidates::WholeTenant, speak(ANNA, 12.0)).await;
    assert_eq!((found.decision, found.searched), (Decision::Accept, 2));
    world.clock.forward(60_000);
    let found = world.identify(Candidates::WholeTenant, speak(ANNA, 12.0)).await;
    assert_eq!((found.decision, found.searched), (Decision::NoMatch, 1));
    world.clock.forward(731 * 86_400_000);
    let found = world.identify(Candidates::WholeTenant, speak(BERT, 12.0)).await;
    assert_eq!((found.decision, found.searched), (Decision::NoMatch, 0));
}

#[tokio::test]
async fn a_list_of_one_is_no_way_around_the_lock() {
    let world = three().await;
    for _ in 0..5 {
        world.verify("anna", speak(BERT, 12.0)).await;
    }
    let found = world.identify(list(&["anna"]), speak(ANNA, 12.0)).await;
    assert_eq!(found.decision, Decision::StepUp);
    assert_eq!(found.reasons[0], Reason::TooManyAttempts);
}

#[tokio::test]
async fn a_repeated_request_does_not_name_the_erased() {
    let world = three().await;
    let by = world.by(Role::Admin);
    let c = Identify {
        candidates: Candidates::WholeTenant,
        max_results: 10,
        no_early_decision: true,
        key: world.key(),
    };
    let audio = || recording(speak(ANNA, 12.0));
    let first = world.vouch.identify(&by, c.clone(), audio()).await.unwrap();
    let again = world.vouch.identify(&by, c.clone(), audio()).await.unwrap();
    assert_eq!(first, again);
    let erase = OnSubject { subject: id("bert"), key: world.key() };
    world.vouch.erase_subject(&by, erase).await.unwrap();
    let later = world.vouch.identify(&by, c.clone(), audio()).await.unwrap();
    assert_eq!(later.decision_id, first.decision_id);
    assert_eq!(later.candidates.len(), 2);
    let coarse = world.vouch.identify(&world.by(Role::Client), c, audio()).await.unwrap();
    assert!(coarse.threshold.is_none() && coarse.candidates[0].score.llr.is_none());
}

#[tokio::test]
async fn a_restart_finds_the_same() {
    let world = three().await;
    let again =
        World::with(Setting { store: Some(world.store.clone()), ..Setting::default() }).await;
    again.clock.forward(1_000_000);
    for (subject, speed) in [("anna", ANNA), ("bert", BERT)] {
        let c = Identify {
            candidates: Candidates::WholeTenant,
            max_results: 1,
            no_early_decision: true,
            key: IdempotencyKey::parse(&format!("restart-{subject}")).unwrap(),
        };
        let by = again.by(Role::Client);
        let found = again.vouch.identify(&by, c, recording(speak(speed, 12.0))).await.unwrap();
        assert_eq!(found.decision, Decision::Accept);
        assert_eq!(found.candidates[0].subject, id(subject));
    }
}

#[tokio::test]
async fn voiceprints_of_another_model_are_not_compared() {
    let world = three().await;
    let again = World::with(Setting {
        store: Some(world.store.clone()),
        model: ArtifactRef::new("color", 2),
        ..Setting::default()
    })
    .await;
    let by = again.by(Role::Client);
    let c = Verify {
        subject: id("anna"),
        key: IdempotencyKey::parse("other-model").unwrap(),
        no_early_decision: false,
        other: None,
    };
    // The tenant stays with the model of its first enrollment.
    let refused = again.vouch.verify(&by, c, recording(speak(ANNA, 12.0))).await;
    assert!(matches!(refused, Err(UseCaseError::ModelMissing { model }) if model == "color"));
}

#[tokio::test]
async fn a_tenant_keeps_its_model_when_another_is_configured() {
    let world = three().await;
    let first = ArtifactRef::new("color", 1);
    let again = World::with(Setting {
        store: Some(world.store.clone()),
        model: ArtifactRef::new("tint", 1),
        others: vec![first.clone()],
        ..Setting::default()
    })
    .await;
    again.clock.forward(1_000_000);
    let by = again.by(Role::Client);
    let key = |text: &str| IdempotencyKey::parse(text).unwrap();
    let c = Verify {
        subject: id("anna"),
        key: key("same-model"),
        no_early_decision: false,
        other: None,
    };
    let verified = again.vouch.verify(&by, c, recording(speak(ANNA, 12.0))).await.unwrap();
    assert_eq!(verified.decision, Decision::Accept);
    assert_eq!(verified.versions.model, Some(first));
    let c = Identify {
        candidates: Candidates::WholeTenant,
        max_results: 1,
        no_early_decision: true,
        key: key("found-by-the-same-model"),
    };
    let found = again.vouch.identify(&by, c, recording(speak(BERT, 12.0))).await.unwrap();
    assert_eq!(found.candidates[0].subject, id("bert"));
    assert_eq!(again.vouch.versions(None).model, Some(ArtifactRef::new("tint", 1)));
    assert_eq!(again.asked(), 0, "the configured model is not this tenant's");
}

#[tokio::test]
async fn a_repeat_mends_what_could_not_be_read_again() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let by = world.by(Role::Admin);
    let opt = |opted_out| SetOptOut { subject: id("anna"), opted_out, key: world.key() };
    world.vouch.set_opt_out(&by, opt(true)).await.unwrap();
    let back = opt(false);
    world.store.fail_subject_after_commit();
    world.vouch.set_opt_out(&by, back.clone()).await.unwrap_err();
    let everybody = || world.identify(Candidates::WholeTenant, speak(ANNA, 12.0));
    assert_eq!(everybody().await.searched, 0);
    world.vouch.set_opt_out(&by, back).await.unwrap();
    let found = everybody().await;
    assert_eq!((found.searched, &found.candidates[0].subject), (1, &id("anna")));
}
