//! Candidates from confirmed decisions.

use super::*;
use crate::domain::Versions;
use crate::scoring::backend::testing::back_end;

fn tenant() -> TenantId {
    TenantId::parse("bank").unwrap()
}

/// Decisions on 20 subjects; LLRs as a system says that is too sure of itself by a factor of two.
fn collected(genuine: usize, fraud: usize) -> Collected {
    let wave = |i: usize| 2.0 * ((i * i) as f64 * 0.37 + i as f64 * 1.3).sin();
    let trial = |i: usize, genuine: bool| ConfirmedTrial {
        subject: Some(SubjectId::parse(&format!("s{}", i % 20)).unwrap()),
        genuine,
        base: Llr(2.0 * (if genuine { 2.0 } else { -2.0 } + 2.0 * wave(i)) + 3.0),
    };
    let trials = (0..genuine).map(|i| trial(i, true)).chain((0..fraud).map(|i| trial(i, false)));
    Collected { trials: trials.collect(), passed_over: PassedOver::default() }
}

fn made(genuine: usize, fraud: usize) -> Result<Candidate, RecalibrateError> {
    let at = Timestamp::from_unix_ms(7);
    candidate(&tenant(), &collected(genuine, fraud), &back_end(), None, at)
}

#[test]
fn a_candidate_corrects_what_is_too_sure_and_shifted() {
    let made = made(300, 200).unwrap();
    let fitted = &made.calibration;
    assert!(fitted.scale < 0.8 && fitted.shift < -0.5, "{fitted:?}");
    assert_eq!((fitted.genuine, fitted.fraud, fitted.subjects), (300, 200, 20));
    assert_eq!(fitted.version, back_end().reference().version + 1);
    assert!(made.after.cllr < made.before.cllr - 0.1, "{made:?}");
    // A rising map does not change the order.
    assert!((made.after.min_cllr - made.before.min_cllr).abs() < 1e-9);
    let held_out = made.held_out.unwrap();
    assert!(held_out.cllr < made.before.cllr, "{made:?}");
    let again = serde_json::from_str::<Candidate>(&serde_json::to_string(&made).unwrap()).unwrap();
    assert_eq!(again.tenant, made.tenant);
    assert!((again.calibration.scale - fitted.scale).abs() < 1e-15);
}

