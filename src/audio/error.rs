//! What can be wrong with audio.

use crate::audio::pcm::{MAX_RATE_HZ, MIN_RATE_HZ};
use crate::audio::resample::RATE_16K_HZ;
use crate::audio::samples::MAX_CHANNELS;
use crate::domain::AudioEncoding;

/// Why bytes did not become samples. Each message says the limit and what came.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// No sample came.
    #[error("the audio is empty: at least one sample is needed")]
    Empty,
    /// The recording is larger than `AudioLimits::max_bytes`.
    #[error("the audio may have {limit_bytes} bytes, {came_bytes} came")]
    TooManyBytes {
        /// The limit in force.
        limit_bytes: u64,
        /// What came, at least.
        came_bytes: u64,
    },
    /// The recording is longer than `AudioLimits::max_seconds`.
    #[error("the audio may last {limit_s} s, more came")]
    TooLong {
        /// The limit in force.
        limit_s: u32,
    },
    /// One chunk of a stream is larger than `AudioLimits::max_chunk_bytes`.
    #[error("a chunk may have {limit_bytes} bytes, one of {came_bytes} came")]
    ChunkTooLarge {
        /// The limit in force.
        limit_bytes: usize,
        /// What came.
        came_bytes: usize,
    },
    /// Opus was recognized.
    #[error("Opus is not supported yet: send PCM, G.711, WAV, FLAC, Ogg-Vorbis or MP3")]
    Opus,
    /// A format that exists as whole files only was given for a stream.
    #[error("{encoding:?} cannot be streamed: send the whole file, or stream PCM, G.711 or WAV")]
    NotStreamable {
        /// The format.
        encoding: AudioEncoding,
    },
    /// Headerless PCM without a rate.
    #[error("raw PCM needs its sample rate, from {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz; none came")]
    RateMissing,
    /// A rate that is not taken.
    #[error("the sample rate must be from {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, {came_hz} came")]
    RateOutOfRange {
        /// What came.
        came_hz: u32,
    },
    /// A rate that no telephone line is simulated from.
    #[error("a line is simulated from 8000 or {RATE_16K_HZ} Hz, {came_hz} Hz came")]
    LineRate {
        /// What came.
        came_hz: u32,
    },
    /// The caller's rate is not the one of the audio.
    #[error("{claimed_hz} Hz were announced, the audio has {actual_hz} Hz")]
    RateMismatch {
        /// What the caller said.
        claimed_hz: u32,
        /// What the header or the encoding says.
        actual_hz: u32,
    },
    /// A number of channels that is not taken.
    #[error("1 to {MAX_CHANNELS} channels are taken, {came} came")]
    ChannelsOutOfRange {
        /// What came.
        came: u32,
    },
    /// The caller's number of channels is not the one of the audio.
    #[error("{claimed} channels were announced, the audio has {actual}")]
    ChannelsMismatch {
        /// What the caller said.
        claimed: u16,
        /// What the header says.
        actual: u16,
    },
    /// Several channels and no choice.
    #[error(
        "the audio has {channels} channels: choose the one that carries the speaker, \
         counted from 0 (`--channel N`, or `channel` in the audio configuration)"
    )]
    ChannelRequired {
        /// Channels there are.
        channels: u16,
    },
    /// A channel beyond the last.
    #[error("channel {channel} was chosen, but the audio has {channels}, counted from 0")]
    NoSuchChannel {
        /// The choice.
        channel: u16,
        /// Channels there are.
        channels: u16,
    },
    /// NaN or infinity in floating-point samples.
    #[error("sample {position} is not a finite number")]
    NotFinite {
        /// Index of the frame, from 0.
        position: u64,
    },
    /// The bytes are not what they were said to be.
    #[error("not a {format} file as far as it is understood: {why}")]
    WrongHeader {
        /// The format looked for.
        format: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// A WAV format tag or width that is not taken.
    #[error(
        "WAV format tag {tag} with {bits} bits is not supported: \
         integer PCM of 8, 16, 24 or 32 bits, float of 32 or 64, G.711 mu-law and A-law are"
    )]
    WavFormat {
        /// `wFormatTag`, or that of the sub-format.
        tag: u16,
        /// Bits of a sample's container.
        bits: u32,
    },
    /// Fewer bytes than the header says.
    #[error("the audio is cut off: the header says {expected_bytes} bytes, {came_bytes} came")]
    Truncated {
        /// What the header says.
        expected_bytes: u64,
        /// What came.
        came_bytes: u64,
    },
    /// The audio ends inside a sample.
    #[error("the audio ends inside a sample: {frame_bytes} bytes a frame, {left_bytes} were left")]
    PartialSample {
        /// Bytes of one sample of every channel.
        frame_bytes: usize,
        /// Bytes left over.
        left_bytes: usize,
    },
    /// No known magic number.
    #[error("not an audio file that is known: WAV, FLAC, Ogg-Vorbis and MP3 are")]
    Unrecognized,
    /// A compressed file that does not decode.
    #[error("the {format} file is damaged: {why}")]
    Damaged {
        /// The format.
        format: &'static str,
        /// What the decoder says.
        why: String,
    },
    /// Bytes after the end or after an error.
    #[error("the stream has ended or failed; no more bytes are taken")]
    Ended,
    /// The file could not be read.
    #[error("the file could not be read: {0}")]
    File(#[from] std::io::Error),
}
