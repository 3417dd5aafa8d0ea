//! Branch currents, flows, losses and the exchange at a PCC: (41), (42), (44)-(46) in corrected form.
//!
//! With ideal ratio t : 1 at the from side, series admittance y = 1/z at the to side and terminal shunts,
//!
//! ```text
//!   I_from = yff V_f + yft V_t      yff = y/|t|^2 + shunt_from     yft = -y / conj(t)
//!   I_to   = ytf V_f + ytt V_t      ytf = -y / t                   ytt = y + shunt_to
//! ```
//!
//! both counted *into* the branch. For a line without charging I_from = y (V_f - V_t), so
//! dI/da = y (dV_f/da - dV_t/da): (41), (42); one of the two printed lines has the sign of the other direction.
//!
//! Gradients are written g = dL/dVre + j dL/dVim and are **added**, times a weight, to the `dl_dv` that
//! `Grid::adjoint` takes; so any number of limits costs one linear solve. With dL = Re(conj(g) dV):
//!
//! ```text
//!   |I| :  c = I/|I|     g_f += conj(yff) c,  g_t += conj(yft) c
//!   Re I:  c = 1         Im I:  c = j
//!   |V| :  g += V/|V|
//!   P = Re(V_f conj(I)):  g_f += I + conj(yff) V_f,  g_t += conj(yft) V_f
//! ```

use crate::network::{Branch, BranchIndex, BusIndex, Network};
use num_complex::Complex64;

/// Terminal of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurrentSide {
    /// The from terminal.
    From,
    /// The to terminal.
    To,
}

/// Admittance matrix of a branch, per unit, compiled once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BranchAdmittance {
    /// Bus at the from side.
    pub from: BusIndex,
    /// Bus at the to side.
    pub to: BusIndex,
    /// From current per from voltage.
    pub yff: Complex64,
    /// From current per to voltage.
    pub yft: Complex64,
    /// To current per from voltage.
    pub ytf: Complex64,
    /// To current per to voltage.
    pub ytt: Complex64,
    /// |tap|: refers a current at the from side to the to side.
    pub tap_magnitude: f64,
}

impl BranchAdmittance {
    /// Compiles a (balanced) branch.
    pub fn new(branch: &Branch) -> BranchAdmittance {
        let y = branch.series_z_pu.inv();
        let t = branch.tap;
        BranchAdmittance {
            from: branch.from,
            to: branch.to,
            yff: y / t.norm_sqr() + branch.shunt_from_pu,
            yft: -y / t.conj(),
            ytf: -y / t,
            ytt: y + branch.shunt_to_pu,
            tap_magnitude: t.norm(),
        }
    }

    /// Admittances (own, other) and buses (own, other) seen from one side.
    fn seen_from(&self, side: CurrentSide) -> (Complex64, Complex64, usize, usize) {
        match side {
            CurrentSide::From => (self.yff, self.yft, self.from.0, self.to.0),
            CurrentSide::To => (self.ytt, self.ytf, self.to.0, self.from.0),
        }
    }

    /// Current into the branch at one side, per unit of that side's current base. NaN when `v` is too short.
    pub fn current(&self, side: CurrentSide, v: &[Complex64]) -> Complex64 {
        let (own, other, near, far) = self.seen_from(side);
        own * at(v, near) + other * at(v, far)
    }

    /// Power into the branch at one side, per unit.
    pub fn power(&self, side: CurrentSide, v: &[Complex64]) -> Complex64 {
        let (_, _, near, _) = self.seen_from(side);
        at(v, near) * self.current(side, v).conj()
    }

    /// Losses of the branch, charging included: power in at both sides, per unit.
    pub fn losses(&self, v: &[Complex64]) -> Complex64 {
        self.power(CurrentSide::From, v) + self.power(CurrentSide::To, v)
    }

    /// Adds weight times the gradient of Re(conj(direction) I) to `dl_dv`: direction 1 gives Re I, j gives Im I.
    pub fn add_current_gradient(&self, side: CurrentSide, direction: Complex64, weight: f64, dl_dv: &mut [Complex64]) {
        let (own, other, near, far) = self.seen_from(side);
        add(dl_dv, near, own.conj() * direction * weight);
        add(dl_dv, far, other.conj() * direction * weight);
    }

