//! The network while it is made: buses and nodes are numbered as elements name them, and sorted at the end.

use covolt_grid::multiphase::{
    ConductorMatrix, Control, Element, ElementModel, ElementTerminal, MultiphaseBus, MultiphaseParts, Node, NodeIndex,
    Port, VoltageSource,
};
use covolt_grid::{BusId, BusIndex};
use num_complex::Complex64;
use std::collections::HashMap;

/// Buses and nodes in the order of their first mention; everything else refers to these numbers.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// Names as they were first written.
    pub buses: Vec<String>,
    bus_of: HashMap<String, usize>,
    /// Bus and number of each node.
    pub nodes: Vec<(usize, u32)>,
    node_of: HashMap<(usize, u32), usize>,
    /// Linear elements.
    pub elements: Vec<Element>,
    /// Ports.
    pub ports: Vec<Port>,
    /// Sources.
    pub sources: Vec<VoltageSource>,
    /// Controls.
    pub controls: Vec<Control>,
}

impl Draft {
    /// The terminal that a name such as `671.1.2.3` means: its first conductors are at nodes 1, 2, .. unless said otherwise, those
    /// beyond the phases at ground. Tells also which written nodes found no conductor.
    pub fn terminal(
        &mut self,
        written: &str,
        phases: usize,
        conductors: usize,
    ) -> Result<(ElementTerminal, Vec<u32>), String> {
        let written = written.trim();
        let mut parts = written.split('.');
        let name = parts.next().unwrap_or_default().trim();
        if name.is_empty() {
            return Err("a bus is missing".to_owned());
        }
        let mut numbers: Vec<u32> = (1..=conductors as u32).map(|k| if k <= phases as u32 { k } else { 0 }).collect();
        let mut beyond = Vec::new();
        for (k, part) in parts.enumerate() {
            let number: u32 = part.trim().parse().map_err(|_| format!("'{written}': '{part}' is no node"))?;
            match numbers.get_mut(k) {
                Some(slot) => *slot = number,
                None if number != 0 => beyond.push(number),
                None => {}
            }
        }
        let bus = self.bus(name);
        let conductors = numbers.iter().map(|&number| self.node(bus, number)).collect();
        Ok((ElementTerminal { bus: BusIndex(bus), conductors }, beyond))
    }

    /// A terminal at a bus with all conductors at ground.
    pub fn bus(&mut self, name: &str) -> usize {
        let next = self.buses.len();
        let at = *self.bus_of.entry(name.to_lowercase()).or_insert(next);
        if at == next {
            self.buses.push(name.to_owned());
        }
        at
    }

    /// Number of a bus that is there already.
    pub fn bus_position(&self, name: &str) -> Option<usize> {
        self.bus_of.get(&name.trim().to_lowercase()).copied()
    }

    /// Number of a node that is there already.
    pub fn node_position(&self, bus: usize, number: u32) -> Option<NodeIndex> {
        self.node_of.get(&(bus, number)).map(|&at| NodeIndex(at))
    }

    fn node(&mut self, bus: usize, number: u32) -> Option<NodeIndex> {
        if number == 0 {
            return None;
        }
        let next = self.nodes.len();
        let at = *self.node_of.entry((bus, number)).or_insert(next);
        if at == next {
            self.nodes.push((bus, number));
        }
        Some(NodeIndex(at))
    }

    /// The lists of a network, without the buses and nodes that are not kept (nothing may refer to them any more).
    pub fn into_parts(self, frame: Frame<'_>) -> MultiphaseParts {
        let Draft { buses, nodes, mut elements, mut ports, mut sources, mut controls, .. } = self;
        let mut bus_at = vec![usize::MAX; buses.len()];
        let kept_buses: Vec<usize> = (0..buses.len()).filter(|&b| frame.keeps_bus[b]).collect();
        kept_buses.iter().enumerate().for_each(|(new, &old)| bus_at[old] = new);
        let mut kept_nodes: Vec<usize> = (0..nodes.len()).filter(|&n| frame.keeps_node[n]).collect();
        kept_nodes.sort_by_key(|&n| (bus_at[nodes[n].0], nodes[n].1));
        let mut node_at = vec![usize::MAX; nodes.len()];
        kept_nodes.iter().enumerate().for_each(|(new, &old)| node_at[old] = new);
        let moved = |node: NodeIndex| NodeIndex(node_at[node.0]);
        for terminal in elements.iter_mut().flat_map(|e| &mut e.terminals) {
            terminal.bus = BusIndex(bus_at[terminal.bus.0]);
            terminal.conductors.iter_mut().for_each(|c| *c = c.map(moved));
        }
        for port in &mut ports {
            (port.from, port.to) = (moved(port.from), port.to.map(moved));
        }
        for source in &mut sources {
            source.bus = BusIndex(bus_at[source.bus.0]);
            source.nodes.iter_mut().for_each(|n| *n = moved(*n));
        }
        for control in &mut controls {
            if let Control::Regulator(regulator) = control {
                regulator.remote_node = regulator.remote_node.map(moved);
            }
        }
        MultiphaseParts {
            name: frame.name.to_owned(),
            base_mva: frame.base_mva,
            f_hz: frame.f_hz,
            buses: kept_buses
                .iter()
                .map(|&b| MultiphaseBus {
                    id: BusId(buses[b].clone()),
                    v_base_kv: frame.v_base_kv[b],
                    at: frame.coordinates.get(&buses[b].to_lowercase()).copied(),
                })
                .collect(),
            nodes: kept_nodes.iter().map(|&n| Node { bus: BusIndex(bus_at[nodes[n].0]), number: nodes[n].1 }).collect(),
            elements,
            ports,
            sources,
            controls,
        }
    }
}

