use super::testing::{Named, always, bytes, head, manifest, random, raw};
use super::*;

const DIM: usize = 6;

fn model() -> ArtifactRef {
    ArtifactRef::new("m", 1)
}

fn loaded(tensors: &Named) -> AgeHead {
    head(tensors, &model(), LicenseClass::Open)
}

fn voice(seed: f32) -> Vec<f32> {
    (0..DIM).map(|i| 3.0 * (seed + i as f32 * 1.3).cos()).collect()
}

fn input(embedding: &[f32], bandwidth: Bandwidth, net_speech_ms: u32) -> AgeInput<'_> {
    AgeInput { embedding, bandwidth, net_speech_ms }
}

/// The definition, step by step, from the tensors; an independent way to the same numbers.
fn oracle(
    tensors: &Named,
    activation: fn(f64) -> f64,
    (embedding, narrow, seconds): (&[f32], bool, f64),
) -> [f64; 5] {
    let get = |name: &str| -> Vec<f64> {
        let tensor = &tensors.iter().find(|(n, _)| *n == name).unwrap().1;
        tensor.values.iter().map(|x| f64::from(*x)).collect()
    };
    let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let e: Vec<f64> = embedding.iter().map(|x| f64::from(*x)).collect();
    let mean = get(if narrow { "mean_narrow" } else { "mean_wide" });
    let centered: Vec<f64> = (0..DIM).map(|i| e[i] / norm(&e) - mean[i]).collect();
    let mut x: Vec<f64> =
        centered.iter().map(|c| c / norm(&centered) * (DIM as f64).sqrt()).collect();
    let ln = seconds.clamp(1.0, 30.0).ln();
    x.extend([f64::from(u8::from(narrow)), ln]);
    let (w1, b1, w2, b2) =
        (get("hidden.weight"), get("hidden.bias"), get("output.weight"), get("output.bias"));
    let h: Vec<f64> = (0..b1.len())
        .map(|i| activation((0..x.len()).fold(b1[i], |s, j| s + w1[i * x.len() + j] * x[j])))
        .collect();
    let t = get("temperature");
    let t = (t[0] + t[1] * ln + t[2] * f64::from(u8::from(narrow))).exp();
    let powers: Vec<f64> = (0..b2.len())
        .map(|k| ((0..h.len()).fold(b2[k], |s, i| s + w2[k * h.len() + i] * h[i]) / t).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    let p: Vec<f64> = powers.iter().map(|x| x / sum).collect();
    let edges = get("edges");
    let mean = (0..p.len()).map(|k| p[k] * (edges[k] + edges[k + 1]) / 2.0).sum();
    // Quantiles by bisection of the distribution function.
    let below = |age: f64| -> f64 {
        (0..p.len())
            .map(|k| p[k] * ((age - edges[k]) / (edges[k + 1] - edges[k])).clamp(0.0, 1.0))
            .sum()
    };
    let at = |q: f64| {
        let (mut low, mut high) = (0.0, 100.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if below(middle) < q { low = middle } else { high = middle }
        }
        low
    };
    [mean, at(0.1), at(0.9), p[0], p[3] + p[4]]
}

#[test]
fn the_estimate_follows_the_definition() {
    let tensors = random(DIM);
    let relu: fn(f64) -> f64 = |x| x.max(0.0);
    let exponential =
        format!("activation = \"exponential\"\n{}", manifest(&model(), LicenseClass::Open));
    let exponential = AgeHead::from_files(&exponential, &bytes(&tensors)).unwrap();
    let heads = [(loaded(&tensors), relu), (exponential, f64::exp)];
    let recordings =
        [(0.1, 3_000, false), (1.9, 300, true), (2.5, 45_000, true), (4.0, 9_990, false)];
    for ((head, activation), (seed, ms, narrow)) in
        heads.iter().flat_map(|head| recordings.map(|recording| (head, recording)))
    {
        let bandwidth = if narrow { Bandwidth::Narrow } else { Bandwidth::Wide };
        let e = head.estimate(&[input(&voice(seed), bandwidth, ms)]).unwrap();
        let got =
            [e.years.estimate, e.years.low, e.years.high, e.p_minor.value(), e.p_senior.value()];
        let heard = (&voice(seed)[..], narrow, f64::from(ms) / 1_000.0);
        let due = oracle(&tensors, *activation, heard);
        for (a, b) in got.iter().zip(due) {
            assert!((a - b).abs() < 1e-6, "{got:?} {due:?}");
        }
        assert!(e.years.low < e.years.high);
    }
}

#[test]
fn a_sure_head_has_closed_forms() {
    let head = loaded(&always(DIM, 3, 60.0));
    let e = head.estimate(&[input(&voice(1.0), Bandwidth::Wide, 5_000)]).unwrap();
    // Everything between 65 and 80, evenly.
    for (got, due) in [(e.years.estimate, 72.5), (e.years.low, 66.5), (e.years.high, 78.5)] {
        assert!((got - due).abs() < 1e-9, "{got} {due}");
    }
    assert!(e.p_senior.value() > 1.0 - 1e-9 && e.p_minor.value() < 1e-9);
}

#[test]
fn recordings_weigh_by_their_speech() {
    let head = loaded(&random(DIM));
    let (a, b) = (voice(0.4), voice(2.0));
    let both = |ms_a, ms_b| {
        let inputs = [input(&a, Bandwidth::Wide, ms_a), input(&b, Bandwidth::Narrow, ms_b)];
        head.estimate(&inputs).unwrap()
    };
    let alone = head.estimate(&[input(&a, Bandwidth::Wide, 6_000)]).unwrap();
    assert_eq!(both(6_000, 0), alone);
    assert_ne!(both(6_000, 4_000), alone);
    // Twice the same recording is a recording of twice the length.
    let twice = [input(&a, Bandwidth::Wide, 3_000); 2];
    let twice = head.estimate(&twice).unwrap();
    assert!((twice.years.estimate - alone.years.estimate).abs() < 1e-9);
    // Scale of an embedding means nothing.
    let louder: Vec<f32> = a.iter().map(|x| x * 7.0).collect();
    let louder = head.estimate(&[input(&louder, Bandwidth::Wide, 6_000)]).unwrap();
    assert!((louder.years.estimate - alone.years.estimate).abs() < 1e-4);
}

#[test]
fn embeddings_that_cannot_be_used_are_refused() {
    let head = loaded(&random(DIM));
    let one = |e: &[f32]| head.estimate(&[input(e, Bandwidth::Wide, 3_000)]);
    assert_eq!(one(&[1.0; 5]), Err(AgeError::Dimension { expected: 6, got: 5 }));
    assert_eq!(one(&[0.0; DIM]), Err(AgeError::NoDirection));
    assert_eq!(one(&[f32::NAN; DIM]), Err(AgeError::NoDirection));
    assert_eq!(head.estimate(&[]), Err(AgeError::Recordings(0)));
    let silent = [input(&[1.0; DIM], Bandwidth::Wide, 0)];
    assert_eq!(head.estimate(&silent), Err(AgeError::Recordings(0)));
}

#[test]
fn broken_heads_are_refused() {
    type Change = fn(&mut Named);
    fn at<'a>(tensors: &'a mut Named, name: &str) -> &'a mut super::testing::Raw {
        &mut tensors.iter_mut().find(|(n, _)| *n == name).unwrap().1
    }
    let cases: [(&str, Change); 10] = [
        ("`mean_narrow` is missing", |t| t.retain(|(n, _)| *n != "mean_narrow")),
        ("`extra` is not known", |t| t.push(("extra", raw(vec![1.0], &[1])))),
        ("do not rise", |t| at(t, "edges").values[4] = 65.0),
        ("65 is not among", |t| at(t, "edges").values[3] = 64.0),
        ("18 is not among", |t| at(t, "edges").values[1] = 17.5),
        ("not within 0 to 130", |t| at(t, "edges").values[0] = -1.0),
        ("`output.bias` holds NaN", |t| at(t, "output.bias").values[0] = f32::NAN),
        ("temperature comes to", |t| at(t, "temperature").values[1] = 9.0),
        ("`hidden.weight` has shape [8, 7]", |t| at(t, "hidden.weight").shape = vec![8, 7]),
        ("`output.bias` has shape [5, 1]", |t| at(t, "output.bias").shape = vec![5, 1]),
    ];
    let toml = manifest(&model(), LicenseClass::Open);
    for (problem, change) in cases {
        let mut tensors = random(DIM);
        change(&mut tensors);
        let refused = AgeHead::from_files(&toml, &bytes(&tensors)).unwrap_err().to_string();
        assert!(refused.contains(problem), "{problem}: {refused}");
    }
    let good = bytes(&random(DIM));
    for end in [0, 7, 8, 40, good.len() - 1] {
        assert!(AgeHead::from_files(&toml, &good[..end]).is_err(), "{end}");
    }
    for wrong in ["", "id = 1", &format!("more = 1\n{toml}"), &toml.replace("= 2", "= 0")] {
        assert!(matches!(AgeHead::from_files(wrong, &good), Err(AgeError::Manifest(_))), "{wrong}");
    }
}

#[test]
fn half_precision_is_read() {
    use candle_core::{DType, Device, Tensor};
    let half: std::collections::HashMap<String, Tensor> = random(DIM)
        .into_iter()
        .map(|(name, t)| {
            let tensor = Tensor::from_vec(t.values, t.shape, &Device::Cpu).unwrap();
            // Edges are exact in half precision, too.
            (name.to_owned(), tensor.to_dtype(DType::F16).unwrap())
        })
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    candle_core::safetensors::save(&half, file.path()).unwrap();
    let content = std::fs::read(file.path()).unwrap();
    let head = AgeHead::from_files(&manifest(&model(), LicenseClass::Open), &content).unwrap();
    let of = |h: &AgeHead| {
        h.estimate(&[input(&voice(0.7), Bandwidth::Wide, 4_000)]).unwrap().years.estimate
    };
    assert!((of(&head) - of(&loaded(&random(DIM)))).abs() < 0.5);
}
