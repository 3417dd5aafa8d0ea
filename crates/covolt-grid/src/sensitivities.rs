//! Sensitivities of the bus voltages on a radial network, (34)-(40) corrected, as products.
//!
//! The power flow Y V + I(V, s) = 0 gives, differentiated, with the slack row and column left out,
//!
//! ```text
//!   (Y + Y_D) dV = -dI        dI = conj(ds) / conj(V) = (dp - j dq) / conj(V)        (34)-(36)
//!   Y_D dV = beta conj(dV),   beta = -conj(s) / conj(V)^2                            (37)-(40)
//! ```
//!
//! In real form that is Y11 = Y_re + D(Re,Re), Y12 = -Y_im + D(Re,Im), Y21 = Y_im + D(Im,Re), Y22 = Y_re + D(Im,Im).
//! (The printed system has minus signs and lacks the minus of the right-hand side; see `docs/deviations.md`.)
//!
//! On a tree this system is solved by the two passes of `power_flow_radial.rs` with gamma = dI and a source that
//! does not move:
//!
//! ```text
//!   leaves -> source:  gamma_p += current gamma_k          source -> leaves:  dV_k = voltage dV_p + drop gamma_k
//! ```
//!
//! That is the **forward** product J d. The **adjoint** product J^T w runs the same passes backwards, each map
//! transposed with respect to Re(conj(x) y), for a gradient written as g = dL/dVre + j dL/dVim:
//!
//! ```text
//!   leaves -> source:  g_p += voltage^T g_k                source -> leaves:  mu_k = drop^T g_k + current^T mu_p
//!   dL/dp_k = Re(mu_k / V_k),   dL/dq_k = -Im(mu_k / V_k)
//! ```
//!
//! because dL = Re(conj(mu) dI) and dI = conj(ds)/conj(V). Scaled quantities of `tree.rs` inside, plain ones outside. Either costs O(buses), whatever L depends on.

use crate::demand_current::demand_current;
use crate::power_flow_radial::{Subtree, TreeWorkspace, eliminate};
use crate::tree::Tree;
use num_complex::Complex64;

/// A determinant |A|^2 - |B|^2 (1 at no load, 0 at voltage collapse) below this has lost all digits.
pub(crate) const SINGULAR_DETERMINANT: f64 = 1e-13;

/// Factorises (Y + Y_D) at `ws.v` and `ws.s`. Returns the tree position where it breaks down, if anywhere.
pub(crate) fn linearise(tree: &Tree, ws: &mut TreeWorkspace) -> Result<(), usize> {
    let n = tree.branches.len();
    for k in 0..n {
        let inverse = ws.v[k] * (1.0 / ws.v[k].norm_sqr());
        ws.subtree[k] = Subtree { alpha: tree.branches[k].shunt, beta: -(ws.s[k].conj() * inverse * inverse) };
    }
    let mut broken = None;
    for k in (1..n).rev() {
        let (left, seen, determinant) = eliminate(&tree.branches[k], ws.subtree[k]);
        if determinant.is_nan() || determinant.abs() < SINGULAR_DETERMINANT {
            broken = Some(k);
        }
        ws.subtree[left.parent].alpha += seen.alpha;
        ws.subtree[left.parent].beta += seen.beta;
        ws.eliminated[k] = left;
    }
    broken.map_or(Ok(()), Err)
}

/// J d: reads the change of the demand in network order, writes dV in network order.
pub(crate) fn forward(tree: &Tree, dp: &[f64], dq: &[f64], dv: &mut [Complex64], ws: &mut TreeWorkspace) {
    let n = tree.branches.len();
    for (k, &bus) in tree.bus_at.iter().enumerate() {
        ws.gamma[k] = demand_current(dp[bus], dq[bus], ws.v[k]);
    }
    for k in (1..n).rev() {
        let left = &ws.eliminated[k];
        let drawn = left.current.apply(ws.gamma[k]);
        ws.gamma[left.parent] += drawn;
        ws.gamma[k] = left.drop.apply(ws.gamma[k]);
    }
    ws.gamma[0] = Complex64::ZERO;
    dv[tree.bus_at[0]] = Complex64::ZERO;
    for k in 1..n {
        let left = &ws.eliminated[k];
        let dv_k = left.voltage.apply(ws.gamma[left.parent]) + ws.gamma[k];
        ws.gamma[k] = dv_k;
        dv[tree.bus_at[k]] = tree.scale[k] * dv_k;
    }
}

/// J^T w: reads dL/dV in network order, writes dL/dp and dL/dq in network order.
pub(crate) fn adjoint(tree: &Tree, dl_dv: &[Complex64], dl_dp: &mut [f64], dl_dq: &mut [f64], ws: &mut TreeWorkspace) {
    let n = tree.branches.len();
    for (k, &bus) in tree.bus_at.iter().enumerate() {
        ws.rhs[k] = tree.scale[k].conj() * dl_dv[bus];
    }
    for k in (1..n).rev() {
        let left = &ws.eliminated[k];
        let passed_on = left.voltage.transposed().apply(ws.rhs[k]);
        ws.rhs[left.parent] += passed_on;
    }
    ws.rhs[0] = Complex64::ZERO;
    dl_dp[tree.bus_at[0]] = 0.0;
    dl_dq[tree.bus_at[0]] = 0.0;
    for k in 1..n {
        let left = &ws.eliminated[k];
        let mu = left.drop.transposed().apply(ws.rhs[k]) + left.current.transposed().apply(ws.rhs[left.parent]);
        ws.rhs[k] = mu;
        let v = ws.v[k];
        let at_demand = mu * v.conj() * (1.0 / v.norm_sqr());
        dl_dp[tree.bus_at[k]] = at_demand.re;
        dl_dq[tree.bus_at[k]] = -at_demand.im;
    }
}
