//! The nodal equations Y V = I of a network, compiled: the values of the elimination from elements and sources.

use super::admittance::{EQUAL_BASES, ElementAdmittance};
use super::elimination::{MOST_NODES, expand_idle, factorise, scratch_size, solve};
use super::elimination_plan::{Coupling, Plan};
use super::network::{Element, ElementModel, MultiphaseNetwork, NodeIndex};
use super::passes::Passes;
use super::port_current::{CompiledPort, PortEnds};
use crate::error::GridError;
use num_complex::Complex64;
use std::sync::Arc;

/// Admittance, per unit, from which on a bus is not eliminated in advance: what is left of its rounding, 1e-16 of it, stays far below
/// any load.
const STIFF: f64 = 1e5;

/// A source as seen by the nodal equations.
#[derive(Debug, Clone)]
pub(crate) struct CompiledSource {
    /// Positions of its nodes.
    pub positions: Vec<u32>,
    /// Electromotive forces, per unit of each node's base.
    pub emf: Vec<Complex64>,
    /// Admittance behind the impedance, row-major, per unit.
    pub y: Vec<Complex64>,
    /// Norton current Y emf.
    pub current: Vec<Complex64>,
    /// Nodes in network order.
    pub nodes: Vec<usize>,
}

/// What never changes with taps and switched capacitors.
#[derive(Debug)]
pub(crate) struct Structure {
    pub plan: Plan,
    pub ports: Vec<CompiledPort>,
    /// Where each port is connected, close together for the loops that need nothing else.
    pub port_ends: Vec<PortEnds>,
    /// Offsets of the values (from, from), (from, to), (to, from), (to, to) of each port; only the first without a second node.
    pub port_entries: Vec<[u32; 4]>,
    pub sources: Vec<CompiledSource>,
    /// Offset of the value of each pair of conductors of each element; none at ground.
    element_entries: Vec<Vec<Option<u32>>>,
    /// Block that keeps an element as an impedance.
    kept_in: Vec<Option<usize>>,
}

/// Values and factors of Y.
#[derive(Debug, Clone)]
pub(crate) struct NodalSystem {
    pub structure: Arc<Structure>,
    pub elements: Vec<ElementAdmittance>,
    /// Values of Y in the order of the plan with the idle blocks eliminated, the others not yet.
    pub values: Vec<Complex64>,
    /// |D_ii|^2 of each position.
    pub diagonal: Vec<f64>,
    /// Factors of Y.
    pub factors: Vec<Complex64>,
    /// The same, as the fixed point iteration reads them.
    pub passes: Passes,
    /// Voltages at no load, by position; ground last.
    pub no_load: Vec<Complex64>,
}

impl NodalSystem {
    /// Compiles a network.
    pub fn new(network: &MultiphaseNetwork) -> Result<NodalSystem, GridError> {
        let parts = network.parts();
        let n = parts.nodes.len();
        let bus_of_node: Vec<usize> = parts.nodes.iter().map(|node| node.bus.0).collect();
        let bus_nodes: Vec<_> = (0..parts.buses.len()).map(|b| network.nodes_of(crate::network::BusIndex(b))).collect();
        if let Some(bus) = bus_nodes.iter().position(|nodes| nodes.len() > MOST_NODES) {
            let reason = format!("bus '{}' has more than {MOST_NODES} nodes", parts.buses[bus].id);
            return Err(GridError::Factorisation { reason });
        }
        if n == 0 {
            return Err(GridError::Factorisation { reason: "the network has no node".into() });
        }
        let mut couplings: Vec<Coupling> = parts.elements.iter().map(|e| coupling(network, e)).collect();
        for port in &parts.ports {
            let nodes = [Some(port.from), port.to].into_iter().flatten().map(|node| node.0).collect();
            couplings.push(Coupling { nodes, line: None });
        }
        for source in &parts.sources {
            couplings.push(Coupling { nodes: source.nodes.iter().map(|node| node.0).collect(), line: None });
        }
        let elements = parts
            .elements
            .iter()
            .map(|element| ElementAdmittance::new(network, element))
            .collect::<Result<Vec<_>, _>>()?;
        let idle = idle_buses(network, &elements);
        let root = parts.sources.first().map_or(0, |source| source.bus.0);
        let plan = Plan::new(&bus_nodes, &bus_of_node, &couplings, &idle, root);
        let entry = |a: Option<NodeIndex>, b: Option<NodeIndex>| plan.entry(plan.position[a?.0], plan.position[b?.0]);
        let element_entries = elements
            .iter()
            .map(|e| e.nodes.iter().flat_map(|&a| e.nodes.iter().map(move |&b| entry(a, b))).collect())
            .collect();
        let mut kept_in = vec![None; elements.len()];
        for (k, kept) in plan.kept_line.iter().enumerate() {
            if let Some(element) = kept.filter(|&e| e < kept_in.len()) {
                kept_in[element] = Some(k);
            }
        }
        let ports: Vec<CompiledPort> =
            parts.ports.iter().map(|port| CompiledPort::new(port, network, &plan.position, n as u32)).collect();
        let port_entries = (parts.ports.iter())
            .map(|port| {
                let (a, b) = (Some(port.from), port.to);
                [entry(a, a), entry(a, b), entry(b, a), entry(b, b)].map(|at| at.unwrap_or(u32::MAX))
            })
            .collect();
        let sources = sources(network, &plan)?;
        let port_ends = ports.iter().map(|p| PortEnds { from: p.from, to: p.to, ratio: p.ratio }).collect();
        let structure = Structure { plan, ports, port_ends, port_entries, sources, element_entries, kept_in };
        let mut system = NodalSystem {
            values: Vec::new(),
            diagonal: vec![0.0; n],
            factors: Vec::new(),
            passes: Passes::default(),
            no_load: vec![Complex64::ZERO; n + 1],
            elements,
            structure: Arc::new(structure),
        };
        system.renew(network)?;
        Ok(system)
    }

