//! Features of one file, as numbers in text: what `vouch features` prints.

use std::io::Write;
use std::path::Path;

use crate::audio::{AudioError, AudioLimits, read_file};
pub use crate::features::FeatureKind;
use crate::features::{FeatureError, extract};

/// Which features of which file.
#[derive(Debug, Clone)]
pub struct FeatureRequest<'a> {
    /// The recording.
    pub path: &'a Path,
    /// Channel to take, from 0; needed when there are several.
    pub channel: Option<u16>,
    /// Filterbank energies or cepstra.
    pub kind: FeatureKind,
    /// Mel bins; Kaldi's default if absent.
    pub bins: Option<usize>,
    /// Cepstral coefficients; Kaldi's default if absent.
    pub ceps: Option<usize>,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The file cannot be read as audio.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// Features that cannot be computed.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// The output cannot be written.
    #[error("cannot write the features: {0}")]
    Output(#[from] std::io::Error),
}

impl ExtractError {
    /// Whether the numbers of bins or coefficients that were asked for cannot be, whatever the file holds.
    pub fn is_of_request(&self) -> bool {
        matches!(
            self,
            Self::Features(
                FeatureError::Bins(_) | FeatureError::Ceps { .. } | FeatureError::CepsOfFbank
            )
        )
    }
}

/// Writes comma-separated rows, one a frame, no header; `f32` in the shortest form that reads back to the
/// same bits. Samples are scaled to the range of 16-bit integers at the file's own rate.
pub fn extract_features(
    request: &FeatureRequest<'_>,
    out: &mut impl Write,
) -> Result<(), ExtractError> {
    let pcm = read_file(request.path, request.channel, &AudioLimits::default())?;
    let scaled: Vec<f32> = pcm.samples.iter().map(|sample| sample * 32_768.0).collect();
    let rate = pcm.sample_rate_hz;
    let features = extract(request.kind, &scaled, rate, request.bins, request.ceps)?;
    for row in features.rows() {
        for (column, value) in row.iter().enumerate() {
            let comma = if column == 0 { "" } else { "," };
            write!(out, "{comma}{value}")?;
        }
        writeln!(out)?;
    }
    out.flush()?;
    Ok(())
}
