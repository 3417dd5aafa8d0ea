//! A batch of up to [`LANES`] scenarios (net demands) on one multi-phase grid, solved and differentiated together.
//!
//! The way of use is that of the balanced batch, with one entry per port in the demand and one per node in the voltages:
//!
//! ```text
//!   grid.batch()                      memory for one thread; nothing is allocated afterwards
//!   batch.load(..) / demand_mut()     net demand p + jq per port, per unit, positive = consumption
//!   grid.solve_batch(..)              voltages()
//!   batch.dl_dv_mut()                 g = dL/dVre + j dL/dVim per node, filled by the caller
//!   grid.linearise_adjoint_batch(..)  demand_gradient(): dL/dp + j dL/dq per port
//! ```
//!
//! Both are fixed point iterations over the factors of Y (`lane_iterations.rs`). A scenario whose power flow does not converge, or may
//! lie on a low-voltage branch, is solved again alone by [`MultiphaseGrid::solve`]; it, and one whose adjoint does not converge, are
//! differentiated by [`MultiphaseGrid::linearise`] and [`MultiphaseGrid::adjoint`]: near a voltage collapse an iteration is slow, and
//! what it leaves over is many times as much in the result. If that fails too, the error stands beside the scenario's number and
//! its results are NaN; the others do not notice.

use super::flow_iterations::{FIXED_POINT_ITERATIONS, SURELY_UPPER};
use super::grid::MultiphaseGrid;
use super::lane_iterations::{Iterate, IterationLanes, LaneOutcome, Response, across};
use super::lane_passes::{collect_idle, expand_idle, solve, solve_transposed};
use super::lane_ports::{LanePorts, PortSlopes};
use super::nodal_system::NodalSystem;
use super::workspace::MultiphaseWorkspace;
use crate::batch::BatchOutcome;
use crate::error::GridError;
use crate::lanes::{ComplexLanes, Instructions, LANES, Machine, Pair};
use crate::power_flow::{FlowInfo, FlowMethod, FlowOptions};
use num_complex::Complex64;
use pulp::{Simd, WithSimd};

const NOT_A_NUMBER: Complex64 = Complex64::new(f64::NAN, f64::NAN);
const NO_INFO: FlowInfo = FlowInfo { iterations: 0, mismatch_pu: f64::INFINITY, method: FlowMethod::TreeSweep };
/// What may be left of the adjoint equations of a node, relative to the largest current A^T N^T mu of a port.
const ADJOINT_TOLERANCE: f64 = 1e-10;
/// The adjoint of a power flow that was found converges as fast as that; what takes more steps is solved directly.
const ADJOINT_ITERATIONS: usize = 60;

/// Memory for one batch of scenarios; made by [`MultiphaseGrid::batch`], one per thread.
#[derive(Debug)]
pub struct MultiphaseBatch {
    grid: u64,
    machine: Machine,
    scenarios: usize,
    /// Network order.
    demand: Vec<ComplexLanes>,
    v: Vec<ComplexLanes>,
    dl_dv: Vec<ComplexLanes>,
    dl_ds: Vec<ComplexLanes>,
    /// Demand that was solved last; zero in scenarios not in use.
    s: Vec<ComplexLanes>,
    /// Voltages and dL/dV by position in the elimination, ground last.
    position_v: Vec<ComplexLanes>,
    g: Vec<ComplexLanes>,
    ports: LanePorts,
    slopes: Vec<PortSlopes>,
    iteration: IterationLanes,
    /// Scenarios without a solution, and those that the single solver was needed for.
    failed: [bool; LANES],
    alone: [bool; LANES],
    /// For scenarios that need the single solver.
    single: MultiphaseWorkspace,
    single_demand: (Vec<f64>, Vec<f64>),
    single_dl_dv: Vec<Complex64>,
    single_gradient: (Vec<f64>, Vec<f64>),
}

impl MultiphaseBatch {
    /// Scenarios in use, the first ones of each [`ComplexLanes`].
    pub fn scenarios(&self) -> usize {
        self.scenarios
    }

