//! What the interior point asks of an elimination order: factorise, and solve for a right-hand side.
//!
//! [`super::time_major`] goes along the steps of the window, [`super::tree_major`] along the tree of the feeder.

use super::cone::Triple;
use super::form::Form;

/// Added to the diagonal, relative to units in which ranges are one: keeps pivots away from rounding where the objective
/// is flat. The step is then a proximal one; the point it converges to is the same.
pub(super) const REGULARISATION: f64 = 1e-10;
/// Smallest compliance of a coupled row.
pub(super) const ROW_REGULARISATION: f64 = 1e-13;

/// Weights of one iteration.
#[derive(Debug, Default)]
pub(super) struct Weights {
    /// Of each variable's bounds and each local row.
    pub functional: Vec<f64>,
    /// Of each circle's pair of rows, entries (11, 12, 22).
    pub circles: Vec<Triple>,
    /// Inverse weights of the coupled rows: diagonal, and the entry between a row and the next.
    pub compliance: Vec<f64>,
    pub compliance_pair: Vec<f64>,
}

/// Right-hand side: what pulls at variables, at the states before each step (`[t * states + i]`), and at coupled rows.
#[derive(Debug, Default)]
pub(super) struct RightHandSide {
    pub x: Vec<f64>,
    pub states: Vec<f64>,
    pub coupled: Vec<f64>,
}

/// Solution: change of the variables, of the states before each step, and the coupled rows' unknowns.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub x: Vec<f64>,
    pub states: Vec<f64>,
    pub coupled: Vec<f64>,
}

/// An elimination order.
pub(super) trait NewtonSystem {
    /// Lays out memory for the program; nothing is allocated afterwards.
    fn prepare(&mut self, form: &Form);
    /// Factorises; false where a pivot is lost to rounding.
    fn factor(&mut self, form: &Form, weights: &Weights) -> bool;
    /// Solves with the last factors.
    fn solve(&mut self, form: &Form, rhs: &RightHandSide, step: &mut Step);
}

/// a^T b in four partial sums, which the processor can add side by side.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a4, a_rest) = a.as_chunks::<4>();
    let (b4, b_rest) = b.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (a, b) in a4.iter().zip(b4) {
        for i in 0..4 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}
