//! The pipeline: specification in, rows of features out.

use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};
use realfft::num_complex::Complex64;

use super::frame::{Framer, energy};
use super::log::floored_ln;
use super::spectrum::power;
use super::{
    Cepstrum, FeatureError, FrameSpec, FrontendStream, LOG_FLOOR, MAX_ABS_SAMPLE, MelBank, MelSpec,
    PowerSpectrum,
};

/// Log-mel filterbank features.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FbankSpec {
    /// Frames.
    pub frame: FrameSpec,
    /// Filters.
    pub mel: MelSpec,
}

impl FbankSpec {
    /// 80 bins over Kaldi's default frames.
    pub fn new(sample_rate_hz: u32) -> Self {
        Self { frame: FrameSpec::new(sample_rate_hz), mel: MelSpec::new(80) }
    }
}

/// Mel-frequency cepstral coefficients.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MfccSpec {
    /// Frames.
    pub frame: FrameSpec,
    /// Filters.
    pub mel: MelSpec,
    /// Coefficients to keep, the zeroth included.
    pub ceps: usize,
    /// Lifter; 0 is none.
    pub lifter: f64,
    /// Put the log energy of the frame (before pre-emphasis and window) in place of the zeroth
    /// coefficient.
    pub use_energy: bool,
}

impl MfccSpec {
    /// Kaldi's defaults: 13 coefficients of 23 bins, lifter 22, energy first.
    pub fn new(sample_rate_hz: u32) -> Self {
        Self {
            frame: FrameSpec::new(sample_rate_hz),
            mel: MelSpec::new(23),
            ceps: 13,
            lifter: 22.0,
            use_energy: true,
        }
    }
}

/// What never changes once a specification is checked.
#[derive(Debug)]
struct Plan {
    framer: Framer,
    bank: MelBank,
    cepstrum: Option<Cepstrum>,
    use_energy: bool,
}

/// A planned front end with its scratch: make it once, run it on many recordings. A clone shares
/// the plan and has its own scratch.
#[derive(Debug, Clone)]
pub struct Frontend {
    arch: Arch,
    plan: Arc<Plan>,
    spectrum: PowerSpectrum,
    power: Vec<f64>,
    log_mel: Vec<f32>,
    sums: Vec<f64>,
}

impl Frontend {
    /// Filterbank features: one row of `mel.bins` a frame.
    pub fn fbank(spec: FbankSpec) -> Result<Self, FeatureError> {
        Self::new(&spec.frame, &spec.mel, None, false)
    }

    /// Cepstral features: one row of `ceps` a frame.
    pub fn mfcc(spec: MfccSpec) -> Result<Self, FeatureError> {
        let cepstrum = Cepstrum::new(spec.mel.bins, spec.ceps, spec.lifter)?;
        Self::new(&spec.frame, &spec.mel, Some(cepstrum), spec.use_energy)
    }

    fn new(
        frame: &FrameSpec,
        mel: &MelSpec,
        cepstrum: Option<Cepstrum>,
        use_energy: bool,
    ) -> Result<Self, FeatureError> {
        let framer = Framer::new(frame)?;
        let spectrum = PowerSpectrum::new(framer.length());
        let bank = MelBank::new(mel, frame.sample_rate_hz, spectrum.fft_len())?;
        Ok(Self {
            arch: Arch::new(),
            power: vec![0.0; spectrum.fft_len() / 2],
            spectrum,
            log_mel: vec![0.0; bank.bins()],
            sums: vec![0.0; cepstrum.as_ref().map_or(0, Cepstrum::ceps)],
            plan: Arc::new(Plan { framer, bank, cepstrum, use_energy }),
        })
    }

    /// Values in a row.
    pub fn dim(&self) -> usize {
        match &self.plan.cepstrum {
            Some(cepstrum) => cepstrum.ceps(),
            None => self.plan.bank.bins(),
        }
    }

    /// Rows that a recording of `samples` samples gives.
    pub fn frames(&self, samples: usize) -> usize {
        self.plan.framer.count(samples)
    }

