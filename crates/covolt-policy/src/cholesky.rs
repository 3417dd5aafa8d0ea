//! Dense Cholesky factorisation of a small damped Gram matrix, in place.

use crate::covariance::dot;
use crate::error::PolicyError;

/// Factors the row-major n x n matrix A + damping I = C C^T; C overwrites the lower triangle of A.
pub(crate) fn factor(a: &mut [f64], n: usize, damping: f64) -> Result<(), PolicyError> {
    for i in 0..n {
        let (above, row) = a.split_at_mut(i * n);
        for j in 0..i {
            let other = &above[j * n..=j * n + j];
            row[j] = (row[j] - dot(&row[..j], other)) / other[j];
        }
        let pivot = row[i] + damping - dot(&row[..i], &row[..i]);
        if !(pivot.is_finite() && pivot > 0.0) {
            return Err(PolicyError::Gram { row: i, pivot, damping });
        }
        row[i] = pivot.sqrt();
    }
    Ok(())
}

/// x <- (C C^T)^-1 x.
pub(crate) fn solve(c: &[f64], n: usize, x: &mut [f64]) {
    for i in 0..n {
        let row = &c[i * n..=i * n + i];
        x[i] = (x[i] - dot(&row[..i], x)) / row[i];
    }
    for i in (0..n).rev() {
        let row = &c[i * n..=i * n + i];
        x[i] /= row[i];
        let xi = x[i];
        for (x, c) in x.iter_mut().zip(&row[..i]) {
            *x -= c * xi;
        }
    }
}
