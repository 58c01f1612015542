//! Raw points of one stroke → its row.

use crate::behavior::event::{Capture, Device, Events, PointEvent, Screen};
use crate::behavior::touch::background::Background;
use crate::behavior::touch::course;
use crate::behavior::touch::features::{
    COURSE, COURSE_END, DIM, PLACE, at, axis, bounded, group, quantile, quantiles, wrap,
};
use crate::behavior::touch::kind::looks;
use crate::behavior::{BehaviorError, Sample, SampleKind, motion};

/// A CSS pixel or an Android dp: an inch has 160 of them by convention.
const DP_MM: f64 = 25.4 / 160.0;
/// Screens without `dpi` whose short side has no more pixels than this count in dp.
const MAX_DP_SIDE: f64 = 1_000.0;
/// Short side of a usual phone and tablet in mm, for screens in physical pixels without `dpi`.
const PHONE_MM: f64 = 68.0;
const TABLET_MM: f64 = 125.0;

/// A point in millimetres and seconds, y upwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub t: f64,
    pub x: f64,
    pub y: f64,
}

/// Share of the screen from its top below which a keyboard can lie: it covers up to half of it.
const KEYBOARD: f32 = 0.5;

/// Where a keyboard may lie, a place is kept to so many millimetres: as wide as one and a half keys of a phone, and higher
/// than one.
const COARSE_MM: f32 = 10.0;

/// The features of a capture: one stroke, one row. A stroke that looks like a word comes without its [`PLACE`], another one
/// that lies where a keyboard may with a coarse one: profiles keep samples, and the letters of words would be content.
///
/// # Errors
/// A capture of another kind.
pub fn extract(
    capture: &Capture,
    _background: Option<&Background>,
) -> Result<Sample, BehaviorError> {
    let Events::Touch(events) = &capture.events else {
        return Err(BehaviorError::Mismatch {
            what: "kinds of captures",
            enrolled: SampleKind::Touch.as_str().to_owned(),
            got: capture.events.kind().as_str().to_owned(),
        });
    };
    let mut row = row(events, mm_per_pixel(capture.screen, capture.device));
    if row[at::LEAN] > 0.0 {
        drop_place(&mut row);
    } else if over_keyboard(events, capture.screen) {
        coarsen_place(&mut row);
    }
    let rows = row.to_vec();
    Ok(Sample {
        kind: SampleKind::Touch,
        device: capture.device,
        text: None,
        dim: rows.len(),
        rows,
        units: 1,
        held: motion::held(capture),
    })
}

fn drop_place(row: &mut [f32; DIM]) {
    PLACE.into_iter().chain([at::HAS_PLACE]).for_each(|i| row[i] = 0.0);
}

fn coarsen_place(row: &mut [f32; DIM]) {
    for i in [at::START_X, at::START_Y, at::END_X, at::END_Y] {
        row[i] = (row[i] / COARSE_MM).round() * COARSE_MM;
    }
}

/// Whether a stroke starts and ends where a keyboard may be; without a screen that is anywhere.
fn over_keyboard(events: &[PointEvent], screen: Option<Screen>) -> bool {
    let Some(screen) = screen else { return true };
    let low = |e: &PointEvent| e.y >= KEYBOARD * screen.height_px;
    events.first().is_some_and(low) && events.last().is_some_and(low)
}

/// Millimetres of a pixel: by `dpi` where the client knows it, else by the usual size of the device.
fn mm_per_pixel(screen: Option<Screen>, device: Device) -> f64 {
    let Some(screen) = screen else { return DP_MM };
    if let Some(dpi) = screen.dpi {
        return 25.4 / f64::from(dpi).max(1.0);
    }
    let side = f64::from(screen.width_px.min(screen.height_px)).max(1.0);
    match device {
        _ if side <= MAX_DP_SIDE => DP_MM,
        Device::Phone => PHONE_MM / side,
        Device::Tablet | Device::Desktop => TABLET_MM / side,
    }
}

