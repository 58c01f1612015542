//! Captures: what a client saw of one typing of a text, one stroke, or a while of a pointer. A [`Capture`] comes
//! from [`RawCapture::check`] alone: bounded, finite, in order of time, without repeated events.

use crate::behavior::BehaviorError;
use crate::behavior::key::{Key, Naming};
use crate::behavior::limits::{
    MAX_CONTACT, MAX_DISORDER_MS, MAX_EVENTS, MAX_ID_BYTES, MAX_KEY_BYTES, MAX_MOTION,
    MAX_MOTION_VALUE, MAX_PIXELS, MAX_SPAN_MS, MAX_TIME_MS,
};

/// Class of device. Profiles are never compared across classes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// Keyboard and mouse.
    Desktop,
    /// Held in one hand.
    Phone,
    /// Larger, touched.
    Tablet,
}

impl Device {
    /// The name in files and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Phone => "phone",
            Self::Tablet => "tablet",
        }
    }
}

/// What a capture holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptureKind {
    /// Keys.
    Keystroke,
    /// A finger's stroke.
    Touch,
    /// A mouse or the like.
    Pointer,
}

impl CaptureKind {
    /// The name in files and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keystroke => "keystroke",
            Self::Touch => "touch",
            Self::Pointer => "pointer",
        }
    }
}

/// The screen that coordinates refer to.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Screen {
    /// Pixels across.
    pub width_px: f32,
    /// Pixels down.
    pub height_px: f32,
    /// Pixels an inch, where the client knows it.
    #[serde(default)]
    pub dpi: Option<f32>,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeyEvent {
    /// Which, or its class, or an opaque code.
    pub key: Key,
    /// When it went down, ms.
    pub down_ms: f64,
    /// When it came up, ms; never before `down_ms`.
    pub up_ms: f64,
    /// On a touch screen, in the device's unit.
    pub pressure: Option<f32>,
    /// Contact size, in the device's unit.
    pub size: Option<f32>,
    /// Pixels from the left.
    pub x: Option<f32>,
    /// Pixels from the top.
    pub y: Option<f32>,
}

/// Where a finger or a button is in its movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It touches, or a button is pressed.
    Down,
    /// It moves.
    Move,
    /// It leaves, or a button is released.
    Up,
}

/// One point of a finger or pointer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointEvent {
    /// What happened.
    pub phase: Phase,
    /// When, ms.
    pub t_ms: f64,
    /// Pixels from the left.
    pub x: f32,
    /// Pixels from the top.
    pub y: f32,
    /// In the device's unit.
    pub pressure: Option<f32>,
    /// Contact size, in the device's unit.
    pub size: Option<f32>,
    /// Which button of a pointer.
    pub button: Option<Button>,
}

/// A button of a pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Button {
    /// The first.
    Left,
    /// The second.
    Right,
    /// The wheel, pressed or turned.
    Middle,
    /// Another.
    Other,
}

impl Button {
    /// Reads a client's name; `none`, `NoButton` and the like are no button.
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "" | "none" | "nobutton" | "no_button" => None,
            "left" | "primary" | "0" => Some(Self::Left),
            "right" | "secondary" | "2" => Some(Self::Right),
            "middle" | "auxiliary" | "scroll" | "wheel" | "1" => Some(Self::Middle),
            _ => Some(Self::Other),
        }
    }
}

/// One reading of the motion sensors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MotionEvent {
    /// When, ms.
    pub t_ms: f64,
    /// Acceleration with gravity, m/s².
    pub accel: Option<[f32; 3]>,
    /// Turn rate, rad/s.
    pub gyro: Option<[f32; 3]>,
}

/// The events of a capture, in order of time.
#[derive(Debug, Clone, PartialEq)]
pub enum Events {
    /// Keys, by their going down.
    Keystroke(Vec<KeyEvent>),
    /// Points of one stroke.
    Touch(Vec<PointEvent>),
    /// Points of a pointer.
    Pointer(Vec<PointEvent>),
}

