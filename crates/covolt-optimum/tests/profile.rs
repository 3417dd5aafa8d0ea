#![allow(clippy::unwrap_used)]
mod built_in;
use built_in::*;
use covolt_optimum::*;
use std::time::Instant;

#[test]
fn profile() {
    let built_in = BuiltIn::load();
    let mut ws = ProgramWorkspace::default();
    let settings = ProgramSettings { objective: Objective::Cost { proximal: 0.1 }, ..ProgramSettings::default() };
    let (mut sum, mut its) = (0.0, 0);
    for seed in 0..20 {
        let (_, program) = built_in.program(&PLAIN, seed);
        let mut best = f64::INFINITY;
        let mut p = program.clone();
        for _ in 0..200 {
            let clock = Instant::now();
            let s = solve_program_with(&mut p, &settings, &mut ws).unwrap();
            best = best.min(clock.elapsed().as_secs_f64() * 1e6);
            if best.is_nan() {
                its += s.iterations;
            }
        }
        let s = solve_program_with(&mut p, &settings, &mut ws).unwrap();
        its += s.iterations;
        sum += best;
        println!("seed {seed}: {best:.0} us {} iterations {:.1} us each", s.iterations, best / f64::from(s.iterations));
    }
    println!("mean {:.0} us, {:.1} us per iteration", sum / 20.0, sum / f64::from(its));
}
