//! Judging a calibration on speakers it was not fitted on.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::scoring::ScoringError;
use crate::scoring::calibration::{FitOptions, LabeledTrial, fit};
use crate::scoring::metrics::Trial;

/// Speaker-disjoint cross-validation: speakers are dealt into `folds`; each fold's trials (both sides in
/// it) are scored by a calibration fitted on the trials with no side in it. Returns those
/// held-out trials; trials across folds are in none.
///
/// # Errors
/// As [`fit`], and fewer than two folds.
pub fn cross_validate(
    trials: &[LabeledTrial],
    speakers: &[[u32; 2]],
    options: &FitOptions,
    folds: u32,
    seed: u64,
) -> Result<Vec<Trial>, ScoringError> {
    if folds < 2 || trials.len() != speakers.len() {
        return Err(ScoringError::Fit(
            "cross-validation needs at least 2 folds and speakers for every trial",
        ));
    }
    let most = speakers.iter().flatten().max().map_or(0, |s| *s as usize + 1);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let fold_of: Vec<u32> = (0..most).map(|_| rng.random_range(0..folds)).collect();
    let folds_of = |pair: &[u32; 2]| pair.map(|s| fold_of[s as usize]);
    let mut held_out = Vec::new();
    for fold in 0..folds {
        let outside = |pair: &[u32; 2]| folds_of(pair).iter().all(|f| *f != fold);
        let paired = trials.iter().zip(speakers);
        let rest: Vec<LabeledTrial> =
            paired.clone().filter(|(_, pair)| outside(pair)).map(|(trial, _)| *trial).collect();
        let calibration = fit(&rest, options)?;
        let inside = paired.filter(|(_, pair)| folds_of(pair) == [fold; 2]);
        held_out.extend(inside.map(|(trial, pair)| Trial {
            score: calibration.llr(trial.raw, &trial.conditions).0,
            target: trial.target,
            speakers: *pair,
        }));
    }
    Ok(held_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RawScore;
    use crate::scoring::calibration::Conditions;
    use crate::scoring::metrics::figures;

    #[test]
    fn held_out_trials_stay_within_a_fold_and_are_calibrated() {
        let (mut trials, mut speakers) = (Vec::new(), Vec::new());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for a in 0..60u32 {
            for b in 0..60u32 {
                for _ in 0..if a == b { 20 } else { 1 } {
                    let noise: f64 = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
                    trials.push(LabeledTrial {
                        raw: RawScore(noise + if a == b { 3.0 } else { 0.0 }),
                        conditions: Conditions {
                            net_speech_ms: [3_000, 8_000],
                            narrow_share: [0.0, 0.0],
                        },
                        target: a == b,
                        weight: 1.0,
                    });
                    speakers.push([a, b]);
                }
            }
        }
        let options =
            FitOptions { version: 1, ridge: 1e-4, prior: 0.5, speakers: 60, pairs: 1_770 };
        let held_out = cross_validate(&trials, &speakers, &options, 4, 2).unwrap();
        assert_eq!(held_out.iter().filter(|t| t.target).count(), 60 * 20);
        assert!(held_out.len() < trials.len());
        let f = figures(&held_out).unwrap();
        assert!(f.cllr < f.min_cllr + 0.05, "{} {}", f.cllr, f.min_cllr);
        assert!(cross_validate(&trials, &speakers, &options, 1, 2).is_err());
        assert!(cross_validate(&trials, &speakers[1..], &options, 4, 2).is_err());
    }
}
