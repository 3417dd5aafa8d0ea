//! Multipliers of the devices' rows where the network's are given: a convex program of each microgrid by itself.
//!
//! With the multipliers of the network's rows fixed, devices of different microgrids share no row and no term of the
//! Lagrangian. What is left of the program is minimise 1/2 x^T P x + (q + A_grid^T z_grid)^T x over the devices' own rows, a block
//! for each microgrid: bounds, ramps, stored energy, circles, value of what is stored at the end. Its solver's multipliers
//! complete z, its solution is the point of the certificate's quadratic term.

use super::BoundSettings;
use super::columns::RowKind;
use super::conic::ConicData;
use super::program::ConicProgram;
use clarabel::algebra::CscMatrix;
use clarabel::solver::SupportedConeT::{NonnegativeConeT, SecondOrderConeT, ZeroConeT};

/// Columns and rows of the devices within the whole program.
struct DevicePart {
    data: ConicData,
    /// Row of the whole program, per row.
    rows: Vec<usize>,
    first_column: usize,
}

/// Fills the devices' rows of `z` and their columns of `x`; `None` where the solver refuses the data.
pub(super) fn set(program: &ConicProgram, settings: &BoundSettings, z: &mut [f64], x: &mut [f64]) -> Option<()> {
    let part = devices(program, z);
    if part.data.q.is_empty() {
        return Some(());
    }
    let solution = part.data.solve(settings).ok()?;
    part.rows.iter().zip(&solution.z).for_each(|(&row, &multiplier)| z[row] = multiplier);
    x[part.first_column..].copy_from_slice(&solution.x);
    Some(())
}

fn devices(program: &ConicProgram, z: &[f64]) -> DevicePart {
    let whole = &program.data;
    let first_column = program.grid_columns();
    let (mut rows, mut cones) = (Vec::new(), Vec::new());
    let mut own_row = vec![usize::MAX; whole.b.len()];
    let mut start = 0;
    for cone in &whole.cones {
        let size = match *cone {
            ZeroConeT(size) | NonnegativeConeT(size) | SecondOrderConeT(size) => size,
            _ => 0, // the program has no other cones
        };
        let before = rows.len();
        for (row, label) in program.label.iter().enumerate().skip(start).take(size) {
            if matches!(label.kind, RowKind::Device(_)) {
                own_row[row] = rows.len();
                rows.push(row);
            }
        }
        start += size;
        let kept = rows.len() - before;
        match cone {
            _ if kept == 0 => {}
            ZeroConeT(_) => cones.push(ZeroConeT(kept)),
            NonnegativeConeT(_) => cones.push(NonnegativeConeT(kept)),
            _ => cones.push(SecondOrderConeT(kept)),
        }
    }
    let n = whole.q.len() - first_column;
    let mut q = whole.q[first_column..].to_vec();
    let (mut a_start, mut a_row, mut a_value) = (vec![0], Vec::new(), Vec::new());
    let (mut p_start, mut p_row, mut p_value) = (vec![0], Vec::new(), Vec::new());
    for (column, q) in (first_column..).zip(&mut q) {
        for k in whole.a.colptr[column]..whole.a.colptr[column + 1] {
            let (row, value) = (whole.a.rowval[k], whole.a.nzval[k]);
            if own_row[row] == usize::MAX {
                *q += value * z[row];
            } else {
                a_row.push(own_row[row]);
                a_value.push(value);
            }
        }
        a_start.push(a_row.len());
        for k in whole.p.colptr[column]..whole.p.colptr[column + 1] {
            // Costs of the network's columns are linear.
            p_row.push(whole.p.rowval[k] - first_column);
            p_value.push(whole.p.nzval[k]);
        }
        p_start.push(p_row.len());
    }
    let data = ConicData {
        p: CscMatrix::new(n, n, p_start, p_row, p_value),
        q,
        a: CscMatrix::new(rows.len(), n, a_start, a_row, a_value),
        b: rows.iter().map(|&row| whole.b[row]).collect(),
        cones,
        low: whole.low[first_column..].to_vec(),
        high: whole.high[first_column..].to_vec(),
    };
    DevicePart { data, rows, first_column }
}
