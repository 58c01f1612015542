//! Linear discriminant analysis with the two-covariance model on top: `x = mean + y + e`, `y ~ N(0, B)` per
//! person, `e ~ N(0, W)` per sample (Ioffe, ECCV 2006; Brümmer and de Villiers, Odyssey 2010). In the
//! projected space `W` is the identity and `B` diagonal, so a comparison is a sum over dimensions.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::scoring::ScoringError;
use crate::scoring::linear::{eigen, whitening};

/// Dimensions whose ratios are multiplied before the logarithm is taken. Each is less than 1e16 (a `f64` would lose the
/// determinant), so sixteen stay below 1e308.
const DIMENSIONS_PER_LOGARITHM: usize = 16;

/// A fitted model over vectors of `input` values, compared in `dim` of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plda {
    /// Mean of the input, `input` values.
    pub mean: Vec<f32>,
    /// Row-major `dim × input`.
    pub projection: Vec<f32>,
    /// Variance between people in each projected dimension, in units of the variance within.
    pub between: Vec<f32>,
}

/// Settings of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PldaOptions {
    /// Most dimensions to keep.
    pub dim: usize,
    /// Share of its own diagonal in the within-person covariance, 0 to 1.
    pub shrinkage: f64,
}

/// One training vector.
#[derive(Debug, Clone, Copy)]
pub struct PldaSample<'a> {
    /// Index of the person.
    pub person: u32,
    /// The vector.
    pub x: &'a [f32],
}

