//! 3 × 3 convolutions on 32 maps, with Winograd's minimal filtering F(4, 3) along time
//! (Winograd 1980; Lavin and Gray, arXiv 1509.09308, section 4.1) and plain sums along frequency.
//! Four outputs of a 3-tap filter take 6 multiplications instead of 12; the interpolation points
//! are 0, ±1, ±2 and infinity.

use pulp::{Simd, WithSimd};

use super::shape::{Lengths, MAP_PAD, MAPS, clear_edges};
use crate::voice::kernel::{
    AlignedBuf, Packed, ROW_QUANTUM, TileJob, TileShape, accumulate, for_each_tile, lanes_mut,
};

/// Products of one tile.
const POINTS: usize = 6;
/// Outputs of one tile, in frames.
const OUTPUTS: usize = 4;
/// Tiles handled together: their transformed inputs stay in the second-level cache.
const BLOCK_TILES: usize = 24;
/// Transformed frequency rows kept: the filter is three rows high.
const RING: usize = 3;

/// One layer: weights in the transformed domain, batch norm folded in.
pub(super) struct Conv3x3 {
    points: Vec<Packed>,
    bias: Vec<f32>,
}

/// Transformed inputs and products of one block of tiles.
#[derive(Default)]
pub(super) struct WinogradScratch {
    inputs: AlignedBuf,
    products: AlignedBuf,
}

impl WinogradScratch {
    fn ensure(&mut self) {
        self.inputs.ensure(RING * POINTS * BLOCK_TILES * MAPS);
        self.products.ensure(POINTS * BLOCK_TILES * MAPS);
    }
}

impl Conv3x3 {
    /// From weights `[out][in][frequency tap][time tap]` (32 × 32 × 3 × 3), in full precision.
    pub(super) fn new(weight: impl Fn(usize, usize, usize, usize) -> f64, bias: Vec<f32>) -> Self {
        let points = (0..POINTS)
            .map(|point| {
                Packed::new(TileShape::Narrow, 3 * MAPS, MAPS, |k, out| {
                    let taps = [0, 1, 2].map(|t| weight(out, k % MAPS, k / MAPS, t));
                    transform_filter(point, taps) as f32
                })
            })
            .collect();
        Self { points, bias }
    }
}

/// One value of G g, the transformed filter.
fn transform_filter(point: usize, [a, b, c]: [f64; 3]) -> f64 {
    match point {
        0 => a / 4.0,
        1 => -(a + b + c) / 6.0,
        2 => -(a - b + c) / 6.0,
        3 => a / 24.0 + b / 12.0 + c / 6.0,
        4 => a / 24.0 - b / 12.0 + c / 6.0,
        _ => c,
    }
}

/// What is added before the ReLU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Residual {
    /// Nothing.
    None,
    /// What `out` holds.
    InPlace,
}

/// Convolution padded by one, stride 1 or 2 along frequency, plus residual, then ReLU.
/// Maps are rows of `map_stride` frames of 32 channels.
pub(super) struct RunConv3x3<'a> {
    pub(super) layer: &'a Conv3x3,
    pub(super) lengths: Lengths,
    pub(super) rows_in: usize,
    pub(super) stride: usize,
    pub(super) input: &'a [f32],
    pub(super) residual: Residual,
    pub(super) out: &'a mut [f32],
    pub(super) scratch: &'a mut WinogradScratch,
}

impl WithSimd for RunConv3x3<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        self.scratch.ensure();
        let tiles = self.lengths.map_frames / OUTPUTS;
        let mut first = 0;
        while first < tiles {
            let count = BLOCK_TILES.min(tiles - first);
            self.block(simd, first, count);
            first += count;
        }
        clear_edges(self.out, self.lengths, self.rows_in / self.stride);
    }
}

