//! The distributed interior point: against an independent central solver, over messages, infeasible, elastic and warm.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "common/central.rs"]
mod central;
#[path = "common/test_problems.rs"]
mod test_problems;

use covolt_consensus::{
    CommunicationGraph, ConsensusError, CoupledRows, InProcess, InteriorPointSettings, LocalProgram, LocalProgramData,
    LocalRow, Method, MethodSettings, WarmStart, coordinate, rounds_to_accuracy, solve_in_process,
};
use test_problems::{FIVE_MICROGRIDS, Shape, microgrids};

fn shapes() -> [Shape; 4] {
    [
        FIVE_MICROGRIDS,
        Shape { circles: false, ..FIVE_MICROGRIDS },
        Shape { trust_ball: true, ..FIVE_MICROGRIDS },
        Shape { agents: 2, steps: 2, rows: 7, trust_ball: true, ..FIVE_MICROGRIDS },
    ]
}

#[test]
fn law_interior_point_equals_central() {
    for shape in shapes() {
        for seed in 100..130 {
            let problem = microgrids(shape, seed);
            let reference = central::solve(&problem.programs, &problem.rows, 1e-9);
            let answer = solve_in_process(&problem.programs, &problem.rows, &InteriorPointSettings::default())
                .unwrap_or_else(|e| panic!("{}: {e} (reference {:?})", problem.name, reference.status));
            let gap = (answer.cost - reference.cost) / reference.cost.abs();
            assert!(gap.abs() < 1e-6, "{}: {gap:e} {:?}", problem.name, reference.status);
            assert!(answer.max_violation < 1e-6, "{}", problem.name);
            assert!(answer.multipliers.iter().all(|l| *l >= 0.0));
            for (program, x) in problem.programs.iter().zip(&answer.x) {
                let size = program.data().upper.iter().fold(0.0_f64, |a, u| a.max(*u));
                assert!(program.local_violation(x) < 1e-6 * size * size.max(1.0), "{}", problem.name);
            }
        }
    }
}

#[test]
fn law_multipliers_are_complementary_and_price_the_rows() {
    let problem = microgrids(Shape { trust_ball: true, ..FIVE_MICROGRIDS }, 7);
    let settings = InteriorPointSettings::default();
    let answer = solve_in_process(&problem.programs, &problem.rows, &settings).unwrap();
    for (i, lambda) in answer.multipliers.iter().enumerate() {
        let slack = problem.rows.limits()[i] - answer.activity[i];
        assert!(lambda * slack < 1e-6 * answer.cost.abs(), "row {i}");
    }
    // Relaxing the most expensive row by h saves lambda h: the definition of a multiplier, by finite differences.
    let (row, lambda) =
        answer.multipliers.iter().enumerate().fold((0, 0.0), |b, (i, &l)| if l > b.1 { (i, l) } else { b });
    assert!(lambda > 0.0);
    let h = 1e-3;
    let cost = |shift: f64| {
        let mut limits = problem.rows.limits().to_vec();
        limits[row] += shift;
        solve_in_process(&problem.programs, &CoupledRows::try_new(limits).unwrap(), &settings).unwrap().cost
    };
    let slope = (cost(-h) - cost(h)) / (2.0 * h);
    assert!((slope - lambda).abs() < 1e-3 * lambda, "{slope} against {lambda}");
}

#[test]
fn law_messages_and_in_process_give_the_same_bits() {
    for (shape, always_agree) in [(shapes()[0], false), (shapes()[1], true), (shapes()[2], false)] {
        for seed in 0..4 {
            let problem = microgrids(shape, seed);
            let settings = InteriorPointSettings { always_agree, ..InteriorPointSettings::default() };
            let alone = solve_in_process(&problem.programs, &problem.rows, &settings).unwrap();
            let all = MethodSettings { interior_point: settings, ..MethodSettings::default() };
            for graph in [CommunicationGraph::complete(5), CommunicationGraph::path(5)] {
                let run =
                    coordinate(Method::InteriorPoint, &problem.programs, &problem.rows, &graph.unwrap(), &all).unwrap();
                assert_eq!(run.x, alone.x);
                let spread = run.trace.last().unwrap().disagreement;
                assert_eq!(spread, 0.0);
                assert_eq!(run.rounds, alone.rounds);
            }
        }
    }
}

