//! Which habits spoke for and against: positions and groups of keys, never which keys they are.

use crate::behavior::keystroke::fixed::known::Known;
use crate::behavior::keystroke::fixed::layout::{Group, Typing};
use crate::behavior::keystroke::fixed::template::Own;
use crate::behavior::{Evidence, Habit};

/// Deviations from which a single key is worth naming.
const REMARKABLE: f64 = 2.0;
/// Mean deviation from which a whole group is worth naming.
const REMARKABLE_MEAN: f64 = 0.6;
/// A deviation counts no more than this.
const CUT: f64 = 6.0;

/// Groups in which single keys are named, and how they are called.
const SINGLE: [(Group, &str); 3] = [
    (Group::Hold, "hold time of a key"),
    (Group::Step, "pause before a key"),
    (Group::Pressure, "pressure on a key"),
];
/// What is said of a group as a whole.
const WHOLE: [(Group, &str); 4] = [
    (Group::Hold, "hold times"),
    (Group::Step, "pauses between keys"),
    (Group::Pressure, "pressure"),
    (Group::Size, "contact size"),
];

/// The strongest habits, at most [`Evidence::MAX_HABITS`]: what deviates, and if nothing does, what agrees.
pub fn habits(own: &Own, known: Option<&Known<'_>>, probe: &Typing, llr: f64) -> Vec<Habit> {
    let mut found: Vec<Habit> = Vec::with_capacity(Evidence::MAX_HABITS * 2);
    let mut total = 0.0;
    for (group, what) in SINGLE.into_iter().filter(|(g, _)| own.touch || g != &Group::Pressure) {
        for (n, i) in own.layout.range(group).enumerate() {
            let z = deviation(own, probe, i);
            let term = known.map_or_else(|| ordinary(z), |k| k.term(probe, i));
            total += term.abs();
            if z.abs() >= REMARKABLE {
                // The step at index 0 leads to the second key.
                let key = if group == Group::Step { n + 2 } else { n + 1 };
                let position = Some(key as u16);
                found.push(Habit { what, position, deviation: z, llr: term });
            }
        }
    }
    for (group, what) in WHOLE {
        let range = own.layout.range(group);
        if range.is_empty() || (group != Group::Hold && group != Group::Step && !own.touch) {
            continue;
        }
        let n = range.len() as f64;
        let (mut z, mut term) = (0.0, 0.0);
        for i in range {
            let d = deviation(own, probe, i);
            z += d / n;
            term += known.map_or_else(|| ordinary(d), |k| k.term(probe, i)) / n.sqrt();
        }
        if z.abs() >= REMARKABLE_MEAN || (llr > 0.0 && term > 0.0) {
            found.push(Habit { what, position: None, deviation: z, llr: term });
        }
    }
    // Terms count as if independent; together they cannot say more than the whole does.
    let scale = if total > 0.0 { (llr.abs() / total).min(1.0) } else { 0.0 };
    found.iter_mut().for_each(|h| h.llr *= scale);
    found.sort_by(|a, b| b.llr.abs().total_cmp(&a.llr.abs()));
    found.truncate(Evidence::MAX_HABITS);
    found
}

fn deviation(own: &Own, probe: &Typing, i: usize) -> f64 {
    let [all, _] = &own.views;
    let get = |v: &[f64]| v.get(i).copied().unwrap_or_default();
    let spread = get(&all.log_deviation).max(1e-9) * 1.25;
    ((get(&probe.log) - get(&all.log)) / spread).clamp(-CUT, CUT)
}

/// Log-likelihood ratio of a deviation where no background is: Laplace against one of twice the spread.
fn ordinary(z: f64) -> f64 {
    std::f64::consts::LN_2 - 0.5 * z.abs()
}
