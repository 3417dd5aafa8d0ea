//! The grid: a network together with its compiled power flow solver, the one entry point of other crates.
//!
//! A [`Grid`] is immutable and shared by threads; each thread has its own [`FlowWorkspace`]. After a successful
//! [`Grid::solve`] the workspace holds the voltages; after [`Grid::linearise`] also the factors of (Y + Y_D) at these
//! voltages, and [`Grid::adjoint`] and [`Grid::forward`] are one linear solve each.
//!
//! Units: per unit. Demand: positive = consumption. All slices have one entry per bus in network order.

use crate::branch_flow::{BranchAdmittance, BranchAmperes};
use crate::continuation::raise_demand;
use crate::error::GridError;
use crate::linear_system::LinearSystem;
use crate::network::{BranchIndex, BusIndex, Network};
use crate::power_flow::{Attempt, FlowInfo, FlowMethod, FlowOptions, FlowWorkspace};
use crate::power_flow_radial::{TreeWorkspace, solve_newton, solve_sweep};
use crate::tree::{Tree, TreeBranch, TreeBus};
use crate::{power_flow_meshed, sensitivities};
use num_complex::Complex64;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// A network with its compiled solver.
#[derive(Debug)]
pub struct Grid {
    /// Tells workspaces of different grids apart.
    id: u64,
    network: Network,
    pub(crate) admittances: Vec<BranchAdmittance>,
    pub(crate) amperes: Vec<BranchAmperes>,
    /// Shunt admittance at each bus without the branches' own shunts.
    pub(crate) bus_shunts: Vec<Complex64>,
    no_load_v: Vec<Complex64>,
    tree: Option<Tree>,
    /// (Y + Y_D) as a sparse matrix; compiled when first needed, which on a radial network is only for comparisons.
    sparse: OnceLock<Result<LinearSystem, GridError>>,
}

