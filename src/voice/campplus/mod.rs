//! CAM++: a densely connected time-delay network with context-aware masking (Wang et al. 2023,
//! arXiv 2303.00332), in the configuration of the public 3D-Speaker checkpoints: 80 mel bins in,
//! 192 dimensions out, inference only.
//!
//! The forward pass runs on one thread over buffers that the caller keeps: a 2-D convolution front
//! part (`direct`, `winograd`), a time-delay layer and 1 × 1 convolutions (`linear`), the masked
//! dense layers (`context`), statistics pooling (`pooling`). Batch norms that follow a convolution
//! are folded into its weights; those that precede one run as the input is copied into cache.
//! `adapted` has a copy for speech of the telephone band.

mod adapted;
mod context;
mod direct;
mod linear;
mod load;
#[cfg(test)]
mod oracle;
mod params;
mod pooling;
mod shape;
mod winograd;

use std::collections::HashMap;

use candle_core::Tensor;
use pulp::Arch;

use crate::voice::VoiceError;
use crate::voice::kernel::AlignedBuf;

pub(crate) use adapted::Adapted;
use context::{CONTEXT_PAD, Masked, RunMasked, masks_len};
use direct::{Direct, FirstConv, Shortcut};
use linear::{ActivatedLinear, Linear, RunActivatedLinear, TimeDelay, activated_len};
use params::Params;
use pooling::{Pooling, RunPooling};
use shape::{BINS, BOTTLENECK, EMBEDDING, GROWTH, Lengths, MAP_PAD, MAPS, MAX_CHANNELS, POOLED};
use winograd::{Conv3x3, Residual, RunConv3x3, WinogradScratch};

/// Values from one frame of a dense block to the next; see `linear::ACTIVATED_STRIDE`.
const BLOCK_STRIDE: usize = MAX_CHANNELS + 16;

/// The network's weights, ready to run; shared between threads.
pub(crate) struct CamPlusPlus {
    arch: Arch,
    first: Direct,
    residual: Vec<ResidualBlock>,
    last: Conv3x3,
    time_delay: Linear,
    blocks: Vec<DenseBlock>,
    pooling: Pooling,
}

/// Two 3 × 3 convolutions with a way around them.
struct ResidualBlock {
    stride: usize,
    first: Conv3x3,
    second: Conv3x3,
    shortcut: Option<Direct>,
}

/// Dense layers, each of which appends 32 channels, and the transition that halves them.
struct DenseBlock {
    channels: usize,
    layers: Vec<DenseLayer>,
    transition: ActivatedLinear,
}

struct DenseLayer {
    bottleneck: ActivatedLinear,
    masked: Masked,
}

/// Buffers of one forward pass. They grow with the longest utterance seen and are kept.
#[derive(Default)]
pub(crate) struct Buffers {
    plane: AlignedBuf,
    map_a: AlignedBuf,
    map_b: AlignedBuf,
    map_c: AlignedBuf,
    map_d: AlignedBuf,
    winograd: WinogradScratch,
    block: AlignedBuf,
    next_block: AlignedBuf,
    activated: AlignedBuf,
    bottleneck: AlignedBuf,
    masks: AlignedBuf,
}

impl Buffers {
    fn ensure(&mut self, lengths: Lengths) {
        let map = lengths.map_stride * MAPS;
        // One frame of 32 more: the time-delay layer reads its frames in pairs.
        let slack = 2 * MAPS;
        self.plane.ensure(BINS * lengths.map_stride);
        self.map_a.ensure(BINS * map);
        self.map_b.ensure(BINS / 2 * map + slack);
        self.map_c.ensure(BINS / 2 * map);
        self.map_d.ensure(BINS / 4 * map);
        self.block.ensure(lengths.halved_padded * BLOCK_STRIDE);
        self.next_block.ensure(lengths.halved_padded * BLOCK_STRIDE);
        self.activated.ensure(activated_len());
        self.bottleneck.ensure((lengths.halved_padded + 2 * CONTEXT_PAD) * BOTTLENECK);
        self.masks.ensure(masks_len(lengths));
    }
}

impl CamPlusPlus {
    /// From the checkpoint's tensors; the names are those of the public checkpoint.
    pub(crate) fn from_tensors(tensors: &HashMap<String, Tensor>) -> Result<Self, VoiceError> {
        load::network(&Params(tensors))
    }

