//! Tests of the whole path on people made up with known habits.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::behavior::event::{Device, RawCapture, RawEvents, RawKey};
use crate::behavior::{BehaviorError, Capture, Events, Sample};

const KEYS: [&str; 6] = ["s", "e", "c", "r", "e", "t"];

/// Someone whose hold and step times lie around own means; all from one seed.
struct Typist {
    hold: Vec<f64>,
    step: Vec<f64>,
    rng: ChaCha8Rng,
}

impl Typist {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let hold = KEYS.map(|_| rng.random_range(60.0..140.0)).to_vec();
        let step = KEYS.map(|_| rng.random_range(120.0..320.0)).to_vec();
        Self { hold, step, rng }
    }

    fn types(&mut self, names: &[&str], id: usize) -> Capture {
        let mut down_ms = 5_000.0;
        let mut keys = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let noise = |rng: &mut ChaCha8Rng| 1.0 + rng.random_range(-0.12..0.12);
            let up_ms = down_ms + self.hold[i % KEYS.len()] * noise(&mut self.rng);
            keys.push(RawKey { key: (*name).to_owned(), down_ms, up_ms, ..RawKey::default() });
            down_ms += self.step[i % KEYS.len()] * noise(&mut self.rng);
        }
        RawCapture {
            subject: "s".to_owned(),
            capture: format!("c{id}"),
            session: None,
            device: Device::Desktop,
            text_id: Some("word".to_owned()),
            screen: None,
            events: RawEvents::Keystroke(keys),
            motion: Vec::new(),
        }
        .check()
        .unwrap()
    }
}

fn options() -> TrainOptions {
    TrainOptions { repeats: 1, folds: 3, stages: vec![1, 10], ..TrainOptions::default() }
}

/// Captures of 15 people, 20 typings in two sittings each.
fn crowd() -> Vec<(u32, u32, Capture)> {
    let of = |person: u32| {
        let mut typist = Typist::new(u64::from(person));
        (0..20).map(move |i| (person, (i / 10) as u32, typist.types(&KEYS, i)))
    };
    (0..15).flat_map(of).collect()
}

fn background() -> Background {
    let crowd = crowd();
    let captures: Vec<_> = crowd.iter().map(|(p, s, c)| (*p, *s, c)).collect();
    Background::train(&captures, &options()).unwrap()
}

fn samples(typist: &mut Typist, count: usize, background: Option<&Background>) -> Vec<Sample> {
    (0..count).map(|i| extract(&typist.types(&KEYS, i), background).unwrap()).collect()
}

#[test]
fn people_are_told_apart_with_and_without_a_background() {
    let background = background();
    for known in [Some(&background), None] {
        let (mut own, mut other) = (Typist::new(100), Typist::new(101));
        let template = Template::new(&samples(&mut own, 10, known), known).unwrap();
        for _ in 0..5 {
            let genuine = template.score(&samples(&mut own, 1, known)).unwrap();
            let impostor = template.score(&samples(&mut other, 1, known)).unwrap();
            assert!(genuine.llr.0 > 0.0 && impostor.llr.0 < 0.0, "{genuine:?} {impostor:?}");
            assert!(genuine.enough && !impostor.habits.is_empty());
        }
    }
}

#[test]
fn a_background_survives_its_file_and_a_broken_one_is_refused() {
    let background = background();
    let json = background.to_json().unwrap();
    assert_eq!(Background::from_json(&json).unwrap(), background);
    assert!(Background::from_json(&json.replace("\"version\":1", "\"version\":2")).is_err());
    assert!(Background::from_json("{}").is_err());
    let breaks: [fn(&mut Background); 7] = [
        |b| b.texts.push(b.texts[0].clone()),
        |b| b.texts[0].within[0] = 0.0,
        |b| b.texts[0].cohort[1].truncate(3),
        |b| b.texts[0].practice.clear(),
        |b| b.texts[0].layout.keys = 60,
        |b| b.combiners[0].combiner.stages[0].slope = -1.0,
        |b| b.combiners.clear(),
    ];
    for spoil in breaks {
        let mut bad = background.clone();
        spoil(&mut bad);
        assert!(bad.check().is_err());
    }
}

