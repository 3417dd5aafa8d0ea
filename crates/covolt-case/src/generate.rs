//! Generated cases: any number of 13-bus microgrids on feeders behind substation transformers, drawn from one seed.
//!
//! Every microgrid is a copy of one of the five of the built-in case with devices, loads and fuel price varied; its loads follow
//! the same measured customers at other weeks. Up to [`PER_FEEDER`] microgrids hang on one feeder with two buses for each.
//! The limits of a fresh draw are wide open; [`GeneratedCase::set_limits`] chooses them by rule from power flows of the case
//! (`generate/limits.rs`), which the caller makes, since this crate solves nothing. How, and why: docs/generated-cases.md.

mod feeders;
mod limits;
mod microgrids;

pub use limits::{ChosenLimits, Stress};

use crate::builtin::{FILES, write_new};
use crate::case::{Case, read_case};
use crate::case_files::CaseFiles;
use crate::fault::{CaseError, CaseFault};
use crate::table_rows::{BatteryRow, BranchRow, BusRow, GeneratorRow, LoadRow, PvRow};
use microgrids::MicrogridText;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// Microgrids of a full feeder.
pub const PER_FEEDER: usize = 100;
/// Most microgrids of a case; the identifiers and the tests go no further.
pub const LARGEST: usize = 10_000;

/// A case in the making: its tables, and which branches share a rating.
#[derive(Debug)]
pub struct GeneratedCase {
    name: String,
    buses: Vec<BusRow>,
    branches: Vec<BranchRow>,
    /// Group of each branch whose rating is chosen with that of others.
    group: Vec<Option<usize>>,
    groups: usize,
    generators: Vec<GeneratorRow>,
    pvs: Vec<PvRow>,
    batteries: Vec<BatteryRow>,
    loads: Vec<LoadRow>,
    microgrids: Vec<MicrogridText>,
    band: (f64, f64),
}

impl GeneratedCase {
    /// Draws a case of `count` microgrids (1 to [`LARGEST`]; more or fewer are cut); the same generator state gives the same case.
    ///
    /// # Errors
    /// Faults of the built-in case: never in a released version, since a test loads it.
    pub fn draw(count: usize, name: &str, rng: &mut ChaCha8Rng) -> Result<GeneratedCase, Vec<CaseFault>> {
        let count = count.clamp(1, LARGEST);
        let templates = microgrids::Templates::read()?;
        let mut case = GeneratedCase {
            name: name.to_owned(),
            buses: Vec::new(),
            branches: Vec::new(),
            group: Vec::new(),
            groups: 0,
            generators: Vec::new(),
            pvs: Vec::new(),
            batteries: Vec::new(),
            loads: Vec::new(),
            microgrids: Vec::new(),
            band: WIDE_BAND,
        };
        let taps = feeders::add(&mut case, count, &templates, rng);
        for (n, at) in taps.iter().enumerate() {
            microgrids::add(&mut case, n + 1, at, &templates, rng);
        }
        Ok(case)
    }

    /// Group of each branch, in the order of the table; groups are counted from 0 to [`Self::groups`].
    pub fn group_of_branch(&self) -> &[Option<usize>] {
        &self.group
    }

    /// Number of groups of branches with a common rating.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Chooses ratings and voltage band by rule from what the branches carry, see `generate/limits.rs`.
    pub fn set_limits(&mut self, stress: &Stress) -> ChosenLimits {
        let chosen = limits::choose(stress, &self.group, &self.branches);
        for (branch, rating) in self.branches.iter_mut().zip(&chosen.rating_a) {
            branch.rating_a = Some(*rating);
        }
        self.band = (chosen.v_min_pu, chosen.v_max_pu);
        chosen
    }

    /// The case as it stands.
    ///
    /// # Errors
    /// What is wrong with it; never with a drawn case.
    pub fn to_case(&self) -> Result<Case, Vec<CaseFault>> {
        let files = self.files().map_err(|e| vec![crate::fault::Place::default().fault("", e.to_string(), "")])?;
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        read_case(&CaseFiles::Embedded(&files)).into_result()
    }

