//! The convexified window as private programs of the agents plus shared rows: what the coordination methods solve.
//!
//! Each agent's part of [`WindowProgram`] becomes its [`LocalProgram`]; voltage limits become one shared row each, branch
//! currents a fan of facets around the direction of the present current (the linearised magnitude alone would let the
//! current turn past its limit). Shared rows are elastic with weights far above the multipliers, so that the least
//! violation is found where not all limits can be met.
//!
//! Units inside: powers in 100 kW, costs in $, voltages in 0.01 pu, currents in fractions of the limit: all of order one.

use covolt_consensus::{
    Ball, BallAxis, ConsensusError, CoupledRows, InProcess, InteriorPointSettings, LocalProgram, LocalProgramData,
    LocalRow, WarmStart,
};
use covolt_fleet::window_program::{AgentProgram, WindowProgram};
use covolt_fleet::{Limit, LimitPrices};
use covolt_optimum::{Objective, OptimumError, ProgramSettings, ProgramSolution, separate_directions};

/// kW per unit of a program variable.
pub const POWER_UNIT_KW: f64 = 100.0;
/// pu of voltage per unit of a shared voltage row.
pub const VOLTAGE_UNIT_PU: f64 = 0.01;
/// Facets of a current limit, relative to the direction of the present current, rad.
const FACET_ANGLES: [f64; 5] = [0.0, 0.35, -0.35, 0.9, -0.9];

/// Which limit a shared row stands for, and how many $ per natural unit one unit of its multiplier is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedRow {
    /// Step of the window.
    pub step: usize,
    /// The limit.
    pub limit: Limit,
    /// Multiplier in $ per pu (or per fraction of the limit) = this times the row's multiplier.
    pub price_scale: f64,
}

/// Private programs, shared rows and what the rows mean.
#[derive(Debug, Clone)]
pub struct CoupledWindow {
    /// One per microgrid.
    pub programs: Vec<LocalProgram>,
    /// Right-hand sides and penalties, known to all.
    pub rows: CoupledRows,
    /// Meaning of each row.
    pub meaning: Vec<SharedRow>,
}

impl CoupledWindow {
    /// Splits a convexified window between its agents.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn new(program: &WindowProgram, settings: &ProgramSettings) -> Result<CoupledWindow, ConsensusError> {
        let mut columns = SharedColumns::new(program);
        columns.add_voltages(program, settings);
        columns.add_currents(program, settings);
        let rows = CoupledRows::try_new(columns.limits)?.with_penalties(columns.penalties)?;
        let m = rows.len();
        let programs = program
            .agents
            .iter()
            .zip(&program.at)
            .zip(columns.of_agent)
            .enumerate()
            .map(|(n, ((agent, at), coupled))| {
                LocalProgram::try_new(private_part(agent, at, settings, coupled), m)
                    .map_err(|faults| ConsensusError::BadProgram { agent: n, faults })
            })
            .collect::<Result<_, _>>()?;
        Ok(CoupledWindow { programs, rows, meaning: columns.meaning })
    }

    /// Multipliers of the limits from those of the shared rows.
    pub fn prices(&self, multipliers: &[f64]) -> LimitPrices {
        let mut prices = LimitPrices::default();
        for (row, &multiplier) in self.meaning.iter().zip(multipliers) {
            let price = multiplier * row.price_scale;
            if price > SMALLEST_PRICE {
                match prices.entries.last_mut() {
                    Some((step, limit, sum)) if *step == row.step && *limit == row.limit => *sum += price,
                    _ => prices.entries.push((row.step, row.limit, price)),
                }
            }
        }
        prices
    }
}

/// Multipliers below this, $ per pu or fraction, are rounding.
const SMALLEST_PRICE: f64 = 1e-4;

/// The shared rows while they are written: right-hand sides, and per agent its columns, row by row.
struct SharedColumns {
    limits: Vec<f64>,
    penalties: Vec<f64>,
    meaning: Vec<SharedRow>,
    of_agent: Vec<Vec<f64>>,
    starts: Vec<Vec<f64>>,
}

impl SharedColumns {
    fn new(program: &WindowProgram) -> SharedColumns {
        SharedColumns {
            limits: Vec::new(),
            penalties: Vec::new(),
            meaning: Vec::new(),
            of_agent: vec![Vec::new(); program.agents.len()],
            starts: program.agents.iter().zip(&program.at).map(|(a, at)| a.layout.from_action(at)).collect(),
        }
    }

    /// Row: sum coefficients (a - a_0) <= room, both in the row's unit.
    fn add(
        &mut self,
        program: &WindowProgram,
        shared: SharedRow,
        penalty: f64,
        room: f64,
        coefficients: impl Fn(usize, usize) -> f64,
    ) {
        let mut limit = room;
        for (n, agent) in program.agents.iter().enumerate() {
            let start = self.of_agent[n].len();
            self.of_agent[n].resize(start + agent.layout.len(), 0.0);
            for at in 0..agent.layout.action.per_step() {
                for (variable, factor) in agent.layout.of_action(shared.step, at) {
                    let c = factor * coefficients(n, at);
                    self.of_agent[n][start + variable] += c * POWER_UNIT_KW;
                    limit += c * self.starts[n][variable];
                }
            }
        }
        self.limits.push(limit);
        self.penalties.push(penalty);
        self.meaning.push(shared);
    }

