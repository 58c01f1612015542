//! The course of a stroke on an even time grid: rests, pauses, speed profile, corners, contact. What the words of
//! a word gesture do to it is left to the model; what the event rate of a device does is taken out by the grid.

use crate::behavior::event::PointEvent;
use crate::behavior::touch::extract::Point;
use crate::behavior::touch::features::{COURSE, COURSE_END, bounded, quantiles, wrap};

/// Values of a course.
pub(super) const VALUES: usize = COURSE_END - COURSE;
/// Step of the grid. Most screens send 60 points a second, some 30: on this grid both look alike.
const STEP_S: f64 = 1.0 / 30.0;
/// Most steps of the grid: longer strokes get a coarser one.
const MAX_STEPS: usize = 1_024;
/// Below this speed the finger pauses, mm/s.
const PAUSE_MM_S: f64 = 15.0;
/// The finger rests while it stays so near to the start or the end, mm.
const REST_MM: f64 = 2.0;
/// Length of the pieces between which turning is measured, mm: over the jitter of a screen.
const PIECE_MM: f64 = 2.0;
/// A turn of more than this between pieces is a corner, radians.
const CORNER: f64 = 0.6;

/// The values of [`super::features::NAMES`] from [`COURSE`] to [`COURSE_END`].
pub(super) fn values(points: &[Point], events: &[PointEvent]) -> [f32; VALUES] {
    let grid = Grid::of(points);
    let mut out = Vec::with_capacity(VALUES);
    rests(points, &mut out);
    grid.speeds(&mut out);
    let length: f64 = grid.speed.iter().sum::<f64>() * grid.step;
    corners(&grid, length, &mut out);
    grid.thirds(&mut out);
    grid.sides(&mut out);
    contact(events.iter().filter_map(|e| e.size), &mut out);
    contact(events.iter().filter_map(|e| e.pressure), &mut out);
    out.push((1.0 + length).ln());
    out.push((0.02 + points.last().map_or(0.0, |p| p.t)).ln());
    let mut values = [0.0; VALUES];
    for (value, x) in values.iter_mut().zip(out) {
        *value = bounded(x);
    }
    values
}

/// Positions at even times, lightly smoothed, and what follows from them.
struct Grid {
    step: f64,
    at: Vec<(f64, f64)>,
    velocity: Vec<(f64, f64)>,
    /// mm/s between neighbors of the grid.
    speed: Vec<f64>,
    /// RMS distance between the points and their smoothed course, mm.
    jitter: f64,
}

impl Grid {
    fn of(points: &[Point]) -> Self {
        let duration = points.last().map_or(0.0, |p| p.t);
        let steps = ((duration / STEP_S).ceil() as usize).clamp(1, MAX_STEPS);
        let step = (duration / steps as f64).max(1e-3);
        let mut raw = Vec::with_capacity(steps + 1);
        let mut i = 0;
        for n in 0..=steps {
            let t = n as f64 * duration / steps as f64;
            while i + 2 < points.len() && points[i + 1].t < t {
                i += 1;
            }
            let Some(a) = points.get(i) else { break };
            let b = points.get(i + 1).unwrap_or(a);
            let part = if b.t > a.t { ((t - a.t) / (b.t - a.t)).clamp(0.0, 1.0) } else { 0.0 };
            raw.push((a.x + part * (b.x - a.x), a.y + part * (b.y - a.y)));
        }
        let at: Vec<(f64, f64)> = (0..raw.len())
            .map(|n| {
                let (a, b, c) = (raw[n.saturating_sub(1)], raw[n], raw[(n + 1).min(raw.len() - 1)]);
                ((a.0 + 2.0 * b.0 + c.0) / 4.0, (a.1 + 2.0 * b.1 + c.1) / 4.0)
            })
            .collect();
        let off = raw.iter().zip(&at).map(|(r, s)| (r.0 - s.0).powi(2) + (r.1 - s.1).powi(2));
        let jitter = (off.sum::<f64>() / raw.len().max(1) as f64).sqrt();
        let velocity: Vec<(f64, f64)> =
            at.windows(2).map(|w| ((w[1].0 - w[0].0) / step, (w[1].1 - w[0].1) / step)).collect();
        let speed = velocity.iter().map(|v| v.0.hypot(v.1)).collect();
        Self { step, at, velocity, speed, jitter }
    }

