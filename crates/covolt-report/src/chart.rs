//! Line charts as SVG. Together with `ticks.rs` the only place that knows the plotting library, so that it can be
//! replaced.
//!
//! Charts have no legend of their own: the page draws [`Key`](crate::palette::Key)s beside them, where they can
//! never cover data.

use crate::palette::{AREA_OPACITY, Style, Tone};
use crate::ticks::{Ticks, round_step};
use kuva::plot::LinePlot;
use kuva::plot::annotations::ReferenceLine;
use kuva::prelude::{Layout, Plot, SvgBackend, Theme};
use kuva::render::render::render_multiple;
use maud::{PreEscaped, html};
use std::fmt::Write as _;

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Quantity with its unit, for example "Power (kW)".
    pub label: String,
    /// Ends, `None` = from the data.
    pub range: Option<(f64, f64)>,
    /// Distance of the ticks, `None` = chosen.
    pub step: Option<f64>,
    /// Logarithmic (only the vertical axis).
    pub log: bool,
    /// Ticks at whole numbers only.
    pub whole: bool,
}

impl Axis {
    /// Linear axis whose ends come from the data.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), range: None, step: None, log: false, whole: false }
    }

    /// Fixed ends and tick distance.
    pub fn fixed(label: impl Into<String>, range: (f64, f64), step: f64) -> Self {
        Self { label: label.into(), range: Some(range), step: Some(step), log: false, whole: false }
    }

    /// Linear axis of a count, with ticks at whole numbers.
    pub fn count(label: impl Into<String>) -> Self {
        Self { whole: true, ..Self::new(label) }
    }

    /// Logarithmic axis over the decades of the data.
    pub fn decades(label: impl Into<String>) -> Self {
        Self { log: true, ..Self::new(label) }
    }

    /// Distance of the ticks: as given, or of whole numbers where wanted; `None` = chosen from the range.
    fn step_over(&self, (low, high): (f64, f64)) -> Option<f64> {
        let whole = || self.whole.then(|| round_step((high - low) / 5.0).max(1.0).ceil());
        self.step.or_else(whole)
    }

    /// The same axis with the ends that hold all given values, so that panels can be compared.
    pub fn spanning(mut self, values: impl IntoIterator<Item = f64>) -> Self {
        self.range = extent(values);
        self
    }
}

/// Values beyond this cannot be drawn on an axis with room for the difference of two of them.
const LARGEST: f64 = 1e100;

fn drawable(value: f64) -> bool {
    value.abs() < LARGEST
}

/// Smallest and largest value; what cannot be drawn is left out.
pub fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|value| drawable(*value)).fold(None, |range: Option<(f64, f64)>, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Points; a value that is not finite interrupts the curve.
    pub points: Vec<(f64, f64)>,
    /// Style.
    pub style: Style,
}

/// One filled area.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// Points (x, lower, upper); a value that is not finite interrupts the area.
    pub points: Vec<(f64, f64, f64)>,
    /// Colour.
    pub tone: Tone,
}

/// One chart: a coordinate system with curves.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Unique within the page; becomes part of element ids.
    pub id: String,
    /// Short title shown above; also the accessible name.
    pub title: String,
    /// What the chart shows, in words, for people who cannot see it.
    pub description: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Areas, drawn first.
    pub bands: Vec<Band>,
    /// Curves.
    pub lines: Vec<Line>,
    /// Horizontal limit lines.
    pub limits: Vec<f64>,
    /// Size in px; the page scales it to its column.
    pub size: (f64, f64),
}

/// Size of a panel of small multiples, px.
pub const SMALL: (f64, f64) = (380.0, 265.0);
/// Size of a panel that stands alone, px.
pub const WIDE: (f64, f64) = (760.0, 330.0);

