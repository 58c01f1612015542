use super::testing::{DIM, back_end, wave};
use super::*;

fn view(embedding: &[f32], bandwidth: Bandwidth, net_speech_ms: u32) -> UtteranceView<'_> {
    UtteranceView { embedding, bandwidth, net_speech_ms, telephone: None }
}

/// The definition, in double precision and without any of the code under test.
fn oracle(b: &BackEnd, sides: [&[UtteranceView<'_>]; 2]) -> f64 {
    let unit = |v: Vec<f64>| {
        let n = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        v.into_iter().map(|x| x / n).collect::<Vec<_>>()
    };
    let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let wide = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let side = |us: &[UtteranceView<'_>]| {
        let mut sum = vec![0f64; b.dim()];
        for u in us {
            let mean = match u.bandwidth {
                Bandwidth::Wide => &b.parts().mean_wide,
                Bandwidth::Narrow => &b.parts().mean_narrow,
            };
            let e = unit(wide(u.embedding));
            let c: Vec<f64> = e.iter().zip(mean).map(|(x, m)| x - f64::from(*m)).collect();
            let p = match &b.parts().projection {
                Some(rows) => rows.chunks(DIM).map(|r| inner(&wide(r), &c)).collect(),
                None => c,
            };
            for (s, x) in sum.iter_mut().zip(unit(p)) {
                *s += f64::from(u.net_speech_ms) * x;
            }
        }
        unit(sum)
    };
    let statistics = |x: &[f64]| {
        let rows = b.parts().cohort.chunks(b.dim());
        let mut s: Vec<f64> = rows.map(|r| inner(&wide(r), x)).collect();
        s.sort_by(|a, b| b.total_cmp(a));
        s.truncate(b.info().top_k);
        let m = s.iter().sum::<f64>() / s.len() as f64;
        let v = s.iter().map(|x| (x - m).powi(2)).sum::<f64>() / s.len() as f64;
        (m, v.sqrt())
    };
    let (x, y) = (side(sides[0]), side(sides[1]));
    let s = inner(&x, &y);
    let ((mx, sx), (my, sy)) = (statistics(&x), statistics(&y));
    0.5 * ((s - mx) / sx + (s - my) / sy)
}

#[test]
fn scores_agree_with_the_definition() {
    for projected in [false, true] {
        let b = back_end(projected);
        let (e, f, g) = (wave(11, DIM), wave(12, DIM), wave(13, DIM));
        let enroll = [view(&e, Bandwidth::Wide, 7_000), view(&f, Bandwidth::Narrow, 2_000)];
        let test = [view(&g, Bandwidth::Narrow, 3_000)];
        let (x, y) = (b.side(&enroll).unwrap(), b.side(&test).unwrap());
        let raw = b.raw(&x, &y).0;
        let expected = oracle(&b, [&enroll, &test]);
        assert!((raw - expected).abs() < 1e-3, "{raw} {expected}");
        assert_eq!(raw, b.raw(&y, &x).0, "symmetric");
        assert_eq!(b.llr(RawScore(raw), &x, &y), b.llr(RawScore(raw), &y, &x));
        assert_eq!(x.net_speech_ms(), 9_000);
        assert!((x.narrow_share() - 2.0 / 9.0).abs() < 1e-12);
        assert!((dot(x.unit(), x.unit()) - 1.0).abs() < 1e-5);
    }
}

#[test]
fn calls_are_compared_with_the_telephone_half_and_nothing_else_is() {
    let b = back_end(true);
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
    // The mix: both directions in equal parts, weighted as their utterance.
    let rendition = view(&r, Bandwidth::Narrow, 7_000);
    let mut unit = vec![0f32; b.dim()];
    for (weight, one) in [(3_500.0, wide), (3_500.0, rendition), (2_000.0, narrow)] {
        add_scaled(&mut unit, weight, &b.direction(one).unwrap());
    }
    assert!(normalize(&mut unit));
    let expected = f64::from(dot(&unit, call.unit()));
    assert!((b.cosine(&both, &call) - expected).abs() < 1e-6);
    assert!((f64::from(dot(both.unit(), call.unit())) - expected).abs() < 1e-6, "searched by");
    // A rendition of a call means nothing.
    let odd = UtteranceView { telephone: Some(&r), ..narrow };
    assert_eq!(b.side(&[odd]).unwrap(), b.side(&[narrow]).unwrap());
}

#[test]
fn length_of_an_embedding_does_not_matter() {
    let b = back_end(false);
    let e = wave(11, DIM);
    let louder: Vec<f32> = e.iter().map(|x| 3.0 * x).collect();
    let one = b.side(&[view(&e, Bandwidth::Wide, 1_000)]).unwrap();
    let two = b.side(&[view(&louder, Bandwidth::Wide, 1_000)]).unwrap();
    assert!(b.cosine(&one, &two) > 0.999_999);
}

#[test]
fn unusable_input_is_a_typed_error() {
    let b = back_end(true);
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
    let good = back_end(true);
    let with = |change: &dyn Fn(&mut BackEndInfo, &mut BackEndParts)| {
        let (mut info, mut parts) = (good.info().clone(), good.parts().clone());
        change(&mut info, &mut parts);
        BackEnd::new(info, parts, good.calibration().clone())
    };
    assert!(with(&|_, _| ()).is_ok());
    assert!(with(&|i, _| i.top_k = 1).is_err());
    assert!(with(&|i, _| i.top_k = 21).is_err());
    assert!(with(&|_, p| p.cohort.truncate(7)).is_err());
    assert!(with(&|_, p| p.cohort[0] = f32::NAN).is_err());
    assert!(with(&|_, p| p.mean_wide.clear()).is_err());
    assert!(with(&|_, p| p.projection = Some(vec![1.0; 9])).is_err());
}

#[test]
fn a_side_is_not_written_out() {
    let b = back_end(false);
    let side = b.side(&[view(&wave(11, DIM), Bandwidth::Wide, 1_500)]).unwrap();
    let text = format!("{side:?}");
    assert!(text.contains("1500") && !text.contains('['), "{text}");
    assert!(!format!("{b:?}").contains("cohort"));
}
