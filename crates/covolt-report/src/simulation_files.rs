//! Writing the files of a simulation row by row, so that a long simulation needs no memory for them.

use crate::error::ReportError;
use crate::simulation::{BranchRow, BusRow, DecisionRow, DispatchRow, InjectionRow};
use serde::Serialize;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A row type with its file and its columns.
pub trait Row: Serialize {
    /// Name of the file.
    const FILE: &'static str;
    /// Columns in order: name, unit, meaning.
    const COLUMNS: &'static [(&'static str, &'static str, &'static str)];
}

impl Row for DispatchRow {
    const FILE: &'static str = "dispatch.csv";
    const COLUMNS: &'static [(&'static str, &'static str, &'static str)] = &[
        ("time", "-", "start of the step, as in the case's series"),
        ("microgrid", "-", "name of the microgrid"),
        ("device", "-", "id of the device"),
        ("p_kw", "kW", "active power, positive = delivered to the network (loads and charging are negative)"),
        ("q_kvar", "kvar", "reactive power, positive = delivered to the network"),
        ("soc", "fraction", "state of charge at the end of the step, 0-1; empty for anything but a battery"),
    ];
}

impl Row for InjectionRow {
    const FILE: &'static str = "injections.csv";
    const COLUMNS: &'static [(&'static str, &'static str, &'static str)] = &[
        ("t", "-", "number of the step, from 0"),
        ("bus", "-", "id of the bus"),
        ("p_kw", "kW", "net active injection, positive = into the network"),
        ("q_kvar", "kvar", "net reactive injection, positive = into the network"),
    ];
}

impl Row for BusRow {
    const FILE: &'static str = "buses.csv";
    const COLUMNS: &'static [(&'static str, &'static str, &'static str)] = &[
        ("t", "-", "number of the step, from 0"),
        ("bus", "-", "id of the bus"),
        ("vm_pu", "pu", "voltage magnitude, of the nominal voltage of the bus"),
        ("va_deg", "degrees", "voltage angle against the slack bus"),
    ];
}

impl Row for BranchRow {
    const FILE: &'static str = "branches.csv";
    const COLUMNS: &'static [(&'static str, &'static str, &'static str)] = &[
        ("t", "-", "number of the step, from 0"),
        ("branch", "-", "id of the branch"),
        ("i_from_a", "A", "current magnitude at the from end"),
        ("i_to_a", "A", "current magnitude at the to end"),
        ("loading", "fraction", "largest current over its limit, 1 = at the limit; empty without a limit"),
    ];
}

impl Row for DecisionRow {
    const FILE: &'static str = "decisions.csv";
    const COLUMNS: &'static [(&'static str, &'static str, &'static str)] = &[
        ("time", "-", "start of the step that was decided"),
        ("layer", "-", "layer that produced the action: bare, repaired, polished, rule or least_violation"),
        ("certified", "-", "true when every limit of the window holds after the true AC power flow"),
        ("policy", "-", "version (fingerprint) of the policies that acted"),
        ("voltage_margin_pu", "pu", "smallest distance of a bus voltage to its limit; negative = violated"),
        ("voltage_bus", "-", "bus of that distance"),
        (
            "current_margin_percent",
            "%",
            "smallest distance of a branch current to its limit, of the limit; negative = violated",
        ),
        ("current_branch", "-", "branch of that distance"),
        ("binding", "-", "limits that bind, separated by semicolons"),
        ("programs", "-", "quadratic programs solved for repair and polish"),
        ("window_cost_usd", "$", "cost of the window, terminal value of stored energy included"),
        ("cost_usd", "$", "cost of the applied step alone, without terminal value"),
        ("bound_gap_percent", "%", "distance to the lower bound; empty where not asked for"),
        ("time_us", "microseconds", "time taken by the decision and its certificate"),
    ];
}

/// One file being written.
#[derive(Debug)]
pub struct RowFile {
    path: PathBuf,
    writer: csv::Writer<File>,
}

