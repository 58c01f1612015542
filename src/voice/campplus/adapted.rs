//! CAM++ with a copy of itself for the telephone band, as a small set of other parameters makes it.
//!
//! Batch norms with scales and shifts of their own for each domain are a cheap way to carry a network over to
//! another one (Li et al., Revisiting Batch Normalization for Practical Domain Adaptation, 2016).

use std::collections::HashMap;

use candle_core::Tensor;

use super::shape::BINS;
use super::{Buffers, CamPlusPlus, EMBEDDING};
use crate::features::subtract_mean;
use crate::voice::VoiceError;

/// Mel bins of the voice band, centered between 100 and 3,800 Hz.
const VOICE_BAND: std::ops::Range<usize> = 3..59;
/// Mel bins that a telephone line leaves empty, centered between 4,400 and 6,000 Hz.
const HIGH_BAND: std::ops::Range<usize> = 63..72;
/// Energy of the high band relative to the voice band below which speech is of the telephone band, in dB.
/// Of 2,500 simulated lines 71 % lie below it, the others for the images that their interpolation leaves; of
/// wide-band recordings of the train sets 1 %, most of which came from 8 kHz.
const NARROW_DB: f64 = -30.0;

/// The network as it is and, where there is an adapter, for the telephone band.
pub(crate) struct Adapted {
    network: CamPlusPlus,
    telephone: Option<CamPlusPlus>,
}

impl Adapted {
    /// From the checkpoint's tensors and those of them that an adapter replaces.
    ///
    /// # Errors
    /// Tensors that are missing, unknown, not finite or of another shape.
    pub(crate) fn from_tensors(
        tensors: HashMap<String, Tensor>,
        adapter: Option<HashMap<String, Tensor>>,
    ) -> Result<Self, VoiceError> {
        let network = CamPlusPlus::from_tensors(&tensors)?;
        let telephone = adapter.map(|others| replaced(tensors, others)).transpose()?;
        Ok(Self { network, telephone })
    }

    /// The embedding of `frames × 80` features, row-major, before their mean is subtracted.
    /// `scratch` and `means` are overwritten.
    pub(crate) fn forward(
        &self,
        features: &mut [f32],
        means: &mut Vec<f64>,
        buffers: &mut Buffers,
        at_once: usize,
    ) -> [f32; EMBEDDING] {
        let network = match &self.telephone {
            Some(telephone) if is_narrow(features) => telephone,
            _ => &self.network,
        };
        subtract_mean(features, BINS, means);
        let frames = features.len() / BINS;
        let parts = frames.div_ceil(at_once);
        let mut sum = [0.0f32; EMBEDDING];
        for part in 0..parts {
            let (from, to) = (frames * part / parts, frames * (part + 1) / parts);
            let values = network.forward(&features[from * BINS..to * BINS], buffers);
            for (sum, value) in sum.iter_mut().zip(values) {
                *sum += value / parts as f32;
            }
        }
        sum
    }
}

fn replaced(
    mut tensors: HashMap<String, Tensor>,
    others: HashMap<String, Tensor>,
) -> Result<CamPlusPlus, VoiceError> {
    for (name, tensor) in others {
        let norm = name.strip_suffix(".weight").or(name.strip_suffix(".bias"));
        let of_norm = norm.is_some_and(|n| tensors.contains_key(&format!("{n}.running_mean")));
        if !of_norm && !tensors.contains_key(&name) {
            return Err(VoiceError::Weights(format!("the network has no `{name}` to adapt")));
        }
        tensors.insert(name, tensor);
    }
    CamPlusPlus::from_tensors(&tensors)
}

/// Whether features, before their mean is subtracted, are of the telephone band.
fn is_narrow(features: &[f32]) -> bool {
    let (mut voice, mut high) = (0.0f64, 0.0f64);
    let energy = |values: &[f32]| values.iter().map(|&v| f64::from(v).exp()).sum::<f64>();
    for frame in features.as_chunks::<BINS>().0 {
        voice += energy(&frame[VOICE_BAND]);
        high += energy(&frame[HIGH_BAND]);
    }
    high < voice * 10f64.powf(NARROW_DB / 10.0)
}
