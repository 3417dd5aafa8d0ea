//! The network with voltages as colours of the buses and loadings as width and colour of the branches.
//!
//! A bus shows the extreme of the span (pu) that comes closer to its limit, on a scale from the lower to the
//! upper limit; a branch shows its highest current in percent of the limit. Violations get a ring or the colour
//! of limits, so that they are seen without telling colours apart.

use super::tree_layout::{TreeLayout, lay_out};
use super::{Figure, Group};
use crate::chart::open_svg;
use crate::record::{BranchPicture, BusPicture, Item, NetworkPicture, StudyRecord};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Distance of columns and rows, px, for a network of usual size.
const PITCH: (f64, f64) = (42.0, 22.0);
/// Widest drawing, px; larger networks move together.
const WIDEST: f64 = 1100.0;
const MARGIN: f64 = 24.0;
const LEGEND_HEIGHT: f64 = 66.0;
/// Tolerances of a certified dispatch: 1e-5 pu and 1e-4 of a current limit.
const VOLTAGE_TOLERANCE: f64 = 1e-5;
const LOADING_TOLERANCE_PERCENT: f64 = 0.01;
/// Upper ends of the first six classes of the voltage scale, -1 = lower limit, 1 = upper limit.
const CLASS_ENDS: [f64; 6] = [-0.8, -0.5, -0.2, 0.2, 0.5, 0.8];
const CLASS_FALLBACK: [&str; 7] = ["#08519c", "#4292c6", "#a6cee3", "#c9cfd6", "#fdbf6f", "#ef8a2b", "#b35806"];

/// Draws the figure.
pub fn draw(record: &StudyRecord) -> Figure {
    let network = record.network.as_ref();
    let span = network.map_or("", |n| &n.span);
    Figure {
        item: Item::NetworkDrawing,
        id: "network",
        title: "Voltages and loadings on the network".to_owned(),
        caption: format!(
            "{}{}The substation is at the left, framed parts are microgrids. Blue buses come close to their lower \
             voltage limit, orange ones to the upper; thick branches are heavily loaded. Point at a bus or branch \
             for its values.",
            span,
            if span.is_empty() { "" } else { ". " }
        ),
        groups: network
            .filter(|n| !n.buses.is_empty())
            .map(|n| Group { drawings: vec![svg(n)], wide: true, ..Group::default() })
            .into_iter()
            .collect(),
    }
}

/// Extreme voltage closer to its limit, on the scale -1 (lower limit) to 1 (upper limit); NaN = not known.
fn position(bus: &BusPicture) -> f64 {
    let middle = 0.5 * (bus.lower_limit_pu + bus.upper_limit_pu);
    let half = 0.5 * (bus.upper_limit_pu - bus.lower_limit_pu);
    let at = |v: f64| (v - middle) / half;
    let (low, high) = (at(bus.min_pu), at(bus.max_pu));
    if high.abs() > low.abs() { high } else { low }
}

fn class_colour(class: usize) -> String {
    let class = class.min(6);
    format!("var(--v{class}, {})", CLASS_FALLBACK.get(class).unwrap_or(&"#c9cfd6"))
}

fn bus_colour(bus: &BusPicture) -> String {
    let position = position(bus);
    if position.is_finite() {
        class_colour(CLASS_ENDS.iter().filter(|end| position > **end).count())
    } else {
        "none".to_owned()
    }
}

fn bus_violated(bus: &BusPicture) -> bool {
    bus.min_pu < bus.lower_limit_pu - VOLTAGE_TOLERANCE || bus.max_pu > bus.upper_limit_pu + VOLTAGE_TOLERANCE
}

/// Colour and width of a branch by its loading in percent.
fn branch_stroke(loading: f64) -> (&'static str, f64) {
    match loading {
        l if l > 100.0 + LOADING_TOLERANCE_PERCENT => ("var(--bad, #c1121f)", 6.5),
        l if l > 80.0 => ("var(--c1, #d55e00)", 5.0),
        l if l > 50.0 => ("var(--c4, #c48a00)", 3.5),
        _ => ("var(--soft, #57606a)", 1.8),
    }
}

struct Drawing<'a> {
    network: &'a NetworkPicture,
    layout: TreeLayout,
    pitch: (f64, f64),
    index: BTreeMap<&'a str, usize>,
}

