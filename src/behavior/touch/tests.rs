//! From points to an LLR, on people made up by formula.

use crate::behavior::event::{Capture, Device, Phase, RawCapture, RawEvents, RawPoint, Screen};
use crate::behavior::touch::features::{DIM, PLACE, at};
use crate::behavior::touch::kind::Kind;
use crate::behavior::touch::{
    Background, LeaveOut, Person, Protocol, Template, TrainingSample, extract, run,
};
use crate::behavior::{BehaviorError, Sample};

/// Deterministic, even in −1..1.
fn noise(seed: u64) -> f64 {
    let mut x = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for shift in [31, 27, 33] {
        x = (x ^ (x >> shift)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    }
    (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

fn point(phase: Phase, t_ms: f64, x: f64, y: f64) -> RawPoint {
    RawPoint { phase, t_ms, x, y, pressure: Some(0.4), size: None, button: None }
}

fn capture(points: Vec<RawPoint>) -> Capture {
    RawCapture {
        subject: "s".to_owned(),
        capture: "c".to_owned(),
        session: None,
        device: Device::Phone,
        text_id: None,
        screen: Some(Screen { width_px: 400.0, height_px: 800.0, dpi: Some(254.0) }),
        events: RawEvents::Touch(points),
        motion: Vec::new(),
    }
    .check()
    .unwrap()
}

/// A scroll upwards; the person sets speed, bow and place, the stroke varies them.
fn scroll(person: u64, stroke: u64) -> Sample {
    let own = |i: u64| noise(person * 7 + i + 1_000_000);
    let vary = |i: u64| 0.15 * noise(person * 100_003 + stroke * 31 + i);
    let speed = 300.0 * (0.6 * own(0) + vary(0)).exp();
    let bow = 20.0 * own(1) + 20.0 * vary(1);
    let (x0, y0) = (200.0 + 80.0 * (own(2) + vary(2)), 600.0 + 80.0 * (own(3) + vary(3)));
    let length = 250.0 * (0.3 * own(4) + vary(4)).exp();
    let steps = ((length / speed * 60.0) as u64).max(4);
    let points = (0..=steps).map(|i| {
        let part = i as f64 / steps as f64;
        let phase = if i == 0 { Phase::Down } else { Phase::Move };
        let side = bow * (std::f64::consts::PI * part).sin();
        point(phase, i as f64 * 1_000.0 / 60.0, x0 + side, y0 - length * part)
    });
    extract(&capture(points.collect()), None).unwrap()
}

fn strokes(person: u64, range: std::ops::Range<u64>) -> Vec<Sample> {
    range.map(|stroke| scroll(person, stroke)).collect()
}

fn background(people: std::ops::Range<u64>) -> Background {
    let all: Vec<(u64, u32, Sample)> =
        people.flat_map(|p| (0..20).map(move |s| (p, u32::from(s >= 10), scroll(p, s)))).collect();
    let samples: Vec<_> = all
        .iter()
        .map(|(p, session, sample)| TrainingSample {
            person: *p as u32,
            session: *session,
            device: None,
            sample,
        })
        .collect();
    Background::train(&samples).unwrap()
}

#[test]
fn a_straight_stroke_has_the_values_of_its_geometry() {
    // 254 dots an inch: a pixel is 0.1 mm. 100 mm/s upwards for a second.
    let points = (0..=60).map(|i| {
        let phase = if i == 0 { Phase::Down } else { Phase::Move };
        point(phase, f64::from(i) * 1_000.0 / 60.0, 100.0, 1_200.0 - f64::from(i) * 1_000.0 / 60.0)
    });
    let sample = extract(&capture(points.collect()), None).unwrap();
    assert_eq!((sample.dim, sample.units), (DIM, 1));
    let expected = [
        (at::DURATION, 1.0),
        (at::START_X, 10.0),
        (at::START_Y, -120.0),
        (at::END_Y, -20.0),
        (at::DISTANCE, 100.0),
        (at::LENGTH, 100.0),
        (at::STRAIGHTNESS, 1.0),
        (at::SPEEDS + 1, 100.0),
        (at::MEAN_SPEED, 100.0),
        (at::LAST_SPEED, 100.0),
        (at::RESULTANT, 1.0),
        (at::DIRECTION, 0.0),
        (at::GROUP, 1.0),
        (at::LARGEST_DEVIATION, 0.0),
        (at::PRESSURE, 0.4),
        (at::HAS_PRESSURE, 1.0),
        (at::HAS_SIZE, 0.0),
    ];
    for (i, value) in expected {
        assert!(
            (sample.rows[i] - value).abs() < 0.01 * value.abs().max(0.1),
            "{i}: {}",
            sample.rows[i]
        );
    }
}

/// The row of a stroke through these points, 20 ms apart.
fn row_through(at: &[(f64, f64)], screen: Option<Screen>) -> Vec<f32> {
    let places = (0u32..).zip(at);
    let points = places.map(|(i, (x, y))| {
        point(if i == 0 { Phase::Down } else { Phase::Move }, f64::from(i) * 20.0, *x, *y)
    });
    let whole = capture(points.collect());
    extract(&Capture { screen, ..whole }, None).unwrap().rows
}

#[test]
fn what_may_be_a_word_keeps_no_place() {
    let screen = Some(Screen { width_px: 400.0, height_px: 800.0, dpi: Some(254.0) });
    // Back and forth over the keyboard; and short and straight over it, as words of two letters are.
    let mut word = Vec::new();
    for (from, to) in [(40.0, 320.0), (320.0, 90.0), (90.0, 360.0), (360.0, 200.0)] {
        word.extend(
            (0..12).map(|i| (from + (to - from) * f64::from(i) / 12.0, 600.0 + from / 4.0)),
        );
    }
    let short: Vec<(f64, f64)> =
        (0..9).map(|i| (100.0 + 5.0 * f64::from(i), 650.0 + 4.0 * f64::from(i))).collect();
    let up: Vec<(f64, f64)> = (0..9).map(|i| (200.0, 600.0 - 45.0 * f64::from(i))).collect();
    let moved = |at: &[(f64, f64)], by: f64| -> Vec<(f64, f64)> {
        at.iter().map(|(x, y)| (x - by, y - by)).collect()
    };
    for (at, screen) in [(&word, screen), (&word, None)] {
        let row = row_through(at, screen);
        assert_eq!((row[at::HAS_PLACE], row[at::HAS_COURSE]), (0.0, 1.0));
        assert!(PLACE.iter().all(|i| row[*i] == 0.0));
        // Nothing else says where: the same stroke beside it has the same row.
        for (a, b) in row.iter().zip(&row_through(&moved(at, 30.0), screen)) {
            assert!((a - b).abs() <= 0.01 * a.abs().max(1.0), "{a} {b}");
        }
    }
    for (at, screen) in [(&short, screen), (&short, None), (&up, None)] {
        let row = row_through(at, screen);
        assert_eq!(row[at::HAS_PLACE], 1.0);
        for i in [at::START_X, at::START_Y, at::END_X, at::END_Y] {
            assert_eq!(row[i] % 10.0, 0.0, "{i}: {}", row[i]);
        }
    }
    // A word is known by its looks wherever it lies; a scroll through the middle keeps its place.
    let high = row_through(&moved(&word, 400.0), screen);
    assert_eq!(high[at::HAS_PLACE], 0.0);
    let scroll = row_through(&up, screen);
    assert_eq!(
        (scroll[at::HAS_PLACE], scroll[at::START_Y], scroll[at::DISTANCE]),
        (1.0, -60.0, 36.0)
    );
}

#[test]
fn strokes_with_and_without_a_place_are_compared_by_what_both_have() {
    let known = background(0..14);
    let mut low = strokes(20, 20..31);
    for sample in &mut low {
        PLACE.into_iter().chain([at::HAS_PLACE]).for_each(|i| sample.rows[i] = 0.0);
    }
    for background in [Some(&known), None] {
        let template = Template::new(&strokes(20, 0..20), background).unwrap();
        let (with, without) = (
            template.score(&strokes(20, 20..31)).unwrap().llr.0,
            template.score(&low).unwrap().llr.0,
        );
        assert!(without.is_finite() && without > with - 4.0, "{with} {without}");
    }
}

#[test]
fn of_motion_only_the_tilt_is_kept() {
    let line = |motion: &str| {
        let line = format!(
            r#"{{"subject":"s","capture":"c","device":"phone","kind":"touch","events":[{{"phase":"down","t_ms":0,"x":9,"y":9}},{{"phase":"up","t_ms":90,"x":90,"y":9}}],"motion":[{motion}]}}"#
        );
        extract(&crate::behavior::parse::capture(&line, 1).unwrap(), None).unwrap()
    };
    let reading = |t: u32| format!(r#"{{"t_ms":{t},"accel":[0,4.9,8.5],"gyro":[1,2,3]}}"#);
    let (without, with) = (line(""), line(&(0..6).map(reading).collect::<Vec<_>>().join(",")));
    assert_eq!(without.rows, with.rows);
    assert!(without.held.is_none() && with.held.is_some());
}

#[test]
fn rows_of_an_older_layout_are_refused() {
    let mut old = scroll(20, 1);
    old.rows = vec![0.0; 72];
    old.dim = 72;
    for background in [None, Some(&background(0..14))] {
        let refused = Template::new(std::slice::from_ref(&old), background);
        assert!(matches!(refused, Err(BehaviorError::Sample { .. })));
    }
}

#[test]
fn a_bow_to_the_right_is_positive() {
    let points = vec![
        point(Phase::Down, 0.0, 100.0, 300.0),
        point(Phase::Move, 50.0, 150.0, 200.0),
        point(Phase::Up, 100.0, 100.0, 100.0),
    ];
    let sample = extract(&capture(points), None).unwrap();
    assert!((sample.rows[at::LARGEST_DEVIATION] - 5.0).abs() < 1e-3);
}

#[test]
fn strokes_of_a_point_or_without_time_are_finite_rows() {
    let odd = [
        vec![point(Phase::Down, 5.0, 1.0, 1.0)],
        vec![point(Phase::Down, 5.0, 1.0, 1.0), point(Phase::Up, 5.0, 900.0, 1.0)],
        vec![point(Phase::Down, 0.0, 1e6, -1e6), point(Phase::Up, 1e-9, -1e6, 1e6)],
        vec![point(Phase::Down, 0.0, 3.0, 3.0); 1],
    ];
    let known = background(0..14);
    let own = Template::new(&strokes(20, 0..20), Some(&known)).unwrap();
    for points in odd {
        let sample = extract(&capture(points), None).unwrap();
        assert!(sample.rows.iter().all(|x| x.is_finite()));
        match own.score(std::slice::from_ref(&sample)) {
            Ok(evidence) => assert!(evidence.llr.0.is_finite()),
            Err(error) => assert!(matches!(error, BehaviorError::TooFew { .. }), "{error}"),
        }
        let thin = Template::new(&[sample], Some(&known)).unwrap();
        let nothing = thin.score(&strokes(20, 0..3));
        assert!(matches!(nothing, Err(BehaviorError::TooFew { .. })), "{nothing:?}");
    }
}

/// A swipe to the right.
fn swipe() -> Sample {
    let points = (0..=12).map(|i| {
        let phase = if i == 0 { Phase::Down } else { Phase::Move };
        point(phase, f64::from(i) * 16.0, 50.0 + 20.0 * f64::from(i), 400.0)
    });
    extract(&capture(points.collect()), None).unwrap()
}

#[test]
fn a_direction_that_was_never_enrolled_is_no_evidence() {
    let known = background(0..14);
    for background in [Some(&known), None] {
        let template = Template::new(&strokes(20, 0..20), background).unwrap();
        let nothing = template.score(&[swipe(), swipe()]);
        assert!(matches!(nothing, Err(BehaviorError::TooFew { .. })), "{nothing:?}");
        // Beside strokes that can be compared it changes nothing.
        let alone = template.score(&strokes(20, 20..22)).unwrap();
        let beside = [strokes(20, 20..22), vec![swipe()]].concat();
        assert!((template.score(&beside).unwrap().llr.0 - alone.llr.0).abs() < 1e-9);
    }
}

#[test]
fn the_same_person_is_told_from_others_and_more_strokes_say_more() {
    let known = background(0..14);
    let template = Template::new(&strokes(20, 0..20), Some(&known)).unwrap();
    let own = template.score(&strokes(20, 20..31)).unwrap();
    assert!(own.llr.0 > 1.0 && own.enough, "{own:?}");
    let one = template.score(&strokes(20, 20..21)).unwrap();
    assert!(one.llr.0 < own.llr.0 && !one.enough, "{one:?}");
    let others: Vec<f64> = (30..40)
        .map(|p| template.score(&strokes(p, 20..31)).unwrap())
        .inspect(|e| assert!(e.habits.iter().all(|h| h.llr.is_finite() && h.deviation.is_finite())))
        .map(|e| e.llr.0)
        .collect();
    assert!(others.iter().filter(|llr| **llr < 0.0).count() >= 8, "{others:?}");
}

#[test]
fn without_a_background_the_fallback_tells_people_apart_timidly() {
    let template = Template::new(&strokes(20, 0..20), None).unwrap();
    let own = template.score(&strokes(20, 20..31)).unwrap().raw.0;
    let nearer = (30..40).filter(|p| template.score(&strokes(*p, 20..31)).unwrap().raw.0 > own);
    assert!(nearer.count() <= 1);
    let timid = template.score(&strokes(20, 20..31)).unwrap();
    assert!(timid.llr.0.abs() <= 2.5);
}

#[test]
fn a_background_survives_its_file_and_damage_is_refused() {
    let known = background(0..14);
    assert!(known.kind(Kind::Scroll).is_some() && known.kind(Kind::Word).is_none());
    let text = known.to_json().unwrap();
    let read = Background::from_json(&text).unwrap();
    let (probe, enrolled) = (strokes(20, 20..31), strokes(20, 0..20));
    let score = |b| Template::new(&enrolled, Some(b)).unwrap().score(&probe).unwrap().llr.0;
    assert!((score(&known) - score(&read)).abs() < 0.05);
    for (from, to) in [
        ("\"version\":2", "\"version\":1"),
        ("\"session\":", "\"session\":-"),
        ("\"cohort\":\"", "\"cohort\":\"zz"),
        ("\"weights\":[", "\"weights\":[1.0,"),
        ("\"knots\":[", "\"knots\":[1e30,"),
        ("{", ""),
    ] {
        assert!(Background::from_json(&text.replacen(from, to, 1)).is_err(), "{from}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let template = Template::new(&strokes(20, 0..5), None).unwrap();
    assert!(matches!(template.score(&[]), Err(BehaviorError::TooFew { .. })));
    let mut tablet = scroll(20, 1);
    tablet.device = Device::Tablet;
    assert!(matches!(template.score(&[tablet]), Err(BehaviorError::Mismatch { .. })));
    let mut short = scroll(20, 1);
    short.dim = 3;
    assert!(matches!(template.score(&[short]), Err(BehaviorError::Sample { .. })));
    assert!(Template::new(&[], None).is_err());
    assert!(Background::train(&[]).is_err());
}

#[test]
fn a_run_has_trials_of_both_kinds_for_each_window() {
    let person = |p: u64| Person {
        subject: p.to_string(),
        device: None,
        sessions: vec![(0, strokes(p, 0..24))],
    };
    let people: Vec<Person> = (0..16).map(person).collect();
    let protocol = Protocol {
        windows: vec![1, 6],
        enroll_sessions: Vec::new(),
        max_windows: 2,
        leave_out: LeaveOut::Folds(4),
        background: true,
    };
    let sets = run(&people, &protocol, None).unwrap();
    assert_eq!(sets.len(), 2);
    for set in &sets {
        let targets = set.trials.iter().filter(|t| t.target()).count();
        assert_eq!((targets, set.trials.len()), (32, 128));
    }
    let alone = Protocol { background: false, ..protocol };
    assert_eq!(run(&people, &alone, None).unwrap()[0].trials.len(), 128);
    // A window that cannot be compared is a trial all the same, one that says nothing.
    let mut odd = people;
    odd[3].sessions[0].1[12..].fill(swipe());
    let set = &run(&odd, &alone, None).unwrap()[0];
    let silent: Vec<_> = set.trials.iter().filter(|t| !t.compared).collect();
    assert_eq!((set.trials.len(), silent.len()), (128, 8));
    assert!(silent.iter().all(|t| t.probe == 3 && (t.raw, t.llr) == (0.0, 0.0)));
}
