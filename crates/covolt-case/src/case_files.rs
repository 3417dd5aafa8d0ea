//! Where the files of a case come from: a folder, or the copy of the built-in case inside the program.

use crate::fault::{CaseFault, Place};
use std::io::Read;
use std::path::Path;

/// A file larger than this (also after decompression) is refused: 2 GiB, a hundred years of 15-minute data.
const LARGEST_FILE: u64 = 1 << 31;

#[derive(Debug, Clone, Copy)]
pub(crate) enum CaseFiles<'a> {
    Folder(&'a Path),
    Embedded(&'a [(&'a str, &'a [u8])]),
}

impl CaseFiles<'_> {
    /// Bytes of a file named relative to the case (absolute paths are allowed in a folder).
    pub fn read(&self, name: &str) -> Result<Vec<u8>, CaseFault> {
        let fault = |what: String, hint: &str| Place::new(name, None).fault("", what, hint);
        match self {
            CaseFiles::Embedded(files) => files
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, bytes)| bytes.to_vec())
                .ok_or_else(|| fault("file not found".into(), "the built-in case has no such file")),
            CaseFiles::Folder(folder) => {
                let path = folder.join(name);
                let meta = std::fs::metadata(&path).map_err(|e| {
                    fault(
                        format!("file not found ({e})"),
                        "check the name; paths are relative to the folder of case.toml",
                    )
                })?;
                if !meta.is_file() {
                    return Err(fault("is not a file".into(), "name a file, not a folder"));
                }
                if meta.len() > LARGEST_FILE {
                    return Err(fault(format!("is {} bytes long", meta.len()), "files beyond 2 GiB are refused"));
                }
                std::fs::read(&path).map_err(|e| fault(format!("cannot be read ({e})"), "check its permissions"))
            }
        }
    }

    /// Like [`Self::read`], gzip taken off when the content starts with its mark.
    pub fn read_plain(&self, name: &str) -> Result<Vec<u8>, CaseFault> {
        let bytes = self.read(name)?;
        if !bytes.starts_with(&[0x1f, 0x8b]) {
            return Ok(bytes);
        }
        let mut plain = Vec::new();
        let place = Place::new(name, None);
        flate2::read::MultiGzDecoder::new(bytes.as_slice()).take(LARGEST_FILE + 1).read_to_end(&mut plain).map_err(
            |e| {
                place.fault(
                    "",
                    format!("cannot be decompressed ({e})"),
                    "the gzip file is damaged or cut off; make it again",
                )
            },
        )?;
        if plain.len() as u64 > LARGEST_FILE {
            return Err(place.fault(
                "",
                "is longer than 2 GiB after decompression",
                "split the series into several files",
            ));
        }
        Ok(plain)
    }

    /// UTF-8 text of a file, byte-order mark taken off.
    pub fn read_text(&self, name: &str) -> Result<String, CaseFault> {
        let bytes = self.read_plain(name)?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text)),
            Err(e) => {
                let good = e.utf8_error().valid_up_to();
                let line = e.as_bytes()[..good].iter().filter(|&&b| b == b'\n').count() + 1;
                Err(Place::new(name, Some(line)).fault(
                    "",
                    format!("is not UTF-8 text (byte {good})"),
                    "save the file as UTF-8 (\"CSV UTF-8\" in spreadsheet programs)",
                ))
            }
        }
    }
}
