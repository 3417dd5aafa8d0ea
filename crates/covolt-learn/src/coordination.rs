//! The convexified window as private programs of the agents plus shared rows: what the coordination methods solve.
//!
//! Each agent's part of [`WindowProgram`] becomes its [`LocalProgram`]. Branch currents inside a microgrid are its agent's
//! own business: they are private cones of its program, since other agents reach them only through the voltage at the PCC,
//! which the next linearisation brings. Voltages everywhere and currents of the feeder are shared rows. A current limit
//! becomes a fan of facets around the direction of the present current (the linearised magnitude alone would let the
//! current turn past its limit); facets that no action within the limits can reach are left out. All network rows are
//! elastic with weights far above the multipliers, so that the least violation is found where not all limits can be met.
//!
//! Units inside: powers in 100 kW, costs in $, voltages in 0.01 pu, currents in fractions of the limit: all of order one.

use covolt_consensus::{
    Ball, BallAxis, ConsensusError, CoupledRows, InProcess, InteriorPointSettings, LocalProgram, LocalProgramData,
    LocalRow, Solution, WarmStart,
};
use covolt_fleet::rows::CurrentRow;
use covolt_fleet::window_program::{AgentProgram, WindowProgram};
use covolt_fleet::{Fleet, Limit, LimitPrices};
use covolt_optimum::{Objective, OptimumError, ProgramSettings, ProgramSolution, separate_directions};

/// kW per unit of a program variable.
pub const POWER_UNIT_KW: f64 = 100.0;
/// pu of voltage per unit of a shared voltage row.
pub const VOLTAGE_UNIT_PU: f64 = 0.01;
/// Directions of the facets of a shared current limit, degrees from the direction of the present current: dense where
/// the solution will lie, so that the sequence of programs settles.
const FACET_DEGREES: [f64; 16] =
    [0.0, 3.0, -3.0, 8.0, -8.0, 16.0, -16.0, 28.0, -28.0, 45.0, -45.0, 70.0, -70.0, 110.0, -110.0, 180.0];
/// Curvature of the penalty on a violated private current limit, $ per (fraction of the limit)^2: a multiplier of 10 $
/// then leaves a violation of 1e-5.
const ELASTIC_CURVATURE: f64 = 1e6;
/// Bound on auxiliary currents, fractions of the limit; never reached.
const LARGEST_CURRENT: f64 = 20.0;

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
    /// Meaning of each shared row.
    pub meaning: Vec<SharedRow>,
    /// Per microgrid: its private network rows, as (ball of its program, meaning).
    private: Vec<Vec<(usize, SharedRow)>>,
}

