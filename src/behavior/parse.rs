//! The JSON lines of captures, as DESIGN.md of the project's contract gives them: one line a capture.

use serde::Deserialize;

use crate::behavior::BehaviorError;
use crate::behavior::event::{
    Capture, CaptureKind, Device, MotionEvent, Phase, RawCapture, RawEvents, RawKey, RawPoint,
    Screen,
};
use crate::behavior::limits::MAX_LINE_BYTES;

/// Some programs begin a file with it.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

#[derive(Deserialize)]
struct Line {
    subject: String,
    capture: String,
    #[serde(default)]
    session: Option<String>,
    device: Device,
    kind: CaptureKind,
    #[serde(default)]
    text_id: Option<String>,
    #[serde(default)]
    screen: Option<Screen>,
    events: Vec<LineEvent>,
    #[serde(default)]
    motion: Vec<LineMotion>,
}

/// Either kind of event: which one is due is known only after the whole line is read.
#[derive(Deserialize)]
struct LineEvent {
    key: Option<String>,
    down_ms: Option<f64>,
    up_ms: Option<f64>,
    phase: Option<Phase>,
    t_ms: Option<f64>,
    x: Option<f64>,
    y: Option<f64>,
    pressure: Option<f64>,
    size: Option<f64>,
    button: Option<ButtonName>,
}

/// Browsers number the buttons of a pointer, programs on a desktop name them.
#[derive(Deserialize)]
#[serde(untagged)]
enum ButtonName {
    Name(String),
    Number(u32),
}

impl ButtonName {
    fn text(self) -> String {
        match self {
            Self::Name(name) => name,
            Self::Number(number) => number.to_string(),
        }
    }
}

#[derive(Deserialize)]
struct LineMotion {
    t_ms: f64,
    accel: Option<[f32; 3]>,
    gyro: Option<[f32; 3]>,
}

/// Reads one line.
///
/// # Errors
/// Lines over [`MAX_LINE_BYTES`], what is not a capture, and everything [`RawCapture::check`] refuses.
/// `number` is the line's, from 1, for messages.
pub fn capture(line: &str, number: usize) -> Result<Capture, BehaviorError> {
    let (what, limit, got) = ("a line", MAX_LINE_BYTES, line.len());
    if got > limit {
        return Err(BehaviorError::TooMuch { what, unit: "bytes", limit, got });
    }
    // What stands for bytes that are no UTF-8 once a file was read as text.
    if line.contains(char::REPLACEMENT_CHARACTER) {
        return Err(BehaviorError::Syntax { line: number, why: "no UTF-8".to_owned() });
    }
    let read: Line = serde_json::from_str(line).map_err(|e| syntax(number, &e))?;
    let events = match read.kind {
        CaptureKind::Keystroke => RawEvents::Keystroke(keys(read.events)?),
        CaptureKind::Touch => RawEvents::Touch(points(read.events, "touch")?),
        CaptureKind::Pointer => RawEvents::Pointer(points(read.events, "pointer")?),
    };
    let motion =
        read.motion.into_iter().map(|m| MotionEvent { t_ms: m.t_ms, accel: m.accel, gyro: m.gyro });
    let raw = RawCapture {
        subject: read.subject,
        capture: read.capture,
        session: read.session,
        device: read.device,
        text_id: read.text_id,
        screen: read.screen,
        events,
        motion: motion.collect(),
    };
    raw.check()
}

/// Reads a file of captures; empty lines are passed over. Every line has its own result.
pub fn captures(text: &str) -> impl Iterator<Item = (usize, Result<Capture, BehaviorError>)> + '_ {
    text.trim_start_matches(BYTE_ORDER_MARK)
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(i, line)| (i + 1, capture(line, i + 1)))
}

/// What the parser says without what it quotes: a value may be content.
fn syntax(line: usize, error: &serde_json::Error) -> BehaviorError {
    let said = error.to_string();
    let class = match error.classify() {
        serde_json::error::Category::Eof => "the line ends too early".to_owned(),
        serde_json::error::Category::Syntax => "no JSON".to_owned(),
        _ => field(&said).unwrap_or_else(|| "a field is of another type".to_owned()),
    };
    BehaviorError::Syntax { line, why: format!("{class} (column {})", error.column()) }
}

/// Of the parser's words those that come from the format: which field is missing, or what was due in place of what came.
fn field(said: &str) -> Option<String> {
    let words = said.rsplit_once(" at line ").map_or(said, |(words, _)| words);
    if words.starts_with("missing field `") || words.starts_with("duplicate field `") {
        return Some(words.to_owned());
    }
    // What came stands before and may hold anything, these words as well; what was due comes last and does not.
    let (_, due) = words.rsplit_once(", expected ")?;
    Some(format!("a value is of another type: expected {due}"))
}

fn keys(events: Vec<LineEvent>) -> Result<Vec<RawKey>, BehaviorError> {
    let read = |(index, e): (usize, LineEvent)| match (e.key, e.down_ms, e.up_ms) {
        (Some(key), Some(down_ms), Some(up_ms)) => {
            Ok(RawKey { key, down_ms, up_ms, pressure: e.pressure, size: e.size, x: e.x, y: e.y })
        }
        (key, down_ms, _) => {
            let missing = match (key, down_ms) {
                (None, _) => "key",
                (_, None) => "down_ms",
                _ => "up_ms",
            };
            Err(BehaviorError::WrongEvent { index, kind: "keystroke", missing })
        }
    };
    events.into_iter().enumerate().map(read).collect()
}

