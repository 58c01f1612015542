//! Any rate from 8 to 48 kHz to 16 kHz, streaming, delay compensated, on the 16-bit grid.
//!
//! 8 kHz is the hot path (live calls) and has its own half-band interpolator; 16 kHz passes
//! through; every other rate goes through rubato's windowed-sinc resampler.

use std::fmt;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Indexing, Resampler, SincInterpolationParameters, WindowFunction};

use pulp::{Arch, Simd, WithSimd};

use crate::audio::halfband::HalfBand;
use crate::audio::pcm::{MAX_RATE_HZ, MIN_RATE_HZ};
use crate::audio::{AudioError, Pcm};

/// The rate of everything behind the resampler, in Hz.
pub const RATE_16K_HZ: u32 = 16_000;

/// The rate of telephone audio, in Hz.
const HALF_RATE_HZ: u32 = 8_000;

/// Taps of rubato's sinc at the input rate. With its Blackman-Harris window the images and aliases
/// lie more than 90 dB below the signal (see the tests).
const SINC_TAPS: usize = 256;
/// Phases rubato's sinc is tabulated at; between them it interpolates with a cubic.
const SINC_PHASES: usize = 256;
/// Input samples rubato takes at once, as a share of a second: 10 ms.
const CHUNKS_PER_S: u32 = 100;

/// One channel at 16 kHz on the 16-bit grid. Only the resampler makes one.
#[derive(Clone, PartialEq)]
pub struct Mono16k {
    samples: Vec<f32>,
}

impl Mono16k {
    /// Samples in `[-1, 1]`, all multiples of 1/32768.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(RATE_16K_HZ)
    }
}

impl fmt::Debug for Mono16k {
    /// Size only: samples are biometric data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mono16k").field("samples", &self.samples.len()).finish()
    }
}

/// Resamples a whole recording: `ceil(n * 16000 / rate)` samples, the first at the same time as the
/// first of the input: exactly at 8 and 16 kHz, within half an output sample (31 us) at other rates.
///
/// # Errors
/// A rate that is not taken.
pub fn to_16k(pcm: &Pcm) -> Result<Mono16k, AudioError> {
    let mut resampler = To16k::new(pcm.sample_rate_hz)?;
    let mut samples = Vec::with_capacity(
        (pcm.samples.len() as u64 * u64::from(RATE_16K_HZ) / u64::from(pcm.sample_rate_hz) + 512)
            as usize,
    );
    resampler.push(&pcm.samples, &mut samples);
    resampler.finish(&mut samples);
    Ok(Mono16k { samples })
}

/// Streaming resampler to 16 kHz. The output is exactly that of [`to_16k`], in any chunking.
///
/// It holds back its look-ahead: 6 ms at 8 kHz, nothing at 16 kHz, otherwise 128 input samples and
/// up to 10 ms.
pub struct To16k {
    arch: Arch,
    inner: Inner,
}

enum Inner {
    Same,
    Double(Box<HalfBand>),
    Sinc(Box<Sinc>),
}

impl To16k {
    /// A resampler from `rate_hz`.
    ///
    /// # Errors
    /// A rate that is not taken.
    pub fn new(rate_hz: u32) -> Result<Self, AudioError> {
        if !(MIN_RATE_HZ..=MAX_RATE_HZ).contains(&rate_hz) {
            return Err(AudioError::RateOutOfRange { came_hz: rate_hz });
        }
        let inner = match rate_hz {
            RATE_16K_HZ => Inner::Same,
            HALF_RATE_HZ => Inner::Double(Box::new(HalfBand::new())),
            _ => Inner::Sinc(Box::new(Sinc::new(rate_hz)?)),
        };
        Ok(Self { arch: Arch::new(), inner })
    }

    /// Appends what `input` completes to `out`, on the 16-bit grid.
    pub fn push(&mut self, input: &[f32], out: &mut Vec<f32>) {
        let from = out.len();
        match &mut self.inner {
            Inner::Same => out.extend_from_slice(input),
            Inner::Double(half_band) => half_band.push(input, out),
            Inner::Sinc(sinc) => sinc.push(input, out),
        }
        self.arch.dispatch(ToGrid(&mut out[from..]));
    }

    /// Appends what was held back. The resampler is fresh again after.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let from = out.len();
        match &mut self.inner {
            Inner::Same => {}
            Inner::Double(half_band) => half_band.finish(out),
            Inner::Sinc(sinc) => sinc.finish(out),
        }
        self.arch.dispatch(ToGrid(&mut out[from..]));
    }
}

