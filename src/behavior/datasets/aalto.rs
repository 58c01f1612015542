//! The desktop keystroke set of Dhakal et al. (CHI 2018), as a table of 988 people with 15 sentences each.
//!
//! Columns `user, sentence, keycode, dt_down_ms, hold_ms`: Windows key codes, time since the key before went down,
//! hold time. Times are whole milliseconds; a few are negative or huge where a browser lost events.

use std::io::Read;

use serde::Deserialize;

use crate::behavior::event::{Device, RawCapture, RawEvents, RawKey};
use crate::behavior::{BehaviorError, Capture};

const DATASET: &str = "aalto_desktop_freetext";
/// Longest hold that is believed, ms; a longer one is a lost key-up.
const MAX_HOLD_MS: f64 = 10_000.0;
/// Longest step that is believed, ms.
const MAX_STEP_MS: f64 = 600_000.0;

#[derive(Deserialize)]
struct Row {
    user: String,
    sentence: String,
    keycode: String,
    dt_down_ms: f64,
    hold_ms: f64,
}

/// Reads the whole set, in the order of the file: a capture a sentence, of session `1`.
///
/// # Errors
/// Rows that are not as documented, and everything [`RawCapture::check`] refuses.
pub fn captures(csv: impl Read) -> Result<Vec<Capture>, BehaviorError> {
    let mut made = Vec::new();
    let mut open: Option<Open> = None;
    for (i, row) in csv::Reader::from_reader(csv).deserialize::<Row>().enumerate() {
        let wrong = |why| BehaviorError::Dataset { dataset: DATASET, line: i + 2, why };
        let row =
            row.map_err(|_| wrong("the columns are user, sentence, keycode, dt_down_ms, hold_ms"))?;
        if !row.dt_down_ms.is_finite() || !row.hold_ms.is_finite() {
            return Err(wrong("a time is not a number"));
        }
        if row.keycode.parse::<u16>().is_err() {
            return Err(wrong("a key code is not a number"));
        }
        let mut current = match open.take() {
            Some(open) if open.user == row.user && open.sentence == row.sentence => open,
            other => {
                other.map_or(Ok(()), |done| done.close(&mut made))?;
                Open { user: row.user, sentence: row.sentence, clock_ms: 0.0, keys: Vec::new() }
            }
        };
        if !current.keys.is_empty() {
            current.clock_ms += row.dt_down_ms.clamp(0.0, MAX_STEP_MS);
        }
        current.keys.push(RawKey {
            key: row.keycode,
            down_ms: current.clock_ms,
            up_ms: current.clock_ms + row.hold_ms.clamp(0.0, MAX_HOLD_MS),
            ..RawKey::default()
        });
        open = Some(current);
    }
    open.map_or(Ok(()), |done| done.close(&mut made))?;
    Ok(made)
}

/// A sentence that is being read.
struct Open {
    user: String,
    sentence: String,
    clock_ms: f64,
    keys: Vec<RawKey>,
}

impl Open {
    fn close(self, made: &mut Vec<Capture>) -> Result<(), BehaviorError> {
        let raw = RawCapture {
            subject: self.user,
            capture: self.sentence,
            session: Some("1".to_owned()),
            device: Device::Desktop,
            text_id: None,
            screen: None,
            events: RawEvents::Keystroke(self.keys),
            motion: Vec::new(),
        };
        made.push(raw.check()?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::{Events, Key};

    const HEADER: &str = "user,sentence,keycode,dt_down_ms,hold_ms\n";

    #[test]
    fn sentences_become_captures_and_differences_times() {
        let rows = "7,0,73,900,80\n7,0,32,150,-5\n7,0,16,-20,60\n7,1,190,0,70\n8,1,65,3,70\n";
        let made = captures(format!("{HEADER}{rows}").as_bytes()).unwrap();
        let names: Vec<_> = made.iter().map(|c| (c.subject.as_str(), c.capture.as_str())).collect();
        assert_eq!(names, [("7", "0"), ("7", "1"), ("8", "1")]);
        let Events::Keystroke(keys) = &made[0].events else { panic!("keys went in") };
        let seen: Vec<_> = keys.iter().map(|k| (k.key, k.down_ms, k.up_ms)).collect();
        let expected =
            [(Key::parse("i"), 0.0, 80.0), (Key::SPACE, 150.0, 150.0), (Key::SHIFT, 150.0, 210.0)];
        assert_eq!(seen, expected);
    }

    #[test]
    fn other_rows_are_refused_by_line() {
        for row in ["7,0,x,1,2", "7,0,73,NaN,2", "7,0,73,a,2", "7,0"] {
            let csv = format!("{HEADER}7,0,73,0,80\n{row}\n");
            let error = captures(csv.as_bytes()).unwrap_err();
            assert!(matches!(error, BehaviorError::Dataset { line: 3, .. }), "{error}");
        }
    }
}
