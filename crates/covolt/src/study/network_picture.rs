//! Voltages and loadings of the network over one simulated day.

use covolt_case::Case;
use covolt_dispatch::SimulationRecord;
use covolt_grid::{BranchKind, BusIndex};
use covolt_report::record::{BranchPicture, BusPicture, NetworkPicture};

/// Extremes of every bus and branch over a simulated span.
pub fn network_picture(case: &Case, date: &str, simulated: &SimulationRecord) -> NetworkPicture {
    let fleet = &case.fleet;
    let network = fleet.grid.network();
    let area = |bus: usize| {
        let owner = fleet.microgrids.iter().find(|m| m.buses.contains(&BusIndex(bus)));
        owner.map_or_else(String::new, |m| m.name.clone())
    };
    let mut buses: Vec<BusPicture> = network
        .buses()
        .iter()
        .enumerate()
        .map(|(b, bus)| {
            let values: Vec<f64> = simulated.steps.iter().filter_map(|s| s.voltages.get(b)).map(|v| v.norm()).collect();
            BusPicture {
                id: bus.id.0.clone(),
                area: area(b),
                slack: network.source().bus.0 == b,
                min_pu: values.iter().copied().fold(f64::NAN, f64::min),
                mean_pu: values.iter().sum::<f64>() / values.len() as f64,
                max_pu: values.iter().copied().fold(f64::NAN, f64::max),
                lower_limit_pu: fleet.limits.v_min_pu.get(b).copied().unwrap_or(f64::NAN),
                upper_limit_pu: fleet.limits.v_max_pu.get(b).copied().unwrap_or(f64::NAN),
            }
        })
        .collect();
    // The feeder first, then each microgrid in the order of the case.
    let place = |area: &str| fleet.microgrids.iter().position(|m| m.name == area).map_or(0, |n| n + 1);
    buses.sort_by_key(|bus| place(&bus.area));
    let id = |bus: BusIndex| network.buses().get(bus.0).map_or_else(String::new, |b| b.id.0.clone());
    let branches = network
        .branches()
        .iter()
        .enumerate()
        .map(|(b, branch)| {
            let loadings = simulated.steps.iter().filter_map(|s| s.branches.get(b)?.loading);
            BranchPicture {
                id: branch.id.0.clone(),
                from: id(branch.from),
                to: id(branch.to),
                transformer: branch.kind == BranchKind::Transformer,
                loading_max_percent: 100.0 * loadings.fold(f64::NAN, f64::max),
            }
        })
        .collect();
    NetworkPicture { span: format!("{date}, {} steps", simulated.steps.len()), buses, branches }
}
