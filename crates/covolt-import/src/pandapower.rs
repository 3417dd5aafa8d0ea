//! pandapower networks as `pp.to_json` writes them, balanced.
//!
//! Read as `runpp` reads them with its defaults: transformers as T equivalents, phase shifts counted, closed
//! switches without impedance making one bus of two, lines open at one end still charged from the other.
//!
//! | file | question |
//! |---|---|
//! | `frames.rs` | which tables, rows and numbers stand in the file? |
//! | `branches.rs`, `transformers.rs` | what is each line, impedance and transformer in per unit? |
//! | `buses.rs` | which buses are one, and which are supplied? |
//! | `injections.rs` | what do loads, generators and shunts take and give? |
//! | `feeder.rs` | which network is that? |
//!
//! Ids: a bus is called by its index (`7`), a branch by table and index (`line 3`, `trafo 0`); names may be missing or
//! repeated, an index cannot. Units of the file: kV, kA, ohm, nF, uS, MW, Mvar, degrees; per cent of the rated values.

mod branches;
mod buses;
mod feeder;
mod frames;
mod injections;
mod transformers;

use crate::error::{ImportError, check_size, read};
use crate::imported::Imported;
use crate::report::Place;
use std::path::Path;

/// Largest file taken, bytes: more than ten times the complete SimBench grid.
pub const LARGEST_FILE: u64 = 32 << 20;

/// Imports the text of a pandapower file; `file` is its name in notes and errors.
///
/// # Errors
/// The text is no pandapower network, has in-service elements that are not supported, or describes no valid network.
pub fn import(text: &str, file: &str) -> Result<Imported, ImportError> {
    check_size(file, text.len() as u64, LARGEST_FILE)?;
    feeder::build(frames::read(text, file)?)
}

/// Imports a pandapower file.
///
/// # Errors
/// As [`import`], or the file cannot be read.
pub fn import_file(path: &Path) -> Result<Imported, ImportError> {
    let (bytes, file) = read(path, LARGEST_FILE)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| ImportError::at(Place { file: file.clone(), line: 1 }, "the file is not UTF-8 text"))?;
    import(&text, &file)
}
