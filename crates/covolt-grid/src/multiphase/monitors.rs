//! What has limits in a multi-phase network: which voltages and currents are monitored. Their values are those of `quantities.rs`.
//!
//! Monitored are: every phase conductor (numbers 1 to 3) to ground where its zone has a connection to ground, otherwise the phase
//! pairs of each bus, |V_a - V_b| / sqrt(3); the unbalance factor of each bus with three phases; every conductor of a line, at the
//! end that carries more; every phase conductor of the first winding of a transformer. A zone is what lines join.
//!
//! Per unit: voltages of the bus's base to ground, currents of the power base of a node over that.

use super::grid::MultiphaseGrid;
use super::network::{ElementIndex, ElementModel, MultiphaseNetwork, MultiphaseParts, NodeIndex};
use super::transformer::{Winding, WindingConnection};
use crate::branch_flow::CurrentSide;
use crate::distribution_grid::MonitoredCurrent;
use crate::network::BusIndex;
use num_complex::Complex64;

/// A voltage with limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MonitoredVoltage {
    /// Node to ground.
    ToGround(NodeIndex),
    /// Node to node of one bus.
    Between(NodeIndex, NodeIndex),
    /// Unbalance factor of a bus.
    Unbalance(BusIndex),
}

/// A current with a limit: a conductor at one or both ends of an element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConductorCurrent {
    pub element: ElementIndex,
    /// Conductor of the terminal, from 0.
    pub conductor: usize,
    /// At the second terminal too.
    pub both_ends: bool,
}

/// Everything monitored in a grid.
#[derive(Debug, Clone)]
pub(crate) struct Monitors {
    pub voltages: Vec<MonitoredVoltage>,
    pub currents: Vec<ConductorCurrent>,
    /// Of each element: r of P_loss = r P^2 / |V|^2, P the total power through it.
    pub loss_resistance_pu: Vec<f64>,
}

impl Monitors {
    /// What is monitored in a network.
    pub fn new(network: &MultiphaseNetwork) -> Monitors {
        let parts = network.parts();
        let mut currents = Vec::new();
        for (e, element) in parts.elements.iter().enumerate() {
            let [first, _, ..] = element.terminals.as_slice() else { continue };
            let n = first.conductors.len();
            let (conductors, both_ends) = match &element.model {
                ElementModel::Line { .. } => (n, true),
                ElementModel::Transformer(t) => match t.windings.first().map(|w| w.connection) {
                    Some(WindingConnection::Wye) => (t.phases.min(n), false),
                    _ => (n, false),
                },
                ElementModel::Shunt { .. } | ElementModel::Admittance(_) => (n, false),
            };
            let element = ElementIndex(e);
            currents.extend((0..conductors).map(|conductor| ConductorCurrent { element, conductor, both_ends }));
        }
        let loss_resistance_pu = (0..parts.elements.len()).map(|e| loss_resistance_pu(parts, e)).collect();
        Monitors { voltages: monitored_voltages(network), currents, loss_resistance_pu }
    }
}

impl MonitoredVoltage {
    /// Its value.
    pub fn value(self, grid: &MultiphaseGrid, v: &[Complex64]) -> f64 {
        match self {
            MonitoredVoltage::ToGround(a) => grid.voltage_between(a, None, v),
            MonitoredVoltage::Between(a, b) => grid.voltage_between(a, Some(b), v) / 3f64.sqrt(),
            MonitoredVoltage::Unbalance(bus) => grid.unbalance_factor(bus, v).unwrap_or(f64::NAN),
        }
    }

    /// Adds weight times its gradient to `dl_dv`.
    pub fn add_gradient(self, grid: &MultiphaseGrid, v: &[Complex64], weight: f64, dl_dv: &mut [Complex64]) {
        match self {
            MonitoredVoltage::ToGround(a) => grid.add_voltage_between_gradient(a, None, v, weight, dl_dv),
            MonitoredVoltage::Between(a, b) => {
                grid.add_voltage_between_gradient(a, Some(b), v, weight / 3f64.sqrt(), dl_dv);
            }
            MonitoredVoltage::Unbalance(bus) => grid.add_unbalance_gradient(bus, v, weight, dl_dv),
        }
    }
}

impl ConductorCurrent {
    fn terminal(side: CurrentSide) -> usize {
        match side {
            CurrentSide::From => 0,
            CurrentSide::To => 1,
        }
    }

    /// The current at the end that carries more.
    pub fn value(self, grid: &MultiphaseGrid, v: &[Complex64]) -> MonitoredCurrent {
        let at = |side| {
            let current = grid.conductor_current(self.element, ConductorCurrent::terminal(side), self.conductor, v);
            MonitoredCurrent { side, factor: 1.0, current }
        };
        let first = at(CurrentSide::From);
        let second = self.both_ends.then(|| at(CurrentSide::To));
        second.filter(|s| s.current.norm_sqr() >= first.current.norm_sqr()).unwrap_or(first)
    }

