//! The upper tail of impostor scores, and the thresholds for 1:N it supports.

use crate::scoring::ScoringError;

/// Errors that must be seen for a rate to be known within 30 % at 90 % confidence (rule of 30;
/// Doddington et al., Speech Communication 31, 2000; ISO/IEC 19795-1 annex B).
pub const RULE_OF_30: u64 = 30;

/// Errors excluded at 95 % confidence by as many error-free trials times the rate (rule of 3).
pub const RULE_OF_3: u64 = 3;

/// Ranks kept in a tail table.
const RANKS: [u64; 25] = [
    1, 2, 3, 5, 7, 10, 14, 20, 30, 45, 65, 100, 150, 220, 330, 500, 1_000, 2_000, 5_000, 10_000,
    20_000, 50_000, 100_000, 200_000, 500_000,
];

/// Most candidates a threshold is asked for.
pub const MAX_CANDIDATES: usize = 100_000_000;

/// One point of the tail.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TailPoint {
    /// How many impostor comparisons scored at least `llr`.
    pub at_or_above: u64,
    /// Natural-log likelihood ratio.
    pub llr: f64,
}

/// Upper tail of the LLRs of impostor comparisons.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpostorTail {
    /// Impostor comparisons behind the table.
    pub comparisons: u64,
    /// Distinct pairs of people among them; what the rules of 3 and 30 count, since comparisons of
    /// one pair are not independent.
    pub pairs: u64,
    /// Falling LLR, rising count.
    pub points: Vec<TailPoint>,
}

/// A threshold for identification among several candidates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IdentificationThreshold {
    /// Accept only above this natural-log likelihood ratio.
    pub llr: f64,
    /// Whether the calibration data supports it (rule of 30); otherwise it is extrapolated.
    pub supported: bool,
    /// Most candidates supported at this false-positive identification rate.
    pub supported_n: usize,
}

impl ImpostorTail {
    /// Builds the table from LLRs of impostor comparisons of `pairs` distinct pairs of people.
    pub fn measure(llrs: &[f64], pairs: u64) -> Result<Self, ScoringError> {
        let needed = RULE_OF_30 as usize;
        if llrs.len() < needed || llrs.iter().any(|x| !x.is_finite()) {
            return Err(ScoringError::TooFew {
                what: "impostor comparisons with finite scores",
                needed,
                got: llrs.iter().filter(|x| x.is_finite()).count(),
            });
        }
        let mut falling = llrs.to_vec();
        falling.sort_unstable_by(|a, b| b.total_cmp(a));
        let points = RANKS
            .iter()
            .filter_map(|&rank| {
                let llr = *falling.get(usize::try_from(rank).ok()? - 1)?;
                Some(TailPoint { at_or_above: rank, llr })
            })
            .collect();
        Ok(Self { comparisons: llrs.len() as u64, pairs: pairs.min(llrs.len() as u64), points })
    }

    /// Refuses tables that are empty, unsorted or not finite.
    pub fn check(&self) -> Result<(), ScoringError> {
        let sorted = self
            .points
            .windows(2)
            .all(|w| w[0].at_or_above < w[1].at_or_above && w[0].llr >= w[1].llr);
        let counted = self
            .points
            .iter()
            .all(|p| p.llr.is_finite() && (1..=self.comparisons).contains(&p.at_or_above));
        let reaches = self.points.iter().any(|p| p.at_or_above >= RULE_OF_30);
        if sorted && counted && reaches && self.pairs > 0 && self.pairs <= self.comparisons {
            Ok(())
        } else {
            let why = "the impostor tail is not a falling table that reaches 30 comparisons";
            Err(ScoringError::Artifact(why.into()))
        }
    }

    /// Lowest false match rate the data supports: 30 errors among the distinct pairs.
    pub fn supported_fmr(&self) -> f64 {
        RULE_OF_30 as f64 / self.pairs as f64
    }

    /// Most candidates for which the rule of 30 supports a threshold at this false-positive
    /// identification rate; 0 when not even one.
    pub fn supported_n(&self, fpir: f64) -> usize {
        // 1 − (1 − fmr)^n = fpir, solved for n at the lowest supported fmr.
        let fmr = self.supported_fmr();
        if fmr >= 1.0 {
            return 0;
        }
        let n = (-fpir).ln_1p() / (-fmr).ln_1p();
        // The nudge keeps an exact integer from falling to the one below it by rounding.
        (n * (1.0 + 1e-12)).floor().clamp(0.0, MAX_CANDIDATES as f64) as usize
    }

