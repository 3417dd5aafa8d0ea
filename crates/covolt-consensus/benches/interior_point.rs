//! Time of one coupled program in one process, cold and warm.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/common/test_problems.rs"]
mod test_problems;

use covolt_consensus::{InProcess, InteriorPointSettings, WarmStart};
use criterion::{Criterion, criterion_group, criterion_main};
use test_problems::{FIVE_MICROGRIDS, Shape, TestProblem, microgrids};

fn solve_all(c: &mut Criterion, name: &str, shape: Shape, tolerance: f64) {
    let problems: Vec<TestProblem> = (0..20).map(|seed| microgrids(shape, seed)).collect();
    let settings = InteriorPointSettings { tolerance, ..InteriorPointSettings::default() };
    let mut solver = InProcess::new();
    let mut next = 0;
    let rounds: usize = problems
        .iter()
        .map(|p| solver.solve(&p.programs, &p.rows, &settings, WarmStart::default()).unwrap().rounds)
        .sum();
    println!("{name}: {:.1} rounds on average", rounds as f64 / problems.len() as f64);
    c.bench_function(name, |b| {
        b.iter(|| {
            next = (next + 1) % problems.len();
            let p = &problems[next];
            solver.solve(&p.programs, &p.rows, &settings, WarmStart::default()).unwrap().cost
        });
    });
}

fn interior_point(c: &mut Criterion) {
    solve_all(c, "five microgrids, circles, 1e-6", FIVE_MICROGRIDS, 1e-6);
    solve_all(c, "five microgrids, 1e-6", Shape { circles: false, ..FIVE_MICROGRIDS }, 1e-6);
    solve_all(c, "five microgrids, trust ball, 1e-6", Shape { trust_ball: true, ..FIVE_MICROGRIDS }, 1e-6);
}

criterion_group!(benches, interior_point);
criterion_main!(benches);