    /// Share and number of pauses, speed profile, bursts, accelerations, jerk: 14 values.
    fn speeds(&self, out: &mut Vec<f64>) {
        let slow = |v: &f64| *v < PAUSE_MM_S;
        let count = self.speed.len().max(1) as f64;
        let duration = count * self.step;
        out.push(self.speed.iter().filter(|v| slow(v)).count() as f64 / count);
        let entered = self.speed.windows(2).filter(|w| !slow(&w[0]) && slow(&w[1])).count();
        out.push(entered as f64 / duration);
        let moving: Vec<f64> = self.speed.iter().copied().filter(|v| !slow(v)).collect();
        let profile = quantiles(&moving, [0.1, 0.25, 0.5, 0.75, 0.9, 1.0]);
        out.extend(profile.map(|v| (1.0 + v).ln()));
        let mean = moving.iter().sum::<f64>() / moving.len().max(1) as f64;
        let variance =
            moving.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / moving.len().max(1) as f64;
        out.push(if mean > 0.0 { variance.sqrt() / mean } else { 0.0 });
        let bursts = self.speed.windows(3).filter(|w| w[1] > w[0] && w[1] >= w[2] && !slow(&w[1]));
        out.push(bursts.count() as f64 / duration);
        let changes: Vec<f64> = self.speed.windows(2).map(|w| (w[1] - w[0]) / self.step).collect();
        let [least, most] = quantiles(&changes, [0.1, 0.9]);
        out.push(signed_log(least));
        let either = changes.iter().map(|a| a.abs()).sum::<f64>() / changes.len().max(1) as f64;
        out.push((1.0 + either).ln());
        out.push(signed_log(most));
        let jerks = changes.windows(2).map(|w| ((w[1] - w[0]) / self.step).powi(2));
        let jerk = (jerks.sum::<f64>() / changes.len().max(1) as f64).sqrt();
        out.push((1.0 + jerk).ln());
    }

    /// Speed of the first and last third against the whole, when it was highest: 3 values.
    fn thirds(&self, out: &mut Vec<f64>) {
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
        let (n, all) = (self.speed.len(), mean(&self.speed) + 1.0);
        out.push(((mean(&self.speed[..n / 3]) + 1.0) / all).ln());
        out.push(((mean(&self.speed[n - n / 3..]) + 1.0) / all).ln());
        let peak = (0..n).max_by(|a, b| self.speed[*a].total_cmp(&self.speed[*b]));
        out.push(peak.map_or(0.0, |i| i as f64 / n as f64));
    }

    /// Turning to one side, unsteadiness, speed right, left, up and down: 6 values.
    fn sides(&self, out: &mut Vec<f64>) {
        let pieces = pieces(&self.at);
        let turned: f64 = turns(&pieces).map(|(turn, _)| turn).sum();
        out.push(turned / pieces.len().max(1) as f64);
        out.push((1e-3 + self.jitter).ln());
        type Toward = fn(&(f64, f64)) -> f64;
        let sides: [Toward; 4] = [|v| v.0, |v| -v.0, |v| v.1, |v| -v.1];
        for toward in sides {
            // Speed of the steps that go mostly this way.
            let fast = self.velocity.iter().filter(|v| toward(v) > 0.8 * v.0.hypot(v.1).max(1.0));
            let (sum, count) = fast.fold((0.0, 0.0), |(s, n), v| (s + v.0.hypot(v.1), n + 1.0));
            let all = self.speed.iter().sum::<f64>() / self.speed.len().max(1) as f64;
            // A stroke that never goes this way says nothing: half of the mean speed counts as one more step.
            out.push(((sum + all + 1.0) / ((count + 1.0) * (all + 1.0))).ln());
        }
    }
}

/// Rest before moving and before lifting, logarithms of seconds: 2 values.
fn rests(points: &[Point], out: &mut Vec<f64>) {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        out.extend([0.0; 2]);
        return;
    };
    let away = |from: &Point, p: &Point| (p.x - from.x).hypot(p.y - from.y) > REST_MM;
    let left = points.iter().find(|p| away(first, p)).map_or(last.t, |p| p.t);
    let came = points.iter().rev().find(|p| away(last, p)).map_or(0.0, |p| last.t - p.t);
    out.push((0.02 + left).ln());
    out.push((0.02 + came).ln());
}

