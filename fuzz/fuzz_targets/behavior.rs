//! Captures as clients and files send them, stored samples, background models.
#![no_main]

mod captures;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    captures::read(data);
});
