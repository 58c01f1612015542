//! How much an embedding varies within a person, by what was heard of them.

use crate::domain::Bandwidth;
use crate::scoring::ScoringError;

/// Terms of the model.
const TERMS: usize = 3;

/// Shortest and longest net speech that change it, in seconds.
const SPEECH_S: [f64; 2] = [0.5, 20.0];

/// Part of the variance that several recordings of a side share, so that it stays however many there are:
/// chosen on people of the train sets, three recordings against one (0.3 to 0.5 are alike).
const SHARED: f64 = 0.4;

/// Rounds of the fit; three terms settle in a fraction of them.
const ROUNDS: usize = 2_000;

/// Variance of an embedding within a person, relative to the average of the fit: the square root of
/// `constant + per_second / net speech + telephone`. What is left of a difference after length
/// normalization grows slower than the noise that made it, hence the root (exponents of 0.35 to 0.65 are
/// alike, 0 and 1 worse).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uncertainty {
    /// What there is always.
    pub constant: f64,
    /// What falls with net speech: it is divided by the seconds of it.
    pub per_second: f64,
    /// What the telephone band adds. All three in units of the average squared deviation of the fit.
    pub telephone: f64,
}

/// What was heard in one recording: its measured band, and net speech in milliseconds.
pub type Heard = (Bandwidth, u32);

fn terms((bandwidth, net_speech_ms): Heard) -> [f64; TERMS] {
    let seconds = (f64::from(net_speech_ms) / 1_000.0).clamp(SPEECH_S[0], SPEECH_S[1]);
    [1.0, 1.0 / seconds, f64::from(u8::from(bandwidth == Bandwidth::Narrow))]
}

impl Uncertainty {
    /// Fits it to squared deviations from the mean of the person, in any unit, by least squares with weights
    /// that are not negative.
    ///
    /// # Errors
    /// No deviation, or none above zero.
    pub fn fit(deviations: &[(Heard, f64)]) -> Result<Self, ScoringError> {
        let mut squares = [[0.0; TERMS]; TERMS];
        let mut products = [0.0; TERMS];
        let mut sums = [0.0; TERMS];
        for (heard, square) in deviations {
            let x = terms(*heard);
            for i in 0..TERMS {
                products[i] += x[i] * square;
                sums[i] += x[i];
                (0..TERMS).for_each(|j| squares[i][j] += x[i] * x[j]);
            }
        }
        let mut weights = [0.0; TERMS];
        for _ in 0..ROUNDS {
            for i in 0..TERMS {
                let rest: f64 = (0..TERMS).map(|j| squares[i][j] * weights[j]).sum();
                if squares[i][i] > 0.0 {
                    let moved: f64 = weights[i] + (products[i] - rest) / squares[i][i];
                    weights[i] = moved.max(0.0);
                }
            }
        }
        let sum: f64 = weights.iter().zip(&sums).map(|(w, s)| w * s).sum();
        let mean = sum / deviations.len().max(1) as f64;
        if !(mean.is_finite() && mean > 0.0) {
            return Err(ScoringError::Fit("embeddings do not vary within people"));
        }
        let [constant, per_second, telephone] = weights.map(|w| w / mean);
        Ok(Self { constant, per_second, telephone })
    }

    /// Refuses what cannot have come from a fit.
    ///
    /// # Errors
    /// A weight that is negative or not finite, or a variance of zero.
    pub fn check(&self) -> Result<(), ScoringError> {
        let weights = [self.constant, self.per_second, self.telephone];
        let usable = weights.iter().all(|w| w.is_finite() && *w >= 0.0);
        if !usable || self.constant + self.per_second <= 0.0 {
            return Err(ScoringError::Artifact("an uncertainty is negative or zero".into()));
        }
        Ok(())
    }

    /// Variance of one recording's embedding.
    pub fn of(&self, heard: Heard) -> f64 {
        let weights = [self.constant, self.per_second, self.telephone];
        let sum: f64 = terms(heard).iter().zip(weights).map(|(x, w)| x * w).sum();
        sum.sqrt()
    }
}

/// Variance of a weighted mean of recordings.
#[derive(Debug, Clone, Copy, Default)]
pub struct MeanVariance {
    weights: f64,
    shared: f64,
    own: f64,
}

impl MeanVariance {
    /// Adds a recording of a variance.
    pub fn add(&mut self, weight: f64, variance: f64) {
        self.weights += weight;
        self.shared += weight * variance;
        self.own += weight * weight * variance;
    }

    /// The variance; not a number without recordings.
    pub fn value(self) -> f64 {
        let own = self.own / (self.weights * self.weights);
        SHARED * self.shared / self.weights + (1.0 - SHARED) * own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARD: [Heard; 6] = [
        (Bandwidth::Wide, 1_000),
        (Bandwidth::Wide, 4_000),
        (Bandwidth::Wide, 15_000),
        (Bandwidth::Narrow, 1_000),
        (Bandwidth::Narrow, 4_000),
        (Bandwidth::Narrow, 15_000),
    ];

    #[test]
    fn finds_the_terms_of_made_up_deviations() {
        let made = |heard| 3.0 * terms(heard)[0] + 2.0 * terms(heard)[1] + terms(heard)[2];
        let deviations: Vec<_> = HEARD.iter().map(|heard| (*heard, made(*heard))).collect();
        let fitted = Uncertainty::fit(&deviations).unwrap();
        fitted.check().unwrap();
        assert!((fitted.per_second / fitted.constant - 2.0 / 3.0).abs() < 1e-6, "{fitted:?}");
        assert!((fitted.telephone / fitted.constant - 1.0 / 3.0).abs() < 1e-6, "{fitted:?}");
        let mean = HEARD.iter().map(|h| fitted.of(*h).powi(2)).sum::<f64>() / HEARD.len() as f64;
        assert!((mean - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_term_that_would_be_negative_is_zero() {
        let fewer = |heard| 3.0 - terms(heard)[2];
        let deviations: Vec<_> = HEARD.iter().map(|heard| (*heard, fewer(*heard))).collect();
        let fitted = Uncertainty::fit(&deviations).unwrap();
        assert_eq!(fitted.telephone, 0.0);
        assert!(Uncertainty::fit(&[]).is_err());
        assert!(Uncertainty::fit(&[(HEARD[0], 0.0), (HEARD[1], 0.0)]).is_err());
        assert!(Uncertainty { constant: 0.0, per_second: 0.0, telephone: 1.0 }.check().is_err());
        assert!(
            Uncertainty { constant: f64::NAN, per_second: 1.0, telephone: 1.0 }.check().is_err()
        );
    }

    #[test]
    fn more_recordings_leave_less_but_never_nothing() {
        let of = |count: usize| {
            let mut mean = MeanVariance::default();
            (0..count).for_each(|_| mean.add(2.0, 1.5));
            mean.value()
        };
        assert!((of(1) - 1.5).abs() < 1e-12);
        assert!(of(2) < of(1) && of(1_000) > SHARED * 1.5);
    }
}
