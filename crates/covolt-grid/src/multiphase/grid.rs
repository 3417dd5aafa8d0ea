//! The multi-phase grid: a network with its compiled solver, the one entry point of other crates.
//!
//! A [`MultiphaseGrid`] is shared by threads; each thread has its own [`MultiphaseWorkspace`]. After a successful
//! [`MultiphaseGrid::solve`] the workspace holds the voltages; after [`MultiphaseGrid::linearise`] also the factors of the linearised
//! equations, and [`MultiphaseGrid::adjoint`] and [`MultiphaseGrid::forward`] are one linear solve each:
//!
//! ```text
//!   J dV = -(dI/dp dp + dI/dq dq)        dL/dp = -Re(conj(dI/dp) mu),  dL/dq = -Re(conj(dI/dq) mu),  J^T mu = dL/dV
//! ```
//!
//! with mu across the port (from minus to) and gradients written g = dL/dVre + j dL/dVim.
//!
//! Units: per unit. Voltages: one per node, network order, of the node's base to ground. Demand (p, q): one per port, network order,
//! positive = consumption, of the network's power base.

use super::elimination::{collect_idle, expand_idle, solve, solve_transposed};
use super::flow_iterations::{Demand, fixed_point, linearise, newton};
use super::network::{ElementIndex, MultiphaseNetwork, NodeIndex};
use super::nodal_system::NodalSystem;
use super::sparse_system::{SparseSystem, sparse_newton};
use super::workspace::MultiphaseWorkspace;
use crate::continuation::raise_demand;
use crate::error::GridError;
use crate::network::BusId;
use crate::power_flow::{Attempt, FlowInfo, FlowMethod, FlowOptions};
use num_complex::Complex64;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// A multi-phase network with its compiled solver.
#[derive(Debug, Clone)]
pub struct MultiphaseGrid {
    /// Tells workspaces of different grids apart; clones share it, because they share the structure.
    pub(super) id: u64,
    /// State of taps and switches; never the same number for two different states.
    pub(super) state: u64,
    pub(super) network: MultiphaseNetwork,
    pub(super) system: NodalSystem,
    /// The same equations as a sparse matrix; compiled when first asked for.
    sparse: OnceLock<Result<SparseSystem, GridError>>,
}

impl MultiphaseGrid {
    /// Compiles a network.
    ///
    /// # Errors
    /// When the admittances leave a bus without a voltage.
    pub fn new(network: MultiphaseNetwork) -> Result<MultiphaseGrid, GridError> {
        let system = NodalSystem::new(&network)?;
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let state = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Ok(MultiphaseGrid { id, state, network, system, sparse: OnceLock::new() })
    }

    /// The network, with the taps and states as they are now.
    pub fn network(&self) -> &MultiphaseNetwork {
        &self.network
    }

    /// Number of nodes.
    pub fn n_nodes(&self) -> usize {
        self.network.parts().nodes.len()
    }

    /// Number of ports.
    pub fn n_ports(&self) -> usize {
        self.network.parts().ports.len()
    }

    /// True when the buses form a tree.
    pub fn is_radial(&self) -> bool {
        self.system.structure.plan.is_tree
    }

    /// A workspace for one thread, at no load.
    pub fn workspace(&self) -> MultiphaseWorkspace {
        let sparse = self.sparse.get().and_then(|s| s.as_ref().ok()).map(SparseSystem::workspace);
        MultiphaseWorkspace::new(self.id, &self.system, sparse)
    }

    /// Demand (p, q) of every port as given with the network, per unit.
    pub fn nominal_demand(&self) -> (Vec<f64>, Vec<f64>) {
        let base_kw = 1e3 * self.network.parts().base_mva;
        self.network.parts().ports.iter().map(|port| (port.p_kw / base_kw, port.q_kvar / base_kw)).unzip()
    }

