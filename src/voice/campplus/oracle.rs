//! The network written plainly in f64, layer by layer as the paper's definitions read, and tests
//! that hold the fast one to it on random weights.

use std::collections::HashMap;

use candle_core::{Device, Tensor};

use pulp::Arch;

use super::context::{CONTEXT_PAD, RunMasked, masks_len};
use super::params::Params;
use super::shape::{BINS, BLOCKS, BOTTLENECK, EMBEDDING, GROWTH, Lengths, POOLED, SEGMENT};
use super::{Adapted, Buffers, CamPlusPlus, load};

/// Largest difference allowed, relative to the largest value: f32 sums of up to 1,600 terms.
const TOLERANCE: f64 = 2e-5;

/// Named parameters: shape and values.
type Weights = HashMap<String, (Vec<usize>, Vec<f32>)>;

/// channels × rows × frames.
#[derive(Clone)]
struct Map {
    channels: usize,
    rows: usize,
    frames: usize,
    data: Vec<f64>,
}

impl Map {
    fn zeros(channels: usize, rows: usize, frames: usize) -> Self {
        let data = vec![0.0; channels * rows * frames];
        Self { channels, rows, frames, data }
    }

    /// Zero outside.
    fn at(&self, channel: usize, row: isize, frame: isize) -> f64 {
        let inside =
            (0..self.rows as isize).contains(&row) && (0..self.frames as isize).contains(&frame);
        match inside {
            true => self.data[(channel * self.rows + row as usize) * self.frames + frame as usize],
            false => 0.0,
        }
    }

    fn each(&mut self, f: impl Fn(usize, f64) -> f64) {
        let per_channel = self.rows * self.frames;
        for (index, value) in self.data.iter_mut().enumerate() {
            *value = f(index / per_channel, *value);
        }
    }
}

struct Oracle<'a>(&'a Weights);

