//! The set MEU-Mobile (UCI): `.tie5Roanl` in 14 touches on one tablet, 51 typings a person, as features.
//!
//! Columns `user`, then 71 numbers: 14 holds, 13 steps, 13 gaps in ms, 14 pressures, 14 contact areas, 3 means. Which key
//! is which is not said, so all are of a hidden class.

use std::io::Read;

use crate::behavior::event::{Device, RawCapture, RawEvents, RawKey};
use crate::behavior::{BehaviorError, Capture};

const DATASET: &str = "meu_mobile";
/// Name of the text in captures.
pub const TEXT: &str = "meu-tie5Roanl";
/// Touches of a typing.
const KEYS: usize = 14;
/// Features of a typing, without the user.
const FEATURES: usize = 71;
/// Where pressures and areas begin.
const PRESSURE: usize = 40;
const AREA: usize = 54;

/// Reads the whole set in the order of the file: a capture a typing, all of session `1`.
///
/// # Errors
/// Rows that are not as documented, and everything [`RawCapture::check`] refuses.
pub fn captures(csv: impl Read) -> Result<Vec<Capture>, BehaviorError> {
    let mut made = Vec::new();
    for (i, row) in csv::Reader::from_reader(csv).records().enumerate() {
        let line = i + 2;
        let wrong = |why| BehaviorError::Dataset { dataset: DATASET, line, why };
        let row = row.map_err(|_| wrong("not as many columns as the header"))?;
        let numbers: Result<Vec<f64>, _> = row.iter().skip(1).map(str::parse).collect();
        let numbers = numbers.map_err(|_| wrong("a feature is not a number"))?;
        if numbers.len() != FEATURES || !numbers.iter().all(|x| x.is_finite()) {
            return Err(wrong("71 finite features are needed"));
        }
        let at = |i: usize| numbers.get(i).copied().unwrap_or_default();
        let mut down_ms = 0.0;
        let keys = (0..KEYS).map(|k| {
            down_ms += if k == 0 { 0.0 } else { at(KEYS + k - 1).max(0.0) };
            RawKey {
                key: "other".to_owned(),
                down_ms,
                up_ms: down_ms + at(k).max(0.0),
                pressure: Some(at(PRESSURE + k)),
                size: Some(at(AREA + k)),
                ..RawKey::default()
            }
        });
        let raw = RawCapture {
            subject: row.get(0).unwrap_or_default().to_owned(),
            capture: format!("{line}"),
            session: Some("1".to_owned()),
            device: Device::Tablet,
            text_id: Some(TEXT.to_owned()),
            screen: None,
            events: RawEvents::Keystroke(keys.collect()),
            motion: Vec::new(),
        };
        made.push(raw.check()?);
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::Events;

    #[test]
    fn features_become_touches() {
        let header: Vec<String> = (0..FEATURES).map(|i| i.to_string()).collect();
        let values: Vec<String> = (0..FEATURES).map(|i| (i + 10).to_string()).collect();
        let csv = format!("user,{}\n53,{}\n", header.join(","), values.join(","));
        let made = captures(csv.as_bytes()).unwrap();
        let Events::Keystroke(keys) = &made[0].events else { panic!("keys went in") };
        assert_eq!(keys.len(), KEYS);
        assert_eq!((keys[1].down_ms, keys[1].up_ms), (24.0, 35.0));
        assert_eq!((keys[0].pressure, keys[13].size), (Some(50.0), Some(77.0)));
        assert!(captures(csv.replace("53,10", "53,x").as_bytes()).is_err());
        assert!(captures("user,0\n5,1\n".as_bytes()).is_err());
    }
}
