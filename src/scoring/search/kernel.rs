//! Integer sums of a block of codes with the widest registers there are, and exact scalar products.

use pulp::{Arch, Scalar, Simd, WithSimd};

use super::code::{LANES, LINES_PER_SUM, Line};

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
pub(super) fn dot_inline(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    let mut lanes = [0.0f32; 32];
    for (x, y) in a.iter().zip(b) {
        lanes = std::array::from_fn(|n| lanes[n] + x[n] * y[n]);
    }
    if !a_rest.is_empty() {
        // Apart, so that the lanes above stay in registers.
        let (mut x, mut y) = ([0.0f32; 32], [0.0f32; 32]);
        x.iter_mut().zip(a_rest).for_each(|(x, a)| *x = *a);
        y.iter_mut().zip(b_rest).for_each(|(y, b)| *y = *b);
        lanes = std::array::from_fn(|n| lanes[n] + x[n] * y[n]);
    }
    let [sum] = halve(halve::<4, 2>(halve::<8, 4>(halve::<16, 8>(halve::<32, 16>(lanes)))));
    sum
}

/// Adds the upper half of the lanes to the lower.
#[inline(always)]
fn halve<const N: usize, const H: usize>(lanes: [f32; N]) -> [f32; H] {
    std::array::from_fn(|n| lanes[n] + lanes[n + H])
}

/// Integer sums of a block: for each of its 16 vectors, codes times the query's codes.
pub(super) trait Kernel: Copy {
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
