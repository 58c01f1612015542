use super::*;
use crate::behavior::builtin;

/// One typing of a fixed text; `pace` is the person's habit, `n` which typing it is.
fn typing(subject: &str, capture: &str, pace: f64, n: usize) -> String {
    let mut at = 0.0;
    let keys: Vec<String> = "secret99"
        .char_indices()
        .map(|(i, key)| {
            let wobble = ((n * 7 + i * 3) % 5) as f64 * 3.0;
            let hold = 60.0 * pace + 8.0 * (i % 3) as f64 + wobble;
            let event = format!(r#"{{"key":"{key}","down_ms":{at},"up_ms":{}}}"#, at + hold);
            at += 130.0 * pace + 25.0 * (i % 4) as f64 * pace + 2.0 * wobble;
            event
        })
        .collect();
    let keys = keys.join(",");
    format!(
        r#"{{"subject":"{subject}","capture":"{capture}","device":"desktop","kind":"keystroke","text_id":"pin","events":[{keys}]}}"#
    ) + "\n"
}

fn files() -> (String, String) {
    let mut enroll = String::new();
    let mut test = String::new();
    for n in 0..12 {
        enroll += &typing("ann", &format!("ann-{n}"), 1.0, n);
        enroll += &typing("bob", &format!("bob-{n}"), 1.9, n);
    }
    for n in 12..15 {
        test += &typing("ann", &format!("ann-{n}"), 1.0, n);
        test += &typing("bob", &format!("bob-{n}"), 1.9, n);
    }
    (enroll, test)
}

fn run(
    backgrounds: &Backgrounds,
    enroll: &str,
    test: &str,
    list: Option<&str>,
) -> (Vec<Vec<String>>, String, usize) {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let outcome = score(backgrounds, (enroll, test), list, &mut out, &mut errors).unwrap();
    let text = String::from_utf8(out).unwrap();
    let rows = text.lines().map(|l| l.split('\t').map(str::to_owned).collect()).collect();
    (rows, String::from_utf8(errors).unwrap(), outcome.failed)
}

#[test]
fn each_capture_is_held_against_its_own_subject() {
    let (enroll, test) = files();
    for backgrounds in [Backgrounds::default(), builtin::all().unwrap()] {
        let (rows, errors, failed) = run(&backgrounds, &enroll, &test, None);
        assert_eq!((failed, errors.as_str()), (0, ""));
        assert_eq!(rows[0], ["subject", "capture", "raw", "llr"]);
        assert_eq!(rows.len(), 7);
        assert_eq!(rows[1][..2], ["ann", "ann-12"]);
        assert_eq!(rows[2][..2], ["bob", "bob-12"]);
    }
}

#[test]
fn trials_keep_their_order_and_labels_and_tell_people_apart() {
    let (enroll, test) = files();
    let list = "ann ann-12 target\nann bob-12 nontarget\nbob ann-13 nontarget\nbob bob-13 target\n";
    for backgrounds in [Backgrounds::default(), builtin::all().unwrap()] {
        let (rows, errors, failed) = run(&backgrounds, &enroll, &test, Some(list));
        assert_eq!((failed, errors.as_str()), (0, ""));
        assert_eq!(rows[0], ["subject", "capture", "raw", "llr", "label"]);
        let llr: Vec<f64> = rows[1..].iter().map(|r| r[3].parse().unwrap()).collect();
        assert!(llr[0] > llr[1] && llr[3] > llr[2], "{llr:?}");
        assert_eq!(rows[2][4], "nontarget");
    }
}

#[test]
fn what_fails_is_a_row_and_the_rest_is_answered() {
    let (enroll, test) = files();
    let test =
        format!("nonsense\n{test}{}", typing("ann", "typo", 1.0, 1).replace("\"9\"", "\"x\""));
    let list = "ann ann-12\nann missing\nnobody ann-12\nann ann-12,ann-13\n";
    let (rows, errors, failed) = run(&Backgrounds::default(), &enroll, &test, Some(list));
    assert_eq!(failed, 3, "{errors}");
    assert_ne!(rows[1][2], "error");
    assert_eq!(rows[2][2..], ["error", "error"]);
    assert_eq!(rows[3][2..], ["error", "error"]);
    assert_ne!(rows[4][2], "error", "{errors}");
    assert!(
        errors.contains("no capture `missing`") && errors.contains("`nobody` has no"),
        "{errors}"
    );
    assert!(errors.contains("test: line 1"), "{errors}");
}

#[test]
fn a_line_that_is_no_capture_is_a_row_if_it_names_itself() {
    let (enroll, _) = files();
    let bad = typing("ann", "c1", 1.0, 1).replace("\"down_ms\":0", "\"down_ms\":-5");
    let test = format!("\u{feff}{}{bad}{{\"subject\":\"a b\"}}\n", typing("ann", "c0", 1.0, 2));
    let (rows, errors, failed) = run(&Backgrounds::default(), &enroll, &test, None);
    assert_eq!((rows.len(), failed), (3, 2), "{errors}");
    assert_ne!(rows[1][2], "error");
    assert_eq!(rows[2], ["ann", "c1", "error", "error"]);
    assert!(errors.contains("ann c1: event 0: down_ms"), "{errors}");
    assert!(errors.contains("test: line 3") && !errors.contains("line 3: line 3"), "{errors}");
    let (_, errors, failed) = run(&Backgrounds::default(), &enroll, &test, Some("ann c1\n"));
    assert_eq!((failed, errors.matches("ann c1: event 0: down_ms").count()), (2, 1), "{errors}");
    // No trial asks for it, and it is no capture all the same.
    let (rows, errors, failed) = run(&Backgrounds::default(), &enroll, &test, Some("ann c0\n"));
    assert_eq!((rows.len(), failed), (2, 2), "{errors}");
    assert!(errors.contains("test: ann c1: event 0: down_ms"), "{errors}");
}

#[test]
fn one_id_of_two_people_means_the_subjects_own() {
    let (enroll, _) = files();
    let test = typing("ann", "c1", 1.0, 1) + &typing("bob", "c1", 1.9, 1);
    let (rows, errors, failed) =
        run(&Backgrounds::default(), &enroll, &test, Some("bob c1\ncarl c1\n"));
    assert_eq!(failed, 1);
    assert_ne!(rows[1][2], "error");
    assert!(errors.contains("2 captures in the test file are `c1`"), "{errors}");
    let (rows, _, failed) = run(&Backgrounds::default(), &enroll, &test, None);
    assert_eq!((rows.len(), failed), (3, 0));
}

#[test]
fn a_list_that_is_none_is_refused() {
    let (enroll, test) = files();
    let mut none = Vec::new();
    let result =
        score(&Backgrounds::default(), (&enroll, &test), Some("ann"), &mut none, &mut Vec::new());
    assert!(matches!(result, Err(ScoreTrialsError::Line { line: 1, .. })));
}

/// A straight stroke of 300 px in 200 ms.
fn stroke(capture: &str, (dx, dy): (f64, f64), n: usize) -> String {
    let wobble = (n % 5) as f64;
    let points: Vec<String> = (0..=10)
        .map(|i| {
            let phase = if i == 0 { "down" } else { "move" };
            let part = 30.0 * f64::from(i) + wobble;
            let (x, y) = (600.0 + dx * part, 1_200.0 + dy * part);
            format!(r#"{{"phase":"{phase}","t_ms":{},"x":{x},"y":{y}}}"#, 20 * i)
        })
        .collect();
    let screen = r#"{"width_px":1080,"height_px":2340,"dpi":420}"#;
    let points = points.join(",");
    format!(
        r#"{{"subject":"ann","capture":"{capture}","device":"phone","kind":"touch","screen":{screen},"events":[{points}]}}"#
    ) + "\n"
}

#[test]
fn a_stroke_of_a_direction_that_was_never_enrolled_is_a_failed_row() {
    let enroll: String = (0..25).map(|n| stroke(&format!("e{n}"), (0.0, -1.0), n)).collect();
    let test = stroke("up", (0.0, -1.0), 3) + &stroke("right", (1.0, 0.0), 3);
    for backgrounds in [Backgrounds::default(), builtin::all().unwrap()] {
        let (rows, errors, failed) = run(&backgrounds, &enroll, &test, None);
        assert_eq!(failed, 1, "{errors}");
        assert_ne!(rows[1][2], "error");
        assert_eq!(rows[2], ["ann", "right", "error", "error"]);
        assert!(errors.contains("ann right: too little data: a probe: strokes of"), "{errors}");
    }
}