impl RowFile {
    /// Starts the file of a row type in `dir`, with its header.
    pub fn create<R: Row>(dir: &Path) -> Result<Self, ReportError> {
        let path = dir.join(R::FILE);
        let failed = |source| ReportError::csv(&path, source);
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_path(&path).map_err(failed)?;
        writer.write_record(R::COLUMNS.iter().map(|c| c.0)).map_err(failed)?;
        Ok(Self { path, writer })
    }

    fn push(&mut self, row: &impl Row) -> Result<(), ReportError> {
        self.writer.serialize(row).map_err(|source| ReportError::csv(&self.path, source))
    }

    fn finish(mut self) -> Result<(), ReportError> {
        self.writer.flush().map_err(|source| ReportError::write(&self.path, source))
    }
}

/// All files of one simulation.
#[derive(Debug)]
pub struct SimulationFiles {
    dispatch: RowFile,
    injections: RowFile,
    buses: RowFile,
    branches: RowFile,
    decisions: RowFile,
}

impl SimulationFiles {
    /// Starts all files in `dir` (made if missing) and writes `COLUMNS.md`. Files of the same names are replaced;
    /// whether they may be is for the caller to decide.
    pub fn create(dir: &Path) -> Result<Self, ReportError> {
        std::fs::create_dir_all(dir).map_err(|source| ReportError::write(dir, source))?;
        let columns = dir.join(crate::tables::COLUMNS_FILE);
        std::fs::write(&columns, columns_text()).map_err(|source| ReportError::write(&columns, source))?;
        Ok(Self {
            dispatch: RowFile::create::<DispatchRow>(dir)?,
            injections: RowFile::create::<InjectionRow>(dir)?,
            buses: RowFile::create::<BusRow>(dir)?,
            branches: RowFile::create::<BranchRow>(dir)?,
            decisions: RowFile::create::<DecisionRow>(dir)?,
        })
    }

    /// Adds a row to `dispatch.csv`.
    pub fn dispatch(&mut self, row: &DispatchRow) -> Result<(), ReportError> {
        self.dispatch.push(row)
    }

    /// Adds a row to `injections.csv`.
    pub fn injection(&mut self, row: &InjectionRow) -> Result<(), ReportError> {
        self.injections.push(row)
    }

    /// Adds a row to `buses.csv`.
    pub fn bus(&mut self, row: &BusRow) -> Result<(), ReportError> {
        self.buses.push(row)
    }

    /// Adds a row to `branches.csv`.
    pub fn branch(&mut self, row: &BranchRow) -> Result<(), ReportError> {
        self.branches.push(row)
    }

    /// Adds a row to `decisions.csv`.
    pub fn decision(&mut self, row: &DecisionRow) -> Result<(), ReportError> {
        self.decisions.push(row)
    }

    /// Writes what is still in memory; without it errors of the last rows would go unseen.
    pub fn finish(self) -> Result<(), ReportError> {
        let files = [self.dispatch, self.injections, self.buses, self.branches, self.decisions];
        files.into_iter().try_for_each(RowFile::finish)
    }
}

/// The description of the columns of all files of a simulation, as Markdown.
pub fn columns_text() -> String {
    fn describe<R: Row>(text: &mut String) {
        let _ = write!(text, "\n## {}\n\n| column | unit | meaning |\n|---|---|---|\n", R::FILE);
        for (name, unit, meaning) in R::COLUMNS {
            let _ = writeln!(text, "| {name} | {unit} | {meaning} |");
        }
    }
    let mut text = String::from("# Columns\n\nAn empty cell means that the value does not apply.\n");
    describe::<DispatchRow>(&mut text);
    describe::<InjectionRow>(&mut text);
    describe::<BusRow>(&mut text);
    describe::<BranchRow>(&mut text);
    describe::<DecisionRow>(&mut text);
    text
}
