//! Context-aware masking (arXiv 2303.00332, section 3.2): a dilated convolution whose output is
//! scaled, segment by segment, by a mask computed from the mean of the utterance and of the segment.

use pulp::{Simd, WithSimd};

use super::shape::{BOTTLENECK, CONTEXT_HIDDEN, GROWTH, Lengths, SEGMENT};
use crate::voice::kernel::{
    Packed, TileJob, TileShape, accumulate, for_each_tile, lanes, lanes_mut,
};

/// Frames of zeros that the bottleneck buffer holds before and after its frames.
pub(super) const CONTEXT_PAD: usize = 2;

/// One layer's weights.
pub(super) struct Masked {
    pub(super) dilation: usize,
    /// Input index tap × 128 + channel.
    pub(super) local: Packed,
    /// 128 rows of 64: `[in][out]`.
    pub(super) hidden: Vec<f32>,
    pub(super) hidden_bias: Vec<f32>,
    /// 64 rows of 32: `[in][out]`.
    pub(super) mask: Vec<f32>,
    pub(super) mask_bias: Vec<f32>,
}

/// Runs a [`Masked`] layer.
pub(super) struct RunMasked<'a> {
    pub(super) layer: &'a Masked,
    pub(super) lengths: Lengths,
    /// [`CONTEXT_PAD`] + `halved_padded` + [`CONTEXT_PAD`] frames of 128; frames outside
    /// `0..halved` are zeros.
    pub(super) input: &'a [f32],
    /// At least one mask of 32 a segment.
    pub(super) masks: &'a mut [f32],
    /// Frames of `out_stride`, written from channel `out_channel` on.
    pub(super) out: &'a mut [f32],
    pub(super) out_stride: usize,
    pub(super) out_channel: usize,
}

/// Values of scratch for the masks of `lengths`.
pub(super) fn masks_len(lengths: Lengths) -> usize {
    lengths.halved.div_ceil(SEGMENT) * GROWTH
}

impl WithSimd for RunMasked<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        self.compute_masks();
        let rows = self.lengths.halved_padded;
        for panel in 0..self.layer.local.panels() {
            for_each_tile(simd, TileShape::Narrow, panel, rows, &mut self);
        }
    }
}

impl RunMasked<'_> {
    /// Fills `masks` with one mask a segment. The last segment's mean is over its own frames.
    #[inline(always)]
    fn compute_masks(&mut self) {
        let from = CONTEXT_PAD * BOTTLENECK;
        let frames = &self.input[from..from + self.lengths.halved * BOTTLENECK];
        let segments = || frames.chunks(SEGMENT * BOTTLENECK);
        let mut total = [0.0f32; BOTTLENECK];
        for segment in segments() {
            add(&mut total, &sum_frames(segment));
        }
        let utterance = total.map(|sum| sum / self.lengths.halved as f32);
        for (segment, mask) in segments().zip(self.masks.chunks_exact_mut(GROWTH)) {
            let count = (segment.len() / BOTTLENECK) as f32;
            let mut context = sum_frames(segment).map(|sum| sum / count);
            add(&mut context, &utterance);
            let hidden =
                affine::<CONTEXT_HIDDEN>(&context, &self.layer.hidden, &self.layer.hidden_bias)
                    .map(|v| v.max(0.0));
            let logits = affine::<GROWTH>(&hidden, &self.layer.mask, &self.layer.mask_bias);
            for (mask, logit) in mask.iter_mut().zip(logits) {
                *mask = 1.0 / (1.0 + (-logit).exp());
            }
        }
    }
}

#[inline(always)]
fn add(sum: &mut [f32; BOTTLENECK], values: &[f32; BOTTLENECK]) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}

/// Sum over frames of 128.
#[inline(always)]
fn sum_frames(frames: &[f32]) -> [f32; BOTTLENECK] {
    let mut sum = [0.0; BOTTLENECK];
    for frame in frames.as_chunks::<BOTTLENECK>().0 {
        add(&mut sum, frame);
    }
    sum
}

/// `weights` holds one row of `N` outputs an input.
#[inline(always)]
fn affine<const N: usize>(input: &[f32], weights: &[f32], bias: &[f32]) -> [f32; N] {
    let mut out = [0.0; N];
    out.copy_from_slice(bias);
    for (&x, row) in input.iter().zip(weights.as_chunks::<N>().0) {
        for (out, w) in out.iter_mut().zip(row) {
            *out += x * w;
        }
    }
    out
}

impl TileJob for RunMasked<'_> {
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const R: usize>(&mut self, simd: S, panel: usize, row: usize) {
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for tap in 0..3 {
            let from = CONTEXT_PAD + row + tap * self.layer.dilation - self.layer.dilation;
            let inputs = &self.input[from * BOTTLENECK..(from + R) * BOTTLENECK];
            let (inputs, _) = inputs.as_chunks::<BOTTLENECK>();
            let inputs = inputs.first_chunk::<R>().expect("R frames were sliced");
            let weights = self.layer.local.rows(panel, tap * BOTTLENECK, BOTTLENECK);
            sums = accumulate(simd, sums, inputs, weights);
        }
        let column = panel * self.layer.local.width();
        // Frames that only fill a tile may lie in a segment that does not exist.
        let last = self.lengths.halved - 1;
        for (r, sum) in sums.iter().enumerate() {
            let segment = (row + r).min(last) / SEGMENT;
            let mask = lanes::<S, V>(&self.masks[segment * GROWTH + column..]);
            let at = (row + r) * self.out_stride + self.out_channel + column;
            let out = lanes_mut::<S, V>(&mut self.out[at..]);
            for v in 0..V {
                out[v] = simd.mul_f32s(sum[v], mask[v]);
            }
        }
    }
}
