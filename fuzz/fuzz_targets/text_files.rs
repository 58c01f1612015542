//! Texts that people write or programs keep: trial lists, configuration, manifests, ids, keys,
//! checkpoints.
#![no_main]

mod texts;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    texts::read(data);
});
