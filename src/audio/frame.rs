//! One spectrum a frame for voice activity and quality alike.
//!
//! Frame `i` is samples `[160 i, 160 i + 400)` at 16 kHz, as Kaldi counts them (`snip_edges`).

use std::sync::Arc;

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

/// Plans and scratch for frames.
pub(crate) struct FrameAnalyzer {
    window: [f32; FRAME_SAMPLES],
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    time: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch_forward: Vec<Complex32>,
    scratch_inverse: Vec<Complex32>,
}

impl FrameAnalyzer {
    pub(crate) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(FFT_SIZE);
        let inverse = planner.plan_fft_inverse(FFT_SIZE);
        let mut window = [0.0; FRAME_SAMPLES];
        for (i, w) in window.iter_mut().enumerate() {
            let phase = 2.0 * std::f64::consts::PI * i as f64 / FRAME_SAMPLES as f64;
            *w = (0.5 - 0.5 * phase.cos()) as f32;
        }
        Self {
            window,
            time: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            scratch_forward: forward.make_scratch_vec(),
            scratch_inverse: inverse.make_scratch_vec(),
            forward,
            inverse,
        }
    }

    /// Measures `frame`, which has [`FRAME_SAMPLES`] samples.
    pub(crate) fn analyze(&mut self, frame: &[f32]) -> (FrameStats, Shape) {
        let power = frame.iter().map(|x| x * x).sum::<f32>() / FRAME_SAMPLES as f32;
        let clipped = frame[MIDDLE].iter().filter(|x| x.abs() >= CLIP_LEVEL).count() as u16;
        for (t, (x, w)) in self.time.iter_mut().zip(frame.iter().zip(&self.window)) {
            *t = x * w;
        }
        self.time[FRAME_SAMPLES..].fill(0.0);
        self.forward
            .process_with_scratch(&mut self.time, &mut self.spectrum, &mut self.scratch_forward)
            .expect("the buffers are those the plan made");
        // Parseval with a Hann window (mean square 3/8), both halves of the spectrum.
        let scale = 2.0 / (FFT_SIZE as f32 * FRAME_SAMPLES as f32 * 0.375);
        for bin in &mut self.spectrum {
            *bin = Complex32::new(bin.norm_sqr() * scale, 0.0);
        }
        let high_band = self.spectrum[HIGH_BINS.0..HIGH_BINS.1].iter().map(|b| b.re).sum();
        let shape = self.shape();
        let voice_band = shape.bands.iter().sum();
        (FrameStats { power, voice_band, high_band, clipped }, shape)
    }

    fn shape(&mut self) -> Shape {
        let (low, high) = (BAND_EDGES[0], BAND_EDGES[BANDS]);
        let mut shape = Shape::default();
        for (band, edges) in shape.bands.iter_mut().zip(BAND_EDGES.windows(2)) {
            *band = self.spectrum[edges[0]..edges[1]].iter().map(|b| b.re).sum();
        }
        let voice = &self.spectrum[low..high];
        let sum: f32 = voice.iter().map(|b| b.re).sum();
        let largest = voice.iter().fold(0.0f32, |a, b| a.max(b.re));
        let bins = (high - low) as f32;
        shape.peak = largest / (sum + 1e-12);
        let mean_log = voice.iter().map(|b| (b.re + 1e-13).log10()).sum::<f32>() / bins;
        shape.flatness = mean_log - (sum / bins + 1e-13).log10();
        // The autocorrelation is the transform of the power spectrum, here of the voice band only.
        self.spectrum[..low].fill(Complex32::default());
        self.spectrum[high..].fill(Complex32::default());
        self.inverse
            .process_with_scratch(&mut self.spectrum, &mut self.time, &mut self.scratch_inverse)
            .expect("the buffers are those the plan made and both ends are real");
        let best = self.time[PITCH_LAGS.0..PITCH_LAGS.1].iter().fold(f32::MIN, |a, &b| a.max(b));
        shape.voicing = best / (self.time[0] + 1e-12);
        shape
    }
}
