//! What several tests need: the power flow of an import, a text with one thing broken, the place of shared feeders.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use covolt_grid::{BranchIndex, Complex64, FlowOptions, Grid};
use covolt_import::{Action, Imported};
use std::path::{Path, PathBuf};

/// Voltages at the net demand of the file, per unit, and losses in kW and kvar (as `Complex64`).
pub fn solve(imported: &Imported) -> (Vec<Complex64>, Complex64) {
    let grid = Grid::new(imported.network.clone()).unwrap();
    let mut ws = grid.workspace();
    let (p, q) = imported.net_demand_pu();
    grid.solve(&p, &q, &mut ws, &FlowOptions { tolerance_pu: 1e-12, ..FlowOptions::default() }).unwrap();
    let v = ws.v().to_vec();
    let losses = imported.network.branches().iter().enumerate().map(|(b, branch)| {
        let b = BranchIndex(b);
        v[branch.from.0] * grid.current_from(b, &v).conj() + v[branch.to.0] * grid.current_to(b, &v).conj()
    });
    let losses = losses.sum::<Complex64>() * 1e3 * imported.network.base_mva();
    (v, losses)
}

/// The text with one replacement, which must apply.
pub fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "the text does not contain {from:?}");
    text.replacen(from, to, 1)
}

pub fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
}

pub fn read(file: &str) -> String {
    std::fs::read_to_string(data(file)).unwrap()
}

/// Notes of one kind, as text.
pub fn notes(imported: &Imported, action: Action) -> Vec<String> {
    let notes = imported.report.notes.iter().filter(|n| n.action == action);
    notes.map(|n| format!("{}: {}", n.place, n.what)).collect()
}

/// A folder of published feeders that is not part of the repository, or a printed message.
pub fn shared_feeders(folder: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("COVOLT_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let path = std::fs::canonicalize(shared.join("feeders").join(folder)).ok();
    if path.is_none() {
        println!("SKIPPED: no shared feeders (set COVOLT_SHARED)");
    }
    path
}