fn svg(network: &NetworkPicture) -> String {
    let mut index = BTreeMap::new();
    for (number, bus) in network.buses.iter().enumerate() {
        index.entry(bus.id.as_str()).or_insert(number);
    }
    let ends = |b: &BranchPicture| Some((*index.get(b.from.as_str())?, *index.get(b.to.as_str())?));
    let joined: Vec<(usize, usize)> = network.branches.iter().filter_map(ends).collect();
    let root = network.buses.iter().position(|b| b.slack).unwrap_or(0);
    let layout = lay_out(network.buses.len(), &joined, root);
    let columns = layout.columns.max(1) as f64;
    let pitch = (PITCH.0.min((WIDEST - 2.0 * MARGIN) / columns), PITCH.1);
    let width = (columns * pitch.0 + 2.0 * MARGIN).max(640.0);
    let height = layout.rows as f64 * pitch.1 + 2.0 * MARGIN + LEGEND_HEIGHT;
    let drawing = Drawing { network, layout, pitch, index };
    let violated = network.buses.iter().filter(|b| bus_violated(b)).count();
    let loadings = network.branches.iter().filter(|b| b.loading_max_percent.is_finite());
    let worst = loadings.max_by(|a, b| a.loading_max_percent.total_cmp(&b.loading_max_percent));
    let description = format!(
        "{} buses and {} branches. {violated} buses leave their voltage limits (pu). {}",
        network.buses.len(),
        network.branches.len(),
        worst.map_or(String::new(), |b| format!(
            "The most loaded branch is {} with {:.1} % of its limit.",
            b.id, b.loading_max_percent
        ))
    );
    // The most loaded last: branches from the same bus share their first piece.
    let mut by_loading: Vec<&BranchPicture> = network.branches.iter().collect();
    by_loading.sort_by(|a, b| a.loading_max_percent.max(0.0).total_cmp(&b.loading_max_percent.max(0.0)));
    let body = html! {
        @for frame in drawing.frames() { (frame) }
        @for branch in by_loading { (drawing.branch(branch)) }
        @for (number, bus) in network.buses.iter().enumerate() { (drawing.bus(number, bus)) }
        (legend(height - LEGEND_HEIGHT))
    };
    open_svg("network-0", "Voltages (pu) and loadings (%) on the network", &description, (width, height))
        + &body.into_string()
        + "</svg>"
}

