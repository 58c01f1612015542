//! Audio to speech frames: bytes → samples → the model's features every 10 ms → the frames in which
//! somebody speaks, with the quality of the recording.

use crate::audio::{
    AudioError, AudioLimits, HeardPiece, Listener, Pcm, QualityLimits, decode, listen,
};
use crate::domain::{AudioFormat, Quality};
use crate::features::{FeatureError, Frontend, FrontendStream};
use crate::usecase::parts::{ExtractError, ExtractStream};
use crate::usecase::tape::Tape;

/// Speech that is kept of one recording, in frames of 10 ms: one minute. More adds nothing to an
/// embedding and costs memory and time.
pub const MAX_SPEECH_FRAMES: usize = 6_000;
/// The front end takes samples in the range of 16-bit integers.
pub(super) const FULL_SCALE: f32 = 32_768.0;

/// Why audio did not become frames.
#[derive(Debug, thiserror::Error)]
pub enum HearError {
    /// The audio.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// The front end.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// The extractor refused frames.
    #[error("speech frames were refused")]
    Extract(#[source] ExtractError),
}

/// Which frames are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vad {
    /// Those with speech.
    On,
    /// All.
    Off,
}

/// Speech frames and their quality.
#[derive(Clone)]
pub struct Speech {
    /// Rows of the front end's values; at most [`MAX_SPEECH_FRAMES`].
    pub frames: Vec<f32>,
    /// Quality of the recording.
    pub quality: Quality,
    /// Its audio, for an enrollment.
    pub tape: Tape,
}

/// Hears a whole recording.
///
/// # Errors
/// Audio that cannot be read or is over a limit.
pub fn hear_recording(
    front_end: &Frontend,
    format: AudioFormat,
    content: &[u8],
    limits: AudioLimits,
    quality_limits: QualityLimits,
    vad: Vad,
) -> Result<Speech, HearError> {
    let pcm = decode(content, &format, &limits)?;
    hear_pcm(front_end, &pcm, quality_limits, vad)
}

/// Hears decoded audio.
///
/// # Errors
/// A sample rate that cannot be resampled.
pub fn hear_pcm(
    front_end: &Frontend,
    pcm: &Pcm,
    quality_limits: QualityLimits,
    vad: Vad,
) -> Result<Speech, HearError> {
    let heard = listen(pcm, quality_limits)?;
    let samples: Vec<f32> = heard.audio.samples().iter().map(|s| s * FULL_SCALE).collect();
    let mut rows = Vec::new();
    front_end.clone().compute(&samples, &mut rows)?;
    let mut frames = Vec::new();
    let kept = rows
        .chunks_exact(front_end.dim())
        .zip(&heard.speech)
        .filter(|(_, speech)| vad == Vad::Off || **speech)
        .take(MAX_SPEECH_FRAMES);
    for (row, _) in kept {
        frames.extend_from_slice(row);
    }
    let mut tape = Tape::default();
    tape.record(heard.audio.samples(), &heard.speech);
    Ok(Speech { frames, quality: heard.quality, tape })
}

/// What becomes of the speech frames of a live recording.
pub enum Keep {
    /// They are kept.
    Frames,
    /// They are kept, and the audio for an enrollment with them.
    FramesAndAudio(Tape),
    /// They go to an extractor as they come and are forgotten.
    Stream(Box<dyn ExtractStream>),
}

/// Hears a live recording; over all pushes it hears the frames [`hear_recording`] keeps.
pub struct Capture {
    listener: Listener,
    front_end: FrontendStream,
    piece: HeardPiece,
    samples: Vec<f32>,
    rows: Vec<f32>,
    flags: Vec<bool>,
    /// Speech frames that are kept, or those of one push.
    speech: Vec<f32>,
    /// Speech frames so far.
    heard: usize,
    keep: Keep,
}

impl Capture {
    /// A capture that has heard nothing.
    ///
    /// # Errors
    /// A format that cannot be streamed.
    pub fn new(
        front_end: &Frontend,
        format: AudioFormat,
        limits: AudioLimits,
        quality_limits: QualityLimits,
        keep: Keep,
    ) -> Result<Self, HearError> {
        Ok(Self {
            listener: Listener::new(format, limits, quality_limits)?,
            front_end: front_end.stream(),
            piece: HeardPiece::default(),
            samples: Vec::new(),
            rows: Vec::new(),
            flags: Vec::new(),
            speech: Vec::new(),
            heard: 0,
            keep,
        })
    }

    /// Takes a chunk.
    ///
    /// # Errors
    /// Audio that cannot be read or is over a limit; the capture takes no more.
    pub fn push(&mut self, sequence: Option<u64>, bytes: &[u8]) -> Result<(), HearError> {
        self.listener.push(sequence, bytes, &mut self.piece)?;
        self.take_piece()
    }

    /// The audio ended. What was held back is heard. A stream may end before anything came or inside
    /// a sample: a call can break off anywhere.
    ///
    /// # Errors
    /// Any other audio that cannot be read.
    pub fn finish(&mut self) -> Result<(), HearError> {
        let finished = self.listener.finish(&mut self.piece);
        self.take_piece()?;
        match finished {
            Err(AudioError::Empty | AudioError::PartialSample { .. }) | Ok(()) => Ok(()),
            Err(AudioError::Truncated { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn take_piece(&mut self) -> Result<(), HearError> {
        if let Keep::FramesAndAudio(tape) = &mut self.keep {
            tape.record(&self.piece.samples, &self.piece.speech);
        }
        self.samples.clear();
        let scaled = self.piece.samples.iter().map(|s| s * FULL_SCALE);
        self.samples.extend(scaled);
        self.front_end.push(&self.samples, &mut self.rows)?;
        self.flags.extend_from_slice(&self.piece.speech);
        let width = self.front_end.dim();
        let known = self.flags.len().min(self.rows.len() / width);
        for (row, speech) in self.rows.chunks_exact(width).zip(&self.flags[..known]) {
            if *speech && self.heard < MAX_SPEECH_FRAMES {
                self.speech.extend_from_slice(row);
                self.heard += 1;
            }
        }
        self.rows.drain(..known * width);
        self.flags.drain(..known);
        if let Keep::Stream(stream) = &mut self.keep {
            stream.push(&self.speech).map_err(HearError::Extract)?;
            self.speech.clear();
        }
        Ok(())
    }

    /// Speech so far, in rows of the front end's values; nothing where it goes to a stream.
    pub fn frames(&self) -> &[f32] {
        &self.speech
    }

    /// Moves speech so far out to the end of `rows`; room for as much again is free then. Nothing where it
    /// goes to a stream.
    pub fn drain(&mut self, rows: &mut Vec<f32>) {
        if !matches!(self.keep, Keep::Stream(_)) {
            rows.append(&mut self.speech);
            self.heard = 0;
        }
    }

    /// The extractor's side of the recording, where speech goes to one.
    pub fn stream(&mut self) -> Option<&mut dyn ExtractStream> {
        match &mut self.keep {
            Keep::Frames | Keep::FramesAndAudio(_) => None,
            Keep::Stream(stream) => Some(stream.as_mut()),
        }
    }

    /// The audio so far, where it is kept.
    pub fn tape(&self) -> Option<&Tape> {
        match &self.keep {
            Keep::FramesAndAudio(tape) => Some(tape),
            Keep::Frames | Keep::Stream(_) => None,
        }
    }

    /// Whether no more speech is heard.
    pub fn is_full(&self) -> bool {
        self.heard >= MAX_SPEECH_FRAMES
    }

    /// Quality so far.
    pub fn quality(&self) -> Quality {
        self.listener.quality()
    }
}
