//! Curvature of a microgrid's own losses with respect to its devices' powers.
//!
//! Losses inside a radial microgrid: P_loss = sum over branches r |I|^2 with |I|^2 = (P^2 + Q^2) / |V|^2 and P, Q the sums
//! of what hangs below the branch. Hence d2 P_loss / dP_i dP_j = 2 R_ij / |V|^2, and the same for Q, where R_ij is the
//! resistance of the branches that the paths from devices i and j to the PCC share (PCC transformer included, since the
//! exchange is metered on the feeder side). The mixed second derivatives vanish at this order.

use crate::fleet::{Fleet, Microgrid};
use covolt_grid::BusIndex;

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
        fleet.microgrids.iter().map(|mg| LossCurvature::of_microgrid(fleet, mg)).collect()
    }

    /// R_ij in pu.
    pub fn shared_r_pu(&self, i: usize, j: usize) -> f64 {
        self.shared_r_pu[i * self.devices + j]
    }

    fn of_microgrid(fleet: &Fleet, mg: &Microgrid) -> LossCurvature {
        let paths = paths_to_pcc(fleet, mg);
        let buses: Vec<BusIndex> = mg
            .dgs
            .iter()
            .map(|d| d.bus)
            .chain(mg.batteries.iter().map(|d| d.bus))
            .chain(mg.pvs.iter().map(|d| d.bus))
            .collect();
        let devices = buses.len();
        let mut shared_r_pu = vec![0.0; devices * devices];
        for (i, a) in buses.iter().enumerate() {
            for (j, b) in buses.iter().enumerate() {
                shared_r_pu[i * devices + j] = paths[a.0]
                    .iter()
                    .filter(|branch| paths[b.0].contains(branch))
                    .map(|&branch| fleet.grid.network().branches()[branch].series_z_pu.first().re)
                    .sum();
            }
        }
        LossCurvature { devices, shared_r_pu }
    }
}

/// Branches between each bus of the microgrid and the feeder; empty for buses outside.
fn paths_to_pcc(fleet: &Fleet, mg: &Microgrid) -> Vec<Vec<usize>> {
    let network = fleet.grid.network();
    let mut paths: Vec<Vec<usize>> = vec![Vec::new(); network.buses().len()];
    let mut inside = vec![false; network.buses().len()];
    mg.buses.iter().for_each(|bus| inside[bus.0] = true);
    let root = network.branches()[mg.pcc.0].to;
    paths[root.0].push(mg.pcc.0);
    let mut frontier = vec![root];
    while let Some(bus) = frontier.pop() {
        for (index, branch) in network.branches().iter().enumerate() {
            let next = match (branch.from == bus, branch.to == bus) {
                (true, false) => branch.to,
                (false, true) => branch.from,
                _ => continue,
            };
            if inside[next.0] && paths[next.0].is_empty() {
                paths[next.0] = paths[bus.0].clone();
                paths[next.0].push(index);
                frontier.push(next);
            }
        }
    }
    paths
}
