//! Lower bound on the cost of every action of a window: second-order cone relaxation of (1)-(14) on a radial network.
//!
//! Branch-flow model (Farivar and Low), exact but for one relaxed equality. Each branch is oriented away from the source
//! and has, per step, the power P + jQ that enters its series impedance z = r + jx at the sending node, and the square l
//! of the series current; each bus has the square w of its voltage:
//!
//! ```text
//!   w_r = w_s - 2 (r P + x Q) + |z|^2 l              w_s, w_r: at the two ends of z; behind the ideal ratio at the
//!                                                    from side, w there is w_from / |tap|^2
//!   (P - r l, Q - x l) arriving = demand of the bus + (g, -b) w of its shunts + power into the branches that leave it
//!   P^2 + Q^2 <= l w_s                               equality in the AC power flow: the only relaxation of the grid
//!   |I|^2 = l + 2 (g P - b Q) + |y|^2 w_s <= Imax^2  terminal current with a terminal shunt y = g + jb: linear, exact
//! ```
//!
//! Devices: the limits of [`covolt_fleet::window_program::local_program`]; (13) is relaxed to its convex hull
//! P_Ch / P_Ch,max + P_Dis / P_Dis,max <= 1. The objective is that of [`covolt_fleet::evaluate`] to the last term.
//!
//! **Why the value is a bound although the solver stops a little early.** Any z in the dual cone gives
//! cost >= -b^T z - 1/2 x^T P x + min over the box of (P x + q + A^T z)^T x', because every feasible x' lies in a finite
//! box that is known beforehand (`flow_range.rs`). [`Bound::value_usd`] is this number, not the solver's own.
//!
//! A cut keeps l near |S|^2 / w (`flow_range.rs`); running sums keep long windows sparse (`stored_energy.rs`).
//!
//! After an optimum, its own multipliers give nearly the same bound without a solver ([`bound_optimum`], `weak_duality.rs`).
//!
//! Where P^2 + Q^2 < l w_s the relaxation "burns" power that no AC flow can; it pays where prices are negative or an upper
//! voltage limit binds (feeder losses cost nobody anything). The bound is then merely lower:
//! [`Bound::relaxation_gap_max`] shows it.

mod certificate;
mod columns;
mod conic;
mod device_prices;
mod elastic;
mod error;
mod flow_prices;
mod flow_range;
mod flow_rows;
mod input;
mod local_rows;
mod optimum_flow;
mod program;
mod stored_energy;
mod tree;
mod weak_duality;

pub use error::{BoundError, UnmetLimit};
pub(crate) use weak_duality::Known;
pub use weak_duality::{BoundMethod, OptimumBound, bound_optimum, duality_bound};

use crate::by_feeder::bound_each;
use certificate::dual_bound;
use conic::ConicSolution;
use covolt_fleet::{Fleet, Window};
use elastic::unmet_limits;
use input::check;
use program::ConicProgram;
use std::time::Instant;

/// Settings of the lower bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundSettings {
    /// Voltage limits are widened by this, pu. Zero: bound for the limits as written. With
    /// [`covolt_fleet::VOLTAGE_TOLERANCE_PU`] it bounds everything that the certificate accepts.
    pub voltage_allowance_pu: f64,
    /// Current limits are widened by this fraction; see [`covolt_fleet::CURRENT_TOLERANCE_RELATIVE`].
    pub current_allowance: f64,
    /// Tolerance of the conic solver, relative; an unmet one costs tightness, not validity.
    pub tolerance: f64,
    /// Most interior-point iterations.
    pub max_iterations: u32,
    /// Largest accepted distance between the solver's value and the certified one, relative to the sum of all cost terms'
    /// sizes; beyond it the answer is [`BoundError::NotConverged`].
    pub accepted_loss: f64,
    /// [`bound_optimum`] takes the bound by weak duality where it lies below the optimum by at most this fraction of the cost, and
    /// solves the relaxation elsewhere. `None`: the relaxation always, as the oracle of the other.
    pub duality: Option<f64>,
}

