//! The network: buses, lines, transformers, shunts and one source, all in per unit.
//!
//! Per-unit base: `base_mva` (three-phase) and the line-to-line voltage base of each bus. Impedances of a
//! transformer are on the voltage base of its *to* side, where its series impedance sits. Ids are kept as
//! the user wrote them ([`BusId`], [`BranchId`]); inside, dense indices ([`BusIndex`], [`BranchIndex`]) are
//! used, in the order of the lists given to [`Network::try_new`].

use crate::network_faults::{NetworkFault, find_faults};
use num_complex::Complex64;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Id of a bus as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BusId(pub String);

/// Id of a branch as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BranchId(pub String);

impl fmt::Display for BusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BranchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Position of a bus in the network's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BusIndex(pub usize);

/// Position of a branch in the network's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BranchIndex(pub usize);

/// A bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Bus {
    /// Id as the user wrote it.
    pub id: BusId,
    /// Line-to-line voltage base, kV.
    pub v_base_kv: f64,
}

/// What a branch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BranchKind {
    /// A line or cable: one voltage base, tap 1.
    Line,
    /// A transformer: two voltage bases, any tap.
    Transformer,
}

/// A branch between two buses: ideal ratio `tap : 1` at the from side, series impedance at the to side,
/// one shunt at each terminal.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// Id as the user wrote it.
    pub id: BranchId,
    /// Bus at the from side.
    pub from: BusIndex,
    /// Bus at the to side.
    pub to: BusIndex,
    /// Line or transformer.
    pub kind: BranchKind,
    /// Series impedance, per unit on the to side.
    pub series_z_pu: Complex64,
    /// Shunt admittance at the from terminal (half the line charging), per unit.
    pub shunt_from_pu: Complex64,
    /// Shunt admittance at the to terminal (half the line charging), per unit.
    pub shunt_to_pu: Complex64,
    /// Ideal ratio at the from side, per unit of the nominal ratio; complex for a phase shift.
    pub tap: Complex64,
    /// Current limit in A at the to side; `None` when there is none.
    pub rating_a: Option<f64>,
}

/// A shunt admittance at a bus (capacitor, reactor, constant-impedance load).
#[derive(Debug, Clone, PartialEq)]
pub struct Shunt {
    /// Bus of the shunt.
    pub bus: BusIndex,
    /// Admittance, per unit; a capacitor has a positive imaginary part.
    pub y_pu: Complex64,
}

/// The stiff source (slack): its bus keeps this voltage.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Bus of the source.
    pub bus: BusIndex,
    /// Voltage magnitude, per unit.
    pub v_pu: f64,
    /// Voltage angle, degrees.
    pub angle_deg: f64,
}

impl Source {
    /// The source voltage, per unit.
    pub fn voltage_pu(&self) -> Complex64 {
        Complex64::from_polar(self.v_pu, self.angle_deg.to_radians())
    }
}

/// A validated network: ids unique, connected, one source, every number finite and in its range.
#[derive(Debug, Clone)]
pub struct Network {
    name: String,
    base_mva: f64,
    f_hz: f64,
    buses: Vec<Bus>,
    branches: Vec<Branch>,
    shunts: Vec<Shunt>,
    source: Source,
    bus_of: BTreeMap<BusId, BusIndex>,
    branch_of: BTreeMap<BranchId, BranchIndex>,
}

impl Network {
    /// Checks everything and returns the network, or **all** faults found.
    pub fn try_new(
        name: impl Into<String>,
        base_mva: f64,
        f_hz: f64,
        buses: Vec<Bus>,
        branches: Vec<Branch>,
        shunts: Vec<Shunt>,
        source: impl Into<Option<Source>>,
    ) -> Result<Network, Vec<NetworkFault>> {
        let source = source.into();
        let faults = find_faults(base_mva, f_hz, &buses, &branches, &shunts, source.as_ref());
        let Some(source) = source.filter(|_| faults.is_empty()) else {
            return Err(faults);
        };
        let bus_of = (buses.iter().enumerate()).map(|(i, b)| (b.id.clone(), BusIndex(i))).collect();
        let branch_of = (branches.iter().enumerate()).map(|(i, b)| (b.id.clone(), BranchIndex(i))).collect();
        Ok(Network { name: name.into(), base_mva, f_hz, buses, branches, shunts, source, bus_of, branch_of })
    }

    /// Name of the network.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Three-phase power base, MVA.
    pub fn base_mva(&self) -> f64 {
        self.base_mva
    }

    /// Frequency, Hz.
    pub fn f_hz(&self) -> f64 {
        self.f_hz
    }

    /// All buses, in index order.
    pub fn buses(&self) -> &[Bus] {
        &self.buses
    }

    /// All branches, in index order.
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// All bus shunts.
    pub fn shunts(&self) -> &[Shunt] {
        &self.shunts
    }

    /// The source.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Index of a bus by its id.
    pub fn bus_index(&self, id: &BusId) -> Option<BusIndex> {
        self.bus_of.get(id).copied()
    }

    /// Index of a branch by its id.
    pub fn branch_index(&self, id: &BranchId) -> Option<BranchIndex> {
        self.branch_of.get(id).copied()
    }

    /// True when the network is a tree: no loop and no parallel branches.
    pub fn is_radial(&self) -> bool {
        // A connected graph with one branch less than buses has no cycle, and parallel branches are one.
        self.branches.len() + 1 == self.buses.len()
    }

    /// Current base of a bus in A, `base_mva * 1e3 / (sqrt(3) * kV)`; `None` for an unknown index.
    pub fn current_base_a(&self, bus: BusIndex) -> Option<f64> {
        (self.buses.get(bus.0)).map(|b| self.base_mva * 1e3 / (3f64.sqrt() * b.v_base_kv))
    }

    /// Impedance base of a bus in ohm, `kV^2 / base_mva`; `None` for an unknown index.
    pub fn impedance_base_ohm(&self, bus: BusIndex) -> Option<f64> {
        (self.buses.get(bus.0)).map(|b| b.v_base_kv * b.v_base_kv / self.base_mva)
    }

    /// kW (or kvar) to per unit.
    pub fn kw_to_pu(&self, kw: f64) -> f64 {
        kw / (1e3 * self.base_mva)
    }

    /// Per unit to kW (or kvar).
    pub fn pu_to_kw(&self, pu: f64) -> f64 {
        pu * 1e3 * self.base_mva
    }
}
