//! Power flow of any network, with loops: Newton on the current balance with a sparse LU.
//!
//! ```text
//!   F(V) = Y V + I(V) = 0        (Y + Y_D) dV = -F        V <- V + dV
//! ```
//!
//! with I the demand current (30)-(31) and (Y + Y_D) of `linear_system.rs`. The power mismatch of a bus is
//! |V_i conj(F_i)|. It cannot be evaluated better than to the rounding of the terms of (Y V)_i, so a bus counts as
//! balanced at the tolerance or at that floor, whichever is larger; the mismatch reached is reported either way.
//!
//! The derivatives solve the same system: forward (Y + Y_D) dV = -dI; adjoint (Y + Y_D)^T mu = -g, and then
//! dL/dp = Re(mu/V), dL/dq = -Im(mu/V) as on a tree (`sensitivities.rs`).

use crate::demand_current::demand_current;
use crate::error::GridError;
use crate::linear_system::{LinearSystem, LinearSystemWorkspace};
use crate::power_flow::{Attempt, FlowOptions};
use num_complex::Complex64;

/// Rounding of a sum of magnitudes, relative.
const ROUNDING: f64 = 2.0 * f64::EPSILON;
/// A direct solution whose every voltage stays above this fraction of no load is on the upper branch: the nose of a
/// two-bus line lies at 0.5 to 0.71 for lagging and unity power factor.
const SURELY_UPPER: f64 = 0.75;
/// Largest relative voltage change that a step of the continuation may make without having jumped to the other branch.
const LARGEST_JUMP: f64 = 0.25;

/// Newton at a fraction of the demand from the voltages in `v`, network order. Compared with `no_load`, or with the
/// solution `reached` at a smaller fraction, the result tells whether it may lie on the low-voltage branch.
pub(crate) fn solve_newton(
    system: &LinearSystem,
    (p, q, fraction): (&[f64], &[f64], f64),
    v: &mut [Complex64],
    no_load: &[Complex64],
    reached: Option<&Vec<Complex64>>,
    ws: &mut LinearSystemWorkspace,
    options: &FlowOptions,
) -> Attempt {
    let mut attempt = Attempt {
        iterations: 0,
        mismatch_pu: f64::INFINITY,
        worst_bus: system.bus_of.first().copied().unwrap_or(0),
        converged: false,
        upper_branch: false,
    };
    loop {
        let (mut worst, mut sum, mut balanced) = (0.0, 0.0, true);
        for (u, &bus) in system.bus_of.iter().enumerate() {
            let (into_network, magnitude) = system.network_current(bus, v);
            let f = into_network + demand_current(fraction * p[bus], fraction * q[bus], v[bus]);
            ws.x[2 * u] = -f.re;
            ws.x[2 * u + 1] = -f.im;
            let v_norm = v[bus].norm();
            let mismatch = v_norm * f.norm();
            sum += mismatch;
            balanced &= mismatch <= f64::max(options.tolerance_pu, ROUNDING * magnitude * v_norm);
            if mismatch > worst {
                worst = mismatch;
                attempt.worst_bus = bus;
            }
        }
        if !f64::is_finite(sum) {
            attempt.mismatch_pu = f64::INFINITY;
            return attempt;
        }
        attempt.mismatch_pu = worst;
        attempt.converged = balanced;
        if balanced || attempt.iterations >= options.max_iterations {
            break;
        }
        if system.factorise(p, q, fraction, v, ws).is_err() {
            break;
        }
        system.solve(ws);
        for (u, &bus) in system.bus_of.iter().enumerate() {
            v[bus] += Complex64::new(ws.x[2 * u], ws.x[2 * u + 1]);
        }
        attempt.iterations += 1;
    }
    attempt.upper_branch = (system.bus_of.iter()).all(|&bus| match reached {
        Some(reached) => (v[bus] - reached[bus]).norm() <= LARGEST_JUMP * reached[bus].norm(),
        None => v[bus].norm() >= SURELY_UPPER * no_load[bus].norm(),
    });
    attempt
}

/// Factorises (Y + Y_D) at `v`. Returns a bus where the system is singular, if any.
pub(crate) fn linearise(
    system: &LinearSystem,
    v: &[Complex64],
    p: &[f64],
    q: &[f64],
    ws: &mut LinearSystemWorkspace,
) -> Result<Option<usize>, GridError> {
    system.factorise(p, q, 1.0, v, ws)?;
    // The factorisation accepts a zero pivot; a solution then has no finite entries.
    ws.x.fill(1.0);
    system.solve(ws);
    let broken = ws.x.iter().position(|x| !x.is_finite());
    Ok(broken.and_then(|k| system.bus_of.get(k / 2).copied()))
}

/// J d with the factors at `v`.
pub(crate) fn forward(
    system: &LinearSystem,
    v: &[Complex64],
    dp: &[f64],
    dq: &[f64],
    dv: &mut [Complex64],
    ws: &mut LinearSystemWorkspace,
) {
    for (u, &bus) in system.bus_of.iter().enumerate() {
        let di = demand_current(dp[bus], dq[bus], v[bus]);
        ws.x[2 * u] = -di.re;
        ws.x[2 * u + 1] = -di.im;
    }
    system.solve(ws);
    dv.fill(Complex64::ZERO);
    for (u, &bus) in system.bus_of.iter().enumerate() {
        dv[bus] = Complex64::new(ws.x[2 * u], ws.x[2 * u + 1]);
    }
}

/// J^T w with the factors at `v`.
pub(crate) fn adjoint(
    system: &LinearSystem,
    v: &[Complex64],
    dl_dv: &[Complex64],
    dl_dp: &mut [f64],
    dl_dq: &mut [f64],
    ws: &mut LinearSystemWorkspace,
) {
    for (u, &bus) in system.bus_of.iter().enumerate() {
        ws.x[2 * u] = -dl_dv[bus].re;
        ws.x[2 * u + 1] = -dl_dv[bus].im;
    }
    system.solve_transposed(ws);
    dl_dp.fill(0.0);
    dl_dq.fill(0.0);
    for (u, &bus) in system.bus_of.iter().enumerate() {
        let mu = Complex64::new(ws.x[2 * u], ws.x[2 * u + 1]);
        let at_demand = mu / v[bus];
        dl_dp[bus] = at_demand.re;
        dl_dq[bus] = -at_demand.im;
    }
}
