use super::*;

fn trial(score: f64, target: bool) -> Trial {
    Trial { score, target, speakers: if target { [0, 0] } else { [0, 1] } }
}

fn all(targets: &[f64], non_targets: &[f64]) -> Vec<Trial> {
    let t = targets.iter().map(|s| trial(*s, true));
    t.chain(non_targets.iter().map(|s| trial(*s, false))).collect()
}

/// Scores without order or structure, from a linear congruential generator.
fn noise(n: usize, shift: f64, mut state: u64) -> Vec<f64> {
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1u64 << 31) as f64
    };
    (0..n).map(|_| shift + 2.0 * (next() + next() + next() - 1.5)).collect()
}

fn normal(n: usize, mean: f64, std: f64) -> Vec<f64> {
    (0..n).map(|i| mean + std * probit((i as f64 + 0.5) / n as f64)).collect()
}

fn phi(x: f64) -> f64 {
    // Simpson's rule from -10, independent of the probit under test.
    let (n, from) = (20_000, -10.0);
    let h = (x - from) / f64::from(n);
    let f = |t: f64| (-0.5 * t * t).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let inner: f64 =
        (1..n).map(|i| f(from + h * f64::from(i)) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
    h / 3.0 * (f(from) + inner + f(x))
}

#[test]
fn perfect_and_useless_scores() {
    let perfect = figures(&all(&[20.0, 30.0], &[-20.0, -30.0])).unwrap();
    assert_eq!(perfect.eer, 0.0);
    assert_eq!(perfect.min_dcf, [0.0, 0.0]);
    assert_eq!(perfect.min_cllr, 0.0);
    assert_eq!(perfect.fnmr_at_fmr, [0.0; 3]);
    assert!(perfect.cllr < 1e-8);
    let useless = figures(&all(&[0.0; 5], &[0.0; 5])).unwrap();
    assert!((useless.eer - 0.5).abs() < 1e-12);
    assert!((useless.cllr - 1.0).abs() < 1e-12);
    assert!((useless.min_cllr - 1.0).abs() < 1e-12);
    assert_eq!(useless.min_dcf, [1.0, 1.0]);
    assert_eq!(useless.fnmr_at_fmr, [1.0; 3]);
    let reversed = figures(&all(&[-1.0, -2.0], &[1.0, 2.0])).unwrap();
    assert!((reversed.eer - 0.5).abs() < 1e-12, "the hull is the diagonal");
}

#[test]
fn equal_gaussians_have_closed_forms() {
    // LLRs of N(0,1) against N(d,1): N(±d²/2, d). EER = Φ(−d/2).
    let d: f64 = 2.0;
    let n = 20_000;
    let trials = all(&normal(n, d * d / 2.0, d), &normal(n, -d * d / 2.0, d));
    let f = figures(&trials).unwrap();
    assert!((f.eer - phi(-d / 2.0)).abs() < 1e-3, "{}", f.eer);
    assert!((f.cllr - f.min_cllr).abs() < 2e-3, "well calibrated");
    for (i, prior) in TARGET_PRIORS.into_iter().enumerate() {
        let bayes = -(prior / (1.0 - prior)).ln();
        let miss = phi((bayes - d * d / 2.0) / d);
        let false_alarm = phi((-d * d / 2.0 - bayes) / d);
        let expected = (prior * miss + (1.0 - prior) * false_alarm) / prior;
        assert!((f.act_dcf[i] - expected).abs() < 5e-3);
        assert!((f.min_dcf[i] - expected).abs() < 5e-3);
    }
    for (i, fmr) in FMR_POINTS.into_iter().enumerate() {
        let threshold = -d * d / 2.0 - d * probit(fmr);
        let expected = phi((threshold - d * d / 2.0) / d);
        assert!((f.fnmr_at_fmr[i] - expected).abs() < 0.02);
    }
}

#[test]
fn cllr_of_a_single_pair_is_the_formula() {
    let f = figures(&all(&[1.0], &[-2.0])).unwrap();
    let expected = 0.5 * ((1.0 + (-1f64).exp()).log2() + (1.0 + (-2f64).exp()).log2());
    assert!((f.cllr - expected).abs() < 1e-12);
}

/// Straight from the definitions, quadratic.
mod naive {
    pub fn rates(targets: &[f64], non_targets: &[f64], t: f64) -> (f64, f64) {
        let fmr = non_targets.iter().filter(|s| **s >= t).count() as f64;
        let fnmr = targets.iter().filter(|s| **s < t).count() as f64;
        (fmr / non_targets.len() as f64, fnmr / targets.len() as f64)
    }

    pub fn thresholds(targets: &[f64], non_targets: &[f64]) -> Vec<f64> {
        let mut t: Vec<f64> = targets.iter().chain(non_targets).copied().collect();
        t.push(f64::INFINITY);
        t
    }

    /// Equal error rate of the hull: the best EER over all mixtures of two thresholds is the
    /// largest over priors of the least cost (minimax theorem).
    pub fn hull_eer(targets: &[f64], non_targets: &[f64]) -> f64 {
        let points: Vec<_> = thresholds(targets, non_targets)
            .into_iter()
            .map(|t| rates(targets, non_targets, t))
            .collect();
        (0..=20_000)
            .map(|i| f64::from(i) / 20_000.0)
            .map(|p| {
                let costs = points.iter().map(|(fmr, fnmr)| p * fnmr + (1.0 - p) * fmr);
                costs.fold(f64::INFINITY, f64::min)
            })
            .fold(0.0, f64::max)
    }

    /// Isotonic regression by its max-min formula.
    pub fn min_cllr(targets: &[f64], non_targets: &[f64]) -> f64 {
        let mut scores: Vec<(f64, f64)> = targets.iter().map(|s| (*s, 1.0)).collect();
        scores.extend(non_targets.iter().map(|s| (*s, 0.0)));
        scores.sort_by(|a, b| a.0.total_cmp(&b.0));
        let n = scores.len();
        let mean = |i: usize, j: usize| {
            scores[i..=j].iter().map(|s| s.1).sum::<f64>() / (j - i + 1) as f64
        };
        let odds = targets.len() as f64 / non_targets.len() as f64;
        let (mut t, mut f) = (0.0, 0.0);
        for (k, score) in scores.iter().enumerate() {
            let p = (0..=k)
                .map(|i| (k..n).map(|j| mean(i, j)).fold(f64::INFINITY, f64::min))
                .fold(0.0, f64::max);
            let lr = p / (1.0 - p) / odds;
            match score.1 > 0.5 {
                true => t += (1.0 + 1.0 / lr).log2(),
                false => f += (1.0 + lr).log2(),
            }
        }
        0.5 * (t / targets.len() as f64 + f / non_targets.len() as f64)
    }
}

#[test]
fn figures_agree_with_the_definitions() {
    for seed in 1..6 {
        let (targets, non_targets) = (noise(41, 1.0, seed), noise(67, 0.0, seed + 100));
        let f = figures(&all(&targets, &non_targets)).unwrap();
        let eer = naive::hull_eer(&targets, &non_targets);
        assert!((f.eer - eer).abs() < 1e-4, "{} {eer}", f.eer);
        let min_cllr = naive::min_cllr(&targets, &non_targets);
        assert!((f.min_cllr - min_cllr).abs() < 1e-9);
        let rates = |t| naive::rates(&targets, &non_targets, t);
        for (i, p) in TARGET_PRIORS.into_iter().enumerate() {
            let cost = |(fmr, fnmr): (f64, f64)| (p * fnmr + (1.0 - p) * fmr) / p;
            let least = naive::thresholds(&targets, &non_targets)
                .into_iter()
                .map(|t| cost(rates(t)))
                .fold(f64::INFINITY, f64::min);
            assert!((f.min_dcf[i] - least).abs() < 1e-9);
            let actual = cost(rates(((1.0 - p) / p).ln()));
            assert!((f.act_dcf[i] - actual).abs() < 1e-9);
        }
        let within = naive::thresholds(&targets, &non_targets)
            .into_iter()
            .map(rates)
            .filter(|(fmr, _)| *fmr <= 0.01);
        let least = within.map(|r| r.1).fold(1.0, f64::min);
        assert!((f.fnmr_at_fmr[0] - least).abs() < 1e-12);
    }
}

#[test]
fn weights_count_like_copies() {
    let (targets, non_targets) = (noise(20, 1.0, 3), noise(30, 0.0, 4));
    let mut curve = Curve::new(&all(&targets, &non_targets)).unwrap();
    assert!(curve.reweight(|t| if t.score > 0.5 { 2.0 } else { 1.0 }));
    let twice = |scores: &[f64]| -> Vec<f64> {
        let again = scores.iter().copied().filter(|s| *s > 0.5);
        scores.iter().copied().chain(again).collect()
    };
    let copied = figures(&all(&twice(&targets), &twice(&non_targets))).unwrap();
    let weighted = curve.figures();
    assert!((weighted.eer - copied.eer).abs() < 1e-12);
    assert!((weighted.cllr - copied.cllr).abs() < 1e-12);
    assert!((weighted.min_cllr - copied.min_cllr).abs() < 1e-12);
    assert!((weighted.fnmr_at_fmr[0] - copied.fnmr_at_fmr[0]).abs() < 1e-12);
}

#[test]
fn missing_kinds_and_nan_are_refused() {
    assert!(figures(&[]).is_err());
    assert!(figures(&all(&[1.0], &[])).is_err());
    assert!(figures(&all(&[], &[1.0])).is_err());
    assert!(figures(&all(&[f64::NAN], &[1.0])).is_err());
    assert!(figures(&all(&[f64::INFINITY], &[f64::NEG_INFINITY])).is_ok());
}

#[test]
fn rules_of_3_and_30() {
    assert_eq!(Support::of(1e-2, 3_000), Support::Supported);
    assert_eq!(Support::of(1e-3, 3_000), Support::Uncertain);
    assert_eq!(Support::of(1e-4, 3_000), Support::TooFewTrials);
}

#[test]
fn threshold_errors_are_counted() {
    let trials = all(&[5.0, 3.0, -3.0, 6.0], &[-5.0, -1.0]);
    let e = threshold_errors(&trials, 4.6, -2.0).unwrap();
    assert_eq!(e.false_accepts, 0.0);
    assert_eq!(e.targets_not_accepted, 0.5);
    assert_eq!(e.false_rejects, 0.25);
    assert_eq!(e.non_targets_not_rejected, 0.5);
    assert!(threshold_errors(&trials[..4], 4.6, -2.0).is_none());
}

/// Ten people, each with a score of their own that shifts all their trials.
fn ten_people(quality: f64) -> Vec<Trial> {
    let own = noise(10, 0.0, 9);
    let mut trials = Vec::new();
    for a in 0..10u32 {
        for b in 0..10u32 {
            let shift = if a == b { quality } else { 0.0 };
            let jitter = f64::from((a * 7 + b * 3) % 10) * 0.1;
            trials.push(Trial {
                score: shift + own[a as usize] + own[b as usize] + jitter,
                target: a == b,
                speakers: [a, b],
            });
        }
    }
    trials
}

#[test]
fn the_bootstrap_repeats_and_covers() {
    let trials = ten_people(1.0);
    let drawn = |seed: u64| Replicates::new(&trials, &|_| seed, 200).unwrap();
    let one = drawn(7);
    assert_eq!(one, drawn(7));
    assert_ne!(one, drawn(8));
    let f = figures(&trials).unwrap();
    assert_eq!(one.figures(), &f);
    let interval = one.interval(|f| f.eer).unwrap();
    assert!(interval.low <= f.eer && f.eer <= interval.high);
    assert!(interval.low < interval.high);
    assert!(Replicates::new(&trials, &|_| 7, 0).is_err());
    let alone: Vec<Trial> = trials.iter().filter(|t| t.speakers == [0, 0]).copied().collect();
    assert!(Replicates::new(&alone, &|_| 7, 10).is_err());
}

#[test]
fn paired_ratios_use_the_same_draws() {
    let drawn = |quality: f64| Replicates::new(&ten_people(quality), &|_| 1, 100).unwrap();
    let (better, worse) = (drawn(2.0), drawn(1.0));
    let same = worse.ratio(&worse, |f| f.eer).unwrap();
    assert_eq!((same.ratio, same.interval.low, same.interval.high), (1.0, 1.0, 1.0));
    let less = better.ratio(&worse, |f| f.cllr).unwrap();
    assert!(less.ratio < 1.0 && less.interval.low <= less.ratio);
    // Halving every figure halves the ratio in every draw, whatever the people.
    let twice = mean_ratio(&[&worse, &worse], &[&worse, &worse], |f| f.cllr).unwrap();
    assert_eq!((twice.ratio, twice.interval.high), (1.0, 1.0));
}

#[test]
fn a_mean_over_sets_is_the_mean_of_their_figures() {
    let one = Replicates::new(&ten_people(2.0), &|_| 1, 300).unwrap();
    let two = Replicates::new(&ten_people(0.5), &|_| 2, 300).unwrap();
    let metric: Metric = |f| f.cllr;
    let mean = mean_figure(&[&one, &two], metric);
    assert!((mean - 0.5 * (one.figures().cllr + two.figures().cllr)).abs() < 1e-12);
    let (a, b) = (one.interval(metric).unwrap(), two.interval(metric).unwrap());
    let both = mean_interval(&[&one, &two], metric).unwrap();
    assert!(both.low < mean && mean < both.high);
    // Independent sets: the interval of the mean is narrower than the mean of the intervals.
    assert!(both.high - both.low < 0.5 * (a.high - a.low + b.high - b.low));
}

#[test]
fn strata_are_drawn_among_themselves() {
    // Ten people whose targets score as their impostors do, and ten whose targets score higher.
    let trials: Vec<Trial> = (0..20u32)
        .map(|s| Trial { score: f64::from(s / 10), target: true, speakers: [s, s] })
        .chain((0..10).map(|s| Trial { score: 0.0, target: false, speakers: [s, (s + 1) % 10] }))
        .collect();
    let fnmr = |seed_of: &dyn Fn(u32) -> u64| {
        let drawn = Replicates::new(&trials, seed_of, 200).unwrap();
        drawn.interval(|f| f.fnmr_at_fmr[0]).unwrap()
    };
    let within = fnmr(&|s| u64::from(s / 10));
    assert_eq!((within.low, within.high), (0.5, 0.5), "ten of twenty targets in every draw");
    let across = fnmr(&|_| 0);
    assert!(across.low < 0.45 && across.high > 0.55, "{across:?}");
}
