//! The scan: bounds for a block at a time, full comparison of the few that reach the threshold.

use pulp::{Arch, Scalar, Simd, WithSimd};

use super::code::{Codes, LANES, LINES_PER_SUM, Line, QueryCode, Scales};
use super::fine::FineCodes;
use super::top::Top;

/// Vectors that wait for full comparison: enough that their reads from memory overlap.
const PENDING: usize = 64;

/// Places in memory read in turn: one stream of reads alone leaves the memory idle half the time.
const STREAMS: usize = 4;

/// One search over all codes.
pub(super) struct Scan<'a, K> {
    pub(super) codes: &'a Codes,
    pub(super) fine: &'a FineCodes,
    pub(super) rows: &'a [f32],
    pub(super) keys: &'a [K],
    pub(super) query: &'a [f32],
    pub(super) query_code: &'a QueryCode,
    pub(super) top: &'a mut Top,
}

/// Runs a search with the widest registers there are.
pub(super) fn scan<K: Ord>(arch: Arch, scan: Scan<'_, K>) {
    match arch {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(simd) => Simd::vectorize(simd, Run(simd, scan)),
        #[cfg(target_arch = "x86_64")]
        Arch::V3(simd) => Simd::vectorize(simd, Run(simd, scan)),
        other => other.dispatch(Run(Scalar, scan)),
    }
}

/// Scalar product, the same bits on every machine: fixed lanes, no fused operations.
pub(super) fn dot(arch: Arch, a: &[f32], b: &[f32]) -> f32 {
    arch.dispatch(Dot(a, b))
}

struct Dot<'a>(&'a [f32], &'a [f32]);

impl WithSimd for Dot<'_> {
    type Output = f32;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        dot_inline(self.0, self.1)
    }
}

#[inline(always)]
fn dot_inline(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 32];
    let (a32, b32) = (a.chunks_exact(32), b.chunks_exact(32));
    let rest = a32.remainder().iter().zip(b32.remainder());
    for (x, y) in a32.zip(b32) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    for (lane, (x, y)) in lanes.iter_mut().zip(rest) {
        *lane += x * y;
    }
    let mut width = 16;
    while width > 0 {
        for n in 0..width {
            lanes[n] += lanes[n + width];
        }
        width /= 2;
    }
    lanes[0]
}

struct Run<'a, T, K>(T, Scan<'a, K>);

impl<T: Kernel, K: Ord> WithSimd for Run<'_, T, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self(kernel, mut scan) = self;
        let mut pending = [(0u32, 0.0f32); PENDING + LANES];
        let mut waiting = 0;
        let mut threshold = f32::NEG_INFINITY;
        let blocks = scan.codes.blocks();
        let stride = blocks.div_ceil(STREAMS);
        let order = (0..stride).flat_map(|n| (n..blocks).step_by(stride));
        for n in order {
            let (lines, scales) = scan.codes.block(n);
            let sums = kernel.sums(lines, &scan.query_code.lines);
            let bounds = bounds(sums, scales, scan.query_code);
            let reached = bounds.iter().fold(false, |any, b| any | (*b >= threshold));
            if !reached {
                continue;
            }
            for (lane, &bound) in bounds.iter().enumerate() {
                // An empty lane has bound negative infinity, as has the threshold at first.
                if bound >= threshold && bound > f32::NEG_INFINITY {
                    pending[waiting] = ((n * LANES + lane) as u32, bound);
                    waiting += 1;
                }
            }
            if waiting >= PENDING {
                scan.compare(&pending[..waiting]);
                waiting = 0;
                threshold = scan.top.threshold();
            }
        }
        scan.compare(&pending[..waiting]);
    }
}

/// Upper bounds of the 16 cosines of a block.
#[inline(always)]
fn bounds(sums: [i32; LANES], scales: &Scales, query: &QueryCode) -> [f32; LANES] {
    let mut bounds = [0.0f32; LANES];
    for (n, bound) in bounds.iter_mut().enumerate() {
        let estimate = scales.step[n] * (sums[n] as f32 * query.step - query.offset);
        *bound = estimate + scales.rest[n] * query.norm + query.slack;
    }
    bounds
}

impl<K: Ord> Scan<'_, K> {
    /// Full comparison of slots whose bound reached the threshold of its time.
    #[inline(always)]
    fn compare(&mut self, pending: &[(u32, f32)]) {
        let dim = self.query.len();
        for &(slot, bound) in pending {
            if bound < self.top.threshold() {
                continue;
            }
            if self.fine.bound(slot as usize, self.query_code) < self.top.threshold() {
                continue;
            }
            let start = slot as usize * dim;
            let score = dot_inline(self.query, &self.rows[start..start + dim]);
            self.top.offer(score, slot, self.keys);
        }
    }
}