    /// The embedding of `frames × 80` mean-free features, row-major; at least 3 frames.
    pub(crate) fn forward(&self, features: &[f32], buffers: &mut Buffers) -> [f32; EMBEDDING] {
        let lengths = Lengths::new(features.len() / BINS);
        buffers.ensure(lengths);
        self.front_part(features, lengths, buffers);
        self.arch.dispatch(TimeDelay {
            layer: &self.time_delay,
            lengths,
            input: &buffers.map_b,
            out: &mut buffers.block,
            out_stride: BLOCK_STRIDE,
        });
        for (index, block) in self.blocks.iter().enumerate() {
            let last = index + 1 == self.blocks.len();
            self.dense_block(block, lengths, last, buffers);
            std::mem::swap(&mut buffers.block, &mut buffers.next_block);
        }
        self.arch.dispatch(RunPooling { layer: &self.pooling, lengths, frames: &mut buffers.block })
    }

    /// Features to 10 frequency rows of 32 maps, left in `map_b`.
    fn front_part(&self, features: &[f32], lengths: Lengths, buffers: &mut Buffers) {
        let Buffers { plane, map_a, map_b, map_c, map_d, winograd, .. } = buffers;
        fill_plane(features, lengths, plane);
        self.arch.dispatch(FirstConv { layer: &self.first, lengths, plane, out: map_a });
        let (mut rows, mut input, mut skip, mut spare) = (BINS, map_a, map_c, map_d);
        for block in &self.residual {
            let rows_out = rows / block.stride;
            self.arch.dispatch(RunConv3x3 {
                layer: &block.first,
                lengths,
                rows_in: rows,
                stride: block.stride,
                input,
                residual: Residual::None,
                out: map_b,
                scratch: winograd,
            });
            if let Some(shortcut) = &block.shortcut {
                self.arch.dispatch(Shortcut {
                    layer: shortcut,
                    lengths,
                    rows_out,
                    input,
                    out: skip,
                });
                (input, skip, spare) = (skip, spare, input);
            }
            self.arch.dispatch(RunConv3x3 {
                layer: &block.second,
                lengths,
                rows_in: rows_out,
                stride: 1,
                input: map_b,
                residual: Residual::InPlace,
                out: input,
                scratch: winograd,
            });
            rows = rows_out;
        }
        self.arch.dispatch(RunConv3x3 {
            layer: &self.last,
            lengths,
            rows_in: rows,
            stride: 2,
            input,
            residual: Residual::None,
            out: map_b,
            scratch: winograd,
        });
    }

    /// One block in `block`, its transition into `next_block`.
    fn dense_block(&self, block: &DenseBlock, lengths: Lengths, last: bool, buffers: &mut Buffers) {
        for (index, layer) in block.layers.iter().enumerate() {
            let from = CONTEXT_PAD * BOTTLENECK;
            let bottleneck = &mut buffers.bottleneck;
            self.arch.dispatch(RunActivatedLinear {
                layer: &layer.bottleneck,
                lengths,
                input: &buffers.block,
                input_stride: BLOCK_STRIDE,
                out: &mut bottleneck[from..],
                out_stride: BOTTLENECK,
                activated: &mut buffers.activated,
            });
            bottleneck[..from].fill(0.0);
            let end = from + lengths.halved * BOTTLENECK;
            let padded_end = 2 * from + lengths.halved_padded * BOTTLENECK;
            bottleneck[end..padded_end].fill(0.0);
            self.arch.dispatch(RunMasked {
                layer: &layer.masked,
                lengths,
                input: bottleneck,
                masks: &mut buffers.masks,
                out: &mut buffers.block,
                out_stride: BLOCK_STRIDE,
                out_channel: block.channels + index * GROWTH,
            });
        }
        self.arch.dispatch(RunActivatedLinear {
            layer: &block.transition,
            lengths,
            input: &buffers.block,
            input_stride: BLOCK_STRIDE,
            out: &mut buffers.next_block,
            out_stride: if last { POOLED } else { BLOCK_STRIDE },
            activated: &mut buffers.activated,
        });
    }
}

/// Transposes frames × bins to bins × frames between zeros.
fn fill_plane(features: &[f32], lengths: Lengths, plane: &mut [f32]) {
    for (bin, row) in plane.chunks_exact_mut(lengths.map_stride).take(BINS).enumerate() {
        row.fill(0.0);
        let column = features.iter().skip(bin).step_by(BINS);
        for (slot, value) in row[MAP_PAD..].iter_mut().zip(column) {
            *slot = *value;
        }
    }
}
