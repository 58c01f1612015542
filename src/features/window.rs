//! Window functions, in Kaldi's symmetric form.

use std::f64::consts::PI;

/// Shape of the analysis window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// A Hann window to the power 0.85: like Hamming, but zero at the edges (Kaldi's default).
    #[default]
    Povey,
    /// `0.54 - 0.46 cos`.
    Hamming,
    /// `0.5 - 0.5 cos`.
    Hann,
}

impl WindowKind {
    /// The `length` coefficients; `length` is at least 2.
    pub(super) fn coefficients(self, length: usize) -> Vec<f64> {
        let step = 2.0 * PI / (length.max(2) - 1) as f64;
        (0..length)
            .map(|n| {
                let cos = (step * n as f64).cos();
                match self {
                    Self::Povey => (0.5 - 0.5 * cos).powf(0.85),
                    Self::Hamming => 0.54 - 0.46 * cos,
                    Self::Hann => 0.5 - 0.5 * cos,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_symmetric_and_have_the_known_edges_and_middle() {
        for (kind, edge) in
            [(WindowKind::Povey, 0.0), (WindowKind::Hamming, 0.08), (WindowKind::Hann, 0.0)]
        {
            let w = kind.coefficients(401);
            assert!((w[0] - edge).abs() < 1e-12, "{kind:?}");
            assert!((w[200] - 1.0).abs() < 1e-12, "{kind:?}");
            for n in 0..401 {
                assert!((w[n] - w[400 - n]).abs() < 1e-12, "{kind:?} at {n}");
            }
        }
        // sin^1.7 at a quarter: (1/2)^0.85.
        assert!((WindowKind::Povey.coefficients(401)[100] - 0.5f64.powf(0.85)).abs() < 1e-12);
    }
}
