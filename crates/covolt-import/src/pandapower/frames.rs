//! The tables of a pandapower file: each a pandas `DataFrame` in split orientation, written as JSON in a JSON string.
//!
//! Python writes `NaN` and `Infinity`, which JSON has not; outside strings they are read as `null`, which is what pandas
//! writes for them inside its tables.

use crate::error::{Complaint, ImportError};
use crate::report::Place;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One table.
#[derive(Debug, Default)]
pub(super) struct Frame {
    name: String,
    place: Option<Place>,
    columns: BTreeMap<String, usize>,
    index: Vec<Value>,
    data: Vec<Vec<Value>>,
}

/// One row of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    frame: &'a Frame,
    position: usize,
}

/// Everything in the file.
#[derive(Debug)]
pub(super) struct Frames {
    pub file: String,
    pub name: String,
    pub sn_mva: f64,
    pub f_hz: f64,
    frames: BTreeMap<String, Frame>,
    empty: Frame,
}

pub(super) fn read(text: &str, file: &str) -> Result<Frames, ImportError> {
    let place = |line: usize| Place { file: file.to_owned(), line };
    let document: Value = serde_json::from_str(&without_nan(text))
        .map_err(|e| ImportError::at(place(e.line().max(1)), format!("not a JSON document: {e}")))?;
    let lines = key_lines(text);
    let net = match document {
        Value::Object(mut root) if root.get("_class").and_then(Value::as_str) == Some("pandapowerNet") => {
            root.remove("_object")
        }
        _ => None,
    };
    let Some(Value::Object(net)) = net else {
        return Err(ImportError::at(place(1), "not a pandapower network (`_class` is not \"pandapowerNet\")"));
    };
    let mut faults = Vec::new();
    let mut number = |name: &str, default: f64| match net.get(name) {
        None => default,
        Some(value) => value.as_f64().filter(|x| *x > 0.0).unwrap_or_else(|| {
            let place = place(lines.get(name).copied().unwrap_or(1));
            faults.push(Complaint { place, what: format!("'{name}' is not a positive number") });
            default
        }),
    };
    let (sn_mva, f_hz) = (number("sn_mva", 1.0), number("f_hz", 50.0));
    let name = net.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut frames = BTreeMap::new();
    for (key, value) in net {
        let Value::Object(value) = value else { continue };
        if value.get("_class").and_then(Value::as_str) != Some("DataFrame") || key.starts_with("_empty") {
            continue;
        }
        let place = place(lines.get(key.as_str()).copied().unwrap_or(1));
        match frame(&key, place.clone(), value) {
            Ok(frame) => drop(frames.insert(key, frame)),
            // Results are not read, so they may look as they like.
            Err(_) if key.starts_with("res_") => {}
            Err(what) => faults.push(Complaint { place, what: format!("table '{key}': {what}") }),
        }
    }
    if !faults.is_empty() {
        return Err(ImportError::Faulty(faults));
    }
    Ok(Frames { file: file.to_owned(), name, sn_mva, f_hz, frames, empty: Frame::default() })
}

fn frame(name: &str, place: Place, mut value: Map<String, Value>) -> Result<Frame, String> {
    if value.get("orient").and_then(Value::as_str).is_some_and(|o| o != "split") {
        return Err("the orientation is not \"split\"".to_owned());
    }
    let set = |key: &str| value.get(key).and_then(Value::as_bool) == Some(true);
    if set("is_multiindex") || set("is_multicolumn") {
        return Err("several levels of index or columns are not supported".to_owned());
    }
    let table = match value.remove("_object") {
        Some(Value::String(text)) => serde_json::from_str(&text).map_err(|e| format!("not a JSON document: {e}"))?,
        Some(other) => other,
        None => Value::Null,
    };
    let Value::Object(mut table) = table else { return Err("no columns, index and data".to_owned()) };
    let mut list = |key: &str| match table.remove(key) {
        Some(Value::Array(list)) => Ok(list),
        _ => Err(format!("no list '{key}'")),
    };
    let (names, index, rows) = (list("columns")?, list("index")?, list("data")?);
    let mut columns = BTreeMap::new();
    for (i, column) in names.iter().enumerate() {
        let text = column.as_str().map_or_else(|| column.to_string(), str::to_owned);
        if columns.insert(text.clone(), i).is_some() {
            return Err(format!("the column '{text}' occurs twice"));
        }
    }
    if index.len() != rows.len() {
        return Err(format!("{} index entries for {} rows", index.len(), rows.len()));
    }
    let mut data = Vec::with_capacity(rows.len());
    for (i, row) in rows.into_iter().enumerate() {
        match row {
            Value::Array(cells) if cells.len() == names.len() => data.push(cells),
            _ => return Err(format!("row {} has not one cell for each of {} columns", i + 1, names.len())),
        }
    }
    Ok(Frame { name: name.to_owned(), place: Some(place), columns, index, data })
}

impl Frames {
    /// A table; an empty one when the file has none of that name.
    pub fn table(&self, name: &str) -> &Frame {
        self.frames.get(name).unwrap_or(&self.empty)
    }

    /// Names of all tables that have rows.
    pub fn with_rows(&self) -> impl Iterator<Item = &str> {
        self.frames.iter().filter(|(_, frame)| !frame.data.is_empty()).map(|(name, _)| name.as_str())
    }

