//! The structured solver against Clarabel on the same programs: built-in case, random small programs, degenerate ones.
#![allow(clippy::unwrap_used)]

mod built_in;

use built_in::*;
use covolt_fleet::window_program::{LocalRow, WindowProgram};
use covolt_fleet::{Limit, Reach};
use covolt_optimum::*;
use std::collections::BTreeMap;

const WIDE: Reach = Reach { voltage_pu: 0.02, current_fraction: 0.7 };

/// The weights that repair and polish use.
fn settings(objective: Objective) -> ProgramSettings {
    ProgramSettings { objective, voltage_weight: 2e4, current_weight: 4e3, ..ProgramSettings::default() }
}

/// Objective of a joint action by the program's own data, without slacks; the epigraph variables as high as they may be.
fn objective(program: &WindowProgram, settings: &ProgramSettings, actions: &[Vec<f64>]) -> f64 {
    let mut value = 0.0;
    for ((agent, action), at) in program.agents.iter().zip(actions).zip(&program.at) {
        let layout = agent.layout;
        let mut x = layout.from_action(action);
        for k in 0..layout.action.batteries {
            let z = layout.stored_value(k);
            let pieces = agent.rows.iter().filter(|r| r.terms.iter().any(|(v, _)| *v == z));
            x[z] = pieces.fold(agent.upper[z], |best, row| {
                let others: f64 = row.terms.iter().filter(|(v, _)| *v != z).map(|(v, c)| c * x[*v]).sum();
                best.min(row.upper - others)
            });
        }
        if let Objective::Cost { proximal } = settings.objective {
            value += agent.linear.iter().zip(&x).map(|(c, x)| c * x).sum::<f64>();
            for &(i, j, q) in &agent.quadratic {
                value += if i == j { 0.5 } else { 1.0 } * q * x[i] * x[j];
            }
            value += distance(agent, action, at, |_| proximal);
        } else {
            let reactive_from = layout.action.dgs + layout.action.batteries;
            let per_step = layout.action.per_step();
            value += distance(agent, action, at, |e| if e % per_step >= reactive_from { 0.05 } else { 1.0 });
            for t in 0..layout.action.steps {
                for k in 0..layout.action.batteries {
                    for v in [layout.p_charge(t, k), layout.p_discharge(t, k)] {
                        let range = agent.upper[v] - agent.lower[v];
                        value += if range > 0.0 { 1e-3 * x[v] / range } else { 0.0 };
                    }
                }
            }
        }
    }
    value
}

/// Sum of price times violation over the coupled rows.
fn priced(
    program: &WindowProgram,
    settings: &ProgramSettings,
    prices: &covolt_fleet::LimitPrices,
    actions: &[Vec<f64>],
) -> f64 {
    let (voltage, current) = violations(program, settings, actions);
    let mut of: BTreeMap<(usize, Limit), f64> = BTreeMap::new();
    for &(step, limit, price) in &prices.entries {
        of.entry((step, limit)).and_modify(|p| *p = p.max(price)).or_insert(price);
    }
    let price = |step: usize, limit: Limit| of.get(&(step, limit)).copied().unwrap_or(0.0);
    let voltages = program.voltages.iter().zip(&voltage).map(|(r, v)| v * price(r.step, r.limit));
    let currents = program.currents.iter().zip(&current).map(|(r, v)| v * price(r.step, Limit::Current(r.branch)));
    voltages.sum::<f64>() + currents.sum::<f64>()
}

fn distance(
    agent: &covolt_fleet::window_program::AgentProgram,
    action: &[f64],
    at: &[f64],
    weight: impl Fn(usize) -> f64,
) -> f64 {
    let per_step = agent.layout.action.per_step();
    let mut sum = 0.0;
    for (entry, (a, at)) in action.iter().zip(at).enumerate() {
        let [(first, _), (second, factor)] = agent.layout.of_action(entry / per_step, entry % per_step);
        let width = |v: usize| agent.upper[v] - agent.lower[v];
        let range = width(first) + if factor == 0.0 { 0.0 } else { width(second) };
        if range > 0.0 {
            sum += 0.5 * weight(entry) * ((a - at) / range).powi(2);
        }
    }
    sum
}

