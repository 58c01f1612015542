//! The usual course of things.

use super::*;
use crate::domain::FactorName;
use crate::policy::Outcome;
use crate::policy::session::{FactorOutcome, Verstat};

fn is_update(response: &Response) -> bool {
    matches!(response, Response::Update(_))
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_session_opens_is_looked_up_and_tells_where_it_stands() {
    let mut desk = Desk::open(opening());
    let kept = OpenRecord { opened_at: at(0), subject: Some(subject("anna")) };
    assert_eq!(desk.effects[0], Effect::Keep(kept));
    assert_eq!(desk.effects[2], Effect::LookUp(subject("anna")));
    assert_eq!(responses(&desk.effects), [Response::Opened]);
    // Even if asked: nothing is known yet.
    assert!(!responses(&desk.send(Message::WantUpdate)).iter().any(is_update));
    let known = desk.tell(Event::Standing(SubjectStanding::Enrolled));
    assert!(responses(&known).iter().any(is_update));
}

#[test]
fn nothing_is_decided_without_a_question() {
    let mut desk = Desk::enrolled();
    for second in 1..=30 {
        desk.speak(second * 1_000, 9.0);
        desk.tick(1_000);
    }
    assert!(!desk.effects.iter().any(|effect| matches!(effect, Effect::Record(_))));
}

#[test]
fn a_question_is_decided_recorded_and_then_answered() {
    let mut desk = Desk::enrolled();
    desk.speak(3_000, 9.0);
    desk.records = false;
    let asked = desk.send(Message::Intent(intent("q1", 0)));
    let record = asked.iter().find_map(|effect| match effect {
        Effect::Record(record) => Some(record.as_ref().clone()),
        _ => None,
    });
    let record = record.expect("a record");
    assert_eq!(record.end, None);
    assert_eq!(record.attempted.voice, Some(Outcome::Passed));
    assert_eq!(decisions(&asked), []);
    let decision = DecisionId::new(at(0), [1; 10]);
    let event = Event::Recorded { ask: Some(ask_id("q1")), decision: decision.clone() };
    let answered = desk.tell(event.clone());
    assert_eq!(decisions(&answered), [(some("q1"), Decision::Accept)]);
    assert_eq!(desk.session.decisions().next().map(|d| &d.decision), Some(&decision));
    // Neither the record nor the question counts twice.
    assert_eq!(desk.tell(event), []);
    let again = desk.send(Message::Intent(intent("q1", 0)));
    assert_eq!(decisions(&again), [(some("q1"), Decision::Accept)]);
    assert!(!again.iter().any(|effect| matches!(effect, Effect::Record(_))));
    let other = Intent { intent: IntentId::parse("other").expect("a name"), ..intent("q1", 0) };
    let refused = desk.send(Message::Intent(other));
    assert!(matches!(refusals(&refused)[..], [RefusalReason::Content(_)]));
}

#[test]
fn a_question_waits_for_the_lookup() {
    let mut desk = Desk::open(Opening { intent: Some(intent("q1", 0)), ..opening() });
    assert_eq!(decisions(&desk.effects), []);
    assert!(desk.session.next_wake().is_some_and(|wake| wake > at(0)));
    let known = desk.tell(Event::Standing(SubjectStanding::Locked));
    assert_eq!(decisions(&known), [(some("q1"), Decision::Locked)]);
}

#[test]
fn a_question_waits_for_evidence_until_its_time_is_up() {
    let mut desk = Desk::enrolled();
    assert_eq!(decisions(&desk.send(Message::Intent(intent("q1", 5_000)))), []);
    assert_eq!(desk.session.next_wake(), Some(at(5_000)));
    desk.now = 1_000;
    let spoken = desk.speak(3_000, 9.0);
    assert_eq!(decisions(&spoken), [(some("q1"), Decision::Accept)]);

    let mut desk = Desk::enrolled();
    desk.send(Message::Intent(intent("q1", 5_000)));
    assert_eq!(decisions(&desk.tick(4_999)), []);
    assert_eq!(decisions(&desk.tick(1)), [(some("q1"), Decision::Inconclusive)]);
    // Longer than the limit is the limit.
    desk.send(Message::Intent(intent("q2", u64::MAX)));
    desk.tick(60_000);
    desk.send(Message::Capture(Modality::Text));
    assert_eq!(decisions(&desk.tick(59_999)), []);
    assert_eq!(decisions(&desk.tick(1)), [(some("q2"), Decision::Inconclusive)]);
}

#[test]
fn updates_come_with_news_and_on_demand_only() {
    let mut desk = Desk::enrolled();
    let first = desk.speak(3_000, 1.0);
    assert!(responses(&first).iter().any(|r| matches!(r, Response::Update(_))));
    let same = desk.speak(4_000, 1.3);
    assert_eq!(responses(&same), []);
    // Small steps count from what was told.
    let step = desk.speak(5_000, 1.6);
    assert!(responses(&step).iter().any(|r| matches!(r, Response::Update(_))));
    assert_eq!(desk.update()[0].verdict.fused, Some(Llr(1.6)));
    assert_eq!(responses(&desk.tick(10_000)), []);
}

#[test]
fn repeated_and_early_messages_are_answered_and_not_taken() {
    let mut desk = Desk::enrolled();
    desk.speak(3_000, 9.0);
    let first = desk.send_as(1, Message::Intent(intent("q1", 0)));
    assert_eq!(decisions(&first).len(), 1);
    let again = desk.send_as(1, Message::Intent(intent("q2", 0)));
    assert_eq!(responses(&again), [Response::Acknowledged { missing_from: None }]);
    assert_eq!(outgoing(&again)[0].acknowledged, 1);
    let early = desk.send_as(4, Message::Intent(intent("q3", 0)));
    assert_eq!(responses(&early), [Response::Acknowledged { missing_from: Some(2) }]);
    assert_eq!(outgoing(&early)[0].acknowledged, 1);
    let skipped = desk.send_as(3, Message::Skip);
    assert_eq!(outgoing(&skipped)[0].acknowledged, 3);
    assert_eq!(decisions(&desk.send_as(4, Message::Intent(intent("q3", 0)))).len(), 1);
    assert_eq!(desk.session.repeated_and_skipped(), (1, 2));
}

#[test]
fn audio_is_processed_once_and_the_agents_never() {
    let mut desk = Desk::enrolled();
    assert_eq!(desk.send(Message::Audio(Leg::Caller)), [Effect::Process]);
    assert_eq!(desk.send(Message::Audio(Leg::Agent)), []);
    let again = desk.send_as(1, Message::Audio(Leg::Caller));
    assert!(!again.contains(&Effect::Process));
    assert!(desk.send(Message::Capture(Modality::Touch)).contains(&Effect::Process));
    let mut acknowledged = 0;
    for _ in 0..200 {
        acknowledged += responses(&desk.send(Message::Audio(Leg::Caller))).len();
    }
    assert_eq!(acknowledged, 4);

    let mut silent = Desk::open(Opening { audio: false, ..opening() });
    let refused = silent.send(Message::Audio(Leg::Caller));
    assert_eq!(refusals(&refused), [RefusalReason::NoAudio]);
    assert!(!refused.contains(&Effect::Process));
}

#[test]
fn the_end_decides_what_was_asked_and_the_session() {
    let mut desk = Desk::enrolled();
    desk.send(Message::Intent(intent("q1", 60_000)));
    let closing = desk.send(Message::Close);
    assert!(closing.contains(&Effect::EndAudio));
    assert_eq!(decisions(&closing), []);
    // What was held back suffices for a last comparison.
    let heard = desk.tell(Event::Heard { net_speech_ms: 3_100 });
    assert_eq!(heard, [Effect::CompareVoice]);
    let ended = desk.tell(Event::Compared(measured(9.0)));
    assert_eq!(decisions(&ended), [(some("q1"), Decision::Accept), (None, Decision::Accept)]);
    let end = SessionEnd::Closed;
    assert_eq!(ends(&ended), [Ended { end, skipped: 0, repeated: 0, decisions: 2 }]);
    assert_eq!(ended.last(), Some(&Effect::Finish));
    assert_eq!(desk.session.next_wake(), None);
    assert_eq!(desk.tell(Event::Tick), []);
}

#[test]
fn the_end_does_not_wait_for_ever() {
    let mut desk = Desk::open(opening());
    desk.send(Message::Intent(intent("q1", 0)));
    desk.send(Message::Close);
    assert_eq!(desk.session.next_wake(), Some(at(5_000)));
    let ended = desk.tick(5_000);
    assert_eq!(decisions(&ended).len(), 2);
    assert_eq!(ends(&ended).len(), 1);
}

#[test]
fn limits_end_a_session() {
    let mut desk = Desk::enrolled();
    assert_eq!(desk.session.next_wake(), Some(at(120_000)));
    desk.tick(119_999);
    assert_eq!(desk.session.ended(), None);
    desk.tick(1);
    desk.tell(Event::Heard { net_speech_ms: 0 });
    assert_eq!(desk.session.ended().map(|e| e.end), Some(SessionEnd::Idle));

    let mut desk = Desk::open(Opening { audio: false, claim: None, ..opening() });
    for _ in 0..239 {
        desk.tick(60_000);
        desk.send(Message::Capture(Modality::Text));
    }
    assert_eq!(desk.session.ended(), None);
    desk.tick(60_000);
    assert_eq!(desk.session.ended().map(|e| e.end), Some(SessionEnd::Total));
    let mut desk = Desk::enrolled();
    desk.tell(Event::EndRequested);
    desk.tell(Event::Heard { net_speech_ms: 0 });
    assert_eq!(desk.session.ended().map(|e| e.end), Some(SessionEnd::Requested));
}

#[test]
fn questions_are_bounded() {
    let mut desk = Desk::enrolled();
    for i in 0..64 {
        assert_eq!(decisions(&desk.send(Message::Intent(intent(&format!("q{i}"), 0)))).len(), 1);
    }
    let refused = desk.send(Message::Intent(intent("more", 0)));
    assert_eq!(refusals(&refused), [RefusalReason::TooManyIntents]);
}

#[test]
fn a_challenge_follows_where_the_policy_wants_one() {
    let mut desk = Desk::enrolled();
    desk.speak(3_000, 2.0);
    let asked = desk.send(Message::Intent(intent("q1", 60_000)));
    assert!(asked.contains(&Effect::MakeChallenge { number: 1 }));
    let prompt = "4 0 7".to_owned();
    let made = desk.tell(Event::ChallengeMade { number: 1, prompt: prompt.clone() });
    let expires_at = at(60_000);
    let challenge = Response::Challenge { number: 1, prompt: prompt.clone(), expires_at };
    assert_eq!(responses(&made), [challenge]);
    let transcript = some("four oh seven");
    let answer = Message::Answer { challenge: 1, transcript: transcript.clone() };
    let check = Effect::CheckAnswer { number: 1, prompt, transcript };
    assert!(desk.send(answer.clone()).contains(&check));
    let gone = desk.send(answer);
    assert_eq!(refusals(&gone), [RefusalReason::ChallengeGone]);
    let checked = desk.tell(Event::AnswerChecked { number: 1, right: Finding::Present });
    assert_eq!(decisions(&checked), [(some("q1"), Decision::Accept)]);
    // Single use, and one at a time.
    assert!(desk.send(Message::WantChallenge).contains(&Effect::MakeChallenge { number: 2 }));
    let refused = desk.send(Message::WantChallenge);
    assert_eq!(refusals(&refused), [RefusalReason::ChallengeOpen]);
}

#[test]
fn where_answers_are_constant_a_challenge_comes_only_when_it_is_asked_for() {
    let rules = CallRules { constant_time: true, ..rules() };
    let mut desk = Desk::held_to(opening(), rules);
    desk.tell(Event::Standing(SubjectStanding::Enrolled));
    desk.speak(3_000, 2.0);
    desk.send(Message::Intent(intent("q1", 60_000)));
    assert_eq!(desk.update()[1].verdict.next, NextStep::Challenge);
    let made = |effect: &Effect| matches!(effect, Effect::MakeChallenge { .. });
    assert!(!desk.effects.iter().any(made), "it tells that somebody nearly passed");
    assert!(desk.send(Message::WantChallenge).iter().any(made));
}

#[test]
fn challenges_are_bounded() {
    let mut desk = Desk::enrolled();
    desk.speak(3_000, 2.0);
    desk.send(Message::Intent(intent("q1", 120_000)));
    let mut made = 0;
    for number in 1..40 {
        let prompt = "1 2".to_owned();
        desk.tell(Event::ChallengeMade { number, prompt });
        let answer = Message::Answer { challenge: number, transcript: None };
        let checks = desk.send(answer);
        made += u32::from(checks.iter().any(|e| matches!(e, Effect::CheckAnswer { .. })));
        desk.tell(Event::AnswerChecked { number, right: Finding::Absent });
    }
    assert_eq!(made, 16);
    let refused = desk.send(Message::WantChallenge);
    assert_eq!(refusals(&refused), [RefusalReason::TooManyChallenges]);
}

#[test]
fn a_session_is_one_attempt_unless_the_evidence_turns() {
    let mut desk = Desk::enrolled();
    let attempts = |desk: &Desk| -> Vec<Option<Outcome>> {
        let records = desk.effects.iter().filter_map(|effect| match effect {
            Effect::Record(record) => Some(record.attempted.voice),
            _ => None,
        });
        records.collect()
    };
    desk.send(Message::Intent(intent("nothing", 0)));
    desk.speak(3_000, -9.0);
    desk.send(Message::Intent(intent("q1", 0)));
    desk.send(Message::Intent(intent("q2", 0)));
    desk.speak(4_000, 0.0);
    desk.send(Message::Intent(intent("q3", 0)));
    desk.speak(5_000, 9.0);
    desk.send(Message::Intent(intent("q4", 0)));
    let expected = [None, Some(Outcome::Failed), None, None, Some(Outcome::Passed)];
    assert_eq!(attempts(&desk), expected);
}

#[test]
fn each_further_person_of_a_session_is_a_further_attempt() {
    let mut desk = Desk::enrolled();
    let mut counted = Vec::new();
    for n in 1..=4u32 {
        desk.now = i64::from(n) * 10_000;
        desk.speak(n * 3_000, -9.0);
        if n % 2 == 0 {
            let asked = desk.send(Message::Intent(intent(&format!("q{n}"), 0)));
            counted.extend(asked.into_iter().filter_map(|effect| match effect {
                Effect::Record(record) => record.attempted.voice,
                _ => None,
            }));
        }
        let changed = desk.send(Message::Context(ContextEvent::PersonChanged));
        counted.extend(changed.into_iter().filter_map(|effect| match effect {
            Effect::Count(attempted) => attempted.voice,
            _ => None,
        }));
    }
    assert_eq!(counted, [Outcome::Failed; 4]);
    // What was counted of somebody who is gone is not counted again.
    let asked = desk.send(Message::Intent(intent("last", 0)));
    let again = |effect: &Effect| matches!(effect, Effect::Record(r) if r.attempted != Attempted::default());
    assert!(!asked.iter().any(again), "{asked:?}");
}

#[test]
fn an_end_that_was_not_recorded_is_decided_anew_with_what_is_left() {
    let mut desk = Desk::enrolled();
    desk.speak(3_000, 9.0);
    desk.send(Message::Capture(Modality::Keystroke));
    desk.tell(Event::Evidence { modality: Modality::Keystroke, measured: measured(-20.0) });
    desk.records = false;
    desk.send(Message::Close);
    desk.tell(Event::Heard { net_speech_ms: 3_000 });
    let ended = |desk: &Desk| -> Vec<(Decision, Attempted)> {
        let records = desk.effects.iter().filter_map(|effect| match effect {
            Effect::Record(r) => Some((r.assessment.verdict.decision, r.attempted)),
            _ => None,
        });
        records.collect()
    };
    let failed = Some(Outcome::Failed);
    let first = Attempted { voice: Some(Outcome::Uncertain), behavior: failed };
    assert_eq!(ended(&desk), [(Decision::Reject, first)]);
    desk.tell(Event::Withdrawn { modality: Modality::Keystroke });
    desk.tell(Event::NotRecorded { ask: None });
    desk.records = true;
    desk.tick(2_000);
    let second = Attempted { voice: Some(Outcome::Passed), behavior: None };
    assert_eq!(ended(&desk)[1..], [(Decision::Accept, second)]);
    assert!(desk.session.ended().is_some());
}

#[test]
fn facts_reach_the_policy() {
    let mut desk = Desk::enrolled();
    desk.send(Message::Context(ContextEvent::Verstat(Verstat::Failed)));
    let factor = FactorName::parse("otp").expect("a name");
    let outcome = FactorOutcome::Passed;
    desk.send(Message::Context(ContextEvent::Factor { factor: factor.clone(), outcome }));
    let bad = desk.send(Message::Context(ContextEvent::GeoVelocityKmh(-1.0)));
    assert!(matches!(refusals(&bad)[..], [RefusalReason::Content(_)]));
    desk.now = 2_000;
    desk.speak(3_000, 1.0);
    let facts = &desk.update()[0].facts;
    assert_eq!(facts.context.verstat, Verstat::Failed);
    assert_eq!(facts.factors.get(&factor), Some(&outcome));
    assert_eq!((facts.net_speech_ms, facts.elapsed_ms, facts.open), (3_000, 2_000, true));
}

#[test]
fn damaged_content_is_refused_and_the_session_goes_on() {
    let mut desk = Desk::enrolled();
    let refused = desk.send(Message::Unreadable("x".repeat(900)));
    assert_eq!(refusals(&refused), [RefusalReason::Content("x".repeat(200))]);
    let damaged = desk.tell(Event::Unusable { sequence: 1, detail: "half a sample".to_owned() });
    assert_eq!(refusals(&damaged).len(), 1);
    assert_eq!(desk.send(Message::Audio(Leg::Caller)), [Effect::Process]);
}

#[test]
fn a_record_that_cannot_be_written_is_tried_again() {
    let mut desk = Desk::enrolled();
    desk.speak(3_000, 9.0);
    desk.records = false;
    let is_record = |effect: &Effect| matches!(effect, Effect::Record(_));
    assert!(desk.send(Message::Intent(intent("q1", 0))).iter().any(is_record));
    desk.tell(Event::NotRecorded { ask: Some(ask_id("q1")) });
    desk.send(Message::Close);
    let closing = desk.tell(Event::Heard { net_speech_ms: 3_000 });
    assert_eq!(closing.iter().filter(|e| is_record(e)).count(), 2);
    desk.tell(Event::NotRecorded { ask: None });
    desk.tell(Event::NotRecorded { ask: Some(ask_id("q1")) });
    assert_eq!(desk.session.next_wake(), Some(at(1_000)));
    desk.records = true;
    let again = desk.tick(1_000);
    assert_eq!(decisions(&again).len(), 2);
    assert_eq!(ends(&again).len(), 1);
}