/// Relative distance of bound and optimum below which the optimum counts as certified.
const CLOSE: f64 = 1e-5;

impl Default for BoundSettings {
    fn default() -> Self {
        BoundSettings {
            voltage_allowance_pu: 0.0,
            current_allowance: 0.0,
            tolerance: 1e-9,
            max_iterations: 100,
            accepted_loss: 1e-3,
            duality: Some(CLOSE),
        }
    }
}

/// A lower bound and the relaxed solution behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// No feasible action costs less, $.
    pub value_usd: f64,
    /// The solver's own optimum of the relaxation, $; at least `value_usd` but for rounding.
    pub relaxed_cost_usd: f64,
    /// Set-points of the relaxed optimum, kW and kvar, battery power netted. Where the relaxation is tight they are the
    /// global optimum of the AC problem: when [`covolt_fleet::evaluate`] finds them safe, their cost is the bound. Where it
    /// is not, they may break a limit; a good start for [`crate::optimise`] all the same.
    pub actions: Vec<Vec<f64>>,
    /// Largest l w - P^2 - Q^2 over branches and steps, in units of the square of the branch's largest possible current.
    pub relaxation_gap_max: f64,
    /// Largest min(P_Ch, P_Dis) over batteries and steps, kW.
    pub charge_discharge_overlap_kw: f64,
    /// Building and solving, s.
    pub solve_time_s: f64,
    /// Interior-point iterations.
    pub iterations: u32,
    /// Variables of the program.
    pub variables: usize,
    /// How the solver ended, in its words.
    pub status: String,
}

/// Lower bound on the cost of the window, over every joint action that keeps (3)-(14) under the AC power flow.
///
/// # Errors
/// A network that is not radial, a window that does not fit the fleet, a window without any feasible action (with the
/// limits that cannot be met together), or a solver that got nowhere.
pub fn lower_bound(fleet: &Fleet, window: &Window, settings: &BoundSettings) -> Result<Bound, BoundError> {
    let feeders = fleet.feeders();
    if feeders.is_empty() {
        return bound_part(fleet, window, settings);
    }
    // Lengths, before the window is cut by them.
    check(fleet, window)?;
    bound_each(fleet, &feeders, window, settings, |feeder, own, settings| bound_part(&feeder.fleet, own, settings))
}

/// The bound of a network that is a single feeder, or is not split.
fn bound_part(fleet: &Fleet, window: &Window, settings: &BoundSettings) -> Result<Bound, BoundError> {
    let started = Instant::now();
    let program = ConicProgram::build(fleet, window, settings)?;
    relax(fleet, window, &program, settings, started)
}

/// Solves the relaxation.
fn relax(
    fleet: &Fleet,
    window: &Window,
    program: &ConicProgram,
    settings: &BoundSettings,
    started: Instant,
) -> Result<Bound, BoundError> {
    let refused = |reason: String| BoundError::Setup { row: window.row, reason };
    let solution = program.data.solve(settings).map_err(refused)?;
    let objective = dual_bound(&program.data, &solution.x, &solution.z);
    let relaxed = program.data.objective(&solution.x);
    let loss = relaxed - objective;
    if !solution.solved && (loss.is_nan() || loss.abs() > settings.accepted_loss) {
        if let Some(limits) = unmet_limits(fleet, program, settings).map_err(refused)? {
            return Err(BoundError::infeasible(window.row, limits));
        }
        let ConicSolution { status, iterations, .. } = solution;
        return Err(BoundError::NotConverged { row: window.row, status, iterations, loss });
    }
    Ok(Bound {
        value_usd: program.usd(objective),
        relaxed_cost_usd: program.usd(relaxed),
        actions: program.actions(&solution.x),
        relaxation_gap_max: program.relaxation_gap_max(&solution.x),
        charge_discharge_overlap_kw: program.charge_discharge_overlap_kw(&solution.x),
        solve_time_s: started.elapsed().as_secs_f64(),
        iterations: solution.iterations,
        variables: program.data.q.len(),
        status: solution.status,
    })
}