/// Positive excess of each coupled row, margins included.
fn violations(program: &WindowProgram, settings: &ProgramSettings, actions: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let moved = |step: usize, coefficients: &[Vec<f64>]| -> f64 {
        let mut sum = 0.0;
        for ((c, a), at) in coefficients.iter().zip(actions).zip(&program.at) {
            let from = step * c.len();
            sum += c.iter().enumerate().map(|(i, c)| c * (a[from + i] - at[from + i])).sum::<f64>();
        }
        sum
    };
    let voltages = program.voltages.iter();
    let currents = program.currents.iter();
    (
        voltages.map(|r| (r.excess + moved(r.step, &r.coefficients) + settings.voltage_margin_pu).max(0.0)).collect(),
        currents
            .map(|r| {
                let (re, im) = (r.value.re + moved(r.step, &r.re), r.value.im + moved(r.step, &r.im));
                (re.hypot(im) - 1.0 + settings.current_margin).max(0.0)
            })
            .collect(),
    )
}

/// Largest violation of a local limit, each in units of its range, charging and discharging netted.
fn local_violation(program: &WindowProgram, actions: &[Vec<f64>]) -> f64 {
    let mut worst = 0.0_f64;
    for (agent, action) in program.agents.iter().zip(actions) {
        let x = agent.layout.from_action(action);
        for (i, x) in x.iter().enumerate().take(agent.layout.action.steps * agent.layout.per_step()) {
            let range = (agent.upper[i] - agent.lower[i]).max(1.0);
            worst = worst.max((agent.lower[i] - x) / range).max((x - agent.upper[i]) / range);
        }
        for circle in &agent.circles {
            let p = circle.p_offset + circle.p.iter().map(|&(i, c)| c * x[i]).sum::<f64>();
            worst = worst.max(p.hypot(x[circle.q]) / circle.radius - 1.0);
        }
        let z_from = agent.layout.action.steps * agent.layout.per_step();
        for row in agent.rows.iter().filter(|r| r.terms.iter().all(|(v, _)| *v < z_from)) {
            let value: f64 = row.terms.iter().map(|&(i, c)| c * x[i]).sum();
            let scale =
                row.terms.iter().map(|(i, c)| c.abs() * (agent.upper[*i] - agent.lower[*i])).fold(1e-9, f64::max);
            worst = worst.max((row.lower - value) / scale).max((value - row.upper) / scale);
        }
    }
    worst
}

#[derive(Debug, Default)]
struct Tally {
    programs: u32,
    fallbacks: u32,
    iterations: u32,
    most: u32,
    binding: usize,
    slack: usize,
}

/// Solves with both and compares; what was met goes into the tally.
fn compare(
    name: &str,
    program: &WindowProgram,
    settings: &ProgramSettings,
    ws: &mut ProgramWorkspace,
    tally: &mut Tally,
) {
    let clarabel = ProgramSettings { solver: ProgramSolver::Clarabel, ..*settings };
    let (mut ours, mut theirs) = (program.clone(), program.clone());
    let a = solve_program_with(&mut ours, settings, ws).unwrap();
    let b = solve_program(&mut theirs, &clarabel).unwrap();
    tally.programs += a.programs;
    tally.fallbacks += a.fallbacks;
    tally.iterations += a.iterations;
    tally.most = tally.most.max(a.iterations / a.programs);
    tally.binding += a.prices.entries.len();
    tally.slack += usize::from(a.voltage_slack_pu.max(a.current_slack) > 1e-6);
    // Separated directions may differ where both are as good; costs are compared on the same program otherwise.
    let same = ours.agents.iter().zip(&theirs.agents).all(|(a, b)| a.upper == b.upper);
    // Convexity: no action is cheaper than the optimum by more than its violations at the optimum's prices.
    let value = |of: &ProgramSolution, prices: &ProgramSolution| {
        objective(program, settings, &of.actions) + priced(program, settings, &prices.prices, &of.actions)
    };
    let size = value(&b, &b).abs().max(1.0);
    let (ours, theirs) = (value(&a, &a), value(&b, &a));
    assert!(ours <= theirs + 1e-6 * size, "{name}: {ours} above Clarabel's {theirs}");
    // The other way the netting of both actions counts: up to a watt of charging and discharging at once.
    let (ours, theirs) = (value(&a, &b), value(&b, &b));
    assert!(!same || theirs <= ours + 1e-5 * size, "{name}: {ours} below Clarabel's {theirs}");
    let local = local_violation(program, &a.actions);
    assert!(local < 1e-5, "{name}: a local limit is broken by {local:.1e} of its range");
    let (voltage, current) = violations(program, settings, &a.actions);
    let worst = |v: &[f64]| v.iter().fold(0.0_f64, |m, v| m.max(*v));
    assert!(worst(&voltage) <= a.voltage_slack_pu + 1e-8, "{name}: {:.1e} pu", worst(&voltage));
    assert!(worst(&current) <= a.current_slack + 1e-7, "{name}: {:.1e}", worst(&current));
    // The priced sum of the slacks is unique, the largest is not where several are as cheap: within a part in a hundred.
    assert!((a.voltage_slack_pu - b.voltage_slack_pu).abs() < 1e-2 * b.voltage_slack_pu + 1e-6, "{name}: slack");
    assert!((a.current_slack - b.current_slack).abs() < 1e-2 * b.current_slack + 1e-5, "{name}: slack");
}

