//! Fitting a model on other people's typing.

use nalgebra::{DMatrix, DVector};

use crate::behavior::BehaviorError;
use crate::behavior::keystroke::free::groups::{DIGRAPHS, KEYS, STATISTICS, Sums};
use crate::behavior::keystroke::free::model::{
    BLOCK, INPUTS, Model, Point, Scaling, blocks, inputs,
};
use crate::behavior::keystroke::free::norms::Norms;
use crate::behavior::keystroke::free::press::Press;
use crate::behavior::keystroke::free::round::{round, round_to};
use crate::scoring::linear::{eigen, whitening};
use crate::scoring::logistic::{Logistic, LogisticOptions, LogisticRow};

/// Captures of one person, in order of session.
pub type Typist = Vec<Vec<Press>>;

/// Statistics for each dimension that is kept; fewer cost accuracy, more only size.
const PER_DIMENSION: usize = 4;
/// Share of its own diagonal in the covariance within people.
const SHRINKAGE: f64 = 0.3;
/// What is added to each variance within people, in units of their mean.
const RIDGE: f64 = 0.4;
/// A statistic that varies less within and between people than this is left out.
const LEAST_DEVIATION: f64 = 1e-6;
/// Lengths of blocks at which slope and noise are measured.
const LENGTHS: [usize; 4] = [8, 16, 32, BLOCK];
/// Every so manieth capture measures the curve.
const CURVE_STRIDE: usize = 3;
/// Folds of people for calibration: each is scored by a model of the others.
const FOLDS: usize = 3;
/// Captures enrolled for calibration.
const ENROLLED: [usize; 4] = [1, 2, 5, 10];
/// Keys of probes for calibration; the last stands for all of them.
const PROBE_KEYS: [usize; 3] = [15, 30, usize::MAX];
/// Probes of a person, and other people it meets, for calibration.
const PROBES: usize = 4;
const OTHERS: usize = 5;

/// Fits a model with its calibration.
///
/// # Errors
/// Too few people with two captures, or a fit that fails.
pub fn fit(people: &[Typist]) -> Result<Model, BehaviorError> {
    let mut rows = Vec::new();
    for fold in 0..FOLDS {
        let pick = |inside: bool| -> Vec<&Typist> {
            let all = people.iter().enumerate();
            all.filter(|(i, _)| (i % FOLDS == fold) == inside).map(|(_, p)| p).collect()
        };
        let model = uncalibrated(&pick(false))?;
        trials(&model, &pick(true), &mut rows);
    }
    let mut model = uncalibrated(&people.iter().collect::<Vec<_>>())?;
    model.calibration = Logistic::fit(&rows, &LogisticOptions { ridge: 1e-5, prior: 0.5 })?;
    Ok(model)
}

/// Everything but the calibration.
fn uncalibrated(people: &[&Typist]) -> Result<Model, BehaviorError> {
    let norms = Norms::fit(people.iter().flat_map(|p| p.iter().flatten()), KEYS, DIGRAPHS);
    let sums: Vec<Vec<Sums>> = people
        .iter()
        .map(|p| p.iter().flat_map(|c| blocks(c).map(|b| Sums::of(b, &norms))).collect())
        .collect();
    let scaling = scaling(&sums);
    let vectors: Vec<Vec<Vec<f32>>> =
        sums.iter().map(|own| own.iter().map(|s| scaling.apply(s)).collect()).collect();
    drop(sums);
    let (within, between) = covariances(&vectors, scaling.live.len())?;
    let Directions { projection, between, within } = directions(&within, &between)?;
    let calibration = Logistic {
        mean: vec![0.0; INPUTS],
        scale: vec![0.0; INPUTS],
        weights: vec![0.0; INPUTS],
        bias: 0.0,
    };
    let mut model = Model {
        norms,
        scaling,
        projection,
        between,
        within,
        curve: Vec::new(),
        floor: 0.0,
        calibration,
    };
    model.curve = curve(&model, people);
    model.floor = floor(&model, &vectors);
    Ok(model)
}

/// Means, how far they are held back, and deviations of statistics.
fn scaling(people: &[Vec<Sums>]) -> Scaling {
    let mut scaling = Scaling::default();
    for at in 0..STATISTICS {
        let Some((center, held_back)) = held_back(people, at) else { continue };
        let value = |s: &Sums| {
            let (count, sum) = (f64::from(s.count[at]), f64::from(s.sum[at]));
            (sum - count * center) / (count + held_back)
        };
        let count: f64 = people.iter().map(Vec::len).sum::<usize>() as f64;
        let mean = people.iter().flatten().map(value).sum::<f64>() / count;
        let square = people.iter().flatten().map(|s| (value(s) - mean).powi(2)).sum::<f64>();
        let deviation = (square / count).sqrt();
        if deviation > LEAST_DEVIATION {
            scaling.live.push(at as u16);
            scaling.center.push(round(center as f32));
            scaling.held_back.push(round(held_back as f32));
            scaling.scale.push(round((1.0 / deviation) as f32));
            scaling.shift.push(round((mean / deviation) as f32));
        }
    }
    scaling
}

