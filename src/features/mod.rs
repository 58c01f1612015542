//! Samples to log-mel filterbank and cepstral features, as Kaldi computes them.
//!
//! One pipeline: [`frame`](FrameSpec) (cut, remove the mean, pre-emphasize, window) →
//! power [`spectrum`](PowerSpectrum) → [`mel`](MelBank) → floored natural log → for MFCC a DCT and
//! a lifter. [`Frontend`] holds the plan and the scratch; [`FrontendStream`] gives the same bits in
//! any chunking. Everything up to the logarithm runs in `f64`: in `f32` the rounding noise of the
//! transform is what a quiet band beside a loud one would hear.

mod cepstrum;
mod cmvn;
mod error;
mod frame;
mod frontend;
mod log;
mod mel;
mod spectrum;
mod stream;
#[cfg(test)]
mod tests;
mod window;

use ndarray::Array2;

pub use cepstrum::Cepstrum;
pub use cmvn::subtract_mean;
pub use error::FeatureError;
pub use frame::FrameSpec;
pub use frontend::{FbankSpec, Frontend, MfccSpec};
pub use log::LOG_FLOOR;
pub use mel::{MelBank, MelSpec, hz_from_mel, mel_from_hz};
pub use spectrum::PowerSpectrum;
pub use stream::FrontendStream;
pub use window::WindowKind;

/// Lowest sample rate the front end takes, in Hz.
pub const MIN_SAMPLE_RATE_HZ: u32 = 8_000;
/// Highest sample rate the front end takes, in Hz.
pub const MAX_SAMPLE_RATE_HZ: u32 = 48_000;
/// Largest magnitude a sample may have; 16-bit audio stays below 2^15. Beyond this a power
/// spectrum would leave the range of `f32`.
pub const MAX_ABS_SAMPLE: f32 = 1.0e9;

/// Which features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureKind {
    /// Log-mel filterbank energies.
    Fbank,
    /// Mel-frequency cepstral coefficients, the first replaced by the frame's log energy.
    Mfcc,
}

/// Features of a whole recording: `frames × dim`.
///
/// `samples` are in the range of 16-bit integers, at `sample_rate_hz`; what `bins` and `ceps` do
/// not say is Kaldi's default (80 bins for filterbanks; 23 bins and 13 coefficients for MFCC).
/// `ceps` is refused with [`FeatureKind::Fbank`]. Recordings shorter than a window give no rows.
pub fn extract(
    kind: FeatureKind,
    samples: &[f32],
    sample_rate_hz: u32,
    bins: Option<usize>,
    ceps: Option<usize>,
) -> Result<Array2<f32>, FeatureError> {
    let mut frontend = match kind {
        FeatureKind::Fbank => {
            if ceps.is_some() {
                return Err(FeatureError::CepsOfFbank);
            }
            let mut spec = FbankSpec::new(sample_rate_hz);
            spec.mel.bins = bins.unwrap_or(spec.mel.bins);
            Frontend::fbank(spec)?
        }
        FeatureKind::Mfcc => {
            let mut spec = MfccSpec::new(sample_rate_hz);
            spec.mel.bins = bins.unwrap_or(spec.mel.bins);
            spec.ceps = ceps.unwrap_or(spec.ceps);
            Frontend::mfcc(spec)?
        }
    };
    let mut out = Vec::new();
    let frames = frontend.compute(samples, &mut out)?;
    let shaped = Array2::from_shape_vec((frames, frontend.dim()), out);
    Ok(shaped.expect("every frame has as many values as the front end has dimensions"))
}
