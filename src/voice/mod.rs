//! Voice embeddings: model manifests, the CAM++ network, embeddings and voiceprints.

pub(crate) mod campplus;
mod error;
pub(crate) mod kernel;

pub use error::VoiceError;