#[test]
fn law_at_most_eleven_rounds_to_1e4_with_a_trust_ball() {
    for seed in 0..100 {
        let problem = microgrids(Shape { trust_ball: true, ..FIVE_MICROGRIDS }, seed);
        let reference = central::solve(&problem.programs, &problem.rows, 1e-9);
        let mut solver = InProcess::new();
        solver
            .solve(&problem.programs, &problem.rows, &InteriorPointSettings::default(), WarmStart::default())
            .unwrap();
        let trace = solver.trace().iter().map(|t| (t.rounds, t.cost, t.violation));
        let rounds = rounds_to_accuracy(trace, reference.cost, 1.0, 1e-4).unwrap();
        assert!(rounds <= 11, "{}: {rounds}", problem.name);
    }
}

#[test]
fn law_infeasible_rows_are_proven_not_just_missed() {
    for seed in 0..20 {
        let problem = microgrids(FIVE_MICROGRIDS, seed);
        let mut limits = problem.rows.limits().to_vec();
        // Below the least value that the boxes alone allow.
        let least: f64 = problem
            .programs
            .iter()
            .map(|p| {
                let d = p.data();
                (0..p.variables())
                    .map(|j| {
                        (d.coupled[3 * p.variables() + j] * d.lower[j])
                            .min(d.coupled[3 * p.variables() + j] * d.upper[j])
                    })
                    .sum::<f64>()
            })
            .sum();
        limits[3] = least - 0.05;
        let rows = CoupledRows::try_new(limits.clone()).unwrap();
        match solve_in_process(&problem.programs, &rows, &InteriorPointSettings::default()) {
            Err(ConsensusError::Infeasible { worst_row, missing, .. }) => {
                assert_eq!(worst_row, 3);
                assert!(missing > 0.0 && missing.is_finite());
            }
            other => panic!("{}: {other:?}", problem.name),
        }
        // The elastic form always has an answer, exceeds only what it must, and says by how much.
        let elastic = rows.with_penalties(vec![1e4 * problem.programs[0].data().linear[0].abs().max(1.0); 50]).unwrap();
        let answer = solve_in_process(&problem.programs, &elastic, &InteriorPointSettings::default()).unwrap();
        assert!(answer.max_violation >= 0.05 - 1e-6, "{}", answer.max_violation);
    }
}

#[test]
fn law_elastic_rows_change_nothing_where_all_can_be_met() {
    for seed in 0..20 {
        let problem = microgrids(Shape { trust_ball: true, ..FIVE_MICROGRIDS }, seed);
        let settings = InteriorPointSettings::default();
        let hard = solve_in_process(&problem.programs, &problem.rows, &settings).unwrap();
        let most = hard.multipliers.iter().fold(0.0_f64, |a, l| a.max(*l));
        let elastic = problem.rows.clone().with_penalties(vec![10.0 * most.max(1.0); problem.rows.len()]).unwrap();
        let soft = solve_in_process(&problem.programs, &elastic, &settings).unwrap();
        assert!((hard.cost - soft.cost).abs() < 1e-6 * hard.cost.abs(), "{}", problem.name);
        assert!(soft.max_violation < 1e-6);
    }
}

fn tiny(rows: Vec<LocalRow>, lower: f64, upper: f64) -> LocalProgram {
    let data = LocalProgramData {
        quadratic: None,
        linear: vec![1.0, -1.0],
        lower: vec![lower; 2],
        upper: vec![upper; 2],
        rows,
        balls: Vec::new(),
        coupled: vec![1.0, 1.0],
    };
    LocalProgram::try_new(data, 1).unwrap()
}

#[test]
fn law_equalities_fixed_variables_and_linear_costs() {
    let equality = LocalRow { coefficients: vec![(0, 1.0), (1, 2.0)], lower: 1.0, upper: 1.0 };
    let programs = [tiny(vec![equality], -1.0, 1.0), tiny(Vec::new(), 0.25, 0.25)];
    let rows = CoupledRows::try_new(vec![0.7]).unwrap();
    let answer = solve_in_process(&programs, &rows, &InteriorPointSettings::default()).unwrap();
    // x0 + 2 x1 = 1 and x0 + x1 <= 0.7 - 0.5: minimising x0 - x1 puts x0 at -1, x1 at 1.
    assert!((answer.x[0][0] + 1.0).abs() < 1e-6 && (answer.x[0][1] - 1.0).abs() < 1e-6, "{:?}", answer.x);
    assert_eq!(answer.x[1], vec![0.25, 0.25]);
}

