//! How does each element of a script become part of the network?

use super::capacitor::CapacitorData;
use super::class::Entry;
use super::draft::line_without;
use super::line::{Impedance, LineData};
use super::line_impedance;
use super::names::Catalogue;
use super::reactor::ReactorData;
use super::transformer::TransformerData;
use super::vsource::SourceData;
use super::{Build, Kind};
use crate::report::Action;
use covolt_grid::multiphase::{
    ConductorMatrix, Element, ElementModel, ElementTerminal, MonitoredPhase, NodeIndex, VoltageSource,
};
use num_complex::Complex64;

impl Build<'_> {
    /// A terminal, with a note on nodes that no conductor is left for.
    pub(super) fn terminal(&mut self, bus: &str, phases: usize, conductors: usize) -> Result<ElementTerminal, String> {
        let (terminal, beyond) = self.draft.terminal(bus, phases, conductors)?;
        if !beyond.is_empty() {
            let what =
                format!("{} has {conductors} conductor(s): nodes {beyond:?} of '{bus}' are left out", self.owner);
            self.note(Action::Assumed, what);
        }
        Ok(terminal)
    }

    pub(super) fn source(&mut self, source: &SourceData) -> Result<(), String> {
        let terminal = self.terminal(&source.bus1, source.phases, source.phases)?;
        let returns = source.bus2.split('.').skip(1).collect::<Vec<_>>();
        let grounded = source.bus2.is_empty() || (!returns.is_empty() && returns.iter().all(|n| n.trim() == "0"));
        if !grounded {
            return Err(format!("a source between '{}' and '{}' is not supported", source.bus1, source.bus2));
        }
        let nodes: Option<Vec<NodeIndex>> = terminal.conductors.iter().copied().collect();
        self.draft.sources.push(VoltageSource {
            id: self.owner.clone(),
            bus: terminal.bus,
            nodes: nodes.ok_or("a phase of the source is at ground")?,
            emf_v: source.emf_v(),
            series_ohm: source.series_ohm(),
        });
        Ok(())
    }

    pub(super) fn line(&mut self, line: &LineData, open: &[(usize, usize)]) -> Result<(), String> {
        let (series_ohm, shunt_s) = match &line.impedance {
            Impedance::Geometry(_) | Impedance::Spacing => {
                line_impedance::from_geometry(line, &self.circuit.library, self.f_hz)?
            }
            _ => line.whole_length(self.f_hz),
        };
        let n = series_ohm.n();
        let terminals = vec![self.terminal(&line.bus1, n, n)?, self.terminal(&line.bus2, n, n)?];
        let element = Element {
            id: self.owner.clone(),
            terminals,
            model: ElementModel::Line { series_ohm, shunt_s },
            rating_a: line.normal_a,
            is_switch: line.is_switch,
        };
        let mut out = Vec::new();
        for &(terminal, conductor) in open {
            if !(1..=2).contains(&terminal) || conductor > n {
                return Err(format!("there is no conductor {conductor} at terminal {terminal} to open"));
            }
            let first = (terminal - 1) * n;
            if conductor == 0 { out.extend(first..first + n) } else { out.push(first + conductor - 1) }
        }
        if out.is_empty() {
            self.draft.elements.push(element);
            return Ok(());
        }
        if !matches!(&element.model, ElementModel::Line { series_ohm, .. } if series_ohm.inverse().is_some()) {
            return Err("its series impedance is singular".to_owned());
        }
        // What is left of an open line is its charging, if anything.
        self.draft.elements.extend(line_without(&element, &out));
        Ok(())
    }

    pub(super) fn transformer(&mut self, data: &TransformerData) -> Result<(), String> {
        if !(1..=3).contains(&data.phases) {
            return Err(format!("a transformer of {} phases is not supported", data.phases));
        }
        let mut terminals = Vec::new();
        for (k, winding) in data.windings.iter().enumerate() {
            let terminal = self.terminal(&winding.bus, data.phases, data.conductors(winding));
            terminals.push(terminal.map_err(|what| format!("winding {}: {what}", k + 1))?);
        }
        self.draft.elements.push(Element {
            id: self.owner.clone(),
            terminals,
            model: ElementModel::Transformer(data.to_transformer()),
            rating_a: data.rating_a(),
            is_switch: false,
        });
        Ok(())
    }

    pub(super) fn capacitor(&mut self, data: &CapacitorData) -> Result<(), String> {
        let admittance = data.admittance_s(self.f_hz)?;
        let (closed, partly) = data.states();
        if partly {
            self.note(Action::Assumed, format!("{}: the steps that are on are taken as one", self.owner));
        }
        let place = Across { bus1: &data.bus1, bus2: &data.bus2, is_delta: data.is_delta, rating_a: data.normal_a };
        self.across(&place, admittance, closed)
    }

    pub(super) fn reactor(&mut self, data: &ReactorData) -> Result<(), String> {
        let admittance = data.admittance_s()?;
        let place = Across { bus1: &data.bus1, bus2: &data.bus2, is_delta: data.is_delta, rating_a: data.normal_a };
        self.across(&place, admittance, true)
    }

    /// An admittance from each phase to ground, to the next phase, or to the same phase of another bus.
    fn across(&mut self, place: &Across<'_>, y: ConductorMatrix, closed: bool) -> Result<(), String> {
        let n = y.n();
        let element = |id: &str, terminals: Vec<ElementTerminal>, model: ElementModel| Element {
            id: id.to_owned(),
            terminals,
            model,
            rating_a: place.rating_a,
            is_switch: false,
        };
        let owner = self.owner.clone();
        let new = if place.is_delta {
            let conductors = if n >= 3 { n } else { n + 1 };
            let terminal = self.terminal(place.bus1, n, conductors)?;
            // Branch k lies between conductors k and k + 1; a full matrix has its conductors themselves.
            let mut admittance_s = ConductorMatrix::zero(conductors);
            for k in 0..n {
                let (a, b) = (k, (k + 1) % conductors);
                let branch = y.at(k, k);
                for (i, j, sign) in [(a, a, 1.0), (b, b, 1.0), (a, b, -1.0), (b, a, -1.0)] {
                    admittance_s.add(i, j, sign * branch);
                }
            }
            if (0..n * n).any(|k| k / n != k % n && y.at(k / n, k % n) != Complex64::ZERO) {
                return Err("matrices in delta are not supported".to_owned());
            }
            element(&owner, vec![terminal], ElementModel::Shunt { admittance_s, closed })
        } else if place.bus2.trim().is_empty() {
            let terminal = self.terminal(place.bus1, n, n)?;
            element(&owner, vec![terminal], ElementModel::Shunt { admittance_s: y, closed })
        } else {
            let (first, second) = (self.terminal(place.bus1, n, n)?, self.terminal(place.bus2, n, n)?);
            if second.conductors.iter().all(Option::is_none) {
                element(&owner, vec![first], ElementModel::Shunt { admittance_s: y, closed })
            } else if first.bus == second.bus {
                let bus = first.bus;
                let conductors = first.conductors.into_iter().chain(second.conductors).collect();
                let both =
                    |i: usize, j: usize| if (i < n) == (j < n) { y.at(i % n, j % n) } else { -y.at(i % n, j % n) };
                let model = ElementModel::Shunt { admittance_s: ConductorMatrix::from_fn(2 * n, both), closed };
                element(&owner, vec![ElementTerminal { bus, conductors }], model)
            } else if !closed {
                return Ok(());
            } else {
                let series_ohm = y.inverse().ok_or("its admittance has no inverse")?;
                element(&owner, vec![first, second], ElementModel::Line { series_ohm, shunt_s: None })
            }
        };
        self.draft.elements.push(new);
        Ok(())
    }

    /// Sets the taps that regulators give as numbers.
    pub(super) fn tap_numbers(&mut self) {
        for (name, entry) in self.circuit.regulators.iter() {
            let Some(number) = entry.data.tap_number.filter(|_| entry.enabled) else { continue };
            let id = format!("transformer.{}", entry.data.transformer);
            let Some(&at) = self.element_of.get(&id) else { continue };
            let Some(Element { model: ElementModel::Transformer(t), .. }) = self.draft.elements.get_mut(at) else {
                continue;
            };
            let Some(winding) = t.windings.get_mut(entry.data.tap_winding) else { continue };
            if winding.tap_steps > 0 {
                let step = (winding.tap_max_pu - winding.tap_min_pu) / f64::from(winding.tap_steps);
                let neutral = (winding.tap_max_pu + winding.tap_min_pu) / 2.0;
                winding.tap_pu = (neutral + step * number as f64).clamp(winding.tap_min_pu, winding.tap_max_pu);
            } else {
                let what = format!("regcontrol.{name}: tap number {number} of a winding without steps");
                self.report.add(&entry.place, Action::LeftOut, what);
            }
        }
    }
}

