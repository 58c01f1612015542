//! The few decompositions that fitting needs, over `nalgebra`.

use nalgebra::{Cholesky, DMatrix, DVector, SymmetricEigen};

use crate::scoring::ScoringError;

/// Eigenvalues, falling, and eigenvectors (columns, in the same order) of a symmetric matrix.
///
/// # Errors
/// A matrix that is not square or holds a number that is not finite.
pub fn eigen(symmetric: &DMatrix<f64>) -> Result<(DVector<f64>, DMatrix<f64>), ScoringError> {
    let n = symmetric.nrows();
    if n != symmetric.ncols() || !symmetric.iter().all(|x| x.is_finite()) {
        return Err(ScoringError::Fit("a covariance is not square or not finite"));
    }
    if n == 0 {
        return Ok((DVector::zeros(0), DMatrix::zeros(0, 0)));
    }
    let found = SymmetricEigen::new(symmetric.clone());
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| found.eigenvalues[*b].total_cmp(&found.eigenvalues[*a]));
    let values = DVector::from_iterator(n, order.iter().map(|i| found.eigenvalues[*i]));
    let columns: Vec<_> = order.iter().map(|i| found.eigenvectors.column(*i)).collect();
    Ok((values, DMatrix::from_columns(&columns)))
}

/// `W` with `W C Wᵀ = I` for a symmetric, positive definite `C`: the inverse of its lower Cholesky factor.
///
/// # Errors
/// A matrix that is not positive definite.
pub fn whitening(covariance: DMatrix<f64>) -> Result<DMatrix<f64>, ScoringError> {
    let n = covariance.nrows();
    let factor = Cholesky::new(covariance).ok_or(ScoringError::Fit("a covariance is singular"))?;
    factor
        .l()
        .solve_lower_triangular(&DMatrix::identity(n, n))
        .ok_or(ScoringError::Fit("a covariance is singular"))
}

/// `x` with `A x = b` for a symmetric, positive definite `A`.
///
/// # Errors
/// A matrix that is not positive definite.
pub fn solve(a: DMatrix<f64>, b: &DVector<f64>) -> Result<DVector<f64>, ScoringError> {
    let factor = Cholesky::new(a).ok_or(ScoringError::Fit("the normal equations are singular"))?;
    Ok(factor.solve(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> DMatrix<f64> {
        let a = DMatrix::from_fn(5, 5, |i, j| ((i * 7 + j * 3) as f64 * 0.61).sin());
        &a * a.transpose() + DMatrix::identity(5, 5)
    }

    #[test]
    fn eigenvectors_rebuild_the_matrix() {
        let c = example();
        let (values, vectors) = eigen(&c).unwrap();
        let back = &vectors * DMatrix::from_diagonal(&values) * vectors.transpose();
        assert!((back - c).abs().max() < 1e-9);
        assert!(values.as_slice().windows(2).all(|w| w[0] >= w[1]));
        assert!(eigen(&DMatrix::from_element(2, 2, f64::NAN)).is_err());
        assert!(eigen(&DMatrix::zeros(2, 3)).is_err());
        assert_eq!(eigen(&DMatrix::zeros(0, 0)).unwrap().0.len(), 0);
    }

    #[test]
    fn whitening_whitens_and_solving_solves() {
        let c = example();
        let w = whitening(c.clone()).unwrap();
        assert!((&w * &c * w.transpose() - DMatrix::identity(5, 5)).abs().max() < 1e-9);
        let b = DVector::from_fn(5, |i, _| i as f64 - 2.0);
        let x = solve(c.clone(), &b).unwrap();
        assert!((c * x - b).abs().max() < 1e-9);
        let indefinite = DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 2.0, 1.0]);
        assert!(whitening(indefinite.clone()).is_err());
        assert!(solve(indefinite, &DVector::zeros(2)).is_err());
    }
}
