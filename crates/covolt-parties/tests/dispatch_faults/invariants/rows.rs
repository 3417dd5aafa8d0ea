//! Every row is decided exactly once by every agent, in rising order; the operator's rows never go back.

use crate::simulation::record::Record;

pub fn check(record: &Record) -> Result<(), String> {
    for (n, agent) in record.agents.iter().enumerate() {
        if let Some((i, applied)) = agent.applied.iter().enumerate().find(|(i, a)| a.step.row != record.first + i) {
            return Err(format!("agent {n}: row {} is its decision {i} from row {}", applied.step.row, record.first));
        }
    }
    let rows = record.settled.iter().map(|settled| settled.note.row);
    if let Some((i, row)) = rows.enumerate().find(|(i, row)| *row != record.first + i) {
        return Err(format!("the operator settled row {row} as number {i} from row {}", record.first));
    }
    Ok(())
}

/// After the end.
pub fn check_end(record: &Record, count: usize) -> Result<(), String> {
    check(record)?;
    let decided = record.agents.iter().map(|agent| agent.applied.len()).chain([record.settled.len()]);
    match decided.enumerate().find(|(_, decided)| *decided != count) {
        Some((who, decided)) => Err(format!("participant {who} ends with {decided} rows of {count}")),
        None => Ok(()),
    }
}
