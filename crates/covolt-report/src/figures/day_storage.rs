//! Fig. 4: battery power (kW, discharging positive) and state of charge (%) of each microgrid over a day.

use super::{Figure, Group, pairs};
use crate::chart::{Axis, Band, Line, Panel};
use crate::palette::{Key, Style, Tone};
use crate::record::{Item, StudyRecord};

const CHARGE_STATE: Style = Style { tone: Tone::Series(0), dash: 0, width: 2.0 };
const DISCHARGING: Tone = Tone::Series(1);
const CHARGING: Tone = Tone::Series(2);

/// Draws the figure.
pub fn draw(record: &StudyRecord) -> Figure {
    let day = record.day.clone().unwrap_or_default();
    let clock = || Axis::fixed("Hour of the day (h)", (0.0, 24.0), 4.0);
    let all_power = day.microgrids.iter().flat_map(|m| m.battery_kw.iter().copied());
    let power = Axis::new("Battery power (kW)").spanning(all_power);
    let mut powers = Vec::new();
    let mut states = Vec::new();
    for (number, m) in day.microgrids.iter().enumerate() {
        let mut panel = Panel::new(format!("fig4p-{number}"), &m.name, clock(), power.clone());
        let half = |keep: fn(f64) -> f64| {
            let points = pairs(&day.hour, &m.battery_kw).into_iter();
            points.map(move |(h, p)| (h, keep(p).min(0.0), keep(p).max(0.0))).collect()
        };
        // NaN must stay NaN here: `f64::max` would hide a missing value as zero.
        panel.bands = vec![
            Band { points: half(|p| if p < 0.0 { 0.0 } else { p }), tone: DISCHARGING },
            Band { points: half(|p| if p > 0.0 { 0.0 } else { p }), tone: CHARGING },
        ];
        panel.lines.push(Line {
            points: pairs(&day.hour, &m.battery_kw),
            style: Style { tone: Tone::Ink, dash: 0, width: 1.2 },
        });
        panel.description = format!(
            "Power in kW of all batteries of {} over one day; above zero they discharge, below they charge.",
            m.name
        );
        powers.push(panel);

        let charge = Axis::fixed("State of charge (%)", (0.0, 100.0), 25.0);
        let mut panel = Panel::new(format!("fig4s-{number}"), &m.name, clock(), charge);
        let percent: Vec<f64> = m.soc.iter().map(|s| 100.0 * s).collect();
        panel.lines.push(Line { points: pairs(&day.hour, &percent), style: CHARGE_STATE });
        panel.description = format!("State of charge in percent of the batteries of {} over one day.", m.name);
        states.push(panel);
    }
    if day.price_usd_per_kwh.iter().any(|p| p.is_finite()) {
        let axis = Axis::new("Price ($/kWh)");
        let mut panel = Panel::new("fig4-price", "Exchange price", clock(), axis);
        panel.lines.push(Line {
            points: pairs(&day.hour, &day.price_usd_per_kwh),
            style: Style { tone: Tone::Ink, ..CHARGE_STATE },
        });
        panel.description = "Exchange price in dollars per kWh over the same day.".to_owned();
        powers.push(panel);
    }
    let area = |label: &str, tone| Key::area(label, Style { tone, ..CHARGE_STATE });
    let power_keys = vec![area("Discharging", DISCHARGING), area("Charging", CHARGING)];
    let state_keys = vec![Key::line("State of charge", CHARGE_STATE)];
    Figure {
        item: Item::DayStorage,
        id: "fig4",
        title: "Batteries over the same day (paper, Fig. 4)".to_owned(),
        caption: "Power of all batteries of a microgrid and the energy they hold. Storage pays when it fills while \
                  energy is cheap and empties while it is dear: compare with the price. A state of charge that \
                  starts and ends at the same level takes nothing from the next day."
            .to_owned(),
        groups: if powers.is_empty() {
            Vec::new()
        } else {
            vec![Group::small("Power", power_keys, &powers), Group::small("Stored energy", state_keys, &states)]
        },
    }
}
