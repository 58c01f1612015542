//! Fits the model of one kind of stroke on background people.

use nalgebra::{DMatrix, DVector};
use std::collections::BTreeMap;

use crate::behavior::BehaviorError;
use crate::behavior::touch::cohort::Cohort;
use crate::behavior::touch::kind::Kind;
use crate::behavior::touch::model::{GroupModel, KindModel};
use crate::behavior::touch::quantile::Quantiles;
use crate::scoring::linear::{eigen, whitening};
use crate::scoring::plda::Plda;

/// A stroke to fit on.
#[derive(Debug, Clone, Copy)]
pub struct Stroke<'a> {
    /// Whose.
    pub person: u32,
    /// The sitting.
    pub session: u32,
    /// Model of the device, where known: people are told apart on the same one.
    pub device: Option<u32>,
    /// Its row.
    pub row: &'a [f32],
}

/// Settings of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitOptions {
    /// Dimensions of the PLDA.
    pub dim: usize,
    /// Strokes of each person and group in the cohort.
    pub cohort_strokes: usize,
    /// People in the cohort.
    pub cohort_people: usize,
    /// Share of its own diagonal in the covariances.
    pub shrinkage: f64,
}

impl FitOptions {
    /// As measured to be good for a kind.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Swipe | Kind::Scroll => {
                Self { dim: 12, cohort_strokes: 24, cohort_people: 40, shrinkage: 0.1 }
            }
            Kind::Word => Self { dim: 30, cohort_strokes: 8, cohort_people: 100, shrinkage: 0.05 },
        }
    }
}

/// Strokes of a window at which within-person variance is taken for the directions that tell people apart.
const WINDOW: f64 = 8.0;
/// A person's session counts in covariances from so many strokes.
const SESSION_STROKES: usize = 4;

