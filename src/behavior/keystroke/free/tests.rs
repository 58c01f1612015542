use std::sync::LazyLock;

use super::*;
use crate::behavior::event::{RawCapture, RawEvents, RawKey};
use crate::behavior::keystroke::free::features::Row;
use crate::behavior::{BehaviorError, Capture, Device, Sample, SampleKind};

const TEXTS: [&str; 5] = [
    "the rest of the men sat on the stone",
    "an entire nation sent those letters",
    "one more tone is the hardest to hear",
    "those stories are not as short as this",
    "the ones in the east see other stars",
];

/// Deterministic, about normal with a deviation of 1.
fn noise(seed: u64) -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    (0..12).fold(-6.0, |sum, _| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        sum + state as f64 / u64::MAX as f64
    })
}

/// Somebody who has a pace and hold times of their own, and longer ones for some keys.
fn capture(person: u64, sentence: u64, rename: impl Fn(char) -> String) -> Capture {
    let text = TEXTS[sentence as usize % TEXTS.len()];
    let (pace, length) = (0.3 * noise(person + 1_000), 0.3 * noise(person + 2_000));
    let mut clock = 1e12;
    let keys = text.chars().enumerate().map(|(i, c)| {
        let seed = (person * 100 + sentence) * 100 + i as u64;
        let of_key = 0.2 * noise(person * 1_000 + u64::from(u32::from(c)));
        let down_ms = clock;
        clock += 180.0 * (pace + 0.3 * noise(seed)).exp();
        let hold = 95.0 * (length + of_key + 0.2 * noise(seed + 7_777_777)).exp();
        RawKey { key: rename(c), down_ms, up_ms: down_ms + hold, ..RawKey::default() }
    });
    let raw = RawCapture {
        subject: format!("p{person}"),
        capture: format!("{sentence}"),
        session: None,
        device: Device::Desktop,
        text_id: None,
        screen: None,
        events: RawEvents::Keystroke(keys.collect()),
        motion: Vec::new(),
    };
    raw.check().unwrap()
}

fn plain(person: u64, sentence: u64) -> Capture {
    capture(person, sentence, |c| c.to_string())
}

static BACKGROUND: LazyLock<Background> = LazyLock::new(|| {
    let captures: Vec<Capture> =
        (0..60).flat_map(|person| (0..5).map(move |s| plain(person, s))).collect();
    let numbered: Vec<_> =
        captures.iter().enumerate().map(|(i, c)| ((i / 5) as u32, 0, c)).collect();
    Background::train(&numbered).unwrap()
});

fn samples(
    person: u64,
    sentences: std::ops::Range<u64>,
    background: Option<&Background>,
) -> Vec<Sample> {
    sentences.map(|s| extract(&plain(person, s), background).unwrap()).collect()
}

/// Share of comparisons of people outside the background that come out on the right side.
fn right(background: Option<&Background>, rename: impl Fn(char) -> String + Copy) -> f64 {
    let (mut right, mut all) = (0.0, 0.0);
    for person in 100..112 {
        let template = Template::new(&samples(person, 0..4, background), background).unwrap();
        for other in 100..112 {
            let probe = extract(&capture(other, 4, rename), background).unwrap();
            let evidence = template.score(&[probe]).unwrap();
            assert!(evidence.llr.0.abs() <= template::MAX_LLR && evidence.raw.0.is_finite());
            assert!(evidence.habits.len() <= crate::behavior::Evidence::MAX_HABITS);
            // As many own comparisons as others.
            let weight = if person == other { 11.0 } else { 1.0 };
            all += weight;
            right += if (evidence.llr.0 > 0.0) == (person == other) { weight } else { 0.0 };
        }
    }
    right / all
}

#[test]
fn people_outside_the_background_are_told_apart() {
    let named = right(Some(&BACKGROUND), |c| c.to_string());
    assert!(named > 0.85, "{named}");
    let class = |c: char| if c == ' ' { "space".to_owned() } else { "letter".to_owned() };
    let hidden = right(Some(&BACKGROUND), class);
    assert!(hidden > 0.75, "{hidden}");
    let hashed = right(Some(&BACKGROUND), |c| format!("h:{:x}", u32::from(c) * 7));
    assert!(hashed > 0.65, "{hashed}");
    let fallback = right(None, |c| c.to_string());
    assert!(fallback > 0.6 && named > fallback, "{fallback} {named}");
}

