//! A fixed random rotation, so that what a code leaves out of a vector points nowhere in particular.
//!
//! Rounds of random signs and a Hadamard transform over the largest power of two of values, by turns
//! the first and the last ones: a fast Kac walk (Ailon and Chazelle 2009; Jain et al. 2022), some
//! microseconds a vector where a random matrix would take its square of multiplications.

/// Rounds. After six, each third of 192 values holds a third of any vector within 3 percent.
const ROUNDS: usize = 6;
/// Where the signs come from; any number will do.
const SEED: u64 = 0x5ea7_c4ed_1e55_0003;

/// An orthonormal map of vectors of one dimension.
#[derive(Debug, Clone)]
pub(super) struct Rotation {
    dim: usize,
    /// Values a transform takes.
    block: usize,
    /// `ROUNDS × dim`: plus or minus one over the square root of `block` where the transform
    /// follows, which makes it orthonormal, plus or minus one elsewhere.
    factors: Vec<f32>,
}

impl Rotation {
    /// `dim` is not 0.
    pub(super) fn new(dim: usize) -> Self {
        let block = 1 << dim.ilog2();
        let mut state = SEED;
        let mut factors = Vec::with_capacity(ROUNDS * dim);
        for round in 0..ROUNDS {
            let transformed = first(round, dim, block)..first(round, dim, block) + block;
            for at in 0..dim {
                let sign = if split_mix(&mut state) >> 63 == 0 { 1.0f32 } else { -1.0 };
                let inside = transformed.contains(&at);
                factors.push(if inside { sign / (block as f32).sqrt() } else { sign });
            }
        }
        Self { dim, block, factors }
    }

    /// Rotates a vector of `dim` values into `to`.
    pub(super) fn apply(&self, from: &[f32], to: &mut Vec<f32>) {
        to.clear();
        to.extend_from_slice(from);
        for (round, factors) in self.factors.chunks_exact(self.dim).enumerate() {
            for (x, factor) in to.iter_mut().zip(factors) {
                *x *= factor;
            }
            let first = first(round, self.dim, self.block);
            hadamard(&mut to[first..first + self.block]);
        }
    }
}

/// Where the transform of a round begins: at the front and at the end by turns.
fn first(round: usize, dim: usize, block: usize) -> usize {
    if round.is_multiple_of(2) { 0 } else { dim - block }
}

/// Walsh-Hadamard transform without its factor; the length is a power of two.
fn hadamard(values: &mut [f32]) {
    let mut half = 1;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

/// The generator of Steele, Lea and Flood (2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotated(rotation: &Rotation, from: &[f32]) -> Vec<f32> {
        let mut to = Vec::new();
        rotation.apply(from, &mut to);
        to
    }

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    }

    #[test]
    fn it_keeps_lengths_and_angles() {
        for dim in [1, 2, 3, 7, 64, 192, 1_000, 1_024] {
            let rotation = Rotation::new(dim);
            let wave = |k: f32| (0..dim).map(|i| (i as f32 * k + k).sin()).collect::<Vec<f32>>();
            let (a, b) = (wave(0.7), wave(1.9));
            let (ra, rb) = (rotated(&rotation, &a), rotated(&rotation, &b));
            let scale = (dot(&a, &a) * dot(&b, &b)).sqrt();
            assert!((dot(&a, &b) - dot(&ra, &rb)).abs() < 1e-5 * scale, "{dim}");
            assert!((dot(&a, &a) / dot(&ra, &ra) - 1.0).abs() < 1e-5, "{dim}");
        }
    }

    /// The worst for a code: vectors of one value or of a few equal ones. Rotated, their fourth moment
    /// is that of a Gaussian, 3, where that of one value is 192.
    #[test]
    fn nothing_stays_sparse() {
        let rotation = Rotation::new(192);
        let mut most = 0.0f64;
        for at in 0..192 {
            for others in [0, 1, 5] {
                let mut v = vec![0.0; 192];
                v[at] = 1.0;
                (0..others).for_each(|n| v[(at * 7 + n * 31) % 192] = 1.0);
                let r = rotated(&rotation, &v);
                let square = dot(&r, &r) / 192.0;
                let fourth = r.iter().map(|&x| f64::from(x).powi(4)).sum::<f64>() / 192.0;
                most = most.max(fourth / square.powi(2));
            }
        }
        assert!(most < 6.0, "{most}");
    }
}
