//! The sections of the page: results first, then the day, the network, training, coordination, and last where
//! the results differ from the paper's.

use crate::figures::{self, Figure, Group};
use crate::record::{Item, StudyRecord};
use crate::table::{NO_DATA, Table};
use crate::tables;
use maud::{Markup, PreEscaped, html};

/// One section.
pub struct Section {
    pub id: &'static str,
    pub title: &'static str,
    pub body: Markup,
}

const PLAN: [(&str, &str, &[Item]); 7] = [
    ("quality", "Cost and safety of the dispatch", &[Item::Layers, Item::Seeds, Item::CostTable]),
    ("times", "Decision times and the central optimum", &[Item::DecisionTimes, Item::Optimum]),
    ("closed-loop", "Closed loop", &[Item::ClosedLoop]),
    ("day", "One day", &[Item::DayBalance, Item::DayStorage]),
    ("grid", "The network", &[Item::VoltageProfile, Item::NetworkDrawing]),
    ("training", "Training", &[Item::LearningCurve, Item::Parameters, Item::CapacityReward, Item::ConstraintReturns]),
    ("agents", "Coordination between the agents", &[Item::Coordination, Item::Rounds]),
];

/// All sections.
pub fn all(record: &StudyRecord) -> Vec<Section> {
    let tables = tables::results(record);
    let figures = figures::all(record);
    let mut sections: Vec<Section> = PLAN
        .iter()
        .map(|&(id, title, items)| Section {
            id,
            title,
            body: html! {
                @for item in items {
                    @for table in tables.iter().filter(|t| t.item == Some(*item)) { (table_block(record, table)) }
                    @for figure in figures.iter().filter(|f| f.item == *item) { (figure_block(record, figure)) }
                }
            },
        })
        .collect();
    let last = tables.iter().filter(|t| t.item.is_none());
    sections.push(Section {
        id: "deviations",
        title: "Where the results differ from the paper\u{2019}s, and why",
        body: html! { @for table in last { (table_block(record, table)) } },
    });
    sections
}

/// Where an item was drawn from.
fn origin(record: &StudyRecord, item: Option<Item>, csv: Option<&str>) -> Markup {
    let source = item.and_then(|item| record.provenance.of(item));
    let file = source.map_or("record.json", |s| &s.file);
    let command = source.map_or(record.command_line.as_str(), |s| &s.command);
    html! {
        p class="origin" {
            "Drawn from " code { (file) }
            @if !command.is_empty() { ", written by " code { (command) } }
            @if let Some(csv) = csv { "; as a table in " code { (csv) } }
            "."
        }
    }
}

fn table_block(record: &StudyRecord, table: &Table) -> Markup {
    let class = table.file.trim_end_matches(".csv");
    html! {
        div class=(class) {
            (table.markup())
            @if !table.caption.is_empty() { p class="caption" { (table.caption) } }
            (origin(record, table.item, Some(table.file)))
        }
    }
}

/// CSV files with the points of a figure.
fn points_of(item: Item) -> Option<&'static str> {
    Some(match item {
        Item::DayBalance | Item::DayStorage => "day.csv",
        Item::VoltageProfile => "voltages.csv",
        Item::NetworkDrawing => "loadings.csv",
        Item::LearningCurve => "learning_curve.csv",
        Item::Parameters => "parameters.csv",
        Item::CapacityReward => "rewards.csv",
        Item::ConstraintReturns => "constraint_returns.csv",
        Item::Rounds => "multipliers.csv",
        _ => return None,
    })
}

fn figure_block(record: &StudyRecord, figure: &Figure) -> Markup {
    html! {
        figure id=(figure.id) {
            h3 { (figure.title) }
            figcaption { (figure.caption) }
            @if figure.groups.is_empty() { p class="none" { (NO_DATA) } }
            @for group in &figure.groups { (group_block(group)) }
            (origin(record, Some(figure.item), points_of(figure.item)))
        }
    }
}

fn group_block(group: &Group) -> Markup {
    html! {
        @if !group.heading.is_empty() { h4 { (group.heading) } }
        @if !group.keys.is_empty() { div class="keys" { @for key in &group.keys { (key.markup()) } } }
        @if group.wide {
            @for drawing in &group.drawings { div class="scroll" tabindex="0" role="region" aria-label="Figure" { (PreEscaped(drawing)) } }
        } @else {
            div class={ "panels" (if matches!(group.drawings.len(), 2 | 4) { " two" } else { "" }) } { @for drawing in &group.drawings { div { (PreEscaped(drawing)) } } }
        }
    }
}
