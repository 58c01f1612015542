//! Comparing without a background: clipped distances of means, in the person's own spread.

use crate::behavior::pointer::features::FEATURES;

/// Distances are cut at so many standard errors, so that one habit cannot decide.
const CUT: f64 = 4.0;
/// Share of a person's own deviation that a mean moves by between sessions, however many actions there are.
const SESSION: f64 = 0.15;
/// The LLR is `SLOPE / (1 + DOUBT s) (raw - MIDDLE - DRIFT √s)` with `s = 1/enrolled + 1/tested` actions. Fitted once, on 36
/// people of SapiMouse; on the 36 others its Cllr is 0.45 with a minute tested and 0.68 with 20 actions.
const SLOPE: f64 = 6.5;
const DOUBT: f64 = 23.0;
const MIDDLE: f64 = -1.38;
const DRIFT: f64 = 0.44;

/// A comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Minus the mean distance, 0 to −[`CUT`]; higher is more alike.
    pub raw: f64,
    /// Log-likelihood ratio.
    pub llr: f64,
    /// What each feature adds to it.
    pub terms: [f64; FEATURES],
}

/// Compares means of features, given mean and deviation of each side and their numbers of actions; `None` where the sides have
/// no feature in common.
pub fn compare(
    own: &[(f64, f64); FEATURES],
    own_actions: usize,
    seen: &[(f64, f64); FEATURES],
    seen_actions: usize,
) -> Option<Compared> {
    let sampling = 1.0 / own_actions.max(1) as f64 + 1.0 / seen_actions.max(1) as f64;
    let unit = (sampling + SESSION * SESSION).sqrt();
    let distance = |i: usize| {
        let ((mean, deviation), (seen, _)) = (own[i], seen[i]);
        let d = (seen - mean).abs() / (deviation * unit + 1e-6);
        d.is_finite().then(|| d.min(CUT))
    };
    let distances: [Option<f64>; FEATURES] = std::array::from_fn(distance);
    let count = distances.iter().flatten().count();
    if count == 0 {
        return None;
    }
    let raw = -distances.iter().flatten().sum::<f64>() / count as f64;
    // Few actions make a mean distance uncertain, so it says less.
    let weight = SLOPE / (1.0 + DOUBT * sampling);
    let middle = MIDDLE + DRIFT * sampling.sqrt();
    let term = |d: Option<f64>| d.map_or(0.0, |d| weight * (-d - middle) / count as f64);
    Some(Compared { raw, llr: weight * (raw - middle), terms: distances.map(term) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_in_standard_errors_and_cut() {
        let own = [(1.0, 2.0); FEATURES];
        let mut seen = [(1.0, 2.0); FEATURES];
        let compare = |seen: &[(f64, f64); FEATURES]| compare(&own, 100, seen, 100).unwrap();
        let same = compare(&seen);
        assert_eq!(same.raw, 0.0);
        seen[3].0 = f64::INFINITY;
        seen[4].0 = 2.0;
        let unit = (0.02f64 + SESSION * SESSION).sqrt();
        let one = compare(&seen);
        let expected = -(1.0 / (2.0 * unit)) / (FEATURES - 1) as f64;
        assert!((one.raw - expected).abs() < 1e-6, "{} {expected}", one.raw);
        seen[5].0 = 1e9;
        let cut = compare(&seen);
        assert!((cut.raw - expected + CUT / (FEATURES - 1) as f64).abs() < 1e-6);
        let sum: f64 = cut.terms.iter().sum();
        assert!((sum - cut.llr).abs() < 1e-9);
    }

    #[test]
    fn few_actions_say_less_and_nothing_says_nothing() {
        let own = [(1.0, 2.0); FEATURES];
        let llr = |n| compare(&own, 100, &own, n).unwrap().llr;
        assert!(llr(60) > llr(10) && llr(10) > llr(1));
        let nothing = [(f64::NAN, f64::NAN); FEATURES];
        assert_eq!(compare(&own, 100, &nothing, 5), None);
    }
}
