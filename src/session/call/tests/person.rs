//! Whom a session is about, and another person taking over.

use super::*;
use crate::domain::{AgeClass, FindingKind, Probability};
use crate::policy::session::RoutingFacts;

fn window(llr: f64, from: u32) -> Event {
    Event::Window { modality: Modality::Voice, llr: Some(Llr(llr)), like_last: None, from }
}

/// The caller speaks on; windows compare to so much.
fn speak_with_windows(desk: &mut Desk, until_ms: u32, llr: f64, windows: f64) -> Vec<Effect> {
    let mut effects = desk.tell(Event::Heard { net_speech_ms: until_ms });
    for effect in effects.clone() {
        match effect {
            Effect::CompareVoice => effects.extend(desk.tell(Event::Compared(measured(llr)))),
            Effect::CompareWindow { from_ms, .. } => {
                effects.extend(desk.tell(window(windows, from_ms)));
            }
            _ => {}
        }
    }
    effects
}

#[test]
fn another_voice_is_noticed_and_earlier_evidence_counts_no_more() {
    let mut desk = Desk::enrolled();
    for second in 3..=9 {
        desk.now = i64::from(second) * 1_000;
        speak_with_windows(&mut desk, second * 1_000, 9.0, 4.0);
    }
    assert_eq!(desk.update()[0].verdict.decision, Decision::Accept);
    let facts = desk.update()[0].facts.clone();
    assert_eq!(facts.context.finding(FindingKind::SecondVoice), Finding::Absent);

    // The first odd window is doubt: nothing is accepted on what came before it.
    desk.now = 12_000;
    speak_with_windows(&mut desk, 12_000, 9.0, -6.0);
    assert_ne!(desk.update()[0].verdict.decision, Decision::Accept);
    assert_eq!(desk.update()[0].changes, 0);
    // The second one is certainty.
    desk.now = 15_000;
    let changed = speak_with_windows(&mut desk, 15_000, 8.0, -6.0);
    let restart = Effect::Restart { modality: Modality::Voice, from: Some(9_000) };
    assert!(changed.contains(&restart), "{changed:?}");
    let now = desk.update().remove(0);
    assert_eq!(now.changes, 1);
    assert_eq!(now.facts.context.finding(FindingKind::SecondVoice), Finding::Present);
    assert!(now.evidence.iter().all(|e| e.before_change));
    let asked = desk.send(Message::Intent(intent("q1", 0)));
    assert_ne!(decisions(&asked)[0].1, Decision::Accept);

    // The new person is compared by their own speech alone: six seconds of it are there.
    assert!(changed.contains(&Effect::CompareVoice), "{changed:?}");
    desk.tell(Event::Compared(measured(-9.0)));
    let rejected = desk.send(Message::Intent(intent("q2", 0)));
    assert_eq!(decisions(&rejected)[0].1, Decision::Reject);
}

#[test]
fn a_doubt_is_dispelled_by_a_window_that_fits() {
    let mut desk = Desk::enrolled();
    for second in 3..=9 {
        desk.now = i64::from(second) * 1_000;
        let windows = if second == 6 { -6.0 } else { 4.0 };
        speak_with_windows(&mut desk, second * 1_000, 9.0, windows);
    }
    let now = desk.update().remove(0);
    assert_eq!((now.changes, now.verdict.decision), (0, Decision::Accept));
}

#[test]
fn windows_nobody_asked_for_change_nothing() {
    let mut desk = Desk::enrolled();
    desk.speak(3_000, 9.0);
    for _ in 0..9 {
        assert_eq!(desk.tell(window(-20.0, 0)), []);
    }
    assert_eq!(desk.tell(Event::Compared(measured(-20.0))), []);
    assert_eq!(desk.update()[0].verdict.decision, Decision::Accept);
}

#[test]
fn a_change_the_client_noticed_forgets_factors_and_answers() {
    let mut desk = Desk::enrolled();
    desk.speak(3_000, 9.0);
    desk.send(Message::WantChallenge);
    desk.tell(Event::ChallengeMade { number: 1, prompt: "1 2".to_owned() });
    desk.send(Message::Answer { challenge: 1, transcript: None });
    desk.tell(Event::AnswerChecked { number: 1, right: Finding::Present });
    desk.now = 9_000;
    let changed = desk.send(Message::Context(ContextEvent::PersonChanged));
    assert!(changed.contains(&Effect::Restart { modality: Modality::Touch, from: None }));
    let now = desk.update().remove(0);
    assert_eq!(now.facts.challenge, Finding::Unknown);
    assert_eq!((now.changes, now.facts.net_speech_ms), (1, 0));
    assert_ne!(now.verdict.decision, Decision::Accept);
}

