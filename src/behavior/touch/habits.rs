//! Which habits spoke for and against.

use crate::behavior::touch::features::NAMES;
use crate::behavior::touch::model::{GroupSide, KindModel, MIN_ENROLLED};
use crate::behavior::{Evidence, Habit};
use crate::scoring::plda::Plda;

/// Habits that add less to an LLR than this are not named.
const LEAST: f64 = 0.05;
/// Deviation of a normal number whose mean absolute deviation is 1.
const DEVIATION: f64 = 1.2533;

/// The values of a kind in the direction with most strokes of the probe: how far their mean is from the enrolled one in
/// the person's own deviations, and its share of the LLR. The shares are those of the values compared one by one.
pub(super) fn between(
    model: &KindModel,
    enrolled: &[GroupSide],
    probe: &[GroupSide],
    llr: f64,
) -> Vec<Habit> {
    let compared = enrolled.iter().zip(probe).filter(|(e, _)| e.count >= MIN_ENROLLED);
    let Some((own, seen)) = compared.max_by_key(|(_, p)| p.count).filter(|(_, p)| p.count > 0)
    else {
        return Vec::new();
    };
    let spread: Vec<f64> = own.spread.iter().map(|(_, s)| s * DEVIATION).collect();
    let scaled =
        |x: &[f32]| -> Vec<f64> { x.iter().zip(&spread).map(|(x, s)| f64::from(*x) / s).collect() };
    let (a, b) = (scaled(&own.mean), scaled(&seen.mean));
    let variance = |n: usize| model.session + model.stroke / n as f64;
    let one_by_one = Plda {
        mean: Vec::new(),
        projection: Vec::new(),
        between: model.weights.iter().map(|w| w * w).collect(),
    };
    let terms: Vec<f64> =
        one_by_one.terms((&a, variance(own.count)), (&b, variance(seen.count))).collect();
    let total: f64 = terms.iter().map(|t| t.abs()).sum::<f64>().max(1e-9);
    let places = model.kind.values().iter().zip(a.iter().zip(&b)).zip(&terms);
    places
        .filter_map(|((at, (own, seen)), term)| {
            let share = term / total * llr.abs();
            let (what, deviation) = (*NAMES.get(*at)?, seen - own);
            (share.abs() >= LEAST && deviation.is_finite()).then_some(Habit {
                what,
                position: None,
                deviation,
                llr: share,
            })
        })
        .collect()
}

/// Keeps the strongest.
pub(super) fn strongest(habits: &mut Vec<Habit>) {
    habits.sort_by(|a, b| b.llr.abs().total_cmp(&a.llr.abs()));
    habits.truncate(Evidence::MAX_HABITS);
}
