//! Scores → LLR: a logistic regression over scores and numbers of strokes, fitted on people whom the model that scored
//! them had not seen.

use std::collections::BTreeMap;

use crate::behavior::BehaviorError;
use crate::behavior::touch::fit::{FitOptions, Stroke, fit};
use crate::behavior::touch::kind::Kind;
use crate::behavior::touch::model::{GroupSide, KindModel, Scores};
use crate::scoring::logistic::{Logistic, LogisticOptions, LogisticRow};

/// Values of [`quality`] that each say something of a whole comparison.
const WHOLE: usize = 8;
/// No LLR of touch is further from 0: a few strokes are no proof. Natural logarithm, odds of 1 to 3,000.
pub const MAX_LLR: f64 = 8.0;

/// Penalty on weights, over the number of people.
const RIDGE: f64 = 0.12;
/// Folds of people for the calibration.
const FOLDS: usize = 4;
/// People of a device that go into one fold.
const TOGETHER: usize = 3;
/// Strokes of the windows that are calibrated on.
const WINDOWS: [usize; 4] = [1, 3, 6, 11];
/// Strokes of a small enrollment, besides the whole.
const FEW_ENROLLED: usize = 15;
/// Windows of a size and person.
const MAX_WINDOWS: usize = 6;
/// Impostors of a target.
const MAX_IMPOSTORS: usize = 8;
/// Strokes beyond which more are believed to say no more than these.
const MOST_STROKES: usize = 40;
const MOST_ENROLLED: usize = 200;

/// What the regression can see: the scores, some of them more the more strokes there are, and how many there are; then
/// each value apart, then each dimension of the two-covariance model. A regression uses as many of them as [`widths`] allows.
pub fn quality(scores: &Scores, enrolled: usize) -> Vec<f64> {
    let n = (scores.used.clamp(1, MOST_STROKES) as f64).ln();
    let m = (enrolled.clamp(1, MOST_ENROLLED) as f64).ln();
    let Scores { nearest, manhattan, plda, .. } = *scores;
    let whole: [f64; WHOLE] =
        [nearest, nearest * n, manhattan, manhattan * n, plda, plda / (1.0 + n), n, m];
    whole
        .into_iter()
        .chain(scores.apart.iter().copied())
        .chain(scores.terms.iter().copied())
        .collect()
}

/// How many of the values of [`quality`] a regression may use: the whole alone, with each value apart, or all. People
/// enough to weigh every value are there for words only, so a fit takes what says most of people it has not seen.
pub fn widths(model: &KindModel) -> [usize; 3] {
    let apart = WHOLE + model.dim();
    [WHOLE, apart, apart + model.plda.dim()]
}

