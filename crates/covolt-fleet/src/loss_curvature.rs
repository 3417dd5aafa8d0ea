//! Curvature of a microgrid's own losses with respect to its devices' powers.
//!
//! Losses inside a radial microgrid: P_loss = sum over branches r |I|^2 with |I|^2 = (P^2 + Q^2) / |V|^2 and P, Q the sums
//! of what hangs below the branch. Hence d2 P_loss / dP_i dP_j = 2 R_ij / |V|^2, and the same for Q, where R_ij is the
//! resistance of the branches that the paths from devices i and j to the PCC share (PCC transformer included, since the
//! exchange is metered on the feeder side). The mixed second derivatives vanish at this order.

use crate::fleet::{Fleet, Microgrid};
use covolt_grid::{BranchIndex, BusIndex};

/// Shared path resistances R_ij of one microgrid, devices in the order generators, batteries, PV systems; pu.
#[derive(Debug, Clone, PartialEq)]
pub struct LossCurvature {
    devices: usize,
    shared_r_pu: Vec<f64>,
}

impl LossCurvature {
    /// Computes the shared resistances of every microgrid. In a meshed microgrid a spanning tree stands in: the
    /// curvature only steers steps, it never decides what is optimal or safe.
    pub fn of_fleet(fleet: &Fleet) -> Vec<LossCurvature> {
        let mut paths = Paths::new(fleet);
        fleet.microgrids.iter().map(|mg| LossCurvature::of_microgrid(fleet, mg, &mut paths)).collect()
    }

    /// R_ij in pu.
    pub fn shared_r_pu(&self, i: usize, j: usize) -> f64 {
        self.shared_r_pu[i * self.devices + j]
    }

    fn of_microgrid(fleet: &Fleet, mg: &Microgrid, paths: &mut Paths) -> LossCurvature {
        paths.walk(fleet, mg);
        let paths = &paths.of_bus;
        let buses: Vec<BusIndex> = mg.device_connections().map(|(_, connection)| connection.bus()).collect();
        let devices = buses.len();
        let mut shared_r_pu = vec![0.0; devices * devices];
        for (i, a) in buses.iter().enumerate() {
            for (j, b) in buses.iter().enumerate() {
                shared_r_pu[i * devices + j] = paths[a.0]
                    .iter()
                    .filter(|branch| paths[b.0].contains(branch))
                    .map(|&branch| fleet.grid.loss_resistance_pu(BranchIndex(branch)))
                    .sum();
            }
        }
        LossCurvature { devices, shared_r_pu }
    }
}

/// Branches between the buses of one microgrid after another and the feeder.
struct Paths {
    /// Branches at each bus and the bus at their other end, in order of branches.
    neighbours: Vec<Vec<(usize, BusIndex)>>,
    /// Whether a bus belongs to the present microgrid.
    inside: Vec<bool>,
    /// Path of each bus of the present microgrid; empty elsewhere.
    of_bus: Vec<Vec<usize>>,
}

impl Paths {
    fn new(fleet: &Fleet) -> Paths {
        let n = fleet.grid.n_buses();
        let mut neighbours = vec![Vec::new(); n];
        for index in 0..fleet.grid.n_branches() {
            if let Some((from, to)) = fleet.grid.branch_ends(BranchIndex(index)) {
                neighbours[from.0].push((index, to));
                neighbours[to.0].push((index, from));
            }
        }
        Paths { neighbours, inside: vec![false; n], of_bus: vec![Vec::new(); n] }
    }

    /// Fills `of_bus` for the buses of `mg`. No bus belongs to two microgrids, so earlier paths do no harm.
    fn walk(&mut self, fleet: &Fleet, mg: &Microgrid) {
        mg.buses.iter().for_each(|bus| self.inside[bus.0] = true);
        let Some((_, root)) = fleet.grid.branch_ends(mg.pcc) else { return };
        self.of_bus[root.0].push(mg.pcc.0);
        let mut frontier = vec![root];
        while let Some(bus) = frontier.pop() {
            for k in 0..self.neighbours[bus.0].len() {
                let (index, next) = self.neighbours[bus.0][k];
                if self.inside[next.0] && self.of_bus[next.0].is_empty() {
                    let mut path = self.of_bus[bus.0].clone();
                    path.push(index);
                    self.of_bus[next.0] = path;
                    frontier.push(next);
                }
            }
        }
        mg.buses.iter().for_each(|bus| self.inside[bus.0] = false);
    }
}
