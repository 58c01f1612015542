//! Power spectrum of one conditioned frame.

use std::fmt;
use std::sync::Arc;

use realfft::num_complex::Complex64;
use realfft::{RealFftPlanner, RealToComplex};

/// A planned real FFT of a power-of-two length, with its buffers.
#[derive(Clone)]
pub struct PowerSpectrum {
    plan: Arc<dyn RealToComplex<f64>>,
    input: Vec<f64>,
    spectrum: Vec<Complex64>,
    scratch: Vec<Complex64>,
}

impl PowerSpectrum {
    /// A transform that holds `frame_length` samples, padded to the next power of two.
    pub fn new(frame_length: usize) -> Self {
        let plan = RealFftPlanner::new().plan_fft_forward(frame_length.max(2).next_power_of_two());
        Self {
            input: plan.make_input_vec(),
            spectrum: plan.make_output_vec(),
            scratch: plan.make_scratch_vec(),
            plan,
        }
    }

    /// Points of the transform.
    pub fn fft_len(&self) -> usize {
        self.input.len()
    }

    /// Where the frame goes, zero-padded: [`PowerSpectrum::fft_len`] values.
    pub(super) fn input(&mut self) -> &mut [f64] {
        &mut self.input
    }

    /// Transforms what stands in the input (which it overwrites): the complex spectrum up to and
    /// including the Nyquist frequency, `fft_len / 2 + 1` values.
    pub(super) fn transform(&mut self) -> &[Complex64] {
        self.plan
            .process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch)
            .expect("the plan made these buffers");
        &self.spectrum
    }
}

impl fmt::Debug for PowerSpectrum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PowerSpectrum").field("fft_len", &self.input.len()).finish_non_exhaustive()
    }
}

/// Squared magnitudes of as many values as `power` has room for.
#[inline(always)]
pub(super) fn power(spectrum: &[Complex64], power: &mut [f64]) {
    for (p, c) in power.iter_mut().zip(spectrum) {
        *p = c.re * c.re + c.im * c.im;
    }
}
