//! From named tensors to packed layers.

use crate::voice::VoiceError;
use crate::voice::kernel::{AlignedBuf, Packed, TileShape};

use super::context::Masked;
use super::direct::Direct;
use super::linear::{ActivatedLinear, Activation, Linear};
use super::params::{Affine, Params};
use super::pooling::Pooling;
use super::shape::{
    BLOCKS, BOTTLENECK, CONTEXT_HIDDEN, EMBEDDING, GROWTH, MAPS, POOLED, ROWS_OUT, TDNN_CHANNELS,
    TDNN_TAPS,
};
use super::winograd::Conv3x3;
use super::{CamPlusPlus, DenseBlock, DenseLayer, ResidualBlock};

/// The whole network.
pub(super) fn network(params: &Params<'_>) -> Result<CamPlusPlus, VoiceError> {
    let residual =
        [("head.layer1.0", 2), ("head.layer1.1", 1), ("head.layer2.0", 2), ("head.layer2.1", 1)];
    let mut blocks = Vec::new();
    let mut channels = TDNN_CHANNELS;
    for (index, (layers, dilation)) in BLOCKS.into_iter().enumerate() {
        let block = dense_block(params, index + 1, channels, layers, dilation)?;
        channels = (channels + layers * GROWTH) / 2;
        blocks.push(block);
    }
    Ok(CamPlusPlus {
        arch: pulp::Arch::new(),
        first: first_conv(params)?,
        residual: residual
            .into_iter()
            .map(|(name, stride)| residual_block(params, name, stride))
            .collect::<Result<_, _>>()?,
        last: conv3x3(params, "head.conv2", "head.bn2")?,
        time_delay: time_delay(params)?,
        blocks,
        pooling: pooling(params)?,
    })
}

fn first_conv(params: &Params<'_>) -> Result<Direct, VoiceError> {
    let weight = params.get("head.conv1.weight", &[MAPS, 1, 3, 3])?;
    let norm = params.batch_norm("head.bn1", MAPS)?;
    Ok(Direct {
        weights: Packed::new(TileShape::Narrow, 9, MAPS, |k, out| {
            scaled(weight[out * 9 + k], &norm, out)
        }),
        bias: norm.shift_f32(),
    })
}

fn residual_block(
    params: &Params<'_>,
    name: &str,
    stride: usize,
) -> Result<ResidualBlock, VoiceError> {
    let shortcut = match stride {
        1 => None,
        _ => Some(shortcut(params, &format!("{name}.shortcut"))?),
    };
    Ok(ResidualBlock {
        stride,
        first: conv3x3(params, &format!("{name}.conv1"), &format!("{name}.bn1"))?,
        second: conv3x3(params, &format!("{name}.conv2"), &format!("{name}.bn2"))?,
        shortcut,
    })
}

fn shortcut(params: &Params<'_>, name: &str) -> Result<Direct, VoiceError> {
    let weight = params.get(&format!("{name}.0.weight"), &[MAPS, MAPS, 1, 1])?;
    let norm = params.batch_norm(&format!("{name}.1"), MAPS)?;
    Ok(Direct {
        weights: Packed::new(TileShape::Narrow, MAPS, MAPS, |k, out| {
            scaled(weight[out * MAPS + k], &norm, out)
        }),
        bias: norm.shift_f32(),
    })
}

fn conv3x3(params: &Params<'_>, conv: &str, norm: &str) -> Result<Conv3x3, VoiceError> {
    let weight = params.get(&format!("{conv}.weight"), &[MAPS, MAPS, 3, 3])?;
    let norm = params.batch_norm(norm, MAPS)?;
    let at = |out: usize, input: usize, frequency: usize, time: usize| {
        f64::from(weight[((out * MAPS + input) * 3 + frequency) * 3 + time]) * norm.scale[out]
    };
    Ok(Conv3x3::new(at, norm.shift_f32()))
}

fn time_delay(params: &Params<'_>) -> Result<Linear, VoiceError> {
    let inputs = MAPS * ROWS_OUT;
    let weight = params.get("xvector.tdnn.linear.weight", &[TDNN_CHANNELS, inputs, TDNN_TAPS])?;
    let norm = params.batch_norm("xvector.tdnn.nonlinear.batchnorm", TDNN_CHANNELS)?;
    Ok(Linear {
        weights: Packed::new(TileShape::Wide, inputs * TDNN_TAPS, TDNN_CHANNELS, |k, out| {
            let (map, tap, row) = (k % MAPS, k / MAPS % TDNN_TAPS, k / MAPS / TDNN_TAPS);
            let channel = map * ROWS_OUT + row;
            scaled(weight[(out * inputs + channel) * TDNN_TAPS + tap], &norm, out)
        }),
        bias: norm.shift_f32(),
    })
}

