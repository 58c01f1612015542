//! From components to a raw score and an LLR: a logistic regression for each of a few numbers of enrolled typings.

use crate::behavior::BehaviorError;
use crate::behavior::keystroke::fixed::text::between;
use crate::scoring::logistic::Logistic;

/// Numbers of enrolled typings that regressions are fitted for.
pub const STAGES: [u32; 6] = [1, 3, 10, 30, 100, 200];

/// Regressions over the same components, by rising number of enrolled typings.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Combiner {
    /// At least one.
    pub stages: Vec<Stage>,
}

/// The regression of one number of enrolled typings.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// How many typings were enrolled.
    pub typings: u32,
    /// Components to log-odds: the raw score.
    pub weights: Logistic,
    /// Raw score to LLR, fitted on people whose comparisons the weights had not seen.
    pub slope: f64,
    /// LLR at a raw score of 0.
    pub offset: f64,
}

impl Combiner {
    /// Refuses what cannot have come from a fit over `components` values.
    ///
    /// # Errors
    /// No stages, stages out of order or of another length, numbers that are not finite, a slope that is not positive.
    pub fn check(&self, components: usize) -> Result<(), BehaviorError> {
        let bad = |why: &str| Err(BehaviorError::Background(format!("a combiner: {why}")));
        let rising = self.stages.windows(2).all(|w| w[0].typings < w[1].typings);
        if self.stages.is_empty() || !rising {
            return bad("stages");
        }
        for stage in &self.stages {
            stage.weights.check()?;
            if stage.weights.weights.len() != components {
                return bad("number of components");
            }
            let finite = stage.slope.is_finite() && stage.offset.is_finite();
            if !finite || stage.slope <= 0.0 {
                return bad("calibration");
            }
        }
        Ok(())
    }

    /// Raw score and LLR for so many enrolled typings; between two stages both are mixed.
    pub fn score(&self, components: &[f64], typings: f64) -> (f64, f64) {
        let Some((low, high, share)) = between(&self.stages, |s| s.typings, typings) else {
            return (0.0, 0.0);
        };
        let of = |stage: &Stage| {
            let raw = stage.weights.llr(components);
            (raw, stage.offset + stage.slope * raw)
        };
        let (a, b) = (of(low), if share > 0.0 { of(high) } else { (0.0, 0.0) });
        (a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share)
    }
}