#[test]
fn a_text_is_recognized_by_its_keys_not_its_name() {
    let background = background();
    let mut typist = Typist::new(7);
    let mut capture = typist.types(&KEYS, 0);
    capture.text_id = Some("anything".to_owned());
    let sample = extract(&capture, Some(&background)).unwrap();
    assert_eq!(sample.text.as_deref(), Some("word"));
    let submitted = typist.types(&["s", "e", "c", "r", "e", "t", "Enter"], 1);
    let sample = extract(&submitted, Some(&background)).unwrap();
    assert_eq!((sample.text.as_deref(), sample.units), (Some("word"), 6));
    let other = typist.types(&["s", "e", "c", "r", "e", "d"], 2);
    assert_eq!(extract(&other, Some(&background)).unwrap().text, None);
}

#[test]
fn two_texts_of_one_name_stay_two_texts() {
    const OTHER: [&str; 6] = ["p", "u", "z", "z", "l", "e"];
    let captures = |names: &[&str; 6], people: std::ops::Range<u32>| -> Vec<(u32, u32, Capture)> {
        let of = |person: u32| {
            let mut typist = Typist::new(u64::from(person));
            (0..12).map(move |i| (person, (i / 6) as u32, typist.types(names, i)))
        };
        people.flat_map(of).collect()
    };
    let all = [captures(&KEYS, 0..12), captures(&OTHER, 12..24)].concat();
    let all: Vec<_> = all.iter().map(|(p, s, c)| (*p, *s, c)).collect();
    let options = TrainOptions { stages: vec![1], ..options() };
    let background = Background::train(&all, &options).unwrap();
    let mut ids: Vec<&str> = background.texts.iter().map(|t| t.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["word-1", "word-2"]);
    for names in [&KEYS, &OTHER] {
        let capture = Typist::new(100).types(names, 0);
        let sample = extract(&capture, Some(&background)).unwrap();
        let Events::Keystroke(events) = &capture.events else { panic!("keys went in") };
        let id = sample.text.as_deref().unwrap();
        let text = background.text(id, Device::Desktop).unwrap();
        assert!(text.keys.fits(events, false), "{id}");
    }
    // The shared name alone says not which text it is.
    let hashed = ["h:1", "h:2", "h:3", "h:4", "h:5", "h:6"];
    let sample = extract(&Typist::new(100).types(&hashed, 0), Some(&background)).unwrap();
    assert_eq!(sample.text, None);
}

#[test]
fn what_is_no_clean_typing_is_an_error_and_never_a_score() {
    let background = background();
    let mut typist = Typist::new(7);
    let enrolled = samples(&mut typist, 5, Some(&background));
    let template = Template::new(&enrolled, Some(&background)).unwrap();
    let corrected = typist.types(&["s", "w", "Backspace", "e", "c", "r", "e", "t"], 0);
    let error = extract(&corrected, Some(&background)).unwrap_err();
    assert!(matches!(error, BehaviorError::Mismatch { .. }), "{error}");
    let short = extract(&typist.types(&["s", "e", "c", "r"], 1), Some(&background)).unwrap();
    assert!(matches!(template.score(&[short]), Err(BehaviorError::Mismatch { .. })));
    let other = extract(&typist.types(&["a", "b", "c", "d", "e", "f"], 1), Some(&background));
    assert!(matches!(template.score(&[other.unwrap()]), Err(BehaviorError::Mismatch { .. })));
    let mut phone = enrolled[0].clone();
    phone.device = Device::Phone;
    assert!(template.score(&[phone]).is_err());
    assert!(matches!(template.score(&[]), Err(BehaviorError::TooFew { .. })));
    assert!(Template::new(&[], None).is_err());
    assert!(extract(&typist.types(&["a", "b"], 1), None).is_err());
    let long = vec!["a"; layout::MOST_KEYS + 1];
    assert!(matches!(extract(&typist.types(&long, 1), None), Err(BehaviorError::TooMuch { .. })));
}

