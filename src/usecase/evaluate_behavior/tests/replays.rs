//! How often people are taken for copies of themselves, and copies are found, on real typings. Needs `VOUCH_DATA`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::read_data;
use crate::behavior::datasets::{aalto, cmu_dsl};
use crate::behavior::finding::Fingerprint;
use crate::behavior::{Capture, Events, KeyEvent};
use crate::testing::skipped;

/// Most typings of one person that are compared.
const MOST: usize = 400;

fn data(test: &str, name: &str) -> Option<String> {
    let path =
        std::env::var_os("VOUCH_DATA").map(|d| PathBuf::from(d).join("behaviour").join(name));
    let Some(path) = path.filter(|path| path.is_file()) else {
        skipped(test, "set VOUCH_DATA");
        return None;
    };
    Some(read_data(&path).unwrap())
}

/// Deterministic, 0 to 1.
fn unit(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// The same keys at other times.
fn with(capture: &Capture, change: &mut dyn FnMut(usize, KeyEvent) -> KeyEvent) -> Capture {
    let Events::Keystroke(keys) = &capture.events else { panic!("keys") };
    let keys = keys.iter().enumerate().map(|(i, key)| change(i, *key)).collect();
    Capture { events: Events::Keystroke(keys), ..capture.clone() }
}

/// The same on a clock with this step, ms; 0: as it is.
fn on_clock(capture: &Capture, step: f64) -> Capture {
    if step == 0.0 {
        return capture.clone();
    }
    with(capture, &mut |_, mut key| {
        key.down_ms = (key.down_ms / step).round() * step;
        key.up_ms = (key.up_ms / step).round() * step;
        key
    })
}

/// Pairs of fingerprints of one person, and how many of them are the same.
fn pairs(captures: &[Capture], step: f64, keys: usize) -> (u64, u64) {
    let mut people: BTreeMap<&str, Vec<Fingerprint>> = BTreeMap::new();
    for capture in captures {
        let mut first = on_clock(capture, step);
        if let Events::Keystroke(all) = &mut first.events {
            all.truncate(keys);
        }
        let own = people.entry(capture.subject.as_str()).or_default();
        own.extend(Fingerprint::of(&first).filter(|_| own.len() < MOST));
    }
    let (mut all, mut same) = (0, 0);
    for own in people.values() {
        for (i, one) in own.iter().enumerate() {
            all += (own.len() - i - 1) as u64;
            same += own[i + 1..].iter().filter(|other| one.is_one_of(&[(*other).clone()])).count();
        }
    }
    (all, same as u64)
}

#[test]
fn people_who_type_one_password_again_are_no_copies() {
    let test = "people_who_type_one_password_again_are_no_copies";
    let Some(csv) = data(test, "cmu_dsl.csv.gz") else { return };
    let captures = cmu_dsl::captures(csv.as_bytes()).unwrap();
    // Rounded to 8 ms one pair is within the bound.
    for (step, keys, most) in [(0.0, 11, 0), (8.0, 11, 1), (0.0, 6, 2)] {
        let (all, same) = pairs(&captures, step, keys);
        println!("clock {step} ms, {keys} keys: {same} of {all} pairs");
        assert!(all > 2_000_000 && same <= most, "{step} ms, {keys} keys: {same} of {all}");
    }
}

#[test]
fn people_who_type_sentences_are_no_copies() {
    let test = "people_who_type_sentences_are_no_copies";
    let Some(csv) = data(test, "aalto_desktop_freetext.csv.gz") else { return };
    let captures = aalto::captures(csv.as_bytes()).unwrap();
    for step in [0.0, 16.0] {
        let (all, same) = pairs(&captures, step, usize::MAX);
        println!("sentences, clock {step} ms: {same} of {all} pairs");
        assert!(all > 50_000 && same == 0, "{step} ms: {same} of {all}");
    }
}

#[test]
fn copies_of_a_password_are_found() {
    let Some(csv) = data("copies_of_a_password_are_found", "cmu_dsl.csv.gz") else { return };
    let captures = cmu_dsl::captures(csv.as_bytes()).unwrap();
    let mut state = 1;
    type Change<'a> = &'a dyn Fn(&mut u64, &Capture) -> Capture;
    let jitter = |capture: &Capture, state: &mut u64| {
        with(capture, &mut |_, mut key| {
            key.down_ms += 4.0 * unit(state) - 2.0;
            key.up_ms = key.down_ms.max(key.up_ms + 4.0 * unit(state) - 2.0);
            key
        })
    };
    // From the key with this number on, later by 50 to 500 ms.
    let pause = |capture: &Capture, from: usize, state: &mut u64| {
        let late = 50.0 + 450.0 * unit(state);
        with(capture, &mut |i, mut key| {
            let late = if i < from { 0.0 } else { late };
            (key.down_ms, key.up_ms) = (key.down_ms + late, key.up_ms + late);
            key
        })
    };
    let cases: [(&str, Change<'_>, f64); 6] = [
        ("jitter of 2 ms", &|s, c| jitter(c, s), 0.999),
        ("rounded to 8 ms", &|_, c| on_clock(c, 8.0), 0.99),
        ("jitter of 2 ms, rounded to 8 ms", &|s, c| on_clock(&jitter(c, s), 8.0), 0.9),
        ("one pause", &|s, c| pause(c, 4, s), 1.0),
        ("one pause, jitter of 2 ms", &|s, c| jitter(&pause(c, 4, s), s), 0.99),
        ("three pauses", &|s, c| pause(&pause(&pause(c, 3, s), 5, s), 8, s), 1.0),
    ];
    for (name, change, least) in cases {
        let (mut all, mut found) = (0, 0);
        for capture in captures.iter().step_by(7) {
            let own = Fingerprint::of(capture).unwrap();
            let copy = Fingerprint::of(&change(&mut state, capture)).unwrap();
            (all, found) = (all + 1, found + u32::from(copy.is_one_of(&[own])));
        }
        let share = f64::from(found) / f64::from(all);
        println!("{name}: {found} of {all}, {share:.4}");
        assert!(share >= least, "{name}: {found} of {all}");
    }
}
