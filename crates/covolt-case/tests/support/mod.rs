//! What several tests need: a copy of the small case to break, and the place of shared data.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use covolt_case::{Case, CaseFault};
use std::path::{Path, PathBuf};

pub fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// Names of the small case's files.
pub fn small_files() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(cases().join("small"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub fn copy_case(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(cases().join(name)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

/// Faults of the small case after one replacement, which must apply.
pub fn broken(file: &str, from: &str, to: &str) -> Vec<CaseFault> {
    let folder = copy_case("small");
    let path = folder.path().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} does not contain {from:?}");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    Case::load(folder.path()).err().unwrap_or_default()
}

/// The shared data folder, or a printed message.
pub fn shared() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = std::env::var_os("COVOLT_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let path = std::fs::canonicalize(&path).ok().filter(|p| p.join("data").is_dir());
    if path.is_none() {
        println!("SKIPPED: no shared data (set COVOLT_SHARED)");
    }
    path
}
