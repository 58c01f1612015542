//! Captures that clients send, hostile, damaged and made up: features and finite numbers, or a typed error, never a
//! panic. The same readers as in the fuzz target `behavior`.

use proptest::prelude::*;
use vouch::behavior::kinds::{Backgrounds, extract};
use vouch::behavior::{BehaviorError, Sample, parse};

#[path = "../../fuzz/fuzz_targets/captures.rs"]
mod readers;

/// A line with everything before its events.
fn line(device: &str, kind: &str, rest: &str, events: &str) -> String {
    format!(
        r#"{{"subject":"s1","capture":"c1","session":"2","device":"{device}","kind":"{kind}",{rest}"events":[{events}]}}"#
    )
}

fn keys(text: &str, step_ms: f64) -> String {
    let key = |(i, c): (usize, char)| {
        let down = step_ms * i as f64;
        format!(
            r#"{{"key":"{c}","down_ms":{down:.1},"up_ms":{:.1}}}"#,
            down + 80.0 + (i % 7) as f64
        )
    };
    text.chars().enumerate().map(key).collect::<Vec<_>>().join(",")
}

fn points(count: usize) -> String {
    let point = |i: usize| {
        let phase = match i {
            0 => "down",
            i if i + 1 == count => "up",
            _ => "move",
        };
        let (t, x, y) = (16 * i, 500 + i * i % 17, 1_600 - 40 * i as i64);
        format!(r#"{{"phase":"{phase}","t_ms":{t},"x":{x},"y":{y},"pressure":0.4,"size":0.1}}"#)
    };
    (0..count).map(point).collect::<Vec<_>>().join(",")
}

const HELD: &str = r#""motion":[{"t_ms":0,"accel":[0.3,2.1,9.5],"gyro":[0,0.1,0]},{"t_ms":20,"accel":[0.2,2.2,9.5]},
    {"t_ms":40,"accel":[0.2,2.0,9.6]},{"t_ms":60,"accel":[0.3,2.1,9.4]}],"#;

/// A file of each kind of capture and class of device, and a stored sample.
fn good() -> Vec<Vec<u8>> {
    let screen = r#""screen":{"width_px":1080,"height_px":2340,"dpi":420},"#;
    let pin = r#""text_id":"pin","#;
    let held = HELD.replace('\n', "");
    let sentence = keys("the quick brown fox jumps over the lazy dog and on", 140.0);
    let lines = [
        line("desktop", "keystroke", pin, &keys(".tie5Roanl", 150.0)),
        line("tablet", "keystroke", &format!("{pin}{held}"), &keys("7391", 260.0)),
        line("desktop", "keystroke", "", &sentence),
        line("phone", "keystroke", "", &sentence.replace("\"key\":\"e\"", "\"key\":\"letter\"")),
        line("phone", "touch", &format!("{screen}{held}"), &points(30)),
        line("desktop", "pointer", "", &points(60).replace("\"size\":0.1", "\"button\":\"left\"")),
    ];
    let first = parse::capture(&lines[4], 1).unwrap();
    let stored = extract(&first, &Backgrounds::default()).unwrap().to_bytes().unwrap();
    let mut files: Vec<Vec<u8>> = lines.iter().map(|l| l.clone().into_bytes()).collect();
    files.push(lines.join("\n").into_bytes());
    files.push(stored);
    files
}

#[test]
fn every_reader_reads_its_example() {
    let files = good();
    let (stored, lines) = files.split_last().unwrap();
    let counts: Vec<usize> = lines.iter().map(|file| readers::read(file)).collect();
    assert_eq!(counts, [1, 1, 1, 1, 1, 1, 6]);
    assert!(Sample::from_bytes(stored).is_ok());
}

#[test]
#[ignore = "writes the hand-made seeds of the fuzz target `behavior` anew"]
fn write_seeds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/behavior");
    std::fs::create_dir_all(folder).unwrap();
    for (n, bytes) in good().into_iter().enumerate() {
        std::fs::write(format!("{folder}/good-{n}"), bytes).unwrap();
    }
}

/// What the reader says of a capture.
fn said(device: &str, kind: &str, events: &str) -> Result<usize, BehaviorError> {
    parse::capture(&line(device, kind, "", events), 1).map(|capture| capture.events.len())
}

