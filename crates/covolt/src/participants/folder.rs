//! The run folder of a participant: what it takes part in, its checkpoint, what it sent.

use super::sent::{self, Role, Sent};
use crate::cli::ParticipantOutArg;
use crate::exit::CliError;
use crate::run_folder;
use covolt_wire::Tally;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What the participant takes part in.
pub const RUN: &str = "run.json";
/// Where it stands.
pub const CHECKPOINT: &str = "checkpoint.bin";

/// `run.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// `operator`, or the name of the microgrid.
    pub participant: String,
    /// Whether it is the operator or an agent.
    pub role: Role,
    /// Name of the whole case.
    pub case: String,
    /// What the messages carry to say that the parts belong together.
    pub cut: String,
    /// What was asked for, in words that are compared when it goes on.
    pub asked: Vec<(String, String)>,
    /// Number of the run.
    pub run: Option<u64>,
    /// The run is over.
    pub finished: bool,
    /// A process of this run was connected.
    pub begun: bool,
    /// One is at work, or was killed while it was.
    pub open: bool,
}

/// The folder.
pub struct ParticipantFolder {
    dir: PathBuf,
    /// What it takes part in.
    pub file: RunFile,
    /// A process before this one had begun the run.
    pub resumed: bool,
    /// What it had sent before this process began.
    before: Tally,
    /// Processes of this run that did not end in good order.
    kills: u32,
}

impl ParticipantFolder {
    /// Makes the folder, or goes on with what is in it if that is the same undertaking.
    pub fn open(args: &ParticipantOutArg, file: RunFile) -> Result<ParticipantFolder, CliError> {
        let named = args.resume.as_deref().or(args.out.as_deref());
        let known = named.map(read).transpose()?.flatten();
        if let (Some(dir), None) = (&args.resume, &known) {
            return Err(CliError::bad_input(format!("{}: no {RUN}, so there is no run to go on with", dir.display())));
        }
        if let (Some(dir), Some(known), false) = (named, known, args.force) {
            let file = same(dir, known, file, args.resume.is_some())?;
            let (before, kills) = match sent::read(dir) {
                Ok(all) => all.into_iter().next().map(|sent| (sent.tally, sent.kills)).unwrap_or_default(),
                Err(_) if !dir.join(sent::SENT).exists() => (Tally::default(), 0),
                Err(error) => return Err(error),
            };
            return Ok(ParticipantFolder { dir: dir.to_path_buf(), resumed: file.begun, file, before, kills });
        }
        let dir = run_folder::create(command(&file), named, args.force)?;
        // What is left of an older run must not be taken for this one's.
        for old in [CHECKPOINT, sent::SENT] {
            match std::fs::remove_file(dir.join(old)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(CliError::bad_input(format!("{}: {e}", dir.join(old).display())));
                }
                _ => {}
            }
        }
        let folder = ParticipantFolder { dir, file, resumed: false, before: Tally::default(), kills: 0 };
        folder.write_run()?;
        Ok(folder)
    }

    /// The process is connected: what it says from now on counts.
    pub fn begin(&mut self) -> Result<(), CliError> {
        self.kills += u32::from(self.file.open);
        (self.file.begun, self.file.open) = (true, true);
        self.write_run()?;
        self.keep(None, &Tally::default())
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes what the participant takes part in.
    pub fn write_run(&self) -> Result<(), CliError> {
        let mut text = serde_json::to_string_pretty(&self.file)?;
        text.push('\n');
        run_folder::replace(&self.dir.join(RUN), text.as_bytes())
    }

    /// The checkpoint, where there is one.
    pub fn checkpoint(&self) -> Result<Option<Vec<u8>>, CliError> {
        let path = self.dir.join(CHECKPOINT);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(CliError::bad_input(format!("{}: {e}", path.display()))),
        }
    }

    /// Keeps a checkpoint and what was sent so far.
    pub fn keep(&self, checkpoint: Option<&[u8]>, tally: &Tally) -> Result<(), CliError> {
        if let Some(bytes) = checkpoint {
            run_folder::replace(&self.dir.join(CHECKPOINT), bytes)?;
        }
        let (participant, role, tally) = (self.file.participant.clone(), self.file.role, self.sent(tally));
        sent::write(&self.dir, &[Sent { participant, role, tally, kills: self.kills }])
    }

    /// Keeps all of it, and notes that the process ends in good order.
    pub fn close(&mut self, checkpoint: Option<&[u8]>, tally: &Tally) -> Result<(), CliError> {
        self.keep(checkpoint, tally)?;
        self.file.open = false;
        self.write_run()
    }

    /// What was sent, also by processes before this one.
    pub fn sent(&self, tally: &Tally) -> Tally {
        let mut all = self.before.clone();
        all.add(tally);
        all
    }
}

fn command(file: &RunFile) -> &'static str {
    match file.role {
        Role::Operator => "operator",
        Role::Agent => "agent",
    }
}

fn read(dir: &Path) -> Result<Option<RunFile>, CliError> {
    let path = dir.join(RUN);
    let refused = |e: &dyn std::fmt::Display| CliError::bad_input(format!("{}: {e}", path.display()));
    match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|e| refused(&e)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(refused(&e)),
    }
}

/// The file of the run that goes on, if what is asked for now is the same; with `--resume` what was asked then counts.
fn same(dir: &Path, known: RunFile, asked: RunFile, resume: bool) -> Result<RunFile, CliError> {
    let differs = |what: &str, was: &str, is: &str| {
        let text = format!(
            "{} holds a run with another {what}: {was}, now {is}; choose another folder, or --force to start afresh",
            dir.display()
        );
        Err(CliError::bad_input(text))
    };
    if (known.role, &known.participant) != (asked.role, &asked.participant) {
        return differs("participant", &known.participant, &asked.participant);
    }
    if known.cut != asked.cut {
        return differs("case", &format!("{} {}", known.case, known.cut), &format!("{} {}", asked.case, asked.cut));
    }
    if !resume {
        for ((what, was), (_, is)) in known.asked.iter().zip(&asked.asked) {
            if was != is {
                return differs(what, was, is);
            }
        }
    }
    Ok(known)
}
