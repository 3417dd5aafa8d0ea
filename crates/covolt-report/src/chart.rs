//! Line charts as SVG. The one module that knows the plotting library, so that it can be replaced.
//!
//! Colours are CSS variables with a light-background fallback (`var(--c0, #0072b2)`), so a chart follows the
//! page between light and dark. The page sets the variables with [`PALETTE_CSS`]. Charts have no legend of
//! their own: the page draws [`Key`]s beside them, where they can never cover data.

use kuva::plot::LinePlot;
use kuva::plot::annotations::ReferenceLine;
use kuva::prelude::{Layout, Plot, SvgBackend, Theme};
use kuva::render::layout::TickFormat;
use kuva::render::render::render_multiple;
use maud::{Markup, PreEscaped, html};
use std::fmt::Write as _;
use std::sync::Arc;

/// Colours of the page and of the charts; both sets keep their order under the common kinds of colour blindness.
pub const PALETTE_CSS: &str = "
:root{--paper:#fff;--ink:#1b1f24;--soft:#57606a;--grid:#dfe3e8;--box:#f5f7f9;--accent:#0072b2;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b0578d;--c4:#c48a00;--c5:#3a9bd9;--c6:#6b7280;--bad:#c1121f;--good:#1a7f37;
--v0:#08519c;--v1:#4292c6;--v2:#a6cee3;--v3:#c9cfd6;--v4:#fdbf6f;--v5:#ef8a2b;--v6:#b35806}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){DARK}}
:root[data-theme=dark]{DARK}
";

const DARK: &str = "--paper:#14181d;--ink:#e6eaef;--soft:#a3adb8;--grid:#343b44;--box:#1d232a;--accent:#6cb8ee;
--c0:#4ea8e6;--c1:#ff8f4d;--c2:#2fc79a;--c3:#e39ac6;--c4:#f0bd45;--c5:#9ad4f7;--c6:#9aa4b0;--bad:#ff7b7b;--good:#56d37c;
--v0:#5aa2f0;--v1:#7fbdf2;--v2:#b3d9f5;--v3:#7b8590;--v4:#f7d08a;--v5:#f5a44a;--v6:#ff8340";

/// [`PALETTE_CSS`] with the dark set filled in.
pub fn palette_css() -> String {
    PALETTE_CSS.replace("DARK", DARK)
}

const SERIES_LIGHT: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#b0578d", "#c48a00", "#3a9bd9", "#6b7280"];

/// Colour of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Number of a series colour; wraps around after seven.
    Series(usize),
    /// The text colour.
    Ink,
    /// The colour of limits.
    Limit,
}

impl Tone {
    /// The colour as a CSS value.
    pub fn css(self) -> String {
        match self {
            Self::Series(number) => {
                let slot = number % SERIES_LIGHT.len();
                let fallback = SERIES_LIGHT.get(slot).unwrap_or(&"#0072b2");
                format!("var(--c{slot}, {fallback})")
            }
            Self::Ink => "var(--ink, #1b1f24)".to_owned(),
            Self::Limit => "var(--bad, #c1121f)".to_owned(),
        }
    }
}

/// Dash patterns, so that curves differ without colour.
const DASHES: [&str; 7] = ["", "7 4", "2 3", "9 3 2 3", "12 4", "5 2 2 2 2 2", "14 3"];
/// The pattern of limits, the last one.
const LIMIT_DASH: usize = 6;

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// Colour.
    pub tone: Tone,
    /// Number of the dash pattern, 0 = solid; wraps around.
    pub dash: usize,
    /// Line width, px.
    pub width: f64,
}

impl Style {
    /// Style of the n-th of several curves: its own colour and its own dashes.
    pub fn nth(number: usize) -> Self {
        Self { tone: Tone::Series(number), dash: number % LIMIT_DASH, width: 1.8 }
    }

    /// The style of limits.
    pub fn limit() -> Self {
        Self { tone: Tone::Limit, dash: LIMIT_DASH, width: 2.2 }
    }

    fn dasharray(self) -> &'static str {
        DASHES.get(self.dash % DASHES.len()).copied().unwrap_or("")
    }
}