impl Drawing<'_> {
    fn place(&self, bus: usize) -> (f64, f64) {
        let (column, row) = self.layout.place.get(bus).copied().unwrap_or_default();
        (MARGIN + (column as f64 + 0.5) * self.pitch.0, MARGIN + (row as f64 + 0.5) * self.pitch.1)
    }

    /// Frame and name of each microgrid.
    fn frames(&self) -> Vec<Markup> {
        let mut boxes: Vec<(&str, [f64; 4])> = Vec::new();
        for (number, bus) in self.network.buses.iter().enumerate() {
            let (x, y) = self.place(number);
            if bus.area.is_empty() {
                continue;
            }
            match boxes.iter_mut().find(|(area, _)| *area == bus.area) {
                Some((_, b)) => *b = [b[0].min(x), b[1].min(y), b[2].max(x), b[3].max(y)],
                None => boxes.push((&bus.area, [x, y, x, y])),
            }
        }
        let (dx, dy) = (self.pitch.0 * 0.42, self.pitch.1 * 0.46);
        let frame = |(area, [left, top, right, bottom]): (&str, [f64; 4])| {
            html! {
                rect x=(left - dx) y=(top - dy) width=(right - left + 2.0 * dx) height=(bottom - top + 2.0 * dy)
                    rx="8" fill="var(--box, #f5f7f9)" stroke="var(--grid, #dfe3e8)" {}
                text x=(right + dx - 6.0) y=(bottom + dy - 6.0) text-anchor="end" font-size="14" font-weight="600" { (area) }
            }
        };
        boxes.into_iter().map(frame).collect()
    }

    fn branch(&self, branch: &BranchPicture) -> Markup {
        let ends = (self.index.get(branch.from.as_str()), self.index.get(branch.to.as_str()));
        let (Some(&from), Some(&to)) = ends else {
            return html! {};
        };
        let column = |bus: usize| self.layout.place.get(bus).map_or(0, |p| p.0);
        let (near, far) = if column(from) <= column(to) { (from, to) } else { (to, from) };
        let ((x1, y1), (x2, y2)) = (self.place(near), self.place(far));
        let bend = x1 + 0.5 * self.pitch.0;
        let closes_loop = self.layout.parent.get(far) != Some(&Some(near));
        let path = match closes_loop {
            true => format!("M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}"),
            false => format!("M{x1:.1} {y1:.1}H{bend:.1}V{y2:.1}H{x2:.1}"),
        };
        let loading = branch.loading_max_percent;
        let (colour, width) = branch_stroke(loading);
        let dashes = if closes_loop { "6 4" } else { "none" };
        html! {
            g {
                title {
                    (branch.id) ": " (branch.from) " to " (branch.to)
                    @if branch.transformer { ", transformer" }
                    @if loading.is_finite() { ", at most " (format!("{loading:.1}")) " % of its limit" } @else { ", no limit" }
                }
                path d=(path) fill="none" stroke=(colour) stroke-width=(width) stroke-linejoin="round" stroke-dasharray=(dashes) {}
                @if branch.transformer {
                    g fill="var(--paper, #fff)" stroke=(colour) stroke-width="1.6" {
                        circle cx=(bend - 3.0) cy=(y2) r="5" fill-opacity="0.85" {}
                        circle cx=(bend + 3.0) cy=(y2) r="5" fill-opacity="0.4" {}
                    }
                }
            }
        }
    }

    fn bus(&self, number: usize, bus: &BusPicture) -> Markup {
        let (x, y) = self.place(number);
        let violated = bus_violated(bus);
        let radius = (0.24 * self.pitch.0).clamp(1.5, 7.0);
        html! {
            g {
                title {
                    "Bus " (bus.id) ": "
                    @if bus.min_pu.is_finite() {
                        (format!("{:.4} to {:.4} pu, mean {:.4}, limits {:.3} to {:.3}",
                            bus.min_pu, bus.max_pu, bus.mean_pu, bus.lower_limit_pu, bus.upper_limit_pu))
                    } @else { "no data" }
                }
                @if bus.slack {
                    rect x=(x - radius) y=(y - radius) width=(2.0 * radius) height=(2.0 * radius)
                        fill=(bus_colour(bus)) stroke="var(--ink, #1b1f24)" stroke-width="1.6" {}
                } @else {
                    circle cx=(x) cy=(y) r=(radius) fill=(bus_colour(bus)) stroke="var(--ink, #1b1f24)" stroke-width="0.9" {}
                }
                @if violated {
                    circle cx=(x) cy=(y) r=(radius + 3.5) fill="none" stroke="var(--bad, #c1121f)" stroke-width="2.2" {}
                }
            }
        }
    }
}

fn legend(top: f64) -> Markup {
    let loadings = [(20.0, "to 50 %"), (60.0, "to 80 %"), (90.0, "to 100 %"), (110.0, "above the limit")];
    let (first, second) = (top + 18.0, top + 46.0);
    html! {
        g font-size="13" {
            text x=(MARGIN) y=(first + 4.5) { "Voltage:" }
            text x=(MARGIN + 80.0) y=(first + 4.5) { "lower limit" }
            @for class in 0..7 {
                circle cx=(MARGIN + 168.0 + 20.0 * f64::from(class)) cy=(first) r="7"
                    fill=(class_colour(class as usize)) stroke="var(--ink, #1b1f24)" stroke-width="0.9" {}
            }
            text x=(MARGIN + 304.0) y=(first + 4.5) { "upper limit" }
            circle cx=(MARGIN + 404.0) cy=(first) r="9" fill="none" stroke="var(--bad, #c1121f)" stroke-width="2.2" {}
            text x=(MARGIN + 420.0) y=(first + 4.5) { "outside its limits" }
            text x=(MARGIN) y=(second + 4.5) { "Loading:" }
            @for (number, (loading, label)) in loadings.iter().enumerate() {
                @let (colour, width) = branch_stroke(*loading);
                @let x = MARGIN + 80.0 + 118.0 * number as f64;
                line x1=(x) x2=(x + 32.0) y1=(second) y2=(second) stroke=(colour) stroke-width=(width) {}
                text x=(x + 40.0) y=(second + 4.5) { (label) }
            }
        }
    }
}
