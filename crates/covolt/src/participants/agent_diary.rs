//! What an agent writes down: its policy, and a row per update in `training.csv`. All of it stays with the agent.

use super::folder::ParticipantFolder;
use super::log::Log;
use super::round_table::RoundTable;
use super::run_loop::Diary;
use crate::exit::CliError;
use crate::policy_folder::{self, PolicyOf};
use covolt_parties::AgentTraining;
use std::path::Path;

/// The table of updates.
pub const TRAINING: &str = "training.csv";
/// Its columns.
const HEADER: &str = "round,cost,voltage_violation_pu,current_violation_percent";

/// The diary.
pub struct AgentDiary {
    table: RoundTable,
    seat: usize,
    microgrid: String,
    whole_fingerprint: String,
    /// Updates, and the row of the answer that the next one will rest on.
    known: (u32, String),
}

impl AgentDiary {
    /// Goes on with the table of the folder, after so many updates.
    pub fn open(
        dir: &Path,
        done: u32,
        (seat, microgrid): (usize, &str),
        whole_fingerprint: &str,
    ) -> Result<AgentDiary, CliError> {
        let table = RoundTable::open(dir.join(TRAINING), HEADER)?;
        let (microgrid, whole_fingerprint) = (microgrid.to_owned(), whole_fingerprint.to_owned());
        Ok(AgentDiary { table, seat, microgrid, whole_fingerprint, known: (done, String::new()) })
    }
}

impl Diary<AgentTraining<'_>> for AgentDiary {
    fn note(&mut self, machine: &AgentTraining<'_>) -> Result<(), CliError> {
        let updates = machine.updates();
        let (known, row) = &self.known;
        // Updates made while catching up had their rows before, but for the one that a kill came in between.
        if updates == known + 1 && !row.is_empty() {
            self.table.add(*known, row)?;
        }
        let own = machine.returns;
        self.known = (updates, format!("{},{},{}", own.cost, own.voltage_violation_pu, 100.0 * own.current_violation));
        Ok(())
    }

    fn keep(
        &mut self,
        machine: &AgentTraining<'_>,
        folder: &mut ParticipantFolder,
        log: &mut Log,
    ) -> Result<(), CliError> {
        let (Some(run), Some(plan), Some(policy)) = (machine.run(), machine.plan(), machine.policy()) else {
            return Ok(());
        };
        if folder.file.run != Some(run) {
            self.begin(run, machine.updates(), folder, log)?;
        }
        let of = PolicyOf {
            number: self.seat,
            microgrid: &self.microgrid,
            case_fingerprint: &self.whole_fingerprint,
            trainer: "parties",
            seed: plan.seed,
        };
        policy_folder::save_one(&policy, &of, folder.dir()).map(drop)
    }
}

impl AgentDiary {
    /// Another run than before: what it learned then is put aside.
    fn begin(&mut self, run: u64, done: u32, folder: &mut ParticipantFolder, log: &mut Log) -> Result<(), CliError> {
        let policies = folder.dir().join(policy_folder::POLICIES);
        if let (Some(before), true) = (folder.file.run, policies.is_dir()) {
            let aside = folder.dir().join(format!("policies-of-run-{before}"));
            std::fs::rename(&policies, &aside)
                .map_err(|e| CliError::bad_input(format!("{}: {e}", policies.display())))?;
            log.say(&format!("another run begins; the policy of run {before} is kept in {}", aside.display()));
        }
        (folder.file.run, folder.file.finished) = (Some(run), false);
        self.table.restart()?;
        self.known = (done, String::new());
        log.say(&format!("run {run} begins at update {done}"));
        folder.write_run()
    }
}
