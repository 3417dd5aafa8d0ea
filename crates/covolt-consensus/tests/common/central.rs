//! The coupled program as one conic program for an independent solver.
#![allow(dead_code, clippy::unwrap_used)]

use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettingsBuilder, DefaultSolver, IPSolver, SolverStatus, SupportedConeT};
use covolt_consensus::{CoupledRows, LocalProgram};

/// Optimum of the central program.
pub struct Central {
    pub cost: f64,
    pub x: Vec<Vec<f64>>,
    pub multipliers: Vec<f64>,
    pub status: SolverStatus,
}

/// Solves with clarabel; `tolerance` is its gap and feasibility tolerance.
pub fn solve(programs: &[LocalProgram], rows: &CoupledRows, tolerance: f64) -> Central {
    let starts: Vec<usize> = programs
        .iter()
        .scan(0, |at, p| {
            let start = *at;
            *at += p.variables();
            Some(start)
        })
        .collect();
    let n: usize = programs.iter().map(LocalProgram::variables).sum();
    let mut q = Vec::new();
    let mut p_entries = Vec::new();
    let mut a: Vec<(usize, usize, f64)> = Vec::new();
    let mut b = Vec::new();
    let mut cones = Vec::new();
    let m = rows.len();
    for (i, r) in rows.limits().iter().enumerate() {
        for (program, start) in programs.iter().zip(&starts) {
            let k = program.variables();
            for j in 0..k {
                a.push((i, start + j, program.data().coupled[i * k + j]));
            }
        }
        b.push(*r);
    }
    let mut balls = Vec::new();
    for (program, start) in programs.iter().zip(&starts) {
        let d = program.data();
        let k = program.variables();
        q.extend_from_slice(&d.linear);
        if let Some(p) = &d.quadratic {
            for i in 0..k {
                for j in i..k {
                    p_entries.push((start + i, start + j, p[i * k + j]));
                }
            }
        }
        for j in 0..k {
            for (sign, limit) in [(-1.0, d.lower[j]), (1.0, d.upper[j])] {
                if f64::is_finite(limit) {
                    a.push((b.len(), start + j, sign));
                    b.push(sign * limit);
                }
            }
        }
        for row in &d.rows {
            for (sign, limit) in [(-1.0, row.lower), (1.0, row.upper)] {
                if f64::is_finite(limit) {
                    for &(j, g) in &row.coefficients {
                        a.push((b.len(), start + j, sign * g));
                    }
                    b.push(sign * limit);
                }
            }
        }
        for ball in &d.balls {
            balls.push((start, ball));
        }
    }
    cones.push(SupportedConeT::NonnegativeConeT(b.len()));
    for (start, ball) in balls {
        cones.push(SupportedConeT::SecondOrderConeT(ball.axes.len() + 1));
        b.push((2.0 * ball.level).sqrt());
        for axis in &ball.axes {
            let root = axis.weight.sqrt();
            a.push((b.len(), start + axis.variable, -root));
            b.push(-root * axis.centre);
        }
    }
    let p = csc(n, n, &mut p_entries);
    let a = csc(b.len(), n, &mut a);
    let settings = DefaultSettingsBuilder::default()
        .verbose(false)
        .tol_gap_abs(tolerance)
        .tol_gap_rel(tolerance)
        .tol_feas(tolerance)
        .build()
        .unwrap();
    let mut solver = DefaultSolver::new(&p, &q, &a, &b, &cones, settings).unwrap();
    solver.solve();
    let x: Vec<Vec<f64>> =
        programs.iter().zip(&starts).map(|(p, &s)| solver.solution.x[s..s + p.variables()].to_vec()).collect();
    Central {
        cost: programs.iter().zip(&x).map(|(p, x)| p.cost(x)).sum(),
        x,
        multipliers: solver.solution.z[..m].to_vec(),
        status: solver.solution.status,
    }
}

fn csc(rows: usize, columns: usize, entries: &mut [(usize, usize, f64)]) -> CscMatrix<f64> {
    let i = entries.iter().map(|e| e.0).collect();
    let j = entries.iter().map(|e| e.1).collect();
    let v = entries.iter().map(|e| e.2).collect();
    CscMatrix::new_from_triplets(rows, columns, i, j, v)
}
