//! What a profile promises, held when a policy is loaded: nobody can keep the name and drop the promise.

use crate::domain::{Assurance, FactorCategory};
use crate::policy::session::check::{Checked, Problems, within};
use crate::policy::session::error::SessionPolicyError;
use crate::policy::session::file::{AssuranceProfile, FmrClaim, SessionPolicyFile};

/// False match rate that NIST SP 800-63B-4, section 3.2.3, asks of a biometric comparison.
const NIST_FMR: f64 = 1e-4;
/// Share of tests in which the bound on a rate is too low.
const BOUND_ERROR: f64 = 0.05;
/// Most false matches for which a bound is computed.
const MAX_MATCHES: u64 = 100_000;

/// Where a file breaks its profile or claims more than its evidence shows.
pub(super) fn check_profile(file: &SessionPolicyFile, found: &mut Problems) {
    if let Some(claim) = &file.fmr_claim {
        found.take(check_claim(claim));
    }
    match file.profile {
        AssuranceProfile::ContactCentre => check_contact_centre(file, found),
        AssuranceProfile::Psd2Sca => check_psd2(file, found),
        AssuranceProfile::Nist80063b => check_nist(file, found),
        AssuranceProfile::Custom => {}
    }
}

fn broken(file: &SessionPolicyFile, field: impl Into<String>, why: &str) -> Checked {
    let profile = file.profile.as_str();
    Err(SessionPolicyError::Profile { profile, field: field.into(), why: why.into() })
}

fn check_contact_centre(file: &SessionPolicyFile, found: &mut Problems) {
    let [alone, ..] = file.assurance.with_biometrics;
    if alone > Assurance::Low {
        let why = "a voice by itself may give no more than low assurance";
        found.take(broken(file, "assurance.with_biometrics", why));
    }
    check_pad(file, found);
}

/// Strong customer authentication: two or more elements of different categories (Art. 4(30) of Directive
/// (EU) 2015/2366); inherence under Art. 8 of Delegated Regulation (EU) 2018/389.
fn check_psd2(file: &SessionPolicyFile, found: &mut Problems) {
    let rules = &file.assurance;
    let [alone, ..] = rules.with_biometrics;
    if alone > Assurance::None {
        let why = "biometrics need a second, independent element";
        found.take(broken(file, "assurance.with_biometrics", why));
    }
    let [none, one, ..] = rules.factors;
    if none > Assurance::None || one >= Assurance::Substantial {
        let why = "one element must not give substantial assurance";
        found.take(broken(file, "assurance.factors", why));
    }
    for (name, intent) in &file.intents {
        if intent.amount_share > 0.0 && intent.requires < Assurance::Substantial {
            let why = "a payment needs two independent elements: substantial assurance";
            found.take(broken(file, format!("intents.{name}.requires"), why));
        }
    }
    check_pad(file, found);
}

/// NIST SP 800-63B: a voice is not accepted for biometric comparison, so it may inform about risk and
/// never raise assurance. Nor may somebody else's inherence stand alone: biometrics are used only with a
/// physical authenticator.
fn check_nist(file: &SessionPolicyFile, found: &mut Problems) {
    let rules = &file.assurance;
    if rules.with_biometrics.iter().zip(&rules.factors).any(|(with, alone)| with != alone) {
        let why = "biometrics must give the assurance of the factors without them";
        found.take(broken(file, "assurance.with_biometrics", why));
    }
    if let Some((name, _)) =
        file.factors.iter().find(|(_, f)| f.category == FactorCategory::Inherence)
    {
        let why =
            "a biometric is no factor of its own here; count the authenticator that it unlocks";
        found.take(broken(file, format!("factors.{name}.category"), why));
    }
    if let Some(claim) = &file.fmr_claim
        && claim.fmr > NIST_FMR
    {
        found.take(broken(file, "fmr_claim.fmr", "the rate to be shown is 1 in 10,000 or less"));
    }
    check_pad(file, found);
}

fn check_pad(file: &SessionPolicyFile, found: &mut Problems) {
    if file.assurance.without_pad > Assurance::Low {
        let why = "without a check for attacks biometrics may count for low-risk intents at most";
        found.take(broken(file, "assurance.without_pad", why));
    }
}

/// A claimed rate must lie at or above what the test shows with 95 % confidence.
fn check_claim(claim: &FmrClaim) -> Checked {
    within("fmr_claim.fmr", claim.fmr, 1e-9, 0.1)?;
    within("fmr_claim.comparisons", claim.comparisons as f64, 1.0, 1e15)?;
    within("fmr_claim.false_matches", claim.false_matches as f64, 0.0, MAX_MATCHES as f64)?;
    let shown = fmr_bound(claim.false_matches, claim.comparisons);
    if shown > claim.fmr {
        let why = format!(
            "{} false matches in {} comparisons show a rate under {shown:.2e} (95 % confidence), not \
             under {:.2e}",
            claim.false_matches, claim.comparisons, claim.fmr
        );
        return Err(SessionPolicyError::unfit("fmr_claim", why));
    }
    Ok(())
}

/// Upper 95 % bound of a rate of rare events: the Poisson mean at which so few would be seen in 5 % of
/// tests, over the number of comparisons. With none seen it is the rule of 3.
pub fn fmr_bound(false_matches: u64, comparisons: u64) -> f64 {
    let k = false_matches as f64;
    let (mut low, mut high) = (k, k + 10.0 * (k + 1.0).sqrt() + 10.0);
    // The tail falls with the mean, so halving finds where it crosses.
    for _ in 0..80 {
        let mean = 0.5 * (low + high);
        if poisson_up_to(false_matches, mean) > BOUND_ERROR { low = mean } else { high = mean }
    }
    high / (comparisons.max(1) as f64)
}

/// Probability of at most `k` events of a Poisson distribution.
fn poisson_up_to(k: u64, mean: f64) -> f64 {
    let mut log_term = -mean;
    let mut sum = log_term.exp();
    for i in 1..=k {
        log_term += (mean / i as f64).ln();
        sum += log_term.exp();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_the_tables() {
        // Exact Poisson limits (Garwood, Biometrika 28, 1936), one-sided 95 %.
        for (k, mean) in [(0, 2.9957), (1, 4.7439), (2, 6.2958), (5, 10.5130), (10, 16.9622)] {
            let got = fmr_bound(k, 1);
            assert!((got - mean).abs() < 1e-3, "{k}: {got}");
        }
        assert!((fmr_bound(0, 30_000) - 0.99857e-4).abs() < 1e-8);
        assert!(fmr_bound(10_000, 1_000_000) < 0.0102);
    }

    #[test]
    fn a_claim_needs_its_evidence() {
        let claim = |fmr, comparisons, false_matches| {
            check_claim(&FmrClaim { fmr, comparisons, false_matches, source: "card".into() })
        };
        assert!(claim(1e-4, 30_000, 0).is_ok());
        assert!(claim(1e-4, 29_000, 0).is_err());
        assert!(claim(1e-4, 30_000, 1).is_err());
        assert!(claim(1e-4, 48_000, 1).is_ok());
        for wrong in [f64::NAN, 0.0, -1.0, 1.0] {
            assert!(claim(wrong, 1_000_000, 0).is_err());
        }
        let error = claim(1e-5, 30_000, 0).expect_err("too bold").to_string();
        assert!(error.contains("9.99e-5"), "{error}");
    }
}
