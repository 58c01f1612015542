//! The models on real recordings: needs the recordings of `fixtures/voices.sh` or of `VOUCH_DATA`, and for
//! CAM++ `vouch model install campplus`. Bounds are generous: they catch a broken chain, not a worse day.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use vouch::usecase::back_end;
use vouch::usecase::file_embedder::FileEmbedder;
use vouch::usecase::hear::Vad;
use vouch::usecase::install_model;
use vouch::usecase::score_trials;

/// Speakers of hyke that are used: enough for 24 target and 264 non-target trials.
const SPEAKERS: usize = 12;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Says so loudly.
pub fn skipped(test: &str, mend: &str) {
    // Past the runner's capture, so that it is seen.
    let _ = std::io::stderr().write_all(format!("SKIPPED {test}: {mend}\n").as_bytes());
}

fn models() -> PathBuf {
    vouch::usecase::model_dir::models_dir_from_environment(Some(root().join("models")))
}

/// Real telephone calls: the first recording of each speaker enrolls, two others test, everybody against
/// everybody.
fn hyke(folder: &Path) -> Vec<(String, String, bool)> {
    let mut by_speaker: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    for line in manifest.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        if fields[0] == "hyke" {
            by_speaker.entry(fields[1].to_owned()).or_default().push(fields[2].to_owned());
        }
    }
    let speakers: Vec<Vec<String>> = by_speaker.into_values().take(SPEAKERS).collect();
    let mut trials = Vec::new();
    for (i, enrolled) in speakers.iter().enumerate() {
        for (j, tested) in speakers.iter().enumerate() {
            for test in &tested[1..3] {
                trials.push((enrolled[0].clone(), test.clone(), i == j));
            }
        }
    }
    trials
}

#[test]
fn real_calls_of_one_person_score_above_those_of_others() {
    separates("mfcc-tdnn", "real_calls_of_one_person_score_above_those_of_others");
}

#[test]
fn real_calls_are_told_apart_by_campplus() {
    let name = "real_calls_are_told_apart_by_campplus";
    if install_model::verify("campplus", &models()).is_err() {
        return skipped(name, "run `vouch model install campplus`");
    }
    separates("campplus", name);
}

fn separates(model: &str, name: &str) {
    let models = models();
    let Some(data) = std::env::var_os("VOUCH_DATA") else {
        return skipped(name, "set VOUCH_DATA");
    };
    let folder = PathBuf::from(data).join("speech");
    let trials = hyke(&folder);
    let label = |same: bool| if same { "target" } else { "nontarget" };
    let list: String =
        trials.iter().map(|(e, t, same)| format!("{e} {t} {}\n", label(*same))).collect();
    let extractor = install_model::load(model, &models).unwrap();
    let embedder = FileEmbedder::new(extractor, Vad::On, None).unwrap();
    let systems = back_end::load_systems(model, &models).unwrap();
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let outcome =
        score_trials::run(&embedder, &systems.full, &list, &folder, &mut out, &mut errors).unwrap();
    assert_eq!((outcome.rows, outcome.failed), (trials.len(), 0));
    let text = String::from_utf8(out).unwrap();
    let llr_of = |line: &str| line.split('\t').nth(3).unwrap().parse::<f64>().unwrap();
    let (mut same, mut other): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    for line in text.lines().skip(1) {
        let side = if line.ends_with("nontarget") { &mut other } else { &mut same };
        side.push(llr_of(line));
    }
    assert_eq!((same.len(), other.len()), (2 * SPEAKERS, 2 * SPEAKERS * (SPEAKERS - 1)));
    // CAM++ has 2.6 % EER on all 42 speakers; here at most 15 % may be on the wrong side of their middle.
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let middle = (mean(&same) + mean(&other)) / 2.0;
    let low = same.iter().filter(|llr| **llr < middle).count() as f64 / same.len() as f64;
    let high = other.iter().filter(|llr| **llr > middle).count() as f64 / other.len() as f64;
    assert!(low <= 0.15 && high <= 0.15, "{low} of the targets low, {high} of the others high");
    // The built-in model's mean is 3.7 nats on calls this short.
    assert!(mean(&same) > 3.0 && mean(&other) < 1.0, "{} {}", mean(&same), mean(&other));
}

#[test]
fn the_demonstration_runs_to_a_sound_end() {
    let name = "the_demonstration_runs_to_a_sound_end";
    let voices = root().join("fixtures/voices");
    if !voices.join("COMPLETE").is_file() {
        return skipped(name, "run fixtures/voices.sh");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_vouch"))
        .args(["demo", "--audio"])
        .arg(voices)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        ": sound",
        "impostor attempts accepted 0 of",
        "found nowhere",
        "NOT_ENROLLED",
        "final  ACCEPT",
        "was noticed as another person",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    assert!(!text.contains("genuine attempts accepted 0 of"), "{text}");
}