fn dense_block(
    params: &Params<'_>,
    number: usize,
    channels: usize,
    layers: usize,
    dilation: usize,
) -> Result<DenseBlock, VoiceError> {
    let layer = |index: usize| {
        let name = format!("xvector.block{number}.tdnnd{}", index + 1);
        dense_layer(params, &name, channels + index * GROWTH, dilation)
    };
    let total = channels + layers * GROWTH;
    let name = format!("xvector.transit{number}");
    Ok(DenseBlock {
        channels,
        layers: (0..layers).map(layer).collect::<Result<_, _>>()?,
        transition: activated(
            params,
            &format!("{name}.nonlinear.batchnorm"),
            &format!("{name}.linear.weight"),
            None,
            (total, total / 2),
        )?,
    })
}

fn dense_layer(
    params: &Params<'_>,
    name: &str,
    channels: usize,
    dilation: usize,
) -> Result<DenseLayer, VoiceError> {
    let norm = params.batch_norm(&format!("{name}.nonlinear2.batchnorm"), BOTTLENECK)?;
    Ok(DenseLayer {
        bottleneck: activated(
            params,
            &format!("{name}.nonlinear1.batchnorm"),
            &format!("{name}.linear1.weight"),
            Some(&norm),
            (channels, BOTTLENECK),
        )?,
        masked: masked(params, &format!("{name}.cam_layer"), dilation)?,
    })
}

/// A 1 × 1 convolution with the batch norm before it and, with `after`, the one behind it and ReLU.
fn activated(
    params: &Params<'_>,
    before: &str,
    weight: &str,
    after: Option<&Affine>,
    (inputs, outputs): (usize, usize),
) -> Result<ActivatedLinear, VoiceError> {
    let weight = params.get(weight, &[outputs, inputs, 1])?;
    let at = |k: usize, out: usize| {
        let raw = weight[out * inputs + k];
        after.map_or(raw, |norm| scaled(raw, norm, out))
    };
    Ok(ActivatedLinear {
        activation: activation(&params.batch_norm(before, inputs)?),
        linear: Linear {
            weights: Packed::new(TileShape::Wide, inputs, outputs, at),
            bias: after.map_or_else(|| vec![0.0; outputs], Affine::shift_f32),
        },
        inputs,
        relu: after.is_some(),
    })
}

fn activation(norm: &Affine) -> Activation {
    let aligned = |values: Vec<f32>| {
        let mut buf = AlignedBuf::zeroed(values.len());
        buf.copy_from_slice(&values);
        buf
    };
    Activation { scale: aligned(norm.scale_f32()), shift: aligned(norm.shift_f32()) }
}

pub(super) fn masked(
    params: &Params<'_>,
    name: &str,
    dilation: usize,
) -> Result<Masked, VoiceError> {
    let local = params.get(&format!("{name}.linear_local.weight"), &[GROWTH, BOTTLENECK, 3])?;
    let hidden = params.get(&format!("{name}.linear1.weight"), &[CONTEXT_HIDDEN, BOTTLENECK, 1])?;
    let mask = params.get(&format!("{name}.linear2.weight"), &[GROWTH, CONTEXT_HIDDEN, 1])?;
    Ok(Masked {
        dilation,
        local: Packed::new(TileShape::Narrow, 3 * BOTTLENECK, GROWTH, |k, out| {
            local[(out * BOTTLENECK + k % BOTTLENECK) * 3 + k / BOTTLENECK]
        }),
        hidden: transposed(&hidden, BOTTLENECK, |_, w| w),
        hidden_bias: params.get(&format!("{name}.linear1.bias"), &[CONTEXT_HIDDEN])?,
        mask: transposed(&mask, CONTEXT_HIDDEN, |_, w| w),
        mask_bias: params.get(&format!("{name}.linear2.bias"), &[GROWTH])?,
    })
}

fn pooling(params: &Params<'_>) -> Result<Pooling, VoiceError> {
    let before = params.batch_norm("xvector.out_nonlinear.batchnorm", POOLED)?;
    let weight = params.get("xvector.dense.linear.weight", &[EMBEDDING, 2 * POOLED, 1])?;
    let after = params.plain_batch_norm("xvector.dense.nonlinear.batchnorm", EMBEDDING)?;
    Ok(Pooling {
        activation: activation(&before),
        weights: transposed(&weight, 2 * POOLED, |out, w| scaled(w, &after, out)),
        bias: after.shift_f32(),
    })
}

fn scaled(weight: f32, norm: &Affine, out: usize) -> f32 {
    (f64::from(weight) * norm.scale[out]) as f32
}

/// `[out][in]` to `[in][out]`, each value through `map(out, value)`.
fn transposed(weight: &[f32], inputs: usize, map: impl Fn(usize, f32) -> f32) -> Vec<f32> {
    let outputs = weight.len() / inputs;
    (0..weight.len())
        .map(|index| {
            let (input, out) = (index / outputs, index % outputs);
            map(out, weight[out * inputs + input])
        })
        .collect()
}