    /// Magnitudes at both ends, A; the same twice where only one is monitored.
    pub fn ends_a(self, grid: &MultiphaseGrid, v: &[Complex64]) -> (f64, f64) {
        let at = |terminal| grid.conductor_current_a(self.element, terminal, self.conductor, v).norm();
        let first = at(0);
        (first, if self.both_ends { at(1) } else { first })
    }

    /// Adds weight times the gradient of Re(conj(direction) I) at one end.
    pub fn add_gradient(
        self,
        grid: &MultiphaseGrid,
        side: CurrentSide,
        direction: Complex64,
        weight: f64,
        dl_dv: &mut [Complex64],
    ) {
        let place = (ConductorCurrent::terminal(side), self.conductor);
        grid.add_conductor_current_gradient(self.element, place, direction, weight, dl_dv);
    }
}

fn monitored_voltages(network: &MultiphaseNetwork) -> Vec<MonitoredVoltage> {
    let parts = network.parts();
    let grounded = grounded_buses(parts);
    let mut voltages = Vec::new();
    for (bus, &grounded) in grounded.iter().enumerate() {
        let span = network.nodes_of(BusIndex(bus)).map(NodeIndex);
        let phases: Vec<NodeIndex> = span.filter(|node| (1..=3).contains(&parts.nodes[node.0].number)).collect();
        match (grounded, phases.as_slice()) {
            (false, &[a, b]) => voltages.push(MonitoredVoltage::Between(a, b)),
            (false, &[a, b, c]) => {
                voltages.extend([(a, b), (b, c), (c, a)].map(|(a, b)| MonitoredVoltage::Between(a, b)));
            }
            _ => voltages.extend(phases.iter().map(|&node| MonitoredVoltage::ToGround(node))),
        }
        if phases.len() == 3 {
            voltages.push(MonitoredVoltage::Unbalance(BusIndex(bus)));
        }
    }
    voltages
}

/// Whether the zone of each bus has a connection to ground that fixes its voltages there.
fn grounded_buses(parts: &MultiphaseParts) -> Vec<bool> {
    let n = parts.buses.len();
    let mut neighbours = vec![Vec::new(); n];
    let mut grounded = vec![false; n];
    for element in &parts.elements {
        match (&element.model, element.terminals.as_slice()) {
            (ElementModel::Line { .. }, [a, b]) => {
                neighbours[a.bus.0].push(b.bus.0);
                neighbours[b.bus.0].push(a.bus.0);
            }
            (ElementModel::Transformer(t), terminals) => {
                for (winding, terminal) in t.windings.iter().zip(terminals) {
                    let neutral = terminal.conductors.last().copied().flatten();
                    let to_ground = neutral.is_none() || winding.neutral_ohm.is_some();
                    let wye = winding.connection == WindingConnection::Wye;
                    grounded[terminal.bus.0] |= wye && to_ground;
                }
            }
            _ => {}
        }
    }
    for port in parts.ports.iter().filter(|port| port.to.is_none()) {
        grounded[parts.nodes[port.from.0].bus.0] = true;
    }
    parts.sources.iter().for_each(|source| grounded[source.bus.0] = true);
    let mut frontier: Vec<usize> = (0..n).filter(|&bus| grounded[bus]).collect();
    while let Some(bus) = frontier.pop() {
        for &next in &neighbours[bus] {
            if !std::mem::replace(&mut grounded[next], true) {
                frontier.push(next);
            }
        }
    }
    grounded
}

/// Resistance for losses of the total power, spread evenly over n conductors: r / n with r the mean over the conductors of own minus
/// mutual resistance (the positive sequence); of a transformer from its resistances in per cent of the rating.
fn loss_resistance_pu(parts: &MultiphaseParts, element: usize) -> f64 {
    let element = &parts.elements[element];
    match &element.model {
        ElementModel::Line { series_ohm, .. } => {
            let n = series_ohm.n();
            let own: f64 = (0..n).map(|i| series_ohm.at(i, i).re).sum::<f64>() / n as f64;
            let pairs = (0..n).flat_map(|i| (0..n).filter(move |&j| j != i).map(move |j| (i, j)));
            let mutual: f64 = pairs.map(|(i, j)| series_ohm.at(i, j).re).sum::<f64>() / (n * (n - 1)).max(1) as f64;
            let v_base_kv = parts.buses[element.terminals[0].bus.0].v_base_kv;
            (own - mutual) / n as f64 * parts.base_mva / (v_base_kv * v_base_kv)
        }
        ElementModel::Transformer(t) => {
            let of = |w: &Winding| w.r_percent / 100.0 * parts.base_mva * 1e3 / w.s_rated_kva;
            t.windings.iter().take(2).map(of).sum()
        }
        ElementModel::Shunt { .. } | ElementModel::Admittance(_) => 0.0,
    }
}
