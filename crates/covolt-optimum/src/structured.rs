//! The window program by an interior point that knows its structure.
//!
//! | question | file |
//! |---|---|
//! | which program is solved, in which units? | `form.rs` |
//! | which rows do fixed variables decide by themselves? | `fixed_rows.rs` |
//! | how do limits of the network enter? | `coupled_rows.rs` |
//! | how do functionals follow from variables, and back? | `functionals.rs` |
//! | what does one step of the window hand to the next? | `states.rs` |
//! | what is one iteration? | `interior_point.rs` |
//! | how are circles and currents scaled? | `cone.rs` |
//! | what does an iteration ask of an elimination order? | `newton_system.rs` |
//! | how is the Newton matrix eliminated along the steps? | `time_major.rs`, `elimination.rs` |
//! | how along the tree of the feeder, with work linear in the number of microgrids? | `tree_major.rs`, `tree_rows.rs`, `agent_matrix.rs` |
//! | which of the two for which program? | `elimination_order.rs` |
//! | which coupled rows does the program really need? | `working_rows.rs` |
//!
//! Where the program has rows of another shape, or the iteration gets nowhere, the answer is `None` and a general solver
//! takes over, unless a row is broken by fixed variables alone: then the error names it.

mod agent_matrix;
mod cone;
mod coupled_rows;
mod elimination;
mod elimination_order;
mod fixed_rows;
mod form;
mod functionals;
mod interior_point;
mod newton_system;
mod states;
mod time_major;
mod tree_major;
mod tree_rows;
mod working_rows;

use crate::conic_program::{ProgramSettings, SolvedProgram, VOLTAGE_UNIT_PU};
use covolt_fleet::window_program::WindowProgram;
use elimination_order::EliminationOrder;
use form::{CoupledLimit, Form};
use interior_point::InteriorPoint;

use working_rows::WorkingRows;

/// Memory of the structured solver: kept from program to program, whatever their sizes.
#[derive(Debug, Default)]
pub struct ProgramWorkspace {
    form: Form,
    point: InteriorPoint<EliminationOrder>,
    rows: WorkingRows,
}

impl ProgramWorkspace {
    /// Memory of a solver that goes along the tree of the feeder wherever a program has one, to compare both orders; the
    /// default takes the one with less work.
    pub fn along_tree() -> ProgramWorkspace {
        let mut ws = ProgramWorkspace::default();
        ws.point.newton.always_along_tree = true;
        ws
    }
}

/// Solves the program as it stands; `None` where this solver has no answer.
pub(crate) fn solve(
    program: &WindowProgram,
    settings: &ProgramSettings,
    ws: &mut ProgramWorkspace,
) -> Option<SolvedProgram> {
    let ProgramWorkspace { form, point, rows } = ws;
    form.open(program)?;
    rows.open(program, settings, form);
    form.load(program, settings)?;
    form.load_coupled(program, settings, &rows.wanted);
    form.scaled(rows.values(), &mut point.x);
    let mut iterations = 0;
    let mut accuracy = settings.tolerance.max(ROUGH);
    let mut shares = START_SHARES.into_iter();
    let mut share = shares.next()?;
    point.start(form, share);
    loop {
        let Some(more) = point.run(form, accuracy) else {
            share = shares.next()?;
            form.scaled(rows.values(), &mut point.x);
            point.start(form, share);
            continue;
        };
        iterations += more;
        if rows.add_broken(program, settings, form, &point.x) {
            form.load(program, settings)?;
            form.load_coupled(program, settings, &rows.wanted);
            form.scaled(rows.values(), &mut point.x);
            point.start(form, share);
        } else if accuracy > settings.tolerance {
            accuracy = settings.tolerance;
        } else {
            break;
        }
        if iterations > MOST_ITERATIONS {
            return None;
        }
    }
    let values = rows.values();
    let mut solved = SolvedProgram {
        x: (0..program.agents.len()).map(|n| values[form.of_agent(n)].to_vec()).collect(),
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

/// Products at the start as a share of the mean slope of the objective: a tenth of the first costs half as many iterations
/// again on the built-in case, ten times as much changes little. The second try is for prices far above the slopes.
const START_SHARES: [f64; 2] = [1.0, 100.0];
/// Relative gap at which rows are first looked for.
const ROUGH: f64 = 1e-2;
/// Iterations over all rounds of rows.
const MOST_ITERATIONS: u32 = 400;