/// Nearest multiple of 1/32768 within 16 bits. Rounding noise of floats would otherwise fill the
/// empty band above 4 kHz with something a log spectrum can see.
struct ToGrid<'a>(&'a mut [f32]);

impl WithSimd for ToGrid<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for sample in self.0 {
            let steps = (*sample * 32_768.0).round_ties_even();
            *sample = steps.clamp(-32_768.0, 32_767.0) / 32_768.0;
        }
    }
}

/// rubato with a fixed input chunk, so that the samples do not depend on how they arrive.
struct Sinc {
    rate_hz: u32,
    resampler: Async<f32>,
    chunk: Vec<f32>,
    chunk_len: usize,
    output: Vec<f32>,
    delay: usize,
    /// Output samples of the delay still to be dropped.
    to_drop: usize,
    taken: u64,
    given: u64,
}

impl Sinc {
    fn new(rate_hz: u32) -> Result<Self, AudioError> {
        let chunk_len = (rate_hz / CHUNKS_PER_S) as usize;
        let parameters =
            SincInterpolationParameters::new(SINC_TAPS, WindowFunction::BlackmanHarris2)
                .oversampling_factor(SINC_PHASES);
        let ratio = f64::from(RATE_16K_HZ) / f64::from(rate_hz);
        let resampler = Async::new_sinc(ratio, 1.0, &parameters, chunk_len, 1, FixedAsync::Input)
            .map_err(|_| AudioError::RateOutOfRange { came_hz: rate_hz })?;
        // rubato gives its first output for half a filter less one output step before the input;
        // `output_delay` leaves that step and the fraction out.
        let delay = ((SINC_TAPS / 2) as f64 * ratio - 1.0).round() as usize;
        Ok(Self {
            rate_hz,
            chunk: Vec::with_capacity(chunk_len),
            chunk_len,
            output: vec![0.0; resampler.output_frames_max()],
            resampler,
            delay,
            to_drop: delay,
            taken: 0,
            given: 0,
        })
    }

