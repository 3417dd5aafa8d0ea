//! A batch: up to [`LANES`] scenarios (net demands) on one radial grid, solved and differentiated together.
//!
//! The way of use is that of a single [`Grid::solve`], with one entry per scenario in each [`ComplexLanes`]:
//!
//! ```text
//!   grid.batch()                      memory for one thread; nothing is allocated afterwards
//!   batch.load(..) / demand_mut()     net demand p + jq per bus, network order, per unit, positive = consumption
//!   grid.solve_batch(..)              voltages(): sweeps (`batch_sweep.rs`)
//!   batch.dl_dv_mut()                 g = dL/dVre + j dL/dVim per bus, filled by the caller
//!   grid.linearise_adjoint_batch(..)  demand_gradient(): dL/dp + j dL/dq (`batch_sensitivities.rs`)
//! ```
//!
//! [`Grid::linearise_batch`], [`Grid::adjoint_batch`] and [`Grid::forward_batch`] are the same in steps, for several products at
//! one solution. A scenario whose sweeps do not converge is solved again alone by [`Grid::solve`], Newton and continuation included;
//! if that fails too, the error, which names the bus, stands in [`BatchOutcome::failures`] and its results are NaN; the
//! others do not notice. Threads each have a batch of their own.

use crate::batch_sensitivities::{AdjointDown, AdjointUp, Eliminate, EliminatedLanes, ForwardProduct};
use crate::batch_sweep::{self, SweepState};
use crate::error::GridError;
use crate::grid::{Grid, check_source_factor};
use crate::lanes::{ComplexLanes, Instructions, LANES, Machine, Pair};
use crate::power_flow::{FlowInfo, FlowMethod, FlowOptions, FlowWorkspace};
use crate::sensitivities::SINGULAR_DETERMINANT;
use crate::tree::Tree;
use num_complex::Complex64;
use pulp::{Simd, WithSimd};

const NOT_A_NUMBER: Complex64 = Complex64::new(f64::NAN, f64::NAN);
const NO_INFO: FlowInfo = FlowInfo { iterations: 0, mismatch_pu: f64::INFINITY, method: FlowMethod::TreeSweep };

/// Memory for one batch of scenarios; made by [`Grid::batch`], one per thread.
#[derive(Debug)]
pub struct Batch {
    grid: u64,
    machine: Machine,
    scenarios: usize,
    /// Network order.
    demand: Vec<ComplexLanes>,
    v: Vec<ComplexLanes>,
    dl_dv: Vec<ComplexLanes>,
    dl_ds: Vec<ComplexLanes>,
    /// Voltage of the source, one per scenario.
    source: ComplexLanes,
    /// Tree order, scaled.
    s: Vec<ComplexLanes>,
    tree_v: Vec<ComplexLanes>,
    current: Vec<ComplexLanes>,
    eliminated: Vec<EliminatedLanes>,
    /// Scenarios without voltages, and whether the factors belong to the present voltages.
    failed: [bool; LANES],
    linearised: bool,
    /// For scenarios that need the single solver; of the grid that needed it last.
    single: FlowWorkspace,
    single_demand: (Vec<f64>, Vec<f64>),
}

/// How the scenarios of a batch were solved.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchOutcome {
    /// One per scenario; meaningless where it failed.
    pub infos: [FlowInfo; LANES],
    /// Scenarios without a solution and why, in order. Empty (and unallocated) as a rule.
    pub failures: Vec<(usize, GridError)>,
    /// Scenarios that the sweeps left to the single solver.
    pub fallbacks: usize,
}

impl Batch {
    /// Scenarios in use, the first ones of each [`ComplexLanes`].
    pub fn scenarios(&self) -> usize {
        self.scenarios
    }

    /// Sets the number of scenarios in use, at most [`LANES`]; results of the others are to be ignored.
    pub fn set_scenarios(&mut self, count: usize) {
        self.scenarios = count.min(LANES);
        self.linearised = false;
    }

    /// Puts the source of a scenario at `factor` times its own voltage, until that is changed again.
    ///
    /// # Errors
    /// A factor that is not finite and above zero, or a scenario that no batch has.
    pub fn set_source(&mut self, grid: &Grid, scenario: usize, factor: f64) -> Result<(), GridError> {
        check_source_factor(factor)?;
        let tree = grid.checked(self)?;
        if scenario >= LANES {
            return Err(GridError::TooManyScenarios { found: scenario + 1, most: LANES });
        }
        self.source.set_lane(scenario, tree.v_source * factor);
        self.linearised = false;
        Ok(())
    }

    /// Net demand p + jq per bus in network order. The source bus's own demand is ignored.
    pub fn demand_mut(&mut self) -> &mut [ComplexLanes] {
        self.linearised = false;
        &mut self.demand
    }