fn family(name: &str, family: Family, count: u64) -> Tally {
    let mut built_in = BuiltIn::load();
    built_in.restrict(&family);
    let (mut ws, mut tally) = (ProgramWorkspace::default(), Tally::default());
    for seed in 0..count {
        let (_, program) = built_in.program(&family, seed);
        for objective in [Objective::Cost { proximal: 0.1 }, Objective::Cost { proximal: 0.0 }, Objective::Nearest] {
            let label = format!("{name}, seed {seed}, {objective:?}");
            compare(&label, &program, &settings(objective), &mut ws, &mut tally);
        }
    }
    println!("{name}: {tally:?}, {:.1} iterations a program", f64::from(tally.iterations) / f64::from(tally.programs));
    // One, or one in a hundred.
    assert!(
        tally.fallbacks <= (tally.programs / 100).max(1),
        "{name}: {} of {} left to Clarabel",
        tally.fallbacks,
        tally.programs
    );
    tally
}

#[test]
fn ref_programs_of_the_built_in_case() {
    let tally = family("four steps", PLAIN, 40);
    assert!(tally.binding > 100);
    family("wide reach", Family { reach: WIDE, noise: 0.02, ..PLAIN }, 20);
}

#[test]
fn ref_window_lengths() {
    family("one step", Family { steps: 1, ..PLAIN }, 30);
    family("two steps", Family { steps: 2, ..PLAIN }, 10);
    family("sixteen steps", Family { steps: 16, ..PLAIN }, 8);
}

#[test]
fn ref_limits_that_cannot_be_met() {
    let tally = family("narrow", Family { narrowed_pu: 0.02, rating: 0.6, ..PLAIN }, 15);
    assert!(tally.slack > 10, "the limits can be met: {tally:?}");
}

#[test]
fn ref_negative_prices() {
    let tally = family("negative", Family { price_shift: -0.4, ..PLAIN }, 15);
    assert!(tally.programs > 45, "no battery charged and discharged at once: {tally:?}");
}

/// Multipliers where they are unique: a single binding row in a step has no other to share with.
#[test]
fn ref_multipliers_agree_where_unique() {
    let built_in = BuiltIn::load();
    let mut compared = 0;
    for seed in 0..30 {
        let (_, program) = built_in.program(&PLAIN, seed);
        let settings = settings(Objective::Cost { proximal: 0.1 });
        let a = solve_program(&mut program.clone(), &settings).unwrap();
        let clarabel = ProgramSettings { solver: ProgramSolver::Clarabel, ..settings };
        let b = solve_program(&mut program.clone(), &clarabel).unwrap();
        let by_step = |prices: &covolt_fleet::LimitPrices| {
            let mut steps: BTreeMap<usize, Vec<(Limit, f64)>> = BTreeMap::new();
            for &(step, limit, price) in prices.entries.iter().filter(|e| e.2 > 1e-2) {
                steps.entry(step).or_default().push((limit, price));
            }
            steps
        };
        let theirs = by_step(&b.prices);
        for (step, ours) in by_step(&a.prices) {
            if let ([(limit, price)], Some([(other, reference)])) = (&ours[..], theirs.get(&step).map(|v| &v[..])) {
                compared += 1;
                assert_eq!(limit, other, "seed {seed}, step {step}");
                assert!((price - reference).abs() < 1e-3 * reference + 1e-2, "seed {seed}: {price} {reference}");
            }
        }
    }
    assert!(compared >= 10, "only {compared} single multipliers");
}

/// The same answer from a workspace that has seen other programs.
#[test]
fn law_workspace_leaves_no_trace() {
    let built_in = BuiltIn::load();
    let mut ws = ProgramWorkspace::default();
    for (seed, steps) in [(0, 4), (1, 16), (2, 1), (3, 4)] {
        let (_, program) = built_in.program(&Family { steps, ..PLAIN }, seed);
        let settings = settings(Objective::Cost { proximal: 0.1 });
        let used = solve_program_with(&mut program.clone(), &settings, &mut ws).unwrap();
        assert_eq!(used, solve_program(&mut program.clone(), &settings).unwrap(), "{steps} steps");
    }
}

