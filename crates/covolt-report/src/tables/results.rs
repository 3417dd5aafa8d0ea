//! The tables that the page shows: layers, Table II, decision times, optimum, closed loop, training facts.

use super::agents;
use crate::record::{CostRow, Item, LayerFigures, SeedRun, StudyRecord, WindowStudy};
use crate::table::{Cell, Column, Table, short};

/// A column whose heading in the page is given apart from its name in the file.
pub(super) const fn column(
    name: &'static str,
    heading: &'static str,
    unit: &'static str,
    meaning: &'static str,
) -> Column {
    Column { name, heading, unit, meaning }
}

pub(super) fn text(value: impl Into<String>) -> Cell {
    Cell::Text(value.into())
}

pub(super) fn count(value: usize) -> Cell {
    Cell::Count(value as u64)
}

/// All tables of results, in the order of the page.
pub fn results(record: &StudyRecord) -> Vec<Table> {
    vec![
        layers(record),
        seeds(record),
        costs(record),
        decision_times(record),
        optimum(record),
        closed_loop(record),
        training(record),
        agents::coordination(record),
        agents::messages(record),
        agents::deviations(record),
    ]
}

fn layers(record: &StudyRecord) -> Table {
    let row = |policies: &str, study: &WindowStudy, layer: &str, figures: &LayerFigures| {
        vec![
            text(layer),
            text(policies),
            Cell::Fixed(figures.gap_percent, 4),
            Cell::Breaches(figures.violating_windows as u64),
            count(study.count),
            Cell::Number(figures.max_voltage_violation_pu),
            Cell::Number(figures.max_current_violation_percent),
            Cell::Fixed(figures.max_gap_usd, 4),
            Cell::Fixed(figures.programs_mean, 2),
        ]
    };
    let studies = [("default", &record.windows), ("paper", &record.paper_windows)];
    let mut rows = Vec::new();
    for (policies, study) in studies {
        for study in study.iter() {
            let named = study.layers.named();
            rows.extend(named.iter().filter_map(|(layer, f)| Some(row(policies, study, layer, (*f)?))));
        }
    }
    Table {
        file: "layers.csv",
        item: Some(Item::Layers),
        title: "Layers of dispatch over the test windows".to_owned(),
        caption: "Read gap and violations together: only a layer without violating windows is a safe dispatch, and a \
                  gap reached by breaking limits is not a saving. What learning is worth shows in the rows bare and \
                  repaired; the row rule is reached without any."
            .to_owned(),
        columns: vec![
            column(
                "layer",
                "Layer",
                "",
                "layer of dispatch: bare, repaired, polished, or the merit-order rule (repaired)",
            ),
            column("trainer", "Trainer", "", "trainer of the policies"),
            column(
                "gap_percent",
                "Gap to the optimum",
                "%",
                "cost above the central optimum with the same terminal value",
            ),
            column(
                "violating_windows",
                "Violating windows",
                "",
                "windows with any limit violated after the true AC power flow",
            ),
            column("windows", "of", "", "windows evaluated"),
            column(
                "max_voltage_violation_pu",
                "Worst voltage violation",
                "pu",
                "largest distance of a voltage beyond its limit",
            ),
            column(
                "max_current_violation_percent",
                "Worst current violation",
                "%",
                "largest current above its limit, of the limit",
            ),
            column("max_gap_usd", "Worst window", "$", "largest cost above the optimum in one window"),
            column("programs_mean", "Programs per window", "", "mean number of quadratic programs solved"),
        ],
        rows,
    }
}

/// The layers that depend on what was learned.
fn layers_of(run: &SeedRun) -> [Option<&LayerFigures>; 3] {
    let layers = &run.windows.layers;
    [layers.bare.as_ref(), layers.repaired.as_ref(), layers.polished.as_ref()]
}

