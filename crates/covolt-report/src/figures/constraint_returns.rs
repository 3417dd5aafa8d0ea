//! Fig. 7: DG power (kW) per step of the window over the episodes, with and without the capacity constraint,
//! and the limit.

use super::{Figure, Group, over_episodes};
use crate::chart::{Axis, Line, Panel};
use crate::palette::{Key, Style, Tone};
use crate::record::{ConstraintReturns, Item, StudyRecord};
use crate::table::short;

/// Beyond this many steps in a window the legend would say nothing; all curves then look the same.
const NAMED_STEPS: usize = 6;

/// Draws the figure.
pub fn draw(record: &StudyRecord) -> Figure {
    let returns = record.capacity_study.as_ref().and_then(|s| s.returns.as_ref());
    let name = returns.map_or("one microgrid", |r| &r.microgrid);
    Figure {
        item: Item::ConstraintReturns,
        id: "fig7",
        title: "Constraint returns with and without the capacity constraint (paper, Fig. 7)".to_owned(),
        caption: format!(
            "DG power of {name}, one curve per step of the window, against its limit (long dashes). {}",
            returns.map_or(String::new(), |r| format!(
                "At the end {} steps are above the limit with the constraint, {} without it.",
                above(&r.with_constraint_kw, r.limit_kw),
                above(&r.without_constraint_kw, r.limit_kw)
            ))
        ),
        groups: returns.map(|r| vec![group(r)]).unwrap_or_default(),
    }
}

/// Steps whose power ends above the limit.
fn above(curves: &[Vec<f64>], limit_kw: f64) -> usize {
    let ends = curves.iter().filter_map(|curve| curve.last());
    ends.filter(|power| **power > limit_kw * (1.0 + 1e-6)).count()
}

fn group(returns: &ConstraintReturns) -> Group {
    let steps = returns.with_constraint_kw.len().max(returns.without_constraint_kw.len());
    let style = |step: usize| {
        if steps <= NAMED_STEPS {
            return Style::nth(step);
        }
        Style { tone: Tone::Series(0), dash: 0, width: 1.0 }
    };
    let curves = || returns.with_constraint_kw.iter().chain(&returns.without_constraint_kw).flatten();
    let power = Axis::new("DG power (kW)").spanning(curves().copied().chain([returns.limit_kw]));
    let panel = |id: &str, title: &str, curves: &[Vec<f64>]| {
        let mut panel = Panel::new(id, title, Axis::count("Episode (count)"), power.clone());
        panel.lines = curves
            .iter()
            .enumerate()
            .map(|(step, values)| Line { points: over_episodes(&returns.episode, values), style: style(step) })
            .collect();
        panel.limits = vec![returns.limit_kw];
        panel.description = format!(
            "DG power in kW of {} over the episodes, {title}; at the end {} of {} steps are above the limit of {} kW.",
            returns.microgrid,
            above(curves, returns.limit_kw),
            curves.len(),
            short(returns.limit_kw)
        );
        panel
    };
    let minutes = |step: usize| match step as f64 * returns.step_minutes {
        after if after.abs() < 1e6 => format!("step {} (after {after:.0} min)", step + 1),
        _ => format!("step {}", step + 1),
    };
    let mut keys: Vec<Key> = if steps <= NAMED_STEPS {
        (0..steps).map(|step| Key::line(minutes(step), style(step))).collect()
    } else {
        vec![Key::line("each step of the window", style(0))]
    };
    keys.push(Key::line("limit", Style::limit()));
    let panels = [
        panel("fig7-with", "With constraint", &returns.with_constraint_kw),
        panel("fig7-without", "Without constraint", &returns.without_constraint_kw),
    ];
    Group::small("", keys, &panels)
}