/// Tells what a touch screen tells of each key.
fn touched(mut capture: Capture) -> Capture {
    let Events::Keystroke(keys) = &mut capture.events else { panic!("keys went in") };
    for (i, key) in keys.iter_mut().enumerate() {
        let place = 100.0 * i as f32;
        (key.pressure, key.size, key.x, key.y) = (Some(0.4), Some(0.2), Some(place), Some(300.0));
    }
    capture
}

#[test]
fn what_both_sides_have_is_compared() {
    let mut typist = Typist::new(7);
    let plain: Vec<Capture> = (0..8).map(|i| typist.types(&KEYS, i)).collect();
    let extracted = |all: &[Capture], touch: bool| -> Vec<Sample> {
        let one = |c: &Capture| extract(&if touch { touched(c.clone()) } else { c.clone() }, None);
        all.iter().map(|c| one(c).unwrap()).collect()
    };
    let (enrolled, probe) = plain.split_at(7);
    let score = |enrolled: &[Sample], probe: &[Sample]| {
        Template::new(enrolled, None).unwrap().score(probe).unwrap()
    };
    let times = score(&extracted(enrolled, false), &extracted(probe, false));
    assert_eq!(score(&extracted(enrolled, false), &extracted(probe, true)), times);
    assert_eq!(score(&extracted(enrolled, true), &extracted(probe, false)), times);
    let mut mixed = extracted(&enrolled[..3], true);
    mixed.extend(extracted(&enrolled[3..], false));
    assert_eq!(score(&mixed, &extracted(probe, true)), times);
    let full = Template::new(&extracted(enrolled, true), None).unwrap();
    assert!(full.score(&extracted(probe, true)).unwrap().llr.0.is_finite());
}

#[test]
fn several_typings_say_more_than_one() {
    let background = background();
    for known in [Some(&background), None] {
        let (mut own, mut other) = (Typist::new(100), Typist::new(101));
        let template = Template::new(&samples(&mut own, 10, known), known).unwrap();
        for (typist, sign) in [(&mut own, 1.0), (&mut other, -1.0)] {
            let probe = samples(typist, 5, known);
            let llr = |n: usize| sign * template.score(&probe[..n]).unwrap().llr.0;
            let singles = probe.iter().map(|s| template.score(std::slice::from_ref(s)).unwrap());
            let mean = sign * singles.map(|e| e.llr.0).sum::<f64>() / 5.0;
            assert!((llr(5) - window::worth(5) * mean).abs() < 1e-9 && mean > 0.0);
            assert!(llr(5) > mean && llr(5) < 5.0 * mean);
        }
    }
}

#[test]
fn damaged_samples_are_errors() {
    let mut typist = Typist::new(7);
    let enrolled = samples(&mut typist, 3, None);
    let template = Template::new(&enrolled, None).unwrap();
    let breaks: [fn(&mut Sample); 7] = [
        |s| s.units = 5,
        |s| s.dim = 0,
        |s| s.rows.clear(),
        |s| s.rows.truncate(4),
        |s| s.rows[0] = 9.0,
        |s| s.rows[0] = f32::NAN,
        |s| s.rows[3] = f32::INFINITY,
    ];
    for spoil in breaks {
        let mut bad = enrolled[0].clone();
        spoil(&mut bad);
        assert!(template.score(std::slice::from_ref(&bad)).is_err(), "{bad:?}");
        assert!(Template::new(&[bad], None).is_err());
    }
}

