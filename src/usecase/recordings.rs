//! Recordings as a telephone would send them.

use std::path::Path;

use crate::audio::g711::{G711_RATE_HZ, encode_ulaw};
use crate::audio::{AudioError, AudioLimits, Line, read_file, to_16k};

/// The recording as G.711 mu-law at 8 kHz; other rates are band-limited to 300 to 3400 Hz first.
///
/// # Errors
/// A file that cannot be read as audio.
pub fn as_telephone(path: &Path) -> Result<Vec<u8>, AudioError> {
    let pcm = read_file(path, None, &AudioLimits::default())?;
    if pcm.sample_rate_hz == G711_RATE_HZ {
        return Ok(pcm.samples.iter().map(|sample| encode_ulaw(*sample)).collect());
    }
    let wide = to_16k(&pcm)?;
    let narrow = Line::NOISY.band(wide.samples());
    Ok(narrow.iter().map(|sample| encode_ulaw(*sample as f32)).collect())
}
