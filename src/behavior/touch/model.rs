//! What the background people know about one kind of stroke: distributions, directions that tell people apart,
//! and a sample of their strokes to compare nearness with.

use crate::behavior::touch::cohort::{Cohort, squared};
use crate::behavior::touch::features::known;
use crate::behavior::touch::kind::Kind;
use crate::behavior::touch::quantile::{Quantiles, median};
use crate::scoring::plda::Plda;

/// What a comparison found, before it is combined; see [`KindModel::scores`].
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Nearness to the enrolled strokes against nearness to those of background people, mean over the strokes.
    pub nearest: f64,
    /// Minus the mean deviation in the person's own spread.
    pub manhattan: f64,
    /// LLR of the two-covariance model.
    pub plda: f64,
    /// For each value, minus the distance of the means of both sides in the person's own spread.
    pub apart: Vec<f64>,
    /// What each dimension of the two-covariance model adds to its LLR.
    pub terms: Vec<f64>,
    /// Strokes of the probe that were compared.
    pub used: usize,
}

/// Neighbors of a probe stroke among the enrolled.
const ENROLLED_NEIGHBORS: usize = 1;
/// Fewest enrolled strokes of a direction that strokes of it are compared with.
pub const MIN_ENROLLED: usize = 3;
/// A feature's deviation counts up to so many of the person's own.
const CUT: f64 = 4.0;

/// One direction group of a kind.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupModel {
    /// Of the kind's values.
    pub quantiles: Quantiles,
    /// Mean of the normal numbers over people.
    pub mean: Vec<f32>,
    /// Strokes of background people.
    pub cohort: Cohort,
}

/// One kind of stroke.
#[derive(Debug, Clone, PartialEq)]
pub struct KindModel {
    /// Which.
    pub kind: Kind,
    /// By direction, see [`Kind::group`].
    pub groups: Vec<GroupModel>,
    /// Over the normal numbers less the group's mean.
    pub plda: Plda,
    /// What a mean varies by within a person from session to session, in units of the PLDA.
    pub session: f64,
    /// What a single stroke varies by within a session.
    pub stroke: f64,
    /// Weight of each value in distances.
    pub weights: Vec<f32>,
}

/// The strokes of one direction on one side of a comparison.
#[derive(Debug, Clone)]
pub struct GroupSide {
    /// Normal numbers less the group's mean, row-major.
    pub rows: Vec<f32>,
    /// The same times the weights of distances.
    pub scaled: Vec<f32>,
    /// Strokes.
    pub count: usize,
    /// Mean of the rows.
    pub mean: Vec<f32>,
    /// Median of each normal number and its mean absolute deviation, shrunk to the usual one.
    pub spread: Vec<(f64, f64)>,
    /// Mean and deviation over background people of the nearest-stroke score against these strokes.
    pub norm: (f64, f64),
}

impl KindModel {
    /// Values of a row that this kind is compared by.
    pub fn dim(&self) -> usize {
        self.weights.len()
    }

    /// The strokes of each direction. `normalize` for the enrolled side, whose scores are then normalized.
    pub fn side(&self, rows: &[&[f32]], normalize: bool) -> Vec<GroupSide> {
        (0..self.groups.len())
            .map(|g| {
                let own: Vec<&[f32]> =
                    rows.iter().copied().filter(|r| self.kind.group(r) == g).collect();
                self.group_side(g, &own, normalize)
            })
            .collect()
    }

    fn group_side(&self, g: usize, rows: &[&[f32]], normalize: bool) -> GroupSide {
        let d = self.dim();
        let group = &self.groups[g];
        let mut z = Vec::with_capacity(rows.len() * d);
        for row in rows {
            z.extend(self.normal(group, row));
        }
        let scaled: Vec<f32> = z
            .chunks_exact(d)
            .flat_map(|r| r.iter().zip(&self.weights).map(|(x, w)| x * w))
            .collect();
        let spread = (0..d)
            .map(|i| {
                let mut own: Vec<f64> =
                    z.iter().skip(i).step_by(d).map(|x| f64::from(*x)).collect();
                let middle = median(&mut own);
                let n = own.len() as f64;
                let off: f64 = own.iter().map(|x| (x - middle).abs()).sum();
                // As if five more strokes had the usual spread within a person.
                (middle, (off + 5.0 * 0.6) / (n + 5.0))
            })
            .collect();
        let (count, mean, norm) = (rows.len(), mean(&z, d), (0.0, 1.0));
        let mut side = GroupSide { rows: z, scaled, count, mean, spread, norm };
        if normalize && side.count >= MIN_ENROLLED {
            side.norm = self.norm(g, &side);
        }
        side
    }

