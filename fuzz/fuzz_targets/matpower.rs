//! Any bytes as a MATPOWER case: a network or an error, never a panic.
//!
//! Run with `cargo +nightly fuzz run matpower` in the repository's root.

#![no_main]

use covolt_import::matpower;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let text = String::from_utf8_lossy(text);
    let _ = matpower::import(&text, "input");
});