    /// Solves the power flow at the demand (p, q) of the ports.
    ///
    /// [`FlowMethod::TreeSweep`] is the fixed point iteration and [`FlowMethod::TreeNewton`] Newton by block elimination, on any
    /// network, radial or not; [`FlowMethod::SparseNewton`] is Newton by a sparse LU. `Auto` starts with the fixed point iteration,
    /// goes on with Newton and then raises the demand from no load.
    ///
    /// # Errors
    /// Bad input, or [`GridError::NoSolution`] with the bus of the largest mismatch.
    pub fn solve(
        &self,
        p: &[f64],
        q: &[f64],
        ws: &mut MultiphaseWorkspace,
        options: &FlowOptions,
    ) -> Result<FlowInfo, GridError> {
        options.check()?;
        self.check(p, q, ws)?;
        ws.linearised = None;
        ws.use_sparse = options.method == FlowMethod::SparseNewton;
        let plan = &self.system.structure.plan;
        if options.warm_start {
            for (at, &node) in plan.node_at.iter().enumerate() {
                ws.flow.v[at] = ws.v[node];
            }
        } else {
            ws.flow.v.copy_from_slice(&self.system.no_load);
        }
        let solved = self.find(Demand { p, q, fraction: 1.0 }, ws, options);
        if !ws.use_sparse {
            expand_idle(plan, &self.system.factors, &mut ws.flow.v);
        }
        for (at, &node) in plan.node_at.iter().enumerate() {
            ws.v[node] = ws.flow.v[at];
        }
        solved
    }

    fn find(
        &self,
        demand: Demand<'_>,
        ws: &mut MultiphaseWorkspace,
        options: &FlowOptions,
    ) -> Result<FlowInfo, GridError> {
        let info =
            |attempt: Attempt, iterations, method| FlowInfo { iterations, mismatch_pu: attempt.mismatch_pu, method };
        let mut iterations = 0;
        let mut direct = None;
        if matches!(options.method, FlowMethod::Auto | FlowMethod::TreeSweep) {
            let attempt = fixed_point(&self.system, demand, &mut ws.flow, options);
            iterations += attempt.iterations;
            if attempt.converged && attempt.upper_branch {
                return Ok(info(attempt, iterations, FlowMethod::TreeSweep));
            }
            direct = Some(attempt);
        }
        let method = match options.method {
            FlowMethod::Auto => FlowMethod::TreeNewton,
            method => method,
        };
        if method != FlowMethod::TreeSweep {
            if direct.is_some() {
                ws.flow.v.copy_from_slice(&self.system.no_load);
            }
            let attempt = self.attempt(demand, false, ws, options)?;
            iterations += attempt.iterations;
            if attempt.converged && attempt.upper_branch {
                return Ok(info(attempt, iterations, method));
            }
            direct = Some(attempt);
        }
        let mut failure = None;
        ws.flow.reached.copy_from_slice(&self.system.no_load);
        let reached = raise_demand(|fraction, from_reached| {
            if from_reached {
                ws.flow.v.copy_from_slice(&ws.flow.reached);
            } else {
                ws.flow.v.copy_from_slice(&self.system.no_load);
            }
            match self.attempt(Demand { fraction, ..demand }, from_reached, ws, options) {
                Ok(attempt) => {
                    if attempt.converged && (attempt.upper_branch || !from_reached) {
                        ws.flow.reached.copy_from_slice(&ws.flow.v);
                    }
                    attempt
                }
                Err(error) => {
                    failure = Some(error);
                    Attempt {
                        iterations: 0,
                        mismatch_pu: f64::INFINITY,
                        worst_bus: 0,
                        converged: false,
                        upper_branch: false,
                    }
                }
            }
        });
        if let Some(error) = failure {
            return Err(error);
        }
        iterations += reached.iterations;
        if reached.fraction >= 1.0 {
            return Ok(info(reached.last, iterations, method));
        }
        ws.flow.v.copy_from_slice(&ws.flow.reached);
        // A direct solution that the continuation cannot reach lies on a low-voltage branch: not a solution to run at.
        let failed = direct.filter(|d| !d.converged).unwrap_or(reached.last);
        let bus = self.bus_id(failed.worst_bus);
        Err(GridError::NoSolution {
            iterations,
            mismatch_pu: failed.mismatch_pu,
            bus,
            solved_fraction: reached.fraction,
        })
    }

