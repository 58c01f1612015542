//! Replay: a capture that is the same as one before, up to a shift in time or place, jitter of a few
//! milliseconds, or another clock.

use serde::{Deserialize, Serialize};

use crate::behavior::event::{CaptureKind, PointEvent};
use crate::behavior::finding::align::{MAX_SHIFT, mean_difference};
use crate::behavior::finding::clock::step_of;
use crate::behavior::finding::{Cue, Finding, FindingReason};
use crate::behavior::keystroke::fixed::keys::typed;
use crate::behavior::{Capture, Events, KeyEvent};

/// Most fingerprints that a capture is compared with: all that a profile can hold (1,024 samples and 1,024 captures
/// remembered) and all that a session remembers (256), so that nothing new pushes an enrolled capture out.
pub const MAX_FINGERPRINTS: usize = 2_304;
/// Keys whose times are kept.
const KEYS: usize = 64;
/// Fewest keys that tell repetitions apart.
const MIN_KEYS: usize = 6;
/// Places along a path that are kept.
const PLACES: usize = 32;
/// Fewest events and shortest path, pixels, that tell strokes apart.
const MIN_POINTS: usize = 6;
const MIN_PATH_PX: f64 = 60.0;
/// Values from which on the bound is the whole of [`SAME_MS`]: ten keys. Fewer tell less, so they must be nearer.
const MANY_VALUES: usize = 19;
/// Longest step of a clock, ms, on which typings are told from copies: from so many keys on, and with fewer. On coarser ones
/// people repeat themselves: rounded to 15.6 ms 12 of 2,473,800 pairs of typings of eleven keys are within the bound,
/// rounded to 100 ms many are equal.
const MAX_STEP_MS: f64 = 16.0;
const MAX_STEP_FEW_MS: f64 = 8.5;
const KEYS_ON_COARSE: usize = 16;
/// Fewest different times that say what step a clock has: of six on no grid, one in 10⁷ seems to have a long one.
const MIN_TIMES: usize = 6;
/// Keys: mean difference of holds and intervals, ms, up to which a capture is the same; see [`mean_difference`]. Jitter of
/// ±2 ms makes about 1.3, rounding to 8 ms about 2.7, one time that is quite another 0.8 of eleven keys. How often
/// repetitions of one person are taken for copies, and copies found: `usecase::evaluate_behavior::replays`.
const SAME_MS: f64 = 4.0;
/// Points: mean distance, as a share of the extent of the path, up to which it is the same. Of 2,611 pairs of strokes of one
/// person that last equally long (240 people, How We Swipe) two are below it, and both are exact copies in the set;
/// the next is 2.2 times as far. None of 201 pairs of swipes (16 people, mobile banking) is within 1.9 times. Of copies of
/// 1,660 strokes it knows 99.9 % with jitter of ±2 ms, 95 % rounded to 8 ms, 63 % rounded to 16 ms.
const SAME_SHARE: f64 = 0.012;
/// The same, in pixels, where the path is small.
const SAME_PX: f64 = 1.0;
/// Points: by how much durations of the same path differ at most, ms.
const SAME_DURATION_MS: f64 = 12.0;

/// What is kept of a capture to know it again: of the keys that count as text the first 64 holds and intervals in whole
/// milliseconds, for points 32 places at equal times from the start. No keys, no absolute time or place. At most 256 bytes of
/// numbers. Those that an earlier version kept count modifiers, too; up to two are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    kind: CaptureKind,
    /// Number of keys; for points 0.
    keys: u32,
    /// Whole milliseconds.
    duration: u32,
    values: Vec<i16>,
}

impl Fingerprint {
    /// The fingerprint of a capture; `None` where there is too little to know it by.
    pub fn of(capture: &Capture) -> Option<Self> {
        Self::made(capture).ok()
    }

    fn made(capture: &Capture) -> Result<Self, FindingReason> {
        let points = match &capture.events {
            Events::Keystroke(keys) => return of_keys(capture, keys),
            Events::Touch(points) => of_points(CaptureKind::Touch, points),
            Events::Pointer(points) => of_points(CaptureKind::Pointer, points),
        };
        points.ok_or(FindingReason::TooFewEvents)
    }

    /// Whether the capture is one of the latest [`MAX_FINGERPRINTS`] of these.
    pub fn is_one_of(&self, seen: &[Self]) -> bool {
        self.nearest(seen) <= 1.0
    }

    fn nearest(&self, seen: &[Self]) -> f64 {
        let latest = seen.iter().rev().take(MAX_FINGERPRINTS);
        latest.filter_map(|f| self.distance(f)).fold(f64::INFINITY, f64::min)
    }

