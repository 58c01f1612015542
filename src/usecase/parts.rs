//! What the use-cases are given: store, engine, model, policy, time and randomness.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use crate::audio::AudioLimits;
use crate::crypto::Entropy;
use crate::domain::{ArtifactRef, TenantCalibration, TenantId, Timestamp};
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
use crate::usecase::recalibrate::corrects;

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

impl VoiceParts {
    /// Whether it is the model a tenant is pinned to.
    pub(super) fn serves(&self, pinned: Option<&ArtifactRef>) -> bool {
        pinned == Some(&self.extractor.artifact())
    }

    /// The same model under a calibration of a tenant's own; `None` where that was made for another back-end.
    fn under(&self, calibration: &TenantCalibration) -> Option<Self> {
        let TenantCalibration { scale, shift, version, .. } = *calibration;
        let base = &self.back_end;
        let fits = corrects(calibration, base) && calibration.unfit().is_none();
        let corrected = base.calibration().rescaled(scale, shift, version).ok();
        let corrected = corrected.filter(|_| fits)?;
        let back_end = base.as_ref().clone().with_calibration(corrected);
        Some(Self { back_end: Arc::new(back_end), ..self.clone() })
    }
}

impl Parts {
    /// Models under the calibrations of tenants' own, as far as they are for the back-ends that are installed. The
    /// others go to the log: their tenants use what ships.
    pub(super) fn calibrated(&self) -> HashMap<TenantId, VoiceParts> {
        let mut all = HashMap::new();
        for tenant in self.store.tenants() {
            let Some(calibration) = &tenant.calibration else { continue };
            let voice = self.voice_of(tenant.extractor.as_ref());
            match voice.and_then(|voice| voice.under(calibration)) {
                Some(voice) => {
                    all.insert(tenant.id, voice);
                }
                None => tracing::warn!(
                    tenant = %tenant.id, base = %calibration.base,
                    "the tenant's calibration is for a back-end that is not installed: not used"
                ),
            }
        }
        all
    }

    /// The installed model of a tenant that is pinned to one, or of one that is not yet.
    pub(super) fn voice_of(&self, pinned: Option<&ArtifactRef>) -> Option<&VoiceParts> {
        let Some(pinned) = pinned else {
            return self.voice.as_ref();
        };
        self.voice.iter().chain(&self.pinned).find(|v| v.extractor.artifact() == *pinned)
    }
}
