//! Loads, generators, storage and shunts in service, at the buses of the file.
//!
//! A shunt takes p + j q (MW, Mvar) for each step at its own rated voltage: y = (p - j q) step (U/u)^2 / S.

use super::buses::Buses;
use super::frames::{Frames, Row};
use crate::error::Complaint;
use crate::imported::GeneratorRole;
use crate::report::{Action, ImportReport, Place};
use covolt_grid::Complex64;
use std::collections::BTreeMap;

/// Power that a generator or storage gives, MW and Mvar.
#[derive(Debug)]
pub(super) struct Injection {
    pub id: String,
    pub place: Place,
    pub bus: i64,
    pub role: GeneratorRole,
    pub power: Complex64,
}

/// The source.
#[derive(Debug, Clone)]
pub(super) struct ExternalGrid {
    pub id: String,
    pub place: Place,
    pub bus: i64,
    pub v_pu: f64,
    pub angle_deg: f64,
}

/// All of them, by bus of the file.
#[derive(Debug, Default)]
pub(super) struct Injections {
    /// MW and Mvar taken at each bus.
    pub demand: BTreeMap<i64, Complex64>,
    pub given: Vec<Injection>,
    pub shunts: Vec<(i64, Complex64)>,
    /// External grids; several only when they hold the same voltage.
    pub sources: Vec<ExternalGrid>,
}

const VOLTAGE_DEPENDENT: [&str; 6] = [
    "const_z_percent",
    "const_i_percent",
    "const_z_p_percent",
    "const_i_p_percent",
    "const_z_q_percent",
    "const_i_q_percent",
];

impl Injections {
    pub fn read(net: &Frames, buses: &Buses, report: &mut ImportReport, faults: &mut Vec<Complaint>) -> Injections {
        let mut all = Injections::default();
        for table in ["load", "sgen", "storage", "gen", "shunt", "ext_grid"] {
            for row in net.table(table).rows() {
                if let Err(fault) = all.row(table, &row, net, buses, report) {
                    faults.push(fault);
                }
            }
        }
        if all.sources.is_empty() && faults.is_empty() {
            let what = "no external grid in service: the network has no source".to_owned();
            faults.push(Complaint { place: net.place("ext_grid"), what });
        }
        all
    }

    fn row(
        &mut self,
        table: &str,
        row: &Row<'_>,
        net: &Frames,
        buses: &Buses,
        report: &mut ImportReport,
    ) -> Result<(), Complaint> {
        let bus = row.reference("bus")?;
        let Some(kv) = buses.kv(bus) else {
            return Err(row.fault(format!("bus {bus} does not exist")));
        };
        if !row.in_service()? {
            report.add(&row.place(), Action::Irrelevant, format!("{} is out of service", row.id()));
            return Ok(());
        }
        if !buses.in_service(bus) {
            let what = format!("{} is at bus {bus}, which is out of service", row.id());
            report.add(&row.place(), Action::Irrelevant, what);
            return Ok(());
        }
        let given = |role, power| Injection { id: row.id(), place: row.place(), bus, role, power };
        match table {
            "load" => {
                for column in VOLTAGE_DEPENDENT {
                    let share = row.number_or(column, 0.0)?;
                    if share != 0.0 {
                        let what = format!("{}: '{column}' is {share}: read as constant power", row.id());
                        report.add(&row.place(), Action::Assumed, what);
                    }
                }
                *self.demand.entry(bus).or_insert(Complex64::ZERO) += power(row)?;
            }
            "sgen" => self.given.push(given(GeneratorRole::FixedPower, power(row)?)),
            "storage" => self.given.push(given(GeneratorRole::FixedPower, -power(row)?)),
            "gen" => {
                if row.flag_or("slack", false)? {
                    return Err(row.fault("a generator as the slack is not supported: use an external grid"));
                }
                let v_pu = row.positive("vm_pu")?;
                let p = row.number("p_mw")? * row.number_or("scaling", 1.0)?;
                let what = format!(
                    "{} holds {v_pu} pu in pandapower: the voltage control is left out, it injects {p} MW and 0 Mvar",
                    row.id()
                );
                report.add(&row.place(), Action::LeftOut, what);
                self.given.push(given(GeneratorRole::HoldsVoltage(v_pu), Complex64::new(p, 0.0)));
            }
            "shunt" => {
                if row.flag_or("step_dependency_table", false)? {
                    return Err(row.fault("steps by a table are not supported"));
                }
                let rated = row.optional("vn_kv")?.unwrap_or(kv);
                if rated <= 0.0 {
                    return Err(row.fault(format!("'vn_kv' is {rated}, it must be positive")));
                }
                let power = Complex64::new(row.number("p_mw")?, -row.number("q_mvar")?) * row.number_or("step", 1.0)?;
                self.shunts.push((bus, power * (kv / rated).powi(2) / net.sn_mva));
            }
            _ => self.external_grid(row, bus, buses)?,
        }
        Ok(())
    }

    fn external_grid(&mut self, row: &Row<'_>, bus: i64, buses: &Buses) -> Result<(), Complaint> {
        let (v_pu, angle_deg) = (row.positive("vm_pu")?, row.number_or("va_degree", 0.0)?);
        if let Some(first) = self.sources.first()
            && (buses.kv(first.bus), first.v_pu, first.angle_deg) != (buses.kv(bus), v_pu, angle_deg)
        {
            return Err(row.fault(format!("its voltage is not that of {}; one source is supported", first.id)));
        }
        self.sources.push(ExternalGrid { id: row.id(), place: row.place(), bus, v_pu, angle_deg });
        Ok(())
    }
}

/// MW and Mvar with the scaling.
fn power(row: &Row<'_>) -> Result<Complex64, Complaint> {
    let power = Complex64::new(row.number("p_mw")?, row.number_or("q_mvar", 0.0)?);
    Ok(power * row.number_or("scaling", 1.0)?)
}
