//! Every method against the central optimum, projection, weights, faults.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "common/central.rs"]
mod central;
#[path = "common/test_problems.rs"]
mod test_problems;

use covolt_consensus::{
    CommunicationGraph, LocalCost, LocalProgram, LocalProgramData, LocalSolver, Method, MethodSettings, MixingMatrix,
    PaperSettings, ProgramFault, coordinate,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use test_problems::{FIVE_MICROGRIDS, Shape, microgrids};

const EASY: Shape = Shape { trust_ball: true, circles: false, ..FIVE_MICROGRIDS };

#[test]
fn law_consensus_equals_central() {
    let graph = CommunicationGraph::complete(5).unwrap();
    for seed in 0..4 {
        let problem = microgrids(EASY, seed);
        let reference = central::solve(&problem.programs, &problem.rows, 1e-9);
        for (method, tolerance) in
            [(Method::PrimalDualHybrid, 2e-5), (Method::SharingAdmm, 2e-5), (Method::InteriorPoint, 1e-7)]
        {
            let run = coordinate(method, &problem.programs, &problem.rows, &graph, &MethodSettings::default())
                .unwrap_or_else(|f| panic!("{} {}: {}", method.name(), problem.name, f.error));
            let last = run.trace.last().unwrap();
            let gap = (last.cost - reference.cost) / reference.cost.abs();
            assert!(gap.abs() < tolerance, "{} {}: {gap:e}", method.name(), problem.name);
            assert!(last.multipliers.iter().all(|l| *l >= 0.0));
        }
    }
}

/// With constant steps (50)-(55) end in a neighbourhood of the optimum: each agent clips its own multiplier at zero, so rows that
/// do not bind keep positive averages of order rho2. Smaller dual steps come closer and need more rounds.
#[test]
fn law_paper_method_approaches_central_as_the_dual_step_shrinks() {
    for seed in [0, 3] {
        let problem = microgrids(EASY, seed);
        let reference = central::solve(&problem.programs, &problem.rows, 1e-9);
        for graph in [CommunicationGraph::complete(5).unwrap(), CommunicationGraph::ring(5).unwrap()] {
            let mut gaps = Vec::new();
            for dual in [30.0, 6.0] {
                let steps =
                    PaperSettings { max_rounds: 4000, ..PaperSettings::for_programs(&problem.programs, 1.0, dual) };
                let settings = MethodSettings { paper: Some(steps), ..MethodSettings::default() };
                let record = match coordinate(Method::Paper, &problem.programs, &problem.rows, &graph, &settings) {
                    Ok(run) => run,
                    Err(failed) => failed.record,
                };
                let last = record.trace.last().unwrap();
                assert!(last.violation < 1e-4, "{}: {}", problem.name, last.violation);
                gaps.push(((last.cost - reference.cost) / reference.cost.abs()).abs());
            }
            assert!(gaps[0] < 5e-2 && gaps[1] < 0.5 * gaps[0].max(1e-6), "{}: {gaps:?}", problem.name);
        }
    }
}

#[test]
fn law_transcript_lists_every_message_once_per_link() {
    let problem = microgrids(EASY, 1);
    let ring = CommunicationGraph::ring(5).unwrap();
    let run =
        coordinate(Method::InteriorPoint, &problem.programs, &problem.rows, &ring, &MethodSettings::default()).unwrap();
    assert_eq!(run.transcript.len(), run.rounds * 5 * 4);
    assert_eq!(run.hops, 2);
    assert_eq!(run.transcript.iter().map(|e| e.bytes).sum::<usize>(), run.bytes_sent.iter().sum::<usize>());
    for entry in &run.transcript {
        assert!(ring.neighbours(entry.to).contains(&entry.by), "{entry:?}");
        assert!(entry.fields.iter().all(|(_, numbers)| [0, 1, 9, 50, 1275].contains(numbers)), "{entry:?}");
    }
}

#[test]
fn law_projection_is_idempotent_and_nearest() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut solver = LocalSolver::new();
    for seed in 0..20 {
        let problem = microgrids(Shape { trust_ball: seed % 2 == 0, ..FIVE_MICROGRIDS }, seed);
        let program = &problem.programs[0];
        let d = program.data();
        let point: Vec<f64> =
            d.lower.iter().zip(&d.upper).map(|(l, u)| l + (u - l) * (3.0 * rng.random::<f64>() - 1.0)).collect();
        solver.project(program, &point).unwrap();
        let once = solver.x().to_vec();
        let size = d.upper.iter().fold(0.0_f64, |a, u| a.max(*u));
        assert!(program.local_violation(&once) < 1e-6 * size * size.max(1.0));
        solver.project(program, &once).unwrap();
        for (a, b) in once.iter().zip(solver.x()) {
            assert!((a - b).abs() < 1e-4 * size, "{a} {b}");
        }
        // No feasible point is nearer: the variational inequality (point - p)^T (y - p) <= 0 for other projections y.
        for _ in 0..5 {
            let other: Vec<f64> =
                d.lower.iter().zip(&d.upper).map(|(l, u)| l + (u - l) * (3.0 * rng.random::<f64>() - 1.0)).collect();
            solver.project(program, &other).unwrap();
            let inner: f64 = (0..once.len()).map(|j| (point[j] - once[j]) * (solver.x()[j] - once[j])).sum();
            assert!(inner < 1e-4 * size * size, "{inner}");
        }
    }
}

