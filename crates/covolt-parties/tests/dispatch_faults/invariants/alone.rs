//! An action that an agent decided alone keeps the limits of its own network at both ends of the margin, and the margin is one that it was
//! told, or the first one; what it answered may do with none.

use super::device_limits::window;
use crate::simulation::record::{Applied, OfAgent};
use crate::simulation::world::WORLD;
use covolt_dispatch::OwnPart;
use covolt_fleet::PccTerms;
use covolt_parties::How;

const FIRST_MARGIN_PU: f64 = 0.01;

pub fn check(n: usize, agent: &OfAgent, applied: &Applied) -> Result<(), String> {
    let step = &applied.step;
    if step.how != How::Alone {
        return Ok(());
    }
    let told = |margin: f64| {
        step.as_answered && margin == 0.0
            || margin == FIRST_MARGIN_PU
            || agent.words.iter().any(|word| word.margin_pu == margin)
    };
    if !told(step.margin_pu) {
        return Err(format!("agent {n}, row {}: nobody told a margin of {}", step.row, step.margin_pu));
    }
    let mut part = OwnPart::new(&WORLD.seam.agents[n].fleet).unwrap();
    let mut window = window(n, step.row, &applied.before);
    for sign in [-1.0, 0.0, 1.0] {
        let v_pu = step.v_pu + sign * step.margin_pu;
        window.pcc = Some(PccTerms::at(vec![v_pu]));
        let own = part.examine(&window, &step.action, "check").map_err(|e| format!("agent {n}: {e}"))?;
        if !own.safe {
            return Err(format!("agent {n}, row {}: not safe at {v_pu} pu: {:?}", step.row, own.certificate.verdict));
        }
    }
    Ok(())
}
