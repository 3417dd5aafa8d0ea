//! Fig. 6: total reward ($, negative cost of a window) over the episodes, with DG capacity constraints in all,
//! some and none of the microgrids.

use super::{Figure, Group, over_episodes};
use crate::chart::{Axis, Line, Panel, WIDE};
use crate::palette::{Key, Style};
use crate::record::{Item, StudyRecord};
use crate::table::short;

/// Draws the figure.
pub fn draw(record: &StudyRecord) -> Figure {
    let rewards = record.capacity_study.as_ref().map_or(&[][..], |s| &s.rewards);
    let mut panel = Panel::new(
        "fig6-0",
        "Reward with and without DG capacity constraints",
        Axis::count("Episode (count)"),
        Axis::new("Reward ($ per window)"),
    );
    panel.size = WIDE;
    let mut keys = Vec::new();
    for (number, trace) in rewards.iter().enumerate() {
        let style = Style::nth(number);
        panel.lines.push(Line { points: over_episodes(&trace.episode, &trace.reward_usd), style });
        keys.push(Key::line(&trace.label, style));
    }
    let ends: Vec<String> = rewards
        .iter()
        .filter_map(|t| {
            let last = t.reward_usd.iter().rev().find(|v| v.is_finite())?;
            Some(format!("{}: {} $", t.label, short(*last)))
        })
        .collect();
    panel.description = format!("Reward in dollars per window over the episodes. At the end: {}.", ends.join("; "));
    Figure {
        item: Item::CapacityReward,
        id: "fig6",
        title: "Reward with and without DG capacity constraints (paper, Fig. 6)".to_owned(),
        caption: format!(
            "Reward that is gained by leaving the capacity constraints out is made of power that does not exist; the \
             distance to the curve with all constraints is the price of feasibility. At the end: {}.",
            if ends.is_empty() { "no data".to_owned() } else { ends.join("; ") }
        ),
        groups: if rewards.is_empty() {
            Vec::new()
        } else {
            vec![Group { keys, drawings: vec![panel.svg()], wide: true, ..Group::default() }]
        },
    }
}
