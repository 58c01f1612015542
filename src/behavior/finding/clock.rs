//! The step of the clock behind the times. A coarse one (some browsers and remote desktops round to 8, 10, 16 or
//! 100 ms) hides what tells people apart, so it limits how much a comparison is worth. Of 988 people of the Aalto set 15
//! have a coarse clock in nearly every sentence and 209 in some, mostly 8 and 16 ms, as keyboards are polled; of 31
//! people of cmu_dsl none.

use crate::behavior::finding::{Cue, Finding, FindingReason, FindingState};
use crate::behavior::{Capture, Events};

/// Clocks with a step up to this, ms, are fine.
pub const MAX_FINE_STEP_MS: f64 = 2.0;
/// Steps that are looked for, ms, longest first; 15.625 is the timer of Windows, 16.667 and 8.333 are frames.
const STEPS: [f64; 13] =
    [100.0, 50.0, 33.333, 20.0, 16.667, 16.0, 15.625, 10.0, 8.333, 8.0, 5.0, 4.0, 2.0];
/// Fewest times.
const MIN_TIMES: usize = 12;
/// Most times looked at.
const MAX_TIMES: usize = 200;
/// Length of the mean of the times' phases from which they stand on a grid: 1 on the grid, about 1/√n by chance. Rounding
/// 15.625 ms to whole ones leaves 0.993.
const ON_GRID: f64 = 0.98;

/// The longest step of [`STEPS`] that all times are multiples of, up to a constant; 1 for whole milliseconds, 0 for
/// finer times; `None` with too few times.
pub fn clock_step(capture: &Capture) -> Option<f64> {
    step_of(capture, MIN_TIMES)
}

/// The same with another number of different times at least.
pub(super) fn step_of(capture: &Capture, min_times: usize) -> Option<f64> {
    let mut times: Vec<f64> = match &capture.events {
        Events::Keystroke(keys) => keys.iter().flat_map(|k| [k.down_ms, k.up_ms]).collect(),
        Events::Touch(points) | Events::Pointer(points) => points.iter().map(|p| p.t_ms).collect(),
    };
    times.truncate(MAX_TIMES);
    times.sort_by(f64::total_cmp);
    times.dedup();
    let first = *times.first()?;
    if times.len() < min_times {
        return None;
    }
    let on_grid = |step: f64| {
        let turn = |t: &f64| (t - first) / step * std::f64::consts::TAU;
        let (sin, cos) =
            times.iter().map(turn).fold((0.0, 0.0), |(s, c), a| (s + a.sin(), c + a.cos()));
        sin.hypot(cos) / times.len() as f64
    };
    let coarse = STEPS.into_iter().find(|step| on_grid(*step) >= ON_GRID);
    let whole = || times.iter().all(|t| (t - first).fract().abs() < 1e-6);
    Some(coarse.unwrap_or_else(|| if whole() { 1.0 } else { 0.0 }))
}

pub(super) fn find(capture: &Capture) -> Finding {
    let cue = Cue::CoarseClock;
    match clock_step(capture) {
        None => Finding::unknown(cue, FindingReason::TooFewEvents),
        Some(step) if step > MAX_FINE_STEP_MS => {
            Finding::detected(cue, FindingReason::CoarseStep, format!("steps of {step} ms"))
        }
        Some(step) => Finding {
            cue,
            state: FindingState::NotDetected,
            reason: FindingReason::Clear,
            detail: if step > 0.0 { format!("steps of {step} ms") } else { String::new() },
        },
    }
}
