//! Dense elimination of symmetric matrices, upper triangle, row after row: K = sum_k a_k a_k^T / d_k with the rows a_k as
//! they stand when their turn comes and the pivots d_k, whose inverses are kept on the diagonal.

use super::newton_system::dot;

/// Eliminates the first `pivots` unknowns of a symmetric matrix (upper triangle, rows one after the other), positive
/// pivots up to `positive`, negative after; leaves 1/pivot on the diagonal. False where a pivot has the wrong sign.
pub(super) fn eliminate(matrix: &mut [f64], order: usize, positive: usize, pivots: usize) -> bool {
    for k in 0..pivots {
        let (head, tail) = matrix.split_at_mut((k + 1) * order);
        let source = &head[k * order + k..];
        let pivot = source[0];
        if !(if k < positive { pivot > 0.0 } else { pivot < 0.0 }) {
            return false;
        }
        let inverse = 1.0 / pivot;
        for i in 1..source.len() {
            let factor = source[i] * inverse;
            if factor != 0.0 {
                let at = (i - 1) * order + k + i;
                subtract(&mut tail[at..at + order - k - i], factor, &source[i..]);
            }
        }
        head[k * order + k] = inverse;
    }
    true
}

/// Forward substitution over the first `pivots` unknowns.
pub(super) fn forward(matrix: &[f64], order: usize, pivots: usize, b: &mut [f64]) {
    for k in 0..pivots {
        let row = &matrix[k * order + k..(k + 1) * order];
        let (head, tail) = b.split_at_mut(k + 1);
        subtract(tail, head[k] * row[0], &row[1..]);
    }
}

/// Back substitution over the first `pivots` unknowns; the others are known.
pub(super) fn backward(matrix: &[f64], order: usize, pivots: usize, b: &mut [f64]) {
    for k in (0..pivots).rev() {
        let row = &matrix[k * order + k..(k + 1) * order];
        b[k] = (b[k] - dot(&row[1..], &b[k + 1..])) * row[0];
    }
}

pub(super) fn subtract(target: &mut [f64], factor: f64, source: &[f64]) {
    for (target, source) in target.iter_mut().zip(source) {
        *target -= factor * source;
    }
}