impl Oracle<'_> {
    fn values(&self, name: &str) -> Vec<f64> {
        self.0[name].1.iter().map(|&v| f64::from(v)).collect()
    }

    /// Convolution `[out][in][row taps][frame taps]`, padded so that odd filters are centered.
    fn conv(&self, name: &str, x: &Map, stride: (usize, usize), dilation: usize) -> Map {
        let shape = &self.0[name].0;
        let (outputs, inputs) = (shape[0], shape[1]);
        let (row_taps, taps) = match shape.len() {
            4 => (shape[2], shape[3]),
            _ => (1, shape[2]),
        };
        assert_eq!(inputs, x.channels, "{name}");
        let w = self.values(name);
        let pad = (row_taps / 2, taps / 2 * dilation);
        let rows = (x.rows + 2 * pad.0 - row_taps) / stride.0 + 1;
        let frames = (x.frames + 2 * pad.1 - (taps - 1) * dilation - 1) / stride.1 + 1;
        let mut y = Map::zeros(outputs, rows, frames);
        for out in 0..outputs {
            for row in 0..rows {
                for frame in 0..frames {
                    let mut sum = 0.0;
                    for input in 0..inputs {
                        for i in 0..row_taps {
                            for j in 0..taps {
                                let r = (row * stride.0 + i) as isize - pad.0 as isize;
                                let t = (frame * stride.1 + j * dilation) as isize - pad.1 as isize;
                                let k = ((out * inputs + input) * row_taps + i) * taps + j;
                                sum += w[k] * x.at(input, r, t);
                            }
                        }
                    }
                    y.data[(out * rows + row) * frames + frame] = sum;
                }
            }
        }
        y
    }

    fn norm(&self, name: &str, x: &mut Map, relu: bool) {
        let get = |part: &str| self.values(&format!("{name}.{part}"));
        let (mean, var) = (get("running_mean"), get("running_var"));
        let (weight, bias) = match self.0.contains_key(&format!("{name}.weight")) {
            true => (get("weight"), get("bias")),
            false => (vec![1.0; mean.len()], vec![0.0; mean.len()]),
        };
        x.each(|c, v| {
            let y = (v - mean[c]) / (var[c] + 1e-5).sqrt() * weight[c] + bias[c];
            if relu { y.max(0.0) } else { y }
        });
    }

    fn residual_block(&self, name: &str, x: &Map, stride: usize) -> Map {
        let mut y = self.conv(&format!("{name}.conv1.weight"), x, (stride, 1), 1);
        self.norm(&format!("{name}.bn1"), &mut y, true);
        let mut y = self.conv(&format!("{name}.conv2.weight"), &y, (1, 1), 1);
        self.norm(&format!("{name}.bn2"), &mut y, false);
        let around = match stride {
            1 => x.clone(),
            _ => {
                let mut s = self.conv(&format!("{name}.shortcut.0.weight"), x, (stride, 1), 1);
                self.norm(&format!("{name}.shortcut.1"), &mut s, false);
                s
            }
        };
        for (y, s) in y.data.iter_mut().zip(&around.data) {
            *y = (*y + s).max(0.0);
        }
        y
    }

    fn masked(&self, name: &str, x: &Map, dilation: usize) -> Map {
        let mut y = self.conv(&format!("{name}.linear_local.weight"), x, (1, 1), dilation);
        let mean = |channel: usize, from: usize, to: usize| {
            let start = channel * x.frames;
            x.data[start + from..start + to].iter().sum::<f64>() / (to - from) as f64
        };
        for from in (0..x.frames).step_by(SEGMENT) {
            let to = (from + SEGMENT).min(x.frames);
            let mut context = Map::zeros(x.channels, 1, 1);
            context.each(|c, _| mean(c, 0, x.frames) + mean(c, from, to));
            let mut hidden = self.conv(&format!("{name}.linear1.weight"), &context, (1, 1), 1);
            let bias = self.values(&format!("{name}.linear1.bias"));
            hidden.each(|c, v| (v + bias[c]).max(0.0));
            let mut mask = self.conv(&format!("{name}.linear2.weight"), &hidden, (1, 1), 1);
            let bias = self.values(&format!("{name}.linear2.bias"));
            mask.each(|c, v| 1.0 / (1.0 + (-(v + bias[c])).exp()));
            for channel in 0..y.channels {
                for frame in from..to {
                    y.data[channel * x.frames + frame] *= mask.data[channel];
                }
            }
        }
        y
    }

    fn dense_block(&self, number: usize, mut x: Map, layers: usize, dilation: usize) -> Map {
        for layer in 1..=layers {
            let name = format!("xvector.block{number}.tdnnd{layer}");
            let mut y = x.clone();
            self.norm(&format!("{name}.nonlinear1.batchnorm"), &mut y, true);
            let mut y = self.conv(&format!("{name}.linear1.weight"), &y, (1, 1), 1);
            self.norm(&format!("{name}.nonlinear2.batchnorm"), &mut y, true);
            let y = self.masked(&format!("{name}.cam_layer"), &y, dilation);
            x.data.extend_from_slice(&y.data);
            x.channels += y.channels;
        }
        let name = format!("xvector.transit{number}");
        self.norm(&format!("{name}.nonlinear.batchnorm"), &mut x, true);
        self.conv(&format!("{name}.linear.weight"), &x, (1, 1), 1)
    }

    fn forward(&self, features: &[f32]) -> Vec<f64> {
        let frames = features.len() / BINS;
        let mut x = Map::zeros(1, BINS, frames);
        for (index, value) in x.data.iter_mut().enumerate() {
            *value = f64::from(features[index % frames * BINS + index / frames]);
        }
        let mut x = self.conv("head.conv1.weight", &x, (1, 1), 1);
        self.norm("head.bn1", &mut x, true);
        for (layer, strides) in [(1, [2, 1]), (2, [2, 1])] {
            for (index, stride) in strides.into_iter().enumerate() {
                x = self.residual_block(&format!("head.layer{layer}.{index}"), &x, stride);
            }
        }
        let mut x = self.conv("head.conv2.weight", &x, (2, 1), 1);
        self.norm("head.bn2", &mut x, true);
        (x.channels, x.rows) = (x.channels * x.rows, 1);
        let mut x = self.conv("xvector.tdnn.linear.weight", &x, (1, 2), 1);
        self.norm("xvector.tdnn.nonlinear.batchnorm", &mut x, true);
        for (index, (layers, dilation)) in BLOCKS.into_iter().enumerate() {
            x = self.dense_block(index + 1, x, layers, dilation);
        }
        self.norm("xvector.out_nonlinear.batchnorm", &mut x, true);
        let mut stats = Map::zeros(2 * POOLED, 1, 1);
        for channel in 0..POOLED {
            let line = &x.data[channel * x.frames..(channel + 1) * x.frames];
            let count = x.frames as f64;
            let mean = line.iter().sum::<f64>() / count;
            let sum: f64 = line.iter().map(|v| (v - mean) * (v - mean)).sum();
            stats.data[channel] = mean;
            stats.data[POOLED + channel] = (sum / (count - 1.0)).sqrt();
        }
        let mut y = self.conv("xvector.dense.linear.weight", &stats, (1, 1), 1);
        self.norm("xvector.dense.nonlinear.batchnorm", &mut y, false);
        y.data
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

    fn features(&mut self, frames: usize) -> Vec<f32> {
        (0..frames * BINS).map(|_| 2.0 * self.next()).collect()
    }
}

