//! What strangers score: the best of a cohort against one side, so that a side that is like many people is
//! believed less (adaptive symmetric normalization: Cumani et al., Interspeech 2011; Matějka et al., Interspeech
//! 2017; here a shift only).

use crate::scoring::plda::Plda;

/// Variance of a cohort speaker's values: they are means of a few recordings.
const VARIANCE: f64 = 1.0;

/// Independent accumulators, as in [`crate::scoring::vector::dot`].
const LANES: usize = 16;

/// Mean score of the `k` best of a cohort (row-major `speakers × dim`) against values of a variance.
pub(super) fn mean_of_best(
    plda: &Plda,
    cohort: &[f32],
    k: usize,
    (values, variance): (&[f32], f64),
) -> f64 {
    // The score is a constant, plus linear and square terms of the cohort's values.
    let (mut linear, mut square) =
        (Vec::with_capacity(values.len()), Vec::with_capacity(values.len()));
    for (between, x) in plda.between.iter().zip(values) {
        let (between, x) = (f64::from(*between), f64::from(*x));
        let (p, q) = (between + variance, between + VARIANCE);
        let determinant = p * q - between * between;
        linear.push((between * x / determinant) as f32);
        square.push((0.5 * (1.0 / q - p / determinant)) as f32);
    }
    let origin = vec![0f32; values.len()];
    let constant = plda.llr((values, variance), (&origin, VARIANCE));
    let mut scores: Vec<f32> = cohort
        .chunks_exact(values.len().max(1))
        .map(|row| polynomial(row, &linear, &square))
        .collect();
    let k = k.min(scores.len());
    if k < scores.len() {
        scores.select_nth_unstable_by(k, |a, b| b.total_cmp(a));
    }
    constant + scores[..k].iter().map(|s| f64::from(*s)).sum::<f64>() / k.max(1) as f64
}

/// Sum of `x (linear + square x)`.
fn polynomial(row: &[f32], linear: &[f32], square: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    let chunks =
        row.chunks_exact(LANES).zip(linear.chunks_exact(LANES).zip(square.chunks_exact(LANES)));
    for (x, (l, s)) in chunks {
        for lane in 0..LANES {
            sums[lane] += x[lane] * (l[lane] + s[lane] * x[lane]);
        }
    }
    let rest = row.len() - row.len() % LANES;
    let tail = row[rest..].iter().zip(linear[rest..].iter().zip(&square[rest..]));
    sums.iter().sum::<f32>() + tail.map(|(x, (l, s))| x * (l + s * x)).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::backend::testing::wave;

    #[test]
    fn agrees_with_the_scores_one_by_one() {
        let dim = 21;
        let plda = Plda {
            mean: vec![0.0; dim],
            projection: vec![0.0; dim * dim],
            between: (1..=dim).map(|i| 5.0 / i as f32).collect(),
        };
        let cohort: Vec<f32> = (0..9).flat_map(|speaker| wave(speaker, dim)).collect();
        let side = wave(50, dim);
        let mut scores: Vec<f64> = cohort
            .chunks(dim)
            .map(|row| plda.llr((side.as_slice(), 1.7), (row, VARIANCE)))
            .collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        for k in [1, 4, 9, 20] {
            let expected = scores.iter().take(k).sum::<f64>() / k.min(9) as f64;
            let got = mean_of_best(&plda, &cohort, k, (&side, 1.7));
            assert!((got - expected).abs() < 1e-4, "{k}: {got} {expected}");
        }
    }
}