impl Panel {
    /// An empty panel.
    pub fn new(id: impl Into<String>, title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            description: String::new(),
            x,
            y,
            bands: Vec::new(),
            lines: Vec::new(),
            limits: Vec::new(),
            size: SMALL,
        }
    }

    /// Draws the panel. Without a single point to draw it says "no data".
    pub fn svg(&self) -> String {
        let lines: Vec<Vec<(f64, f64)>> = self.lines.iter().map(|line| with_gaps(line, self.y.log)).collect();
        let points = || lines.iter().flatten().copied();
        let corners = || self.bands.iter().flat_map(|band| band.points.iter().filter(|p| whole(p)));
        let xs = extent(points().map(|p| p.0).chain(corners().map(|p| p.0)));
        let ys = extent(points().map(|p| p.1).chain(corners().flat_map(|p| [p.1, p.2])));
        let (Some(xs), Some(ys)) = (xs, ys) else {
            return self.frame(&no_data(self.size));
        };
        let limits: Vec<f64> =
            self.limits.iter().copied().filter(|limit| drawable(*limit) && (!self.y.log || *limit > 0.0)).collect();
        let ys = extent(limits.iter().copied().chain([ys.0, ys.1])).unwrap_or(ys);

        let mut plots: Vec<Plot> = Vec::new();
        for band in &self.bands {
            for run in band.points.split(|p| !whole(p)) {
                if run.len() > 1 {
                    let area = kuva::plot::BandPlot::new(
                        run.iter().map(|p| p.0),
                        run.iter().map(|p| p.1),
                        run.iter().map(|p| p.2),
                    );
                    plots.push(Plot::Band(area.with_color(band.tone.css()).with_opacity(AREA_OPACITY)));
                }
            }
        }
        for (line, points) in self.lines.iter().zip(&lines) {
            for run in points.split(|p| !(p.0.is_finite() && p.1.is_finite())) {
                // A single point has no length; a short dash keeps it visible.
                let single = [run.first().map(|p| (p.0 - (xs.1 - xs.0).abs().max(1.0) * 0.005, p.1))];
                let head = if run.len() == 1 { single.as_slice() } else { &[] };
                let points = head.iter().flatten().chain(run).copied();
                if !run.is_empty() {
                    plots.push(Plot::Line(curve(points, line.style)));
                }
            }
        }
        let x_ticks = Ticks::linear(self.x.range.unwrap_or(xs), self.x.step_over(xs), self.x.range.is_some());
        let y_ticks = if self.y.log {
            Ticks::decades(self.y.range.unwrap_or(ys))
        } else {
            Ticks::linear(self.y.range.map_or(ys, |r| (r.0.min(ys.0), r.1.max(ys.1))), self.y.step_over(ys), false)
        };
        let mut layout = Layout::auto_from_plots(&plots)
            .with_width(self.size.0)
            .with_height(self.size.1)
            .with_title(self.title.clone())
            .with_x_label(self.x.label.clone())
            .with_y_label(self.y.label.clone())
            .with_theme(theme())
            .with_title_size(15)
            .with_label_size(14)
            .with_tick_size(13)
            .with_x_axis_min(x_ticks.low)
            .with_x_axis_max(x_ticks.high)
            .with_x_tick_step(x_ticks.step)
            .with_x_tick_format(x_ticks.format())
            .with_y_axis_min(y_ticks.low)
            .with_y_axis_max(y_ticks.high)
            .with_y_tick_format(y_ticks.format());
        layout = if self.y.log { layout.with_log_y() } else { layout.with_y_tick_step(y_ticks.step) };
        for limit in limits {
            let style = Style::limit();
            layout = layout.with_reference_line(
                ReferenceLine::horizontal(limit)
                    .with_color(style.tone.css())
                    .with_stroke_width(style.width)
                    .with_dasharray(style.dasharray()),
            );
        }
        self.frame(&SvgBackend::new().render_scene(&render_multiple(plots, layout)))
    }

    /// Replaces the library's outer element by one that scales, has a name and a description, and names nothing outside.
    fn frame(&self, drawing: &str) -> String {
        let (width, height) = self.size;
        let inner = drawing.split_once('>').map_or("", |(_, rest)| rest).trim_end().trim_end_matches("</svg>");
        let inner = match (inner.find("<!--"), inner.find("-->")) {
            (Some(start), Some(end)) if start < end => {
                format!("{}{}", &inner[..start], &inner[end + 3..])
            }
            _ => inner.to_owned(),
        };
        let inner = renumber(&inner, &format!("{}-clip-", self.id));
        open_svg(&self.id, &self.title, &self.description, (width, height)) + &inner + "</svg>"
    }
}

