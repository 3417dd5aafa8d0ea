//! `covolt operator`: the operator of a feeder as a process that trains the agents which connect to the same server.

use super::live_dispatch;
use crate::cli::OperatorArgs;
use crate::exit::CliError;
use crate::interrupt;
use crate::output::Output;
use crate::participants::folder::{ParticipantFolder, RunFile};
use crate::participants::link_settings::{link_settings, stream_settings, timing};
use crate::participants::log::Log;
use crate::participants::operator_diary::OperatorDiary;
use crate::participants::parts::OperatorPart;
use crate::participants::plan::training_plan;
use crate::participants::run_loop::{Ending, Surroundings, run as run_loop, tick};
use crate::participants::sent::{Role, total};
use covolt_net::{Link, Participant};
use covolt_parties::{OperatorTraining, Party};
use covolt_wire::TrainingPlan;
use serde_json::json;
use std::time::{Duration, Instant};

/// Runs the command.
pub fn run(args: &OperatorArgs, out: &mut Output) -> Result<(), CliError> {
    let part = OperatorPart::load(&args.case.case)?;
    let folder = ParticipantFolder::open(&args.out, run_file(args, &part))?;
    if folder.file.finished {
        return already_finished(&folder, out);
    }
    if let Some(rows) = live_dispatch::rows(&part.case, &args.live.rows)? {
        let around = surroundings(args, &part, folder, live_dispatch::TICK)?;
        return live_dispatch::operate(args, &part, rows, around, out);
    }
    train(args, &part, folder, out)
}

fn train(
    args: &OperatorArgs,
    part: &OperatorPart,
    folder: ParticipantFolder,
    out: &mut Output,
) -> Result<(), CliError> {
    let plan = plan(part, &folder.file)?;
    let episodes = plan.episodes;
    let timing = timing(&args.timing, args.plan.go_on_after_ms);
    let (run, checkpoint) = (folder.file.run.unwrap_or(0), folder.checkpoint()?);
    let mut machine = OperatorTraining::new(part.place(), plan, timing, run, checkpoint.as_deref())?;
    let mut around = surroundings(args, part, folder, tick(&timing))?;
    around.log.say(&format!("run {} of {}, {episodes} update(s)", machine.run(), part.info().whole_name));
    if !around.folder.resumed && around.link.settings().stream.is_some() {
        around.link.forget()?;
    }
    let mut diary = OperatorDiary::open(around.folder.dir(), episodes)?;
    let clock = Instant::now();
    let ending = run_loop(&mut machine, &mut diary, &mut around);
    diary.close();
    say(&machine, ending?, clock.elapsed().as_secs_f64(), &around.folder, out)
}

/// Connects, with a log in the folder.
fn surroundings(
    args: &OperatorArgs,
    part: &OperatorPart,
    mut folder: ParticipantFolder,
    tick: Duration,
) -> Result<Surroundings, CliError> {
    listen(args.out.end_with_stdin);
    let mut log = Log::open(folder.dir(), "operator")?;
    let (case, names) = (&part.info().whole_name, part.names());
    let streams = stream_settings(&args.streams);
    let settings = link_settings(&args.link, case, Participant::Operator, names.clone(), streams)?;
    let link = Link::connect(&settings)?;
    folder.begin()?;
    log.say(&format!("connected with {}, {} agent(s)", settings.server, names.len()));
    let partners = names.into_iter().enumerate().map(|(n, name)| (Party::Agent(n), Participant::Agent(name))).collect();
    Ok(Surroundings { link, partners, folder, log, shape: part.place().shape, tick, linger: Duration::ZERO })
}

/// The plan that was asked for when the run began.
fn plan(part: &OperatorPart, file: &RunFile) -> Result<TrainingPlan, CliError> {
    let asked = |key: &str| file.asked.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    let number = |key: &str| asked(key).and_then(|value| value.parse::<usize>().ok());
    let seed = asked("seed").and_then(|value| value.parse::<u64>().ok());
    let seed = seed.ok_or_else(|| CliError::bad_input("the run folder does not say with which seed the run began"))?;
    training_plan(part, number("windows"), number("episodes"), seed)
}

/// What is asked for, to be compared when it goes on.
fn run_file(args: &OperatorArgs, part: &OperatorPart) -> RunFile {
    let usual = |n: Option<usize>| n.map_or_else(|| "usual".to_owned(), |n| n.to_string());
    let asked = [
        ("windows", usual(args.plan.windows)),
        ("episodes", usual(args.plan.episodes)),
        ("seed", args.plan.seed.to_string()),
    ];
    RunFile {
        participant: "operator".to_owned(),
        role: Role::Operator,
        case: part.info().whole_name.clone(),
        cut: part.info().cut.clone(),
        asked: asked
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .chain(live_dispatch::asked(&args.live.rows))
            .collect(),
        // Anything that no other run of the case has; nothing that is computed depends on it.
        run: u64::try_from(jiff::Timestamp::now().as_microsecond()).ok(),
        finished: false,
        begun: false,
        open: false,
    }
}

/// Interrupts of a participant.
pub fn listen(end_with_stdin: bool) {
    interrupt::listen("stopping; Ctrl-C again ends at once", interrupt::end_at_once);
    if end_with_stdin {
        interrupt::listen_to_stdin();
    }
}

fn already_finished(folder: &ParticipantFolder, out: &mut Output) -> Result<(), CliError> {
    if out.is_json() {
        return out.json(&json!({ "run": folder.dir(), "finished": true, "wall_s": 0.0 }));
    }
    out.line(format!("The run of {} is finished; --force starts another one", folder.dir().display()))
}

fn say(
    machine: &OperatorTraining<'_>,
    ending: Ending,
    wall_s: f64,
    folder: &ParticipantFolder,
    out: &mut Output,
) -> Result<(), CliError> {
    let updates = machine.awaiting().0;
    let (messages, bytes) = total(&folder.sent(&machine.tally));
    let finished = ending == Ending::Finished;
    if out.is_json() {
        return out.json(&json!({
            "run": folder.dir(),
            "finished": finished,
            "updates": updates,
            "exchanges": machine.exchanges,
            "wall_s": wall_s,
            "messages_sent": messages,
            "bytes_sent": bytes,
        }));
    }
    out.line(format!(
        "{updates} update(s) in {} exchange(s), {wall_s:.1} s; {messages} message(s) sent, {bytes} bytes",
        machine.exchanges
    ))?;
    if !finished {
        out.line(format!("Interrupted. Go on with: covolt operator CASE --resume {}", folder.dir().display()))?;
    }
    Ok(())
}