impl RunConv3x3<'_> {
    /// All frequency rows of tiles `first..first + count`.
    #[inline(always)]
    fn block<S: Simd>(&mut self, simd: S, first: usize, count: usize) {
        let mut transformed = 0;
        for row_out in 0..self.rows_in / self.stride {
            let center = row_out * self.stride;
            while transformed < (center + 2).min(self.rows_in) {
                self.transform_row(simd, transformed, first, count);
                transformed += 1;
            }
            for (point, weights) in self.layer.points.iter().enumerate() {
                let slot_len = POINTS * BLOCK_TILES * MAPS;
                let point_len = BLOCK_TILES * MAPS;
                let mut job = PointProduct {
                    weights,
                    inputs: [0, 1, 2].map(|tap| {
                        let row = (center + tap).checked_sub(1)?;
                        let start = row % RING * slot_len + point * point_len;
                        (row < self.rows_in).then(|| &self.scratch.inputs[start..start + point_len])
                    }),
                    out: &mut self.scratch.products[point * point_len..(point + 1) * point_len],
                };
                for panel in 0..weights.panels() {
                    let rows = count.next_multiple_of(ROW_QUANTUM);
                    for_each_tile(simd, TileShape::Narrow, panel, rows, &mut job);
                }
            }
            self.finish_row(simd, row_out, first, count);
        }
    }

    /// Bᵀ d for one frequency row.
    #[inline(always)]
    fn transform_row<S: Simd>(&mut self, simd: S, row: usize, first: usize, count: usize) {
        let slot_len = POINTS * BLOCK_TILES * MAPS;
        let slot = &mut self.scratch.inputs[row % RING * slot_len..(row % RING + 1) * slot_len];
        let (p0, rest) = slot.split_at_mut(BLOCK_TILES * MAPS);
        let (p1, rest) = rest.split_at_mut(BLOCK_TILES * MAPS);
        let (p2, rest) = rest.split_at_mut(BLOCK_TILES * MAPS);
        let (p3, rest) = rest.split_at_mut(BLOCK_TILES * MAPS);
        let (p4, p5) = rest.split_at_mut(BLOCK_TILES * MAPS);
        let from = row * self.lengths.map_stride + MAP_PAD - 1 + first * OUTPUTS;
        let frames = &self.input[from * MAPS..(from + count * OUTPUTS + 2) * MAPS];
        let (four, five) = (simd.splat_f32s(4.0), simd.splat_f32s(5.0));
        let two = simd.splat_f32s(2.0);
        let vectors = MAPS / S::F32_LANES;
        let d = S::as_simd_f32s(frames).0;
        let [p0, p1, p2, p3, p4, p5] =
            [p0, p1, p2, p3, p4, p5].map(|p| &mut S::as_mut_simd_f32s(p).0[..count * vectors]);
        for i in 0..count * vectors {
            let tile = i / vectors * OUTPUTS * vectors + i % vectors;
            let at = &d[tile..tile + 5 * vectors + 1];
            let [d0, d1, d2, d3, d4, d5] = [0, 1, 2, 3, 4, 5].map(|k| at[k * vectors]);
            p0[i] = simd.mul_add_e_f32s(four, d0, simd.sub_f32s(d4, simd.mul_f32s(five, d2)));
            let even = simd.sub_f32s(d4, simd.mul_f32s(four, d2));
            let odd = simd.sub_f32s(d3, simd.mul_f32s(four, d1));
            p1[i] = simd.add_f32s(even, odd);
            p2[i] = simd.sub_f32s(even, odd);
            let even = simd.sub_f32s(d4, d2);
            let odd = simd.mul_f32s(two, simd.sub_f32s(d3, d1));
            p3[i] = simd.add_f32s(even, odd);
            p4[i] = simd.sub_f32s(even, odd);
            p5[i] = simd.mul_add_e_f32s(four, d1, simd.sub_f32s(d5, simd.mul_f32s(five, d3)));
        }
    }

    /// Aᵀ m, bias, residual and ReLU for one frequency row.
    #[inline(always)]
    fn finish_row<S: Simd>(&mut self, simd: S, row: usize, first: usize, count: usize) {
        let vectors = MAPS / S::F32_LANES;
        let bias = S::as_simd_f32s(&self.layer.bias).0;
        let zero = simd.splat_f32s(0.0);
        let [two, four, eight] = [2.0, 4.0, 8.0].map(|x| simd.splat_f32s(x));
        let products = S::as_simd_f32s(&self.scratch.products).0;
        let from = row * self.lengths.map_stride + MAP_PAD + first * OUTPUTS;
        let out = &mut self.out[from * MAPS..(from + count * OUTPUTS) * MAPS];
        let out = S::as_mut_simd_f32s(out).0;
        let keep = self.residual == Residual::InPlace;
        for i in 0..count * vectors {
            let m = |point: usize| products[point * BLOCK_TILES * vectors + i];
            let base = bias[i % vectors];
            let (s12, d12) = (simd.add_f32s(m(1), m(2)), simd.sub_f32s(m(1), m(2)));
            let (s34, d34) = (simd.add_f32s(m(3), m(4)), simd.sub_f32s(m(3), m(4)));
            let y = [
                simd.add_f32s(simd.add_f32s(m(0), s12), s34),
                simd.mul_add_e_f32s(two, d34, d12),
                simd.mul_add_e_f32s(four, s34, s12),
                simd.mul_add_e_f32s(eight, d34, simd.add_f32s(d12, m(5))),
            ];
            let tile = i / vectors * OUTPUTS * vectors + i % vectors;
            let at = &mut out[tile..tile + 3 * vectors + 1];
            for (k, y) in y.into_iter().enumerate() {
                let mut sum = simd.add_f32s(y, base);
                if keep {
                    sum = simd.add_f32s(sum, at[k * vectors]);
                }
                at[k * vectors] = simd.max_f32s(sum, zero);
            }
        }
    }
}

