//! Fusion: calibrated LLRs of several modalities become one.
//!
//! `llr = offset(S) + Σ w(m) · llr(m)` over the set S of modalities that are there; one that is missing
//! is left out and not set to zero. Weights and offsets come from a logistic regression on LLRs
//! (Brümmer et al., IEEE TASLP 15, 2007), regularized towards independence (weights 1, offsets 0):
//! weights under 1 are what dependence looks like, because two that share their errors must not count
//! twice. A modality alone is passed on as it is: it is calibrated already. Weights are positive, so
//! more of any LLR never lowers the fused one.
//!
//! Each LLR is first bounded to what its calibration data could show at all (after Vergeer et al.,
//! Forensic Science International 260, 2016), and then aged.

use serde::{Deserialize, Serialize};

use crate::domain::{ArtifactRef, DurationMs, LicenseClass, Llr, Modality};
use crate::scoring::ScoringError;

mod fit;

pub use fit::{FusionOptions, FusionTrial};

/// The fitted fusion that ships; `models/fusion/CARD.md` says on what.
const FITTED: &str = include_str!("../../models/fusion/fusion.json");

/// Least weight of a modality.
pub const MIN_WEIGHT: f64 = 0.01;
/// Largest weight of a modality, and of what an offset adds, in nats.
const MAX_WEIGHT: f64 = 3.0;
/// Largest bound on an LLR, in nats: odds of e^20.
const MAX_BOUND: f64 = 20.0;
/// Longest list of combinations: every set of two or more modalities.
const MAX_COMBINATIONS: usize = 26;
/// One hour, in milliseconds.
const HOUR_MS: f64 = 3_600_000.0;

/// How one modality takes part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModalityWeight {
    /// Which.
    pub modality: Modality,
    /// Weight beside others.
    pub weight: f64,
    /// Least LLR that its data can show, in nats; negative.
    pub lowest: f64,
    /// Largest LLR that its data can show, in nats.
    pub highest: f64,
}

/// What a set of modalities adds of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CombinationOffset {
    /// The set, rising, at least two.
    pub modalities: Vec<Modality>,
    /// In nats.
    pub offset: f64,
    /// Trials of this set in the fit.
    pub trials: u64,
}

/// What a fusion was fitted on; all 0 for one that was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FusionCounts {
    /// Trials of the same person.
    pub target_trials: u64,
    /// Trials of two people.
    pub non_target_trials: u64,
    /// People, chimeric ones counted as one each.
    pub people: u64,
}

/// A fusion, fitted or the cautious default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fusion {
    /// Name and version.
    pub id: ArtifactRef,
    /// Terms of the data it was fitted on.
    pub license: LicenseClass,
    /// One entry a modality, rising.
    pub weights: Vec<ModalityWeight>,
    /// Offsets; a set that is not listed has none.
    pub combinations: Vec<CombinationOffset>,
    /// What it was fitted on.
    pub fitted_on: FusionCounts,
}

/// Evidence of one modality, to be fused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModalityLlr {
    /// Which.
    pub modality: Modality,
    /// Calibrated; NaN counts as missing.
    pub llr: Llr,
    /// Probability that it is still the person it was captured from; see [`same_person`].
    pub same: f64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fused {
    /// The sum.
    pub llr: Llr,
    /// What each modality adds, in nats; rising by modality.
    pub parts: Vec<(Modality, f64)>,
    /// What the combination adds, in nats.
    pub offset: f64,
}

/// Probability that a session is still in the hands of the same person after `age_ms`, when takeovers
/// either way come at a rate of `takeover_per_hour`: 1 at once, 0.5 in the long run.
pub fn same_person(age_ms: DurationMs, takeover_per_hour: f64) -> f64 {
    let hours = age_ms as f64 / HOUR_MS;
    0.5 + 0.5 * (-2.0 * takeover_per_hour.max(0.0) * hours).exp()
}

/// An LLR about the person then, as an LLR about the person now, when it is the same person with
/// probability `same` (clamped to 0.5..=1): `ln((s·e^L + 1 − s) / (s + (1 − s)·e^L))`. It keeps its sign,
/// never grows, and is at most `ln(s / (1 − s))` whatever L was, so old evidence, however strong, cannot
/// outweigh the chance that somebody else took over.
pub fn aged(llr: Llr, same: f64) -> Llr {
    let s = if same.is_nan() { 0.5 } else { same.clamp(0.5, 1.0) };
    if s == 1.0 || llr.0.is_nan() {
        return llr;
    }
    // By the magnitude, so that no exponential overflows.
    let small = (-llr.0.abs()).exp();
    let size = ((s + (1.0 - s) * small) / (s * small + (1.0 - s))).ln();
    Llr(size.copysign(llr.0))
}

