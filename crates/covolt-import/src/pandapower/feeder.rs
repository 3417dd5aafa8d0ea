//! The network of a pandapower file: buses that are supplied, branches between them, and everything at these buses.

use super::branches::{Element, impedance, line};
use super::buses::{Buses, OpenEnds};
use super::frames::{Frames, Row};
use super::injections::Injections;
use super::transformers::transformer;
use crate::error::{Complaint, ImportError};
use crate::imported::{Generator, GeneratorRole, Imported};
use crate::report::{Action, ImportReport};
use covolt_grid::{
    Branch, BranchId, BranchKind, Bus, BusId, BusIndex, Complex64, Network, NetworkFault, Shunt, Source,
};
use std::collections::{BTreeMap, BTreeSet};

/// Elements that are not supported; rows in service are refused.
const REFUSED: [&str; 19] = [
    "trafo3w",
    "ward",
    "xward",
    "motor",
    "asymmetric_load",
    "asymmetric_sgen",
    "dcline",
    "svc",
    "ssc",
    "tcsc",
    "vsc",
    "vsc_stacked",
    "vsc_bipolar",
    "b2b_vsc",
    "bus_dc",
    "line_dc",
    "load_dc",
    "sgen_dc",
    "source_dc",
];

const READ: [&str; 11] =
    ["bus", "load", "sgen", "storage", "gen", "shunt", "ext_grid", "switch", "line", "trafo", "impedance"];

/// Tables that a power flow does not read. Tables of tap and step characteristics are refused where an element uses them.
const NO_INFLUENCE: [&str; 9] = [
    "pwl_cost",
    "poly_cost",
    "measurement",
    "group",
    "bus_geodata",
    "line_geodata",
    "characteristic",
    "trafo_characteristic_table",
    "shunt_characteristic_table",
];

pub(super) fn build(net: Frames) -> Result<Imported, ImportError> {
    let mut faults = Vec::new();
    let mut report = ImportReport::default();
    other_tables(&net, &mut report, &mut faults);
    let mut buses = Buses::read(&net, &mut faults);
    let mut switches = Vec::new();
    let open = buses.switches(&net, &mut switches, &mut faults);
    for index in buses.out_of_service() {
        report.add(&net.place("bus"), Action::Irrelevant, format!("bus {index} is out of service"));
    }
    let mut elements = branches(&net, &buses, open, &mut report, &mut faults);
    elements.extend(switches);
    let injections = Injections::read(&net, &buses, &mut report, &mut faults);
    if !faults.is_empty() {
        return Err(ImportError::Faulty(faults));
    }
    if let [first, others @ ..] = &injections.sources[..] {
        for other in others {
            buses.join_sources(first.bus, other.bus);
            let what = format!("{} holds the voltage of {}: their buses are one", other.id, first.id);
            report.add(&other.place, Action::Irrelevant, what);
        }
    }
    assemble(&net, &buses, elements, injections, report)
}

fn other_tables(net: &Frames, report: &mut ImportReport, faults: &mut Vec<Complaint>) {
    for table in net.with_rows() {
        if READ.contains(&table) || table.starts_with("res_") {
            continue;
        }
        if REFUSED.contains(&table) {
            for row in net.table(table).rows() {
                match row.in_service() {
                    Ok(true) => faults.push(row.fault(format!("'{table}' is not supported"))),
                    Ok(false) => {
                        report.add(&row.place(), Action::Irrelevant, format!("{} is out of service", row.id()));
                    }
                    Err(fault) => faults.push(fault),
                }
            }
            continue;
        }
        let action = if NO_INFLUENCE.contains(&table) { Action::Irrelevant } else { Action::LeftOut };
        let what = match table {
            "controller" => "controllers are not run: taps and powers stay as written".to_owned(),
            _ => format!("table '{table}' is not read"),
        };
        report.add(&net.place(table), action, what);
    }
}

