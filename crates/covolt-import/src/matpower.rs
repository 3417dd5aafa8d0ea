//! MATPOWER case files (`.m`, format version 2), with the unit conversions that distribution cases do in MATLAB after their tables.
//!
//! The published feeders write loads in kW or kVA and impedances in ohm, and convert them with a few statements at the
//! end of the file, each a little differently. So the file is *run*, by a small interpreter that knows matrices, ranges and
//! arithmetic; what it does not know it refuses, with the line. A reader of the tables alone is wrong by a factor of
//! a thousand, and one that knows a list of conversions is wrong at the next case.
//!
//! | file | question |
//! |---|---|
//! | `tokens.rs` | which words stand in the file? |
//! | `statements.rs`, `expressions.rs`, `matrix.rs`, `constants.rs` | what do its fields hold in the end? |
//! | `tables.rs` | which rows and numbers are that? |
//! | `feeder.rs` | which network is that? |
//!
//! Units of the file, after its conversions: MW, Mvar, kV, per unit on `baseMVA`, degrees.

mod constants;
mod expressions;
mod feeder;
mod matrix;
mod statements;
mod tables;
mod tokens;

use crate::error::{ImportError, check_size, read};
use crate::imported::Imported;
use crate::report::Place;
use std::path::Path;

/// Largest file taken, bytes: five times the largest published feeder there is any use for here.
pub const LARGEST_FILE: u64 = 16 << 20;

/// Imports the text of a case file; `file` is its name in notes and errors.
///
/// # Errors
/// The text is no case file, does something that is not understood, or describes no valid network.
pub fn import(text: &str, file: &str) -> Result<Imported, ImportError> {
    check_size(file, text.len() as u64, LARGEST_FILE)?;
    let place = |line: usize| Place { file: file.to_owned(), line };
    let fields = statements::run(text).map_err(|(line, what)| ImportError::at(place(line), what))?;
    feeder::build(&tables::CaseTables::new(fields, file)?)
}

/// Imports a case file.
///
/// # Errors
/// As [`import`], or the file cannot be read.
pub fn import_file(path: &Path) -> Result<Imported, ImportError> {
    let (bytes, file) = read(path, LARGEST_FILE)?;
    // Older files have comments in other encodings; outside comments the replacement character is refused.
    import(&String::from_utf8_lossy(&bytes), &file)
}