    /// Threshold for `n` candidates at a false-positive identification rate.
    ///
    /// # Errors
    /// `n` outside `1..=MAX_CANDIDATES`, or `fpir` outside the open interval 0 to 1.
    pub fn identification_threshold(
        &self,
        n: usize,
        fpir: f64,
    ) -> Result<IdentificationThreshold, ScoringError> {
        if !(1..=MAX_CANDIDATES).contains(&n) {
            return Err(ScoringError::OutOfRange {
                what: "the number of candidates",
                range: "1 to 100000000",
                got: n as f64,
            });
        }
        if !(fpir > 0.0 && fpir < 1.0) {
            return Err(ScoringError::OutOfRange {
                what: "the false-positive identification rate",
                range: "between 0 and 1",
                got: fpir,
            });
        }
        let fmr = -((-fpir).ln_1p() / n as f64).exp_m1();
        let supported_n = self.supported_n(fpir);
        Ok(IdentificationThreshold {
            llr: self.threshold_at(fmr),
            supported: n <= supported_n,
            supported_n,
        })
    }

    /// LLR that impostors exceed at rate `fmr`: between the measured points by interpolation in
    /// ln(fmr); beyond the last one the rule of 30 supports by the slope of a calibrated system,
    /// for which P(LLR > t | impostor) falls at least as fast as e^−t.
    fn threshold_at(&self, fmr: f64) -> f64 {
        let ln_fmr = |p: &TailPoint| (p.at_or_above as f64 / self.comparisons as f64).ln();
        let floor = self.supported_fmr().ln();
        let wanted = fmr.ln();
        let known: Vec<(f64, f64)> = self
            .points
            .iter()
            .filter(|p| ln_fmr(p) >= floor - 1e-9)
            .map(|p| (ln_fmr(p), p.llr))
            .collect();
        let Some(&(first, top)) = known.first().or(None) else {
            // Fewer than 30 pairs: start from the highest score seen.
            let top = self.points.first().map_or(0.0, |p| p.llr);
            return top - wanted.min(0.0);
        };
        if wanted <= first {
            return top + (first - wanted);
        }
        let above = known.windows(2).find(|w| wanted <= w[1].0);
        match above {
            Some(w) => {
                let share = (wanted - w[0].0) / (w[1].0 - w[0].0);
                w[0].1 + share * (w[1].1 - w[0].1)
            }
            None => known.last().map_or(top, |p| p.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Impostors of a perfectly exponential tail: P(LLR > t) = e^−t, as quantiles.
    fn exponential(n: usize) -> ImpostorTail {
        let llrs: Vec<f64> = (0..n).map(|i| -((i as f64 + 0.5) / n as f64).ln()).collect();
        ImpostorTail::measure(&llrs, n as u64).unwrap()
    }

    #[test]
    fn the_threshold_follows_the_closed_form() {
        let tail = exponential(1_000_000);
        for (n, fpir) in [(1usize, 0.01f64), (10, 0.01), (100, 0.05), (300, 0.01)] {
            let fmr: f64 = 1.0 - (1.0 - fpir).powf(1.0 / n as f64);
            let t = tail.identification_threshold(n, fpir).unwrap();
            assert!(t.supported, "{n} candidates");
            assert!((t.llr + fmr.ln()).abs() < 0.1, "{} {}", t.llr, -fmr.ln());
        }
    }

    #[test]
    fn beyond_the_rule_of_30_it_is_extrapolated() {
        let tail = exponential(100_000);
        // 30 / 100000 = 3e-4; ln(0.99) / ln(1 - 3e-4) = 33.5.
        assert_eq!(tail.supported_n(0.01), 33);
        assert!(tail.identification_threshold(33, 0.01).unwrap().supported);
        let beyond = tail.identification_threshold(34, 0.01).unwrap();
        assert!(!beyond.supported);
        let far = tail.identification_threshold(100_000, 0.01).unwrap();
        assert!((far.llr - (100_000f64 / 0.01005).ln()).abs() < 0.1);
    }

    #[test]
    fn the_threshold_rises_with_candidates_and_strictness() {
        let tail = exponential(10_000);
        let at = |n, fpir| tail.identification_threshold(n, fpir).unwrap().llr;
        assert!(at(2, 0.01) > at(1, 0.01));
        assert!(at(1_000_000, 0.01) > at(1_000, 0.01));
        assert!(at(10, 0.001) > at(10, 0.01));
    }

    #[test]
    fn dependent_comparisons_support_less() {
        let llrs: Vec<f64> = (1..=3_000).map(|i| f64::from(i) / 1e3).collect();
        let tail = ImpostorTail::measure(&llrs, 300).unwrap();
        assert!((tail.supported_fmr() - 0.1).abs() < 1e-12);
        assert_eq!(tail.supported_n(0.1), 1);
        assert_eq!(tail.supported_n(0.05), 0);
    }

    #[test]
    fn arguments_are_checked() {
        let tail = exponential(100);
        assert!(tail.identification_threshold(0, 0.01).is_err());
        assert!(tail.identification_threshold(1, 0.0).is_err());
        assert!(tail.identification_threshold(1, f64::NAN).is_err());
        assert!(ImpostorTail::measure(&[1.0; 29], 29).is_err());
        assert!(ImpostorTail::measure(&[f64::NAN; 40], 40).is_err());
        assert!(tail.check().is_ok());
        let mut unsorted = tail.clone();
        unsorted.points.reverse();
        assert!(unsorted.check().is_err());
    }
}
