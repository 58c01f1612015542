//! Captures as clients send them, and the one check that makes a [`Capture`] of them.

use std::collections::HashSet;
use std::hash::Hash;

use crate::behavior::BehaviorError;
use crate::behavior::error::Place;
use crate::behavior::event::{
    Button, Capture, Device, Events, KeyEvent, Mended, MotionEvent, Phase, PointEvent, Screen,
};
use crate::behavior::key::Naming;
use crate::behavior::limits::{
    MAX_CONTACT, MAX_DISORDER_MS, MAX_EVENTS, MAX_ID_BYTES, MAX_KEY_BYTES, MAX_MOTION,
    MAX_MOTION_VALUE, MAX_PIXELS, MAX_SPAN_MS, MAX_TIME_MS,
};

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
                    let (place, got) = (Place::Capture, f64::from(value));
                    return Err(BehaviorError::Number { place, what, range: "1 to 1e6", got });
                }
            }
        }
        let mut mended = Mended::default();
        let events = match self.events {
            RawEvents::Keystroke(raw) => Events::Keystroke(keys(raw, &mut mended)?),
            RawEvents::Touch(raw) => Events::Touch(stroke(points(raw, &mut mended)?)?),
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
            let (what, range) = ("up_ms less down_ms", "0 or more");
            let (place, got) = (Place::Event(index), up_ms - down_ms);
            return Err(BehaviorError::Number { place, what, range, got });
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
    let all =
        |k: &KeyEvent| (k.key, bits(k.up_ms), [k.pressure, k.size, k.x, k.y].map(|v| v.map(bits)));
    ordered(&mut events, Place::Event, |k| k.down_ms, all, mended)?;
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
    let all = |p: &PointEvent| {
        (p.phase, [p.x, p.y].map(bits), [p.pressure, p.size].map(|v| v.map(bits)), p.button)
    };
    ordered(&mut events, Place::Event, |p| p.t_ms, all, mended)?;
    check_span(events.first().map(|p| p.t_ms), events.last().map_or(0.0, |p| p.t_ms))?;
    Ok(events)
}

fn motion(mut readings: Vec<MotionEvent>) -> Result<Vec<MotionEvent>, BehaviorError> {
    check_count("motion", readings.len(), MAX_MOTION)?;
    for (index, reading) in readings.iter().enumerate() {
        let place = Place::Motion(index);
        number(place, "t_ms", "0 to 1e14 ms", reading.t_ms, 0.0..=MAX_TIME_MS)?;
        for value in reading.accel.iter().chain(&reading.gyro).flatten() {
            let value = f64::from(*value);
            if !(value.is_finite() && value.abs() <= MAX_MOTION_VALUE) {
                let (what, range) = ("accel or gyro", "within ±1e4");
                return Err(BehaviorError::Number { place, what, range, got: value });
            }
        }
    }
    let all = |m: &MotionEvent| [m.accel, m.gyro].map(|v| v.map(|v| v.map(bits)));
    ordered(&mut readings, Place::Motion, |m| m.t_ms, all, &mut Mended::default())?;
    Ok(readings)
}

/// One stroke: a finger goes down once, first, and nothing comes after it left. One whose end was not seen is one, too.
fn stroke(points: Vec<PointEvent>) -> Result<Vec<PointEvent>, BehaviorError> {
    let mut left = false;
    for (index, point) in points.iter().enumerate() {
        let why = match point.phase {
            _ if left => "comes after the finger left",
            Phase::Down if index > 0 => "is a second finger down",
            Phase::Move | Phase::Up if index == 0 => "comes before a finger is down",
            Phase::Down | Phase::Move | Phase::Up => {
                left = point.phase == Phase::Up;
                continue;
            }
        };
        return Err(BehaviorError::Stroke { index, why });
    }
    Ok(points)
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
        return Err(BehaviorError::Number { place: Place::Capture, what, range, got });
    }
    Ok(())
}

/// A finite number as what can be hashed; both zeros are one.
fn bits(x: impl Into<f64>) -> u64 {
    (x.into() + 0.0).to_bits()
}

/// Sorts by time what came up to [`MAX_DISORDER_MS`] too late, and drops events that equal one of the same time, `all` of what they
/// say beside it: a batch that came twice within one tick of the clock stands there as a whole, not event beside event.
fn ordered<T, K: Eq + Hash>(
    events: &mut Vec<T>,
    place: fn(usize) -> Place,
    at: impl Fn(&T) -> f64,
    all: impl Fn(&T) -> K,
    mended: &mut Mended,
) -> Result<(), BehaviorError> {
    let mut latest = f64::NEG_INFINITY;
    for (index, event) in events.iter().enumerate() {
        let back_ms = latest - at(event);
        if back_ms > MAX_DISORDER_MS {
            let (place, limit_ms) = (place(index), MAX_DISORDER_MS);
            return Err(BehaviorError::TimeRunsBack { place, back_ms, limit_ms });
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
    let mut seen = HashSet::with_capacity(before);
    events.retain(|event| seen.insert((bits(at(event)), all(event))));
    mended.duplicates += (before - events.len()) as u32;
    Ok(())
}

fn time(index: usize, what: &'static str, value: f64) -> Result<f64, BehaviorError> {
    number(Place::Event(index), what, "0 to 1e14 ms", value, 0.0..=MAX_TIME_MS)
}

fn contact(
    index: usize,
    what: &'static str,
    value: Option<f64>,
) -> Result<Option<f32>, BehaviorError> {
    let place = Place::Event(index);
    let checked = |v| number(place, what, "0 to 1e4", v, 0.0..=MAX_CONTACT);
    Ok(value.map(checked).transpose()?.map(|v| v as f32))
}

fn pixels(
    index: usize,
    what: &'static str,
    value: Option<f64>,
) -> Result<Option<f32>, BehaviorError> {
    let place = Place::Event(index);
    let checked = |v| number(place, what, "within ±1e6 pixels", v, -MAX_PIXELS..=MAX_PIXELS);
    Ok(value.map(checked).transpose()?.map(|v| v as f32))
}

fn number(
    place: Place,
    what: &'static str,
    range: &'static str,
    got: f64,
    allowed: std::ops::RangeInclusive<f64>,
) -> Result<f64, BehaviorError> {
    if allowed.contains(&got) {
        Ok(got)
    } else {
        Err(BehaviorError::Number { place, what, range, got })
    }
}

#[cfg(test)]
mod tests;
