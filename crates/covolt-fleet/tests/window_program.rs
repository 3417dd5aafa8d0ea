//! The convexified window against what it stands for: cost to second order, local limits exactly, terminal value as
//! epigraph, variables and actions.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

mod common;

use common::*;
use covolt_fleet::window_program::linearise;
use covolt_fleet::*;
use rand::RngExt;

/// Everything a comparison needs.
struct Setting {
    fleet: Fleet,
    window: Window,
    base: BaseDemand,
    at: Vec<Vec<f64>>,
}

impl Setting {
    fn new(steps: usize, seed: u64, change: impl FnOnce(&mut Fleet, &mut Window)) -> Setting {
        let mut fleet = fleet();
        let mut window = window(&fleet, steps, seed);
        change(&mut fleet, &mut window);
        let base = BaseDemand::new(&fleet, &window);
        let raw = random_raw(&fleet, steps, 60.0, &mut rng(seed + 500));
        let mut at = feasible(&fleet, &window, &raw);
        // Storage powers away from zero, where its efficiency changes.
        for (mg, action) in fleet.microgrids.iter().zip(&mut at) {
            let layout = mg.layout(steps);
            for t in 0..steps {
                for k in 0..layout.batteries {
                    let p = &mut action[layout.p_ess(t, k)];
                    *p = p.clamp(-20.0, 20.0) + 3.0_f64.copysign(*p);
                }
            }
        }
        Setting { fleet, window, base, at }
    }

    fn workspace(&self) -> PhysicsWorkspace {
        let mut ws = PhysicsWorkspace::new(&self.fleet);
        ws.options.tolerance_pu = 1e-12;
        ws
    }

    fn program(&self) -> WindowProgram {
        let curvature = LossCurvature::of_fleet(&self.fleet);
        let reach = Reach { voltage_pu: 0.02, current_fraction: 0.5 };
        linearise(&self.fleet, &self.window, &self.base, &self.at, &reach, &curvature, &mut self.workspace()).unwrap()
    }

    fn cost(&self, actions: &[Vec<f64>]) -> f64 {
        evaluate(&self.fleet, &self.window, &self.base, actions, &mut self.workspace()).unwrap().total()
    }
}

/// Variables of an action with every epigraph variable as large as its bounds and rows allow.
fn variables(agent: &AgentProgram, action: &[f64]) -> Vec<f64> {
    let mut x = agent.layout.from_action(action);
    for k in 0..agent.layout.action.batteries {
        let z = agent.layout.stored_value(k);
        let mut best = agent.upper[z];
        for row in agent.rows.iter().filter(|r| r.terms.iter().any(|(v, f)| *v == z && *f > 0.0)) {
            let others: f64 = row.terms.iter().filter(|(v, _)| *v != z).map(|(v, f)| f * x[*v]).sum();
            best = best.min(row.upper - others);
        }
        assert!(best.is_finite(), "the epigraph variable is unbounded");
        x[z] = best;
    }
    x
}

/// linear x + 1/2 x^T quadratic x.
fn objective(agent: &AgentProgram, x: &[f64]) -> f64 {
    let linear: f64 = agent.linear.iter().zip(x).map(|(c, x)| c * x).sum();
    let quadratic: f64 = (agent.quadratic.iter())
        .map(|&(i, j, h)| {
            assert!(i <= j, "upper triangle");
            if i == j { 0.5 * h * x[i] * x[i] } else { h * x[i] * x[j] }
        })
        .sum();
    linear + quadratic
}

fn total_objective(program: &WindowProgram, actions: &[Vec<f64>]) -> f64 {
    program.agents.iter().zip(actions).map(|(agent, action)| objective(agent, &variables(agent, action))).sum()
}

#[test]
fn fd_window_program_objective_has_the_slope_of_the_cost() {
    for (steps, seed) in [(1, 1), (4, 2), (4, 3)] {
        let setting = Setting::new(steps, seed, |_, _| {});
        let program = setting.program();
        let mut moved = setting.at.clone();
        let mut worst: f64 = 0.0;
        for n in 0..moved.len() {
            for at in 0..moved[n].len() {
                let mut slope = |f: &dyn Fn(&[Vec<f64>]) -> f64| {
                    difference(0.25, |step| {
                        moved[n][at] = setting.at[n][at] + step;
                        let value = f(&moved);
                        moved[n][at] = setting.at[n][at];
                        value
                    })
                };
                let found = slope(&|a| total_objective(&program, a));
                let expected = slope(&|a| setting.cost(a));
                worst = worst.max((found - expected).abs());
                assert!((found - expected).abs() < 1e-9, "microgrid {n}, entry {at}: {found:e} {expected:e}");
            }
        }
        println!("T = {steps}: worst difference of the slopes {worst:.1e} $/kW");
    }
}

