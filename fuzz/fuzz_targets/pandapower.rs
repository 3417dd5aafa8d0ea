//! Any bytes as a pandapower file: a network or an error, never a panic.
//!
//! Run with `cargo +nightly fuzz run pandapower` in the repository's root.

#![no_main]

use covolt_import::pandapower;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let text = String::from_utf8_lossy(text);
    let _ = pandapower::import(&text, "input");
});
