//! From features to an embedding.

use std::collections::HashMap;

use candle_core::{Device, Tensor};

use crate::domain::ArtifactRef;
use crate::voice::campplus::{self, Adapted};
use crate::voice::tdnn::{self, Tdnn};
use crate::voice::{Architecture, Embedding, Manifest, VoiceError};

/// Fewest frames (10 ms each) of an embedding: below it there is less than a syllable.
pub const MIN_FRAMES: usize = 10;
/// Most frames that CAM++ sees at once; longer utterances are cut into equal parts, whose embeddings
/// are averaged. One minute.
pub const MAX_FRAMES_AT_ONCE: usize = 6_000;
/// Most frames of an embedding: one hour.
pub const MAX_FRAMES: usize = 360_000;

/// A loaded network; share it between threads, with one [`Scratch`] each.
pub struct Extractor {
    manifest: Manifest,
    artifact: ArtifactRef,
    pub(super) network: Network,
}

/// One of the networks this program can run.
pub(super) enum Network {
    Campplus(Box<Adapted>),
    MfccTdnn(Box<Tdnn>),
}

/// Buffers of one thread; they grow with the longest utterance and are reused.
#[derive(Default)]
pub struct Scratch {
    features: Vec<f32>,
    means: Vec<f64>,
    campplus: campplus::Buffers,
    pub(super) tdnn: tdnn::Buffers,
}

impl Extractor {
    /// From a manifest and the bytes of its weights file, whose hash the caller has checked; with the bytes of its
    /// adapter's file, where it has one.
    ///
    /// # Errors
    /// Tensors that are not those of the manifest's architecture; an adapter too many or too few.
    pub fn from_safetensors(
        manifest: Manifest,
        weights: &[u8],
        adapter: Option<&[u8]>,
    ) -> Result<Self, VoiceError> {
        if manifest.adapter.is_some() != adapter.is_some() {
            let is = if adapter.is_some() { "no" } else { "an" };
            return Err(VoiceError::Weights(format!("the manifest says there is {is} adapter")));
        }
        let tensors = read(weights)?;
        let network = match manifest.architecture {
            Architecture::Campplus => {
                let adapter = adapter.map(read).transpose()?;
                Network::Campplus(Box::new(Adapted::from_tensors(tensors, adapter)?))
            }
            Architecture::MfccTdnn => Network::MfccTdnn(Box::new(Tdnn::from_tensors(&tensors)?)),
        };
        Ok(Self { artifact: manifest.artifact(), network, manifest })
    }

    /// The model's manifest, which says what features [`embed`](Self::embed) expects.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Id and version of the model.
    pub fn artifact(&self) -> &ArtifactRef {
        &self.artifact
    }

    /// The embedding of features, row-major, as the manifest's front end gives them before mean
    /// subtraction, which happens here. Between [`MIN_FRAMES`] and [`MAX_FRAMES`] frames. Runs on the
    /// calling thread.
    pub fn embed(&self, features: &[f32], scratch: &mut Scratch) -> Result<Embedding, VoiceError> {
        let frames = self.check(features)?;
        if frames < MIN_FRAMES {
            return Err(VoiceError::TooShort { minimum: MIN_FRAMES, found: frames });
        }
        if frames > MAX_FRAMES {
            return Err(VoiceError::TooLong { maximum: MAX_FRAMES, found: frames });
        }
        let values = match &self.network {
            Network::Campplus(network) => {
                scratch.features.clear();
                scratch.features.extend_from_slice(features);
                let Scratch { features, means, campplus, .. } = scratch;
                network.forward(features, means, campplus, MAX_FRAMES_AT_ONCE).to_vec()
            }
            Network::MfccTdnn(network) => network.embed(features, &mut scratch.tdnn).to_vec(),
        };
        Embedding::new(values, self.artifact.clone())
    }

    /// How many frames these are; all their values must be finite.
    pub(super) fn check(&self, features: &[f32]) -> Result<usize, VoiceError> {
        let width = self.manifest.front_end.values();
        if !features.len().is_multiple_of(width) {
            return Err(VoiceError::RaggedFrames { values: features.len(), bins: width });
        }
        match features.iter().position(|x| !x.is_finite()) {
            Some(index) => Err(VoiceError::NotFinite { index }),
            None => Ok(features.len() / width),
        }
    }
}

fn read(file: &[u8]) -> Result<HashMap<String, Tensor>, VoiceError> {
    candle_core::safetensors::load_buffer(file, &Device::Cpu)
        .map_err(|e| VoiceError::Weights(e.to_string()))
}
