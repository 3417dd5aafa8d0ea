//! Rounds and bytes of every coordination method on seeded problems of the shape of the built-in case.
#![allow(clippy::unwrap_used)]

#[path = "../tests/common/test_problems.rs"]
mod test_problems;

use covolt_consensus::{CommunicationGraph, Method, MethodSettings, coordinate, rounds_to_accuracy, solve_in_process};
use covolt_consensus::{InteriorPointSettings, PaperSettings, ShareSettings};
use test_problems::{FIVE_MICROGRIDS, Shape, microgrids};

fn main() {
    let scan = std::env::args().nth(1);
    let shapes = [
        ("trust ball", Shape { trust_ball: true, ..FIVE_MICROGRIDS }),
        ("linear", Shape { circles: false, ..FIVE_MICROGRIDS }),
        ("circles", FIVE_MICROGRIDS),
    ];
    println!(
        "{:<12} {:<20} {:<9} {:>6} {:>6} {:>7} {:>9} {:>7}",
        "problem", "method", "graph", "median", "max", "missed", "bytes", "stop"
    );
    for (shape_name, shape) in shapes {
        for method in Method::ALL {
            let steps: Vec<(f64, f64)> = match (scan.as_deref(), method) {
                (None, _) | (_, Method::InteriorPoint) => vec![(0.0, 0.0)],
                (_, Method::Paper) => {
                    [0.3, 1.0, 3.0, 10.0].into_iter().flat_map(|a| [0.3, 1.0, 3.0, 10.0].map(|b| (a, b))).collect()
                }
                _ => [0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0].map(|a| (a, 0.0)).to_vec(),
            };
            for step in steps {
                for graph_name in ["complete", "ring"] {
                    if graph_name == "ring" && method != Method::Paper {
                        continue;
                    }
                    let graph = if graph_name == "ring" {
                        CommunicationGraph::ring(5)
                    } else {
                        CommunicationGraph::complete(5)
                    }
                    .unwrap();
                    let (mut rounds, mut missed, mut bytes, mut stops) = (Vec::new(), 0, Vec::new(), Vec::new());
                    for seed in 0..if scan.is_some() { 6 } else { 20 } {
                        let p = microgrids(shape, seed);
                        let central =
                            solve_in_process(&p.programs, &p.rows, &InteriorPointSettings::default()).unwrap();
                        let mut settings = MethodSettings::default();
                        settings.hybrid.max_rounds = 600;
                        settings.sharing.max_rounds = 600;
                        settings.paper = Some(PaperSettings { max_rounds: 1000, ..settings.paper_for(&p.programs) });
                        if step.0 > 0.0 {
                            settings.hybrid = ShareSettings { step: step.0, max_rounds: 600, tolerance: 1e-6 };
                            settings.sharing = settings.hybrid;
                            settings.paper = Some(PaperSettings {
                                max_rounds: 600,
                                ..PaperSettings::for_programs(&p.programs, step.0, step.1)
                            });
                        }
                        let record = match coordinate(method, &p.programs, &p.rows, &graph, &settings) {
                            Ok(run) => {
                                stops.push(run.rounds);
                                run
                            }
                            Err(failed) => failed.record,
                        };
                        let trace = record.trace.iter().map(|t| (t.round, t.cost, t.violation));
                        match rounds_to_accuracy(trace, central.cost, 1.0, 1e-4) {
                            Some(k) => {
                                rounds.push(k);
                                bytes.push(record.bytes_sent[0] / 4 * k / record.rounds.max(1));
                            }
                            None => missed += 1,
                        }
                    }
                    rounds.sort_unstable();
                    bytes.sort_unstable();
                    stops.sort_unstable();
                    let mid = |v: &[usize]| v.get(v.len() / 2).copied().unwrap_or(0);
                    println!(
                        "{shape_name:<12} {:<20} {graph_name:<9} {:>6} {:>6} {missed:>7} {:>9} {:>7} {step:?}",
                        method.name(),
                        mid(&rounds),
                        rounds.last().copied().unwrap_or(0),
                        mid(&bytes),
                        mid(&stops)
                    );
                }
            }
        }
    }
}
