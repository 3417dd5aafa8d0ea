//! The participants of a cluster as child processes: started, listened to, asked to end, killed.
//!
//! A child ends when its standard input does. So they end in good order when asked, and also when this process disappears.

use crate::exit::CliError;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Last lines of a child that an error shows.
const LAST_LINES: usize = 8;

/// The processes.
pub struct Children {
    list: Vec<One>,
    log: Arc<Mutex<File>>,
}

struct One {
    name: String,
    child: Child,
    /// Open for as long as it shall run.
    stdin: Option<ChildStdin>,
    ended: Option<ExitStatus>,
    last: Arc<Mutex<VecDeque<String>>>,
    listener: Option<JoinHandle<()>>,
}

/// What a look at them found.
pub enum Ended {
    /// All are running, or ended before.
    None,
    /// One has ended, and well.
    Well {
        /// Whether it is the first one.
        first: bool,
        /// Who.
        name: String,
    },
    /// One has failed.
    Badly {
        /// Who.
        name: String,
        /// How.
        status: ExitStatus,
    },
}

impl Children {
    /// None yet; what they say goes into this file.
    pub fn new(log: &Path) -> Result<Children, CliError> {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log);
        let file = file.map_err(|e| CliError::bad_input(format!("{}: {e}", log.display())))?;
        Ok(Children { list: Vec::new(), log: Arc::new(Mutex::new(file)) })
    }

    /// Starts this program with these arguments.
    pub fn start(&mut self, name: &str, args: &[String]) -> Result<(), CliError> {
        let failed = |e: std::io::Error| CliError::bad_input(format!("cannot start the process of {name}: {e}"));
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        // Ctrl-C at a terminal reaches a whole group; this process passes it on in its own order.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(failed)?;
        let last = Arc::new(Mutex::new(VecDeque::new()));
        let listener = child.stderr.take().map(|stderr| {
            let (log, last, name) = (self.log.clone(), last.clone(), name.to_owned());
            std::thread::spawn(move || listen(stderr, &name, &log, &last))
        });
        let stdin = child.stdin.take();
        self.list.push(One { name: name.to_owned(), child, stdin, ended: None, last, listener });
        Ok(())
    }

    /// Somebody who has ended since the last look.
    pub fn look(&mut self) -> Result<Ended, CliError> {
        // A failure says more than the end of those that it took along.
        let mut well = Ended::None;
        for (n, one) in self.list.iter_mut().enumerate().filter(|(_, one)| one.ended.is_none()) {
            let status = one.child.try_wait();
            match status.map_err(|e| CliError::bad_input(format!("process of {}: {e}", one.name)))? {
                Some(status) if !status.success() => {
                    one.ended = Some(status);
                    return Ok(Ended::Badly { name: one.name.clone(), status });
                }
                Some(status) => {
                    one.ended = Some(status);
                    if matches!(well, Ended::None) {
                        well = Ended::Well { first: n == 0, name: one.name.clone() };
                    }
                }
                None => {}
            }
        }
        Ok(well)
    }

    /// Closes their standard input.
    pub fn ask_to_end(&mut self) {
        self.list.iter_mut().for_each(|one| drop(one.stdin.take()));
    }

    /// True while somebody runs.
    pub fn are_running(&mut self) -> bool {
        self.list.iter_mut().any(|one| matches!(one.child.try_wait(), Ok(None)))
    }

    /// Ends whoever still runs, and takes in their last words.
    pub fn kill(&mut self) {
        for one in &mut self.list {
            if matches!(one.child.try_wait(), Ok(None)) {
                let _ = one.child.kill();
            }
            let _ = one.child.wait();
            if let Some(listener) = one.listener.take() {
                let _ = listener.join();
            }
        }
    }

    /// The error for a participant that ended when it should not, with its last lines.
    pub fn failure(&mut self, name: &str, how: &str) -> CliError {
        let Some(one) = self.list.iter_mut().find(|one| one.name == name) else {
            return CliError::bad_input(format!("{name} {how}"));
        };
        if let Some(listener) = one.listener.take() {
            let _ = listener.join();
        }
        let lines: Vec<String> = locked(&one.last).iter().map(|line| format!("\n  {line}")).collect();
        let text = format!("{name} {how}; its last lines:{}", lines.concat());
        match one.ended.and_then(|status| status.code()) {
            Some(code) if code == i32::from(crate::exit::NO_ANSWER) => CliError::NoAnswer(text),
            _ => CliError::BadInput(text),
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.kill();
    }
}

fn listen(stderr: impl Read, name: &str, log: &Mutex<File>, last: &Mutex<VecDeque<String>>) {
    let of_log = format!(" {name}: ");
    for line in BufReader::new(stderr).split(b'\n') {
        let Ok(line) = line else { return };
        let line = String::from_utf8_lossy(&line).into_owned();
        // A line of its log has time and name already.
        let line = if line.contains(&of_log) { line } else { format!("{name}: {line}") };
        let _ = writeln!(locked(log), "{line}");
        let mut last = locked(last);
        if last.len() >= LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
