//! One window program by the structured solver and by Clarabel, built-in case, in one run.
//!
//! Counts that do not depend on the machine are printed first: iterations (each one factorisation and two solves),
//! programs left to Clarabel.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/built_in/mod.rs"]
mod built_in;

use built_in::{BuiltIn, Family, PLAIN};
use covolt_fleet::Reach;
use covolt_optimum::*;
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn window_program(criterion: &mut Criterion) {
    let built_in = BuiltIn::load();
    let wide = Reach { voltage_pu: 0.02, current_fraction: 0.7 };
    let mut group = criterion.benchmark_group("window program");
    group.sample_size(10);
    for (name, family, count) in [
        ("repair, 4 steps", Family { noise: 0.0, ..PLAIN }, 20),
        ("polish, 4 steps", Family { noise: 0.02, reach: wide, ..PLAIN }, 20),
        ("16 steps", Family { steps: 16, ..PLAIN }, 5),
        ("96 steps", Family { steps: 96, ..PLAIN }, 1),
    ] {
        let programs: Vec<_> = (0..count).map(|seed| built_in.program(&family, seed).1).collect();
        for solver in [ProgramSolver::Structured, ProgramSolver::Clarabel] {
            let settings =
                ProgramSettings { objective: Objective::Cost { proximal: 0.1 }, solver, ..ProgramSettings::default() };
            let mut ws = ProgramWorkspace::default();
            let (mut iterations, mut solved, mut fallbacks) = (0, 0, 0);
            for program in &programs {
                let solution = solve_program_with(&mut program.clone(), &settings, &mut ws).unwrap();
                iterations += solution.iterations;
                solved += solution.programs;
                fallbacks += solution.fallbacks;
            }
            println!(
                "{name}, {solver:?}: {solved} programs, {:.1} iterations each, {fallbacks} fallbacks",
                f64::from(iterations) / f64::from(solved)
            );
            let mut turn = programs.iter().cycle();
            group.bench_function(format!("{name}, {solver:?}"), |bencher| {
                bencher.iter(|| {
                    let Some(program) = turn.next() else { return };
                    black_box(solve_program_with(&mut program.clone(), &settings, &mut ws).is_ok());
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, window_program);
criterion_main!(benches);