    /// The demand to read, as [`Batch::demand_mut`] left it.
    pub fn demand(&self) -> &[ComplexLanes] {
        &self.demand
    }

    /// Loads scenarios: `p` and `q` hold one row per scenario, at most [`LANES`], each with one entry per bus.
    ///
    /// # Errors
    /// Rows of another length, more or less than whole rows, or too many.
    pub fn load(&mut self, p: &[f64], q: &[f64]) -> Result<(), GridError> {
        let n = self.demand.len();
        let rows = (p.len() / n).min(LANES);
        for (quantity, found) in [("active demand of a batch", p.len()), ("reactive demand of a batch", q.len())] {
            if found != rows * n || rows == 0 {
                return Err(GridError::WrongLength { quantity, found, expected: rows.max(1) * n });
            }
        }
        self.set_scenarios(rows);
        for (bus, demand) in self.demand.iter_mut().enumerate() {
            for lane in 0..rows {
                demand.re.0[lane] = p[lane * n + bus];
                demand.im.0[lane] = q[lane * n + bus];
            }
        }
        Ok(())
    }

    /// Voltages per bus in network order, per unit; NaN in scenarios without a solution.
    pub fn voltages(&self) -> &[ComplexLanes] {
        &self.v
    }

    /// Voltages of one scenario, network order; entries beyond either length are left alone.
    pub fn copy_voltages(&self, scenario: usize, v: &mut [Complex64]) {
        for (v, lanes) in v.iter_mut().zip(&self.v) {
            *v = lanes.lane(scenario);
        }
    }

    /// Voltages of all scenarios in use, a row each as in [`Batch::load`]. Entries beyond either length are left alone.
    pub fn store_voltages(&self, v: &mut [Complex64]) {
        let n = self.v.len();
        // Rows in one go: each lane is read from memory once.
        let mut rows = v.chunks_exact_mut(n).take(self.scenarios);
        let mut rows: [&mut [Complex64]; LANES] = std::array::from_fn(|_| rows.next().unwrap_or_default());
        for (bus, lanes) in self.v.iter().enumerate() {
            for (lane, row) in rows.iter_mut().enumerate() {
                if let Some(v) = row.get_mut(bus) {
                    *v = lanes.lane(lane);
                }
            }
        }
    }

    /// dL/dV per bus in network order, g = dL/dVre + j dL/dVim: what the adjoint starts from.
    pub fn dl_dv_mut(&mut self) -> &mut [ComplexLanes] {
        &mut self.dl_dv
    }

    /// Voltages to read while dL/dV is written.
    pub fn voltages_and_dl_dv_mut(&mut self) -> (&[ComplexLanes], &mut [ComplexLanes]) {
        (&self.v, &mut self.dl_dv)
    }

    /// dL/dp + j dL/dq per bus in network order after an adjoint; 0 at the source bus.
    pub fn demand_gradient(&self) -> &[ComplexLanes] {
        &self.dl_ds
    }

    /// The instruction set this batch runs with.
    pub fn machine(&self) -> Machine {
        self.machine
    }
}

impl Grid {
    /// Memory for a batch, with the widest instructions that the processor has.
    ///
    /// # Errors
    /// The network has loops.
    pub fn batch(&self) -> Result<Batch, GridError> {
        self.batch_with(Instructions::Widest)
    }

    /// Memory for a batch that runs with the given instructions.
    ///
    /// # Errors
    /// The network has loops.
    pub fn batch_with(&self, instructions: Instructions) -> Result<Batch, GridError> {
        let tree = self.radial()?;
        let n = self.n_buses();
        let zeros = || vec![ComplexLanes::ZERO; n];
        let mut batch = Batch {
            grid: self.id(),
            machine: Machine::detect(instructions),
            scenarios: LANES,
            demand: zeros(),
            v: zeros(),
            dl_dv: zeros(),
            dl_ds: zeros(),
            source: ComplexLanes::splat(tree.v_source),
            s: zeros(),
            tree_v: vec![ComplexLanes::splat(tree.v_source); n],
            current: zeros(),
            eliminated: vec![EliminatedLanes::NONE; n],
            failed: [false; LANES],
            linearised: false,
            single: self.workspace(),
            single_demand: (vec![0.0; n], vec![0.0; n]),
        };
        batch.write_voltages(tree);
        Ok(batch)
    }

