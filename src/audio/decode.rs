//! Whole recordings.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::audio::compressed;
use crate::audio::stream::StreamDecoder;
use crate::audio::{AudioError, AudioLimits, Pcm};
use crate::domain::{AudioEncoding, AudioFormat};

/// Bytes of an Ogg file in which the codec's magic number must stand (it is in the first page).
const OGG_MAGIC_WITHIN_BYTES: usize = 512;

/// The chosen channel of a whole recording.
///
/// # Errors
/// Every variant of [`AudioError`] but `File`.
pub fn decode(bytes: &[u8], format: &AudioFormat, limits: &AudioLimits) -> Result<Pcm, AudioError> {
    if bytes.is_empty() {
        return Err(AudioError::Empty);
    }
    if bytes.len() as u64 > limits.max_bytes {
        return Err(AudioError::TooManyBytes {
            limit_bytes: limits.max_bytes,
            came_bytes: bytes.len() as u64,
        });
    }
    match format.encoding {
        AudioEncoding::Flac | AudioEncoding::OggVorbis | AudioEncoding::Mp3 => {
            if sniff(bytes)? != format.encoding {
                return Err(AudioError::WrongHeader {
                    format: compressed::name(format.encoding),
                    why: "its first bytes are of another format",
                });
            }
            compressed::decode(bytes, format, limits)
        }
        _ => {
            let mut decoder = StreamDecoder::new(*format, *limits)?;
            let mut samples = Vec::new();
            decoder.push_any(bytes, &mut samples)?;
            decoder.finish()?;
            let sample_rate_hz = decoder.sample_rate_hz().ok_or(AudioError::Empty)?;
            Ok(Pcm { sample_rate_hz, samples })
        }
    }
}

/// [`decode()`] for the bytes of a file, whose first bytes say what it is.
///
/// # Errors
/// As [`decode()`], and [`AudioError::Unrecognized`].
pub fn decode_file(
    bytes: &[u8],
    channel: Option<u16>,
    limits: &AudioLimits,
) -> Result<Pcm, AudioError> {
    let format =
        AudioFormat { encoding: sniff(bytes)?, sample_rate_hz: None, channels: None, channel };
    decode(bytes, &format, limits)
}

/// [`decode_file`] for the file at `path`. Reads at most the limit.
///
/// # Errors
/// As [`decode_file`], and [`AudioError::File`].
pub fn read_file(
    path: &Path,
    channel: Option<u16>,
    limits: &AudioLimits,
) -> Result<Pcm, AudioError> {
    let mut bytes = Vec::new();
    // One byte more than the limit, so that a longer file is refused and not cut.
    let at_most = limits.max_bytes.saturating_add(1);
    File::open(path)?.take(at_most).read_to_end(&mut bytes)?;
    decode_file(&bytes, channel, limits)
}

/// What the first bytes of a file say.
///
/// # Errors
/// Nothing there, Opus, or nothing that is known.
pub fn sniff(bytes: &[u8]) -> Result<AudioEncoding, AudioError> {
    let begins = |magic: &[u8]| bytes.starts_with(magic);
    if bytes.is_empty() {
        Err(AudioError::Empty)
    } else if begins(b"RIFF") {
        Ok(AudioEncoding::Wav)
    } else if begins(b"fLaC") {
        Ok(AudioEncoding::Flac)
    } else if begins(b"OggS") {
        sniff_ogg(&bytes[..bytes.len().min(OGG_MAGIC_WITHIN_BYTES)])
    } else if begins(b"ID3") || is_mpeg_layer_3(bytes) {
        Ok(AudioEncoding::Mp3)
    } else {
        Err(AudioError::Unrecognized)
    }
}

fn sniff_ogg(page: &[u8]) -> Result<AudioEncoding, AudioError> {
    let holds = |magic: &[u8]| page.windows(magic.len()).any(|w| w == magic);
    if holds(b"OpusHead") {
        Err(AudioError::Opus)
    } else if holds(b"\x01vorbis") {
        Ok(AudioEncoding::OggVorbis)
    } else {
        Err(AudioError::WrongHeader { format: "Ogg", why: "it holds something other than Vorbis" })
    }
}

/// Eleven bits of synchronization, then a version that is not reserved, then layer III.
fn is_mpeg_layer_3(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, second, ..]
        if second & 0xe0 == 0xe0 && second & 0x18 != 0x08 && second & 0x06 == 0x02)
}
