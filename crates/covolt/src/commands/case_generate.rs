//! `covolt case generate`: a case of many microgrids, its limits chosen from power flows over a sample of its rows.

use crate::case_argument;
use crate::cli::GenerateArgs;
use crate::exit::CliError;
use crate::output::Output;
use covolt_case::{Case, CaseFault, ChosenLimits, GeneratedCase, Stress};
use covolt_dispatch::start_state;
use covolt_fleet::returns::loading_pu;
use covolt_fleet::self_supply::self_supply;
use covolt_fleet::{BaseDemand, PhysicsWorkspace, PriceKnowledge, Window};
use covolt_optimum::central::{make_feasible, merit_order_actions};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde_json::json;

/// Rows of the sample, spread evenly over the data; the step between them is prime to a day, so that all hours are there.
const SAMPLED_ROWS: usize = 240;
/// The same for more than [`LARGE`] microgrids.
const SAMPLED_ROWS_LARGE: usize = 96;
const LARGE: usize = 2000;

/// Draws the case, chooses its limits, writes it.
pub fn run(args: &GenerateArgs, out: &mut Output) -> Result<(), CliError> {
    let (generated, limits, case) = generate(args.microgrids as usize, args.seed)?;
    generated.write(&args.out)?;
    let buses = case.fleet.grid.n_buses();
    if out.is_json() {
        return out.json(&json!({
            "case": args.out,
            "microgrids": args.microgrids,
            "seed": args.seed,
            "buses": buses,
            "v_min_pu": limits.v_min_pu,
            "v_max_pu": limits.v_max_pu,
        }));
    }
    out.line(format!("{} microgrids, {buses} buses written to {}", args.microgrids, args.out.display()))?;
    out.line(format!("voltage band {} to {} pu", limits.v_min_pu, limits.v_max_pu))?;
    out.line(format!("How often the limits bind: covolt case binding {} --every 50", args.out.display()))
}

/// A drawn case with its limits, and the case as it was before them.
pub fn generate(count: usize, seed: u64) -> Result<(GeneratedCase, ChosenLimits, Case), CliError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let name = format!("generated-{count}-microgrids-seed-{seed}");
    let mut generated = GeneratedCase::draw(count, &name, &mut rng).map_err(faulty)?;
    let case = generated.to_case().map_err(faulty)?;
    let stress = stress(&case, generated.group_of_branch(), generated.groups())?;
    let limits = generated.set_limits(&stress);
    Ok((generated, limits, case))
}

fn faulty(faults: Vec<CaseFault>) -> CliError {
    let first = faults.first().map_or_else(String::new, ToString::to_string);
    CliError::bad_input(format!("the generated case has {} fault(s): {first}", faults.len()))
}

/// What one row adds.
struct RowStress {
    price_takers_a: Vec<f64>,
    price_takers_v_pu: (f64, f64),
    self_supply_a: Vec<f64>,
    self_supply_v_pu: (f64, f64),
}

/// Currents and voltages of both extremes over the sampled rows.
fn stress(case: &Case, group: &[Option<usize>], groups: usize) -> Result<Stress, CliError> {
    let total = case.profiles.rows().saturating_sub(1);
    let count = if case.fleet.microgrids.len() > LARGE { SAMPLED_ROWS_LARGE } else { SAMPLED_ROWS }.min(total);
    // One more than a multiple of the quarter hours of a day walks through the hours.
    let rows: Vec<usize> = (1..=count).map(|k| (k * total / (count + 1) + k) % total.max(1)).collect();
    let outlook = case_argument::outlook(case);
    let valuation = case_argument::valuation(case);
    let mut stress = Stress::default();
    // In batches, so that no more than a few rows' currents are held at a time.
    for batch in rows.chunks(BATCH) {
        let solved: Vec<RowStress> = batch
            .par_iter()
            .map_init(
                || PhysicsWorkspace::new(&case.fleet),
                |ws, &row| {
                    let knowledge = PriceKnowledge::DayAhead;
                    let terminals = outlook.terminal_values(&case.fleet, &case.profiles, row, 1, &valuation, knowledge);
                    let starts = start_state(&case.fleet, &case.profiles, row, 0.5)?;
                    let window = Window::from_profiles(&case.profiles, row, 1, &starts, &terminals)
                        .ok_or_else(|| CliError::bad_input(format!("row {row} lies outside the data")))?;
                    row_stress(case, &window, group, groups, ws)
                },
            )
            .collect::<Result<_, CliError>>()?;
        for row in solved {
            stress.self_supply_a.resize(row.self_supply_a.len(), 0.0);
            stress.self_supply_a.iter_mut().zip(&row.self_supply_a).for_each(|(high, a)| *high = high.max(*a));
            let (low, high) = row.self_supply_v_pu;
            stress.self_supply_v_pu = match stress.price_takers_v_pu.is_empty() {
                true => (low, high),
                false => (stress.self_supply_v_pu.0.min(low), stress.self_supply_v_pu.1.max(high)),
            };
            stress.price_takers_a.push(row.price_takers_a);
            stress.price_takers_v_pu.push(row.price_takers_v_pu);
        }
    }
    Ok(stress)
}

/// Rows solved before their currents are put together.
const BATCH: usize = 16;

fn row_stress(
    case: &Case,
    window: &Window,
    group: &[Option<usize>],
    groups: usize,
    ws: &mut PhysicsWorkspace,
) -> Result<RowStress, CliError> {
    let fleet = &case.fleet;
    let base = BaseDemand::new(fleet, window);
    let actions = merit_order_actions(fleet, window);
    ws.solve_step(fleet, &base, &actions, 1, 0)?;
    let mut price_takers_a = vec![0.0; groups];
    for (current, group) in amperes(case, ws).zip(group) {
        if let Some(highest) = group.and_then(|g| price_takers_a.get_mut(g)) {
            *highest = current.max(*highest);
        }
    }
    let price_takers_v_pu = voltages(ws);
    let mut actions = actions;
    for ((mg, own), action) in fleet.microgrids.iter().zip(&window.microgrids).zip(&mut actions) {
        self_supply(mg, own, window.dt_h, &mg.layout(1), action);
    }
    // Not through the ramp: how the generators got there is another row's matter.
    let mut anywhere = window.clone();
    for ((mg, own), action) in fleet.microgrids.iter().zip(&mut anywhere.microgrids).zip(&actions) {
        let layout = mg.layout(1);
        own.start.p_dg_kw.iter_mut().enumerate().for_each(|(i, p)| *p = action[layout.p_dg(0, i)]);
    }
    make_feasible(fleet, &anywhere, &mut actions);
    ws.solve_step(fleet, &base, &actions, 1, 0)?;
    Ok(RowStress {
        price_takers_a,
        price_takers_v_pu,
        self_supply_a: amperes(case, ws).collect(),
        self_supply_v_pu: voltages(ws),
    })
}

/// Current of each branch at the step solved last, A at the to side.
fn amperes<'a>(case: &'a Case, ws: &'a PhysicsWorkspace) -> impl Iterator<Item = f64> + 'a {
    let grid = &case.fleet.grid;
    (0..grid.n_currents()).map(|i| loading_pu(&case.fleet, i, ws.flow.v()) * grid.current_base_a(i))
}

fn voltages(ws: &PhysicsWorkspace) -> (f64, f64) {
    let range = |(low, high): (f64, f64), v: f64| (low.min(v), high.max(v));
    ws.flow.v().iter().map(|v| v.norm()).fold((f64::INFINITY, f64::NEG_INFINITY), range)
}
