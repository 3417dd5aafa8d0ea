//! The linear system (Y + Y_D) of (34)-(40) as a sparse real matrix, with its LU factors.
//!
//! Unknowns: V_re, V_im of every bus but the slack, interleaved. Between buses i and j stands
//!
//! ```text
//!   [ Y11 Y12 ]   [ G_ij  -B_ij ]            [ beta_re   beta_im ]
//!   [ Y21 Y22 ] = [ B_ij   G_ij ]  + (i = j) [ beta_im  -beta_re ]      Y_ij = G_ij + j B_ij
//! ```
//!
//! with the derivatives (37)-(40) of the demand current in the last block. The pattern never changes.

use crate::branch_flow::BranchAdmittance;
use crate::demand_current::demand_current_slope;
use crate::error::GridError;
use crate::sparse_lu::{LuFactors, SparseLu};
use num_complex::Complex64;
use std::collections::BTreeMap;

/// Nodal admittance matrix and the pattern of (Y + Y_D).
#[derive(Debug)]
pub(crate) struct LinearSystem {
    /// Row starts, columns and values of Y, all buses, network order.
    row_start: Vec<usize>,
    column: Vec<usize>,
    y: Vec<Complex64>,
    /// Network bus of each unknown pair.
    pub bus_of: Vec<usize>,
    lu: SparseLu,
    /// Values of the matrix without the demand, in the pattern's order.
    values: Vec<f64>,
    /// Positions of the four entries of each diagonal block: (re,re), (im,re), (re,im), (im,im).
    diagonal: Vec<[usize; 4]>,
}

/// Per-thread values and factors.
#[derive(Debug)]
pub(crate) struct LinearSystemWorkspace {
    values: Vec<f64>,
    factors: LuFactors,
    /// Right-hand side and solution.
    pub x: Vec<f64>,
}

impl LinearSystem {
    /// Assembles Y from branches and shunts at the buses (without the branches' own shunts). Needs two buses at least.
    pub fn new(
        n: usize,
        slack: usize,
        branches: &[BranchAdmittance],
        shunts: &[Complex64],
    ) -> Result<LinearSystem, GridError> {
        let mut rows: Vec<BTreeMap<usize, Complex64>> =
            (shunts.iter().enumerate()).map(|(i, &shunt)| BTreeMap::from([(i, shunt)])).collect();
        for b in branches {
            let (f, t) = (b.from.0, b.to.0);
            for (i, j, y) in [(f, f, b.yff), (f, t, b.yft), (t, f, b.ytf), (t, t, b.ytt)] {
                *rows[i].entry(j).or_default() += y;
            }
        }
        let bus_of: Vec<usize> = (0..n).filter(|&i| i != slack).collect();
        let unknown = |bus: usize| if bus > slack { bus - 1 } else { bus };

        let mut column_start = vec![0];
        let mut row = Vec::new();
        let mut values = Vec::new();
        let mut diagonal = vec![[0; 4]; n - 1];
        // The pattern of Y is symmetric, so row j lists the rows of column j.
        for &j in &bus_of {
            for imaginary in [false, true] {
                for &i in rows[j].keys().filter(|&&i| i != slack) {
                    let y = rows[i].get(&j).copied().unwrap_or_default();
                    if i == j {
                        let first = 2 * usize::from(imaginary);
                        diagonal[unknown(j)][first] = values.len();
                        diagonal[unknown(j)][first + 1] = values.len() + 1;
                    }
                    row.extend([2 * unknown(i), 2 * unknown(i) + 1]);
                    values.extend(if imaginary { [-y.im, y.re] } else { [y.re, y.im] });
                }
                column_start.push(row.len());
            }
        }
        let size = 2 * (n - 1);
        let lu = SparseLu::new(size, column_start, row)?;
        let mut system =
            LinearSystem { row_start: vec![0], column: Vec::new(), y: Vec::new(), bus_of, lu, values, diagonal };
        for entries in rows {
            for (j, y) in entries {
                system.column.push(j);
                system.y.push(y);
            }
            system.row_start.push(system.column.len());
        }
        Ok(system)
    }

    /// Memory for one thread.
    pub fn workspace(&self) -> LinearSystemWorkspace {
        LinearSystemWorkspace {
            values: self.values.clone(),
            factors: self.lu.factors(),
            x: vec![0.0; 2 * self.bus_of.len()],
        }
    }

    /// Current (Y V)_i that flows from a bus into the network, and the sum of the magnitudes of its terms (for rounding).
    pub fn network_current(&self, bus: usize, v: &[Complex64]) -> (Complex64, f64) {
        let (mut current, mut magnitude) = (Complex64::ZERO, 0.0);
        for k in self.row_start[bus]..self.row_start[bus + 1] {
            let term = self.y[k] * v[self.column[k]];
            current += term;
            magnitude += term.re.abs() + term.im.abs();
        }
        (current, magnitude)
    }

    /// Factorises (Y + Y_D) at the voltages and the demand `fraction` (p + jq). `None` names no bus.
    pub fn factorise(
        &self,
        p: &[f64],
        q: &[f64],
        fraction: f64,
        v: &[Complex64],
        ws: &mut LinearSystemWorkspace,
    ) -> Result<(), GridError> {
        ws.values.copy_from_slice(&self.values);
        let mut check = 0.0;
        for (&bus, at) in self.bus_of.iter().zip(&self.diagonal) {
            let beta = demand_current_slope(fraction * p[bus], fraction * q[bus], v[bus]);
            ws.values[at[0]] += beta.re;
            ws.values[at[1]] += beta.im;
            ws.values[at[2]] += beta.im;
            ws.values[at[3]] -= beta.re;
            check += beta.re + beta.im;
        }
        self.lu.factorise(&ws.values, check, &mut ws.factors)
    }

    /// Solves (Y + Y_D) x = b in `ws.x`. Without factors the result is NaN.
    pub fn solve(&self, ws: &mut LinearSystemWorkspace) {
        self.lu.solve(&mut ws.factors, &mut ws.x, false);
    }

    /// Solves (Y + Y_D)^T x = b in `ws.x`. Without factors the result is NaN.
    pub fn solve_transposed(&self, ws: &mut LinearSystemWorkspace) {
        self.lu.solve(&mut ws.factors, &mut ws.x, true);
    }
}
