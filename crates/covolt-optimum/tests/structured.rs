//! The structured solver against Clarabel on the same programs.
#![allow(clippy::unwrap_used)]

mod built_in;

use built_in::*;
use covolt_optimum::*;
use std::time::Instant;

#[test]
fn probe() {
    let families = [
        ("plain", PLAIN),
        ("wide", Family { reach: covolt_fleet::Reach { voltage_pu: 0.02, current_fraction: 0.7 }, ..PLAIN }),
        ("t1", Family { steps: 1, ..PLAIN }),
        ("t16", Family { steps: 16, ..PLAIN }),
        ("narrow", Family { narrowed_pu: 0.02, rating: 0.6, ..PLAIN }),
        ("negative", Family { price_shift: -0.4, ..PLAIN }),
        ("t96", Family { steps: 96, ..PLAIN }),
    ];
    for (name, family) in families {
        let mut built_in = BuiltIn::load();
        built_in.restrict(&family);
        let mut ws = ProgramWorkspace::default();
        let mut bind = 0;
        let (mut it, mut fall, mut rows, mut cones) = (0, 0, 0, 0);
        let (mut ts, mut tc, mut worst) = (vec![], vec![], 0.0_f64);
        let count = if family.steps == 96 { 3 } else { 40 };
        for seed in 0..count {
            let (_, program) = built_in.program(&family, seed);
            for objective in [Objective::Cost { proximal: 0.1 }, Objective::Nearest] {
                let settings = ProgramSettings { objective, ..ProgramSettings::default() };
                rows += program.voltages.len();
                cones += program.currents.len();
                let mut p = program.clone();
                let clock = Instant::now();
                let a = solve_program_with(&mut p, &settings, &mut ws).unwrap();
                ts.push(clock.elapsed().as_secs_f64() * 1e6);
                it += a.iterations / a.programs;
                fall += a.fallbacks;
                let mut p = program.clone();
                let clock = Instant::now();
                let b =
                    solve_program(&mut p, &ProgramSettings { solver: ProgramSolver::Clarabel, ..settings }).unwrap();
                tc.push(clock.elapsed().as_secs_f64() * 1e6);
                let diff = a
                    .actions
                    .iter()
                    .flatten()
                    .zip(b.actions.iter().flatten())
                    .fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
                worst = worst.max(diff);
                if seed < 2 {
                    println!(
                        "{name} {seed} {objective:?}: it {} prog {} fall {} diff {diff:.2e} slack {:.2e} {:.2e} | {:.2e} {:.2e}, binding {} {}",
                        a.iterations,
                        a.programs,
                        a.fallbacks,
                        a.voltage_slack_pu,
                        b.voltage_slack_pu,
                        a.current_slack,
                        b.current_slack,
                        a.prices.entries.len(),
                        b.prices.entries.len()
                    );
                }
            }
        }
        ts.sort_by(f64::total_cmp);
        tc.sort_by(f64::total_cmp);
        let n = ts.len();
        println!(
            "{name}: it {:.1} fallbacks {fall}/{n} V rows {:.1} I rows {:.1} median {:.0} us p99 {:.0} us, clarabel {:.0} {:.0}, worst diff {worst:.1e} kW",
            it as f64 / n as f64,
            rows as f64 / n as f64,
            cones as f64 / n as f64,
            ts[n / 2],
            ts[n * 99 / 100],
            tc[n / 2],
            tc[n * 99 / 100]
        );
    }
}
