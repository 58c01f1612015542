//! Scripts: input that is too regular, too fast or too straight for a hand.
//!
//! With the bounds below none is detected in 12,400 typed passwords (31 people, cmu_dsl), 14,820 sentences (988 people,
//! Aalto), 8,334 strokes (240 people, How We Swipe), 141 swipes (16 people, mobile banking) and 307 minutes of a mouse
//! (72 people, SapiMouse): people seldom do this, and a script that draws its times at random is not seen. Coarse clocks make
//! holds even: of the same passwords, rounded to 15.6 ms, none has constant holds, to 16.7 ms one, to 20 ms 2, to 100 ms 772;
//! constant holds and constant intervals together has none on any of these clocks. With the first eight or last eight keys
//! alone 3 of 24,800 have constant holds.

use crate::behavior::event::{KeyEvent, PointEvent};
use crate::behavior::finding::clock::step_of;
use crate::behavior::finding::{Cue, Finding, FindingReason, moments, quantile};
use crate::behavior::pointer::action::{ActionKind, Point, actions};
use crate::behavior::{Capture, Events};

/// Fewest keys that regularity is looked for in, and fewest whose even holds are more than a weak sign.
const MIN_KEYS: usize = 8;
const MIN_HOLDS: usize = 10;
/// Longest step of a clock, ms, that leaves people uneven, and fewest different times that say which it has.
const MAX_STEP_MS: f64 = 16.0;
const MIN_TIMES: usize = 6;
/// A key held no longer than this, ms, was not held.
const ZERO_MS: f64 = 1.0;
/// Share of keys that are not held.
const ZERO_SHARE: f64 = 0.8;
/// Deviation of holds, ms, below which they are constant.
const CONSTANT_HOLD_MS: f64 = 2.5;
/// Deviation of intervals as a share of their mean, below which they are constant.
const CONSTANT_INTERVAL: f64 = 0.05;
/// Median interval, ms, that no hand reaches: 33 keys a second.
const FASTEST_MS: f64 = 30.0;
/// Fewest points and shortest length, pixels, of a path that is looked at.
const MIN_POINTS: usize = 8;
const MIN_LENGTH_PX: f64 = 80.0;
/// Deviation of step lengths as a share of their mean, below which steps are equal.
const EQUAL_STEP: f64 = 0.03;
/// Farthest from the straight line, pixels, that a path without a bend is; whole pixels alone make 0.7.
const STRAIGHT_PX: f64 = 0.75;
/// Fewest different points, and shortest mean step in pixels, of a movement whose smoothness is looked at.
const MIN_SMOOTH_POINTS: usize = 12;
const MIN_SMOOTH_STEP_PX: f64 = 6.0;
/// Root mean square of third differences of places, as a multiple of what a smooth curve in whole pixels has, below which
/// there is no jitter. Half of the captures of a mouse have a median above 4, and in none of 308 are more than 54 % of
/// the movements below this.
const NO_JITTER: f64 = 1.2;
/// Fewest movements of a pointer that straightness is looked for in, and the share of straight ones.
const MIN_ACTIONS: usize = 4;
const STRAIGHT_SHARE: f64 = 0.8;

pub(super) fn find(capture: &Capture) -> Finding {
    match &capture.events {
        Events::Keystroke(keys) => in_keys(capture, keys),
        Events::Touch(points) => in_stroke(points),
        Events::Pointer(points) => in_pointer(points),
    }
}

fn in_keys(capture: &Capture, keys: &[KeyEvent]) -> Finding {
    let cue = Cue::Scripted;
    if keys.len() < MIN_KEYS {
        return Finding::unknown(cue, FindingReason::TooFewEvents);
    }
    let holds: Vec<f64> = keys.iter().map(|k| k.up_ms - k.down_ms).collect();
    let intervals: Vec<f64> = keys.windows(2).map(|w| w[1].down_ms - w[0].down_ms).collect();
    let median = quantile(intervals.clone(), 0.5);
    if median < FASTEST_MS {
        let detail = format!("a key every {median:.0} ms");
        return Finding::detected(cue, FindingReason::ImpossibleSpeed, detail);
    }
    let (_, hold_spread) = moments(&holds);
    let (mean, spread) = moments(&intervals);
    let (even_holds, even) = (hold_spread < CONSTANT_HOLD_MS, spread < CONSTANT_INTERVAL * mean);
    // On a coarse clock only both together say something: holds are all one step long, or none.
    let coarse = step_of(capture, MIN_TIMES).is_none_or(|step| step > MAX_STEP_MS);
    if coarse && !(even && even_holds) {
        return Finding::unknown(cue, FindingReason::CoarseStep);
    }
    if even {
        let detail = format!("intervals of {mean:.0} ms vary by {spread:.1} ms");
        return Finding::detected(cue, FindingReason::ConstantIntervals, detail);
    }
    let zero = holds.iter().filter(|h| **h <= ZERO_MS).count();
    if zero as f64 >= ZERO_SHARE * holds.len() as f64 {
        let detail = format!("{zero} of {} keys", holds.len());
        return Finding::detected(cue, FindingReason::ZeroHolds, detail);
    }
    match even_holds {
        true if holds.len() >= MIN_HOLDS => {
            let detail = format!("holds vary by {hold_spread:.1} ms");
            Finding::detected(cue, FindingReason::ConstantHolds, detail)
        }
        true => Finding::unknown(cue, FindingReason::WeakCue),
        false => Finding::clear(cue),
    }
}

