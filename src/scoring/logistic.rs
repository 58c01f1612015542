//! Logistic regression over a handful of values: several scores of one comparison become one log-odds.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::scoring::ScoringError;
use crate::scoring::linear::solve;

/// Newton steps before a fit is given up.
const MAX_STEPS: usize = 60;
/// Largest change of a weight at which the fit has converged.
const TOLERANCE: f64 = 1e-7;
/// Values are cut to so many standard deviations of the fit, so that none can decide alone.
const CUT: f64 = 8.0;

/// A fitted regression over `mean.len()` values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    /// Mean of each value at the fit.
    pub mean: Vec<f64>,
    /// One over its standard deviation; 0 for a value that never changed.
    pub scale: Vec<f64>,
    /// Weight of each standardized value.
    pub weights: Vec<f64>,
    /// Log-likelihood ratio at the mean.
    pub bias: f64,
}

/// One labeled row.
#[derive(Debug, Clone)]
pub struct LogisticRow {
    /// The values.
    pub x: Vec<f64>,
    /// Same person.
    pub target: bool,
    /// Weight among its kind.
    pub weight: f64,
}

/// Settings of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogisticOptions {
    /// Penalty on squared standardized weights, relative to a total row weight of 1.
    pub ridge: f64,
    /// Prior of a target at which the logarithmic cost is minimized. What comes out are LLRs whatever it is.
    pub prior: f64,
}

impl Logistic {
    /// Fits weights; targets and non-targets share the total weight as the prior says.
    ///
    /// # Errors
    /// Rows of different lengths or not finite, only one kind, or no convergence.
    pub fn fit(rows: &[LogisticRow], options: &LogisticOptions) -> Result<Self, ScoringError> {
        let n = rows.first().map_or(0, |r| r.x.len());
        if let Some(odd) = rows.iter().find(|r| r.x.len() != n) {
            return Err(ScoringError::Dimension { expected: n, got: odd.x.len() });
        }
        let usable = |r: &LogisticRow| {
            r.x.iter().all(|x| x.is_finite()) && r.weight.is_finite() && r.weight >= 0.0
        };
        if !rows.iter().all(usable) {
            return Err(ScoringError::Fit("a value or weight is not finite"));
        }
        let total =
            |target| -> f64 { rows.iter().filter(|r| r.target == target).map(|r| r.weight).sum() };
        let (targets, others) = (total(true), total(false));
        if targets <= 0.0 || others <= 0.0 {
            return Err(ScoringError::TooFew { what: "rows of each kind", needed: 1, got: 0 });
        }
        let share = |r: &LogisticRow| {
            if r.target { options.prior / targets } else { (1.0 - options.prior) / others }
        };
        let weights: Vec<f64> = rows.iter().map(|r| r.weight * share(r)).collect();
        let (mean, scale) = moments(rows, &weights, n);
        let mut fitted = Self { mean, scale, weights: vec![0.0; n], bias: 0.0 };
        fitted.newton(rows, &weights, options)?;
        Ok(fitted)
    }

    /// Refuses what cannot have come from a fit.
    ///
    /// # Errors
    /// Lengths that differ, or numbers that are not finite.
    pub fn check(&self) -> Result<(), ScoringError> {
        let n = self.mean.len();
        for part in [&self.scale, &self.weights] {
            if part.len() != n {
                return Err(ScoringError::Dimension { expected: n, got: part.len() });
            }
        }
        let mut numbers = self.mean.iter().chain(&self.scale).chain(&self.weights);
        if !numbers.all(|x| x.is_finite()) || !self.bias.is_finite() {
            return Err(ScoringError::Fit("a number of a regression is not finite"));
        }
        Ok(())
    }

    /// The LLR of a row; a value that is missing or not finite counts as its mean.
    pub fn llr(&self, x: &[f64]) -> f64 {
        self.bias + self.terms(x).sum::<f64>()
    }

