//! Eight-bit codes, looked at where the 4-bit bound does not rule a vector out: a quarter of the
//! memory of the vector itself.

use super::code::QueryCode;
use super::norm;

/// Values of a line.
const LINE_DIMS: usize = 64;
/// Largest code.
const MAX_CODE: f32 = 127.0;

/// 64 codes of one vector.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line([i8; LINE_DIMS]);

/// Eight-bit codes of all vectors, by slot.
#[derive(Debug, Clone)]
pub(super) struct FineCodes {
    lines_per_vector: usize,
    lines: Vec<Line>,
    /// Value of a step, and norm of what the code leaves out.
    scales: Vec<[f32; 2]>,
}

impl FineCodes {
    pub(super) fn new(dim: usize) -> Self {
        Self { lines_per_vector: dim.div_ceil(LINE_DIMS), lines: Vec::new(), scales: Vec::new() }
    }

    pub(super) fn reserve(&mut self, additional: usize) {
        self.lines.reserve(additional * self.lines_per_vector);
        self.scales.reserve(additional);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.lines.capacity() * size_of::<Line>() + self.scales.capacity() * size_of::<[f32; 2]>()
    }

    /// Encodes a vector into a slot: one in use, or the first free one.
    pub(super) fn set(&mut self, slot: usize, vector: &[f32]) {
        if slot == self.scales.len() {
            let lines = self.lines.len() + self.lines_per_vector;
            self.lines.resize(lines, Line([0; LINE_DIMS]));
            self.scales.push([0.0; 2]);
        }
        let (step, rest) = encode(vector, |at, code| {
            let line = slot * self.lines_per_vector + at / LINE_DIMS;
            self.lines[line].0[at % LINE_DIMS] = code;
        });
        self.scales[slot] = [step, rest];
    }

    /// Moves the last slot over another and drops it.
    pub(super) fn swap_remove(&mut self, slot: usize) {
        let last = self.scales.len() - 1;
        let n = self.lines_per_vector;
        self.lines.copy_within(last * n..(last + 1) * n, slot * n);
        self.lines[last * n..].fill(Line([0; LINE_DIMS]));
        self.lines.truncate(last * n);
        self.scales.swap_remove(slot);
    }

    /// Upper bound of a vector's cosine with the query.
    #[inline(always)]
    pub(super) fn bound(&self, slot: usize, query: &QueryCode) -> f32 {
        let n = self.lines_per_vector;
        let mut sum = 0i32;
        let codes = self.lines[slot * n..(slot + 1) * n].iter();
        for (line, query) in codes.zip(query.fine.as_chunks::<LINE_DIMS>().0) {
            for (&a, &b) in line.0.iter().zip(query) {
                sum += i32::from(i16::from(a) * i16::from(b));
            }
        }
        let [step, rest] = self.scales[slot];
        sum as f32 * (step * query.step) + rest * query.norm + query.slack
    }
}

/// Gives each value's position and code to `put`; returns the value of a step and the norm of what
/// the codes leave out. `vector` is not zero.
pub(super) fn encode(vector: &[f32], mut put: impl FnMut(usize, i8)) -> (f32, f32) {
    let largest = vector.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    let step = largest / MAX_CODE;
    let mut rest = 0.0;
    for (at, &x) in vector.iter().enumerate() {
        let code = (x / step).round().clamp(-MAX_CODE, MAX_CODE);
        put(at, code as i8);
        rest += (f64::from(x) - f64::from(code) * f64::from(step)).powi(2);
    }
    debug_assert!(norm(vector) > 0.0);
    (step, rest.sqrt() as f32)
}

/// Bytes a query's codes are padded to.
pub(super) fn padded(dim: usize) -> usize {
    dim.next_multiple_of(LINE_DIMS)
}
