//! A table with a row per round, written as the rounds close, and gone on with after a kill.

use crate::exit::CliError;
use crate::run_folder;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// The table.
pub struct RoundTable {
    path: PathBuf,
    header: String,
    file: File,
    /// Round that the next row may be of.
    next: u32,
}

impl RoundTable {
    /// Goes on behind the rows that are there, or starts the table.
    pub fn open(path: PathBuf, header: &str) -> Result<RoundTable, CliError> {
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        // What comes behind the last end of line was cut off by a kill.
        let complete = old.rfind('\n').map_or("", |end| &old[..end]);
        let (mut text, mut next) = (format!("{header}\n"), 0);
        for row in complete.lines().skip(1) {
            let round = row.split(',').next().and_then(|cell| cell.parse::<u32>().ok());
            if let Some(round) = round.filter(|round| *round >= next) {
                text.push_str(row);
                text.push('\n');
                next = round.saturating_add(1);
            }
        }
        RoundTable::with(path, header, &text, next)
    }

    /// Starts the table again.
    pub fn restart(&mut self) -> Result<(), CliError> {
        *self = RoundTable::with(self.path.clone(), &self.header, &format!("{}\n", self.header), 0)?;
        Ok(())
    }

    fn with(path: PathBuf, header: &str, text: &str, next: u32) -> Result<RoundTable, CliError> {
        run_folder::replace(&path, text.as_bytes())?;
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.map_err(|e| CliError::bad_input(format!("{}: {e}", path.display())))?;
        Ok(RoundTable { path, header: header.to_owned(), file, next })
    }

    /// True where the table has no row of this round yet.
    pub fn lacks(&self, round: u32) -> bool {
        round >= self.next
    }

    /// Adds a row in one piece, unless the round has one already.
    pub fn add(&mut self, round: u32, cells: &str) -> Result<(), CliError> {
        if self.lacks(round) {
            let written = self.file.write_all(format!("{round},{cells}\n").as_bytes());
            written.map_err(|e| CliError::bad_input(format!("{}: {e}", self.path.display())))?;
            self.next = round.saturating_add(1);
        }
        Ok(())
    }
}
