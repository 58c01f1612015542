//! From a file to an embedding: decode, resample, find speech, run the network.

use std::path::Path;

use serde::Serialize;

use crate::audio::{AudioLimits, Pcm, QualityLimits, RATE_16K_HZ, read_file, to_16k};
use crate::domain::{ArtifactRef, Bandwidth, Quality};
use crate::features::FeatureError;
use crate::usecase::embed_file::{Embed, EmbedError, Embedded, Samples};
use crate::usecase::extractor_pool::ExtractorPool;
use crate::usecase::hear::{Speech, Vad, hear_pcm};
use crate::usecase::parts::Extract as _;
use crate::voice::{Extractor, MIN_FRAMES};

/// Rate of telephone recordings, kept as they are so that they are heard as telephone speech, in Hz.
const TELEPHONE_HZ: u32 = 8_000;

/// Deviation of samples below which there is no sound: −80 dB of full scale.
const SILENCE: f64 = 1e-4;

/// Embeds files with one model.
pub struct FileEmbedder {
    extractor: ExtractorPool,
    vad: Vad,
    channel: Option<u16>,
}

/// One file's embedding and what it was made from.
#[derive(Serialize)]
pub struct FileEmbedding {
    /// The file.
    pub path: String,
    /// Model, as `campplus@1`.
    pub model: String,
    /// Speech left after voice activity detection, in seconds.
    pub net_speech_s: f64,
    /// Quality of the recording.
    pub quality: Quality,
    /// Raw embedding: neither centered nor projected.
    pub embedding: Vec<f32>,
}

impl FileEmbedder {
    /// An embedder for a loaded model.
    ///
    /// # Errors
    /// A manifest whose front end cannot be; never one that is compiled in.
    pub fn new(extractor: Extractor, vad: Vad, channel: Option<u16>) -> Result<Self, FeatureError> {
        Ok(Self { extractor: ExtractorPool::new(extractor)?, vad, channel })
    }

    /// Id and version of the model.
    pub fn artifact(&self) -> &ArtifactRef {
        self.extractor.extractor().artifact()
    }

    /// Embeds one file.
    ///
    /// # Errors
    /// Audio that cannot be read, or without any sound where speech is looked for, in words.
    pub fn file(&self, path: &Path) -> Result<FileEmbedding, EmbedError> {
        let pcm = self.read(path)?;
        let (embedding, quality) = self.pcm(&pcm)?;
        Ok(FileEmbedding {
            path: path.display().to_string(),
            model: self.artifact().to_string(),
            net_speech_s: f64::from(quality.net_speech_ms) / 1_000.0,
            quality,
            embedding,
        })
    }

    fn read(&self, path: &Path) -> Result<Pcm, EmbedError> {
        read_file(path, self.channel, &AudioLimits::default()).map_err(in_words)
    }

    /// Short audio is embedded too: where detection leaves less speech than the network can take, all of
    /// the audio is. The quality still says how much speech there was. Where there is no sound either there is nothing to
    /// embed: silence is like silence, whoever is silent.
    fn pcm(&self, pcm: &Pcm) -> Result<(Vec<f32>, Quality), EmbedError> {
        let mut speech = self.hear(pcm, self.vad)?;
        if self.vad == Vad::On && speech.quality.net_speech_ms == 0 && is_silent(&pcm.samples) {
            let seconds = pcm.samples.len() as f64 / f64::from(pcm.sample_rate_hz.max(1));
            return Err(EmbedError(format!("there is no sound in {seconds:.2} s of audio")));
        }
        if speech.frames.len() < MIN_FRAMES * self.extractor.front_end().dim() {
            speech = self.hear(pcm, Vad::Off)?;
        }
        let embedding = self.extractor.embedding(&speech.frames).map_err(in_words)?;
        Ok((embedding, speech.quality))
    }

    /// As [`Tape::over_telephone`](crate::usecase::tape::Tape::over_telephone) of an enrollment.
    fn rendition(&self, pcm: &Pcm) -> Result<Embedded, EmbedError> {
        let Speech { quality, tape, .. } = self.hear(pcm, self.vad)?;
        let frames = tape.over_telephone(self.extractor.front_end(), &quality).map_err(in_words)?;
        let frames = frames.ok_or_else(|| in_words("nothing to send over a telephone"))?;
        let embedding = self.extractor.embedding(&frames).map_err(in_words)?;
        Ok(Embedded {
            embedding,
            bandwidth: Bandwidth::Narrow,
            net_speech_ms: quality.net_speech_ms,
            snr_db: None,
        })
    }

