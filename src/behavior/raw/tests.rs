//! What is refused, what is mended.

use super::*;

pub fn raw(keys: &[(&str, f64, f64)]) -> RawCapture {
    let keys = keys.iter().map(|(key, down_ms, up_ms)| RawKey {
        key: (*key).to_owned(),
        down_ms: *down_ms,
        up_ms: *up_ms,
        ..RawKey::default()
    });
    RawCapture {
        subject: "s1".to_owned(),
        capture: "c1".to_owned(),
        session: None,
        device: Device::Desktop,
        text_id: None,
        screen: None,
        events: RawEvents::Keystroke(keys.collect()),
        motion: Vec::new(),
    }
}

fn point(phase: Phase, t_ms: f64, x: f64) -> RawPoint {
    RawPoint { phase, t_ms, x, y: 1.0, pressure: None, size: None, button: None }
}

#[test]
fn rollover_is_no_disorder_and_late_events_are_put_in_order() {
    let rollover = raw(&[("a", 0.0, 150.0), ("b", 100.0, 130.0)]).check().unwrap();
    assert_eq!(rollover.mended, Mended::default());
    let late = raw(&[("a", 100.0, 150.0), ("b", 0.0, 50.0), ("a", 100.0, 150.0)]);
    let late = late.check().unwrap();
    assert_eq!(late.mended, Mended { reordered: 1, duplicates: 1 });
    let Events::Keystroke(keys) = &late.events else { panic!("keys went in") };
    assert_eq!(keys.iter().map(|k| k.down_ms).collect::<Vec<_>>(), [0.0, 100.0]);
}

#[test]
fn a_batch_that_came_twice_within_a_tick_counts_once() {
    let batch = [("a", 5.0, 9.0), ("b", 5.0, 8.0)];
    let twice = raw(&[batch, batch, batch].concat()).check().unwrap();
    assert_eq!(twice.mended, Mended { reordered: 0, duplicates: 4 });
    let Events::Keystroke(keys) = &twice.events else { panic!("keys went in") };
    assert_eq!(keys.iter().map(|k| k.up_ms).collect::<Vec<_>>(), [9.0, 8.0]);
    let again = raw(&[("a", 5.0, 9.0), ("a", 6.0, 9.0), ("a", 5.0, 9.5)]).check().unwrap();
    assert_eq!(again.mended, Mended { reordered: 1, duplicates: 0 }, "none equals another");
    let points: Vec<RawPoint> = [1.0, -0.0, 1.0, 0.0].map(|x| point(Phase::Move, 3.0, x)).into();
    let pointer = RawCapture { events: RawEvents::Pointer(points), ..raw(&[]) }.check().unwrap();
    assert_eq!((pointer.events.len(), pointer.mended.duplicates), (2, 2));
    let mut moved = raw(&[("a", 0.0, 1.0)]);
    let reading = |x| MotionEvent { t_ms: 1.0, accel: Some([x, 0.0, 9.8]), gyro: None };
    moved.motion = vec![reading(1.0), reading(2.0), reading(1.0)];
    assert_eq!(moved.check().unwrap().motion.len(), 2);
}

#[test]
fn as_many_events_as_there_may_be_at_one_time_are_taken() {
    let keys: Vec<(&str, f64, f64)> = (0..MAX_EVENTS).map(|i| ("a", 0.0, i as f64)).collect();
    // Each against each would be over a billion comparisons, and nobody would wait for this test.
    assert_eq!(raw(&keys).check().unwrap().events.len(), MAX_EVENTS);
}

