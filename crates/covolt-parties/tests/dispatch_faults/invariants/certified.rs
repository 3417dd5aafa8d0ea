//! An action is called certified only where the operator certified that row with exactly the answer that the agent gave last.

use crate::simulation::record::{Applied, Record};
use crate::simulation::world::WORLD;
use covolt_parties::How;
use covolt_wire::{Certainty, Up, decode_up};

pub fn check(record: &Record, n: usize, applied: &Applied) -> Result<(), String> {
    let step = &applied.step;
    let how = match step.how {
        How::Certified => Certainty::Certified,
        How::LeastViolation => Certainty::LeastViolation,
        How::WithoutSome => Certainty::WithoutSome,
        How::Alone | How::SafeSetPoint => return Ok(()),
    };
    let agent = &record.agents[n];
    let name = applied.answered.ok_or(format!("row {} is called settled without an answer", step.row))?;
    let word = agent.words.iter().find(|word| word.name == name);
    let word = word.ok_or(format!("nobody settled row {} with answer {name:?}", step.row))?;
    if word.certainty != how || !step.as_answered {
        return Err(format!("row {} was settled as {:?}, and is called {:?}", step.row, word.certainty, step.how));
    }
    if how != Certainty::Certified {
        return Ok(());
    }
    let settled = record.settled.iter().find(|settled| (settled.run, settled.note.row) == (name.0, step.row));
    let note = &settled.ok_or(format!("the operator has not kept row {}", step.row))?.note;
    if note.certainty != Certainty::Certified || note.exchanges != name.2 + 1 {
        return Err(format!("certified with another answer than {name:?}: {note:?}"));
    }
    let sent = agent.answer.as_ref().and_then(|(_, bytes)| powers(bytes));
    if sent.is_none() || record.heard.get(&(n, name)).and_then(|bytes| powers(bytes)) != sent {
        return Err(format!("the operator heard another answer {name:?} than the agent sent last"));
    }
    Ok(())
}

/// What an answer rests on: drawn powers, and whether it is safe. That of a liar may differ in the rest.
fn powers(bytes: &[u8]) -> Option<(Vec<(f64, f64)>, bool)> {
    let Up::Dispatch(answer) = decode_up(bytes, &WORLD.shape).ok()?.body else { return None };
    Some((answer.points.iter().map(|point| (point.p_kw, point.q_kvar)).collect(), answer.safe))
}
