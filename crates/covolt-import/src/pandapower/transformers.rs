//! Two-winding transformers: from rated values and tap position to ratio, series impedance and two shunts.
//!
//! Rated voltages with the tap changer at work (u_hv, u_lv), bases of the buses (U_hv, U_lv), S = base power, s = rated
//! power, n transformers in parallel:
//!
//! ```text
//!   t   = (u_hv / u_lv) / (U_hv / U_lv) e^(j shift)
//!   z   = vk/100 (S/s) (u_lv/U_lv)^2 / n          r by vkr,  x = sqrt(z^2 - r^2)
//!   y_m = (pfe - j sqrt((i0/100 s)^2 - pfe^2)) / S (U_lv/u_lv)^2 n
//! ```
//!
//! all on the lv side, as our branch has it. The T circuit has z_a = a z before and z_b = (1 - a) z behind the
//! magnetising y_m (a = 1/2 unless the file says so, for r and x apart); with D = z_a z_b y_m + z_a + z_b its pi circuit is
//!
//! ```text
//!   z_pi = D       y_hv = z_b y_m / D       y_lv = z_a y_m / D
//! ```
//!
//! (star to delta). The hv shunt lies inside the ratio; ours lies at the terminal: y_from = y_hv / |t|^2.
//!
//! Tap changers, k = position - neutral: a ratio or symmetrical changer adds the phasor k step% at the angle step_degree to
//! the rated voltage of its side; an ideal one only turns, by k step_degree or by 2 asin(k step% / 2). On the lv side the
//! angle counts against the shift.

use super::branches::{Element, rating};
use super::frames::{Frame, Frames, Row};
use crate::error::Complaint;
use covolt_grid::{BranchKind, Complex64};

/// Rated voltages with the taps, kV, and the phase shift, degrees.
struct Rated {
    hv_kv: f64,
    lv_kv: f64,
    shift_deg: f64,
}

/// A transformer in service between buses of these voltage bases.
pub(super) fn transformer(row: &Row<'_>, net: &Frames, base_kv: [f64; 2]) -> Result<Element, Complaint> {
    let table = net.table("trafo");
    if row.flag_or("tap_dependency_table", false)? || row.flag_or("tap_dependent_impedance", false)? {
        return Err(row.fault("an impedance or ratio that depends on the tap by a table is not supported"));
    }
    let mut rated = Rated {
        hv_kv: row.positive("vn_hv_kv")?,
        lv_kv: row.positive("vn_lv_kv")?,
        shift_deg: row.number_or("shift_degree", 0.0)?,
    };
    let lv_rated_kv = rated.lv_kv;
    for changer in ["tap", "tap2"] {
        turn(row, table, changer, &mut rated)?;
    }
    let (s, parallel) = (row.positive("sn_mva")?, row.positive_or_one("parallel")?);
    let lv = rated.lv_kv / base_kv[1];
    let per_cent = net.sn_mva / s / 100.0 * lv * lv / parallel;
    let (z, r) = (row.number("vk_percent")? * per_cent, row.number("vkr_percent")? * per_cent);
    if r.abs() > z.abs() {
        return Err(row.fault("'vkr_percent' is larger than 'vk_percent'"));
    }
    let z = Complex64::new(r, z.signum() * (z * z - r * r).sqrt());
    let losses = row.number_or("pfe_kw", 0.0)? * 1e-3;
    let apparent = row.number_or("i0_percent", 0.0)? / 100.0 * s;
    let reactive = (apparent * apparent - losses * losses).max(0.0).sqrt();
    let y_m = Complex64::new(losses, -reactive) * (parallel / net.sn_mva / (lv * lv));
    let (a_r, a_x) =
        (row.number_or("leakage_resistance_ratio_hv", 0.5)?, row.number_or("leakage_reactance_ratio_hv", 0.5)?);
    let z_a = Complex64::new(z.re * a_r, z.im * a_x);
    let z_b = z - z_a;
    let d = z_a * z_b * y_m + z;
    let tap = Complex64::from_polar(rated.hv_kv / rated.lv_kv * base_kv[1] / base_kv[0], rated.shift_deg.to_radians());
    Ok(Element {
        place: row.place(),
        id: row.id(),
        from: row.reference("hv_bus")?,
        to: row.reference("lv_bus")?,
        kind: BranchKind::Transformer,
        z: d,
        y_from: z_b * y_m / d / tap.norm_sqr(),
        y_to: z_a * y_m / d,
        tap,
        // At the rated voltage of the winding, whatever the tap.
        rating_a: rating(row, s * parallel * 1e3 / (3f64.sqrt() * lv_rated_kv))?,
        open_from: false,
        open_to: false,
    })
}

/// One tap changer at work.
fn turn(row: &Row<'_>, table: &Frame, changer: &str, rated: &mut Rated) -> Result<(), Complaint> {
    let column = |name: &str| format!("{changer}_{name}");
    let Some(position) = row.optional(&column("pos"))? else { return Ok(()) };
    let percent = row.optional(&column("step_percent"))?;
    let degrees = row.optional(&column("step_degree"))?;
    let side = row.text(&column("side"))?;
    // Before pandapower 3 a flag told ideal phase shifters from the rest, and whoever had a side and a step had a changer.
    let ideal = if table.has_column(&column("changer_type")) {
        match row.text(&column("changer_type"))? {
            None => return Ok(()),
            Some("Ratio" | "Symmetrical") => false,
            Some("Ideal") => true,
            Some(other) => return Err(row.fault(format!("a tap changer of type '{other}' is not supported"))),
        }
    } else {
        let ideal = row.flag_or(&column("phase_shifter"), false)?;
        if !ideal && percent.is_none() {
            return Ok(());
        }
        ideal
    };
    let direction = match side {
        Some("hv") => 1.0,
        Some("lv") => -1.0,
        None => return Ok(()),
        Some(other) => return Err(row.fault(format!("'{}' is '{other}'", column("side")))),
    };
    let k = position - row.number(&column("neutral"))?;
    let set = |x: Option<f64>| x.filter(|x| *x != 0.0);
    if ideal {
        rated.shift_deg += direction
            * match (set(percent), set(degrees)) {
                (Some(_), Some(_)) => {
                    return Err(row.fault("an ideal phase shifter with steps in per cent and degrees"));
                }
                (_, Some(degrees)) => k * degrees,
                (Some(percent), None) => 2.0 * (k * percent / 200.0).asin().to_degrees(),
                (None, None) => 0.0,
            };
        return if rated.shift_deg.is_finite() { Ok(()) } else { Err(row.fault("the tap turns by no real angle")) };
    }
    let added = Complex64::from_polar(k * percent.unwrap_or(0.0) / 100.0, degrees.unwrap_or(0.0).to_radians());
    let turned = 1.0 + added;
    if turned.re <= 0.0 {
        return Err(row.fault("the tap takes more than the rated voltage away"));
    }
    rated.shift_deg += direction * turned.arg().to_degrees();
    if direction > 0.0 {
        rated.hv_kv *= turned.norm();
    } else {
        rated.lv_kv *= turned.norm();
    }
    Ok(())
}
