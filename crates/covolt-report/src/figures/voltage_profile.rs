//! Voltage profile: lowest, mean and highest voltage (pu) of every bus over the span, with its limits, one
//! chart for the feeder and one per microgrid.

use super::{Figure, Group};
use crate::chart::{Axis, Band, Line, Panel};
use crate::palette::{Key, Style, Tone};
use crate::record::{BusPicture, Item, StudyRecord};

const MEAN: Style = Style { tone: Tone::Series(0), dash: 0, width: 1.8 };

/// Draws the figure.
pub fn draw(record: &StudyRecord) -> Figure {
    let network = record.network.clone().unwrap_or_default();
    let mut areas: Vec<&str> = Vec::new();
    for bus in &network.buses {
        if !areas.contains(&bus.area.as_str()) {
            areas.push(&bus.area);
        }
    }
    let values = network.buses.iter().flat_map(|b| [b.min_pu, b.max_pu, b.lower_limit_pu, b.upper_limit_pu]);
    let voltage = Axis::new("Voltage (pu)").spanning(values);
    let panels: Vec<Panel> = areas
        .iter()
        .enumerate()
        .map(|(number, area)| {
            let buses: Vec<&BusPicture> = network.buses.iter().filter(|b| b.area == *area).collect();
            panel(number, area, &buses, &voltage)
        })
        .collect();
    let keys = vec![Key::line("mean", MEAN), Key::area("lowest to highest", MEAN), Key::line("limits", Style::limit())];
    Figure {
        item: Item::VoltageProfile,
        id: "voltages",
        title: "Voltage profile".to_owned(),
        caption: format!(
            "Every bus in the order of the case{}. An area that touches a dashed line is at a limit; none may cross it.",
            if network.span.is_empty() { String::new() } else { format!(", {}", network.span) }
        ),
        groups: if panels.is_empty() { Vec::new() } else { vec![Group::small("", keys, &panels)] },
    }
}

fn panel(number: usize, area: &str, buses: &[&BusPicture], voltage: &Axis) -> Panel {
    let title = if area.is_empty() { "feeder" } else { area };
    let ends = (0.0, buses.len() as f64 + 1.0);
    let step = (ends.1 / 6.0).ceil();
    let order = Axis::fixed("Bus (position in the area)", ends, step);
    let mut panel = Panel::new(format!("voltages-{number}"), title, order, voltage.clone());
    let places = || buses.iter().enumerate().map(|(position, bus)| ((position + 1) as f64, *bus));
    panel.bands = vec![Band { points: places().map(|(x, b)| (x, b.min_pu, b.max_pu)).collect(), tone: MEAN.tone }];
    let curve = |value: fn(&BusPicture) -> f64, style| Line {
        points: places().map(|(x, bus)| (x, value(bus))).collect(),
        style,
    };
    panel.lines = vec![
        curve(|b| b.mean_pu, MEAN),
        curve(|b| b.lower_limit_pu, Style::limit()),
        curve(|b| b.upper_limit_pu, Style::limit()),
    ];
    let low = buses.iter().filter(|b| b.min_pu.is_finite()).min_by(|a, b| a.min_pu.total_cmp(&b.min_pu));
    let high = buses.iter().filter(|b| b.max_pu.is_finite()).max_by(|a, b| a.max_pu.total_cmp(&b.max_pu));
    panel.description = match (low, high) {
        (Some(low), Some(high)) => format!(
            "Voltages per unit of the {} buses of {title}: lowest {:.4} at bus {}, highest {:.4} at bus {}.",
            buses.len(),
            low.min_pu,
            low.id,
            high.max_pu,
            high.id
        ),
        _ => "No voltages.".to_owned(),
    };
    panel
}
