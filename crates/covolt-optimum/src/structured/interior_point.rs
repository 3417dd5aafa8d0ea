//! Primal-dual interior point with Mehrotra's predictor and corrector on a [`Form`].
//!
//! Side i holds right - sign f + s = y with y, s >= 0; multipliers z of y and v = weight - z of s (a hard side has no s).
//! Newton on y z = mu, s v = mu, with c_y, c_s the right-hand sides of the two products:
//!
//! ```text
//!   dz = omega (sign df - c)      omega = 1 / (y/z + s/v)      c = right - sign f + c_s/v - c_y/z
//!   dy = c_y/z - y - y/z dz       ds = c_s/v - s + s/v dz
//! ```
//!
//! so an elastic side costs what a hard one does: its slack is eliminated, and its weight omega stays bounded by v/s.
//! A cone holds k = (radius + s, f_1, f_2) with multiplier zeta (`cone.rs`):
//!
//! ```text
//!   dk + W^2 dzeta = W (lambda \ d),   dk = (ds, df) + rest,   ds = c_s/v - s + s/v dzeta_0
//!   D dzeta_1 = c - df                 c = h_1 - T_10 h_0 / T_00,   h = W (lambda \ d) - rest - (c_s/v - s, 0, 0)
//! ```
//!
//! What remains is the system of `newton_system.rs`; one factorisation and two solves per iteration. Nothing is allocated
//! between the first and the last iteration.

use super::cone::{Scaling, Triple, longest_step, product};
use super::form::{Cone, Form, Side};
use super::functionals::{apply, evaluate, gather, times_hessian};
use super::newton_system::{NewtonSystem, RightHandSide, Step, Weights};
use super::states::NONE;

/// Iterations after which the program is left to the general solver.
const MAX_ITERATIONS: u32 = 100;
/// Share of the way to the nearest edge that a step takes.
const STEP_SHARE: f64 = 0.99;
/// Steps shorter than this get nowhere.
const SHORTEST_STEP: f64 = 1e-8;
/// Multiple of the tolerance that counts where an iteration gets no further. With 30 a program whose limits cannot be met ended
/// 1.3e-6 above Clarabel; with 10 one program in ninety at negative prices is left to Clarabel.
const NEARLY: f64 = 10.0;
/// Largest residual of a constraint, in its scaled units.
const FEASIBLE: f64 = 1e-9;

/// Slack and multiplier of a side, and their last change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SideState {
    pub y: f64,
    pub z: f64,
    /// Elastic slack, zero for a hard side.
    pub s: f64,
    dy: f64,
    dz: f64,
    ds: f64,
    /// 1/y, 1/z, and for an elastic side 1/s, 1/v.
    inverse: [f64; 4],
    /// omega.
    weight: f64,
}

/// The same for a cone.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ConeState {
    pub k: Triple,
    pub zeta: Triple,
    pub s: f64,
    scaling: Scaling,
    rest: Triple,
    h: Triple,
    dk: Triple,
    dzeta: Triple,
    ds: f64,
}

/// Iterate and scratch.
#[derive(Debug, Default)]
pub(super) struct InteriorPoint<N> {
    pub x: Vec<f64>,
    pub sides: Vec<SideState>,
    pub cones: Vec<ConeState>,
    pub newton: N,
    functional: Vec<f64>,
    change: Vec<f64>,
    states: Vec<f64>,
    /// Pull of each functional's multipliers.
    pull: Vec<f64>,
    gradient: Vec<f64>,
    state_gradient: Vec<f64>,
    adjoint: Vec<f64>,
    curved: Vec<f64>,
    weights: Weights,
    rhs: RightHandSide,
    step: Step,
}