    /// How far another capture is from this one, 1 being the bound up to which they are the same; `None` where they cannot
    /// be the same.
    pub fn distance(&self, other: &Self) -> Option<f64> {
        if self.kind != other.kind {
            return None;
        }
        if self.kind == CaptureKind::Keystroke {
            return self.distance_of_keys(other);
        }
        if self.values.len() != other.values.len() || self.values.is_empty() {
            return None;
        }
        if f64::from(self.duration.abs_diff(other.duration)) > SAME_DURATION_MS {
            return None;
        }
        let places = self.values.chunks_exact(2).zip(other.values.chunks_exact(2));
        let apart = places
            .map(|(a, b)| f64::from(a[0].abs_diff(b[0])).hypot(f64::from(a[1].abs_diff(b[1]))));
        let mean = apart.sum::<f64>() / PLACES as f64 / UNITS;
        let extent =
            self.values.iter().map(|v| f64::from(v.unsigned_abs())).fold(0.0, f64::max) / UNITS;
        Some(mean / (SAME_SHARE * extent).max(SAME_PX))
    }

    fn distance_of_keys(&self, other: &Self) -> Option<f64> {
        let fewest = self.values.len().min(other.values.len());
        // Where both go on after what is kept their lengths tell nothing.
        let cut = fewest >= 2 * KEYS - 1;
        if !cut && self.keys.abs_diff(other.keys) as usize > MAX_SHIFT {
            return None;
        }
        let bound = SAME_MS * (fewest as f64 / MANY_VALUES as f64).min(1.0);
        Some(mean_difference(&self.values, &other.values, bound)? / bound)
    }
}

/// Units of a place in a pixel.
const UNITS: f64 = 4.0;

fn of_keys(capture: &Capture, keys: &[KeyEvent]) -> Result<Fingerprint, FindingReason> {
    // Keys that do not count as text are free to add.
    let keys = typed(keys, capture.device);
    let (Some(first), Some(last), true) = (keys.first(), keys.last(), keys.len() >= MIN_KEYS)
    else {
        return Err(FindingReason::TooFewEvents);
    };
    let many = keys.len() >= KEYS_ON_COARSE;
    let longest = if many { MAX_STEP_MS } else { MAX_STEP_FEW_MS };
    if step_of(capture, MIN_TIMES).is_none_or(|step| step > longest) {
        return Err(FindingReason::CoarseStep);
    }
    let mut values = Vec::with_capacity(2 * keys.len().min(KEYS));
    let mut before = None;
    for key in keys.iter().take(KEYS) {
        values.push(rounded(key.up_ms - key.down_ms));
        values.extend(before.map(|before| rounded(key.down_ms - before)));
        before = Some(key.down_ms);
    }
    let duration = (last.down_ms - first.down_ms).round() as u32;
    Ok(Fingerprint { kind: CaptureKind::Keystroke, keys: keys.len() as u32, duration, values })
}

fn of_points(kind: CaptureKind, points: &[PointEvent]) -> Option<Fingerprint> {
    let (first, last) = (points.first()?, points.last()?);
    let step = |w: &[PointEvent]| f64::from(w[1].x - w[0].x).hypot(f64::from(w[1].y - w[0].y));
    let path: f64 = points.windows(2).map(step).sum();
    if points.len() < MIN_POINTS || path < MIN_PATH_PX {
        return None;
    }
    let duration = last.t_ms - first.t_ms;
    let mut values = Vec::with_capacity(2 * PLACES);
    let mut at = 0;
    for i in 1..=PLACES {
        let t = first.t_ms + duration * i as f64 / PLACES as f64;
        while points.get(at + 1).is_some_and(|next| next.t_ms <= t) {
            at += 1;
        }
        let here = points.get(at)?;
        let share =
            points.get(at + 1).map_or(0.0, |next| (t - here.t_ms) / (next.t_ms - here.t_ms));
        let next = points.get(at + 1).unwrap_or(here);
        let along = |a: f32, b: f32| f64::from(a) + share * f64::from(b - a);
        values.push(rounded((along(here.x, next.x) - f64::from(first.x)) * UNITS));
        values.push(rounded((along(here.y, next.y) - f64::from(first.y)) * UNITS));
    }
    Some(Fingerprint { kind, keys: 0, duration: duration.round() as u32, values })
}

fn rounded(value: f64) -> i16 {
    value.round() as i16
}

pub(super) fn find(capture: &Capture, seen: &[Fingerprint]) -> Finding {
    let cue = Cue::Replay;
    let own = match Fingerprint::made(capture) {
        Ok(own) => own,
        Err(why) => return Finding::unknown(cue, why),
    };
    if seen.is_empty() {
        return Finding::unknown(cue, FindingReason::NoHistory);
    }
    let nearest = own.nearest(seen);
    if nearest > 1.0 {
        return Finding::clear(cue);
    }
    let reason = match own.kind {
        CaptureKind::Keystroke => FindingReason::SameIntervals,
        _ => FindingReason::SamePath,
    };
    Finding::detected(cue, reason, format!("{:.0} % of the bound", 100.0 * nearest))
}
