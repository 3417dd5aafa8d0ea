//! From what the script has made to a validated network.

use super::circuit::{Circuit, Kind};
use super::class::Entry;
use super::connected::{TakenOut, keep_connected};
use super::draft::{Draft, Frame};
use super::elements::{monitored_within, opened_by_protection, opens_as_a_whole};
use super::{Device, DeviceClass, Imported};
use crate::error::{Complaint, ImportError};
use crate::report::{Action, ImportReport, Place};
use crate::settings::ImportSettings;
use covolt_grid::multiphase::{
    CapacitorControl, CapacitorRule, Control, ElementIndex, ElementModel, MultiphaseNetwork, NodeIndex, PortIndex,
    RegulatorControl,
};
use std::collections::{BTreeMap, HashMap};

/// What is being built, and for which thing of the script.
pub(super) struct Build<'a> {
    pub circuit: &'a Circuit,
    pub report: &'a mut ImportReport,
    pub draft: Draft,
    pub f_hz: f64,
    /// Id of the thing that is added, and where it was made.
    pub owner: String,
    pub place: Place,
    /// Elements by their id in small letters.
    pub element_of: HashMap<String, usize>,
    /// Devices, with the ids of their ports.
    pub devices: Vec<(Device, Vec<String>)>,
    complaints: Vec<Complaint>,
}

/// Most names in one note.
const MOST_NAMES: usize = 12;

/// Builds the network.
pub(super) fn build(
    circuit: &mut Circuit,
    mut report: ImportReport,
    settings: &ImportSettings,
) -> Result<Imported, ImportError> {
    open_by_protection(circuit);
    let circuit = &*circuit;
    let f_hz = circuit.library.base_hz;
    let mut build = Build {
        circuit,
        report: &mut report,
        draft: Draft::default(),
        f_hz,
        owner: String::new(),
        place: Place { file: String::new(), line: 0 },
        element_of: HashMap::new(),
        devices: Vec::new(),
        complaints: Vec::new(),
    };
    for &(kind, at) in &circuit.order {
        build.add(kind, at);
    }
    build.tap_numbers();
    build.controls();
    let Build { mut draft, devices, complaints, .. } = build;
    if !complaints.is_empty() {
        return Err(ImportError::Faulty(complaints));
    }
    let source_kv = circuit.sources.at(0).map_or(1.0, |(_, source)| match source.data.phases {
        1 => source.data.base_kv,
        _ => source.data.base_kv / 3f64.sqrt(),
    });
    let first = circuit.sources.at(0).map(|(_, entry)| entry.place.clone());
    let taken = keep_connected(&mut draft);
    tell(&taken, &mut report, &first.unwrap_or(Place { file: String::new(), line: 0 }));
    let v_base_kv =
        super::voltage_bases::voltage_bases(&draft, source_kv, &circuit.options.voltage_bases_kv, &circuit.given_bases);
    let frame = Frame {
        name: circuit.name.as_deref().unwrap_or_default(),
        base_mva: settings.base_mva,
        f_hz,
        keeps_bus: taken.keeps_bus,
        keeps_node: taken.keeps_node,
        v_base_kv,
        coordinates: &circuit.coordinates,
    };
    let parts = draft.into_parts(frame);
    if settings.strict {
        let refused: Vec<_> = report.not_strict().cloned().collect();
        if !refused.is_empty() {
            return Err(ImportError::NotStrict(refused));
        }
    }
    let port_of: HashMap<&str, usize> = parts.ports.iter().enumerate().map(|(k, p)| (p.id.as_str(), k)).collect();
    let with_ports = |(mut device, ids): (Device, Vec<String>)| {
        device.ports = ids.iter().filter_map(|id| port_of.get(id.as_str()).map(|&k| PortIndex(k))).collect();
        device
    };
    let devices = devices.into_iter().map(with_ports).collect();
    let network = MultiphaseNetwork::try_new(parts).map_err(ImportError::Network)?;
    let load_shapes: BTreeMap<_, _> =
        circuit.library.load_shapes.iter().map(|(name, entry)| (name.to_lowercase(), entry.data.clone())).collect();
    Ok(Imported { network, report, devices, load_shapes, options: circuit.options.clone() })
}

