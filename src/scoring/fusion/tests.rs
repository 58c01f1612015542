//! Fusion against closed forms.

use proptest::prelude::*;

use super::*;
use crate::scoring::metrics::probit;

fn llr(modality: Modality, llr: f64) -> ModalityLlr {
    ModalityLlr { modality, llr: Llr(llr), same: 1.0 }
}

/// Pairs of scores of two modalities: jointly normal with mean ±d²/2, variance d² and correlation
/// `rho`, as calibrated LLRs of separation d are; on a grid of quantiles, so that nothing is drawn.
fn pairs(d: f64, rho: f64, target: bool) -> Vec<FusionTrial> {
    const SIDE: usize = 40;
    let mean = if target { d * d / 2.0 } else { -d * d / 2.0 };
    let z = |i: usize| probit((i as f64 + 0.5) / SIDE as f64);
    let mut all = Vec::new();
    for i in 0..SIDE {
        for j in 0..SIDE {
            let (a, b) = (z(i), rho * z(i) + (1.0 - rho * rho).sqrt() * z(j));
            let llrs = [(Modality::Voice, mean + d * a), (Modality::Touch, mean + d * b)];
            let llrs = llrs.into_iter().map(|(m, x)| (m, Llr(x))).collect();
            all.push(FusionTrial { llrs, target });
        }
    }
    all
}

fn options() -> FusionOptions {
    let license = LicenseClass::Research;
    FusionOptions { version: 3, license, ridge: 1e-6, prior: 0.5, people: 120 }
}

fn fitted(rho: f64) -> Fusion {
    let mut trials = pairs(2.0, rho, true);
    trials.extend(pairs(2.0, rho, false));
    Fusion::fit(&trials, &options()).expect("a fit")
}

#[test]
fn dependence_is_learned_to_its_closed_form() {
    // Two normal LLRs of equal separation and correlation rho: the joint LLR is (x + y) / (1 + rho).
    for rho in [0.0, 0.3, 0.6] {
        let fusion = fitted(rho);
        for w in &fusion.weights {
            assert!((w.weight - 1.0 / (1.0 + rho)).abs() < 0.06, "{rho}: {w:?}");
        }
        assert!(fusion.combinations[0].offset.abs() < 0.05, "{:?}", fusion.combinations);
        let got = fusion.fuse(&[llr(Modality::Voice, 2.0), llr(Modality::Touch, -0.5)]);
        let got = got.expect("evidence").llr.0;
        assert!((got - 1.5 / (1.0 + rho)).abs() < 0.1, "{rho}: {got}");
    }
}

#[test]
fn what_is_missing_is_left_out() {
    let fusion = fitted(0.5);
    assert_eq!(fusion.fuse(&[]), None);
    assert_eq!(fusion.fuse(&[llr(Modality::Voice, f64::NAN)]), None);
    // Unknown to this artefact.
    assert_eq!(fusion.fuse(&[llr(Modality::Text, 3.0)]), None);
    // One alone is passed on; a missing second one is not a zero.
    let alone = fusion.fuse(&[llr(Modality::Voice, 3.0)]).expect("evidence");
    assert_eq!((alone.llr, alone.offset), (Llr(3.0), 0.0));
    let twice = fusion.fuse(&[llr(Modality::Voice, 3.0), llr(Modality::Voice, -1.0)]);
    assert_eq!(twice.expect("evidence").llr, Llr(-1.0));
}

#[test]
fn parts_sum_to_the_whole() {
    let mut fusion = Fusion::cautious();
    fusion.combinations.push(CombinationOffset {
        modalities: vec![Modality::Voice, Modality::Text],
        offset: -0.4,
        trials: 100,
    });
    fusion.check().expect("sound");
    let all = [llr(Modality::Text, 2.0), llr(Modality::Voice, 4.0)];
    let fused = fusion.fuse(&all).expect("evidence");
    assert_eq!(fused.parts, [(Modality::Voice, 0.95 * 4.0), (Modality::Text, 0.8 * 2.0)]);
    assert!((fused.llr.0 - (3.8 + 1.6 - 0.4)).abs() < 1e-12);
    let three = [all[0], all[1], llr(Modality::Touch, 0.0)];
    assert_eq!(fusion.fuse(&three).expect("evidence").offset, 0.0);
}

#[test]
fn evidence_is_bounded_by_its_data() {
    let fusion = fitted(0.0);
    // 1,600 trials of each kind: ln(1,600 / 3).
    let bound = (1_600.0f64 / 3.0).ln();
    for (given, want) in [(1e9, bound), (-1e9, -bound), (f64::INFINITY, bound)] {
        let got = fusion.fuse(&[llr(Modality::Voice, given)]).expect("evidence");
        assert!((got.llr.0 - want).abs() < 1e-9, "{given}: {got:?}");
    }
}