    fn add_voltages(&mut self, program: &WindowProgram, settings: &ProgramSettings) {
        for row in &program.voltages {
            let shared = SharedRow { step: row.step, limit: row.limit, price_scale: 1.0 / VOLTAGE_UNIT_PU };
            let room = -(row.excess + settings.voltage_margin_pu) / VOLTAGE_UNIT_PU;
            self.add(program, shared, settings.voltage_weight * VOLTAGE_UNIT_PU, room, |n, at| {
                row.coefficients[n][at] / VOLTAGE_UNIT_PU
            });
        }
    }

    fn add_currents(&mut self, program: &WindowProgram, settings: &ProgramSettings) {
        for row in &program.currents {
            let direction = row.value.arg();
            for angle in FACET_ANGLES {
                let (sin, cos) = (direction + angle).sin_cos();
                let shared = SharedRow { step: row.step, limit: Limit::Current(row.branch), price_scale: 1.0 };
                let room = 1.0 - settings.current_margin - (cos * row.value.re + sin * row.value.im);
                self.add(program, shared, settings.current_weight, room, |n, at| {
                    cos * row.re[n][at] + sin * row.im[n][at]
                });
            }
        }
    }
}

/// One agent's private numbers in program units.
fn private_part(agent: &AgentProgram, at: &[f64], settings: &ProgramSettings, coupled: Vec<f64>) -> LocalProgramData {
    let n = agent.layout.len();
    let devices = agent.layout.stored_value(0);
    // Epigraph variables are in $ already.
    let unit = |i: usize| if i < devices { POWER_UNIT_KW } else { 1.0 };
    let mut quadratic = vec![0.0; n * n];
    let mut linear: Vec<f64> = agent.linear.iter().enumerate().map(|(i, c)| c * unit(i)).collect();
    for &(i, j, value) in &agent.quadratic {
        quadratic[i * n + j] += value * unit(i) * unit(j);
        if i != j {
            quadratic[j * n + i] += value * unit(i) * unit(j);
        }
    }
    if let Objective::Cost { proximal } = settings.objective
        && proximal > 0.0
    {
        let centre = agent.layout.from_action(at);
        for i in 0..devices {
            let range = (agent.upper[i] - agent.lower[i]) / POWER_UNIT_KW;
            if range.is_finite() && range > 0.0 {
                let weight = proximal / (range * range);
                quadratic[i * n + i] += weight;
                linear[i] -= weight * centre[i] / POWER_UNIT_KW;
            }
        }
    }
    let rows = agent
        .rows
        .iter()
        .map(|row| LocalRow {
            coefficients: row.terms.iter().map(|&(i, c)| (i, c * unit(i))).collect(),
            lower: row.lower,
            upper: row.upper,
        })
        .collect();
    // Charging and discharging enter a circle as two axes: where only one is non-zero, this is the circle itself.
    let balls = agent
        .circles
        .iter()
        .map(|circle| Ball {
            axes: circle
                .p
                .iter()
                .map(|&(variable, _)| BallAxis { variable, weight: 1.0, centre: 0.0 })
                .chain([BallAxis { variable: circle.q, weight: 1.0, centre: 0.0 }])
                .collect(),
            level: 0.5 * (circle.radius / POWER_UNIT_KW).powi(2),
        })
        .collect();
    LocalProgramData {
        quadratic: Some(quadratic),
        linear,
        lower: agent.lower.iter().enumerate().map(|(i, b)| b / unit(i)).collect(),
        upper: agent.upper.iter().enumerate().map(|(i, b)| b / unit(i)).collect(),
        rows,
        balls,
        coupled,
    }
}

/// Solves convexified windows by the agents' distributed interior point, in one process; reusable workspace.
#[derive(Debug, Default)]
pub struct Coordination {
    in_process: InProcess,
    settings: InteriorPointSettings,
    /// Rounds of all programs so far.
    pub rounds: usize,
    /// Programs so far.
    pub programs: usize,
}

impl Coordination {
    /// With a relative accuracy.
    pub fn with_tolerance(tolerance: f64) -> Coordination {
        Coordination {
            settings: InteriorPointSettings { tolerance, ..InteriorPointSettings::default() },
            ..Coordination::default()
        }
    }

    /// Solves one convexified window; signature of a program solver of the central optimum.
    ///
    /// # Errors
    /// [`OptimumError::Coordination`] with the method's reason.
    pub fn solve(
        &mut self,
        program: &mut WindowProgram,
        settings: &ProgramSettings,
    ) -> Result<ProgramSolution, OptimumError> {
        let failed = |reason: ConsensusError| OptimumError::Coordination { reason: reason.to_string() };
        let mut programs = 0;
        loop {
            let coupled = CoupledWindow::new(program, settings).map_err(failed)?;
            let solution = self
                .in_process
                .solve(&coupled.programs, &coupled.rows, &self.settings, WarmStart::default())
                .map_err(failed)?;
            programs += 1;
            self.programs += 1;
            self.rounds += solution.rounds;
            let x: Vec<Vec<f64>> = solution.x.iter().map(|x| x.iter().map(|x| x * POWER_UNIT_KW).collect()).collect();
            if separate_directions(program, &x) {
                continue;
            }
            let mut actions = program.at.clone();
            for ((agent, x), action) in program.agents.iter().zip(&x).zip(&mut actions) {
                agent.layout.to_action(x, action);
            }
            return Ok(ProgramSolution {
                actions,
                prices: coupled.prices(&solution.multipliers),
                voltage_slack_pu: 0.0,
                current_slack: solution.max_violation,
                iterations: solution.rounds as u32,
                programs,
            });
        }
    }
}