impl Plda {
    /// Fits mean, projection and between-person variances.
    ///
    /// # Errors
    /// Vectors of different lengths or not finite, fewer than two people, or nobody with two samples.
    pub fn fit(samples: &[PldaSample<'_>], options: &PldaOptions) -> Result<Self, ScoringError> {
        let input = samples.first().map_or(0, |s| s.x.len());
        if let Some(odd) = samples.iter().find(|s| s.x.len() != input) {
            return Err(ScoringError::Dimension { expected: input, got: odd.x.len() });
        }
        let spread = Spread::of(samples, input)?;
        let keep = 1.0 - options.shrinkage.clamp(0.0, 1.0);
        let mut within = spread.within;
        for i in 0..input {
            for j in 0..input {
                if i != j {
                    within[(i, j)] *= keep;
                }
            }
            // A value that never changes within a person would be trusted without limit.
            within[(i, i)] += 1e-6 * (1.0 + spread.between[(i, i)].abs());
        }
        let white = whitening(within)?;
        let (values, vectors) = eigen(&(&white * &spread.between * white.transpose()))?;
        let dim = values.iter().take(options.dim).take_while(|v| **v > 1e-6).count();
        let projection = vectors.columns(0, dim).transpose() * white;
        Ok(Self {
            mean: spread.mean.iter().map(|x| *x as f32).collect(),
            projection: projection.transpose().iter().map(|x| *x as f32).collect(),
            between: values.iter().take(dim).map(|x| *x as f32).collect(),
        })
    }

    /// Length of the input.
    pub fn input(&self) -> usize {
        self.mean.len()
    }

    /// Number of dimensions compared.
    pub fn dim(&self) -> usize {
        self.between.len()
    }

    /// Refuses what cannot have come from a fit.
    ///
    /// # Errors
    /// Lengths that do not fit together, or numbers that are not finite or negative variances.
    pub fn check(&self) -> Result<(), ScoringError> {
        let expected = self.dim() * self.input();
        if self.projection.len() != expected {
            return Err(ScoringError::Dimension { expected, got: self.projection.len() });
        }
        let mut numbers = self.mean.iter().chain(&self.projection);
        let finite = numbers.all(|x| x.is_finite());
        if !finite || !self.between.iter().all(|b| b.is_finite() && *b >= 0.0) {
            return Err(ScoringError::Fit("a number of a PLDA is not finite or negative"));
        }
        Ok(())
    }

    /// Projects a vector of `input` values into `out`, `dim` values.
    ///
    /// # Errors
    /// Another length.
    pub fn project(&self, x: &[f32], out: &mut Vec<f64>) -> Result<(), ScoringError> {
        if x.len() != self.input() {
            return Err(ScoringError::Dimension { expected: self.input(), got: x.len() });
        }
        out.clear();
        for row in self.projection.chunks_exact(self.input().max(1)) {
            let terms = row.iter().zip(x.iter().zip(&self.mean));
            out.push(terms.map(|(w, (x, m))| f64::from(*w) * f64::from(x - m)).sum());
        }
        Ok(())
    }

    /// LLR of two projected means being one person's. A `variance` is what a mean varies by within a person, in units of
    /// one sample's variance: 1/n for n independent samples.
    pub fn llr<T: Copy + Into<f64>>(&self, a: (&[T], f64), b: (&[T], f64)) -> f64 {
        let (mut squares, mut ratio, mut logs) = (0.0, 1.0, 0.0);
        for (i, (gained, ratio_here)) in self.parts(a, b).enumerate() {
            squares += gained;
            ratio *= ratio_here;
            // One logarithm for many dimensions; each ratio is moderate, so that they cannot overflow.
            if i % DIMENSIONS_PER_LOGARITHM == DIMENSIONS_PER_LOGARITHM - 1 {
                logs += f64::ln(ratio);
                ratio = 1.0;
            }
        }
        0.5 * (logs + ratio.ln() + squares)
    }

    /// The LLR of each dimension; their sum is [`Self::llr`].
    pub fn terms<'a>(
        &'a self,
        a: (&'a [f64], f64),
        b: (&'a [f64], f64),
    ) -> impl Iterator<Item = f64> + 'a {
        self.parts(a, b).map(|(squares, ratio)| 0.5 * (ratio.ln() + squares))
    }

    /// Of each dimension what speaks in squares, and the ratio of determinants (at least 1) whose logarithm
    /// does.
    fn parts<'a, T: Copy + Into<f64>>(
        &'a self,
        (a, variance_a): (&'a [T], f64),
        (b, variance_b): (&'a [T], f64),
    ) -> impl Iterator<Item = (f64, f64)> + 'a {
        self.between.iter().zip(a.iter().zip(b)).map(move |(between, (a, b))| {
            let (between, a, b) = (f64::from(*between), (*a).into(), (*b).into());
            let (p, q) = (between + variance_a, between + variance_b);
            let determinant = p * q - between * between;
            if determinant <= 0.0 {
                return (0.0, 1.0);
            }
            let same = (q * a * a - 2.0 * between * a * b + p * b * b) / determinant;
            let other = a * a / p + b * b / q;
            (other - same, p * q / determinant)
        })
    }
}

struct Spread {
    mean: DVector<f64>,
    within: DMatrix<f64>,
    between: DMatrix<f64>,
}

impl Spread {
    /// Pooled covariance within people, and covariance of their means less what sampling adds to it.
    fn of(samples: &[PldaSample<'_>], input: usize) -> Result<Self, ScoringError> {
        let mut people: std::collections::BTreeMap<u32, Vec<DVector<f64>>> = Default::default();
        for sample in samples {
            let x = DVector::from_iterator(input, sample.x.iter().map(|x| f64::from(*x)));
            people.entry(sample.person).or_default().push(x);
        }
        let repeated = people.values().filter(|own| own.len() > 1).count();
        if people.len() < 2 || repeated == 0 {
            return Err(ScoringError::TooFew {
                what: "people, one of them with several samples",
                needed: 2,
                got: people.len().min(repeated),
            });
        }
        let mut deviations = Vec::with_capacity(samples.len());
        let mut means = Vec::with_capacity(people.len());
        let mut sampling = 0.0;
        for own in people.values() {
            let count = own.len() as f64;
            let mean = own.iter().fold(DVector::zeros(input), |sum, x| sum + x) / count;
            if own.len() > 1 {
                deviations.extend(own.iter().map(|x| x - &mean));
            }
            sampling += 1.0 / count / people.len() as f64;
            means.push(mean);
        }
        let freedom = (deviations.len() - repeated).max(1) as f64;
        let deviations = DMatrix::from_columns(&deviations);
        let within = &deviations * deviations.transpose() / freedom;
        let count = means.len() as f64;
        let mean = means.iter().fold(DVector::zeros(input), |sum, x| sum + x) / count;
        let centered: Vec<_> = means.iter().map(|x| x - &mean).collect();
        let centered = DMatrix::from_columns(&centered);
        let spread = &centered * centered.transpose() / (count - 1.0);
        let between = spread - &within * sampling;
        Ok(Self { mean, within, between })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deterministic, close to normal.
    fn noise(seed: u64) -> f64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut sum = 0.0;
        for _ in 0..12 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            sum += state as f64 / u64::MAX as f64;
        }
        sum - 6.0
    }

