//! The safe set point: batteries at rest, no reactive power, generators at the power they have.

use crate::simulation::record::Applied;
use crate::simulation::world::WORLD;
use covolt_parties::How;

/// kW and kvar.
const ROUNDING: f64 = 1e-9;

pub fn check(n: usize, applied: &Applied) -> Result<(), String> {
    let step = &applied.step;
    if step.how != How::SafeSetPoint {
        return Ok(());
    }
    let mg = &WORLD.seam.agents[n].fleet.microgrids[0];
    let layout = mg.layout(1);
    let mut expected = vec![0.0; layout.len()];
    (0..mg.dgs.len()).for_each(|i| expected[layout.p_dg(0, i)] = applied.before.p_dg_kw[i]);
    if step.action.iter().zip(&expected).any(|(a, b)| (a - b).abs() > ROUNDING) {
        return Err(format!("agent {n}, row {}: {:?} is no safe set point ({expected:?})", step.row, step.action));
    }
    Ok(())
}
