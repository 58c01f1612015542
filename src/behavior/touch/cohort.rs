//! Strokes of background people, kept in a byte a value.

use crate::behavior::BehaviorError;
use crate::behavior::touch::model::{insert, moments};

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
    /// How each stroke lies among the others' strokes.
    seen: Vec<Seen>,
}

/// How a stroke lies among background people.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Seen {
    /// Logarithm of the mean distance to the nearest strokes of anybody.
    pub nearest_others: f64,
    /// Mean over people of the logarithm of the distance to their nearest stroke.
    pub mean_person: f64,
    /// Its deviation over people.
    pub spread_person: f64,
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
        self.seen = (0..self.person.len())
            .map(|i| self.see(&self.scaled[i * d..(i + 1) * d], d, Some(self.person[i])))
            .collect();
        Ok(())
    }

    /// Everybody, rising.
    pub fn people(&self) -> impl Iterator<Item = u16> + '_ {
        let mut before = None;
        self.person.iter().copied().filter(move |p| before.replace(*p) != Some(*p))
    }

    /// The strokes of a person, scaled, and how they lie among the others'.
    pub fn strokes_of(&self, person: u16, d: usize) -> impl Iterator<Item = (&[f32], &Seen)> {
        let from = self.person.partition_point(|p| *p < person);
        let to = self.person.partition_point(|p| *p <= person);
        let rows = self.scaled.get(from * d..to * d).unwrap_or_default();
        rows.chunks_exact(d.max(1)).zip(self.seen.get(from..to).unwrap_or_default())
    }

    /// How a scaled row lies among the strokes of everybody but `but`.
    pub fn see(&self, row: &[f32], d: usize, but: Option<u16>) -> Seen {
        let mut best = [f32::INFINITY; NEIGHBORS];
        let mut people: Vec<f64> = Vec::with_capacity(64);
        let (mut current, mut own) = (None, f32::INFINITY);
        for (person, other) in self.person.iter().zip(self.scaled.chunks_exact(d.max(1))) {
            if Some(*person) == but {
                continue;
            }
            if current != Some(*person) {
                people.extend(current.map(|_| log_distance(own)));
                (current, own) = (Some(*person), f32::INFINITY);
            }
            let distance = squared(row, other);
            own = own.min(distance);
            insert(&mut best, distance);
        }
        people.extend(current.map(|_| log_distance(own)));
        let found: Vec<f64> =
            best.iter().filter(|x| x.is_finite()).map(|x| f64::from(*x).sqrt()).collect();
        let (mean_person, spread_person) = moments(&people);
        let near = found.iter().sum::<f64>() / found.len().max(1) as f64;
        Seen { nearest_others: near.max(1e-3).ln(), mean_person, spread_person }
    }
}

fn log_distance(squared: f32) -> f64 {
    f64::from(squared).sqrt().max(1e-3).ln()
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
