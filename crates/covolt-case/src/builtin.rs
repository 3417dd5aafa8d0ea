//! The built-in case, carried inside the program.

use crate::fault::CaseError;
use std::path::Path;

macro_rules! embed {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../../cases/five-microgrids/", $name)))),*]
    };
}

/// Files of the built-in case.
pub(crate) const FILES: &[(&str, &[u8])] = embed![
    "case.toml",
    "buses.csv",
    "branches.csv",
    "generators.csv",
    "pv.csv",
    "batteries.csv",
    "loads.csv",
    "series/measured.csv.gz",
    "series/prices.csv.gz",
    "LICENSE.simbench",
    "NOTICE",
];

/// Copies the built-in case into an empty or new folder, as a starting point for a case of one's own.
///
/// # Errors
/// The folder is not empty, or cannot be written.
pub fn write_builtin(folder: &Path) -> Result<(), CaseError> {
    write_new(folder, FILES.iter().copied())
}

/// Notices and licences of a case's data: the files of its folder that are called so; without a folder those of the built-in case.
pub fn notices(folder: Option<&Path>) -> Vec<(String, Vec<u8>)> {
    let is_notice = |name: &str| name.starts_with("NOTICE") || name.starts_with("LICENSE");
    let Some(folder) = folder else {
        let own = FILES.iter().filter(|(name, _)| is_notice(name));
        return own.map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
    };
    let folder = if folder.is_dir() { folder } else { folder.parent().unwrap_or(folder) };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(String, Vec<u8>)> = entries
        .filter_map(|entry| Some((entry.file_name().into_string().ok().filter(|name| is_notice(name))?, entry.path())))
        .filter_map(|(name, path)| Some((name, std::fs::read(path).ok()?)))
        .collect();
    found.sort();
    found
}

/// Writes files into an empty or new folder.
pub(crate) fn write_new<'a>(
    folder: &Path,
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<(), CaseError> {
    let error =
        |path: &Path, e: std::io::Error| CaseError::Write { path: path.display().to_string(), reason: e.to_string() };
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CaseError::NotEmpty { path: folder.display().to_string() });
    }
    for (name, bytes) in files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| error(parent, e))?;
        }
        std::fs::write(&path, bytes).map_err(|e| error(&path, e))?;
    }
    Ok(())
}
