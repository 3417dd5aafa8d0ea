//! An applied action keeps the limits of its devices, whatever happened, and the agent's own picture of them is true.

use crate::simulation::fleet::local_violation;
use crate::simulation::record::{Applied, OfAgent};
use crate::simulation::world::WORLD;
use covolt_fleet::{MicrogridStart, MicrogridWindow, TerminalValue, Window};

/// kW, kvar, kVA or kWh.
const ROUNDING: f64 = 1e-6;

/// The first step of agent `n` in a row, as it is.
pub fn window(n: usize, row: usize, before: &MicrogridStart) -> Window {
    let terminals = vec![vec![TerminalValue::linear(0.0); before.soc.len()]];
    Window::from_profiles(&WORLD.own[n], row, 1, std::slice::from_ref(before), &terminals).unwrap()
}

pub fn check(n: usize, applied: &Applied) -> Result<(), String> {
    let step = &applied.step;
    let window = window(n, step.row, &applied.before);
    let own: &MicrogridWindow = &window.microgrids[0];
    let worst = local_violation(&WORLD.seam.agents[n].fleet.microgrids[0], own, window.dt_h, 1, &step.action);
    if worst > ROUNDING {
        return Err(format!("agent {n}, row {}: a limit of a device is broken by {worst}", step.row));
    }
    Ok(())
}

/// What the agent thinks its devices are at.
pub fn check_state(n: usize, agent: &OfAgent, believed: &MicrogridStart) -> Result<(), String> {
    if agent.state != *believed {
        return Err(format!("agent {n} believes {believed:?}, its devices are at {:?}", agent.state));
    }
    Ok(())
}
