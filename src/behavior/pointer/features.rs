//! The features of one movement action, after resampling to one step so that the rate of events does not show.

use crate::behavior::pointer::action::{Action, Point, actions};
use crate::behavior::pointer::background::Background;
use crate::behavior::{BehaviorError, Capture, Events, Sample, SampleKind};

/// Step of the resampled path, ms. Longer than that of nearly every mouse driver.
pub const STEP_MS: f64 = 20.0;
/// What every feature is called, in the order of a row.
pub const NAMES: [&str; FEATURES] = [
    "duration of movements",
    "straightness of movements",
    "peak speed over mean speed",
    "time to peak speed",
    "corrections a second",
    "acceleration",
    "braking",
    "jerkiness",
    "curvature",
    "total turning",
    "angular velocity",
    "deviation from the straight line",
    "side of the curve",
    "initial direction error",
    "speed at the end",
    "speed at the start",
    "sharp turns",
    "pause between movements",
    "pause before a click",
    "click hold time",
    "evenness of speed",
    "slow share of movements",
];
/// Number of features.
pub const FEATURES: usize = 22;
/// Values of a row: the kind of the action, its relative length, and the features.
pub const ROW: usize = FEATURES + 2;
/// Stands for a feature that an action does not have.
pub const MISSING: f32 = -1.0e9;

/// Makes the sample of a capture: one row an action. The background is not needed for it.
///
/// # Errors
/// A capture that is not of a pointer, or without a single action.
pub fn extract(capture: &Capture, _: Option<&Background>) -> Result<Sample, BehaviorError> {
    let Events::Pointer(events) = &capture.events else {
        let got = capture.events.kind().as_str().to_owned();
        let enrolled = "pointer".to_owned();
        return Err(BehaviorError::Mismatch { what: "kinds of events", enrolled, got });
    };
    let mut rows: Vec<f32> = actions(events).iter().filter_map(row).flatten().collect();
    let units = rows.len() / ROW;
    if units == 0 {
        return Err(BehaviorError::TooFew { what: "movement actions", needed: 1, got: 0 });
    }
    relative_lengths(&mut rows);
    Ok(Sample {
        kind: SampleKind::Pointer,
        device: capture.device,
        text: None,
        dim: ROW,
        rows,
        units: units as u32,
        held: None,
    })
}

/// Takes the capture's median off the logarithm of lengths: pixels depend on screen and gain.
fn relative_lengths(rows: &mut [f32]) {
    let mut lengths: Vec<f32> = rows.chunks_exact(ROW).map(|row| row[1]).collect();
    lengths.sort_by(f32::total_cmp);
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or(0.0);
    rows.chunks_exact_mut(ROW).for_each(|row| row[1] -= median);
}

/// The row of an action; `None` where nothing is left of it after resampling.
fn row(action: &Action) -> Option<[f32; ROW]> {
    let path = resample(&action.points);
    let motion = Motion::of(&path)?;
    let mut features = [f64::NAN; FEATURES];
    motion.timing(&mut features);
    motion.effort(&mut features);
    motion.shape(&path, &mut features);
    features[17] = action.pause_ms.clamp(20.0, 5_000.0).ln();
    features[18] = action.click_pause_ms.map_or(f64::NAN, |ms| ms.clamp(10.0, 2_000.0).ln());
    features[19] = action.hold_ms.map_or(f64::NAN, |ms| ms.clamp(20.0, 1_000.0).ln());
    let mut row = [MISSING; ROW];
    row[0] = action.kind.code() as f32;
    row[1] = motion.length.ln() as f32;
    for (to, from) in row.iter_mut().skip(2).zip(features) {
        if from.is_finite() {
            *to = from as f32;
        }
    }
    Some(row)
}

/// Places every [`STEP_MS`], linear between events, smoothed by (1 2 1)/4.
fn resample(points: &[Point]) -> Vec<[f64; 2]> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let steps = ((last[0] - first[0]) / STEP_MS) as usize + 1;
    let mut path = Vec::with_capacity(steps);
    let mut at = 0;
    for i in 0..steps {
        let t = first[0] + STEP_MS * i as f64;
        while points.get(at + 1).is_some_and(|next| next[0] <= t) {
            at += 1;
        }
        let here = points[at];
        path.push(match points.get(at + 1) {
            Some(next) => {
                let share = (t - here[0]) / (next[0] - here[0]);
                [here[1] + share * (next[1] - here[1]), here[2] + share * (next[2] - here[2])]
            }
            None => [here[1], here[2]],
        });
    }
    let mut smooth = path.clone();
    for (out, of) in smooth.iter_mut().skip(1).zip(path.windows(3)) {
        *out = [0, 1].map(|k| (of[0][k] + 2.0 * of[1][k] + of[2][k]) / 4.0);
    }
    smooth
}

/// Speeds and turns of a resampled path.
struct Motion {
    /// Pixels a second, one a step.
    speed: Vec<f64>,
    /// Turns in radians between steps that are fast enough to have a direction, with the speed there.
    turns: Vec<(f64, f64)>,
    /// Pixels.
    length: f64,
    mean: f64,
    peak: f64,
    /// Seconds.
    duration: f64,
}

