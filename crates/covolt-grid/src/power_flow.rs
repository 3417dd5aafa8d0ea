//! Settings, result and workspace shared by all power flow methods.

use crate::error::GridError;
use crate::linear_system::LinearSystemWorkspace;
use crate::power_flow_radial::TreeWorkspace;
use num_complex::Complex64;

/// Which power flow method runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlowMethod {
    /// Tree Newton on a radial network, sparse Newton on a meshed one.
    #[default]
    Auto,
    /// Newton by elimination along the tree (radial networks only).
    TreeNewton,
    /// Backward-forward sweep with constant currents per iteration (radial networks only).
    TreeSweep,
    /// Newton with a sparse LU of (Y + Y_D); any network.
    SparseNewton,
}

/// Settings of a power flow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlowOptions {
    /// Largest power mismatch of a bus at which the solution counts as found, per unit. Default 1e-10.
    pub tolerance_pu: f64,
    /// Iterations allowed before the continuation takes over (and for each of its steps). Default 30;
    /// the sweep gets ten times as many, because it converges linearly.
    pub max_iterations: usize,
    /// Start from the voltages in the workspace instead of the flat start. Default false, so that a
    /// result never depends on what the workspace was used for before.
    pub warm_start: bool,
    /// Method; `Auto` unless methods are compared. Default `Auto`.
    pub method: FlowMethod,
}

impl Default for FlowOptions {
    fn default() -> Self {
        FlowOptions { tolerance_pu: 1e-10, max_iterations: 30, warm_start: false, method: FlowMethod::Auto }
    }
}

impl FlowOptions {
    pub(crate) fn check(&self) -> Result<(), GridError> {
        let bad = |setting, value, range| Err(GridError::BadSetting { setting, value, range });
        if !(self.tolerance_pu > 0.0 && self.tolerance_pu.is_finite()) {
            return bad("tolerance_pu", self.tolerance_pu, "positive and finite");
        }
        if self.max_iterations == 0 {
            return bad("max_iterations", 0.0, "at least 1");
        }
        Ok(())
    }
}

/// How a power flow was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlowInfo {
    /// Iterations, including those of the continuation when it was needed.
    pub iterations: usize,
    /// Worst power mismatch of a bus, per unit.
    pub mismatch_pu: f64,
    /// Method that ran; never `Auto`.
    pub method: FlowMethod,
}

/// Everything a power flow and its derivatives write to: one per thread, made by `Grid::workspace`.
#[derive(Debug)]
pub struct FlowWorkspace {
    /// Voltages in network bus order, per unit.
    pub(crate) v: Vec<Complex64>,
    /// Last voltages that the continuation can return to, network bus order.
    pub(crate) v_reached: Vec<Complex64>,
    /// The grid this workspace was made for.
    pub(crate) grid: u64,
    /// True while the factors belong to the present voltages.
    pub(crate) linearised: bool,
    /// Whose factors `adjoint` and `forward` use; follows the last solve.
    pub(crate) use_tree: bool,
    pub(crate) tree: Option<TreeWorkspace>,
    pub(crate) sparse: Option<LinearSystemWorkspace>,
}

impl FlowWorkspace {
    /// Bus voltages in per unit, in network bus order; the flat start before the first solve.
    pub fn v(&self) -> &[Complex64] {
        &self.v
    }
}

/// Outcome of one run of an iteration at one fraction of the demand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    pub iterations: usize,
    pub mismatch_pu: f64,
    /// Bus of the worst mismatch, in the order of the method (tree or network).
    pub worst_bus: usize,
    pub converged: bool,
    /// False when the elimination met a non-positive determinant: the iterate may lie on the
    /// low-voltage branch, and only a continuation from no load can tell.
    pub upper_branch: bool,
}
