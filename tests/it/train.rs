//! `vouch behavior train` on captures of one's own, and what is made of it.

use std::path::Path;
use std::process::{Command, Output};

use crate::process::Place;

/// The text that everybody types.
const TEXT: &str = "maple42z";

/// Even in -1 to 1, the same each time.
fn noise(seed: u64) -> f64 {
    let mut x = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for shift in [31, 27, 33] {
        x = (x ^ (x >> shift)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    }
    (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// A typing of the text: the person sets how long each key is held and each step takes, the typing varies them.
fn typing(person: u64, number: u64) -> String {
    let mut at = 0.0;
    let keys = TEXT.chars().enumerate().map(|(i, key)| {
        let own = |what: u64| noise(person * 1_009 + i as u64 * 17 + what);
        let vary =
            |what: u64| noise(person * 100_003 + number * 131 + i as u64 * 7 + what + 77_777);
        at += 180.0 + 70.0 * own(1) + 25.0 * vary(1);
        let hold = 95.0 + 30.0 * own(2) + 12.0 * vary(2);
        format!(r#"{{"key":"{key}","down_ms":{at:.1},"up_ms":{:.1}}}"#, at + hold)
    });
    let keys = keys.collect::<Vec<_>>().join(",");
    format!(
        r#"{{"subject":"p{person}","capture":"p{person}-{number}","session":"{}","device":"desktop","kind":"keystroke","text_id":"pin","events":[{keys}]}}"#,
        number / 8
    )
}

fn write(path: &Path, people: std::ops::Range<u64>, typings: std::ops::Range<u64>) {
    let lines: Vec<String> =
        people.flat_map(|p| typings.clone().map(move |n| typing(p, n))).collect();
    std::fs::write(path, lines.join("\n")).unwrap();
}

fn vouch(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vouch")).args(arguments).current_dir(dir).output().unwrap()
}

#[test]
fn a_model_of_own_captures_tells_people_apart_that_it_has_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    write(&dir.join("captures.jsonl"), 0..12, 0..20);
    write(&dir.join("enroll.jsonl"), 20..26, 0..10);
    write(&dir.join("test.jsonl"), 20..26, 10..14);
    std::fs::create_dir(dir.join("models")).unwrap();
    let train = ["behavior", "train", "--kind", "fixed-text", "--captures", "captures.jsonl"];
    let output = vouch(dir, &[&train[..], &["--out", "models/fixed-text.json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("fitted on 240 captures of 12 people; 0 captures left out"), "{said}");

    let (mut trials, mut expected) = (String::new(), 0);
    for target in 20..26u64 {
        for probe in 20..26u64 {
            for n in 10..14 {
                let label = if target == probe { "target" } else { "nontarget" };
                trials += &format!("p{target} p{probe}-{n} {label}\n");
                expected += 1;
            }
        }
    }
    std::fs::write(dir.join("trials"), trials).unwrap();
    let score = ["behavior", "score", "--enroll", "enroll.jsonl", "--test", "test.jsonl"];
    let llrs = |backgrounds: &str| -> Vec<(f64, bool)> {
        let rest = ["--trials", "trials", "--backgrounds", backgrounds];
        let output = vouch(dir, &[&score[..], &rest].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let table = String::from_utf8(output.stdout).unwrap();
        let rows = table.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            (cells[3].parse().unwrap(), cells[4] == "target")
        });
        rows.collect()
    };
    // Mean bits that a wrong or unsure LLR costs, over both kinds of trials.
    let cllr = |rows: &[(f64, bool)]| {
        let cost = |same: bool| {
            let own = rows.iter().filter(|r| r.1 == same);
            let bits = |llr: f64| (1.0 + (if same { -llr } else { llr }).exp()).log2();
            own.clone().map(|r| bits(r.0)).sum::<f64>() / own.count() as f64
        };
        (cost(true) + cost(false)) / 2.0
    };
    let (own, none) = (llrs("models"), llrs("none"));
    assert_eq!(own.len(), expected);
    assert!(cllr(&own) < 0.2, "{}", cllr(&own));
    assert!(cllr(&own) < cllr(&none), "{} {}", cllr(&own), cllr(&none));
}

#[test]
fn too_few_people_and_lines_that_are_no_captures_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    write(&dir.join("captures.jsonl"), 0..4, 0..10);
    let train = |kind: &str| {
        let from = ["behavior", "train", "--kind", kind, "--captures", "captures.jsonl"];
        vouch(dir, &[&from[..], &["--out", "model.json"]].concat())
    };
    for kind in ["fixed-text", "free-text", "touch", "pointer"] {
        let output = train(kind);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{kind}: {said}");
        assert!(said.contains("too little data"), "{kind}: {said}");
        assert!(!dir.join("model.json").exists(), "{kind}");
    }
    let mut lines = (0..10).flat_map(|p| (0..10).map(move |n| typing(p, n))).collect::<Vec<_>>();
    lines.insert(3, "{}".to_owned());
    // A capture with a correction in it, and those of somebody who typed too seldom.
    lines.push(typing(0, 10).replace(r#""key":"l""#, r#""key":"Backspace""#));
    lines.extend((0..3).map(|n| typing(30, n)));
    std::fs::write(dir.join("captures.jsonl"), lines.join("\n")).unwrap();
    let output = train("fixed-text");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("line 4") && said.contains("p0 p0-10: "), "{said}");
    let fitted = "fitted on 100 captures of 10 people; 2 captures left out";
    assert!(said.contains(fitted) && said.contains("3 captures took no part"), "{said}");
    assert!(dir.join("model.json").exists());
}

#[test]
fn a_server_says_which_own_models_it_cannot_use() {
    let models = tempfile::tempdir().unwrap();
    let place = Place::new(models.path(), "");
    let settings = std::fs::read_to_string(&place.config).unwrap();
    let own = place.dir.path().join("own");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("touch.json"), "{}").unwrap();
    let with = format!("[models]\nbehavior = {:?}\n", own.display().to_string());
    std::fs::write(&place.config, settings.replacen("[models]\n", &with, 1)).unwrap();
    let output = place.run(&["serve"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("touch.json"), "{said}");
}
