//! Vector arithmetic on embeddings, written so that the compiler can use SIMD lanes.

/// Independent accumulators of [`dot`]; a multiple of common SIMD widths.
const LANES: usize = 16;

/// Inner product of two vectors of equal length (the shorter one decides).
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut sums = [0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + tail
}

/// Scales to Euclidean length 1; `false` (and unchanged) for a zero or non-finite vector.
pub fn normalize(vector: &mut [f32]) -> bool {
    let length = dot(vector, vector).sqrt();
    if !length.is_finite() || length <= f32::MIN_POSITIVE {
        return false;
    }
    vector.iter_mut().for_each(|x| *x /= length);
    true
}

/// `sum += weight · vector`.
pub fn add_scaled(sum: &mut [f32], weight: f32, vector: &[f32]) {
    for (s, v) in sum.iter_mut().zip(vector) {
        *s += weight * v;
    }
}

/// Cosine of the angle between two vectors, in `-1..=1`; `None` when either has no direction or
/// the lengths differ.
pub fn cosine(a: &[f32], b: &[f32]) -> Option<f64> {
    let norms = (dot(a, a) as f64).sqrt() * (dot(b, b) as f64).sqrt();
    let usable = a.len() == b.len() && norms.is_finite() && norms > 0.0;
    usable.then(|| (dot(a, b) as f64 / norms).clamp(-1.0, 1.0))
}

/// Arithmetic mean of vectors of equal length; `None` without vectors or with differing lengths.
pub fn mean<'a>(vectors: impl IntoIterator<Item = &'a [f32]>) -> Option<Vec<f32>> {
    let mut vectors = vectors.into_iter();
    let mut sum = vectors.next()?.to_vec();
    let mut count = 1f32;
    for vector in vectors {
        if vector.len() != sum.len() {
            return None;
        }
        add_scaled(&mut sum, 1.0, vector);
        count += 1.0;
    }
    sum.iter_mut().for_each(|x| *x /= count);
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_equals_the_plain_sum() {
        for n in [0usize, 1, 15, 16, 17, 192] {
            let a: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).sin()).collect();
            let b: Vec<f32> = (0..n).map(|i| (i as f32 * 0.3).cos()).collect();
            let plain: f64 = a.iter().zip(&b).map(|(x, y)| (x * y) as f64).sum();
            assert!((dot(&a, &b) as f64 - plain).abs() < 1e-4, "n = {n}");
        }
    }

    #[test]
    fn cosine_has_closed_forms() {
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 3.0]), Some(0.0));
        let diagonal = cosine(&[1.0, 0.0], &[2.0, 2.0]).unwrap();
        assert!((diagonal - 0.5f64.sqrt()).abs() < 1e-6);
        let opposite = cosine(&[1.0, 2.0], &[-1.0, -2.0]).unwrap();
        assert!((opposite + 1.0).abs() < 1e-6);
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 0.0]), None);
        assert_eq!(cosine(&[1.0], &[1.0, 0.0]), None);
        assert_eq!(cosine(&[f32::NAN], &[1.0]), None);
    }

    #[test]
    fn normalize_refuses_what_has_no_direction() {
        let mut v = [3.0, 4.0];
        assert!(normalize(&mut v));
        assert!((v[0] - 0.6).abs() < 1e-7 && (v[1] - 0.8).abs() < 1e-7);
        assert!(!normalize(&mut [0.0, 0.0]));
        assert!(!normalize(&mut [f32::INFINITY, 1.0]));
    }

    #[test]
    fn mean_is_the_average() {
        let m = mean([&[1.0f32, 2.0][..], &[3.0, 6.0][..]]).unwrap();
        assert_eq!(m, [2.0, 4.0]);
        assert!(mean([&[1.0f32][..], &[1.0, 2.0][..]]).is_none());
    }
}