struct Builder {
    weights: Weights,
    noise: Noise,
}

impl Builder {
    fn conv(&mut self, name: &str, shape: &[usize]) {
        let fan_in: usize = shape[1..].iter().product();
        let spread = (3.0 / fan_in as f32).sqrt();
        let values = (0..shape.iter().product()).map(|_| spread * self.noise.next()).collect();
        let name = format!("{name}.weight");
        self.weights.insert(name, (shape.to_vec(), values));
    }

    fn vector(&mut self, name: String, len: usize, center: f32, spread: f32) {
        let values = (0..len).map(|_| center + spread * self.noise.next()).collect();
        self.weights.insert(name, (vec![len], values));
    }

    fn norm(&mut self, name: &str, len: usize, learned: bool) {
        if learned {
            self.vector(format!("{name}.weight"), len, 0.9, 0.5);
            self.vector(format!("{name}.bias"), len, 0.0, 0.3);
        }
        self.vector(format!("{name}.running_mean"), len, 0.0, 0.3);
        self.vector(format!("{name}.running_var"), len, 0.8, 0.5);
    }
}

/// Random weights for every parameter of the network.
fn random_weights(seed: u64) -> Weights {
    let mut b = Builder { weights: HashMap::new(), noise: Noise(seed) };
    b.conv("head.conv1", &[32, 1, 3, 3]);
    b.norm("head.bn1", 32, true);
    for layer in ["1.0", "1.1", "2.0", "2.1"] {
        let name = format!("head.layer{layer}");
        for part in ["1", "2"] {
            b.conv(&format!("{name}.conv{part}"), &[32, 32, 3, 3]);
            b.norm(&format!("{name}.bn{part}"), 32, true);
        }
        if layer.ends_with('0') {
            b.conv(&format!("{name}.shortcut.0"), &[32, 32, 1, 1]);
            b.norm(&format!("{name}.shortcut.1"), 32, true);
        }
    }
    b.conv("head.conv2", &[32, 32, 3, 3]);
    b.norm("head.bn2", 32, true);
    b.conv("xvector.tdnn.linear", &[128, 320, 5]);
    b.norm("xvector.tdnn.nonlinear.batchnorm", 128, true);
    let mut channels = 128;
    for (index, (layers, _)) in BLOCKS.into_iter().enumerate() {
        for layer in 1..=layers {
            let name = format!("xvector.block{}.tdnnd{layer}", index + 1);
            b.norm(&format!("{name}.nonlinear1.batchnorm"), channels, true);
            b.conv(&format!("{name}.linear1"), &[128, channels, 1]);
            b.norm(&format!("{name}.nonlinear2.batchnorm"), 128, true);
            let cam = format!("{name}.cam_layer");
            b.conv(&format!("{cam}.linear_local"), &[32, 128, 3]);
            b.conv(&format!("{cam}.linear1"), &[64, 128, 1]);
            b.vector(format!("{cam}.linear1.bias"), 64, 0.0, 0.5);
            b.conv(&format!("{cam}.linear2"), &[32, 64, 1]);
            b.vector(format!("{cam}.linear2.bias"), 32, 0.0, 0.5);
            channels += GROWTH;
        }
        let name = format!("xvector.transit{}", index + 1);
        b.norm(&format!("{name}.nonlinear.batchnorm"), channels, true);
        b.conv(&format!("{name}.linear"), &[channels / 2, channels, 1]);
        channels /= 2;
    }
    b.norm("xvector.out_nonlinear.batchnorm", POOLED, true);
    b.conv("xvector.dense.linear", &[EMBEDDING, 2 * POOLED, 1]);
    b.norm("xvector.dense.nonlinear.batchnorm", EMBEDDING, false);
    b.weights
}

