//! The data behind the figures as long tables, one row per point.

use super::results::{column, count, text};
use crate::record::{Item, Network, StudyRecord};
use crate::table::{Cell, Column, Table};

/// All data of the figures.
pub fn series(record: &StudyRecord) -> Vec<Table> {
    vec![
        day(record),
        voltages(record),
        loadings(record),
        learning(record),
        parameters(record),
        rewards(record),
        constraint_returns(record),
        rounds(record),
        violations(record),
    ]
}

fn table(file: &'static str, item: Item, title: &str, columns: Vec<Column>, rows: Vec<Vec<Cell>>) -> Table {
    Table { file, item: Some(item), title: title.to_owned(), caption: String::new(), columns, rows }
}

/// A column of which only the CSV is used.
const fn plain(name: &'static str, unit: &'static str, meaning: &'static str) -> Column {
    column(name, name, unit, meaning)
}

const EPISODE: Column = plain("episode", "", "number of the episode");
const MICROGRID: Column = plain("microgrid", "", "name of the microgrid");

fn at(list: &[f64], position: usize) -> Cell {
    Cell::number(list.get(position).copied())
}

fn day(record: &StudyRecord) -> Table {
    let day = record.day.clone().unwrap_or_default();
    let mut rows = Vec::new();
    for m in &day.microgrids {
        for (step, hour) in day.hour.iter().enumerate() {
            rows.push(vec![
                text(&m.name),
                Cell::Number(*hour),
                at(&m.demand_kw, step),
                at(&m.dg_kw, step),
                at(&m.pv_kw, step),
                at(&m.battery_kw, step),
                at(&m.exchange_kw, step),
                at(&m.soc, step),
                at(&day.price_usd_per_kwh, step),
            ]);
        }
    }
    let columns = vec![
        MICROGRID,
        plain("hour", "h", "start of the step after midnight"),
        plain("demand_kw", "kW", "load, positive = consumption"),
        plain("dg_kw", "kW", "generation of the DGs"),
        plain("pv_kw", "kW", "generation of the PV systems"),
        plain("battery_kw", "kW", "batteries, positive = discharging"),
        plain("exchange_kw", "kW", "exchange at the PCC, positive = export"),
        plain("soc", "1", "stored energy at the start of the step, fraction of the capacity"),
        plain("price_usd_per_kwh", "$/kWh", "exchange price"),
    ];
    table("day.csv", Item::DayBalance, "One day per microgrid (Fig. 3 and 4)", columns, rows)
}

fn voltages(record: &StudyRecord) -> Table {
    let buses = record.network.iter().flat_map(|n| &n.buses);
    let rows = buses.map(|b| {
        let numbers = [b.min_pu, b.mean_pu, b.max_pu, b.lower_limit_pu, b.upper_limit_pu];
        let names = [text(&b.id), text(&b.area)];
        names.into_iter().chain(numbers.map(Cell::Number)).collect()
    });
    let columns = vec![
        plain("bus", "", "id of the bus"),
        plain("area", "", "microgrid, empty for the feeder"),
        plain("min_pu", "pu", "lowest voltage of the span"),
        plain("mean_pu", "pu", "mean voltage of the span"),
        plain("max_pu", "pu", "highest voltage of the span"),
        plain("lower_limit_pu", "pu", "lower limit"),
        plain("upper_limit_pu", "pu", "upper limit"),
    ];
    table("voltages.csv", Item::VoltageProfile, "Voltage profile", columns, rows.collect())
}

fn loadings(record: &StudyRecord) -> Table {
    let branches = record.network.iter().flat_map(|n| &n.branches);
    let rows = branches.map(|b| {
        let kind = if b.transformer { "transformer" } else { "line" };
        vec![text(&b.id), text(&b.from), text(&b.to), text(kind), Cell::Number(b.loading_max_percent)]
    });
    let columns = vec![
        plain("branch", "", "id of the branch"),
        plain("from", "", "id of the bus at the from end"),
        plain("to", "", "id of the bus at the to end"),
        plain("kind", "", "line or transformer"),
        plain("loading_max_percent", "%", "highest current of the span, of the limit; empty without a limit"),
    ];
    table("loadings.csv", Item::NetworkDrawing, "Loading of the branches", columns, rows.collect())
}

