//! Remote control: a pointer as a remote desktop forwards it, with few events that jump. A weak cue by nature: a slow
//! computer does the same, and a good connection shows nothing, so it takes both signs to say "detected". Neither sign
//! shows in 315 minutes of 72 people who sat at their own mouse (SapiMouse). No recording of a remote desktop was at
//! hand: how many are detected was not measured.

use crate::behavior::event::{Phase, PointEvent};
use crate::behavior::finding::{Cue, Finding, FindingReason, quantile};
use crate::behavior::{Capture, Events};

/// Fewest moves.
const MIN_MOVES: usize = 60;
/// Longer gaps are rests, ms.
const REST_MS: f64 = 300.0;
/// Median gap between moves while moving, ms, from which events are rare. Mice send every 8 to 17 ms; the slowest of
/// the 72 people of SapiMouse has 31.
const RARE_MS: f64 = 40.0;
/// A step of so many pixels is a jump.
const JUMP_PX: f64 = 120.0;
/// Share of steps that jump, from which the pointer jumps.
const JUMP_SHARE: f64 = 0.15;

pub(super) fn find(capture: &Capture) -> Finding {
    let cue = Cue::RemoteControl;
    let Events::Pointer(points) = &capture.events else {
        return Finding::unknown(cue, FindingReason::NotApplicable);
    };
    let moving = |w: &&[PointEvent]| w[1].phase == Phase::Move && w[1].t_ms - w[0].t_ms < REST_MS;
    let steps: Vec<&[PointEvent]> = points.windows(2).filter(moving).collect();
    if steps.len() < MIN_MOVES {
        return Finding::unknown(cue, FindingReason::TooFewEvents);
    }
    let gap = quantile(steps.iter().map(|w| w[1].t_ms - w[0].t_ms).collect(), 0.5);
    let length = |w: &[PointEvent]| f64::from(w[1].x - w[0].x).hypot(f64::from(w[1].y - w[0].y));
    let jumps = steps.iter().filter(|w| length(w) > JUMP_PX).count() as f64 / steps.len() as f64;
    match (gap >= RARE_MS, jumps >= JUMP_SHARE) {
        (true, true) => {
            let detail = format!("a move every {gap:.0} ms, {:.0} % jump", 100.0 * jumps);
            Finding::detected(cue, FindingReason::RareAndJumping, detail)
        }
        (false, false) => Finding::clear(cue),
        _ => Finding::unknown(cue, FindingReason::WeakCue),
    }
}