#[test]
fn too_few_of_either_kind_are_refused_by_name() {
    for (genuine, fraud, kind) in
        [(MIN_GENUINE - 1, 100, "confirmed as genuine"), (100, MIN_FRAUD - 1, "confirmed as fraud")]
    {
        match made(genuine, fraud) {
            Err(RecalibrateError::TooFew { what, needed: 30, got: 29 }) => assert_eq!(what, kind),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn scores_that_say_nothing_are_refused() {
    let mut wrong = collected(40, 40);
    wrong.trials.iter_mut().for_each(|trial| trial.genuine = !trial.genuine);
    let at = Timestamp::from_unix_ms(7);
    let refused = candidate(&tenant(), &wrong, &back_end(), None, at);
    assert!(matches!(refused, Err(RecalibrateError::Scoring(_) | RecalibrateError::Unfit(_))));
}

#[test]
fn only_a_newer_candidate_for_what_is_in_force_is_activated() {
    let made = made(40, 40).unwrap();
    let here = back_end();
    assert!(check(&made, &tenant(), &here, None).is_ok());
    let other = TenantId::parse("other").unwrap();
    let refused = check(&made, &other, &here, None);
    assert!(matches!(refused, Err(RecalibrateError::OtherTenant { .. })));
    for change in [
        |c: &mut TenantCalibration| c.model.version += 1,
        |c: &mut TenantCalibration| c.base.id += "x",
        |c: &mut TenantCalibration| c.base.version += 1,
    ] {
        let mut wrong = made.clone();
        change(&mut wrong.calibration);
        let refused = check(&wrong, &tenant(), &here, None);
        assert!(matches!(refused, Err(RecalibrateError::OtherBackEnd { .. })));
    }
    let active = made.calibration.clone();
    let refused = check(&made, &tenant(), &here, Some(&active));
    assert!(matches!(refused, Err(RecalibrateError::NotNewer { .. })));
    let mut edited = made;
    edited.calibration.scale = 100.0;
    let refused = check(&edited, &tenant(), &here, None);
    assert!(matches!(refused, Err(RecalibrateError::Unfit(_))));
}

#[test]
fn the_llr_of_the_base_is_found_from_what_a_record_keeps() {
    let here = back_end();
    let (base, model) = (here.reference(), here.info().model.clone());
    let conditions = Conditions { net_speech_ms: [4_000, 20_000], narrow_share: [1.0, 0.0] };
    let raw = RawScore(1.5);
    let expected = here.calibration().llr(raw, &conditions);
    let active = TenantCalibration { version: base.version + 4, ..fitted() };
    let undo = Undo { back_end: &here, active: Some(&active) };
    let event = |version: u32, llr: Llr, kept: bool| {
        let mut event = Event::new(AuditKind::Verification, "verification");
        event.score = Some(EventScore { raw, llr });
        event.versions = Some(Versions {
            model: Some(model.clone()),
            calibration: Some(ArtifactRef::new(base.id.clone(), version)),
            policy: ArtifactRef::new("p", 1),
        });
        if kept {
            let text = serde_json::to_string(&conditions).unwrap();
            event.details.insert(CONDITIONS.to_owned(), text);
        }
        event
    };
    let mut passed = PassedOver::default();
    let close = |llr: Option<Llr>| (llr.unwrap().0 - expected.0).abs() < 1e-9;
    assert!(close(undo.base_llr(&event(99, Llr(0.0), true), &mut passed)));
    assert!(close(undo.base_llr(&event(base.version, expected, false), &mut passed)));
    let corrected = active.corrected(expected);
    assert!(close(undo.base_llr(&event(active.version, corrected, false), &mut passed)));
    assert_eq!(passed, PassedOver::default());
    assert_eq!(undo.base_llr(&event(99, expected, false), &mut passed), None);
    let mut other = event(base.version, expected, true);
    other.versions.as_mut().unwrap().model = Some(ArtifactRef::new("other", 1));
    assert_eq!(undo.base_llr(&other, &mut passed), None);
    let mut nothing = event(base.version, expected, true);
    nothing.score = None;
    assert_eq!(undo.base_llr(&nothing, &mut passed), None);
    let (unknown_calibration, other_back_end, not_compared) = (1, 1, 1);
    let counted =
        PassedOver { unknown_calibration, other_back_end, not_compared, ..PassedOver::default() };
    assert_eq!(passed, counted);
}

fn fitted() -> TenantCalibration {
    made(40, 40).unwrap().calibration
}

#[test]
fn a_session_gives_what_the_calibration_said_of_who_was_there() {
    use crate::domain::{IntentId, PadOutcome, SessionChannel};
    use crate::policy::session::{ModalityEvidence, SubjectStanding};
    let intent = IntentId::parse("session").unwrap();
    let mut facts = DecisionFacts::new(intent, SessionChannel::Phone, SubjectStanding::Enrolled);
    let voice = ModalityEvidence {
        llr: Some(Llr(3.0)),
        enough: true,
        age_ms: 5_000,
        model: ArtifactRef::new("voice", 1),
        pad: PadOutcome::NotEvaluated,
    };
    facts.evidence.insert(Modality::Voice, voice);
    let found = |facts: &DecisionFacts| {
        let mut event = Event::new(AuditKind::Session, "session decision");
        event.details.insert(FACTS.to_owned(), serde_json::to_string(facts).unwrap());
        scored(&event)
    };
    assert_eq!(found(&facts), Some((None, Llr(3.0))));
    // The LLR of a claim that was found by voice is lower by the search; what the calibration said is not.
    let identified = DecisionFacts { searched: Some(8), ..facts.clone() };
    let (_, llr) = found(&identified).unwrap();
    assert!((llr.0 - (3.0 + 8f64.ln())).abs() < 1e-12, "{llr:?}");
    for (changed_ms_ago, gives) in [(9_000, true), (5_000, true), (4_999, false)] {
        let changed = DecisionFacts { changed_ms_ago: Some(changed_ms_ago), ..facts.clone() };
        assert_eq!(found(&changed).is_some(), gives, "{changed_ms_ago}");
    }
}