#[test]
fn a_background_survives_its_file_and_a_changed_one_is_refused() {
    let json = serde_json::to_string(&*BACKGROUND).unwrap();
    let back: Background = serde_json::from_str(&json).unwrap();
    assert_eq!(back, *BACKGROUND);
    back.check().unwrap();
    let spoilt = |spoil: &dyn Fn(&mut Background)| {
        let mut bad = back.clone();
        spoil(&mut bad);
        assert!(matches!(bad.check(), Err(BehaviorError::Background(_))));
    };
    spoilt(&|b| b.version = 9);
    spoilt(&|b| b.resolution_ms = f64::NAN);
    spoilt(&|b| b.named.projection[3] += 1.0);
    spoilt(&|b| b.named.projection[3] = f32::NAN);
    spoilt(&|b| b.hidden.projection.truncate(7));
    spoilt(&|b| b.hidden.within[0] = -1.0);
    spoilt(&|b| b.hidden.scaling.live[0] = u16::MAX);
    spoilt(&|b| b.named.curve.clear());
    spoilt(&|b| b.habits.truncate(7));
    spoilt(&|b| b.named.calibration.weights.clear());
}

#[test]
fn the_shipped_background_is_usable_and_compares_by_name_class_and_timing() {
    let json = include_str!("../../../../models/behavior-free/background.json");
    let background: Background = serde_json::from_str(json).unwrap();
    background.check().unwrap();
    assert_eq!((background.people, background.resolution_ms), (988, press::RESOLUTION_MS));
    let renamed: [fn(char) -> String; 3] = [
        |c| c.to_string(),
        |c| if c == ' ' { " ".to_owned() } else { "letter".to_owned() },
        |c| format!("h:{:x}", u32::from(c)),
    ];
    let raw = renamed.map(|rename| {
        let sample = |s| extract(&capture(3, s, rename), Some(&background)).unwrap();
        let enrolled: Vec<Sample> = (0..4).map(sample).collect();
        let template = Template::new(&enrolled, Some(&background)).unwrap();
        template.score(&[sample(4)]).unwrap().raw.0
    });
    assert!(raw[0] != raw[1] && raw[1] != raw[2] && raw.iter().all(|x| x.is_finite()), "{raw:?}");
}

#[test]
fn samples_add_up_and_outlive_their_bytes() {
    let background = Some(&*BACKGROUND);
    let both = samples(3, 0..2, background);
    let all = Row::read(&both, background).unwrap();
    let parts: Vec<Row> =
        both.iter().map(|s| Row::read(std::slice::from_ref(s), background).unwrap()).collect();
    assert_eq!(all.keys, parts[0].keys + parts[1].keys);
    for (all, (one, two)) in all.totals.iter().zip(parts[0].totals.iter().zip(&parts[1].totals)) {
        assert!(all.keys > 0.0 && !all.vector.is_empty());
        for (i, sum) in all.vector.iter().enumerate() {
            assert_eq!(*sum, one.vector[i] + two.vector[i]);
        }
    }
    let back = Sample::from_bytes(&both[0].to_bytes().unwrap()).unwrap();
    assert_eq!(back, both[0]);
}

#[test]
fn samples_of_another_background_are_compared_by_habits() {
    let background = Some(&*BACKGROUND);
    let template = Template::new(&samples(3, 0..4, background), background).unwrap();
    let old = samples(3, 4..5, None);
    let evidence = template.score(&old).unwrap();
    assert!(evidence.llr.0.abs() <= template::MAX_FALLBACK_LLR);
    let mut foreign = samples(3, 4..5, background);
    foreign[0].rows[0] = 12.0;
    assert_eq!(template.score(&foreign).unwrap().llr, evidence.llr);
}

#[test]
fn another_class_of_device_is_compared_by_the_fallback_alone() {
    let phone = |s: u64, background: Option<&Background>| {
        let mut capture = plain(3, s);
        capture.device = Device::Phone;
        extract(&capture, background).unwrap()
    };
    let score = |background: Option<&Background>| {
        let enrolled: Vec<Sample> = (0..4).map(|s| phone(s, background)).collect();
        Template::new(&enrolled, background).unwrap().score(&[phone(4, background)]).unwrap()
    };
    assert_eq!(score(Some(&BACKGROUND)), score(None));
}

