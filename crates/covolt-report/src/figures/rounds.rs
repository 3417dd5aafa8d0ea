//! Fig. 8: multipliers ($/pu) and worst violation (pu) over the rounds of one update, per coordination method.

use super::{Figure, Group};
use crate::chart::{Axis, Line, Panel};
use crate::palette::{Key, Style, Tone};
use crate::record::{CoordinationMethod, Item, RoundsTrace, StudyRecord};
use crate::table::short;

/// Violations below this count as none; a logarithmic axis has no zero.
const FLOOR_PU: f64 = 1e-8;
/// Multipliers with their own colour and legend entry, the largest ones.
const NAMED: usize = 6;

/// Draws the figure.
pub fn draw(record: &StudyRecord) -> Figure {
    let groups = record.coordination.iter().enumerate();
    Figure {
        item: Item::Rounds,
        id: "fig8",
        title: "Rounds of one distributed update (paper, Fig. 8)".to_owned(),
        caption: "Multipliers of the limits with the largest ones, and the worst violation of any limit, round by \
                  round. The update has converged when the multipliers are level and the violation is small; \
                  fewer rounds mean fewer messages. Limits that bind keep a \
                  multiplier above zero. Violations below 1e\u{2212}8 pu are drawn at 1e\u{2212}8."
            .to_owned(),
        groups: groups.filter_map(|(number, m)| Some(group(number, m, m.trace.as_ref()?))).collect(),
    }
}

fn numbered(values: &[f64]) -> Vec<(f64, f64)> {
    values.iter().enumerate().map(|(round, value)| (round as f64, *value)).collect()
}

fn group(number: usize, method: &CoordinationMethod, trace: &RoundsTrace) -> Group {
    let mut limits: Vec<(usize, f64)> = trace
        .multiplier_usd_per_pu
        .iter()
        .map(|curve| curve.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max))
        .enumerate()
        .collect();
    limits.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let rest = Style { tone: Tone::Series(6), dash: 0, width: 0.8 };
    let style = |rank: usize| if rank < NAMED { Style::nth(rank) } else { rest };
    let title = |what: &str| format!("{}: {what}", method.name);
    let rounds = || Axis::count("Round (count)");

    let mut multipliers =
        Panel::new(format!("fig8m-{number}"), title("multipliers"), rounds(), Axis::new("Multiplier ($/pu)"));
    let mut keys = Vec::new();
    for (rank, (limit, _)) in limits.iter().enumerate().rev() {
        let Some(curve) = trace.multiplier_usd_per_pu.get(*limit) else { continue };
        multipliers.lines.push(Line { points: numbered(curve), style: style(rank) });
        if rank < NAMED {
            let name = trace.limit.get(*limit).map_or("limit", String::as_str);
            keys.push(Key::line(name, style(rank)));
        }
    }
    keys.reverse();
    if limits.len() > NAMED {
        keys.push(Key::line(format!("{} more limits", limits.len() - NAMED), rest));
    }
    let last = trace.max_violation_pu.last().copied().unwrap_or(f64::NAN);
    multipliers.description = format!(
        "Multipliers in dollars per unit of {} limits over the rounds of one update by the method {}.",
        limits.len(),
        method.name
    );

    let mut violation =
        Panel::new(format!("fig8v-{number}"), title("worst violation"), rounds(), Axis::decades("Violation (pu)"));
    let floored: Vec<f64> = trace.max_violation_pu.iter().map(|v| if *v < FLOOR_PU { FLOOR_PU } else { *v }).collect();
    let style = Style { tone: Tone::Ink, dash: 0, width: 2.0 };
    violation.lines.push(Line { points: numbered(&floored), style });
    violation.description = format!(
        "Worst violation per unit over {} rounds by the method {}, logarithmic; it ends at {} per unit.",
        trace.max_violation_pu.len().saturating_sub(1),
        method.name,
        short(last)
    );
    let heading = match method.graph.as_str() {
        "" => method.name.clone(),
        graph => format!("{} ({graph} graph)", method.name),
    };
    Group::small(heading, keys, &[multipliers, violation])
}
