//! Which file does a script mean, and may it be read?
//!
//! Scripts come from a system whose file names have no capitals and whose folders are parted by back-slashes. A name is tried as
//! it stands, then part by part without regard to capitals. Every file must lie in the root folder of the settings, after links
//! are followed; the bytes of all files together are counted **before** they are read.

use crate::settings::ImportSettings;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It is not there or is not readable: in words.
    Because(String),
    /// It lies outside the folder of the settings.
    Outside {
        /// The name as written.
        name: String,
        /// The folder.
        folder: PathBuf,
    },
    /// All files together are larger than allowed.
    TooLarge,
}

/// Reads files, and remembers how much.
pub(crate) struct Files {
    root: Option<PathBuf>,
    /// Folder that places in the report are relative to.
    base: PathBuf,
    bytes_left: u64,
}

impl Files {
    /// A reader for the scripts that start with `first`.
    pub fn new(first: &Path, settings: &ImportSettings) -> Result<Files, String> {
        let found = first.canonicalize().map_err(|e| e.to_string())?;
        let base = found.parent().map_or_else(|| PathBuf::from("/"), Path::to_path_buf);
        let root = match (&settings.root, settings.allow_outside) {
            (_, true) => None,
            (Some(root), _) => Some(root.canonicalize().map_err(|e| format!("{}: {e}", root.display()))?),
            (None, _) => Some(base.clone()),
        };
        Ok(Files { root, base, bytes_left: settings.max_bytes })
    }

    /// The path that a name in a script means.
    pub fn resolve(&self, folder: &Path, name: &str) -> Result<PathBuf, Denied> {
        let name = name.trim().replace('\\', "/");
        let mut path = if name.starts_with('/') { PathBuf::from("/") } else { folder.to_path_buf() };
        for part in Path::new(&name).components() {
            match part {
                Component::Normal(part) => path = child(&path, &part.to_string_lossy()),
                Component::ParentDir => path.push(".."),
                _ => {}
            }
        }
        let found = path.canonicalize().map_err(|_| Denied::Because(format!("there is no file '{name}'")))?;
        match &self.root {
            Some(root) if !found.starts_with(root) => Err(Denied::Outside { name, folder: root.clone() }),
            _ => Ok(found),
        }
    }

    /// The text of a file; bytes that are not UTF-8 become replacement characters (old files are in code pages of Windows).
    pub fn read(&mut self, path: &Path) -> Result<String, Denied> {
        let unreadable = |e: std::io::Error| Denied::Because(format!("{}: {e}", self.shown(path)));
        let about = fs::metadata(path).map_err(unreadable)?;
        if !about.is_file() {
            return Err(Denied::Because(format!("{} is not a file", self.shown(path))));
        }
        self.charge(about.len())?;
        let bytes = fs::read(path).map_err(|e| Denied::Because(format!("{}: {e}", self.shown(path))))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Counts bytes that were not read as if they had been.
    pub fn charge(&mut self, bytes: u64) -> Result<(), Denied> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(Denied::TooLarge)?;
        Ok(())
    }

    /// A path for the report.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.base).unwrap_or(path).display().to_string()
    }
}

/// The entry of a folder with a name, without regard to capitals unless it is there as written.
fn child(folder: &Path, name: &str) -> PathBuf {
    let exact = folder.join(name);
    if exact.exists() {
        return exact;
    }
    let wanted = name.to_lowercase();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    // The first in the order of names, so that the result does not depend on the file system.
    let found = entries.map(|e| e.file_name()).filter(|n| n.to_string_lossy().to_lowercase() == wanted).min();
    found.map_or(exact, |n| folder.join(n))
}
