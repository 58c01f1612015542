//! Verifications of behavior a second on one thread, features included, with the backgrounds that ship: fixed text
//! (11 keys, 200 typings enrolled), free text (about 50 keys, 5 captures enrolled), a stroke (50 enrolled).
//!
//! A figure is that of the fastest round over all probes, beside the mean: on a machine with other work the mean says how busy it is.
//!
//! `cargo bench --bench behavior`. Captures are made up from a seed; only their size matters here.
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vouch::behavior::kinds::{Backgrounds, Template, extract};
use vouch::behavior::{Capture, Sample, builtin, parse};

/// Seconds a figure is measured for.
const SECONDS: f64 = 3.0;
/// Distinct probes, so that none is answered from a cache of the processor alone.
const PROBES: usize = 64;

fn main() {
    let backgrounds = builtin::all().expect("the shipped models load");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let password = ".tie5Roanl\r";
    let sentence = "the quick brown fox jumps over the lazy dog and on";
    let fixed = |rng: &mut _| typing(password, Some("password"), rng);
    report("fixed text, 11 keys", &backgrounds, 200, fixed, &mut rng);
    let free = |rng: &mut _| typing(sentence, None, rng);
    report("free text, 50 keys", &backgrounds, 5, free, &mut rng);
    report("stroke", &backgrounds, 50, stroke, &mut rng);
}

fn report(
    name: &str,
    backgrounds: &Backgrounds,
    enrolled: usize,
    make: impl Fn(&mut ChaCha8Rng) -> Capture,
    rng: &mut ChaCha8Rng,
) {
    let sample = |capture: &Capture| extract(capture, backgrounds).expect("enough in it");
    let samples: Vec<Sample> = (0..enrolled).map(|_| sample(&make(rng))).collect();
    let bytes: usize = samples.iter().map(|s| s.to_bytes().expect("within limits").len()).sum();
    let template = Template::new(&samples, backgrounds).expect("samples of one kind");
    let probes: Vec<Capture> = (0..PROBES).map(|_| make(rng)).collect();
    let (started, mut rounds, mut fastest) = (Instant::now(), 0u32, f64::INFINITY);
    while started.elapsed().as_secs_f64() < SECONDS {
        let round = Instant::now();
        for probe in &probes {
            let evidence = template.score(&[sample(probe)]).expect("a probe of this kind");
            std::hint::black_box(evidence);
        }
        fastest = fastest.min(round.elapsed().as_secs_f64());
        rounds += 1;
    }
    let best = PROBES as f64 / fastest;
    let mean = PROBES as f64 * f64::from(rounds) / started.elapsed().as_secs_f64();
    println!(
        "{name}: {best:.0} verifications/s in the fastest of {rounds} rounds, {mean:.0} on average; \
         {bytes} B stored of {enrolled} captures"
    );
}

fn typing(text: &str, text_id: Option<&str>, rng: &mut ChaCha8Rng) -> Capture {
    let mut at = 0.0;
    let mut keys = Vec::new();
    for key in text.chars() {
        let hold = rng.random_range(60.0..130.0);
        let name = match key {
            '\r' => "Enter".to_owned(),
            ' ' => "space".to_owned(),
            key => key.to_string(),
        };
        keys.push(format!(r#"{{"key":"{name}","down_ms":{at:.1},"up_ms":{:.1}}}"#, at + hold));
        at += rng.random_range(90.0..260.0);
    }
    let text_id = text_id.map_or(String::new(), |id| format!(r#""text_id":"{id}","#));
    read(&format!(
        r#""device":"desktop","kind":"keystroke",{text_id}"events":[{}]"#,
        keys.join(",")
    ))
}

fn stroke(rng: &mut ChaCha8Rng) -> Capture {
    let (x, slope) = (rng.random_range(300.0..700.0), rng.random_range(-0.3..0.3));
    let points = 30;
    let events: Vec<String> = (0..points)
        .map(|i| {
            let phase = match i {
                0 => "down",
                i if i + 1 == points => "up",
                _ => "move",
            };
            let y = 1_800.0 - 40.0 * f64::from(i) + rng.random_range(-2.0..2.0);
            let x = x + slope * 40.0 * f64::from(i) + rng.random_range(-2.0..2.0);
            format!(r#"{{"phase":"{phase}","t_ms":{},"x":{x:.1},"y":{y:.1}}}"#, 16 * i)
        })
        .collect();
    let screen = r#""screen":{"width_px":1080,"height_px":2340,"dpi":420}"#;
    read(&format!(r#""device":"phone","kind":"touch",{screen},"events":[{}]"#, events.join(",")))
}

fn read(rest: &str) -> Capture {
    let line = format!(r#"{{"subject":"s","capture":"c",{rest}}}"#);
    parse::capture(&line, 1).expect("a capture of the format")
}