impl Grid {
    /// Compiles a network.
    ///
    /// # Errors
    /// A meshed network whose admittance matrix cannot be factorised.
    pub fn new(network: Network) -> Result<Grid, GridError> {
        let n = network.buses().len();
        let mut bus_shunts = vec![Complex64::ZERO; n];
        for shunt in network.shunts() {
            bus_shunts[shunt.bus.0] += shunt.y_pu;
        }
        let mut shunts = bus_shunts.clone();
        for branch in network.branches() {
            shunts[branch.from.0] += branch.shunt_from_pu;
            shunts[branch.to.0] += branch.shunt_to_pu;
        }
        let admittances = network.branches().iter().map(BranchAdmittance::new).collect();
        let amperes =
            (0..network.branches().len()).filter_map(|b| BranchAmperes::new(&network, BranchIndex(b))).collect();
        let tree = Tree::new(&network, &shunts);
        // Flat start: the source voltage through the transformers' ratios along a spanning tree.
        let mut no_load_v = vec![tree.v_source; n];
        for (&bus, &scale) in tree.bus_at.iter().zip(&tree.scale) {
            no_load_v[bus] = scale * tree.v_source;
        }
        let tree = network.is_radial().then_some(tree);
        let sparse = OnceLock::new();
        let grid = Grid {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            network,
            admittances,
            amperes,
            bus_shunts,
            no_load_v,
            tree,
            sparse,
        };
        if grid.tree.is_none() {
            grid.sparse()?;
        }
        Ok(grid)
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Number of buses.
    pub fn n_buses(&self) -> usize {
        self.network.buses().len()
    }

    /// Number of branches.
    pub fn n_branches(&self) -> usize {
        self.network.branches().len()
    }

    /// A workspace for one thread, at the flat start.
    pub fn workspace(&self) -> FlowWorkspace {
        FlowWorkspace {
            v: self.no_load_v.clone(),
            v_reached: self.no_load_v.clone(),
            grid: self.id,
            linearised: false,
            use_tree: self.tree.is_some(),
            tree: self.tree.as_ref().map(TreeWorkspace::new),
            sparse: match (&self.tree, self.sparse.get()) {
                (None, Some(Ok(system))) => Some(system.workspace()),
                _ => None,
            },
        }
    }

    /// Makes a workspace of whatever grid one of this grid, at the flat start. On radial networks its memory stays where it is.
    pub fn fit_workspace(&self, ws: &mut FlowWorkspace) {
        if ws.grid == self.id {
            return;
        }
        let (Some(tree), Some(tree_ws)) = (&self.tree, &mut ws.tree) else {
            *ws = self.workspace();
            return;
        };
        tree_ws.fit(tree);
        ws.v.clone_from(&self.no_load_v);
        ws.v_reached.clone_from(&self.no_load_v);
        ws.grid = self.id;
        ws.linearised = false;
        ws.use_tree = true;
        ws.sparse = None;
    }

    /// Solves the AC power flow at the net demand `p`, `q`. The source bus's own demand is ignored.
    pub fn solve(
        &self,
        p: &[f64],
        q: &[f64],
        ws: &mut FlowWorkspace,
        options: &FlowOptions,
    ) -> Result<FlowInfo, GridError> {
        self.solve_fraction((p, q, 1.0), ws, options)
    }

    /// The same with the source at `factor` times its own voltage.
    ///
    /// The equations are homogeneous: with V = u V', Y V = -conj(s) / conj(V) becomes Y V' = -conj(s / u^2) / conj(V'). So the
    /// power flow is that of the demand s / u^2 at the source's own voltage, and its voltages times u.
    ///
    /// # Errors
    /// As [`Grid::solve`], and a factor that is not finite and above zero. After an error the voltages are those of the source's own.
    pub fn solve_at_source(
        &self,
        p: &[f64],
        q: &[f64],
        factor: f64,
        ws: &mut FlowWorkspace,
        options: &FlowOptions,
    ) -> Result<FlowInfo, GridError> {
        check_source_factor(factor)?;
        if options.warm_start {
            ws.v.iter_mut().for_each(|v| *v /= factor);
        }
        let info = self.solve_fraction((p, q, 1.0 / (factor * factor)), ws, options)?;
        ws.v.iter_mut().for_each(|v| *v *= factor);
        Ok(info)
    }

    /// Solves at a multiple of the demand.
    fn solve_fraction(
        &self,
        (p, q, demand): (&[f64], &[f64], f64),
        ws: &mut FlowWorkspace,
        options: &FlowOptions,
    ) -> Result<FlowInfo, GridError> {
        options.check()?;
        self.check_workspace(ws)?;
        self.check_demand(p, q)?;
        let method = self.method(options)?;
        let info = |attempt: Attempt, iterations| FlowInfo { iterations, mismatch_pu: attempt.mismatch_pu, method };
        ws.linearised = false;
        if !options.warm_start {
            ws.v.copy_from_slice(&self.no_load_v);
        }
        let direct = self.attempt((p, q, demand), false, ws, options, method)?;
        if direct.converged && direct.upper_branch {
            return Ok(info(direct, direct.iterations));
        }
        ws.v_reached.copy_from_slice(&self.no_load_v);
        let mut failure = None;
        let reached = raise_demand(|fraction, from_reached| {
            if from_reached {
                ws.v.copy_from_slice(&ws.v_reached);
            } else {
                ws.v.copy_from_slice(&self.no_load_v);
            }
            match self.attempt((p, q, fraction * demand), from_reached, ws, options, method) {
                Ok(attempt) => {
                    if attempt.converged && (attempt.upper_branch || !from_reached) {
                        ws.v_reached.copy_from_slice(&ws.v);
                    }
                    attempt
                }
                Err(error) => {
                    failure = Some(error);
                    Attempt { converged: false, ..direct }
                }
            }
        });
        if let Some(error) = failure {
            return Err(error);
        }
        let iterations = direct.iterations + reached.iterations;
        if reached.fraction >= 1.0 {
            return Ok(info(reached.last, iterations));
        }
        ws.v.copy_from_slice(&ws.v_reached);
        // A direct solution that the continuation cannot reach lies on the low-voltage branch: not a solution to run at.
        let failed = if direct.converged { reached.last } else { direct };
        Err(GridError::NoSolution {
            iterations,
            mismatch_pu: failed.mismatch_pu,
            bus: self.network.buses()[failed.worst_bus].id.clone(),
            solved_fraction: reached.fraction,
        })
    }

    /// Factorises (Y + Y_D) at the workspace's voltages; needed once before `adjoint` and `forward`.
    pub fn linearise(&self, p: &[f64], q: &[f64], ws: &mut FlowWorkspace) -> Result<(), GridError> {
        self.check_workspace(ws)?;
        self.check_demand(p, q)?;
        ws.linearised = false;
        if let (Some(tree), Some(tree_ws), true) = (&self.tree, &mut ws.tree, ws.use_tree) {
            for (k, &bus) in tree.bus_at.iter().enumerate() {
                tree_ws.v[k] = tree.inverse_scale[k] * ws.v[bus];
                tree_ws.s[k] = Complex64::new(p[bus], q[bus]);
            }
            tree_ws.s[0] = Complex64::ZERO;
            sensitivities::linearise(tree, tree_ws)
                .map_err(|k| GridError::Singular { bus: self.network.buses()[tree.bus_at[k]].id.clone() })?;
            ws.linearised = true;
            return Ok(());
        }
        let system = self.sparse()?;
        let sparse_ws = ws.sparse.get_or_insert_with(|| system.workspace());
        let broken = power_flow_meshed::linearise(system, &ws.v, p, q, sparse_ws)?;
        ws.linearised = broken.is_none();
        broken.map_or(Ok(()), |bus| Err(GridError::Singular { bus: self.network.buses()[bus].id.clone() }))
    }

    /// J^T w: from dL/dV (g_i = dL/dVre_i + j dL/dVim_i) to dL/dp and dL/dq of the net demand; entries of the
    /// source bus are 0. Needs `linearise` at the present voltages;
    /// without it, or with slices of the wrong length, the outputs are NaN.
    pub fn adjoint(&self, dl_dv: &[Complex64], dl_dp: &mut [f64], dl_dq: &mut [f64], ws: &mut FlowWorkspace) {
        let n = self.n_buses();
        if self.ready(ws) && dl_dv.len() == n && dl_dp.len() == n && dl_dq.len() == n {
            if let (Some(tree), Some(tree_ws), true) = (&self.tree, &mut ws.tree, ws.use_tree) {
                return sensitivities::adjoint(tree, dl_dv, dl_dp, dl_dq, tree_ws);
            }
            if let (Some(Ok(system)), Some(sparse_ws)) = (self.sparse.get(), &mut ws.sparse) {
                return power_flow_meshed::adjoint(system, &ws.v, dl_dv, dl_dp, dl_dq, sparse_ws);
            }
        }
        dl_dp.fill(f64::NAN);
        dl_dq.fill(f64::NAN);
    }

    /// J d: from a change of the net demand to the change of all voltages. Needs `linearise` at the present
    /// voltages; without it, or with slices of the wrong length, the output is NaN.
    pub fn forward(&self, dp: &[f64], dq: &[f64], dv: &mut [Complex64], ws: &mut FlowWorkspace) {
        let n = self.n_buses();
        if self.ready(ws) && dp.len() == n && dq.len() == n && dv.len() == n {
            if let (Some(tree), Some(tree_ws), true) = (&self.tree, &mut ws.tree, ws.use_tree) {
                return sensitivities::forward(tree, dp, dq, dv, tree_ws);
            }
            if let (Some(Ok(system)), Some(sparse_ws)) = (self.sparse.get(), &mut ws.sparse) {
                return power_flow_meshed::forward(system, &ws.v, dp, dq, dv, sparse_ws);
            }
        }
        dv.fill(Complex64::new(f64::NAN, f64::NAN));
    }

    /// The radial network in an order where every bus comes after its parent, the source first; `None` where it has loops.
    pub fn tree_buses(&self) -> Option<Vec<TreeBus>> {
        let tree = self.tree.as_ref()?;
        let bus = |(k, branch): (usize, &TreeBranch)| TreeBus {
            bus: BusIndex(tree.bus_at[k]),
            parent: branch.parent,
            zeta: branch.zeta,
            shunt: branch.shunt,
            scale: tree.scale[k],
        };
        Some(tree.branches.iter().enumerate().map(bus).collect())
    }

    /// One run of the iteration from `ws.v` at a fraction of the demand; leaves the result in `ws.v`.
    /// `continued`: `ws.v` holds the solution `ws.v_reached` at a smaller fraction.
    fn attempt(
        &self,
        (p, q, fraction): (&[f64], &[f64], f64),
        continued: bool,
        ws: &mut FlowWorkspace,
        options: &FlowOptions,
        method: FlowMethod,
    ) -> Result<Attempt, GridError> {
        if method == FlowMethod::SparseNewton {
            let system = self.sparse()?;
            let sparse_ws = ws.sparse.get_or_insert_with(|| system.workspace());
            ws.use_tree = false;
            ws.v[self.network.source().bus.0] = self.network.source().voltage_pu();
            return Ok(power_flow_meshed::solve_newton(
                system,
                (p, q, fraction),
                &mut ws.v,
                &self.no_load_v,
                continued.then_some(&ws.v_reached),
                sparse_ws,
                options,
            ));
        }
        let (Some(tree), Some(tree_ws)) = (&self.tree, &mut ws.tree) else {
            return Err(self.not_radial());
        };
        ws.use_tree = true;
        for (k, &bus) in tree.bus_at.iter().enumerate() {
            tree_ws.v[k] = tree.inverse_scale[k] * ws.v[bus];
            tree_ws.s[k] = Complex64::new(p[bus], q[bus]) * fraction;
        }
        tree_ws.s[0] = Complex64::ZERO;
        tree_ws.v[0] = tree.v_source;
        let mut attempt = match method {
            FlowMethod::TreeSweep => solve_sweep(tree, tree_ws, options),
            _ => solve_newton(tree, tree_ws, options),
        };
        attempt.worst_bus = tree.bus_at[attempt.worst_bus];
        for (k, &bus) in tree.bus_at.iter().enumerate() {
            ws.v[bus] = tree.scale[k] * tree_ws.v[k];
        }
        Ok(attempt)
    }

    /// Tells grids apart; workspaces carry it.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The tree, or the error that there is none.
    pub(crate) fn radial(&self) -> Result<&Tree, GridError> {
        self.tree.as_ref().ok_or_else(|| self.not_radial())
    }

    fn sparse(&self) -> Result<&LinearSystem, GridError> {
        let compiled = self.sparse.get_or_init(|| {
            let slack = self.network.source().bus.0;
            LinearSystem::new(self.n_buses(), slack, &self.admittances, &self.bus_shunts)
        });
        compiled.as_ref().map_err(Clone::clone)
    }

    fn method(&self, options: &FlowOptions) -> Result<FlowMethod, GridError> {
        match options.method {
            // With the source alone there is no unknown, and nothing for a sparse matrix to hold.
            FlowMethod::SparseNewton if self.n_buses() == 1 => Ok(FlowMethod::TreeNewton),
            FlowMethod::Auto if self.tree.is_some() => Ok(FlowMethod::TreeNewton),
            FlowMethod::Auto => Ok(FlowMethod::SparseNewton),
            FlowMethod::TreeNewton | FlowMethod::TreeSweep if self.tree.is_none() => Err(self.not_radial()),
            method => Ok(method),
        }
    }

    fn not_radial(&self) -> GridError {
        GridError::NotRadial { buses: self.n_buses(), branches: self.n_branches() }
    }

    /// True when the workspace belongs to this grid and holds factors at its present voltages.
    fn ready(&self, ws: &FlowWorkspace) -> bool {
        ws.grid == self.id && ws.linearised
    }

    fn check_workspace(&self, ws: &FlowWorkspace) -> Result<(), GridError> {
        if ws.grid == self.id { Ok(()) } else { Err(GridError::ForeignWorkspace) }
    }

    fn check_demand(&self, p: &[f64], q: &[f64]) -> Result<(), GridError> {
        let slack = self.network.source().bus.0;
        for (quantity, values) in [("active demand", p), ("reactive demand", q)] {
            if values.len() != self.n_buses() {
                return Err(GridError::WrongLength { quantity, found: values.len(), expected: self.n_buses() });
            }
            // 0 * x is 0 for every finite x and NaN otherwise: one branch-free pass in the normal case.
            if values.iter().map(|x| x * 0.0).sum::<f64>() == 0.0 {
                continue;
            }
            let culprit = (values.iter().enumerate()).find(|&(i, x)| i != slack && !x.is_finite());
            if let Some((i, &value)) = culprit {
                return Err(GridError::NotFinite { bus: self.network.buses()[i].id.clone(), quantity, value });
            }
        }
        Ok(())
    }
}

/// A source needs a voltage.
pub(crate) fn check_source_factor(factor: f64) -> Result<(), GridError> {
    if factor.is_finite() && factor > 0.0 { Ok(()) } else { Err(GridError::BadSourceFactor { factor }) }
}
