//! What the operator certified is what everybody does, called certified or not, and it is safe in the undivided network, at the voltages
//! that were settled.

use crate::simulation::record::{Applied, Record};
use crate::simulation::world::{SEATS, WORLD};
use covolt_fleet::{BaseDemand, PhysicsWorkspace, TerminalValue, Window, evaluate};
use covolt_parties::How;
use covolt_wire::Certainty;

/// Voltages agree to this, pu.
const SAME_PU: f64 = 1e-8;

/// Rows that all agents have decided; returns how many of them all agents call certified.
pub fn check(record: &Record) -> Result<u64, String> {
    let mut certified = 0;
    let decided = record.agents.iter().map(|agent| agent.applied.len()).min().unwrap_or(0);
    for i in 0..decided {
        let steps: Vec<&Applied> = record.agents.iter().map(|agent| &agent.applied[i]).collect();
        let row = steps[0].step.row;
        let Some(settled) = record.settled.iter().find(|settled| settled.note.row == row) else { continue };
        if settled.note.certainty != Certainty::Certified {
            continue;
        }
        let name = (settled.run, row, settled.note.exchanges - 1);
        let holds = |applied: &Applied| {
            let step = &applied.step;
            let keeps = step.how == How::Alone && step.as_answered && applied.answered == Some(name);
            step.how == How::Certified || keeps
        };
        if let Some(n) = steps.iter().position(|applied| !holds(applied)) {
            let Applied { step, answered, .. } = steps[n];
            return Err(format!("row {row} was certified, and agent {n} broke its word {answered:?}: {step:?}"));
        }
        certified += u64::from(steps.iter().all(|applied| applied.step.how == How::Certified));
        check_row(row, &steps)?;
    }
    Ok(certified)
}

fn check_row(row: usize, steps: &[&Applied]) -> Result<(), String> {
    let fleet = &WORLD.whole;
    let states: Vec<_> = steps.iter().map(|applied| applied.before.clone()).collect();
    let terminals: Vec<_> =
        fleet.microgrids.iter().map(|mg| vec![TerminalValue::linear(0.0); mg.batteries.len()]).collect();
    let window = Window::from_profiles(&WORLD.profiles, row, 1, &states, &terminals).unwrap();
    let actions: Vec<Vec<f64>> = steps.iter().map(|applied| applied.step.action.clone()).collect();
    let base = BaseDemand::new(fleet, &window);
    let mut ws = PhysicsWorkspace::new(fleet);
    let returns = evaluate(fleet, &window, &base, &actions, &mut ws).map_err(|e| format!("row {row}: {e}"))?;
    if !returns.is_safe() {
        return Err(format!("row {row} was certified: {:?} {:?}", returns.voltage, returns.current));
    }
    ws.options.tolerance_pu = 1e-12;
    ws.solve_step(fleet, &base, &actions, 1, 0).unwrap();
    for n in (0..SEATS).filter(|&n| steps[n].step.how == How::Certified) {
        let (v, settled) = (ws.flow.v()[WORLD.seam.agents[n].buses[0]].norm(), steps[n].step.v_pu);
        if (v - settled).abs() > SAME_PU {
            return Err(format!("row {row}, agent {n}: {v} pu, settled as {settled}"));
        }
    }
    Ok(())
}