    fn push(&mut self, mut input: &[f32], out: &mut Vec<f32>) {
        self.taken += input.len() as u64;
        while !input.is_empty() {
            let take = (self.chunk_len - self.chunk.len()).min(input.len());
            self.chunk.extend_from_slice(&input[..take]);
            input = &input[take..];
            if self.chunk.len() == self.chunk_len {
                self.run_chunk(out, u64::MAX);
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<f32>) {
        let total = (self.taken * u64::from(RATE_16K_HZ)).div_ceil(u64::from(self.rate_hz));
        while self.given < total {
            self.chunk.resize(self.chunk_len, 0.0);
            self.run_chunk(out, total);
        }
        self.resampler.reset();
        self.chunk.clear();
        self.to_drop = self.delay;
        self.taken = 0;
        self.given = 0;
    }

    /// Resamples the full chunk and gives its output, up to `total` samples altogether.
    fn run_chunk(&mut self, out: &mut Vec<f32>, total: u64) {
        let capacity = self.output.len();
        let input = InterleavedSlice::new(&self.chunk, 1, self.chunk_len)
            .expect("the chunk has chunk_len samples");
        let mut output = InterleavedSlice::new_mut(&mut self.output, 1, capacity)
            .expect("the output has its own length");
        let (_, made) = self
            .resampler
            .process_into_buffer(&input, &mut output, None::<&Indexing>)
            .expect("chunk and output have the sizes the resampler asked for");
        self.chunk.clear();
        let dropped = self.to_drop.min(made);
        self.to_drop -= dropped;
        let left = usize::try_from(total - self.given).unwrap_or(usize::MAX);
        let kept = &self.output[dropped..made];
        let kept = &kept[..kept.len().min(left)];
        out.extend_from_slice(kept);
        self.given += kept.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sine(rate_hz: u32, frequency_hz: f64, n: usize) -> Vec<f32> {
        (0..n)
            .map(|i| {
                let t = i as f64 / f64::from(rate_hz);
                (0.5 * (2.0 * std::f64::consts::PI * frequency_hz * t).sin()) as f32
            })
            .collect()
    }

    /// Fits a sine and a cosine to the output, edges left out. Gives the level of everything else
    /// in dB below the sine, and how late the sine is in samples at 16 kHz.
    fn noise_db_and_delay(rate_hz: u32, frequency_hz: f64) -> (f64, f64) {
        let pcm = Pcm { sample_rate_hz: rate_hz, samples: sine(rate_hz, frequency_hz, 24_000) };
        let got = to_16k(&pcm).expect("the rate is taken");
        let step = 2.0 * std::f64::consts::PI * frequency_hz / f64::from(RATE_16K_HZ);
        let inner = 400..got.samples.len() - 400;
        let (mut ss, mut sc, mut cc, mut ys, mut yc) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for i in inner.clone() {
            let ((s, c), y) = ((step * i as f64).sin_cos(), f64::from(got.samples[i]));
            (ss, sc, cc, ys, yc) = (ss + s * s, sc + s * c, cc + c * c, ys + y * s, yc + y * c);
        }
        let determinant = ss * cc - sc * sc;
        let (a, b) = ((ys * cc - yc * sc) / determinant, (yc * ss - ys * sc) / determinant);
        let (mut signal, mut wrong) = (0.0, 0.0);
        for i in inner {
            let (s, c) = (step * i as f64).sin_cos();
            signal += (a * s + b * c).powi(2);
            wrong += (f64::from(got.samples[i]) - a * s - b * c).powi(2);
        }
        assert!((a.hypot(b) - 0.5).abs() < 1e-3, "amplitude {}", a.hypot(b));
        (10.0 * (wrong / signal).log10(), -b.atan2(a) / step)
    }

    /// The 16-bit grid alone leaves noise at 10 log10((1/32768)^2 / 12 / (0.5^2 / 2)) = -92.1 dB.
    #[test]
    fn a_sine_stays_a_sine_in_its_place() {
        for rate in [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 8_009] {
            for frequency in [110.0, 1_003.0, 3_301.0] {
                let (noise, delay) = noise_db_and_delay(rate, frequency);
                let about = format!("{rate} Hz, sine of {frequency} Hz: {noise:.1} dB, {delay:.3}");
                assert!(noise < -90.0, "{about}");
                // Whole samples are dropped, so that up to half a sample of delay is left.
                let tolerance = if matches!(rate, 8_000 | 16_000) { 1e-3 } else { 0.51 };
                assert!(delay.abs() < tolerance, "{about}");
            }
        }
    }

    #[test]
    fn what_16_khz_cannot_hold_is_gone() {
        for (rate, frequency) in [(48_000, 9_000.0), (48_000, 20_000.0), (24_000, 10_000.0)] {
            let pcm = Pcm { sample_rate_hz: rate, samples: sine(rate, frequency, 24_000) };
            let got = to_16k(&pcm).expect("the rate is taken");
            let loudest = got.samples[400..got.samples.len() - 400]
                .iter()
                .fold(0.0f32, |a, x| a.max(x.abs()));
            assert!(loudest <= 1.0 / 32_768.0, "{rate} Hz, {frequency} Hz: {loudest}");
        }
    }

    #[test]
    fn lengths_rates_and_passing_through() {
        for (rate, n, want) in [(8_000, 5, 10), (48_000, 4, 2), (44_100, 441, 160), (8_000, 0, 0)] {
            let pcm = Pcm { sample_rate_hz: rate, samples: vec![0.1; n] };
            assert_eq!(to_16k(&pcm).expect("the rate is taken").samples.len(), want);
        }
        let pcm = Pcm { sample_rate_hz: 16_000, samples: vec![1.0 / 32_768.0, -1.0, 1.0, 1e-9] };
        let same = to_16k(&pcm).expect("the rate is taken");
        assert_eq!(same.samples, [1.0 / 32_768.0, -1.0, 32_767.0 / 32_768.0, 0.0]);
        for rate in [0, 7_999, 48_001] {
            assert!(matches!(To16k::new(rate), Err(AudioError::RateOutOfRange { .. })));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn streaming_equals_offline_exactly(
            samples in prop::collection::vec(-1.0f32..1.0, 0..3_000),
            rate in prop::sample::select(vec![8_000u32, 16_000, 22_050, 44_100, 9_999]),
            sizes in prop::collection::vec(1usize..700, 1..6),
        ) {
            let whole = to_16k(&Pcm { sample_rate_hz: rate, samples: samples.clone() }).unwrap();
            let mut resampler = To16k::new(rate).unwrap();
            // Twice: finishing leaves it as new.
            for _ in 0..2 {
                let mut out = Vec::new();
                let mut rest = &samples[..];
                for &size in sizes.iter().cycle() {
                    let take = size.min(rest.len());
                    resampler.push(&rest[..take], &mut out);
                    rest = &rest[take..];
                    if rest.is_empty() {
                        break;
                    }
                }
                resampler.finish(&mut out);
                prop_assert_eq!(&out, &whole.samples);
            }
        }
    }
}
