//! The fixed point iteration over the factors of Y for eight scenarios: the power flow, and the adjoint, which has the same form.
//!
//! With c the currents of the ports, put in at their nodes by the incidence N (+1 at `from`, -ratio at `to`), both read
//!
//! ```text
//!   power flow    Y V = I_source - N c           c = I(N^T V)
//!   adjoint       Y^T mu = g - N c               c = A^T N^T mu       A the slopes alpha, beta of I at the solution
//! ```
//!
//! The second is (Y + N A N^T)^T mu = g. Its iteration matrix is the transpose of that of the first at the solution, so it contracts
//! as fast: at the voltage drop over the voltage. Loads are not in Y, so the factors are those of all scenarios, and a step of eight
//! costs little more memory traffic than a step of one. Eliminating the linearised equations instead, one scenario per lane,
//! takes as many products as ten such steps: 135 tiles of eight for a line of three conductors, against 27 complex ones.
//!
//! As in `flow_iterations.rs`, what is left of a node's equation is N (c' - c), with c' the currents at the voltages that c led
//! to; no residual is computed. Lanes decide alone: one that has converged keeps its c, so every later step gives it the same
//! voltages, bit for bit, and its result does not depend on its neighbours.

use super::flow_iterations::{MOST_SLOW_STEPS, ROUNDING, SLOWEST_RATE};
use super::lane_acceleration::LaneAcceleration;
use super::port_current::PortEnds;
use crate::lanes::{ComplexLanes, LANES, Lanes, Pair};
use pulp::{Simd, WithSimd};

/// What distinguishes the power flow from the adjoint.
pub(super) trait Response {
    /// The right-hand side without the ports.
    fn constant(&self, x: &mut [ComplexLanes]);
    /// Solves with Y or its transpose, in place.
    fn solve<S: Simd>(&self, simd: S, x: &mut [ComplexLanes]);
    /// c of port `k`, vector `h`, at the value across it.
    fn current<S: Simd>(&self, simd: S, k: usize, h: usize, across: Pair<S>) -> Pair<S>;
    /// What may be left of a node's equation, when the largest c is `largest`.
    fn tolerance(&self, largest: f64) -> f64;
}

/// Vectors of the iteration: by position in the elimination, ground last, or by port.
#[derive(Debug)]
pub(super) struct IterationLanes {
    /// Start on the way in, where there is one; the solution on the way out.
    pub x: Vec<ComplexLanes>,
    currents: Vec<ComplexLanes>,
    next: Vec<ComplexLanes>,
    mismatch: Vec<ComplexLanes>,
    acceleration: LaneAcceleration,
}

impl IterationLanes {
    /// For `n` nodes and ground.
    pub fn new(n: usize, ports: usize) -> IterationLanes {
        IterationLanes {
            x: vec![ComplexLanes::ZERO; n + 1],
            currents: vec![ComplexLanes::ZERO; ports],
            next: vec![ComplexLanes::ZERO; ports],
            mismatch: vec![ComplexLanes::ZERO; n + 1],
            acceleration: LaneAcceleration::new(ports),
        }
    }
}

/// What one scenario's iteration came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct LaneOutcome {
    pub iterations: usize,
    pub mismatch_pu: f64,
    pub converged: bool,
}

/// Iterates in the lanes that are `active` until each has converged, is too slow, or has used up `limit` steps.
pub(super) struct Iterate<'a, R> {
    pub response: &'a R,
    pub ends: &'a [PortEnds],
    /// First position that is not idle.
    pub first: usize,
    pub active: [bool; LANES],
    pub limit: usize,
    /// Start from the currents at `memory.x`; otherwise from none.
    pub from_x: bool,
    pub memory: &'a mut IterationLanes,
}

/// Squares of the largest change and of the largest current, and a sum that is not finite where a change is not.
struct Changes {
    worst: Lanes,
    largest: Lanes,
    sum: Lanes,
}

/// Progress of one lane.
#[derive(Clone, Copy)]
struct Lane {
    outcome: LaneOutcome,
    last: f64,
    slow: usize,
}