impl Fusion {
    /// Weights under 1 that were not fitted but chosen: where behavior of one session is measured in
    /// several ways, its errors are shared. Bounds of 7 nats (voice) and 5 (others): what about 3,300
    /// and 450 comparisons without an error show by the rule of 3.
    pub fn cautious() -> Self {
        let entry = |(modality, weight, bound): (Modality, f64, f64)| ModalityWeight {
            modality,
            weight,
            lowest: -bound,
            highest: bound,
        };
        let chosen = [
            (Modality::Voice, 0.95, 7.0),
            (Modality::Keystroke, 0.85, 5.0),
            (Modality::Touch, 0.85, 5.0),
            (Modality::Pointer, 0.8, 5.0),
            (Modality::Text, 0.8, 5.0),
        ];
        Self {
            id: ArtifactRef::new("cautious", 1),
            license: LicenseClass::Open,
            weights: chosen.map(entry).into(),
            combinations: Vec::new(),
            fitted_on: FusionCounts::default(),
        }
    }

    /// The one that ships and was fitted.
    ///
    /// # Errors
    /// Never for the shipped file: a test reads it.
    pub fn fitted() -> Result<Self, ScoringError> {
        Self::from_json(FITTED)
    }

    /// Fuses what is there; `None` when nothing is. Of a modality that comes twice the lower counts; one
    /// that the artefact does not know counts for nothing.
    pub fn fuse(&self, evidence: &[ModalityLlr]) -> Option<Fused> {
        let known: Vec<(&ModalityWeight, f64)> = self
            .weights
            .iter()
            .filter_map(|w| {
                let own = evidence.iter().filter(|e| e.modality == w.modality);
                let bounded = own.filter(|e| !e.llr.0.is_nan()).map(|e| {
                    let llr = Llr(e.llr.0.clamp(w.lowest, w.highest));
                    aged(llr, e.same).0
                });
                bounded.reduce(f64::min).map(|llr| (w, llr))
            })
            .collect();
        if let [(only, llr)] = known.as_slice() {
            let parts = vec![(only.modality, *llr)];
            return Some(Fused { llr: Llr(*llr), parts, offset: 0.0 });
        }
        let parts: Vec<_> = known.iter().map(|(w, llr)| (w.modality, w.weight * llr)).collect();
        if parts.is_empty() {
            return None;
        }
        let offset = self.offset_of(parts.iter().map(|(m, _)| *m));
        let llr = parts.iter().map(|(_, nats)| nats).sum::<f64>() + offset;
        Some(Fused { llr: Llr(llr), parts, offset })
    }

    fn offset_of(&self, set: impl Iterator<Item = Modality> + Clone) -> f64 {
        let same = |c: &&CombinationOffset| c.modalities.iter().copied().eq(set.clone());
        self.combinations.iter().find(same).map_or(0.0, |c| c.offset)
    }

    /// Refuses what is not rising, not finite, out of order or repeated.
    pub fn check(&self) -> Result<(), ScoringError> {
        let bad = |why: &str| Err(ScoringError::Artifact(format!("fusion {}: {why}", self.id)));
        let rising = self.weights.windows(2).all(|w| w[0].modality < w[1].modality);
        if self.weights.is_empty() || !rising {
            return bad("modalities must be there, rising and each once");
        }
        for w in &self.weights {
            if !(MIN_WEIGHT..=MAX_WEIGHT).contains(&w.weight) {
                return bad("a weight is out of range");
            }
            let (low, high) = (-MAX_BOUND..=0.0, 0.0..=MAX_BOUND);
            if !low.contains(&w.lowest) || !high.contains(&w.highest) {
                return bad("a bound is out of range");
            }
        }
        if self.combinations.len() > MAX_COMBINATIONS {
            return bad("too many combinations");
        }
        for (i, c) in self.combinations.iter().enumerate() {
            let rising = c.modalities.windows(2).all(|w| w[0] < w[1]);
            let repeated = self.combinations[..i].iter().any(|d| d.modalities == c.modalities);
            if c.modalities.len() < 2 || !rising || repeated {
                return bad("a combination is too small, out of order or repeated");
            }
            if !(-MAX_WEIGHT..=MAX_WEIGHT).contains(&c.offset) {
                return bad("an offset is out of range");
            }
        }
        Ok(())
    }

    /// Reads and checks the JSON form.
    pub fn from_json(text: &str) -> Result<Self, ScoringError> {
        let fusion: Self =
            serde_json::from_str(text).map_err(|e| ScoringError::Artifact(e.to_string()))?;
        fusion.check()?;
        Ok(fusion)
    }

    /// The JSON form, numbers at full precision.
    pub fn to_json(&self) -> Result<String, ScoringError> {
        serde_json::to_string_pretty(self).map_err(|e| ScoringError::Artifact(e.to_string()))
    }
}

#[cfg(test)]
mod tests;
