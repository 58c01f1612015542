//! Replay: a capture that is the same as one before, up to a shift in time or place, jitter of a few
//! milliseconds, or another clock.

use serde::{Deserialize, Serialize};

use crate::behavior::event::{CaptureKind, KeyEvent, PointEvent};
use crate::behavior::finding::{Cue, Finding, FindingReason};
use crate::behavior::{Capture, Events};

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
/// Keys: mean difference of holds and intervals, ms, up to which a capture is the same. Jitter of ±2 ms makes about
/// 1.3, rounding to 8 ms about 2.7. Of 2,473,800 pairs of repetitions of one password by one person (31 people, 400
/// repetitions each, cmu_dsl) none comes closer than 1.3 times this; of 1,699 pairs of sentences with as many keys (988
/// people, Aalto) none than 6.8 times. Of copies of 1,772 of those passwords it knows all with jitter of ±2 ms, 99.9 %
/// rounded to 8 ms, 97 % with both, 10 % rounded to 16 ms.
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

/// What is kept of a capture to know it again: for keys the first 64 holds and intervals in whole milliseconds, for
/// points 32 places at equal times from the start. No keys, no absolute time or place. At most 256 bytes of numbers.
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
        match &capture.events {
            Events::Keystroke(keys) => of_keys(keys),
            Events::Touch(points) => of_points(CaptureKind::Touch, points),
            Events::Pointer(points) => of_points(CaptureKind::Pointer, points),
        }
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
        let alike = self.kind == other.kind && self.keys == other.keys;
        if !alike || self.values.len() != other.values.len() || self.values.is_empty() {
            return None;
        }
        let pairs = self.values.iter().zip(&other.values);
        if self.kind == CaptureKind::Keystroke {
            let sum: f64 = pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
            return Some(sum / self.values.len() as f64 / SAME_MS);
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
}

/// Units of a place in a pixel.
const UNITS: f64 = 4.0;

fn of_keys(keys: &[KeyEvent]) -> Option<Fingerprint> {
    if keys.len() < MIN_KEYS {
        return None;
    }
    let mut values = Vec::with_capacity(2 * keys.len().min(KEYS));
    let mut before = None;
    for key in keys.iter().take(KEYS) {
        values.push(rounded(key.up_ms - key.down_ms));
        values.extend(before.map(|before| rounded(key.down_ms - before)));
        before = Some(key.down_ms);
    }
    let (first, last) = (keys.first()?, keys.last()?);
    let duration = (last.down_ms - first.down_ms).round() as u32;
    Some(Fingerprint { kind: CaptureKind::Keystroke, keys: keys.len() as u32, duration, values })
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
    let Some(own) = Fingerprint::of(capture) else {
        return Finding::unknown(cue, FindingReason::TooFewEvents);
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