#[test]
fn hostile_captures_are_refused_with_what_came_or_mended() {
    let typed = |events: &str| said("desktop", "keystroke", events);
    let key = |down: &str, up: &str| format!(r#"{{"key":"a","down_ms":{down},"up_ms":{up}}}"#);
    assert_eq!(typed(""), Err(BehaviorError::Empty));
    for (kind, one) in [("keystroke", keys("a", 0.0)), ("touch", points(1)), ("pointer", points(1))]
    {
        assert_eq!(said("phone", kind, &one), Ok(1), "{kind}");
        readers::read(line("phone", kind, "", &one).as_bytes());
    }
    for bad in ["NaN", "-1", "1e999", "-1e-3", "null", "\"7\""] {
        assert!(typed(&key(bad, "5")).is_err() && typed(&key("5", bad)).is_err(), "{bad}");
        let point = points(2).replacen("\"t_ms\":0", &format!("\"t_ms\":{bad}"), 1);
        assert!(said("phone", "touch", &point).is_err(), "{bad}");
    }
    assert!(matches!(typed(&key("9", "5")), Err(BehaviorError::Number { .. })));
    let travel = [key("900000", "900050"), key("10", "60")].join(",");
    assert!(matches!(typed(&travel), Err(BehaviorError::TimeRunsBack { .. })));
    let late = [key("900", "950"), key("10", "60"), key("10", "60")].join(",");
    assert_eq!(typed(&late), Ok(2), "put in order, and once");
    for name in ["", "\\u0000", "no such key", "🔑", &"k".repeat(128)] {
        let unknown = key("1", "2").replacen("\"a\"", &format!("\"{name}\""), 1);
        let text = [unknown, key("200", "260")].join(",");
        assert!(typed(&text).is_ok_and(|n| n == 2), "{name}");
        readers::read(line("desktop", "keystroke", "", &text).as_bytes());
    }
}

#[test]
fn a_million_events_are_refused_by_the_limit_they_are_over() {
    let million = vec![r#"{"key":"a","down_ms":0,"up_ms":1}"#; 1_000_000].join(",");
    let refused = said("desktop", "keystroke", &million).unwrap_err();
    assert!(refused.to_string().starts_with("a line: at most 8388608 bytes, got 3"), "{refused}");
    let many = vec![r#"{"key":"a","down_ms":0,"up_ms":1}"#; 60_000].join(",");
    let refused = said("desktop", "keystroke", &many).unwrap_err();
    assert_eq!(refused.to_string(), "events: at most 50000 events, got 60000");
}

/// Times and places of any size and order, with extreme ones among them.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..5_000.0f64,
        1 => any::<f64>().prop_filter("JSON has no others", |x| x.is_finite()),
        1 => prop::sample::select(vec![0.0, -0.0, 1e14, -1e6, 1e6, 5e-324]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_typing_is_compared_or_refused(
        events in prop::collection::vec(("\\PC{0,3}", number(), number()), 0..40),
        named: bool,
    ) {
        let event = |(key, at, hold): &(String, f64, f64)| {
            let key = serde_json::to_string(key).unwrap();
            format!(r#"{{"key":{key},"down_ms":{at:e},"up_ms":{:e}}}"#, at + hold)
        };
        let events = events.iter().map(event).collect::<Vec<_>>().join(",");
        let text_id = if named { r#""text_id":"pin","# } else { "" };
        readers::read(line("desktop", "keystroke", text_id, &events).as_bytes());
    }

    #[test]
    fn any_path_is_compared_or_refused(
        path in prop::collection::vec((number(), number(), number()), 0..60),
        kind in prop::sample::select(vec!["touch", "pointer"]),
        sorted: bool,
    ) {
        let mut path = path;
        if sorted {
            path.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        let event = |(i, (t, x, y)): (usize, &(f64, f64, f64))| {
            let phase = if i == 0 { "down" } else { "move" };
            format!(r#"{{"phase":"{phase}","t_ms":{t:e},"x":{x:e},"y":{y:e}}}"#)
        };
        let events = path.iter().enumerate().map(event).collect::<Vec<_>>().join(",");
        readers::read(line("phone", kind, "", &events).as_bytes());
    }

    #[test]
    fn damaged_captures_are_read_or_refused(
        which: prop::sample::Index,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut files = good();
        let mut bytes = files.swap_remove(which.index(files.len()));
        for (index, value) in damage {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(index) = cut {
            bytes.truncate(index.index(bytes.len()));
        }
        readers::read(&bytes);
    }

    #[test]
    fn any_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        readers::read(&bytes);
    }
}
