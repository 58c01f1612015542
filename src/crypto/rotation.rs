//! A secret orthogonal rotation of embeddings.
//!
//! Cosines within a tenant survive it; across tenants, or across renewals, they do not, as long as
//! the seed is secret. It is not irreversible in the sense of ISO/IEC 24745. The matrix is the
//! orthogonal factor of a Gaussian matrix, which is uniform over rotations (Stewart 1980).

use std::fmt;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::crypto::Key256;

/// Largest embedding, in dimensions.
pub const MAX_DIM: usize = 1_024;

/// Seed of a rotation.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RotationSeed([u8; 32]);

impl RotationSeed {
    /// From bytes that are a seed already.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for RotationSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotationSeed(withheld)")
    }
}

/// The rotation of one seed and dimension.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Rotation {
    dim: usize,
    /// Orthonormal rows, `[dim, dim]`.
    rows: Vec<f64>,
}

impl Rotation {
    /// Makes the matrix: `dim`³ operations, once. `None` when `dim` is 0 or above [`MAX_DIM`].
    pub fn new(seed: &RotationSeed, dim: usize) -> Option<Self> {
        if dim == 0 || dim > MAX_DIM {
            return None;
        }
        let stream = Key256::from_bytes(seed.0).derive(&format!("rotation.{dim}"));
        let mut rng = ChaCha20Rng::from_seed(*stream.expose());
        let mut rows: Vec<f64> = (0..dim * dim).map(|_| gaussian(&mut rng)).collect();
        for i in 0..dim {
            let (done, rest) = rows.split_at_mut(i * dim);
            let row = &mut rest[..dim];
            // Twice is enough (Giraud et al. 2005): orthogonal to machine precision.
            for _ in 0..2 {
                for other in done.chunks_exact(dim) {
                    let along = dot(row, other);
                    row.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
                }
            }
            let norm = dot(row, row).sqrt();
            row.iter_mut().for_each(|x| *x /= norm);
        }
        Some(Self { dim, rows })
    }

    /// Rotates `[dim]` values; `None` for another length.
    pub fn apply(&self, values: &[f32]) -> Option<Vec<f32>> {
        (values.len() == self.dim).then(|| {
            self.rows
                .chunks_exact(self.dim)
                .map(|row| {
                    row.iter().zip(values).map(|(r, v)| r * f64::from(*v)).sum::<f64>() as f32
                })
                .collect()
        })
    }

    /// Turns back what [`Rotation::apply`] turned, to f32 rounding.
    pub fn invert(&self, values: &[f32]) -> Option<Vec<f32>> {
        (values.len() == self.dim).then(|| {
            let mut out = zeroize::Zeroizing::new(vec![0.0f64; self.dim]);
            for (row, v) in self.rows.chunks_exact(self.dim).zip(values) {
                let v = f64::from(*v);
                out.iter_mut().zip(row).for_each(|(o, r)| *o += r * v);
            }
            out.iter().map(|x| *x as f32).collect()
        })
    }
}

impl fmt::Debug for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rotation([{0}, {0}], withheld)", self.dim)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// One standard normal value (Box and Muller 1958).
fn gaussian(rng: &mut ChaCha20Rng) -> f64 {
    let unit = |bits: u64| ((bits >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let radius = (-2.0 * unit(rng.next_u64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(rng.next_u64())).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
        };
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    fn sample(seed: u64, dim: usize) -> Vec<f32> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        (0..dim).map(|_| gaussian(&mut rng) as f32).collect()
    }

    #[test]
    fn orthogonal_to_1e_12() {
        let dim = 192;
        let r = Rotation::new(&RotationSeed([5; 32]), dim).expect("dim in range");
        for i in 0..dim {
            for j in 0..=i {
                let d = dot(&r.rows[i * dim..][..dim], &r.rows[j * dim..][..dim]);
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((d - expected).abs() < 1e-12, "{i} {j} {d}");
            }
        }
    }

    #[test]
    fn turns_back_and_keeps_cosines() {
        let r = Rotation::new(&RotationSeed([5; 32]), 192).expect("dim in range");
        let (a, b) = (sample(1, 192), sample(2, 192));
        let (ra, rb) = (r.apply(&a).expect("dim"), r.apply(&b).expect("dim"));
        assert!((cosine(&a, &b) - cosine(&ra, &rb)).abs() < 1e-6);
        assert!(cosine(&a, &ra).abs() < 0.5);
        let back = r.invert(&ra).expect("dim");
        assert!(a.iter().zip(&back).all(|(x, y)| (x - y).abs() < 1e-5));
    }

    #[test]
    fn unlinkable_across_seeds() {
        let a = sample(1, 192);
        let r1 = Rotation::new(&RotationSeed([1; 32]), 192).expect("dim in range");
        let r2 = Rotation::new(&RotationSeed([2; 32]), 192).expect("dim in range");
        let c = cosine(&r1.apply(&a).expect("dim"), &r2.apply(&a).expect("dim"));
        assert!(c.abs() < 0.4, "5.5 standard deviations of 1/sqrt(192): {c}");
    }

    #[test]
    fn other_dimensions_are_refused() {
        let seed = RotationSeed([5; 32]);
        assert!(Rotation::new(&seed, 0).is_none());
        assert!(Rotation::new(&seed, MAX_DIM + 1).is_none());
        let r = Rotation::new(&seed, 4).expect("dim in range");
        assert!(r.apply(&[0.0; 5]).is_none());
        assert!(r.invert(&[0.0; 3]).is_none());
    }
}
