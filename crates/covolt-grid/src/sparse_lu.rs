//! LU factors of a real sparse matrix whose pattern never changes: the fill-reducing order is found once, each factorisation renews
//! the values. Simplicial: a network has too few entries per column for dense blocks.

use crate::error::GridError;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::linalg::SupernodalThreshold;
use faer::sparse::linalg::lu::{LuRef, LuSymbolicParams, NumericLu, SymbolicLu, factorize_symbolic_lu};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMat};
use faer::{Conj, MatMut, Par};
use std::fmt;

/// Pattern and elimination order.
#[derive(Debug, Clone)]
pub(crate) struct SparseLu {
    pattern: SymbolicSparseColMat<usize>,
    symbolic: SymbolicLu<usize>,
}

/// Per-thread factors.
pub(crate) struct LuFactors {
    numeric: NumericLu<usize, f64>,
    stack: MemBuffer,
    factorised: bool,
}

impl fmt::Debug for LuFactors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LuFactors").field("factorised", &self.factorised).finish_non_exhaustive()
    }
}

impl SparseLu {
    /// Of a square matrix of `size` rows by column starts and row numbers.
    pub fn new(size: usize, column_start: Vec<usize>, row: Vec<usize>) -> Result<SparseLu, GridError> {
        let pattern = SymbolicSparseColMat::new_checked(size, size, column_start, None, row);
        let parameters = LuSymbolicParams {
            supernodal_flop_ratio_threshold: SupernodalThreshold::FORCE_SIMPLICIAL,
            ..Default::default()
        };
        let symbolic = factorize_symbolic_lu(pattern.as_ref(), parameters).map_err(|e| failed(format!("{e:?}")))?;
        Ok(SparseLu { pattern, symbolic })
    }

    /// Memory for one thread, without factors.
    pub fn factors(&self) -> LuFactors {
        let factorise = (self.symbolic).factorize_numeric_lu_scratch::<f64>(Par::Seq, Default::default());
        let solve = self.symbolic.solve_in_place_scratch::<f64>(1, Par::Seq);
        let transposed = (self.symbolic).solve_transpose_in_place_scratch::<f64>(1, Par::Seq);
        LuFactors {
            numeric: NumericLu::new(),
            stack: MemBuffer::new(factorise.or(solve).or(transposed)),
            factorised: false,
        }
    }

    /// Factorises the matrix with these values, in the pattern's order. `check`: a sum that is NaN where a value is.
    pub fn factorise(&self, values: &[f64], check: f64, factors: &mut LuFactors) -> Result<(), GridError> {
        factors.factorised = false;
        // A NaN must not reach the pivot search.
        if !check.is_finite() {
            return Err(failed("the matrix has entries that are not finite".into()));
        }
        let matrix = SparseColMatRef::new(self.pattern.as_ref(), values);
        let stack = MemStack::new(&mut factors.stack);
        (self.symbolic)
            .factorize_numeric_lu(&mut factors.numeric, matrix, Par::Seq, stack, Default::default())
            .map_err(|e| failed(format!("{e:?}")))?;
        factors.factorised = true;
        Ok(())
    }

    /// Solves in place, the transposed system if asked for. Without factors the result is NaN.
    pub fn solve(&self, factors: &mut LuFactors, x: &mut [f64], transposed: bool) {
        if !factors.factorised {
            return x.fill(f64::NAN);
        }
        let n = x.len();
        let lu = LuRef::new_unchecked(&self.symbolic, &factors.numeric);
        let x = MatMut::from_column_major_slice_mut(x, n, 1);
        let stack = MemStack::new(&mut factors.stack);
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
