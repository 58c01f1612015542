//! Live audio in any chunking.

use crate::audio::AudioError;
use crate::audio::g711::G711_RATE_HZ;
use crate::audio::pcm::{AudioLimits, MAX_RATE_HZ, MIN_RATE_HZ};
use crate::audio::samples::{FrameReader, SampleKind};
use crate::audio::wav::{WavFormat, WavReader, WavStep};
use crate::domain::{AudioEncoding, AudioFormat};

/// Decodes WAV, PCM and G.711 as they arrive; chunks may split a header, a frame or a sample.
///
/// The samples are those [`crate::audio::decode()`] gives for the same bytes, whatever the chunks.
#[derive(Debug, Clone)]
pub struct StreamDecoder {
    format: AudioFormat,
    limits: AudioLimits,
    wav: Option<WavReader>,
    frames: Option<FrameReader>,
    sample_rate_hz: Option<u32>,
    bytes: u64,
    ended: bool,
}

impl StreamDecoder {
    /// A decoder of `format`.
    ///
    /// # Errors
    /// A format that cannot be streamed, Opus, a rate or channels that are not taken.
    pub fn new(format: AudioFormat, limits: AudioLimits) -> Result<Self, AudioError> {
        let mut decoder = Self {
            format,
            limits,
            wav: None,
            frames: None,
            sample_rate_hz: None,
            bytes: 0,
            ended: false,
        };
        let raw = |kind, sample_rate_hz| WavFormat {
            kind,
            channels: format.channels.unwrap_or(1),
            sample_rate_hz,
        };
        match format.encoding {
            AudioEncoding::Wav => decoder.wav = Some(WavReader::default()),
            AudioEncoding::PcmS16Le => {
                let rate = format.sample_rate_hz.ok_or(AudioError::RateMissing)?;
                decoder.start(raw(SampleKind::S16, rate))?;
            }
            AudioEncoding::G711Ulaw => decoder.start(raw(SampleKind::Ulaw, G711_RATE_HZ))?,
            AudioEncoding::G711Alaw => decoder.start(raw(SampleKind::Alaw, G711_RATE_HZ))?,
            AudioEncoding::Opus => return Err(AudioError::Opus),
            encoding @ (AudioEncoding::Flac | AudioEncoding::OggVorbis | AudioEncoding::Mp3) => {
                return Err(AudioError::NotStreamable { encoding });
            }
        }
        Ok(decoder)
    }

    /// Samples per second; known from the start except for WAV, whose header says it.
    pub fn sample_rate_hz(&self) -> Option<u32> {
        self.sample_rate_hz
    }

    /// Appends the samples that `bytes` complete to `out`, in `[-1, 1]`. Allocates nothing but what
    /// `out` needs to grow. After an error, and after [`StreamDecoder::finish`], nothing more is
    /// taken.
    ///
    /// # Errors
    /// A chunk or a stream over its limit, a wrong header, samples that are not finite.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<f32>) -> Result<(), AudioError> {
        if bytes.len() > self.limits.max_chunk_bytes {
            self.ended = true;
            return Err(AudioError::ChunkTooLarge {
                limit_bytes: self.limits.max_chunk_bytes,
                came_bytes: bytes.len(),
            });
        }
        self.push_any(bytes, out)
    }

    /// The stream is complete.
    ///
    /// # Errors
    /// Nothing came, or the end cuts a header, the announced data or a sample.
    pub fn finish(&mut self) -> Result<(), AudioError> {
        if std::mem::replace(&mut self.ended, true) {
            return Err(AudioError::Ended);
        }
        if let Some(wav) = &self.wav {
            wav.finish()?;
        }
        let Some(frames) = &self.frames else {
            return Err(AudioError::Empty);
        };
        if frames.left_bytes() > 0 {
            return Err(AudioError::PartialSample {
                frame_bytes: frames.frame_bytes(),
                left_bytes: frames.left_bytes(),
            });
        }
        if frames.frames() == 0 {
            return Err(AudioError::Empty);
        }
        Ok(())
    }

    /// Bytes were lost: an unfinished sample is dropped, so that the next chunk begins a new one.
    pub fn skip_gap(&mut self) {
        if let Some(frames) = &mut self.frames {
            frames.drop_partial();
        }
    }

    /// [`StreamDecoder::push`] without the limit on a chunk, for whole recordings.
    pub(crate) fn push_any(&mut self, bytes: &[u8], out: &mut Vec<f32>) -> Result<(), AudioError> {
        if self.ended {
            return Err(AudioError::Ended);
        }
        let done = self.push_checked(bytes, out);
        self.ended = done.is_err();
        done
    }

    fn push_checked(&mut self, mut bytes: &[u8], out: &mut Vec<f32>) -> Result<(), AudioError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.limits.max_bytes {
            return Err(AudioError::TooManyBytes {
                limit_bytes: self.limits.max_bytes,
                came_bytes: self.bytes,
            });
        }
        let Some(mut wav) = self.wav.take() else {
            return self.push_samples(bytes, out);
        };
        loop {
            match wav.step(&mut bytes)? {
                WavStep::More => break,
                WavStep::Format(format) => self.start(format)?,
                WavStep::Samples(count) => {
                    self.push_samples(&bytes[..count], out)?;
                    bytes = &bytes[count..];
                }
            }
        }
        self.wav = Some(wav);
        Ok(())
    }

    fn push_samples(&mut self, bytes: &[u8], out: &mut Vec<f32>) -> Result<(), AudioError> {
        let (Some(frames), Some(rate)) = (&mut self.frames, self.sample_rate_hz) else {
            return Ok(());
        };
        frames.push(bytes, out)?;
        check_length(frames.frames(), rate, &self.limits)
    }

    /// Checks what header or caller say and prepares for samples.
    fn start(&mut self, actual: WavFormat) -> Result<(), AudioError> {
        check_claims(&self.format, actual.sample_rate_hz, actual.channels)?;
        let frames = FrameReader::new(actual.kind, actual.channels, self.format.channel)?;
        self.frames = Some(frames);
        self.sample_rate_hz = Some(actual.sample_rate_hz);
        Ok(())
    }
}

/// Holds the rate against the range and both against what the caller announced.
pub(crate) fn check_claims(
    claimed: &AudioFormat,
    rate_hz: u32,
    channels: u16,
) -> Result<(), AudioError> {
    if !(MIN_RATE_HZ..=MAX_RATE_HZ).contains(&rate_hz) {
        return Err(AudioError::RateOutOfRange { came_hz: rate_hz });
    }
    match claimed.sample_rate_hz {
        Some(claimed_hz) if claimed_hz != rate_hz => {
            return Err(AudioError::RateMismatch { claimed_hz, actual_hz: rate_hz });
        }
        _ => {}
    }
    match claimed.channels {
        Some(claimed) if claimed != channels => {
            Err(AudioError::ChannelsMismatch { claimed, actual: channels })
        }
        _ => Ok(()),
    }
}

/// Holds a number of frames against the limit in seconds.
pub(crate) fn check_length(
    frames: u64,
    rate_hz: u32,
    limits: &AudioLimits,
) -> Result<(), AudioError> {
    if frames > u64::from(limits.max_seconds) * u64::from(rate_hz) {
        return Err(AudioError::TooLong { limit_s: limits.max_seconds });
    }
    Ok(())
}
