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
/// Number of enrolled typings, LLR at a distance of 0, and what each unit of distance adds. Logistic regressions on cmu_dsl
/// (at 100 and 200 alone), sapientia_tablet_keys and meu_mobile with equal weights of text and of novice and practiced
/// impostors; the people are those that the figures of the fallback stand on, so its calibration flatters itself.
const CALIBRATION: [(u32, f64, f64); 6] = [
    (1, 3.58, -1.77),
    (3, 4.67, -2.59),
    (10, 5.57, -3.61),
    (30, 8.43, -6.14),
    (100, 10.75, -7.59),
    (200, 11.62, -8.66),
];

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
    let llr = |(_, at_zero, per_unit): &(u32, f64, f64)| at_zero + per_unit * distance;
    let llr = between(&CALIBRATION, |c| c.0, own.views[0].count)
        .map_or(0.0, |(low, high, share)| llr(low) + (llr(high) - llr(low)) * share);
    (-distance, llr)
}

/// The constants themselves, where a fit has nothing better.
pub(super) fn defaults() -> (&'static [f64; 7], &'static [f64; 3]) {
    (&USUAL_LOG, &USUAL_MS)
}
