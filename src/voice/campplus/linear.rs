//! The products over time: the time-delay layer that joins the two parts, and the 1 × 1
//! convolutions that see their input through batch norm and ReLU.

use pulp::{Simd, WithSimd};

use super::shape::{Lengths, MAPS, MAX_CHANNELS, ROWS_OUT, TDNN_CHANNELS, TDNN_TAPS};
use crate::voice::kernel::{
    AlignedBuf, Packed, TileJob, TileShape, accumulate, for_each_tile, lanes, lanes_mut,
};

/// Values from one frame of the activated block to the next: not a multiple of a page, or the
/// frames of a tile would fall into the same cache sets.
pub(super) const ACTIVATED_STRIDE: usize = MAX_CHANNELS + 16;
/// Frames activated together: with one panel of weights they stay in the second-level cache.
const ACTIVATED_FRAMES: usize = 120;

/// Weights (batch norm of the output folded in) and bias.
pub(super) struct Linear {
    pub(super) weights: Packed,
    pub(super) bias: Vec<f32>,
}

/// Five taps, stride two, over 10 frequency rows × 32 maps, then ReLU.
/// Weights: input index (frequency row × 5 + tap) × 32 + map.
pub(super) struct TimeDelay<'a> {
    pub(super) layer: &'a Linear,
    pub(super) lengths: Lengths,
    /// 10 rows of `map_stride` frames of 32.
    pub(super) input: &'a [f32],
    /// `halved_padded` frames of `out_stride` values.
    pub(super) out: &'a mut [f32],
    pub(super) out_stride: usize,
}

impl WithSimd for TimeDelay<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let rows = self.lengths.halved_padded;
        for panel in 0..TDNN_CHANNELS / self.layer.weights.width() {
            for_each_tile(simd, TileShape::Wide, panel, rows, &mut self);
        }
    }
}

impl TileJob for TimeDelay<'_> {
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const R: usize>(&mut self, simd: S, panel: usize, row: usize) {
        const TWO_FRAMES: usize = 2 * MAPS;
        let column = panel * self.layer.weights.width();
        let mut sums = [*lanes::<S, V>(&self.layer.bias[column..]); R];
        for frequency in 0..ROWS_OUT {
            for tap in 0..TDNN_TAPS {
                // The first tap lies two frames back: just where the map's padding begins.
                let from = frequency * self.lengths.map_stride + 2 * row + tap;
                let inputs = &self.input[from * MAPS..from * MAPS + R * TWO_FRAMES];
                let (inputs, _) = inputs.as_chunks::<TWO_FRAMES>();
                let inputs = inputs.first_chunk::<R>().expect("R frames were sliced");
                let k = (frequency * TDNN_TAPS + tap) * MAPS;
                let weights = self.layer.weights.rows(panel, k, MAPS);
                sums = accumulate(simd, sums, inputs, weights);
            }
        }
        let zero = simd.splat_f32s(0.0);
        for (r, sum) in sums.iter().enumerate() {
            let out = lanes_mut::<S, V>(&mut self.out[(row + r) * self.out_stride + column..]);
            for v in 0..V {
                out[v] = simd.max_f32s(sum[v], zero);
            }
        }
    }
}

/// Batch norm and ReLU before a 1 × 1 convolution.
pub(super) struct Activation {
    pub(super) scale: AlignedBuf,
    pub(super) shift: AlignedBuf,
}

/// A 1 × 1 convolution behind its activation.
pub(super) struct ActivatedLinear {
    pub(super) activation: Activation,
    pub(super) linear: Linear,
    pub(super) inputs: usize,
    /// ReLU on the result.
    pub(super) relu: bool,
}

/// Runs an [`ActivatedLinear`] over `halved_padded` frames.
pub(super) struct RunActivatedLinear<'a> {
    pub(super) layer: &'a ActivatedLinear,
    pub(super) lengths: Lengths,
    /// Frames of `input_stride` values, the first `inputs` of which are read.
    pub(super) input: &'a [f32],
    pub(super) input_stride: usize,
    pub(super) out: &'a mut [f32],
    pub(super) out_stride: usize,
    /// At least [`activated_len`] values.
    pub(super) activated: &'a mut [f32],
}

/// Values of scratch that [`RunActivatedLinear`] needs.
pub(super) const fn activated_len() -> usize {
    ACTIVATED_FRAMES * ACTIVATED_STRIDE
}

impl WithSimd for RunActivatedLinear<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let frames = self.lengths.halved_padded;
        let panels = self.layer.linear.weights.panels();
        let mut first = 0;
        while first < frames {
            let count = ACTIVATED_FRAMES.min(frames - first);
            for frame in 0..count {
                let from = (first + frame) * self.input_stride;
                let input = &self.input[from..from + self.layer.inputs];
                let to = frame * ACTIVATED_STRIDE;
                let out = &mut self.activated[to..to + self.layer.inputs];
                activate(simd, &self.layer.activation, input, out);
            }
            let mut job = ActivatedTile {
                layer: self.layer,
                activated: self.activated,
                out: &mut self.out[first * self.out_stride..],
                out_stride: self.out_stride,
            };
            for panel in 0..panels {
                for_each_tile(simd, TileShape::Wide, panel, count, &mut job);
            }
            first += count;
        }
    }
}

/// `out = max(0, scale × input + shift)`, channel by channel.
#[inline(always)]
pub(super) fn activate<S: Simd>(simd: S, activation: &Activation, input: &[f32], out: &mut [f32]) {
    let zero = simd.splat_f32s(0.0);
    let scale = S::as_simd_f32s(&activation.scale).0;
    let shift = S::as_simd_f32s(&activation.shift).0;
    let input = S::as_simd_f32s(input).0;
    let out = S::as_mut_simd_f32s(out).0;
    for (((out, &x), &scale), &shift) in out.iter_mut().zip(input).zip(scale).zip(shift) {
        *out = simd.max_f32s(simd.mul_add_e_f32s(x, scale, shift), zero);
    }
}

struct ActivatedTile<'a> {
    layer: &'a ActivatedLinear,
    activated: &'a [f32],
    out: &'a mut [f32],
    out_stride: usize,
}

impl TileJob for ActivatedTile<'_> {
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const R: usize>(&mut self, simd: S, panel: usize, row: usize) {
        let linear = &self.layer.linear;
        let column = panel * linear.weights.width();
        let (inputs, _) = self.activated[row * ACTIVATED_STRIDE..].as_chunks();
        let inputs: &[[f32; ACTIVATED_STRIDE]; R] =
            inputs.first_chunk().expect("blocks are a multiple of the tiles");
        let bias = *lanes::<S, V>(&linear.bias[column..]);
        let weights = linear.weights.rows(panel, 0, self.layer.inputs);
        let sums = accumulate(simd, [bias; R], inputs, weights);
        let zero = simd.splat_f32s(0.0);
        for (r, sum) in sums.iter().enumerate() {
            let out = lanes_mut::<S, V>(&mut self.out[(row + r) * self.out_stride + column..]);
            for v in 0..V {
                out[v] = if self.layer.relu { simd.max_f32s(sum[v], zero) } else { sum[v] };
            }
        }
    }
}
