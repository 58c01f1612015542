use super::*;
use crate::behavior::event::{Device, Phase, RawCapture, RawEvents, RawPoint};
use crate::behavior::pointer::action::ActionKind;

/// A straight move of `length` px in `ms`, with minimum-jerk speed, an event every `step` ms.
fn reach(length: f64, ms: f64, step: f64) -> Action {
    let count = (ms / step) as usize;
    let points = (0..=count).map(|i| {
        let s = i as f64 * step / ms;
        let along = length * (10.0 * s.powi(3) - 15.0 * s.powi(4) + 6.0 * s.powi(5));
        [i as f64 * step, along * 0.6, along * 0.8]
    });
    Action {
        kind: ActionKind::Click,
        points: points.collect(),
        pause_ms: 400.0,
        click_pause_ms: Some(120.0),
        hold_ms: Some(90.0),
    }
}

fn arc(turn: f64) -> Action {
    let points = (0..=40).map(|i| {
        let angle = turn * f64::from(i) / 40.0;
        [f64::from(i) * 20.0, 200.0 * angle.sin(), 200.0 * (1.0 - angle.cos())]
    });
    Action {
        points: points.collect(),
        click_pause_ms: None,
        hold_ms: None,
        ..reach(1.0, 100.0, 10.0)
    }
}

#[test]
fn a_straight_reach_has_the_known_figures() {
    let row = row(&reach(400.0, 800.0, 10.0)).unwrap();
    let f = &row[2..];
    assert!((f[0] - 0.8f32.ln()).abs() < 1e-3, "duration {}", f[0]);
    assert!((f[1] - 1.0).abs() < 1e-4, "straightness {}", f[1]);
    // The peak of a minimum-jerk reach is 1.875 times the mean, in the middle.
    assert!((f64::from(f[2]).exp() - 1.875).abs() < 0.03, "peak {}", f[2].exp());
    assert!((f[3] - 0.5).abs() < 0.05, "time to peak {}", f[3]);
    // Peaks are counted from 1, so that none has a logarithm too.
    assert!((f[4] - (2.0f32 / 0.8).ln()).abs() < 1e-3, "one peak {}", f[4]);
    assert!((f[5] - f[6]).abs() < 0.02, "symmetric {} {}", f[5], f[6]);
    assert!(f[12].abs() < 1e-4 && f[13].abs() < 1e-3 && f[16] == 0.0);
    assert!((f[18] - 120f32.ln()).abs() < 1e-5 && (f[19] - 90f32.ln()).abs() < 1e-5);
}

#[test]
fn an_arc_bends_to_its_side() {
    let (left, right) = (row(&arc(1.0)).unwrap(), row(&arc(-1.0)).unwrap());
    assert!((left[2 + 12] + right[2 + 12]).abs() < 1e-4 && left[2 + 12].abs() > 0.05);
    assert!((left[2 + 13] + right[2 + 13]).abs() < 1e-4);
    // Curvature 1/200 over a path of 200: 1 a path length; all turning 1 rad.
    assert!((f64::from(left[2 + 8]).exp() - 1.01).abs() < 0.05, "{}", left[2 + 8].exp());
    assert!((f64::from(left[2 + 9]).exp() - 1.1).abs() < 0.06, "{}", left[2 + 9].exp());
    assert_eq!(left[2 + 18], MISSING);
}

#[test]
fn the_rate_of_events_and_the_gain_of_the_mouse_do_not_show() {
    let (fine, coarse) =
        (row(&reach(400.0, 800.0, 4.0)).unwrap(), row(&reach(400.0, 800.0, 16.0)).unwrap());
    let large = row(&reach(1_200.0, 800.0, 4.0)).unwrap();
    for i in 2..ROW {
        // Jerk is the most sensitive to interpolation.
        let room = if i == 2 + 7 { 0.15 } else { 0.04 };
        assert!((fine[i] - coarse[i]).abs() < room, "{}: {} {}", NAMES[i - 2], fine[i], coarse[i]);
        assert!((fine[i] - large[i]).abs() < 1e-3, "{}: {} {}", NAMES[i - 2], fine[i], large[i]);
    }
}

fn capture(points: Vec<(Phase, f64, f64)>) -> Capture {
    let points = points.into_iter().map(|(phase, t_ms, x)| RawPoint {
        phase,
        t_ms,
        x,
        y: 3.0,
        pressure: None,
        size: None,
        button: None,
    });
    let raw = RawCapture {
        subject: "s".to_owned(),
        capture: "c".to_owned(),
        session: None,
        device: Device::Desktop,
        text_id: None,
        screen: None,
        events: RawEvents::Pointer(points.collect()),
        motion: Vec::new(),
    };
    raw.check().unwrap()
}

#[test]
fn odd_captures_are_answered() {
    let one = extract(&capture(vec![(Phase::Move, 0.0, 1.0)]), None);
    assert!(matches!(one, Err(BehaviorError::TooFew { .. })));
    let same_time = (0..50).map(|i| (Phase::Move, 7.0, f64::from(i) * 30.0)).collect();
    assert!(extract(&capture(same_time), None).is_err());
    let jumps = (0..400).map(|i| {
        let phase = [Phase::Down, Phase::Move, Phase::Up][i % 3];
        (phase, i as f64 * 40.0, if i % 2 == 0 { -1e6 } else { 1e6 })
    });
    if let Ok(sample) = extract(&capture(jumps.collect()), None) {
        assert!(sample.rows.iter().all(|x| x.is_finite()));
    }
    let zigzag = (0..400).map(|i| (Phase::Move, f64::from(i) * 16.0, f64::from(i % 7) * 40.0));
    let sample = extract(&capture(zigzag.collect()), None).unwrap();
    assert_eq!((sample.dim, sample.units), (ROW, 1));
    assert!(sample.rows.iter().all(|x| x.is_finite()));
}
