//! `covolt bench --scaling`: the same figures on generated cases of growing size, and the exponent of their growth.
//!
//! Networks and batch are the same for all sizes. The exponent is the slope of log time over log microgrids, least squares over the
//! shortest times, which other programs on the machine disturb least.

use super::bench::{Bench, Figure, Machine, say_machine};
use super::case_generate::generate;
use crate::cli::{BenchArgs, LayerChoice};
use crate::exit::CliError;
use crate::output::Output;
use crate::training::preset;
use covolt_case::CaseFault;
use covolt_grid::LANES;
use serde::Serialize;
use std::time::Duration;

/// Size from which on the networks are those of large cases.
const LARGE: usize = 1000;
/// Windows of one update: whole chunks of the batched power flow, two for each of two threads.
const BATCH: usize = 4 * LANES;
/// Time for one figure of one size.
const BUDGET: Duration = Duration::from_millis(1500);

/// All figures of one size.
#[derive(Debug, Serialize)]
struct Size {
    microgrids: usize,
    buses: usize,
    bytes_per_agent_and_update: f64,
    figures: Vec<Figure>,
}

/// Runs the command.
pub fn run(args: &BenchArgs, out: &mut Output) -> Result<(), CliError> {
    let mut sizes = Vec::new();
    for &microgrids in &args.sizes {
        sizes.push(one(microgrids as usize, args.seed)?);
    }
    let names: Vec<String> =
        sizes.first().map_or_else(Vec::new, |s| s.figures.iter().map(|f| f.what.clone()).collect());
    let exponents: Vec<(String, f64)> = names
        .iter()
        .enumerate()
        .map(|(k, name)| {
            let points: Vec<(f64, f64)> = sizes
                .iter()
                .filter_map(|s| s.figures.get(k).map(|f| ((s.microgrids as f64).ln(), f.least_ms.ln())))
                .collect();
            (name.clone(), slope(&points))
        })
        .collect();
    let machine = Machine::here();
    if out.is_json() {
        return out.json(&serde_json::json!({ "machine": machine, "sizes": sizes, "exponents": exponents }));
    }
    say_machine(&machine, out)?;
    let mut header = vec!["shortest, ms".to_owned()];
    header.extend(sizes.iter().map(|s| format!("{} microgrids", s.microgrids)));
    header.push("exponent".to_owned());
    let mut rows: Vec<Vec<String>> = exponents
        .iter()
        .enumerate()
        .map(|(k, (name, exponent))| {
            let times = sizes.iter().filter_map(|s| s.figures.get(k)).map(|f| format!("{:.3}", f.least_ms));
            std::iter::once(name.clone()).chain(times).chain([format!("{exponent:.3}")]).collect()
        })
        .collect();
    let with = |name: &str, value: &dyn Fn(&Size) -> String| -> Vec<String> {
        std::iter::once(name.to_owned()).chain(sizes.iter().map(value)).chain([String::new()]).collect()
    };
    for (k, name) in names.iter().enumerate() {
        rows.push(with(&format!("allocations: {name}"), &|s| {
            s.figures.get(k).map_or_else(String::new, |f| format!("{:.0}", f.allocations))
        }));
    }
    rows.push(with("buses", &|s| s.buses.to_string()));
    rows.push(with("iterations of a power flow", &|s| {
        s.figures.first().and_then(|f| f.work.first()).map_or_else(String::new, |w| format!("{:.2}", w.1))
    }));
    rows.push(with("bytes per agent and update", &|s| format!("{:.0}", s.bytes_per_agent_and_update)));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    out.table(&header, &rows)
}

fn one(microgrids: usize, seed: u64) -> Result<Size, CliError> {
    let faulty =
        |faults: Vec<CaseFault>| CliError::bad_input(format!("the generated case has {} fault(s)", faults.len()));
    let case = generate(microgrids, seed)?.0.to_case().map_err(faulty)?;
    let bench = Bench::new(&case, BATCH, &preset::of(LARGE).shape, seed)?;
    let figures = vec![
        bench.power_flow(BUDGET)?,
        bench.gradient(BUDGET)?,
        bench.episode(BATCH, seed, BUDGET)?,
        bench.decision(LayerChoice::Bare, "bare, certified or refused", BUDGET)?,
    ];
    let buses = case.fleet.grid.n_buses();
    Ok(Size { microgrids, buses, bytes_per_agent_and_update: bench.bytes_per_agent(BATCH), figures })
}

/// Slope of the line through the points with the least squares; NaN for fewer than two.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (mean_x, mean_y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let covariance: f64 = points.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
    covariance / points.iter().map(|p| (p.0 - mean_x).powi(2)).sum::<f64>()
}
