//! Power flow of eight scenarios on one tree: backward-forward sweeps, one scenario per lane.
//!
//! Scaled quantities of `tree.rs`. With the current I_k = conj(s_k) / conj(V_k) + y_k V_k that a bus and its shunt draw at the
//! last voltages, one sweep is
//!
//! ```text
//!   leaves -> source:  J_k = I_k + sum over children of J          source -> leaves:  V_k = V_p - zeta_k J_k
//! ```
//!
//! On the way down the new voltage is at hand, so the current of the next sweep is made there and takes the place of J.
//! Both of Kirchhoff's laws hold with the currents of the last voltages; what is left of the power balance is
//!
//! ```text
//!   |V| |I(V) - I(V_last)|  <=  |V - V_last| (|s| / |V| + |y| |V|)        (to second order in V - V_last)
//! ```
//!
//! whose square is bounded by |V - V_last|^2 (w_s |s|^2 / |V|^2 + w_y |V|^2) with (w_s, w_y) = (1, 0) without a shunt and
//! (2, 2 |y|^2) with one.
//!
//! Why sweeps and not the Newton steps of `power_flow_radial.rs`: a sweep has one division and about 25 other operations a bus
//! and 0.9 kB of memory traffic, and shrinks the error by the relative voltage drop of the feeder, a few per cent: five to eight
//! of them to 1e-8 pu from the flat start, where Newton takes two or three steps. One elimination with its two passes
//! (`batch_sensitivities.rs`) took as long as 2.4, 3 and 8 sweeps at 98, 1 502 and 15 002 buses, so sweeps are about
//! equal on small networks and far ahead on large ones, where the factors of an elimination leave the nearer caches.
//! What makes a sweep fail (drops near the nose of the power-voltage curve) is found per scenario, and that scenario
//! alone is solved again by Newton with its continuation (`batch.rs`).
//!
//! Both passes run in the breadth-first order of the tree, whose neighbours do not wait for each other. One pass over a
//! depth-first order, closing each subtree as it ends, touches memory less often but took 14, 49 and 30 % longer at 98, 1 502
//! and 15 002 buses.
//!
//! A scenario that has converged keeps its voltages bit for bit while others go on, so its result does not depend on its
//! neighbours. A sweep is a contraction on the upper branch of solutions only, so what it converges to lies there.

use crate::lanes::{ComplexLanes, LANES, Lanes, Machine, Pair};
use crate::tree::TreeBranch;
use pulp::{Simd, WithSimd};

/// What one scenario's sweeps came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SweepOutcome {
    pub sweeps: usize,
    pub mismatch_pu: f64,
    pub converged: bool,
}

/// A branch and its bus as the sweeps need them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SweepBranch {
    branch: TreeBranch,
    /// (w_s, w_y) of the mismatch bound.
    weights: (f64, f64),
}

impl SweepBranch {
    pub fn compile(branches: &[TreeBranch]) -> Vec<SweepBranch> {
        let weights = |y: f64| if y > 0.0 { (2.0, 2.0 * y) } else { (1.0, 0.0) };
        branches.iter().map(|&branch| SweepBranch { branch, weights: weights(branch.shunt.norm_sqr()) }).collect()
    }
}

/// Tree-order quantities of one batch that the sweeps read and write.
pub(crate) struct SweepState<'a> {
    pub branches: &'a [SweepBranch],
    /// True when any bus has a shunt admittance.
    pub shunts: bool,
    /// Demand s = p + jq.
    pub s: &'a [ComplexLanes],
    /// Voltages: the start on the way in, the solution on the way out.
    pub v: &'a mut [ComplexLanes],
    /// Currents: scratch.
    pub j: &'a mut [ComplexLanes],
}

/// Sweeps that nobody checks: from the flat start the first two never reach a useful tolerance.
const UNCHECKED_FROM_FLAT: usize = 2;

/// Sweeps until every one of the first `count` scenarios has converged, failed or used up `max_sweeps`.
pub(crate) fn solve(
    machine: Machine,
    mut state: SweepState<'_>,
    count: usize,
    tolerance_pu: f64,
    max_sweeps: usize,
    warm: bool,
) -> [SweepOutcome; LANES] {
    let mut outcomes = [SweepOutcome { sweeps: 0, mismatch_pu: f64::INFINITY, converged: false }; LANES];
    let mut checks = Checks { active: Lanes::splat(0.0), worst: Lanes::splat(0.0), sum: Lanes::splat(0.0) };
    checks.active.0[..count].fill(1.0);
    let mut frozen = count < LANES;
    machine.run(Currents { state: state.reborrow() });
    for sweep in 1..=max_sweeps {
        machine.run(Backward { state: state.reborrow() });
        if !warm && sweep <= UNCHECKED_FROM_FLAT && sweep < max_sweeps {
            run_forward::<false, false>(machine, &mut state, &mut checks);
            continue;
        }
        if frozen {
            run_forward::<true, true>(machine, &mut state, &mut checks);
        } else {
            run_forward::<true, false>(machine, &mut state, &mut checks);
        }
        let mut open = false;
        for (lane, outcome) in outcomes.iter_mut().enumerate() {
            if checks.active.0[lane] == 0.0 {
                continue;
            }
            // A NaN would slip through the maximum, never through the sum.
            let finite = checks.sum.0[lane].is_finite();
            let mismatch_pu = if finite { checks.worst.0[lane].sqrt() } else { f64::INFINITY };
            *outcome = SweepOutcome { sweeps: sweep, mismatch_pu, converged: mismatch_pu <= tolerance_pu };
            if outcome.converged || !finite {
                checks.active.0[lane] = 0.0;
                frozen = true;
            } else {
                open = true;
            }
        }
        if !open {
            break;
        }
    }
    outcomes
}

