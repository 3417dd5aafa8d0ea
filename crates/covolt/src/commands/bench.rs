//! `covolt bench`: times on this machine, with the work behind them, which is the same on every machine.
//!
//! Decisions are those of the given policies, or of untrained ones, which propose the merit order and so give repairs more to do,
//! on drawn windows of the test days. Everything but the training episode runs on one thread. Allocations are counted after the
//! timed repetitions, in some more of them, so that counting takes no part in the times.

use crate::allocations;
use crate::case_argument;
use crate::cli::{BenchArgs, LayerChoice};
use crate::commands::dispatch::guard;
use crate::exit::CliError;
use crate::output::Output;
use crate::policy_folder;
use crate::training::preset;
use covolt_case::{Case, Injections};
use covolt_dispatch::{PolicyFleet, propose_and_decide, start_state};
use covolt_fleet::{
    GradientAnswer, GradientWorkspace, LimitPrices, LimitPricing, LossCurvature, PhysicsWorkspace, PriceKnowledge,
    PricedWindow, StateKind, Window, lagrangian_gradient_batch,
};
use covolt_grid::{FlowOptions, LANES};
use covolt_learn::{
    ExactSettings, ExactTrainer, Learner, NetworkShape, Scenario, ScenarioSource, StateSpread, draw, untrained_policy,
};
use covolt_optimum::bound::{BoundMethod, BoundSettings, bound_optimum};
use covolt_optimum::{CentralSettings, optimise};
use covolt_policy::GaussianPolicy;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Time for one figure, as long as that gives enough repetitions.
const BUDGET: Duration = Duration::from_millis(2500);
/// Repetitions of a figure at least and at most.
const FEWEST: usize = 5;
const MOST: usize = 2000;
/// Windows that decisions and optimum go through in turn.
const WINDOWS: usize = 40;
/// Whole days that the optimum of a day goes through in turn.
const DAYS: usize = 8;

/// One figure.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// What was timed.
    pub what: String,
    /// Median, ms.
    pub median_ms: f64,
    /// 99th percentile, ms.
    pub p99_ms: f64,
    /// Shortest, ms.
    pub least_ms: f64,
    /// Repetitions.
    pub repetitions: usize,
    /// Requests for memory of one repetition, mean.
    pub allocations: f64,
    /// Work of all repetitions divided by their number, by name.
    pub work: Vec<(&'static str, f64)>,
}

/// The machine.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// Model of the processor, as the system names it.
    pub cpu: String,
    /// Cores that the program may use.
    pub cores: usize,
    /// Worker threads.
    pub threads: usize,
}

