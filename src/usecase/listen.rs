//! Audio of a call to probes, through the engine.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::audio::QualityLimits;
use crate::domain::{AudioEncoding, AudioFormat, Bandwidth, Quality};
use crate::usecase::UseCaseError;
use crate::usecase::command::{Chunk, Recording};
use crate::usecase::core::Inner;
use crate::usecase::hear::{Capture, HearError, Keep, Speech, Vad, hear_recording};
use crate::usecase::parts::VoiceParts;
use crate::usecase::request::{Content, Request};
use crate::usecase::voice::Probe;

/// How long a chunk of a live call waits for a place in the engine. A call must not break off because
/// of a short crowd; the edge bounds the audio that waits meanwhile.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// Bytes of a WAV sample before its header is known: 16-bit.
const GUESSED_SAMPLE_BYTES: u64 = 2;
/// Rate of a WAV stream before its header is known, in Hz: the lowest, so that a backlog is rather
/// over- than underestimated.
const GUESSED_RATE_HZ: u32 = 8_000;

impl From<HearError> for UseCaseError {
    fn from(error: HearError) -> Self {
        match error {
            HearError::Audio(_) | HearError::Features(_) => {
                Self::BadAudio { problem: error.to_string() }
            }
            HearError::Extract(source) => Self::Internal(source),
        }
    }
}

/// Quality where nothing was heard.
pub(super) fn nothing_heard() -> Quality {
    Quality {
        net_speech_ms: 0,
        total_ms: 0,
        snr_db: None,
        level_dbfs: None,
        clipped_share: 0.0,
        bandwidth: Bandwidth::Narrow,
        packets_lost: 0,
        packets_repeated: 0,
        reasons: Vec::new(),
    }
}

/// A recording shared with jobs, and the name of its request.
pub(super) type Held = Arc<Recording>;

impl Inner {
    /// Reasons about quality for a use that needs this much speech.
    pub(super) fn quality_limits(&self, min_net_speech_ms: u32) -> QualityLimits {
        QualityLimits { min_net_speech_ms, ..QualityLimits::default() }
    }

    /// Names a request with audio. Hashing a large recording is work for the engine.
    pub(super) async fn audio_request(
        &self,
        content: Content,
        audio: &Held,
        method: &'static str,
        key: crate::usecase::command::IdempotencyKey,
    ) -> Result<Request, UseCaseError> {
        let audio = Arc::clone(audio);
        let named = move || {
            content.text(&format!("{:?}", audio.format)).bytes(&audio.content).request(method, &key)
        };
        self.compute(named).await
    }

    /// Hears a whole recording, and makes of it what `then` says, in one job.
    pub(super) async fn hear<T, F>(
        &self,
        voice: &VoiceParts,
        audio: Held,
        min_net_speech_ms: u32,
        then: F,
    ) -> Result<T, UseCaseError>
    where
        T: Send + 'static,
        F: FnOnce(Speech) -> Result<T, UseCaseError> + Send + 'static,
    {
        let extractor = Arc::clone(&voice.extractor);
        let limits = self.parts.audio_limits;
        let quality = self.quality_limits(min_net_speech_ms);
        self.compute(move || {
            let (front_end, format) = (extractor.front_end(), audio.format);
            let speech =
                hear_recording(front_end, format, &audio.content, limits, quality, Vad::On)?;
            then(speech)
        })
        .await?
    }

    /// Starts to hear a live recording.
    pub(super) fn capture(
        &self,
        voice: &VoiceParts,
        format: AudioFormat,
        min_net_speech_ms: u32,
        keep: Keep,
    ) -> Result<LiveAudio, UseCaseError> {
        let quality = self.quality_limits(min_net_speech_ms);
        let (front_end, limits) = (voice.extractor.front_end(), self.parts.audio_limits);
        let capture = Capture::new(front_end, format, limits, quality, keep)?;
        Ok(LiveAudio { capture: Arc::new(Mutex::new(capture)), format })
    }

    /// Runs a job on live audio, waiting a while for a place in the engine.
    pub(super) async fn on_live<T, F>(&self, audio: &LiveAudio, job: F) -> Result<T, UseCaseError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Capture) -> Result<T, UseCaseError> + Send + 'static,
    {
        let capture = Arc::clone(&audio.capture);
        let locked = move || job(&mut capture.lock().unwrap_or_else(PoisonError::into_inner));
        self.parts.engine.run_within(MAX_WAIT, locked).await??
    }

    /// Hears chunks; the quality so far and whether no more speech is kept.
    pub(super) async fn hear_chunks(
        &self,
        audio: &LiveAudio,
        chunks: Vec<Chunk>,
    ) -> Result<(Quality, bool), UseCaseError> {
        self.on_live(audio, move |capture| {
            for chunk in &chunks {
                capture.push(chunk.sequence, &chunk.content)?;
            }
            Ok((capture.quality(), capture.is_full()))
        })
        .await
    }

    /// Hears what was held back; the quality of it all.
    pub(super) async fn hear_end(&self, audio: &LiveAudio) -> Result<Quality, UseCaseError> {
        self.on_live(audio, |capture| {
            capture.finish()?;
            Ok(capture.quality())
        })
        .await
    }
}

/// A live recording on its way.
pub(super) struct LiveAudio {
    capture: Arc<Mutex<Capture>>,
    format: AudioFormat,
}

impl LiveAudio {
    /// Length of this many bytes, in milliseconds, rounded up.
    pub(super) fn duration_ms(&self, bytes: usize) -> u64 {
        let sample_bytes = match self.format.encoding {
            AudioEncoding::G711Ulaw | AudioEncoding::G711Alaw => 1,
            _ => GUESSED_SAMPLE_BYTES,
        };
        let channels = u64::from(self.format.channels.unwrap_or(1).max(1));
        let rate = u64::from(self.format.sample_rate_hz.unwrap_or(GUESSED_RATE_HZ).max(1));
        (bytes as u64 * 1_000).div_ceil(sample_bytes * channels * rate)
    }
}

/// The speech of a live recording so far as a probe: `all` of it, or for an estimate what is computed.
pub(super) fn streamed(
    capture: &mut Capture,
    quality: &Quality,
    all: bool,
) -> Result<Probe, UseCaseError> {
    let stream = capture
        .stream()
        .ok_or_else(|| UseCaseError::Internal("a live comparison has no stream".into()))?;
    let embedding = if all { stream.embedding() } else { stream.estimate() };
    Ok(Probe::new(embedding.map_err(UseCaseError::Internal)?, quality))
}