/// Fixed devices, batteries at the end of their range, no curvature, rows twice.
#[test]
fn regress_a_broken_row_of_fixed_variables_is_named() {
    let (_, sound) = BuiltIn::load().program(&PLAIN, 5);
    let settings = settings(Objective::Cost { proximal: 0.0 });
    let agent_rows = |program: &WindowProgram| program.agents[1].rows.len();
    let with_row = |above: f64| {
        let mut program = sound.clone();
        let agent = &mut program.agents[1];
        let fixed = agent.layout.p_charge(0, 0);
        agent.upper[fixed] = agent.lower[fixed];
        let value = 2.0 * agent.lower[fixed];
        agent.rows.push(LocalRow { terms: vec![(fixed, 2.0)], lower: value + above, upper: f64::INFINITY });
        (solve_program(&mut program, &settings), agent_rows(&program) - 1, value)
    };
    // Rounding is no violation.
    for above in [-1.0, 0.0, 1e-8] {
        assert_eq!(with_row(above).0.unwrap().fallbacks, 0, "{above}");
    }
    let (answer, last, expected) = with_row(1e-3);
    let error = answer.unwrap_err();
    assert!(
        matches!(error, OptimumError::InfeasibleRow { microgrid: 1, row, value, lower, .. }
        if row == last && (value - expected).abs() < 1e-12 && lower > value),
        "{error}"
    );
    assert!(error.to_string().contains("microgrid 1"), "{error}");
}

#[test]
fn ref_degenerate_programs() {
    let built_in = BuiltIn::load();
    let (mut ws, mut tally) = (ProgramWorkspace::default(), Tally::default());
    for seed in 0..12 {
        let (_, plain) = built_in.program(&PLAIN, seed);
        let settings = settings(Objective::Cost { proximal: 0.0 });
        let mut fixed = plain.clone();
        for (agent, at) in fixed.agents.iter_mut().zip(&plain.at) {
            let x = agent.layout.from_action(at);
            let (layout, per_step) = (agent.layout, agent.layout.per_step());
            // Powers of batteries stay free: one that must both charge and discharge has no net power.
            let is_battery = |i: usize| (layout.p_charge(0, 0)..layout.q_dg(0, 0)).contains(&(i % per_step));
            let devices = (0..layout.action.steps * per_step).filter(|&i| !is_battery(i));
            for i in devices.skip(seed as usize % 3).step_by(3) {
                (agent.lower[i], agent.upper[i]) = (x[i], x[i]);
            }
            agent.circles.clear();
        }
        compare(&format!("fixed, seed {seed}"), &fixed, &settings, &mut ws, &mut tally);
        let mut full = plain.clone();
        for row in full.agents.iter_mut().flat_map(|a| &mut a.rows).filter(|r| r.lower.is_finite() && r.upper < 1.0) {
            row.upper = row.upper.min(0.0).max(row.lower + 1e-3);
        }
        let mut flat = plain.clone();
        flat.agents.iter_mut().for_each(|a| a.quadratic.clear());
        compare(&format!("flat, seed {seed}"), &flat, &settings, &mut ws, &mut tally);
        let mut twice = plain.clone();
        twice.voltages.extend_from_slice(&plain.voltages);
        twice.currents.extend_from_slice(&plain.currents);
        for agent in &mut twice.agents {
            let rows = agent.rows.clone();
            agent.rows.extend(rows);
        }
        compare(&format!("twice, seed {seed}"), &twice, &settings, &mut ws, &mut tally);
        compare(&format!("full, seed {seed}"), &full, &settings, &mut ws, &mut tally);
    }
    println!("{tally:?}");
    assert!(tally.fallbacks * 20 <= tally.programs, "{tally:?}");
}