/// Fits.
///
/// # Errors
/// Fewer than three people with enough strokes.
pub fn fit(
    kind: Kind,
    strokes: &[Stroke<'_>],
    options: &FitOptions,
) -> Result<KindModel, BehaviorError> {
    let d = kind.values().len();
    let mut groups = Vec::with_capacity(kind.groups());
    let mut spread = Spread::new(d);
    let mut normal = Vec::with_capacity(kind.groups());
    for g in 0..kind.groups() {
        let own: Vec<&Stroke<'_>> = strokes.iter().filter(|s| kind.group(s.row) == g).collect();
        let (quantiles, z) = normalize(kind, &own);
        let mean = mean_of_people(&own, &z, d);
        let z: Vec<DVector<f64>> = z.into_iter().map(|x| x - &mean).collect();
        spread.add(&own, &z);
        groups.push(GroupModel {
            quantiles,
            mean: mean.iter().map(|x| *x as f32).collect(),
            cohort: Cohort::default(),
        });
        normal.push((own, z));
    }
    let Covariances { stroke, session, between } = spread.finish(options.shrinkage)?;
    let weights: Vec<f32> = (0..d)
        .map(|i| {
            let within = session[(i, i)] + stroke[(i, i)] / WINDOW;
            (between[(i, i)].max(0.02) / within.max(1e-3)).sqrt() as f32
        })
        .collect();
    let within = &session + &stroke / WINDOW;
    let (plda, session, stroke) = plda(&within, &session, &stroke, &between, options.dim)?;
    for (group, (own, z)) in groups.iter_mut().zip(&normal) {
        group.cohort = cohort(own, z, options);
        group.cohort.prepare(&weights)?;
    }
    Ok(KindModel { kind, groups, plda, session, stroke, weights })
}

fn normalize(kind: Kind, own: &[&Stroke<'_>]) -> (Quantiles, Vec<DVector<f64>>) {
    let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
    for stroke in own {
        *counts.entry(stroke.person).or_default() += 1.0;
    }
    let picked: Vec<Vec<f32>> =
        own.iter().map(|s| kind.values().iter().map(|i| s.row[*i]).collect()).collect();
    // People count alike, whatever their number of strokes.
    let weighted: Vec<(&[f32], f64)> = picked
        .iter()
        .zip(own)
        .map(|(r, s)| (r.as_slice(), 1.0 / counts.get(&s.person).copied().unwrap_or(1.0)))
        .collect();
    let quantiles = Quantiles::fit(&weighted, kind.values().len());
    let z = picked
        .iter()
        .map(|r| {
            DVector::from_iterator(
                r.len(),
                r.iter().enumerate().map(|(i, x)| quantiles.normal(i, *x)),
            )
        })
        .collect();
    (quantiles, z)
}

fn mean_of_people(own: &[&Stroke<'_>], z: &[DVector<f64>], d: usize) -> DVector<f64> {
    let mut people: BTreeMap<u32, (DVector<f64>, f64)> = BTreeMap::new();
    for (stroke, x) in own.iter().zip(z) {
        let entry = people.entry(stroke.person).or_insert_with(|| (DVector::zeros(d), 0.0));
        entry.0 += x;
        entry.1 += 1.0;
    }
    let count = people.len().max(1) as f64;
    people.values().fold(DVector::zeros(d), |sum, (x, n)| sum + x / *n) / count
}

/// Sums for the three covariances.
struct Spread {
    d: usize,
    stroke: (DMatrix<f64>, f64),
    session: (DMatrix<f64>, f64),
    between: (DMatrix<f64>, f64),
    /// Mean over sessions of one over their strokes, and mean over people of one over their sessions.
    sampling: (f64, f64),
    sessions: (f64, f64),
}

struct Covariances {
    stroke: DMatrix<f64>,
    session: DMatrix<f64>,
    between: DMatrix<f64>,
}

impl Spread {
    fn new(d: usize) -> Self {
        let zero = || (DMatrix::zeros(d, d), 0.0);
        Self {
            d,
            stroke: zero(),
            session: zero(),
            between: zero(),
            sampling: (0.0, 0.0),
            sessions: (0.0, 0.0),
        }
    }

    fn add(&mut self, own: &[&Stroke<'_>], z: &[DVector<f64>]) {
        type Sessions = BTreeMap<u32, Vec<usize>>;
        let mut people: BTreeMap<u32, (Option<u32>, Sessions)> = BTreeMap::new();
        for (i, stroke) in own.iter().enumerate() {
            let entry = people.entry(stroke.person).or_insert((stroke.device, BTreeMap::new()));
            entry.1.entry(stroke.session).or_default().push(i);
        }
        let mut devices: BTreeMap<Option<u32>, Vec<DVector<f64>>> = BTreeMap::new();
        for (device, sessions) in people.values() {
            let mut means = Vec::new();
            for rows in sessions.values().filter(|r| r.len() >= SESSION_STROKES) {
                let n = rows.len() as f64;
                let mean = rows.iter().fold(DVector::zeros(self.d), |s, i| s + &z[*i]) / n;
                for i in rows {
                    let off = &z[*i] - &mean;
                    self.stroke.0.syger(1.0, &off, &off, 1.0);
                }
                self.stroke.1 += n - 1.0;
                self.sampling.0 += 1.0 / n;
                self.sampling.1 += 1.0;
                means.push(mean);
            }
            if means.is_empty() {
                continue;
            }
            let n = means.len() as f64;
            let mean = means.iter().fold(DVector::zeros(self.d), |s, x| s + x) / n;
            for x in &means {
                let off = x - &mean;
                self.session.0.syger(1.0, &off, &off, 1.0);
            }
            self.session.1 += n - 1.0;
            self.sessions.0 += 1.0 / n;
            self.sessions.1 += 1.0;
            devices.entry(*device).or_default().push(mean);
        }
        for means in devices.values().filter(|m| m.len() > 1) {
            let n = means.len() as f64;
            let mean = means.iter().fold(DVector::zeros(self.d), |s, x| s + x) / n;
            for x in means {
                let off = x - &mean;
                self.between.0.syger(1.0, &off, &off, 1.0);
            }
            self.between.1 += n - 1.0;
        }
    }

    fn finish(self, shrinkage: f64) -> Result<Covariances, BehaviorError> {
        if self.between.1 < 2.0 || self.stroke.1 < 8.0 {
            return Err(BehaviorError::TooFew {
                what: "people with strokes to fit on",
                needed: 3,
                got: self.between.1 as usize,
            });
        }
        let ratio = |(sum, n): (f64, f64)| sum / f64::max(n, 1.0);
        let full = |(sum, n): (DMatrix<f64>, f64)| {
            let mut c = sum / f64::max(n, 1.0);
            c.fill_upper_triangle_with_lower_triangle();
            c
        };
        let several = self.session.1 >= 4.0;
        let (stroke, seen) = (full(self.stroke), full(self.session));
        // With single sessions only, what a session adds is unknown: a tenth of a stroke's variance is assumed.
        let session = if several { &seen - &stroke * ratio(self.sampling) } else { &stroke * 0.1 };
        let within_mean = (&session + &stroke * ratio(self.sampling)) * ratio(self.sessions);
        let between = full(self.between) - within_mean;
        let session = positive(&shrunk(session, shrinkage))?;
        let between = positive(&shrunk(between, shrinkage))?;
        Ok(Covariances { stroke: shrunk(stroke, shrinkage), session, between })
    }
}

/// The same with its own diagonal in part.
fn shrunk(mut c: DMatrix<f64>, share: f64) -> DMatrix<f64> {
    for i in 0..c.nrows() {
        for j in 0..c.ncols() {
            if i != j {
                c[(i, j)] *= 1.0 - share;
            }
        }
        c[(i, i)] += 1e-4;
    }
    c
}

/// Without negative variances, which come from subtracting one estimate from another.
fn positive(c: &DMatrix<f64>) -> Result<DMatrix<f64>, BehaviorError> {
    let (values, vectors) = eigen(c)?;
    let values = values.map(|v| v.max(1e-4));
    Ok(&vectors * DMatrix::from_diagonal(&values) * vectors.transpose())
}

/// The PLDA in the space where `within` is the identity, with the variances of session and stroke in it.
fn plda(
    within: &DMatrix<f64>,
    session: &DMatrix<f64>,
    stroke: &DMatrix<f64>,
    between: &DMatrix<f64>,
    dim: usize,
) -> Result<(Plda, f64, f64), BehaviorError> {
    let white = whitening(within.clone())?;
    let (values, vectors) = eigen(&(&white * between * white.transpose()))?;
    let dim = values.iter().take(dim).take_while(|v| **v > 1e-6).count().max(1);
    let projection = vectors.columns(0, dim).transpose() * white;
    let variance =
        |c: &DMatrix<f64>| (&projection * c * projection.transpose()).trace() / dim as f64;
    let (session, stroke) = (variance(session), variance(stroke));
    let plda = Plda {
        mean: vec![0.0; within.nrows()],
        projection: projection.transpose().iter().map(|x| *x as f32).collect(),
        between: values.iter().take(dim).map(|x| *x as f32).collect(),
    };
    Ok((plda, session, stroke))
}

fn cohort(own: &[&Stroke<'_>], z: &[DVector<f64>], options: &FitOptions) -> Cohort {
    let mut people: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (i, stroke) in own.iter().enumerate() {
        people.entry(stroke.person).or_default().push(i);
    }
    let every = people.len().div_ceil(options.cohort_people.max(1)).max(1);
    let mut rows = Vec::new();
    for (n, strokes) in people.values().step_by(every).enumerate() {
        let count = strokes.len().min(options.cohort_strokes);
        for k in 0..count {
            let i = strokes[k * strokes.len() / count];
            rows.push((n as u16, z[i].iter().map(|x| *x as f32).collect()));
        }
    }
    Cohort::new(rows)
}