const DT: f64 = STEP_MS / 1_000.0;
/// Below this share of the peak speed a step has no direction.
const DIRECTED: f64 = 0.01;

impl Motion {
    fn of(path: &[[f64; 2]]) -> Option<Self> {
        if path.len() < 4 {
            return None;
        }
        let steps: Vec<[f64; 2]> =
            path.windows(2).map(|w| [0, 1].map(|k| (w[1][k] - w[0][k]) / DT)).collect();
        let speed: Vec<f64> = steps.iter().map(|v| v[0].hypot(v[1])).collect();
        let duration = DT * speed.len() as f64;
        let length = speed.iter().sum::<f64>() * DT;
        let peak = speed.iter().copied().fold(0.0, f64::max);
        if length < 5.0 {
            return None;
        }
        let directed = |s: f64| s > DIRECTED * peak;
        let turns = steps.windows(2).zip(speed.windows(2));
        let turns = turns.filter(|(_, s)| directed(s[0]) && directed(s[1])).map(|(v, s)| {
            let (cross, dot) =
                (v[0][0] * v[1][1] - v[0][1] * v[1][0], v[0][0] * v[1][0] + v[0][1] * v[1][1]);
            (cross.atan2(dot), (s[0] + s[1]) / 2.0)
        });
        let turns = turns.collect();
        Some(Self { turns, length, mean: length / duration, peak, duration, speed })
    }

    fn timing(&self, out: &mut [f64; FEATURES]) {
        let n = self.speed.len() as f64;
        out[0] = self.duration.ln();
        out[2] = (self.peak / self.mean).ln();
        let first_peak = self.speed.iter().position(|s| *s >= self.peak).unwrap_or(0);
        out[3] = first_peak as f64 / n;
        let is_peak = |w: &&[f64]| w[1] > w[0] && w[1] >= w[2] && w[1] > 0.15 * self.peak;
        let peaks = self.speed.windows(3).filter(is_peak).count() + 1;
        out[4] = (peaks as f64 / self.duration).ln();
        let quarter = (self.speed.len() / 4).max(1);
        let part = |of: &[f64]| (0.05 + of.iter().sum::<f64>() / of.len() as f64 / self.mean).ln();
        out[14] = part(&self.speed[self.speed.len() - quarter..]);
        out[15] = part(&self.speed[..quarter]);
        let variance = self.speed.iter().map(|s| (s - self.mean).powi(2)).sum::<f64>() / n;
        out[20] = variance.sqrt() / self.mean;
        out[21] = self.speed.iter().filter(|s| **s < 0.1 * self.peak).count() as f64 / n;
    }

    fn effort(&self, out: &mut [f64; FEATURES]) {
        let change: Vec<f64> = self.speed.windows(2).map(|w| (w[1] - w[0]) / DT).collect();
        let n = change.len().max(1) as f64;
        let relative = |sum: f64, n: f64| (0.01 + sum / n / self.mean).ln();
        out[5] = relative(change.iter().map(|a| a.max(0.0)).sum(), n);
        out[6] = relative(change.iter().map(|a| (-a).max(0.0)).sum(), n);
        let jerk = change.windows(2).map(|w| ((w[1] - w[0]) / DT).abs()).sum();
        out[7] = relative(jerk, (n - 1.0).max(1.0));
    }

    fn shape(&self, path: &[[f64; 2]], out: &mut [f64; FEATURES]) {
        let (Some(from), Some(to)) = (path.first(), path.last()) else { return };
        let chord = [to[0] - from[0], to[1] - from[1]];
        let distance = chord[0].hypot(chord[1]);
        out[1] = distance / self.length;
        let mut bends: Vec<f64> = self.turns.iter().map(|(a, s)| a.abs() / (s * DT)).collect();
        bends.sort_by(f64::total_cmp);
        if let Some(median) = bends.get(bends.len() / 2) {
            out[8] = (0.01 + median * self.length).ln();
            let weight: f64 = self.turns.iter().map(|(_, s)| s).sum();
            let weighted: f64 = self.turns.iter().map(|(a, s)| a.abs() * s).sum();
            out[10] = (0.05 + weighted / weight).ln();
        }
        out[9] = (0.1 + self.turns.iter().map(|(a, _)| a.abs()).sum::<f64>()).ln();
        let sharp = self.turns.iter().filter(|(a, _)| a.abs() > 1.5).count();
        out[16] = sharp as f64 / self.turns.len().max(1) as f64;
        if distance > 0.02 * self.length {
            let along = [chord[0] / distance, chord[1] / distance];
            let aside = |p: &[f64; 2]| (p[1] - from[1]) * along[0] - (p[0] - from[0]) * along[1];
            let farthest = path.iter().map(|p| aside(p).abs()).fold(0.0, f64::max);
            out[11] = (0.005 + farthest / distance).ln();
            let mean = path.iter().map(aside).sum::<f64>() / path.len() as f64;
            out[12] = (mean / distance).clamp(-1.0, 1.0);
            let early = &path[(path.len() / 4).max(1)];
            let ahead = (early[0] - from[0]) * along[0] + (early[1] - from[1]) * along[1];
            out[13] = aside(early).atan2(ahead);
        }
    }
}

#[cfg(test)]
mod tests;