    /// Where a table begins.
    pub fn place(&self, table: &str) -> Place {
        let place = self.frames.get(table).and_then(|f| f.place.clone());
        place.unwrap_or_else(|| Place { file: self.file.clone(), line: 1 })
    }
}

impl Frame {
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.data.len()).map(|position| Row { frame: self, position })
    }

    pub fn has_column(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }
}

impl<'a> Row<'a> {
    /// Table and index: `line 3`.
    pub fn id(&self) -> String {
        let index = self.frame.index.get(self.position).cloned().unwrap_or_default();
        format!("{} {}", self.frame.name, index.as_str().map_or_else(|| index.to_string(), str::to_owned))
    }

    pub fn place(&self) -> Place {
        self.frame.place.clone().unwrap_or_else(|| Place { file: String::new(), line: 1 })
    }

    pub fn fault(&self, what: impl std::fmt::Display) -> Complaint {
        Complaint { place: self.place(), what: format!("{}: {what}", self.id()) }
    }

    /// The index as a whole number.
    pub fn index(&self) -> Result<i64, Complaint> {
        let index = self.frame.index.get(self.position).and_then(whole);
        index.ok_or_else(|| self.fault("the index is not a whole number"))
    }

    /// The cell; `None` when the column is missing or the cell is empty.
    fn cell(&self, column: &str) -> Option<&'a Value> {
        let cell = self.frame.data.get(self.position)?.get(*self.frame.columns.get(column)?)?;
        (!cell.is_null()).then_some(cell)
    }

    pub fn number(&self, column: &str) -> Result<f64, Complaint> {
        self.optional(column)?.ok_or_else(|| self.fault(format!("'{column}' is missing")))
    }

    pub fn number_or(&self, column: &str, default: f64) -> Result<f64, Complaint> {
        Ok(self.optional(column)?.unwrap_or(default))
    }

    pub fn positive(&self, column: &str) -> Result<f64, Complaint> {
        let x = self.number(column)?;
        if x > 0.0 { Ok(x) } else { Err(self.fault(format!("'{column}' is {x}, it must be positive"))) }
    }

    /// 1 when it is not written down.
    pub fn positive_or_one(&self, column: &str) -> Result<f64, Complaint> {
        if self.cell(column).is_some() { self.positive(column) } else { Ok(1.0) }
    }

    pub fn optional(&self, column: &str) -> Result<Option<f64>, Complaint> {
        let Some(cell) = self.cell(column) else { return Ok(None) };
        let number = cell.as_f64().or_else(|| cell.as_bool().map(f64::from)).filter(|x| x.is_finite());
        number.map(Some).ok_or_else(|| self.fault(format!("'{column}' is not a number ({})", short(cell))))
    }

    /// A yes or no; also as 1 or 0.
    pub fn flag_or(&self, column: &str, default: bool) -> Result<bool, Complaint> {
        match self.optional(column)? {
            None => Ok(default),
            Some(1.0) => Ok(true),
            Some(0.0) => Ok(false),
            Some(x) => Err(self.fault(format!("'{column}' is neither true nor false ({x})"))),
        }
    }

    pub fn in_service(&self) -> Result<bool, Complaint> {
        self.flag_or("in_service", true)
    }

    pub fn text(&self, column: &str) -> Result<Option<&'a str>, Complaint> {
        let Some(cell) = self.cell(column) else { return Ok(None) };
        cell.as_str().map(Some).ok_or_else(|| self.fault(format!("'{column}' is not text ({})", short(cell))))
    }

    /// The index of a row in another table.
    pub fn reference(&self, column: &str) -> Result<i64, Complaint> {
        let cell = self.cell(column).ok_or_else(|| self.fault(format!("'{column}' is missing")))?;
        whole(cell).ok_or_else(|| self.fault(format!("'{column}' is not an index ({})", short(cell))))
    }
}

fn whole(value: &Value) -> Option<i64> {
    let float = || value.as_f64().filter(|x| x.fract() == 0.0 && x.abs() < 1e15).map(|x| x as i64);
    value.as_i64().or_else(float)
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(40).collect()
}

/// Lines of the keys that begin a line, which is how `to_json` writes the names of the tables.
fn key_lines(text: &str) -> BTreeMap<&str, usize> {
    let mut lines = BTreeMap::new();
    for (i, line) in text.lines().enumerate() {
        let key = line.trim_start().strip_prefix('"').and_then(|l| l.split_once('"'));
        if let Some((key, rest)) = key
            && rest.trim_start().starts_with(':')
        {
            lines.entry(key).or_insert(i + 1);
        }
    }
    lines
}

/// `NaN`, `Infinity` and `-Infinity` outside strings become `null`.
fn without_nan(text: &str) -> Cow<'_, str> {
    if !text.contains("NaN") && !text.contains("Infinity") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(at) = rest.find(['"', 'N', 'I', '-']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let word = ["NaN", "Infinity", "-Infinity"].into_iter().find(|w| rest.starts_with(w));
        let taken = if let Some(word) = word {
            out.push_str("null");
            word.len()
        } else {
            let length = if rest.starts_with('"') { string_length(rest) } else { 1 };
            out.push_str(&rest[..length]);
            length
        };
        rest = &rest[taken..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Length of the string literal that `text` begins with, quotes included; the whole text when it has no end.
fn string_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}
