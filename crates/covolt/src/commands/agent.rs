//! `covolt agent`: the agent of one microgrid as a process; its policy and its data stay in its run folder.

use super::live_dispatch;
use super::operator::listen;
use crate::cli::{AgentArgs, StateChoice};
use crate::exit::CliError;
use crate::output::Output;
use crate::participants::agent_diary::AgentDiary;
use crate::participants::folder::{ParticipantFolder, RunFile};
use crate::participants::link_settings::{link_settings, timing};
use crate::participants::log::Log;
use crate::participants::parts::AgentPart;
use crate::participants::run_loop::{Ending, Surroundings, run as run_loop, tick};
use crate::participants::sent::{Role, total};
use crate::policy_folder::POLICIES;
use crate::training::preset;
use covolt_net::{Link, Participant, StreamSettings};
use covolt_parties::{AgentTraining, Party};
use serde_json::json;
use std::time::Duration;

/// Runs the command.
pub fn run(args: &AgentArgs, out: &mut Output) -> Result<(), CliError> {
    let part = AgentPart::load(&args.case.case, args.microgrid.as_deref())?;
    let folder = ParticipantFolder::open(&args.out, run_file(args, &part))?;
    if let Some(rows) = live_dispatch::rows(&part.case, &args.live.rows)? {
        let checkpoint = folder.checkpoint()?;
        let connect = || surroundings(args, &part, folder, live_dispatch::TICK);
        return live_dispatch::act(args, &part, rows, connect, checkpoint, out);
    }
    train(args, &part, folder, out)
}

fn train(args: &AgentArgs, part: &AgentPart, folder: ParticipantFolder, out: &mut Output) -> Result<(), CliError> {
    let state = match folder.file.asked.iter().any(|(name, value)| name == "state" && value == "paper") {
        true => StateChoice::Paper,
        false => StateChoice::Local,
    };
    let timing = timing(&args.timing, None);
    let (place, shape) = (part.place(state.kind()), preset::of(part.seats).shape);
    let mut machine = AgentTraining::new(place, shape, timing, folder.checkpoint()?.as_deref())?;
    machine.set_coarsening(args.coarsening.coarsening())?;
    let mut around = surroundings(args, part, folder, tick(&timing))?;
    around.log.say(&format!("microgrid of {}, {} update(s) done", part.info().whole_name, machine.updates()));
    let of = (part.seat, part.name());
    let mut diary = AgentDiary::open(around.folder.dir(), machine.updates(), of, &part.info().whole_fingerprint)?;
    let ending = run_loop(&mut machine, &mut diary, &mut around)?;
    say(&machine, ending, &around.folder, out)
}

/// Connects, with a log in the folder.
fn surroundings(
    args: &AgentArgs,
    part: &AgentPart,
    mut folder: ParticipantFolder,
    tick: Duration,
) -> Result<Surroundings, CliError> {
    listen(args.out.end_with_stdin);
    let mut log = Log::open(folder.dir(), part.name())?;
    let who = Participant::Agent(part.name().to_owned());
    let settings = link_settings(&args.link, &part.info().whole_name, who, Vec::new(), StreamSettings::default())?;
    let link = Link::connect(&settings)?;
    folder.begin()?;
    log.say(&format!("connected with {}", settings.server));
    let partners = vec![(Party::Operator, Participant::Operator)];
    let (shape, linger) = (part.shape(), Duration::from_millis(args.linger_ms));
    Ok(Surroundings { link, partners, folder, log, shape, tick, linger })
}

/// What is asked for, to be compared when it goes on.
fn run_file(args: &AgentArgs, part: &AgentPart) -> RunFile {
    let state = match args.state {
        StateChoice::Local => "local",
        StateChoice::Paper => "paper",
    };
    RunFile {
        participant: part.name().to_owned(),
        role: Role::Agent,
        case: part.info().whole_name.clone(),
        cut: part.info().cut.clone(),
        asked: [("state".to_owned(), state.to_owned())]
            .into_iter()
            .chain(live_dispatch::asked(&args.live.rows))
            .collect(),
        run: None,
        finished: false,
        begun: false,
        open: false,
    }
}

fn say(
    machine: &AgentTraining<'_>,
    ending: Ending,
    folder: &ParticipantFolder,
    out: &mut Output,
) -> Result<(), CliError> {
    let (messages, bytes) = total(&folder.sent(&machine.tally));
    let finished = ending == Ending::Finished;
    if out.is_json() {
        return out.json(&json!({
            "run": folder.dir(),
            "finished": finished,
            "updates": machine.updates(),
            "messages_sent": messages,
            "bytes_sent": bytes,
        }));
    }
    out.line(format!("{} update(s); {messages} message(s) sent, {bytes} bytes", machine.updates()))?;
    out.line(format!("Policy: {}", folder.dir().join(POLICIES).display()))?;
    if !finished {
        out.line(format!("Interrupted. Go on with: covolt agent CASE --resume {}", folder.dir().display()))?;
    }
    Ok(())
}
