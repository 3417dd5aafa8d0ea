//! Rounds and bytes of every coordination method on seeded problems of the shape of the built-in case.
//!
//! Columns: rounds until cost and violation stay below 1e-4 of the central optimum (median, largest, problems where that never
//! happened), bytes that an agent sent per neighbour until then, rounds until the method stopped by itself (median).
#![allow(clippy::unwrap_used)]

#[path = "../tests/common/test_problems.rs"]
mod test_problems;

use covolt_consensus::{
    CommunicationGraph, InteriorPointSettings, Method, MethodSettings, PaperSettings, coordinate, rounds_to_accuracy,
    solve_in_process,
};
use test_problems::{FIVE_MICROGRIDS, Shape, microgrids};

const SEEDS: u64 = 8;
const MOST_ROUNDS: u32 = 400;

fn main() {
    let shapes = [
        ("trust ball", Shape { trust_ball: true, ..FIVE_MICROGRIDS }),
        ("linear", Shape { circles: false, ..FIVE_MICROGRIDS }),
        ("circles", FIVE_MICROGRIDS),
    ];
    println!(
        "| problems | method | graph | rounds median | largest | missed of {SEEDS} | bytes per link | stops after |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (shape_name, shape) in shapes {
        for method in Method::ALL {
            let graphs: &[&str] = if method == Method::Paper { &["complete", "ring"] } else { &["complete"] };
            for graph in graphs {
                measure(shape_name, shape, method, graph);
            }
        }
    }
}

fn measure(shape_name: &str, shape: Shape, method: Method, graph_name: &str) {
    let graph =
        if graph_name == "ring" { CommunicationGraph::ring(5) } else { CommunicationGraph::complete(5) }.unwrap();
    let (mut rounds, mut bytes, mut stops) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..SEEDS {
        let problem = microgrids(shape, seed);
        let central = solve_in_process(&problem.programs, &problem.rows, &InteriorPointSettings::default()).unwrap();
        let mut settings = MethodSettings::default();
        settings.hybrid.max_rounds = MOST_ROUNDS;
        settings.sharing.max_rounds = MOST_ROUNDS;
        settings.paper = Some(PaperSettings { max_rounds: MOST_ROUNDS, ..settings.paper_for(&problem.programs) });
        let record = match coordinate(method, &problem.programs, &problem.rows, &graph, &settings) {
            Ok(run) => {
                stops.push(run.rounds);
                run
            }
            Err(failed) => failed.record,
        };
        let trace = record.trace.iter().map(|t| (t.round, t.cost, t.violation));
        if let Some(k) = rounds_to_accuracy(trace, central.cost, 1.0, 1e-4) {
            rounds.push(k);
            let sent = record.transcript.iter().filter(|e| e.from == 0 && e.to == 1 && e.round <= k);
            bytes.push(sent.map(|e| e.bytes).sum::<usize>());
        }
    }
    let missed = SEEDS as usize - rounds.len();
    let middle = |v: &mut Vec<usize>| {
        v.sort_unstable();
        v.get(v.len() / 2).map_or("-".to_string(), ToString::to_string)
    };
    let largest = rounds.iter().max().map_or("-".to_string(), ToString::to_string);
    println!(
        "| {shape_name} | {} | {graph_name} | {} | {largest} | {missed} | {} | {} |",
        method.name(),
        middle(&mut rounds),
        middle(&mut bytes),
        middle(&mut stops)
    );
}
