//! What is used where no background is: clipped scaled Manhattan distances (Killourhy and Maxion, DSN 2009) with
//! coarse constants.

use crate::behavior::keystroke::fixed::components::{DISTANCE_CUT, clipped};
use crate::behavior::keystroke::fixed::layout::{Group, Layout, TIMING, TOUCH, Typing};
use crate::behavior::keystroke::fixed::stats::Usual;
use crate::behavior::keystroke::fixed::template::Own;

/// Fewest enrolled typings with which evidence is called enough.
pub const ENOUGH_TYPINGS: f64 = 5.0;

/// Usual mean absolute deviation of one person's hold, step and gap in ms. These and the next are the medians over
/// positions, people and texts of cmu_dsl, sapientia_tablet_keys and meu_mobile, rounded.
const USUAL_MS: [f64; 3] = [14.0, 50.0, 55.0];
/// The same on the compressed scale, then of pressure, size, and places in pixels.
const USUAL_LOG: [f64; 7] = [0.14, 0.19, 0.35, 0.22, 0.12, 9.0, 9.0];
/// LLR of a mean clipped distance of 0, and what each unit takes away; fitted by logistic regression on the same sets
/// with 10 enrolled typings, novice and practiced impostors alike.
const LLR_AT_ZERO: f64 = 4.4;
const LLR_PER_UNIT: f64 = -3.1;

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

/// The distance whose negative is the raw score: mean over the groups of times of the clipped scaled Manhattan distances,
/// in ms and on the compressed scale.
pub fn distance(own: &Own, probe: &Typing) -> f64 {
    let [all, _] = &own.views;
    let of = |group: Group| {
        let range = own.layout.range(group);
        clipped(range.clone(), &probe.raw, &all.raw, &all.raw_deviation, DISTANCE_CUT)
            + clipped(range, &probe.log, &all.log, &all.log_deviation, DISTANCE_CUT)
    };
    TIMING.into_iter().map(of).sum::<f64>() / 6.0
}

/// Raw score and a coarse LLR.
pub fn score(own: &Own, probe: &Typing) -> (f64, f64) {
    let distance = distance(own, probe);
    (-distance, LLR_AT_ZERO + LLR_PER_UNIT * distance)
}

/// The constants themselves, where a fit has nothing better.
pub(super) fn defaults() -> (&'static [f64; 7], &'static [f64; 3]) {
    (&USUAL_LOG, &USUAL_MS)
}
