//! What an import did with everything it could not take as it is, for people.

use crate::exit::CliError;
use crate::output::Output;
use covolt_import::{Action, ImportReport};

/// Notes of one kind that are listed; the rest is counted.
const LISTED_NOTES: usize = 20;

/// Prints the notes by what was done.
pub fn show(report: &ImportReport, out: &mut Output) -> Result<(), CliError> {
    for (action, heading) in [
        (Action::LeftOut, "Left out"),
        (Action::Assumed, "Read with an assumption"),
        (Action::Irrelevant, "Not needed"),
    ] {
        let notes: Vec<_> = report.notes.iter().filter(|n| n.action == action).collect();
        if notes.is_empty() {
            continue;
        }
        if action == Action::Irrelevant {
            out.line(format!("{heading} for a power flow: {} lines (--json lists them)", notes.len()))?;
            continue;
        }
        out.line(format!("{heading}: {}", notes.len()))?;
        for note in notes.iter().take(LISTED_NOTES) {
            out.line(format!("  {}: {}", note.place, note.what))?;
        }
        if notes.len() > LISTED_NOTES {
            out.line(format!("  and {} more (--json lists them)", notes.len() - LISTED_NOTES))?;
        }
    }
    Ok(())
}
