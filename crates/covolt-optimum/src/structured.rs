//! The window program by an interior point that knows its structure.
//!
//! | question | file |
//! |---|---|
//! | which program is solved, in which units? | `form.rs` |
//! | what does one step of the window hand to the next? | `states.rs` |
//! | what is one iteration? | `interior_point.rs` |
//! | how are circles and currents scaled? | `cone.rs` |
//! | what does an iteration ask of an elimination order? | `newton_system.rs` |
//! | how is the Newton matrix eliminated along the steps? | `time_major.rs` |
//!
//! Where the program has rows of another shape, or the iteration gets nowhere, the answer is `None` and a general solver
//! takes over.

mod cone;
mod form;
mod interior_point;
mod newton_system;
mod states;
mod time_major;

use crate::conic_program::{ProgramSettings, SolvedProgram, VOLTAGE_UNIT_PU};
use covolt_fleet::window_program::WindowProgram;
use form::{CoupledLimit, Form};
use interior_point::InteriorPoint;
use time_major::TimeMajor;

/// Memory of the structured solver: kept from program to program, whatever their sizes.
#[derive(Debug, Default)]
pub struct ProgramWorkspace {
    form: Form,
    point: InteriorPoint<TimeMajor>,
    wanted: Vec<CoupledLimit>,
}

/// Solves the program as it stands; `None` where this solver has no answer.
pub(crate) fn solve(
    program: &WindowProgram,
    settings: &ProgramSettings,
    ws: &mut ProgramWorkspace,
) -> Option<SolvedProgram> {
    let ProgramWorkspace { form, point, wanted } = ws;
    form.load(program, settings)?;
    wanted.clear();
    wanted.extend((0..program.voltages.len()).map(CoupledLimit::Voltage));
    wanted.extend((0..program.currents.len()).map(CoupledLimit::Current));
    wanted.sort_by_key(|&limit| form::step_of_limit(program, limit));
    form.load_coupled(program, settings, wanted);
    form.start_at(program, &mut point.x);
    let iterations = point.run(form, settings.tolerance)?;
    let mut solved = SolvedProgram {
        x: form.variables(program, &point.x),
        voltage_prices: vec![0.0; program.voltages.len()],
        current_prices: vec![0.0; program.currents.len()],
        voltage_slack_pu: 0.0,
        current_slack: 0.0,
        iterations,
    };
    for &(limit, at) in &form.limits {
        match limit {
            CoupledLimit::Voltage(m) => {
                solved.voltage_prices[m] = point.sides[at].z / VOLTAGE_UNIT_PU;
                solved.voltage_slack_pu = solved.voltage_slack_pu.max(point.sides[at].s * VOLTAGE_UNIT_PU);
            }
            CoupledLimit::Current(m) => {
                solved.current_prices[m] = point.cones[at].zeta[0];
                solved.current_slack = solved.current_slack.max(point.cones[at].s);
            }
        }
    }
    Some(solved)
}
