//! Four-bit codes of rotated vectors, and eight-bit codes of rotated queries.
//!
//! A code estimates a cosine without bias and with a known deviation, as in `RaBitQ` (Gao and Long,
//! SIGMOD 2024). Let `v` and `q` be unit vectors and `w` the code of `v`, scaled so that `w · v = 1`.
//! Then `w · q` is `v · q` plus the product of `q` with the part of `w` that is orthogonal to `v`. A
//! random rotation turns that part into a random direction, so that the product has mean 0 and, in `d`
//! dimensions, a deviation of at most the part's length over `sqrt(d - 1)`.

use super::norm;

/// Vectors in a block: the 32-bit lanes of a 512-bit register.
pub(super) const LANES: usize = 16;
/// Values that one line holds of each vector of its block.
const LINE_DIMS: usize = 8;
/// Lines whose sums fit 16 bits: each adds at most `2 × 2 × 15 × 127 = 7620` to a sum.
pub(super) const LINES_PER_SUM: usize = 4;
/// Codes stand for `gain × (code - MIDDLE)`.
const MIDDLE: f32 = 7.5;
/// Largest code.
const MAX_CODE: f32 = 15.0;
/// Largest code of a query.
const MAX_QUERY_CODE: f32 = 127.0;
/// Candidate steps between codes, in units of the vector's root mean square. 0.335 is best for a
/// Gaussian (Max, 1960); the others serve the scatter of single vectors.
const STEPS: [f32; 5] = [0.27, 0.31, 0.335, 0.37, 0.43];
/// How far an estimate may be off, in deviations, for its vector still to be looked at. Of a Gaussian
/// 1e-9 lies beyond, of a direction on a sphere less.
const DEVIATIONS: f64 = 6.0;
/// How far rounding a gain to 12 bits may move an estimate of a cosine, and how far rounding sums of at
/// most 1,024 terms in `f32`, generously.
const ROUNDING: f32 = 3e-4;

/// 64 bytes: of each of 16 vectors in turn 4 bytes, whose low halves are the codes of 4 values and
/// whose high halves are those of the next 4; in the last line of a block a [`Scale`] each.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line(pub(super) [u8; 64]);

/// What turns the integer sum of a vector into an estimate, in 32 bits so that it travels with the
/// codes: an `f32` without its last 12 bits, and in their place a length in steps of 1/2048.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scale(u32);

impl Scale {
    /// Bits of the length.
    const AWAY_BITS: u32 = 0xfff;
    /// Its steps in a unit.
    const AWAY_STEPS: f32 = 2_048.0;

    /// The gain to the nearest, the length rounded up.
    fn new(gain: f32, away: f32) -> Self {
        let gain = gain.to_bits() + (Self::AWAY_BITS >> 1);
        let away = (away * Self::AWAY_STEPS).ceil() as u32;
        Self(gain & !Self::AWAY_BITS | away.min(Self::AWAY_BITS))
    }

    pub(super) fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(bytes))
    }

    /// Value of one code step.
    #[inline(always)]
    fn gain(self) -> f32 {
        f32::from_bits(self.0 & !Self::AWAY_BITS)
    }

    /// Length of the part of the code that is orthogonal to the vector; infinite for one too long to
    /// be written.
    #[inline(always)]
    fn away(self) -> f32 {
        let steps = self.0 & Self::AWAY_BITS;
        if steps == Self::AWAY_BITS { f32::INFINITY } else { steps as f32 / Self::AWAY_STEPS }
    }
}

/// The codes of all vectors, by blocks of [`LANES`].
#[derive(Debug, Clone)]
pub(super) struct Codes {
    dim: usize,
    lines: Vec<Line>,
}

/// Lines with codes in a block: whole sums, so that kernels need no remainder.
fn code_lines(dim: usize) -> usize {
    dim.div_ceil(LINE_DIMS * LINES_PER_SUM) * LINES_PER_SUM
}

impl Codes {
    pub(super) fn new(dim: usize) -> Self {
        Self { dim, lines: Vec::new() }
    }

    fn per_block(&self) -> usize {
        code_lines(self.dim) + 1
    }

    pub(super) fn reserve(&mut self, vectors: usize) {
        let lines = vectors.div_ceil(LANES) * self.per_block();
        self.lines.reserve(lines.saturating_sub(self.lines.len()));
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.lines.capacity() * size_of::<Line>()
    }

    /// All lines, and how many a block has: those with codes and one with scales.
    #[inline(always)]
    pub(super) fn lines(&self) -> (&[Line], usize) {
        (&self.lines, self.per_block())
    }

    /// Encodes a rotated vector into a slot: one in use, or the first free one.
    pub(super) fn set(&mut self, slot: usize, rotated: &[f32]) {
        if slot / LANES == self.lines.len() / self.per_block() {
            let lines = self.lines.len() + self.per_block();
            self.lines.resize(lines, Line([0; 64]));
        }
        let best = STEPS
            .iter()
            .map(|step| Quantizer::fit(rotated, *step))
            .min_by(|a, b| a.away.total_cmp(&b.away))
            .expect("there are steps to choose from");
        let lane = slot % LANES;
        let block = self.block_mut(slot / LANES);
        let (scales, codes) = block.split_last_mut().expect("a block has a line of scales");
        let scale = Scale::new(best.gain, best.away).0.to_le_bytes();
        scales.0[lane * 4..lane * 4 + 4].copy_from_slice(&scale);
        for (line, values) in codes.iter_mut().zip(rotated.chunks(LINE_DIMS)) {
            let bytes = &mut line.0[lane * 4..lane * 4 + 4];
            bytes.fill(0);
            for (n, &x) in values.iter().enumerate() {
                bytes[n % 4] |= best.code(x) << (4 * (n / 4));
            }
        }
    }

