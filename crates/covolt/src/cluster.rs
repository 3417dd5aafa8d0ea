//! Server, operator and all agents on this machine: parts and keys made, processes started, watched and ended together.
//!
//! ```text
//!   RUN/parts/       what each participant is given, and nothing else
//!   RUN/keys/        with TLS: keys of all of them (they are on one machine anyway)
//!   RUN/server/      configuration, log and streams of the server
//!   RUN/operator/    run folder of the operator
//!   RUN/agents/NAME/ run folder of each agent
//!   RUN/log.txt      what all of them say
//!   RUN/policies/    the policies of all agents, collected at the end
//! ```

pub mod children;
pub mod server;

use crate::exit::CliError;
use crate::interrupt;
use crate::participants::operator_diary::ROUNDS;
use crate::policy_folder::POLICIES;
use crate::progress::Progress;
use crate::run_folder;
use children::{Children, Ended};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Wait between looks at the processes.
const LOOK: Duration = Duration::from_millis(50);
/// How long they may take to end in good order.
const GRACE: Duration = Duration::from_secs(10);

/// How the cluster ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The run is over.
    Finished,
    /// It was asked to stop.
    Stopped,
}

/// Watches the processes, the first of which is the operator, until the run is over, one fails, or an interrupt.
pub fn watch(children: &mut Children, run: &Path, total: usize) -> Result<Outcome, CliError> {
    let rounds = run.join("operator").join(ROUNDS);
    let mut progress = Progress::start("cluster", total);
    let outcome = loop {
        if interrupt::asked() {
            break Ok(Outcome::Stopped);
        }
        match children.look()? {
            Ended::None => {}
            Ended::Well { first: true, .. } => break Ok(Outcome::Finished),
            Ended::Well { name, .. } => break Err(children.failure(&name, "ended before the operator")),
            Ended::Badly { name, status } => break Err(children.failure(&name, &format!("failed ({status})"))),
        }
        if let Some((done, text)) = last_round(&rounds) {
            progress.at(done, total, || text);
        }
        std::thread::sleep(LOOK);
    };
    progress.finish();
    end(children);
    outcome
}

/// Lets them end in good order, and kills whoever does not; a second interrupt kills at once.
fn end(children: &mut Children) {
    children.ask_to_end();
    let since = Instant::now();
    while children.are_running() && since.elapsed() < GRACE && interrupt::times() < 2 {
        std::thread::sleep(LOOK);
    }
    children.kill();
}

/// Updates done, and what the last row says.
fn last_round(file: &Path) -> Option<(usize, String)> {
    let row = tail(file)?;
    let cells: Vec<&str> = row.split(',').collect();
    let [round, exchanges, volts, amps, present, _] = cells[..] else { return None };
    let (volts, amps): (f64, f64) = (volts.parse().ok()?, amps.parse().ok()?);
    let text = format!("{exchanges} exchange(s), worst violation {volts:.1e} pu {amps:.2} %, {present} agent(s)");
    Some((round.parse::<usize>().ok()? + 1, text))
}

/// The last whole line of a file that another process writes.
fn tail(file: &Path) -> Option<String> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(file).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(512))).ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let whole = &text[..text.rfind('\n')?];
    whole.lines().last().map(str::to_owned)
}

/// What the operator's table of rounds adds up to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rounds {
    /// Rows.
    pub updates: u64,
    /// Exchanges of all of them.
    pub exchanges: u64,
    /// From when the operator was ready, s; pauses of an interrupted run not counted.
    pub wall_s: f64,
}

/// Reads the operator's table of rounds.
pub fn rounds(run: &Path) -> Rounds {
    let text = std::fs::read_to_string(run.join("operator").join(ROUNDS)).unwrap_or_default();
    let mut all = Rounds::default();
    for row in text.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        if let [_, exchanges, _, _, _, wall_ms] = cells[..] {
            all.updates += 1;
            all.exchanges += exchanges.parse::<u64>().unwrap_or(0);
            all.wall_s += wall_ms.parse::<f64>().unwrap_or(0.0) / 1e3;
        }
    }
    all
}

/// Copies the policies of all agents to where `covolt dispatch` finds them; returns how many.
pub fn collect_policies(run: &Path, agents: &[PathBuf]) -> Result<usize, CliError> {
    let to = run.join(POLICIES);
    let fault = |path: &Path, e: std::io::Error| CliError::bad_input(format!("{}: {e}", path.display()));
    std::fs::create_dir_all(&to).map_err(|e| fault(&to, e))?;
    let mut count = 0;
    for agent in agents {
        let from = agent.join(POLICIES);
        let Ok(entries) = std::fs::read_dir(&from) else { continue };
        for entry in entries {
            let path = entry.map_err(|e| fault(&from, e))?.path();
            if path.extension().is_some_and(|e| e == "safetensors") {
                let bytes = std::fs::read(&path).map_err(|e| fault(&path, e))?;
                run_folder::write(&to.join(path.file_name().unwrap_or_default()), bytes)?;
                count += 1;
            }
        }
    }
    Ok(count)
}
