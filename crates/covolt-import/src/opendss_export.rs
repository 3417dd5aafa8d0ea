//! Any multi-phase network with one step's demand as an OpenDSS script that solves to the same voltages.
//!
//! | in the network | in the script |
//! |---|---|
//! | balanced source of one or three phases | `Vsource` with sequence impedances |
//! | any other source | one-phase `Vsource`s and a `Reactor` matrix behind them (`sources.rs`) |
//! | line | `Line` with matrices; a real shunt as reactors to ground at its ends |
//! | transformer | `Transformer` with every property, taps where they are (`transformers.rs`) |
//! | shunt, general admittance | a `Capacitor` or `Reactor` between every two of its conductors (`branches.rs`) |
//! | port | one-phase `Load` between its nodes (`loads.rs`) |
//! | voltage base | `SetkVBase` of every bus |
//!
//! Controls are left out: taps and capacitors stand as they are, and `controlmode=off`. OpenDSS ignores capitals and restricts names, so
//! comments tell which is which: `!@bus NAME ID`, `!@element CLASS.NAME ID`, `!@port NAME ID`. What the script could not say exactly is
//! an [`ExportFault`] with the thing's name; nothing is approximated in silence.

mod branches;
mod fault;
mod lines;
mod loads;
mod names;
mod sources;
mod transformers;

pub use fault::ExportFault;

use covolt_grid::multiphase::{ElementModel, MultiphaseNetwork};
use names::{Names, comment, number};
use std::fmt::Write;

/// Largest change of a voltage in OpenDSS's last iteration, relative: its 1e-4 would leave differences of that size.
const TOLERANCE: f64 = 1e-9;
/// Iterations OpenDSS may take for it; its 15 are meant for its tolerance.
const ITERATIONS: usize = 1000;

/// The script. `demand` holds active (kW) and reactive (kvar) demand of every port; without, the ports' own.
///
/// # Errors
/// Everything that the script cannot say.
pub fn write(network: &MultiphaseNetwork, demand: Option<(&[f64], &[f64])>) -> Result<String, Vec<ExportFault>> {
    let parts = network.parts();
    let mut faults = find_faults(network, demand);
    let mut names = Names::new(network);
    // Writing to a String cannot fail, so the results of write! are dropped, here and in the modules.
    let mut out = String::new();
    let w = &mut out;
    let _ = writeln!(w, "! {}: {} nodes, {} ports", comment(&parts.name), parts.nodes.len(), parts.ports.len());
    for (index, bus) in parts.buses.iter().enumerate() {
        let _ = writeln!(w, "!@bus {} {}", names.bus(index), comment(&bus.id.0));
    }
    let _ = writeln!(w, "Clear\nSet DefaultBaseFrequency={}", number(parts.f_hz));
    for (index, source) in parts.sources.iter().enumerate() {
        sources::write(w, &mut names, source, index == 0, &mut faults);
    }
    for element in &parts.elements {
        let name = names.fresh(names::without_class(&element.id));
        match &element.model {
            ElementModel::Line { series_ohm, shunt_s } => {
                lines::write(w, &mut names, element, &name, (series_ohm, shunt_s.as_ref()), parts.f_hz, &mut faults);
            }
            ElementModel::Transformer(t) => transformers::write(w, &names, element, &name, t, &mut faults),
            ElementModel::Shunt { admittance_s, closed: true } | ElementModel::Admittance(admittance_s) => {
                let owner = branches::Owner { element, name: &name, f_hz: parts.f_hz };
                branches::write(w, &mut names, &owner, admittance_s, &mut faults);
            }
            ElementModel::Shunt { closed: false, .. } => {
                let _ = writeln!(w, "! {} is switched off", comment(&element.id));
            }
        }
    }
    for (index, port) in parts.ports.iter().enumerate() {
        let (p_kw, q_kvar) = match demand {
            Some((p, q)) => (p.get(index).copied().unwrap_or(0.0), q.get(index).copied().unwrap_or(0.0)),
            None => (port.p_kw, port.q_kvar),
        };
        loads::write(w, &mut names, port, (p_kw, q_kvar), &mut faults);
    }
    let _ = writeln!(w, "MakeBusList");
    for (index, bus) in parts.buses.iter().enumerate() {
        let _ = writeln!(w, "SetkVBase bus={} kVLN={}", names.bus(index), number(bus.v_base_kv));
    }
    let _ =
        writeln!(w, "Set controlmode=off mode=snapshot loadmult=1 tolerance={TOLERANCE:e} maxiterations={ITERATIONS}");
    let _ = writeln!(w, "Solve");
    if faults.is_empty() { Ok(out) } else { Err(faults) }
}

fn find_faults(network: &MultiphaseNetwork, demand: Option<(&[f64], &[f64])>) -> Vec<ExportFault> {
    let parts = network.parts();
    let mut faults = Vec::new();
    for node in parts.nodes.iter().filter(|n| n.number == 0) {
        faults.push(ExportFault::NodeZero { bus: parts.buses[node.bus.0].id.0.clone() });
    }
    let Some((p_kw, q_kvar)) = demand else { return faults };
    for (quantity, values) in [("active", p_kw), ("reactive", q_kvar)] {
        let (found, expected) = (values.len(), parts.ports.len());
        if found != expected {
            faults.push(ExportFault::WrongLength { quantity, found, expected });
        }
        for (port, &value) in parts.ports.iter().zip(values).filter(|(_, v)| !v.is_finite()) {
            faults.push(ExportFault::NotFinite { quantity, port: port.id.clone(), value });
        }
    }
    faults
}
