//! Devices of one microgrid in the conic program: ranges, limits (5)-(14), circles, and their share of the cost.
//!
//! The limits come from [`covolt_fleet::window_program::local_program`]. Added to it: the convex hull of (13),
//! P_Ch / P_Ch,max + P_Dis / P_Dis,max <= 1, which costs nothing at positive prices and keeps a relaxed battery from
//! burning energy at full power in both directions at negative ones.

use super::columns::{Columns, RowBlock, RowKind, RowLabel};
use super::flow_rows::Rows;
use super::program::CostTerms;
use super::stored_energy::{Multiple, RunningSum, as_multiple};
use covolt_fleet::AgentProgram;
use covolt_fleet::fleet::Microgrid;

/// Range of every variable; epigraph variables, which have no bound of their own, get it from their rows.
pub(super) fn ranges(agent: &AgentProgram) -> Vec<(f64, f64)> {
    let mut ranges: Vec<(f64, f64)> =
        agent.lower.iter().zip(&agent.upper).map(|(&low, &high)| (low, high.max(low))).collect();
    for k in 0..agent.layout.action.batteries {
        let z = agent.layout.stored_value(k);
        if ranges[z].0.is_finite() && ranges[z].1.is_finite() {
            continue;
        }
        // At its best z is the smallest right-hand side of its rows, each of which has a finite range.
        let (mut low, mut high) = (f64::INFINITY, f64::INFINITY);
        for row in agent.rows.iter().filter(|row| row.terms.iter().any(|&(v, c)| v == z && c > 0.0)) {
            let (mut least, mut most) = (row.upper, row.upper);
            for &(variable, c) in row.terms.iter().filter(|&&(v, _)| v != z) {
                let (a, b) = (c * agent.lower[variable], c * agent.upper[variable]);
                least -= a.max(b);
                most -= a.min(b);
            }
            (low, high) = (low.min(least), high.min(most));
        }
        ranges[z] = if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 0.0) };
    }
    ranges
}

/// Step that a variable belongs to (the last one for epigraph variables).
fn step_of(agent: &AgentProgram, variable: usize) -> usize {
    let layout = &agent.layout;
    (variable / layout.per_step().max(1)).min(layout.action.steps.saturating_sub(1))
}

