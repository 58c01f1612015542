//! CAM++ on one thread against onnxruntime with the same weights and features, in one run.
//!
//! `VOUCH_ONNX=campplus.onnx VOUCH_PYTHON=python3 cargo bench --bench embed`; without either (an
//! export and an interpreter as benches/peers/campplus_onnxruntime.py describes) the peer is left out.
//! The two take turns; the median of the turns counts.
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use vouch::features::{FeatureKind, extract};
use vouch::usecase::install_model;
use vouch::usecase::model_dir::models_dir_from_environment;
use vouch::voice::{Extractor, Scratch};

/// Frames of 3, 5 and 10 s of audio.
const LENGTHS: [usize; 3] = [298, 498, 998];
/// Turns that ours and the peer take.
const TURNS: usize = 7;
/// Runs a turn and length; their median is the turn's time.
const REPEATS: usize = 5;
const RATE_HZ: u32 = 16_000;
const BINS: usize = 80;

fn main() {
    let extractor = match install_model::load("campplus", &models_dir_from_environment(None)) {
        Ok(extractor) => extractor,
        Err(error) => {
            println!("not run: {error}");
            return;
        }
    };
    let features = ten_seconds();
    let mut scratch = Scratch::default();
    let mut peer = Peer::start(&features);
    let mut ours = [const { Vec::new() }; LENGTHS.len()];
    let mut theirs = [const { Vec::new() }; LENGTHS.len()];
    for _ in 0..TURNS {
        for (times, frames) in ours.iter_mut().zip(LENGTHS) {
            let features = &features[..frames * BINS];
            times.push(median_ms(&extractor, features, &mut scratch));
        }
        if let Some(peer) = &mut peer {
            for (times, ms) in theirs.iter_mut().zip(peer.turn()) {
                times.push(ms);
            }
        }
    }
    for (index, frames) in LENGTHS.into_iter().enumerate() {
        let ours_ms = median(&mut ours[index]);
        match &peer {
            Some(peer) => {
                let peer_ms = median(&mut theirs[index]);
                let embedding = extractor
                    .embed(&features[..frames * BINS], &mut scratch)
                    .expect("enough frames");
                println!(
                    "{frames} frames: {ours_ms:.2} ms, onnxruntime {} {peer_ms:.2} ms, ratio {:.3}, \
                     cosine {:.7}",
                    peer.version,
                    ours_ms / peer_ms,
                    cosine(embedding.values(), &peer.embeddings[index])
                );
            }
            None => println!("{frames} frames: {ours_ms:.2} ms, peer not run"),
        }
    }
}

/// Features of the fixture's speech, repeated to ten seconds.
fn ten_seconds() -> Vec<f32> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/campplus/clip.wav");
    let mut reader = hound::WavReader::open(path).expect("a WAV file");
    let clip: Vec<f32> =
        reader.samples::<i16>().map(|x| f32::from(x.expect("16-bit samples"))).collect();
    let samples: Vec<f32> = clip.into_iter().cycle().take(10 * RATE_HZ as usize).collect();
    extract(FeatureKind::Fbank, &samples, RATE_HZ, None, None)
        .expect("defaults are valid")
        .into_raw_vec_and_offset()
        .0
}

fn median_ms(extractor: &Extractor, features: &[f32], scratch: &mut Scratch) -> f64 {
    let mut times: Vec<f64> = (0..REPEATS)
        .map(|_| {
            let start = Instant::now();
            let embedding = extractor.embed(features, scratch);
            std::hint::black_box(embedding.expect("enough frames"));
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    median(&mut times)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| -> f64 {
        x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

struct Peer {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    version: String,
    embeddings: Vec<Vec<f32>>,
}

impl Peer {
    /// Starts the peer, where the environment names it.
    fn start(features: &[f32]) -> Option<Self> {
        let python = std::env::var("VOUCH_PYTHON").ok()?;
        let onnx = std::env::var("VOUCH_ONNX").ok()?;
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        let bytes: Vec<u8> = features.iter().flat_map(|x| x.to_le_bytes()).collect();
        file.write_all(&bytes).expect("room for the features");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/campplus_onnxruntime.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(onnx)
            .arg(file.path())
            .args(LENGTHS.map(|n| n.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the interpreter that VOUCH_PYTHON names");
        let mut peer = Self {
            stdin: child.stdin.take().expect("stdin is piped"),
            stdout: BufReader::new(child.stdout.take().expect("stdout is piped")),
            child,
            version: String::new(),
            embeddings: Vec::new(),
        };
        peer.version = peer.line()[1].clone();
        for _ in LENGTHS {
            let values = peer.line();
            let values = values[2..].iter().map(|v| v.parse().expect("a number"));
            peer.embeddings.push(values.collect());
        }
        Some(peer)
    }

    fn line(&mut self) -> Vec<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the peer answers");
        line.split_whitespace().map(str::to_owned).collect()
    }

    /// Milliseconds a length, in order.
    fn turn(&mut self) -> Vec<f64> {
        self.stdin.write_all(b"go\n").expect("the peer listens");
        LENGTHS.map(|_| self.line()[1].parse().expect("milliseconds")).to_vec()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The peer has answered everything; nothing is lost when it ends here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
