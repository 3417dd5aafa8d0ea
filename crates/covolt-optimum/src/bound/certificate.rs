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

use super::columns::RowKind;
use super::error::UnmetLimit;
use super::program::ConicProgram;
use clarabel::solver::SupportedConeT::{NonnegativeConeT, SecondOrderConeT, ZeroConeT};
use covolt_fleet::{Fleet, Limit};
use std::collections::BTreeMap;

/// Share below which a limit is not named.
const SMALLEST_SHARE: f64 = 1e-3;
/// Most limits named.
const MOST_LIMITS: usize = 10;

/// The nearest vector of the kind above that lies in the dual cone.
fn into_dual_cone(program: &ConicProgram, z: &[f64]) -> Vec<f64> {
    let mut z = z.to_vec();
    let mut start = 0;
    for cone in &program.cones {
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
fn transposed_times(program: &ConicProgram, z: &[f64], column: usize, sum: &mut Sum) {
    let a = &program.a;
    for k in a.colptr[column]..a.colptr[column + 1] {
        sum.add(a.nzval[k] * z[a.rowval[k]]);
    }
}

/// Adds the least value of slope times x over the column's box.
fn add_least(program: &ConicProgram, column: usize, slope: &Sum, to: &mut Sum) {
    let (low, high) = (program.columns.low[column], program.columns.high[column]);
    to.add((slope.total() * low).min(slope.total() * high));
    to.add(-slope.error() * low.abs().max(high.abs()));
}

/// Lower bound on the cost, $.
pub(super) fn dual_bound(program: &ConicProgram, x: &[f64], z: &[f64]) -> f64 {
    let z = into_dual_cone(program, z);
    let curvature = program.curvature_times(x);
    let mut bound = Sum::default();
    program.b.iter().zip(&z).for_each(|(b, z)| bound.add(-b * z));
    curvature.iter().zip(x).for_each(|(p, x)| bound.add(-0.5 * p * x));
    for column in 0..program.q.len() {
        let mut slope = Sum::default();
        slope.add(program.q[column]);
        slope.add(curvature[column]);
        transposed_times(program, &z, column, &mut slope);
        add_least(program, column, &slope, &mut bound);
    }
    program.constant_usd + program.cost_scale_usd * (bound.total() - bound.error())
}

/// True when z proves that the program has no feasible point in the box.
pub(super) fn is_infeasible(program: &ConicProgram, z: &[f64]) -> bool {
    let z = into_dual_cone(program, z);
    let mut negated = Sum::default();
    program.b.iter().zip(&z).for_each(|(b, z)| negated.add(-b * z));
    for column in 0..program.q.len() {
        let mut slope = Sum::default();
        transposed_times(program, &z, column, &mut slope);
        add_least(program, column, &slope, &mut negated);
    }
    negated.total() - negated.error() > 0.0
}

/// Limits by their weight in a proof of infeasibility.
pub(super) fn blocking_limits(fleet: &Fleet, program: &ConicProgram, z: &[f64]) -> Vec<UnmetLimit> {
    let mut weights: BTreeMap<(usize, u8, usize), f64> = BTreeMap::new();
    let mut total = 0.0;
    for (label, z) in program.label.iter().zip(z) {
        let key = match label.kind {
            RowKind::Physics => continue,
            RowKind::VoltageLow(bus) => (label.step, 0, bus),
            RowKind::VoltageHigh(bus) => (label.step, 1, bus),
            RowKind::Current(branch) => (label.step, 2, branch),
            RowKind::Device(n) => (label.step, 3, n),
        };
        *weights.entry(key).or_default() += z.abs();
        total += z.abs();
    }
    let mut limits: Vec<UnmetLimit> = weights
        .into_iter()
        .filter(|(_, weight)| *weight > SMALLEST_SHARE * total)
        .map(|((step, kind, index), weight)| {
            let limit = match kind {
                0 => Some(Limit::VoltageLow(index)),
                1 => Some(Limit::VoltageHigh(index)),
                2 => Some(Limit::Current(index)),
                _ => None,
            };
            let description = match limit {
                Some(limit) => limit.describe(fleet),
                None => {
                    let name = fleet.microgrids.get(index).map_or("", |mg| mg.name.as_str());
                    format!("device limits of microgrid {name}")
                }
            };
            UnmetLimit { step, limit, description, weight: weight / total }
        })
        .collect();
    // Grid limits first: what the devices can give is what it is.
    limits.sort_by(|a, b| {
        (a.limit.is_none(), b.weight).partial_cmp(&(b.limit.is_none(), a.weight)).unwrap_or(std::cmp::Ordering::Equal)
    });
    limits.truncate(MOST_LIMITS);
    limits
}
