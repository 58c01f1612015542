//! What can go wrong between a manifest and a voiceprint.

use crate::domain::ArtifactRef;

/// Errors of this module.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// A manifest says something that this program cannot do.
    #[error("manifest of model `{id}`: {problem}")]
    Manifest {
        /// The model, or the text's source where the id is unknown.
        id: String,
        /// What is wrong.
        problem: String,
    },
    /// A checkpoint or weights file could not be understood.
    #[error("weights: {0}")]
    Weights(String),
    /// The front end's frames are not a whole number of rows.
    #[error("{values} feature values are not a whole number of frames of {bins} bins")]
    RaggedFrames {
        /// Values that came.
        values: usize,
        /// Values a frame.
        bins: usize,
    },
    /// Too few frames for a meaningful embedding.
    #[error("an embedding needs at least {minimum} frames (10 ms each), {found} came")]
    TooShort {
        /// The limit.
        minimum: usize,
        /// What came.
        found: usize,
    },
    /// Too many frames for one embedding.
    #[error("an embedding takes at most {maximum} frames (10 ms each), {found} came")]
    TooLong {
        /// The limit.
        maximum: usize,
        /// What came.
        found: usize,
    },
    /// NaN or infinity among the features.
    #[error("feature value {index} is not finite")]
    NotFinite {
        /// Its position.
        index: usize,
    },
    /// Embeddings of two extractors do not compare.
    #[error("embeddings of {left} and {right} do not compare: enroll again with {right}")]
    ModelMismatch {
        /// Extractor of the first.
        left: ArtifactRef,
        /// Extractor of the second.
        right: ArtifactRef,
    },
    /// A vector of the wrong length.
    #[error("an embedding of {model} has {expected} dimensions, {found} came")]
    Dimensions {
        /// The extractor.
        model: ArtifactRef,
        /// Its dimensions.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// A voiceprint needs an utterance.
    #[error("a voiceprint needs at least one utterance")]
    EmptyVoiceprint,
}