    fn hear(&self, pcm: &Pcm, vad: Vad) -> Result<Speech, EmbedError> {
        hear_pcm(self.extractor.front_end(), pcm, QualityLimits::default(), vad).map_err(in_words)
    }
}

/// Whether the samples stay where they are, at zero or elsewhere.
fn is_silent(samples: &[f32]) -> bool {
    let count = samples.len().max(1) as f64;
    let mean = samples.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    let power = samples.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
    power.sqrt() < SILENCE
}

fn in_words(error: impl std::fmt::Display) -> EmbedError {
    EmbedError(error.to_string())
}

fn pcm_of(samples: &Samples) -> Pcm {
    Pcm { sample_rate_hz: samples.rate_hz, samples: samples.mono.clone() }
}

impl Embed for FileEmbedder {
    fn decode(&self, path: &Path) -> Result<Samples, EmbedError> {
        let pcm = self.read(path)?;
        if pcm.sample_rate_hz == TELEPHONE_HZ {
            return Ok(Samples { rate_hz: TELEPHONE_HZ, mono: pcm.samples });
        }
        let mono = to_16k(&pcm).map_err(in_words)?.samples().to_vec();
        Ok(Samples { rate_hz: RATE_16K_HZ, mono })
    }

    fn over_telephone(&self, samples: &Samples) -> Result<Embedded, EmbedError> {
        self.rendition(&pcm_of(samples))
    }

    fn embed(&self, samples: &Samples) -> Result<Embedded, EmbedError> {
        let (embedding, quality) = self.pcm(&pcm_of(samples))?;
        Ok(Embedded {
            embedding,
            bandwidth: quality.bandwidth,
            net_speech_ms: quality.net_speech_ms,
            snr_db: quality.snr_db,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::Manifest;

    const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/campplus/clip.wav");

    fn embedder(vad: Vad) -> FileEmbedder {
        let manifest = Manifest::built_in("mfcc-tdnn").unwrap();
        let weights = manifest.built_in_weights().unwrap();
        let extractor = Extractor::from_safetensors(manifest, weights, None).unwrap();
        FileEmbedder::new(extractor, vad, None).unwrap()
    }

    #[test]
    fn silence_has_no_embedding_and_a_little_speech_has_one() {
        let on = embedder(Vad::On);
        let silence = Pcm { sample_rate_hz: 16_000, samples: vec![0.0; 24_000] };
        let refused = on.pcm(&silence).unwrap_err().to_string();
        assert_eq!(refused, "there is no sound in 1.50 s of audio");
        let constant = Pcm { samples: vec![1.0; 24_000], ..silence.clone() };
        assert!(on.pcm(&constant).is_err());
        // Noise in which nobody is heard may hide somebody.
        let noise = (0..24_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 1e9);
        assert!(on.pcm(&Pcm { samples: noise.collect(), ..silence.clone() }).is_ok());
        // Without detection everything is embedded.
        assert!(embedder(Vad::Off).pcm(&silence).is_ok());
        let clip = on.read(Path::new(CLIP)).unwrap();
        let whole = Samples { rate_hz: clip.sample_rate_hz, mono: clip.samples.clone() };
        let first = on.speech(&whole).unwrap().iter().position(|speech| *speech).unwrap();
        let frame = clip.sample_rate_hz as usize / 100;
        let part = |frames: usize| Pcm {
            samples: clip.samples[..((first + frames) * frame).min(clip.samples.len())].to_vec(),
            ..clip
        };
        let little = (1..60).map(part).find(|part| {
            let speech = on.hear(part, Vad::On).unwrap();
            (1..MIN_FRAMES).contains(&(speech.frames.len() / on.extractor.front_end().dim()))
        });
        let (embedding, quality) = on.pcm(&little.unwrap()).unwrap();
        assert!(!embedding.is_empty() && (10..100).contains(&quality.net_speech_ms));
    }
}
