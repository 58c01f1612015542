//! The components of a comparison: distances and likelihood ratios that a regression combines.
//!
//! Those of the first block need nothing but the enrolled typings: clipped scaled Manhattan distances (Killourhy and
//! Maxion, DSN 2009) in ms and on a compressed scale, of the whole profile and of its latest typings; tempo; the shape
//! that is left without tempo; nearest enrolled typings; and how much lies outside the enrolled range. A background of the
//! text adds likelihood ratios against everybody, novices and the practiced, distances relative to other people, agreement
//! in what is unusual about the person, and a two-covariance model.

use crate::behavior::keystroke::fixed::known::Known;
use crate::behavior::keystroke::fixed::layout::{Group, TIMING, TOUCH, Typing};
use crate::behavior::keystroke::fixed::stats::{Middle, tempo};
use crate::behavior::keystroke::fixed::template::Own;

/// Components of hold, step and gap times without a background.
pub const GENERIC: usize = 24;
/// What a touch screen adds to them.
pub const GENERIC_TOUCH: usize = 5;
/// What a background of the text adds.
pub const KNOWN: usize = 32;
/// What it adds for a touch screen.
pub const KNOWN_TOUCH: usize = 10;

/// A scaled distance counts no more than this many deviations.
pub const DISTANCE_CUT: f64 = 4.0;
/// Groups whose shape without tempo is looked at.
const SHAPES: [Group; 2] = [Group::Hold, Group::Step];

/// The scratch of a comparison; kept from one to the next.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    /// Where components are written.
    pub out: Vec<f64>,
    pub(super) standard: Vec<f32>,
    pub(super) projected: Vec<f64>,
    near: Vec<f64>,
}

/// Writes all components of a comparison into `scratch.out`.
pub fn components(own: &Own, known: Option<&Known<'_>>, probe: &Typing, scratch: &mut Scratch) {
    scratch.out.clear();
    for view in &own.views {
        distances(own, view, probe, &mut scratch.out);
    }
    shapes(own, probe, &mut scratch.out);
    let nearest = near_times(own, probe, scratch);
    scratch.out.extend(nearest);
    let timing = 0..2 * own.layout.keys - 1;
    let scale = 1.0 / timing.len().max(1) as f64;
    let outside = timing.filter(|i| {
        let at = |v: &[f64]| v.get(*i).copied().unwrap_or_default();
        at(&probe.log) < at(&own.low) || at(&probe.log) > at(&own.high)
    });
    scratch.out.push(outside.count() as f64 * scale);
    if let Some(known) = known {
        known.components(own, probe, scratch);
    }
    if own.touch {
        touch(own, probe, scratch);
        if let Some(known) = known {
            known.touch_components(own, probe, scratch);
        }
    }
}

/// Distances of hold and step times to the enrolled typings: of the nearest, of the nearest tenth, of all.
pub fn near_times(own: &Own, probe: &Typing, scratch: &mut Scratch) -> [f64; 3] {
    near(own, 0..2 * own.layout.keys - 1, probe, scratch);
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
    let tenth = (scratch.near.len() / 10).max(1);
    let nearest = scratch.near.first().copied().unwrap_or_default();
    [nearest, mean(scratch.near.get(..tenth).unwrap_or_default()), mean(&scratch.near)]
}

/// Mean of clipped scaled distances over a range of values.
pub fn clipped(
    range: std::ops::Range<usize>,
    probe: &[f64],
    middle: &[f64],
    deviation: &[f64],
    cut: f64,
) -> f64 {
    let n = range.len().max(1) as f64;
    let get = |v: &[f64], i: usize| v.get(i).copied().unwrap_or_default();
    let sum: f64 = range
        .map(|i| ((get(probe, i) - get(middle, i)).abs() / get(deviation, i).max(1e-9)).min(cut))
        .sum();
    sum / n
}

fn distances(own: &Own, view: &Middle, probe: &Typing, out: &mut Vec<f64>) {
    for group in TIMING {
        let range = own.layout.range(group);
        let cut = DISTANCE_CUT;
        out.push(clipped(range.clone(), &probe.raw, &view.raw, &view.raw_deviation, cut));
        out.push(clipped(range, &probe.log, &view.log, &view.log_deviation, cut));
    }
    let z = (tempo(probe, &own.layout) - view.tempo) / view.tempo_deviation.max(1e-9);
    let z = z.clamp(-6.0, 6.0);
    out.extend([z, z.abs()]);
}

fn shapes(own: &Own, probe: &Typing, out: &mut Vec<f64>) {
    let [all, _] = &own.views;
    for group in SHAPES {
        let range = own.layout.range(group);
        let n = range.len().max(1) as f64;
        let get = |v: &[f64], i: usize| v.get(i).copied().unwrap_or_default();
        let weight = |i: usize| 1.0 / get(&own.usual.log, i).max(1e-9);
        let off = |i: usize| get(&probe.log, i) - get(&all.log, i);
        let (mut sum, mut weights) = (0.0, 0.0);
        for i in range.clone() {
            sum += off(i) * weight(i);
            weights += weight(i);
        }
        let common = sum / f64::max(weights, 1e-9);
        let (mut shape, mut signed) = (0.0, 0.0);
        for i in range {
            shape += ((off(i) - common).abs() * weight(i)).min(DISTANCE_CUT);
            signed += (off(i) * weight(i)).clamp(-DISTANCE_CUT, DISTANCE_CUT);
        }
        out.extend([shape / n, signed / n]);
    }
}

/// Distances to the enrolled typings in `scratch.near`, rising.
fn near(own: &Own, range: std::ops::Range<usize>, probe: &Typing, scratch: &mut Scratch) {
    let scale = 1.0 / range.len().max(1) as f64;
    let probe = probe.log.get(range.clone()).unwrap_or_default();
    let weights = own.inverse_usual.get(range.clone()).unwrap_or_default();
    scratch.near.clear();
    for typing in own.latest.chunks_exact(own.layout.len().max(1)) {
        let typing = typing.get(range.clone()).unwrap_or_default();
        let terms = probe.iter().zip(typing).zip(weights);
        let sum: f64 = terms.map(|((a, b), w)| ((a - b).abs() * w).min(DISTANCE_CUT)).sum();
        scratch.near.push(sum * scale);
    }
    scratch.near.sort_unstable_by(f64::total_cmp);
}

fn touch(own: &Own, probe: &Typing, scratch: &mut Scratch) {
    let [all, _] = &own.views;
    for group in TOUCH {
        let range = own.layout.range(group);
        scratch.out.push(clipped(range, &probe.log, &all.log, &all.log_deviation, DISTANCE_CUT));
    }
    near(own, own.layout.timing_len()..own.layout.len(), probe, scratch);
    let mean = scratch.near.iter().sum::<f64>() / scratch.near.len().max(1) as f64;
    scratch.out.push(mean);
}