#[test]
fn impossible_numbers_are_refused() {
    let bad = [f64::NAN, f64::INFINITY, -1.0, 1e15];
    for value in bad {
        assert!(raw(&[("a", value, value)]).check().is_err(), "{value}");
        assert!(raw(&[("a", 0.0, value)]).check().is_err(), "{value}");
        let mut touch = raw(&[]);
        touch.events = RawEvents::Touch(vec![point(Phase::Down, value, 0.0)]);
        assert!(touch.clone().check().is_err(), "{value}");
        touch.events = RawEvents::Touch(vec![point(Phase::Down, 0.0, value * 1e3)]);
        assert!(touch.check().is_err() || value == -1.0, "{value}");
    }
    assert!(raw(&[("a", 10.0, 9.0)]).check().is_err());
    let travel = raw(&[("a", 10_000.0, 10_001.0), ("b", 1.0, 2.0)]).check();
    assert!(
        matches!(travel, Err(BehaviorError::TimeRunsBack { place: Place::Event(1), .. })),
        "{travel:?}"
    );
    let span = raw(&[("a", 0.0, MAX_SPAN_MS + 1.0)]).check();
    assert!(matches!(span, Err(BehaviorError::Number { .. })), "{span:?}");
    let mut moved = raw(&[("a", 0.0, 1.0)]);
    moved.motion = vec![MotionEvent { t_ms: 0.0, accel: Some([f32::NAN; 3]), gyro: None }];
    assert!(moved.check().is_err());
    let mut screen = raw(&[("a", 0.0, 1.0)]);
    screen.screen = Some(Screen { width_px: 0.0, height_px: 10.0, dpi: None });
    assert!(screen.check().is_err());
}

#[test]
fn a_touch_capture_is_one_stroke() {
    use Phase::{Down, Move, Up};
    let check = |phases: &[Phase]| {
        let points = phases.iter().zip(0..).map(|(p, i)| point(*p, f64::from(i), 0.0));
        RawCapture { events: RawEvents::Touch(points.collect()), ..raw(&[]) }.check()
    };
    for whole in [&[Down, Move, Up][..], &[Down, Up], &[Down], &[Down, Move]] {
        assert!(check(whole).is_ok(), "{whole:?}");
    }
    for (other, at) in [
        (&[Move, Up][..], 0),
        (&[Up], 0),
        (&[Down, Move, Down, Up], 2),
        (&[Down, Up, Down, Up], 2),
        (&[Down, Up, Move], 2),
    ] {
        let error = check(other).unwrap_err();
        assert!(matches!(error, BehaviorError::Stroke { index, .. } if index == at), "{error}");
    }
}

#[test]
fn refusals_say_where_and_keep_numbers_short() {
    let said = |capture: RawCapture| capture.check().unwrap_err().to_string();
    let huge = said(raw(&[("a", 0.0, 1e300)]));
    assert_eq!(huge, "event 0: up_ms must be 0 to 1e14 ms, got 1e300");
    let mut screen = raw(&[("a", 0.0, 1.0)]);
    screen.screen = Some(Screen { width_px: 100.0, height_px: 0.5, dpi: None });
    assert_eq!(said(screen), "screen.height_px must be 1 to 1e6, got 0.5");
    let mut moved = raw(&[("a", 0.0, 1.0)]);
    moved.motion = vec![MotionEvent { t_ms: 0.0, accel: Some([2e4; 3]), gyro: None }];
    assert_eq!(said(moved), "motion 0: accel or gyro must be within ±1e4, got 20000");
    let span = said(raw(&[("a", 0.0, MAX_SPAN_MS + 1.0)]));
    assert!(span.starts_with("time since the first event must be"), "{span}");
    let back = said(raw(&[("a", 9e13, 9e13), ("b", 1.0, 2.0)]));
    assert!(back.starts_with("event 1: time runs back by 89999999999999 ms"), "{back}");
}

#[test]
fn limits_name_themselves() {
    assert_eq!(raw(&[]).check(), Err(BehaviorError::Empty));
    let many = raw(&vec![("a", 0.0, 1.0); MAX_EVENTS + 1]).check().unwrap_err();
    assert_eq!(many.to_string(), "events: at most 50000 events, got 50001");
    let long = "k".repeat(MAX_KEY_BYTES + 1);
    assert!(raw(&[(&long, 0.0, 1.0)]).check().is_err());
    for id in ["", "a b", "a\tb", "x\u{0}", &"x".repeat(MAX_ID_BYTES + 1)] {
        let mut capture = raw(&[("a", 0.0, 1.0)]);
        id.clone_into(&mut capture.subject);
        assert!(matches!(capture.check(), Err(BehaviorError::Id { .. })), "{id:?}");
    }
}
