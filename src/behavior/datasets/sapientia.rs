//! The tablet password set of Antal et al. (Sapientia University): three passwords, several sittings, with pressure,
//! contact area, position and gravity of each key.
//!
//! Columns `UserId, DeviceId, SessionId, Key, DownTime, UpTime, Pressure, FingerArea, RawX, RawY, gravityX, gravityY,
//! gravityZ, Hands, PasswordType, Repetition, site`; times in ms. All tablets have one layout of keys.

use std::io::Read;

use serde::Deserialize;

use crate::behavior::event::{Device, MotionEvent, RawCapture, RawEvents, RawKey};
use crate::behavior::{BehaviorError, Capture};

const DATASET: &str = "sapientia_tablet_keys";

/// Names of the three passwords in captures.
pub const TEXTS: [&str; 3] = ["sapientia-0", "sapientia-1", "sapientia-2"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    user_id: String,
    device_id: String,
    session_id: u32,
    key: String,
    down_time: f64,
    up_time: f64,
    pressure: f64,
    finger_area: f64,
    raw_x: f64,
    raw_y: f64,
    #[serde(rename = "gravityX")]
    gravity_x: f32,
    #[serde(rename = "gravityY")]
    gravity_y: f32,
    #[serde(rename = "gravityZ")]
    gravity_z: f32,
    password_type: usize,
    repetition: u32,
}

impl Row {
    fn typing(&self) -> (&str, usize, u32, &str, u32) {
        let (user, device) = (self.user_id.as_str(), self.device_id.as_str());
        (user, self.password_type, self.session_id, device, self.repetition)
    }
}

/// Reads the whole set: a capture a typing, ordered by person, password and sitting, then as in the file.
///
/// # Errors
/// Rows that are not as documented, and everything [`RawCapture::check`] refuses.
pub fn captures(csv: impl Read) -> Result<Vec<Capture>, BehaviorError> {
    let mut rows: Vec<Row> = Vec::new();
    for (i, row) in csv::Reader::from_reader(csv).deserialize::<Row>().enumerate() {
        let wrong = |why| BehaviorError::Dataset { dataset: DATASET, line: i + 2, why };
        let row = row.map_err(|_| wrong("a column is missing or not a number"))?;
        if row.password_type >= TEXTS.len() {
            return Err(wrong("the password type is 0, 1 or 2"));
        }
        rows.push(row);
    }
    // The sort is stable: within a typing the order of the file stays.
    rows.sort_by(|a, b| a.typing().cmp(&b.typing()));
    let mut made: Vec<(String, usize, u32, f64, Capture)> = Vec::new();
    for typing in rows.chunk_by(|a, b| a.typing() == b.typing()) {
        let Some(first) = typing.first() else { continue };
        let entry = (first.user_id.clone(), first.password_type, first.session_id);
        made.push((entry.0, entry.1, entry.2, first.down_time, capture(typing, first)?));
    }
    made.sort_by(|a, b| (&a.0, a.1, a.2).cmp(&(&b.0, b.1, b.2)).then(a.3.total_cmp(&b.3)));
    Ok(made.into_iter().map(|m| m.4).collect())
}

fn capture(typing: &[Row], first: &Row) -> Result<Capture, BehaviorError> {
    let start = first.down_time;
    let keys = typing.iter().map(|row| RawKey {
        key: row.key.clone(),
        down_ms: row.down_time - start,
        up_ms: row.up_time - start,
        pressure: Some(row.pressure),
        size: Some(row.finger_area),
        x: Some(row.raw_x),
        y: Some(row.raw_y),
    });
    let motion = typing.iter().map(|row| MotionEvent {
        t_ms: row.down_time - start,
        accel: Some([row.gravity_x, row.gravity_y, row.gravity_z]),
        gyro: None,
    });
    let (text, session) = (first.password_type, first.session_id);
    let raw = RawCapture {
        subject: first.user_id.clone(),
        capture: format!("{text}-{session}-{}-{}", first.device_id, first.repetition),
        session: Some(session.to_string()),
        device: Device::Tablet,
        text_id: TEXTS.get(text).map(|t| (*t).to_owned()),
        screen: None,
        events: RawEvents::Keystroke(keys.collect()),
        motion: motion.collect(),
    };
    raw.check()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "UserId,DeviceId,SessionId,Key,DownTime,UpTime,Pressure,FingerArea,RawX,RawY,gravityX,gravityY,gravityZ,Hands,PasswordType,Repetition,site\n";

    #[test]
    fn typings_are_gathered_and_ordered() {
        let row = |session, key, down, rep| {
            format!("7,K,{session},{key},{down},{},0.1,0.2,5,6,0,0,9.8,1,1,{rep},a\n", down + 50)
        };
        let csv = [
            HEADER.to_owned(),
            row(2, "a", 1000, 0),
            row(2, "b", 1100, 0),
            row(0, "a", 90_000, 1),
            row(0, "b", 90_200, 1),
            row(0, "a", 80_000, 2),
        ];
        let made = captures(csv.concat().as_bytes()).unwrap();
        let names: Vec<_> = made.iter().map(|c| (c.capture.as_str(), c.events.len())).collect();
        assert_eq!(names, [("1-0-K-2", 1), ("1-0-K-1", 2), ("1-2-K-0", 2)]);
        assert_eq!(made[0].text_id.as_deref(), Some("sapientia-1"));
        assert_eq!(made[1].motion.len(), 2);
    }

    #[test]
    fn other_rows_are_refused() {
        let rest = "0.1,0.2,5,6,0,0,9.8,1";
        for row in [
            format!("7,K,0,a,x,2,{rest},0,0,a"),
            format!("7,K,0,a,1,2,{rest},3,0,a"),
            "7".to_owned(),
        ] {
            assert!(captures(format!("{HEADER}{row}\n").as_bytes()).is_err(), "{row}");
        }
        let back = format!("{HEADER}7,K,0,a,9,2,{rest},0,0,a\n");
        assert!(captures(back.as_bytes()).is_err());
    }
}