#[test]
fn law_window_program_fuel_and_storage_are_exact() {
    // Without a price of the exchange nothing is approximated: fuel, terminal value and their sum agree everywhere.
    let mut rng = rng(40);
    for seed in 0..6 {
        let setting = Setting::new(4, seed, |_, w| {
            w.microgrids.iter_mut().for_each(|m| m.price_per_kwh.fill(0.0));
            for m in &mut w.microgrids {
                // Starts in each segment of the terminal value, and in one where only one segment is reachable.
                m.start.soc.fill([0.12, 0.3, 0.5, 0.59, 0.7, 0.88][seed as usize]);
            }
        });
        let program = setting.program();
        let reference = setting.cost(&setting.at) - total_objective(&program, &setting.at);
        for _ in 0..40 {
            let raw = random_raw(&setting.fleet, 4, 120.0, &mut rng);
            let actions = feasible(&setting.fleet, &setting.window, &raw);
            let difference = setting.cost(&actions) - total_objective(&program, &actions);
            assert!((difference - reference).abs() < 1e-9, "seed {seed}: {difference} {reference}");
        }
    }
}

#[test]
fn law_window_program_epigraph_is_the_terminal_value() {
    let mut rng = rng(41);
    let values = [
        TerminalValue::linear(0.0),
        TerminalValue::linear(25.0),
        concave_value(),
        TerminalValue { breakpoints: vec![0.1, 0.45, 0.5, 0.9], slopes: vec![80.0, 50.0, -10.0] },
    ];
    for value in values {
        for soc in [0.1, 0.449, 0.45, 0.6, 0.9] {
            let setting = Setting::new(4, 5, |f, w| {
                f.microgrids.iter_mut().for_each(|m| m.fuel_price_per_l = 0.0);
                for m in &mut w.microgrids {
                    m.price_per_kwh.fill(0.0);
                    m.start.soc.fill(soc);
                    m.terminal.fill(value.clone());
                }
            });
            let program = setting.program();
            for _ in 0..20 {
                let raw = random_raw(&setting.fleet, 4, 120.0, &mut rng);
                let actions = feasible(&setting.fleet, &setting.window, &raw);
                for ((mg, w), (agent, action)) in setting
                    .fleet
                    .microgrids
                    .iter()
                    .zip(&setting.window.microgrids)
                    .zip(program.agents.iter().zip(&actions))
                {
                    let layout = mg.layout(4);
                    let gain: f64 = (mg.batteries.iter().enumerate())
                        .map(|(k, b)| {
                            let change: f64 = (0..4).map(|t| b.soc_change(action[layout.p_ess(t, k)], 0.25)).sum();
                            w.terminal[k].value(soc + change) - w.terminal[k].value(soc)
                        })
                        .sum();
                    let found = objective(agent, &variables(agent, action));
                    assert!((found + gain).abs() < 1e-9, "{value:?} from {soc}: {found} instead of {}", -gain);
                }
            }
        }
    }
}

#[test]
fn fd_window_program_loss_curvature_is_close_to_that_of_the_losses() {
    // Second differences along single powers and along joint moves of one microgrid's devices, fuel left out.
    let mut worst: f64 = 1.0;
    for (steps, seed) in [(1, 7), (4, 8)] {
        let setting = Setting::new(steps, seed, |f, w| {
            f.microgrids.iter_mut().for_each(|m| m.fuel_price_per_l = 0.0);
            w.microgrids.iter_mut().for_each(|m| m.terminal.fill(TerminalValue::linear(0.0)));
        });
        let program = setting.program();
        let mut rng = rng(seed);
        for n in 0..setting.fleet.microgrids.len() {
            let layout = setting.fleet.microgrids[n].layout(steps);
            let mut directions: Vec<Vec<f64>> =
                (0..layout.len()).map(|at| (0..layout.len()).map(|other| f64::from(other == at)).collect()).collect();
            directions.extend((0..20).map(|_| {
                // One sign of net demand at a time: opposite moves nearly cancel, and so would what is compared.
                let injects = |at: usize| {
                    let entry = at % layout.per_step();
                    let storage = (layout.dgs..layout.dgs + layout.batteries).contains(&entry)
                        || entry >= layout.per_step() - layout.batteries;
                    if storage { -1.0 } else { 1.0 }
                };
                (0..layout.len()).map(|at| injects(at) * rng.random_range(0.2..1.0)).collect()
            }));
            for direction in directions {
                let second = |f: &dyn Fn(&[Vec<f64>]) -> f64| {
                    let at = |step: f64| {
                        let mut moved = setting.at.clone();
                        moved[n].iter_mut().zip(&direction).for_each(|(a, d)| *a += step * d);
                        f(&moved)
                    };
                    (at(2.0) + at(-2.0) - 2.0 * at(0.0)) / 4.0
                };
                let found = second(&|a| total_objective(&program, a));
                let expected = second(&|a| setting.cost(a));
                assert!(expected > 0.0);
                let ratio = found / expected;
                if (ratio - 1.0).abs() > (worst - 1.0).abs() {
                    worst = ratio;
                }
                assert!((ratio - 1.0).abs() < 0.2, "microgrid {n}, {direction:?}: {found:e} {expected:e}");
            }
        }
    }
    println!("curvature of the program over that of the losses, worst: {worst:.3}");
}

