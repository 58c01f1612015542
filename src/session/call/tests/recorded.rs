//! Recorded sessions: what is read, what is refused, and how one plays.

use super::*;
use crate::session::call::record::{MAX_LINE_BYTES, RecordError, RecordedSession};
use crate::session::call::replay::{NoCaptures, Playback, replay};

const OPEN: &str = r#"{"t_ms":0,"open":{"channel":"phone","subject":"anna"}}"#;

fn play(text: &str) -> Playback {
    let recorded = RecordedSession::parse(text).expect("a session");
    replay(&recorded, CallLimits::default(), rules(), &judge, &mut NoCaptures)
}

fn intent_line(t_ms: u64, ask: &str, wait_ms: u64) -> String {
    format!(
        r#"{{"t_ms":{t_ms},"intent":{{"ask":"{ask}","intent":"transfer","amount":{{"value":12000,"currency":"EUR"}},"wait_ms":{wait_ms}}}}}"#
    )
}

fn heard_line(t_ms: u64, net: u32, llr: f64, window: f64) -> String {
    format!(
        r#"{{"t_ms":{t_ms},"heard":{{"net_speech_ms":{net},"llr":{llr:?},"window_llr":{window:?}}}}}"#
    )
}

#[test]
fn a_call_that_goes_wrong_plays_as_it_should() {
    let mut lines = vec![OPEN.to_owned()];
    for second in 3..=9u32 {
        lines.push(heard_line(u64::from(second) * 1_000, second * 1_000, 8.0, 4.0));
    }
    lines.push(intent_line(9_500, "balance", 0));
    lines.push(r#"{"t_ms":9600,"expect":{"ask":"balance","decision":"ACCEPT"}}"#.to_owned());
    // Somebody else takes the phone.
    for second in 10..=18u32 {
        let (llr, window) = if second < 16 { (7.0, -5.0) } else { (-8.0, 4.0) };
        lines.push(heard_line(u64::from(second) * 1_000, second * 1_000, llr, window));
    }
    lines.push(intent_line(18_500, "sim", 0));
    lines.push(r#"{"t_ms":18600,"expect":{"ask":"sim","decision":"REJECT"}}"#.to_owned());
    lines.push(r#"{"t_ms":19000,"close":{}}"#.to_owned());
    lines.push(r#"{"t_ms":19001,"expect":{"decision":"REJECT"}}"#.to_owned());
    let playback = play(&lines.join("\n"));
    assert_eq!(playback.missed, []);
    assert_eq!(playback.expectations, 3);
    assert_eq!(playback.records.len(), 3);
    let last = playback.responses.last().expect("responses");
    assert!(matches!(last.outgoing.response, Response::Ended(_)), "{last:?}");
    // Played again it is the same to the digit.
    assert_eq!(play(&lines.join("\n")).responses, playback.responses);
}

#[test]
fn expectations_that_do_not_hold_are_named() {
    let text = [
        OPEN,
        &intent_line(10, "q1", 0),
        r#"{"t_ms":20,"expect":{"ask":"q1","decision":"ACCEPT"}}"#,
        r#"{"t_ms":30,"expect":{"ask":"q2","decision":"ACCEPT"}}"#,
    ]
    .join("\n");
    let missed = play(&text).missed;
    let got: Vec<(usize, Option<Decision>)> = missed.iter().map(|m| (m.line, m.got)).collect();
    assert_eq!(got, [(3, Some(Decision::Inconclusive)), (4, None)]);
}

#[test]
fn a_played_connection_breaks_and_comes_back() {
    let text = [
        OPEN,
        &intent_line(10, "q1", 5_000),
        r#"{"t_ms":100,"disconnect":{}}"#,
        r#"{"t_ms":30000,"resume":{}}"#,
        r#"{"t_ms":30001,"expect":{"ask":"q1","decision":"INCONCLUSIVE"}}"#,
    ]
    .join("\n");
    let playback = play(&text);
    assert_eq!(playback.missed, []);
    let ends: Vec<SessionEnd> = playback.records.iter().filter_map(|r| r.end).collect();
    assert_eq!(ends, [SessionEnd::Closed]);
    let lost = [OPEN, r#"{"t_ms":100,"disconnect":{}}"#, r#"{"t_ms":90000,"update":{}}"#];
    let ends: Vec<SessionEnd> =
        play(&lost.join("\n")).records.iter().filter_map(|r| r.end).collect();
    assert_eq!(ends, [SessionEnd::Lost]);
}

#[test]
fn a_household_is_searched_and_a_challenge_answered() {
    let text = [
        r#"{"t_ms":0,"open":{"channel":"phone","candidates":["anna","ben"]}}"#,
        r#"{"t_ms":3000,"heard":{"net_speech_ms":3000,"found":"ben","llr":3.5}}"#,
        &intent_line(3_500, "q1", 20_000),
        r#"{"t_ms":4000,"answer":{"right":"present"}}"#,
        r#"{"t_ms":4001,"expect":{"ask":"q1","decision":"ACCEPT"}}"#,
    ]
    .join("\n");
    let playback = play(&text);
    assert_eq!(playback.missed, []);
    let about = &playback.records[0].assessment.claim;
    assert_eq!(*about, Some((subject("ben"), ClaimOrigin::Identified { among: 2 })));
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let parse = |lines: &[&str]| RecordedSession::parse(&lines.join("\n"));
    assert_eq!(parse(&[]), Err(RecordError::Empty));
    assert_eq!(parse(&["", " "]), Err(RecordError::Empty));
    let close = r#"{"t_ms":5,"close":{}}"#;
    assert_eq!(parse(&[close]), Err(RecordError::Opening { line: 1 }));
    assert_eq!(parse(&[OPEN, "", OPEN]), Err(RecordError::Opening { line: 3 }));
    let back = parse(&[OPEN, close, r#"{"t_ms":4,"close":{}}"#]);
    assert_eq!(back, Err(RecordError::Time { line: 3, low: 5, got: 4 }));
    let two = parse(&[OPEN, r#"{"t_ms":5,"close":{},"update":{}}"#]);
    assert_eq!(two, Err(RecordError::NotOneThing { line: 2, got: 2 }));
    assert_eq!(parse(&[OPEN, r#"{"t_ms":5}"#]), Err(RecordError::NotOneThing { line: 2, got: 0 }));
    for bad in [
        "{",
        "[1]",
        r#"{"close":{}}"#,
        r#"{"t_ms":-1,"close":{}}"#,
        r#"{"t_ms":1e3,"close":{}}"#,
        r#"{"t_ms":1,"dance":{}}"#,
        r#"{"t_ms":1,"close":{"now":true}}"#,
        r#"{"t_ms":1,"heard":{"net_speech_ms":-1}}"#,
        r#"{"t_ms":1,"intent":{"ask":"a b","intent":"transfer"}}"#,
        r#"{"t_ms":1,"intent":{"ask":"a","intent":"transfer","amount":{"value":-1,"currency":"EUR"}}}"#,
        r#"{"t_ms":1,"age":{"class":"SENIOR","p_senior":1.5}}"#,
        r#"{"t_ms":1,"expect":{"decision":"MAYBE"}}"#,
    ] {
        let got = parse(&[OPEN, bad]);
        assert!(matches!(got, Err(RecordError::Syntax { line: 2, .. })), "{bad}: {got:?}");
    }
    let long = " ".repeat(MAX_LINE_BYTES) + "x";
    assert_eq!(
        parse(&[OPEN, &long]),
        Err(RecordError::LongLine { line: 2, got: MAX_LINE_BYTES + 1 })
    );
    let ids: Vec<String> = (0..1_001).map(|i| format!("\"s{i}\"")).collect();
    let many =
        format!(r#"{{"t_ms":0,"open":{{"channel":"app","candidates":[{}]}}}}"#, ids.join(","));
    assert!(matches!(parse(&[&many]), Err(RecordError::TooMuch { got: 1_001, .. })));
}

#[test]
fn lines_with_content_are_read() {
    let audio = r#"{"t_ms":5,"audio":{"file":"a.wav","leg":"caller"}}"#;
    let text = r#"{"t_ms":5,"text":{"content":"hello"}}"#;
    let capture = r#"{"t_ms":5,"capture":{"kind":"keystroke","events":[]}}"#;
    for line in [audio, text, capture] {
        let recorded = RecordedSession::parse(&[OPEN, line].join("\n")).expect(line);
        assert_eq!(recorded.lines.len(), 1, "{line}");
    }
}

proptest::proptest! {
    /// No file breaks the reader, and what it takes, plays.
    #[test]
    fn hostile_files_are_refused_or_play(
        lines in proptest::collection::vec("(\\{\"t_ms\":[0-9]{1,6},\"(heard|close|update|answer|disconnect|resume|challenge)\":\\{(\"net_speech_ms\":[0-9]{1,12})?(\"right\":\"present\")?\\}\\}|.{0,40})", 0..20)
    ) {
        let text = std::iter::once(OPEN.to_owned()).chain(lines).collect::<Vec<_>>().join("\n");
        if let Ok(recorded) = RecordedSession::parse(&text) {
            let playback = replay(&recorded, CallLimits::default(), rules(), &judge, &mut NoCaptures);
            proptest::prop_assert!(playback.records.iter().filter(|r| r.end.is_some()).count() == 1);
        }
    }
}
