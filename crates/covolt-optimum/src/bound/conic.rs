//! A conic program in a box: minimise 1/2 x^T P x + q^T x, A x + s = b, s in a product of cones; and its solution.
//!
//! The box is no part of the program: it is known to hold every feasible point that matters, and the certificate uses it.

use super::BoundSettings;
use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, SolverStatus, SupportedConeT};

/// The program's data.
#[derive(Debug, Clone)]
pub(super) struct ConicData {
    pub p: CscMatrix<f64>,
    pub q: Vec<f64>,
    pub a: CscMatrix<f64>,
    pub b: Vec<f64>,
    pub cones: Vec<SupportedConeT<f64>>,
    /// The box.
    pub low: Vec<f64>,
    pub high: Vec<f64>,
}

/// What the solver returned.
#[derive(Debug, Clone)]
pub(super) struct ConicSolution {
    pub x: Vec<f64>,
    pub z: Vec<f64>,
    /// Solved to the tolerance asked for.
    pub solved: bool,
    pub status: String,
    pub iterations: u32,
}

impl ConicData {
    /// Runs the interior-point solver; `Err` holds its words when it refuses the data.
    pub fn solve(&self, settings: &BoundSettings) -> Result<ConicSolution, String> {
        let solver_settings = DefaultSettings {
            verbose: false,
            max_iter: settings.max_iterations,
            tol_gap_abs: settings.tolerance,
            tol_gap_rel: settings.tolerance,
            tol_feas: settings.tolerance,
            presolve_enable: false,
            ..DefaultSettings::default()
        };
        let mut solver = DefaultSolver::new(&self.p, &self.q, &self.a, &self.b, &self.cones, solver_settings)
            .map_err(|reason| reason.to_string())?;
        solver.solve();
        let solution = solver.solution;
        Ok(ConicSolution {
            solved: solution.status == SolverStatus::Solved,
            status: format!("{:?}", solution.status),
            iterations: solution.iterations,
            x: solution.x,
            z: solution.z,
        })
    }

    /// P x.
    pub fn curvature_times(&self, x: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; x.len()];
        for column in 0..self.p.n {
            for k in self.p.colptr[column]..self.p.colptr[column + 1] {
                let (row, value) = (self.p.rowval[k], self.p.nzval[k]);
                product[row] += value * x[column];
                if row != column {
                    product[column] += value * x[row];
                }
            }
        }
        product
    }

    /// Objective at x.
    pub fn objective(&self, x: &[f64]) -> f64 {
        let curvature = self.curvature_times(x);
        self.q.iter().zip(&curvature).zip(x).map(|((q, p), x)| (q + 0.5 * p) * x).sum()
    }
}
