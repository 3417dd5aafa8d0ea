//! The network file of a multi-phase case: all lists of a [`MultiphaseParts`] as JSON, with a version.
//!
//! Importers write it; it is exact (numbers keep their bits) and holds what tables could not without loss: impedance matrices,
//! transformer windings, voltage dependence of loads.

use crate::case_file::CaseFile;
use crate::case_files::CaseFiles;
use crate::fault::{CaseError, CaseFault, Place};
use crate::network_tables::BusTable;
use covolt_grid::DistributionGrid;
use covolt_grid::multiphase::{MultiphaseGrid, MultiphaseNetwork, MultiphaseParts};
use serde::{Deserialize, Serialize};

const FORMAT: &str = "covolt multi-phase network";
/// Bump when the meaning of the lists changes.
const VERSION: u32 = 1;

#[derive(Deserialize, Serialize)]
struct NetworkFile {
    format: String,
    version: u32,
    network: MultiphaseParts,
}

/// Text of the network file.
///
/// # Errors
/// A number that JSON cannot hold.
pub fn write_network(parts: &MultiphaseParts) -> Result<String, CaseError> {
    let file = NetworkFile { format: FORMAT.to_owned(), version: VERSION, network: parts.clone() };
    serde_json::to_string(&file)
        .map_err(|e| CaseError::NotExpressible { format: "a network file", what: e.to_string() })
}

/// The lists of the file, not yet checked.
pub(crate) fn read_network(files: &CaseFiles<'_>, name: &str, faults: &mut Vec<CaseFault>) -> Option<MultiphaseParts> {
    let text = match files.read_text(name) {
        Ok(text) => text,
        Err(fault) => {
            faults.push(fault);
            return None;
        }
    };
    match serde_json::from_str::<NetworkFile>(&text) {
        Ok(file) if file.format == FORMAT && file.version == VERSION => Some(file.network),
        Ok(file) => {
            let what = format!("this is \"{}\" version {}", file.format, file.version);
            faults.push(Place::new(name, None).fault("version", what, "import the feeder again with this version"));
            None
        }
        Err(e) => {
            let place = Place::new(name, Some(e.line()));
            faults.push(place.fault("", e.to_string(), "import the feeder again"));
            None
        }
    }
}

/// The bus table must list the buses of the network file, in any order; returns the table in the file's order.
pub(crate) fn in_network_order(
    parts: &MultiphaseParts,
    mut table: BusTable,
    file: &CaseFile,
    faults: &mut Vec<CaseFault>,
) -> BusTable {
    let mut rows = Vec::with_capacity(parts.buses.len());
    for bus in &parts.buses {
        match table.index.get(&bus.id.0) {
            Some(&i) => rows.push(table.rows[i].clone()),
            None => faults.push(Place::new(&file.network.buses, None).fault(
                "id",
                format!("bus \"{}\" of the network file is missing", bus.id),
                "add a row for it",
            )),
        }
    }
    for row in &table.rows {
        if !parts.buses.iter().any(|bus| bus.id.0 == row.value.id) {
            let what = format!("bus \"{}\" is not in the network file", row.value.id);
            faults.push(row.at.fault("id", what, "remove the row"));
        }
    }
    if rows.len() == parts.buses.len() {
        table.index = rows.iter().enumerate().map(|(i, r)| (r.value.id.clone(), i)).collect();
        table.rows = rows;
    }
    table
}

/// The grid, or faults.
pub(crate) fn build_multiphase(
    parts: MultiphaseParts,
    name: &str,
    faults: &mut Vec<CaseFault>,
) -> Option<DistributionGrid> {
    let place = Place::new(name, None);
    match MultiphaseNetwork::try_new(parts) {
        Ok(network) => match MultiphaseGrid::new(network) {
            Ok(grid) => Some(grid.into()),
            Err(e) => {
                faults.push(place.fault("", e.to_string(), "check the network file"));
                None
            }
        },
        Err(list) => {
            faults.extend(list.iter().map(|f| place.fault("", f.to_string(), "check the network file")));
            None
        }
    }
}
