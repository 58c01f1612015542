//! What the use-cases are given: store, engine, model, policy, time and randomness.

use std::error::Error;
use std::sync::Arc;

use crate::audio::AudioLimits;
use crate::crypto::Entropy;
use crate::domain::{ArtifactRef, Timestamp};
use crate::engine::Engine;
use crate::policy::VoicePolicy;
use crate::scoring::BackEnd;
use crate::store::Store;
use crate::usecase::age_head::AgeHeads;
use crate::usecase::output::ModelInfo;

/// Time as an argument.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// What was written outside the database about the chain.
pub trait Anchors: Send + Sync {
    /// Last record under a signed checkpoint; 0 before the first.
    fn checkpoint_sequence(&self) -> u64;
}

/// An embedding extractor: speech frames in, raw embedding out.
pub trait Extract: Send + Sync {
    /// Id and version.
    fn artifact(&self) -> ArtifactRef;

    /// The raw embedding of `frames × 80` log-mel values (row-major, mean not subtracted).
    ///
    /// # Errors
    /// Too few frames, or values that are not finite.
    fn embed(&self, frames: &[f32]) -> Result<Vec<f32>, Box<dyn Error + Send + Sync>>;
}

/// An installed voice model and its back-end.
#[derive(Clone)]
pub struct VoiceParts {
    /// The extractor.
    pub extractor: Arc<dyn Extract>,
    /// Its back-end with calibration.
    pub back_end: Arc<BackEnd>,
    /// Its age heads.
    pub age: AgeHeads,
}

/// Everything [`Vouch`](super::Vouch) is made of.
pub struct Parts {
    /// Durable state.
    pub store: Arc<dyn Store>,
    /// CPU work.
    pub engine: Arc<Engine>,
    /// Absent while no model is installed.
    pub voice: Option<VoiceParts>,
    /// Id of the configured model, for the command that installs it.
    pub configured_model: String,
    /// Installed and installable models.
    pub models: Vec<ModelInfo>,
    /// Rules; checked ([`VoicePolicy::checked`]).
    pub policy: VoicePolicy,
    /// Limits on audio.
    pub audio_limits: AudioLimits,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Signed checkpoints.
    pub anchors: Arc<dyn Anchors>,
}
