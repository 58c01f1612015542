//! The audio of an enrollment, kept until it was heard once more over a simulated telephone line.
//!
//! A voice that was enrolled over a microphone and calls by telephone is recognized less well. What the
//! telephone would have brought of the enrollment, embedded beside it, makes up for a part of that.

use crate::audio::line::LINE_RATE_HZ;
use crate::audio::{Line, Pcm, RATE_16K_HZ, to_16k};
use crate::domain::{Bandwidth, Quality};
use crate::features::Frontend;
use crate::usecase::hear::{FULL_SCALE, HearError, MAX_SPEECH_FRAMES};
use crate::voice::MIN_FRAMES;

/// Audio that is kept of one enrollment, in seconds: as long as its speech may be. More takes memory, 64 KB
/// a second, and adds little.
pub const MAX_TAPE_S: usize = 60;
const MAX_SAMPLES: usize = MAX_TAPE_S * RATE_16K_HZ as usize;
/// Frames of 10 ms in it.
const MAX_FLAGS: usize = MAX_TAPE_S * 100;

/// Seed of the noise on the line. The same for everybody, so that an enrollment gives the same rendition
/// however its audio came, and nothing about the noise says who it is.
const NOISE_SEED: u64 = 0x766f_7563_6800_0001;

/// The first [`MAX_TAPE_S`] of a recording at 16 kHz, and in which of its frames somebody speaks.
#[derive(Clone, Default)]
pub struct Tape {
    samples: Vec<f32>,
    speech: Vec<bool>,
}

impl Tape {
    /// Adds what comes next; what is beyond the limit is left out.
    pub fn record(&mut self, samples: &[f32], speech: &[bool]) {
        let room = MAX_SAMPLES - self.samples.len();
        self.samples.extend(samples.iter().take(room));
        let room = MAX_FLAGS - self.speech.len();
        self.speech.extend(speech.iter().take(room));
    }

    /// Speech frames of the recording as [`Line::NOISY`] brings it, found by where the original has speech;
    /// `None` where the recording itself came over a telephone, or has too little speech to embed.
    ///
    /// # Errors
    /// None that a front end which heard the recording gives.
    pub fn over_telephone(
        &self,
        front_end: &Frontend,
        quality: &Quality,
    ) -> Result<Option<Vec<f32>>, HearError> {
        if quality.bandwidth == Bandwidth::Narrow {
            return Ok(None);
        }
        let called = Line::NOISY.carry(&self.samples, RATE_16K_HZ, NOISE_SEED)?;
        let heard = to_16k(&Pcm { sample_rate_hz: LINE_RATE_HZ, samples: called })?;
        let samples: Vec<f32> = heard.samples().iter().map(|s| s * FULL_SCALE).collect();
        let mut rows = Vec::new();
        front_end.clone().compute(&samples, &mut rows)?;
        let speaking = rows.chunks_exact(front_end.dim()).zip(&self.speech);
        let kept = speaking.filter(|(_, speech)| **speech).take(MAX_SPEECH_FRAMES);
        let frames: Vec<f32> = kept.flat_map(|(row, _)| row).copied().collect();
        Ok((frames.len() >= MIN_FRAMES * front_end.dim()).then_some(frames))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::audio::{AudioLimits, QualityLimits};
    use crate::domain::{AudioEncoding, AudioFormat};
    use crate::usecase::embed_file::{Embed, Item, embed_items};
    use crate::usecase::extractor_pool::ExtractorPool;
    use crate::usecase::file_embedder::FileEmbedder;
    use crate::usecase::hear::{Capture, Keep, Vad, hear_recording};
    use crate::usecase::parts::Extract as _;
    use crate::voice::{Extractor, Manifest};

    const CLIP: &[u8] = include_bytes!("../../fixtures/campplus/clip.wav");

    fn extractor() -> Extractor {
        let manifest = Manifest::built_in("mfcc-tdnn").unwrap();
        let weights = manifest.built_in_weights().unwrap();
        Extractor::from_safetensors(manifest, weights, None).unwrap()
    }

    fn format() -> AudioFormat {
        let encoding = AudioEncoding::Wav;
        AudioFormat { encoding, sample_rate_hz: None, channels: None, channel: None }
    }

    #[test]
    fn live_whole_and_offline_enrollments_have_the_same_rendition() {
        let pool = Arc::new(ExtractorPool::new(extractor()).unwrap());
        let (limits, quality) = (AudioLimits::default(), QualityLimits::default());
        let whole =
            hear_recording(pool.front_end(), format(), CLIP, limits, quality, Vad::On).unwrap();
        let frames = whole.tape.over_telephone(pool.front_end(), &whole.quality).unwrap().unwrap();
        assert_eq!(frames.len(), whole.frames.len(), "as much speech");
        assert_ne!(frames, whole.frames);
        let keep = Keep::FramesAndAudio(Tape::default());
        let mut capture = Capture::new(pool.front_end(), format(), limits, quality, keep).unwrap();
        for chunk in CLIP.chunks(997) {
            capture.push(None, chunk).unwrap();
        }
        capture.finish().unwrap();
        let tape = capture.tape().unwrap();
        let live = tape.over_telephone(pool.front_end(), &capture.quality()).unwrap().unwrap();
        assert_eq!(live, frames);
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/campplus"));
        let embedder = FileEmbedder::new(extractor(), Vad::On, None).unwrap();
        let item = Item::whole("clip.wav").rendition().unwrap();
        let done = embed_items(&embedder, folder, [item.clone()], 1).unwrap();
        let offline = done[&item].as_ref().ok().unwrap();
        assert_eq!(offline.embedding, pool.embed(&frames).unwrap());
        assert_eq!(offline.bandwidth, Bandwidth::Narrow);
    }

    #[test]
    fn a_call_has_no_rendition() {
        let embedder = FileEmbedder::new(extractor(), Vad::On, None).unwrap();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/campplus/clip.wav");
        let samples = embedder.decode(Path::new(path)).unwrap();
        let call = crate::usecase::evaluate::phone::call(&samples, 1).unwrap();
        assert!(embedder.over_telephone(&call).is_err());
        // Nothing was said.
        let front_end = embedder_front_end();
        let quality = crate::usecase::listen::nothing_heard();
        let wide = Quality { bandwidth: Bandwidth::Wide, ..quality };
        assert!(Tape::default().over_telephone(&front_end, &wide).unwrap().is_none());
    }

    fn embedder_front_end() -> Frontend {
        ExtractorPool::new(extractor()).unwrap().front_end().clone()
    }

    #[test]
    fn a_tape_ends() {
        let mut tape = Tape::default();
        for _ in 0..70 {
            tape.record(&[0.0; 16_000], &[true; 100]);
        }
        assert_eq!((tape.samples.len(), tape.speech.len()), (MAX_SAMPLES, MAX_FLAGS));
    }
}
