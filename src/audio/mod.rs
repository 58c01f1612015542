//! Bytes become samples: decoding, resampling to 16 kHz, voice activity, quality.
//!
//! [`decode()`] and [`read_file`] take whole recordings, [`StreamDecoder`] takes live ones in any
//! chunking; [`To16k`] brings either to the one rate the front end knows ([`Mono16k`]).

pub mod compressed;
pub mod decode;
pub mod error;
mod frame;
pub mod g711;
mod halfband;
pub mod line;
pub mod listen;
pub mod pcm;
pub mod quality;
pub mod resample;
pub mod room;
pub mod samples;
pub mod sequence;
pub mod stream;
pub mod vad;
mod vad_weights;
pub mod wav;

#[cfg(test)]
mod decode_tests;

pub use decode::{decode, decode_file, read_file, sniff};
pub use error::AudioError;
pub use line::Line;
pub use listen::{Heard, HeardPiece, Listener, listen};
pub use pcm::{AudioLimits, MAX_RATE_HZ, MIN_RATE_HZ, Pcm};
pub use quality::{QualityLimits, QualityMeter};
pub use resample::{Mono16k, RATE_16K_HZ, To16k, to_16k};
pub use sequence::SequenceTracker;
pub use stream::StreamDecoder;
pub use vad::Vad;
