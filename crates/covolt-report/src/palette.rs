//! Colours, dashes and legend entries, common to the page and the charts.
//!
//! Colours are CSS variables with a light-background fallback (`var(--c0, #0072b2)`), so a chart follows the
//! page between light and dark. Curves differ by dashes as well as by colour.

use maud::{Markup, html};

/// Colours of the page and of the charts; both sets keep their order under the common kinds of colour blindness.
const PALETTE_CSS: &str = "
:root{--paper:#fff;--ink:#1b1f24;--soft:#57606a;--grid:#dfe3e8;--box:#f5f7f9;--accent:#0072b2;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b0578d;--c4:#c48a00;--c5:#3a9bd9;--c6:#6b7280;--bad:#c1121f;--good:#1a7f37;
--v0:#08519c;--v1:#4292c6;--v2:#a6cee3;--v3:#c9cfd6;--v4:#fdbf6f;--v5:#ef8a2b;--v6:#b35806}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){DARK}}
:root[data-theme=dark]{DARK}
";

const DARK: &str = "--paper:#14181d;--ink:#e6eaef;--soft:#a3adb8;--grid:#343b44;--box:#1d232a;--accent:#6cb8ee;
--c0:#4ea8e6;--c1:#ff8f4d;--c2:#2fc79a;--c3:#e39ac6;--c4:#f0bd45;--c5:#9ad4f7;--c6:#9aa4b0;--bad:#ff7b7b;--good:#56d37c;
--v0:#5aa2f0;--v1:#7fbdf2;--v2:#b3d9f5;--v3:#7b8590;--v4:#f7d08a;--v5:#f5a44a;--v6:#ff8340";

/// The variables as CSS rules, light and dark.
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

    /// The dashes as an SVG `stroke-dasharray`, empty = solid.
    pub fn dasharray(self) -> &'static str {
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

/// Opacity of filled areas; the grid stays visible through them.
pub const AREA_OPACITY: f64 = 0.45;
