//! Scores, each with its own type so that a similarity is never taken for evidence.

/// A model's similarity of probe and template, before calibration. No unit; comparable only within
/// one back-end.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RawScore(pub f64);

/// Calibrated natural-log likelihood ratio: same subject versus another.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Llr(pub f64);

/// A probability in `0..=1`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Probability(f64);

impl Probability {
    /// `None` outside `0..=1`, NaN included.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The number.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl Llr {
    /// Posterior probability of the same subject, given a prior (Bayes' rule in log odds).
    pub fn posterior(self, prior: Probability) -> Probability {
        let log_odds = self.0 + (prior.0 / (1.0 - prior.0)).ln();
        Probability(1.0 / (1.0 + (-log_odds).exp()))
    }

    /// The coarse band shown to callers without a role for fine scores. Edges at odds of about
    /// 1:20, 1:1, 20:1 and 1000:1 (natural log −3, 0, 3, 7).
    pub fn band(self) -> ScoreBand {
        match self.0 {
            x if x < -3.0 => ScoreBand::VeryLow,
            x if x < 0.0 => ScoreBand::Low,
            x if x < 3.0 => ScoreBand::Medium,
            x if x < 7.0 => ScoreBand::High,
            _ => ScoreBand::VeryHigh,
        }
    }
}

/// Coarse strength of evidence.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ScoreBand {
    /// Strong evidence against.
    VeryLow,
    /// Evidence against.
    Low,
    /// Weak evidence for.
    Medium,
    /// Evidence for.
    High,
    /// Strong evidence for.
    VeryHigh,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posterior_follows_bayes() {
        let half = Probability::new(0.5).expect("0.5 is a probability");
        assert!((Llr(0.0).posterior(half).value() - 0.5).abs() < 1e-12);
        let hundredth = Probability::new(0.01).expect("0.01 is a probability");
        assert!((Llr(99f64.ln()).posterior(hundredth).value() - 0.5).abs() < 1e-12);
        assert!((Llr(f64::INFINITY).posterior(half).value() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_probability_is_checked() {
        assert!(Probability::new(f64::NAN).is_none());
        assert!(Probability::new(1.0001).is_none());
        assert!(Probability::new(1.0).is_some());
    }

    #[test]
    fn bands_rise_with_the_llr() {
        let bands: Vec<_> = [-9.0, -1.0, 1.0, 5.0, 9.0].map(|x| Llr(x).band()).into();
        assert!(bands.windows(2).all(|w| w[0] < w[1]));
    }
}
