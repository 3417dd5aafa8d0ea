//! A part of a fleet as a fleet of its own: buses and branches numbered anew, everything else as it was.
//!
//! Nothing is converted. Per-unit bases, taps, ratings and limits are those of the whole, so a voltage, a current or a
//! power means the same in a part and in the whole.

use crate::fleet::{Fleet, Microgrid};
use crate::limits::NetworkLimits;
use covolt_grid::{Branch, BranchIndex, BusIndex, Connection, Grid, Network, Shunt, Source};

/// What belongs to a part, by indices in the whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    pub buses: Vec<usize>,
    pub branches: Vec<usize>,
    pub shunts: Vec<usize>,
    pub microgrids: Vec<usize>,
    pub loads: Vec<usize>,
}

/// The fleet that parts are taken from, and where its buses and branches stand in the part at hand.
pub(crate) struct Whole<'a> {
    fleet: &'a Fleet,
    network: &'a Network,
    bus_in_part: Vec<usize>,
    branch_in_part: Vec<usize>,
}

impl<'a> Whole<'a> {
    pub fn new(fleet: &'a Fleet, network: &'a Network) -> Whole<'a> {
        let (n_buses, n_branches) = (network.buses().len(), network.branches().len());
        Whole { fleet, network, bus_in_part: vec![usize::MAX; n_buses], branch_in_part: vec![usize::MAX; n_branches] }
    }

    /// The part with these members; `source.bus` is a bus of the whole. Time is linear in the part, whatever the whole.
    ///
    /// # Errors
    /// What is wrong with the part. A connected one whose microgrids lie in it with all their buses is valid.
    pub fn part(&mut self, members: &Members, source: Source) -> Result<Fleet, String> {
        let Members { buses, branches, shunts, microgrids, loads } = members;
        buses.iter().enumerate().for_each(|(i, &bus)| self.bus_in_part[bus] = i);
        branches.iter().enumerate().for_each(|(i, &branch)| self.branch_in_part[branch] = i);
        let (fleet, network) = (self.fleet, self.network);
        let own_branches = branches.iter().map(|&b| {
            let branch = &network.branches()[b];
            Branch { from: self.bus(branch.from), to: self.bus(branch.to), ..branch.clone() }
        });
        let own_shunts = shunts.iter().map(|&s| {
            let shunt = &network.shunts()[s];
            Shunt { bus: self.bus(shunt.bus), ..shunt.clone() }
        });
        let part = Network::try_new(
            network.name(),
            network.base_mva(),
            network.f_hz(),
            buses.iter().map(|&b| network.buses()[b].clone()).collect(),
            own_branches.collect(),
            own_shunts.collect(),
            Source { bus: self.bus(source.bus), ..source },
        );
        let part = part.map_err(|faults| listed(&faults))?;
        let limits = NetworkLimits {
            v_min_pu: buses.iter().map(|&b| fleet.limits.v_min_pu[b]).collect(),
            v_max_pu: buses.iter().map(|&b| fleet.limits.v_max_pu[b]).collect(),
            i_max_pu: branches.iter().map(|&b| fleet.limits.i_max_pu[b]).collect(),
        };
        let own_microgrids = microgrids.iter().map(|&n| self.microgrid(&fleet.microgrids[n])).collect();
        let own_loads = loads.iter().map(|&l| {
            let mut load = fleet.feeder_loads[l].clone();
            load.connection = self.connection(load.connection);
            load
        });
        let grid = Grid::new(part).map_err(|error| error.to_string())?;
        Fleet::try_new(grid, own_microgrids, own_loads.collect(), limits).map_err(|faults| listed(&faults))
    }

    /// Number in the part made last of one of its buses.
    pub fn bus(&self, bus: BusIndex) -> BusIndex {
        BusIndex(self.bus_in_part[bus.0])
    }

    fn connection(&self, connection: Connection) -> Connection {
        Connection::balanced(self.bus(connection.bus()))
    }

    fn microgrid(&self, mg: &Microgrid) -> Microgrid {
        let mut mg = mg.clone();
        mg.pcc = BranchIndex(self.branch_in_part[mg.pcc.0]);
        mg.buses.iter_mut().for_each(|b| *b = self.bus(*b));
        mg.dgs.iter_mut().for_each(|d| d.connection = self.connection(d.connection));
        mg.pvs.iter_mut().for_each(|d| d.connection = self.connection(d.connection));
        mg.batteries.iter_mut().for_each(|d| d.connection = self.connection(d.connection));
        mg.loads.iter_mut().for_each(|d| d.connection = self.connection(d.connection));
        mg
    }
}

fn listed(faults: &[impl ToString]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
