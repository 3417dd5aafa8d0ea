//! The objective of a window program, term by term, for whichever solver: cost or distance, plus the proximal term.
//!
//! minimise sum over agents of 1/2 x^T Q x + c^T x; constants are left out.

use super::{Objective, ProgramSettings};
use covolt_fleet::window_program::{AgentProgram, WindowProgram};

/// Weight of a reactive entry relative to an active one in [`Objective::Nearest`]: reactive power has no fuel.
const REACTIVE_WEIGHT: f64 = 0.05;
/// Slope against charging and discharging at once in [`Objective::Nearest`], per full range; far below the weights.
const OVERLAP_SLOPE: f64 = 1e-3;

/// Takes the terms of one agent's objective in its own variables.
pub(crate) trait ObjectiveTerms {
    /// Adds `value` to Q_ij and Q_ji, i <= j (once where i = j).
    fn quadratic(&mut self, i: usize, j: usize, value: f64);
    /// Adds `value` to c_i.
    fn linear(&mut self, i: usize, value: f64);
}

/// The objective of agent `n`.
pub(crate) fn add_objective(
    program: &WindowProgram,
    settings: &ProgramSettings,
    n: usize,
    terms: &mut impl ObjectiveTerms,
) {
    let agent = &program.agents[n];
    let at = &program.at[n];
    match settings.objective {
        Objective::Cost { proximal } => {
            for &(i, j, value) in &agent.quadratic {
                terms.quadratic(i, j, value);
            }
            for (i, &slope) in agent.linear.iter().enumerate() {
                terms.linear(i, slope);
            }
            if proximal > 0.0 {
                add_proximal(agent, at, |_| proximal, terms);
            }
        }
        Objective::Nearest => {
            let reactive_from = agent.layout.action.dgs + 2 * agent.layout.action.batteries;
            let per_step = agent.layout.per_step();
            add_proximal(agent, at, |i| if i % per_step >= reactive_from { REACTIVE_WEIGHT } else { 1.0 }, terms);
            discourage_overlap(agent, terms);
        }
    }
}

/// weight/2 ((a - a_0) / range)^2 on every entry of the action; for a battery on its net power, so that changing from
/// discharging to charging is no more and no less than the change of the net power.
fn add_proximal(agent: &AgentProgram, at: &[f64], weight: impl Fn(usize) -> f64, terms: &mut impl ObjectiveTerms) {
    let layout = agent.layout;
    let per_step = layout.action.per_step();
    for (entry, at) in at.iter().enumerate() {
        let [(first, _), (second, factor)] = layout.of_action(entry / per_step, entry % per_step);
        let mut range = agent.upper[first] - agent.lower[first];
        if factor != 0.0 {
            range += agent.upper[second] - agent.lower[second];
        }
        if range.is_finite() && range > 0.0 {
            let scaled = weight(first) / (range * range);
            terms.quadratic(first, first, scaled);
            terms.linear(first, -scaled * at);
            if factor != 0.0 {
                terms.quadratic(second, second, scaled);
                terms.quadratic(first, second, scaled * factor);
                terms.linear(second, -scaled * factor * at);
            }
        }
    }
}

/// Distance looks at net power alone; a small slope keeps charging and discharging apart.
fn discourage_overlap(agent: &AgentProgram, terms: &mut impl ObjectiveTerms) {
    for t in 0..agent.layout.action.steps {
        for k in 0..agent.layout.action.batteries {
            for variable in [agent.layout.p_charge(t, k), agent.layout.p_discharge(t, k)] {
                let range = agent.upper[variable] - agent.lower[variable];
                if range > 0.0 {
                    terms.linear(variable, OVERLAP_SLOPE / range);
                }
            }
        }
    }
}
