//! From features to an embedding.

use candle_core::Device;

use crate::domain::ArtifactRef;
use crate::features::subtract_mean;
use crate::voice::campplus::{Buffers, CamPlusPlus};
use crate::voice::{Embedding, Manifest, VoiceError};

/// Fewest frames (10 ms each) of an embedding: below it there is less than a syllable.
pub const MIN_FRAMES: usize = 10;
/// Most frames that the network sees at once; longer utterances are cut into equal parts, whose
/// embeddings are averaged. One minute.
pub const MAX_FRAMES_AT_ONCE: usize = 6_000;
/// Most frames of an embedding: one hour.
pub const MAX_FRAMES: usize = 360_000;

/// A loaded network; share it between threads, with one [`Scratch`] each.
pub struct Extractor {
    manifest: Manifest,
    artifact: ArtifactRef,
    network: CamPlusPlus,
}

/// Buffers of one thread; they grow with the longest utterance and are reused.
#[derive(Default)]
pub struct Scratch {
    features: Vec<f32>,
    means: Vec<f64>,
    buffers: Buffers,
}

impl Extractor {
    /// From a manifest and the bytes of its weights file, whose hash the caller has checked.
    pub fn from_safetensors(manifest: Manifest, weights: &[u8]) -> Result<Self, VoiceError> {
        let tensors = candle_core::safetensors::load_buffer(weights, &Device::Cpu)
            .map_err(|e| VoiceError::Weights(e.to_string()))?;
        Ok(Self {
            artifact: manifest.artifact(),
            network: CamPlusPlus::from_tensors(&tensors)?,
            manifest,
        })
    }

    /// The model's manifest, which says what features [`embed`](Self::embed) expects.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Id and version of the model.
    pub fn artifact(&self) -> &ArtifactRef {
        &self.artifact
    }

    /// The embedding of `frames × bins` features, row-major, as the manifest's front end gives them
    /// before mean subtraction; the mean over all frames is subtracted here. Between
    /// [`MIN_FRAMES`] and [`MAX_FRAMES`] frames. Runs on the calling thread.
    pub fn embed(&self, features: &[f32], scratch: &mut Scratch) -> Result<Embedding, VoiceError> {
        let bins = self.manifest.front_end.bins;
        let frames = features.len() / bins;
        if !features.len().is_multiple_of(bins) {
            return Err(VoiceError::RaggedFrames { values: features.len(), bins });
        }
        if frames < MIN_FRAMES {
            return Err(VoiceError::TooShort { minimum: MIN_FRAMES, found: frames });
        }
        if frames > MAX_FRAMES {
            return Err(VoiceError::TooLong { maximum: MAX_FRAMES, found: frames });
        }
        if let Some(index) = features.iter().position(|x| !x.is_finite()) {
            return Err(VoiceError::NotFinite { index });
        }
        scratch.features.clear();
        scratch.features.extend_from_slice(features);
        subtract_mean(&mut scratch.features, bins, &mut scratch.means);
        let parts = frames.div_ceil(MAX_FRAMES_AT_ONCE);
        let mut sum = vec![0.0f32; self.manifest.dimensions];
        for part in 0..parts {
            let (from, to) = (frames * part / parts, frames * (part + 1) / parts);
            let part = &scratch.features[from * bins..to * bins];
            let values = self.network.forward(part, &mut scratch.buffers);
            for (sum, value) in sum.iter_mut().zip(values) {
                *sum += value / parts as f32;
            }
        }
        Embedding::new(sum, self.artifact.clone())
    }
}