/// Turning, corners, and how they slow the finger: 5 values.
fn corners(grid: &Grid, length: f64, out: &mut Vec<f64>) {
    let pieces = pieces(&grid.at);
    let duration = (grid.speed.len() as f64 * grid.step).max(grid.step);
    let (mut total, mut sharp, mut count) = (0.0, 0.0, 0.0);
    let (mut slow, mut rest, mut others) = (0.0, 0.0, 0.0);
    for (turn, at) in turns(&pieces) {
        total += turn.abs();
        let speed = (1.0 + grid.speed.get(at).copied().unwrap_or_default()).ln();
        if turn.abs() > CORNER {
            sharp += turn.abs();
            slow += speed;
            count += 1.0;
        } else {
            rest += speed;
            others += 1.0;
        }
    }
    out.push(total / (length + PIECE_MM));
    out.push(total / duration);
    out.push(count / (length + PIECE_MM));
    out.push(if count > 0.0 { sharp / count } else { CORNER });
    out.push(if count > 0.0 && others > 0.0 { slow / count - rest / others } else { 0.0 });
}

/// Where the path has gone on by another [`PIECE_MM`], with the place in the grid.
fn pieces(at: &[(f64, f64)]) -> Vec<(usize, f64, f64)> {
    let mut pieces: Vec<(usize, f64, f64)> = Vec::new();
    for (n, (x, y)) in at.iter().enumerate() {
        let far = pieces.last().is_none_or(|(_, px, py)| (x - px).hypot(y - py) >= PIECE_MM);
        if far {
            pieces.push((n, *x, *y));
        }
    }
    pieces
}

/// Angle between neighboring pieces, and where.
fn turns(pieces: &[(usize, f64, f64)]) -> impl Iterator<Item = (f64, usize)> + '_ {
    pieces.windows(3).map(|w| {
        let before = (w[1].2 - w[0].2).atan2(w[1].1 - w[0].1);
        let after = (w[2].2 - w[1].2).atan2(w[2].1 - w[1].1);
        (wrap(after - before), w[1].0)
    })
}

/// Variation and growth of pressure or contact size, relative to their own mean, so free of the device's unit.
fn contact(values: impl Iterator<Item = f32>, out: &mut Vec<f64>) {
    let values: Vec<f64> = values.map(f64::from).collect();
    let n = values.len();
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    let all = mean(&values);
    if n < 3 || all <= 0.0 {
        out.extend([0.0; 2]);
        return;
    }
    let variance = values.iter().map(|v| (v - all).powi(2)).sum::<f64>() / n as f64;
    out.push((variance.sqrt() / all).min(10.0));
    let (first, last) = (mean(&values[..n / 3]), mean(&values[n - n / 3..]));
    out.push((last - first) / all);
}

fn signed_log(x: f64) -> f64 {
    x.signum() * (1.0 + x.abs()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(speed: f64, n: usize) -> Vec<Point> {
        (0..n).map(|i| i as f64 / 60.0).map(|t| Point { t, x: speed * t, y: 0.0 }).collect()
    }

    #[test]
    fn a_steady_line_is_steady() {
        let v = values(&line(100.0, 61), &[]);
        let name = |what: &str| {
            let all = &crate::behavior::touch::features::NAMES[COURSE..];
            v[all.iter().position(|n| *n == what).unwrap()]
        };
        assert!((name("middle speed while moving") - 101f32.ln()).abs() < 0.01);
        assert_eq!(name("share of pauses"), 0.0);
        assert!(name("variation of speed") < 0.1);
        assert_eq!(name("corners along the way"), 0.0);
        assert!(name("turning along the way").abs() < 1e-6);
        assert!(name("speed to the right").abs() < 0.05, "{}", name("speed to the right"));
        assert!((name("rest before moving") - (0.02f32 + 2.0 / 60.0).ln()).abs() < 0.01);
    }

    #[test]
    fn the_event_rate_does_not_show() {
        let fast = line(80.0, 121);
        let slow: Vec<Point> = fast.iter().copied().step_by(2).collect();
        for (i, (a, b)) in values(&fast, &[]).iter().zip(values(&slow, &[])).enumerate() {
            assert!((a - b).abs() < 0.12, "{i}: {a} {b}");
        }
    }

    #[test]
    fn strokes_of_a_point_or_without_time_have_finite_values() {
        for points in [vec![], vec![Point { t: 0.0, x: 1.0, y: 1.0 }], line(1e9, 3)] {
            assert!(values(&points, &[]).iter().all(|x| x.is_finite()));
        }
        let day = [Point { t: 0.0, x: 0.0, y: 0.0 }, Point { t: 86_400.0, x: 9.0, y: 0.0 }];
        assert!(values(&day, &[]).iter().all(|x| x.is_finite()));
    }
}
