//! Tests of the pipeline as a whole.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

/// Where the golden files lie; fixtures/features/PROVENANCE.md says what made them.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/features").join(name)
}

fn clip(rate: u32) -> Vec<f32> {
    let path = fixture(&format!("clip_{}k.wav", rate / 1000));
    let mut reader = hound::WavReader::open(path).expect("a WAV fixture");
    assert_eq!(reader.spec().sample_rate, rate);
    reader.samples::<i16>().map(|x| f32::from(x.expect("16-bit samples"))).collect()
}

fn golden(kind: &str, rate: u32, by: &str) -> Vec<f32> {
    let bytes = std::fs::read(fixture(&format!("{kind}_{rate}_{by}.f32"))).expect("a golden file");
    let (values, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    values.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn frontend(kind: FeatureKind, rate: u32) -> Frontend {
    match kind {
        FeatureKind::Fbank => Frontend::fbank(FbankSpec::new(rate)),
        FeatureKind::Mfcc => Frontend::mfcc(MfccSpec::new(rate)),
    }
    .expect("defaults are valid")
}

#[test]
fn speech_agrees_with_the_oracle_and_with_the_peer() {
    for (kind, name, dim, oracle_tolerance) in [
        (FeatureKind::Fbank, "fbank", 80, 4e-6),
        // Thirteen sums of 23 rounded logarithms, lifted up to twelvefold.
        (FeatureKind::Mfcc, "mfcc", 13, 5e-5),
    ] {
        for rate in [16_000, 8_000] {
            let features = extract(kind, &clip(rate), rate, None, None).expect("speech");
            let (got_dim, ours) = (features.ncols(), features.into_raw_vec_and_offset().0);
            let oracle = golden(name, rate, "oracle");
            let peer = golden(name, rate, "peer");
            assert_eq!((got_dim, ours.len()), (dim, 98 * dim));
            assert_eq!(ours.len(), oracle.len());
            assert_eq!(ours.len(), peer.len());
            let mut far = 0;
            for ((&x, &o), &p) in ours.iter().zip(&oracle).zip(&peer) {
                assert!((x - o).abs() <= oracle_tolerance, "{name} {rate}: {x} for {o}");
                if (x - p).abs() > 1e-3 {
                    far += 1;
                    assert!((x - o).abs() <= (p - o).abs(), "{name} {rate}: {x} {p} {o}");
                }
            }
            assert!(far * 1000 <= ours.len(), "{name} {rate}: {far} far from the peer");
        }
    }
}

#[test]
fn silence_and_a_constant_are_the_floor() {
    let floor = LOG_FLOOR.ln();
    for level in [0.0, -32_768.0, 0.1] {
        let samples = vec![level; 8_000];
        let fbank = extract(FeatureKind::Fbank, &samples, 8_000, None, None).expect("valid");
        assert!(fbank.iter().all(|v| (v - floor).abs() < 2e-6), "level {level}");
        let mfcc = extract(FeatureKind::Mfcc, &samples, 8_000, None, None).expect("valid");
        for row in mfcc.rows() {
            assert!((row[0] - floor).abs() < 2e-6, "level {level}");
            // Equal logarithms have no cepstrum beyond the zeroth coefficient.
            assert!(row.iter().skip(1).all(|c| c.abs() < 1e-3), "level {level}");
        }
    }
}

#[test]
fn a_sine_peaks_in_the_bin_whose_center_it_meets() {
    let spec = FbankSpec::new(16_000);
    let step = (mel_from_hz(8_000.0) - mel_from_hz(20.0)) / 81.0;
    let mut frontend = Frontend::fbank(spec).expect("valid");
    for bin in [20usize, 40, 70] {
        let hz = hz_from_mel(mel_from_hz(20.0) + (bin as f64 + 1.0) * step);
        let samples: Vec<f32> = (0..400)
            .map(|n| {
                (10_000.0 * (2.0 * std::f64::consts::PI * hz * f64::from(n) / 16_000.0).sin())
                    as f32
            })
            .collect();
        let mut row = Vec::new();
        assert_eq!(frontend.compute(&samples, &mut row), Ok(1));
        let peak = (0..80).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("80 bins");
        assert_eq!(peak, bin);
    }
}

#[test]
fn every_rate_in_range_works_and_others_are_refused() {
    for rate in [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000] {
        let features = extract(FeatureKind::Fbank, &vec![1.0; rate as usize], rate, None, None)
            .expect("valid");
        assert_eq!(features.dim(), (98, 80), "{rate} Hz");
    }
    for rate in [0, 7_999, 48_001, u32::MAX] {
        let refused = extract(FeatureKind::Fbank, &[0.0; 10], rate, None, None);
        assert_eq!(refused, Err(FeatureError::SampleRate(rate)));
    }
}

#[test]
fn impossible_specifications_are_refused() {
    let fbank = |change: &dyn Fn(&mut FbankSpec)| {
        let mut spec = FbankSpec::new(16_000);
        change(&mut spec);
        Frontend::fbank(spec).map(|f| f.dim())
    };
    assert_eq!(fbank(&|_| ()), Ok(80));
    let got = fbank(&|s| s.frame.length_ms = 0);
    assert_eq!(got, Err(FeatureError::FrameLength { got: 0 }));
    let got = fbank(&|s| s.frame.length_ms = 101);
    assert_eq!(got, Err(FeatureError::FrameLength { got: 101 }));
    let got = fbank(&|s| s.frame.shift_ms = 0);
    assert_eq!(got, Err(FeatureError::FrameShift { got: 0, max: 25 }));
    let got = fbank(&|s| s.frame.shift_ms = 26);
    assert_eq!(got, Err(FeatureError::FrameShift { got: 26, max: 25 }));
    let got = fbank(&|s| s.frame.preemphasis = 1.5);
    assert_eq!(got, Err(FeatureError::PreEmphasis(1.5)));
    assert!(fbank(&|s| s.frame.preemphasis = f64::NAN).is_err());

    let of = |kind, bins, ceps| extract(kind, &[], 16_000, bins, ceps).map(|f| f.ncols());
    assert_eq!(of(FeatureKind::Fbank, Some(40), None), Ok(40));
    assert_eq!(of(FeatureKind::Mfcc, Some(40), Some(20)), Ok(20));
    assert_eq!(of(FeatureKind::Fbank, None, Some(13)), Err(FeatureError::CepsOfFbank));
    assert_eq!(of(FeatureKind::Fbank, Some(0), None), Err(FeatureError::Bins(0)));
    let refused = of(FeatureKind::Mfcc, None, Some(24));
    assert_eq!(refused, Err(FeatureError::Ceps { got: 24, bins: 23 }));
}

#[test]
fn samples_that_are_no_audio_are_refused_and_change_nothing() {
    let mut frontend = frontend(FeatureKind::Mfcc, 8_000);
    let mut stream = frontend.stream();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.1e9] {
        let mut samples = vec![1.0; 2_000];
        samples[1_500] = bad;
        let mut out = vec![7.0];
        let refused = Err(FeatureError::Sample { index: 1_500 });
        assert_eq!(frontend.compute(&samples, &mut out), refused);
        assert_eq!(stream.push(&samples, &mut out), refused);
        assert_eq!(out, [7.0]);
    }
    let mut out = Vec::new();
    assert_eq!(stream.push(&[1.0; 199], &mut out), Ok(0));
    assert_eq!(stream.push(&[1.0], &mut out), Ok(1));
    // The loudest allowed input stays finite.
    let loud: Vec<f32> = (0..200).map(|n| if n % 2 == 0 { 1e9 } else { -1e9 }).collect();
    out.clear();
    assert_eq!(frontend.compute(&loud, &mut out), Ok(1));
    assert!(out.iter().all(|v| v.is_finite()));
}

#[test]
fn a_reset_stream_starts_anew() {
    let mut stream = frontend(FeatureKind::Fbank, 8_000).stream();
    let mut out = Vec::new();
    assert_eq!(stream.push(&[5.0; 150], &mut out), Ok(0));
    stream.reset();
    assert_eq!(stream.push(&[5.0; 150], &mut out), Ok(0));
    assert_eq!(stream.push(&[5.0; 50], &mut out), Ok(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_chunking_gives_the_same_bits(
        samples in prop::collection::vec(-32_768i16..=32_767, 0..12_000),
        cuts in prop::collection::vec(0usize..6_000, 0..40),
        wide in any::<bool>(),
        ceps in any::<bool>(),
    ) {
        let samples: Vec<f32> = samples.into_iter().map(f32::from).collect();
        let kind = if ceps { FeatureKind::Mfcc } else { FeatureKind::Fbank };
        let mut frontend = frontend(kind, if wide { 44_100 } else { 8_000 });
        let mut offline = Vec::new();
        let frames = frontend.compute(&samples, &mut offline).expect("16-bit samples");
        prop_assert_eq!(frames * frontend.dim(), offline.len());

        let mut stream = frontend.stream();
        let (mut online, mut rest, mut rows) = (Vec::new(), &samples[..], 0);
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            rows += stream.push(head, &mut online).expect("16-bit samples");
            rest = tail;
        }
        rows += stream.push(rest, &mut online).expect("16-bit samples");
        prop_assert_eq!(rows, frames);
        let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&online), bits(&offline));
    }
}
