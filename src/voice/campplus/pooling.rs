//! Statistics pooling and the last layer.

use pulp::{Simd, WithSimd};

use super::linear::{Activation, activate};
use super::shape::{EMBEDDING, Lengths, POOLED};

/// Batch norm, ReLU, mean and standard deviation over time, then the linear map to the embedding
/// (its batch norm folded in).
pub(super) struct Pooling {
    pub(super) activation: Activation,
    /// 1,024 rows of 192: `[in][out]`, means first.
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// Runs [`Pooling`] over `halved` frames of 512, which it overwrites.
pub(super) struct RunPooling<'a> {
    pub(super) layer: &'a Pooling,
    pub(super) lengths: Lengths,
    pub(super) frames: &'a mut [f32],
}

impl WithSimd for RunPooling<'_> {
    type Output = [f32; EMBEDDING];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f32; EMBEDDING] {
        let frames = &mut self.frames[..self.lengths.halved * POOLED];
        let mut line = [0.0; POOLED];
        let mut mean = [0.0f32; POOLED];
        for frame in frames.as_chunks_mut::<POOLED>().0 {
            activate(simd, &self.layer.activation, frame, &mut line);
            frame.copy_from_slice(&line);
            for (mean, x) in mean.iter_mut().zip(frame) {
                *mean += *x;
            }
        }
        let count = self.lengths.halved as f32;
        mean = mean.map(|sum| sum / count);
        let mut squares = [0.0f32; POOLED];
        for frame in frames.as_chunks::<POOLED>().0 {
            for ((square, x), mean) in squares.iter_mut().zip(frame).zip(&mean) {
                *square += (x - mean) * (x - mean);
            }
        }
        // The unbiased estimate, as in training.
        let deviation = squares.map(|sum| (sum / (count - 1.0)).sqrt());
        let mut out = [0.0; EMBEDDING];
        out.copy_from_slice(&self.layer.bias);
        let rows = self.layer.weights.as_chunks::<EMBEDDING>().0;
        for (x, row) in mean.iter().chain(&deviation).zip(rows) {
            for (out, w) in out.iter_mut().zip(row) {
                *out += x * w;
            }
        }
        out
    }
}
