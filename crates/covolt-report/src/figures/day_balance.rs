//! Fig. 3: demand, generation and exchange of each microgrid over a day, kW.
//!
//! Generation is stacked (DG, then PV, then discharging), charging hangs below zero, so the distance of the
//! demand curve to the top of the stack is the exchange (export positive) plus charging and losses.

use super::{Figure, Group, pairs};
use crate::chart::{Axis, Band, Line, Panel};
use crate::palette::{Key, Style, Tone};
use crate::record::{Item, MicrogridDay, StudyRecord};

const DG: Tone = Tone::Series(4);
const PV: Tone = Tone::Series(2);
const DISCHARGE: Tone = Tone::Series(5);
const CHARGE: Tone = Tone::Series(3);
const DEMAND: Style = Style { tone: Tone::Ink, dash: 0, width: 2.0 };
const EXCHANGE: Style = Style { tone: Tone::Series(1), dash: 1, width: 2.0 };

/// Draws the figure.
pub fn draw(record: &StudyRecord) -> Figure {
    let day = record.day.clone().unwrap_or_default();
    let values = day.microgrids.iter().flat_map(|m| {
        let lists = [&m.demand_kw, &m.exchange_kw];
        let stack = stack(&day.hour, m).into_iter().flatten().flat_map(|p| [p.1, p.2]);
        lists.into_iter().flatten().copied().chain(stack).collect::<Vec<_>>()
    });
    let power = Axis::new("Power (kW)").spanning(values);
    let panels: Vec<Panel> =
        day.microgrids.iter().enumerate().map(|(number, m)| panel(number, &day.hour, m, &power)).collect();
    let area = |label: &str, tone| Key::area(label, Style { tone, ..DEMAND });
    let keys = vec![
        Key::line("Demand", DEMAND),
        Key::line("Exchange at the PCC (export positive)", EXCHANGE),
        area("DG", DG),
        area("PV", PV),
        area("Battery discharging", DISCHARGE),
        area("Battery charging", CHARGE),
    ];
    Figure {
        item: Item::DayBalance,
        id: "fig3",
        title: "Demand, generation and exchange over a day (paper, Fig. 3)".to_owned(),
        caption: format!(
            "{}: areas are stacked generation, the solid line is the load. Where the stack is higher than the \
             load, the microgrid exports (dashed line above zero); where the load is higher, it imports. All \
             charts have the same scale.",
            if day.date.is_empty() { "One day" } else { &day.date }
        ),
        groups: if panels.is_empty() { Vec::new() } else { vec![Group::small("", keys, &panels)] },
    }
}

/// Areas (hour, lower, upper): DG, PV, discharging, charging.
fn stack(hour: &[f64], day: &MicrogridDay) -> [Vec<(f64, f64, f64)>; 4] {
    let mut areas: [Vec<(f64, f64, f64)>; 4] = Default::default();
    for (step, &h) in hour.iter().enumerate() {
        let at = |list: &[f64]| list.get(step).copied().unwrap_or(f64::NAN);
        let (dg, pv, battery) = (at(&day.dg_kw), at(&day.pv_kw), at(&day.battery_kw));
        let (out, stored) = (battery.max(0.0), battery.min(0.0));
        areas[0].push((h, 0.0, dg));
        areas[1].push((h, dg, dg + pv));
        areas[2].push((h, dg + pv, dg + pv + out));
        areas[3].push((h, stored, 0.0));
    }
    areas
}

fn panel(number: usize, hour: &[f64], day: &MicrogridDay, power: &Axis) -> Panel {
    let clock = Axis::fixed("Hour of the day (h)", (0.0, 24.0), 4.0);
    let mut panel = Panel::new(format!("fig3-{number}"), &day.name, clock, power.clone());
    let tones = [DG, PV, DISCHARGE, CHARGE];
    panel.bands = stack(hour, day).into_iter().zip(tones).map(|(points, tone)| Band { points, tone }).collect();
    panel.lines = vec![
        Line { points: pairs(hour, &day.demand_kw), style: DEMAND },
        Line { points: pairs(hour, &day.exchange_kw), style: EXCHANGE },
    ];
    let exporting = day.exchange_kw.iter().filter(|p| **p > 0.0).count();
    panel.description = format!(
        "Power in kW of {} over the hours of one day: load, stacked generation of DG, PV and battery, and \
         exchange. It exports in {exporting} of {} steps.",
        day.name,
        day.exchange_kw.len()
    );
    panel
}
