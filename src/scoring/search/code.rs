//! Four-bit codes of vectors and eight-bit codes of queries.

use super::fine::{encode, padded};
use super::norm;

/// Vectors in a block: the 32-bit lanes of a 512-bit register.
pub(super) const LANES: usize = 16;
/// Values that one line holds of each vector of its block.
const LINE_DIMS: usize = 8;
/// Lines whose sums fit 16 bits: each adds at most `2 × 2 × 15 × 127 = 7620` to a sum.
pub(super) const LINES_PER_SUM: usize = 4;
/// Codes stand for `scale × (code - MIDDLE)`.
const MIDDLE: f32 = 7.5;
/// Largest code.
const MAX_CODE: f32 = 15.0;
/// Candidate steps between codes, in units of the vector's root mean square. 0.335 is best for a
/// Gaussian (Max, 1960); the wider ones serve heavier tails.
const STEPS: [f32; 5] = [0.27, 0.31, 0.335, 0.37, 0.43];

/// 64 bytes: of each of 16 vectors in turn 4 bytes, whose low halves are the codes of 4 values and
/// whose high halves are those of the next 4.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line(pub(super) [u8; 64]);

/// What turns the integer sums of a block into bounds.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Scales {
    /// Value of one code step.
    pub(super) step: [f32; LANES],
    /// Norm of what the code leaves out; negative infinity where there is no vector.
    pub(super) rest: [f32; LANES],
}

/// The codes of all vectors, by blocks of [`LANES`].
#[derive(Debug, Clone)]
pub(super) struct Codes {
    dim: usize,
    lines: Vec<Line>,
    scales: Vec<Scales>,
}

/// Lines a block has: whole sums, so that kernels need no remainder.
fn lines_per_block(dim: usize) -> usize {
    dim.div_ceil(LINE_DIMS * LINES_PER_SUM) * LINES_PER_SUM
}

impl Codes {
    pub(super) fn new(dim: usize) -> Self {
        Self { dim, lines: Vec::new(), scales: Vec::new() }
    }

    pub(super) fn reserve(&mut self, vectors: usize) {
        let blocks = vectors.div_ceil(LANES).saturating_sub(self.scales.len());
        self.lines.reserve(blocks * lines_per_block(self.dim));
        self.scales.reserve(blocks);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.lines.capacity() * size_of::<Line>() + self.scales.capacity() * size_of::<Scales>()
    }

    /// Number of blocks.
    pub(super) fn blocks(&self) -> usize {
        self.scales.len()
    }

    /// One block.
    #[inline(always)]
    pub(super) fn block(&self, n: usize) -> (&[Line], &Scales) {
        let per_block = lines_per_block(self.dim);
        let lines = &self.lines[n * per_block..(n + 1) * per_block];
        (lines, &self.scales[n])
    }

    /// Encodes a vector into a slot: one in use, or the first free one.
    pub(super) fn set(&mut self, slot: usize, vector: &[f32]) {
        if slot / LANES == self.scales.len() {
            let lines = self.lines.len() + lines_per_block(self.dim);
            self.lines.resize(lines, Line([0; 64]));
            self.scales.push(Scales { step: [0.0; LANES], rest: [f32::NEG_INFINITY; LANES] });
        }
        let best = STEPS
            .iter()
            .map(|step| Quantizer::fit(vector, *step))
            .min_by(|a, b| a.rest.total_cmp(&b.rest))
            .expect("there are steps to choose from");
        let (block, lane) = (slot / LANES, slot % LANES);
        self.scales[block].step[lane] = best.step;
        self.scales[block].rest[lane] = best.rest;
        for (line, values) in self.block_mut(block).iter_mut().zip(vector.chunks(LINE_DIMS)) {
            let bytes = &mut line.0[lane * 4..lane * 4 + 4];
            bytes.fill(0);
            for (n, &x) in values.iter().enumerate() {
                bytes[n % 4] |= best.code(x) << (4 * (n / 4));
            }
        }
    }

    /// Copies one slot over another.
    pub(super) fn copy(&mut self, from: usize, to: usize) {
        let per_block = lines_per_block(self.dim);
        for n in 0..per_block {
            let source = self.lines[from / LANES * per_block + n].0;
            let bytes = &source[from % LANES * 4..from % LANES * 4 + 4];
            let target = &mut self.lines[to / LANES * per_block + n].0;
            target[to % LANES * 4..to % LANES * 4 + 4].copy_from_slice(bytes);
        }
        let source = self.scales[from / LANES];
        let target = &mut self.scales[to / LANES];
        target.step[to % LANES] = source.step[from % LANES];
        target.rest[to % LANES] = source.rest[from % LANES];
    }