impl<N: NewtonSystem> InteriorPoint<N> {
    /// Iterates down to `tolerance`; the number of iterations, or `None` where it gets nowhere.
    pub fn run(&mut self, form: &Form, tolerance: f64) -> Option<u32> {
        let degree = self.degree(form);
        let mut last_gap = f64::INFINITY;
        for iteration in 0..MAX_ITERATIONS {
            let gap = self.gap(form);
            let infeasible = self.residuals(form);
            let (objective, slope, dual) = self.stationarity(form);
            if !(gap.is_finite() && dual.is_finite() && infeasible.is_finite()) {
                return None;
            }
            let (room, dual_room) = (tolerance * objective.abs().max(1.0), tolerance * slope.max(1.0));
            let reached = |factor: f64| gap <= factor * room && infeasible <= FEASIBLE && dual <= factor * dual_room;
            if reached(1.0) {
                return Some(iteration);
            }
            // With digits running out, nearly is all there is.
            let nearly = reached(NEARLY).then_some(iteration);
            if nearly.is_some() && gap > 0.5 * last_gap {
                return nearly;
            }
            last_gap = gap;
            if self.weigh(form).is_none() || !self.newton.factor(form, &self.weights) {
                return nearly;
            }
            self.direction(form, None);
            let predicted = self.longest(form).min(1.0);
            let mu = gap / degree;
            let centring = (1.0 - predicted).powi(3);
            self.direction(form, Some(centring * mu));
            let length = (STEP_SHARE * self.longest(form)).min(1.0);
            if length < SHORTEST_STEP {
                return nearly;
            }
            self.advance(form, length);
        }
        None
    }

    /// Number of products.
    fn degree(&self, form: &Form) -> f64 {
        let elastic = form.sides.iter().map(|s| s.weight).chain(form.cones.iter().map(|c| c.weight));
        (form.sides.len() + form.cones.len() + elastic.filter(|weight| weight.is_finite()).count()) as f64
    }

    fn prepare(&mut self, form: &Form) {
        let (n, functionals) = (form.n(), form.n_functionals());
        let (states, coupled) = (form.states.incoming.len(), form.coupled_start.len());
        for (memory, size) in [
            (&mut self.functional, functionals),
            (&mut self.change, functionals),
            (&mut self.pull, functionals),
            (&mut self.weights.functional, functionals),
            (&mut self.states, states),
            (&mut self.state_gradient, states),
            (&mut self.adjoint, states),
            (&mut self.gradient, n),
            (&mut self.curved, n),
            (&mut self.rhs.x, n),
            (&mut self.rhs.states, states),
            (&mut self.rhs.coupled, coupled),
            (&mut self.step.x, n),
            (&mut self.step.states, states),
            (&mut self.step.coupled, coupled),
            (&mut self.weights.compliance, coupled),
            (&mut self.weights.compliance_pair, coupled),
        ] {
            memory.clear();
            memory.resize(size, 0.0);
        }
        self.weights.circles.clear();
        self.weights.circles.resize(form.cones.len(), [0.0; 3]);
        self.sides.clear();
        self.sides.resize(form.sides.len(), SideState::default());
        self.cones.clear();
        self.cones.resize(form.cones.len(), ConeState::default());
        self.newton.prepare(form);
    }

    /// A start from the variables in `self.x`: slacks of the size of the room, products of the size of the objective's
    /// slope, times `share`.
    pub fn start(&mut self, form: &Form, share: f64) {
        self.prepare(form);
        self.x.iter_mut().for_each(|x| *x = if x.is_finite() { x.clamp(INSET, 1.0 - INSET) } else { 0.5 });
        evaluate(form, &self.x, &mut self.states, &mut self.functional);
        times_hessian(form, &self.x, &mut self.curved);
        let slopes = self.curved.iter().zip(&form.linear).map(|(h, c)| (h + c).abs());
        let mu = (share * slopes.sum::<f64>() / (form.n().max(1) as f64)).max(SMALLEST_START);
        for (side, state) in form.sides.iter().zip(&mut self.sides) {
            *state = fresh_side(side, &self.functional, mu);
        }
        for (cone, state) in form.cones.iter().zip(&mut self.cones) {
            *state = fresh_cone(cone, &self.functional, mu);
        }
    }

    /// Sum of all products of slacks and multipliers.
    fn gap(&self, form: &Form) -> f64 {
        let mut gap = 0.0;
        for (side, state) in form.sides.iter().zip(&self.sides) {
            gap += state.y * state.z;
            if side.weight.is_finite() {
                gap += state.s * (side.weight - state.z);
            }
        }
        for (cone, state) in form.cones.iter().zip(&self.cones) {
            gap += state.k.iter().zip(&state.zeta).map(|(k, z)| k * z).sum::<f64>();
            if cone.weight.is_finite() {
                gap += state.s * (cone.weight - state.zeta[0]);
            }
        }
        gap
    }