    /// Compiles one element again, whose tap or state has changed. [`NodalSystem::renew`] has to follow.
    pub fn set_element(&mut self, network: &MultiphaseNetwork, element: usize) -> Result<(), GridError> {
        if let (Some(own), Some(data)) = (self.elements.get_mut(element), network.parts().elements.get(element)) {
            *own = ElementAdmittance::new(network, data)?;
        }
        Ok(())
    }

    /// Values, factors and no-load voltages from the elements.
    pub fn renew(&mut self, network: &MultiphaseNetwork) -> Result<(), GridError> {
        let parts = network.parts();
        let structure = Arc::clone(&self.structure);
        let plan = &structure.plan;
        self.values.clear();
        self.values.resize(plan.n_values, Complex64::ZERO);
        for e in 0..self.elements.len() {
            if let Some(k) = structure.kept_in[e] {
                self.add_kept_line(network, e, k);
                continue;
            }
            for (&y, at) in self.elements[e].y.iter().zip(&structure.element_entries[e]) {
                if let Some(at) = at {
                    self.values[*at as usize] += y;
                }
            }
        }
        for source in &structure.sources {
            let size = source.positions.len();
            for (k, &y) in source.y.iter().enumerate() {
                if let Some(at) = plan.entry(source.positions[k / size], source.positions[k % size]) {
                    self.values[at as usize] += y;
                }
            }
        }
        for (at, size) in self.diagonal.iter_mut().enumerate() {
            *size = plan.entry(at as u32, at as u32).map_or(0.0, |k| self.values[k as usize].norm_sqr());
        }
        let mut scratch = vec![Complex64::ZERO; scratch_size(plan)];
        let singular = |at| GridError::Singular { bus: parts.buses[plan.bus_at(at)].id.clone() };
        factorise(plan, 0..plan.n_idle, &mut self.values, &self.diagonal, &mut scratch).map_err(singular)?;
        self.factors.clone_from(&self.values);
        factorise(plan, plan.n_idle..plan.blocks.len(), &mut self.factors, &self.diagonal, &mut scratch)
            .map_err(singular)?;
        self.passes = Passes::new(plan, &self.factors);
        self.no_load.fill(Complex64::ZERO);
        structure.add_source_currents(&mut self.no_load);
        solve(plan, &self.factors, &mut self.no_load);
        expand_idle(plan, &self.factors, &mut self.no_load);
        match self.no_load.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(at) => Err(GridError::Singular { bus: parts.buses[plan.bus_at(at)].id.clone() }),
        }
    }

    /// Puts a line's impedance into the block that keeps it, and its charging at both ends.
    fn add_kept_line(&mut self, network: &MultiphaseNetwork, e: usize, k: usize) {
        let structure = Arc::clone(&self.structure);
        let (plan, block) = (&structure.plan, structure.plan.blocks[k]);
        let element = &network.parts().elements[e];
        let ElementModel::Line { series_ohm, shunt_s } = &element.model else { return };
        let (nodes, n) = (&self.elements[e].nodes, series_ohm.n());
        let v = 1e3 * network.parts().buses[element.terminals[0].bus.0].v_base_kv;
        let z_base = v * v / (1e6 * network.parts().base_mva);
        let position = |conductor: usize| nodes[conductor].map_or(u32::MAX, |node| plan.position[node.0]);
        // The conductors' places within the block.
        let near = if position(0).wrapping_sub(block.first) < block.n { 0 } else { n };
        for i in 0..n {
            for j in 0..n {
                let (a, b) =
                    (position(near + i).wrapping_sub(block.first), position(near + j).wrapping_sub(block.first));
                if a < block.n && b < block.n {
                    let at = block.values + block.n * block.n + a * block.m + b;
                    self.values[at as usize] = series_ohm.at(i, j) / z_base;
                }
                if let Some(shunt) = shunt_s {
                    for end in [0, n] {
                        if let Some(at) = plan.entry(position(end + i), position(end + j)) {
                            self.values[at as usize] += shunt.at(i, j) * (0.5 * z_base);
                        }
                    }
                }
            }
        }
    }
}

