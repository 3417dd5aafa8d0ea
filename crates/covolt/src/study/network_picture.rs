//! Voltages and loadings of the network over one simulated day.

use covolt_case::Case;
use covolt_dispatch::SimulationRecord;
use covolt_grid::{BranchIndex, BusIndex};
use covolt_report::record::{BranchPicture, BusPicture, NetworkPicture};

/// Extremes of every bus and branch over a simulated span.
pub fn network_picture(case: &Case, date: &str, simulated: &SimulationRecord) -> NetworkPicture {
    let fleet = &case.fleet;
    let grid = &fleet.grid;
    let area = |bus: usize| {
        let owner = fleet.microgrids.iter().find(|m| m.buses.contains(&BusIndex(bus)));
        owner.map_or_else(String::new, |m| m.name.clone())
    };
    // Extremes over all monitored voltages of a bus: its phases.
    let mut monitored: Vec<Vec<usize>> = vec![Vec::new(); grid.n_buses()];
    (0..grid.n_voltages())
        .filter(|&i| !grid.is_unbalance_factor(i))
        .for_each(|i| monitored[grid.voltage_bus(i).0].push(i));
    let mut buses: Vec<BusPicture> = monitored
        .iter()
        .enumerate()
        .map(|(b, monitored)| {
            let kept = simulated.steps.iter().filter(|s| !s.voltages.is_empty());
            let values: Vec<f64> =
                kept.flat_map(|s| monitored.iter().map(|&i| grid.voltage_pu(i, &s.voltages))).collect();
            let limit = |limits: &[f64], pick: fn(f64, f64) -> f64| {
                monitored.iter().filter_map(|&i| limits.get(i).copied()).fold(f64::NAN, pick)
            };
            BusPicture {
                id: grid.bus_id(BusIndex(b)).to_owned(),
                area: area(b),
                slack: grid.source_bus().0 == b,
                min_pu: values.iter().copied().fold(f64::NAN, f64::min),
                mean_pu: values.iter().sum::<f64>() / values.len() as f64,
                max_pu: values.iter().copied().fold(f64::NAN, f64::max),
                lower_limit_pu: limit(&fleet.limits.v_min_pu, f64::max),
                upper_limit_pu: limit(&fleet.limits.v_max_pu, f64::min),
            }
        })
        .collect();
    // The feeder first, then each microgrid in the order of the case.
    let place = |area: &str| fleet.microgrids.iter().position(|m| m.name == area).map_or(0, |n| n + 1);
    buses.sort_by_key(|bus| place(&bus.area));
    let mut currents: Vec<Vec<usize>> = vec![Vec::new(); grid.n_branches()];
    (0..grid.n_currents()).for_each(|i| currents[grid.current_branch(i).0].push(i));
    let branches = (currents.iter().enumerate())
        .filter_map(|(b, currents)| {
            let (from, to) = grid.branch_ends(BranchIndex(b))?;
            let readings =
                simulated.steps.iter().flat_map(|s| currents.iter().filter_map(|&i| s.branches.get(i)?.loading));
            Some(BranchPicture {
                id: grid.branch_id(BranchIndex(b)).to_owned(),
                from: grid.bus_id(from).to_owned(),
                to: grid.bus_id(to).to_owned(),
                transformer: grid.is_transformer(BranchIndex(b)),
                loading_max_percent: 100.0 * readings.fold(f64::NAN, f64::max),
            })
        })
        .collect();
    NetworkPicture { span: format!("{date}, {} steps", simulated.steps.len()), buses, branches }
}