    /// Functionals at x; largest residual.
    fn residuals(&mut self, form: &Form) -> f64 {
        evaluate(form, &self.x, &mut self.states, &mut self.functional);
        let f = &self.functional;
        let mut worst = 0.0_f64;
        for (side, state) in form.sides.iter().zip(&self.sides) {
            worst = worst.max((side.right + state.s - side.sign * f[side.at] - state.y).abs());
        }
        for (cone, state) in form.cones.iter().zip(&mut self.cones) {
            let k = &state.k;
            let inside = [cone.radius + state.s, f[cone.first], f[cone.first + 1]];
            state.rest = [inside[0] - k[0], inside[1] - k[1], inside[2] - k[2]];
            worst = state.rest.iter().fold(worst, |w, r| w.max(r.abs()));
        }
        worst
    }

    /// Gradient of the Lagrangian with respect to variables and states; (objective, largest slope, largest entry of the
    /// gradient once the states are followed back to the variables).
    fn stationarity(&mut self, form: &Form) -> (f64, f64, f64) {
        times_hessian(form, &self.x, &mut self.curved);
        let mut objective = form.constant;
        let mut slope = 0.0_f64;
        for i in 0..form.n() {
            objective += self.x[i] * (0.5 * self.curved[i] + form.linear[i]);
            self.gradient[i] = self.curved[i] + form.linear[i];
            slope = slope.max(form.linear[i].abs());
        }
        self.pull.fill(0.0);
        for (side, state) in form.sides.iter().zip(&self.sides) {
            self.pull[side.at] += side.sign * state.z;
            if side.weight.is_finite() {
                objective += side.weight * state.s;
            }
        }
        for (cone, state) in form.cones.iter().zip(&self.cones) {
            self.pull[cone.first] -= state.zeta[1];
            self.pull[cone.first + 1] -= state.zeta[2];
            if cone.weight.is_finite() {
                objective += cone.weight * state.s;
            }
        }
        self.state_gradient.fill(0.0);
        gather(form, &self.pull, true, &mut self.gradient, &mut self.state_gradient);
        // Followed back, in the scratch of the Hessian's product.
        let full = &mut self.curved;
        full.copy_from_slice(&self.gradient);
        self.adjoint.copy_from_slice(&self.state_gradient);
        for (at, state) in form.states.incoming.iter().enumerate().rev() {
            let adjoint = self.adjoint[at];
            for term in &state.terms {
                if term.coefficient != 0.0 {
                    full[term.x] += term.coefficient * adjoint;
                }
            }
            if state.from != NONE {
                self.adjoint[state.from] += adjoint;
            }
        }
        (objective, slope, full.iter().fold(0.0_f64, |m, g| m.max(g.abs())))
    }

    /// Weights of this iteration; `None` where a cone has been left.
    fn weigh(&mut self, form: &Form) -> Option<()> {
        let coupled_from = form.coupled_from();
        self.weights.functional.fill(0.0);
        for (side, state) in form.sides.iter().zip(&mut self.sides) {
            state.inverse = [1.0 / state.y, 1.0 / state.z, 0.0, 0.0];
            if side.at < coupled_from {
                state.weight = state.z * state.inverse[0];
                self.weights.functional[side.at] += state.weight;
            } else {
                let v = side.weight - state.z;
                (state.inverse[2], state.inverse[3]) = (1.0 / state.s, 1.0 / v);
                let compliance = state.y * state.inverse[1] + state.s * state.inverse[3];
                self.weights.compliance[side.at - coupled_from] = compliance;
                self.weights.compliance_pair[side.at - coupled_from] = 0.0;
            }
        }
        for (c, (cone, state)) in form.cones.iter().zip(&mut self.cones).enumerate() {
            state.scaling = Scaling::of(&state.k, &state.zeta)?;
            if cone.first < coupled_from {
                self.weights.circles[c] = state.scaling.stiffness(0.0);
            } else {
                let tau = state.s / (cone.weight - state.zeta[0]);
                let [d11, d12, d22] = state.scaling.compliance(tau);
                let at = cone.first - coupled_from;
                self.weights.compliance[at] = d11;
                self.weights.compliance[at + 1] = d22;
                // The system holds -D: its entry between the two rows.
                self.weights.compliance_pair[at] = d12;
                self.weights.compliance_pair[at + 1] = 0.0;
            }
        }
        Some(())
    }