    /// Sets the number of scenarios in use, at most [`LANES`]; results of the others are to be ignored.
    pub fn set_scenarios(&mut self, count: usize) {
        self.scenarios = count.min(LANES);
    }

    /// Net demand p + jq per port.
    pub fn demand_mut(&mut self) -> &mut [ComplexLanes] {
        &mut self.demand
    }

    /// Loads scenarios: `p` and `q` hold one row per scenario, at most [`LANES`], each with one entry per port.
    ///
    /// # Errors
    /// Rows of another length, more or less than whole rows, or too many.
    pub fn load(&mut self, p: &[f64], q: &[f64]) -> Result<(), GridError> {
        let n = self.demand.len().max(1);
        let rows = (p.len() / n).min(LANES);
        for (quantity, found) in [("active demand of a batch", p.len()), ("reactive demand of a batch", q.len())] {
            if found != rows * n || rows == 0 {
                return Err(GridError::WrongLength { quantity, found, expected: rows.max(1) * n });
            }
        }
        self.set_scenarios(rows);
        for (port, demand) in self.demand.iter_mut().enumerate() {
            for lane in 0..rows {
                demand.set_lane(lane, Complex64::new(p[lane * n + port], q[lane * n + port]));
            }
        }
        Ok(())
    }

    /// Voltages per node, network order, per unit; NaN in scenarios without a solution.
    pub fn voltages(&self) -> &[ComplexLanes] {
        &self.v
    }

    /// Voltages of one scenario, network order; entries beyond either length are left alone.
    pub fn copy_voltages(&self, scenario: usize, v: &mut [Complex64]) {
        for (v, lanes) in v.iter_mut().zip(&self.v) {
            *v = lanes.lane(scenario);
        }
    }

    /// dL/dV per node, network order, g = dL/dVre + j dL/dVim: what the adjoint starts from.
    pub fn dl_dv_mut(&mut self) -> &mut [ComplexLanes] {
        &mut self.dl_dv
    }

    /// Voltages to read while dL/dV is written.
    pub fn voltages_and_dl_dv_mut(&mut self) -> (&[ComplexLanes], &mut [ComplexLanes]) {
        (&self.v, &mut self.dl_dv)
    }

    /// dL/dp + j dL/dq per port after an adjoint.
    pub fn demand_gradient(&self) -> &[ComplexLanes] {
        &self.dl_ds
    }

    /// The instruction set this batch runs with.
    pub fn machine(&self) -> Machine {
        self.machine
    }

    fn failed_to_nan(failed: &[bool; LANES], lanes: &mut [ComplexLanes]) {
        for lane in (0..LANES).filter(|&lane| failed[lane]) {
            lanes.iter_mut().for_each(|l| l.set_lane(lane, NOT_A_NUMBER));
        }
    }

    fn load_single_demand(&mut self, lane: usize) {
        let (p, q) = &mut self.single_demand;
        for ((p, q), demand) in p.iter_mut().zip(q.iter_mut()).zip(&self.s) {
            (*p, *q) = (demand.re.0[lane], demand.im.0[lane]);
        }
    }
}

impl MultiphaseGrid {
    /// Memory for a batch, with the widest instructions that the processor has.
    pub fn batch(&self) -> MultiphaseBatch {
        self.batch_with(Instructions::Widest)
    }

    /// Memory for a batch that runs with the given instructions.
    pub fn batch_with(&self, instructions: Instructions) -> MultiphaseBatch {
        self.batch_on(Machine::detect(instructions))
    }

