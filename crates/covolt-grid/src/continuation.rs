//! Continuation from no load: decides whether a demand has a solution, and how far one exists.
//!
//! The power flow is solved at growing fractions of the demand, each from the solution of the last one, with the
//! step halved whenever that fails. It runs only when the direct solution failed or may lie on the low-voltage branch.

use crate::power_flow::Attempt;

/// First step in the fraction of the demand.
const FIRST_STEP: f64 = 0.25;
/// The fraction is not resolved further than this; a smaller step means the nose has been reached.
const SMALLEST_STEP: f64 = 1e-5;

/// Where the continuation ended.
pub(crate) struct Reached {
    /// Largest fraction solved; 1 when the whole demand was.
    pub fraction: f64,
    pub iterations: usize,
    /// The last success, or the last failure when the whole demand was not reached.
    pub last: Attempt,
}

/// `attempt(fraction, from_reached)` solves at a fraction, from the last reached voltages or from the flat start,
/// and itself keeps the voltages when it converged.
pub(crate) fn raise_demand(mut attempt: impl FnMut(f64, bool) -> Attempt) -> Reached {
    let start = attempt(0.0, false);
    let mut reached = Reached { fraction: 0.0, iterations: start.iterations, last: start };
    if !start.converged {
        return reached;
    }
    let mut step = FIRST_STEP;
    while reached.fraction < 1.0 && step >= SMALLEST_STEP {
        let fraction = f64::min(1.0, reached.fraction + step);
        let tried = attempt(fraction, true);
        reached.iterations += tried.iterations;
        reached.last = tried;
        if tried.converged && tried.upper_branch {
            reached.fraction = fraction;
        } else {
            step *= 0.5;
        }
    }
    reached
}