    /// The normal numbers of a row, less their mean; what the device does not give is the mean.
    fn normal<'a>(
        &'a self,
        group: &'a GroupModel,
        row: &'a [f32],
    ) -> impl Iterator<Item = f32> + 'a {
        self.kind.values().iter().enumerate().map(move |(i, at)| {
            if known(row, *at) {
                group.quantiles.normal(i, row[*at]) as f32 - group.mean[i]
            } else {
                0.0
            }
        })
    }

    /// How strokes of background people score against the enrolled ones.
    fn norm(&self, g: usize, side: &GroupSide) -> (f64, f64) {
        let (cohort, d) = (&self.groups[g].cohort, self.dim());
        let people = cohort.people().map(|person| {
            let strokes = cohort.strokes_of(person, d);
            let scores = strokes.map(|(row, others)| others - nearest(row, &side.scaled, d));
            let (sum, count) = scores.fold((0.0, 0.0), |(s, n), x| (s + x, n + 1.0));
            sum / f64::max(count, 1.0)
        });
        moments(&people.collect::<Vec<_>>())
    }

    /// Compares: nearness to the enrolled strokes against nearness to background people's (log ratio of distances, in
    /// deviations of what background people score), minus the mean deviation in the person's own spread, and the PLDA's
    /// LLR; then value by value and dimension by dimension what the last two rest on.
    pub fn scores(&self, enrolled: &[GroupSide], probe: &[GroupSide]) -> Scores {
        let d = self.dim();
        let (apart, terms) = (vec![0.0; d], vec![0.0; self.plda.dim()]);
        let mut all = Scores { nearest: 0.0, manhattan: 0.0, plda: 0.0, apart, terms, used: 0 };
        for (g, (own, seen)) in enrolled.iter().zip(probe).enumerate() {
            if own.count < MIN_ENROLLED || seen.count == 0 {
                continue;
            }
            all.used += seen.count;
            let cohort = &self.groups[g].cohort;
            for (row, scaled) in seen.rows.chunks_exact(d).zip(seen.scaled.chunks_exact(d)) {
                let near = nearest(scaled, &own.scaled, d);
                let (mean, deviation) = own.norm;
                all.nearest += (cohort.nearest(scaled, d, None) - near - mean) / deviation;
                let off = row.iter().zip(&own.spread);
                let off: f64 =
                    off.map(|(x, (m, s))| ((f64::from(*x) - m).abs() / s).min(CUT)).sum();
                all.manhattan -= off / d as f64;
            }
            self.add_terms(own, seen, &mut all.terms);
            for (i, apart) in all.apart.iter_mut().enumerate() {
                let off = f64::from((own.mean[i] - seen.mean[i]).abs()) / own.spread[i].1;
                *apart -= seen.count as f64 * off;
            }
        }
        let strokes = all.used.max(1) as f64;
        all.nearest /= strokes;
        all.manhattan /= strokes;
        all.apart.iter_mut().for_each(|x| *x /= strokes);
        all.plda = all.terms.iter().sum();
        all
    }

    fn add_terms(&self, own: &GroupSide, seen: &GroupSide, terms: &mut [f64]) {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        let projected = self.plda.project(&own.mean, &mut a).is_ok()
            && self.plda.project(&seen.mean, &mut b).is_ok();
        if !projected {
            return;
        }
        let variance = |n: usize| self.session + self.stroke / n.max(1) as f64;
        let new = self.plda.terms((&a, variance(own.count)), (&b, variance(seen.count)));
        terms.iter_mut().zip(new).for_each(|(sum, term)| *sum += term);
    }
}

/// How strange strokes are among background people: the mean square of the mean normal numbers of each direction. People of
/// the sets that the shipped models are fitted on have 0.1 to 0.9 (words up to 1.4), those of another app on another device
/// 0.8 to 2.1: everything about them is rare, and would pass as identity.
pub fn strangeness(side: &[GroupSide], d: usize) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for group in side.iter().filter(|g| g.count > 0) {
        let square: f32 = group.mean.iter().map(|x| x * x).sum();
        sum += group.count as f64 * f64::from(square) / d.max(1) as f64;
        count += group.count as f64;
    }
    sum / f64::max(count, 1.0)
}

/// Mean of the rows.
fn mean(rows: &[f32], d: usize) -> Vec<f32> {
    let mut mean = vec![0.0; d];
    for row in rows.chunks_exact(d.max(1)) {
        for (m, x) in mean.iter_mut().zip(row) {
            *m += x;
        }
    }
    let n = (rows.len() / d.max(1)).max(1) as f32;
    mean.iter_mut().for_each(|m| *m /= n);
    mean
}

/// Logarithm of the mean distance to the nearest rows.
fn nearest(row: &[f32], rows: &[f32], d: usize) -> f64 {
    let mut best = [f32::INFINITY; ENROLLED_NEIGHBORS];
    for other in rows.chunks_exact(d.max(1)) {
        insert(&mut best, squared(row, other));
    }
    let found: Vec<f64> =
        best.iter().filter(|x| x.is_finite()).map(|x| f64::from(*x).sqrt()).collect();
    (found.iter().sum::<f64>() / found.len().max(1) as f64).max(1e-3).ln()
}

/// Keeps the smallest numbers, rising.
pub(super) fn insert(best: &mut [f32], x: f32) {
    let mut x = x;
    for slot in best {
        if x < *slot {
            std::mem::swap(&mut x, slot);
        }
    }
}

pub(super) fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    // Few people make no sharp norm.
    (mean, variance.sqrt() + 0.05)
}