impl Machine {
    /// This machine.
    pub fn here() -> Machine {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
        Machine {
            cpu: model.map_or_else(|| std::env::consts::ARCH.to_owned(), |m| m.trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads: rayon::current_num_threads(),
        }
    }
}

/// Net demand (p, q) per bus, pu.
type Demand = (Vec<f64>, Vec<f64>);

/// Work of one repetition, by name; the last one may be [`NO_WORK`]. Not a list, whose memory would be counted.
pub type Work = [(&'static str, f64); 2];
const NO_WORK: (&str, f64) = ("", 0.0);

/// Runs `once` until the budget is used up, the first run not counted; `once` gets the number of the repetition.
pub fn measure(
    what: &str,
    budget: Duration,
    mut once: impl FnMut(usize) -> Result<Work, CliError>,
) -> Result<Figure, CliError> {
    let mut work: Vec<(&'static str, f64)> = once(0)?.into_iter().filter(|w| *w != NO_WORK).collect();
    work.iter_mut().for_each(|(_, amount)| *amount = 0.0);
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < FEWEST || (start.elapsed() < budget && times.len() < MOST) {
        let clock = Instant::now();
        let done = once(times.len())?;
        times.push(1e3 * clock.elapsed().as_secs_f64());
        work.iter_mut().zip(done).for_each(|(sum, one)| sum.1 += one.1);
    }
    let repetitions = times.len();
    work.iter_mut().for_each(|(_, amount)| *amount /= repetitions as f64);
    times.sort_unstable_by(f64::total_cmp);
    let allocations = count_allocations(budget / 4, &mut once)?;
    let at = |q: f64| times[((q * repetitions as f64) as usize).min(repetitions - 1)];
    let (median_ms, p99_ms, least_ms) = (at(0.5), at(0.99), at(0.0));
    Ok(Figure { what: what.to_owned(), median_ms, p99_ms, least_ms, repetitions, allocations, work })
}

/// Mean number of allocations of the first [`WINDOWS`] repetitions, or as many as the budget allows.
fn count_allocations(
    budget: Duration,
    once: &mut impl FnMut(usize) -> Result<Work, CliError>,
) -> Result<f64, CliError> {
    let (start, mut repetitions, mut sum) = (Instant::now(), 0, 0);
    while repetitions < FEWEST || (start.elapsed() < budget && repetitions < WINDOWS) {
        let (done, requests) = allocations::count(|| once(repetitions).map(drop));
        done?;
        repetitions += 1;
        sum += requests;
    }
    Ok(sum as f64 / repetitions as f64)
}

/// What the figures are taken on.
pub struct Bench<'a> {
    case: &'a Case,
    scenarios: Vec<Scenario>,
    policies: Vec<GaussianPolicy>,
    curvature: Vec<LossCurvature>,
}

impl<'a> Bench<'a> {
    /// Draws `windows` windows of the test days and untrained policies.
    pub fn new(case: &'a Case, windows: usize, shape: &NetworkShape, seed: u64) -> Result<Bench<'a>, CliError> {
        let (outlook, valuation) = (case_argument::outlook(case), case_argument::valuation(case));
        let (fleet, steps) = (&case.fleet, case.settings.steps);
        let source =
            ScenarioSource { fleet, profiles: &case.profiles, outlook: &outlook, valuation: &valuation, steps };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let days = if case.days.test.is_empty() { &case.days.train } else { &case.days.test };
        let scenarios = draw(&source, days, windows, &StateSpread::default(), StateKind::Local, &mut rng)?;
        let mut policies = Vec::new();
        for (n, mg) in fleet.microgrids.iter().enumerate() {
            let layout = mg.layout(steps);
            policies.push(untrained_policy(mg, n, &layout, StateKind::Local, shape, &scenarios, &mut rng)?);
        }
        let curvature = LossCurvature::of_fleet(fleet);
        Ok(Bench { case, scenarios, policies, curvature })
    }

    /// One AC power flow from a flat start, loads and available PV power of successive rows.
    pub fn power_flow(&self, budget: Duration) -> Result<Figure, CliError> {
        let grid = &self.case.fleet.grid;
        let demands = self.demands()?;
        let mut ws = grid.workspace();
        measure("power flow", budget, |k| {
            let (p, q) = &demands[k % demands.len()];
            let info = grid.solve(p, q, &mut ws, &FlowOptions::default())?;
            Ok([("iterations", info.iterations as f64), NO_WORK])
        })
    }

    /// Eight power flows together; `None` where the grid has no batch (loops, several phases).
    pub fn batched_power_flow(&self, budget: Duration) -> Result<Option<Figure>, CliError> {
        let Some((grid, mut batch)) = self.case.fleet.grid.balanced().and_then(|g| Some((g, g.batch().ok()?))) else {
            return Ok(None);
        };
        let demands = self.demands()?;
        let rows = |side: fn(&Demand) -> &Vec<f64>| -> Vec<f64> {
            demands.iter().cycle().take(LANES).flat_map(side).copied().collect()
        };
        let (p, q) = (rows(|d| &d.0), rows(|d| &d.1));
        measure(&format!("power flow, {LANES} together"), budget, |_| {
            batch.load(&p, &q)?;
            let solved = grid.solve_batch(&mut batch, &FlowOptions::default())?;
            let iterations: usize = solved.infos.iter().map(|info| info.iterations).sum();
            Ok([("power flows", LANES as f64), ("iterations", iterations as f64)])
        })
        .map(Some)
    }

    /// Value and gradient of cost and priced limits in eight windows together.
    pub fn gradient(&self, budget: Duration) -> Result<Figure, CliError> {
        let fleet = &self.case.fleet;
        let prices = LimitPrices::default();
        let windows: Vec<PricedWindow<'_>> = self
            .scenarios
            .iter()
            .cycle()
            .take(LANES)
            .map(|s| PricedWindow { window: &s.window, base: &s.base, prices: &prices })
            .collect();
        let usual = ExactSettings::default();
        let pricing = LimitPricing {
            voltage_curvature: usual.voltage_curvature,
            current_curvature: usual.current_curvature,
            voltage_margin_pu: usual.voltage_margin_pu,
            current_margin: usual.current_margin,
        };
        let action = |lane: usize, n: usize| self.scenarios[lane % self.scenarios.len()].merit_order[n].as_slice();
        let (mut ws, mut answer) = (GradientWorkspace::new(fleet), GradientAnswer::default());
        let flows = (LANES * self.case.settings.steps) as f64;
        measure(&format!("gradient, {LANES} windows together"), budget, |_| {
            lagrangian_gradient_batch(fleet, &windows, action, &pricing, &mut ws, &mut answer)?;
            Ok([("power flows", flows), ("adjoints", flows)])
        })
    }

    /// One update of all agents over a batch of windows, on all threads.
    pub fn episode(&self, batch: usize, seed: u64, budget: Duration) -> Result<Figure, CliError> {
        let fleet = &self.case.fleet;
        let layouts = fleet.layouts(self.case.settings.steps);
        let batch = batch.min(self.scenarios.len());
        let learners =
            self.policies.iter().zip(layouts).map(|(p, layout)| Learner::new(p.clone(), layout, batch)).collect();
        let settings = ExactSettings { batch, episodes: usize::MAX, ..ExactSettings::default() };
        let mut trainer = ExactTrainer::new(fleet, &self.scenarios, learners, settings, seed)?;
        let flows = (batch * self.case.settings.steps) as f64;
        measure(&format!("training episode, {batch} windows"), budget, |_| {
            trainer.step()?;
            Ok([("power flows", flows), ("adjoints", flows)])
        })
    }

    /// Numbers that an agent sends and receives in one update of a batch, in bytes: set points there, slopes back.
    pub fn bytes_per_agent(&self, batch: usize) -> f64 {
        let layouts = self.case.fleet.layouts(self.case.settings.steps);
        let numbers: usize = layouts.iter().map(|layout| 2 * batch * layout.len()).sum();
        8.0 * numbers as f64 / layouts.len().max(1) as f64
    }

    /// One decision of all agents with its certificate.
    pub fn decision(&self, layer: LayerChoice, name: &str, budget: Duration) -> Result<Figure, CliError> {
        let (fleet, steps) = (&self.case.fleet, self.case.settings.steps);
        let mut proposer = PolicyFleet::try_new(fleet, steps, StateKind::Local, self.policies.clone(), "untrained")?;
        let (settings, mut ws) = (guard(layer), PhysicsWorkspace::new(fleet));
        measure(&format!("decision, {name}"), budget, |k| {
            let window = &self.scenarios[k % self.scenarios.len().min(WINDOWS)].window;
            let decided = propose_and_decide(fleet, window, &mut proposer, &settings, &self.curvature, &mut ws)?;
            let certificate = decided.certificate();
            Ok([
                ("programs", f64::from(certificate.programs)),
                ("certified", f64::from(u8::from(certificate.is_certified()))),
            ])
        })
    }

    /// Central optimum of the drawn windows and of whole days, each without and, where a relaxation is known, with its lower bound.
    fn optima(&self) -> Result<Vec<Figure>, CliError> {
        let windows: Vec<&Window> = self.scenarios.iter().take(WINDOWS).map(|s| &s.window).collect();
        let days = self.whole_days()?;
        let days: Vec<&Window> = days.iter().collect();
        let day = format!("central optimum, {} steps", days.iter().map(|w| w.steps).max().unwrap_or(0));
        let mut figures = vec![self.optimum("central optimum", &windows, BUDGET)?];
        let radial = self.case.fleet.grid.balanced().is_some_and(|grid| grid.network().is_radial());
        let settings = BoundSettings::default();
        if radial {
            let relaxation = BoundSettings { duality: None, ..settings };
            figures.push(self.bounded_optimum("the same with its lower bound", &windows, &settings, BUDGET)?);
            figures.push(self.bounded_optimum("the same, by the relaxation", &windows, &relaxation, BUDGET)?);
        }
        figures.push(self.optimum(&day, &days, 2 * BUDGET)?);
        if radial {
            figures.push(self.bounded_optimum("the same with its lower bound", &days, &settings, 2 * BUDGET)?);
        }
        Ok(figures)
    }

    fn optimum(&self, what: &str, windows: &[&Window], budget: Duration) -> Result<Figure, CliError> {
        let (fleet, settings) = (&self.case.fleet, CentralSettings::default());
        let mut ws = PhysicsWorkspace::new(fleet);
        measure(what, budget, |k| {
            let optimum = optimise(fleet, windows[k % windows.len()], None, &self.curvature, &settings, &mut ws)?;
            Ok([("rounds", optimum.rounds as f64), ("programs", f64::from(optimum.programs))])
        })
    }

    fn bounded_optimum(
        &self,
        what: &str,
        windows: &[&Window],
        settings: &BoundSettings,
        budget: Duration,
    ) -> Result<Figure, CliError> {
        let fleet = &self.case.fleet;
        let mut ws = PhysicsWorkspace::new(fleet);
        measure(what, budget, |k| {
            let window = windows[k % windows.len()];
            let optimum = optimise(fleet, window, None, &self.curvature, &CentralSettings::default(), &mut ws)?;
            // A window without any feasible action has no bound.
            let bound = bound_optimum(fleet, window, &optimum, settings).ok();
            let by_duality = bound.is_some_and(|bound| bound.method == BoundMethod::Duality);
            Ok([("programs", f64::from(optimum.programs)), ("bounds by duality", f64::from(u8::from(by_duality)))])
        })
    }

    /// Windows as long as a day, from half-full batteries.
    fn whole_days(&self) -> Result<Vec<Window>, CliError> {
        let (case, fleet) = (self.case, &self.case.fleet);
        let (outlook, valuation) = (case_argument::outlook(case), case_argument::valuation(case));
        let days = if case.days.test.is_empty() { &case.days.train } else { &case.days.test };
        let mut windows = Vec::new();
        for day in days.iter().step_by(days.len().div_ceil(DAYS).max(1)) {
            let rows = case.profiles.rows_of_day(*day);
            let starts = start_state(fleet, &case.profiles, rows.start, 0.5)?;
            let knowledge = PriceKnowledge::DayAhead;
            let steps = rows.len();
            let ends = outlook.terminal_values(fleet, &case.profiles, rows.start, steps, &valuation, knowledge);
            windows.extend(Window::from_profiles(&case.profiles, rows.start, steps, &starts, &ends));
        }
        Ok(windows)
    }

    /// Net demand of a few rows over the year, pu.
    fn demands(&self) -> Result<Vec<Demand>, CliError> {
        let base_kva = self.case.fleet.grid.base_kva();
        self.scenarios
            .iter()
            .take(LANES)
            .map(|s| {
                let row = s.window.row;
                let step = Injections::of_row(self.case, row)
                    .ok_or_else(|| CliError::bad_input(format!("row {row} lies outside the data")))?;
                let demand = |side: Vec<f64>| side.into_iter().map(|x| -x / base_kva).collect();
                Ok((demand(step.p_kw), demand(step.q_kvar)))
            })
            .collect()
    }
}

/// Runs the command.
pub fn run(args: &BenchArgs, out: &mut Output) -> Result<(), CliError> {
    let case = case_argument::load(&args.case.case)?;
    let usual = preset::of(case.fleet.microgrids.len());
    let mut bench = Bench::new(&case, 2 * usual.batch.max(WINDOWS), &usual.shape, args.seed)?;
    if let Some(folder) = &args.policy {
        bench.policies = policy_folder::load(&case, folder)?.policies;
    }
    let mut figures = vec![bench.power_flow(BUDGET)?];
    figures.extend(bench.batched_power_flow(BUDGET)?);
    figures.push(bench.gradient(BUDGET)?);
    figures.push(bench.episode(usual.batch, args.seed, BUDGET)?);
    for (layer, name) in
        [(LayerChoice::Bare, "bare"), (LayerChoice::Repaired, "repaired"), (LayerChoice::Polished, "polished")]
    {
        figures.push(bench.decision(layer, name, BUDGET)?);
    }
    figures.extend(bench.optima()?);
    let machine = Machine::here();
    if out.is_json() {
        return out.json(&serde_json::json!({ "case": case.name, "machine": machine, "figures": figures }));
    }
    out.line(format!(
        "{}: {} buses, {} microgrids",
        case.name,
        case.fleet.grid.n_buses(),
        case.fleet.microgrids.len()
    ))?;
    say_machine(&machine, out)?;
    let rows: Vec<Vec<String>> = figures
        .iter()
        .map(|f| {
            let work: Vec<String> = f.work.iter().map(|(name, amount)| format!("{amount:.3} {name}")).collect();
            let times = [f.median_ms, f.p99_ms].map(|t| format!("{t:.4}"));
            let [median, p99] = times;
            let allocations = format!("{:.1}", f.allocations);
            vec![f.what.clone(), median, p99, f.repetitions.to_string(), allocations, work.join(", ")]
        })
        .collect();
    out.table(&["", "median ms", "99 % ms", "repetitions", "allocations of one", "work of one, mean"], &rows)
}

/// One line about the machine.
pub fn say_machine(machine: &Machine, out: &mut Output) -> Result<(), CliError> {
    out.line(format!("{}, {} cores, {} threads", machine.cpu, machine.cores, machine.threads))
}
