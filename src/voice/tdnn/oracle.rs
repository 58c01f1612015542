//! The network written plainly in f64, as its definition reads, and tests that hold the fast one to it
//! on random weights, however a recording is cut.

use std::collections::HashMap;
use std::sync::LazyLock;

use candle_core::{DType, Device, Tensor};
use proptest::prelude::*;

use super::shape::{BLOCK_FRAMES, CEPS, EMBEDDING};
use super::{Buffers, State, Tdnn};

/// Largest difference allowed, relative to the largest value: f32 sums through 24 layers.
const TOLERANCE: f64 = 2e-5;
/// Most memory of a call, in bytes.
const MAX_STATE_BYTES: usize = 64 * 1024;

/// Parameters by name, row-major.
type Weights = HashMap<String, Vec<f32>>;
type Rows = Vec<Vec<f64>>;

struct Oracle<'a>(&'a Weights);

impl Oracle<'_> {
    fn values(&self, name: &str) -> Vec<f64> {
        self.0[name].iter().map(|&v| f64::from(v)).collect()
    }

    fn linear(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let (weight, bias) =
            (self.values(&format!("{name}.weight")), self.values(&format!("{name}.bias")));
        let row = |(weights, bias): (&[f64], &f64)| {
            weights.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + bias
        };
        assert_eq!(weight.len(), x.len() * bias.len(), "{name}");
        weight.chunks(x.len()).zip(&bias).map(row).collect()
    }

    fn relu(&self, name: &str, x: &[f64]) -> Vec<f64> {
        self.linear(name, x).into_iter().map(|v| v.max(0.0)).collect()
    }

    fn normalized(&self, frames: &[f32]) -> Rows {
        let (mu, scale) = (self.values("mu"), self.values("scale"));
        let frames: Rows =
            frames.chunks(CEPS).map(|f| f.iter().map(|&v| f64::from(v)).collect()).collect();
        let normalize = |n: usize| {
            let end = ((n / BLOCK_FRAMES + 1) * BLOCK_FRAMES).min(frames.len());
            let value = |c: usize| {
                let sum: f64 = frames[..end].iter().map(|f| f[c]).sum();
                let mean = (50.0 * mu[c] + sum) / (50 + end) as f64;
                (frames[n][c] - mean) * scale[c]
            };
            (0..CEPS).map(value).collect()
        };
        (0..frames.len()).map(normalize).collect()
    }

    fn forward(&self, frames: &[f32]) -> Vec<f64> {
        let frames = self.normalized(frames);
        let at = |rows: &Rows, index: isize, width: usize| match usize::try_from(index) {
            Ok(index) => rows[index].clone(),
            Err(_) => vec![0.0; width],
        };
        let mut x: Rows = (0..frames.len() / 3)
            .map(|j| {
                let window = (0..7).flat_map(|t| at(&frames, (3 * j + t) as isize - 4, CEPS));
                self.relu("layer0", &window.collect::<Vec<_>>())
            })
            .collect();
        for (index, dilation) in [1, 2, 3, 1, 2, 3, 4].into_iter().enumerate() {
            let name = |part: &str| format!("block{index}.{part}");
            let reduced: Rows = x.iter().map(|x| self.relu(&name("reduce"), x)).collect();
            for (j, x) in x.iter_mut().enumerate() {
                let taps = (0..3)
                    .flat_map(|t| at(&reduced, j as isize - (2 - t) * dilation, reduced[0].len()));
                let context = self.relu(&name("context"), &taps.collect::<Vec<_>>());
                for (x, y) in x.iter_mut().zip(self.linear(&name("expand"), &context)) {
                    *x = (*x + y).max(0.0);
                }
            }
        }
        self.pool(&x)
    }

    fn pool(&self, x: &Rows) -> Vec<f64> {
        let h: Rows = x.iter().map(|x| self.relu("final", x)).collect();
        let weights: Rows = h
            .iter()
            .map(|h| {
                let logits = self.linear("attention.heads", &self.relu("attention.hidden", h));
                logits.into_iter().map(|l| (6.0 * (l / 6.0).tanh()).exp()).collect()
            })
            .collect();
        let mut statistics = vec![0.0; 2 * 640];
        for channel in 0..640 {
            let weighted = |power: i32| -> f64 {
                let terms = h.iter().zip(&weights);
                terms.map(|(h, w)| w[channel / 80] * h[channel].powi(power)).sum()
            };
            let total: f64 = weights.iter().map(|w| w[channel / 80]).sum();
            let mean = weighted(1) / total;
            statistics[channel] = mean;
            statistics[640 + channel] = (weighted(2) / total - mean * mean).max(1e-5).sqrt();
        }
        self.linear("embedding", &statistics)
    }
}

/// Uniform in -1..1; a linear congruential generator (Numerical Recipes, 3rd edition, 7.1).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn frames(&mut self, frames: usize) -> Vec<f32> {
        (0..frames * CEPS).map(|_| 20.0 * self.next() - 3.0).collect()
    }
}

/// Layers: name, outputs, inputs.
fn layers() -> Vec<(String, usize, usize)> {
    let mut layers = vec![("layer0".to_owned(), 320, 280)];
    for block in 0..7 {
        let parts = [("reduce", 160, 320), ("context", 160, 480), ("expand", 320, 160)];
        layers.extend(parts.map(|(part, o, i)| (format!("block{block}.{part}"), o, i)));
    }
    let ends = [
        ("final", 640, 320),
        ("attention.hidden", 64, 640),
        ("attention.heads", 8, 64),
        ("embedding", 192, 1280),
    ];
    layers.extend(ends.map(|(name, o, i)| (name.to_owned(), o, i)));
    layers
}

