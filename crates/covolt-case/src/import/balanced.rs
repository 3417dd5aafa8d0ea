//! Tables of a balanced network: buses and branches in per unit of its power base.
//!
//! The tables hold one charging per branch, half at either end, and a real tap. What differs is refused with its name, except a phase
//! shift: in a tree it turns all angles behind the transformer and changes nothing else, so it is left out.

use super::SplitMicrogrid;
use crate::fault::CaseError;
use crate::table_rows::{BranchKindName, BranchRow, BusRow};
use covolt_grid::{Branch, BranchKind, Network};
use std::fmt::Write;

const FORMAT: &str = "a case";

/// The network's part of a case.
pub(super) struct Tables {
    pub buses: Vec<BusRow>,
    pub branches: Vec<BranchRow>,
    /// Further lines of `[network]`.
    pub section: String,
}

pub(super) fn tables(
    network: &Network,
    microgrids: &[SplitMicrogrid],
    owner: impl Fn(usize) -> Option<String>,
) -> Result<Tables, CaseError> {
    let base_kw = 1e3 * network.base_mva();
    let mut buses: Vec<BusRow> = (network.buses().iter().enumerate())
        .map(|(b, bus)| BusRow {
            id: bus.id.0.clone(),
            kv: bus.v_base_kv,
            microgrid: owner(b),
            v_min_pu: None,
            v_max_pu: None,
            shunt_g_kw: None,
            shunt_b_kvar: None,
        })
        .collect();
    for shunt in network.shunts() {
        let (bus, y) = (&mut buses[shunt.bus.0], shunt.y_pu);
        bus.shunt_g_kw = Some(bus.shunt_g_kw.unwrap_or(0.0) + y.re * base_kw);
        bus.shunt_b_kvar = Some(bus.shunt_b_kvar.unwrap_or(0.0) + y.im * base_kw);
    }
    let mut branches = Vec::with_capacity(network.branches().len());
    for (b, branch) in network.branches().iter().enumerate() {
        let turned = microgrids.iter().any(|mg| mg.branch == b && mg.turned);
        branches.push(branch_row(network, branch, turned)?);
    }
    let source = network.source();
    let mut section = String::from("branches = \"branches.csv\"\n");
    // Writing to a String cannot fail.
    let _ = writeln!(section, "base_mva = {:?}\nfrequency_hz = {:?}", network.base_mva(), network.f_hz());
    let id = toml::Value::String(network.buses()[source.bus.0].id.0.clone());
    let _ = writeln!(section, "source_bus = {id}\nsource_v_pu = {:?}", source.v_pu);
    Ok(Tables { buses, branches, section })
}

fn branch_row(network: &Network, branch: &Branch, turned: bool) -> Result<BranchRow, CaseError> {
    let refuse = |what: &str| {
        Err(CaseError::NotExpressible { format: FORMAT, what: format!("{what} of branch \"{}\"", branch.id) })
    };
    let (from_y, to_y) = (branch.shunt_from_pu, branch.shunt_to_pu);
    if (from_y - to_y).norm() > SAME || from_y.re.abs() > SAME {
        return refuse("shunts that differ at both ends, or conduct active power,");
    }
    let ends = if turned { (branch.to, branch.from) } else { (branch.from, branch.to) };
    let id = |bus: covolt_grid::BusIndex| network.buses()[bus.0].id.0.clone();
    let transformer = branch.kind == BranchKind::Transformer;
    Ok(BranchRow {
        id: branch.id.0.clone(),
        kind: if transformer { BranchKindName::Transformer } else { BranchKindName::Line },
        from: id(ends.0),
        to: id(ends.1),
        r_ohm: None,
        x_ohm: None,
        b_us: None,
        r_pu: Some(branch.series_z_pu.re),
        x_pu: Some(branch.series_z_pu.im),
        b_pu: Some(2.0 * from_y.im),
        r_percent: None,
        x_percent: None,
        rated_kva: None,
        tap: transformer.then(|| branch.tap.norm()),
        rating_a: branch.rating_a,
    })
}

/// Admittances within this are the same, pu.
const SAME: f64 = 1e-9;