/// Worst violation of the program's own bounds, rows and circles.
fn program_violation(agent: &AgentProgram, x: &[f64]) -> f64 {
    let mut worst: f64 = 0.0;
    for ((x, low), high) in x.iter().zip(&agent.lower).zip(&agent.upper) {
        worst = worst.max(low - x).max(x - high);
    }
    for row in &agent.rows {
        let value: f64 = row.terms.iter().map(|(v, f)| f * x[*v]).sum();
        worst = worst.max(row.lower - value).max(value - row.upper);
    }
    for circle in &agent.circles {
        let p = circle.p_offset + circle.p.iter().map(|(v, f)| f * x[*v]).sum::<f64>();
        worst = worst.max(p.hypot(x[circle.q]) - circle.radius);
    }
    worst
}

#[test]
fn law_window_program_accepts_exactly_the_feasible_actions() {
    let mut rng = rng(60);
    let (mut inside, mut outside) = (0, 0);
    for round in 0..40 {
        let steps = [1, 4][round % 2];
        let setting = Setting::new(steps, 100 + round as u64, |f, w| {
            for (mg, m) in f.microgrids.iter().zip(&mut w.microgrids) {
                for (b, soc) in mg.batteries.iter().zip(&mut m.start.soc) {
                    *soc = rng.random_range(b.soc_min..=b.soc_max);
                }
                for (d, p) in mg.dgs.iter().zip(&mut m.start.p_dg_kw) {
                    *p = rng.random_range(0.0..=d.p_max_kw);
                }
            }
        });
        let program = setting.program();
        for _ in 0..60 {
            let raw = random_raw(&setting.fleet, steps, 140.0, &mut rng);
            let mut actions = feasible(&setting.fleet, &setting.window, &raw);
            for (n, agent) in program.agents.iter().enumerate() {
                let (mg, w) = (&setting.fleet.microgrids[n], &setting.window.microgrids[n]);
                let violation = program_violation(agent, &variables(agent, &actions[n]));
                assert!(violation < 1e-9, "a feasible action is refused by {violation:e}");
                // Then one entry moves: by little, by much, or not at all in effect.
                let at = rng.random_range(0..actions[n].len());
                actions[n][at] += [0.01, 1.0, 30.0][rng.random_range(0..3)] * rng.random_range(-1.0..1.0);
                let truth = local_violation(mg, w, 0.25, steps, &actions[n]);
                let found = program_violation(agent, &variables(agent, &actions[n]));
                if truth < 1e-9 {
                    inside += 1;
                    assert!(found < 1e-9, "feasible but refused by {found:e}: entry {at}");
                } else if truth > 1e-6 {
                    outside += 1;
                    assert!(found > 1e-9, "broken by {truth:e} but accepted: microgrid {n}, entry {at}");
                }
            }
        }
    }
    println!("{inside} feasible, {outside} infeasible actions");
    assert!(inside > 1000 && outside > 1000, "{inside} {outside}");
}

