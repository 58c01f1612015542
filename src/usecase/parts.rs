//! What the use-cases are given: store, engine, model, policy, time and randomness.

use std::error::Error;
use std::sync::Arc;

use crate::audio::AudioLimits;
use crate::crypto::Entropy;
use crate::domain::{ArtifactRef, Timestamp};
use crate::engine::Engine;
use crate::features::Frontend;
use crate::policy::VoicePolicy;
use crate::scoring::BackEnd;
use crate::scoring::fusion::Fusion;
use crate::store::Store;
use crate::usecase::age_head::AgeHeads;
use crate::usecase::behavior::BehaviorModels;
use crate::usecase::conversation::Conversation;
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

/// Why frames did not become an embedding.
pub type ExtractError = Box<dyn Error + Send + Sync>;

/// An embedding extractor: speech frames in, raw embedding out.
pub trait Extract: Send + Sync {
    /// Id and version.
    fn artifact(&self) -> ArtifactRef;

    /// The front end whose rows it takes.
    fn front_end(&self) -> &Frontend;

    /// The raw embedding of rows of the front end (one after the other, mean not subtracted).
    ///
    /// # Errors
    /// Too few frames, or values that are not finite.
    fn embed(&self, frames: &[f32]) -> Result<Vec<f32>, ExtractError>;

    /// A live recording of which nothing was heard yet.
    fn stream(self: Arc<Self>) -> Box<dyn ExtractStream>;
}

/// A live recording on its way to an embedding.
pub trait ExtractStream: Send {
    /// Takes the next speech frames, any number of them.
    ///
    /// # Errors
    /// Too many frames in all, or values that are not finite.
    fn push(&mut self, frames: &[f32]) -> Result<(), ExtractError>;

    /// A raw embedding of what was pushed, of which the last few frames may be left out to save work.
    ///
    /// # Errors
    /// Too few frames.
    fn estimate(&self) -> Result<Vec<f32>, ExtractError>;

    /// The raw embedding of all that was pushed: the one [`Extract::embed`] gives.
    ///
    /// # Errors
    /// Too few frames.
    fn embedding(&self) -> Result<Vec<f32>, ExtractError>;
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
    /// The configured model, which new tenants get; absent while it is not installed.
    pub voice: Option<VoiceParts>,
    /// Models of behavior.
    pub behavior: Arc<dyn BehaviorModels>,
    /// Models of conversation.
    pub conversation: Arc<Conversation>,
    /// How the evidence of several modalities becomes one in sessions.
    pub fusion: Fusion,
    /// Policy of sessions, as TOML, of tenants that have none of their own.
    pub session_policy: String,
    /// Further installed models, to which tenants are pinned.
    pub pinned: Vec<VoiceParts>,
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

impl Parts {
    /// The installed model of a tenant that is pinned to one, or of one that is not yet.
    pub(super) fn voice_of(&self, pinned: Option<&ArtifactRef>) -> Option<&VoiceParts> {
        let Some(pinned) = pinned else {
            return self.voice.as_ref();
        };
        self.voice.iter().chain(&self.pinned).find(|v| v.extractor.artifact() == *pinned)
    }
}