    /// Makes a batch of whatever grid one of this grid, at the flat start; all that was in it is lost. Its memory stays where it is,
    /// so that the parts of a large network can be solved one after the other in the same few caches.
    ///
    /// # Errors
    /// The network has loops.
    pub fn fit_batch(&self, batch: &mut Batch) -> Result<(), GridError> {
        let tree = self.radial()?;
        if batch.grid == self.id() {
            return Ok(());
        }
        let n = self.n_buses();
        batch.grid = self.id();
        let Batch { demand, v, dl_dv, dl_ds, s, current, .. } = &mut *batch;
        for lanes in [demand, v, dl_dv, dl_ds, s, current] {
            lanes.resize(n, ComplexLanes::ZERO);
        }
        batch.source = ComplexLanes::splat(tree.v_source);
        batch.tree_v.clear();
        batch.tree_v.resize(n, ComplexLanes::splat(tree.v_source));
        batch.eliminated.resize(n, EliminatedLanes::NONE);
        batch.failed = [false; LANES];
        batch.linearised = false;
        batch.single_demand.0.resize(n, 0.0);
        batch.single_demand.1.resize(n, 0.0);
        batch.write_voltages(tree);
        Ok(())
    }

    /// Solves the AC power flow of every scenario. `options.method` is not asked: sweeps, then the tree Newton where they fail.
    ///
    /// # Errors
    /// Bad settings, a foreign batch. What one scenario lacks stands in [`BatchOutcome::failures`].
    pub fn solve_batch(&self, batch: &mut Batch, options: &FlowOptions) -> Result<BatchOutcome, GridError> {
        options.check()?;
        let tree = self.checked(batch)?;
        batch.linearised = false;
        for (s, &bus) in batch.s.iter_mut().zip(&tree.bus_at) {
            *s = batch.demand[bus];
        }
        batch.s[0] = ComplexLanes::ZERO;
        if !options.warm_start {
            batch.tree_v.fill(batch.source);
        }
        batch.tree_v[0] = batch.source;
        batch.failed = [false; LANES];
        let count = batch.scenarios;
        let state = SweepState {
            branches: &tree.sweep,
            shunts: tree.shunts,
            s: &batch.s,
            v: &mut batch.tree_v,
            j: &mut batch.current,
        };
        let (tolerance_pu, warm) = (options.tolerance_pu, options.warm_start);
        let swept = batch_sweep::solve(batch.machine, state, count, tolerance_pu, options.max_iterations, warm);
        let mut outcome = BatchOutcome { infos: [NO_INFO; LANES], failures: Vec::new(), fallbacks: 0 };
        for (lane, swept) in swept.iter().enumerate().take(count) {
            if swept.converged {
                let FlowInfo { method, .. } = NO_INFO;
                outcome.infos[lane] = FlowInfo { iterations: swept.sweeps, mismatch_pu: swept.mismatch_pu, method };
                continue;
            }
            outcome.fallbacks += 1;
            match self.solve_alone(tree, batch, lane, options) {
                Ok(info) => outcome.infos[lane] = info,
                Err(error) => {
                    batch.failed[lane] = true;
                    outcome.failures.push((lane, error));
                }
            }
        }
        batch.write_voltages(tree);
        Ok(outcome)
    }

    /// The single solver on one scenario; its voltages go to the lane, or the source's where there is no solution.
    fn solve_alone(
        &self,
        tree: &Tree,
        batch: &mut Batch,
        lane: usize,
        options: &FlowOptions,
    ) -> Result<FlowInfo, GridError> {
        self.fit_workspace(&mut batch.single);
        let (p, q) = &mut batch.single_demand;
        for ((p, q), demand) in p.iter_mut().zip(q.iter_mut()).zip(&batch.demand) {
            (*p, *q) = (demand.re.0[lane], demand.im.0[lane]);
        }
        let options = FlowOptions { warm_start: false, method: FlowMethod::TreeNewton, ..*options };
        let source = batch.source.lane(lane);
        let solved = self.solve_at_source(p, q, (source / tree.v_source).norm(), &mut batch.single, &options);
        for (k, &bus) in tree.bus_at.iter().enumerate() {
            let v = if solved.is_ok() { tree.inverse_scale[k] * batch.single.v()[bus] } else { source };
            batch.tree_v[k].set_lane(lane, v);
        }
        solved
    }

    /// Factorises (Y + Y_D) of every scenario at its voltages, for `adjoint_batch` and `forward_batch`. Returns the scenarios
    /// where that is singular.
    ///
    /// # Errors
    /// A foreign batch.
    pub fn linearise_batch(&self, batch: &mut Batch) -> Result<Vec<(usize, GridError)>, GridError> {
        self.eliminate::<false>(batch)
    }

    /// J^T w of every scenario, from `dl_dv_mut` to `demand_gradient`. Needs `linearise_batch` at the present voltages; without
    /// it the result is NaN.
    pub fn adjoint_batch(&self, batch: &mut Batch) {
        let Some(tree) = self.ready_tree(batch) else {
            return batch.dl_ds.fill(ComplexLanes::splat(NOT_A_NUMBER));
        };
        let Batch { eliminated, dl_dv, current: gamma, .. } = batch;
        batch.machine.run(AdjointUp { tree, eliminated, dl_dv, gamma });
        self.adjoint_down(tree, batch);
    }

