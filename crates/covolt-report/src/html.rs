//! The report: one HTML file that needs nothing else, readable in light and dark, on paper and on a phone.

mod sections;
mod style;
mod tiles;

use crate::error::ReportError;
use crate::record::StudyRecord;
use maud::{DOCTYPE, PreEscaped, html};
use std::path::Path;

/// The whole page.
pub fn render(record: &StudyRecord) -> String {
    let sections = sections::all(record);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (record.title) }
                style { (PreEscaped(style::sheet())) }
            }
            body {
                header {
                    h1 { (record.title) }
                    (tiles::facts(record))
                }
                (tiles::tiles(record))
                nav aria-label="Contents" {
                    h2 { "Contents" }
                    ol { @for section in &sections { li { a href=(format!("#{}", section.id)) { (section.title) } } } }
                }
                main {
                    @for section in &sections {
                        section id=(section.id) {
                            h2 { (section.title) }
                            (section.body)
                        }
                    }
                }
                footer {
                    p {
                        "Drawn by covolt " (record.program_version) " from "
                        code { "record.json" } ". The numbers of every table and figure are in the CSV files of the "
                        "run folder; " code { "COLUMNS.md" } " describes their columns."
                    }
                }
            }
        }
    }
    .into_string()
}

/// Writes the page.
pub fn write_html(record: &StudyRecord, path: &Path) -> Result<(), ReportError> {
    std::fs::write(path, render(record)).map_err(|source| ReportError::write(path, source))
}
