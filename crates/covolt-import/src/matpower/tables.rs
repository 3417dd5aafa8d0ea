//! The tables of a case after its conversions: rows with their lines, columns by number, names of the buses.

use super::matrix::Matrix;
use super::statements::{CaseFields, Value, Variable};
use crate::error::{Complaint, ImportError};
use crate::report::{Action, ImportReport, Place};

/// One table, with the least number of columns that a power flow needs.
#[derive(Debug)]
pub(super) struct Table {
    matrix: Matrix,
    line: usize,
}

/// What a power flow reads of a case.
#[derive(Debug)]
pub(super) struct CaseTables {
    pub file: String,
    pub name: String,
    pub base_mva: f64,
    pub bus: Table,
    pub generator: Table,
    pub branch: Table,
    /// One per row of `bus`, when the file names its buses and the names are all different.
    pub names: Option<Vec<String>>,
    pub report: ImportReport,
}

/// Fields that only an optimal power flow or a person reads.
const NO_INFLUENCE: [&str; 26] = [
    "version",
    "gencost",
    "areas",
    "gentype",
    "genfuel",
    "gen_name",
    "branch_name",
    "reserves",
    "softlims",
    "if",
    "A",
    "l",
    "u",
    "N",
    "fparm",
    "H",
    "Cw",
    "z0",
    "zl",
    "zu",
    "user",
    "userfcn",
    "dclinecost",
    "iflims",
    "bus_area",
    "contingencies",
];

const BUS_COLUMNS: usize = 10;
const GENERATOR_COLUMNS: usize = 8;
const BRANCH_COLUMNS: usize = 11;

impl Table {
    pub fn rows(&self) -> usize {
        self.matrix.rows
    }

    /// The number in a row, both from 0.
    pub fn get(&self, row: usize, column: usize) -> f64 {
        self.matrix.get(row, column).unwrap_or(f64::NAN)
    }

    pub fn line(&self, row: usize) -> usize {
        self.matrix.lines.get(row).copied().unwrap_or(self.line)
    }

    fn none(line: usize) -> Table {
        Table { matrix: Matrix::default(), line }
    }
}

impl CaseTables {
    pub fn new(mut fields: CaseFields, file: &str) -> Result<CaseTables, ImportError> {
        let place = |line: usize| Place { file: file.to_owned(), line };
        let mut faults: Vec<Complaint> = Vec::new();
        let mut report = ImportReport::default();
        match fields.fields.get("version") {
            Some(Variable { value: Value::Text(version), .. }) if version == "2" => {}
            Some(Variable { value: Value::Matrix(m), .. }) if m.as_scalar() == Some(2.0) => {}
            Some(v) => {
                faults.push(Complaint { place: place(v.line), what: "the case format is not version 2".to_owned() })
            }
            None => report.add(&place(1), Action::Assumed, "no format version is given: read as version 2"),
        }
        let mut table = |name: &str, least: usize| match fields.fields.remove(name) {
            Some(Variable { value: Value::Matrix(matrix), line }) => {
                if !matrix.is_empty() && matrix.columns < least {
                    let what = format!("'{name}' has {} columns, {least} are needed", matrix.columns);
                    faults.push(Complaint { place: place(line), what });
                }
                Table { matrix, line }
            }
            Some(Variable { line, .. }) => {
                faults.push(Complaint { place: place(line), what: format!("'{name}' is not a table of numbers") });
                Table::none(line)
            }
            None => {
                faults.push(Complaint { place: place(1), what: format!("the case has no table '{name}'") });
                Table::none(1)
            }
        };
        let bus = table("bus", BUS_COLUMNS);
        let generator = table("gen", GENERATOR_COLUMNS);
        let branch = table("branch", BRANCH_COLUMNS);
        let base_mva = match fields.fields.remove("baseMVA") {
            Some(Variable { value: Value::Matrix(m), line }) => match m.as_scalar() {
                Some(base) if base.is_finite() && base > 0.0 => base,
                _ => {
                    faults.push(Complaint {
                        place: place(line),
                        what: "'baseMVA' is not one positive number".to_owned(),
                    });
                    f64::NAN
                }
            },
            other => {
                let line = other.map_or(1, |v| v.line);
                faults.push(Complaint { place: place(line), what: "'baseMVA' is not one positive number".to_owned() });
                f64::NAN
            }
        };
        if let Some(Variable { value, line }) = fields.fields.remove("dcline")
            && !matches!(&value, Value::Matrix(m) if (0..m.rows).all(|r| m.get(r, 2) == Some(0.0)))
        {
            faults.push(Complaint {
                place: place(line),
                what: "direct-current lines ('dcline') are not supported".to_owned(),
            });
        }
        if !faults.is_empty() {
            return Err(ImportError::Faulty(faults));
        }
        let names = fields.fields.remove("bus_name").and_then(|v| {
            let names = names(v.value, bus.rows());
            if names.is_none() {
                let what = "the names in 'bus_name' are not one different name for each bus: buses keep their numbers";
                report.add(&place(v.line), Action::Irrelevant, what);
            }
            names
        });
        for (field, variable) in &fields.fields {
            let root = field.split('.').next().unwrap_or_default();
            let known = NO_INFLUENCE.contains(&root);
            let action = if known { Action::Irrelevant } else { Action::LeftOut };
            if field != "version" {
                report.add(&place(variable.line), action, format!("'{field}' is not read"));
            }
        }
        let name = fields.name.unwrap_or_else(|| "case".to_owned());
        Ok(CaseTables { file: file.to_owned(), name, base_mva, bus, generator, branch, names, report })
    }

    pub fn place(&self, line: usize) -> Place {
        Place { file: self.file.clone(), line }
    }
}

/// The names, when there is one for each bus and no two are alike.
fn names(value: Value, buses: usize) -> Option<Vec<String>> {
    let Value::Cell(cells) = value else { return None };
    let text = |v: Value| match v {
        Value::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        _ => None,
    };
    let names: Vec<String> = cells.into_iter().map(text).collect::<Option<_>>()?;
    let different: std::collections::BTreeSet<&String> = names.iter().collect();
    (names.len() == buses && different.len() == buses).then_some(names)
}
