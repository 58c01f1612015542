//! Texts that people write: trial lists, configuration, keys, ids.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vouch::domain::SubjectId;
use vouch::usecase::command::IdempotencyKey;
use vouch::usecase::score_trials;
use vouch::voice::Manifest;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = score_trials::parse(text);
    let _ = Manifest::parse(text);
    let _ = vouch::config::parse("fuzz", text, std::iter::empty());
    if let Ok(id) = SubjectId::parse(text) {
        assert_eq!(SubjectId::parse(id.as_str()), Ok(id));
    }
    let _ = IdempotencyKey::parse(text);
});
