//! What the operator writes down: a row per update in `rounds.csv`.

use super::folder::ParticipantFolder;
use super::log::Log;
use super::round_table::RoundTable;
use super::run_loop::Diary;
use crate::exit::CliError;
use crate::progress::Progress;
use covolt_parties::OperatorTraining;
use std::path::Path;
use std::time::Instant;

/// The file.
pub const ROUNDS: &str = "rounds.csv";
/// Its columns.
const HEADER: &str = "round,exchanges,voltage_violation_pu,current_violation_percent,present,wall_ms";

/// The diary.
pub struct OperatorDiary {
    table: RoundTable,
    total: u32,
    since: Instant,
    progress: Progress,
}

impl OperatorDiary {
    /// Goes on with the table of the folder.
    pub fn open(dir: &Path, total: u32) -> Result<OperatorDiary, CliError> {
        let table = RoundTable::open(dir.join(ROUNDS), HEADER)?;
        let progress = Progress::start("operator", total as usize);
        Ok(OperatorDiary { table, total, since: Instant::now(), progress })
    }

    /// Ends the progress bar.
    pub fn close(self) {
        self.progress.finish();
    }
}

impl Diary<OperatorTraining<'_>> for OperatorDiary {
    fn note(&mut self, machine: &OperatorTraining<'_>) -> Result<(), CliError> {
        let note = machine.note;
        if note.exchanges == 0 || !self.table.lacks(note.round) {
            return Ok(());
        }
        let wall_ms = self.since.elapsed().as_secs_f64() * 1e3;
        self.since = Instant::now();
        let (volts, amps) = (note.voltage_violation_pu, 100.0 * note.current_violation);
        let row = format!("{},{volts},{amps},{},{wall_ms:.3}", note.exchanges, note.present);
        self.table.add(note.round, &row)?;
        let (done, total) = (note.round as usize + 1, self.total as usize);
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
