//! What several tests need: scripts in a folder of their own, the shared feeders, the admittance matrix of a network.

#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use covolt_grid::Complex64;
use covolt_grid::multiphase::{ElementModel, MultiphaseNetwork, NodeIndex, admittance_s};
use covolt_import::opendss::{Imported, import};
use covolt_import::{Action, ImportError, ImportSettings};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder of shared reference data, or `None` (with a message) when it is not there.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("COVOLT_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join(folder);
    if !path.is_dir() {
        println!("SKIPPED: no reference data at {} (set COVOLT_SHARED)", path.display());
        return None;
    }
    Some(path)
}

/// A circuit and a line, for scripts that are about something else.
pub const HEAD: &str = "Clear\nSet DefaultBaseFrequency=60\nNew Circuit.case basekv=12.47 bus1=s\nNew Line.feed bus1=s bus2=a length=0.1\n";

/// Imports files given by their names and contents; the first is run.
pub fn files(files: &[(&str, &str)], settings: &ImportSettings) -> Result<Imported, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    import(folder.path().join(files[0].0), settings)
}

/// Imports one script.
pub fn script(content: &str) -> Result<Imported, ImportError> {
    files(&[("case.dss", content)], &ImportSettings::default())
}

/// Imports what follows [`HEAD`], or panics with what is wrong.
pub fn after_head(content: &str) -> Imported {
    script(&format!("{HEAD}{content}")).unwrap_or_else(|error| panic!("{content}\n{error}"))
}

/// Notes of a kind, in words.
pub fn notes(imported: &Imported, action: Action) -> Vec<String> {
    imported.report.notes.iter().filter(|n| n.action == action).map(|n| format!("{}: {}", n.place, n.what)).collect()
}

/// What is wrong with a script.
pub fn complaints(content: &str) -> Vec<String> {
    match script(content) {
        Err(ImportError::Faulty(complaints)) => complaints.iter().map(ToString::to_string).collect(),
        Err(other) => vec![other.to_string()],
        Ok(_) => panic!("no complaint: {content}"),
    }
}

/// Entries of Y, S, by names of nodes in small letters; sources are in it.
pub fn admittances(network: &MultiphaseNetwork) -> BTreeMap<(String, String), Complex64> {
    let parts = network.parts();
    let name = |node: NodeIndex| network.node_name(node).to_lowercase();
    let mut y: BTreeMap<(String, String), Complex64> = BTreeMap::new();
    let mut add = |nodes: &[Option<NodeIndex>], entry: &dyn Fn(usize, usize) -> Complex64| {
        for (i, a) in nodes.iter().enumerate() {
            for (j, b) in nodes.iter().enumerate() {
                if let (Some(a), Some(b)) = (a, b) {
                    *y.entry((name(*a), name(*b))).or_default() += entry(i, j);
                }
            }
        }
    };
    for element in &parts.elements {
        let nodes: Vec<_> = element.terminals.iter().flat_map(|t| t.conductors.iter().copied()).collect();
        match &element.model {
            ElementModel::Line { series_ohm, shunt_s } => {
                let (series, n) = (series_ohm.inverse().unwrap(), series_ohm.n());
                let half = |i, j| shunt_s.as_ref().map_or(Complex64::ZERO, |y| y.at(i, j) / 2.0);
                add(&nodes, &|i, j| match (i < n) == (j < n) {
                    true => series.at(i % n, j % n) + half(i % n, j % n),
                    false => -series.at(i % n, j % n),
                });
            }
            ElementModel::Transformer(transformer) => {
                let matrix = admittance_s(transformer).unwrap();
                add(&nodes, &|i, j| matrix.at(i, j));
            }
            ElementModel::Shunt { admittance_s, closed: true } | ElementModel::Admittance(admittance_s) => {
                add(&nodes, &|i, j| admittance_s.at(i, j));
            }
            ElementModel::Shunt { .. } => {}
        }
    }
    for source in &parts.sources {
        let (inverse, nodes) = (source.series_ohm.inverse().unwrap(), source.nodes.iter().map(|n| Some(*n)));
        add(&nodes.collect::<Vec<_>>(), &|i, j| inverse.at(i, j));
    }
    y
}
