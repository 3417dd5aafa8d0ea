//! Devices by rule: what a microgrid of a given peak load gets.
//!
//! With P the peak of its loads, kW: one diesel generator of 0.6 P at the bus of its largest load, two PV systems of 0.3 P each at the
//! buses with the next largest loads, one battery of 0.3 P and two hours at the last three-phase bus behind the PCC. Three-phase buses first; where a
//! microgrid has none, the phases there are. Fuel use, efficiencies and ratios of ratings are those of the built-in case.

use super::series::Shipped;
use super::{FeederLoad, SplitMicrogrid};
use crate::generate::round;
use crate::table_rows::{BatteryRow, GeneratorRow, PvRow};
use covolt_grid::multiphase::MultiphaseParts;

/// Shares of the peak load.
const GENERATOR: f64 = 0.6;
const PV: f64 = 0.3;
const BATTERY: f64 = 0.3;
const PV_SYSTEMS: usize = 2;
const BATTERY_HOURS: f64 = 2.0;
/// Fuel price, $/L.
pub(super) const FUEL_PRICE_PER_L: f64 = 0.27;

type Devices = (Vec<GeneratorRow>, Vec<PvRow>, Vec<BatteryRow>);

pub(super) fn by_rule(
    parts: &MultiphaseParts,
    loads: &[FeederLoad],
    microgrids: &[SplitMicrogrid],
    series: &Shipped,
) -> Devices {
    let mut devices = Devices::default();
    let mut load_kw = vec![0.0; parts.buses.len()];
    for load in loads {
        if let Some(port) = load.ports.first().and_then(|p| parts.ports.get(p.0)) {
            load_kw[parts.nodes[port.from.0].bus.0] += load.p_kw;
        }
    }
    let phases = |bus: usize| parts.nodes.iter().filter(|n| n.bus.0 == bus && (1..=3).contains(&n.number)).count();
    for (n, mg) in microgrids.iter().enumerate() {
        let most = mg.buses.iter().map(|&b| phases(b)).max().unwrap_or(0);
        let mut sites: Vec<usize> = mg.buses.iter().copied().filter(|&b| phases(b) == most).collect();
        let last = sites.last().copied();
        sites.sort_by(|&a, &b| load_kw[b].total_cmp(&load_kw[a]).then(a.cmp(&b)));
        let (Some(&first), Some(last)) = (sites.first(), last) else { continue };
        let id = |bus: usize| parts.buses[bus].id.0.clone();
        let p = round(GENERATOR * mg.load_kw);
        devices.0.push(GeneratorRow {
            id: format!("{}_DG1", mg.name),
            bus: id(first),
            connection: None,
            p_max_kw: p,
            q_max_kvar: round(0.66 * p),
            s_max_kva: Some(round(1.2 * p)),
            ramp_kw_per_min: Some(round(0.02 * p)),
            fuel_a_l_per_kw2h: Some(round(0.06 / p)),
            fuel_b_l_per_kwh: Some(0.24),
            fuel_c_l_per_h: Some(round(0.016 * p)),
            p_start_kw: Some(round(0.4 * p)),
        });
        for k in 0..PV_SYSTEMS {
            let p = round(PV * mg.load_kw);
            let (name, column, scale) = series.pv(n * PV_SYSTEMS + k, p);
            devices.1.push(PvRow {
                id: format!("{}_PV{}", mg.name, k + 1),
                bus: id(sites[(k + 1) % sites.len()]),
                connection: None,
                q_max_kvar: round(0.5 * p),
                s_max_kva: Some(round(1.1 * p)),
                series: name.to_owned(),
                p_column: column.to_owned(),
                p_unit: Some("pu".to_owned()),
                p_scale: Some(scale),
                shift_minutes: None,
            });
        }
        let p = round(BATTERY * mg.load_kw);
        devices.2.push(BatteryRow {
            id: format!("{}_B1", mg.name),
            bus: id(last),
            connection: None,
            capacity_kwh: round(BATTERY_HOURS * p),
            soc_min: Some(0.1),
            soc_max: Some(0.9),
            soc_start: Some(0.5),
            p_charge_max_kw: p,
            p_discharge_max_kw: p,
            eta_charge: 0.95,
            eta_discharge: 0.95,
            q_max_kvar: round(0.75 * p),
            s_max_kva: Some(round(1.25 * p)),
        });
    }
    devices
}