/// Lines, transformers and impedances in service, with their open ends.
fn branches(
    net: &Frames,
    buses: &Buses,
    mut open: OpenEnds,
    report: &mut ImportReport,
    faults: &mut Vec<Complaint>,
) -> Vec<Element> {
    let mut elements = Vec::new();
    for (table, ends) in
        [("line", ["from_bus", "to_bus"]), ("trafo", ["hv_bus", "lv_bus"]), ("impedance", ["from_bus", "to_bus"])]
    {
        for row in net.table(table).rows() {
            match branch(table, ends, &row, net, buses, &mut open) {
                Ok(Ok(element)) => elements.push(element),
                Ok(Err(why)) => report.add(&row.place(), Action::Irrelevant, format!("{} {why}", row.id())),
                Err(fault) => faults.push(fault),
            }
        }
    }
    for (table, element, bus) in open.into_iter().filter(|o| o.0 != "trafo3w") {
        let what = format!("a switch at bus {bus} opens {table} {element}, which has no end there");
        faults.push(Complaint { place: net.place("switch"), what });
    }
    elements
}

/// A branch, or why there is none.
fn branch(
    table: &'static str,
    ends: [&str; 2],
    row: &Row<'_>,
    net: &Frames,
    buses: &Buses,
    open: &mut OpenEnds,
) -> Result<Result<Element, &'static str>, Complaint> {
    let index = row.index()?;
    let (from, to) = (row.reference(ends[0])?, row.reference(ends[1])?);
    let opens = [open.remove(&(table, index, from)), open.remove(&(table, index, to))];
    if !row.in_service()? {
        return Ok(Err("is out of service"));
    }
    let (Some(from_kv), Some(to_kv)) = (buses.kv(from), buses.kv(to)) else {
        return Err(row.fault("a bus of that index does not exist"));
    };
    let supplied = [buses.in_service(from), buses.in_service(to)];
    // A line at a bus out of service hangs on its other end, as in pandapower; other branches are out.
    let stays = if table == "line" { supplied.contains(&true) } else { supplied == [true, true] };
    if !stays {
        return Ok(Err("is at a bus out of service"));
    }
    let mut element = match table {
        "line" => line(row, net, from_kv)?,
        "trafo" => transformer(row, net, [from_kv, to_kv])?,
        _ => impedance(row, net)?,
    };
    element.open_from = opens[0] || !supplied[0];
    element.open_to = opens[1] || !supplied[1];
    if element.open_from && element.open_to { Ok(Err("is open at both ends")) } else { Ok(Ok(element)) }
}

