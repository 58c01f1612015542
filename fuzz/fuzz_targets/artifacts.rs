//! Files that programs write: back-ends, calibrations.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vouch::scoring::{BackEnd, BackEndParts, Calibration};

/// A back-end's manifest, numbers and calibration, each after its length (16 bits, little-endian).
fn three(data: &[u8]) -> Option<(&str, &[u8], &str)> {
    let part = |data: &[u8]| -> Option<(usize, usize)> {
        let length = usize::from(u16::from_le_bytes(*data.first_chunk::<2>()?));
        (2 + length <= data.len()).then_some((2, 2 + length))
    };
    let (from, to) = part(data)?;
    let (manifest, rest) = (&data[from..to], &data[to..]);
    let (from, to) = part(rest)?;
    let (numbers, calibration) = (&rest[from..to], &rest[to..]);
    let text = |bytes| std::str::from_utf8(bytes).ok();
    Some((text(manifest)?, numbers, text(calibration)?))
}

fuzz_target!(|data: &[u8]| {
    let _ = BackEndParts::from_bytes(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Calibration::from_json(text);
    }
    if let Some((manifest, numbers, calibration)) = three(data) {
        let _ = BackEnd::from_files(manifest, numbers, calibration);
    }
});