    /// What each value adds to [`Self::llr`].
    pub fn terms<'a>(&'a self, x: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        (0..self.weights.len())
            .map(move |i| self.weights[i] * self.standard(i, x.get(i).copied().unwrap_or(f64::NAN)))
    }

    fn standard(&self, i: usize, x: f64) -> f64 {
        if x.is_finite() { ((x - self.mean[i]) * self.scale[i]).clamp(-CUT, CUT) } else { 0.0 }
    }

    fn newton(
        &mut self,
        rows: &[LogisticRow],
        weights: &[f64],
        options: &LogisticOptions,
    ) -> Result<(), ScoringError> {
        let n = self.weights.len();
        let prior = (options.prior / (1.0 - options.prior)).ln();
        let mut x = DVector::zeros(n + 1);
        for _ in 0..MAX_STEPS {
            let mut gradient = DVector::zeros(n + 1);
            let mut curvature = DMatrix::zeros(n + 1, n + 1);
            for (row, weight) in rows.iter().zip(weights) {
                for i in 0..n {
                    x[i] = self.standard(i, row.x[i]);
                }
                x[n] = 1.0;
                let log_odds =
                    self.bias + prior + (0..n).map(|i| self.weights[i] * x[i]).sum::<f64>();
                let p = 1.0 / (1.0 + (-log_odds).exp());
                gradient.axpy(weight * (p - f64::from(u8::from(row.target))), &x, 1.0);
                curvature.syger(weight * (p * (1.0 - p)).max(1e-12), &x, &x, 1.0);
            }
            for i in 0..n {
                gradient[i] += options.ridge * self.weights[i];
                curvature[(i, i)] += options.ridge;
            }
            for i in 0..=n {
                // Keeps the steps of separable or constant values finite.
                curvature[(i, i)] += 1e-9;
                for j in i + 1..=n {
                    curvature[(i, j)] = curvature[(j, i)];
                }
            }
            let step = solve(curvature, &gradient)?;
            let largest = step.amax();
            // Far from the optimum a whole step can overshoot.
            let cut = if largest > 4.0 { 4.0 / largest } else { 1.0 };
            for i in 0..n {
                self.weights[i] -= cut * step[i];
            }
            self.bias -= cut * step[n];
            if largest < TOLERANCE {
                return Ok(());
            }
        }
        Err(ScoringError::Fit("the regression does not converge"))
    }
}

fn moments(rows: &[LogisticRow], weights: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let total: f64 = weights.iter().sum();
    let weighted = |f: &dyn Fn(&LogisticRow) -> f64| -> f64 {
        rows.iter().zip(weights).map(|(r, w)| w * f(r)).sum::<f64>() / total
    };
    let mean: Vec<f64> = (0..n).map(|i| weighted(&|r| r.x[i])).collect();
    let scale = (0..n)
        .map(|i| weighted(&|r| (r.x[i] - mean[i]).powi(2)).sqrt())
        .map(|deviation| if deviation > 1e-9 { 1.0 / deviation } else { 0.0 })
        .collect();
    (mean, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two values; the log-odds are known by construction: rows come in the proportions they give.
    fn rows() -> Vec<LogisticRow> {
        let mut rows = Vec::new();
        for a in -3..=3 {
            for b in -3..=3 {
                let (a, b) = (f64::from(a), f64::from(b));
                let p = 1.0 / (1.0 + (-(0.8 * a - 0.5 * b)).exp());
                rows.push(LogisticRow { x: vec![a, b, 7.0], target: true, weight: p });
                rows.push(LogisticRow { x: vec![a, b, 7.0], target: false, weight: 1.0 - p });
            }
        }
        rows
    }

    #[test]
    fn finds_the_weights_it_was_made_with() {
        let fitted = Logistic::fit(&rows(), &LogisticOptions { ridge: 0.0, prior: 0.5 }).unwrap();
        fitted.check().unwrap();
        for (a, b) in [(0.0, 0.0), (2.0, 1.0), (-1.0, 3.0)] {
            let got = fitted.llr(&[a, b, 7.0]);
            assert!((got - (0.8 * a - 0.5 * b)).abs() < 1e-5, "{a} {b}: {got}");
        }
        assert_eq!(fitted.scale[2], 0.0);
    }

    #[test]
    fn the_prior_of_the_fit_is_taken_out_again() {
        let at = |prior| Logistic::fit(&rows(), &LogisticOptions { ridge: 0.0, prior }).unwrap();
        assert!((at(0.5).llr(&[1.0, 1.0, 7.0]) - at(0.1).llr(&[1.0, 1.0, 7.0])).abs() < 1e-4);
    }

    #[test]
    fn missing_and_wild_values_do_no_harm() {
        let fitted = Logistic::fit(&rows(), &LogisticOptions { ridge: 1e-4, prior: 0.5 }).unwrap();
        assert!(fitted.llr(&[]).abs() < 1e-6);
        assert!(fitted.llr(&[f64::INFINITY, f64::NAN]).is_finite());
        assert!(fitted.llr(&[1e300, -1e300, 0.0]).is_finite());
    }

    #[test]
    fn refuses_what_it_cannot_fit() {
        let options = LogisticOptions { ridge: 1e-4, prior: 0.5 };
        assert!(Logistic::fit(&[], &options).is_err());
        let one_kind: Vec<_> = rows().into_iter().filter(|r| r.target).collect();
        assert!(Logistic::fit(&one_kind, &options).is_err());
        let mut odd = rows();
        odd[3].x.pop();
        assert!(Logistic::fit(&odd, &options).is_err());
        odd[3].x.push(f64::NAN);
        assert!(Logistic::fit(&odd, &options).is_err());
    }
}
