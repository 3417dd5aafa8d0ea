//! A small square matrix of complex numbers over the conductors of an element.

use num_complex::Complex64;
use serde::{Deserialize, Serialize};

/// Square complex matrix, row after row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConductorMatrix {
    n: usize,
    entries: Vec<Complex64>,
}

impl ConductorMatrix {
    /// The zero matrix of `n` rows.
    pub fn zero(n: usize) -> ConductorMatrix {
        ConductorMatrix { n, entries: vec![Complex64::ZERO; n * n] }
    }

    /// A matrix by its entries `of(row, column)`.
    pub fn from_fn(n: usize, mut of: impl FnMut(usize, usize) -> Complex64) -> ConductorMatrix {
        ConductorMatrix { n, entries: (0..n * n).map(|k| of(k / n, k % n)).collect() }
    }

    /// Number of rows and columns.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Entry of a row and a column; zero outside the matrix.
    pub fn at(&self, row: usize, column: usize) -> Complex64 {
        if row < self.n && column < self.n { self.entries[row * self.n + column] } else { Complex64::ZERO }
    }

    /// Adds `value` to an entry; nothing happens outside the matrix.
    pub fn add(&mut self, row: usize, column: usize, value: Complex64) {
        if row < self.n && column < self.n {
            self.entries[row * self.n + column] += value;
        }
    }

    /// Every entry times `factor`.
    pub fn scaled(&self, factor: f64) -> ConductorMatrix {
        ConductorMatrix { n: self.n, entries: self.entries.iter().map(|z| z * factor).collect() }
    }

    /// True when there are n times n entries (a file may say otherwise) and all are finite.
    pub fn is_sound(&self) -> bool {
        self.entries.len() == self.n.saturating_mul(self.n) && self.entries.iter().all(|z| z.is_finite())
    }

    /// Largest magnitude of an entry.
    pub fn max_norm(&self) -> f64 {
        self.entries.iter().fold(0.0, |m, z| f64::max(m, z.norm()))
    }

    /// The inverse, by Gauss-Jordan elimination with row pivots; `None` where a pivot is below 1e-14 of the largest entry.
    pub fn inverse(&self) -> Option<ConductorMatrix> {
        let (n, smallest) = (self.n, SMALLEST_PIVOT * self.max_norm());
        let mut left = self.clone();
        let mut right = ConductorMatrix::from_fn(n, |i, j| if i == j { Complex64::ONE } else { Complex64::ZERO });
        for k in 0..n {
            let pivot = (k..n).max_by(|&a, &b| left.at(a, k).norm_sqr().total_cmp(&left.at(b, k).norm_sqr()))?;
            let value = left.at(pivot, k);
            if value.norm() <= smallest || !value.is_finite() {
                return None;
            }
            for matrix in [&mut left, &mut right] {
                for j in 0..n {
                    matrix.entries.swap(k * n + j, pivot * n + j);
                }
            }
            for matrix in [&mut left, &mut right] {
                (0..n).for_each(|j| matrix.entries[k * n + j] /= value);
            }
            for i in (0..n).filter(|&i| i != k) {
                let factor = left.at(i, k);
                for matrix in [&mut left, &mut right] {
                    for j in 0..n {
                        let above = matrix.entries[k * n + j];
                        matrix.entries[i * n + j] -= factor * above;
                    }
                }
            }
        }
        Some(right)
    }
}

/// A pivot below this times the largest entry counts as zero.
const SMALLEST_PIVOT: f64 = 1e-14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn law_inverse_times_matrix_is_one() {
        let m = ConductorMatrix::from_fn(4, |i, j| Complex64::new((3 * i + j) as f64 % 5.0, (i * j) as f64 - 1.5));
        let inverse = m.inverse().expect("regular");
        for i in 0..4 {
            for j in 0..4 {
                let product: Complex64 = (0..4).map(|k| m.at(i, k) * inverse.at(k, j)).sum();
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((product - expected).norm() < 1e-12, "{i} {j}: {product}");
            }
        }
    }

    #[test]
    fn law_singular_matrix_has_no_inverse() {
        assert!(ConductorMatrix::from_fn(3, |i, j| Complex64::from((i + j) as f64)).inverse().is_none());
        assert!(ConductorMatrix::zero(2).inverse().is_none());
    }
}