impl Events {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Keystroke(events) => events.len(),
            Self::Touch(events) | Self::Pointer(events) => events.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they are.
    pub fn kind(&self) -> CaptureKind {
        match self {
            Self::Keystroke(_) => CaptureKind::Keystroke,
            Self::Touch(_) => CaptureKind::Touch,
            Self::Pointer(_) => CaptureKind::Pointer,
        }
    }
}

/// What was mended when the capture was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mended {
    /// Events that came in the wrong order.
    pub reordered: u32,
    /// Events that came twice.
    pub duplicates: u32,
}

/// A checked capture.
#[derive(Debug, Clone, PartialEq)]
pub struct Capture {
    /// Whose it is said to be.
    pub subject: String,
    /// Its id.
    pub capture: String,
    /// The sitting it belongs to.
    pub session: Option<String>,
    /// Where it was made.
    pub device: Device,
    /// Names a fixed text; free text has none.
    pub text_id: Option<String>,
    /// The screen.
    pub screen: Option<Screen>,
    /// At least one.
    pub events: Events,
    /// How the device was held and moved.
    pub motion: Vec<MotionEvent>,
    /// What was mended.
    pub mended: Mended,
}

/// A key as a client sends it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawKey {
    /// Name, code or class.
    pub key: String,
    /// See [`KeyEvent`].
    pub down_ms: f64,
    /// See [`KeyEvent`].
    pub up_ms: f64,
    /// See [`KeyEvent`].
    pub pressure: Option<f64>,
    /// See [`KeyEvent`].
    pub size: Option<f64>,
    /// See [`KeyEvent`].
    pub x: Option<f64>,
    /// See [`KeyEvent`].
    pub y: Option<f64>,
}

/// A point as a client sends it.
#[derive(Debug, Clone, PartialEq)]
pub struct RawPoint {
    /// See [`PointEvent`].
    pub phase: Phase,
    /// See [`PointEvent`].
    pub t_ms: f64,
    /// See [`PointEvent`].
    pub x: f64,
    /// See [`PointEvent`].
    pub y: f64,
    /// See [`PointEvent`].
    pub pressure: Option<f64>,
    /// See [`PointEvent`].
    pub size: Option<f64>,
    /// Name of the button.
    pub button: Option<String>,
}

/// The events as a client sends them.
#[derive(Debug, Clone, PartialEq)]
pub enum RawEvents {
    /// Keys.
    Keystroke(Vec<RawKey>),
    /// Points of a stroke.
    Touch(Vec<RawPoint>),
    /// Points of a pointer.
    Pointer(Vec<RawPoint>),
}

/// A capture nobody has looked at yet.
#[derive(Debug, Clone, PartialEq)]
pub struct RawCapture {
    /// See [`Capture`].
    pub subject: String,
    /// See [`Capture`].
    pub capture: String,
    /// See [`Capture`].
    pub session: Option<String>,
    /// See [`Capture`].
    pub device: Device,
    /// See [`Capture`].
    pub text_id: Option<String>,
    /// See [`Capture`].
    pub screen: Option<Screen>,
    /// See [`Capture`].
    pub events: RawEvents,
    /// See [`Capture`].
    pub motion: Vec<MotionEvent>,
}