/// Opening tag, title and description of every drawing.
pub fn open_svg(id: &str, title: &str, description: &str, (width, height): (f64, f64)) -> String {
    let mut svg = String::new();
    let (title, description) = (escape(title), escape(description));
    let _ = write!(
        svg,
        "<svg id=\"{id}\" viewBox=\"0 0 {width} {height}\" class=\"chart\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" \
         aria-label=\"{title}\" fill=\"var(--ink, #1b1f24)\"><title id=\"{id}-t\">{title}</title>\
         <desc id=\"{id}-d\">{description}</desc>"
    );
    svg
}

/// Names of the clipping areas, counted from 0 in each drawing: the library counts them over the whole life of
/// the process, so the same record would not give the same page.
fn renumber(drawing: &str, prefix: &str) -> String {
    let mut pieces = drawing.split("kuva-clip-");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    let mut seen: Vec<&str> = Vec::new();
    for piece in pieces {
        let digits = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
        let (number, rest) = piece.split_at(digits);
        let position = seen.iter().position(|known| *known == number);
        let position = position.unwrap_or_else(|| {
            seen.push(number);
            seen.len() - 1
        });
        let _ = write!(text, "{prefix}{position}{rest}");
    }
    text
}

fn escape(text: &str) -> String {
    html! { (text) }.into_string().replace('"', "&quot;")
}

/// Text in the middle of an otherwise empty drawing.
fn no_data((width, height): (f64, f64)) -> String {
    html! {
        (PreEscaped("<svg>"))
        rect x="1" y="1" width=(width - 2.0) height=(height - 2.0) fill="none" stroke="var(--grid, #dfe3e8)" {}
        text x=(width / 2.0) y=(height / 2.0) text-anchor="middle" font-size="15" { "no data" }
        (PreEscaped("</svg>"))
    }
    .into_string()
}

fn whole(&(x, lower, upper): &(f64, f64, f64)) -> bool {
    drawable(x) && drawable(lower) && drawable(upper)
}

/// Points with NaN where the curve is interrupted, also where a logarithmic axis has no place for the value.
fn with_gaps(line: &Line, log: bool) -> Vec<(f64, f64)> {
    let keep = |&(x, y): &(f64, f64)| drawable(x) && drawable(y) && (!log || y > 0.0);
    let place = |point: &(f64, f64)| if keep(point) { *point } else { (f64::NAN, f64::NAN) };
    line.points.iter().map(place).collect()
}

fn curve(points: impl Iterator<Item = (f64, f64)>, style: Style) -> LinePlot {
    let line = LinePlot::new().with_data(points).with_color(style.tone.css()).with_stroke_width(style.width);
    match style.dasharray() {
        "" => line,
        dashes => line.with_line_style(kuva::plot::LineStyle::Custom(dashes.to_owned())),
    }
}

fn theme() -> Theme {
    let ink = || "var(--ink, #1b1f24)".to_owned();
    Theme {
        background: "none".to_owned(),
        axis_color: "var(--soft, #57606a)".to_owned(),
        grid_color: "var(--grid, #dfe3e8)".to_owned(),
        tick_color: "var(--soft, #57606a)".to_owned(),
        text_color: ink(),
        font_family: None,
        ..Theme::light()
    }
}