    /// Newton direction: the predictor, or towards products `target` with the predictor's second-order terms.
    fn direction(&mut self, form: &Form, target: Option<f64>) {
        let coupled_from = form.coupled_from();
        let f = &self.functional;
        self.pull.fill(0.0);
        for (side, state) in form.sides.iter().zip(&self.sides) {
            let (c_y, c_s) = products(target, state.dy, state.dz, state.ds);
            let c = side.right - side.sign * f[side.at] - c_y * state.inverse[1];
            if side.at < coupled_from {
                self.pull[side.at] += side.sign * c * state.weight;
            } else {
                self.rhs.coupled[side.at - coupled_from] = c + c_s * state.inverse[3];
            }
        }
        for (cone, state) in form.cones.iter().zip(&mut self.cones) {
            let scaling = &state.scaling;
            let lambda = &scaling.lambda;
            let scaled = match target {
                None => scaling.times(&lambda.map(|l| -l)),
                Some(mu) => {
                    let second = product(&scaling.divide(&state.dk), &scaling.times(&state.dzeta));
                    let square = product(lambda, lambda);
                    let d = [mu - square[0] - second[0], -square[1] - second[1], -square[2] - second[2]];
                    scaling.times(&scaling.solve_lambda(&d))
                }
            };
            let mut h = [scaled[0] - state.rest[0], scaled[1] - state.rest[1], scaled[2] - state.rest[2]];
            let mut tau = 0.0;
            if cone.weight.is_finite() {
                let (_, c_s) = products(target, 0.0, state.dzeta[0], state.ds);
                let v = cone.weight - state.zeta[0];
                h[0] -= c_s / v - state.s;
                tau = state.s / v;
            }
            state.h = h;
            let [c1, c2] = scaling.reduce(&h, tau);
            if cone.first < coupled_from {
                let [w11, w12, w22] = scaling.stiffness(0.0);
                self.pull[cone.first] += w11 * c1 + w12 * c2;
                self.pull[cone.first + 1] += w12 * c1 + w22 * c2;
            } else {
                self.rhs.coupled[cone.first - coupled_from] = c1;
                self.rhs.coupled[cone.first + 1 - coupled_from] = c2;
            }
        }
        self.rhs.x.iter_mut().zip(&self.gradient).for_each(|(r, g)| *r = -g);
        self.rhs.states.iter_mut().zip(&self.state_gradient).for_each(|(r, g)| *r = -g);
        gather(form, &self.pull, false, &mut self.rhs.x, &mut self.rhs.states);
        self.newton.solve(form, &self.rhs, &mut self.step);
        apply(form, &self.step.x, &self.step.states, &mut self.change);
        self.changes(form, target);
    }

    /// Changes of slacks and multipliers that go with the change of the functionals.
    fn changes(&mut self, form: &Form, target: Option<f64>) {
        let coupled_from = form.coupled_from();
        let (f, df, u) = (&self.functional, &self.change, &self.step.coupled);
        for (side, state) in form.sides.iter().zip(&mut self.sides) {
            let (c_y, c_s) = products(target, state.dy, state.dz, state.ds);
            let inverse_z = state.inverse[1];
            if side.at < coupled_from {
                let c = side.right - side.sign * f[side.at] - c_y * inverse_z;
                state.dz = (side.sign * df[side.at] - c) * state.weight;
            } else {
                state.dz = u[side.at - coupled_from];
                state.ds = (c_s + state.s * state.dz) * state.inverse[3] - state.s;
            }
            state.dy = (c_y - state.y * state.dz) * inverse_z - state.y;
        }
        for (cone, state) in form.cones.iter().zip(&mut self.cones) {
            let (d1, d2) = (df[cone.first], df[cone.first + 1]);
            let mut tau = 0.0;
            let dzeta0 = state.dzeta[0];
            let (z1, z2) = if cone.first < coupled_from {
                let [c1, c2] = state.scaling.reduce(&state.h, 0.0);
                let [w11, w12, w22] = state.scaling.stiffness(0.0);
                (w11 * (c1 - d1) + w12 * (c2 - d2), w12 * (c1 - d1) + w22 * (c2 - d2))
            } else {
                tau = state.s / (cone.weight - state.zeta[0]);
                (-u[cone.first - coupled_from], -u[cone.first + 1 - coupled_from])
            };
            state.dzeta = [state.scaling.leading(&state.h, tau, z1, z2), z1, z2];
            if cone.weight.is_finite() {
                let (_, c_s) = products(target, 0.0, dzeta0, state.ds);
                let v = cone.weight - state.zeta[0];
                state.ds = c_s / v - state.s + state.s / v * state.dzeta[0];
            }
            state.dk = [state.ds + state.rest[0], d1 + state.rest[1], d2 + state.rest[2]];
        }
    }

