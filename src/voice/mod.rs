//! Voice embeddings: model manifests and one file or folder a network architecture.
//!
//! [`Manifest`] says what a model is; [`Extractor`] turns front-end features into an [`Embedding`], of a
//! whole recording or, through a [`VoiceStream`], of one that is still coming.

pub mod age;
mod campplus;
mod convert;
mod embedding;
mod error;
mod extractor;
mod kernel;
mod manifest;
mod stream;
mod tdnn;
mod tensors;

pub use age::{AgeError, AgeHead, AgeHeadInfo, AgeInput};
pub use convert::checkpoint_to_safetensors;
pub use embedding::Embedding;
pub use error::VoiceError;
pub use extractor::{Extractor, MAX_FRAMES, MAX_FRAMES_AT_ONCE, MIN_FRAMES, Scratch};
pub use manifest::{
    Adapter, Architecture, FrontEnd, FrontEndKind, Manifest, MeanSubtraction, Source, Weights,
};
pub use stream::VoiceStream;
