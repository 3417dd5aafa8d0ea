//! Run folders: never overwritten silently.

use crate::exit::CliError;
use std::path::{Path, PathBuf};

/// Makes the folder asked for, or the next free `runs/COMMAND-N`.
pub fn create(command: &str, out: Option<&Path>, force: bool) -> Result<PathBuf, CliError> {
    if let Some(dir) = out {
        refuse_filled(dir, force)?;
        std::fs::create_dir_all(dir).map_err(|e| cannot_make(dir, &e))?;
        return Ok(dir.to_path_buf());
    }
    let runs = Path::new("runs");
    std::fs::create_dir_all(runs).map_err(|e| cannot_make(runs, &e))?;
    for n in 1..=MOST_RUNS {
        let dir = runs.join(format!("{command}-{n}"));
        // Making the folder is the test for it: two runs started together never share one.
        match std::fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(cannot_make(&dir, &e)),
        }
    }
    Err(CliError::bad_input(format!("runs/{command}-1 to -{MOST_RUNS} are all taken; give --out DIR")))
}

const MOST_RUNS: usize = 100_000;

/// Refuses a folder with files in it, and a file in its place.
pub fn refuse_filled(dir: &Path, force: bool) -> Result<(), CliError> {
    if dir.exists() && !dir.is_dir() {
        return Err(CliError::bad_input(format!("{} is a file, not a folder", dir.display())));
    }
    let filled = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if filled && !force {
        return Err(CliError::bad_input(format!(
            "{} holds files already: choose another folder, or add --force to write into it",
            dir.display()
        )));
    }
    Ok(())
}

/// Writes a file of a run.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), CliError> {
    std::fs::write(path, content).map_err(|e| CliError::bad_input(format!("cannot write {}: {e}", path.display())))
}

/// Writes a value as JSON.
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), CliError> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    write(path, text)
}

fn cannot_make(dir: &Path, error: &std::io::Error) -> CliError {
    CliError::bad_input(format!("cannot make folder {}: {error}", dir.display()))
}

/// Writes a file so that a reader, also after a kill or a power failure, finds the old content or the new one.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), CliError> {
    let fault = |e: std::io::Error| CliError::bad_input(format!("cannot write {}: {e}", path.display()));
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    let fresh = path.with_file_name(name);
    let mut file = std::fs::File::create(&fresh).map_err(fault)?;
    std::io::Write::write_all(&mut file, content).and_then(|()| file.sync_data()).map_err(fault)?;
    std::fs::rename(&fresh, path).map_err(fault)
}
