//! One loaded extractor for many threads.

use std::error::Error;
use std::sync::{Mutex, PoisonError};

use crate::domain::ArtifactRef;
use crate::usecase::parts::Extract;
use crate::voice::{Extractor, Scratch, VoiceError};

/// An extractor with its idle scratch buffers: as many as threads ever ran at once, so that a call
/// allocates nothing but its result.
pub struct ExtractorPool {
    extractor: Extractor,
    idle: Mutex<Vec<Scratch>>,
}

impl ExtractorPool {
    /// A pool around a loaded extractor.
    pub fn new(extractor: Extractor) -> Self {
        Self { extractor, idle: Mutex::new(Vec::new()) }
    }

    /// The extractor.
    pub fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    /// The raw embedding of `frames × 80` log-mel values.
    ///
    /// # Errors
    /// Too few or too many frames, or values that are not finite.
    pub fn embedding(&self, frames: &[f32]) -> Result<Vec<f32>, VoiceError> {
        // A thread that panicked left its buffers out of the pool; what is in it is sound.
        let lock = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = lock().pop().unwrap_or_default();
        let embedding = self.extractor.embed(frames, &mut scratch);
        lock().push(scratch);
        Ok(embedding?.values().to_vec())
    }
}

impl Extract for ExtractorPool {
    fn artifact(&self) -> ArtifactRef {
        self.extractor.artifact().clone()
    }

    fn embed(&self, frames: &[f32]) -> Result<Vec<f32>, Box<dyn Error + Send + Sync>> {
        Ok(self.embedding(frames)?)
    }
}
