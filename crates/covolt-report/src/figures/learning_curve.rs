//! Learning curve: mean cost ($ per window), worst voltage violation (pu), worst current violation (% of the
//! limit) and coordination rounds over the episodes, for each trainer.

use super::{Figure, Group};
use crate::chart::{Axis, Line, Panel};
use crate::palette::Style;
use crate::record::{Item, LearningPoint, StudyRecord, TrainingRecord};
use crate::table::short;

type Quantity = (&'static str, &'static str, &'static str, fn(&LearningPoint) -> f64);

const QUANTITIES: [Quantity; 4] = [
    ("cost", "Mean cost", "Cost ($ per window)", |p| p.cost_usd),
    ("voltage", "Worst voltage violation", "Violation (pu)", |p| p.max_voltage_violation_pu),
    ("current", "Worst current violation", "Violation (% of limit)", |p| p.max_current_violation_percent),
    ("rounds", "Coordination rounds", "Rounds (count)", |p| p.rounds as f64),
];

/// Draws the figure.
pub fn draw(record: &StudyRecord) -> Figure {
    let trainings = [record.training.as_ref(), record.paper_training.as_ref()];
    let groups = trainings.into_iter().flatten().enumerate().filter(|(_, training)| !training.curve.is_empty());
    Figure {
        item: Item::LearningCurve,
        id: "learning",
        title: "Learning curves".to_owned(),
        caption:
            "What the sampled actions of an episode cost and what they break, over all windows of the batch. Read \
                  cost and violations together: a low cost with violations is worth nothing."
                .to_owned(),
        groups: groups.map(|(number, training)| group(number, training)).collect(),
    }
}

fn group(number: usize, training: &TrainingRecord) -> Group {
    let style = Style { dash: 0, ..Style::nth(number) };
    let panels: Vec<Panel> = QUANTITIES
        .iter()
        .filter(|(name, ..)| *name != "rounds" || training.curve.iter().any(|p| p.rounds > 0))
        .map(|(name, title, unit, value)| {
            let id = format!("learning-{number}-{name}");
            let value_axis = if *name == "rounds" { Axis::count(*unit) } else { Axis::new(*unit) };
            let mut panel = Panel::new(id, *title, Axis::count("Episode (count)"), value_axis);
            let points = training.curve.iter().map(|p| (p.episode as f64, value(p)));
            panel.lines.push(Line { points: points.collect(), style });
            let ends = [training.curve.first(), training.curve.last()];
            let ends: Vec<String> = ends.iter().flatten().map(|p| short(value(p))).collect();
            panel.description =
                format!("{unit} over the episodes of the trainer {}, from {}.", training.trainer, ends.join(" to "));
            panel
        })
        .collect();
    let heading = format!("Trainer \u{201c}{}\u{201d}, {} episodes", training.trainer, training.episodes);
    Group::small(heading, Vec::new(), &panels)
}