#[test]
fn ref_local_solver_equals_the_reference_solver() {
    let mut solver = LocalSolver::new();
    for seed in 0..30 {
        let problem = microgrids(Shape { trust_ball: seed % 3 == 0, ..FIVE_MICROGRIDS }, 500 + seed);
        let alone =
            LocalProgram::try_new(LocalProgramData { coupled: Vec::new(), ..problem.programs[0].data().clone() }, 0)
                .unwrap();
        let reference = central::solve(std::slice::from_ref(&alone), &covolt_consensus::CoupledRows::default(), 1e-10);
        let d = alone.data();
        let cost = LocalCost { quadratic: d.quadratic.as_deref(), diagonal: None, linear: &d.linear };
        solver.solve(&alone, cost).unwrap();
        let gap = (alone.cost(solver.x()) - reference.cost) / reference.cost.abs();
        assert!(gap.abs() < 1e-6, "{seed}: {gap:e}");
    }
}

#[test]
fn law_metropolis_weights_are_doubly_stochastic_on_any_connected_graph() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for agents in 1..12 {
        let mut edges: Vec<(usize, usize)> = (1..agents).map(|a| (a, rng.random_range(0..a))).collect();
        for _ in 0..agents {
            let (a, b) = (rng.random_range(0..agents), rng.random_range(0..agents));
            if a != b {
                edges.push((a, b));
            }
        }
        let graph = CommunicationGraph::try_new(agents, &edges).unwrap();
        let mixing = MixingMatrix::metropolis(&graph);
        let weights: Vec<f64> =
            (0..agents).flat_map(|a| (0..agents).map(move |b| (a, b))).map(|(a, b)| mixing.weight(a, b)).collect();
        assert_eq!(MixingMatrix::try_new(&graph, weights).unwrap(), mixing);
    }
}

#[test]
fn law_bad_graphs_and_weights_are_refused() {
    assert!(CommunicationGraph::try_new(4, &[(0, 1), (2, 3)]).unwrap_err().to_string().contains("agent 2"));
    assert!(CommunicationGraph::try_new(2, &[(0, 2)]).is_err());
    assert!(CommunicationGraph::try_new(2, &[(1, 1)]).is_err());
    assert!(CommunicationGraph::complete(0).is_err());
    let path = CommunicationGraph::path(3).unwrap();
    let third = 1.0 / 3.0;
    assert!(MixingMatrix::try_new(&path, vec![third; 9]).unwrap_err().to_string().contains("not neighbours"));
    assert!(MixingMatrix::try_new(&path, vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]).is_err());
    assert!(MixingMatrix::try_new(&path, vec![f64::NAN; 9]).is_err());
}

#[test]
fn law_all_faults_of_a_program_are_listed() {
    let good = microgrids(EASY, 0).programs[0].data().clone();
    type Break = Box<dyn Fn(&mut LocalProgramData)>;
    let breaks: Vec<(&str, Break)> = vec![
        ("nan cost", Box::new(|d| d.linear[3] = f64::NAN)),
        ("swapped box", Box::new(|d| d.lower[2] = d.upper[2] + 1.0)),
        (
            "short lower",
            Box::new(|d| {
                d.lower.pop();
            }),
        ),
        ("unknown variable", Box::new(|d| d.rows[0].coefficients[0].0 = 999)),
        ("asymmetric", Box::new(|d| d.quadratic.as_mut().unwrap()[1] += 1e3)),
        ("concave", Box::new(|d| d.quadratic.as_mut().unwrap()[0] = -1.0)),
        ("empty ball", Box::new(|d| d.balls[0].level = 0.0)),
        ("negative weight", Box::new(|d| d.balls[0].axes[0].weight = -1.0)),
        ("infinite column", Box::new(|d| d.coupled[5] = f64::INFINITY)),
    ];
    let mut all = good.clone();
    for (name, broken) in &breaks {
        let mut data = good.clone();
        broken(&mut data);
        let faults = LocalProgram::try_new(data, 50).unwrap_err();
        assert!(!faults.is_empty(), "{name}");
        if *name != "short lower" {
            assert_eq!(faults.len(), 1, "{name}: {faults:?}");
            broken(&mut all);
        }
    }
    assert!(LocalProgram::try_new(all, 50).unwrap_err().len() >= breaks.len() - 2);
    assert!(matches!(LocalProgram::try_new(good, 49).unwrap_err()[..], [ProgramFault::Length { what: "coupled", .. }]));
    assert!(LocalProgram::try_new(LocalProgramData::default(), 0).is_err());
}