impl RawCapture {
    /// Checks everything, puts events in order that came up to 2 s too late, and drops repeated ones.
    ///
    /// # Errors
    /// Every limit of [`crate::behavior::limits`], numbers that are not finite, a key that comes up before it went
    /// down, and time that runs back.
    pub fn check(self) -> Result<Capture, BehaviorError> {
        check_id("subject", &self.subject)?;
        check_id("capture", &self.capture)?;
        self.session.as_deref().map_or(Ok(()), |id| check_id("session", id))?;
        self.text_id.as_deref().map_or(Ok(()), |id| check_id("text_id", id))?;
        if let Some(screen) = self.screen {
            let sides =
                [("screen.width_px", screen.width_px), ("screen.height_px", screen.height_px)];
            for (what, value) in sides.into_iter().chain(screen.dpi.map(|d| ("screen.dpi", d))) {
                if !(value.is_finite() && (1.0..=MAX_PIXELS as f32).contains(&value)) {
                    let got = f64::from(value);
                    return Err(BehaviorError::Number { index: 0, what, range: "1 to 1e6", got });
                }
            }
        }
        let mut mended = Mended::default();
        let events = match self.events {
            RawEvents::Keystroke(raw) => Events::Keystroke(keys(raw, &mut mended)?),
            RawEvents::Touch(raw) => Events::Touch(points(raw, &mut mended)?),
            RawEvents::Pointer(raw) => Events::Pointer(points(raw, &mut mended)?),
        };
        if events.is_empty() {
            return Err(BehaviorError::Empty);
        }
        let motion = motion(self.motion)?;
        Ok(Capture {
            subject: self.subject,
            capture: self.capture,
            session: self.session,
            device: self.device,
            text_id: self.text_id,
            screen: self.screen,
            events,
            motion,
            mended,
        })
    }
}

/// Refuses ids that would break a line of output.
pub(super) fn check_id(what: &'static str, id: &str) -> Result<(), BehaviorError> {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if id.is_empty() || id.len() > MAX_ID_BYTES || id.contains(odd) {
        return Err(BehaviorError::Id { what, limit: MAX_ID_BYTES });
    }
    Ok(())
}

fn keys(raw: Vec<RawKey>, mended: &mut Mended) -> Result<Vec<KeyEvent>, BehaviorError> {
    check_count("events", raw.len(), MAX_EVENTS)?;
    if let Some(long) = raw.iter().map(|k| k.key.len()).find(|n| *n > MAX_KEY_BYTES) {
        let what = "the name of a key";
        return Err(BehaviorError::TooMuch {
            what,
            unit: "bytes",
            limit: MAX_KEY_BYTES,
            got: long,
        });
    }
    let naming = Naming::of(raw.iter().map(|k| k.key.as_str()));
    let mut events = Vec::with_capacity(raw.len());
    for (index, k) in raw.iter().enumerate() {
        let down_ms = time(index, "down_ms", k.down_ms)?;
        let up_ms = time(index, "up_ms", k.up_ms)?;
        if up_ms < down_ms {
            let range = "no earlier than down_ms";
            return Err(BehaviorError::Number {
                index,
                what: "up_ms",
                range,
                got: up_ms - down_ms,
            });
        }
        events.push(KeyEvent {
            key: naming.key(&k.key),
            down_ms,
            up_ms,
            pressure: contact(index, "pressure", k.pressure)?,
            size: contact(index, "size", k.size)?,
            x: pixels(index, "x", k.x)?,
            y: pixels(index, "y", k.y)?,
        });
    }
    ordered(&mut events, |k| k.down_ms, mended)?;
    let last = events.iter().map(|k| k.up_ms).fold(0.0, f64::max);
    check_span(events.first().map(|k| k.down_ms), last)?;
    Ok(events)
}

fn points(raw: Vec<RawPoint>, mended: &mut Mended) -> Result<Vec<PointEvent>, BehaviorError> {
    check_count("events", raw.len(), MAX_EVENTS)?;
    let mut events = Vec::with_capacity(raw.len());
    for (index, p) in raw.iter().enumerate() {
        let pixel = |what, value| -> Result<f32, BehaviorError> {
            Ok(pixels(index, what, Some(value))?.unwrap_or_default())
        };
        events.push(PointEvent {
            phase: p.phase,
            t_ms: time(index, "t_ms", p.t_ms)?,
            x: pixel("x", p.x)?,
            y: pixel("y", p.y)?,
            pressure: contact(index, "pressure", p.pressure)?,
            size: contact(index, "size", p.size)?,
            button: p.button.as_deref().and_then(Button::parse),
        });
    }
    ordered(&mut events, |p| p.t_ms, mended)?;
    check_span(events.first().map(|p| p.t_ms), events.last().map_or(0.0, |p| p.t_ms))?;
    Ok(events)
}

