//! The leading principal components by randomized subspace iteration (Halko, Martinsson and Tropp, SIAM Review
//! 2011): a few products with a thin matrix instead of a decomposition of the whole.

use nalgebra::DMatrix;

/// Columns beyond those wanted, which make the last wanted ones exact enough.
const OVERSAMPLING: usize = 16;
/// Rounds of iteration; each makes the spectrum fall steeper by two powers.
const ROUNDS: usize = 3;

/// `values.ncols() × count` orthonormal columns that span the directions of largest second moment. The values
/// are standardized, so their mean is near zero; what is left of it the model centers.
pub(super) fn principal(values: &DMatrix<f32>, count: usize) -> DMatrix<f32> {
    let width = (count + OVERSAMPLING).min(values.ncols()).min(values.nrows());
    if width == 0 {
        return DMatrix::zeros(values.ncols(), 0);
    }
    let mut basis = start(values.ncols(), width).qr().q();
    for _ in 0..ROUNDS {
        let image = values * &basis;
        basis = values.tr_mul(&image).qr().q();
    }
    let image = values * &basis;
    let found = nalgebra::SymmetricEigen::new(image.tr_mul(&image));
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|a, b| found.eigenvalues[*b].total_cmp(&found.eigenvalues[*a]));
    let columns: Vec<_> =
        order.iter().take(count.max(1)).map(|i| found.eigenvectors.column(*i)).collect();
    basis * DMatrix::from_columns(&columns)
}

/// Signs from a fixed xorshift: any start without structure does.
fn start(rows: usize, columns: usize) -> DMatrix<f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    DMatrix::from_fn(rows, columns, |_, _| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if state & (1 << 40) == 0 { 1.0 } else { -1.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_directions_it_was_made_of() {
        // Three directions of falling strength and a little of everything else.
        let wave = |i: usize, k: usize| ((i * (2 * k + 3)) as f32 * 0.37).sin();
        let values = DMatrix::from_fn(80, 40, |i, j| {
            (0..3).map(|k| wave(i, k) * wave(j, k + 5) * [9.0, 4.0, 2.0][k]).sum::<f32>()
                + 1e-3 * wave(i * 7 + j, 1)
        });
        let found = principal(&values, 3);
        let whole = nalgebra::SymmetricEigen::new(values.tr_mul(&values));
        let mut spectrum: Vec<f32> = whole.eigenvalues.iter().copied().collect();
        spectrum.sort_by(|a, b| b.total_cmp(a));
        for (k, wanted) in spectrum.iter().take(3).enumerate() {
            let got = (&values * found.column(k)).norm_squared();
            assert!((got - wanted).abs() < 1e-3 * wanted, "{got} {wanted}");
        }
        let gram = found.tr_mul(&found) - DMatrix::<f32>::identity(3, 3);
        assert!(gram.amax() < 1e-4);
        assert_eq!(principal(&DMatrix::zeros(0, 0), 3).shape(), (0, 0));
    }
}