/// Where a capacitor or reactor lies.
struct Across<'a> {
    bus1: &'a str,
    bus2: &'a str,
    is_delta: bool,
    rating_a: Option<f64>,
}

/// Opens what fuses, reclosers, relays and switches hold open: (kind and position of the element, terminal, conductor).
pub(super) fn opened_by_protection<T>(
    devices: &Catalogue<Entry<T>>,
    data: impl Fn(&T) -> &super::protection::ProtectionData,
    found: &mut Vec<(String, String, usize, usize)>,
) {
    for (_, entry) in devices.iter().filter(|(_, entry)| entry.enabled) {
        let protection = data(&entry.data);
        let (target, terminal) = protection.target();
        let (class, name) = target.split_once('.').unwrap_or(("line", target));
        for conductor in protection.open() {
            found.push((class.to_owned(), name.to_owned(), terminal, conductor));
        }
    }
}

/// Largest phase that a regulator may watch.
pub(super) fn monitored_within(monitored: MonitoredPhase, phases: usize) -> MonitoredPhase {
    match monitored {
        MonitoredPhase::One(k) if k >= phases => MonitoredPhase::One(phases.saturating_sub(1)),
        other => other,
    }
}

/// Kinds whose terminals only a whole opening is supported for.
pub(super) fn opens_as_a_whole(kind: Kind) -> bool {
    !matches!(kind, Kind::Line)
}