    /// 200 people with 6 samples: value 0 tells people apart (variance 4 against 1), value 1 does not, and
    /// value 2 repeats the noise of value 1.
    fn people() -> Vec<(u32, Vec<f32>)> {
        (0..1_200u64)
            .map(|i| {
                let person = i / 6;
                let shared = noise(i * 3 + 1);
                let own = 2.0 * noise(1_000_000 + person) + noise(i * 3 + 2);
                (person as u32, vec![own as f32, shared as f32, (shared + 0.1 * noise(i)) as f32])
            })
            .collect()
    }

    fn fitted() -> Plda {
        let data = people();
        let samples: Vec<_> =
            data.iter().map(|(person, x)| PldaSample { person: *person, x }).collect();
        Plda::fit(&samples, &PldaOptions { dim: 2, shrinkage: 0.0 }).unwrap()
    }

    #[test]
    fn finds_the_direction_and_its_variance() {
        let plda = fitted();
        plda.check().unwrap();
        assert!((plda.between[0] - 4.0).abs() < 1.0, "{:?}", plda.between);
        assert!(plda.between.get(1).is_none_or(|b| *b < 0.2), "{:?}", plda.between);
        assert!(plda.projection[0].abs() > 0.8 && plda.projection[1].abs() < 0.2);
    }

    #[test]
    fn agrees_with_the_densities_written_out() {
        let plda = Plda { mean: vec![0.0], projection: vec![1.0], between: vec![3.0] };
        let (a, b, va, vb) = (0.7, -1.1, 0.2, 0.5);
        let density = |x: f64, variance: f64| {
            (-0.5 * x * x / variance).exp() / (2.0 * std::f64::consts::PI * variance).sqrt()
        };
        // The joint density by integrating over the person's own mean.
        let step = 1e-3;
        let joint: f64 = (-20_000..20_000)
            .map(|i| f64::from(i) * step)
            .map(|y| density(y, 3.0) * density(a - y, va) * density(b - y, vb) * step)
            .sum();
        let expected = (joint / (density(a, 3.0 + va) * density(b, 3.0 + vb))).ln();
        let got = plda.llr((&[a], va), (&[b], vb));
        assert!((got - expected).abs() < 1e-6, "{got} {expected}");
    }

    #[test]
    fn more_samples_say_more() {
        let plda = Plda { mean: vec![0.0], projection: vec![1.0], between: vec![3.0] };
        let at = |variance| plda.llr((&[2.0], variance), (&[2.0], variance));
        assert!(at(0.1) > at(0.5) && at(0.5) > at(2.0));
    }

    #[test]
    fn refuses_what_it_cannot_fit() {
        let fit = |data: &[(u32, Vec<f32>)]| {
            let samples: Vec<_> =
                data.iter().map(|(person, x)| PldaSample { person: *person, x }).collect();
            Plda::fit(&samples, &PldaOptions { dim: 2, shrinkage: 0.1 })
        };
        assert!(fit(&[]).is_err());
        assert!(fit(&[(0, vec![1.0]), (0, vec![2.0])]).is_err());
        assert!(fit(&[(0, vec![1.0]), (1, vec![2.0])]).is_err());
        assert!(fit(&[(0, vec![1.0]), (0, vec![2.0, 3.0]), (1, vec![2.0])]).is_err());
        assert!(fit(&[(0, vec![f32::NAN]), (0, vec![2.0]), (1, vec![2.0])]).is_err());
        let mut out = Vec::new();
        assert!(fitted().project(&[1.0], &mut out).is_err());
    }
}
