use super::*;
use crate::behavior::event::{Device, Phase, RawCapture, RawEvents, RawKey, RawPoint};

/// Deterministic, −1 to 1.
fn noise(seed: u64) -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for _ in 0..3 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    state as f64 / u64::MAX as f64 * 2.0 - 1.0
}

fn capture(device: Device, events: RawEvents) -> Capture {
    let raw = RawCapture {
        subject: "s".to_owned(),
        capture: "c".to_owned(),
        session: None,
        device,
        text_id: None,
        screen: None,
        events,
        motion: Vec::new(),
    };
    raw.check().unwrap()
}

fn keys(of: impl IntoIterator<Item = (&'static str, f64, f64)>) -> Capture {
    let keys = of.into_iter().map(|(key, down_ms, hold)| RawKey {
        key: key.to_owned(),
        down_ms,
        up_ms: down_ms + hold,
        ..RawKey::default()
    });
    capture(Device::Desktop, RawEvents::Keystroke(keys.collect()))
}

/// A person types; another `seed` is another repetition.
fn typing(seed: u64, count: usize) -> Vec<(&'static str, f64, f64)> {
    let mut t = 1_000.25 + 77.7 * seed as f64;
    (0..count)
        .map(|i| {
            let n = |k: u64| noise(seed * 1_000 + i as u64 * 10 + k);
            t += 160.0 + 60.0 * n(1) + 20.0 * n(2);
            (["a", "t", "e", "o"][i % 4], t, 95.0 + 25.0 * n(3) + 5.0 * n(4))
        })
        .collect()
}

fn points(touch: bool, of: impl IntoIterator<Item = (Phase, f64, f64, f64)>) -> Capture {
    let points = of.into_iter().map(|(phase, t_ms, x, y)| RawPoint {
        phase,
        t_ms,
        x,
        y,
        pressure: None,
        size: None,
        button: None,
    });
    let mut points: Vec<RawPoint> = points.collect();
    if let (true, Some(first)) = (touch, points.first_mut()) {
        first.phase = Phase::Down;
    }
    let device = if touch { Device::Phone } else { Device::Desktop };
    capture(device, if touch { RawEvents::Touch(points) } else { RawEvents::Pointer(points) })
}

/// A bent stroke with a speed that rises and falls.
fn stroke(seed: u64, count: usize) -> Vec<(Phase, f64, f64, f64)> {
    let bend = 20.0 + 15.0 * noise(seed);
    let long = 300.0 + 80.0 * noise(seed + 1);
    (0..count)
        .map(|i| {
            let s = i as f64 / (count - 1) as f64;
            let along = s * s * (3.0 - 2.0 * s);
            let phase = if i == 0 { Phase::Down } else { Phase::Move };
            let wobble = 0.4 * noise(seed * 500 + i as u64);
            (phase, 16.7 * i as f64, 100.0 + long * along, 400.0 + bend * (s * 3.1).sin() + wobble)
        })
        .collect()
}

fn of(capture: &Capture, history: &History<'_>, cue: Cue) -> (FindingState, FindingReason) {
    let found = findings(capture, history).into_iter().find(|f| f.cue == cue).unwrap();
    (found.state, found.reason)
}

fn alone(capture: &Capture, cue: Cue) -> (FindingState, FindingReason) {
    of(capture, &History::default(), cue)
}

use FindingReason as Why;
use FindingState::{Detected, NotDetected, Unknown};

#[test]
fn a_replay_is_known_through_shift_jitter_and_rounding() {
    let original = typing(1, 12);
    let seen = [
        Fingerprint::of(&keys(typing(2, 12))).unwrap(),
        Fingerprint::of(&keys(original.clone())).unwrap(),
    ];
    let history = History { fingerprints: &seen, ..History::default() };
    let same = (Detected, Why::SameIntervals);
    let edit = |f: &dyn Fn(usize, f64) -> f64| {
        let changed = original.iter().enumerate().map(|(i, (key, down, hold))| {
            let (from, to) = (f(2 * i, *down), f(2 * i + 1, down + hold));
            (*key, from, to - from)
        });
        of(&keys(changed), &history, Cue::Replay)
    };
    assert_eq!(edit(&|_, t| t), same);
    assert_eq!(edit(&|_, t| t + 123_456.7), same);
    assert_eq!(edit(&|i, t| t + 2.0 * noise(i as u64 + 9)), same);
    assert_eq!(edit(&|_, t| t.round()), same);
    assert_eq!(edit(&|_, t| (t / 8.0).round() * 8.0), same);
    assert_eq!(edit(&|i, t| t + 30.0 * noise(i as u64 + 9)).0, NotDetected);
    assert_eq!(of(&keys(typing(3, 12)), &history, Cue::Replay), (NotDetected, Why::Clear));
    // Also a key less, and one of its pauses quite another.
    assert_eq!(of(&keys(typing(1, 11)), &history, Cue::Replay), same);
    assert_eq!(edit(&|i, t| t + if i < 10 { 0.0 } else { 700.0 }), same);
    assert_eq!(of(&keys(typing(1, 9)), &history, Cue::Replay), (NotDetected, Why::Clear));
    assert_eq!(of(&keys(typing(1, 4)), &history, Cue::Replay), (Unknown, Why::TooFewEvents));
    assert_eq!(alone(&keys(original.clone()), Cue::Replay), (Unknown, Why::NoHistory));
}

#[test]
fn keys_that_do_not_count_hide_no_replay() {
    let original = typing(1, 12);
    let seen = [Fingerprint::of(&keys(original.clone())).unwrap()];
    let history = History { fingerprints: &seen, ..History::default() };
    let same = (Detected, Why::SameIntervals);
    for key in ["Shift", "Backspace", "Control", "x"] {
        let first = original[0].1 - 333.3;
        let more = [(key, first, 51.7)].into_iter().chain(original.clone());
        assert_eq!(of(&keys(more), &history, Cue::Replay), same, "{key} first");
    }
    let between = (original[4].1 + original[5].1) / 2.0;
    let mut shifted = original.clone();
    shifted.insert(5, ("Shift", between, 260.0));
    assert_eq!(of(&keys(shifted.clone()), &history, Cue::Replay), same);
    // What an earlier version kept counts the modifier.
    let mut old = serde_json::to_value(&seen[0]).unwrap();
    let values = old["values"].as_array_mut().unwrap();
    let interval = values[10].as_i64().unwrap();
    let first = between - original[4].1;
    let both = [260, first.round() as i64].map(serde_json::Value::from);
    values[10] = (interval - first.round() as i64).into();
    values.splice(9..9, both);
    old["keys"] = 13.into();
    let old: Fingerprint = serde_json::from_value(old).unwrap();
    assert!(seen[0].distance(&old).is_some_and(|far| far < 0.5), "{:?}", seen[0].distance(&old));
}

#[test]
fn on_a_coarse_clock_nobody_is_taken_for_a_copy_or_a_program() {
    let on = |seed: u64, count: usize, step: f64| {
        let round = move |t: f64| (t / step).floor() * step;
        let typed = typing(seed, count).into_iter().map(move |(key, t, hold)| {
            let (from, to) = (round(t), round(t + hold));
            (key, from, to - from)
        });
        keys(typed)
    };
    for (count, step, known) in [
        (12, 100.0, false),
        (6, 100.0, false),
        (12, 16.667, false),
        (6, 10.0, false),
        (12, 15.625, false),
        (20, 16.0, true),
        (12, 8.0, true),
        (6, 8.0, true),
    ] {
        let own = on(1, count, step);
        let seen: Vec<Fingerprint> = Fingerprint::of(&own).into_iter().collect();
        let fine = Fingerprint::of(&keys(typing(2, 12))).unwrap();
        let all: Vec<Fingerprint> = seen.into_iter().chain([fine]).collect();
        let history = History { fingerprints: &all, ..History::default() };
        let expected =
            if known { (Detected, Why::SameIntervals) } else { (Unknown, Why::CoarseStep) };
        assert_eq!(of(&own, &history, Cue::Replay), expected, "{count} keys, {step} ms");
    }
    // Held one step each, at uneven times: people on such a clock.
    let held = |step: f64, count: usize| {
        let typed = typing(3, count).into_iter();
        let typed = typed.map(move |(key, t, _)| (key, (t / step).floor() * step, step));
        alone(&keys(typed.collect::<Vec<_>>()), Cue::Scripted)
    };
    assert_eq!(held(100.0, 20), (Unknown, Why::CoarseStep));
    assert_eq!(held(16.0, 20), (Detected, Why::ConstantHolds));
    assert_eq!(held(16.0, 9), (Unknown, Why::WeakCue));
    // Even in both is a program on any clock.
    let even = keys((0..12).map(|i| ("a", 200.0 * f64::from(i), 100.0)));
    assert_eq!(alone(&even, Cue::Scripted), (Detected, Why::ConstantIntervals));
}

#[test]
fn a_replayed_stroke_is_known_elsewhere_on_the_screen() {
    let seen = [Fingerprint::of(&points(true, stroke(1, 30))).unwrap()];
    let history = History { fingerprints: &seen, ..History::default() };
    let moved = stroke(1, 30).into_iter().enumerate().map(|(i, (phase, t, x, y))| {
        (phase, 5_000.0 + t + 2.0 * noise(i as u64), x + 40.0, y - 200.0)
    });
    assert_eq!(of(&points(true, moved), &history, Cue::Replay), (Detected, Why::SamePath));
    // An event that got lost changes little.
    let lost = stroke(1, 30).into_iter().enumerate().filter(|(i, _)| *i != 12).map(|(_, p)| p);
    assert_eq!(of(&points(true, lost), &history, Cue::Replay), (Detected, Why::SamePath));
    let other = of(&points(true, stroke(2, 30)), &history, Cue::Replay);
    assert_eq!(other, (NotDetected, Why::Clear));
    // A pointer is not a finger.
    let pointer = of(&points(false, stroke(1, 30)), &history, Cue::Replay);
    assert_eq!(pointer, (NotDetected, Why::Clear));
    let tap = points(true, [(Phase::Down, 0.0, 5.0, 5.0), (Phase::Up, 80.0, 5.0, 5.0)]);
    assert_eq!(of(&tap, &history, Cue::Replay), (Unknown, Why::TooFewEvents));
}

#[test]
fn only_the_latest_fingerprints_are_compared() {
    let old = Fingerprint::of(&keys(typing(1, 12))).unwrap();
    let new = Fingerprint::of(&keys(typing(2, 12))).unwrap();
    let mut seen = vec![new; MAX_FINGERPRINTS];
    seen.insert(0, old);
    let history = History { fingerprints: &seen, ..History::default() };
    assert_eq!(of(&keys(typing(1, 12)), &history, Cue::Replay).0, NotDetected);
    assert_eq!(of(&keys(typing(2, 12)), &history, Cue::Replay).0, Detected);
}

#[test]
fn scripts_that_type() {
    let script = |f: &dyn Fn(usize) -> (f64, f64)| {
        let typed = (0..20).map(|i| {
            let (down, hold) = f(i);
            ("a", down, hold)
        });
        alone(&keys(typed.collect::<Vec<_>>()), Cue::Scripted)
    };
    let human = typing(5, 20);
    let down = |i: usize| human[i].1;
    assert_eq!(script(&|i| (down(i), human[i].2)), (NotDetected, Why::Clear));
    assert_eq!(script(&|i| (down(i), 0.0)), (Detected, Why::ZeroHolds));
    assert_eq!(script(&|i| (down(i), 50.0 + noise(i as u64))), (Detected, Why::ConstantHolds));
    assert_eq!(script(&|i| (100.0 * i as f64, human[i].2)), (Detected, Why::ConstantIntervals));
    let fast = |i: usize| 10.0 * i as f64 + 4.0 * noise(i as u64 + 3);
    assert_eq!(script(&|i| (fast(i), human[i].2)), (Detected, Why::ImpossibleSpeed));
    let short = alone(&keys(typing(1, 7)), Cue::Scripted);
    assert_eq!(short, (Unknown, Why::TooFewEvents));
}

#[test]
fn scripts_that_draw() {
    let line = |count: usize| {
        (0..count)
            .map(|i| (Phase::Move, 16.0 * i as f64, 10.0 + 12.0 * i as f64, 20.0 + 5.0 * i as f64))
    };
    assert_eq!(alone(&points(true, line(20)), Cue::Scripted), (Detected, Why::EqualSteps));
    assert_eq!(alone(&points(true, stroke(3, 30)), Cue::Scripted), (NotDetected, Why::Clear));
    assert_eq!(alone(&points(true, line(5)), Cue::Scripted), (Unknown, Why::TooFewEvents));
    let at_once = line(20).map(|(phase, _, x, y)| (phase, 3.0, x, y));
    assert_eq!(alone(&points(true, at_once), Cue::Scripted), (Detected, Why::ImpossibleSpeed));

    let moves = |of: &dyn Fn(usize) -> Vec<(Phase, f64, f64, f64)>| {
        let all = (0..6).flat_map(|m| {
            of(m).into_iter().map(move |(_, t, x, y)| (Phase::Move, t + 2_000.0 * m as f64, x, y))
        });
        alone(&points(false, all.collect::<Vec<_>>()), Cue::Scripted)
    };
    assert_eq!(moves(&|_| line(20).collect()), (Detected, Why::EqualSteps));
    let eased = |(phase, t, _, _): (Phase, f64, f64, f64)| {
        let s = t / (16.0 * 19.0);
        let along = s * s * (3.0 - 2.0 * s);
        (phase, t, 300.0 * along, 120.0 * along)
    };
    assert_eq!(moves(&|_| line(20).map(eased).collect()), (Detected, Why::StraightPaths));
    let bent = |(phase, t, x, y): (Phase, f64, f64, f64)| {
        (phase, t, (2.0 * x).round(), (2.0 * y + 60.0 * (x / 300.0 * 3.1).sin()).round())
    };
    let formula = |_| line(20).map(eased).map(bent).collect::<Vec<_>>();
    assert_eq!(moves(&formula), (Detected, Why::NoJitter));
    let hand = |m: usize| {
        let shaken = formula(m).into_iter().enumerate().map(|(i, (phase, t, x, y))| {
            let n = |k: usize| 4.0 * noise((m * 100 + i * 2 + k) as u64 + 1);
            (phase, t, (x + n(0)).round(), (y + n(1)).round())
        });
        shaken.collect::<Vec<_>>()
    };
    assert_eq!(moves(&hand), (NotDetected, Why::Clear));
}

#[test]
fn pasting_and_autofill() {
    let typed = keys(typing(1, 10));
    assert_eq!(alone(&typed, Cue::Paste), (NotDetected, Why::Clear));
    let pasted = keys([("Control", 0.0, 200.0), ("v", 90.0, 60.0), ("Enter", 900.0, 80.0)]);
    assert_eq!(alone(&pasted, Cue::Paste), (Detected, Why::PasteShortcut));
    let released = keys([("Control", 0.0, 50.0), ("v", 90.0, 60.0)]);
    assert_eq!(alone(&released, Cue::Paste), (NotDetected, Why::Clear));
    let filled = keys((0..8).map(|i| ("a", 0.1 * f64::from(i), 0.0)));
    assert_eq!(alone(&filled, Cue::Paste), (Detected, Why::KeysAtOnce));

    let text = |characters| History { characters: Some(characters), ..History::default() };
    assert_eq!(of(&typed, &text(10), Cue::Paste), (NotDetected, Why::Clear));
    assert_eq!(of(&typed, &text(30), Cue::Paste), (Detected, Why::TextWithoutKeys));
    let phone = Capture { device: Device::Phone, ..typed.clone() };
    assert_eq!(of(&phone, &text(30), Cue::Paste), (Unknown, Why::KeyboardCompletes));
    let stroke = points(true, stroke(1, 30));
    assert_eq!(alone(&stroke, Cue::Paste), (Unknown, Why::NotApplicable));
}

#[test]
fn remote_control_takes_both_signs() {
    let pointer = |step_ms: f64, jump: f64| {
        let moves = (0..100).map(|i| {
            let wide = if i % 4 == 1 { jump } else { 8.0 };
            (Phase::Move, step_ms * f64::from(i), f64::from(i % 2) * wide, f64::from(i))
        });
        alone(&points(false, moves), Cue::RemoteControl)
    };
    assert_eq!(pointer(16.0, 8.0), (NotDetected, Why::Clear));
    assert_eq!(pointer(60.0, 400.0), (Detected, Why::RareAndJumping));
    assert_eq!(pointer(60.0, 8.0), (Unknown, Why::WeakCue));
    assert_eq!(pointer(16.0, 400.0), (Unknown, Why::WeakCue));
    let few = points(false, stroke(1, 30));
    assert_eq!(alone(&few, Cue::RemoteControl), (Unknown, Why::TooFewEvents));
    let typed = keys(typing(1, 10));
    assert_eq!(alone(&typed, Cue::RemoteControl), (Unknown, Why::NotApplicable));
}

#[test]
fn hesitation_is_measured_by_the_persons_own_tempo() {
    let tempos: Vec<Tempo> = (0..10).filter_map(|s| Tempo::of(&keys(typing(s, 20)))).collect();
    let profile = TempoProfile::of(&tempos);
    let history = History { tempo: Some(&profile), ..History::default() };
    let seen = |capture: &Capture| of(capture, &history, Cue::Hesitation);
    assert_eq!(seen(&keys(typing(40, 20))), (NotDetected, Why::Clear));
    let halting = typing(41, 20)
        .into_iter()
        .enumerate()
        .map(|(i, (key, t, hold))| (key, t + 2_500.0 * (i / 5) as f64, hold));
    assert_eq!(seen(&keys(halting)), (Detected, Why::LongPauses));
    let correcting = typing(42, 20)
        .into_iter()
        .enumerate()
        .map(|(i, (key, t, hold))| (if i % 3 == 0 { "Backspace" } else { key }, t, hold));
    assert_eq!(seen(&keys(correcting)), (Detected, Why::ManyCorrections));
    assert_eq!(seen(&keys(typing(1, 3))), (Unknown, Why::TooFewEvents));
    let young = TempoProfile::of(&tempos[..MIN_CAPTURES - 1]);
    let history = History { tempo: Some(&young), ..History::default() };
    assert_eq!(of(&keys(typing(1, 20)), &history, Cue::Hesitation), (Unknown, Why::NoHistory));
    assert_eq!(TempoProfile::of(&[]), TempoProfile::default());
}

#[test]
fn the_step_of_a_clock_is_found() {
    let on = |step: f64, whole: bool| {
        let round = move |t: f64| {
            let t = (t / step).round() * step;
            if whole { t.round() } else { t }
        };
        let typed = typing(7, 30).into_iter().map(move |(key, t, hold)| {
            let (from, to) = (round(t), round(t + hold));
            (key, from, to - from)
        });
        clock_step(&keys(typed.collect::<Vec<_>>()))
    };
    for step in [4.0, 8.0, 10.0, 16.0, 100.0] {
        assert_eq!(on(step, false), Some(step));
    }
    assert_eq!(on(15.625, true), Some(15.625));
    assert_eq!(on(1.0, false), Some(1.0));
    assert_eq!(on(0.1, false), Some(0.0));
    assert_eq!(clock_step(&keys(typing(1, 3))), None);
    let coarse =
        keys(typing(7, 30).into_iter().map(|(key, t, _)| (key, (t / 16.0).round() * 16.0, 96.0)));
    assert_eq!(alone(&coarse, Cue::CoarseClock), (Detected, Why::CoarseStep));
    assert_eq!(alone(&keys(typing(7, 30)), Cue::CoarseClock), (NotDetected, Why::Clear));
}

#[test]
fn every_capture_gets_every_cue_in_order_and_no_content() {
    let far = 9e5;
    let odd = [
        keys([("a", 0.0, 0.0)]),
        keys([("a", 0.0, 8e7), ("b", 8e7, 0.0)]),
        keys((0..100).map(|_| ("a", 5.0, 1.0))),
        points(true, [(Phase::Up, 0.0, -far, far)]),
        points(false, (0..200).map(|i| (Phase::Down, f64::from(i), far * noise(i as u64), -far))),
        points(
            true,
            (0..50).map(|i| (Phase::Move, 8e7 * f64::from(i % 2), far, far)).filter(|p| p.1 == 0.0),
        ),
    ];
    for capture in &odd {
        let seen: Vec<Fingerprint> = odd.iter().filter_map(Fingerprint::of).collect();
        let tempos: Vec<Tempo> = odd.iter().filter_map(Tempo::of).collect();
        let profile = TempoProfile::of(&tempos);
        let history =
            History { fingerprints: &seen, tempo: Some(&profile), characters: Some(u32::MAX) };
        let found = findings(capture, &history);
        let cues: Vec<Cue> = found.iter().map(|f| f.cue).collect();
        let mut sorted = cues.clone();
        sorted.sort_unstable();
        assert_eq!((cues.len(), &cues), (6, &sorted));
        assert!(found.iter().all(|f| f.detail.len() < 80));
        for finding in &found {
            let text = finding.to_string();
            assert!(text.starts_with(finding.reason.phrase()) && text.contains(&finding.detail));
        }
    }
    let text = serde_json::to_string(&Fingerprint::of(&keys(typing(1, 64))).unwrap()).unwrap();
    let back: Fingerprint = serde_json::from_str(&text).unwrap();
    assert_eq!(back.distance(&back), Some(0.0));
}