fn learning(record: &StudyRecord) -> Table {
    let trainings = [record.training.as_ref(), record.paper_training.as_ref()];
    let rows = trainings.into_iter().flatten().flat_map(|t| {
        t.curve.iter().map(|p| {
            vec![
                text(&t.trainer),
                count(p.episode),
                Cell::Number(p.cost_usd),
                Cell::Number(p.max_voltage_violation_pu),
                Cell::Number(p.max_current_violation_percent),
                count(p.rounds),
            ]
        })
    });
    let columns = vec![
        plain("trainer", "", "name of the trainer"),
        EPISODE,
        plain("cost_usd", "$", "mean cost of a window over the batch, all microgrids"),
        plain("max_voltage_violation_pu", "pu", "worst voltage violation of the batch"),
        plain("max_current_violation_percent", "%", "worst current above its limit, of the limit"),
        plain("rounds", "", "coordination rounds of the update"),
    ];
    table("learning_curve.csv", Item::LearningCurve, "Learning curves", columns, rows.collect())
}

fn parameters(record: &StudyRecord) -> Table {
    let mut rows = Vec::new();
    for trace in &record.parameters {
        let network = match trace.network {
            Network::Mean => "mean",
            Network::Covariance => "covariance",
        };
        for (episode, value) in trace.episode.iter().zip(&trace.value) {
            rows.push(vec![
                text(&trace.microgrid),
                text(network),
                text(&trace.parameter),
                count(*episode),
                Cell::Number(*value),
            ]);
        }
    }
    let columns = vec![
        MICROGRID,
        plain("network", "", "mean or covariance network"),
        plain("parameter", "", "name of the parameter"),
        EPISODE,
        plain("value", "1", "value of the parameter"),
    ];
    table("parameters.csv", Item::Parameters, "Chosen parameters (Fig. 5)", columns, rows)
}

fn rewards(record: &StudyRecord) -> Table {
    let traces = record.capacity_study.iter().flat_map(|s| &s.rewards);
    let rows = traces.flat_map(|t| {
        let points = t.episode.iter().zip(&t.reward_usd);
        points.map(|(episode, reward)| vec![text(&t.label), count(*episode), Cell::Number(*reward)])
    });
    let columns = vec![
        plain("case", "", "where DG capacity constraints hold"),
        EPISODE,
        plain("reward_usd", "$", "negative cost of a window, all microgrids"),
    ];
    table("rewards.csv", Item::CapacityReward, "Rewards (Fig. 6)", columns, rows.collect())
}

fn constraint_returns(record: &StudyRecord) -> Table {
    let mut rows = Vec::new();
    for returns in record.capacity_study.iter().filter_map(|s| s.returns.as_ref()) {
        let sides = [("with", &returns.with_constraint_kw), ("without", &returns.without_constraint_kw)];
        for (constraint, curves) in sides {
            for (step, curve) in curves.iter().enumerate() {
                for (episode, power) in returns.episode.iter().zip(curve) {
                    rows.push(vec![
                        text(&returns.microgrid),
                        text(constraint),
                        count(step),
                        count(*episode),
                        Cell::Number(*power),
                        Cell::Number(returns.limit_kw),
                    ]);
                }
            }
        }
    }
    let columns = vec![
        MICROGRID,
        plain("constraint", "", "with or without the capacity constraint"),
        plain("step", "", "step of the window, from 0"),
        EPISODE,
        plain("dg_kw", "kW", "DG power"),
        plain("limit_kw", "kW", "capacity limit"),
    ];
    table("constraint_returns.csv", Item::ConstraintReturns, "Constraint returns (Fig. 7)", columns, rows)
}

fn rounds(record: &StudyRecord) -> Table {
    let mut rows = Vec::new();
    for method in &record.coordination {
        if let Some(trace) = &method.trace {
            for (number, curve) in trace.multiplier_usd_per_pu.iter().enumerate() {
                let limit = trace.limit.get(number).map_or("", String::as_str);
                let row = |(round, value): (usize, &f64)| {
                    vec![text(&method.name), text(limit), count(round), Cell::Number(*value)]
                };
                rows.extend(curve.iter().enumerate().map(row));
            }
        }
    }
    let columns = vec![
        plain("method", "", "coordination method"),
        plain("limit", "", "limit the multiplier belongs to"),
        plain("round", "", "round, from 0"),
        plain("multiplier_usd_per_pu", "$/pu", "multiplier, mean of the agents' copies"),
    ];
    table("multipliers.csv", Item::Rounds, "Multipliers over the rounds (Fig. 8)", columns, rows)
}

fn violations(record: &StudyRecord) -> Table {
    let mut rows = Vec::new();
    for method in &record.coordination {
        if let Some(trace) = &method.trace {
            let points = trace.max_violation_pu.iter().enumerate();
            rows.extend(points.map(|(round, v)| vec![text(&method.name), count(round), Cell::Number(*v)]));
        }
    }
    let columns = vec![
        plain("method", "", "coordination method"),
        plain("round", "", "round, from 0"),
        plain("max_violation_pu", "pu", "worst violation of the summed rows"),
    ];
    table("violations.csv", Item::Rounds, "Worst violation over the rounds (Fig. 8)", columns, rows)
}
