//! The caller's leg of a session: audio to speech frames of the present person, whole and in windows.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::audio::AudioLimits;
use crate::domain::{AudioEncoding, AudioFormat, DurationMs, Quality};
use crate::scoring::Side;
use crate::usecase::UseCaseError;
use crate::usecase::adapt_voice::Heard;
use crate::usecase::command::Chunk;
use crate::usecase::core::Inner;
use crate::usecase::hear::{Capture, Keep};
use crate::usecase::listen::nothing_heard;
use crate::usecase::parts::VoiceParts;
use crate::usecase::sessions::own_voice::{Likeness, OwnVoice};
use crate::usecase::voice::Probe;

/// Speech kept of the present person, in frames of 10 ms: half a minute. More adds little to an embedding, and
/// a call holds it in memory.
const MAX_FRAMES: usize = 3_000;
/// Frames dropped at once when there are too many, so that moving the rest is rare.
const DROP_FRAMES: usize = 500;
/// First speech of the present person that windows are held against, in frames, at most.
const OPENING_FRAMES: usize = 1_000;
/// Milliseconds of a frame's step.
const FRAME_MS: u32 = 10;
/// How long a piece of audio waits for a place in the engine.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// What is heard of a session.
pub(super) struct Hearing {
    voice: VoiceParts,
    format: AudioFormat,
    capture: Arc<Mutex<Capture>>,
    /// Rows of the front end's values.
    rows: Vec<f32>,
    /// Speech of the session before `rows`, in frames.
    before: usize,
    quality: Quality,
    /// The present person's voice in this session.
    own: OwnVoice,
    /// The last embedding of all speech of the present person.
    embedded: Option<(Probe, Quality)>,
}

/// Frames on their way to the engine.
pub(super) struct Excerpt {
    frames: Vec<f32>,
    quality: Quality,
}

impl Excerpt {
    /// Rows of the front end's values, and their quality.
    pub(super) fn into_parts(self) -> (Vec<f32>, Quality) {
        (self.frames, self.quality)
    }
}

impl Hearing {
    /// Hears audio of this format for as long as a session may last.
    pub(super) fn new(
        inner: &Inner,
        voice: VoiceParts,
        format: AudioFormat,
        min_net_speech_ms: u32,
        longest_ms: DurationMs,
    ) -> Result<Self, UseCaseError> {
        let own = inner.parts.audio_limits;
        let seconds = u32::try_from(longest_ms.div_ceil(1_000)).unwrap_or(u32::MAX);
        let times = u64::from(seconds.div_ceil(own.max_seconds.max(1)));
        let limits = AudioLimits {
            max_seconds: seconds.max(own.max_seconds),
            max_bytes: own.max_bytes.saturating_mul(times.max(1)),
            ..own
        };
        let quality = inner.quality_limits(min_net_speech_ms);
        let front_end = voice.extractor.front_end();
        let capture = Capture::new(front_end, format, limits, quality, Keep::Frames)?;
        Ok(Self {
            voice,
            format,
            capture: Arc::new(Mutex::new(capture)),
            rows: Vec::new(),
            before: 0,
            quality: nothing_heard(),
            own: OwnVoice::default(),
            embedded: None,
        })
    }

    fn width(&self) -> usize {
        self.voice.extractor.front_end().dim().max(1)
    }

    /// Net speech of the session so far, in milliseconds.
    pub(super) fn net_speech_ms(&self) -> u32 {
        let frames = self.before + self.rows.len() / self.width();
        u32::try_from(frames).unwrap_or(u32::MAX).saturating_mul(FRAME_MS)
    }

    /// Length of this many bytes, in milliseconds; a guess for a file whose header says it.
    pub(super) fn duration_ms(&self, bytes: usize) -> u64 {
        let sample_bytes = match self.format.encoding {
            AudioEncoding::G711Ulaw | AudioEncoding::G711Alaw => 1,
            _ => 2,
        };
        let channels = u64::from(self.format.channels.unwrap_or(1).max(1));
        let rate = u64::from(self.format.sample_rate_hz.unwrap_or(8_000).max(1));
        (bytes as u64 * 1_000) / (sample_bytes * channels * rate)
    }

    /// Bytes of one sample of all channels; `None` for a file.
    pub(super) fn frame_bytes(&self) -> Option<usize> {
        let sample_bytes = match self.format.encoding {
            AudioEncoding::G711Ulaw | AudioEncoding::G711Alaw => 1,
            AudioEncoding::PcmS16Le => 2,
            AudioEncoding::Wav
            | AudioEncoding::Flac
            | AudioEncoding::OggVorbis
            | AudioEncoding::Mp3
            | AudioEncoding::Opus => return None,
        };
        Some(sample_bytes * usize::from(self.format.channels.unwrap_or(1).max(1)))
    }

    /// Hears chunks.
    pub(super) async fn hear(
        &mut self,
        inner: &Inner,
        chunks: Vec<Chunk>,
    ) -> Result<(), UseCaseError> {
        self.on_capture(inner, move |capture| {
            for chunk in &chunks {
                capture.push(chunk.sequence, &chunk.content)?;
            }
            Ok(())
        })
        .await
    }

    /// Hears what was held back.
    pub(super) async fn finish(&mut self, inner: &Inner) -> Result<(), UseCaseError> {
        self.on_capture(inner, |capture| Ok(capture.finish()?)).await
    }

