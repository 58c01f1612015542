//! From log-mel energies to cepstral coefficients: DCT-II and lifter.

use std::f64::consts::PI;

use super::FeatureError;

/// Largest lifter; Kaldi's and HTK's usual one is 22.
pub(super) const MAX_LIFTER: f64 = 1_000.0;

/// The first rows of the orthonormal DCT-II, each scaled by its lifter.
#[derive(Debug)]
pub struct Cepstrum {
    ceps: usize,
    /// `bins × ceps`, row-major: one row is what one bin adds to every coefficient.
    matrix: Vec<f64>,
}

impl Cepstrum {
    /// `ceps` coefficients of `bins` log energies; coefficient `i` is scaled by
    /// `1 + lifter/2 sin(pi i / lifter)`, a lifter of 0 leaves them as they are.
    pub fn new(bins: usize, ceps: usize, lifter: f64) -> Result<Self, FeatureError> {
        if !(1..=bins).contains(&ceps) {
            return Err(FeatureError::Ceps { got: ceps, bins });
        }
        if !(0.0..=MAX_LIFTER).contains(&lifter) {
            return Err(FeatureError::Lifter(lifter));
        }
        let n = bins as f64;
        let scale = |k: usize| {
            let norm = if k == 0 { 1.0 } else { 2.0 };
            let lift = if lifter == 0.0 {
                1.0
            } else {
                1.0 + lifter / 2.0 * (PI * k as f64 / lifter).sin()
            };
            (norm / n).sqrt() * lift
        };
        let matrix = (0..bins)
            .flat_map(|b| (0..ceps).map(move |k| (b, k)))
            .map(|(b, k)| scale(k) * (PI / n * (b as f64 + 0.5) * k as f64).cos())
            .collect();
        Ok(Self { ceps, matrix })
    }

    /// Number of coefficients.
    pub fn ceps(&self) -> usize {
        self.ceps
    }

    /// Coefficients of one row of log energies; `sums` is scratch of [`Cepstrum::ceps`] values.
    #[inline(always)]
    pub(super) fn apply(&self, log_energies: &[f32], sums: &mut [f64], out: &mut [f32]) {
        sums.fill(0.0);
        for (row, &x) in self.matrix.chunks_exact(self.ceps).zip(log_energies) {
            let x = f64::from(x);
            for (sum, &m) in sums.iter_mut().zip(row) {
                *sum += m * x;
            }
        }
        for (y, &sum) in out.iter_mut().zip(&*sums) {
            *y = sum as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_lifter_the_transform_is_orthonormal() {
        let n = 23;
        let dct = Cepstrum::new(n, n, 0.0).expect("valid");
        for j in 0..n {
            for k in 0..n {
                let dot: f64 = (0..n).map(|b| dct.matrix[b * n + j] * dct.matrix[b * n + k]).sum();
                let expected = if j == k { 1.0 } else { 0.0 };
                assert!((dot - expected).abs() < 1e-12, "rows {j} and {k}");
            }
        }
    }

    #[test]
    fn the_lifter_scales_each_coefficient() {
        let plain = Cepstrum::new(23, 13, 0.0).expect("valid");
        let lifted = Cepstrum::new(23, 13, 22.0).expect("valid");
        for k in 0..13 {
            let factor = 1.0 + 11.0 * (PI * k as f64 / 22.0).sin();
            let error = lifted.matrix[k] - factor * plain.matrix[k];
            assert!(error.abs() < 1e-12, "coefficient {k}");
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let new = |ceps, lifter| Cepstrum::new(23, ceps, lifter).map(|c| c.ceps());
        assert_eq!(new(24, 22.0), Err(FeatureError::Ceps { got: 24, bins: 23 }));
        assert_eq!(new(0, 22.0), Err(FeatureError::Ceps { got: 0, bins: 23 }));
        assert_eq!(new(13, -1.0), Err(FeatureError::Lifter(-1.0)));
        assert!(new(13, f64::NAN).is_err());
    }
}
