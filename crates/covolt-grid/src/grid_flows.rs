//! What flows at solved voltages: branch currents, loadings, PCC exchange, losses and slack power of a [`Grid`].
//!
//! Thin access by [`BranchIndex`] to the formulas of `branch_flow.rs`; per unit. `v` holds all bus voltages in network order.

use crate::branch_flow::{BranchAdmittance, BranchAmperes, CurrentSide, add_voltage_magnitude_gradient};
use crate::grid::Grid;
use crate::network::{BranchIndex, BusIndex};
use num_complex::Complex64;

impl Grid {
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

    /// Adds the gradient of w_p P + w_q Q, the power drawn through a branch at its from (feeder) side, to `dl_dv`; `weight` = w_p + j w_q.
    pub fn add_pcc_power_gradient(&self, b: BranchIndex, v: &[Complex64], weight: Complex64, dl_dv: &mut [Complex64]) {
        if let Some(branch) = self.branch(b) {
            branch.add_power_gradient(CurrentSide::From, v, weight, dl_dv);
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
        let slack = self.network().source().bus;
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
}