/// All seeds, then their spread.
fn seeds(record: &StudyRecord) -> Table {
    let gap = |layer: Option<&LayerFigures>| layer.map_or(Cell::Missing, |f| Cell::Fixed(f.gap_percent, 4));
    let violating =
        |layer: Option<&LayerFigures>| layer.map_or(Cell::Missing, |f| Cell::Breaches(f.violating_windows as u64));
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for run in &record.seeds {
        let mut row = vec![text(run.seed.to_string()), Cell::Fixed(run.wall_s, 1), count(run.windows.count)];
        for layer in layers_of(run) {
            row.extend([gap(layer), violating(layer)]);
        }
        rows.push(row);
    }
    if record.seeds.len() > 1 {
        for (name, pick) in [("smallest", f64::min as fn(f64, f64) -> f64), ("largest", f64::max)] {
            let mut row = vec![text(name), Cell::Empty, Cell::Empty];
            for layer in 0..3 {
                let values = record.seeds.iter().filter_map(|run| layers_of(run)[layer]).map(|f| f.gap_percent);
                row.extend([values.reduce(pick).map_or(Cell::Missing, |v| Cell::Fixed(v, 4)), Cell::Empty]);
            }
            rows.push(row);
        }
    }
    Table {
        file: "seeds.csv",
        item: Some(Item::Seeds),
        title: "The default trainer with several seeds".to_owned(),
        caption: "Every run of the study is listed; none was left out or chosen. The seed sets the training windows, the \
                  first weights and the order of learning; the test windows are the same for all. The first seed is the \
                  one of all other tables and figures."
            .to_owned(),
        columns: vec![
            column("seed", "Seed", "", "seed of the training, or the smallest and largest over all seeds"),
            column("wall_s", "Training", "s", "wall-clock time of the training"),
            column("windows", "Windows", "", "test windows"),
            column("bare_gap_percent", "Bare gap", "%", "bare: cost above the central optimum"),
            column("bare_violating", "violating", "", "bare: windows with any limit violated"),
            column("repaired_gap_percent", "Repaired gap", "%", "repaired: cost above the central optimum"),
            column("repaired_violating", "violating", "", "repaired: windows with any limit violated"),
            column("polished_gap_percent", "Polished gap", "%", "polished: cost above the central optimum"),
            column("polished_violating", "violating", "", "polished: windows with any limit violated"),
        ],
        rows,
    }
}

fn costs(record: &StudyRecord) -> Table {
    let row = |r: &CostRow| {
        vec![
            text(&r.microgrid),
            Cell::Fixed(r.central_usd, 4),
            Cell::Fixed(r.policy_usd, 4),
            Cell::Fixed(r.difference_percent(), 3),
        ]
    };
    let mut rows = Vec::new();
    let mut window = String::new();
    if let Some(costs) = record.cost_table.as_ref().filter(|c| !c.rows.is_empty()) {
        rows.extend(costs.rows.iter().map(row));
        rows.push(row(&costs.total()));
        let bound = costs.lower_bound_usd.map_or(Cell::Missing, |b| Cell::Fixed(b, 4));
        rows.push(vec![text("lower bound of the total"), bound, Cell::Empty, Cell::Empty]);
        window =
            format!(" Window of {} h from {}, policies {}.", short(costs.window_h), costs.window_start, costs.layer);
    }
    Table {
        file: "table2.csv",
        item: Some(Item::CostTable),
        title: "Cost per microgrid in one decision window (paper, Table II)".to_owned(),
        caption: format!(
            "Central optimum against policies. Single microgrids may be cheaper under the policies at the cost of \
             others; only the total is what both minimise, and no dispatch can fall below the lower bound.{window} \
             A positive difference means that the policies cost more (the paper counts the other way round)."
        ),
        columns: vec![
            column("microgrid", "Microgrid", "", "name of the microgrid, the total, or the lower bound of the total"),
            column("central_usd", "Central optimum", "$", "cost at the central optimum"),
            column("policy_usd", "Policies", "$", "cost of the policies' dispatch"),
            column("difference_percent", "Difference", "%", "policies above the central optimum, of its size"),
        ],
        rows,
    }
}

