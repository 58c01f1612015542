//! Any bytes as an audio file: an answer or a typed error, never a panic, never more than the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vouch::audio::{AudioLimits, QualityLimits, decode_file, listen};

fuzz_target!(|data: &[u8]| {
    let limits = AudioLimits { max_seconds: 10, max_bytes: 1 << 20, max_chunk_bytes: 1 << 16 };
    let Ok(pcm) = decode_file(data, Some(0), &limits) else { return };
    assert!(pcm.samples.iter().all(|sample| sample.is_finite()));
    assert!(pcm.samples.len() as u64 <= 10 * u64::from(pcm.sample_rate_hz));
    if pcm.samples.len() < 16_000 {
        let _ = listen(&pcm, QualityLimits::default());
    }
});
