//! Progress of long work: a bar on a terminal, plain lines elsewhere, always on standard error.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Plain lines come at most this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Progress of one piece of work.
pub struct Progress {
    bar: Option<ProgressBar>,
    name: String,
    total: usize,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    /// Starts a piece of work of `total` parts.
    pub fn start(name: &str, total: usize) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total as u64);
            if let Ok(style) =
                ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {elapsed_precise} left {eta} {msg}")
            {
                bar.set_style(style);
            }
            bar.set_prefix(name.to_owned());
            bar
        });
        let now = Instant::now();
        Progress { bar, name: name.to_owned(), total, started: now, last_line: now }
    }

    /// `done` of the parts are finished; `say` is only asked where it is shown.
    pub fn at(&mut self, done: usize, total: usize, say: impl FnOnce() -> String) {
        self.total = total;
        match &self.bar {
            Some(bar) => {
                bar.set_length(total as u64);
                bar.set_position(done as u64);
                bar.set_message(say());
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                let spent = self.started.elapsed().as_secs_f64();
                let left = spent / done.max(1) as f64 * total.saturating_sub(done) as f64;
                note(&format!("{} {done}/{total}, {left:.0} s left, {}", self.name, say()));
            }
            None => {}
        }
    }

    /// A line beside the bar.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => note(text),
        }
    }

    /// The end of the work; returns the seconds it took.
    pub fn finish(self) -> f64 {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.started.elapsed().as_secs_f64()
    }
}

/// A line on standard error; nobody listening is no error.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
