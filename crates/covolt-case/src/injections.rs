//! Net injections of one step, kW and kvar per port (bus, or phase of a bus), generation positive: what an export shows and a run folder holds.

use crate::case::Case;
use crate::fault::{CaseFault, Place};
use crate::table::{csv_reader, parse_number};
use covolt_grid::{Connection, DistributionGrid};
use std::collections::BTreeMap;

/// Net injections of one step, in the grid's order of ports.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Injections {
    /// Label of the step, e.g. the row or the time.
    pub label: String,
    /// Active power, kW, generation positive.
    pub p_kw: Vec<f64>,
    /// Reactive power, kvar, generation positive.
    pub q_kvar: Vec<f64>,
}

impl Injections {
    /// Nothing injected anywhere.
    pub fn zero(label: &str, grid: &DistributionGrid) -> Injections {
        let n = grid.n_ports();
        Injections { label: label.to_string(), p_kw: vec![0.0; n], q_kvar: vec![0.0; n] }
    }

    /// Loads and available PV power of a row of the data, no generator, battery or reactive power running.
    /// `None` beyond the data.
    pub fn of_row(case: &Case, row: usize) -> Option<Injections> {
        let data = &case.profiles;
        (row < data.rows()).then(|| {
            let mut out = Injections::zero(&row.to_string(), &case.fleet.grid);
            let add = |side: &mut [f64], at: &Connection, value: f64| {
                at.ports().iter().for_each(|port| side[port.0] += value * at.share());
            };
            let feeder = (&case.fleet.feeder_loads, &data.feeder_loads);
            let own = case.fleet.microgrids.iter().zip(&data.microgrids);
            for (loads, profiles) in own.clone().map(|(m, p)| (&m.loads, &p.loads)).chain([feeder]) {
                for (l, s) in loads.iter().zip(profiles) {
                    add(&mut out.p_kw, &l.connection, -s.p_kw.at(row));
                    add(&mut out.q_kvar, &l.connection, -s.q_kvar.at(row));
                }
            }
            for (m, p) in own {
                for (d, s) in m.pvs.iter().zip(&p.pvs_kw) {
                    add(&mut out.p_kw, &d.connection, s.at(row));
                }
            }
            out
        })
    }

    /// All steps of an `injections.csv` (columns t, bus, p_kw, q_kvar), in their order; ports not listed inject nothing.
    ///
    /// # Errors
    /// All faults of the table.
    pub fn read_csv(text: &str, grid: &DistributionGrid) -> Result<Vec<Injections>, Vec<CaseFault>> {
        const FILE: &str = "injections.csv";
        const COLUMNS: [&str; 4] = ["t", "bus", "p_kw", "q_kvar"];
        let mut faults = Vec::new();
        let port_of: BTreeMap<String, usize> = (0..grid.n_ports()).map(|port| (grid.port_name(port), port)).collect();
        let mut reader = csv_reader(text);
        let header = reader.headers().cloned().unwrap_or_default();
        let mut at = [0; 4];
        for (slot, name) in at.iter_mut().zip(COLUMNS) {
            match header.iter().position(|h| h == name) {
                Some(i) => *slot = i,
                None => faults.push(Place::new(FILE, Some(1)).fault(
                    name,
                    format!("column \"{name}\" is missing"),
                    "the columns are t,bus,p_kw,q_kvar",
                )),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut steps: Vec<Injections> = Vec::new();
        for record in reader.records() {
            let record = match record {
                Ok(r) => r,
                Err(e) => {
                    faults.push(Place::new(FILE, None).fault("", e.to_string(), "write the file again"));
                    break;
                }
            };
            let place = Place::new(FILE, record.position().map(|p| p.line() as usize));
            let cell = |k: usize| record.get(at[k]).unwrap_or("");
            if steps.last().is_none_or(|s| s.label != cell(0)) {
                steps.push(Injections::zero(cell(0), grid));
            }
            let Some(&port) = port_of.get(cell(1)) else {
                faults.push(place.fault(
                    "bus",
                    format!("unknown bus \"{}\"", cell(1)),
                    "the file belongs to another case",
                ));
                continue;
            };
            for k in [2, 3] {
                match (parse_number(cell(k)), steps.last_mut()) {
                    (Ok(v), Some(step)) => {
                        let side = if k == 2 { &mut step.p_kw } else { &mut step.q_kvar };
                        side[port] += v;
                    }
                    (Err((what, hint)), _) => faults.push(place.fault(COLUMNS[k], what, hint)),
                    (Ok(_), None) => {}
                }
            }
        }
        if faults.is_empty() { Ok(steps) } else { Err(faults) }
    }
}
