//! One loaded extractor for many threads.

use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ArtifactRef;
use crate::features::{FeatureError, Frontend};
use crate::usecase::parts::{Extract, ExtractError, ExtractStream};
use crate::voice::{Embedding, Extractor, Scratch, VoiceError, VoiceStream};

/// An extractor with its planned front end and its idle scratch buffers: as many as threads ever ran at
/// once, so that a call allocates nothing but its result.
pub struct ExtractorPool {
    extractor: Extractor,
    front_end: Frontend,
    idle: Mutex<Vec<Scratch>>,
}

impl ExtractorPool {
    /// A pool around a loaded extractor.
    ///
    /// # Errors
    /// A manifest whose front end cannot be; never one that is compiled in.
    pub fn new(extractor: Extractor) -> Result<Self, FeatureError> {
        let front_end = extractor.manifest().front_end.plan()?;
        Ok(Self { extractor, front_end, idle: Mutex::new(Vec::new()) })
    }

    /// The extractor.
    pub fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    /// The raw embedding of rows of the front end.
    ///
    /// # Errors
    /// Too few or too many frames, or values that are not finite.
    pub fn embedding(&self, frames: &[f32]) -> Result<Vec<f32>, VoiceError> {
        let embedding = self.with_scratch(|scratch| self.extractor.embed(frames, scratch));
        embedding.map(Embedding::into_values)
    }

    fn with_scratch<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        // A thread that panicked left its buffers out of the pool; what is in it is sound.
        let lock = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = lock().pop().unwrap_or_default();
        let result = work(&mut scratch);
        lock().push(scratch);
        result
    }
}

impl Extract for ExtractorPool {
    fn artifact(&self) -> ArtifactRef {
        self.extractor.artifact().clone()
    }

    fn front_end(&self) -> &Frontend {
        &self.front_end
    }

    fn embed(&self, frames: &[f32]) -> Result<Vec<f32>, ExtractError> {
        Ok(self.embedding(frames)?)
    }

    fn stream(self: Arc<Self>) -> Box<dyn ExtractStream> {
        Box::new(PoolStream { stream: self.extractor.stream(), pool: self })
    }
}

/// A live recording with the pool that computes it.
struct PoolStream {
    pool: Arc<ExtractorPool>,
    stream: VoiceStream,
}

impl ExtractStream for PoolStream {
    fn push(&mut self, frames: &[f32]) -> Result<(), ExtractError> {
        let Self { pool, stream } = self;
        Ok(pool.with_scratch(|scratch| pool.extractor.push(stream, frames, scratch))?)
    }

    fn estimate(&self) -> Result<Vec<f32>, ExtractError> {
        let Self { pool, stream } = self;
        let embedding = pool.with_scratch(|scratch| pool.extractor.estimate(stream, scratch));
        Ok(embedding?.into_values())
    }

    fn embedding(&self) -> Result<Vec<f32>, ExtractError> {
        let Self { pool, stream } = self;
        let embedding = pool.with_scratch(|scratch| pool.extractor.embedding(stream, scratch));
        Ok(embedding?.into_values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{AudioLimits, QualityLimits};
    use crate::domain::{AudioEncoding, AudioFormat};
    use crate::usecase::hear::{Capture, Keep, Vad, hear_recording};
    use crate::voice::Manifest;

    const CLIP: &[u8] = include_bytes!("../../fixtures/campplus/clip.wav");

    #[test]
    fn a_live_call_gives_the_embedding_of_the_recording() {
        let manifest = Manifest::built_in("mfcc-tdnn").unwrap();
        let weights = manifest.built_in_weights().unwrap();
        let extractor = Extractor::from_safetensors(manifest, weights, None).unwrap();
        let pool = Arc::new(ExtractorPool::new(extractor).unwrap());
        let format = AudioFormat {
            encoding: AudioEncoding::Wav,
            sample_rate_hz: None,
            channels: None,
            channel: None,
        };
        let (limits, quality) = (AudioLimits::default(), QualityLimits::default());
        let whole =
            hear_recording(pool.front_end(), format, CLIP, limits, quality, Vad::On).unwrap();
        let keep = Keep::Stream(Arc::clone(&pool).stream());
        let mut capture = Capture::new(pool.front_end(), format, limits, quality, keep).unwrap();
        for chunk in CLIP.chunks(997) {
            capture.push(None, chunk).unwrap();
        }
        capture.finish().unwrap();
        assert!(capture.frames().is_empty(), "speech that went to the stream is not kept");
        let live = capture.stream().unwrap().embedding().unwrap();
        assert_eq!(live, pool.embed(&whole.frames).unwrap());
    }
}