/// Products of one interpolation point: tiles × 96 inputs × 32 outputs.
struct PointProduct<'a> {
    weights: &'a Packed,
    /// Transformed rows under each frequency tap; none beyond the edge.
    inputs: [Option<&'a [f32]>; 3],
    out: &'a mut [f32],
}

impl TileJob for PointProduct<'_> {
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const R: usize>(&mut self, simd: S, panel: usize, row: usize) {
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for (tap, inputs) in self.inputs.iter().enumerate() {
            let Some(inputs) = inputs else { continue };
            let (inputs, _) = inputs[row * MAPS..(row + R) * MAPS].as_chunks::<MAPS>();
            let inputs = inputs.first_chunk::<R>().expect("R tiles were sliced");
            let weights = self.weights.rows(panel, tap * MAPS, MAPS);
            sums = accumulate(simd, sums, inputs, weights);
        }
        let column = panel * self.weights.width();
        for (r, sum) in sums.iter().enumerate() {
            *lanes_mut::<S, V>(&mut self.out[(row + r) * MAPS + column..]) = *sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_transform_is_that_of_the_polynomial_basis() {
        // G g must make A^T[(G g) .* (B^T d)] the sliding product; checked on unit impulses.
        let filter = [0.3, -1.1, 0.7];
        let g: Vec<f64> = (0..POINTS).map(|p| transform_filter(p, filter)).collect();
        for impulse in 0..6 {
            let mut d = [0.0; 6];
            d[impulse] = 1.0;
            let b = [
                4.0 * d[0] - 5.0 * d[2] + d[4],
                -4.0 * d[1] - 4.0 * d[2] + d[3] + d[4],
                4.0 * d[1] - 4.0 * d[2] - d[3] + d[4],
                -2.0 * d[1] - d[2] + 2.0 * d[3] + d[4],
                2.0 * d[1] - d[2] - 2.0 * d[3] + d[4],
                4.0 * d[1] - 5.0 * d[3] + d[5],
            ];
            let m: Vec<f64> = g.iter().zip(b).map(|(g, b)| g * b).collect();
            let y = [
                m[0] + m[1] + m[2] + m[3] + m[4],
                m[1] - m[2] + 2.0 * (m[3] - m[4]),
                m[1] + m[2] + 4.0 * (m[3] + m[4]),
                m[1] - m[2] + 8.0 * (m[3] - m[4]) + m[5],
            ];
            for (o, y) in y.iter().enumerate() {
                let want: f64 = (0..3).map(|t| filter[t] * d[o + t]).sum();
                assert!((y - want).abs() < 1e-12, "output {o}, impulse {impulse}");
            }
        }
    }
}
