//! What is written down in dispatch: `rows.csv` of the operator, `dispatch.csv` of an agent.

use super::folder::ParticipantFolder;
use super::log::Log;
use super::round_table::RoundTable;
use super::run_loop::Diary;
use crate::exit::CliError;
use crate::moment::utc_text;
use covolt_dispatch::Verdict;
use covolt_fleet::{Fleet, Nearest};
use covolt_parties::{AgentDispatch, OperatorDispatch};
use covolt_wire::Certainty;
use std::path::Path;

/// The operator's file.
pub const ROWS: &str = "rows.csv";
/// An agent's file.
pub const DISPATCH: &str = "dispatch.csv";

/// How a certainty is written.
pub fn certainty_text(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Certified => "certified",
        Certainty::LeastViolation => "least_violation",
        Certainty::WithoutSome => "without_some",
    }
}

/// Of the operator.
pub struct RowsDiary<'a> {
    table: RoundTable,
    fleet: &'a Fleet,
    unix_s: &'a [i64],
    names: Vec<String>,
    written: usize,
}

impl<'a> RowsDiary<'a> {
    /// Goes on with the table of the folder.
    pub fn open(
        dir: &Path,
        fleet: &'a Fleet,
        unix_s: &'a [i64],
        names: Vec<String>,
    ) -> Result<RowsDiary<'a>, CliError> {
        let header = "row,time,certainty,exchanges,priced,wall_ms,voltage_excess_pu,voltage_bus,current_excess_percent,current_branch,assumed,broken,reason";
        Ok(RowsDiary { table: RoundTable::open(dir.join(ROWS), header)?, fleet, unix_s, names, written: 0 })
    }

    fn named(&self, seats: &[usize]) -> String {
        seats.iter().filter_map(|&n| self.names.get(n)).cloned().collect::<Vec<_>>().join(" ")
    }
}

impl Diary<OperatorDispatch<'_>> for RowsDiary<'_> {
    fn note(&mut self, machine: &OperatorDispatch<'_>) -> Result<(), CliError> {
        for note in &machine.notes[self.written..] {
            let of = |nearest: &Option<Nearest>, factor: f64| match nearest {
                Some(n) => (format!("{:e}", factor * n.excess), n.limit.element(self.fleet)),
                None => (String::new(), String::new()),
            };
            let ((volts, bus), (amps, branch)) = (of(&note.voltage, 1.0), of(&note.current, 100.0));
            let time = self.unix_s.get(note.row).map_or_else(String::new, |&s| utc_text(s));
            let (assumed, broken) = (self.named(&note.assumed), self.named(&note.broken));
            let reason = note.reason.as_deref().unwrap_or("").replace(['"', ',', '\n'], " ");
            let cells = format!(
                "{time},{},{},{},{},{volts},{bus},{amps},{branch},{assumed},{broken},{reason}",
                certainty_text(note.certainty),
                note.exchanges,
                note.priced,
                note.wall_ms
            );
            self.table.add(u32::try_from(note.row).unwrap_or(u32::MAX), &cells)?;
        }
        self.written = machine.notes.len();
        Ok(())
    }

    fn keep(&mut self, _: &OperatorDispatch<'_>, _: &mut ParticipantFolder, _: &mut Log) -> Result<(), CliError> {
        Ok(())
    }
}

/// Of an agent.
pub struct DispatchDiary<'a> {
    table: RoundTable,
    unix_s: &'a [i64],
    written: usize,
}

impl<'a> DispatchDiary<'a> {
    /// Goes on with the table of the folder; set points are columns, in the order of the action.
    pub fn open(dir: &Path, part: &Fleet, unix_s: &'a [i64]) -> Result<DispatchDiary<'a>, CliError> {
        let set_points = part.microgrids.first().map_or_else(Vec::new, |mg| mg.layout(1).names());
        let header = format!("row,time,how,checked,v_pcc_pu,margin_pu,exchanges,{}", set_points.join(","));
        Ok(DispatchDiary { table: RoundTable::open(dir.join(DISPATCH), &header)?, unix_s, written: 0 })
    }
}

impl Diary<AgentDispatch<'_>> for DispatchDiary<'_> {
    fn note(&mut self, machine: &AgentDispatch<'_>) -> Result<(), CliError> {
        for step in &machine.applied[self.written..] {
            let time = self.unix_s.get(step.row).map_or_else(String::new, |&s| utc_text(s));
            let checked = match step.verdict {
                Verdict::Certified => "own_limits_hold",
                Verdict::Violating { .. } | Verdict::LeastViolation { .. } => "own_limits_broken",
                Verdict::NoPowerFlow { .. } => "no_power_flow",
            };
            let action: Vec<String> = step.action.iter().map(|a| a.to_string()).collect();
            let (v, margin, exchanges) = (step.v_pu, step.margin_pu, step.exchanges);
            let cells = format!("{time},{},{checked},{v},{margin},{exchanges},{}", step.how.name(), action.join(","));
            self.table.add(u32::try_from(step.row).unwrap_or(u32::MAX), &cells)?;
        }
        self.written = machine.applied.len();
        Ok(())
    }

    fn keep(&mut self, _: &AgentDispatch<'_>, _: &mut ParticipantFolder, _: &mut Log) -> Result<(), CliError> {
        Ok(())
    }
}