    /// Writes the case into a new or empty folder, with the series and their licence.
    ///
    /// # Errors
    /// The folder is not empty, or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), CaseError> {
        let files = self.files()?;
        write_new(folder, files.iter().map(|(name, bytes)| (*name, bytes.as_slice())))
    }

    fn files(&self) -> Result<Vec<(&'static str, Vec<u8>)>, CaseError> {
        let mut files = vec![
            ("case.toml", self.case_toml().into_bytes()),
            ("buses.csv", csv_table("buses.csv", &self.buses)?),
            ("branches.csv", csv_table("branches.csv", &self.branches)?),
            ("generators.csv", csv_table("generators.csv", &self.generators)?),
            ("pv.csv", csv_table("pv.csv", &self.pvs)?),
            ("batteries.csv", csv_table("batteries.csv", &self.batteries)?),
            ("loads.csv", csv_table("loads.csv", &self.loads)?),
        ];
        let shipped = |name: &str| name.starts_with("series/") || matches!(name, "LICENSE.simbench" | "NOTICE");
        files.extend(FILES.iter().filter(|(name, _)| shipped(name)).map(|(name, bytes)| (*name, bytes.to_vec())));
        Ok(files)
    }

    fn case_toml(&self) -> String {
        let mut text = format!(
            r#"# Generated by covolt case generate. Every key: docs/case-format.md. How it was made: docs/generated-cases.md.
name = "{}"
description = "{} generated 13-bus microgrids, measured loads and PV of 2016 at other weeks, made-up prices"
currency = "$"

[network]
buses = "buses.csv"
branches = "branches.csv"
base_mva = 1.0
frequency_hz = 60.0
source_bus = "{}"
source_v_pu = {SOURCE_V_PU}

[limits]
v_min_pu = {}
v_max_pu = {}

{SHIPPED_SECTIONS}"#,
            self.name,
            self.microgrids.len(),
            feeders::SOURCE,
            self.band.0,
            self.band.1,
        );
        for m in &self.microgrids {
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n[[microgrid]]\nname = \"{}\"\npcc = \"{}\"\nfuel_price_per_l = {}\nload_scale = {}\n",
                m.name, m.pcc, m.fuel_price_per_l, m.load_scale
            );
        }
        text
    }
}

/// Sections of a case.toml that follows the shipped series: tables of devices, window, clock, series, price, stored energy.
pub(crate) const SHIPPED_SECTIONS: &str = r#"[devices]
generators = "generators.csv"
pv = "pv.csv"
batteries = "batteries.csv"
loads = "loads.csv"

[window]
steps = 4
step_minutes = 15

[calendar]
utc_offset_hours = 1.0

# Contains SimBench data (www.simbench.net), ODbL 1.0. See NOTICE and LICENSE.simbench.
[series.measured]
file = "series/measured.csv.gz"
time_column = "ts_utc"

# Made up: nobody's tariff and no market's result.
[series.prices]
file = "series/prices.csv.gz"
time_column = "ts_utc"

[price]
series = "prices"
column = "price_usd_per_kwh"
unit = "$/kWh"

[storage_value]
kind = "price-forecast"
horizon_hours = 24
"#;

/// Voltage of the source, pu.
const SOURCE_V_PU: f64 = 1.02;
/// Band of a case whose limits are not chosen yet: nothing binds.
const WIDE_BAND: (f64, f64) = (0.5, 1.5);

pub(crate) fn csv_table<T: Serialize>(name: &str, rows: &[T]) -> Result<Vec<u8>, CaseError> {
    let failed = |reason: String| CaseError::Write { path: name.to_owned(), reason };
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| writer.serialize(row)).map_err(|e| failed(e.to_string()))?;
    writer.into_inner().map_err(|e| failed(e.to_string()))
}

/// A number to four significant digits, so that tables stay readable.
pub(crate) fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let unit = 10f64.powi(value.abs().log10().floor() as i32 - 3);
    // Division by the inverse keeps decimal numbers short where the unit is below one.
    if unit < 1.0 { (value / unit).round() / (1.0 / unit).round() } else { (value / unit).round() * unit }
}