/// Adds ranges, rows and circles of microgrid `n`.
pub(super) fn add_limits(
    n: usize,
    mg: &Microgrid,
    agent: &AgentProgram,
    sums: &[RunningSum],
    columns: &Columns,
    rows: &mut Rows,
) {
    for variable in 0..agent.layout.len() {
        let column = columns.agent(n, variable);
        let label = RowLabel { kind: RowKind::Device(n), step: step_of(agent, variable) };
        let (low, width) = (columns.offset[column], columns.scale[column]);
        if columns.high[column] > columns.low[column] {
            rows.at_most.push(columns, label, &[(column, -1.0)], -low);
            rows.at_most.push(columns, label, &[(column, 1.0)], low + width);
        } else {
            rows.equal.push(columns, label, &[(column, 1.0)], low);
        }
    }
    let label_of = |terms: &[(usize, f64)]| {
        let step = terms.iter().map(|&(v, _)| step_of(agent, v)).max().unwrap_or(0);
        RowLabel { kind: RowKind::Device(n), step }
    };
    for (s, sum) in sums.iter().enumerate() {
        let label = label_of(&sum.added);
        let column = columns.running_sum(n, s);
        let mut terms = vec![(column, 1.0)];
        terms.extend(sum.before.map(|before| (columns.running_sum(n, before), -1.0)));
        terms.extend(sum.added.iter().map(|&(v, c)| (columns.agent(n, v), -c)));
        rows.equal.push(columns, label, &terms, 0.0);
        if columns.high[column] > columns.low[column] {
            rows.at_most.push(columns, label, &[(column, -1.0)], -sum.low);
            rows.at_most.push(columns, label, &[(column, 1.0)], sum.high);
        } else {
            rows.equal.push(columns, label, &[(column, 1.0)], sum.low);
        }
    }
    for (i, row) in agent.rows.iter().enumerate() {
        if sums.iter().any(|sum| sum.row == i) {
            continue;
        }
        let mut terms = Vec::with_capacity(row.terms.len());
        let rest = match as_multiple(agent, sums, &row.terms) {
            Some(Multiple { sum, ratio, rest }) => {
                terms.push((columns.running_sum(n, sum), ratio));
                rest
            }
            None => row.terms.clone(),
        };
        terms.extend(rest.iter().map(|&(v, c)| (columns.agent(n, v), c)));
        push_row(&mut rows.at_most, columns, label_of(&row.terms), &terms, row.lower, row.upper);
    }
    for circle in &agent.circles {
        let label = RowLabel { kind: RowKind::Device(n), step: step_of(agent, circle.q) };
        let p: Vec<(usize, f64)> = circle.p.iter().map(|&(v, c)| (columns.agent(n, v), c)).collect();
        let per_kva = 1.0 / circle.radius;
        rows.cones.push_cone_row(columns, label, &[], circle.radius, per_kva);
        rows.cones.push_cone_row(columns, label, &p, circle.p_offset, per_kva);
        rows.cones.push_cone_row(columns, label, &[(columns.agent(n, circle.q), 1.0)], 0.0, per_kva);
        rows.cone_sizes.push(3);
    }
    for (k, battery) in mg.batteries.iter().enumerate() {
        let (charge_max, discharge_max) = (battery.p_charge_max_kw, battery.p_discharge_max_kw);
        if charge_max <= 0.0 || discharge_max <= 0.0 {
            continue;
        }
        for t in 0..agent.layout.action.steps {
            let charge = columns.agent(n, agent.layout.p_charge(t, k));
            let discharge = columns.agent(n, agent.layout.p_discharge(t, k));
            let label = RowLabel { kind: RowKind::Device(n), step: t };
            rows.at_most.push(columns, label, &[(charge, 1.0 / charge_max), (discharge, 1.0 / discharge_max)], 1.0);
        }
    }
}

/// Rows that the ranges of their variables already imply are left out.
fn push_row(
    at_most: &mut RowBlock,
    columns: &Columns,
    label: RowLabel,
    terms: &[(usize, f64)],
    lower: f64,
    upper: f64,
) {
    let range = |pick: fn(f64, f64) -> f64| -> f64 {
        terms
            .iter()
            .map(|&(c, v)| {
                let at = |x: f64| v * (columns.offset[c] + columns.scale[c] * x);
                pick(at(columns.low[c]), at(columns.high[c]))
            })
            .sum()
    };
    if upper.is_finite() && range(f64::max) > upper {
        at_most.push(columns, label, terms, upper);
    }
    if lower.is_finite() && range(f64::min) < lower {
        let negated: Vec<(usize, f64)> = terms.iter().map(|&(c, v)| (c, -v)).collect();
        at_most.push(columns, label, &negated, -lower);
    }
}

/// Adds fuel and terminal value of microgrid `n`; no-load fuel is a constant.
pub(super) fn add_cost(
    n: usize,
    mg: &Microgrid,
    agent: &AgentProgram,
    dt_h: f64,
    columns: &Columns,
    cost: &mut CostTerms,
) {
    for (variable, &slope) in agent.linear.iter().enumerate() {
        cost.linear(columns, columns.agent(n, variable), slope);
    }
    for &(i, j, value) in &agent.quadratic {
        cost.quadratic(columns, columns.agent(n, i), columns.agent(n, j), value);
    }
    let no_load_l_per_h: f64 = mg.dgs.iter().map(|dg| dg.fuel.c_l_per_h).sum();
    cost.constant += mg.fuel_price_per_l * no_load_l_per_h * dt_h * agent.layout.action.steps as f64;
}