/// Mean of a statistic's values, and its variance within people over that between them.
fn held_back(people: &[Vec<Sums>], at: usize) -> Option<(f64, f64)> {
    let of = |s: &Sums| (f64::from(s.count[at]), f64::from(s.sum[at]));
    let total = |own: &[Sums]| own.iter().map(of).fold((0.0, 0.0), |t, x| (t.0 + x.0, t.1 + x.1));
    let (mut squares, mut freedom) = (0.0, 0.0);
    let (mut all_count, mut all_sum) = (0.0, 0.0);
    for own in people {
        let (count, sum) = total(own);
        all_count += count;
        all_sum += sum;
        if count > 0.0 {
            let mean = sum / count;
            let seen = own.iter().map(of).filter(|x| x.0 > 0.0);
            squares += seen.clone().map(|(n, s)| (s - n * mean).powi(2) / n).sum::<f64>();
            freedom += seen.count() as f64 - 1.0;
        }
    }
    if all_count < 1.0 || freedom < 1.0 {
        return None;
    }
    let (center, within) = (all_sum / all_count, (squares / freedom).max(1e-9));
    let between = people
        .iter()
        .map(|own| total(own))
        .filter(|x| x.0 > 0.0)
        .map(|(n, s)| n * ((s / n - center).powi(2) - within / n));
    let between = (between.sum::<f64>() / all_count).max(within * 1e-3);
    Some((center, within / between))
}

/// Covariance within people, and between them less what sampling adds.
fn covariances(
    people: &[Vec<Vec<f32>>],
    n: usize,
) -> Result<(DMatrix<f64>, DMatrix<f64>), BehaviorError> {
    let repeated = people.iter().filter(|own| own.len() > 1).count();
    if repeated < 2 || n == 0 {
        let what = "people who typed twice";
        return Err(BehaviorError::TooFew { what, needed: 2, got: repeated });
    }
    let (mut within, mut freedom, mut sampling) = (DMatrix::<f64>::zeros(n, n), 0.0, 0.0);
    let mut means = Vec::with_capacity(repeated);
    for own in people.iter().filter(|own| own.len() > 1) {
        let mut x = DMatrix::from_fn(n, own.len(), |i, j| f64::from(own[j][i]));
        let mean: DVector<f64> = x.column_mean();
        x.column_iter_mut().for_each(|mut c| c -= &mean);
        within.gemm(1.0, &x, &x.transpose(), 1.0);
        freedom += own.len() as f64 - 1.0;
        sampling += 1.0 / own.len() as f64;
        means.push(mean);
    }
    within /= freedom;
    let mut means = DMatrix::from_columns(&means);
    let center = means.column_mean();
    means.column_iter_mut().for_each(|mut c| c -= &center);
    let between = &means * means.transpose() / (repeated as f64 - 1.0)
        - &within * (sampling / repeated as f64);
    Ok((within, between))
}

/// A row-major projection, and variances between and within people along its rows.
struct Directions {
    projection: Vec<f32>,
    between: Vec<f32>,
    within: Vec<f32>,
}

/// Regularized LDA.
fn directions(within: &DMatrix<f64>, between: &DMatrix<f64>) -> Result<Directions, BehaviorError> {
    let ridge = RIDGE * within.diagonal().mean();
    let mut shrunk = within * (1.0 - SHRINKAGE);
    for i in 0..shrunk.nrows() {
        shrunk[(i, i)] += SHRINKAGE * within[(i, i)] + ridge;
    }
    let white = whitening(shrunk)?;
    let (values, vectors) = eigen(&(&white * between * white.transpose()))?;
    let most = values.len().div_ceil(PER_DIMENSION);
    let dim = values.iter().take(most).take_while(|v| **v > 1e-4).count();
    if dim == 0 {
        return Err(BehaviorError::Background("people do not differ".to_owned()));
    }
    let rows = vectors.columns(0, dim).transpose() * white;
    let noise = &rows * within * rows.transpose();
    let short = |x: f64| round(x as f32);
    Ok(Directions {
        projection: rows.transpose().iter().map(|x| round_to(*x as f32, 3)).collect(),
        between: values.iter().take(dim).map(|x| short(*x)).collect(),
        within: noise.diagonal().iter().map(|x| short(x.max(1e-6))).collect(),
    })
}

