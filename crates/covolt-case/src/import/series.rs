//! Which shipped series loads and PV systems follow.
//!
//! Load number i follows measured customer i modulo their number, one week later for every round, so that no two loads of a small feeder
//! coincide. A large load is many customers in one place, whose peaks do not coincide, so it follows one of the steadier ones. A feeder's nominal loads are those of its peak; single customers peak at different times. So the active power of a load is scaled
//! to a mean of [`LOAD_FACTOR`] times its nominal power, and the peak of many together comes out near their nominal power. Reactive
//! power keeps the nominal power factor. PV systems follow the four measured ones in turn, scaled to their highest value.

use super::FeederLoad;
use crate::builtin::FILES;
use crate::case_file::{SeriesSection, TimeLabel};
use crate::case_files::CaseFiles;
use crate::fault::CaseError;
use crate::generate::round;
use crate::series_file::read_series;
use crate::table_rows::LoadRow;
use std::collections::BTreeSet;

/// Measured customers of `series/measured.csv.gz`, by the ratio of their peak to their mean: 2.3 to 18.
const CUSTOMERS: [&str; 14] = [
    "p_G2-A", "p_G3-A", "p_G0-A", "p_L2-A", "p_G4-B", "p_L1-A", "p_G5-A", "p_G6-A", "p_G1-A", "p_H0-A", "p_H0-C",
    "p_H0-B", "p_H0-G", "p_H0-L",
];
/// The first of them, with a ratio below 5, and the power of a load from which only these stand for it, kW.
const STEADY: usize = 8;
const LARGE_KW: f64 = 30.0;
const PVS: [&str; 4] = ["PV1", "PV4", "PV5", "PV8"];
const SERIES: &str = "measured";
/// Mean of a load over its nominal power.
const LOAD_FACTOR: f64 = 0.4;

/// Mean of each customer and highest value of each PV system of the shipped series.
pub(super) struct Shipped {
    customers: Vec<f64>,
    pvs: Vec<f64>,
}

impl Shipped {
    pub fn read() -> Result<Shipped, CaseError> {
        let columns: BTreeSet<String> = CUSTOMERS.iter().chain(&PVS).map(|name| (*name).to_owned()).collect();
        let section = SeriesSection {
            file: "series/measured.csv.gz".to_owned(),
            time_column: "ts_utc".to_owned(),
            time_format: "iso".to_owned(),
            time_offset_hours: 0.0,
            time_label: TimeLabel::Start,
        };
        let mut faults = Vec::new();
        let file = read_series(&CaseFiles::Embedded(FILES), &section, &columns, &mut faults).ok_or_else(|| {
            let what = faults.first().map_or_else(String::new, ToString::to_string);
            CaseError::NotExpressible { format: "a case", what }
        })?;
        let values = |name: &str| file.columns.get(name).map_or(&[][..], |v| v.as_slice());
        let mean = |name: &&str| values(name).iter().sum::<f64>() / values(name).len().max(1) as f64;
        let peak = |name: &&str| values(name).iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        Ok(Shipped { customers: CUSTOMERS.iter().map(mean).collect(), pvs: PVS.iter().map(peak).collect() })
    }

    /// Row of load number `i` with its peak, at a bus and (multi-phase) at ports of the network file.
    pub fn load_row(&self, i: usize, load: &FeederLoad, bus: &str, ports: Option<String>) -> LoadRow {
        let customers = if load.p_kw > LARGE_KW { STEADY } else { CUSTOMERS.len() };
        let customer = i % customers;
        let s = load.p_kw.hypot(load.q_kvar);
        // Q = P tan(acos(power factor)) has the sign of the power factor.
        let power_factor = (load.p_kw > 0.0 && s > 0.0).then(|| {
            let magnitude = (load.p_kw / s).clamp(1e-3, 1.0);
            if load.q_kvar < 0.0 { -magnitude } else { magnitude }
        });
        let follows = power_factor.is_some();
        LoadRow {
            id: load.id.clone(),
            bus: bus.to_owned(),
            connection: None,
            ports,
            series: follows.then(|| SERIES.to_owned()),
            p_column: follows.then(|| CUSTOMERS[customer].to_owned()),
            p_unit: follows.then(|| "pu".to_owned()),
            p_scale: follows.then(|| round(LOAD_FACTOR * load.p_kw / self.customers[customer])),
            q_column: None,
            q_unit: None,
            q_scale: None,
            power_factor,
            p_kw: (!follows).then_some(load.p_kw),
            q_kvar: (!follows).then_some(load.q_kvar),
            shift_minutes: None,
            offset_days: follows.then(|| 7.0 * (i / customers) as f64),
        }
    }

    /// Series, column and factor (kW) of PV system number `i` with a highest power of `p_kw`.
    pub fn pv(&self, i: usize, p_kw: f64) -> (&'static str, &'static str, f64) {
        let system = i % PVS.len();
        (SERIES, PVS[system], round(p_kw / self.pvs[system]))
    }
}