fn decision_times(record: &StudyRecord) -> Table {
    let times = record.decision_times.clone().unwrap_or_default();
    let row = |(layer, q): &(&str, Option<&crate::record::Quantiles>)| {
        let q = (*q)?;
        Some(vec![text(layer.replace('_', " ")), Cell::Number(q.median), Cell::Number(q.p99)])
    };
    let speedup = times.speedup().map_or(String::new(), |times| {
        format!(" By the medians, a bare certified decision is {times:.0} times faster than the central optimum.")
    });
    Table {
        file: "decision_times.csv",
        item: Some(Item::DecisionTimes),
        title: "Time of one decision, all agents together".to_owned(),
        caption: format!("The times of the layers include the AC power flow and the certificate.{speedup}"),
        columns: vec![
            column("layer", "Layer", "", "layer of dispatch, or the central optimum of the same windows"),
            column("median_us", "Median", "\u{b5}s", "median time"),
            column("p99_us", "99th percentile", "\u{b5}s", "99th percentile"),
        ],
        rows: times.named().iter().filter_map(row).collect(),
    }
}

fn optimum(record: &StudyRecord) -> Table {
    let rows = record
        .optimum
        .iter()
        .map(|o| vec![count(o.windows), Cell::Number(o.bound_gap_relative_max), Cell::Number(o.time_ms_median)]);
    let remarks = record.optimum.as_ref().map_or(String::new(), |o| o.remarks.join(" "));
    Table {
        file: "optimum.csv",
        item: Some(Item::Optimum),
        title: "Central optimum and its lower bound".to_owned(),
        caption: format!(
            "The bound comes from a convex relaxation, so a small distance proves that the optimum is the best there \
             is and that every gap in this report is honest. {remarks}"
        ),
        columns: vec![
            column("windows", "Windows", "", "windows solved"),
            column(
                "bound_gap_relative_max",
                "Largest distance to the bound",
                "relative",
                "largest relative distance between optimum and lower bound",
            ),
            column("time_ms_median", "Median time", "ms", "median time of one optimum"),
        ],
        rows: rows.collect(),
    }
}

fn closed_loop(record: &StudyRecord) -> Table {
    let rows = record.closed_loop.iter().map(|c| {
        vec![
            text(&c.forecast),
            count(c.days),
            count(c.steps),
            Cell::Breaches(c.violating_steps as u64),
            count(c.infeasible_steps),
            Cell::Fixed(c.gap_perfect_information_percent, 3),
        ]
    });
    Table {
        file: "closed_loop.csv",
        item: Some(Item::ClosedLoop),
        title: "Closed loop over the test days".to_owned(),
        caption: "The first action of each window is applied, stored energy and generator power are carried on, and \
                  every applied step is checked with the true AC power flow. A step is infeasible when no safe \
                  dispatch existed at all."
            .to_owned(),
        columns: vec![
            column("forecast", "Forecast", "", "forecast used"),
            column("days", "Days", "", "days simulated"),
            column("steps", "Steps", "", "decisions taken"),
            column(
                "violating_steps",
                "Violating steps",
                "",
                "steps with any limit violated after the true AC power flow",
            ),
            column("infeasible_steps", "Infeasible steps", "", "steps in which no safe dispatch existed"),
            column(
                "gap_perfect_information_percent",
                "Cost above perfect information",
                "%",
                "cost above that of a decision maker who knows the future",
            ),
        ],
        rows: rows.collect(),
    }
}

fn training(record: &StudyRecord) -> Table {
    let trainings = [record.training.as_ref(), record.paper_training.as_ref()];
    let rows = trainings.into_iter().flatten().map(|t| {
        vec![
            text(&t.trainer),
            Cell::Count(t.seed),
            count(t.episodes),
            Cell::Fixed(t.wall_s, 1),
            Cell::Fixed(t.peak_memory_mib, 0),
        ]
    });
    Table {
        file: "training.csv",
        item: Some(Item::LearningCurve),
        title: "Training".to_owned(),
        caption: "The same seed gives the same policies on any number of threads.".to_owned(),
        columns: vec![
            column("trainer", "Trainer", "", "name of the trainer"),
            column("seed", "Seed", "", "seed of all randomness"),
            column("episodes", "Episodes", "", "policy updates run"),
            column("wall_s", "Time", "s", "wall-clock time"),
            column("peak_memory_mib", "Largest memory", "MiB", "largest resident memory"),
        ],
        rows: rows.collect(),
    }
}
