//! Admittance matrix of a transformer over the conductors of all its terminals, S.
//!
//! Two windings: each phase is a pair of coils with the short-circuit admittance y between them, referred to the first winding's
//! coil; with n_w = V_coil tap of winding w, the coil currents are i_w = sum_u (-1)^(w + u) y n_1^2 / (n_w n_u) v_u.

use super::matrix::ConductorMatrix;
use super::transformer::{Transformer, WindingConnection};
use num_complex::Complex64;

/// Admittance over the conductors of all terminals, one after the other, S; `None` where the impedances give none.
pub(crate) fn admittance_s(t: &Transformer) -> Option<ConductorMatrix> {
    let [first, second] = t.windings.as_slice() else { return None };
    let line_to_phase =
        |w: WindingConnection| if w == WindingConnection::Wye && t.phases > 1 { 3f64.sqrt() } else { 1.0 };
    let coil_v = [first, second].map(|w| 1e3 * w.v_rated_kv / line_to_phase(w.connection));
    let z_base = coil_v[0] * coil_v[0] / (1e3 * first.s_rated_kva / t.phases as f64);
    let z = Complex64::new(first.r_percent + second.r_percent, t.x_percent[0]) * (z_base / 100.0);
    let y = z.inv();
    if !y.is_finite() {
        return None;
    }
    let conductors = [first, second].map(|w| match w.connection {
        WindingConnection::Wye => t.phases + 1,
        WindingConnection::Delta if t.phases == 1 => 2,
        WindingConnection::Delta => 3,
    });
    let turns = [coil_v[0] * first.tap_pu, coil_v[1] * second.tap_pu];
    let starts = [0, conductors[0]];
    let mut matrix = ConductorMatrix::zero(conductors[0] + conductors[1]);
    for phase in 0..t.phases {
        let ends: [[usize; 2]; 2] = std::array::from_fn(|w| {
            let other = match [first, second][w].connection {
                WindingConnection::Wye => t.phases,
                WindingConnection::Delta => (phase + 1) % conductors[w],
            };
            [starts[w] + phase, starts[w] + other]
        });
        for w in 0..2 {
            for u in 0..2 {
                let sign = if w == u { 1.0 } else { -1.0 };
                let value = y * (sign * coil_v[0] * coil_v[0] / (turns[w] * turns[u]));
                matrix.add(ends[w][0], ends[u][0], value);
                matrix.add(ends[w][0], ends[u][1], -value);
                matrix.add(ends[w][1], ends[u][0], -value);
                matrix.add(ends[w][1], ends[u][1], value);
            }
        }
    }
    Some(matrix)
}
