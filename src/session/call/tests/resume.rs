//! Lost connections.

use super::*;

fn lose(desk: &mut Desk) {
    let connection = desk.connection;
    desk.tell(Event::Disconnected { connection });
}

fn resume(desk: &mut Desk, last_seen: u64) -> Vec<Effect> {
    desk.connection += 1;
    let connection = desk.connection;
    desk.tell(Event::Connected { connection, last_seen })
}

#[test]
fn what_was_not_seen_is_sent_again_with_its_number_and_nothing_else() {
    let mut desk = Desk::enrolled();
    desk.speak(3_000, 9.0);
    let answered = desk.send(Message::Intent(intent("q1", 0)));
    let answer = outgoing(&answered)
        .into_iter()
        .find(|o| matches!(o.response, Response::Decision(_)))
        .expect("a decision");
    lose(&mut desk);
    desk.now = 30_000;
    let resumed = outgoing(&resume(&mut desk, answer.sequence - 1));
    assert_eq!(resumed[0].response, Response::Resumed);
    assert_eq!(resumed[0].acknowledged, 1);
    assert_eq!(resumed[1], answer);
    assert!(matches!(resumed[2].response, Response::Update(_)));
    assert_eq!(resumed.len(), 3);
    // Seen by now.
    lose(&mut desk);
    let again = resume(&mut desk, resumed[2].sequence);
    assert_eq!(decisions(&again), []);
}

#[test]
fn messages_sent_again_count_once() {
    let mut desk = Desk::enrolled();
    desk.speak(3_000, 9.0);
    desk.send(Message::Intent(intent("q1", 0)));
    desk.send(Message::Audio(Leg::Caller));
    lose(&mut desk);
    let acknowledged = outgoing(&resume(&mut desk, 0))[0].acknowledged;
    assert_eq!(acknowledged, 2);
    // The client did not hear that and sends everything again.
    let mut taken = Vec::new();
    taken.extend(desk.send_as(1, Message::Intent(intent("q1", 0))));
    taken.extend(desk.send_as(2, Message::Audio(Leg::Caller)));
    taken.extend(desk.send_as(3, Message::Audio(Leg::Caller)));
    assert_eq!(taken.iter().filter(|e| **e == Effect::Process).count(), 1);
    assert!(!taken.iter().any(|e| matches!(e, Effect::Record(_))));
}

#[test]
fn what_happens_while_nobody_is_connected_is_told_later() {
    let mut desk = Desk::enrolled();
    desk.send(Message::Intent(intent("q1", 10_000)));
    lose(&mut desk);
    let decided = desk.tick(10_000);
    assert!(decided.iter().any(|e| matches!(e, Effect::Record(_))));
    assert_eq!(responses(&decided), []);
    let resumed = resume(&mut desk, 3);
    assert_eq!(decisions(&resumed).len(), 1);
}

#[test]
fn the_window_for_a_resume_closes() {
    let mut desk = Desk::enrolled();
    lose(&mut desk);
    assert_eq!(desk.session.next_wake(), Some(at(60_000)));
    desk.tick(59_999);
    assert_eq!(desk.session.ended(), None);
    let lost = desk.tick(1);
    assert!(lost.contains(&Effect::EndAudio));
    let ended = desk.tell(Event::Heard { net_speech_ms: 0 });
    assert_eq!(desk.session.ended().map(|e| e.end), Some(SessionEnd::Lost));
    assert!(SessionEnd::Lost.is_incomplete());
    assert_eq!(responses(&ended), []);
    // Who comes too late hears how it ended.
    let late = resume(&mut desk, 0);
    assert_eq!(ends(&late).len(), 1);
    assert_eq!(late.last(), Some(&Effect::Finish));
}

#[test]
fn a_connection_that_was_replaced_says_nothing_more() {
    let mut desk = Desk::enrolled();
    resume(&mut desk, 0);
    let message = Message::Close;
    assert_eq!(desk.tell(Event::Received { connection: 1, sequence: 1, message }), []);
    desk.tell(Event::Disconnected { connection: 1 });
    assert!(desk.session.is_connected());
}

#[test]
fn a_restart_is_an_incomplete_end() {
    let desk = Desk::enrolled();
    let Some(Effect::Keep(record)) = desk.effects.first() else { panic!("a session is kept") };
    let (end, open_ms) = after_restart(record, at(90_000));
    assert_eq!((end, open_ms), (SessionEnd::Restart, 90_000));
    assert!(end.is_incomplete());
    let stored = serde_json::to_string(record).expect("JSON");
    assert_eq!(serde_json::from_str::<OpenRecord>(&stored).ok().as_ref(), Some(record));
}