    /// Adds weight times d|I|/dV. At I = 0 the magnitude has no gradient and nothing is added.
    pub fn add_current_magnitude_gradient(
        &self,
        side: CurrentSide,
        v: &[Complex64],
        weight: f64,
        dl_dv: &mut [Complex64],
    ) {
        let current = self.current(side, v);
        let magnitude = current.norm();
        if magnitude > 0.0 {
            self.add_current_gradient(side, current / magnitude, weight, dl_dv);
        }
    }

    /// Adds the gradient of w_p P + w_q Q, the power into the branch at one side, S = V conj(I); `weight` = w_p + j w_q.
    ///
    /// Re(conj(w) dS) with dS = dV conj(I) + V conj(dI) and dI = own dV + other dV_far gives w I + conj(own w) V at the near bus and
    /// conj(other w) V at the far one.
    pub fn add_power_gradient(&self, side: CurrentSide, v: &[Complex64], weight: Complex64, dl_dv: &mut [Complex64]) {
        let (own, other, near, far) = self.seen_from(side);
        let v_near = at(v, near);
        let current = self.current(side, v);
        add(dl_dv, near, weight * current + (own * weight).conj() * v_near);
        add(dl_dv, far, (other * weight).conj() * v_near);
    }

    /// Active power exported through the branch to its from (feeder) side, per unit:
    /// P_PCC = -Re(V_from conj(I_from)).
    pub fn pcc_export_pu(&self, v: &[Complex64]) -> f64 {
        -self.power(CurrentSide::From, v).re
    }

    /// Adds weight times dP_PCC/dV, (44)-(46).
    pub fn add_pcc_export_gradient(&self, v: &[Complex64], weight: f64, dl_dv: &mut [Complex64]) {
        self.add_power_gradient(CurrentSide::From, v, Complex64::new(-weight, 0.0), dl_dv);
    }
}

/// Adds weight times d|V_bus|/dV to `dl_dv`.
pub fn add_voltage_magnitude_gradient(bus: BusIndex, v: &[Complex64], weight: f64, dl_dv: &mut [Complex64]) {
    let voltage = at(v, bus.0);
    add(dl_dv, bus.0, voltage * (weight / voltage.norm()));
}

/// Amperes of a branch: current bases at both sides and the limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BranchAmperes {
    /// Current base at the from side, A.
    pub base_from_a: f64,
    /// Current base at the to side, A.
    pub base_to_a: f64,
    /// |tap|: from current in per unit times this is the from current referred to the to side, per unit.
    pub tap_magnitude: f64,
    /// Limit at the to side, A.
    pub rating_a: Option<f64>,
}

impl BranchAmperes {
    /// Compiles a branch of a network; `None` for an unknown index.
    pub fn new(network: &Network, b: BranchIndex) -> Option<BranchAmperes> {
        let branch = network.branches().get(b.0)?;
        Some(BranchAmperes {
            base_from_a: network.current_base_a(branch.from)?,
            base_to_a: network.current_base_a(branch.to)?,
            tap_magnitude: branch.tap.norm(),
            rating_a: branch.rating_a,
        })
    }

    /// Limit in per unit of the current at one side; `None` when the branch has none.
    ///
    /// The limit holds at the to side; seen from the from side it is divided by |tap|.
    pub fn limit_pu(&self, side: CurrentSide) -> Option<f64> {
        let to_side = self.rating_a? / self.base_to_a;
        Some(match side {
            CurrentSide::From => to_side / self.tap_magnitude,
            CurrentSide::To => to_side,
        })
    }

    /// Loading: the larger of the two terminal currents, referred to the to side, over the limit.
    pub fn loading(&self, i_from_pu: f64, i_to_pu: f64) -> Option<f64> {
        let limit = self.limit_pu(CurrentSide::To)?;
        Some(f64::max(i_to_pu, i_from_pu * self.tap_magnitude) / limit)
    }
}

fn at(v: &[Complex64], bus: usize) -> Complex64 {
    const MISSING: Complex64 = Complex64::new(f64::NAN, f64::NAN);
    v.get(bus).copied().unwrap_or(MISSING)
}

fn add(dl_dv: &mut [Complex64], bus: usize, value: Complex64) {
    if let Some(entry) = dl_dv.get_mut(bus) {
        *entry += value;
    }
}