    fn batch_on(&self, machine: Machine) -> MultiphaseBatch {
        let (n, n_ports) = (self.n_nodes(), self.n_ports());
        let zeros = |n: usize| vec![ComplexLanes::ZERO; n];
        let single = self.workspace();
        MultiphaseBatch {
            grid: self.id,
            machine,
            scenarios: LANES,
            demand: zeros(n_ports),
            v: single.v().iter().map(|&v| ComplexLanes::splat(v)).collect(),
            dl_dv: zeros(n),
            dl_ds: zeros(n_ports),
            s: zeros(n_ports),
            position_v: self.system.no_load.iter().map(|&v| ComplexLanes::splat(v)).collect(),
            g: zeros(n + 1),
            ports: LanePorts::new(&self.system.structure.ports),
            slopes: vec![PortSlopes::NONE; n_ports],
            iteration: IterationLanes::new(n, n_ports),
            failed: [false; LANES],
            alone: [false; LANES],
            single,
            single_demand: (vec![0.0; n_ports], vec![0.0; n_ports]),
            single_dl_dv: vec![Complex64::ZERO; n],
            single_gradient: (vec![0.0; n_ports], vec![0.0; n_ports]),
        }
    }

    /// Makes a batch of whatever grid one of this grid, at no load, with the same instructions.
    pub fn fit_batch(&self, batch: &mut MultiphaseBatch) {
        if batch.grid != self.id {
            *batch = self.batch_on(batch.machine);
        }
    }

    /// Solves the AC power flow of every scenario. `options.method` is not asked: the fixed point iteration, then what `Auto` does
    /// where that fails.
    ///
    /// # Errors
    /// Bad settings, a foreign batch. What one scenario lacks stands in [`BatchOutcome::failures`].
    pub fn solve_batch(&self, batch: &mut MultiphaseBatch, options: &FlowOptions) -> Result<BatchOutcome, GridError> {
        options.check()?;
        if batch.grid != self.id {
            return Err(GridError::ForeignWorkspace);
        }
        let (count, machine, plan) = (batch.scenarios, batch.machine, &self.system.structure.plan);
        batch.s.copy_from_slice(&batch.demand);
        for lane in count..LANES {
            batch.s.iter_mut().for_each(|s| s.set_lane(lane, Complex64::ZERO));
        }
        (batch.failed, batch.alone) = ([false; LANES], [false; LANES]);
        std::mem::swap(&mut batch.iteration.x, &mut batch.position_v);
        if !options.warm_start {
            for (x, &v) in batch.iteration.x.iter_mut().zip(&self.system.no_load) {
                *x = ComplexLanes::splat(v);
            }
        }
        let outcomes = machine.run(Iterate {
            response: &Flow { system: &self.system, ports: &batch.ports, s: &batch.s, tolerance: options.tolerance_pu },
            ends: &self.system.structure.port_ends,
            first: plan.n_idle_nodes,
            active: std::array::from_fn(|lane| lane < count),
            limit: options.max_iterations.saturating_mul(FIXED_POINT_ITERATIONS),
            from_x: true,
            memory: &mut batch.iteration,
        });
        std::mem::swap(&mut batch.iteration.x, &mut batch.position_v);
        let mut outcome = BatchOutcome { infos: [NO_INFO; LANES], failures: Vec::new(), fallbacks: 0 };
        for (lane, found) in outcomes.iter().enumerate().take(count) {
            if found.converged && self.surely_upper(batch, lane) {
                let LaneOutcome { iterations, mismatch_pu, .. } = *found;
                outcome.infos[lane] = FlowInfo { iterations, mismatch_pu, ..NO_INFO };
                continue;
            }
            outcome.fallbacks += 1;
            batch.alone[lane] = true;
            match self.solve_alone(batch, lane, options) {
                Ok(info) => outcome.infos[lane] = info,
                Err(error) => {
                    batch.failed[lane] = true;
                    outcome.failures.push((lane, error));
                }
            }
        }
        machine.run(Expand { system: &self.system, x: &mut batch.position_v });
        for (x, &node) in batch.position_v.iter().zip(&plan.node_at) {
            batch.v[node] = *x;
        }
        MultiphaseBatch::failed_to_nan(&batch.failed, &mut batch.v);
        Ok(outcome)
    }

