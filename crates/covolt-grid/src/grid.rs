//! The grid: a network together with its compiled power flow solver, the one entry point of other crates.
//!
//! A [`Grid`] is immutable and shared by threads; each thread has its own [`FlowWorkspace`]. After a successful
//! [`Grid::solve`] the workspace holds the voltages; after [`Grid::linearise`] also the factors of (Y + Y_D) at these
//! voltages, and [`Grid::adjoint`] and [`Grid::forward`] are one linear solve each.
//!
//! Units: per unit. Demand: positive = consumption. All slices have one entry per bus in network order.

use crate::branch_flow::{BranchAdmittance, BranchAmperes, CurrentSide, add_voltage_magnitude_gradient};
use crate::continuation::raise_demand;
use crate::error::GridError;
use crate::network::{BranchIndex, BusIndex, Network};
use crate::power_flow::{Attempt, FlowInfo, FlowMethod, FlowOptions, FlowWorkspace};
use crate::power_flow_radial::{TreeWorkspace, solve_newton, solve_sweep};
use crate::sensitivities;
use crate::tree::Tree;
use num_complex::Complex64;

/// A network with its compiled solver.
#[derive(Debug)]
pub struct Grid {
    network: Network,
    admittances: Vec<BranchAdmittance>,
    amperes: Vec<BranchAmperes>,
    /// Shunt admittance at each bus without the branches' own shunts.
    bus_shunts: Vec<Complex64>,
    no_load_v: Vec<Complex64>,
    tree: Option<Tree>,
}

