//! The network as a tree in programs of many microgrids: its rows against the adjoints', its elimination against the other.
#![allow(clippy::unwrap_used)]

mod built_in;
#[path = "built_in/copies.rs"]
mod copies;

use built_in::*;
use copies::copies;
use covolt_fleet::network_tree::{NetworkTree, TreeRow};
use covolt_fleet::window_program::{WindowProgram, linearise};
use covolt_fleet::*;
use covolt_optimum::central::{make_feasible, merit_order_actions};
use covolt_optimum::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const TIGHT: Family = Family { narrowed_pu: 0.002, rating: 0.9, ..PLAIN };

/// A program of `count` copies behind one line, around a disturbed merit order.
fn program(built_in: &BuiltIn, family: &Family, count: usize, rating: f64, seed: u64) -> WindowProgram {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let windows: Vec<Window> = (0..count).map(|_| built_in.window(family, &mut rng)).collect();
    let (fleet, window) = copies(&built_in.case.fleet, &windows, Some(5e-4), rating);
    let mut at = merit_order_actions(&fleet, &window);
    at.iter_mut().flatten().for_each(|a| *a *= 1.0 + family.noise * rng.random_range(-1.0..=1.0));
    make_feasible(&fleet, &window, &mut at);
    let (base, mut ws) = (BaseDemand::new(&fleet, &window), PhysicsWorkspace::new(&fleet));
    let curvature = LossCurvature::of_fleet(&fleet);
    linearise(&fleet, &window, &base, &at, &family.reach, &curvature, &mut ws).unwrap()
}

/// Voltages of all nodes when one action of one microgrid changes, by sweeps until nothing moves.
fn response(tree: &NetworkTree, t: usize, n: usize, entry: usize) -> Vec<[f64; 2]> {
    let step = &tree.steps[t];
    let apply = |a: &[f64; 4], x: [f64; 2]| [a[0] * x[0] + a[1] * x[1], a[2] * x[0] + a[3] * x[1]];
    let mut v = vec![[0.0; 2]; step.nodes.len()];
    for _ in 0..100 {
        let mut j: Vec<[f64; 2]> = step.nodes.iter().zip(&v).map(|(node, v)| apply(&node.slope, *v)).collect();
        for (m, port) in step.ports.iter().enumerate() {
            let mut drawn = apply(&port.admittance, v[port.node]);
            if m == n {
                drawn = [drawn[0] + port.exchange[entry][0], drawn[1] + port.exchange[entry][1]];
            }
            j[port.node] = [j[port.node][0] + drawn[0], j[port.node][1] + drawn[1]];
        }
        for k in (1..j.len()).rev() {
            let parent = step.nodes[k].parent;
            j[parent] = [j[parent][0] + j[k][0], j[parent][1] + j[k][1]];
        }
        for k in 1..j.len() {
            let drop = apply(&step.nodes[k].z, j[k]);
            let above = v[step.nodes[k].parent];
            v[k] = [above[0] - drop[0], above[1] - drop[1]];
        }
    }
    v
}

#[test]
fn ref_rows_of_the_tree_are_those_of_the_adjoint() {
    let built_in = BuiltIn::load();
    let family = Family { reach: Reach { voltage_pu: 0.05, current_fraction: 0.3 }, ..TIGHT };
    let program = program(&built_in, &family, 2, 0.5, 3);
    let tree = program.tree.as_ref().unwrap();
    assert_eq!((tree.voltages.len(), tree.currents.len()), (program.voltages.len(), program.currents.len()));
    let (mut inside, mut feeder) = (0, 0);
    for t in 0..2 {
        for n in 0..program.agents.len() {
            for entry in 0..program.agents[n].layout.action.per_step() {
                let v = response(tree, t, n, entry);
                let mut check = |row: &TreeRow, expected: f64, largest: f64| {
                    let product = |c: &[f64; 2], v: [f64; 2]| c[0] * v[0] + c[1] * v[1];
                    let found = match row {
                        TreeRow::Microgrid { n: of, own, at_port } => {
                            inside += 1;
                            product(at_port, v[tree.steps[t].ports[*of].node]) + if *of == n { own[entry] } else { 0.0 }
                        }
                        TreeRow::Feeder { node, here, above } => {
                            feeder += 1;
                            product(here, v[*node]) + product(above, v[tree.steps[t].nodes[*node].parent])
                        }
                    };
                    assert!((found - expected).abs() < 1e-9 * largest, "{row:?}: {found} {expected}");
                };
                let size = |c: &[Vec<f64>]| c.iter().flatten().fold(0.0_f64, |m, c| m.max(c.abs()));
                for (row, of_tree) in program.voltages.iter().zip(&tree.voltages).filter(|(r, _)| r.step == t) {
                    check(of_tree, row.coefficients[n][entry], size(&row.coefficients));
                }
                for (row, of_tree) in program.currents.iter().zip(&tree.currents).filter(|(r, _)| r.step == t) {
                    check(&of_tree[0], row.re[n][entry], size(&row.re));
                    check(&of_tree[1], row.im[n][entry], size(&row.im));
                }
            }
        }
    }
    assert!(inside > 1000 && feeder > 1000, "{inside} {feeder}");
}

#[test]
fn ref_tree_equals_time_major() {
    let built_in = BuiltIn::load();
    // The line that all share binds in the second, limits cannot be met in the third, prices are negative in the last.
    let families = [
        ("tight", TIGHT, 0.7),
        ("shared line", PLAIN, 0.25),
        ("cannot be met", Family { narrowed_pu: 0.01, rating: 0.5, ..PLAIN }, 0.3),
        ("one step", Family { steps: 1, ..TIGHT }, 0.4),
        ("negative prices", Family { price_shift: -0.15, ..TIGHT }, 0.5),
    ];
    let mut along_steps = ProgramWorkspace::default();
    let mut along_tree = ProgramWorkspace::along_tree();
    let mut binding = 0;
    for (name, family, rating) in families {
        for seed in 0..6 {
            let program = program(&built_in, &family, 2, rating, seed);
            for objective in [Objective::Cost { proximal: 0.1 }, Objective::Cost { proximal: 0.02 }, Objective::Nearest]
            {
                let settings = ProgramSettings {
                    objective,
                    voltage_weight: 2e4,
                    current_weight: 4e3,
                    ..ProgramSettings::default()
                };
                let mut without = WindowProgram { tree: None, ..program.clone() };
                let mut with = program.clone();
                let expected = solve_program_with(&mut without, &settings, &mut along_steps).unwrap();
                let found = solve_program_with(&mut with, &settings, &mut along_tree).unwrap();
                assert_eq!(found.fallbacks, expected.fallbacks, "{name}, seed {seed}, {objective:?}");
                // Where a program is separated, rounding may choose another direction.
                let same = with.agents.iter().zip(&without.agents).all(|(a, b)| a.upper == b.upper);
                let pairs = found.actions.iter().flatten().zip(expected.actions.iter().flatten());
                let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(!same || apart < 0.05, "{name}, seed {seed}, {objective:?}: {apart} kW apart");
                assert!(found.iterations.abs_diff(expected.iterations) <= 3 * found.programs + 3);
                assert!((found.voltage_slack_pu - expected.voltage_slack_pu).abs() < 1e-7);
                assert!((found.current_slack - expected.current_slack).abs() < 1e-6);
                binding += found.prices.entries.len();
            }
        }
    }
    assert!(binding > 200, "{binding}");
}