    /// True when no port can have a second solution at a higher voltage: the quick test of the single solver.
    fn surely_upper(&self, batch: &MultiphaseBatch, lane: usize) -> bool {
        let at = |position: u32| batch.position_v[position as usize].lane(lane);
        self.system.structure.ports.iter().zip(&batch.s).all(|(port, s)| {
            let square = (at(port.from) - at(port.to) * port.ratio).norm_sqr();
            let at_no_load = port.voltage(&self.system.no_load).norm_sqr();
            square >= SURELY_UPPER * SURELY_UPPER * at_no_load
                || s.lane(lane) == Complex64::ZERO
                || port.draws_less_at_less_voltage(square)
        })
    }

    /// The single solver on one scenario; its voltages go to the lane, or those at no load where there is no solution.
    fn solve_alone(
        &self,
        batch: &mut MultiphaseBatch,
        lane: usize,
        options: &FlowOptions,
    ) -> Result<FlowInfo, GridError> {
        batch.load_single_demand(lane);
        let options = FlowOptions { warm_start: false, method: FlowMethod::Auto, ..*options };
        let (p, q) = &batch.single_demand;
        let solved = self.solve(p, q, &mut batch.single, &options);
        let plan = &self.system.structure.plan;
        for (at, (x, &node)) in batch.position_v.iter_mut().zip(&plan.node_at).enumerate() {
            x.set_lane(lane, if solved.is_ok() { batch.single.v[node] } else { self.system.no_load[at] });
        }
        solved
    }

    /// J^T w of every scenario at its voltages, from `dl_dv_mut` to `demand_gradient`. Returns the scenarios where that is singular.
    ///
    /// # Errors
    /// A foreign batch.
    pub fn linearise_adjoint_batch(&self, batch: &mut MultiphaseBatch) -> Result<Vec<(usize, GridError)>, GridError> {
        if batch.grid != self.id {
            return Err(GridError::ForeignWorkspace);
        }
        let (count, machine, structure) = (batch.scenarios, batch.machine, &self.system.structure);
        for (g, &node) in batch.g.iter_mut().zip(&structure.plan.node_at) {
            *g = batch.dl_dv[node];
        }
        let MultiphaseBatch { position_v: v, s, ports, slopes, g, dl_ds, iteration, alone, .. } = &mut *batch;
        let first = structure.plan.n_idle_nodes;
        machine.run(Linearise { system: &self.system, ports, s, v, slopes, g });
        let outcomes = machine.run(Iterate {
            response: &Adjoint { system: &self.system, slopes, g },
            ends: &structure.port_ends,
            first,
            active: std::array::from_fn(|lane| lane < count && !alone[lane]),
            limit: ADJOINT_ITERATIONS,
            from_x: false,
            memory: iteration,
        });
        machine.run(Gradient { system: &self.system, slopes, mu: &iteration.x, dl_ds });
        let mut singular = Vec::new();
        let mut missing = batch.failed;
        for lane in 0..count {
            if !outcomes[lane].converged
                && !batch.failed[lane]
                && let Err(error) = self.adjoint_alone(batch, lane)
            {
                missing[lane] = true;
                singular.push((lane, error));
            }
        }
        MultiphaseBatch::failed_to_nan(&missing, &mut batch.dl_ds);
        Ok(singular)
    }

    /// The single solver's derivative of one scenario; its gradient goes to the lane.
    fn adjoint_alone(&self, batch: &mut MultiphaseBatch, lane: usize) -> Result<(), GridError> {
        batch.load_single_demand(lane);
        let MultiphaseBatch { single, single_demand: (p, q), single_dl_dv, single_gradient: (dp, dq), .. } = batch;
        single.use_sparse = false;
        for (own, lanes) in single.flow.v.iter_mut().zip(&batch.position_v) {
            *own = lanes.lane(lane);
        }
        for (own, lanes) in single_dl_dv.iter_mut().zip(&batch.dl_dv) {
            *own = lanes.lane(lane);
        }
        self.linearise(p, q, single)?;
        self.adjoint(single_dl_dv, dp, dq, single);
        for ((lanes, p), q) in batch.dl_ds.iter_mut().zip(dp).zip(dq) {
            lanes.set_lane(lane, Complex64::new(*p, *q));
        }
        Ok(())
    }
}

