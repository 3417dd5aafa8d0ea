//! Files of keys: private ones are never readable by others, nothing is replaced unless told to, and no half of a file is left.

use crate::NetError;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Creates the folder, for its owner only.
pub(crate) fn create_folder(dir: &Path) -> Result<(), NetError> {
    if dir.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|e| NetError::file(dir, e))
}

/// An error where one of the files is there already.
pub(crate) fn refuse_existing(files: &[&Path]) -> Result<(), NetError> {
    match files.iter().find(|file| file.symlink_metadata().is_ok()) {
        Some(file) => Err(NetError::Exists { file: file.to_path_buf() }),
        None => Ok(()),
    }
}

/// Writes beside the file and renames, so that there is the old content or the new one. The permissions are set before the
/// content is there.
pub(crate) fn write(file: &Path, content: &str, private: bool) -> Result<(), NetError> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(format!(".{:016x}", rand::random::<u64>()));
    let beside = PathBuf::from(beside);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if private { 0o600 } else { 0o644 });
    let written = options.open(&beside).and_then(|mut open| {
        open.write_all(content.as_bytes())?;
        open.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&beside, file));
    renamed.map_err(|e| {
        let _ = fs::remove_file(&beside);
        NetError::file(file, e)
    })
}

/// Reads a file as text.
pub(crate) fn read(file: &Path) -> Result<String, NetError> {
    fs::read_to_string(file).map_err(|e| NetError::file(file, e))
}

/// Reads a private key, unless others can read it, too.
pub(crate) fn read_private(file: &Path) -> Result<String, NetError> {
    #[cfg(unix)]
    {
        let metadata = fs::metadata(file).map_err(|e| NetError::file(file, e))?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o007 != 0 {
            return Err(NetError::KeyReadable { file: file.to_path_buf(), mode });
        }
    }
    read(file)
}