/// Integer sums of a block: for each of its 16 vectors, codes times the query's codes.
trait Kernel: Copy {
    fn sums(self, lines: &[Line], query: &[[i32; 2]]) -> [i32; LANES];
}

impl Kernel for Scalar {
    #[inline(always)]
    fn sums(self, lines: &[Line], query: &[[i32; 2]]) -> [i32; LANES] {
        let mut sums = [0i32; LANES];
        for (line, query) in lines.iter().zip(query) {
            let [low, high] = query.map(i32::to_le_bytes);
            for (sum, bytes) in sums.iter_mut().zip(line.0.chunks_exact(4)) {
                for ((byte, low), high) in bytes.iter().zip(low).zip(high) {
                    *sum += i32::from(byte & 15) * i32::from(low as i8);
                    *sum += i32::from(byte >> 4) * i32::from(high as i8);
                }
            }
        }
        sums
    }
}

#[cfg(target_arch = "x86_64")]
impl Kernel for pulp::x86::V4 {
    #[inline(always)]
    fn sums(self, lines: &[Line], query: &[[i32; 2]]) -> [i32; LANES] {
        let (f, bw) = (self.avx512f, self.avx512bw);
        let half = f._mm512_set1_epi8(15);
        let ones = f._mm512_set1_epi16(1);
        let mut sums = f._mm512_setzero_si512();
        let groups = lines.chunks_exact(LINES_PER_SUM);
        for (lines, query) in groups.zip(query.chunks_exact(LINES_PER_SUM)) {
            let mut short = f._mm512_setzero_si512();
            for (line, query) in lines.iter().zip(query) {
                let codes = pulp::cast(line.0);
                let low = f._mm512_and_si512(codes, half);
                let high = f._mm512_and_si512(bw._mm512_srli_epi16::<4>(codes), half);
                let low = bw._mm512_maddubs_epi16(low, f._mm512_set1_epi32(query[0]));
                let high = bw._mm512_maddubs_epi16(high, f._mm512_set1_epi32(query[1]));
                short = bw._mm512_add_epi16(short, bw._mm512_add_epi16(low, high));
            }
            sums = f._mm512_add_epi32(sums, bw._mm512_madd_epi16(short, ones));
        }
        pulp::cast(sums)
    }
}

#[cfg(target_arch = "x86_64")]
impl Kernel for pulp::x86::V3 {
    #[inline(always)]
    fn sums(self, lines: &[Line], query: &[[i32; 2]]) -> [i32; LANES] {
        let (avx, avx2) = (self.avx, self.avx2);
        let half = avx._mm256_set1_epi8(15);
        let ones = avx._mm256_set1_epi16(1);
        let mut sums = [avx._mm256_setzero_si256(); 2];
        let groups = lines.chunks_exact(LINES_PER_SUM);
        for (lines, query) in groups.zip(query.chunks_exact(LINES_PER_SUM)) {
            let mut short = [avx._mm256_setzero_si256(); 2];
            for (line, query) in lines.iter().zip(query) {
                let codes: [[u8; 32]; 2] = pulp::cast(line.0);
                let query = query.map(|bytes| avx._mm256_set1_epi32(bytes));
                for (short, codes) in short.iter_mut().zip(codes) {
                    let codes = pulp::cast(codes);
                    let low = avx2._mm256_and_si256(codes, half);
                    let high = avx2._mm256_and_si256(avx2._mm256_srli_epi16::<4>(codes), half);
                    let low = avx2._mm256_maddubs_epi16(low, query[0]);
                    let high = avx2._mm256_maddubs_epi16(high, query[1]);
                    *short = avx2._mm256_add_epi16(*short, avx2._mm256_add_epi16(low, high));
                }
            }
            for (sum, short) in sums.iter_mut().zip(short) {
                *sum = avx2._mm256_add_epi32(*sum, avx2._mm256_madd_epi16(short, ones));
            }
        }
        pulp::cast(sums)
    }
}

/// Upper bound of the first vector's cosine.
#[cfg(test)]
pub(super) fn coarse_bound(codes: &Codes, query: &QueryCode) -> f32 {
    let (lines, scales) = codes.block(0);
    bounds(Scalar.sums(lines, &query.lines), scales, query)[0]
}