/// Fits the calibration of a kind.
///
/// # Errors
/// Too few people.
pub fn calibrate(
    kind: Kind,
    strokes: &[Stroke<'_>],
    options: &FitOptions,
) -> Result<Logistic, BehaviorError> {
    let folds = folds(strokes);
    let mut by_fold: Vec<Vec<LogisticRow>> = Vec::with_capacity(FOLDS);
    let mut allowed = [WHOLE, usize::MAX, usize::MAX];
    for fold in 0..FOLDS {
        let inside = |s: &&Stroke<'_>| folds.get(&s.person).is_some_and(|f| *f == fold);
        let others: Vec<Stroke<'_>> = strokes.iter().filter(|s| !inside(s)).copied().collect();
        let own: Vec<&Stroke<'_>> = strokes.iter().filter(inside).collect();
        let mut rows = Vec::new();
        let model = fit(kind, &others, options)?;
        score_fold(&model, &own, &mut rows);
        // Few people can leave a fold with fewer dimensions than another.
        let own = widths(&model);
        allowed.iter_mut().zip(own).for_each(|(width, own)| *width = own.min(*width));
        by_fold.push(rows);
    }
    let ridge = RIDGE / folds.len().max(1) as f64;
    let (mut best, mut least) = regress(&by_fold, ridge, WHOLE)?;
    for width in allowed.into_iter().skip(1) {
        // More values need not converge where there are few rows.
        let Ok((fitted, cost)) = regress(&by_fold, ridge, width) else { continue };
        if cost < least {
            (best, least) = (fitted, cost);
        }
    }
    Ok(best)
}

/// A regression on the first `width` values of all rows and its cost on people it has not seen. It is drawn towards 0 by what regressions on the other folds were too sure of on each fold:
/// with few people the plain one would be overconfident.
fn regress(
    by_fold: &[Vec<LogisticRow>],
    ridge: f64,
    width: usize,
) -> Result<(Logistic, f64), BehaviorError> {
    let options = LogisticOptions { ridge, prior: 0.5 };
    let but = |left_out: Option<usize>| -> Vec<LogisticRow> {
        let kept = by_fold.iter().enumerate().filter(|(i, _)| Some(*i) != left_out);
        let first = |r: &LogisticRow| r.x.iter().take(width).copied().collect();
        kept.flat_map(|(_, rows)| rows).map(|r| LogisticRow { x: first(r), ..*r }).collect()
    };
    let mut unseen = Vec::new();
    for (fold, rows) in by_fold.iter().enumerate() {
        let others = Logistic::fit(&but(Some(fold)), &options)?;
        unseen.extend(rows.iter().map(|r| LogisticRow { x: vec![others.llr(&r.x)], ..*r }));
    }
    let second = Logistic::fit(&unseen, &LogisticOptions { ridge: 1e-3, ..options })?;
    let mut all = Logistic::fit(&but(None), &options)?;
    let slope = (second.weights[0] * second.scale[0]).clamp(0.0, 1.5);
    all.weights.iter_mut().for_each(|w| *w *= slope);
    all.bias = second.bias + slope * (all.bias - second.mean[0]);
    let cost = cost(&unseen, &second);
    Ok((all, cost))
}

/// Cllr in bits of what a regression makes of rows.
fn cost(rows: &[LogisticRow], fitted: &Logistic) -> f64 {
    let side = |target: bool| {
        let own = rows.iter().filter(|r| r.target == target);
        let (sum, weight) = own.fold((0.0, 0.0), |(sum, weight), r| {
            let llr = fitted.llr(&r.x);
            let wrong = if target { -llr } else { llr };
            (sum + r.weight * wrong.exp().ln_1p(), weight + r.weight)
        });
        sum / f64::max(weight, 1e-9)
    };
    (side(true) + side(false)) / (2.0 * std::f64::consts::LN_2)
}

/// Three people with the same device at a time go into a fold, so that there are impostors on the same one.
fn folds(strokes: &[Stroke<'_>]) -> BTreeMap<u32, usize> {
    let mut people: Vec<(Option<u32>, u32)> =
        strokes.iter().map(|s| (s.device, s.person)).collect();
    people.sort_unstable();
    people.dedup();
    people.iter().enumerate().map(|(i, (_, p))| (*p, i / TOGETHER % FOLDS)).collect()
}

struct Person {
    id: u32,
    device: Option<u32>,
    turns: Vec<Turn>,
}

/// One way to deal a person's sessions.
struct Turn {
    /// The whole enrollment and a small one, with their strokes.
    enrolled: Vec<(Vec<GroupSide>, usize)>,
    windows: Vec<(usize, Vec<GroupSide>)>,
}

fn score_fold(model: &KindModel, own: &[&Stroke<'_>], rows: &mut Vec<LogisticRow>) {
    let mut by_person: BTreeMap<u32, Vec<&Stroke<'_>>> = BTreeMap::new();
    for stroke in own {
        by_person.entry(stroke.person).or_default().push(stroke);
    }
    let people: Vec<Person> = by_person.values().filter_map(|s| person(model, s)).collect();
    for target in &people {
        let others: Vec<&Person> =
            people.iter().filter(|p| p.id != target.id && p.device == target.device).collect();
        let every = others.len().div_ceil(MAX_IMPOSTORS).max(1);
        let offset = target.id as usize % every;
        for (i, turn) in target.turns.iter().enumerate() {
            for (enrolled, strokes) in &turn.enrolled {
                compare(model, (enrolled, *strokes), &turn.windows, true, rows);
                let windows = others.iter().skip(offset).step_by(every);
                for turn in windows.filter_map(|o| o.turns.get(i).or(o.turns.first())) {
                    compare(model, (enrolled, *strokes), &turn.windows, false, rows);
                }
            }
        }
    }
}

fn compare(
    model: &KindModel,
    (enrolled, strokes): (&[GroupSide], usize),
    windows: &[(usize, Vec<GroupSide>)],
    target: bool,
    rows: &mut Vec<LogisticRow>,
) {
    for size in WINDOWS {
        let windows: Vec<_> = windows.iter().filter(|w| w.0 == size).collect();
        for (_, window) in &windows {
            let scores = model.scores(enrolled, window);
            if scores.used > 0 {
                let x = quality(&scores, strokes);
                // People count alike, and so do the sizes of windows.
                rows.push(LogisticRow { x, target, weight: 1.0 / windows.len() as f64 });
            }
        }
    }
}

/// Every other session enrolls and the rest tests, and the other way round; of a single session the first half enrolls.
fn person(model: &KindModel, strokes: &[&Stroke<'_>]) -> Option<Person> {
    let first = strokes.first()?;
    let mut sessions: BTreeMap<u32, Vec<&[f32]>> = BTreeMap::new();
    for stroke in strokes {
        sessions.entry(stroke.session).or_default().push(stroke.row);
    }
    let sessions: Vec<Vec<&[f32]>> = sessions.into_values().collect();
    let turns = match sessions.as_slice() {
        [one] => {
            let (a, b) = one.split_at(one.len() / 2);
            vec![turn(model, &[a], &[b])]
        }
        several => {
            let part = |odd: usize| -> Vec<&[&[f32]]> {
                several.iter().skip(odd).step_by(2).map(Vec::as_slice).collect()
            };
            vec![turn(model, &part(0), &part(1)), turn(model, &part(1), &part(0))]
        }
    };
    Some(Person { id: first.person, device: first.device, turns })
}

fn turn(model: &KindModel, enroll: &[&[&[f32]]], test: &[&[&[f32]]]) -> Turn {
    let enroll: Vec<&[f32]> = enroll.iter().flat_map(|s| s.iter().copied()).collect();
    let few: Vec<&[f32]> = spread(&enroll, FEW_ENROLLED).copied().collect();
    let mut enrolled = vec![(model.side(&enroll, true), enroll.len())];
    if few.len() < enroll.len() {
        enrolled.push((model.side(&few, true), few.len()));
    }
    let mut windows = Vec::new();
    for size in WINDOWS {
        let all: Vec<&[&[f32]]> = test.iter().flat_map(|t| t.chunks_exact(size)).collect();
        windows.extend(spread(&all, MAX_WINDOWS).map(|w| (size, model.side(w, false))));
    }
    Turn { enrolled, windows }
}

/// Up to `most` of the items, evenly over all.
fn spread<T>(items: &[T], most: usize) -> impl Iterator<Item = &T> {
    let count = items.len().min(most);
    (0..count).filter_map(move |i| items.get(i * items.len() / count.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(used: usize) -> Scores {
        let (apart, terms) = (vec![-1.0; 5], vec![0.5; 3]);
        Scores { nearest: 1.0, manhattan: 1.0, plda: 1.5, apart, terms, used }
    }

    #[test]
    fn the_values_are_as_many_as_said() {
        assert_eq!(quality(&scores(0), 0).len(), WHOLE + 5 + 3);
        assert_eq!(quality(&scores(1 << 40), 0), quality(&scores(MOST_STROKES), 1));
    }

    /// Rows of a fold whose people only the value at `tells` tells apart.
    fn fold(seed: u64, tells: usize) -> Vec<LogisticRow> {
        let noise = |i: u64| {
            let x = (seed * 1_000 + i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (x >> 40) as f64 / f64::from(1 << 24) - 0.5
        };
        let row = |i: u64| {
            let mut x: Vec<f64> = (0..WHOLE as u64 + 4).map(|j| noise(i * 50 + j)).collect();
            x[tells] += if i.is_multiple_of(2) { 0.7 } else { -0.7 };
            LogisticRow { x, target: i.is_multiple_of(2), weight: 1.0 }
        };
        (0..60).map(row).collect()
    }

    #[test]
    fn more_values_cost_less_only_where_they_tell() {
        let cost = |tells: usize, width: usize| {
            let folds: Vec<_> = (0..4).map(|seed| fold(seed, tells)).collect();
            regress(&folds, 1e-3, width).unwrap().1
        };
        let (whole, all) = (WHOLE, WHOLE + 4);
        assert!(cost(WHOLE + 2, all) < 0.5 && cost(WHOLE + 2, whole) > 0.95);
        assert!(cost(2, whole) < cost(2, all), "what says nothing only adds noise");
    }

    #[test]
    fn people_of_a_device_come_together() {
        let row = [0.0];
        let stroke =
            |person, device| Stroke { person, session: 0, device: Some(device), row: &row };
        let all: Vec<_> = (0..24).map(|p| stroke(p, p / 12)).collect();
        let folds = folds(&all);
        for p in (0..24).step_by(3) {
            assert!(folds[&p] == folds[&(p + 1)] && folds[&p] == folds[&(p + 2)]);
        }
        assert_eq!(folds.values().filter(|f| **f == 0).count(), 6);
    }

    #[test]
    fn what_is_spread_is_even() {
        assert_eq!(spread(&[0, 1, 2, 3, 4, 5], 3).copied().collect::<Vec<_>>(), [0, 2, 4]);
        assert_eq!(spread(&[0, 1], 3).count(), 2);
        assert_eq!(spread::<u8>(&[], 3).count(), 0);
    }
}
