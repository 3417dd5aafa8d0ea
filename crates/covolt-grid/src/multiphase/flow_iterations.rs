//! The iterations of the multi-phase power flow on the block elimination.
//!
//! Node voltages solve Y V + I(V) = I_source, with I(V) the currents that the ports draw (`port_current.rs`).
//!
//! **Fixed point**: Y V' = I_source - I(V). The factors of Y are made once per network, so an iteration is one pass down and up
//! the blocks. Both Kirchhoff laws hold for the currents I(V), so the mismatch of a node at V' is I(V') - I(V): no residual is
//! computed, and no rounding of a large admittance enters it. It converges linearly, with the voltage drop over the voltage as
//! rate; `acceleration.rs` speeds it up.
//!
//! **Newton**: with I(V') ~ I(V) + alpha (V' - V) + beta conj(V' - V) the linear system (Y + alpha) V' + beta conj(V') =
//! I_source - (I - alpha V - beta conj(V)); the mismatch is what I(V') differs from its linearisation. It converges
//! quadratically, for an elimination of real 2 x 2 tiles per iteration.
//!
//! A mismatch is a current at a node, per unit; near the rated voltage that is a power in per unit.

use super::coefficient::{Coefficient, RealTile};
use super::elimination::{factorise, solve};
use super::nodal_system::NodalSystem;
use super::port_current::Linearised;
use super::workspace::FlowVectors;
use crate::power_flow::{Attempt, FlowOptions};
use num_complex::Complex64;
use pulp::{Arch, Simd, WithSimd};

/// Rounding of a node's current, relative to its magnitude: a mismatch below it is none.
pub(super) const ROUNDING: f64 = 64.0 * f64::EPSILON;
/// The fixed point iteration converges linearly, so it gets this many times the iterations of Newton.
pub(super) const FIXED_POINT_ITERATIONS: usize = 10;
/// A step that leaves more than this of the mismatch is slow.
pub(super) const SLOWEST_RATE: f64 = 0.7;
/// After as many slow steps in a row Newton takes over.
pub(super) const MOST_SLOW_STEPS: usize = 4;
/// A solution with every port above this fraction of its voltage at no load, or below its range, where it is an impedance, lies on
/// the upper branch.
pub(super) const SURELY_UPPER: f64 = 0.75;
/// Factor on all currents that takes them away from a solution, to see whether the iteration comes back to it.
const DISTURBANCE: f64 = 1.0 + 1e-6;
/// Square of the distance that is left when there is no doubt any more: a tenth. All currents grow together in the disturbance, as in
/// a collapse, so what moves away is not hidden behind what fades.
const CLEARLY_CLOSER: f64 = 0.01;
/// Steps after which the distance from a solution tells in any case.
const STEPS_OF_PROBE: usize = 12;
/// Largest relative change of a voltage that a step of the continuation may make without having jumped to another branch.
const LARGEST_JUMP: f64 = 0.25;

/// Demand of every port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand<'a> {
    pub p: &'a [f64],
    pub q: &'a [f64],
    /// Fraction of p and q that counts.
    pub fraction: f64,
}

const FAILED: Attempt =
    Attempt { iterations: 0, mismatch_pu: f64::INFINITY, worst_bus: 0, converged: false, upper_branch: false };

/// Fixed point iteration from `vectors.v`, with the widest instructions of the processor.
pub(crate) fn fixed_point(
    system: &NodalSystem,
    demand: Demand<'_>,
    vectors: &mut FlowVectors,
    options: &FlowOptions,
) -> Attempt {
    Arch::new().dispatch(FixedPoint { system, demand, vectors, options })
}

/// The iteration as a task for an instruction set. SIMD is left to the compiler: all of it is inlined into one function per set.
struct FixedPoint<'a> {
    system: &'a NodalSystem,
    demand: Demand<'a>,
    vectors: &'a mut FlowVectors,
    options: &'a FlowOptions,
}

impl WithSimd for FixedPoint<'_> {
    type Output = Attempt;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Attempt {
        iterate(self.system, self.demand, self.vectors, self.options)
    }
}

