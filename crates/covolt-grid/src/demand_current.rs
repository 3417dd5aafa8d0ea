//! The demand current of a bus (30)-(31), its derivatives (37)-(40) and Table I.
//!
//! With the demand s = p + jq, positive = consumption, a bus draws I = conj(s / V), that is
//!
//! ```text
//!   I_re = (p V_re + q V_im) / |V|^2                                                        (30)
//!   I_im = (p V_im - q V_re) / |V|^2                                                        (31)
//! ```
//!
//! The current injected into the network is -I: crossing from demand to injection is [`injected_current`].
//!
//! Table I follows from dI/dp = (V_re, V_im)/|V|^2 and dI/dq = (V_im, -V_re)/|V|^2 with dp/dP = -1 for DG and
//! discharging, +1 for charging, dq/dQ = -1 for DG and PV, +1 for storage. The printed table has the reactive
//! columns with the opposite sign (`docs/deviations.md`).

use num_complex::Complex64;

/// Demand current I = conj((p + jq)/V) of a bus, (30)-(31), per unit.
pub fn demand_current(p: f64, q: f64, v: Complex64) -> Complex64 {
    Complex64::new(p, -q) * v * (1.0 / v.norm_sqr())
}

/// Current a bus injects into the network: the demand current with the opposite sign, per unit.
pub fn injected_current(p: f64, q: f64, v: Complex64) -> Complex64 {
    -demand_current(p, q, v)
}

/// beta in dI = beta conj(dV): (37)-(40) in complex form, per unit.
pub fn demand_current_slope(p: f64, q: f64, v: Complex64) -> Complex64 {
    let inverse = v * (1.0 / v.norm_sqr());
    -(Complex64::new(p, -q) * inverse * inverse)
}

/// The matrix [[dI_re/dV_re, dI_re/dV_im], [dI_im/dV_re, dI_im/dV_im]]: (37), (38), (39), (40), per unit.
///
/// beta conj(dV) with beta = b + jc is [[b, c], [c, -b]]: symmetric, trace zero.
pub fn demand_current_derivatives(p: f64, q: f64, v: Complex64) -> [[f64; 2]; 2] {
    let beta = demand_current_slope(p, q, v);
    [[beta.re, beta.im], [beta.im, -beta.re]]
}

/// An action of a microgrid at its bus: the columns of Table I.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Active power of a diesel generator.
    DgActive,
    /// Charging power of a storage.
    Charge,
    /// Discharging power of a storage.
    Discharge,
    /// Reactive power of a diesel generator.
    DgReactive,
    /// Reactive power of a PV inverter.
    PvReactive,
    /// Reactive power drawn by a storage inverter, (33).
    StorageReactive,
}

impl Action {
    /// (dp/da, dq/da) of the net demand, (32)-(33).
    pub fn demand_direction(self) -> (f64, f64) {
        match self {
            Action::DgActive | Action::Discharge => (-1.0, 0.0),
            Action::Charge => (1.0, 0.0),
            Action::DgReactive | Action::PvReactive => (0.0, -1.0),
            Action::StorageReactive => (0.0, 1.0),
        }
    }

    /// Table I (corrected): derivative of the demand current with respect to this action at voltage v,
    /// real part dI_re/da, imaginary part dI_im/da, per unit.
    pub fn demand_current_derivative(self, v: Complex64) -> Complex64 {
        let (dp, dq) = self.demand_direction();
        demand_current(dp, dq, v)
    }
}