/// What a network has beside the draft.
pub(crate) struct Frame<'a> {
    pub name: &'a str,
    pub base_mva: f64,
    pub f_hz: f64,
    /// For each bus of the draft.
    pub keeps_bus: Vec<bool>,
    /// For each node of the draft.
    pub keeps_node: Vec<bool>,
    /// For each bus of the draft, to ground.
    pub v_base_kv: Vec<f64>,
    pub coordinates: &'a std::collections::BTreeMap<String, (f64, f64)>,
}

/// A pivot below this times the largest entry counts as zero: the conductor floats, and nothing flows through it.
const SMALLEST_PIVOT: f64 = 1e-12;

/// The admittance without some conductors, into which no current flows from outside.
pub(crate) fn without_conductors(admittance: &ConductorMatrix, out: &[usize]) -> ConductorMatrix {
    let n = admittance.n();
    let mut y = admittance.clone();
    let smallest = SMALLEST_PIVOT * y.max_norm();
    for &k in out.iter().filter(|k| **k < n) {
        let pivot = y.at(k, k);
        if pivot.norm() > smallest {
            let (column, row): (Vec<_>, Vec<_>) = (0..n).map(|i| (y.at(i, k), y.at(k, i))).unzip();
            for (i, a) in column.iter().enumerate() {
                for (j, b) in row.iter().enumerate() {
                    y.add(i, j, -a * b / pivot);
                }
            }
        }
    }
    let kept: Vec<usize> = (0..n).filter(|k| !out.contains(k)).collect();
    ConductorMatrix::from_fn(kept.len(), |i, j| y.at(kept[i], kept[j]))
}

/// A line as the admittance of its conductors at both ends, and the element that is left without some of them (counted over both
/// terminals); `None` where nothing is left.
pub(crate) fn line_without(element: &Element, out: &[usize]) -> Option<Element> {
    let ElementModel::Line { series_ohm, shunt_s } = &element.model else { return None };
    let (n, series) = (series_ohm.n(), series_ohm.inverse()?);
    let half = |i: usize, j: usize| shunt_s.as_ref().map_or(Complex64::ZERO, |y| y.at(i, j) / 2.0);
    let whole = ConductorMatrix::from_fn(2 * n, |i, j| {
        let y = series.at(i % n, j % n);
        if (i < n) == (j < n) { y + half(i % n, j % n) } else { -y }
    });
    let left = without_conductors(&whole, out);
    let terminals = element.terminals.iter().enumerate().map(|(t, terminal)| {
        let kept = terminal.conductors.iter().enumerate().filter(|(k, _)| !out.contains(&(t * n + k)));
        ElementTerminal { bus: terminal.bus, conductors: kept.map(|(_, node)| *node).collect() }
    });
    // Terminals without a conductor would tie buses together that are not.
    let terminals: Vec<ElementTerminal> = terminals.filter(|t| !t.conductors.is_empty()).collect();
    let rest = Element { terminals, model: ElementModel::Admittance(left.clone()), ..element.clone() };
    (left.max_norm() > SMALLEST_PIVOT * whole.max_norm()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn law_nodes_of_a_terminal() {
        let mut draft = Draft::default();
        let numbers = |draft: &mut Draft, written: &str, phases: usize, conductors: usize| {
            let (terminal, beyond) = draft.terminal(written, phases, conductors).expect("valid");
            let of = |node: &Option<NodeIndex>| node.map_or(0, |node| draft.nodes[node.0].1);
            (terminal.conductors.iter().map(of).collect::<Vec<_>>(), beyond)
        };
        assert_eq!(numbers(&mut draft, "a", 3, 4), (vec![1, 2, 3, 0], vec![]));
        assert_eq!(numbers(&mut draft, "A.2", 1, 2), (vec![2, 0], vec![]));
        assert_eq!(numbers(&mut draft, "a.1.2.3.4", 3, 4), (vec![1, 2, 3, 4], vec![]));
        assert_eq!(numbers(&mut draft, "a.3.1.0.5", 2, 2), (vec![3, 1], vec![5]));
        assert_eq!((draft.buses.len(), draft.nodes.len()), (1, 4));
        assert!(draft.terminal("a.x", 1, 1).is_err() && draft.terminal(".1", 1, 1).is_err());
    }

    #[test]
    fn law_an_open_conductor_carries_nothing() {
        // Two conductors in series with 1 S each, coupled; opening one end of the second leaves the first alone.
        let y = ConductorMatrix::from_fn(2, |i, j| Complex64::from([[2.0, -1.0], [-1.0, 2.0]][i][j]));
        let left = without_conductors(&y, &[1]);
        assert_eq!((left.n(), left.at(0, 0)), (1, Complex64::from(1.5)));
        // Both ends of a conductor without charging: the second pivot vanishes.
        let y = ConductorMatrix::from_fn(2, |i, j| Complex64::from(if i == j { 1.0 } else { -1.0 }));
        assert_eq!(without_conductors(&y, &[0, 1]).n(), 0);
        assert!(without_conductors(&y, &[0]).max_norm() < 1e-15);
    }
}
