//! Elimination of conductors of which something is known: Kron's reduction.
//!
//! With the kept conductors first, M = [A B; C D]. Where the voltage drop along the others is zero (a neutral grounded at both ends:
//! v = Z i, v_2 = 0), or where no current enters them (a floating conductor: i = Y v, i_2 = 0), the kept ones see
//!
//! ```text
//!   M' = A - B D^-1 C
//! ```
//!
//! A shunt admittance over grounded conductors needs no elimination: v_2 = 0 leaves A alone ([`leading_block`]).

use super::matrix::ConductorMatrix;
use num_complex::Complex64;

/// The matrix over the first `keep` conductors after the others were eliminated; `None` where these are singular among themselves.
pub fn kron_reduced(matrix: &ConductorMatrix, keep: usize) -> Option<ConductorMatrix> {
    let n = matrix.n();
    if keep >= n {
        return Some(matrix.clone());
    }
    let d = ConductorMatrix::from_fn(n - keep, |i, j| matrix.at(keep + i, keep + j)).inverse()?;
    let through = |i: usize, j: usize| -> Complex64 {
        (keep..n)
            .map(|k| matrix.at(i, k) * (keep..n).map(|l| d.at(k - keep, l - keep) * matrix.at(l, j)).sum::<Complex64>())
            .sum()
    };
    Some(ConductorMatrix::from_fn(keep, |i, j| matrix.at(i, j) - through(i, j)))
}

/// The rows and columns of the first `keep` conductors.
pub fn leading_block(matrix: &ConductorMatrix, keep: usize) -> ConductorMatrix {
    ConductorMatrix::from_fn(keep.min(matrix.n()), |i, j| matrix.at(i, j))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn law_reduction_is_the_inverse_of_a_block_of_the_inverse() {
        let m = ConductorMatrix::from_fn(5, |i, j| {
            Complex64::new(1.0 / (1 + i + j) as f64, if i == j { 2.0 } else { 0.3 })
        });
        let reduced = kron_reduced(&m, 3).expect("regular");
        let other = leading_block(&m.inverse().expect("regular"), 3).inverse().expect("regular");
        for i in 0..3 {
            for j in 0..3 {
                assert!((reduced.at(i, j) - other.at(i, j)).norm() < 1e-12);
            }
        }
        assert_eq!(kron_reduced(&m, 5), Some(m.clone()));
        assert_eq!(kron_reduced(&m, 9), Some(m));
        assert!(kron_reduced(&ConductorMatrix::zero(3), 2).is_none());
    }
}