    fn attempt(
        &self,
        demand: Demand<'_>,
        continued: bool,
        ws: &mut MultiphaseWorkspace,
        options: &FlowOptions,
    ) -> Result<Attempt, GridError> {
        Ok(match options.method {
            FlowMethod::TreeSweep => fixed_point(&self.system, demand, &mut ws.flow, options),
            FlowMethod::SparseNewton => {
                let sparse = self.sparse()?;
                let own = ws.sparse.get_or_insert_with(|| sparse.workspace());
                sparse_newton(&self.system, sparse, demand, continued, &mut ws.flow, own, options)
            }
            _ => newton(&self.system, demand, continued, &mut ws.flow, options),
        })
    }

    /// Linearises at the voltages in the workspace and the demand (p, q); afterwards `adjoint` and `forward` are one solve each.
    ///
    /// # Errors
    /// Bad input, or [`GridError::Singular`] at the point of voltage collapse.
    pub fn linearise(&self, p: &[f64], q: &[f64], ws: &mut MultiphaseWorkspace) -> Result<(), GridError> {
        self.check(p, q, ws)?;
        ws.linearised = None;
        let demand = Demand { p, q, fraction: 1.0 };
        let broken = if ws.use_sparse {
            let sparse = self.sparse()?;
            let own = ws.sparse.get_or_insert_with(|| sparse.workspace());
            sparse.linearise(&self.system, demand, &mut ws.flow, own)?
        } else {
            linearise(&self.system, demand, &mut ws.flow)
        };
        broken.map_err(|at| GridError::Singular { bus: self.bus_id(self.system.structure.plan.bus_at(at)) })?;
        ws.linearised = Some(self.state);
        Ok(())
    }

    /// J^T w: from dL/dV (one per node) to dL/dp and dL/dq (one per port). Needs `linearise`; without it, or with slices of the wrong
    /// length, the outputs are NaN.
    pub fn adjoint(&self, dl_dv: &[Complex64], dl_dp: &mut [f64], dl_dq: &mut [f64], ws: &mut MultiphaseWorkspace) {
        let (n, ports) = (self.n_nodes(), self.n_ports());
        if !self.ready(ws) || dl_dv.len() != n || dl_dp.len() != ports || dl_dq.len() != ports {
            dl_dp.fill(f64::NAN);
            dl_dq.fill(f64::NAN);
            return;
        }
        let structure = &self.system.structure;
        let flow = &mut ws.flow;
        for (x, &node) in flow.x.iter_mut().zip(&structure.plan.node_at) {
            *x = dl_dv[node];
        }
        flow.x[n] = Complex64::ZERO;
        match (&self.sparse.get(), &mut ws.sparse) {
            (Some(Ok(sparse)), Some(own)) if ws.use_sparse => sparse.solve_transposed(own, &mut flow.x),
            _ => {
                collect_idle(&structure.plan, &self.system.factors, &mut flow.x);
                solve_transposed(&structure.plan, &flow.tiles, &mut flow.x);
            }
        }
        flow.x[n] = Complex64::ZERO;
        for (k, port) in structure.ports.iter().enumerate() {
            let mu = port.voltage(&flow.x);
            let (by_p, by_q) = port.demand_slopes(port.voltage(&flow.v));
            dl_dp[k] = -(by_p.re * mu.re + by_p.im * mu.im);
            dl_dq[k] = -(by_q.re * mu.re + by_q.im * mu.im);
        }
    }

