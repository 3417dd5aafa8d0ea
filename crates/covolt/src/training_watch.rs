//! Progress of a training, and its interruption by Ctrl-C.

use crate::interrupt;
use crate::progress::{Progress, note};
use crate::training::Watch;
use covolt_report::record::LearningPoint;

/// From now on the first Ctrl-C asks for a stop after the present episode; a second one ends the program at once.
pub fn listen_for_interrupt() {
    let text = "stopping after the present episode; Ctrl-C again ends at once, without a checkpoint";
    interrupt::listen(text, interrupt::end_at_once);
}

/// Shows the progress of a training.
pub struct ShownProgress {
    name: String,
    progress: Option<Progress>,
    stop_after: Option<usize>,
    done: usize,
}

impl ShownProgress {
    /// Progress under a name.
    pub fn new(name: &str) -> ShownProgress {
        ShownProgress { name: name.to_owned(), progress: None, stop_after: None, done: 0 }
    }

    /// Also asks for a stop once this many episodes are done.
    pub fn stopping_after(self, stop_after: Option<usize>) -> ShownProgress {
        ShownProgress { stop_after, ..self }
    }

    /// Clears the bar.
    pub fn finish(self) {
        if let Some(progress) = self.progress {
            progress.finish();
        }
    }
}

impl Watch for ShownProgress {
    fn stage(&mut self, text: &str) {
        match &self.progress {
            Some(progress) => progress.say(text),
            None => note(&format!("{}: {text}", self.name)),
        }
    }

    fn episode(&mut self, point: &LearningPoint, total: usize) {
        self.done = point.episode + 1;
        let progress = self.progress.get_or_insert_with(|| Progress::start(&self.name, total));
        progress.at(point.episode + 1, total, || {
            format!(
                "cost {:.3} $, worst violation {:.1e} pu {:.2} %, {} rounds",
                point.cost_usd, point.max_voltage_violation_pu, point.max_current_violation_percent, point.rounds
            )
        });
    }

    fn stop_requested(&self) -> bool {
        interrupt::asked() || self.stop_after.is_some_and(|n| self.done >= n)
    }
}