fn run_forward<const CHECK: bool, const FREEZE: bool>(
    machine: Machine,
    state: &mut SweepState<'_>,
    checks: &mut Checks,
) {
    if state.shunts {
        machine.run(Forward::<CHECK, FREEZE, true> { state: state.reborrow(), checks });
    } else {
        machine.run(Forward::<CHECK, FREEZE, false> { state: state.reborrow(), checks });
    }
}

impl SweepState<'_> {
    fn reborrow(&mut self) -> SweepState<'_> {
        SweepState { branches: self.branches, shunts: self.shunts, s: self.s, v: self.v, j: self.j }
    }
}

/// Which scenarios still move (1) or not (0), and the squared mismatch of the last sweep: largest and sum.
struct Checks {
    active: Lanes,
    worst: Lanes,
    sum: Lanes,
}

/// I = conj(s) / conj(V), and 1 / |V|^2.
#[inline(always)]
fn demand_current<S: Simd>(simd: S, s: Pair<S>, v: Pair<S>) -> (Pair<S>, S::f64s) {
    let inverse = simd.div_f64s(simd.splat_f64s(1.0), v.norm_sqr(simd));
    let re = simd.mul_add_e_f64s(s.im, v.im, simd.mul_f64s(s.re, v.re));
    let im = simd.negate_mul_add_e_f64s(s.im, v.re, simd.mul_f64s(s.re, v.im));
    (Pair { re, im }.scaled(simd, inverse), inverse)
}

/// Currents drawn at the starting voltages.
struct Currents<'a> {
    state: SweepState<'a>,
}

impl WithSimd for Currents<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let SweepState { branches, s, v, j, .. } = self.state;
        for (((branch, s), v), j) in branches.iter().zip(s).zip(&*v).zip(j) {
            let shunt = Pair::splat(simd, branch.branch.shunt);
            for h in 0..LANES / S::F64_LANES {
                let v = v.get::<S>(h);
                let (current, _) = demand_current(simd, s.get::<S>(h), v);
                j.set::<S>(h, current.plus_product(simd, shunt, v));
            }
        }
    }
}

/// Leaves to source: currents add up.
struct Backward<'a> {
    state: SweepState<'a>,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let SweepState { branches, j, .. } = self.state;
        for k in (1..branches.len().min(j.len())).rev() {
            let (above, own) = j.split_at_mut(k);
            let (own, parent) = (&own[0], &mut above[branches[k].branch.parent]);
            for h in 0..LANES / S::F64_LANES {
                parent.set::<S>(h, parent.get::<S>(h).plus(simd, own.get::<S>(h)));
            }
        }
    }
}

/// Source to leaves: voltages, and the currents drawn at them.
struct Forward<'a, const CHECK: bool, const FREEZE: bool, const SHUNTS: bool> {
    state: SweepState<'a>,
    checks: &'a mut Checks,
}

impl<const CHECK: bool, const FREEZE: bool, const SHUNTS: bool> WithSimd for Forward<'_, CHECK, FREEZE, SHUNTS> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let SweepState { branches, s, v, j, .. } = self.state;
        let n = branches.len().min(s.len()).min(v.len()).min(j.len());
        let zero = simd.splat_f64s(0.0);
        let (mut worst, mut sum) = ([zero; LANES], [zero; LANES]);
        for k in 1..n {
            let SweepBranch { branch, weights } = &branches[k];
            let zeta = Pair::splat(simd, branch.zeta);
            let (above, own) = v.split_at_mut(k);
            let (v_parent, v_own) = (&above[branch.parent], &mut own[0]);
            for h in 0..LANES / S::F64_LANES {
                // The product by itself: only one subtraction then waits for the parent.
                let mut new = v_parent.get::<S>(h).minus(simd, zeta.times(simd, j[k].get::<S>(h)));
                let s = s[k].get::<S>(h);
                if FREEZE {
                    let active = simd.less_than_f64s(zero, self.checks.active.get::<S>(h));
                    new = Pair::select(simd, active, new, v_own.get::<S>(h));
                }
                let (mut current, inverse) = demand_current(simd, s, new);
                if SHUNTS {
                    current = current.plus_product(simd, Pair::splat(simd, branch.shunt), new);
                }
                if CHECK {
                    let moved = new.minus(simd, v_own.get::<S>(h)).norm_sqr(simd);
                    let mut weight = simd.mul_f64s(s.norm_sqr(simd), inverse);
                    if SHUNTS {
                        let by_shunt = simd.mul_f64s(simd.splat_f64s(weights.1), new.norm_sqr(simd));
                        weight = simd.mul_add_e_f64s(simd.splat_f64s(weights.0), weight, by_shunt);
                    }
                    let mismatch = simd.mul_f64s(moved, weight);
                    worst[h] = simd.max_f64s(worst[h], mismatch);
                    sum[h] = simd.add_f64s(sum[h], mismatch);
                }
                v_own.set::<S>(h, new);
                j[k].set::<S>(h, current);
            }
        }
        if CHECK {
            for h in 0..LANES / S::F64_LANES {
                self.checks.worst.set::<S>(h, worst[h]);
                self.checks.sum.set::<S>(h, sum[h]);
            }
        }
    }
}
