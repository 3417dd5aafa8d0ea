//! `covolt operator --dispatch` and `covolt agent --dispatch`: a day of the data, decided row by row over the network.

use super::optimize::check_soc;
use crate::cli::{AgentArgs, LiveRowsArgs, OperatorArgs};
use crate::exit::CliError;
use crate::output::Output;
use crate::participants::live_diary::{DISPATCH, DispatchDiary, ROWS, RowsDiary, certainty_text};
use crate::participants::parts::{AgentPart, OperatorPart};
use crate::participants::run_loop::{Ending, Surroundings, run as run_loop};
use crate::participants::sent::total;
use crate::policy_folder::load_of_part;
use covolt_case::Case;
use covolt_dispatch::{ForecastKind, MeritOrder, Proposer, start_state};
use covolt_fleet::{PriceKnowledge, StateKind};
use covolt_parties::{AgentDispatch, AgentDispatchSettings, How, OperatorDispatch, OperatorDispatchSettings};
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// The rows that are dispatched.
pub fn rows(case: &Case, args: &LiveRowsArgs) -> Result<Option<Range<usize>>, CliError> {
    let Some(day) = args.dispatch else { return Ok(None) };
    let all = case.profiles.rows_of_day(day);
    let steps = case.settings.steps;
    if all.len() < steps {
        let days = case.profiles.days();
        return Err(CliError::bad_input(format!(
            "--dispatch {day}: the data have no complete window on that day; days are 0 to {}",
            days.saturating_sub(1)
        )));
    }
    let count = args.rows.unwrap_or(all.len()).clamp(1, all.len());
    Ok(Some(all.start..all.start + count))
}

/// What is asked for, to be compared when it goes on.
pub fn asked(args: &LiveRowsArgs) -> Vec<(String, String)> {
    let day = args.dispatch.map_or_else(|| "no".to_owned(), |day| day.to_string());
    let rows = args.rows.map_or_else(|| "all".to_owned(), |n| n.to_string());
    vec![("dispatch".to_owned(), day), ("rows".to_owned(), rows)]
}

/// The operator's settings.
pub fn operator_settings(args: &OperatorArgs) -> OperatorDispatchSettings {
    let live = &args.live;
    OperatorDispatchSettings {
        mode: live.rows.layer.mode(),
        retry_ms: live.ask_again_ms,
        answer_ms: live.answer_ms,
        round_ms: live.round_ms,
        row_ms: live.row_ms,
        ..OperatorDispatchSettings::default()
    }
}

/// How often machines in dispatch are told the time.
pub const TICK: Duration = Duration::from_millis(10);

/// The operator dispatches the rows.
pub fn operate(
    args: &OperatorArgs,
    part: &OperatorPart,
    rows: Range<usize>,
    mut around: Surroundings,
    out: &mut Output,
) -> Result<(), CliError> {
    let run = around.folder.file.run.unwrap_or(0);
    let mut machine = OperatorDispatch::new(part.place(), operator_settings(args), run, rows);
    if let Some(bytes) = around.folder.checkpoint()? {
        machine.restore(&bytes)?;
    }
    around.log.say(&format!("dispatch from row {}", machine.row()));
    let case = &part.case;
    let mut diary = RowsDiary::open(around.folder.dir(), &case.fleet, &case.profiles.unix_s, part.names())?;
    let ending = run_loop(&mut machine, &mut diary, &mut around)?;
    let (messages, bytes) = total(&around.folder.sent(&machine.tally));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    machine.notes.iter().for_each(|note| *counts.entry(certainty_text(note.certainty)).or_default() += 1);
    let mut wall: Vec<u64> = machine.notes.iter().map(|note| note.wall_ms).collect();
    wall.sort_unstable();
    let at = |share: f64| wall.get(((wall.len() as f64 * share).ceil() as usize).max(1) - 1).copied();
    let exchanges: u64 = machine.notes.iter().map(|note| u64::from(note.exchanges)).sum();
    if out.is_json() {
        return out.json(&json!({
            "run": around.folder.dir(),
            "finished": ending == Ending::Finished,
            "rows": counts,
            "exchanges": exchanges,
            "wall_ms_median": at(0.5),
            "wall_ms_p99": at(0.99),
            "messages_sent": messages,
            "bytes_sent": bytes,
        }));
    }
    let said: Vec<String> = counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
    out.line(format!("{} row(s): {}", machine.notes.len(), said.join(", ")))?;
    if let (Some(median), Some(p99)) = (at(0.5), at(0.99)) {
        let mean = exchanges as f64 / machine.notes.len().max(1) as f64;
        out.line(format!("a row: {mean:.2} exchanges, median {median} ms, 99th percentile {p99} ms"))?;
    }
    out.line(format!("{messages} message(s) sent, {bytes} bytes; {}", around.folder.dir().join(ROWS).display()))
}

/// The proposer of an agent's part.
fn proposer(args: &AgentArgs, part: &AgentPart) -> Result<Box<dyn Proposer + Send>, CliError> {
    match (&args.live.policy, args.live.rule) {
        (Some(run), _) => Ok(Box::new(load_of_part(&part.case, part.seat, &part.info().whole_fingerprint, run)?)),
        (None, true) => Ok(Box::new(MeritOrder::default())),
        (None, false) => Err(CliError::bad_input("--dispatch needs --policy DIR, or --rule")),
    }
}

/// An agent dispatches the rows.
pub fn act(
    args: &AgentArgs,
    part: &AgentPart,
    rows: Range<usize>,
    connect: impl FnOnce() -> Result<Surroundings, CliError>,
    checkpoint: Option<Vec<u8>>,
    out: &mut Output,
) -> Result<(), CliError> {
    let live = &args.live;
    check_soc(live.soc)?;
    let proposer = proposer(args, part)?;
    let state = start_state(&part.case.fleet, &part.case.profiles, rows.start, live.soc)?;
    let state = state.into_iter().next().ok_or_else(|| CliError::bad_input("the part has no microgrid"))?;
    let settings = AgentDispatchSettings {
        mode: live.rows.layer.mode(),
        deadline_ms: live.deadline_ms,
        silence_ms: live.silence_ms,
        stale_rows: live.stale_rows,
        last_row: rows.end - 1,
        forecast: ForecastKind::default(),
        knowledge: PriceKnowledge::default(),
    };
    let mut machine = AgentDispatch::new(part.place(StateKind::Local), settings, proposer, state, rows.start)?;
    if let Some(bytes) = checkpoint {
        machine.restore(&bytes)?;
    }
    let mut around = connect()?;
    around.log.say(&format!("dispatch from row {}", machine.next_row()));
    let mut diary = DispatchDiary::open(around.folder.dir(), &part.case.fleet, &part.case.profiles.unix_s)?;
    let ending = run_loop(&mut machine, &mut diary, &mut around)?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    machine.applied.iter().for_each(|step| *counts.entry(How::name(step.how)).or_default() += 1);
    let (messages, bytes) = total(&around.folder.sent(&machine.tally));
    if out.is_json() {
        return out.json(&json!({
            "run": around.folder.dir(),
            "finished": ending == Ending::Finished,
            "rows": counts,
            "messages_sent": messages,
            "bytes_sent": bytes,
        }));
    }
    let said: Vec<String> = counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
    out.line(format!("{} row(s): {}", machine.applied.len(), said.join(", ")))?;
    out.line(format!("{messages} message(s) sent, {bytes} bytes; {}", around.folder.dir().join(DISPATCH).display()))
}
