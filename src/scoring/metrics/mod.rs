//! Figures that judge scores: ISO/IEC 19795-1 and NIST SRE.

mod bootstrap;
mod probit;
mod roc;

pub use bootstrap::{
    Interval, MAX_REPLICATES, Metric, PairedRatio, Replicates, mean_figure, mean_interval,
    mean_ratio, resample,
};
pub use probit::probit;
pub use roc::{Curve, CurvePoint};

use crate::scoring::ScoringError;
use crate::scoring::tail::{RULE_OF_3, RULE_OF_30};

/// Priors of a target at which detection costs are reported (NIST SRE), with both costs 1.
pub const TARGET_PRIORS: [f64; 2] = [0.01, 0.05];

/// False match rates at which the false non-match rate is reported.
pub const FMR_POINTS: [f64; 3] = [1e-2, 1e-3, 1e-4];

/// A scored comparison with its truth and the people on both sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// Score; a natural-log likelihood ratio where Cllr and actDCF are to mean something.
    pub score: f64,
    /// Same person.
    pub target: bool,
    /// Index of the person on each side.
    pub speakers: [u32; 2],
}

/// How far a false match rate is supported by the number of non-target trials.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// Fewer than 3 errors expected (rule of 3): the trials cannot show this rate.
    TooFewTrials,
    /// 3 to 30 errors expected: an estimate without precision.
    Uncertain,
    /// At least 30 errors expected (rule of 30).
    Supported,
}

impl Support {
    /// Support of `rate` by a number of trials.
    pub fn of(rate: f64, trials: u64) -> Self {
        let errors = rate * trials as f64;
        if errors >= RULE_OF_30 as f64 {
            Self::Supported
        } else if errors >= RULE_OF_3 as f64 {
            Self::Uncertain
        } else {
            Self::TooFewTrials
        }
    }
}

/// All figures of one set of trials. Rates are 0 to 1, costs are normalized, Cllr is in bits.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Figures {
    /// Equal error rate on the convex hull of the ROC.
    pub eer: f64,
    /// Least detection cost at the priors of [`TARGET_PRIORS`].
    pub min_dcf: [f64; 2],
    /// Detection cost at the Bayes thresholds of those priors.
    pub act_dcf: [f64; 2],
    /// Cost of the log-likelihood ratios (Brümmer and du Preez 2006).
    pub cllr: f64,
    /// The same after the best monotone calibration (pool adjacent violators).
    pub min_cllr: f64,
    /// FNMR at the false match rates of [`FMR_POINTS`].
    pub fnmr_at_fmr: [f64; 3],
}

/// Computes all figures.
///
/// # Errors
/// No target or no non-target, or a NaN score.
pub fn figures(trials: &[Trial]) -> Result<Figures, ScoringError> {
    Ok(Curve::new(trials)?.figures())
}

/// Shares of errors when LLRs are held against two thresholds.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ThresholdErrors {
    /// Accepted at or above.
    pub accept_llr: f64,
    /// Rejected below.
    pub reject_llr: f64,
    /// Share of non-targets accepted.
    pub false_accepts: f64,
    /// Share of targets not accepted (stepped up or rejected).
    pub targets_not_accepted: f64,
    /// Share of targets rejected outright.
    pub false_rejects: f64,
    /// Share of non-targets not rejected (stepped up or accepted).
    pub non_targets_not_rejected: f64,
}

/// Counts errors at an accept and a reject threshold; `None` when a kind of trial is missing.
pub fn threshold_errors(
    trials: &[Trial],
    accept_llr: f64,
    reject_llr: f64,
) -> Option<ThresholdErrors> {
    let share = |target: bool, wrong: &dyn Fn(f64) -> bool| {
        let of_kind = trials.iter().filter(|t| t.target == target);
        let (mut all, mut bad) = (0usize, 0usize);
        for trial in of_kind {
            all += 1;
            bad += usize::from(wrong(trial.score));
        }
        (all > 0).then(|| bad as f64 / all as f64)
    };
    Some(ThresholdErrors {
        accept_llr,
        reject_llr,
        false_accepts: share(false, &|s| s >= accept_llr)?,
        targets_not_accepted: share(true, &|s| s < accept_llr)?,
        false_rejects: share(true, &|s| s < reject_llr)?,
        non_targets_not_rejected: share(false, &|s| s >= reject_llr)?,
    })
}

#[cfg(test)]
mod tests;