impl CoupledWindow {
    /// Splits a convexified window between its agents; `owners` says which microgrid each branch belongs to.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn new(
        program: &WindowProgram,
        owners: &[Option<usize>],
        settings: &ProgramSettings,
    ) -> Result<CoupledWindow, ConsensusError> {
        let mut parts: Vec<LocalProgramData> =
            program.agents.iter().zip(&program.at).map(|(agent, at)| private_part(agent, at, settings)).collect();
        let mut shared = SharedColumns::new(program);
        shared.add_voltages(program, settings);
        let mut private = vec![Vec::new(); program.agents.len()];
        for row in &program.currents {
            match owners.get(row.branch).copied().flatten() {
                Some(n) => add_private_current(program, n, row, settings, &mut parts[n], &mut private[n]),
                None => shared.add_current(program, row, settings),
            }
        }
        let rows = CoupledRows::try_new(shared.limits)?.with_penalties(shared.penalties)?;
        let m = rows.len();
        let programs = parts
            .into_iter()
            .zip(shared.of_agent)
            .enumerate()
            .map(|(n, (mut part, columns))| {
                part.coupled = widen(&columns, program.agents[n].layout.len(), part.linear.len());
                LocalProgram::try_new(part, m).map_err(|faults| ConsensusError::BadProgram { agent: n, faults })
            })
            .collect::<Result<_, _>>()?;
        Ok(CoupledWindow { programs, rows, meaning: shared.meaning, private })
    }

    /// Multipliers of all limits: those of the shared rows and those that each agent found for its own rows.
    pub fn prices(&self, solution: &Solution) -> LimitPrices {
        let mut prices = LimitPrices::default();
        let shared = self.meaning.iter().zip(&solution.multipliers).map(|(row, multiplier)| (row, *multiplier));
        let private = self.private.iter().zip(&solution.local).flat_map(|(rows, local)| {
            rows.iter().map(|(row, meaning)| (meaning, local.balls.get(*row).copied().unwrap_or(0.0)))
        });
        for (row, multiplier) in shared.chain(private) {
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

/// Adds zero columns for variables that only the private program has.
fn widen(columns: &[f64], from: usize, to: usize) -> Vec<f64> {
    let mut wide = Vec::with_capacity(columns.len() / from.max(1) * to);
    for row in columns.chunks(from.max(1)) {
        wide.extend_from_slice(row);
        wide.resize(wide.len() + to - from, 0.0);
    }
    wide
}

/// Directions of the facets around the present current: (cos, sin).
fn facets(row: &CurrentRow) -> impl Iterator<Item = (f64, f64)> {
    let direction = row.value.arg();
    FACET_DEGREES.iter().map(move |offset| (direction + offset.to_radians()).sin_cos()).map(|(sin, cos)| (cos, sin))
}

/// Most that `coefficients` of agent `n` can add within its bounds, seen from the present action.
fn reach(program: &WindowProgram, n: usize, start: &[f64], step: usize, coefficients: impl Fn(usize) -> f64) -> f64 {
    let agent = &program.agents[n];
    let mut most = 0.0;
    for at in 0..agent.layout.action.per_step() {
        for (variable, factor) in agent.layout.of_action(step, at) {
            let c = factor * coefficients(at);
            most += (c * (agent.upper[variable] - start[variable]))
                .max(c * (agent.lower[variable] - start[variable]))
                .max(0.0);
        }
    }
    most
}

/// A current limit inside microgrid `n`, exactly: u = i - e for both parts of the current i, |u| <= 1, and a steep
/// quadratic cost on e, which is what remains where the limit cannot be met.
fn add_private_current(
    program: &WindowProgram,
    n: usize,
    row: &CurrentRow,
    settings: &ProgramSettings,
    part: &mut LocalProgramData,
    private: &mut Vec<(usize, SharedRow)>,
) {
    let agent = &program.agents[n];
    let start = agent.layout.from_action(&program.at[n]);
    let widest = |coefficients: &[f64]| {
        reach(program, n, &start, row.step, |at| coefficients[at])
            + reach(program, n, &start, row.step, |at| -coefficients[at])
    };
    if row.value.norm() + widest(&row.re[n]).hypot(widest(&row.im[n])) < 1.0 {
        return;
    }
    let radius = 1.0 - settings.current_margin;
    let mut axes = Vec::with_capacity(2);
    for (coefficients, value) in [(&row.re[n], row.value.re), (&row.im[n], row.value.im)] {
        let current = add_variable(part, 0.0);
        let excess = add_variable(part, ELASTIC_CURVATURE);
        axes.push(BallAxis { variable: current, weight: 1.0, centre: 0.0 });
        let mut constant = value;
        let mut terms = vec![(current, 1.0), (excess, 1.0)];
        for (at, c) in coefficients.iter().enumerate() {
            for (variable, factor) in agent.layout.of_action(row.step, at) {
                if factor * c != 0.0 {
                    terms.push((variable, -factor * c * POWER_UNIT_KW));
                    constant -= factor * c * start[variable];
                }
            }
        }
        part.rows.push(LocalRow { coefficients: terms, lower: constant, upper: constant });
    }
    // d cost / d radius = radius * multiplier of the ball.
    private
        .push((part.balls.len(), SharedRow { step: row.step, limit: Limit::Current(row.branch), price_scale: radius }));
    part.balls.push(Ball { axes, level: 0.5 * radius * radius });
}

/// A new free variable with a quadratic cost; its index.
fn add_variable(part: &mut LocalProgramData, curvature: f64) -> usize {
    let index = part.linear.len();
    part.linear.push(0.0);
    part.lower.push(-LARGEST_CURRENT);
    part.upper.push(LARGEST_CURRENT);
    if let Some(quadratic) = &mut part.quadratic {
        *quadratic = widen(quadratic, index, index + 1);
        quadratic.resize((index + 1) * (index + 1), 0.0);
        quadratic[(index + 1) * (index + 1) - 1] = curvature;
    }
    index
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
            let most: f64 = (0..program.agents.len())
                .map(|n| reach(program, n, &self.starts[n], row.step, |at| row.coefficients[n][at]))
                .sum();
            if most < -row.excess {
                continue;
            }
            let shared = SharedRow { step: row.step, limit: row.limit, price_scale: 1.0 / VOLTAGE_UNIT_PU };
            let room = -(row.excess + settings.voltage_margin_pu) / VOLTAGE_UNIT_PU;
            self.add(program, shared, settings.voltage_weight * VOLTAGE_UNIT_PU, room, |n, at| {
                row.coefficients[n][at] / VOLTAGE_UNIT_PU
            });
        }
    }

    fn add_current(&mut self, program: &WindowProgram, row: &CurrentRow, settings: &ProgramSettings) {
        for (cos, sin) in facets(row) {
            let coefficient = |n: usize, at: usize| cos * row.re[n][at] + sin * row.im[n][at];
            let room = 1.0 - settings.current_margin - (cos * row.value.re + sin * row.value.im);
            let most: f64 = (0..program.agents.len())
                .map(|n| reach(program, n, &self.starts[n], row.step, |at| coefficient(n, at)))
                .sum();
            if most >= room {
                let shared = SharedRow { step: row.step, limit: Limit::Current(row.branch), price_scale: 1.0 };
                self.add(program, shared, settings.current_weight, room, coefficient);
            }
        }
    }
}

/// One agent's private numbers in program units.
fn private_part(agent: &AgentProgram, at: &[f64], settings: &ProgramSettings) -> LocalProgramData {
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
        coupled: Vec::new(),
    }
}

/// Solves convexified windows by the agents' distributed interior point, in one process; reusable workspace.
#[derive(Debug)]
pub struct Coordination {
    owners: Vec<Option<usize>>,
    in_process: InProcess,
    settings: InteriorPointSettings,
    /// Rounds of all programs so far.
    pub rounds: usize,
    /// Programs so far.
    pub programs: usize,
}

impl Coordination {
    /// For the agents of `fleet`, with a relative accuracy.
    pub fn new(fleet: &Fleet, tolerance: f64) -> Coordination {
        Coordination {
            owners: fleet.owner_of_branches(),
            in_process: InProcess::new(),
            settings: InteriorPointSettings {
                tolerance,
                acceptable: (100.0 * tolerance).min(1e-2),
                max_rounds: 60,
                ..InteriorPointSettings::default()
            },
            rounds: 0,
            programs: 0,
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
            let coupled = CoupledWindow::new(program, &self.owners, settings).map_err(failed)?;
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
                prices: coupled.prices(&solution),
                voltage_slack_pu: 0.0,
                current_slack: solution.max_violation,
                iterations: solution.rounds as u32,
                programs,
            });
        }
    }
}
