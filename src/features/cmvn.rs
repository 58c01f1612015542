//! Mean subtraction over a recording.

/// Subtracts from each of the `dim` columns of `features` (`frames × dim`, row-major) its mean.
/// `means` is scratch, resized to `dim`. Sums run in `f64`. What is left of an incomplete last row
/// stays as it is; `dim` 0 does nothing.
pub fn subtract_mean(features: &mut [f32], dim: usize, means: &mut Vec<f64>) {
    means.clear();
    means.resize(dim, 0.0);
    if dim == 0 || features.len() < dim {
        return;
    }
    let frames = features.len() / dim;
    for row in features.chunks_exact(dim) {
        for (mean, &x) in means.iter_mut().zip(row) {
            *mean += f64::from(x);
        }
    }
    for mean in means.iter_mut() {
        *mean /= frames as f64;
    }
    for row in features.chunks_exact_mut(dim) {
        for (x, &mean) in row.iter_mut().zip(&*means) {
            *x = (f64::from(*x) - mean) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_no_mean_afterwards() {
        let mut features = vec![1.0, 10.0, 2.0, 20.0, 6.0, 60.0];
        subtract_mean(&mut features, 2, &mut Vec::new());
        assert_eq!(features, [-2.0, -20.0, -1.0, -10.0, 3.0, 30.0]);
    }

    #[test]
    fn empty_input_and_no_columns_are_left_alone() {
        subtract_mean(&mut [], 80, &mut Vec::new());
        let mut one = [5.0];
        subtract_mean(&mut one, 0, &mut Vec::new());
        assert_eq!(one, [5.0]);
    }
}
