//! The distributed interior point against an independent central solver.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/central.rs"]
mod central;
#[path = "common/test_problems.rs"]
mod test_problems;

use covolt_consensus::{InteriorPointSettings, solve_in_process};
use test_problems::{FIVE_MICROGRIDS, Shape, microgrids};

#[test]
fn law_interior_point_equals_central() {
    for shape in
        [FIVE_MICROGRIDS, Shape { circles: false, ..FIVE_MICROGRIDS }, Shape { trust_ball: true, ..FIVE_MICROGRIDS }]
    {
        for seed in 100..140 {
            let problem = microgrids(shape, seed);
            let reference = central::solve(&problem.programs, &problem.rows, 1e-9);
            let answer = solve_in_process(&problem.programs, &problem.rows, &InteriorPointSettings::default());
            let answer = match answer {
                Ok(a) => a,
                Err(e) => panic!("{}: {e} (reference {:?})", problem.name, reference.status),
            };
            let gap = (answer.cost - reference.cost) / reference.cost.abs();
            assert!(gap.abs() < 1e-6, "{}: {gap:e} {:?}", problem.name, reference.status);
            assert!(answer.max_violation < 1e-7, "{}", problem.name);
            assert!(answer.multipliers.iter().all(|l| *l >= 0.0));
            for (program, x) in problem.programs.iter().zip(&answer.x) {
                assert!(program.local_violation(x) < 1e-6 * reference.cost.abs(), "{}", problem.name);
            }
        }
    }
}
