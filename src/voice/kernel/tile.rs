//! The register tile.

use pulp::Simd;

use super::TileShape;

/// Vectors of output channels in a wide tile, on machines with 32 vector registers.
pub(super) const WIDE_VECTORS: usize = 4;
/// Vectors of output channels in a narrow tile, and in every tile on machines with 16 registers.
pub(super) const NARROW_VECTORS: usize = 2;
/// Frames of a wide tile: 4 × 6 sums + 4 weights + 1 input fit in 32 registers.
const WIDE_ROWS: usize = 6;
/// Frames of a narrow tile: 2 × 12 sums + 2 weights + 1 input.
const NARROW_ROWS: usize = 12;
/// Frames of a tile that finishes a run.
const TAIL_ROWS: usize = 4;
/// Runs of frames handed to [`for_each_tile`] are a multiple of this.
pub(crate) const ROW_QUANTUM: usize = TAIL_ROWS;

/// One matrix product with its own way of finding inputs and of storing results.
pub(crate) trait TileJob {
    /// Computes frames `row..row + R` of the output columns of panel `panel`.
    fn tile<S: Simd, const V: usize, const R: usize>(&mut self, simd: S, panel: usize, row: usize);
}

/// Runs `job` over `rows` frames (a multiple of [`ROW_QUANTUM`]) of one panel.
#[inline(always)]
pub(crate) fn for_each_tile<S: Simd, J: TileJob>(
    simd: S,
    shape: TileShape,
    panel: usize,
    rows: usize,
    job: &mut J,
) {
    debug_assert_eq!(rows % ROW_QUANTUM, 0);
    if S::REGISTER_COUNT < 32 {
        walk::<S, J, NARROW_VECTORS, WIDE_ROWS>(simd, panel, rows, job);
    } else if shape == TileShape::Wide {
        walk::<S, J, WIDE_VECTORS, WIDE_ROWS>(simd, panel, rows, job);
    } else {
        walk::<S, J, NARROW_VECTORS, NARROW_ROWS>(simd, panel, rows, job);
    }
}

#[inline(always)]
fn walk<S: Simd, J: TileJob, const V: usize, const R: usize>(
    simd: S,
    panel: usize,
    rows: usize,
    job: &mut J,
) {
    let mut row = 0;
    while row + R <= rows {
        job.tile::<S, V, R>(simd, panel, row);
        row += R;
    }
    while row + TAIL_ROWS <= rows {
        job.tile::<S, V, TAIL_ROWS>(simd, panel, row);
        row += TAIL_ROWS;
    }
    while row < rows {
        job.tile::<S, V, 2>(simd, panel, row);
        row += 2;
    }
}

/// `sums[r][v] += rows[r][k] × weights[k][v]` over the rows of `weights`, a part of a panel whose
/// width is `V` vectors. `STRIDE` is the distance between two frames' inputs, at least as long as
/// `weights` has rows.
#[inline(always)]
pub(crate) fn accumulate<S: Simd, const V: usize, const R: usize, const STRIDE: usize>(
    simd: S,
    mut sums: [[S::f32s; V]; R],
    rows: &[[f32; STRIDE]; R],
    weights: &[f32],
) -> [[S::f32s; V]; R] {
    let (weights, _) = S::as_simd_f32s(weights).0.as_chunks::<V>();
    let count = weights.len().min(STRIDE);
    for (k, weight) in weights[..count].iter().enumerate() {
        for r in 0..R {
            let input = simd.splat_f32s(rows[r][k]);
            for v in 0..V {
                sums[r][v] = simd.mul_add_e_f32s(input, weight[v], sums[r][v]);
            }
        }
    }
    sums
}

/// The first `V` vectors of a slice.
#[inline(always)]
pub(crate) fn lanes<S: Simd, const V: usize>(slice: &[f32]) -> &[S::f32s; V] {
    S::as_simd_f32s(slice).0.first_chunk().expect("the caller passes at least V vectors")
}

/// The first `V` vectors of a slice, to write.
#[inline(always)]
pub(crate) fn lanes_mut<S: Simd, const V: usize>(slice: &mut [f32]) -> &mut [S::f32s; V] {
    S::as_mut_simd_f32s(slice).0.first_chunk_mut().expect("the caller passes at least V vectors")
}
