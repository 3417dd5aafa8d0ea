//! A feeder turned into a case: microgrids cut out of it, devices placed by rule or from tables, the shipped series attached.
//!
//! | question | file |
//! |---|---|
//! | which part of the feeder is a microgrid | `import/split.rs` |
//! | which devices does it get | `import/devices.rs` |
//! | which series does a load follow | `import/series.rs` |
//!
//! How, and why: docs/import.md. The feeder itself comes from whoever can read its files; this crate only writes the case.

mod devices;
mod series;
mod split;

pub use split::{SplitFault, SplitMicrogrid, SplitWish, split};

use crate::builtin::{FILES, write_new};
use crate::fault::CaseError;
use crate::generate::csv_table;
use crate::multiphase_file::write_network;
use crate::table_rows::{BatteryRow, BusRow, GeneratorRow, LoadRow, PvRow};
use covolt_grid::multiphase::{MultiphaseParts, PortIndex};
use std::fmt::Write;
use std::path::Path;

/// A load of the feeder: what it draws at its peak, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct FeederLoad {
    /// Id.
    pub id: String,
    /// Its ports, one to three.
    pub ports: Vec<PortIndex>,
    /// Peak of all ports, kW.
    pub p_kw: f64,
    /// At the peak, kvar.
    pub q_kvar: f64,
}

/// Settings of an import.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportChoices {
    /// Name of the case.
    pub name: String,
    /// Lowest voltage, pu.
    pub v_min_pu: f64,
    /// Highest voltage, pu.
    pub v_max_pu: f64,
    /// Highest unbalance factor, per cent; `None`: no limit.
    pub unbalance_max_percent: Option<f64>,
    /// Where the feeder came from, in words.
    pub origin: String,
}

/// Devices from the user's tables, in place of the rule.
#[derive(Debug, Clone, Default)]
pub struct DeviceTables {
    /// Text of generators.csv.
    pub generators: Option<String>,
    /// Text of pv.csv.
    pub pvs: Option<String>,
    /// Text of batteries.csv.
    pub batteries: Option<String>,
}

/// A case of a feeder, ready to be written.
#[derive(Debug)]
pub struct ImportedCase {
    files: Vec<(&'static str, Vec<u8>)>,
}

impl ImportedCase {
    /// Assembles the case. `parts` has its taps at rest; ports of loads stay, those of other devices of the file should be gone.
    ///
    /// # Errors
    /// Something that cannot be written down.
    pub fn assemble(
        parts: &MultiphaseParts,
        loads: &[FeederLoad],
        microgrids: &[SplitMicrogrid],
        tables: Option<&DeviceTables>,
        choices: &ImportChoices,
    ) -> Result<ImportedCase, CaseError> {
        let bus_id = |bus: usize| parts.buses[bus].id.0.as_str();
        let owner = |bus: usize| microgrids.iter().find(|m| m.buses.contains(&bus)).map(|m| m.name.clone());
        let buses: Vec<BusRow> = (0..parts.buses.len())
            .map(|bus| BusRow {
                id: bus_id(bus).to_owned(),
                kv: 3f64.sqrt() * parts.buses[bus].v_base_kv,
                microgrid: owner(bus),
                v_min_pu: None,
                v_max_pu: None,
                shunt_g_kw: None,
                shunt_b_kvar: None,
            })
            .collect();
        let series = series::Shipped::read()?;
        let load_rows: Vec<LoadRow> =
            loads.iter().enumerate().map(|(i, load)| series.load_row(i, load, parts)).collect();
        let mut files = vec![
            ("case.toml", case_toml(microgrids, choices).into_bytes()),
            ("network.json", write_network(parts)?.into_bytes()),
            ("buses.csv", csv_table("buses.csv", &buses)?),
            ("loads.csv", csv_table("loads.csv", &load_rows)?),
        ];
        let by_rule = tables.is_none().then(|| devices::by_rule(parts, loads, microgrids, &series));
        let (generators, pvs, batteries) = by_rule.unwrap_or_default();
        let given = tables.cloned().unwrap_or_default();
        let table = |text: Option<String>, rows: Result<Vec<u8>, CaseError>| text.map_or(rows, |t| Ok(t.into_bytes()));
        files.push((
            "generators.csv",
            table(given.generators, header_or_rows::<GeneratorRow>("generators.csv", &generators))?,
        ));
        files.push(("pv.csv", table(given.pvs, header_or_rows::<PvRow>("pv.csv", &pvs))?));
        files.push((
            "batteries.csv",
            table(given.batteries, header_or_rows::<BatteryRow>("batteries.csv", &batteries))?,
        ));
        let shipped = |name: &str| name.starts_with("series/") || matches!(name, "LICENSE.simbench" | "NOTICE");
        files.extend(FILES.iter().filter(|(name, _)| shipped(name)).map(|(name, bytes)| (*name, bytes.to_vec())));
        Ok(ImportedCase { files })
    }

    /// Writes the case into a new or empty folder.
    ///
    /// # Errors
    /// The folder is not empty, or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), CaseError> {
        write_new(folder, self.files.iter().map(|(name, bytes)| (*name, bytes.as_slice())))
    }
}

/// A table; one without rows gets its header all the same.
fn header_or_rows<T: serde::Serialize + schemars::JsonSchema>(name: &str, rows: &[T]) -> Result<Vec<u8>, CaseError> {
    if rows.is_empty() {
        let schema = crate::schema::schema_of::<T>();
        let columns: Vec<String> = match crate::schema::allowed(&schema, &schema) {
            crate::schema::Allowed::Record { properties, .. } => properties.keys().cloned().collect(),
            _ => Vec::new(),
        };
        return Ok(format!("{}\n", columns.join(",")).into_bytes());
    }
    csv_table(name, rows)
}

fn case_toml(microgrids: &[SplitMicrogrid], choices: &ImportChoices) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let unbalance =
        choices.unbalance_max_percent.map_or_else(String::new, |u| format!("unbalance_max_percent = {u:?}\n"));
    let mut text = format!(
        r#"# Written by covolt case import. Every key: docs/case-format.md. How it was made: docs/import.md.
name = {}
description = {}
currency = "$"

[network]
buses = "buses.csv"
model = "network.json"

[limits]
v_min_pu = {:?}
v_max_pu = {:?}
{unbalance}
[devices]
generators = "generators.csv"
pv = "pv.csv"
batteries = "batteries.csv"
loads = "loads.csv"

[window]
steps = 4
step_minutes = 15

[calendar]
utc_offset_hours = 1.0

# Contains SimBench data (www.simbench.net), ODbL 1.0. See NOTICE and LICENSE.simbench.
[series.measured]
file = "series/measured.csv.gz"
time_column = "ts_utc"

# Made up: nobody's tariff and no market's result.
[series.prices]
file = "series/prices.csv.gz"
time_column = "ts_utc"

[price]
series = "prices"
column = "price_usd_per_kwh"
unit = "$/kWh"

[storage_value]
kind = "price-forecast"
horizon_hours = 24
"#,
        quoted(&choices.name),
        quoted(&choices.origin),
        choices.v_min_pu,
        choices.v_max_pu,
    );
    for m in microgrids {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[[microgrid]]\nname = {}\npcc = {}\nfuel_price_per_l = {:?}\n",
            quoted(&m.name),
            quoted(&m.pcc),
            devices::FUEL_PRICE_PER_L
        );
    }
    text
}
