//! Cutting a signal into frames, and what happens to each before the transform.

use super::{FeatureError, MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ, WindowKind};

/// Shortest frame, in ms: fewer samples than 8 kHz × 5 ms make no spectrum worth a name.
pub(super) const MIN_LENGTH_MS: u32 = 5;
/// Longest frame, in ms.
pub(super) const MAX_LENGTH_MS: u32 = 100;

/// How frames are cut and conditioned.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameSpec {
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Length of a frame, in ms.
    pub length_ms: u32,
    /// Distance between the starts of two frames, in ms.
    pub shift_ms: u32,
    /// Subtract the frame's mean first.
    pub remove_dc: bool,
    /// Coefficient `a` of `y[n] = x[n] - a x[n-1]`; 0 is none.
    pub preemphasis: f64,
    /// Window after pre-emphasis.
    pub window: WindowKind,
}

impl FrameSpec {
    /// Kaldi's defaults: 25 ms every 10 ms, mean removed, pre-emphasis 0.97, Povey window.
    pub fn new(sample_rate_hz: u32) -> Self {
        Self {
            sample_rate_hz,
            length_ms: 25,
            shift_ms: 10,
            remove_dc: true,
            preemphasis: 0.97,
            window: WindowKind::Povey,
        }
    }
}

/// A checked [`FrameSpec`], in samples, with its window.
#[derive(Debug)]
pub(super) struct Framer {
    window: Vec<f64>,
    shift: usize,
    remove_dc: bool,
    preemphasis: f64,
}

impl Framer {
    /// Checks the specification.
    pub(super) fn new(spec: &FrameSpec) -> Result<Self, FeatureError> {
        if !(MIN_SAMPLE_RATE_HZ..=MAX_SAMPLE_RATE_HZ).contains(&spec.sample_rate_hz) {
            return Err(FeatureError::SampleRate(spec.sample_rate_hz));
        }
        if !(MIN_LENGTH_MS..=MAX_LENGTH_MS).contains(&spec.length_ms) {
            return Err(FeatureError::FrameLength { got: spec.length_ms });
        }
        if !(1..=spec.length_ms).contains(&spec.shift_ms) {
            return Err(FeatureError::FrameShift { got: spec.shift_ms, max: spec.length_ms });
        }
        if !(0.0..=1.0).contains(&spec.preemphasis) {
            return Err(FeatureError::PreEmphasis(spec.preemphasis));
        }
        let samples = |ms: u32| (spec.sample_rate_hz * ms / 1000) as usize;
        Ok(Self {
            window: spec.window.coefficients(samples(spec.length_ms)),
            shift: samples(spec.shift_ms),
            remove_dc: spec.remove_dc,
            preemphasis: spec.preemphasis,
        })
    }

    /// Samples of a frame.
    pub(super) fn length(&self) -> usize {
        self.window.len()
    }

    /// Samples between the starts of two frames.
    pub(super) fn shift(&self) -> usize {
        self.shift
    }

    /// Frames that lie wholly inside `samples` samples (Kaldi's `snip_edges`).
    pub(super) fn count(&self, samples: usize) -> usize {
        match samples.checked_sub(self.length()) {
            Some(rest) => rest / self.shift + 1,
            None => 0,
        }
    }

    /// Conditions one frame of [`Framer::length`] samples into the head of `out`, zeroes the rest
    /// of it, and returns the frame's mean (0 where it is not removed).
    #[inline(always)]
    pub(super) fn condition(&self, frame: &[f32], out: &mut [f64]) -> f64 {
        let length = self.window.len();
        let (out, padding) = out.split_at_mut(length);
        let frame = &frame[..length];
        padding.fill(0.0);
        let mean = if self.remove_dc { sum(frame, |x| x) / length as f64 } else { 0.0 };
        // y[n] = (x[n] - a x[n-1]) w[n], the sample before the first taken equal to it. Written
        // from the raw samples, so that no iteration waits for another.
        let a = self.preemphasis;
        let offset = mean * (1.0 - a);
        out[0] = (f64::from(frame[0]) * (1.0 - a) - offset) * self.window[0];
        let body = out[1..].iter_mut().zip(&self.window[1..]);
        for ((y, &w), (&before, &x)) in body.zip(frame.iter().zip(&frame[1..])) {
            *y = (f64::from(x) - a * f64::from(before) - offset) * w;
        }
        mean
    }
}

/// Energy of a frame about its mean: sum of squares.
#[inline(always)]
pub(super) fn energy(frame: &[f32], mean: f64) -> f64 {
    sum(frame, |x| (x - mean) * (x - mean))
}

/// Sum in a fixed order over eight lanes, so that it can run in vector registers.
#[inline(always)]
fn sum(values: &[f32], f: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0f64; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += f(f64::from(x));
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane += f(f64::from(x));
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_counts_follow_snip_edges() {
        let framer = Framer::new(&FrameSpec::new(16_000)).expect("defaults are valid");
        assert_eq!((framer.length(), framer.shift()), (400, 160));
        for (samples, frames) in [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16_000, 98)] {
            assert_eq!(framer.count(samples), frames, "{samples} samples");
        }
    }

    #[test]
    fn a_frame_equals_the_steps_done_one_by_one() {
        let framer = Framer::new(&FrameSpec::new(8_000)).expect("defaults are valid");
        let x: Vec<f32> = (0..200).map(|n| ((n * n) % 977) as f32 + 300.0).collect();
        let mut out = vec![9.0; 256];
        let mean = framer.condition(&x, &mut out);

        let expected_mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / 200.0;
        let centered: Vec<f64> = x.iter().map(|&v| f64::from(v) - expected_mean).collect();
        assert!((mean - expected_mean).abs() < 1e-9);
        let expected_energy = centered.iter().map(|v| v * v).sum::<f64>();
        assert!((energy(&x, mean) / expected_energy - 1.0).abs() < 1e-12);
        for n in 0..200 {
            let before = if n == 0 { centered[0] } else { centered[n - 1] };
            let y = (centered[n] - 0.97 * before) * WindowKind::Povey.coefficients(200)[n];
            assert!((out[n] - y).abs() < 1e-9, "sample {n}");
        }
        assert!(out[200..].iter().all(|&v| v == 0.0));
    }
}