#[test]
fn age_follows_bayes() {
    // Fresh: as it was. Two-state chain with equal rates: 0.5 + 0.5 e^(-2 λ t).
    assert_eq!(same_person(0, 5.0), 1.0);
    assert!((same_person(3_600_000, 0.5) - (0.5 + 0.5 * (-1f64).exp())).abs() < 1e-12);
    assert!((same_person(u64::MAX, 0.1) - 0.5).abs() < 1e-12);
    // LR 9 with s = 0.9: (0.9·9 + 0.1) / (0.9 + 0.1·9) = 8.2 / 1.8.
    let got = aged(Llr(9f64.ln()), 0.9).0;
    assert!((got - (8.2f64 / 1.8).ln()).abs() < 1e-12, "{got}");
    assert!((aged(Llr(-(9f64.ln())), 0.9).0 + got).abs() < 1e-12);
    // However strong, it is bounded by the chance of a takeover.
    assert!((aged(Llr(f64::INFINITY), 0.99).0 - 99f64.ln()).abs() < 1e-9);
    assert!(aged(Llr(700.0), 0.5).0.abs() < 1e-12);
    assert!(aged(Llr(3.0), f64::NAN).0.abs() < 1e-12);
}

#[test]
fn useless_weights_are_held_at_the_least() {
    // Touch runs the wrong way round.
    let mut trials = pairs(2.0, 0.0, true);
    trials.extend(pairs(2.0, 0.0, false));
    for t in &mut trials {
        if let Some(touch) = t.llrs.get_mut(&Modality::Touch) {
            touch.0 = -touch.0;
        }
    }
    let fusion = Fusion::fit(&trials, &options()).expect("a fit");
    assert_eq!(fusion.weights[1].weight, MIN_WEIGHT);
    assert!((fusion.weights[0].weight - 1.0).abs() < 0.05);
}

#[test]
fn too_little_and_broken_data_is_refused() {
    let few = pairs(2.0, 0.0, true);
    assert!(matches!(Fusion::fit(&few, &options()), Err(ScoringError::TooFew { got: 0, .. })));
    let mut nan = pairs(2.0, 0.0, true);
    nan.extend(pairs(2.0, 0.0, false));
    for prior in [0.0, 1.0, f64::NAN] {
        assert!(Fusion::fit(&nan, &FusionOptions { prior, ..options() }).is_err());
    }
    assert!(Fusion::fit(&nan, &FusionOptions { ridge: -1.0, ..options() }).is_err());
    nan[5].llrs.insert(Modality::Voice, Llr(f64::NAN));
    assert!(Fusion::fit(&nan, &options()).is_err());
}

#[test]
fn an_artefact_survives_json_and_a_broken_one_is_refused() {
    let fusion = fitted(0.4);
    let text = fusion.to_json().expect("json");
    assert_eq!(Fusion::from_json(&text).expect("read"), fusion);
    Fusion::cautious().check().expect("sound");
    type Change = fn(&mut Fusion);
    let changes: [Change; 8] = [
        |f| f.weights[0].weight = 0.0,
        |f| f.weights[0].weight = f64::NAN,
        |f| f.weights[1].lowest = 1.0,
        |f| f.weights[1].highest = 99.0,
        |f| f.weights.swap(0, 1),
        |f| f.weights.clear(),
        |f| f.combinations.push(f.combinations[0].clone()),
        |f| f.combinations[0].offset = f64::INFINITY,
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut broken = fusion.clone();
        change(&mut broken);
        assert!(broken.check().is_err(), "{i}");
    }
    for text in ["", "{}", "[1]", &text.replace("\"weights\"", "\"weight\"")] {
        assert!(Fusion::from_json(text).is_err());
    }
}

#[test]
fn the_shipped_fusion_is_sound_and_never_counts_more_than_independence() {
    let fusion = Fusion::fitted().expect("sound");
    assert_eq!(fusion.license, LicenseClass::Research);
    assert_ne!(fusion.id, Fusion::cautious().id);
    let known: Vec<Modality> = fusion.weights.iter().map(|w| w.modality).collect();
    assert_eq!(known, Modality::ALL);
    assert!(fusion.weights.iter().all(|w| w.weight <= 1.0), "{:?}", fusion.weights);
    assert!(fusion.fitted_on.people > 0 && fusion.fitted_on.non_target_trials > 0);
}

fn any_evidence() -> impl Strategy<Value = Vec<ModalityLlr>> {
    let one = (0usize..5, -30.0f64..30.0, 0.4f64..1.1);
    let one =
        one.prop_map(|(m, x, same)| ModalityLlr { modality: Modality::ALL[m], llr: Llr(x), same });
    prop::collection::vec(one, 1..6)
}

proptest! {
    /// More of one LLR, all else equal, never lowers the fused one.
    #[test]
    fn more_evidence_never_lowers(evidence in any_evidence(), which in 0usize..6, more in 0.0f64..20.0) {
        let fusion = Fusion::cautious();
        let before = fusion.fuse(&evidence).expect("evidence").llr.0;
        let mut raised = evidence.clone();
        let i = which % raised.len();
        raised[i].llr.0 += more;
        prop_assert!(fusion.fuse(&raised).expect("evidence").llr.0 >= before - 1e-12);
    }

    /// Age keeps the sign, shrinks, and keeps the order.
    #[test]
    fn age_shrinks(a in -40.0f64..40.0, b in -40.0f64..40.0, same in 0.5f64..1.0) {
        let (x, y) = (aged(Llr(a), same).0, aged(Llr(b), same).0);
        prop_assert!(x.abs() <= a.abs() + 1e-9 && x * a >= 0.0);
        prop_assert!((a <= b) == (x <= y + 1e-12) || (a - b).abs() < 1e-9 || (x - y).abs() < 1e-9);
    }
}
