//! What the use-cases need of the models of behavior.

use crate::behavior::{BehaviorError, Capture, Evidence, Sample, SampleKind};
use crate::domain::ArtifactRef;
use crate::usecase::output::ShownFinding;

/// Models of behavior: captures in, samples and evidence out. CPU work; called in the engine only.
pub trait BehaviorModels: Send + Sync {
    /// The background in force for a kind, or the fallback's name where there is none. Samples made with
    /// another one are not compared.
    fn background(&self, kind: SampleKind) -> ArtifactRef;

    /// Features of a capture.
    ///
    /// # Errors
    /// [`BehaviorError::TooFew`] where it holds too little.
    fn extract(&self, capture: &Capture) -> Result<Sample, BehaviorError>;

    /// A template of samples of one kind, device and text.
    ///
    /// # Errors
    /// [`BehaviorError::Mismatch`] where they do not belong together.
    fn template<'m>(
        &'m self,
        enrolled: &[Sample],
    ) -> Result<Box<dyn BehaviorTemplate + 'm>, BehaviorError>;

    /// By which a capture is recognized if it comes again, and how hesitant it is; at most
    /// [`MAX_FINGERPRINT_BYTES`]. Tells nothing about keys.
    fn fingerprint(&self, capture: &Capture) -> Vec<u8>;

    /// The captures with these fingerprints, oldest first, to hold further ones against.
    fn history(&self, known: &[&[u8]]) -> Box<dyn BehaviorHistory>;
}

/// Longest fingerprint, in bytes.
pub const MAX_FINGERPRINT_BYTES: usize = 2_048;

/// Captures that were accepted before.
pub trait BehaviorHistory {
    /// Cues of attacks in a capture; reveal no content.
    fn findings(&self, capture: &Capture) -> Vec<ShownFinding>;

    /// Whether the capture with this fingerprint is one of them.
    fn holds(&self, fingerprint: &[u8]) -> bool;

    /// One more capture, by its fingerprint.
    fn add(&mut self, fingerprint: &[u8]);
}

/// What a profile is compared as.
pub trait BehaviorTemplate {
    /// Evidence of samples taken together as one probe.
    ///
    /// # Errors
    /// [`BehaviorError::Mismatch`] where they cannot be compared with the template.
    fn score(&self, probe: &[Sample]) -> Result<Evidence, BehaviorError>;
}
