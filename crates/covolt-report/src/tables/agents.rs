//! Tables about the agents' coordination and about what differs from the paper: rounds and bytes per method, the
//! complete list of what leaves an agent, differences with their reasons.

use super::results::{column, count, text};
use crate::record::{Item, StudyRecord};
use crate::table::{Cell, Table};

/// Rounds and bytes per method.
pub fn coordination(record: &StudyRecord) -> Table {
    let rows = record.coordination.iter().map(|m| {
        let rounds = m.rounds_to_1e4_max.map_or(text("not reached"), count);
        let reached = text(format!("{} of {}", m.updates_reached, m.updates));
        vec![text(&m.name), text(&m.graph), rounds, reached, Cell::Count(m.bytes_per_agent)]
    });
    Table {
        file: "coordination.csv",
        item: Some(Item::Coordination),
        title: "Coordination methods side by side".to_owned(),
        caption: "Rounds until cost and violation stay within 1e\u{2212}4 of the central solution of the same update. \
                  Fewer rounds may cost more bytes; what those bytes say is in the next table."
            .to_owned(),
        columns: vec![
            column("method", "Method", "", "coordination method"),
            column("graph", "Graph", "", "communication graph"),
            column("rounds_to_1e4_max", "Most rounds to 1e\u{2212}4", "", "most rounds any update needed"),
            column("updates_reached", "Updates that got there", "", "updates that reached 1e-4, of those tried"),
            column(
                "bytes_per_agent",
                "Sent per agent and update",
                "bytes",
                "bytes sent by one agent in one update, the most of all",
            ),
        ],
        rows: rows.collect(),
    }
}

/// Fields of the messages per method.
pub fn messages(record: &StudyRecord) -> Table {
    let rows = record
        .coordination
        .iter()
        .flat_map(|m| m.leaves_agent.iter().map(|t| vec![text(&m.name), text(&t.field), text(&t.meaning)]));
    Table {
        file: "messages.csv",
        item: Some(Item::Coordination),
        title: "What leaves an agent".to_owned(),
        caption: "Complete list per method; nothing else can be sent. Parameters, policies, costs, loads and states \
                  stay with their owner."
            .to_owned(),
        columns: vec![
            column("method", "Method", "", "coordination method"),
            column("field", "Field", "", "field of a message"),
            column("meaning", "Says", "", "what it says, with its unit"),
        ],
        rows: rows.collect(),
    }
}

/// Differences from the paper.
pub fn deviations(record: &StudyRecord) -> Table {
    let rows = record.deviations.iter().map(|d| vec![text(&d.topic), text(&d.paper), text(&d.here), text(&d.why)]);
    Table {
        file: "deviations.csv",
        item: None,
        title: "Differences from the paper".to_owned(),
        caption: String::new(),
        columns: vec![
            column("topic", "Topic", "", "what differs"),
            column("paper", "In the paper", "", "the paper's value or statement"),
            column("here", "Here", "", "what this run shows"),
            column("why", "Why", "", "the reason"),
        ],
        rows: rows.collect(),
    }
}