fn tensors(weights: &Weights) -> HashMap<String, Tensor> {
    weights
        .iter()
        .map(|(name, (shape, values))| {
            let tensor = Tensor::from_vec(values.clone(), shape.clone(), &Device::Cpu);
            (name.clone(), tensor.unwrap())
        })
        .collect()
}

fn assert_agree(fast: &[f32], exact: &[f64], what: &str) {
    let largest = exact.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    assert!(largest > 0.1, "{what}: the oracle gives nothing to compare");
    for (index, (fast, exact)) in fast.iter().zip(exact).enumerate() {
        let error = (f64::from(*fast) - exact).abs() / largest;
        assert!(error < TOLERANCE, "{what}: value {index} is off by {error}");
    }
}

#[test]
fn the_network_agrees_with_its_definition() {
    let weights = random_weights(7);
    let network = CamPlusPlus::from_tensors(&tensors(&weights)).unwrap();
    let mut buffers = Buffers::default();
    let mut noise = Noise(11);
    // Lengths with different remainders of the tiles; shorter ones after longer ones meet used buffers.
    for frames in [33, 3, 10, 24] {
        let features = noise.features(frames);
        let exact = Oracle(&weights).forward(&features);
        let fast = network.forward(&features, &mut buffers);
        assert_agree(&fast, &exact, &format!("{frames} frames"));
    }
}

#[test]
fn masking_agrees_with_its_definition() {
    let weights = random_weights(13);
    let mut noise = Noise(17);
    for (frames, dilation) in [(100, 1), (108, 2), (213, 2), (99, 1), (2, 2)] {
        let lengths = Lengths::new(2 * frames);
        let mut x = Map::zeros(BOTTLENECK, 1, frames);
        let mut input = vec![0.0; (lengths.halved_padded + 2 * CONTEXT_PAD) * BOTTLENECK];
        for index in 0..frames * BOTTLENECK {
            let value = noise.next().max(0.0) * (1.0 + (index / BOTTLENECK / SEGMENT) as f32);
            input[CONTEXT_PAD * BOTTLENECK + index] = value;
            x.data[index % BOTTLENECK * frames + index / BOTTLENECK] = f64::from(value);
        }
        let name = "xvector.block2.tdnnd3.cam_layer";
        let exact = Oracle(&weights).masked(name, &x, dilation);
        let tensors = tensors(&weights);
        let layer = load::masked(&Params(&tensors), name, dilation).unwrap();
        let mut out = vec![0.0; lengths.halved_padded * GROWTH];
        Arch::new().dispatch(RunMasked {
            layer: &layer,
            lengths,
            input: &input,
            masks: &mut vec![0.0; masks_len(lengths)],
            out: &mut out,
            out_stride: GROWTH,
            out_channel: 0,
        });
        let transposed: Vec<f64> =
            (0..frames * GROWTH).map(|i| exact.data[i % GROWTH * frames + i / GROWTH]).collect();
        assert_agree(&out, &transposed, &format!("{frames} frames"));
    }
}

