//! Samples of one channel, and the limits on what is taken.

use std::fmt;

/// Lowest sample rate taken, in Hz: telephone audio.
pub const MIN_RATE_HZ: u32 = 8_000;
/// Highest sample rate taken, in Hz.
pub const MAX_RATE_HZ: u32 = 48_000;

/// One channel of a recording.
#[derive(Clone, PartialEq)]
pub struct Pcm {
    /// Samples per second, from [`MIN_RATE_HZ`] to [`MAX_RATE_HZ`].
    pub sample_rate_hz: u32,
    /// Samples in `[-1, 1]`; 16-bit integers are divided by 32768.
    pub samples: Vec<f32>,
}

impl Pcm {
    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate_hz.max(1))
    }
}

impl fmt::Debug for Pcm {
    /// Size only: samples are biometric data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pcm")
            .field("sample_rate_hz", &self.sample_rate_hz)
            .field("samples", &self.samples.len())
            .finish()
    }
}

/// What is taken at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AudioLimits {
    /// Length of a recording or a stream, in seconds.
    pub max_seconds: u32,
    /// Size of a recording or a stream, in bytes.
    pub max_bytes: u64,
    /// Size of one chunk of a stream, in bytes.
    pub max_chunk_bytes: usize,
}

impl AudioLimits {
    /// Default length, in seconds: ten minutes say all a voiceprint can hold.
    pub const DEFAULT_MAX_SECONDS: u32 = 600;
    /// Default size, in bytes: ten minutes of 48 kHz 16-bit mono fit.
    pub const DEFAULT_MAX_BYTES: u64 = 64 * 1024 * 1024;
    /// Default chunk, in bytes: four seconds of 8 kHz 16-bit audio.
    pub const DEFAULT_MAX_CHUNK_BYTES: usize = 64 * 1024;
}

impl Default for AudioLimits {
    fn default() -> Self {
        Self {
            max_seconds: Self::DEFAULT_MAX_SECONDS,
            max_bytes: Self::DEFAULT_MAX_BYTES,
            max_chunk_bytes: Self::DEFAULT_MAX_CHUNK_BYTES,
        }
    }
}