#[test]
fn law_contradicting_local_limits_are_named_as_local() {
    let impossible = LocalRow { coefficients: vec![(0, 1.0), (1, 1.0)], lower: 5.0, upper: 6.0 };
    let programs = [tiny(vec![impossible], -1.0, 1.0), tiny(Vec::new(), 0.0, 1.0)];
    let rows = CoupledRows::try_new(vec![10.0]).unwrap();
    let answer = solve_in_process(&programs, &rows, &InteriorPointSettings::default());
    assert!(matches!(answer, Err(ConsensusError::LocallyInfeasible { .. })), "{answer:?}");
}

#[test]
fn law_no_coupled_rows_and_warm_start() {
    let programs = [tiny(Vec::new(), 0.0, 1.0)];
    let data = LocalProgramData { coupled: Vec::new(), ..programs[0].data().clone() };
    let free = [LocalProgram::try_new(data, 0).unwrap()];
    let answer =
        solve_in_process(&free, &CoupledRows::try_new(Vec::new()).unwrap(), &InteriorPointSettings::default()).unwrap();
    assert!(answer.x[0][0].abs() < 1e-6 && (answer.x[0][1] - 1.0).abs() < 1e-6);

    let settings = InteriorPointSettings::default();
    let (mut cold_rounds, mut warm_rounds) = (0, 0);
    for seed in 0..20 {
        let problem = microgrids(Shape { circles: false, ..FIVE_MICROGRIDS }, seed);
        let mut solver = InProcess::new();
        let cold = solver.solve(&problem.programs, &problem.rows, &settings, WarmStart::default()).unwrap();
        let warm = WarmStart { x: Some(&cold.x), multipliers: Some(&cold.multipliers) };
        let again = solver.solve(&problem.programs, &problem.rows, &settings, warm).unwrap();
        assert!((cold.cost - again.cost).abs() < 1e-6 * cold.cost.abs());
        cold_rounds += cold.rounds;
        warm_rounds += again.rounds;
    }
    println!("rounds cold {cold_rounds}, warm {warm_rounds}");
    assert!(warm_rounds < cold_rounds);
}

#[test]
fn law_reused_workspaces_leave_no_trace() {
    let settings = InteriorPointSettings::default();
    let mut solver = InProcess::new();
    for (shape, seed) in [(shapes()[0], 1), (shapes()[3], 2), (shapes()[2], 3), (shapes()[0], 1)] {
        let problem = microgrids(shape, seed);
        let reused = solver.solve(&problem.programs, &problem.rows, &settings, WarmStart::default()).unwrap();
        assert_eq!(reused, solve_in_process(&problem.programs, &problem.rows, &settings).unwrap());
    }
}

/// In the first round agents and rows know different multipliers; a proof of infeasibility made from both is none.
#[test]
fn regress_warm_multipliers_prove_nothing_in_the_first_round() {
    let settings = InteriorPointSettings { warm_centring: 0.003, centring: 0.003, ..InteriorPointSettings::default() };
    for shape in shapes() {
        for seed in 0..20 {
            let problem = microgrids(shape, seed);
            let cold = solve_in_process(&problem.programs, &problem.rows, &InteriorPointSettings::default()).unwrap();
            let warm = WarmStart { x: None, multipliers: Some(&cold.multipliers) };
            let again = InProcess::new().solve(&problem.programs, &problem.rows, &settings, warm).unwrap();
            assert!((again.cost - cold.cost).abs() < 1e-5 * cold.cost.abs(), "{}", problem.name);
        }
    }
}

/// Many programs in a row, as training solves them: every one converges.
#[test]
fn regress_hundreds_of_programs_all_converge() {
    let mut solver = InProcess::new();
    for shape in shapes() {
        for seed in 1000..1150 {
            let problem = microgrids(shape, seed);
            let answer =
                solver.solve(&problem.programs, &problem.rows, &InteriorPointSettings::default(), WarmStart::default());
            assert!(answer.is_ok(), "{}: {answer:?}", problem.name);
        }
    }
}