/// Slope and noise by keys of a block, measured on the beginnings of captures against the person's other ones.
fn curve(model: &Model, people: &[&Typist]) -> Vec<Point> {
    let total: f64 = model.between.iter().map(|b| f64::from(*b)).sum();
    let mut points = Vec::new();
    for length in LENGTHS {
        let (mut shared, mut noise, mut count) = (0.0, 0.0, 0.0);
        for captures in people.iter().filter(|p| p.len() > 2) {
            let long: Vec<&[Press]> =
                captures.iter().step_by(CURVE_STRIDE).filter_map(|c| c.get(..length)).collect();
            let cut: Vec<Vec<f32>> =
                long.iter().map(|c| model.project(&Sums::of(c, &model.norms))).collect();
            let pairs = cut.len() as f64 * (cut.len() as f64 - 1.0);
            if pairs < 1.0 {
                continue;
            }
            for d in 0..model.dim() {
                let values = cut.iter().map(|y| f64::from(y[d]));
                let (sum, squares) =
                    values.fold((0.0, 0.0), |t: (f64, f64), y| (t.0 + y, t.1 + y * y));
                let product = (sum * sum - squares) / pairs;
                shared += product;
                noise += (squares / cut.len() as f64 - product) / f64::from(model.within[d]);
            }
            count += 1.0;
        }
        if count > 0.0 {
            // Beginnings of two captures share the person times the slope squared.
            let slope = (shared / count / total).max(1e-4).sqrt();
            let noise = (noise / count / model.dim() as f64).max(1e-4);
            let (slope, noise) = (round(slope as f32), round(noise as f32));
            points.push(Point { keys: length as f32, slope, noise });
        }
    }
    if points.is_empty() {
        points.push(Point { keys: BLOCK as f32, slope: 1.0, noise: 1.0 });
    }
    points
}

/// Noise between the halves of a person's blocks beyond what their number explains, in units of a block's.
fn floor(model: &Model, people: &[Vec<Vec<f32>>]) -> f32 {
    let n = model.scaling.live.len();
    let (mut excess, mut count) = (0.0, 0.0);
    for own in people.iter().filter(|own| own.len() >= 6) {
        let (first, second) = own.split_at(own.len() / 2);
        let mean = |half: &[Vec<f32>], i: usize| {
            half.iter().map(|x| f64::from(x[i])).sum::<f64>() / half.len() as f64
        };
        let difference: Vec<f32> =
            (0..n).map(|i| (mean(first, i) - mean(second, i)) as f32).collect();
        let expected = 1.0 / first.len() as f64 + 1.0 / second.len() as f64;
        for (row, within) in model.projection.chunks_exact(n).zip(&model.within) {
            let y: f32 = row.iter().zip(&difference).map(|(w, x)| w * x).sum();
            excess += (f64::from(y * y / within) - expected) / 2.0;
            count += 1.0;
        }
    }
    round((excess / f64::max(count, 1.0)).clamp(0.02, 0.5) as f32)
}

/// Comparisons among people the model has not seen, as rows for calibration.
fn trials(model: &Model, people: &[&Typist], rows: &mut Vec<LogisticRow>) {
    let totals: Vec<Vec<_>> =
        people.iter().map(|p| p.iter().map(|c| model.totals(c)).collect()).collect();
    for enrolled in ENROLLED {
        for (who, own) in people.iter().enumerate() {
            let Some(first) = totals[who].get(..enrolled).filter(|_| own.len() > enrolled) else {
                continue;
            };
            let mut profile = first[0].clone();
            first[1..].iter().for_each(|t| profile.add(t));
            for step in 0..=OTHERS.min(people.len() - 1) {
                let other = (who + step * (1 + enrolled)) % people.len();
                if step > 0 && other == who {
                    continue;
                }
                let start =
                    if step == 0 { enrolled } else { enrolled.min(people[other].len() - 1) };
                for (at, capture) in people[other].iter().enumerate().skip(start).take(PROBES) {
                    for keys in PROBE_KEYS {
                        let probe = match capture.get(..keys) {
                            Some(cut) => model.totals(cut),
                            None if keys == usize::MAX => totals[other][at].clone(),
                            None => continue,
                        };
                        let x = inputs(model.raw(&profile, &probe), profile.keys, probe.keys);
                        rows.push(LogisticRow { x: x.to_vec(), target: step == 0, weight: 1.0 });
                    }
                }
            }
        }
    }
}
