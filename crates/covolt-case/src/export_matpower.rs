//! The network and one step's injections as a MATPOWER case (format version 2).

use crate::case::Case;
use crate::export_opendss::{balanced, check_length, comment};
use crate::fault::CaseError;
use crate::injections::Injections;
use std::fmt::Write;

const FORMAT: &str = "MATPOWER";

/// MATPOWER case of the network with the injections of one step as loads (negative where a bus generates).
///
/// # Errors
/// The network has something that the format cannot express, or the injections do not fit it.
pub fn export_matpower(case: &Case, injections: Option<&Injections>) -> Result<String, CaseError> {
    let network = balanced(case, FORMAT)?;
    let none = Injections::zero("none", &case.fleet.grid);
    let step = injections.unwrap_or(&none);
    check_length(network, step)?;
    let base = network.base_mva();
    let source = network.source();
    let limits = &case.fleet.limits;
    let mut shunt = vec![(0.0, 0.0); network.buses().len()];
    for s in network.shunts() {
        let y = s.y_pu;
        shunt[s.bus.0].0 += y.re * base;
        shunt[s.bus.0].1 += y.im * base;
    }
    let mut out = String::new();
    // Writing to a String cannot fail, so the results of write! are dropped.
    let w = &mut out;
    let _ = writeln!(
        w,
        "function mpc = covolt_case\n% {}: network and injections of step {}",
        comment(&case.name),
        comment(&step.label)
    );
    let _ = writeln!(w, "mpc.version = '2';\nmpc.baseMVA = {base};");
    let _ = writeln!(w, "% bus_i type Pd Qd Gs Bs area Vm Va baseKV zone Vmax Vmin\nmpc.bus = [");
    for (i, b) in network.buses().iter().enumerate() {
        let is_source = i == source.bus.0;
        let (kind, vm, va) = if is_source { (3, source.v_pu, source.angle_deg) } else { (1, 1.0, source.angle_deg) };
        // The slack generator takes what the source bus injects itself; its own entry would only offset it.
        let (p, q) = if is_source { (0.0, 0.0) } else { (0.0 - step.p_kw[i] / 1e3, 0.0 - step.q_kvar[i] / 1e3) };
        let (g, s) = shunt[i];
        let _ = writeln!(
            w,
            "\t{}\t{kind}\t{p}\t{q}\t{g}\t{s}\t1\t{vm}\t{va}\t{}\t1\t{}\t{};",
            i + 1,
            b.v_base_kv,
            limits.v_max_pu[i],
            limits.v_min_pu[i]
        );
    }
    let _ = writeln!(w, "];\n% bus Pg Qg Qmax Qmin Vg mBase status Pmax Pmin\nmpc.gen = [");
    let _ = writeln!(w, "\t{}\t0\t0\t1e6\t-1e6\t{}\t{base}\t1\t1e6\t-1e6;", source.bus.0 + 1, source.v_pu);
    let _ = writeln!(
        w,
        "];\n% fbus tbus r x b rateA rateB rateC ratio angle status angmin angmax; rateA in MVA at 1 pu of the to bus\nmpc.branch = ["
    );
    for b in network.branches() {
        let z = b.series_z_pu;
        let (y_from, y_to) = (b.shunt_from_pu, b.shunt_to_pu);
        let transformer = b.kind == covolt_grid::BranchKind::Transformer;
        if y_from != y_to || y_from.re != 0.0 || (transformer && y_to.im != 0.0 && b.tap.norm() != 1.0) {
            return Err(CaseError::NotExpressible {
                format: FORMAT,
                what: format!("the shunts of branch \"{}\"", b.id),
            });
        }
        let kv = network.buses().get(b.to.0).map_or(1.0, |t| t.v_base_kv);
        let mva = b.rating_a.map_or(0.0, |a| 3f64.sqrt() * kv * a / 1e3);
        let (ratio, angle) = if transformer { (b.tap.norm(), b.tap.arg().to_degrees()) } else { (0.0, 0.0) };
        let _ = writeln!(
            w,
            "\t{}\t{}\t{}\t{}\t{}\t{mva}\t0\t0\t{ratio}\t{angle}\t1\t-360\t360;",
            b.from.0 + 1,
            b.to.0 + 1,
            z.re,
            z.im,
            2.0 * y_to.im
        );
    }
    let _ = writeln!(w, "];\nmpc.bus_name = {{");
    for b in network.buses() {
        let _ = writeln!(w, "\t'{}';", comment(&b.id.0).replace('\'', "''"));
    }
    let _ = writeln!(w, "}};");
    Ok(out)
}
