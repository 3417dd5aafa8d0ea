//! Standard output: text for people or JSON for machines.

use crate::exit::CliError;
use std::io::{BufWriter, StdoutLock, Write};

/// Standard output and the form asked for.
pub struct Output {
    writer: BufWriter<StdoutLock<'static>>,
    json: bool,
}

impl Output {
    /// Locks standard output.
    pub fn new(json: bool) -> Output {
        Output { writer: BufWriter::new(std::io::stdout().lock()), json }
    }

    /// True when JSON was asked for.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// One line of text.
    pub fn line(&mut self, text: impl AsRef<str>) -> Result<(), CliError> {
        self.writer.write_all(text.as_ref().as_bytes())?;
        self.writer.write_all(b"\n")?;
        Ok(())
    }

    /// A value as JSON.
    pub fn json(&mut self, value: &impl serde::Serialize) -> Result<(), CliError> {
        serde_json::to_writer_pretty(&mut self.writer, value)?;
        self.writer.write_all(b"\n")?;
        Ok(())
    }

    /// Text as it is.
    pub fn raw(&mut self, text: &str) -> Result<(), CliError> {
        self.writer.write_all(text.as_bytes())?;
        Ok(())
    }

    /// Columns aligned, the first to the left, the others to the right.
    pub fn table(&mut self, header: &[&str], rows: &[Vec<String>]) -> Result<(), CliError> {
        let width = |c: usize| {
            let cells = rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count());
            cells.chain(header.get(c).map(|h| h.chars().count())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..header.len()).map(width).collect();
        let join = |cells: &mut dyn Iterator<Item = &str>| {
            let padded: Vec<String> = cells
                .zip(&widths)
                .enumerate()
                .map(|(c, (cell, &w))| if c == 0 { format!("{cell:<w$}") } else { format!("{cell:>w$}") })
                .collect();
            padded.join("  ").trim_end().to_string()
        };
        self.line(join(&mut header.iter().copied()))?;
        rows.iter().try_for_each(|row| self.line(join(&mut row.iter().map(String::as_str))))
    }

    /// Hands everything over.
    pub fn finish(mut self) -> Result<(), CliError> {
        self.writer.flush()?;
        Ok(())
    }
}