    /// Samples of a frame.
    pub fn frame_len(&self) -> usize {
        self.plan.framer.length()
    }

    /// Samples between the starts of two frames.
    pub fn frame_shift(&self) -> usize {
        self.plan.framer.shift()
    }

    /// Appends the features of a whole recording (`frames × dim`, row-major) to `out` and returns
    /// the number of frames. `samples` are in the range of 16-bit integers; one that is not finite
    /// or beyond [`MAX_ABS_SAMPLE`] refuses the recording and leaves `out` as it was.
    pub fn compute(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<usize, FeatureError> {
        self.check(samples)?;
        Ok(self.compute_checked(samples, out))
    }

    /// The same features for audio that comes in pieces.
    pub fn stream(&self) -> FrontendStream {
        FrontendStream::new(self.clone())
    }

    pub(super) fn check(&self, samples: &[f32]) -> Result<(), FeatureError> {
        /// Samples looked at together: enough for wide registers, few enough to stop early.
        const BLOCK: usize = 1024;
        let good = |x: &f32| x.abs() <= MAX_ABS_SAMPLE;
        for (n, block) in samples.chunks(BLOCK).enumerate() {
            if block.iter().fold(true, |all, x| all & good(x)) {
                continue;
            }
            if let Some(at) = block.iter().position(|x| !good(x)) {
                return Err(FeatureError::Sample { index: n * BLOCK + at });
            }
        }
        Ok(())
    }

    pub(super) fn compute_checked(&mut self, samples: &[f32], out: &mut Vec<f32>) -> usize {
        let (length, shift, dim) = (self.frame_len(), self.frame_shift(), self.dim());
        let frames = self.frames(samples.len());
        let start = out.len();
        out.resize(start + frames * dim, 0.0);
        for (n, row) in out[start..].chunks_exact_mut(dim).enumerate() {
            self.frame(&samples[n * shift..n * shift + length], row);
        }
        frames
    }

    /// One frame to one row.
    fn frame(&mut self, frame: &[f32], row: &mut [f32]) {
        let mean = self.arch.dispatch(Condition {
            framer: &self.plan.framer,
            frame,
            out: self.spectrum.input(),
        });
        let spectrum = self.spectrum.transform();
        let plan = &*self.plan;
        let log_mel = match plan.cepstrum {
            Some(_) => &mut self.log_mel[..],
            None => &mut row[..],
        };
        self.arch.dispatch(LogMel {
            bank: &plan.bank,
            spectrum,
            power: &mut self.power,
            out: log_mel,
        });
        if let Some(cepstrum) = &plan.cepstrum {
            self.arch.dispatch(Ceps {
                cepstrum,
                log_mel: &self.log_mel,
                sums: &mut self.sums,
                row,
            });
            if plan.use_energy {
                let energy = self.arch.dispatch(Energy { frame, mean });
                row[0] = energy.max(f64::from(LOG_FLOOR)).ln() as f32;
            }
        }
    }
}

/// The steps around the transform, each compiled for every register width `pulp` knows and chosen
/// at run time.
struct Condition<'a> {
    framer: &'a Framer,
    frame: &'a [f32],
    out: &'a mut [f64],
}

impl WithSimd for Condition<'_> {
    type Output = f64;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        self.framer.condition(self.frame, self.out)
    }
}

struct LogMel<'a> {
    bank: &'a MelBank,
    spectrum: &'a [Complex64],
    power: &'a mut [f64],
    out: &'a mut [f32],
}

impl WithSimd for LogMel<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        power(self.spectrum, self.power);
        self.bank.apply(self.power, self.out);
        floored_ln(self.out);
    }
}

struct Ceps<'a> {
    cepstrum: &'a Cepstrum,
    log_mel: &'a [f32],
    sums: &'a mut [f64],
    row: &'a mut [f32],
}

impl WithSimd for Ceps<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.cepstrum.apply(self.log_mel, self.sums, self.row);
    }
}

struct Energy<'a> {
    frame: &'a [f32],
    mean: f64,
}

impl WithSimd for Energy<'_> {
    type Output = f64;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        energy(self.frame, self.mean)
    }
}
