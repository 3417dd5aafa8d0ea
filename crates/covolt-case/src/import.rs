//! A feeder turned into a case: microgrids cut out of it, devices placed by rule or from tables, the shipped series attached.
//!
//! | question | file |
//! |---|---|
//! | what has to be known of a feeder | `import/graph.rs` |
//! | which part of the feeder is a microgrid | `import/split.rs` |
//! | which devices does it get | `import/devices.rs` |
//! | tables of a balanced network | `import/balanced.rs` |
//! | which series does a load follow | `import/series.rs` |
//!
//! How, and why: docs/import.md. The feeder itself comes from whoever can read its files; this crate only writes the case.

mod balanced;
mod devices;
mod graph;
mod series;
mod split;

pub use graph::{FeederGraph, GraphBranch};
pub use split::{SplitFault, SplitMicrogrid, SplitWish, split};

use crate::builtin::{FILES, write_new};
use crate::fault::CaseError;
use crate::generate::{SHIPPED_SECTIONS, csv_table};
use crate::multiphase_file::write_network;
use crate::table_rows::{BusRow, LoadRow};
use covolt_grid::Network;
use covolt_grid::multiphase::{MultiphaseParts, PortIndex};
use std::fmt::Write;
use std::path::Path;

/// A load of the feeder: what it draws at its peak, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct FeederLoad {
    /// Id.
    pub id: String,
    /// Its bus.
    pub bus: String,
    /// Its ports, one to three; none in a balanced network.
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

/// The network of a feeder, as read from its file.
#[derive(Debug)]
pub enum FeederNetwork<'a> {
    /// Several phases; taps are at rest, and loads have ports.
    Multiphase(&'a MultiphaseParts),
    /// Balanced; loads are at their buses: load k of bus b is given by `bus`.
    Balanced(&'a Network),
}

impl ImportedCase {
    /// Assembles the case; `graph` is the one that the microgrids were cut from.
    ///
    /// # Errors
    /// Something that cannot be written down.
    pub fn assemble(
        network: &FeederNetwork<'_>,
        graph: &FeederGraph,
        loads: &[FeederLoad],
        microgrids: &[SplitMicrogrid],
        tables: Option<&DeviceTables>,
        choices: &ImportChoices,
    ) -> Result<ImportedCase, CaseError> {
        let owner =
            |bus: usize| microgrids.iter().find(|m| m.buses.binary_search(&bus).is_ok()).map(|m| m.name.clone());
        let series = series::Shipped::read()?;
        let (mut files, network_section) = match network {
            FeederNetwork::Multiphase(parts) => {
                let mut parts = (*parts).clone();
                for mg in microgrids.iter().filter(|mg| mg.turned) {
                    parts.elements[mg.branch].terminals.swap(0, 1);
                }
                let files = vec![
                    ("network.json", write_network(&parts)?.into_bytes()),
                    ("buses.csv", csv_table("buses.csv", &bus_rows(&parts, owner))?),
                ];
                (files, "model = \"network.json\"\n".to_owned())
            }
            FeederNetwork::Balanced(network) => {
                let tables = balanced::tables(network, microgrids, owner)?;
                let files = vec![
                    ("buses.csv", csv_table("buses.csv", &tables.buses)?),
                    ("branches.csv", csv_table("branches.csv", &tables.branches)?),
                ];
                (files, tables.section)
            }
        };
        let load_rows: Vec<LoadRow> = (loads.iter().enumerate())
            .map(|(i, load)| match network {
                FeederNetwork::Multiphase(parts) => {
                    let own: Vec<_> = load.ports.iter().filter_map(|p| parts.ports.get(p.0)).collect();
                    let ports: Vec<&str> = own.iter().map(|p| p.id.as_str()).collect();
                    let bus = own.first().map_or("", |p| parts.buses[parts.nodes[p.from.0].bus.0].id.0.as_str());
                    series.load_row(i, load, bus, Some(ports.join(" ")))
                }
                FeederNetwork::Balanced(_) => series.load_row(i, load, &load.bus, None),
            })
            .collect();
        files.push(("loads.csv", csv_table("loads.csv", &load_rows)?));
        let by_rule = tables.is_none().then(|| devices::by_rule(graph, microgrids, &series));
        let (generators, pvs, batteries) = by_rule.unwrap_or_default();
        let given = tables.cloned().unwrap_or_default();
        let mut table = |name: &'static str, text: Option<String>, rows: Result<Vec<u8>, CaseError>| {
            files.push((name, text.map_or(rows, |t| Ok(t.into_bytes()))?));
            Ok::<(), CaseError>(())
        };
        table("generators.csv", given.generators, header_or_rows("generators.csv", &generators))?;
        table("pv.csv", given.pvs, header_or_rows("pv.csv", &pvs))?;
        table("batteries.csv", given.batteries, header_or_rows("batteries.csv", &batteries))?;
        files.push(("case.toml", case_toml(&network_section, microgrids, choices).into_bytes()));
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

fn bus_rows(parts: &MultiphaseParts, owner: impl Fn(usize) -> Option<String>) -> Vec<BusRow> {
    (parts.buses.iter().enumerate())
        .map(|(bus, data)| BusRow {
            id: data.id.0.clone(),
            kv: 3f64.sqrt() * data.v_base_kv,
            microgrid: owner(bus),
            v_min_pu: None,
            v_max_pu: None,
            shunt_g_kw: None,
            shunt_b_kvar: None,
        })
        .collect()
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

fn case_toml(network: &str, microgrids: &[SplitMicrogrid], choices: &ImportChoices) -> String {
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
{network}
[limits]
v_min_pu = {:?}
v_max_pu = {:?}
{unbalance}
{SHIPPED_SECTIONS}"#,
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