fn motion(mut readings: Vec<MotionEvent>) -> Result<Vec<MotionEvent>, BehaviorError> {
    check_count("motion", readings.len(), MAX_MOTION)?;
    for (index, reading) in readings.iter().enumerate() {
        time(index, "t_ms", reading.t_ms)?;
        for value in reading.accel.iter().chain(&reading.gyro).flatten() {
            let value = f64::from(*value);
            if !(value.is_finite() && value.abs() <= MAX_MOTION_VALUE) {
                let (what, range) = ("accel or gyro", "within ±1e4");
                return Err(BehaviorError::Number { index, what, range, got: value });
            }
        }
    }
    ordered(&mut readings, |m| m.t_ms, &mut Mended::default())?;
    Ok(readings)
}

fn check_count(what: &'static str, got: usize, limit: usize) -> Result<(), BehaviorError> {
    if got > limit {
        return Err(BehaviorError::TooMuch { what, unit: "events", limit, got });
    }
    Ok(())
}

fn check_span(first_ms: Option<f64>, last_ms: f64) -> Result<(), BehaviorError> {
    let got = last_ms - first_ms.unwrap_or(last_ms);
    if got > MAX_SPAN_MS {
        let (what, range) = ("time since the first event", "at most 86400000 ms");
        return Err(BehaviorError::Number { index: 0, what, range, got });
    }
    Ok(())
}

/// Sorts by time what came up to [`MAX_DISORDER_MS`] too late, and drops events that equal one of the same time.
fn ordered<T: PartialEq>(
    events: &mut Vec<T>,
    at: impl Fn(&T) -> f64,
    mended: &mut Mended,
) -> Result<(), BehaviorError> {
    let mut latest = f64::NEG_INFINITY;
    for (index, event) in events.iter().enumerate() {
        let back_ms = latest - at(event);
        if back_ms > MAX_DISORDER_MS {
            return Err(BehaviorError::TimeRunsBack { index, back_ms, limit_ms: MAX_DISORDER_MS });
        }
        if back_ms > 0.0 {
            mended.reordered += 1;
        }
        latest = latest.max(at(event));
    }
    if mended.reordered > 0 {
        events.sort_by(|a, b| at(a).total_cmp(&at(b)));
    }
    let before = events.len();
    events.dedup();
    mended.duplicates += (before - events.len()) as u32;
    Ok(())
}

fn time(index: usize, what: &'static str, value: f64) -> Result<f64, BehaviorError> {
    number(index, what, "0 to 1e14 ms", value, 0.0..=MAX_TIME_MS)
}

fn contact(
    index: usize,
    what: &'static str,
    value: Option<f64>,
) -> Result<Option<f32>, BehaviorError> {
    let checked = |v| number(index, what, "0 to 1e4", v, 0.0..=MAX_CONTACT);
    Ok(value.map(checked).transpose()?.map(|v| v as f32))
}

fn pixels(
    index: usize,
    what: &'static str,
    value: Option<f64>,
) -> Result<Option<f32>, BehaviorError> {
    let checked = |v| number(index, what, "within ±1e6 pixels", v, -MAX_PIXELS..=MAX_PIXELS);
    Ok(value.map(checked).transpose()?.map(|v| v as f32))
}

fn number(
    index: usize,
    what: &'static str,
    range: &'static str,
    got: f64,
    allowed: std::ops::RangeInclusive<f64>,
) -> Result<f64, BehaviorError> {
    if allowed.contains(&got) {
        Ok(got)
    } else {
        Err(BehaviorError::Number { index, what, range, got })
    }
}

#[cfg(test)]
mod tests {
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
        assert!(matches!(travel, Err(BehaviorError::TimeRunsBack { index: 1, .. })), "{travel:?}");
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
}