    /// `linearise_batch` and `adjoint_batch` in one pass over the memory.
    ///
    /// # Errors
    /// A foreign batch.
    pub fn linearise_adjoint_batch(&self, batch: &mut Batch) -> Result<Vec<(usize, GridError)>, GridError> {
        let singular = self.eliminate::<true>(batch)?;
        self.adjoint_down(self.radial()?, batch);
        Ok(singular)
    }

    /// J d of every scenario: from a change dp + j dq of the net demand to dV, both in network order. Needs `linearise_batch`
    /// at the present voltages; without it, or with slices of the wrong length, the output is NaN.
    pub fn forward_batch(&self, ds: &[ComplexLanes], dv: &mut [ComplexLanes], batch: &mut Batch) {
        let n = self.n_buses();
        let ready = self.ready_tree(batch).filter(|_| ds.len() == n && dv.len() == n);
        let Some(tree) = ready else {
            return dv.fill(ComplexLanes::splat(NOT_A_NUMBER));
        };
        let Batch { eliminated, tree_v, current: gamma, .. } = batch;
        batch.machine.run(ForwardProduct { tree, v: tree_v, eliminated, ds, gamma, dv });
        batch.failed_to_nan(dv);
    }

    fn eliminate<const GAMMA: bool>(&self, batch: &mut Batch) -> Result<Vec<(usize, GridError)>, GridError> {
        let tree = self.checked(batch)?;
        let Batch { eliminated, s, tree_v: v, dl_dv, current: gamma, .. } = batch;
        let kernel = Eliminate::<GAMMA> { tree, s, v, eliminated, dl_dv, gamma };
        let (smallest, sum) = batch.machine.run(kernel);
        batch.linearised = true;
        let mut singular = Vec::new();
        for lane in 0..batch.scenarios {
            if !batch.failed[lane] && (smallest.0[lane] < SINGULAR_DETERMINANT || !sum.0[lane].is_finite()) {
                self.fit_workspace(&mut batch.single);
                let (p, q) = &mut batch.single_demand;
                for ((p, q), demand) in p.iter_mut().zip(q.iter_mut()).zip(&batch.demand) {
                    (*p, *q) = (demand.re.0[lane], demand.im.0[lane]);
                }
                for (v, lanes) in batch.single.v.iter_mut().zip(&batch.v) {
                    *v = lanes.lane(lane);
                }
                // The single elimination names the bus.
                let bus = self.network().buses()[tree.bus_at[0]].id.clone();
                let error = self.linearise(p, q, &mut batch.single).err().unwrap_or(GridError::Singular { bus });
                singular.push((lane, error));
            }
        }
        Ok(singular)
    }

    fn adjoint_down(&self, tree: &Tree, batch: &mut Batch) {
        let Batch { eliminated, tree_v: v, current: gamma, dl_ds, .. } = batch;
        batch.machine.run(AdjointDown { tree, v, eliminated, gamma, dl_ds });
        let mut dl_ds = std::mem::take(&mut batch.dl_ds);
        batch.failed_to_nan(&mut dl_ds);
        batch.dl_ds = dl_ds;
    }

    fn checked(&self, batch: &Batch) -> Result<&Tree, GridError> {
        if batch.grid == self.id() { self.radial() } else { Err(GridError::ForeignWorkspace) }
    }

    fn ready_tree(&self, batch: &Batch) -> Option<&Tree> {
        self.checked(batch).ok().filter(|_| batch.linearised)
    }
}

impl Batch {
    fn write_voltages(&mut self, tree: &Tree) {
        self.machine.run(Unscale { tree, tree_v: &self.tree_v, v: &mut self.v });
        let mut v = std::mem::take(&mut self.v);
        self.failed_to_nan(&mut v);
        self.v = v;
    }

    fn failed_to_nan(&self, lanes: &mut [ComplexLanes]) {
        for lane in (0..LANES).filter(|&lane| self.failed[lane]) {
            lanes.iter_mut().for_each(|l| l.set_lane(lane, NOT_A_NUMBER));
        }
    }
}

/// V = A V' in network order.
struct Unscale<'a> {
    tree: &'a Tree,
    tree_v: &'a [ComplexLanes],
    v: &'a mut [ComplexLanes],
}

impl WithSimd for Unscale<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Unscale { tree, tree_v, v } = self;
        for ((&bus, &scale), tree_v) in tree.bus_at.iter().zip(&tree.scale).zip(tree_v) {
            let scale = Pair::splat(simd, scale);
            for h in 0..LANES / S::F64_LANES {
                v[bus].set::<S>(h, scale.times(simd, tree_v.get::<S>(h)));
            }
        }
    }
}