    /// Empties the last slot in use, and drops its block if that is then empty.
    pub(super) fn clear(&mut self, slot: usize) {
        let (block, lane) = (slot / LANES, slot % LANES);
        for line in self.block_mut(block) {
            line.0[lane * 4..lane * 4 + 4].fill(0);
        }
        self.scales[block].step[lane] = 0.0;
        self.scales[block].rest[lane] = f32::NEG_INFINITY;
        if lane == 0 {
            self.scales.truncate(block);
            self.lines.truncate(block * lines_per_block(self.dim));
        }
    }

    fn block_mut(&mut self, block: usize) -> &mut [Line] {
        let per_block = lines_per_block(self.dim);
        &mut self.lines[block * per_block..(block + 1) * per_block]
    }
}

/// A uniform 16-level quantizer of one vector.
struct Quantizer {
    inverse: f32,
    /// The step that brings the code nearest to the vector.
    step: f32,
    /// Distance of the vector from its code.
    rest: f32,
}

impl Quantizer {
    fn fit(vector: &[f32], step_in_rms: f32) -> Self {
        let rms = (norm(vector) / (vector.len() as f64).sqrt()) as f32;
        let mut quantizer = Self { inverse: 1.0 / (rms * step_in_rms), step: 0.0, rest: 0.0 };
        let level = |q: &Self, x: f32| f64::from(f32::from(q.code(x)) - MIDDLE);
        let (mut dot, mut square) = (0.0, 0.0);
        for &x in vector {
            let level = level(&quantizer, x);
            dot += f64::from(x) * level;
            square += level * level;
        }
        // No level is 0, so the square is not.
        quantizer.step = (dot / square) as f32;
        let step = f64::from(quantizer.step);
        let rest = vector.iter().map(|&x| (f64::from(x) - step * level(&quantizer, x)).powi(2));
        quantizer.rest = rest.sum::<f64>().sqrt() as f32;
        quantizer
    }

    /// The level of a value, 0 to 15.
    fn code(&self, x: f32) -> u8 {
        (x * self.inverse + MIDDLE).round().clamp(0.0, MAX_CODE) as u8
    }
}

/// A query in 8 bits, laid out as the kernels read it.
#[derive(Debug, Clone, Default)]
pub(super) struct QueryCode {
    /// For each line: the 4 bytes that meet its low halves, and those that meet its high halves.
    pub(super) lines: Vec<[i32; 2]>,
    /// The same codes in order, for the 8-bit codes of vectors.
    pub(super) fine: Vec<i8>,
    /// Value of one step of the query's code.
    pub(super) step: f32,
    /// What the middle of the vectors' codes adds to every sum, in steps times values.
    pub(super) offset: f32,
    /// Norm of the query.
    pub(super) norm: f32,
    /// How far an estimate can be off besides the vector's own rest: what the query's code leaves
    /// out, and rounding.
    pub(super) slack: f32,
}

impl QueryCode {
    /// Encodes a unit vector.
    pub(super) fn set(&mut self, query: &[f32]) {
        /// Rounding of `f32` sums over at most 1,024 terms of unit vectors, generously.
        const ROUNDING: f32 = 1e-4;
        /// How long the code of a unit vector can be: longer than it by half an 8-bit step a value.
        const LONGEST: f32 = 1.2;
        self.fine.clear();
        self.fine.resize(padded(query.len()), 0);
        let (step, rest) = encode(query, |at, code| self.fine[at] = code);
        self.lines.clear();
        self.lines.resize(lines_per_block(query.len()), [0, 0]);
        for (line, codes) in self.lines.iter_mut().zip(self.fine.chunks(LINE_DIMS)) {
            let mut bytes = [[0u8; 4]; 2];
            for (n, &code) in codes.iter().enumerate() {
                bytes[n / 4][n % 4] = code as u8;
            }
            *line = bytes.map(i32::from_le_bytes);
        }
        let sum: i32 = self.fine.iter().map(|&code| i32::from(code)).sum();
        self.step = step;
        self.offset = MIDDLE * sum as f32 * step;
        self.norm = norm(query) as f32;
        self.slack = rest * LONGEST + ROUNDING;
    }
}
