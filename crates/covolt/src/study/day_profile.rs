//! One simulated day per microgrid, all devices of a kind added up (Fig. 3 and 4).

use covolt_case::Case;
use covolt_dispatch::SimulationRecord;
use covolt_report::record::{DayProfile, MicrogridDay};

/// The day of a simulated span.
pub fn day_profile(case: &Case, date: &str, simulated: &SimulationRecord) -> DayProfile {
    let profiles = &case.profiles;
    let mut day = DayProfile { date: date.to_owned(), ..DayProfile::default() };
    day.hour = simulated.steps.iter().filter_map(|s| profiles.hour_of_day.get(s.row).copied()).collect();
    day.price_usd_per_kwh = common_price(case, simulated);
    for (n, (mg, data)) in case.fleet.microgrids.iter().zip(&profiles.microgrids).enumerate() {
        let layout = mg.layout(1);
        let capacity: f64 = mg.batteries.iter().map(|b| b.capacity_kwh).sum();
        let stored = |soc: &[f64]| -> f64 {
            let energy: f64 = soc.iter().zip(&mg.batteries).map(|(s, b)| s * b.capacity_kwh).sum();
            if capacity > 0.0 { energy / capacity } else { f64::NAN }
        };
        let mut own = MicrogridDay { name: mg.name.clone(), ..MicrogridDay::default() };
        let mut soc = simulated.start.get(n).map_or(f64::NAN, |s| stored(&s.soc));
        for step in &simulated.steps {
            let action = step.actions.get(n).map_or(&[][..], Vec::as_slice);
            let at = |i: usize| action.get(i).copied().unwrap_or(f64::NAN);
            own.demand_kw.push(data.loads.iter().map(|l| l.p_kw.at(step.row)).sum());
            own.pv_kw.push(data.pvs_kw.iter().map(|s| s.at(step.row)).sum());
            own.dg_kw.push((0..mg.dgs.len()).map(|i| at(layout.p_dg(0, i))).sum());
            own.battery_kw.push((0..mg.batteries.len()).map(|k| 0.0 - at(layout.p_ess(0, k))).sum());
            own.exchange_kw.push(step.export_kw.get(n).copied().unwrap_or(f64::NAN));
            own.soc.push(soc);
            soc = step.soc.get(n).map_or(f64::NAN, |s| stored(s));
        }
        day.microgrids.push(own);
    }
    day
}

/// The exchange price where it is the same for all microgrids, else nothing.
fn common_price(case: &Case, simulated: &SimulationRecord) -> Vec<f64> {
    let mut prices = Vec::new();
    for step in &simulated.steps {
        let mut of_all = case.profiles.microgrids.iter().map(|m| m.price_per_kwh.at(step.row));
        let Some(first) = of_all.next() else { return Vec::new() };
        if of_all.any(|p| p != first) {
            return Vec::new();
        }
        prices.push(first);
    }
    prices
}