#[test]
fn law_variables_and_actions_convert_back_and_forth() {
    let fleet = fleet();
    let mut rng = rng(61);
    for steps in [1, 4] {
        for (layout, mut action) in fleet.layouts(steps).into_iter().zip(random_raw(&fleet, steps, 50.0, &mut rng)) {
            if layout.batteries > 0 {
                action[layout.p_ess(0, 0)] = 0.0;
            }
            let variables = covolt_fleet::window_program::VariableLayout { action: layout };
            let mut x = variables.from_action(&action);
            assert_eq!(x.len(), variables.len());
            let mut back = vec![f64::NAN; action.len()];
            variables.to_action(&x, &mut back);
            assert_eq!(back, action);
            for t in 0..steps {
                for i in 0..layout.dgs {
                    assert_eq!(x[variables.p_dg(t, i)], action[layout.p_dg(t, i)]);
                    assert_eq!(x[variables.q_dg(t, i)], action[layout.q_dg(t, i)]);
                }
                for j in 0..layout.pvs {
                    assert_eq!(x[variables.q_pv(t, j)], action[layout.q_pv(t, j)]);
                }
                for k in 0..layout.batteries {
                    let (charge, discharge) = (x[variables.p_charge(t, k)], x[variables.p_discharge(t, k)]);
                    assert!(charge >= 0.0 && discharge >= 0.0 && charge * discharge == 0.0, "(13)");
                    assert_eq!(charge - discharge, action[layout.p_ess(t, k)]);
                    assert_eq!(x[variables.q_ess(t, k)], action[layout.q_ess(t, k)]);
                    // Charging and discharging at once are netted.
                    x[variables.p_charge(t, k)] += 7.0;
                    x[variables.p_discharge(t, k)] += 7.0;
                }
            }
            variables.to_action(&x, &mut back);
            back.iter().zip(&action).for_each(|(b, a)| assert!((b - a).abs() < 1e-12));
        }
    }
}

#[test]
fn law_variables_fill_their_vector_without_overlap() {
    for layout in fleet().layouts(3) {
        let v = covolt_fleet::window_program::VariableLayout { action: layout };
        let mut seen = Vec::new();
        for t in 0..3 {
            seen.extend((0..layout.dgs).flat_map(|i| [v.p_dg(t, i), v.q_dg(t, i)]));
            seen.extend((0..layout.pvs).map(|j| v.q_pv(t, j)));
            seen.extend((0..layout.batteries).flat_map(|k| [v.p_charge(t, k), v.p_discharge(t, k), v.q_ess(t, k)]));
        }
        seen.extend((0..layout.batteries).map(|k| v.stored_value(k)));
        seen.sort_unstable();
        assert_eq!(seen, (0..v.len()).collect::<Vec<_>>());
        let mut seen = Vec::new();
        for t in 0..3 {
            seen.extend((0..layout.dgs).flat_map(|i| [layout.p_dg(t, i), layout.q_dg(t, i)]));
            seen.extend((0..layout.pvs).map(|j| layout.q_pv(t, j)));
            seen.extend((0..layout.batteries).flat_map(|k| [layout.p_ess(t, k), layout.q_ess(t, k)]));
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..layout.len()).collect::<Vec<_>>());
        assert_eq!(layout.names().len(), layout.len());
        assert_eq!(layout.names()[layout.q_pv(2, 0)], "q_pv1[2]");
    }
}

#[test]
fn law_window_program_curvature_is_positive_semi_definite() {
    let setting = Setting::new(4, 9, |_, _| {});
    let mut rng = rng(62);
    for agent in setting.program().agents {
        for _ in 0..300 {
            let x: Vec<f64> = (0..agent.layout.len()).map(|_| rng.random_range(-1.0..1.0)).collect();
            let curvature: f64 = agent
                .quadratic
                .iter()
                .map(|&(i, j, h)| if i == j { h * x[i] * x[i] } else { 2.0 * h * x[i] * x[j] })
                .sum();
            assert!(curvature >= -1e-15, "{curvature}");
        }
    }
}

#[test]
fn law_window_program_accepts_batteries_that_start_outside_their_range() {
    // Such a battery may stay or come nearer; the terminal value holds out there too.
    let value = TerminalValue { breakpoints: vec![0.0, 0.07, 0.1, 0.93, 1.0], slopes: vec![90.0, 60.0, 20.0, 5.0] };
    let mut rng = rng(63);
    for soc in [0.0, 0.05, 0.08, 0.92, 0.95, 1.0] {
        let setting = Setting::new(4, 10, |f, w| {
            f.microgrids.iter_mut().for_each(|m| m.fuel_price_per_l = 0.0);
            for m in &mut w.microgrids {
                m.price_per_kwh.fill(0.0);
                m.start.soc.fill(soc);
                m.terminal.fill(value.clone());
            }
        });
        let program = setting.program();
        for size in [0.5, 100.0] {
            for _ in 0..30 {
                let raw = random_raw(&setting.fleet, 4, size, &mut rng);
                let actions = feasible(&setting.fleet, &setting.window, &raw);
                for (agent, action) in program.agents.iter().zip(&actions) {
                    assert!(program_violation(agent, &variables(agent, action)) < 1e-9, "refused from {soc}");
                }
                let (found, cost) = (total_objective(&program, &actions), setting.cost(&actions));
                assert!((found - cost).abs() < 1e-9, "from {soc}: {found} instead of {cost}");
            }
        }
    }
}
