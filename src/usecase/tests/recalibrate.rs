//! A calibration from feedback, from the records to the next start.

use std::sync::Arc;

use super::world::*;
use crate::crypto::{SystemEntropy, random};
use crate::domain::*;
use crate::store::{AuditDraft, Commits as _, Effect, Transaction};
use crate::usecase::command::*;
use crate::usecase::port::Application;
use crate::usecase::recalibrate::{PassedOver, collect};

impl World {
    async fn confirmed(&self, decision: &DecisionId, kind: FeedbackKind) {
        let over = kind == FeedbackKind::Overridden;
        let c = RecordOutcome {
            decision: decision.clone(),
            kind,
            instead: over.then_some(Decision::Accept),
            reviewer: "reviewer-3".into(),
            reason: over.then(|| "known".into()),
            key: self.key(),
        };
        self.vouch.record_outcome(&self.by(Role::Reviewer), c).await.unwrap();
    }

    async fn put_in_force(&self, calibration: TenantCalibration) {
        let at = Timestamp::from_unix_ms(1_700_000_000_000);
        let transaction = Transaction {
            tenant: tenant(),
            idempotency: None,
            subject: None,
            effects: vec![Effect::SetCalibration(Some(Box::new(calibration)))],
            audit: AuditDraft {
                decision: DecisionId::new(at, random(&SystemEntropy)),
                at,
                event: Event::new(AuditKind::Calibration, "calibration activated"),
            },
        };
        self.store.commit(transaction).await.unwrap();
    }
}

#[tokio::test]
async fn outcomes_become_trials_with_the_llr_of_the_calibration_that_ships() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let back_end = back_end(&ArtifactRef::new("color", 1), 100_000);
    let genuine = world.verify("anna", speak(ANNA, 25.0)).await;
    let fraud = world.verify("anna", speak(BERT, 25.0)).await;
    let silent = world.verify("anna", silence(5.0)).await;
    let over = world.verify("anna", speak(ANNA, 20.0)).await;
    for (decision, kind) in [
        (&genuine, FeedbackKind::FalseAlarm),
        (&fraud, FeedbackKind::ConfirmedFraud),
        (&silent, FeedbackKind::ConfirmedGenuine),
        (&over, FeedbackKind::Overridden),
    ] {
        world.confirmed(&decision.decision_id, kind).await;
    }
    let store = world.store.as_ref();
    let found = collect(store, &tenant(), &back_end, None).await.unwrap();
    let passed = PassedOver { overridden: 1, not_compared: 1, ..PassedOver::default() };
    assert_eq!(found.passed_over, passed);
    let trials: Vec<(bool, f64)> = found.trials.iter().map(|t| (t.genuine, t.base.0)).collect();
    let llr = |answer: &crate::usecase::output::Verification| answer.score.unwrap().llr.unwrap().0;
    assert_eq!(trials.len(), 2);
    for ((is_genuine, base), (expected, answer)) in
        trials.into_iter().zip([(false, &fraud), (true, &genuine)])
    {
        assert_eq!(is_genuine, expected);
        assert!((base - llr(answer)).abs() < 1e-9, "{base}");
    }
}

#[tokio::test]
async fn a_calibration_in_force_corrects_llrs_from_the_next_start_if_it_fits() {
    let world = World::new().await;
    world.enrolled("anna", ANNA).await;
    let before = world.verify("anna", speak(ANNA, 25.0)).await;
    let model = ArtifactRef::new("color", 1);
    let base = back_end(&model, 100_000).reference();
    let fitted = TenantCalibration {
        model,
        base: base.clone(),
        version: base.version + 1,
        scale: 0.5,
        shift: -1.0,
        genuine: 30,
        fraud: 30,
        subjects: 20,
        fitted_at: Timestamp::from_unix_ms(0),
    };
    let llr = |answer: &crate::usecase::output::Verification| answer.score.unwrap().llr.unwrap().0;
    let restarted = |store, earlier: usize| async move {
        let world = World::with(Setting { store: Some(store), ..Setting::default() }).await;
        // Later than before, and under keys that were not used.
        world.clock.forward(1_000_000);
        (0..earlier).for_each(|_| drop(world.key()));
        world
    };
    world.put_in_force(fitted.clone()).await;
    let again = restarted(Arc::clone(&world.store), 1_000).await;
    let corrected = again.verify("anna", speak(ANNA, 25.0)).await;
    assert!((llr(&corrected) - (0.5 * llr(&before) - 1.0)).abs() < 1e-6, "{corrected:?}");
    assert_eq!(corrected.versions.calibration.unwrap().version, base.version + 1);
    let c = RecordOutcome {
        decision: corrected.decision_id.clone(),
        kind: FeedbackKind::ConfirmedGenuine,
        instead: None,
        reviewer: "reviewer-3".into(),
        reason: None,
        key: IdempotencyKey::parse("after").unwrap(),
    };
    again.vouch.record_outcome(&again.by(Role::Reviewer), c).await.unwrap();
    let here = back_end(&ArtifactRef::new("color", 1), 100_000);
    let found = collect(again.store.as_ref(), &tenant(), &here, Some(&fitted)).await.unwrap();
    assert!((found.trials[0].base.0 - llr(&before)).abs() < 1e-6, "{found:?}");
    // One that was made for another back-end is left out.
    let other = TenantCalibration { base: ArtifactRef::new("other-b1", 1), ..fitted };
    again.put_in_force(TenantCalibration { version: 9, ..other }).await;
    let third = restarted(Arc::clone(&world.store), 2_000).await;
    let shipped = third.verify("anna", speak(ANNA, 25.0)).await;
    assert_eq!(shipped.versions.calibration.unwrap(), base);
}