#[inline(always)]
fn iterate(system: &NodalSystem, demand: Demand<'_>, vectors: &mut FlowVectors, options: &FlowOptions) -> Attempt {
    let structure = &system.structure;
    let plan = &structure.plan;
    let mut attempt = Attempt { worst_bus: plan.bus_at(0), ..FAILED };
    let limit = options.max_iterations.saturating_mul(FIXED_POINT_ITERATIONS);
    let (mut slow, mut last, first) = (0, f64::INFINITY, plan.n_idle_nodes);
    vectors.acceleration.restart();
    port_currents(system, demand, &vectors.v, &mut vectors.currents);
    while attempt.iterations < limit {
        attempt.iterations += 1;
        let FlowVectors { v, drawn, currents, next_currents, acceleration, .. } = &mut *vectors;
        v[first..].fill(Complex64::ZERO);
        for (ends, &current) in structure.port_ends.iter().zip(currents.iter()) {
            v[ends.from as usize] -= current;
            v[ends.to as usize] += current * ends.ratio;
        }
        structure.add_source_currents(v);
        if !system.passes.solve(v) {
            solve(plan, &system.factors, v);
        }
        ground(v);
        port_currents(system, demand, v, next_currents);
        // Ports first: only when each of them is balanced can the nodes be.
        let mut found = largest_change(next_currents, currents, options.tolerance_pu);
        if found.balanced {
            drawn[first..].fill(Complex64::ZERO);
            for ((ends, new), old) in structure.port_ends.iter().zip(next_currents.iter()).zip(currents.iter()) {
                drawn[ends.from as usize] += new - old;
                drawn[ends.to as usize] -= (new - old) * ends.ratio;
            }
            ground(drawn);
            found = worst(&drawn[first..], found.largest, options.tolerance_pu);
            found.at += first;
        } else {
            found.at = structure.port_ends.get(found.at).map_or(first, |ends| ends.from as usize);
        }
        attempt.mismatch_pu = found.mismatch;
        attempt.worst_bus = plan.bus_at(found.at);
        if !found.mismatch.is_finite() {
            return attempt;
        }
        if found.balanced {
            attempt.converged = true;
            attempt.upper_branch = upper_branch(system, demand, false, vectors) || contracts(system, demand, vectors);
            return attempt;
        }
        slow = if found.mismatch > SLOWEST_RATE * last { slow + 1 } else { 0 };
        if slow >= MOST_SLOW_STEPS {
            return attempt;
        }
        last = found.mismatch;
        acceleration.step(currents, next_currents);
    }
    attempt
}

/// True when the iteration, without its acceleration, contracts around `vectors.v`: it leaves a low-voltage solution, so where it
/// comes back to is the upper branch. The voltages stay as they are.
#[inline(always)]
fn contracts(system: &NodalSystem, demand: Demand<'_>, vectors: &mut FlowVectors) -> bool {
    let structure = &system.structure;
    let FlowVectors { v, x, currents, next_currents, .. } = vectors;
    port_currents(system, demand, v, next_currents);
    currents
        .iter_mut()
        .zip(next_currents.iter())
        .for_each(|(current, at_solution)| *current = at_solution * DISTURBANCE);
    let (mut first, mut last) = (0.0, 0.0);
    for step in 0..STEPS_OF_PROBE {
        x.fill(Complex64::ZERO);
        for (port, &current) in structure.port_ends.iter().zip(currents.iter()) {
            x[port.from as usize] -= current;
            x[port.to as usize] += current * port.ratio;
        }
        structure.add_source_currents(x);
        if !system.passes.solve(x) {
            solve(&structure.plan, &system.factors, x);
        }
        ground(x);
        port_currents(system, demand, x, next_currents);
        last = next_currents.iter().zip(currents.iter()).map(|(new, old)| (new - old).norm_sqr()).sum();
        if step == 0 {
            first = last;
        } else if last < CLEARLY_CLOSER * first {
            return true;
        }
        currents.copy_from_slice(next_currents);
    }
    last < first
}

