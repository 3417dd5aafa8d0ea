//! `sent.json`: how many messages of which kind each participant of a run folder sent.

use crate::exit::CliError;
use crate::run_folder;
use covolt_wire::Tally;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The file.
pub const SENT: &str = "sent.json";
/// Folders below each other that are searched.
const DEEPEST: usize = 4;

/// What one participant sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// `operator`, or the name of the microgrid.
    pub participant: String,
    /// Whether it is the operator or an agent.
    pub role: Role,
    /// By kind.
    pub tally: Tally,
    /// How often it was killed: what it sent between its last checkpoint and the kill is not in the tally.
    #[serde(default)]
    pub kills: u32,
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The operator of the feeder.
    Operator,
    /// The agent of a microgrid.
    Agent,
}

/// Reads the file of a folder.
pub fn read(folder: &Path) -> Result<Vec<Sent>, CliError> {
    let path = folder.join(SENT);
    let refused = |e: &dyn std::fmt::Display| CliError::bad_input(format!("{}: {e}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|e| refused(&e))?;
    serde_json::from_str(&text).map_err(|e| refused(&e))
}

/// All that lies in a folder and below it, the operator first, then by name.
pub fn read_all(run: &Path) -> Result<Vec<Sent>, CliError> {
    let mut folders = Vec::new();
    find(run, DEEPEST, &mut folders)?;
    let mut all: Vec<Sent> = Vec::new();
    for folder in &folders {
        for sent in read(folder)? {
            match all.iter_mut().find(|known| (known.role, &known.participant) == (sent.role, &sent.participant)) {
                Some(known) => {
                    known.tally.add(&sent.tally);
                    known.kills += sent.kills;
                }
                None => all.push(sent),
            }
        }
    }
    if all.is_empty() {
        let text = format!("{}: no {SENT} in it or below it, so it is no run of operator and agents", run.display());
        return Err(CliError::bad_input(text));
    }
    all.sort_by(|a, b| (a.role, &a.participant).cmp(&(b.role, &b.participant)));
    Ok(all)
}

fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), CliError> {
    let refused = |e: std::io::Error| CliError::bad_input(format!("{}: {e}", folder.display()));
    if folder.join(SENT).is_file() {
        found.push(folder.to_path_buf());
    }
    let mut inner = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        // Links are not followed: a run is a tree.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            inner.push(entry.path());
        }
    }
    inner.sort();
    if depth == 0 { Ok(()) } else { inner.iter().try_for_each(|path| find(path, depth - 1, found)) }
}

/// Messages and bytes of all kinds.
pub fn total(tally: &Tally) -> (u64, u64) {
    tally.lines().fold((0, 0), |sum, (_, line)| (sum.0 + line.messages, sum.1 + line.bytes))
}

/// Writes the file as a whole or not at all.
pub fn write(folder: &Path, sent: &[Sent]) -> Result<(), CliError> {
    let mut text = serde_json::to_string_pretty(sent)?;
    text.push('\n');
    run_folder::replace(&folder.join(SENT), text.as_bytes())
}
