//! Named, seeded coordination problems shared by tests, benches and the rounds table.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use covolt_consensus::{Ball, CoupledRows, LocalProgram, LocalProgramData, LocalRow};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A coupled program with its name.
pub struct TestProblem {
    /// Name with its seed.
    pub name: String,
    /// One program per agent.
    pub programs: Vec<LocalProgram>,
    /// The public rows.
    pub rows: CoupledRows,
}

/// What a generator may vary.
#[derive(Clone, Copy)]
pub struct Shape {
    pub agents: usize,
    pub steps: usize,
    pub rows: usize,
    /// Share of the rows that cut off the uncoupled optimum.
    pub tight: f64,
    pub trust_ball: bool,
    pub circles: bool,
}

/// The shape of one update of the built-in case after screening.
pub const FIVE_MICROGRIDS: Shape =
    Shape { agents: 5, steps: 4, rows: 50, tight: 0.3, trust_ball: false, circles: true };

fn uniform(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

/// Microgrids with two generators (quadratic cost), a battery (linear cost, flat in time) and reactive power (nearly free), per
/// step eight variables: P1, P2, charge, discharge, Q1, Q2, Q_pv, Q_ess. Rows are voltages and currents of single steps.
pub fn microgrids(shape: Shape, seed: u64) -> TestProblem {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let steps = shape.steps;
    let n = 8 * steps;
    let kw = uniform(&mut rng, 0.05, 500.0);
    let mut data = Vec::new();
    for _ in 0..shape.agents {
        data.push(one_microgrid(&mut rng, shape, n, kw));
    }
    let mut interior: Vec<Vec<f64>> = Vec::new();
    for d in &data {
        interior.push(
            (0..n)
                .map(|j| {
                    let w = d.upper[j] - d.lower[j];
                    if j % 8 == 2 || j % 8 == 3 {
                        d.lower[j] + 0.05 * w
                    } else {
                        d.lower[j] + uniform(&mut rng, 0.3, 0.6) * w
                    }
                })
                .collect(),
        );
    }
    // Rows: a shared shape per step, larger for nearer agents; voltages see P and Q, currents see mostly P.
    let mut limits = vec![0.0; shape.rows];
    let optimum: Vec<Vec<f64>> = data.iter().map(uncoupled).collect();
    for limit in &mut limits {
        let step = rng.random_range(0..steps);
        let voltage = rng.random::<f64>() < 0.6;
        let sign = if rng.random::<f64>() < 0.7 { 1.0 } else { -1.0 };
        let mut at_optimum = 0.0;
        let mut at_interior = 0.0;
        let mut range = 0.0;
        for (a, d) in data.iter_mut().enumerate() {
            let near = uniform(&mut rng, 0.05, 1.0);
            let x_over_r = if voltage { uniform(&mut rng, 0.4, 0.9) } else { uniform(&mut rng, -0.2, 0.2) };
            let mut row = vec![0.0; n];
            for (k, factor) in [1.0, 1.0, -1.0, 1.0, x_over_r, x_over_r, x_over_r, -x_over_r].into_iter().enumerate() {
                row[step * 8 + k] = sign * near * factor / kw * uniform(&mut rng, 0.9, 1.1);
            }
            at_optimum += row.iter().zip(&optimum[a]).map(|(b, x)| b * x).sum::<f64>();
            at_interior += row.iter().zip(&interior[a]).map(|(b, x)| b * x).sum::<f64>();
            range += row.iter().zip(d.upper.iter().zip(&d.lower)).map(|(b, (u, l))| b.abs() * (u - l)).sum::<f64>();
            d.coupled.extend(row);
        }
        *limit = if rng.random::<f64>() < shape.tight && at_optimum > at_interior {
            at_interior + uniform(&mut rng, 0.2, 0.9) * (at_optimum - at_interior)
        } else {
            at_optimum.max(at_interior) + uniform(&mut rng, 0.02, 0.4) * range
        };
    }
    let programs = data.into_iter().map(|d| LocalProgram::try_new(d, shape.rows).unwrap()).collect();
    TestProblem { name: format!("microgrids/{seed}"), programs, rows: CoupledRows::try_new(limits).unwrap() }
}

fn one_microgrid(rng: &mut ChaCha8Rng, shape: Shape, n: usize, kw: f64) -> LocalProgramData {
    let steps = shape.steps;
    let mut d =
        LocalProgramData { linear: vec![0.0; n], lower: vec![0.0; n], upper: vec![0.0; n], ..Default::default() };
    let mut p = vec![0.0; n * n];
    let size = kw * uniform(rng, 0.5, 2.0);
    let eta = 0.95;
    let mut soc_row: Vec<(usize, f64)> = Vec::new();
    let (soc_low, soc_high) = (-uniform(rng, 0.3, 1.5) * size, uniform(rng, 0.3, 1.5) * size);
    let (b1, b2) = (uniform(rng, 20.0, 50.0), uniform(rng, 20.0, 50.0));
    let (a1, a2) = (uniform(rng, 5.0, 30.0) / size, uniform(rng, 5.0, 30.0) / size);
    let value = uniform(rng, 30.0, 60.0);
    for t in 0..steps {
        let o = 8 * t;
        let price = uniform(rng, 20.0, 70.0);
        let widths = [1.0, 0.6, 0.5, 0.5, 0.6, 0.4, 0.5, 0.4];
        for (k, width) in widths.into_iter().enumerate() {
            let (low, high) = if k < 4 { (0.0, width) } else { (if k < 6 { 0.0 } else { -width }, width) };
            d.lower[o + k] = low * size;
            d.upper[o + k] = high * size;
        }
        d.linear[o] = b1 - price;
        d.linear[o + 1] = b2 - price;
        d.linear[o + 2] = price - value * eta;
        d.linear[o + 3] = value / eta - price;
        p[o * n + o] = 2.0 * a1;
        p[(o + 1) * n + o + 1] = 2.0 * a2;
        // Loss: a rank-two term over the step's net active and net reactive power.
        let loss = uniform(rng, 0.5, 3.0) / size;
        for (v, signs) in [(0, [1.0, 1.0, -1.0, 1.0]), (4, [1.0, 1.0, 1.0, -1.0])] {
            for i in 0..4 {
                for j in 0..4 {
                    p[(o + v + i) * n + o + v + j] += loss * signs[i] * signs[j];
                }
            }
        }
        soc_row.push((o + 2, 0.25 * eta));
        soc_row.push((o + 3, -0.25 / eta));
        d.rows.push(LocalRow { coefficients: soc_row.clone(), lower: soc_low, upper: soc_high });
        for k in 0..2 {
            let ramp = 0.4 * size;
            let mut coefficients = vec![(o + k, 1.0)];
            let (mut lower, mut upper) = (-ramp, ramp);
            if t > 0 {
                coefficients.push((o - 8 + k, -1.0));
            } else {
                let before = 0.3 * size;
                lower += before;
                upper += before;
            }
            d.rows.push(LocalRow { coefficients, lower, upper });
        }
        if shape.circles {
            d.balls.push(Ball::circle((o, 0.0), (o + 4, 0.0), 1.02 * size));
            d.balls.push(Ball::circle((o + 3, 0.0), (o + 7, 0.0), 0.55 * size));
        }
    }
    d.quadratic = Some(p);
    if shape.trust_ball {
        let centre: Vec<f64> = d.lower.iter().zip(&d.upper).map(|(l, u)| 0.6 * l + 0.4 * u).collect();
        let weights: Vec<f64> = d.lower.iter().zip(&d.upper).map(|(l, u)| 1.0 / (u - l).powi(2)).collect();
        d.balls.push(Ball::trust(&weights, &centre, uniform(rng, 0.05, 0.5)));
    }
    d
}

/// Coordinate descent without local rows, good enough to know which rows the agents would like to cross.
fn uncoupled(d: &LocalProgramData) -> Vec<f64> {
    let n = d.linear.len();
    let p = d.quadratic.as_ref().unwrap();
    let mut x: Vec<f64> = d.lower.iter().zip(&d.upper).map(|(l, u)| 0.5 * (l + u)).collect();
    for _ in 0..50 {
        for j in 0..n {
            let slope: f64 = d.linear[j] + (0..n).map(|k| p[j * n + k] * x[k]).sum::<f64>();
            x[j] = (x[j] - slope / p[j * n + j].max(1e-12)).clamp(d.lower[j], d.upper[j]);
        }
    }
    x
}
