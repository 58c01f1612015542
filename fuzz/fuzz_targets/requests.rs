//! Any bytes as a request: the message is decoded and converted as its service does it. What comes back
//! names a field and stays short.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(Err(bad)) = vouch::grpc::fuzzing::request(data) {
        assert!(!bad.field.is_empty() && bad.field.len() < 64, "{bad}");
        assert!(!bad.problem.is_empty() && bad.problem.len() < 200, "{bad}");
    }
});
