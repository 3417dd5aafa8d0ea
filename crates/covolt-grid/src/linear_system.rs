//! The linear system (Y + Y_D) of (34)-(40) as a sparse real matrix, with its LU factors.
//!
//! Unknowns: V_re, V_im of every bus but the slack, interleaved. Between buses i and j stands
//!
//! ```text
//!   [ Y11 Y12 ]   [ G_ij  -B_ij ]            [ beta_re   beta_im ]
//!   [ Y21 Y22 ] = [ B_ij   G_ij ]  + (i = j) [ beta_im  -beta_re ]      Y_ij = G_ij + j B_ij
//! ```
//!
//! with the derivatives (37)-(40) of the demand current in the last block. The pattern never changes, so the fill-reducing
//! order is found once; each factorisation only renews the values. Simplicial LU: a network has too few entries per column for dense blocks.

use crate::branch_flow::BranchAdmittance;
use crate::demand_current::demand_current_slope;
use crate::error::GridError;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::linalg::SupernodalThreshold;
use faer::sparse::linalg::lu::{LuRef, LuSymbolicParams, NumericLu, SymbolicLu, factorize_symbolic_lu};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMat};
use faer::{Conj, MatMut, Par};
use num_complex::Complex64;
use std::collections::BTreeMap;
use std::fmt;

/// Nodal admittance matrix and the pattern of (Y + Y_D).
#[derive(Debug)]
pub(crate) struct LinearSystem {
    /// Row starts, columns and values of Y, all buses, network order.
    row_start: Vec<usize>,
    column: Vec<usize>,
    y: Vec<Complex64>,
    /// Network bus of each unknown pair.
    pub bus_of: Vec<usize>,
    pattern: SymbolicSparseColMat<usize>,
    /// Values of the matrix without the demand, in the pattern's order.
    values: Vec<f64>,
    /// Positions of the four entries of each diagonal block: (re,re), (im,re), (re,im), (im,im).
    diagonal: Vec<[usize; 4]>,
    symbolic: SymbolicLu<usize>,
}

/// Per-thread values and factors.
pub(crate) struct LinearSystemWorkspace {
    values: Vec<f64>,
    numeric: NumericLu<usize, f64>,
    stack: MemBuffer,
    factorised: bool,
    /// Right-hand side and solution.
    pub x: Vec<f64>,
}

impl fmt::Debug for LinearSystemWorkspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinearSystemWorkspace").field("factorised", &self.factorised).finish_non_exhaustive()
    }
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
        let pattern = SymbolicSparseColMat::new_checked(size, size, column_start, None, row);
        let parameters = LuSymbolicParams {
            supernodal_flop_ratio_threshold: SupernodalThreshold::FORCE_SIMPLICIAL,
            ..Default::default()
        };
        let symbolic = factorize_symbolic_lu(pattern.as_ref(), parameters).map_err(|e| failed(format!("{e:?}")))?;

        let mut system = LinearSystem {
            row_start: vec![0],
            column: Vec::new(),
            y: Vec::new(),
            bus_of,
            pattern,
            values,
            diagonal,
            symbolic,
        };
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
        let factorise = (self.symbolic).factorize_numeric_lu_scratch::<f64>(Par::Seq, Default::default());
        let solve = self.symbolic.solve_in_place_scratch::<f64>(1, Par::Seq);
        let transposed = (self.symbolic).solve_transpose_in_place_scratch::<f64>(1, Par::Seq);
        LinearSystemWorkspace {
            values: self.values.clone(),
            numeric: NumericLu::new(),
            stack: MemBuffer::new(factorise.or(solve).or(transposed)),
            factorised: false,
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
        ws.factorised = false;
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
        // A NaN must not reach the pivot search.
        if !f64::is_finite(check) {
            return Err(failed("the matrix has entries that are not finite".into()));
        }
        let matrix = SparseColMatRef::new(self.pattern.as_ref(), ws.values.as_slice());
        (self.symbolic)
            .factorize_numeric_lu(&mut ws.numeric, matrix, Par::Seq, MemStack::new(&mut ws.stack), Default::default())
            .map_err(|e| failed(format!("{e:?}")))?;
        ws.factorised = true;
        Ok(())
    }

    /// Solves (Y + Y_D) x = b in `ws.x`. Without factors the result is NaN.
    pub fn solve(&self, ws: &mut LinearSystemWorkspace) {
        self.run(ws, false);
    }

    /// Solves (Y + Y_D)^T x = b in `ws.x`. Without factors the result is NaN.
    pub fn solve_transposed(&self, ws: &mut LinearSystemWorkspace) {
        self.run(ws, true);
    }

    fn run(&self, ws: &mut LinearSystemWorkspace, transposed: bool) {
        if !ws.factorised {
            return ws.x.fill(f64::NAN);
        }
        let n = ws.x.len();
        let lu = LuRef::new_unchecked(&self.symbolic, &ws.numeric);
        let x = MatMut::from_column_major_slice_mut(&mut ws.x, n, 1);
        let stack = MemStack::new(&mut ws.stack);
        if transposed {
            lu.solve_transpose_in_place_with_conj(Conj::No, x, Par::Seq, stack);
        } else {
            lu.solve_in_place_with_conj(Conj::No, x, Par::Seq, stack);
        }
    }
}

fn failed(reason: String) -> GridError {
    GridError::Factorisation { reason }
}