/// The row of a stroke whose pixels have `mm` millimetres.
pub(super) fn row(events: &[PointEvent], mm: f64) -> [f32; DIM] {
    let points = points(events, mm);
    let mut out = [0.0; DIM];
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return out };
    let mut set = |i: usize, value: f64| out[i] = bounded(value);
    let duration = last.t - first.t;
    set(at::DURATION, duration);
    set(at::START_X, first.x);
    set(at::START_Y, first.y);
    set(at::END_X, last.x);
    set(at::END_Y, last.y);
    let (dx, dy) = (last.x - first.x, last.y - first.y);
    let distance = dx.hypot(dy);
    set(at::DISTANCE, distance);
    let steps = Steps::of(&points);
    let direction = dy.atan2(dx);
    let own_group = group(direction);
    set(at::GROUP, own_group as f64);
    set(at::DIRECTION, wrap(direction - axis(own_group)));
    let (mx, my) = steps.mean_unit;
    set(at::RESULTANT, mx.hypot(my));
    set(at::MEAN_DIRECTION, wrap(my.atan2(mx) - axis(own_group)));
    for (i, share) in [0.2, 0.5, 0.8].into_iter().enumerate() {
        set(at::SPEEDS + i, quantiles(&steps.speeds, [share])[0]);
        set(at::ACCELERATIONS + i, quantiles(&steps.accelerations, [share])[0]);
    }
    let tail = &steps.speeds[steps.speeds.len().saturating_sub(3)..];
    set(at::LAST_SPEED, quantiles(tail, [0.5])[0]);
    let head = &steps.accelerations[..steps.accelerations.len().min(5)];
    set(at::FIRST_ACCELERATION, quantiles(head, [0.5])[0]);
    let mut deviations = deviations(&points, (dx, dy));
    let largest = deviations.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
    set(at::LARGEST_DEVIATION, largest.unwrap_or_default());
    deviations.sort_by(f64::total_cmp);
    for (i, share) in [0.2, 0.5, 0.8].into_iter().enumerate() {
        set(at::DEVIATIONS + i, quantile(&deviations, share));
    }
    set(at::LENGTH, steps.length);
    set(at::STRAIGHTNESS, if steps.length > 0.0 { distance / steps.length } else { 1.0 });
    set(at::MEAN_SPEED, if duration > 0.0 { steps.length / duration } else { 0.0 });
    let middle = events.get(events.len() / 2);
    if let Some(pressure) = middle.and_then(|e| e.pressure) {
        set(at::PRESSURE, f64::from(pressure));
        set(at::HAS_PRESSURE, 1.0);
    }
    if let Some(size) = middle.and_then(|e| e.size) {
        set(at::SIZE, f64::from(size));
        set(at::HAS_SIZE, 1.0);
    }
    set(at::HAS_COURSE, 1.0);
    set(at::HAS_PLACE, 1.0);
    out[COURSE..COURSE_END].copy_from_slice(&course::values(&points, events));
    out[at::LEAN] = looks(&out) as f32;
    out
}

/// Points with times that grow: of several at one time the last stays.
fn points(events: &[PointEvent], mm: f64) -> Vec<Point> {
    let start = events.first().map_or(0.0, |e| e.t_ms);
    let mut points: Vec<Point> = Vec::with_capacity(events.len());
    for event in events {
        let point = Point {
            t: (event.t_ms - start) / 1e3,
            x: f64::from(event.x) * mm,
            y: -f64::from(event.y) * mm,
        };
        match points.last_mut() {
            Some(last) if point.t <= last.t => *last = Point { t: last.t, ..point },
            _ => points.push(point),
        }
    }
    points
}

/// What happens between neighboring points.
struct Steps {
    speeds: Vec<f64>,
    accelerations: Vec<f64>,
    length: f64,
    /// Mean of the unit vectors; a step that stays in place points to the right, as in the published rows.
    mean_unit: (f64, f64),
}

impl Steps {
    fn of(points: &[Point]) -> Self {
        let mut steps = Self {
            speeds: Vec::with_capacity(points.len()),
            accelerations: Vec::with_capacity(points.len()),
            length: 0.0,
            mean_unit: (0.0, 0.0),
        };
        let mut before: Option<f64> = None;
        for pair in points.windows(2) {
            let (dx, dy) = (pair[1].x - pair[0].x, pair[1].y - pair[0].y);
            let (d, dt) = (dx.hypot(dy), pair[1].t - pair[0].t);
            steps.length += d;
            let unit = if d > 0.0 { (dx / d, dy / d) } else { (1.0, 0.0) };
            steps.mean_unit.0 += unit.0;
            steps.mean_unit.1 += unit.1;
            let speed = d / dt;
            if let Some(before) = before {
                steps.accelerations.push((speed - before) / dt);
            }
            steps.speeds.push(speed);
            before = Some(speed);
        }
        let count = steps.speeds.len().max(1) as f64;
        steps.mean_unit = (steps.mean_unit.0 / count, steps.mean_unit.1 / count);
        steps
    }
}

/// Signed distances from the line through start and end, right of it positive.
fn deviations(points: &[Point], (dx, dy): (f64, f64)) -> Vec<f64> {
    let norm = dx.hypot(dy);
    let Some(first) = points.first().filter(|_| norm > 0.0) else { return Vec::new() };
    points.iter().map(|p| ((p.x - first.x) * dy - (p.y - first.y) * dx) / norm).collect()
}
