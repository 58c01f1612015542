//! The 2-D convolutions that are computed directly: the first one (1 → 32 channels, 3 × 3) and the
//! 1 × 1 shortcuts.

use pulp::{Simd, WithSimd};

use super::shape::{BINS, Lengths, MAP_PAD, MAPS, clear_edges};
use crate::voice::kernel::{
    Packed, TileJob, TileShape, accumulate, for_each_tile, lanes, lanes_mut,
};

/// Weights (batch norm folded in) and bias of a convolution onto 32 maps.
pub(super) struct Direct {
    /// Packed with input index (frequency tap × 3 + time tap) or input channel.
    pub(super) weights: Packed,
    pub(super) bias: Vec<f32>,
}

/// 3 × 3 convolution of the feature plane, padded by one, then ReLU.
/// `plane`: 80 rows of `map_stride` values; `out`: 80 rows of `map_stride` frames of 32.
pub(super) struct FirstConv<'a> {
    pub(super) layer: &'a Direct,
    pub(super) lengths: Lengths,
    pub(super) plane: &'a [f32],
    pub(super) out: &'a mut [f32],
}

impl WithSimd for FirstConv<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for panel in 0..self.layer.weights.panels() {
            for bin in 0..BINS {
                let mut job = FirstConvRow { conv: &mut self, bin };
                let frames = job.conv.lengths.map_frames;
                for_each_tile(simd, TileShape::Narrow, panel, frames, &mut job);
            }
        }
        clear_edges(self.out, self.lengths, BINS);
    }
}

struct FirstConvRow<'a, 'b> {
    conv: &'a mut FirstConv<'b>,
    bin: usize,
}

impl TileJob for FirstConvRow<'_, '_> {
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const R: usize>(&mut self, simd: S, panel: usize, row: usize) {
        let conv = &mut *self.conv;
        let stride = conv.lengths.map_stride;
        let column = panel * conv.layer.weights.width();
        let mut sums = [*lanes::<S, V>(&conv.layer.bias[column..]); R];
        for tap in 0..3 {
            let Some(bin) = (self.bin + tap).checked_sub(1).filter(|&b| b < BINS) else {
                continue;
            };
            for shift in 0..3 {
                let from = bin * stride + MAP_PAD - 1 + row + shift;
                let (inputs, _) = conv.plane[from..from + R].as_chunks::<1>();
                let inputs = inputs.first_chunk::<R>().expect("R frames were sliced");
                let weights = conv.layer.weights.rows(panel, tap * 3 + shift, 1);
                sums = accumulate(simd, sums, inputs, weights);
            }
        }
        let zero = simd.splat_f32s(0.0);
        for (r, sum) in sums.iter().enumerate() {
            let at = (self.bin * stride + MAP_PAD + row + r) * MAPS + column;
            let out = lanes_mut::<S, V>(&mut conv.out[at..]);
            for v in 0..V {
                out[v] = simd.max_f32s(sum[v], zero);
            }
        }
    }
}

/// 1 × 1 convolution that takes every second frequency row; no ReLU.
pub(super) struct Shortcut<'a> {
    pub(super) layer: &'a Direct,
    pub(super) lengths: Lengths,
    pub(super) rows_out: usize,
    pub(super) input: &'a [f32],
    pub(super) out: &'a mut [f32],
}

impl WithSimd for Shortcut<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for panel in 0..self.layer.weights.panels() {
            for frequency in 0..self.rows_out {
                let mut job = ShortcutRow { conv: &mut self, frequency };
                let frames = job.conv.lengths.map_frames;
                for_each_tile(simd, TileShape::Narrow, panel, frames, &mut job);
            }
        }
    }
}

struct ShortcutRow<'a, 'b> {
    conv: &'a mut Shortcut<'b>,
    frequency: usize,
}

impl TileJob for ShortcutRow<'_, '_> {
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const R: usize>(&mut self, simd: S, panel: usize, row: usize) {
        let conv = &mut *self.conv;
        let stride = conv.lengths.map_stride;
        let column = panel * conv.layer.weights.width();
        let from = 2 * self.frequency * stride + MAP_PAD + row;
        let (inputs, _) = conv.input[from * MAPS..(from + R) * MAPS].as_chunks::<MAPS>();
        let inputs = inputs.first_chunk::<R>().expect("R frames were sliced");
        let bias = *lanes::<S, V>(&conv.layer.bias[column..]);
        let weights = conv.layer.weights.rows(panel, 0, MAPS);
        let sums = accumulate(simd, [bias; R], inputs, weights);
        for (r, sum) in sums.iter().enumerate() {
            let at = (self.frequency * stride + MAP_PAD + row + r) * MAPS + column;
            *lanes_mut::<S, V>(&mut conv.out[at..]) = *sum;
        }
    }
}
