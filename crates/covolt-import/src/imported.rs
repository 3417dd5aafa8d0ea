//! A balanced network as a file describes it, with the demand and the generators that stand in the same file.
//!
//! Units: kW and kvar, three-phase. Demand: positive = consumption. Generators: positive = injection.

use crate::report::{ImportReport, Place};
use covolt_grid::{BusId, BusIndex, Network};
use std::collections::BTreeMap;

/// What a generator does in the file's own power flow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GeneratorRole {
    /// It injects the active and reactive power written down.
    FixedPower,
    /// It holds the voltage of its bus, in per unit; in our network only the source does that.
    HoldsVoltage(f64),
    /// It is the source, whose power is a result.
    Source,
}

/// A generator, or storage with a fixed power.
#[derive(Debug, Clone, PartialEq)]
pub struct Generator {
    /// What the user calls it.
    pub id: String,
    /// Its bus.
    pub bus: BusIndex,
    /// What it does.
    pub role: GeneratorRole,
    /// Active injection written down, kW.
    pub p_kw: f64,
    /// Reactive injection written down, kvar.
    pub q_kvar: f64,
    /// Where it stands.
    pub place: Place,
}

/// A network with what was read beside it.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The network.
    pub network: Network,
    /// Active demand of each bus, kW, in network order, generators not included.
    pub p_kw: Vec<f64>,
    /// Reactive demand of each bus, kvar, in network order, generators not included.
    pub q_kvar: Vec<f64>,
    /// Generators in service, in the order of the file.
    pub generators: Vec<Generator>,
    /// Buses that a closed switch makes one with another: where each went.
    pub merged: BTreeMap<BusId, BusIndex>,
    /// What was not taken as it is.
    pub report: ImportReport,
}

impl Imported {
    /// Demand less the injections of all generators but the source, per unit: what `Grid::solve` takes.
    pub fn net_demand_pu(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut p, mut q) = (self.p_kw.clone(), self.q_kvar.clone());
        for generator in self.generators.iter().filter(|g| g.role != GeneratorRole::Source) {
            if let (Some(p), Some(q)) = (p.get_mut(generator.bus.0), q.get_mut(generator.bus.0)) {
                *p -= generator.p_kw;
                *q -= generator.q_kvar;
            }
        }
        let per_unit = |kw: Vec<f64>| kw.into_iter().map(|x| self.network.kw_to_pu(x)).collect();
        (per_unit(p), per_unit(q))
    }

    /// Where a bus of the file is in the network, also when it was merged with another.
    pub fn bus_index(&self, id: &BusId) -> Option<BusIndex> {
        self.network.bus_index(id).or_else(|| self.merged.get(id).copied())
    }
}
