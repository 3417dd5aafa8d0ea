#![allow(clippy::unwrap_used)]
mod built_in;
use built_in::*;
use covolt_optimum::*;
use std::time::Instant;

#[test]
fn profile() {
    let built_in = BuiltIn::load();
    let mut ws = ProgramWorkspace::default();
    let wide = covolt_fleet::Reach { voltage_pu: 0.02, current_fraction: 0.7 };
    for (name, family, proximal) in [
        ("rough", PLAIN, 0.1),
        ("merit", Family { noise: 0.0, ..PLAIN }, 0.1),
        ("polish", Family { noise: 0.02, reach: wide, ..PLAIN }, 0.02),
        ("t16", Family { steps: 16, ..PLAIN }, 0.02),
    ] {
        let settings = ProgramSettings {
            objective: Objective::Cost { proximal },
            voltage_weight: 2e4,
            current_weight: 4e3,
            ..ProgramSettings::default()
        };
        let (mut sum, mut its, mut worst, mut fall) = (0.0, 0, 0, 0);
        for seed in 0..100 {
            let (_, program) = built_in.program(&family, seed);
            let mut best = f64::INFINITY;
            let mut p = program.clone();
            for _ in 0..5 {
                let clock = Instant::now();
                let _ = solve_program_with(&mut p, &settings, &mut ws).unwrap();
                best = best.min(clock.elapsed().as_secs_f64() * 1e6);
            }
            let s = solve_program_with(&mut p, &settings, &mut ws).unwrap();
            its += s.iterations;
            worst = worst.max(s.iterations);
            fall += s.fallbacks;
            sum += best;
        }
        println!(
            "{name}: mean {:.0} us, {:.1} us per iteration, iterations {:.1} (max {worst}), {fall} fallbacks",
            sum / 100.0,
            sum / f64::from(its),
            f64::from(its) / 100.0
        );
    }
}
