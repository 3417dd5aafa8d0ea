//! What the operator writes down: a row per update in `rounds.csv`.

use super::folder::ParticipantFolder;
use super::log::Log;
use super::run_loop::Diary;
use crate::exit::CliError;
use crate::progress::Progress;
use covolt_parties::OperatorTraining;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The file.
pub const ROUNDS: &str = "rounds.csv";
/// Its columns.
const HEADER: &str = "round,exchanges,voltage_violation_pu,current_violation_percent,present,wall_ms";

/// The diary.
pub struct OperatorDiary {
    path: PathBuf,
    file: File,
    next: u32,
    total: u32,
    since: Instant,
    progress: Progress,
}

impl OperatorDiary {
    /// Goes on behind the rows of the rounds before `next`.
    pub fn open(dir: &Path, next: u32, total: u32) -> Result<OperatorDiary, CliError> {
        let path = dir.join(ROUNDS);
        let file = rows_until(&path, HEADER, next)?;
        let progress = Progress::start("operator", total as usize);
        Ok(OperatorDiary { path, file, next, total, since: Instant::now(), progress })
    }

    /// Ends the progress bar.
    pub fn close(self) {
        self.progress.finish();
    }
}

impl Diary<OperatorTraining<'_>> for OperatorDiary {
    fn note(&mut self, machine: &OperatorTraining<'_>) -> Result<(), CliError> {
        let note = machine.note;
        // The next one, or one further on where an agent was ahead of the operator.
        if note.exchanges == 0 || note.round < self.next {
            return Ok(());
        }
        let wall_ms = self.since.elapsed().as_secs_f64() * 1e3;
        self.since = Instant::now();
        self.next = note.round + 1;
        let (volts, amps) = (note.voltage_violation_pu, 100.0 * note.current_violation);
        let row = format!("{},{},{volts},{amps},{},{wall_ms:.3}\n", note.round, note.exchanges, note.present);
        append(&mut self.file, &self.path, &row)?;
        let (done, total) = (self.next as usize, self.total as usize);
        self.progress.at(done, total, || {
            format!(
                "{} exchange(s), worst violation {volts:.1e} pu {amps:.2} %, {} agent(s)",
                note.exchanges, note.present
            )
        });
        Ok(())
    }

    fn keep(&mut self, _: &OperatorTraining<'_>, _: &mut ParticipantFolder, _: &mut Log) -> Result<(), CliError> {
        Ok(())
    }
}

/// Opens a table of rounds for appending, rows from round `next` on and a broken last line taken off.
pub(super) fn rows_until(path: &Path, header: &str, next: u32) -> Result<File, CliError> {
    let fault = |e: std::io::Error| CliError::bad_input(format!("{}: {e}", path.display()));
    let mut text = format!("{header}\n");
    if let Ok(old) = std::fs::read_to_string(path) {
        let columns = header.split(',').count();
        let whole = |line: &&str| {
            let round = line.split(',').next().and_then(|cell| cell.parse::<u32>().ok());
            line.split(',').count() == columns && round.is_some_and(|round| round < next)
        };
        // What comes behind the last end of line was cut off by a kill.
        let complete = old.rfind('\n').map_or("", |end| &old[..end]);
        complete.lines().skip(1).filter(whole).for_each(|line| {
            text.push_str(line);
            text.push('\n');
        });
    }
    crate::run_folder::replace(path, text.as_bytes())?;
    std::fs::OpenOptions::new().append(true).open(path).map_err(fault)
}

/// Adds a row in one piece.
pub(super) fn append(file: &mut File, path: &Path, row: &str) -> Result<(), CliError> {
    file.write_all(row.as_bytes()).map_err(|e| CliError::bad_input(format!("{}: {e}", path.display())))
}
