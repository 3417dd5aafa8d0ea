//! Where a device or load is connected: the cell `bus` of its row, and in multi-phase networks the cells `connection` and `ports`.
//!
//! | cell `bus` | `connection` | meaning in a multi-phase network |
//! |---|---|---|
//! | `671` | `wye` | every phase of the bus to ground, power spread evenly |
//! | `671.1.3` | `wye` | these phases |
//! | `671.1.2` | `delta` | between the two phases |
//! | `671` or `671.1.2.3` | `delta` | the three phase pairs |
//!
//! Each makes constant-power ports of its own. A load may instead name ports that the network file has (`ports`), with their dependence
//! on voltage.

use crate::network_tables::BusTable;
use covolt_grid::multiphase::{MultiphaseParts, Node, NodeIndex, Port, PortIndex, VoltageDependence};
use covolt_grid::{BusIndex, Connection, MOST_PORTS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the phases of a device are connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseConnection {
    /// Each phase to ground.
    #[default]
    Wye,
    /// Between phases.
    Delta,
}

/// What is wrong with a cell: its column, what, and what to do.
pub(crate) type CellFault = (&'static str, String, String);

/// Makes connections; in multi-phase networks it collects the ports that devices need.
#[derive(Debug)]
pub(crate) enum Connections {
    Balanced,
    Multiphase { parts: Box<MultiphaseParts>, port_of: BTreeMap<String, usize> },
}

impl Connections {
    pub fn multiphase(parts: MultiphaseParts) -> Connections {
        let port_of = parts.ports.iter().enumerate().map(|(i, port)| (port.id.clone(), i)).collect();
        Connections::Multiphase { parts: Box::new(parts), port_of }
    }

    /// Bus named by a cell.
    pub fn bus(&self, cell: &str, buses: &BusTable, what: &str) -> Result<BusIndex, CellFault> {
        let id = match self {
            Connections::Balanced => cell,
            Connections::Multiphase { .. } => cell.split('.').next().unwrap_or(cell),
        };
        buses.find(id, what).map_err(|(what, hint)| ("bus", what, hint))
    }

    /// Connection of device `id`.
    pub fn connect(
        &mut self,
        id: &str,
        cell: &str,
        phases: Option<PhaseConnection>,
        buses: &BusTable,
        what: &str,
    ) -> Result<Connection, CellFault> {
        let bus = self.bus(cell, buses, what)?;
        let Connections::Multiphase { parts, port_of } = self else {
            return match phases {
                None => Ok(Connection::balanced(bus)),
                Some(_) => Err((
                    "connection",
                    format!("{what}: a balanced network has no connections"),
                    "leave the cell empty".to_owned(),
                )),
            };
        };
        let nodes = nodes_of_cell(parts, bus, cell, what)?;
        let pairs: Vec<(NodeIndex, Option<NodeIndex>)> = match (phases.unwrap_or_default(), nodes.as_slice()) {
            (PhaseConnection::Wye, nodes) => nodes.iter().map(|&n| (n, None)).collect(),
            (PhaseConnection::Delta, &[a, b]) => vec![(a, Some(b))],
            (PhaseConnection::Delta, &[a, b, c]) => vec![(a, Some(b)), (b, Some(c)), (c, Some(a))],
            (PhaseConnection::Delta, _) => {
                let hint = "name two or three phases, as in 671.1.2".to_owned();
                return Err(("connection", format!("{what}: delta needs two phases or three"), hint));
            }
        };
        let v_base_kv = parts.buses[bus.0].v_base_kv;
        let mut ports = Vec::with_capacity(MOST_PORTS);
        for (k, (from, to)) in pairs.into_iter().enumerate() {
            let port = Port {
                id: if k == 0 { id.to_owned() } else { format!("{id}#{}", k + 1) },
                from,
                to,
                v_rated_kv: if to.is_some() { 3f64.sqrt() * v_base_kv } else { v_base_kv },
                dependence: VoltageDependence::Power,
                range: None,
                p_kw: 0.0,
                q_kvar: 0.0,
            };
            if port_of.insert(port.id.clone(), parts.ports.len()).is_some() {
                let hint = "rename the device".to_owned();
                return Err(("id", format!("{what}: the network has a port \"{}\" already", port.id), hint));
            }
            ports.push(PortIndex(parts.ports.len()));
            parts.ports.push(port);
        }
        Connection::at_ports(bus, &ports).ok_or((
            "bus",
            format!("{what}: more than {MOST_PORTS} phases"),
            "name the phases".to_owned(),
        ))
    }

    /// Connection of a load to ports of the network file, named in a cell and separated by spaces.
    pub fn connect_to_ports(
        &self,
        cell: &str,
        names: &str,
        buses: &BusTable,
        what: &str,
    ) -> Result<Connection, CellFault> {
        let bus = self.bus(cell, buses, what)?;
        let Connections::Multiphase { parts, port_of } = self else {
            let hint = "leave the cell empty".to_owned();
            return Err(("ports", format!("{what}: a balanced network has no ports"), hint));
        };
        let mut ports = Vec::new();
        for name in names.split_whitespace() {
            let Some(&port) = port_of.get(name) else {
                let hint = "use the ids of the network file".to_owned();
                return Err(("ports", format!("{what}: unknown port \"{name}\""), hint));
            };
            if parts.nodes.get(parts.ports[port].from.0).is_none_or(|node| node.bus != bus) {
                let hint = "name the bus of the port".to_owned();
                return Err(("ports", format!("{what}: port \"{name}\" is at another bus"), hint));
            }
            ports.push(PortIndex(port));
        }
        Connection::at_ports(bus, &ports).ok_or((
            "ports",
            format!("{what}: {} ports", ports.len()),
            "name one to three".to_owned(),
        ))
    }
}

/// Nodes that a cell names; all phases of the bus where it names none.
fn nodes_of_cell(parts: &MultiphaseParts, bus: BusIndex, cell: &str, what: &str) -> Result<Vec<NodeIndex>, CellFault> {
    let first = parts.nodes.partition_point(|n| n.bus < bus);
    let own: Vec<&Node> = parts.nodes[first..].iter().take_while(|n| n.bus == bus).collect();
    let is_phase = |n: &Node| (1..=3).contains(&n.number);
    let named: Vec<&str> = cell.split('.').skip(1).collect();
    if named.is_empty() {
        return Ok((first..).zip(&own).filter(|(_, n)| is_phase(n)).map(|(i, _)| NodeIndex(i)).collect());
    }
    let mut nodes = Vec::new();
    for name in named {
        let at = name.parse::<u32>().ok().and_then(|number| own.iter().position(|n| n.number == number));
        match at {
            Some(at) if !nodes.contains(&NodeIndex(first + at)) => nodes.push(NodeIndex(first + at)),
            _ => {
                let known: Vec<String> = own.iter().map(|n| n.number.to_string()).collect();
                let hint = format!("the bus has {}", known.join(", "));
                return Err(("bus", format!("{what}: no conductor \"{name}\", or twice, in \"{cell}\""), hint));
            }
        }
    }
    Ok(nodes)
}
