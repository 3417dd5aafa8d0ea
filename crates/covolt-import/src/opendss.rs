//! OpenDSS scripts as networks.
//!
//! [`import`] runs a script and all it includes the way the reference engine would up to its end, and makes of what is there then
//! one snapshot: constant powers of loads, generators, PV systems and storage, taps and switches as they stand. What the
//! language knows and a power flow does not need is skipped; what could matter and is not supported stands in the report.
//!
//! | question | file |
//! |---|---|
//! | what are the words of a line; what number is a word | `opendss/tokens.rs`, `opendss/numbers.rs`, `opendss/units.rs` |
//! | what does a line do | `opendss/script.rs`, `opendss/script_commands.rs`, `opendss/commands.rs`, `opendss/options.rs`, `opendss/files.rs` |
//! | what has been made so far | `opendss/circuit.rs`, `opendss/class.rs`, `opendss/names.rs`, `opendss/properties.rs` |
//! | what is in the library | `opendss/line_code.rs`, `opendss/wire.rs`, `opendss/geometry.rs`, `opendss/load_shape.rs` |
//! | what are the elements | `opendss/vsource.rs`, `opendss/line.rs`, `opendss/transformer.rs`, `opendss/reactor.rs`, `opendss/capacitor.rs` |
//! | what draws or feeds power | `opendss/load.rs`, `opendss/generator.rs` |
//! | what acts | `opendss/control.rs`, `opendss/protection.rs` |
//! | how does it become a network | `opendss/build.rs`, `opendss/elements.rs`, `opendss/ports.rs`, `opendss/line_impedance.rs` |
//! | which nodes and bases are there | `opendss/draft.rs`, `opendss/connected.rs`, `opendss/voltage_bases.rs` |

mod build;
mod capacitor;
mod circuit;
mod class;
mod commands;
mod connected;
mod control;
mod draft;
mod elements;
mod files;
mod generator;
mod geometry;
mod line;
mod line_code;
mod line_impedance;
mod load;
mod load_shape;
mod names;
mod numbers;
mod options;
mod ports;
mod properties;
mod protection;
mod reactor;
mod script;
mod script_commands;
mod tokens;
mod transformer;
mod units;
mod voltage_bases;
mod vsource;
mod wire;

pub use load::{Scaling, ShapeNames};
pub use load_shape::LoadShape;
pub use options::Options;

use crate::error::ImportError;
use crate::report::ImportReport;
use crate::settings::ImportSettings;
use build::Build;
use circuit::Kind;
use covolt_grid::multiphase::{MultiphaseNetwork, PortIndex};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceClass {
    /// A load.
    Load,
    /// A generator.
    Generator,
    /// A photovoltaic system.
    PvSystem,
    /// A storage.
    Storage,
}

/// A load or another device of the script with its ports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Id with its class: `load.671`.
    pub id: String,
    /// What it is.
    pub class: DeviceClass,
    /// Its ports, one per phase; none where it is not connected.
    pub ports: Vec<PortIndex>,
    /// Demand of all phases before any multiplier, kW; negative: it feeds in.
    pub p_kw: f64,
    /// Demand of all phases before any multiplier, kvar.
    pub q_kvar: f64,
    /// Power factor, negative where active and reactive power have opposite signs.
    pub power_factor: f64,
    /// What multipliers do to it.
    pub scaling: Scaling,
    /// True: shapes change its active power alone.
    pub reactive_is_fixed: bool,
    /// Names of its shapes, in small letters; `default` may name one that the script did not make.
    pub shapes: ShapeNames,
}

/// A script as a network.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The network.
    pub network: MultiphaseNetwork,
    /// What was not taken as it is.
    pub report: ImportReport,
    /// Loads, generators, PV systems and storages, in the order of the script.
    pub devices: Vec<Device>,
    /// Load shapes by their name in small letters.
    pub load_shapes: BTreeMap<String, LoadShape>,
    /// Options that concern a solution.
    pub options: Options,
}

/// Runs the script in `path` and makes a network of what it has made.
///
/// # Errors
/// All lines that cannot be taken (up to a hundred), a limit of the settings, anything left out where `settings.strict` is set, or
/// all faults of the network.
pub fn import(path: impl AsRef<Path>, settings: &ImportSettings) -> Result<Imported, ImportError> {
    let mut script = script::Script::new(path.as_ref(), settings)?;
    script.run(path.as_ref())?;
    let script::Script { mut circuit, report, .. } = script;
    build::build(&mut circuit, report, settings)
}