#[test]
fn a_caller_is_found_among_the_household_and_becomes_the_claim_when_accepted() {
    let mut desk = Desk::open(Opening { claim: None, candidates: 4, ..opening() });
    assert!(!desk.effects.iter().any(|effect| matches!(effect, Effect::LookUp(_))));
    let heard = desk.tell(Event::Heard { net_speech_ms: 3_000 });
    assert_eq!(heard.first(), Some(&Effect::SearchCandidates));
    desk.tell(Event::Searched { accepted: None, among: 4 });
    assert_eq!(desk.session.claim(), None);
    let heard = desk.tell(Event::Heard { net_speech_ms: 4_000 });
    assert_eq!(heard.first(), Some(&Effect::SearchCandidates));
    let found = desk.tell(Event::Searched { accepted: Some(subject("ben")), among: 4 });
    assert!(found.contains(&Effect::LookUp(subject("ben"))));
    let kept = OpenRecord { opened_at: at(0), subject: Some(subject("ben")) };
    assert!(found.contains(&Effect::Keep(kept)));
    let known = desk.tell(Event::Standing(SubjectStanding::Enrolled));
    assert!(known.contains(&Effect::CompareVoice));
    desk.tell(Event::Compared(measured(6.0)));
    let now = desk.update().remove(0);
    let fused = now.verdict.fused.expect("evidence").0;
    assert!((fused - (6.0 - 4f64.ln())).abs() < 1e-12, "{fused}");
    // A second search would be a second claim.
    assert_eq!(desk.tell(Event::Searched { accepted: Some(subject("eve")), among: 1 }), []);
    assert_eq!(desk.session.claim().map(|(s, _)| s.as_str()), Some("ben"));
}

#[test]
fn nobody_is_compared_who_may_not_be() {
    for standing in [
        SubjectStanding::Unknown,
        SubjectStanding::NotEnrolled,
        SubjectStanding::Expired,
        SubjectStanding::NoConsent,
        SubjectStanding::OptedOut,
        SubjectStanding::Locked,
    ] {
        let mut desk = Desk::open(opening());
        desk.tell(Event::Standing(standing));
        desk.tell(Event::Heard { net_speech_ms: 60_000 });
        desk.send(Message::Close);
        desk.tell(Event::Heard { net_speech_ms: 60_000 });
        let compares =
            |e: &Effect| matches!(e, Effect::CompareVoice | Effect::CompareWindow { .. });
        assert!(!desk.effects.iter().any(compares), "{standing:?}");
        assert!(desk.session.ended().is_some(), "{standing:?}");
    }
    // A comparison under way when the lock comes is over with its answer, and counts for nothing.
    let mut desk = Desk::enrolled();
    assert!(desk.tell(Event::Heard { net_speech_ms: 3_000 }).contains(&Effect::CompareVoice));
    desk.tell(Event::Standing(SubjectStanding::Locked));
    desk.tell(Event::Compared(measured(9.0)));
    desk.send(Message::Close);
    desk.tell(Event::Heard { net_speech_ms: 3_000 });
    assert!(desk.session.ended().is_some());
    // A lock that comes while the call goes on stops comparisons at once.
    let mut desk = Desk::enrolled();
    desk.speak(3_000, 1.0);
    desk.tell(Event::Standing(SubjectStanding::Locked));
    assert!(!desk.tell(Event::Heard { net_speech_ms: 9_000 }).contains(&Effect::CompareVoice));
    let asked = desk.send(Message::Intent(intent("q1", 9_000)));
    assert_eq!(decisions(&asked)[0].1, Decision::Locked);
}

#[test]
fn a_change_of_person_forgets_the_class_of_age() {
    let mut desk = Desk::enrolled();
    let p_senior = Probability::new(0.9);
    desk.tell(Event::Categorized { class: AgeClass::Senior, p_senior });
    assert_eq!(desk.session.routing().age_class, Some(AgeClass::Senior));
    desk.send(Message::Context(ContextEvent::PersonChanged));
    assert_eq!(desk.session.routing(), RoutingFacts::default());
    desk.tell(Event::Categorized { class: AgeClass::Adult, p_senior });
    desk.tell(Event::Uncategorized);
    assert_eq!(desk.session.routing(), RoutingFacts::default());
}
