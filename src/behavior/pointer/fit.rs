//! Fitting a background: length, scale and PLDA on everybody; calibration on people whom the rest was not fitted on.

use std::collections::BTreeMap;

use nalgebra::{Matrix3, Vector3};

use crate::behavior::pointer::background::{
    Background, Side, VERSION, inputs, mean_of, raw, standardized,
};
use crate::behavior::pointer::features::{FEATURES, ROW};
use crate::behavior::pointer::stats::{
    Adjusted, LENGTH_FIT, STATS, adjust, blocks, kind, moments, powers, values,
};
use crate::behavior::{BehaviorError, Sample, SampleKind};
use crate::scoring::logistic::{Logistic, LogisticOptions, LogisticRow};
use crate::scoring::plda::{Plda, PldaOptions, PldaSample};

/// Fewest people with two sessions that a background is fitted on.
pub const MIN_PEOPLE: usize = 12;
/// Groups of people for calibration: each is scored by a model of the others.
const GROUPS: usize = 5;
/// Fixed so that a fit repeats: dimensions, shrinkage and ridge did best by the area under the ROC over people of
/// the set, and change little around these values.
const PLDA: PldaOptions = PldaOptions { dim: 40, shrinkage: 0.3 };
const REGRESSION: LogisticOptions = LogisticOptions { ridge: 1e-3, prior: 0.5 };
/// Actions of the probes and of the short enrollment that calibration is fitted on.
const PROBES: [usize; 3] = [10, 20, 40];
const SHORT_ENROLLMENT: usize = 60;

/// The rows of one person, by session.
type Person = BTreeMap<u32, Vec<Vec<f32>>>;

impl Background {
    /// Fits a model on `(person, session, sample)`.
    ///
    /// # Errors
    /// Samples of another kind, fewer than [`MIN_PEOPLE`] people with two sessions, or a fit that fails.
    pub fn train(samples: &[(u32, u32, &Sample)]) -> Result<Self, BehaviorError> {
        let mut people: BTreeMap<u32, Person> = BTreeMap::new();
        for (person, session, sample) in samples {
            check_sample(sample)?;
            let rows = people.entry(*person).or_default().entry(*session).or_default();
            rows.extend(sample.iter().map(<[f32]>::to_vec));
        }
        let people: Vec<Person> = people.into_values().collect();
        let got = people.iter().filter(|p| p.len() > 1).count();
        if got < MIN_PEOPLE {
            let what = "people with two sessions of a pointer";
            return Err(BehaviorError::TooFew { what, needed: MIN_PEOPLE, got });
        }
        let mut trials = Vec::new();
        for group in 0..GROUPS {
            let inside = |i: &usize| i % GROUPS == group;
            let pick = |held: bool| -> Vec<&Person> {
                (0..people.len()).filter(|i| inside(i) == held).map(|i| &people[i]).collect()
            };
            let core = Core::fit(&pick(false))?;
            core.trials(&pick(true), &mut trials)?;
        }
        let calibration = Logistic::fit(&trials, &REGRESSION)?;
        let core = Core::fit(&people.iter().collect::<Vec<_>>())?;
        let mut model = Self {
            version: VERSION,
            people: people.len() as u32,
            length_fit: core.length_fit,
            mean: core.mean,
            scale: core.scale,
            plda: core.plda,
            calibration,
        };
        let Self { length_fit, mean, scale, plda, .. } = &mut model;
        let numbers = [length_fit, mean, scale, &mut plda.mean, &mut plda.projection];
        numbers.into_iter().chain([&mut plda.between]).flatten().for_each(shorten);
        model.check()?;
        Ok(model)
    }
}

/// Leaves five significant digits, which keeps the file small.
fn shorten(x: &mut f32) {
    *x = format!("{x:.4e}").parse().unwrap_or(*x);
}

/// Refuses samples that are not pointer rows.
///
/// # Errors
/// Another kind or shape, or no rows.
pub(super) fn check_sample(sample: &Sample) -> Result<(), BehaviorError> {
    let kind = SampleKind::Pointer;
    let why = if sample.kind != kind {
        "it is of another kind"
    } else if sample.dim != ROW || sample.rows.is_empty() || !sample.rows.len().is_multiple_of(ROW)
    {
        "it is not whole rows of this version"
    } else if !sample.rows.iter().all(|x| x.is_finite()) {
        "a value is not finite"
    } else {
        return Ok(());
    };
    Err(BehaviorError::Sample { kind, why })
}

