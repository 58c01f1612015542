//! Strokes of background people, kept in a byte a value.

use crate::behavior::BehaviorError;
use crate::behavior::touch::model::insert;

/// Steps of a code to one standard deviation.
const STEPS: f32 = 40.0;
/// Neighbors of a stroke among all strokes of others.
const NEIGHBORS: usize = 3;

/// Some strokes of each person, as normal numbers less the group's mean.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cohort {
    /// Person of each stroke, rising.
    pub person: Vec<u16>,
    /// `128 + 40 x` for each value, row-major.
    pub codes: Vec<u8>,
    /// Values times the weights of distances, row-major.
    scaled: Vec<f32>,
    /// See [`Self::nearest`], among the strokes of others.
    others: Vec<f64>,
}

impl Cohort {
    /// Of rows of normal numbers with their person, in any order.
    pub fn new(mut rows: Vec<(u16, Vec<f32>)>) -> Self {
        rows.sort_by_key(|r| r.0);
        let code = |x: &f32| (128.0 + STEPS * x).round().clamp(0.0, 255.0) as u8;
        let codes = rows.iter().flat_map(|r| r.1.iter().map(code)).collect();
        Self::stored(rows.iter().map(|r| r.0).collect(), codes)
    }

    /// Of stored people and codes, unchecked until it is prepared.
    pub fn stored(person: Vec<u16>, codes: Vec<u8>) -> Self {
        Self { person, codes, ..Self::default() }
    }

    /// Makes it ready for comparisons.
    ///
    /// # Errors
    /// Codes that are not a row for each stroke, or people out of order.
    pub fn prepare(&mut self, weights: &[f32]) -> Result<(), BehaviorError> {
        let d = weights.len();
        if d == 0
            || self.codes.len() != d * self.person.len()
            || !self.person.windows(2).all(|w| w[0] <= w[1])
        {
            return Err(BehaviorError::Background("strokes of a cohort are damaged".to_owned()));
        }
        let value = |(code, w): (&u8, &f32)| (f32::from(*code) - 128.0) / STEPS * w;
        self.scaled =
            self.codes.chunks_exact(d).flat_map(|r| r.iter().zip(weights).map(value)).collect();
        let rows = self.scaled.chunks_exact(d).zip(&self.person);
        self.others = rows.map(|(row, person)| self.nearest(row, d, Some(*person))).collect();
        Ok(())
    }

    /// Everybody, rising.
    pub fn people(&self) -> impl Iterator<Item = u16> + '_ {
        let mut before = None;
        self.person.iter().copied().filter(move |p| before.replace(*p) != Some(*p))
    }

    /// The strokes of a person, scaled, each with its [`Self::nearest`] among the strokes of others.
    pub fn strokes_of(&self, person: u16, d: usize) -> impl Iterator<Item = (&[f32], f64)> {
        let from = self.person.partition_point(|p| *p < person);
        let to = self.person.partition_point(|p| *p <= person);
        let rows = self.scaled.get(from * d..to * d).unwrap_or_default();
        rows.chunks_exact(d.max(1))
            .zip(self.others.get(from..to).unwrap_or_default().iter().copied())
    }

    /// Logarithm of the mean distance of a scaled row to the nearest strokes of anybody but `but`.
    pub fn nearest(&self, row: &[f32], d: usize, but: Option<u16>) -> f64 {
        let mut best = [f32::INFINITY; NEIGHBORS];
        for (person, other) in self.person.iter().zip(self.scaled.chunks_exact(d.max(1))) {
            if Some(*person) != but {
                insert(&mut best, squared(row, other));
            }
        }
        let (mut sum, mut count) = (0.0, 0.0);
        for x in best.into_iter().filter(|x| x.is_finite()) {
            sum += f64::from(x).sqrt();
            count += 1.0;
        }
        (sum / f64::max(count, 1.0)).max(1e-3).ln()
    }
}

/// Squared distance.
pub(super) fn squared(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums side by side, so that the compiler can use vectors.
    let (wide_a, rest_a) = a.as_chunks::<8>();
    let (wide_b, rest_b) = b.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (a, b) in wide_a.iter().zip(wide_b) {
        for i in 0..8 {
            sums[i] += (a[i] - b[i]) * (a[i] - b[i]);
        }
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(a, b)| (a - b) * (a - b)).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_by_distance_and_leaves_the_own_out() {
        let rows = (0..4u16).map(|p| (p, vec![f32::from(p), 0.0])).collect();
        let mut cohort = Cohort::new(rows);
        cohort.prepare(&[1.0, 1.0]).unwrap();
        assert_eq!(cohort.people().collect::<Vec<_>>(), [0, 1, 2, 3]);
        // Distances 0, 1 and 2, and without the own 1, 2 and 3.
        assert!((cohort.nearest(&[0.0, 0.0], 2, None) - 0.0).abs() < 1e-6);
        assert!((cohort.nearest(&[0.0, 0.0], 2, Some(0)) - 2f64.ln()).abs() < 1e-6);
        let own: Vec<_> = cohort.strokes_of(3, 2).collect();
        assert_eq!(own.len(), 1);
        assert!((own[0].1 - 2f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn damage_is_refused() {
        assert!(Cohort::stored(vec![0, 1], vec![1; 3]).prepare(&[1.0; 2]).is_err());
        assert!(Cohort::stored(vec![1, 0], vec![1; 4]).prepare(&[1.0; 2]).is_err());
        assert!(Cohort::stored(vec![], vec![]).prepare(&[]).is_err());
        assert!(Cohort::stored(vec![], vec![]).prepare(&[1.0]).is_ok());
    }

    #[test]
    fn distances_are_squared_sums_at_any_length() {
        for n in [1usize, 7, 8, 20] {
            let a: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let expected: f32 = a.iter().map(|x| x * x).sum();
            assert_eq!(squared(&a, &vec![0.0; n]), expected);
        }
    }
}
