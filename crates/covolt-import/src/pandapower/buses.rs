//! Buses: which are one through closed switches, and which are supplied.
//!
//! A closed switch without impedance between two buses in service makes them one; the one that stands first in the table
//! gives its index to both. Buses of external grids that hold the same voltage are one as well: no power flow can tell.

use super::branches::{Element, switch};
use super::frames::Frames;
use crate::error::Complaint;
use std::collections::{BTreeMap, BTreeSet};

/// A bus of the file.
#[derive(Debug, Clone, Copy)]
struct FileBus {
    kv: f64,
    in_service: bool,
    /// Bus that it is one with: towards the first of them.
    parent: usize,
}

/// All buses, in the order of the table.
#[derive(Debug, Default)]
pub(super) struct Buses {
    indices: Vec<i64>,
    position_of: BTreeMap<i64, usize>,
    buses: Vec<FileBus>,
}

/// Switches that stand open at the end of a branch: table, index of the branch, bus.
pub(super) type OpenEnds = BTreeSet<(&'static str, i64, i64)>;

impl Buses {
    pub fn read(net: &Frames, faults: &mut Vec<Complaint>) -> Buses {
        let mut buses = Buses::default();
        for row in net.table("bus").rows() {
            let bus = row.index().and_then(|index| Ok((index, row.positive("vn_kv")?, row.in_service()?)));
            match bus {
                Ok((index, kv, in_service)) => {
                    let parent = buses.buses.len();
                    if buses.position_of.insert(index, parent).is_some() {
                        faults.push(row.fault("the index occurs twice"));
                    }
                    buses.indices.push(index);
                    buses.buses.push(FileBus { kv, in_service, parent });
                }
                Err(fault) => faults.push(fault),
            }
        }
        buses
    }

    /// Base voltage of a bus, kV; `None` for an index that does not exist.
    pub fn kv(&self, index: i64) -> Option<f64> {
        self.position_of.get(&index).map(|&p| self.buses[p].kv)
    }

    pub fn in_service(&self, index: i64) -> bool {
        self.position_of.get(&index).is_some_and(|&p| self.buses[p].in_service)
    }

    /// Index of the bus that stands for this one.
    pub fn representative(&self, index: i64) -> Option<i64> {
        self.position_of.get(&index).map(|&p| self.indices[self.root(p)])
    }

    /// Buses in service, in the order of the table, each with the bus that stands for it.
    pub fn in_order(&self) -> impl Iterator<Item = (i64, i64, f64)> + '_ {
        let used = (0..self.buses.len()).filter(|&p| self.buses[p].in_service);
        used.map(|p| (self.indices[p], self.indices[self.root(p)], self.buses[p].kv))
    }

    /// Indices of the buses that are out of service.
    pub fn out_of_service(&self) -> Vec<i64> {
        (0..self.buses.len()).filter(|&p| !self.buses[p].in_service).map(|p| self.indices[p]).collect()
    }

    fn root(&self, mut position: usize) -> usize {
        while self.buses[position].parent != position {
            position = self.buses[position].parent;
        }
        position
    }

    /// Reads the switches: makes buses one, adds those with an impedance to `elements`, and returns the open ends.
    pub fn switches(&mut self, net: &Frames, elements: &mut Vec<Element>, faults: &mut Vec<Complaint>) -> OpenEnds {
        let mut open = OpenEnds::new();
        for row in net.table("switch").rows() {
            let read = || {
                let kind = row.text("et")?.unwrap_or_default();
                let closed = row.flag_or("closed", true)?;
                Ok((kind, closed, row.reference("bus")?, row.reference("element")?, row.number_or("z_ohm", 0.0)?))
            };
            let (kind, closed, bus, element, z_ohm) = match read() {
                Ok(read) => read,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            let table = match kind {
                "l" => "line",
                "t" => "trafo",
                "t3" => "trafo3w",
                "b" => "bus",
                other => {
                    faults.push(row.fault(format!("a switch of type '{other}' is not supported")));
                    continue;
                }
            };
            if table != "bus" {
                if !closed {
                    open.insert((table, element, bus));
                }
                continue;
            }
            let (Some(&a), Some(&b)) = (self.position_of.get(&bus), self.position_of.get(&element)) else {
                faults.push(row.fault("a bus of that index does not exist"));
                continue;
            };
            if !closed || !self.buses[a].in_service || !self.buses[b].in_service {
                continue;
            }
            if self.buses[a].kv != self.buses[b].kv {
                let (a, b) = (self.buses[a].kv, self.buses[b].kv);
                faults.push(row.fault(format!("it joins buses of {a} kV and {b} kV")));
            } else if z_ohm > 0.0 {
                match switch(&row, net, z_ohm, self.buses[a].kv) {
                    Ok(element) => elements.push(element),
                    Err(fault) => faults.push(fault),
                }
            } else {
                self.join(a, b);
            }
        }
        open
    }

    /// Makes two buses one that hold the same voltage.
    pub fn join_sources(&mut self, a: i64, b: i64) {
        if let (Some(&a), Some(&b)) = (self.position_of.get(&a), self.position_of.get(&b)) {
            self.join(a, b);
        }
    }

    /// Makes two buses one; paths are kept short, so that long chains of switches cost no more than short ones.
    fn join(&mut self, a: usize, b: usize) {
        let (root_a, root_b) = (self.root(a), self.root(b));
        let (first, second) = (root_a.min(root_b), root_a.max(root_b));
        self.buses[second].parent = first;
        for start in [a, b] {
            let mut position = start;
            while self.buses[position].parent != position {
                position = std::mem::replace(&mut self.buses[position].parent, first);
            }
        }
    }
}