/// Currents of all ports at `v`.
#[inline(always)]
fn port_currents(system: &NodalSystem, demand: Demand<'_>, v: &[Complex64], currents: &mut [Complex64]) {
    let ports = system.structure.ports.iter().zip(demand.p).zip(demand.q);
    for (((port, &p), &q), current) in ports.zip(currents) {
        *current = port.current(demand.fraction * p, demand.fraction * q, port.voltage(v));
    }
}

/// Newton from `vectors.v`; compared with no load, or with `vectors.reached` when that is a solution at a smaller demand.
pub(crate) fn newton(
    system: &NodalSystem,
    demand: Demand<'_>,
    continued: bool,
    vectors: &mut FlowVectors,
    options: &FlowOptions,
) -> Attempt {
    let plan = &system.structure.plan;
    let mut attempt = Attempt { worst_bus: plan.bus_at(0), ..FAILED };
    let first = plan.n_idle_nodes;
    while attempt.iterations < options.max_iterations {
        attempt.iterations += 1;
        if linearise(system, demand, vectors).is_err() {
            return attempt;
        }
        vectors.x[first..].fill(Complex64::ZERO);
        for (port, linear) in system.structure.ports.iter().zip(&vectors.ports) {
            let constant = linear.current;
            vectors.x[port.from as usize] -= constant;
            vectors.x[port.to as usize] += constant * port.ratio;
        }
        system.structure.add_source_currents(&mut vectors.x);
        solve(plan, &vectors.tiles, &mut vectors.x);
        ground(&mut vectors.x);
        std::mem::swap(&mut vectors.v, &mut vectors.x);
        vectors.drawn[first..].fill(Complex64::ZERO);
        let mut largest = 0.0;
        for (k, (port, linear)) in system.structure.ports.iter().zip(&vectors.ports).enumerate() {
            let v = port.voltage(&vectors.v);
            let drawn = port.current(demand.fraction * demand.p[k], demand.fraction * demand.q[k], v);
            let change = drawn - (linear.current + linear.alpha * v + linear.beta * v.conj());
            largest = f64::max(largest, drawn.norm_sqr());
            vectors.drawn[port.from as usize] += change;
            vectors.drawn[port.to as usize] -= change * port.ratio;
        }
        ground(&mut vectors.drawn);
        let found = worst(&vectors.drawn[first..], f64::sqrt(largest), options.tolerance_pu);
        attempt.mismatch_pu = found.mismatch;
        attempt.worst_bus = plan.bus_at(first + found.at);
        if !found.mismatch.is_finite() {
            return attempt;
        }
        if found.balanced {
            attempt.converged = true;
            attempt.upper_branch = upper_branch(system, demand, continued, vectors);
            return attempt;
        }
    }
    attempt
}

/// Factorises the linearised equations at `vectors.v` and leaves in `vectors.ports` the constant part I - alpha V - beta conj(V) and
/// the slopes. The position of the node where that broke down is the error.
pub(crate) fn linearise(system: &NodalSystem, demand: Demand<'_>, vectors: &mut FlowVectors) -> Result<(), usize> {
    let FlowVectors { v, ports, tiles, scratch, .. } = vectors;
    let structure = &system.structure;
    let plan = &structure.plan;
    let start = plan.blocks.get(plan.n_idle).map_or(0, |block| block.values as usize);
    for (tile, &y) in tiles[start..].iter_mut().zip(&system.values[start..]) {
        *tile = RealTile::of(y);
    }
    for (k, port) in structure.ports.iter().enumerate() {
        let voltage = port.voltage(v);
        let linear = port.linearise(demand.fraction * demand.p[k], demand.fraction * demand.q[k], voltage);
        let tile = RealTile::new(linear.alpha, linear.beta);
        let [ff, ft, tf, tt] = structure.port_entries[k];
        tiles[ff as usize] += tile;
        if ft != u32::MAX {
            let scaled = RealTile(tile.0.map(|x| -x * port.ratio));
            tiles[ft as usize] += scaled;
            tiles[tf as usize] += scaled;
            tiles[tt as usize] += RealTile(tile.0.map(|x| x * port.ratio * port.ratio));
        }
        let constant = linear.current - linear.alpha * voltage - linear.beta * voltage.conj();
        ports[k] = Linearised { current: constant, ..linear };
    }
    factorise(plan, plan.n_idle..plan.blocks.len(), tiles, &system.diagonal, scratch)
}