mod random {
    use super::*;
    use covolt_fleet::ActionLayout;
    use covolt_fleet::rows::{CurrentRow, VoltageRow};
    use covolt_fleet::window_program::{AgentProgram, Circle, LocalRow, VariableLayout};
    use num_complex::Complex64;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// A program of one generator and one battery per microgrid with everything drawn: ramps, stored energy, circles, rows.
    fn draw(seed: u64, agents: usize, steps: usize, rows: usize) -> WindowProgram {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let layout = VariableLayout { action: ActionLayout { steps, dgs: 1, pvs: 1, batteries: 1 } };
        let agent = |rng: &mut ChaCha8Rng| {
            let n = layout.len();
            let mut agent = AgentProgram {
                layout,
                quadratic: Vec::new(),
                linear: (0..n).map(|_| rng.random_range(-0.2..0.2)).collect(),
                lower: vec![0.0; n],
                upper: (0..n).map(|_| rng.random_range(20.0..200.0)).collect(),
                rows: Vec::new(),
                circles: Vec::new(),
            };
            let mut terms = Vec::new();
            for t in 0..steps {
                for q in [layout.q_dg(t, 0), layout.q_pv(t, 0), layout.q_ess(t, 0)] {
                    agent.lower[q] = -agent.upper[q];
                    agent.quadratic.push((q, q, 1e-5));
                }
                agent.quadratic.push((layout.p_dg(t, 0), layout.p_dg(t, 0), rng.random_range(0.0..1e-3)));
                // Efficiencies and prices keep charging and discharging apart.
                (agent.linear[layout.p_charge(t, 0)], agent.linear[layout.p_discharge(t, 0)]) = (0.05, 0.05);
                terms.extend([(layout.p_charge(t, 0), 9e-4), (layout.p_discharge(t, 0), -1.1e-3)]);
                let (lower, upper) = (-rng.random_range(0.0..0.2), rng.random_range(0.01..0.2));
                agent.rows.push(LocalRow { terms: terms.clone(), lower, upper });
                if t > 0 {
                    let ramp = rng.random_range(5.0..100.0);
                    let terms = vec![(layout.p_dg(t, 0), 1.0), (layout.p_dg(t - 1, 0), -1.0)];
                    agent.rows.push(LocalRow { terms, lower: -ramp, upper: ramp });
                }
                let p = vec![(layout.p_dg(t, 0), 1.0)];
                agent.circles.push(Circle {
                    p,
                    p_offset: 0.0,
                    q: layout.q_dg(t, 0),
                    radius: rng.random_range(60.0..250.0),
                });
            }
            let z = layout.stored_value(0);
            (agent.lower[z], agent.upper[z], agent.linear[z]) = (-500.0, 500.0, -1.0);
            for slope in [250.0, 120.0, 30.0] {
                let mut piece: Vec<_> = terms.iter().map(|&(v, c)| (v, -slope * c)).collect();
                piece.push((z, 1.0));
                agent.rows.push(LocalRow { terms: piece, lower: f64::NEG_INFINITY, upper: 30.0 / slope });
            }
            agent
        };
        let agents: Vec<AgentProgram> = (0..agents).map(|_| agent(&mut rng)).collect();
        let at = agents.iter().map(|_| vec![0.0; layout.action.len()]).collect();
        let coefficients = |rng: &mut ChaCha8Rng, size: f64| -> Vec<Vec<f64>> {
            let own = layout.action.per_step();
            agents.iter().map(|_| (0..own).map(|_| size * rng.random_range(-1.0..1.0)).collect()).collect()
        };
        let (mut voltages, mut currents) = (Vec::new(), Vec::new());
        for i in 0..rows {
            let step = rng.random_range(0..steps);
            if i % 2 == 0 {
                let (excess, limit) = (rng.random_range(-0.02..0.005), Limit::VoltageHigh(i));
                voltages.push(VoltageRow { step, limit, excess, coefficients: coefficients(&mut rng, 1e-4) });
            } else {
                let value = Complex64::new(rng.random_range(-1.0..1.0), rng.random_range(-0.6..0.6));
                let (re, im) = (coefficients(&mut rng, 4e-3), coefficients(&mut rng, 4e-3));
                currents.push(CurrentRow { step, branch: i, value, re, im });
            }
        }
        WindowProgram { agents, voltages, currents, at, tree: None }
    }

    /// 150 programs of other sizes and shapes than the built-in case's. What is left to the general solver is compared like the
    /// rest, and rare.
    #[test]
    fn ref_random_programs() {
        let (mut ws, mut tally) = (ProgramWorkspace::default(), Tally::default());
        let mut sizes = ChaCha8Rng::seed_from_u64(2026);
        for seed in 0..150 {
            let (agents, steps) = (sizes.random_range(1..4), sizes.random_range(1..6));
            let rows = sizes.random_range(0..14);
            let program = draw(seed, agents, steps, rows);
            for objective in [Objective::Cost { proximal: 0.0 }, Objective::Cost { proximal: 0.5 }] {
                let name = format!("seed {seed}, {agents} agents, {steps} steps, {rows} rows");
                compare(&name, &program, &settings(objective), &mut ws, &mut tally);
            }
        }
        println!("random programs: {tally:?}");
        assert!(tally.fallbacks * 100 <= tally.programs, "{} of {} left to Clarabel", tally.fallbacks, tally.programs);
    }
}