#[test]
fn used_buffers_do_not_show() {
    let network = CamPlusPlus::from_tensors(&tensors(&random_weights(3))).unwrap();
    let mut noise = Noise(5);
    let (short, long) = (noise.features(41), noise.features(420));
    let mut used = Buffers::default();
    network.forward(&long, &mut used);
    let fresh = network.forward(&short, &mut Buffers::default());
    assert_eq!(network.forward(&short, &mut used), fresh);
}

#[test]
fn missing_and_misshapen_weights_are_named() {
    let mut weights = random_weights(1);
    weights.remove("xvector.block2.tdnnd9.linear1.weight");
    let error = CamPlusPlus::from_tensors(&tensors(&weights)).err().unwrap();
    assert!(error.to_string().contains("block2.tdnnd9.linear1"));
    let mut weights = random_weights(1);
    weights.get_mut("head.bn1.bias").unwrap().0 = vec![4, 8];
    let error = CamPlusPlus::from_tensors(&tensors(&weights)).err().unwrap();
    assert!(error.to_string().contains("head.bn1.bias"));
    let mut weights = random_weights(1);
    weights.get_mut("head.bn2.weight").unwrap().1[3] = f32::NAN;
    assert!(CamPlusPlus::from_tensors(&tensors(&weights)).is_err());
}

/// Features whose bins from 60 on hold `high` and the others noise.
fn banded(frames: usize, high: f32) -> Vec<f32> {
    let mut features = Noise(23).features(frames);
    for frame in features.chunks_exact_mut(BINS) {
        frame[60..].fill(high);
    }
    features
}

fn adapted(weights: &Weights, adapter: &Weights, features: &[f32]) -> Vec<f32> {
    let network = Adapted::from_tensors(tensors(weights), Some(tensors(adapter))).unwrap();
    let (mut features, mut means) = (features.to_vec(), Vec::new());
    network.forward(&mut features, &mut means, &mut Buffers::default(), 1_000).to_vec()
}

#[test]
fn an_adapter_speaks_for_the_telephone_band_alone() {
    let weights = random_weights(7);
    let mut adapter: Weights = random_weights(8)
        .into_iter()
        .filter(|(name, _)| name.starts_with("head") && !name.contains("running"))
        .collect();
    let last = "xvector.dense.nonlinear.batchnorm";
    adapter.insert(format!("{last}.weight"), (vec![EMBEDDING], vec![1.5; EMBEDDING]));
    adapter.insert(format!("{last}.bias"), (vec![EMBEDDING], vec![0.25; EMBEDDING]));
    let mut replaced = weights.clone();
    replaced.extend(adapter.clone());
    for (high, judge) in [(-12.0, &replaced), (0.0, &weights)] {
        let features = banded(33, high);
        let mut centered = features.clone();
        crate::features::subtract_mean(&mut centered, BINS, &mut Vec::new());
        let exact = Oracle(judge).forward(&centered);
        assert_agree(&adapted(&weights, &adapter, &features), &exact, &format!("high {high}"));
    }
}

#[test]
fn an_adapter_of_another_network_is_refused_by_name() {
    let weights = tensors(&random_weights(7));
    let norm = |name: &str| Weights::from([(name.to_owned(), (vec![32], vec![1.0; 32]))]);
    for name in ["head.bn9.weight", "head.conv1.bias", "head.bn1.running", "bias"] {
        let error = Adapted::from_tensors(weights.clone(), Some(tensors(&norm(name))));
        assert!(error.err().unwrap().to_string().contains(name));
    }
    let wide = Weights::from([("head.bn1.bias".to_owned(), (vec![4, 8], vec![1.0; 32]))]);
    assert!(Adapted::from_tensors(weights, Some(tensors(&wide))).is_err());
}