impl Structure {
    /// Adds the Norton currents of all sources.
    pub fn add_source_currents(&self, r: &mut [Complex64]) {
        for source in &self.sources {
            for (&at, &current) in source.positions.iter().zip(&source.current) {
                r[at as usize] += current;
            }
        }
    }
}

/// Buses without ports and sources, and without an element so stiff that eliminating it as an admittance would cost digits.
fn idle_buses(network: &MultiphaseNetwork, elements: &[ElementAdmittance]) -> Vec<bool> {
    let parts = network.parts();
    let mut idle = vec![true; parts.buses.len()];
    let bus = |node: NodeIndex| parts.nodes[node.0].bus.0;
    for port in &parts.ports {
        [Some(port.from), port.to].into_iter().flatten().for_each(|node| idle[bus(node)] = false);
    }
    for source in &parts.sources {
        source.nodes.iter().for_each(|&node| idle[bus(node)] = false);
        idle[source.bus.0] = false;
    }
    for (element, admittance) in parts.elements.iter().zip(elements) {
        if admittance.y.iter().any(|y| y.norm() > STIFF) {
            element.terminals.iter().for_each(|t| idle[t.bus.0] = false);
        }
    }
    idle
}

fn coupling(network: &MultiphaseNetwork, element: &Element) -> Coupling {
    let ends: Vec<Option<Vec<usize>>> =
        element.terminals.iter().map(|t| t.conductors.iter().map(|c| c.map(|node| node.0)).collect()).collect();
    let base = |t: usize| network.parts().buses[element.terminals[t].bus.0].v_base_kv;
    let line = match (&element.model, ends.as_slice()) {
        (ElementModel::Line { .. }, [Some(from), Some(to)])
            if element.terminals[0].bus != element.terminals[1].bus
                && (base(0) - base(1)).abs() <= EQUAL_BASES * base(0) =>
        {
            Some([from.clone(), to.clone()])
        }
        _ => None,
    };
    let nodes = element.terminals.iter().flat_map(|t| t.conductors.iter().flatten().map(|node| node.0)).collect();
    Coupling { nodes, line }
}

fn sources(network: &MultiphaseNetwork, plan: &Plan) -> Result<Vec<CompiledSource>, GridError> {
    let parts = network.parts();
    let base_va = 1e6 * parts.base_mva;
    (parts.sources.iter())
        .map(|source| {
            let singular = || GridError::Singular { bus: parts.buses[source.bus.0].id.clone() };
            let siemens = source.series_ohm.inverse().ok_or_else(singular)?;
            let size = source.nodes.len();
            let base: Vec<f64> = source.nodes.iter().map(|&node| network.v_base_v(node).unwrap_or(1.0)).collect();
            let emf: Vec<Complex64> = source.emf_v.iter().zip(&base).map(|(e, base)| e / base).collect();
            let y: Vec<Complex64> = (0..size * size)
                .map(|k| siemens.at(k / size, k % size) * (base[k / size] * base[k % size] / base_va))
                .collect();
            let current = (0..size).map(|i| (0..size).map(|j| y[i * size + j] * emf[j]).sum()).collect();
            let positions = source.nodes.iter().map(|node| plan.position[node.0]).collect();
            let nodes = source.nodes.iter().map(|node| node.0).collect();
            Ok(CompiledSource { positions, emf, y, current, nodes })
        })
        .collect()
}