impl<R: Response> WithSimd for Iterate<'_, R> {
    type Output = [LaneOutcome; LANES];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [LaneOutcome; LANES] {
        let Iterate { response, ends, first, active, limit, from_x, memory } = self;
        let IterationLanes { x, currents, next, mismatch, acceleration } = memory;
        let none = LaneOutcome { iterations: 0, mismatch_pu: f64::INFINITY, converged: false };
        let mut lanes = [Lane { outcome: none, last: f64::INFINITY, slow: 0 }; LANES];
        let mut open = Lanes(active.map(|active| if active { 1.0 } else { 0.0 }));
        acceleration.restart();
        if from_x {
            respond(simd, response, ends, x, None, currents);
        } else {
            currents.fill(ComplexLanes::ZERO);
        }
        for _ in 0..limit {
            if open.0 == [0.0; LANES] {
                break;
            }
            response.constant(x);
            for (ends, c) in ends.iter().zip(currents.iter()) {
                for h in 0..LANES / S::F64_LANES {
                    put_in(simd, ends, x, h, c.get::<S>(h));
                }
            }
            response.solve(simd, x);
            ground(x);
            let changes = respond(simd, response, ends, x, Some(currents), next);
            let tolerance: [f64; LANES] = std::array::from_fn(|lane| {
                let largest = changes.largest.0[lane].sqrt();
                response.tolerance(largest).max(ROUNDING * largest)
            });
            let mut found = changes.worst.0.map(f64::sqrt);
            let balanced: [bool; LANES] =
                std::array::from_fn(|lane| open.0[lane] > 0.0 && found[lane] <= tolerance[lane]);
            // Ports first: only when each of them is balanced can the nodes be.
            if balanced.contains(&true) {
                let nodes = at_nodes(simd, ends, first, currents, next, mismatch);
                for lane in (0..LANES).filter(|&lane| balanced[lane]) {
                    found[lane] = nodes.0[lane].sqrt();
                }
            }
            let stepped = open;
            for lane in (0..LANES).filter(|&lane| stepped.0[lane] > 0.0) {
                let Lane { outcome, last, slow } = &mut lanes[lane];
                outcome.iterations += 1;
                // A NaN would slip through the maximum, never through the sum.
                let finite = changes.sum.0[lane].is_finite();
                outcome.mismatch_pu = if finite { found[lane] } else { f64::INFINITY };
                outcome.converged = finite && balanced[lane] && found[lane] <= tolerance[lane];
                *slow = if outcome.mismatch_pu > SLOWEST_RATE * *last { *slow + 1 } else { 0 };
                *last = outcome.mismatch_pu;
                if outcome.converged {
                    open.0[lane] = 0.0;
                } else if !finite || *slow >= MOST_SLOW_STEPS {
                    open.0[lane] = 0.0;
                    // Nothing is left there that later steps could lose time with.
                    currents.iter_mut().for_each(|c| c.set_lane(lane, num_complex::Complex64::ZERO));
                }
            }
            acceleration.step(simd, &open, currents, next);
        }
        lanes.map(|lane| lane.outcome)
    }
}

/// Subtracts N c of one port, vector `h`.
#[inline(always)]
fn put_in<S: Simd>(simd: S, ends: &PortEnds, x: &mut [ComplexLanes], h: usize, c: Pair<S>) {
    let (from, to, ratio) = (ends.from as usize, ends.to as usize, simd.splat_f64s(ends.ratio));
    x[from].set::<S>(h, x[from].get::<S>(h).minus(simd, c));
    x[to].set::<S>(h, x[to].get::<S>(h).plus(simd, c.scaled(simd, ratio)));
}

/// The value across a port.
#[inline(always)]
pub(super) fn across<S: Simd>(simd: S, ends: &PortEnds, x: &[ComplexLanes], h: usize) -> Pair<S> {
    let (from, to) = (x[ends.from as usize].get::<S>(h), x[ends.to as usize].get::<S>(h));
    from.minus(simd, to.scaled(simd, simd.splat_f64s(ends.ratio)))
}

/// c at `x`, and how it differs from what it was.
#[inline(always)]
fn respond<S: Simd, R: Response>(
    simd: S,
    response: &R,
    ends: &[PortEnds],
    x: &[ComplexLanes],
    old: Option<&[ComplexLanes]>,
    new: &mut [ComplexLanes],
) -> Changes {
    let zero = simd.splat_f64s(0.0);
    let (mut worst, mut largest, mut sum) = ([zero; LANES], [zero; LANES], [zero; LANES]);
    for (k, (ends, new)) in ends.iter().zip(new.iter_mut()).enumerate() {
        for h in 0..LANES / S::F64_LANES {
            let c = response.current(simd, k, h, across(simd, ends, x, h));
            new.set::<S>(h, c);
            if let Some(old) = old {
                let change = c.minus(simd, old[k].get::<S>(h)).norm_sqr(simd);
                worst[h] = simd.max_f64s(worst[h], change);
                sum[h] = simd.add_f64s(sum[h], change);
                largest[h] = simd.max_f64s(largest[h], c.norm_sqr(simd));
            }
        }
    }
    let nothing = Lanes::splat(0.0);
    let mut changes = Changes { worst: nothing, largest: nothing, sum: nothing };
    for h in 0..LANES / S::F64_LANES {
        changes.worst.set::<S>(h, worst[h]);
        changes.largest.set::<S>(h, largest[h]);
        changes.sum.set::<S>(h, sum[h]);
    }
    changes
}

/// Square of the largest entry of N (new - old), per scenario.
#[inline(always)]
fn at_nodes<S: Simd>(
    simd: S,
    ends: &[PortEnds],
    first: usize,
    old: &[ComplexLanes],
    new: &[ComplexLanes],
    mismatch: &mut [ComplexLanes],
) -> Lanes {
    mismatch[first..].fill(ComplexLanes::ZERO);
    for ((ends, new), old) in ends.iter().zip(new).zip(old) {
        for h in 0..LANES / S::F64_LANES {
            put_in(simd, ends, mismatch, h, new.get::<S>(h).minus(simd, old.get::<S>(h)));
        }
    }
    ground(mismatch);
    let mut worst = Lanes::splat(0.0);
    for h in 0..LANES / S::F64_LANES {
        let mut largest = simd.splat_f64s(0.0);
        for own in &mismatch[first..] {
            largest = simd.max_f64s(largest, own.get::<S>(h).norm_sqr(simd));
        }
        worst.set::<S>(h, largest);
    }
    worst
}

/// Ground is the last position: what returned there is no matter of any node.
fn ground(x: &mut [ComplexLanes]) {
    if let Some(last) = x.last_mut() {
        *last = ComplexLanes::ZERO;
    }
}
