//! The one kind of layer: a matrix product over the rows of one or several taps, with bias, and where
//! asked for the residual and ReLU, while the sums are still in registers.

use pulp::{Simd, WithSimd};

use crate::voice::kernel::{
    AlignedBuf, Packed, ROW_QUANTUM, TileJob, TileShape, accumulate, for_each_tile, lanes,
    lanes_mut,
};

/// Columns of which wide panels are made; others take narrow ones, of [`NARROW_COLUMNS`].
const WIDE_COLUMNS: usize = 64;
/// Every layer's outputs are a multiple of this.
const NARROW_COLUMNS: usize = 32;

/// Weights and bias of a layer.
pub(super) struct Linear {
    weights: Packed,
    bias: AlignedBuf,
    shape: TileShape,
    inputs: usize,
    outputs: usize,
}

impl Linear {
    /// From weights `[out][in]`; outputs are padded with zeros to whole panels.
    pub(super) fn new(weights: &[f32], bias: &[f32]) -> Self {
        let inputs = weights.len() / bias.len();
        let outputs = bias.len().next_multiple_of(NARROW_COLUMNS);
        let shape = match outputs.is_multiple_of(WIDE_COLUMNS) {
            true => TileShape::Wide,
            false => TileShape::Narrow,
        };
        let at = |k: usize, out: usize| weights.get(out * inputs + k).copied().unwrap_or(0.0);
        let mut padded = AlignedBuf::zeroed(outputs);
        padded[..bias.len()].copy_from_slice(bias);
        let weights = Packed::new(shape, inputs, outputs, at);
        Self { weights, bias: padded, shape, inputs, outputs }
    }
}

/// What happens to a sum before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing.
    Store,
    /// Negative values become zero.
    Relu,
    /// What is in the output is added, then as [`Then::Relu`].
    AddRelu,
}

/// Runs a [`Linear`] over rows of `WIDTH` values. A layer with more inputs than that goes on in the
/// row `step` further on, and so forth.
pub(super) struct Product<'a, const WIDTH: usize> {
    pub(super) layer: &'a Linear,
    /// Rows wanted; up to [`ROW_QUANTUM`] − 1 more are computed from whatever lies behind them.
    pub(super) rows: usize,
    pub(super) input: &'a [f32],
    pub(super) step: usize,
    /// Rows of the layer's outputs.
    pub(super) out: &'a mut [f32],
    pub(super) then: Then,
}

impl<const WIDTH: usize> WithSimd for Product<'_, WIDTH> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let rows = self.rows.next_multiple_of(ROW_QUANTUM);
        for panel in 0..self.layer.weights.panels() {
            for_each_tile(simd, self.layer.shape, panel, rows, &mut self);
        }
    }
}

impl<const WIDTH: usize> TileJob for Product<'_, WIDTH> {
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const R: usize>(&mut self, simd: S, panel: usize, row: usize) {
        let layer = self.layer;
        let column = panel * layer.weights.width();
        let mut sums = [*lanes::<S, V>(&layer.bias[column..]); R];
        let (mut done, mut from) = (0, row);
        while done < layer.inputs {
            let count = WIDTH.min(layer.inputs - done);
            let (inputs, _) = self.input[from * WIDTH..(from + R) * WIDTH].as_chunks::<WIDTH>();
            let inputs = inputs.first_chunk::<R>().expect("R rows were sliced");
            sums = accumulate(simd, sums, inputs, layer.weights.rows(panel, done, count));
            done += count;
            from += self.step;
        }
        let zero = simd.splat_f32s(0.0);
        for (r, sum) in sums.iter().enumerate() {
            let out = lanes_mut::<S, V>(&mut self.out[(row + r) * layer.outputs + column..]);
            for v in 0..V {
                out[v] = match self.then {
                    Then::Store => sum[v],
                    Then::Relu => simd.max_f32s(sum[v], zero),
                    Then::AddRelu => simd.max_f32s(simd.add_f32s(sum[v], out[v]), zero),
                };
            }
        }
    }
}