    /// Copies one slot over another.
    pub(super) fn copy(&mut self, from: usize, to: usize) {
        for n in 0..self.per_block() {
            let source = self.lines[from / LANES * self.per_block() + n].0;
            let bytes = &source[from % LANES * 4..from % LANES * 4 + 4];
            let target = to / LANES * self.per_block() + n;
            self.lines[target].0[to % LANES * 4..to % LANES * 4 + 4].copy_from_slice(bytes);
        }
    }

    /// Empties the last slot in use, and drops its block if that is then empty.
    pub(super) fn clear(&mut self, slot: usize) {
        let (block, lane) = (slot / LANES, slot % LANES);
        for line in self.block_mut(block) {
            line.0[lane * 4..lane * 4 + 4].fill(0);
        }
        if lane == 0 {
            self.lines.truncate(block * self.per_block());
        }
    }

    fn block_mut(&mut self, block: usize) -> &mut [Line] {
        let per_block = self.per_block();
        &mut self.lines[block * per_block..(block + 1) * per_block]
    }
}

/// A uniform 16-level quantizer of one vector.
struct Quantizer {
    inverse: f32,
    /// The step for which the code's product with the vector is the vector's with itself.
    gain: f32,
    /// Length of the part of the code that is orthogonal to the vector.
    away: f32,
}

impl Quantizer {
    fn fit(vector: &[f32], step_in_rms: f32) -> Self {
        let length = norm(vector);
        let rms = (length / (vector.len() as f64).sqrt()) as f32;
        let mut quantizer = Self { inverse: 1.0 / (rms * step_in_rms), gain: 0.0, away: 0.0 };
        let (mut dot, mut square) = (0.0, 0.0);
        for &x in vector {
            let level = f64::from(f32::from(quantizer.code(x)) - MIDDLE);
            dot += f64::from(x) * level;
            square += level * level;
        }
        // Levels have the signs of their values and are not 0, so the product is not, either.
        let gain = length * length / dot;
        quantizer.gain = gain as f32;
        quantizer.away = (square * gain * gain - length * length).max(0.0).sqrt() as f32;
        quantizer
    }

    /// The level of a value, 0 to 15.
    fn code(&self, x: f32) -> u8 {
        (x * self.inverse + MIDDLE).round().clamp(0.0, MAX_CODE) as u8
    }
}

/// A rotated query in 8 bits, laid out as the kernels read it.
#[derive(Debug, Clone, Default)]
pub(super) struct QueryCode {
    /// For each line the 4 bytes that meet its low halves, and those that meet its high halves.
    pub(super) lines: Vec<[i32; 2]>,
    codes: Vec<i8>,
    step: f32,
    /// What codes that stand for 0 add to a sum.
    offset: f32,
    /// How far an estimate may be off, for each unit of what its code is away from its vector.
    reach: f32,
    /// How far it may be off besides.
    slack: f32,
}

impl QueryCode {
    /// Encodes a rotated unit vector.
    pub(super) fn set(&mut self, rotated: &[f32]) {
        self.codes.clear();
        self.codes.resize(code_lines(rotated.len()) * LINE_DIMS, 0);
        let (step, rest) = self.encode(rotated);
        self.lines.clear();
        for codes in self.codes.as_chunks::<LINE_DIMS>().0 {
            let mut bytes = [[0u8; 4]; 2];
            for (n, &code) in codes.iter().enumerate() {
                bytes[n / 4][n % 4] = code as u8;
            }
            self.lines.push(bytes.map(i32::from_le_bytes));
        }
        let sum: i32 = self.codes.iter().map(|&code| i32::from(code)).sum();
        self.step = step;
        self.offset = MIDDLE * sum as f32 * step;
        // In few dimensions the length itself is the better bound.
        let sphere = ((rotated.len() - 1) as f64).sqrt();
        let deviations = (DEVIATIONS / sphere).min(1.0) as f32;
        // What the query's own code leaves out meets both parts of a vector's.
        self.reach = deviations * norm(rotated) as f32 + rest;
        self.slack = rest + ROUNDING;
    }

    /// The codes of a vector that is not zero; the value of a step and the norm of what they leave out.
    fn encode(&mut self, vector: &[f32]) -> (f32, f32) {
        let step = vector.iter().fold(0.0f32, |max, x| max.max(x.abs())) / MAX_QUERY_CODE;
        let mut rest = 0.0;
        for (code, &x) in self.codes.iter_mut().zip(vector) {
            let level = (x / step).round().clamp(-MAX_QUERY_CODE, MAX_QUERY_CODE);
            *code = level as i8;
            rest += (f64::from(x) - f64::from(level) * f64::from(step)).powi(2);
        }
        (step, rest.sqrt() as f32)
    }

    /// Estimate of a cosine from an integer sum, and what it does not exceed but rarely.
    #[inline(always)]
    pub(super) fn estimate(&self, sum: i32, scale: Scale) -> (f32, f32) {
        let estimate = scale.gain() * (sum as f32 * self.step - self.offset);
        (estimate, estimate + (scale.away() * self.reach + self.slack))
    }
}
