//! One spectrum a frame for voice activity and quality alike.
//!
//! Frame `i` is samples `[160 i, 160 i + 400)` at 16 kHz, as Kaldi counts them (`snip_edges`).

use std::sync::{Arc, LazyLock};

use pulp::{Arch, Simd, WithSimd};
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Samples of a frame: 25 ms.
pub const FRAME_SAMPLES: usize = 400;
/// Samples from one frame to the next: 10 ms.
pub const HOP_SAMPLES: usize = 160;
/// Length of the transform; a bin is 31.25 Hz wide.
const FFT_SIZE: usize = 512;
/// Bands of about equal width on the mel scale from 100 to 3800 Hz, the part that telephone and
/// microphone share.
pub(crate) const BANDS: usize = 12;
/// First bins of the bands, and one past the last.
const BAND_EDGES: [usize; BANDS + 1] = [3, 7, 12, 17, 23, 30, 38, 48, 59, 71, 86, 102, 122];
/// First bin of what no telephone carries, 4.4 kHz, and one past the last, 6 kHz: MP3 and Opus
/// often cut above.
const HIGH_BINS: (usize, usize) = (141, 193);
/// Lags at which a voice repeats, in samples: 400 to 80 Hz.
const PITCH_LAGS: (usize, usize) = (40, 200);
/// Full scale: the largest mu-law value is 0.9803, so that G.711 clips here too.
const CLIP_LEVEL: f32 = 0.98;
/// Middle hop of a frame: where samples are counted once.
const MIDDLE: std::ops::Range<usize> = 120..280;

/// Width of running sums; lets the compiler use vector registers.
const LANES: usize = 16;

/// What is measured on a frame. Powers are mean squares, relative to full scale 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct FrameStats {
    /// Mean square of the samples.
    pub power: f32,
    /// Power from 100 to 3800 Hz.
    pub voice_band: f32,
    /// Power from 4.4 to 6 kHz.
    pub high_band: f32,
    /// Samples at full scale among the middle 160.
    pub clipped: u16,
}

/// Spectral description of a frame for the voice activity model.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shape {
    /// Power of each band.
    pub bands: [f32; BANDS],
    /// Largest bin over the sum of the bins.
    pub peak: f32,
    /// Mean log10 of the bins less log10 of their mean: 0 is flat.
    pub flatness: f32,
    /// Largest normalized autocorrelation at the lags of a voice.
    pub voicing: f32,
}

/// Transforms there and back, planned once for all streams: a plan has tables of its own.
struct Plans {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

static PLANS: LazyLock<Plans> = LazyLock::new(|| {
    let mut planner = RealFftPlanner::new();
    let forward = planner.plan_fft_forward(FFT_SIZE);
    Plans { forward, inverse: planner.plan_fft_inverse(FFT_SIZE) }
});

/// Plans and scratch for frames.
pub(crate) struct FrameAnalyzer {
    arch: Arch,
    window: [f32; FRAME_SAMPLES],
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    time: Vec<f32>,
    spectrum: Vec<Complex32>,
    /// Power of each bin.
    powers: Vec<f32>,
    scratch_forward: Vec<Complex32>,
    scratch_inverse: Vec<Complex32>,
}

impl FrameAnalyzer {
    pub(crate) fn new() -> Self {
        let (forward, inverse) = (Arc::clone(&PLANS.forward), Arc::clone(&PLANS.inverse));
        let mut window = [0.0; FRAME_SAMPLES];
        for (i, w) in window.iter_mut().enumerate() {
            let phase = 2.0 * std::f64::consts::PI * i as f64 / FRAME_SAMPLES as f64;
            *w = (0.5 - 0.5 * phase.cos()) as f32;
        }
        Self {
            arch: Arch::new(),
            window,
            time: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            powers: vec![0.0; FFT_SIZE / 2 + 1],
            scratch_forward: forward.make_scratch_vec(),
            scratch_inverse: inverse.make_scratch_vec(),
            forward,
            inverse,
        }
    }

    /// Measures `frame`, which has [`FRAME_SAMPLES`] samples.
    pub(crate) fn analyze(&mut self, frame: &[f32]) -> (FrameStats, Shape) {
        let windowed = Windowed { frame, window: &self.window, time: &mut self.time };
        let (power, clipped) = self.arch.dispatch(windowed);
        self.forward
            .process_with_scratch(&mut self.time, &mut self.spectrum, &mut self.scratch_forward)
            .expect("the buffers are those the plan made");
        // Parseval with a Hann window (mean square 3/8), both halves of the spectrum.
        let scale = 2.0 / (FFT_SIZE as f32 * FRAME_SAMPLES as f32 * 0.375);
        self.arch.dispatch(Powers { spectrum: &self.spectrum, scale, powers: &mut self.powers });
        let high_band = self.powers[HIGH_BINS.0..HIGH_BINS.1].iter().sum();
        let shape = self.shape();
        let voice_band = shape.bands.iter().sum();
        (FrameStats { power, voice_band, high_band, clipped }, shape)
    }

