//! From the solver's dual vector to statements that hold whatever the solver's accuracy.
//!
//! For z in the dual cone, s = b - A x in the cone and x in the box [low, high]:
//!
//! ```text
//!   1/2 x^T P x + q^T x  >=  -b^T z - 1/2 y^T P y + min over the box of (P y + q + A^T z)^T x     for any y
//!   max over the box of z^T (b - A x) < 0  proves that no x exists
//! ```
//!
//! z is first put into the dual cone (clamped, or its leading entry raised), and a bound on the rounding of the sums is
//! taken off.

use super::conic::ConicData;
use clarabel::solver::SupportedConeT::{NonnegativeConeT, SecondOrderConeT, ZeroConeT};

/// The nearest vector of the kind above that lies in the dual cone.
fn into_dual_cone(data: &ConicData, z: &[f64]) -> Vec<f64> {
    let mut z = z.to_vec();
    let mut start = 0;
    for cone in &data.cones {
        let size = match *cone {
            ZeroConeT(size) | NonnegativeConeT(size) | SecondOrderConeT(size) => size,
            _ => 0, // the program has no other cones
        };
        match cone {
            NonnegativeConeT(_) => z[start..start + size].iter_mut().for_each(|z| *z = z.max(0.0)),
            SecondOrderConeT(_) => {
                let norm = z[start + 1..start + size].iter().map(|z| z * z).sum::<f64>().sqrt();
                z[start] = z[start].max(norm * (1.0 + 4.0 * f64::EPSILON));
            }
            _ => {}
        }
        start += size;
    }
    z
}

/// Compensated sum, and the sum of the sizes of its terms.
#[derive(Default)]
struct Sum {
    value: f64,
    lost: f64,
    size: f64,
}

impl Sum {
    fn add(&mut self, term: f64) {
        let total = self.value + term;
        self.lost +=
            if self.value.abs() >= term.abs() { (self.value - total) + term } else { (term - total) + self.value };
        self.value = total;
        self.size += term.abs();
    }
    /// The sum.
    fn total(&self) -> f64 {
        self.value + self.lost
    }
    /// Bound on its rounding error: one rounding per product, one at the end, the compensation's own.
    fn error(&self) -> f64 {
        4.0 * f64::EPSILON * self.size
    }
}

/// A^T z, column by column.
fn transposed_times(data: &ConicData, z: &[f64], column: usize, sum: &mut Sum) {
    let a = &data.a;
    for k in a.colptr[column]..a.colptr[column + 1] {
        sum.add(a.nzval[k] * z[a.rowval[k]]);
    }
}

/// Adds the least value of slope times x over the column's box.
fn add_least(data: &ConicData, column: usize, slope: &Sum, to: &mut Sum) {
    let (low, high) = (data.low[column], data.high[column]);
    to.add((slope.total() * low).min(slope.total() * high));
    to.add(-slope.error() * low.abs().max(high.abs()));
}

/// Lower bound on the objective over the box.
pub(super) fn dual_bound(data: &ConicData, x: &[f64], z: &[f64]) -> f64 {
    let z = into_dual_cone(data, z);
    let curvature = data.curvature_times(x);
    let mut bound = Sum::default();
    data.b.iter().zip(&z).for_each(|(b, z)| bound.add(-b * z));
    curvature.iter().zip(x).for_each(|(p, x)| bound.add(-0.5 * p * x));
    for (column, (&cost, &curved)) in data.q.iter().zip(&curvature).enumerate() {
        let mut slope = Sum::default();
        slope.add(cost);
        slope.add(curved);
        transposed_times(data, &z, column, &mut slope);
        add_least(data, column, &slope, &mut bound);
    }
    bound.total() - bound.error()
}

/// True when z proves that the program has no feasible point in the box.
pub(super) fn is_infeasible(data: &ConicData, z: &[f64]) -> bool {
    let z = into_dual_cone(data, z);
    let mut negated = Sum::default();
    data.b.iter().zip(&z).for_each(|(b, z)| negated.add(-b * z));
    for column in 0..data.q.len() {
        let mut slope = Sum::default();
        transposed_times(data, &z, column, &mut slope);
        add_least(data, column, &slope, &mut negated);
    }
    negated.total() - negated.error() > 0.0
}
