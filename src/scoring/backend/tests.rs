use super::testing::{DIM, back_end, wave};
use super::*;
use crate::scoring::cosine;

fn view(embedding: &[f32], bandwidth: Bandwidth, net_speech_ms: u32) -> UtteranceView<'_> {
    UtteranceView { embedding, bandwidth, net_speech_ms, telephone: None }
}

/// The definition, in double precision and without any of the code under test but what it stores.
fn oracle(b: &BackEnd, sides: [&[UtteranceView<'_>]; 2]) -> f64 {
    let wide = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let unit = |v: Vec<f64>| {
        let n = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        v.into_iter().map(|x| x / n).collect::<Vec<_>>()
    };
    let less = |a: &[f64], b: &[f32]| {
        a.iter().zip(b).map(|(x, y)| x - f64::from(*y)).collect::<Vec<f64>>()
    };
    let times = |rows: &[f32], x: &[f64]| {
        let inner = |r: &[f32]| wide(r).iter().zip(x).map(|(a, b)| a * b).sum::<f64>();
        rows.chunks(DIM).map(inner).collect::<Vec<f64>>()
    };
    let p = b.parts();
    let side = |us: &[UtteranceView<'_>]| {
        let (mut sum, mut net) = (vec![0f64; b.dim()], 0.0);
        let mut variances = Vec::new();
        for u in us {
            let narrow = u.bandwidth == Bandwidth::Narrow;
            let mean = if narrow { &p.mean_narrow } else { &p.mean_wide };
            let x = unit(times(&p.projection, &less(&unit(wide(u.embedding)), mean)));
            let y = times(&p.plda.projection, &less(&x, &p.plda.mean));
            let seconds = f64::from(u.net_speech_ms) / 1_000.0;
            let band = if narrow { p.uncertainty.telephone } else { 0.0 };
            let square = p.uncertainty.constant + p.uncertainty.per_second / seconds + band;
            variances.push((seconds, square.sqrt()));
            sum.iter_mut().zip(y).for_each(|(s, y)| *s += seconds * y);
            net += seconds;
        }
        let shared: f64 = variances.iter().map(|(s, v)| s / net * v).sum();
        let own: f64 = variances.iter().map(|(s, v)| (s / net).powi(2) * v).sum();
        (sum.iter().map(|x| x / net).collect::<Vec<_>>(), 0.4 * shared + 0.6 * own)
    };
    let score = |(x, v): &(Vec<f64>, f64), (y, w): &(Vec<f64>, f64)| {
        let terms = x.iter().zip(y).zip(&p.plda.between).map(|((x, y), between)| {
            let c = f64::from(*between);
            // Densities of a pair with covariance c, and of two that have nothing to do with each other.
            let log_density = |c: f64, a: f64, b: f64| {
                let determinant = a * b - c * c;
                let squares = b * x * x - 2.0 * c * x * y + a * y * y;
                -0.5 * determinant.ln() - 0.5 * squares / determinant
            };
            log_density(c, c + v, c + w) - log_density(0.0, c + v, c + w)
        });
        terms.sum::<f64>()
    };
    let strangers = |side: &(Vec<f64>, f64)| {
        let rows = p.cohort.chunks(b.dim());
        let mut scores: Vec<f64> = rows.map(|row| score(side, &(wide(row), 1.0))).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        scores.truncate(b.info().top_k);
        scores.iter().sum::<f64>() / scores.len() as f64
    };
    let (one, two) = (side(sides[0]), side(sides[1]));
    score(&one, &two) - 0.5 * (strangers(&one) + strangers(&two))
}

#[test]
fn scores_agree_with_the_definition() {
    let b = back_end();
    let (e, f, g) = (wave(11, DIM), wave(12, DIM), wave(13, DIM));
    let enroll = [view(&e, Bandwidth::Wide, 7_000), view(&f, Bandwidth::Narrow, 2_000)];
    let test = [view(&g, Bandwidth::Narrow, 3_000)];
    let (x, y) = (b.side(&enroll).unwrap(), b.side(&test).unwrap());
    let raw = b.raw(&x, &y).0;
    let expected = oracle(&b, [&enroll, &test]);
    assert!((raw - expected).abs() < 1e-4, "{raw} {expected}");
    assert_eq!(raw, b.raw(&y, &x).0, "symmetric");
    assert_eq!(b.llr(RawScore(raw), &x, &y), b.llr(RawScore(raw), &y, &x));
    assert_eq!(x.net_speech_ms(), 9_000);
    assert!((x.narrow_share() - 2.0 / 9.0).abs() < 1e-12);
    assert!((dot(&x.unit(), &x.unit()) - 1.0).abs() < 1e-5);
}

#[test]
fn the_same_difference_says_less_in_short_and_telephone_speech() {
    let b = back_end();
    let (e, f) = (wave(11, DIM), wave(12, DIM));
    let variance = |views: &[UtteranceView<'_>]| b.side(views).unwrap().own.variance;
    let wide = |e, ms| view(e, Bandwidth::Wide, ms);
    assert!(variance(&[wide(&e, 1_000)]) > variance(&[wide(&e, 20_000)]));
    assert!(variance(&[view(&e, Bandwidth::Narrow, 5_000)]) > variance(&[wide(&e, 5_000)]));
    assert!(variance(&[wide(&e, 5_000), wide(&f, 5_000)]) < variance(&[wide(&e, 5_000)]));
}

#[test]
fn calls_are_compared_with_the_telephone_half_and_nothing_else_is() {
    let b = back_end();
    let (e, r, n) = (wave(11, DIM), wave(14, DIM), wave(12, DIM));
    let wide = view(&e, Bandwidth::Wide, 7_000);
    let mixed = UtteranceView { telephone: Some(&r), ..wide };
    let narrow = view(&n, Bandwidth::Narrow, 2_000);
    let plain = b.side(&[wide, narrow]).unwrap();
    let both = b.side(&[mixed, narrow]).unwrap();
    assert!(both.has_telephone() && !plain.has_telephone());
    let (call, visit) = (wave(13, DIM), wave(15, DIM));
    let call = b.side(&[view(&call, Bandwidth::Narrow, 3_000)]).unwrap();
    let visit = b.side(&[view(&visit, Bandwidth::Wide, 3_000)]).unwrap();
    assert_eq!(b.raw(&both, &visit), b.raw(&plain, &visit));
    assert_ne!(b.raw(&both, &call), b.raw(&plain, &call));
    assert_eq!(b.raw(&both, &call), b.raw(&call, &both), "symmetric");
    assert_eq!(both.narrow_share(), plain.narrow_share());
    // The mix: both in equal parts, weighted as their utterance.
    let rendition = view(&r, Bandwidth::Narrow, 7_000);
    let mut mean = vec![0f32; b.dim()];
    for (weight, one) in [(3.5, wide), (3.5, rendition), (2.0, narrow)] {
        add_scaled(&mut mean, weight / 9.0, &b.values(one, &mut Vec::new()).unwrap());
    }
    let telephone = both.telephone.as_ref().unwrap();
    let close = |x: &[f32], y: &[f32]| x.iter().zip(y).all(|(x, y)| (x - y).abs() < 1e-4);
    assert!(close(&telephone.values, &mean));
    assert!(telephone.variance > both.own.variance, "a telephone is less certain");
    assert!(normalize(&mut mean));
    assert!(close(&both.unit(), &mean), "searched by");
    // A rendition of a call means nothing.
    let odd = UtteranceView { telephone: Some(&r), ..narrow };
    assert_eq!(b.side(&[odd]).unwrap(), b.side(&[narrow]).unwrap());
}

#[test]
fn length_of_an_embedding_does_not_matter() {
    let b = back_end();
    let e = wave(11, DIM);
    let louder: Vec<f32> = e.iter().map(|x| 3.0 * x).collect();
    let one = b.side(&[view(&e, Bandwidth::Wide, 1_000)]).unwrap();
    let two = b.side(&[view(&louder, Bandwidth::Wide, 1_000)]).unwrap();
    assert!(cosine(&one.unit(), &two.unit()).unwrap() > 0.999_999);
}

#[test]
fn unusable_input_is_a_typed_error() {
    let b = back_end();
    let e = wave(11, DIM);
    let one = view(&e, Bandwidth::Wide, 1);
    assert_eq!(b.side(&[]).unwrap_err(), ScoringError::NoUtterances);
    assert!(matches!(
        b.side(&vec![one; MAX_UTTERANCES + 1]),
        Err(ScoringError::TooManyUtterances { .. })
    ));
    assert!(matches!(
        b.side(&[view(&e[1..], Bandwidth::Wide, 1)]),
        Err(ScoringError::Dimension { expected: 8, got: 7 })
    ));
    for bad in [vec![0.0; DIM], vec![f32::NAN; DIM], vec![f32::MAX; DIM]] {
        let side = b.side(&[view(&bad, Bandwidth::Wide, 1)]);
        assert_eq!(side.unwrap_err(), ScoringError::NoDirection);
    }
}

#[test]
fn bad_shapes_are_refused() {
    let good = back_end();
    let with = |change: &dyn Fn(&mut BackEndParts)| {
        let mut parts = good.parts().clone();
        change(&mut parts);
        BackEnd::new(good.info().clone(), parts, good.calibration().clone())
    };
    for top_k in [0, 21] {
        let info = BackEndInfo { top_k, ..good.info().clone() };
        assert!(BackEnd::new(info, good.parts().clone(), good.calibration().clone()).is_err());
    }
    assert!(with(&|_| ()).is_ok());
    assert!(with(&|p| p.mean_wide.clear()).is_err());
    assert!(with(&|p| p.mean_narrow[0] = f32::NAN).is_err());
    assert!(with(&|p| p.projection.truncate(9)).is_err());
    assert!(with(&|p| p.plda.between.clear()).is_err());
    assert!(with(&|p| p.plda.between[0] = -1.0).is_err());
    assert!(with(&|p| p.plda.mean.truncate(7)).is_err());
    assert!(with(&|p| p.uncertainty.constant = -1.0).is_err());
    assert!(with(&|p| p.cohort.truncate(7)).is_err());
    assert!(with(&|p| p.cohort[0] = f32::NAN).is_err());
}

#[test]
fn a_side_is_not_written_out() {
    let b = back_end();
    let side = b.side(&[view(&wave(11, DIM), Bandwidth::Wide, 1_500)]).unwrap();
    let text = format!("{side:?}");
    assert!(text.contains("1500") && !text.contains('['), "{text}");
    assert!(!format!("{b:?}").contains("projection"));
}
