//! What the front end refuses.

use super::{MAX_ABS_SAMPLE, MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ};

/// Why a specification or a signal was refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// Sample rate out of range.
    #[error("sample rate must be {MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ} Hz, got {0}")]
    SampleRate(u32),
    /// Frame length out of range.
    #[error("frame length must be {min} to {max} ms, got {got}", min = super::frame::MIN_LENGTH_MS, max = super::frame::MAX_LENGTH_MS)]
    FrameLength {
        /// What came, in ms.
        got: u32,
    },
    /// Frame shift out of range.
    #[error("frame shift must be 1 ms to the frame length ({max} ms), got {got}")]
    FrameShift {
        /// What came, in ms.
        got: u32,
        /// Largest shift, in ms.
        max: u32,
    },
    /// Pre-emphasis out of range.
    #[error("pre-emphasis must be 0 to 1, got {0}")]
    PreEmphasis(f64),
    /// Number of mel bins out of range.
    #[error("mel bins must be {min} to {max}, got {0}", min = super::mel::MIN_BINS, max = super::mel::MAX_BINS)]
    Bins(usize),
    /// Band edges that are no band below the Nyquist frequency.
    #[error("mel band must satisfy 0 <= low < high <= {nyquist} Hz, got low {low} and high {high}")]
    Band {
        /// Lower edge in Hz.
        low: f64,
        /// Upper edge in Hz, after an offset from the Nyquist frequency was resolved.
        high: f64,
        /// Half the sample rate, in Hz.
        nyquist: f64,
    },
    /// Number of cepstral coefficients out of range.
    #[error("cepstral coefficients must be 1 to the {bins} mel bins, got {got}")]
    Ceps {
        /// What came.
        got: usize,
        /// Mel bins there are.
        bins: usize,
    },
    /// Lifter out of range.
    #[error("cepstral lifter must be 0 (off) to {max}, got {0}", max = super::cepstrum::MAX_LIFTER)]
    Lifter(f64),
    /// A number of coefficients was given for filterbanks.
    #[error("filterbank features have no cepstral coefficients to count")]
    CepsOfFbank,
    /// A sample that is no number or far outside the range of audio.
    #[error("sample {index} is not a finite number of magnitude <= {MAX_ABS_SAMPLE}")]
    Sample {
        /// Position in the given slice, from 0.
        index: usize,
    },
}