    async fn on_capture<F>(&mut self, inner: &Inner, job: F) -> Result<(), UseCaseError>
    where
        F: FnOnce(&mut Capture) -> Result<(), UseCaseError> + Send + 'static,
    {
        let capture = Arc::clone(&self.capture);
        let job = move || {
            let mut capture = capture.lock().unwrap_or_else(PoisonError::into_inner);
            job(&mut capture)?;
            let mut rows = Vec::new();
            capture.drain(&mut rows);
            Ok::<_, UseCaseError>((rows, capture.quality()))
        };
        let (rows, quality) = inner.parts.engine.run_within(MAX_WAIT, job).await???;
        self.rows.extend_from_slice(&rows);
        self.quality = quality;
        let width = self.width();
        if self.rows.len() / width > MAX_FRAMES + DROP_FRAMES {
            let over = self.rows.len() / width - MAX_FRAMES;
            self.rows.drain(..over * width);
            self.before += over;
        }
        Ok(())
    }

    /// Another person began at this much net speech of the session; `None`: now.
    pub(super) fn restart(&mut self, from_ms: Option<u32>) {
        let width = self.width();
        let frames = self.rows.len() / width;
        let from = from_ms.map_or(usize::MAX, |ms| (ms / FRAME_MS) as usize);
        let over = from.saturating_sub(self.before).min(frames);
        self.rows.drain(..over * width);
        self.before += over;
        (self.own, self.embedded) = (OwnVoice::default(), None);
    }

    /// All speech of the present person that is kept.
    pub(super) fn whole(&self) -> Excerpt {
        self.excerpt(0, usize::MAX)
    }

    /// Net speech of it, in milliseconds.
    pub(super) fn whole_ms(&self) -> u32 {
        let frames = self.rows.len() / self.width();
        u32::try_from(frames).unwrap_or(u32::MAX).saturating_mul(FRAME_MS)
    }

    /// A window of net speech of the session, in milliseconds.
    pub(super) fn window(&self, from_ms: u32, until_ms: u32) -> Excerpt {
        let frame = |ms: u32| ((ms / FRAME_MS) as usize).saturating_sub(self.before);
        self.excerpt(frame(from_ms), frame(until_ms))
    }

    fn excerpt(&self, from: usize, until: usize) -> Excerpt {
        let width = self.width();
        let frames = self.rows.len() / width;
        let (from, until) = (from.min(frames), until.min(frames));
        let frames = self.rows.get(from * width..until * width).unwrap_or_default().to_vec();
        let net = u32::try_from(until.saturating_sub(from)).unwrap_or(u32::MAX);
        let mut quality = self.quality.clone();
        quality.net_speech_ms = net.saturating_mul(FRAME_MS);
        Excerpt { frames, quality }
    }

    /// Holds a window against what the session has heard of the present person, and against the window before it.
    /// `None` where nothing was heard before it.
    pub(super) async fn compare_window(
        &mut self,
        inner: &Inner,
        from_ms: u32,
        until_ms: u32,
    ) -> Result<Option<Likeness>, UseCaseError> {
        let until = ((from_ms / FRAME_MS) as usize).saturating_sub(self.before);
        let opening = self.excerpt(0, until.min(OPENING_FRAMES));
        if self.own.is_empty() && opening.frames.is_empty() {
            return Ok(None);
        }
        let (voice, window) = (self.voice.clone(), self.window(from_ms, until_ms));
        let mut own = self.own.clone();
        let job = move || {
            if own.is_empty() {
                own.begin(voice.probe(&opening.frames, &opening.quality)?);
            }
            let probe = voice.probe(&window.frames, &window.quality)?;
            let likeness = own.compare(&voice, from_ms, probe)?;
            Ok::<_, UseCaseError>((own, likeness))
        };
        let (own, likeness) = inner.parts.engine.run_within(MAX_WAIT, job).await???;
        self.own = own;
        Ok(likeness)
    }

    /// The window just compared, which begins here, is the present person's.
    pub(super) fn keep_window(&mut self, from_ms: u32) {
        self.own.keep(from_ms);
    }

    async fn embed(
        &self,
        inner: &Inner,
        excerpt: Excerpt,
    ) -> Result<(Side, Probe, Quality), UseCaseError> {
        let voice = self.voice.clone();
        let job = move || {
            let probe = voice.probe(&excerpt.frames, &excerpt.quality)?;
            Ok::<_, UseCaseError>((voice.probe_side(&probe)?, probe, excerpt.quality))
        };
        inner.parts.engine.run_within(MAX_WAIT, job).await??
    }

    /// All speech of the present person that is kept as a side.
    pub(super) async fn whole_side(&mut self, inner: &Inner) -> Result<Side, UseCaseError> {
        let (side, probe, quality) = self.embed(inner, self.whole()).await?;
        self.embedded = Some((probe, quality));
        Ok(side)
    }

    /// The last embedding of all speech of the present person.
    pub(super) fn embedded(&self) -> Option<&(Probe, Quality)> {
        self.embedded.as_ref()
    }

    /// All speech of the present person, as it may be kept. In the engine.
    pub(super) async fn heard(&self, inner: &Inner) -> Result<Heard, UseCaseError> {
        let (voice, excerpt) = (self.voice.clone(), self.whole());
        let job = move || {
            let probe = voice.probe(&excerpt.frames, &excerpt.quality)?;
            Ok(Heard { probe, quality: excerpt.quality })
        };
        inner.parts.engine.run_within(MAX_WAIT, job).await??
    }

    /// The model that hears.
    pub(super) fn voice(&self) -> &VoiceParts {
        &self.voice
    }
}