/// Opens what protection holds open, as if the script had said so.
fn open_by_protection(circuit: &mut Circuit) {
    let mut found = Vec::new();
    opened_by_protection(&circuit.fuses, |f| &f.0, &mut found);
    opened_by_protection(&circuit.reclosers, |r| &r.0, &mut found);
    opened_by_protection(&circuit.relays, |r| &r.0, &mut found);
    opened_by_protection(&circuit.switches, |s| &s.0, &mut found);
    for (class, name, terminal, conductor) in found {
        if let Some(kind) = Kind::parse(&class) {
            circuit.open(kind, &name, terminal, conductor, true);
        }
    }
}

/// Notes on what is not connected to a source.
fn tell(taken: &TakenOut, report: &mut ImportReport, place: &Place) {
    for (what, names) in [
        ("bus(es) not connected to a source", &taken.buses),
        ("node(s) not connected to a source", &taken.nodes),
        ("element(s) between them", &taken.elements),
        ("port(s) at them", &taken.ports),
    ] {
        if !names.is_empty() {
            let more = if names.len() > MOST_NAMES { ", .." } else { "" };
            let shown = names.iter().take(MOST_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
            report.add(place, Action::LeftOut, format!("{} {what}: {shown}{more}", names.len()));
        }
    }
}

impl Build<'_> {
    pub(super) fn note(&mut self, action: Action, what: String) {
        self.report.add(&self.place, action, what);
    }

    fn begin<T>(&mut self, kind: Kind, name: &str, entry: &Entry<T>) -> bool {
        self.owner = format!("{}.{name}", kind.name());
        self.place = entry.place.clone();
        let opened = opens_as_a_whole(kind) && !entry.open.is_empty();
        if opened && entry.enabled {
            // A device with an open terminal draws nothing where all of it is open; parts of it are another device.
            if entry.open.iter().all(|(_, conductor)| *conductor != 0) {
                self.complain("opening single conductors of it is not supported".to_owned());
            } else {
                self.note(Action::Assumed, format!("{} is open, and left out as a whole", self.owner));
            }
        }
        entry.enabled && !opened
    }

    fn complain(&mut self, what: String) {
        let what = format!("{}: {what}", self.owner);
        self.complaints.push(Complaint { place: self.place.clone(), what });
    }

    /// Adds one thing of the script.
    fn add(&mut self, kind: Kind, at: usize) {
        macro_rules! of {
            ($field:ident, |$data:ident, $entry:ident| $do:expr) => {
                match self.circuit.$field.at(at) {
                    Some((name, $entry)) if self.begin(kind, name, $entry) => {
                        let $data = &$entry.data;
                        $do
                    }
                    _ => Ok(()),
                }
            };
        }
        let before = self.draft.elements.len();
        let added = match kind {
            Kind::Source => of!(sources, |data, _entry| self.source(data)),
            Kind::Line => of!(lines, |data, entry| self.line(data, &entry.open)),
            Kind::Transformer => of!(transformers, |data, _entry| self.transformer(data)),
            Kind::Capacitor => of!(capacitors, |data, _entry| self.capacitor(data)),
            Kind::Reactor => of!(reactors, |data, _entry| self.reactor(data)),
            Kind::Load => of!(loads, |data, _entry| self.load(data)),
            Kind::Generator => of!(generators, |data, _entry| self.generator(data)),
            Kind::Pv => of!(pv_systems, |data, _entry| {
                self.feed_in(DeviceClass::PvSystem, &data.at, data.feed(), &data.shapes)
            }),
            Kind::Storage => of!(storages, |data, _entry| {
                self.feed_in(DeviceClass::Storage, &data.at, data.feed(), &data.shapes)
            }),
            _ => Ok(()),
        };
        if let Err(what) = added {
            self.complain(what);
        }
        // The neutral of a load comes after nothing of its own name.
        for k in before..self.draft.elements.len() {
            self.element_of.insert(self.draft.elements[k].id.to_lowercase(), k);
        }
    }

    fn controls(&mut self) {
        for (name, entry) in self.circuit.regulators.iter() {
            if self.begin(Kind::Regulator, name, entry)
                && let Err(what) = self.regulator(name)
            {
                self.complain(what);
            }
        }
        for (name, entry) in self.circuit.cap_controls.iter() {
            if self.begin(Kind::CapControl, name, entry)
                && let Err(what) = self.capacitor_control(name)
            {
                self.complain(what);
            }
        }
    }

    fn regulator(&mut self, name: &str) -> Result<(), String> {
        let Some(data) = self.circuit.regulators.get(name).map(|e| &e.data) else { return Ok(()) };
        let id = format!("transformer.{}", data.transformer);
        let Some(&at) = self.element_of.get(&id) else {
            if self.circuit.transformers.get(&data.transformer).is_none() {
                return Err(format!("there is no transformer '{}'", data.transformer));
            }
            self.note(Action::LeftOut, format!("{}: its transformer is switched off", self.owner));
            return Ok(());
        };
        let ElementModel::Transformer(transformer) = &self.draft.elements[at].model else {
            return Err(format!("'{id}' is no transformer"));
        };
        let (phases, windings) = (transformer.phases, transformer.windings.len());
        if data.winding >= windings || data.tap_winding >= windings {
            return Err(format!("'{id}' has only {windings} windings"));
        }
        let remote_node = self.remote_node(&data.bus)?;
        let control = RegulatorControl {
            id: self.owner.clone(),
            transformer: ElementIndex(at),
            winding: data.winding,
            tap_winding: data.tap_winding,
            v_set_v: data.v_set_v,
            band_v: data.band_v,
            pt_ratio: if remote_node.is_some() { data.remote_pt_ratio } else { data.pt_ratio },
            ct_primary_a: data.ct_primary_a,
            r_v: data.r_v,
            x_v: data.x_v,
            monitored: monitored_within(data.monitored, phases),
            remote_node,
            delay_s: data.delay_s,
            max_steps_per_move: data.max_steps,
            enabled: self.circuit.options.controls_act && data.max_steps > 0,
        };
        self.draft.controls.push(Control::Regulator(control));
        Ok(())
    }

    /// The node that a regulator watches at another bus: the first one written, or the first of the bus.
    fn remote_node(&self, written: &str) -> Result<Option<NodeIndex>, String> {
        if written.trim().is_empty() {
            return Ok(None);
        }
        let (bus, node) = written.trim().split_once('.').unwrap_or((written.trim(), "1"));
        let number = node.split('.').next().and_then(|n| n.trim().parse::<u32>().ok());
        let found = self.draft.bus_position(bus).and_then(|bus| self.draft.node_position(bus, number?));
        found.map(Some).ok_or_else(|| format!("there is no node '{written}'"))
    }

    fn capacitor_control(&mut self, name: &str) -> Result<(), String> {
        let Some(data) = self.circuit.cap_controls.get(name).map(|e| &e.data) else { return Ok(()) };
        let rule = match &data.rule {
            Ok(rule) => *rule,
            Err(kind) => {
                self.note(Action::LeftOut, format!("{}: control by {kind}; the capacitor stays as it is", self.owner));
                return Ok(());
            }
        };
        let capacitor_id = format!("capacitor.{}", data.capacitor);
        let (Some(&capacitor), Some(&watched)) =
            (self.element_of.get(&capacitor_id), self.element_of.get(&data.element))
        else {
            let what = format!("{}: '{capacitor_id}' or '{}' is not in the network", self.owner, data.element);
            self.note(Action::LeftOut, what);
            return Ok(());
        };
        if !matches!(self.draft.elements[capacitor].model, ElementModel::Shunt { .. }) {
            self.note(Action::LeftOut, format!("{}: a capacitor in series is not switched", self.owner));
            return Ok(());
        }
        let conductor = match rule {
            CapacitorRule::Reactive => None,
            CapacitorRule::Voltage => data.pt_phase,
            CapacitorRule::Current => data.ct_phase,
        };
        let there = self.draft.elements[watched].terminals.get(data.terminal).map_or(0, |t| t.conductors.len());
        let control = CapacitorControl {
            id: self.owner.clone(),
            capacitor: ElementIndex(capacitor),
            watched: ElementIndex(watched),
            terminal: data.terminal,
            conductor: conductor.map(|k| k.min(there.saturating_sub(1))),
            rule,
            on_setting: data.on,
            off_setting: data.off,
            pt_ratio: data.pt_ratio,
            ct_ratio: data.ct_ratio,
            voltage_override_v: data.voltage_override.then_some((data.v_min, data.v_max)),
            delay_on_s: data.delay_on_s,
            delay_off_s: data.delay_off_s,
            enabled: self.circuit.options.controls_act,
        };
        self.draft.controls.push(Control::Capacitor(control));
        Ok(())
    }
}
