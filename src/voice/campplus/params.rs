//! Reading named parameters, with batch normalization folded away.

use std::collections::HashMap;

use candle_core::Tensor;

use crate::voice::{VoiceError, tensors};

/// Added to a variance before its root: the default of the training framework's batch norm.
const BATCH_NORM_EPS: f64 = 1e-5;

/// The checkpoint's tensors by name.
pub(super) struct Params<'a>(pub(super) &'a HashMap<String, Tensor>);

/// `y = scale × x + shift`, one pair a channel.
#[derive(Debug, Clone)]
pub(super) struct Affine {
    pub(super) scale: Vec<f64>,
    pub(super) shift: Vec<f64>,
}

impl Params<'_> {
    /// The values of `name`, which must have shape `dims`, row-major.
    pub(super) fn get(&self, name: &str, dims: &[usize]) -> Result<Vec<f32>, VoiceError> {
        tensors::values(self.0, name, dims)
    }

    /// A batch norm in inference form.
    pub(super) fn batch_norm(&self, name: &str, channels: usize) -> Result<Affine, VoiceError> {
        let weight = self.get(&format!("{name}.weight"), &[channels])?;
        let bias = self.get(&format!("{name}.bias"), &[channels])?;
        self.normalization(name, &weight, &bias)
    }

    /// A batch norm that was trained without scale and shift; an adapter may add them.
    pub(super) fn plain_batch_norm(
        &self,
        name: &str,
        channels: usize,
    ) -> Result<Affine, VoiceError> {
        match self.0.contains_key(&format!("{name}.weight")) {
            true => self.batch_norm(name, channels),
            false => self.normalization(name, &vec![1.0; channels], &vec![0.0; channels]),
        }
    }

    fn normalization(
        &self,
        name: &str,
        weight: &[f32],
        bias: &[f32],
    ) -> Result<Affine, VoiceError> {
        let channels = weight.len();
        let mean = self.get(&format!("{name}.running_mean"), &[channels])?;
        let variance = self.get(&format!("{name}.running_var"), &[channels])?;
        if variance.iter().any(|&v| v < 0.0) {
            return Err(VoiceError::Weights(format!("`{name}.running_var` is negative")));
        }
        let scale: Vec<f64> = weight
            .iter()
            .zip(&variance)
            .map(|(&w, &v)| f64::from(w) / (f64::from(v) + BATCH_NORM_EPS).sqrt())
            .collect();
        let shift = bias
            .iter()
            .zip(&mean)
            .zip(&scale)
            .map(|((&b, &m), s)| f64::from(b) - f64::from(m) * s)
            .collect();
        Ok(Affine { scale, shift })
    }
}

impl Affine {
    /// The shift in single precision.
    pub(super) fn shift_f32(&self) -> Vec<f32> {
        self.shift.iter().map(|&v| v as f32).collect()
    }

    /// The scale in single precision.
    pub(super) fn scale_f32(&self) -> Vec<f32> {
        self.scale.iter().map(|&v| v as f32).collect()
    }
}
