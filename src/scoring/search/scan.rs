//! The search: estimates for a block at a time; what may be among the best is compared in full.

use pulp::{Arch, Scalar, Simd, WithSimd};

use super::code::{Codes, LANES, Line, QueryCode, Scale};
use super::kernel::{Kernel, dot_inline};
use super::top::Top;

/// Vectors that wait for full comparison: enough that their reads from memory overlap.
const PENDING: usize = 32;
/// Vectors put off until the threshold is better known, before they are looked at all the same.
const DEFERRED: usize = 1 << 16;
/// Places in memory read in turn: one stream of reads alone leaves the memory idle half the time.
const STREAMS: usize = 4;

/// A slot and what its cosine does not exceed but rarely.
pub(super) type Deferred = (u32, f32);

/// One search over all codes.
pub(super) struct Scan<'a, K> {
    pub(super) codes: &'a Codes,
    pub(super) rows: &'a [f32],
    pub(super) keys: &'a [K],
    pub(super) query: &'a [f32],
    pub(super) query_code: &'a QueryCode,
    /// Scratch, empty.
    pub(super) deferred: &'a mut Vec<Deferred>,
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

/// Compares with every vector in full.
pub(super) fn scan_in_full<K: Ord>(arch: Arch, scan: Scan<'_, K>) {
    arch.dispatch(InFull(scan));
}

struct InFull<'a, K>(Scan<'a, K>);

impl<K: Ord> WithSimd for InFull<'_, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self(mut scan) = self;
        for slot in 0..scan.keys.len() {
            scan.compare(slot as u32);
        }
    }
}

struct Run<'a, T, K>(T, Scan<'a, K>);

impl<T: Kernel, K: Ord> WithSimd for Run<'_, T, K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self(kernel, mut scan) = self;
        let mut pending = [0u32; PENDING + LANES];
        let mut waiting = 0;
        let mut threshold = f32::NEG_INFINITY;
        let (lines, per_block) = scan.codes.lines();
        let blocks = lines.len() / per_block;
        let stride = blocks.div_ceil(STREAMS);
        for turn in 0..stride {
            for n in (turn..blocks).step_by(stride) {
                let (scales, codes) = lines[n * per_block..(n + 1) * per_block]
                    .split_last()
                    .expect("a block has a line of scales");
                let sums = kernel.sums(codes, &scan.query_code.lines);
                let (estimates, bounds) = estimates(sums, scales, scan.query_code);
                if !bounds.iter().fold(false, |any, b| any | (*b >= threshold)) {
                    continue;
                }
                for (lane, (&estimate, &bound)) in estimates.iter().zip(&bounds).enumerate() {
                    let slot = (n * LANES + lane) as u32;
                    if bound < threshold || slot as usize >= scan.keys.len() {
                        continue;
                    }
                    // Those that look better than the threshold will raise it; for the rest it
                    // pays to wait until it is high.
                    if estimate >= threshold {
                        pending[waiting] = slot;
                        waiting += 1;
                    } else {
                        scan.deferred.push((slot, bound));
                    }
                }
                if waiting >= PENDING {
                    pending[..waiting].iter().for_each(|&slot| scan.compare(slot));
                    waiting = 0;
                    threshold = scan.top.threshold();
                }
                if scan.deferred.len() >= DEFERRED {
                    scan.settle();
                    threshold = scan.top.threshold();
                }
            }
        }
        pending[..waiting].iter().for_each(|&slot| scan.compare(slot));
        scan.settle();
    }
}

/// Estimates of the 16 cosines of a block, and what they do not exceed but rarely.
#[inline(always)]
fn estimates(sums: [i32; LANES], scales: &Line, query: &QueryCode) -> ([f32; LANES], [f32; LANES]) {
    let (mut estimates, mut bounds) = ([0.0f32; LANES], [0.0f32; LANES]);
    let scales = scales.0.as_chunks::<4>().0;
    let to = estimates.iter_mut().zip(&mut bounds);
    for ((estimate, bound), (sum, scale)) in to.zip(sums.into_iter().zip(scales)) {
        (*estimate, *bound) = query.estimate(sum, Scale::from_bytes(*scale));
    }
    (estimates, bounds)
}

impl<K: Ord> Scan<'_, K> {
    #[inline(always)]
    fn compare(&mut self, slot: u32) {
        let dim = self.query.len();
        let start = slot as usize * dim;
        let score = dot_inline(self.query, &self.rows[start..start + dim]);
        self.top.offer(score, slot, self.keys);
    }

    /// Compares those put off that may still be among the best.
    #[inline(always)]
    fn settle(&mut self) {
        let deferred = std::mem::take(self.deferred);
        for &(slot, bound) in &deferred {
            if bound >= self.top.threshold() {
                self.compare(slot);
            }
        }
        *self.deferred = deferred;
        self.deferred.clear();
    }
}

/// Estimate and bound of the first vector's cosine.
#[cfg(test)]
pub(super) fn first_estimate(codes: &Codes, query: &QueryCode) -> (f32, f32) {
    let (lines, per_block) = codes.lines();
    let (scales, lines) = lines[..per_block].split_last().expect("a block has a line of scales");
    let (estimates, bounds) = estimates(Scalar.sums(lines, &query.lines), scales, query);
    (estimates[0], bounds[0])
}
