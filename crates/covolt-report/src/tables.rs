//! The tables of the report, and the data of its figures, as CSV files with a description of every column.

mod agents;
mod results;
mod series;

pub use results::results;
pub use series::series;

use crate::error::ReportError;
use crate::record::StudyRecord;
use crate::table::Table;
use std::fmt::Write as _;
use std::path::Path;

/// Name of the file that describes the columns.
pub const COLUMNS_FILE: &str = "COLUMNS.md";

/// All tables: results first, then the data of the figures.
pub fn all(record: &StudyRecord) -> Vec<Table> {
    let mut tables = results(record);
    tables.extend(series(record));
    tables
}

/// Writes every table as CSV into `dir` (made if missing), with `COLUMNS.md`; returns the file names.
pub fn write_tables(record: &StudyRecord, dir: &Path) -> Result<Vec<String>, ReportError> {
    std::fs::create_dir_all(dir).map_err(|source| ReportError::write(dir, source))?;
    let tables = all(record);
    for table in &tables {
        let path = dir.join(table.file);
        let failed = |source| ReportError::csv(&path, source);
        let mut writer = csv::Writer::from_path(&path).map_err(failed)?;
        writer.write_record(table.columns.iter().map(|c| c.name)).map_err(failed)?;
        for row in &table.rows {
            writer.write_record(row.iter().map(|cell| cell.csv())).map_err(failed)?;
        }
        writer.flush().map_err(|source| ReportError::write(&path, source))?;
    }
    let path = dir.join(COLUMNS_FILE);
    std::fs::write(&path, describe(&tables)).map_err(|source| ReportError::write(&path, source))?;
    let mut files: Vec<String> = tables.iter().map(|t| t.file.to_owned()).collect();
    files.push(COLUMNS_FILE.to_owned());
    Ok(files)
}

/// The description of all columns as Markdown.
pub fn describe(tables: &[Table]) -> String {
    let mut text = String::from(
        "# Columns\n\nNumbers are written in full; an empty cell means that the value is not known or does not apply.\n",
    );
    for table in tables {
        let _ = write!(text, "\n## {}\n\n{}\n\n| column | unit | meaning |\n|---|---|---|\n", table.file, table.title);
        for column in &table.columns {
            let unit = if column.unit.is_empty() { "-" } else { column.unit };
            let _ = writeln!(text, "| {} | {unit} | {} |", column.name, column.meaning);
        }
    }
    text
}