fn in_stroke(points: &[PointEvent]) -> Finding {
    let cue = Cue::Scripted;
    let points: Vec<Point> =
        points.iter().map(|p| [p.t_ms, f64::from(p.x), f64::from(p.y)]).collect();
    let Some(path) = Path::of(&points) else {
        return Finding::unknown(cue, FindingReason::TooFewEvents);
    };
    if path.duration_ms <= 0.0 {
        let detail = format!("{} points in no time", points.len());
        return Finding::detected(cue, FindingReason::ImpossibleSpeed, detail);
    }
    if path.bend_px <= STRAIGHT_PX && path.step_spread <= EQUAL_STEP {
        let detail = format!("{} points", points.len());
        return Finding::detected(cue, FindingReason::EqualSteps, detail);
    }
    Finding::clear(cue)
}

fn in_pointer(points: &[PointEvent]) -> Finding {
    let cue = Cue::Scripted;
    let made = actions(points);
    let paths: Vec<Path> = made
        .iter()
        .filter(|a| a.kind != ActionKind::Drag)
        .filter_map(|a| Path::of(&a.points))
        .collect();
    if paths.len() < MIN_ACTIONS {
        return Finding::unknown(cue, FindingReason::TooFewEvents);
    }
    let straight = paths.iter().filter(|p| p.bend_px <= STRAIGHT_PX).count();
    let enough = STRAIGHT_SHARE * paths.len() as f64;
    let detail = format!("{straight} of {} movements", paths.len());
    let equal = |p: &&Path| p.bend_px <= STRAIGHT_PX && p.step_spread <= EQUAL_STEP;
    if paths.iter().filter(equal).count() as f64 >= enough {
        return Finding::detected(cue, FindingReason::EqualSteps, detail);
    }
    if straight as f64 >= enough {
        return Finding::detected(cue, FindingReason::StraightPaths, detail);
    }
    let smooth: Vec<f64> = made.iter().filter_map(|a| jitter(&a.points)).collect();
    let without = smooth.iter().filter(|j| **j < NO_JITTER).count();
    if smooth.len() >= MIN_ACTIONS && without as f64 >= STRAIGHT_SHARE * smooth.len() as f64 {
        let detail = format!("{without} of {} movements", smooth.len());
        return Finding::detected(cue, FindingReason::NoJitter, detail);
    }
    Finding::clear(cue)
}

/// How rough a movement is, see [`NO_JITTER`]. Third differences of whole pixels are 1.83 by rounding alone, both
/// coordinates together; those of a reach of least jerk in n steps of mean length s about 42 s/n².
fn jitter(points: &[Point]) -> Option<f64> {
    let mut places: Vec<[f64; 2]> = points.iter().map(|p| [p[1], p[2]]).collect();
    places.dedup();
    let count = places.len() as f64;
    let length: f64 = places.windows(2).map(|w| (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1])).sum();
    let step = length / (count - 1.0);
    if places.len() < MIN_SMOOTH_POINTS || step < MIN_SMOOTH_STEP_PX {
        return None;
    }
    let third = |w: &[[f64; 2]], k: usize| w[3][k] - 3.0 * w[2][k] + 3.0 * w[1][k] - w[0][k];
    let square = |w: &[[f64; 2]]| third(w, 0).powi(2) + third(w, 1).powi(2);
    let rough = (places.windows(4).map(square).sum::<f64>() / (count - 3.0)).sqrt();
    Some(rough / (1.83 + 42.0 * step / (count * count)))
}

/// What is looked at of a path.
struct Path {
    /// Farthest from the straight line between its ends, pixels.
    bend_px: f64,
    /// Deviation of step lengths over their mean.
    step_spread: f64,
    duration_ms: f64,
}

impl Path {
    /// `None` where it is too short or comes back to its start.
    fn of(points: &[Point]) -> Option<Self> {
        let (first, last) = (points.first()?, points.last()?);
        let chord = [last[1] - first[1], last[2] - first[2]];
        let length = chord[0].hypot(chord[1]);
        if points.len() < MIN_POINTS || length < MIN_LENGTH_PX {
            return None;
        }
        let aside = |p: &Point| {
            ((p[2] - first[2]) * chord[0] - (p[1] - first[1]) * chord[1]).abs() / length
        };
        let steps = points.windows(2).map(|w| (w[1][1] - w[0][1]).hypot(w[1][2] - w[0][2]));
        // A button that goes down or up repeats the last place.
        let steps: Vec<f64> = steps.filter(|s| *s > 0.0).collect();
        let (mean, spread) = moments(&steps);
        Some(Self {
            bend_px: points.iter().map(aside).fold(0.0, f64::max),
            step_spread: spread / mean,
            duration_ms: last[0] - first[0],
        })
    }
}