/// The power flow as a fixed point iteration.
struct Flow<'a> {
    system: &'a NodalSystem,
    ports: &'a LanePorts,
    s: &'a [ComplexLanes],
    tolerance: f64,
}

impl Response for Flow<'_> {
    #[inline(always)]
    fn constant(&self, x: &mut [ComplexLanes]) {
        x[self.system.structure.plan.n_idle_nodes..].fill(ComplexLanes::ZERO);
        for source in &self.system.structure.sources {
            for (&at, &current) in source.positions.iter().zip(&source.current) {
                let x = &mut x[at as usize];
                x.re.0.iter_mut().for_each(|re| *re += current.re);
                x.im.0.iter_mut().for_each(|im| *im += current.im);
            }
        }
    }

    #[inline(always)]
    fn solve<S: Simd>(&self, simd: S, x: &mut [ComplexLanes]) {
        solve(simd, &self.system.structure.plan, &self.system.factors, x);
    }

    #[inline(always)]
    fn current<S: Simd>(&self, simd: S, k: usize, h: usize, across: Pair<S>) -> Pair<S> {
        self.ports.current(simd, k, &self.system.structure.ports[k], self.s[k].get::<S>(h), across)
    }

    #[inline(always)]
    fn tolerance(&self, _: f64) -> f64 {
        self.tolerance
    }
}

/// The adjoint as one.
struct Adjoint<'a> {
    system: &'a NodalSystem,
    slopes: &'a [PortSlopes],
    /// dL/dV by position, with the idle nodes' collected.
    g: &'a [ComplexLanes],
}

impl Response for Adjoint<'_> {
    #[inline(always)]
    fn constant(&self, x: &mut [ComplexLanes]) {
        x.copy_from_slice(self.g);
    }

    #[inline(always)]
    fn solve<S: Simd>(&self, simd: S, x: &mut [ComplexLanes]) {
        solve_transposed(simd, &self.system.structure.plan, &self.system.factors, x);
    }

    #[inline(always)]
    fn current<S: Simd>(&self, simd: S, k: usize, h: usize, across: Pair<S>) -> Pair<S> {
        self.slopes[k].apply_transposed(simd, h, across)
    }

    #[inline(always)]
    fn tolerance(&self, largest: f64) -> f64 {
        ADJOINT_TOLERANCE * largest
    }
}

/// Idle nodes of a solution.
struct Expand<'a> {
    system: &'a NodalSystem,
    x: &'a mut [ComplexLanes],
}

impl WithSimd for Expand<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        expand_idle(simd, &self.system.structure.plan, &self.system.factors, self.x);
    }
}

/// Slopes of all ports at the voltages, and the right-hand side without its idle nodes.
struct Linearise<'a> {
    system: &'a NodalSystem,
    ports: &'a LanePorts,
    s: &'a [ComplexLanes],
    v: &'a [ComplexLanes],
    slopes: &'a mut [PortSlopes],
    g: &'a mut [ComplexLanes],
}

impl WithSimd for Linearise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let structure = &self.system.structure;
        for (k, (ends, slopes)) in structure.port_ends.iter().zip(self.slopes).enumerate() {
            for h in 0..LANES / S::F64_LANES {
                let at = (self.s[k].get::<S>(h), across(simd, ends, self.v, h));
                self.ports.linearise(simd, (k, h), &structure.ports[k], at, slopes);
            }
        }
        collect_idle(simd, &structure.plan, &self.system.factors, self.g);
    }
}

/// dL/dp + j dL/dq of all ports.
struct Gradient<'a> {
    system: &'a NodalSystem,
    slopes: &'a [PortSlopes],
    mu: &'a [ComplexLanes],
    dl_ds: &'a mut [ComplexLanes],
}

impl WithSimd for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let ends = &self.system.structure.port_ends;
        for ((ends, slopes), gradient) in ends.iter().zip(self.slopes).zip(self.dl_ds) {
            for h in 0..LANES / S::F64_LANES {
                let mu = across(simd, ends, self.mu, h);
                gradient.set::<S>(h, slopes.demand_gradient(simd, h, mu));
            }
        }
    }
}