    /// J d: from a change of the demand (one per port) to the change of all voltages (one per node). Needs `linearise`; without it, or
    /// with slices of the wrong length, the output is NaN.
    pub fn forward(&self, dp: &[f64], dq: &[f64], dv: &mut [Complex64], ws: &mut MultiphaseWorkspace) {
        let (n, ports) = (self.n_nodes(), self.n_ports());
        if !self.ready(ws) || dv.len() != n || dp.len() != ports || dq.len() != ports {
            return dv.fill(Complex64::new(f64::NAN, f64::NAN));
        }
        let structure = &self.system.structure;
        let flow = &mut ws.flow;
        flow.x.fill(Complex64::ZERO);
        for (k, port) in structure.ports.iter().enumerate() {
            let (by_p, by_q) = port.demand_slopes(port.voltage(&flow.v));
            let current = by_p * dp[k] + by_q * dq[k];
            flow.x[port.from as usize] -= current;
            flow.x[port.to as usize] += current * port.ratio;
        }
        match (&self.sparse.get(), &mut ws.sparse) {
            (Some(Ok(sparse)), Some(own)) if ws.use_sparse => sparse.solve(own, &mut flow.x),
            _ => {
                solve(&structure.plan, &flow.tiles, &mut flow.x);
                expand_idle(&structure.plan, &self.system.factors, &mut flow.x);
            }
        }
        for (x, &node) in flow.x.iter().zip(&structure.plan.node_at) {
            dv[node] = *x;
        }
    }

    fn sparse(&self) -> Result<&SparseSystem, GridError> {
        self.sparse.get_or_init(|| SparseSystem::new(&self.network, &self.system)).as_ref().map_err(Clone::clone)
    }

    pub(super) fn bus_id(&self, bus: usize) -> BusId {
        self.network.parts().buses.get(bus).map_or_else(|| BusId(String::new()), |b| b.id.clone())
    }

    /// Moves the tap of a transformer's winding, without regard to its range, and factorises again.
    ///
    /// # Errors
    /// A tap that is not positive; admittances that leave a bus without a voltage.
    pub fn set_tap(&mut self, element: ElementIndex, winding: usize, tap_pu: f64) -> Result<(), GridError> {
        if !(tap_pu > 0.0 && tap_pu.is_finite()) {
            return Err(GridError::BadSetting { setting: "tap_pu", value: tap_pu, range: "positive and finite" });
        }
        if self.network.set_tap(element, winding, tap_pu) {
            self.system.set_element(&self.network, element.0)?;
            self.renew()?;
        }
        Ok(())
    }

    /// Switches a capacitor or shunt reactor on or off, and factorises again.
    ///
    /// # Errors
    /// Admittances that leave a bus without a voltage.
    pub fn set_closed(&mut self, element: ElementIndex, closed: bool) -> Result<(), GridError> {
        if self.network.set_closed(element, closed) {
            self.system.set_element(&self.network, element.0)?;
            self.renew()?;
        }
        Ok(())
    }

    /// New values after taps or states have changed.
    pub(super) fn renew(&mut self) -> Result<(), GridError> {
        self.state = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        self.sparse = OnceLock::new();
        self.system.renew(&self.network)
    }

    fn ready(&self, ws: &MultiphaseWorkspace) -> bool {
        ws.grid == self.id && ws.linearised == Some(self.state)
    }

    fn check(&self, p: &[f64], q: &[f64], ws: &MultiphaseWorkspace) -> Result<(), GridError> {
        if ws.grid != self.id {
            return Err(GridError::ForeignWorkspace);
        }
        for (quantity, values) in [("active demand", p), ("reactive demand", q)] {
            if values.len() != self.n_ports() {
                return Err(GridError::WrongLength { quantity, found: values.len(), expected: self.n_ports() });
            }
            // 0 * x is 0 for every finite x and NaN otherwise: one branch-free pass in the normal case.
            if values.iter().map(|x| x * 0.0).sum::<f64>() == 0.0 {
                continue;
            }
            if let Some((k, &value)) = values.iter().enumerate().find(|(_, x)| !x.is_finite()) {
                let node: NodeIndex = self.network.parts().ports[k].from;
                let bus = self.bus_id(self.network.parts().nodes[node.0].bus.0);
                return Err(GridError::NotFinite { bus, quantity, value });
            }
        }
        Ok(())
    }
}