fn points(events: Vec<LineEvent>, kind: &'static str) -> Result<Vec<RawPoint>, BehaviorError> {
    let read = |(index, e): (usize, LineEvent)| match (e.phase, e.t_ms, e.x, e.y) {
        (Some(phase), Some(t_ms), Some(x), Some(y)) => {
            let (pressure, size, button) = (e.pressure, e.size, e.button.map(ButtonName::text));
            Ok(RawPoint { phase, t_ms, x, y, pressure, size, button })
        }
        (phase, t_ms, x, _) => {
            let missing = match (phase, t_ms, x) {
                (None, ..) => "phase",
                (_, None, _) => "t_ms",
                (.., None) => "x",
                _ => "y",
            };
            Err(BehaviorError::WrongEvent { index, kind, missing })
        }
    };
    events.into_iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::behavior::{Events, Key};

    const KEYS: &str = r#"{"subject":"s1","capture":"c1","session":"2","device":"desktop","kind":"keystroke","text_id":"pin",
        "screen":{"width_px":1080,"height_px":2340,"dpi":420},"events":[{"key":"a","down_ms":0.0,"up_ms":93.1,"pressure":0.5}],
        "motion":[{"t_ms":0,"accel":[0,0,9.8],"gyro":[0,0,0]}],"extra":1}"#;
    const TOUCH: &str = r#"{"subject":"s1","capture":"c1","device":"phone","kind":"touch","events":[
        {"phase":"down","t_ms":0,"x":512.0,"y":1630.0},{"phase":"up","t_ms":16,"x":1,"y":2,"size":0.1}]}"#;

    fn one(text: &str) -> Result<Capture, BehaviorError> {
        capture(&text.replace('\n', " "), 1)
    }

    #[test]
    fn reads_what_the_format_says() {
        let keys = one(KEYS).unwrap();
        assert_eq!((keys.session.as_deref(), keys.text_id.as_deref()), (Some("2"), Some("pin")));
        assert_eq!(keys.motion.len(), 1);
        let Events::Keystroke(events) = keys.events else { panic!("keys went in") };
        assert_eq!(events[0].key, Key::parse("a"));
        assert_eq!(events[0].pressure, Some(0.5));
        assert_eq!(one(TOUCH).unwrap().events.len(), 2);
    }

    #[test]
    fn refuses_everything_else_without_quoting_it() {
        let refusals = [
            KEYS.replace("\"a\"", "7"),
            KEYS.replace("\"kind\":\"keystroke\"", "\"kind\":\"touch\""),
            KEYS.replace("\"down_ms\":0.0,", ""),
            KEYS.replace("\"desktop\"", "\"secretvalue\""),
            TOUCH.replace("touch", "keystroke"),
            TOUCH.replace("512.0", "NaN"),
            TOUCH.replace("512.0", "1e999"),
            "{".to_owned(),
            "[]".to_owned(),
        ];
        for text in refusals {
            let error = one(&text).unwrap_err().to_string();
            assert!(!error.contains("secretvalue"), "{error}");
        }
        let long = capture(&"x".repeat(MAX_LINE_BYTES + 1), 1).unwrap_err();
        assert!(matches!(long, BehaviorError::TooMuch { .. }));
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = |text: String| one(&text).unwrap_err().to_string();
        let device = said(KEYS.replace("\"device\":\"desktop\",", ""));
        assert!(device.contains("missing field `device`"), "{device}");
        let down = said(KEYS.replace("\"down_ms\":0.0,", ""));
        assert!(down.ends_with("event 0: not an event of a keystroke capture: without down_ms"));
        let place = said(TOUCH.replace("\"x\":512.0,", ""));
        assert!(place.ends_with("without x"), "{place}");
        let other = said(TOUCH.replace("512.0", "\"hunter2, expected secretvalue\""));
        assert!(other.contains("expected f64") && !other.contains("secretvalue"), "{other}");
        let class = said(KEYS.replace("\"desktop\"", "\"x`, expected secretvalue\""));
        assert!(class.contains("`desktop`") && !class.contains("secretvalue"), "{class}");
    }

    #[test]
    fn a_button_has_a_name_or_a_number() {
        let pressed = |button: &str| {
            let text = TOUCH
                .replace("touch", "pointer")
                .replace("\"x\":512.0", &format!("\"button\":{button},\"x\":512.0"));
            let Events::Pointer(events) = one(&text).unwrap().events else {
                panic!("a pointer went in")
            };
            events[0].button
        };
        assert_eq!(pressed("\"right\""), Some(crate::behavior::event::Button::Right));
        assert_eq!(pressed("2"), Some(crate::behavior::event::Button::Right));
        assert_eq!(pressed("7"), Some(crate::behavior::event::Button::Other));
        let odd = TOUCH.replace("\"x\":512.0", "\"button\":[1],\"x\":512.0");
        assert!(matches!(one(&odd), Err(BehaviorError::Syntax { .. })));
    }

    #[test]
    fn each_line_has_its_own_result() {
        let text =
            format!("{}\n\nnonsense\n{}\n", KEYS.replace('\n', " "), TOUCH.replace('\n', " "));
        let found: Vec<_> = captures(&text).map(|(line, result)| (line, result.is_ok())).collect();
        assert_eq!(found, [(1, true), (3, false), (4, true)]);
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".{0,300}") {
            let _ = captures(&text).count();
        }

        #[test]
        fn damaged_lines_are_answered(at in 0usize..400, byte in 32u8..127) {
            for text in [KEYS, TOUCH] {
                let mut bytes = text.replace('\n', " ").into_bytes();
                let at = at % bytes.len();
                bytes[at] = byte;
                if let Ok(text) = String::from_utf8(bytes) {
                    let _ = capture(&text, 1);
                }
            }
        }
    }
}