    fn shape(&mut self) -> Shape {
        let (low, high) = (BAND_EDGES[0], BAND_EDGES[BANDS]);
        let mut shape = Shape::default();
        for (band, edges) in shape.bands.iter_mut().zip(BAND_EDGES.windows(2)) {
            *band = self.powers[edges[0]..edges[1]].iter().sum();
        }
        let voice = &self.powers[low..high];
        let Summary { sum, largest, log10_sum } = self.arch.dispatch(Summarize(voice));
        let bins = (high - low) as f32;
        shape.peak = largest / (sum + 1e-12);
        let mean_log = log10_sum / bins;
        shape.flatness = mean_log - (sum / bins + 1e-13).log10();
        // The autocorrelation is the transform of the power spectrum, here of the voice band only.
        self.spectrum.fill(Complex32::default());
        for (bin, power) in self.spectrum[low..high].iter_mut().zip(voice) {
            bin.re = *power;
        }
        self.inverse
            .process_with_scratch(&mut self.spectrum, &mut self.time, &mut self.scratch_inverse)
            .expect("the buffers are those the plan made and both ends are real");
        let best = self.arch.dispatch(Largest(&self.time[PITCH_LAGS.0..PITCH_LAGS.1]));
        shape.voicing = best / (self.time[0] + 1e-12);
        shape
    }
}

/// The steps around the transforms, each compiled for every register width `pulp` knows and chosen at
/// run time.
struct Windowed<'a> {
    frame: &'a [f32],
    window: &'a [f32; FRAME_SAMPLES],
    time: &'a mut [f32],
}

impl WithSimd for Windowed<'_> {
    /// Mean square, and samples at full scale in the middle.
    type Output = (f32, u16);
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> (f32, u16) {
        let (head, padding) = self.time.split_at_mut(FRAME_SAMPLES);
        padding.fill(0.0);
        for (t, (x, w)) in head.iter_mut().zip(self.frame.iter().zip(self.window)) {
            *t = x * w;
        }
        let mut lanes = [0.0f32; LANES];
        for chunk in self.frame.as_chunks::<LANES>().0 {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane += x * x;
            }
        }
        let mut clipped = 0u16;
        for x in &self.frame[MIDDLE] {
            clipped += u16::from(x.abs() >= CLIP_LEVEL);
        }
        (lanes.iter().sum::<f32>() / FRAME_SAMPLES as f32, clipped)
    }
}

struct Powers<'a> {
    spectrum: &'a [Complex32],
    scale: f32,
    powers: &'a mut [f32],
}

impl WithSimd for Powers<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (power, bin) in self.powers.iter_mut().zip(self.spectrum) {
            *power = bin.norm_sqr() * self.scale;
        }
    }
}

/// Sums over bins.
struct Summary {
    sum: f32,
    largest: f32,
    /// Of the bins raised by 1e-13.
    log10_sum: f32,
}

struct Summarize<'a>(&'a [f32]);

impl WithSimd for Summarize<'_> {
    type Output = Summary;
    /// The logarithm of a product is the sum of the logarithms: exponents are added as integers, and
    /// mantissas, all of them in `[1, 2)`, multiplied: 119 bins give less than `2^119`.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Summary {
        const MANTISSA: u32 = 0x007f_ffff;
        const ONE: u32 = 0x3f80_0000;
        const BIAS: i32 = 127;
        let (mut sums, mut largest) = ([0.0f32; LANES], [0.0f32; LANES]);
        let (mut products, mut exponents) = ([1.0f32; LANES], [0i32; LANES]);
        let mut take = |lane: usize, x: f32| {
            sums[lane] += x;
            largest[lane] = if x > largest[lane] { x } else { largest[lane] };
            let bits = (x + 1e-13).to_bits();
            products[lane] *= f32::from_bits(bits & MANTISSA | ONE);
            exponents[lane] += (bits >> 23) as i32 - BIAS;
        };
        let (chunks, rest) = self.0.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, &x) in chunk.iter().enumerate() {
                take(lane, x);
            }
        }
        rest.iter().enumerate().for_each(|(lane, &x)| take(lane, x));
        let product: f32 = products.iter().product();
        let exponent: i32 = exponents.iter().sum();
        Summary {
            sum: sums.iter().sum(),
            largest: largest.iter().fold(0.0f32, |a, b| a.max(*b)),
            log10_sum: (product.log2() + exponent as f32) * std::f32::consts::LOG10_2,
        }
    }
}

/// The largest of some values.
struct Largest<'a>(&'a [f32]);

impl WithSimd for Largest<'_> {
    type Output = f32;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        let mut lanes = [f32::MIN; LANES];
        let (chunks, rest) = self.0.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane = if x > *lane { x } else { *lane };
            }
        }
        lanes.iter().chain(rest).fold(f32::MIN, |a, b| a.max(*b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_logarithms_is_that_of_the_library() {
        let values: Vec<f32> =
            (0..119).map(|i| 10f32.powf((i as f32 * 0.7).sin() * 9.0 - 4.0)).collect();
        for values in [&values[..], &[0.0; 119], &[0.1; 3]] {
            let summary = Arch::new().dispatch(Summarize(values));
            let expected: f64 = values.iter().map(|&x| f64::from(x + 1e-13).log10()).sum();
            let error = (f64::from(summary.log10_sum) - expected).abs();
            assert!(error < 1e-5 * expected.abs().max(1.0), "{error}");
            let sum: f64 = values.iter().map(|&x| f64::from(x)).sum();
            assert!((f64::from(summary.sum) - sum).abs() <= 1e-5 * sum);
            assert_eq!(summary.largest, values.iter().fold(0.0f32, |a, b| a.max(*b)));
        }
    }
}