    /// Longest step that keeps everything positive.
    fn longest(&self, form: &Form) -> f64 {
        let mut inverse = 0.0_f64;
        for (side, state) in form.sides.iter().zip(&self.sides) {
            let [y, z, s, v] = state.inverse;
            inverse = inverse.max(-state.dy * y).max(-state.dz * z);
            if side.weight.is_finite() {
                inverse = inverse.max(-state.ds * s).max(state.dz * v);
            }
        }
        let mut step = 1.0 / inverse;
        for (cone, state) in form.cones.iter().zip(&self.cones) {
            step = step.min(longest_step(&state.k, &state.dk)).min(longest_step(&state.zeta, &state.dzeta));
            if cone.weight.is_finite() {
                let inverse = (-state.ds / state.s).max(state.dzeta[0] / (cone.weight - state.zeta[0]));
                if inverse > 0.0 {
                    step = step.min(1.0 / inverse);
                }
            }
        }
        step
    }

    fn advance(&mut self, form: &Form, length: f64) {
        self.x.iter_mut().zip(&self.step.x).for_each(|(x, dx)| *x += length * dx);
        for (side, state) in form.sides.iter().zip(&mut self.sides) {
            state.y += length * state.dy;
            state.z += length * state.dz;
            if side.weight.is_finite() {
                state.s += length * state.ds;
            }
        }
        for state in &mut self.cones {
            for i in 0..3 {
                state.k[i] += length * state.dk[i];
                state.zeta[i] += length * state.dzeta[i];
            }
            state.s += length * state.ds;
        }
    }
}

/// Distance from the edges at the start, in units of the ranges.
const INSET: f64 = 0.05;
/// Smallest products at the start.
const SMALLEST_START: f64 = 1e-3;

/// Slack and multiplier of a side with product `mu`.
fn fresh_side(side: &Side, functional: &[f64], mu: f64) -> SideState {
    let room = side.right - side.sign * functional[side.at];
    let y = room.max(INSET).max(2.0 * mu / side.weight);
    let z = mu / y;
    let s = if side.weight.is_finite() { mu / (side.weight - z) } else { 0.0 };
    SideState { y, z, s, ..SideState::default() }
}

/// The same for a cone: zeta = mu k^-1, below the weight.
fn fresh_cone(cone: &Cone, functional: &[f64], mu: f64) -> ConeState {
    let (a, b) = (functional[cone.first], functional[cone.first + 1]);
    let norm = (a * a + b * b).sqrt();
    let mut k = [cone.radius.max(norm + INSET), a, b];
    let room = 2.0 * mu / cone.weight;
    if (k[0] - norm) * (k[0] + norm) < room * k[0] {
        k[0] = norm + room;
    }
    let scale = mu / ((k[0] - norm) * (k[0] + norm));
    let zeta = [scale * k[0], -scale * a, -scale * b];
    let s = if cone.weight.is_finite() { mu / (cone.weight - zeta[0]) } else { 0.0 };
    ConeState { k, zeta, s, ..ConeState::default() }
}

/// Right-hand sides (c_y, c_s) of the two products.
fn products(target: Option<f64>, dy: f64, dz: f64, ds: f64) -> (f64, f64) {
    target.map_or((0.0, 0.0), |mu| (mu - dy * dz, mu + ds * dz))
}
