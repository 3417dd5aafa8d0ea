//! What a participant says on the way: lines with time and name, on standard error and in the run folder.

use crate::exit::CliError;
use crate::progress::note;
use covolt_net::Event;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// File in the run folder.
pub const LOG: &str = "log.txt";
/// Copies of one line that are written before they are only counted.
const COPIES: u64 = 3;

/// A log.
pub struct Log {
    who: String,
    file: File,
    last: String,
    copies: u64,
}

impl Log {
    /// Goes on with the log of the folder.
    pub fn open(folder: &Path, who: &str) -> Result<Log, CliError> {
        let path = folder.join(LOG);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|e| CliError::bad_input(format!("{}: {e}", path.display())))?;
        Ok(Log { who: who.to_owned(), file, last: String::new(), copies: 0 })
    }

    /// A line. The same one over and over is counted, so that nobody can fill the disk by repeating a mistake.
    pub fn say(&mut self, text: &str) {
        if self.last == text {
            self.copies += 1;
            if self.copies >= COPIES {
                return;
            }
        } else {
            self.flush();
            self.last = text.to_owned();
        }
        self.write(text);
    }

    /// A line about something that happened on the way to the server.
    pub fn say_event(&mut self, event: &Event) {
        self.say(&match event {
            Event::Connected { connection } => format!("connection {connection} stands"),
            Event::Lost { connection } => format!("connection {connection} is lost; trying again"),
            Event::Refused { connection, reason } => format!("the server refuses on connection {connection}: {reason}"),
            Event::Trouble { connection, reason } => format!("connection {connection}: {reason}"),
        });
    }

    /// Says how often the last line came, where that was not shown.
    pub fn flush(&mut self) {
        let hidden = (self.copies + 1).saturating_sub(COPIES);
        self.copies = 0;
        self.last.clear();
        if hidden > 0 {
            self.write(&format!("(the line before, {hidden} more time(s))"));
        }
    }

    fn write(&mut self, text: &str) {
        let line = format!("{:.3} {}: {text}", jiff::Timestamp::now(), self.who);
        note(&line);
        // A full disk must not end a run; standard error has the line.
        let _ = writeln!(self.file, "{line}");
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}