/// One entry of a legend.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Text.
    pub label: String,
    /// Style of the curve it stands for.
    pub style: Style,
    /// True for a filled area instead of a line.
    pub area: bool,
}

impl Key {
    /// Legend entry of a curve.
    pub fn line(label: impl Into<String>, style: Style) -> Self {
        Self { label: label.into(), style, area: false }
    }

    /// Legend entry of a filled area.
    pub fn area(label: impl Into<String>, style: Style) -> Self {
        Self { label: label.into(), style, area: true }
    }

    /// The entry as HTML.
    pub fn markup(&self) -> Markup {
        let colour = self.style.tone.css();
        html! {
            span class="key" {
                svg viewBox="0 0 34 12" width="34" height="12" aria-hidden="true" {
                    @if self.area {
                        rect x="2" y="1" width="30" height="10" fill=(colour) fill-opacity=(AREA_OPACITY) {}
                    } @else {
                        line x1="1" y1="6" x2="33" y2="6" stroke=(colour) stroke-width="2.4"
                            stroke-dasharray=(self.style.dasharray()) {}
                    }
                }
                (self.label)
            }
        }
    }
}

const AREA_OPACITY: f64 = 0.45;

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

/// A wanted tick distance that gives more ticks than this is not used.
const MOST_TICKS: f64 = 15.0;

/// Ends of an axis and distance of its ticks.
struct Ticks {
    low: f64,
    high: f64,
    step: f64,
    log: bool,
}

impl Ticks {
    /// Round numbers around the range; `exact` keeps the given ends.
    fn linear((low, high): (f64, f64), step: Option<f64>, exact: bool) -> Self {
        // Below this span the ticks could not be told apart, and stepping from one to the next would not end.
        let least = 1e-6_f64.max(1e-9 * low.abs().max(high.abs()));
        let margin = if high - low > least { 0.0 } else { (low.abs() * 0.1).max(1e-6) };
        let (low, high) = (low - margin, high + margin);
        let sensible = |s: &f64| *s > 0.0 && (high - low) / *s <= MOST_TICKS;
        let step = step.filter(sensible).unwrap_or_else(|| round_step((high - low) / 5.0));
        let log = false;
        if exact {
            return Self { low, high, step, log };
        }
        let (low, high) = ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step);
        Self { low, high, step, log }
    }

    fn decades((low, high): (f64, f64)) -> Self {
        // More than 14 decades say nothing; the tail below is cut.
        let top = 10f64.powf(high.max(f64::MIN_POSITIVE).log10().ceil());
        let bottom = 10f64.powf(low.max(top * 1e-14).log10().floor());
        let low = if bottom < top { bottom } else { top / 10.0 };
        Self { low, high: top, step: 1.0, log: true }
    }

    fn format(&self) -> TickFormat {
        let (step, log) = (self.step, self.log);
        TickFormat::Custom(Arc::new(move |value: f64| {
            if log {
                return power_of_ten(value);
            }
            let digits = (-(step * 1.000_001).log10().floor()).clamp(0.0, 9.0) as usize;
            let extra = usize::from(
                (step * 10f64.powi(digits as i32)).fract() > 1e-6
                    && (step * 10f64.powi(digits as i32)).fract() < 1.0 - 1e-6,
            );
            let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
            format!("{value:.*}", digits + extra).replace('-', "\u{2212}")
        }))
    }
}

fn power_of_ten(value: f64) -> String {
    let exponent = value.log10().round() as i32;
    match exponent {
        0 => "1".to_owned(),
        1 => "10".to_owned(),
        2 => "100".to_owned(),
        _ => format!("1e{exponent}").replace('-', "\u{2212}"),
    }
}

/// Next larger of 1, 2, 2.5, 5 times a power of ten.
fn round_step(rough: f64) -> f64 {
    let decade = 10f64.powf(rough.max(f64::MIN_POSITIVE).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let fitting = steps.iter().find(|step| *step * decade >= rough * 0.999);
    fitting.unwrap_or(&10.0) * decade
}