/// Everything but the calibration.
struct Core {
    length_fit: Vec<f32>,
    mean: Vec<f32>,
    scale: Vec<f32>,
    plda: Plda,
}

impl Core {
    fn fit(people: &[&Person]) -> Result<Self, BehaviorError> {
        let length_fit = fit_length(people);
        let made: Vec<Vec<[f64; STATS]>> = people
            .iter()
            .map(|sessions| {
                let of = |rows: &Vec<Vec<f32>>| blocks(&adjusted(rows, &length_fit));
                sessions.values().flat_map(of).collect()
            })
            .collect();
        let (mut mean, mut scale) = (vec![0.0; STATS], vec![0.0; STATS]);
        for i in 0..STATS {
            let (m, deviation) = moments(made.iter().flatten().map(|block| block[i]));
            if m.is_finite() && deviation > 1e-6 {
                (mean[i], scale[i]) = (m as f32, (1.0 / deviation) as f32);
            }
        }
        let vectors: Vec<Vec<Vec<f32>>> =
            made.iter().map(|own| standardized(own, &mean, &scale)).collect();
        let samples: Vec<PldaSample<'_>> = vectors
            .iter()
            .enumerate()
            .flat_map(|(i, own)| own.iter().map(move |x| PldaSample { person: i as u32, x }))
            .collect();
        Ok(Self { plda: Plda::fit(&samples, &PLDA)?, length_fit, mean, scale })
    }

    fn side(&self, rows: &[Vec<f32>]) -> Result<Side, BehaviorError> {
        let of = blocks(&adjusted(rows, &self.length_fit));
        let stats = mean_of(&standardized(&of, &self.mean, &self.scale));
        let mut projected = Vec::new();
        self.plda.project(&stats, &mut projected)?;
        Ok(Side { stats, projected, actions: rows.len() })
    }

    /// Compares held-out people with each other: the longest session against windows of the others.
    fn trials(&self, held: &[&Person], out: &mut Vec<LogisticRow>) -> Result<(), BehaviorError> {
        let (mut enrolled, mut probes) = (Vec::new(), Vec::new());
        for (i, person) in held.iter().enumerate() {
            let longest = person.iter().max_by_key(|(_, rows)| rows.len());
            let Some((session, rows)) = longest.filter(|_| person.len() > 1) else { continue };
            for count in [SHORT_ENROLLMENT, rows.len()] {
                enrolled.push((i, self.side(&rows[..count.min(rows.len())])?));
            }
            for rows in person.iter().filter(|(s, _)| *s != session).map(|(_, rows)| rows) {
                for size in PROBES.into_iter().chain([rows.len()]) {
                    for window in rows.chunks_exact(size.max(1)) {
                        // Every size of window counts the same.
                        probes.push((i, self.side(window)?, size as f64 / rows.len() as f64));
                    }
                }
            }
        }
        for (a, enrolled) in &enrolled {
            for (b, probe, weight) in &probes {
                let score = raw(&self.plda, enrolled, probe);
                let x = inputs(score, enrolled.actions, probe.actions).to_vec();
                out.push(LogisticRow { x, target: a == b, weight: *weight });
            }
        }
        Ok(())
    }
}

fn adjusted(rows: &[Vec<f32>], fit: &[f32]) -> Vec<Adjusted> {
    rows.iter().map(|row| adjust(row, fit)).collect()
}

/// Least squares of each feature on the powers of relative length, for each kind of action.
fn fit_length(people: &[&Person]) -> Vec<f32> {
    let mut normal = vec![(Matrix3::<f64>::zeros(), Vector3::<f64>::zeros()); 3 * FEATURES];
    for row in people.iter().flat_map(|sessions| sessions.values().flatten()) {
        let x = Vector3::from(powers(row));
        for (i, y) in values(row).into_iter().enumerate().filter(|(_, y)| y.is_finite()) {
            let (square, product) = &mut normal[kind(row) * FEATURES + i];
            *square += x * x.transpose();
            *product += x * y;
        }
    }
    let mut fit = Vec::with_capacity(LENGTH_FIT);
    for (square, product) in normal {
        // One action's worth of ridge keeps a feature that a kind lacks at 0.
        let solved = (square + Matrix3::identity()).cholesky().map(|c| c.solve(&product));
        fit.extend(solved.unwrap_or_default().iter().map(|c| *c as f32));
    }
    fit
}

#[cfg(test)]
pub(super) mod tests;
