//! The password set of Killourhy and Maxion (DSN 2009): `.tie5Roanl` and return, 400 typings a person in 8 sessions.
//!
//! Columns `subject, sessionIndex, rep`, then `H.key`, `DD.key.key`, `UD.key.key` in seconds; others are passed over.
//! The `R` typed with shift is one key.

use std::io::Read;

use crate::behavior::event::{Device, RawCapture, RawEvents, RawKey};
use crate::behavior::{BehaviorError, Capture};

const DATASET: &str = "cmu_dsl";
/// Name of the text in captures.
pub const TEXT: &str = "tie5Roanl";

/// Reads the whole set in the order of the file: a capture a typing, named `session-repetition`.
///
/// # Errors
/// Columns or rows that are not as documented, and everything [`RawCapture::check`] refuses.
pub fn captures(csv: impl Read) -> Result<Vec<Capture>, BehaviorError> {
    let wrong = |line, why| BehaviorError::Dataset { dataset: DATASET, line, why };
    let mut reader = csv::Reader::from_reader(csv);
    let header = reader.headers().map_err(|_| wrong(1, "no header"))?.clone();
    let column = |name: &str| {
        header.iter().position(|c| c == name).ok_or_else(|| wrong(1, "a column is missing"))
    };
    let named = [column("subject")?, column("sessionIndex")?, column("rep")?];
    let of_kind = |prefix: &str| -> Vec<(usize, String)> {
        let columns = header.iter().enumerate();
        columns.filter_map(|(i, c)| Some((i, c.strip_prefix(prefix)?.to_owned()))).collect()
    };
    let (holds, steps) = (of_kind("H."), of_kind("DD."));
    if holds.len() < 2 || steps.len() + 1 != holds.len() {
        return Err(wrong(1, "one step fewer than holds is needed"));
    }
    let mut made = Vec::new();
    for (i, row) in reader.records().enumerate() {
        let line = i + 2;
        let row = row.map_err(|_| wrong(line, "not as many columns as the header"))?;
        let text = |i: usize| row.get(i).unwrap_or_default().to_owned();
        let ms = |i: usize| -> Result<f64, BehaviorError> {
            let seconds = row.get(i).and_then(|x| x.parse::<f64>().ok());
            let seconds = seconds.filter(|x| (0.0..3_600.0).contains(x));
            Ok(seconds.ok_or_else(|| wrong(line, "a time is not a number of seconds"))? * 1e3)
        };
        let mut keys = Vec::with_capacity(holds.len());
        let mut down_ms = 0.0;
        for (k, (hold, name)) in holds.iter().enumerate() {
            if let Some((step, _)) = k.checked_sub(1).and_then(|k| steps.get(k)) {
                down_ms += ms(*step)?;
            }
            let up_ms = down_ms + ms(*hold)?;
            keys.push(RawKey { key: name.clone(), down_ms, up_ms, ..RawKey::default() });
        }
        let [subject, session, repetition] = named.map(text);
        let raw = RawCapture {
            subject,
            capture: format!("{session}-{repetition}"),
            session: Some(session),
            device: Device::Desktop,
            text_id: Some(TEXT.to_owned()),
            screen: None,
            events: RawEvents::Keystroke(keys),
            motion: Vec::new(),
        };
        made.push(raw.check()?);
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::{Events, Key};

    const HEADER: &str = "subject,sessionIndex,rep,H.period,DD.period.t,UD.period.t,H.t,DD.t.Shift.r,UD.t.Shift.r,H.Shift.r,x";

    #[test]
    fn rows_become_captures() {
        let csv = format!("{HEADER}\ns1,1,2,0.1,0.25,0.15,0.2,0.15,-0.05,0.08,9\n");
        let made = captures(csv.as_bytes()).unwrap();
        assert_eq!((made[0].capture.as_str(), made[0].session.as_deref()), ("1-2", Some("1")));
        let Events::Keystroke(keys) = &made[0].events else { panic!("keys went in") };
        let names = [".", "t", "r"].map(Key::parse);
        assert!(keys.iter().map(|k| k.key).eq(names));
        let times: Vec<_> = keys.iter().map(|k| (k.down_ms.round(), k.up_ms.round())).collect();
        assert_eq!(times, [(0.0, 100.0), (250.0, 450.0), (400.0, 480.0)]);
    }

    #[test]
    fn other_files_are_refused() {
        assert!(captures("a,b\n1,2\n".as_bytes()).is_err());
        for row in
            ["s1,1,2,NaN,0.2,0.1,0.1,0.1,0.1,0.1,0", "s1,1,2,-1,0.2,0.1,0.1,0.1,0.1,0.1,0", "s1,1"]
        {
            let error = captures(format!("{HEADER}\n{row}\n").as_bytes()).unwrap_err();
            assert!(matches!(error, BehaviorError::Dataset { line: 2, .. }), "{error}");
        }
    }
}