fn assemble(
    net: &Frames,
    buses: &Buses,
    elements: Vec<Element>,
    injections: Injections,
    mut report: ImportReport,
) -> Result<Imported, ImportError> {
    let Some(external) = injections.sources.first() else {
        return Err(ImportError::at(net.place("ext_grid"), "the network has no source"));
    };
    let at = |index: i64| buses.representative(index).unwrap_or(index);
    let supplied = reached(at(external.bus), &elements, at);
    let mut position_of = BTreeMap::new();
    let mut network_buses = Vec::new();
    let mut merged = BTreeMap::new();
    for (index, representative, kv) in buses.in_order() {
        if !supplied.contains(&representative) {
            let what = format!("bus {index} is not connected to the source, and left out with all that is at it");
            report.add(&net.place("bus"), Action::LeftOut, what);
        } else if index == representative {
            position_of.insert(index, BusIndex(network_buses.len()));
            let id = BusId(index.to_string());
            network_buses.push(Bus { id, v_base_kv: kv });
        } else if let Some(&position) = position_of.get(&representative) {
            merged.insert(BusId(index.to_string()), position);
            let what = format!("bus {index} is one with bus {representative}");
            report.add(&net.place("bus"), Action::Irrelevant, what);
        }
    }
    let position = |index: i64| position_of.get(&at(index)).copied();
    let mut shunts = BTreeMap::new();
    let mut shunt = |bus: Option<BusIndex>, y: Complex64| {
        if let Some(bus) = bus.filter(|_| y != Complex64::ZERO) {
            *shunts.entry(bus).or_insert(Complex64::ZERO) += y;
        }
    };
    let mut branches = Vec::new();
    let mut places = BTreeMap::new();
    for e in elements {
        match (position(e.from), position(e.to)) {
            (from, _) if e.open_to => shunt(from, e.open_at_to()),
            (_, to) if e.open_from => shunt(to, e.open_at_from()),
            (Some(from), Some(to)) if from == to && e.kind == BranchKind::Line => shunt(Some(from), e.y_from + e.y_to),
            (Some(from), Some(to)) => {
                places.insert(BranchId(e.id.clone()), e.place.clone());
                branches.push(in_network(e, from, to));
            }
            _ => {}
        }
    }
    for &(bus, y) in &injections.shunts {
        shunt(position(bus), y);
    }
    let n = network_buses.len();
    let (mut p_kw, mut q_kvar) = (vec![0.0; n], vec![0.0; n]);
    for (&bus, power) in &injections.demand {
        if let Some(bus) = position(bus) {
            p_kw[bus.0] += power.re * 1e3;
            q_kvar[bus.0] += power.im * 1e3;
        }
    }
    let mut generators: Vec<Generator> = Vec::new();
    for g in injections.given {
        if let Some(bus) = position(g.bus) {
            let (p_kw, q_kvar) = (g.power.re * 1e3, g.power.im * 1e3);
            generators.push(Generator { id: g.id, bus, role: g.role, p_kw, q_kvar, place: g.place });
        }
    }
    let source = position(external.bus).map(|bus| {
        let (id, place) = (external.id.clone(), external.place.clone());
        generators.push(Generator { id, bus, role: GeneratorRole::Source, p_kw: 0.0, q_kvar: 0.0, place });
        Source { bus, v_pu: external.v_pu, angle_deg: external.angle_deg }
    });
    let shunts = shunts.into_iter().map(|(bus, y)| Shunt { bus, y_pu: y }).collect();
    let name = if net.name.is_empty() { "pandapower" } else { &net.name };
    let network = Network::try_new(name, net.sn_mva, net.f_hz, network_buses, branches, shunts, source);
    let place_of = |fault: &NetworkFault| match fault {
        NetworkFault::SelfLoop { branch, .. }
        | NetworkFault::ZeroImpedance { branch, .. }
        | NetworkFault::BadTap { branch, .. }
        | NetworkFault::VoltageBasesDiffer { branch, .. } => {
            places.get(branch).cloned().unwrap_or_else(|| net.place("bus"))
        }
        _ => net.place("bus"),
    };
    let network = network.map_err(|faults| ImportError::network(faults, place_of))?;
    Ok(Imported { network, p_kw, q_kvar, generators, merged, report })
}

fn in_network(e: Element, from: BusIndex, to: BusIndex) -> Branch {
    Branch {
        id: BranchId(e.id),
        from,
        to,
        kind: e.kind,
        series_z_pu: e.z,
        shunt_from_pu: e.y_from,
        shunt_to_pu: e.y_to,
        tap: e.tap,
        rating_a: e.rating_a,
    }
}

/// Buses that a way of branches without open ends joins to the source.
fn reached(source: i64, elements: &[Element], at: impl Fn(i64) -> i64) -> BTreeSet<i64> {
    let mut neighbours: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for e in elements.iter().filter(|e| !e.open_from && !e.open_to) {
        let (from, to) = (at(e.from), at(e.to));
        neighbours.entry(from).or_default().push(to);
        neighbours.entry(to).or_default().push(from);
    }
    let mut reached = BTreeSet::from([source]);
    let mut waiting = vec![source];
    while let Some(bus) = waiting.pop() {
        for &next in neighbours.get(&bus).into_iter().flatten() {
            if reached.insert(next) {
                waiting.push(next);
            }
        }
    }
    reached
}
