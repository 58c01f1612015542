//! What is used where no background is: clipped scaled Manhattan distances (Killourhy and Maxion, DSN 2009) with
//! coarse constants.

use crate::behavior::keystroke::fixed::components::{DISTANCE_CUT, Scratch, clipped, near_times};
use crate::behavior::keystroke::fixed::layout::{Group, Layout, TIMING, TOUCH, Typing};
use crate::behavior::keystroke::fixed::stats::Usual;
use crate::behavior::keystroke::fixed::template::Own;
use crate::behavior::keystroke::fixed::text::between;

/// Fewest enrolled typings with which evidence is called enough.
pub const ENOUGH_TYPINGS: f64 = 5.0;

/// Usual mean absolute deviation of one person's hold, step and gap in ms. These and the next are the medians over
/// positions, people and texts of cmu_dsl, sapientia_tablet_keys and meu_mobile, rounded.
const USUAL_MS: [f64; 3] = [13.0, 81.0, 82.0];
/// The same on the compressed scale, then of pressure, size, and places in pixels.
const USUAL_LOG: [f64; 7] = [0.125, 0.19, 0.29, 0.20, 0.15, 7.7, 7.7];
/// Number of enrolled typings, and the line and floor that make an LLR of a distance. Lines: logistic regressions on cmu_dsl (at
/// 100 and 200 alone), sapientia_tablet_keys and meu_mobile with equal weights of text and of novice and practiced impostors; that
/// of 10 has the least of the largest losses over all these texts, impostors, and windows of five. The people are those that the figures of
/// the fallback stand on, so its calibration flatters itself. Floors: now and then somebody types as strangely as a stranger, the
/// more often the fewer typings say what is usual.
const CALIBRATION: [(u32, Line); 6] = [
    (1, Line { at_zero: 3.58, per_unit: -1.77, floor: -2.5 }),
    (3, Line { at_zero: 4.67, per_unit: -2.59, floor: -2.5 }),
    (10, Line { at_zero: 6.05, per_unit: -4.0, floor: -2.5 }),
    (30, Line { at_zero: 8.43, per_unit: -6.14, floor: -3.0 }),
    (100, Line { at_zero: 10.75, per_unit: -7.59, floor: -4.0 }),
    (200, Line { at_zero: 11.62, per_unit: -8.66, floor: -5.0 }),
];

/// LLR of a distance.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// At a distance of 0.
    at_zero: f64,
    /// What each unit of distance adds.
    per_unit: f64,
    /// What no distance goes below.
    floor: f64,
}

impl Line {
    /// The logarithm of the sum of both likelihood ratios: the line as long as it is well above the floor.
    fn llr(self, distance: f64) -> f64 {
        let line = self.at_zero + self.per_unit * distance;
        line.max(self.floor) + (-(line - self.floor).abs()).exp().ln_1p()
    }
}

/// Usual deviations of a layout.
pub fn usual(layout: &Layout) -> Usual {
    spread(layout, &USUAL_LOG, &USUAL_MS)
}

/// Gives each value of a layout the deviation of its group.
pub fn spread(layout: &Layout, log: &[f64; 7], raw: &[f64; 3]) -> Usual {
    let groups = TIMING.into_iter().chain(TOUCH);
    Usual {
        log: groups
            .zip(log)
            .flat_map(|(g, d)| std::iter::repeat_n(*d, layout.range(g).len()))
            .collect(),
        raw: TIMING
            .into_iter()
            .zip(raw)
            .flat_map(|(g, d)| std::iter::repeat_n(*d, layout.range(g).len()))
            .collect(),
    }
}

/// The distance whose negative is the raw score: mean over the groups of times of the clipped scaled Manhattan distances
/// to the person's medians, in ms and on the compressed scale, and that to the nearest tenth of the enrolled typings.
pub fn distance(own: &Own, probe: &Typing, scratch: &mut Scratch) -> f64 {
    let [all, _] = &own.views;
    let of = |group: Group| {
        let range = own.layout.range(group);
        clipped(range.clone(), &probe.raw, &all.raw, &all.raw_deviation, DISTANCE_CUT)
            + clipped(range, &probe.log, &all.log, &all.log_deviation, DISTANCE_CUT)
    };
    let middle = TIMING.into_iter().map(of).sum::<f64>() / 6.0;
    let [_, nearest, _] = near_times(own, probe, scratch);
    0.5 * (middle + nearest)
}

/// Raw score and a coarse LLR.
pub fn score(own: &Own, probe: &Typing, scratch: &mut Scratch) -> (f64, f64) {
    let distance = distance(own, probe, scratch);
    let llr = |(_, line): &(u32, Line)| line.llr(distance);
    let llr = between(&CALIBRATION, |c| c.0, own.views[0].count)
        .map_or(0.0, |(low, high, share)| llr(low) + (llr(high) - llr(low)) * share);
    (-distance, llr)
}

/// The constants themselves, where a fit has nothing better.
pub(super) fn defaults() -> (&'static [f64; 7], &'static [f64; 3]) {
    (&USUAL_LOG, &USUAL_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_is_never_likelier_and_nothing_is_below_the_floor() {
        for (typings, line) in CALIBRATION {
            let llrs: Vec<f64> = (0..100).map(|i| line.llr(f64::from(i) / 10.0)).collect();
            assert!(llrs.windows(2).all(|w| w[1] <= w[0]), "{typings}");
            assert!(llrs.iter().all(|x| *x >= line.floor && x.is_finite()), "{typings}");
            // Near a person's own typings it is the line.
            assert!((line.llr(0.5) - line.at_zero - 0.5 * line.per_unit).abs() < 0.02, "{typings}");
        }
        assert!(
            (Line { at_zero: 0.0, per_unit: -1.0, floor: -2.0 }.llr(1e300) + 2.0).abs() < 1e-12
        );
    }
}
