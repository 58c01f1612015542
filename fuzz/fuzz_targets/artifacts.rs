//! Files that programs write: back-ends, calibrations, checkpoints.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vouch::scoring::Calibration;
use vouch::scoring::BackEndParts;

fuzz_target!(|data: &[u8]| {
    let _ = BackEndParts::from_bytes(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Calibration::from_json(text);
    }
});
