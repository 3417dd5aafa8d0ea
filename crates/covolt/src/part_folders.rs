//! The parts of a split case as folders: the operator's, and one per microgrid named after it.

use crate::case_argument::BUILTIN;
use crate::exit::CliError;
use crate::run_folder;
use covolt_case::{Case, SplitCase, notices, part_files};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folder of the operator's part.
pub const OPERATOR: &str = "operator";

/// A part, its folder, and the bytes written.
pub struct Written<'a> {
    /// The part.
    pub part: &'a Case,
    /// Where it is.
    pub folder: PathBuf,
    /// Size of its files.
    pub bytes: usize,
}

/// Writes all parts below `out`, the operator's first; `given` is the word CASE of the command line.
pub fn write_parts<'a>(
    given: &str,
    case: &Case,
    parts: &'a SplitCase,
    out: &Path,
) -> Result<Vec<Written<'a>>, CliError> {
    let notices = notices((given != BUILTIN).then(|| Path::new(given)));
    let names = folder_names(case.fleet.microgrids.iter().map(|m| m.name.as_str()));
    let folders = std::iter::once(OPERATOR).chain(names.iter().map(String::as_str));
    let parts: Vec<(&str, &Case)> = folders.zip(std::iter::once(&parts.operator).chain(&parts.agents)).collect();
    parts.par_iter().map(|(name, part)| write(part, out.join(name), &notices)).collect()
}

fn write<'a>(part: &'a Case, folder: PathBuf, notices: &[(String, Vec<u8>)]) -> Result<Written<'a>, CliError> {
    let files = part_files(part)?;
    let mut bytes = 0;
    for (name, content) in files.iter().chain(notices) {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(&folder);
        std::fs::create_dir_all(parent)
            .map_err(|e| CliError::bad_input(format!("cannot make folder {}: {e}", parent.display())))?;
        run_folder::write(&path, content)?;
        bytes += content.len();
    }
    Ok(Written { part, folder, bytes })
}

/// A folder for each name, different from one another whatever the file system thinks of capitals.
fn folder_names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = BTreeSet::from([OPERATOR.to_owned()]);
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let mut folder = |name: &str| {
        let stem: String = name.chars().map(safe).collect();
        let stem = if stem.starts_with('.') || stem.is_empty() { format!("microgrid{stem}") } else { stem };
        let numbered = std::iter::once(stem.clone()).chain((2usize..).map(|k| format!("{stem}-{k}")));
        numbered.into_iter().find(|folder| taken.insert(folder.to_lowercase())).unwrap_or(stem)
    };
    names.map(&mut folder).collect()
}
