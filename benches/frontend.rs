//! Front end against kaldi-native-fbank on one WAV file and one thread, in one run.
//!
//! `VOUCH_PYTHON=python3 cargo bench --bench frontend -- FILE.wav`; without `VOUCH_PYTHON` (an
//! interpreter that has the packages benches/peers/frontend_knf.py names) the peer is left out.
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use vouch::features::{FbankSpec, Frontend, MfccSpec};

/// Runs of which the best counts.
const REPEATS: usize = 200;

fn main() {
    let given = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    let file = given.unwrap_or_else(|| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/features/clip_16k.wav").to_owned()
    });
    let mut reader = hound::WavReader::open(&file).expect("a WAV file");
    let rate = reader.spec().sample_rate;
    let samples: Vec<f32> =
        reader.samples::<i16>().map(|x| f32::from(x.expect("16-bit samples"))).collect();
    let peer = peer(&file);
    for (name, frontend) in [
        ("fbank", Frontend::fbank(FbankSpec::new(rate))),
        ("mfcc", Frontend::mfcc(MfccSpec::new(rate))),
    ] {
        let mut frontend = frontend.expect("defaults are valid");
        let mut out = Vec::new();
        let mut best_us = f64::INFINITY;
        for _ in 0..REPEATS {
            out.clear();
            let start = Instant::now();
            frontend.compute(&samples, &mut out).expect("16-bit samples");
            best_us = best_us.min(start.elapsed().as_secs_f64() * 1e6);
        }
        let us = best_us / frontend.frames(samples.len()) as f64;
        match peer.get(name) {
            Some(peer_us) => println!(
                "{name} at {rate} Hz: {us:.3} us/frame, kaldi-native-fbank {peer_us:.3}, {:.2} times faster",
                peer_us / us
            ),
            None => println!("{name} at {rate} Hz: {us:.3} us/frame, peer not run"),
        }
    }
}

/// Best microseconds a frame of the peer, by kind.
fn peer(file: &str) -> HashMap<String, f64> {
    let Ok(python) = std::env::var("VOUCH_PYTHON") else {
        return HashMap::new();
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/frontend_knf.py");
    let output = Command::new(python)
        .arg(script)
        .arg(file)
        .env("OMP_NUM_THREADS", "1")
        .output()
        .expect("VOUCH_PYTHON names an interpreter");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}
