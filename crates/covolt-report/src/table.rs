//! One table: columns with their units, rows of cells. The same table becomes CSV and HTML.

use crate::record::Item;
use maud::{Markup, html};

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Name in the CSV file, with its unit.
    pub name: &'static str,
    /// Heading in the page.
    pub heading: &'static str,
    /// Unit, empty for none.
    pub unit: &'static str,
    /// What it says.
    pub meaning: &'static str,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A measured number; NaN shows as "no data".
    Number(f64),
    /// A number shown with that many decimals (in CSV still in full).
    Fixed(f64, usize),
    /// A count.
    Count(u64),
    /// A count of violations; marked when it is not zero.
    Breaches(u64),
    /// Nothing known.
    Missing,
    /// The column does not apply to this row.
    Empty,
}

impl Cell {
    /// Number of an option.
    pub fn number(value: Option<f64>) -> Self {
        value.map_or(Self::Missing, Self::Number)
    }

    /// The cell in CSV: numbers in full, an empty cell where nothing is known.
    pub fn csv(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(value) | Self::Fixed(value, _) if value.is_finite() => value.to_string(),
            Self::Count(count) | Self::Breaches(count) => count.to_string(),
            _ => String::new(),
        }
    }

    /// The cell in the page.
    pub fn display(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(value) => short(*value),
            Self::Fixed(value, decimals) if value.is_finite() => format!("{value:.decimals$}").replace('-', "\u{2212}"),
            Self::Count(count) => grouped(*count),
            Self::Breaches(0) => "0".to_owned(),
            Self::Breaches(count) => format!("\u{26a0} {}", grouped(*count)),
            Self::Empty => String::new(),
            _ => NO_DATA.to_owned(),
        }
    }
}

/// What stands where nothing is known.
pub const NO_DATA: &str = "no data";

/// A number with about four significant digits; very small and very large ones with a power of ten.
pub fn short(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        _ if !value.is_finite() => return NO_DATA.to_owned(),
        s if s < 1e-15 => "0".to_owned(),
        s if s < 1e-3 => power_of_ten(value),
        s if s < 1.0 => format!("{value:.4}"),
        s if s < 10.0 => format!("{value:.3}"),
        s if s < 100.0 => format!("{value:.2}"),
        s if s < 1000.0 => format!("{value:.1}"),
        s if s < 1e9 => {
            let sign = if value < 0.0 { "-" } else { "" };
            format!("{sign}{}", grouped(size.round() as u64))
        }
        _ => power_of_ten(value),
    };
    text.replace('-', "\u{2212}")
}

fn power_of_ten(value: f64) -> String {
    let text = format!("{value:.1e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let raised = exponent.chars().map(|c| match c {
                '-' => '\u{207b}',
                '0' => '\u{2070}',
                '1' => '\u{b9}',
                '2' => '\u{b2}',
                '3' => '\u{b3}',
                digit => char::from_u32(0x2070 + digit.to_digit(10).unwrap_or(0)).unwrap_or(digit),
            });
            format!("{digits}\u{b7}10{}", raised.collect::<String>())
        }
        None => text,
    }
}

/// A count with thin spaces between thousands.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) && digits.len() > 4 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// One table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// File name of the CSV.
    pub file: &'static str,
    /// The item of the report it belongs to; several tables can belong to one.
    pub item: Option<Item>,
    /// Title.
    pub title: String,
    /// What to see in it.
    pub caption: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows; each has one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// The table as HTML; without rows it says "no data".
    pub fn markup(&self) -> Markup {
        html! {
            div class="scroll" tabindex="0" role="region" aria-label=(self.title) {
                table {
                    caption { (self.title) }
                    thead { tr {
                        @for (number, column) in self.columns.iter().enumerate() {
                            th scope="col" class=(if self.numeric(number) { "n" } else { "" }) title=(column.meaning) {
                                (column.heading)
                                @if !column.unit.is_empty() { " " span class="unit" { "(" (column.unit) ")" } }
                            }
                        }
                    } }
                    tbody {
                        @if self.rows.is_empty() {
                            tr { td colspan=(self.columns.len()) class="none" { (NO_DATA) } }
                        }
                        @for row in &self.rows {
                            tr {
                                @for (number, cell) in row.iter().enumerate() {
                                    @if number == 0 {
                                        th scope="row" { (cell.display()) }
                                    } @else {
                                        td class={ (if self.numeric(number) { "n" } else { "" })
                                            (if matches!(cell, Cell::Breaches(1..)) { " unsafe" } else { "" }) } { (cell.display()) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn numeric(&self, column: usize) -> bool {
        column > 0
            && self.rows.iter().any(|row| {
                row.get(column).is_some_and(|c| {
                    matches!(c, Cell::Number(_) | Cell::Fixed(..) | Cell::Count(_) | Cell::Breaches(_))
                })
            })
    }
}