/// Ground is the last position: what returned there is no matter of any node.
fn ground(x: &mut [Complex64]) {
    if let Some(last) = x.last_mut() {
        *last = Complex64::ZERO;
    }
}

struct Worst {
    mismatch: f64,
    at: usize,
    balanced: bool,
    /// Largest current of a port.
    largest: f64,
}

/// The largest change of a port's current.
#[inline(always)]
fn largest_change(new: &[Complex64], old: &[Complex64], tolerance: f64) -> Worst {
    let (mut square, mut largest, mut sum) = ([0.0; 4], [0.0; 4], [0.0; 4]);
    let (new_rows, old_rows) = (new.chunks_exact(4), old.chunks_exact(4));
    let rest = new_rows.remainder().iter().zip(old_rows.remainder());
    for (new, old) in new_rows.zip(old_rows) {
        for k in 0..4 {
            take(new[k], old[k], &mut square[k], &mut largest[k], &mut sum[k]);
        }
    }
    rest.for_each(|(&new, &old)| take(new, old, &mut square[0], &mut largest[0], &mut sum[0]));
    let most = |x: [f64; 4]| x.into_iter().fold(0.0, f64::max);
    let (square, largest) = (most(square), most(largest).sqrt());
    let mismatch = if sum.iter().sum::<f64>().is_finite() { square.sqrt() } else { f64::INFINITY };
    let balanced = mismatch <= f64::max(tolerance, ROUNDING * largest);
    let at = || new.iter().zip(old).position(|(new, old)| (new - old).norm_sqr() == square).unwrap_or(0);
    Worst { mismatch, at: if balanced { 0 } else { at() }, balanced, largest }
}

/// One port of [`largest_change`]; a NaN would slip through the maximum, never through the sum.
#[inline(always)]
fn take(new: Complex64, old: Complex64, square: &mut f64, largest: &mut f64, sum: &mut f64) {
    let (change, size) = ((new - old).norm_sqr(), new.norm_sqr());
    *square = if change > *square { change } else { *square };
    *largest = if size > *largest { size } else { *largest };
    *sum += change;
}

/// The largest mismatch, beside the largest current of a port.
#[inline(always)]
fn worst(mismatch: &[Complex64], largest: f64, tolerance: f64) -> Worst {
    let (mut square, mut sum) = (0.0, 0.0);
    for own in mismatch.iter().map(Complex64::norm_sqr) {
        square = f64::max(square, own);
        // A NaN would slip through the maximum, never through the sum.
        sum += own;
    }
    let at = mismatch.iter().position(|own| own.norm_sqr() == square).unwrap_or(0);
    let worst = if f64::is_finite(sum) { f64::sqrt(square) } else { f64::INFINITY };
    Worst { mismatch: worst, at, balanced: worst <= f64::max(tolerance, ROUNDING * largest), largest }
}

/// True when `vectors.v` lies on the upper branch: near no load, or near the solution at a smaller demand.
pub(crate) fn upper_branch(system: &NodalSystem, demand: Demand<'_>, continued: bool, vectors: &FlowVectors) -> bool {
    if continued {
        let near = |(v, reached): (&Complex64, &Complex64)| {
            (v - reached).norm() <= LARGEST_JUMP * f64::max(reached.norm(), LARGEST_JUMP)
        };
        let first = system.structure.plan.n_idle_nodes;
        return vectors.v[first..].iter().zip(&vectors.reached[first..]).all(near);
    }
    system.structure.ports.iter().enumerate().all(|(k, port)| {
        let idle = demand.p[k] == 0.0 && demand.q[k] == 0.0;
        let (square, at_no_load) = (port.voltage(&vectors.v).norm_sqr(), port.voltage(&system.no_load).norm_sqr());
        idle || square >= SURELY_UPPER * SURELY_UPPER * at_no_load || port.draws_less_at_less_voltage(square)
    })
}