#[test]
fn extreme_times_give_finite_scores() {
    let background = background();
    for known in [Some(&background), None] {
        let mut typist = Typist::new(7);
        for enrolled in [1, 2, 200] {
            let template = Template::new(&samples(&mut typist, enrolled, known), known).unwrap();
            for scale in [0.0, 1e-6, 1e4] {
                let mut capture = typist.types(&KEYS, 0);
                let Events::Keystroke(keys) = &mut capture.events else { panic!("keys went in") };
                for key in keys {
                    key.down_ms *= scale;
                    key.up_ms *= scale;
                }
                let evidence = template.score(&[extract(&capture, known).unwrap()]).unwrap();
                assert!(evidence.llr.0.is_finite() && evidence.raw.0.is_finite());
                assert!(
                    evidence.habits.iter().all(|h| h.llr.is_finite() && h.deviation.is_finite())
                );
            }
        }
    }
}

#[test]
fn a_longer_hold_is_named_by_its_position() {
    let mut typist = Typist::new(7);
    let template = Template::new(&samples(&mut typist, 10, None), None).unwrap();
    let mut capture = typist.types(&KEYS, 0);
    let Events::Keystroke(keys) = &mut capture.events else { panic!("keys went in") };
    keys[2].up_ms += 400.0;
    let evidence = template.score(&[extract(&capture, None).unwrap()]).unwrap();
    let habit = evidence.habits.iter().find(|h| h.what == "hold time of a key").unwrap();
    assert_eq!(habit.position, Some(3));
    assert!(habit.deviation > 3.0 && habit.llr < 0.0, "{habit:?}");
}

#[test]
fn the_protocol_repeats_itself_and_keeps_people_apart() {
    let crowd = crowd();
    let captures: Vec<_> = crowd.iter().map(|(p, s, c)| (*p, *s, c)).collect();
    let names: Vec<String> = (0..15).map(|i| i.to_string()).collect();
    let mut protocol = Protocol::killourhy_maxion("word", 10, None);
    protocol.repeats = 1;
    // Of fifteen people no fold may leave fewer than eight to train on.
    protocol.folds = 3;
    let run = || run(&captures, &names, &protocol, &options(), &mut Fits::default()).unwrap();
    let sets = run();
    assert_eq!(sets, run());
    assert_eq!(sets.len(), 2);
    for set in &sets {
        let targets = set.trials.iter().filter(|t| t.target());
        assert_eq!(targets.clone().count(), 150);
        assert_eq!(set.trials.len() - 150, 15 * 4 * 5);
        let mean = |target| {
            let of: Vec<f64> =
                set.trials.iter().filter(|t| t.target() == target).map(|t| t.llr).collect();
            of.iter().sum::<f64>() / of.len() as f64
        };
        assert!(mean(true) > 1.0 && mean(false) < -1.0, "{} {}", mean(true), mean(false));
    }
}

#[test]
fn where_the_keys_of_a_secret_text_are_is_not_kept() {
    let mut typist = Typist::new(8);
    let capture = touched(typist.types(&KEYS, 0));
    let sample = extract(&capture, None).unwrap();
    assert!(sample.rows.iter().all(|value| *value != 300.0), "the height of every key");
    let known = background();
    let public = extract(&capture, Some(&known)).unwrap();
    assert!(public.text.is_some() && public.rows.contains(&300.0));
}

#[test]
fn a_background_is_fitted_on_where_the_keys_are() {
    let crowd: Vec<_> = crowd().into_iter().map(|(p, s, c)| (p, s, touched(c))).collect();
    let captures: Vec<_> = crowd.iter().map(|(p, s, c)| (*p, *s, c)).collect();
    let known = Background::train(&captures, &options()).unwrap();
    assert!(known.texts.iter().all(|text| text.layout.place), "places are lost");
    let sample = extract(&touched(Typist::new(8).types(&KEYS, 0)), Some(&known)).unwrap();
    assert!(sample.text.is_some() && sample.rows.contains(&300.0));
}