#[test]
fn hostile_captures_and_samples_do_no_harm() {
    let background = Some(&*BACKGROUND);
    let template = Template::new(&samples(3, 0..4, background), background).unwrap();
    for (count, step, hold) in [(5, 0.0, 0.0), (20_000, 0.0, 0.0), (300, 4_000.0, 8e7)] {
        let mut odd = plain(1, 0);
        let key = |i: u64| RawKey {
            key: ["a", "h:1", "letter", "Enter", "?!", "F1", "е"][i as usize % 7].to_owned(),
            down_ms: i as f64 * step,
            up_ms: i as f64 * step + hold,
            ..RawKey::default()
        };
        let raw = RawCapture {
            events: RawEvents::Keystroke((0..count).map(key).collect()),
            subject: "x".to_owned(),
            capture: "1".to_owned(),
            session: None,
            device: Device::Desktop,
            text_id: None,
            screen: None,
            motion: Vec::new(),
        };
        let Ok(made) = raw.check() else { continue };
        odd.events = made.events;
        for background in [background, None] {
            let Ok(sample) = extract(&odd, background) else { continue };
            assert!(sample.rows.iter().all(|x| x.is_finite()));
            assert!(template.score(&[sample]).unwrap().llr.0.is_finite());
        }
    }
    let few = capture(1, 0, |c| c.to_string());
    let mut short = few.clone();
    if let crate::behavior::Events::Keystroke(events) = &mut short.events {
        events.truncate(LEAST_KEYS - 1);
    }
    assert!(matches!(extract(&short, background), Err(BehaviorError::TooFew { .. })));
    let mut phone = few;
    phone.device = Device::Phone;
    let phone = extract(&phone, background).unwrap();
    assert!(matches!(template.score(&[phone]), Err(BehaviorError::Mismatch { .. })));
    let good = samples(3, 4..5, background).remove(0);
    let bad = [
        Sample { kind: SampleKind::Touch, ..good.clone() },
        Sample { dim: 3, rows: vec![1.0; 3], ..good.clone() },
        Sample { rows: vec![f32::NAN; good.dim], ..good.clone() },
        Sample { rows: Vec::new(), ..good.clone() },
        Sample { rows: vec![-5.0; good.dim], ..good },
    ];
    for sample in bad {
        assert!(template.score(std::slice::from_ref(&sample)).is_err(), "{sample:?}");
        assert!(Template::new(&[sample], background).is_err());
    }
    assert!(Template::new(&[], background).is_err());
}

#[test]
fn training_says_what_is_missing() {
    let captures: Vec<Capture> = (0..90).map(|i| plain(i / 3, i % 3)).collect();
    let people = |count: usize| -> Vec<(u32, u32, &Capture)> {
        captures.iter().enumerate().take(count).map(|(i, c)| ((i / 3) as u32, 0, c)).collect()
    };
    assert!(matches!(Background::train(&[]), Err(BehaviorError::TooFew { .. })));
    assert!(matches!(Background::train(&people(87)), Err(BehaviorError::TooFew { .. })));
    let mut mixed = captures[0].clone();
    mixed.device = Device::Tablet;
    let mut numbered = people(90);
    numbered.push((0, 0, &mixed));
    assert!(matches!(Background::train(&numbered), Err(BehaviorError::Mismatch { .. })));
}

#[test]
fn a_run_scores_every_pair_of_a_fold() {
    let captures = (0..12).flat_map(|p| (0..4).map(move |s| plain(p, s))).collect();
    let people = protocol::people(captures);
    assert_eq!((people.len(), people[0].captures.len()), (12, 4));
    let protocol = Protocol {
        folds: 3,
        enrolled: 2,
        probe_keys: Some(20),
        background: false,
        ..Protocol::default()
    };
    let set = run(&people, &protocol).unwrap();
    let own = set.trials.iter().filter(|t| t.target()).count();
    // Four people a fold: two own probes each, one of each of the three others.
    assert_eq!((own, set.trials.len() - own), (24, 36));
    assert_eq!(run(&people, &protocol).unwrap(), set);
    let whole = Protocol { probe_keys: None, ..protocol };
    let both = protocol::run_alike(&people, &[protocol, whole]).unwrap();
    assert_eq!(both[0], set);
    assert_ne!(both[1].trials, set.trials);
}
