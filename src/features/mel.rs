//! Triangular filters, equally spaced on the mel scale.

use super::FeatureError;

/// Fewest mel bins (as Kaldi).
pub(super) const MIN_BINS: usize = 3;
/// Most mel bins.
pub(super) const MAX_BINS: usize = 256;

/// Mel scale of O'Shaughnessy (1987), with the natural logarithm: `1127 ln(1 + f/700)`.
pub fn mel_from_hz(hz: f64) -> f64 {
    1127.0 * (hz / 700.0).ln_1p()
}

/// Inverse of [`mel_from_hz`].
pub fn hz_from_mel(mel: f64) -> f64 {
    700.0 * (mel / 1127.0).exp_m1()
}

/// Which filters.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MelSpec {
    /// Number of filters.
    pub bins: usize,
    /// Lower edge of the first filter, in Hz.
    pub low_hz: f64,
    /// Upper edge of the last filter, in Hz; 0 or less counts from the Nyquist frequency.
    pub high_hz: f64,
}

impl MelSpec {
    /// `bins` filters from 20 Hz to the Nyquist frequency.
    pub fn new(bins: usize) -> Self {
        Self { bins, low_hz: 20.0, high_hz: 0.0 }
    }
}

/// One filter: the run of FFT bins inside its triangle. Bins are 0 where the triangle falls
/// between two FFT bins.
#[derive(Debug)]
struct Filter {
    first: usize,
    weights: std::ops::Range<usize>,
}

/// The filters of a checked [`MelSpec`], each one contiguous run of weights.
#[derive(Debug)]
pub struct MelBank {
    filters: Vec<Filter>,
    weights: Vec<f64>,
}

impl MelBank {
    /// Filters over the power spectrum of an `fft_len`-point transform at `sample_rate_hz`.
    pub fn new(spec: &MelSpec, sample_rate_hz: u32, fft_len: usize) -> Result<Self, FeatureError> {
        if !(MIN_BINS..=MAX_BINS).contains(&spec.bins) {
            return Err(FeatureError::Bins(spec.bins));
        }
        let nyquist = f64::from(sample_rate_hz) / 2.0;
        let low = spec.low_hz;
        let high = if spec.high_hz > 0.0 { spec.high_hz } else { nyquist + spec.high_hz };
        // Written so that NaN is refused too.
        if !(low >= 0.0 && low < high && high <= nyquist) {
            return Err(FeatureError::Band { low, high, nyquist });
        }
        let mel_low = mel_from_hz(low);
        let step = (mel_from_hz(high) - mel_low) / (spec.bins + 1) as f64;
        let hz_per_bin = f64::from(sample_rate_hz) / fft_len as f64;
        let mut bank = Self { filters: Vec::with_capacity(spec.bins), weights: Vec::new() };
        for bin in 0..spec.bins {
            let left = mel_low + bin as f64 * step;
            let (center, right) = (left + step, left + 2.0 * step);
            let start = bank.weights.len();
            let mut first = 0;
            // The Nyquist bin is never used (as Kaldi).
            for i in 0..fft_len / 2 {
                let mel = mel_from_hz(hz_per_bin * i as f64);
                if mel <= left || mel >= right {
                    continue;
                }
                if bank.weights.len() == start {
                    first = i;
                }
                let rise = (mel - left) / (center - left);
                let fall = (right - mel) / (right - center);
                bank.weights.push(rise.min(fall));
            }
            bank.filters.push(Filter { first, weights: start..bank.weights.len() });
        }
        Ok(bank)
    }

    /// Number of filters.
    pub fn bins(&self) -> usize {
        self.filters.len()
    }

    /// Filter energies of a power spectrum (`fft_len / 2` values), one a bin.
    #[inline(always)]
    pub fn apply(&self, power: &[f64], energies: &mut [f32]) {
        for (energy, filter) in energies.iter_mut().zip(&self.filters) {
            let weights = &self.weights[filter.weights.clone()];
            let power = &power[filter.first..filter.first + weights.len()];
            *energy = dot(weights, power) as f32;
        }
    }
}

/// Scalar product in a fixed order over four lanes.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0f64; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest = a4.remainder().iter().zip(b4.remainder());
    for (x, y) in a4.zip(b4) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    for (lane, (x, y)) in lanes.iter_mut().zip(rest) {
        *lane += x * y;
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mel_scale_has_its_closed_form() {
        assert!((mel_from_hz(1000.0) - 999.99).abs() < 0.02);
        assert_eq!(mel_from_hz(0.0), 0.0);
        for hz in [20.0, 440.0, 3400.0, 24_000.0] {
            assert!((hz_from_mel(mel_from_hz(hz)) - hz).abs() < 1e-9 * hz);
        }
    }

    #[test]
    fn neighboring_triangles_add_to_one_between_the_outer_centers() {
        let bank = MelBank::new(&MelSpec::new(23), 16_000, 512).expect("valid");
        let step = (mel_from_hz(8000.0) - mel_from_hz(20.0)) / 24.0;
        for i in 0..256 {
            let mut spectrum = vec![0.0; 256];
            spectrum[i] = 1.0;
            let mut energies = vec![0.0f32; 23];
            bank.apply(&spectrum, &mut energies);
            let mel = mel_from_hz(i as f64 * 31.25);
            let inside = mel > mel_from_hz(20.0) + step && mel < mel_from_hz(8000.0) - step;
            let total: f32 = energies.iter().sum();
            assert!(!inside || (total - 1.0).abs() < 1e-6, "bin {i}: {total}");
            assert!(energies.iter().filter(|e| **e > 0.0).count() <= 2);
        }
    }

    #[test]
    fn impossible_bands_are_refused() {
        let new = |bins, low_hz, high_hz| {
            MelBank::new(&MelSpec { bins, low_hz, high_hz }, 8_000, 256).map(|b| b.bins())
        };
        assert_eq!(new(80, 20.0, -200.0), Ok(80));
        assert_eq!(new(2, 20.0, 0.0), Err(FeatureError::Bins(2)));
        assert_eq!(new(257, 20.0, 0.0), Err(FeatureError::Bins(257)));
        for (low, high) in [(-1.0, 0.0), (20.0, 4000.5), (300.0, 300.0), (20.0, -3990.0)] {
            assert!(matches!(new(23, low, high), Err(FeatureError::Band { .. })), "{low} {high}");
        }
        assert!(matches!(new(23, f64::NAN, 0.0), Err(FeatureError::Band { .. })));
        assert!(matches!(new(23, 20.0, f64::NAN), Err(FeatureError::Band { .. })));
    }
}
