//! The voice models on one thread against onnxruntime running CAM++, in one run: CAM++ with the same
//! weights and features, and mfcc-tdnn as what a live call costs beside it.
//!
//! `VOUCH_ONNX=campplus.onnx VOUCH_PYTHON=python3 cargo bench --bench embed`; without either (an
//! export and an interpreter as benches/peers/campplus_onnxruntime.py describes) the peer is left out.
//! All take turns; the median of the turns counts. A model that is not installed is left out.
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use vouch::usecase::install_model;
use vouch::usecase::model_dir::models_dir_from_environment;
use vouch::voice::{Extractor, Manifest, Scratch};

/// Frames of 3, 5 and 10 s of audio.
const LENGTHS: [usize; 3] = [298, 498, 998];
/// Turns that ours and the peer take.
const TURNS: usize = 7;
/// Runs a turn and length; their median is the turn's time.
const REPEATS: usize = 5;
const RATE_HZ: u32 = 16_000;

/// Models in the order of the report.
const MODELS: [&str; 2] = ["campplus", "mfcc-tdnn"];
/// The model that the peer runs.
const PEER_MODEL: &str = MODELS[0];
/// Frames of one push of a live call: a second.
const LIVE_FRAMES: usize = 100;

/// A model with its features of ten seconds and its times.
struct Ours {
    extractor: Extractor,
    width: usize,
    features: Vec<f32>,
    scratch: Scratch,
    /// Milliseconds of each turn, by length.
    times: [Vec<f64>; LENGTHS.len()],
    /// Milliseconds of a second of a live call.
    live: Vec<f64>,
}

fn main() {
    let mut all: Vec<Ours> = MODELS.into_iter().filter_map(Ours::load).collect();
    let mut peer = Peer::start(&features_of(PEER_MODEL));
    let mut theirs = [const { Vec::new() }; LENGTHS.len()];
    for _ in 0..TURNS {
        all.iter_mut().for_each(Ours::turn);
        if let Some(peer) = &mut peer {
            for (times, ms) in theirs.iter_mut().zip(peer.turn()) {
                times.push(ms);
            }
        }
    }
    let theirs = peer.as_ref().map(|peer| (peer, theirs.map(|mut times| median(&mut times))));
    for ours in &mut all {
        ours.report(theirs.as_ref());
    }
}

impl Ours {
    fn load(id: &str) -> Option<Self> {
        match install_model::load(id, &models_dir_from_environment(None)) {
            Ok(extractor) => Some(Self {
                width: extractor.manifest().front_end.values(),
                extractor,
                features: features_of(id),
                scratch: Scratch::default(),
                times: [const { Vec::new() }; LENGTHS.len()],
                live: Vec::new(),
            }),
            Err(error) => {
                println!("{id}: not run: {error}");
                None
            }
        }
    }

    fn turn(&mut self) {
        for (times, frames) in self.times.iter_mut().zip(LENGTHS) {
            let features = &self.features[..frames * self.width];
            times.push(median_ms(&self.extractor, features, &mut self.scratch));
        }
        let mut stream = self.extractor.stream();
        let mut seconds = Vec::new();
        for second in self.features.chunks_exact(LIVE_FRAMES * self.width) {
            let start = Instant::now();
            self.extractor.push(&mut stream, second, &mut self.scratch).expect("good frames");
            let estimate = self.extractor.estimate(&stream, &mut self.scratch);
            std::hint::black_box(estimate.expect("enough frames"));
            seconds.push(start.elapsed().as_secs_f64() * 1e3);
        }
        self.live.push(median(&mut seconds));
    }

    fn report(&mut self, theirs: Option<&(&Peer, [f64; LENGTHS.len()])>) {
        let id = self.extractor.manifest().id.clone();
        for (index, frames) in LENGTHS.into_iter().enumerate() {
            let ours_ms = median(&mut self.times[index]);
            let Some((peer, peer_ms)) = theirs else {
                println!("{id}, {frames} frames: {ours_ms:.2} ms, peer not run");
                continue;
            };
            let agreement = match id == PEER_MODEL {
                true => format!(", cosine {:.7}", self.agreement(frames, &peer.embeddings[index])),
                false => String::new(),
            };
            println!(
                "{id}, {frames} frames: {ours_ms:.2} ms, onnxruntime {} with {PEER_MODEL} {:.2} ms, \
                 ratio {:.3}{agreement}",
                peer.version,
                peer_ms[index],
                ours_ms / peer_ms[index],
            );
        }
        println!(
            "{id}, live: {:.2} ms a second of speech (median of 9) with an estimate after each",
            median(&mut self.live)
        );
    }

    fn agreement(&mut self, frames: usize, theirs: &[f32]) -> f64 {
        let features = &self.features[..frames * self.width];
        let embedding = self.extractor.embed(features, &mut self.scratch).expect("enough frames");
        cosine(embedding.values(), theirs)
    }
}

/// A model's features of the fixture's speech, repeated to ten seconds.
fn features_of(id: &str) -> Vec<f32> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/campplus/clip.wav");
    let mut reader = hound::WavReader::open(path).expect("a WAV file");
    let clip: Vec<f32> =
        reader.samples::<i16>().map(|x| f32::from(x.expect("16-bit samples"))).collect();
    let samples: Vec<f32> = clip.into_iter().cycle().take(10 * RATE_HZ as usize).collect();
    let manifest = Manifest::built_in(id).expect("every model of this bench is known");
    let mut front_end = manifest.front_end.plan().expect("manifests are checked");
    let mut features = Vec::new();
    front_end.compute(&samples, &mut features).expect("16-bit samples");
    features
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
