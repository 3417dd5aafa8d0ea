//! Any bytes as an OpenDSS script: a network or an error, never a panic, never more memory than the script's size explains.
//!
//! Run with `cargo +nightly fuzz run opendss` in the repository's root.

#![no_main]

use covolt_import::{ImportSettings, opendss};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = folder.path().join("case.dss");
    if std::fs::write(&path, script).is_ok() {
        let settings = ImportSettings { max_bytes: 1 << 20, max_elements: 1000, ..ImportSettings::default() };
        let _ = opendss::import(&path, &settings);
    }
});