/// Random values of every parameter: weights in half precision, as the weights file has them.
fn random_tensors(seed: u64) -> HashMap<String, Tensor> {
    let mut noise = Noise(seed);
    let mut random = |shape: &[usize], center: f32, spread: f32| {
        let values = (0..shape.iter().product()).map(|_| center + spread * noise.next());
        Tensor::from_vec(values.collect(), shape, &Device::Cpu).unwrap()
    };
    let mut tensors = HashMap::new();
    tensors.insert("mu".to_owned(), random(&[CEPS], 2.0, 8.0));
    tensors.insert("scale".to_owned(), random(&[CEPS], 0.15, 0.05));
    for (name, outputs, inputs) in layers() {
        // Sums keep about the spread of their inputs.
        let weights = random(&[outputs, inputs], 0.0, (5.0 / inputs as f32).sqrt());
        tensors.insert(format!("{name}.weight"), weights.to_dtype(DType::F16).unwrap());
        tensors.insert(format!("{name}.bias"), random(&[outputs], 0.0, 0.2));
    }
    tensors
}

fn plain(tensors: &HashMap<String, Tensor>) -> Weights {
    let values = |t: &Tensor| t.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>();
    let each = tensors.iter().map(|(name, tensor)| (name.clone(), values(tensor).unwrap()));
    each.collect()
}

/// The network, and its embedding of frames in pieces of these sizes, again and again.
fn embed(network: &Tdnn, frames: &[f32], sizes: &[usize], buffers: &mut Buffers) -> Vec<f32> {
    let mut state = State::new();
    let mut rest = frames;
    for size in sizes.iter().cycle() {
        let (now, later) = rest.split_at((size * CEPS).min(rest.len()));
        network.push(&mut state, now, buffers);
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    assert!(state.bytes() <= MAX_STATE_BYTES, "{} bytes", state.bytes());
    network.embedding(&state, buffers).to_vec()
}

#[test]
fn the_network_agrees_with_its_definition() {
    let tensors = random_tensors(7);
    let network = Tdnn::from_tensors(&tensors).unwrap();
    let weights = plain(&tensors);
    let mut buffers = Buffers::default();
    let mut noise = Noise(11);
    // Shorter ones after longer ones meet used buffers; 420 is more than is computed at once.
    for frames in [420, 9, 10, 100, 133, 200] {
        let features = noise.frames(frames);
        let exact = Oracle(&weights).forward(&features);
        let fast = embed(&network, &features, &[frames], &mut buffers);
        let largest = exact.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!(largest > 0.1, "{frames} frames: the oracle gives nothing to compare");
        assert_eq!((fast.len(), exact.len()), (EMBEDDING, EMBEDDING));
        for (index, (fast, exact)) in fast.iter().zip(&exact).enumerate() {
            let error = (f64::from(*fast) - exact).abs() / largest;
            assert!(error < TOLERANCE, "{frames} frames: value {index} is off by {error}");
        }
    }
}

#[test]
fn whole_blocks_have_an_embedding_of_their_own() {
    let network = Tdnn::from_tensors(&random_tensors(3)).unwrap();
    let (mut buffers, mut noise) = (Buffers::default(), Noise(5));
    let frames = noise.frames(250);
    let mut state = State::new();
    network.push(&mut state, &frames, &mut buffers);
    assert_eq!(state.settled_frames(), 200);
    let whole = embed(&network, &frames[..200 * CEPS], &[200], &mut buffers);
    assert_eq!(network.settled_embedding(&state).to_vec(), whole);
    // Asking leaves the state as it was.
    let once = network.embedding(&state, &mut buffers);
    assert!(once != network.settled_embedding(&state));
    assert!(once == network.embedding(&state, &mut buffers));
    let more = noise.frames(60);
    network.push(&mut state, &more, &mut buffers);
    let all = [frames, more].concat();
    let straight = embed(&network, &all, &[310], &mut buffers);
    assert_eq!(network.embedding(&state, &mut buffers).to_vec(), straight);
}

#[test]
fn broken_weights_are_named() {
    let good = random_tensors(1);
    let refused = |change: &dyn Fn(&mut HashMap<String, Tensor>)| {
        let mut tensors = good.clone();
        change(&mut tensors);
        Tdnn::from_tensors(&tensors).err().unwrap().to_string()
    };
    let message = refused(&|t| drop(t.remove("block3.expand.bias")));
    assert!(message.contains("`block3.expand.bias` is missing"), "{message}");
    let scalar = |value: f32, len: usize| Tensor::full(value, len, &Device::Cpu).unwrap();
    let message = refused(&|t| drop(t.insert("scale".to_owned(), scalar(1.0, 39))));
    assert!(message.contains("[39]") && message.contains("[40]"), "{message}");
    let message = refused(&|t| drop(t.insert("mu".to_owned(), scalar(f32::NAN, 40))));
    assert!(message.contains("not finite"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_stream_gives_the_bits_of_the_whole(
        seed in any::<u64>(),
        frames in 9usize..900,
        sizes in prop::collection::vec(1usize..450, 1..6),
    ) {
        static NETWORK: LazyLock<Tdnn> =
            LazyLock::new(|| Tdnn::from_tensors(&random_tensors(2)).unwrap());
        let features = Noise(seed).frames(frames);
        let mut buffers = Buffers::default();
        let whole = embed(&NETWORK, &features, &[frames], &mut buffers);
        prop_assert_eq!(embed(&NETWORK, &features, &sizes, &mut buffers), whole);
    }
}