impl Grid {
    /// Compiles a network. Fails when it has more phases than the present solvers handle.
    pub fn new(network: Network) -> Result<Grid, GridError> {
        if let Some(bus) = network.buses().iter().find(|b| b.phases.count() != 1) {
            return Err(GridError::UnsupportedPhases { bus: bus.id.clone(), phases: bus.phases.count() });
        }
        let n = network.buses().len();
        let mut bus_shunts = vec![Complex64::ZERO; n];
        for shunt in network.shunts() {
            bus_shunts[shunt.bus.0] += shunt.y_pu.first();
        }
        let mut shunts = bus_shunts.clone();
        for branch in network.branches() {
            shunts[branch.from.0] += branch.shunt_from_pu.first();
            shunts[branch.to.0] += branch.shunt_to_pu.first();
        }
        let admittances = network.branches().iter().map(BranchAdmittance::new).collect();
        let amperes =
            (0..network.branches().len()).filter_map(|b| BranchAmperes::new(&network, BranchIndex(b))).collect();
        let tree = Tree::new(&network, &shunts);
        // Flat start: the source voltage through the transformers' ratios along a spanning tree.
        let mut at_position = vec![tree.v_source; n];
        let mut no_load_v = vec![tree.v_source; n];
        for k in 1..n {
            at_position[k] = tree.branches[k].ratio * at_position[tree.branches[k].parent];
            no_load_v[tree.bus_at[k]] = at_position[k];
        }
        let tree = network.is_radial().then_some(tree);
        Ok(Grid { network, admittances, amperes, bus_shunts, no_load_v, tree })
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
            use_tree: self.tree.is_some(),
            tree: self.tree.as_ref().map(TreeWorkspace::new),
        }
    }

    /// Solves the AC power flow at the net demand `p`, `q`. The source bus's own demand is ignored.
    pub fn solve(
        &self,
        p: &[f64],
        q: &[f64],
        ws: &mut FlowWorkspace,
        options: &FlowOptions,
    ) -> Result<FlowInfo, GridError> {
        options.check()?;
        self.check_demand(p, q)?;
        let method = self.method(options)?;
        let info = |attempt: Attempt, iterations| FlowInfo { iterations, mismatch_pu: attempt.mismatch_pu, method };
        if !options.warm_start {
            ws.v.copy_from_slice(&self.no_load_v);
        }
        let direct = self.attempt(p, q, 1.0, ws, options, method)?;
        if direct.converged && direct.upper_branch {
            return Ok(info(direct, direct.iterations));
        }
        let mut failure = None;
        let reached = raise_demand(|fraction, from_reached| {
            if from_reached {
                ws.v.copy_from_slice(&ws.v_reached);
            } else {
                ws.v.copy_from_slice(&self.no_load_v);
            }
            let tried = self.attempt(p, q, fraction, ws, options, method);
            match tried {
                Ok(attempt) => {
                    if attempt.converged && attempt.upper_branch {
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
        match reached.last {
            Some(last) if reached.fraction >= 1.0 => Ok(info(last, iterations)),
            _ => {
                ws.v.copy_from_slice(&ws.v_reached);
                Err(GridError::NoSolution {
                    iterations,
                    mismatch_pu: direct.mismatch_pu,
                    bus: self.network.buses()[direct.worst_bus].id.clone(),
                    solved_fraction: reached.fraction,
                })
            }
        }
    }

    /// Factorises (Y + Y_D) at the workspace's voltages; needed once before `adjoint` and `forward`.
    pub fn linearise(&self, p: &[f64], q: &[f64], ws: &mut FlowWorkspace) -> Result<(), GridError> {
        self.check_demand(p, q)?;
        if let (Some(tree), Some(tree_ws), true) = (&self.tree, &mut ws.tree, ws.use_tree) {
            for (k, &bus) in tree.bus_at.iter().enumerate() {
                tree_ws.v[k] = ws.v[bus];
                tree_ws.s[k] = Complex64::new(p[bus], q[bus]);
            }
            tree_ws.s[0] = Complex64::ZERO;
            return sensitivities::linearise(tree, tree_ws)
                .map_err(|k| GridError::Singular { bus: self.network.buses()[tree.bus_at[k]].id.clone() });
        }
        Err(self.not_radial())
    }

    /// J^T w: from dL/dV (g_i = dL/dVre_i + j dL/dVim_i) to dL/dp and dL/dq of the net demand; entries of the
    /// source bus are 0. Needs `linearise`. Slices of the wrong length leave NaN in the outputs.
    pub fn adjoint(&self, dl_dv: &[Complex64], dl_dp: &mut [f64], dl_dq: &mut [f64], ws: &mut FlowWorkspace) {
        let n = self.n_buses();
        if dl_dv.len() == n && dl_dp.len() == n && dl_dq.len() == n {
            if let (Some(tree), Some(tree_ws), true) = (&self.tree, &mut ws.tree, ws.use_tree) {
                return sensitivities::adjoint(tree, dl_dv, dl_dp, dl_dq, tree_ws);
            }
        }
        dl_dp.fill(f64::NAN);
        dl_dq.fill(f64::NAN);
    }

    /// J d: from a change of the net demand to the change of all voltages. Needs `linearise`.
    /// Slices of the wrong length leave NaN in the output.
    pub fn forward(&self, dp: &[f64], dq: &[f64], dv: &mut [Complex64], ws: &mut FlowWorkspace) {
        let n = self.n_buses();
        if dp.len() == n && dq.len() == n && dv.len() == n {
            if let (Some(tree), Some(tree_ws), true) = (&self.tree, &mut ws.tree, ws.use_tree) {
                return sensitivities::forward(tree, dp, dq, dv, tree_ws);
            }
        }
        dv.fill(Complex64::new(f64::NAN, f64::NAN));
    }

    /// Admittance matrix of a branch; currents, flows and gradients hang on it.
    pub fn branch(&self, b: BranchIndex) -> Option<&BranchAdmittance> {
        self.admittances.get(b.0)
    }

    /// Current bases, limit and loading of a branch.
    pub fn amperes(&self, b: BranchIndex) -> Option<&BranchAmperes> {
        self.amperes.get(b.0)
    }

    /// All branch admittance matrices, in branch order.
    pub fn branch_admittances(&self) -> &[BranchAdmittance] {
        &self.admittances
    }

    /// Current bases and limits of all branches, in branch order.
    pub fn branch_amperes(&self) -> &[BranchAmperes] {
        &self.amperes
    }

    /// Current into a branch at its from side, per unit; NaN for an unknown branch.
    pub fn current_from(&self, b: BranchIndex, v: &[Complex64]) -> Complex64 {
        self.current(b, CurrentSide::From, v)
    }

    /// Current into a branch at its to side, per unit; NaN for an unknown branch.
    pub fn current_to(&self, b: BranchIndex, v: &[Complex64]) -> Complex64 {
        self.current(b, CurrentSide::To, v)
    }

    /// Current into a branch at one side, per unit; NaN for an unknown branch.
    pub fn current(&self, b: BranchIndex, side: CurrentSide, v: &[Complex64]) -> Complex64 {
        self.branch(b).map_or(Complex64::new(f64::NAN, f64::NAN), |branch| branch.current(side, v))
    }

    /// Loading of a branch (1 = at its limit); `None` when it has no limit.
    pub fn loading(&self, b: BranchIndex, v: &[Complex64]) -> Option<f64> {
        let branch = self.branch(b)?;
        let i_from = branch.current(CurrentSide::From, v).norm();
        let i_to = branch.current(CurrentSide::To, v).norm();
        self.amperes(b)?.loading(i_from, i_to)
    }

    /// Active power exported through a branch to its from (feeder) side, per unit; NaN for an unknown branch.
    pub fn pcc_export_pu(&self, b: BranchIndex, v: &[Complex64]) -> f64 {
        self.branch(b).map_or(f64::NAN, |branch| branch.pcc_export_pu(v))
    }

    /// Adds weight times dP_PCC/dV of a branch to `dl_dv`.
    pub fn add_pcc_export_gradient(&self, b: BranchIndex, v: &[Complex64], weight: f64, dl_dv: &mut [Complex64]) {
        if let Some(branch) = self.branch(b) {
            branch.add_pcc_export_gradient(v, weight, dl_dv);
        }
    }

    /// Adds weight times d|I|/dV of a branch at one side to `dl_dv`.
    pub fn add_current_magnitude_gradient(
        &self,
        b: BranchIndex,
        side: CurrentSide,
        v: &[Complex64],
        weight: f64,
        dl_dv: &mut [Complex64],
    ) {
        if let Some(branch) = self.branch(b) {
            branch.add_current_magnitude_gradient(side, v, weight, dl_dv);
        }
    }

    /// Adds weight times the gradient of Re(conj(direction) I) of a branch to `dl_dv`: direction 1 gives Re I, j Im I.
    pub fn add_current_gradient(
        &self,
        b: BranchIndex,
        side: CurrentSide,
        direction: Complex64,
        weight: f64,
        dl_dv: &mut [Complex64],
    ) {
        if let Some(branch) = self.branch(b) {
            branch.add_current_gradient(side, direction, weight, dl_dv);
        }
    }

    /// Adds weight times d|V_bus|/dV to `dl_dv`.
    pub fn add_voltage_magnitude_gradient(&self, bus: BusIndex, v: &[Complex64], weight: f64, dl_dv: &mut [Complex64]) {
        add_voltage_magnitude_gradient(bus, v, weight, dl_dv);
    }

    /// Power the source feeds into the network (shunts at its bus included), per unit.
    pub fn slack_power_pu(&self, v: &[Complex64]) -> Complex64 {
        let slack = self.network.source().bus;
        let nan = Complex64::new(f64::NAN, f64::NAN);
        let v_slack = v.get(slack.0).copied().unwrap_or(nan);
        let mut power = self.shunt_power_pu(slack, v_slack);
        for branch in &self.admittances {
            if branch.from == slack {
                power += branch.power(CurrentSide::From, v);
            }
            if branch.to == slack {
                power += branch.power(CurrentSide::To, v);
            }
        }
        power
    }

    /// Power drawn by everything that is not demand: series losses, line charging and bus shunts, per unit.
    pub fn losses_pu(&self, v: &[Complex64]) -> Complex64 {
        let branches: Complex64 = self.admittances.iter().map(|b| b.losses(v)).sum();
        let shunts: Complex64 = (v.iter().enumerate()).map(|(i, &v_i)| self.shunt_power_pu(BusIndex(i), v_i)).sum();
        branches + shunts
    }

    fn shunt_power_pu(&self, bus: BusIndex, v: Complex64) -> Complex64 {
        let y = self.bus_shunts.get(bus.0).copied().unwrap_or_default();
        y.conj() * v.norm_sqr()
    }

    /// One run of the iteration from `ws.v` at a fraction of the demand; leaves the result in `ws.v`.
    fn attempt(
        &self,
        p: &[f64],
        q: &[f64],
        fraction: f64,
        ws: &mut FlowWorkspace,
        options: &FlowOptions,
        method: FlowMethod,
    ) -> Result<Attempt, GridError> {
        let (Some(tree), Some(tree_ws)) = (&self.tree, &mut ws.tree) else {
            return Err(self.not_radial());
        };
        for (k, &bus) in tree.bus_at.iter().enumerate() {
            tree_ws.v[k] = ws.v[bus];
            tree_ws.s[k] = Complex64::new(p[bus], q[bus]) * fraction;
        }
        tree_ws.s[0] = Complex64::ZERO;
        tree_ws.v[0] = tree.v_source;
        ws.use_tree = true;
        let attempt = match method {
            FlowMethod::TreeSweep => solve_sweep(tree, tree_ws, options),
            _ => solve_newton(tree, tree_ws, options),
        };
        for (k, &bus) in tree.bus_at.iter().enumerate() {
            ws.v[bus] = tree_ws.v[k];
        }
        Ok(attempt)
    }

    fn method(&self, options: &FlowOptions) -> Result<FlowMethod, GridError> {
        match options.method {
            FlowMethod::Auto if self.tree.is_some() => Ok(FlowMethod::TreeNewton),
            FlowMethod::Auto => Ok(FlowMethod::SparseNewton),
            FlowMethod::TreeNewton | FlowMethod::TreeSweep if self.tree.is_none() => Err(self.not_radial()),
            method => Ok(method),
        }
    }

    fn not_radial(&self) -> GridError {
        GridError::NotRadial { buses: self.n_buses(), branches: self.n_branches() }
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
