//! Reads a CSV table whose columns are the fields of a row type: unknown and missing columns, unparsable numbers, missing
//! cells, all with line and column.

use crate::case_files::CaseFiles;
use crate::fault::{CaseFault, Place, suggestion};
use crate::schema::{Allowed, allowed, names, required, schema_of};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

/// A row with the place it was written at.
#[derive(Debug, Clone)]
pub(crate) struct Row<T> {
    pub at: Place,
    pub value: T,
}

/// Comma, or semicolon where the header has no comma.
pub(crate) fn delimiter(text: &str) -> u8 {
    let header = text.lines().find(|l| !l.starts_with('#') && !l.trim().is_empty()).unwrap_or("");
    if !header.contains(',') && header.contains(';') { b';' } else { b',' }
}

pub(crate) fn csv_reader(text: &str) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .comment(Some(b'#'))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes())
}

/// All rows of a table that could be read; the faults of the others.
pub(crate) fn read_table<T: DeserializeOwned + JsonSchema>(
    files: &CaseFiles<'_>,
    name: &str,
    faults: &mut Vec<CaseFault>,
) -> Vec<Row<T>> {
    let text = match files.read_text(name) {
        Ok(text) => text,
        Err(fault) => {
            faults.push(fault);
            return Vec::new();
        }
    };
    let schema = schema_of::<T>();
    let Allowed::Record { properties, node } = allowed(&schema, &schema) else { return Vec::new() };
    let known = || properties.keys().map(String::as_str);
    let mut reader = csv_reader(&text);
    let header = match reader.headers() {
        Ok(h) if h.iter().any(|name| !name.is_empty()) => h.clone(),
        _ => {
            let hint = format!("begin with a header line: {}", required(node).join(","));
            faults.push(Place::new(name, Some(1)).fault("", "the table is empty", hint));
            return Vec::new();
        }
    };
    let place = Place::new(name, Some(1));
    let mut usable = true;
    for (i, column) in header.iter().enumerate() {
        if !properties.contains_key(column) {
            faults.push(place.fault(column, format!("unknown column \"{column}\""), suggestion(column, known())));
        } else if header.iter().take(i).any(|c| c == column) {
            faults.push(place.fault(column, format!("column \"{column}\" appears twice"), "remove one of them"));
        }
    }
    for column in required(node) {
        if !header.iter().any(|h| h == column) {
            usable = false;
            let meaning = properties[column].get("description").and_then(Value::as_str).unwrap_or("");
            faults.push(place.fault(column, format!("column \"{column}\" is missing"), format!("add it: {meaning}")));
        }
    }
    if !usable {
        return Vec::new();
    }
    let mut rows = Vec::new();
    let mut lines = 0;
    for record in reader.records() {
        let record = match record {
            Ok(r) => r,
            Err(e) => {
                let line = e.position().map(|p| p.line() as usize);
                faults.push(Place::new(name, line).fault("", e.to_string(), "check the quotes of this line"));
                continue;
            }
        };
        lines += 1;
        let at = Place::new(name, record.position().map(|p| p.line() as usize));
        if record.len() != header.len() {
            faults.push(at.fault(
                "",
                format!("has {} cells, the header has {}", record.len(), header.len()),
                "give every column a cell; empty cells are fine where a default exists",
            ));
            continue;
        }
        let mut out = Map::new();
        let mut good = true;
        for (column, cell) in header.iter().zip(record.iter()) {
            let Some(property) = properties.get(column) else { continue };
            if cell.is_empty() {
                continue;
            }
            match cell_value(&schema, property, cell) {
                Ok(v) => {
                    out.insert(column.to_string(), v);
                }
                Err((what, hint)) => {
                    good = false;
                    faults.push(at.fault(column, what, hint));
                }
            }
        }
        for column in required(node) {
            if !out.contains_key(column) && good {
                good = false;
                faults.push(at.fault(column, format!("column \"{column}\" is empty"), "give a value"));
            }
        }
        if good {
            match serde_json::from_value::<T>(Value::Object(out)) {
                Ok(value) => rows.push(Row { at, value }),
                Err(e) => faults.push(at.fault("", e.to_string(), "see docs/case-format.md")),
            }
        }
    }
    if lines == 0 {
        faults.push(Place::new(name, Some(1)).fault("", "the table has no rows", "add rows or leave the file out"));
    }
    rows
}

fn cell_value(root: &Value, property: &Value, cell: &str) -> Result<Value, (String, String)> {
    match allowed(root, property) {
        Allowed::Number => match parse_number(cell) {
            Ok(v) => Number::from_f64(v).map(Value::Number).ok_or_else(|| not_finite(cell)),
            Err(e) => Err(e),
        },
        Allowed::OneOf(node) => {
            let known = names(node);
            if known.contains(&cell) {
                Ok(Value::String(cell.to_string()))
            } else {
                Err((format!("\"{cell}\" is not allowed"), format!("allowed: {}", known.join(", "))))
            }
        }
        _ => Ok(Value::String(cell.to_string())),
    }
}

fn not_finite(cell: &str) -> (String, String) {
    (format!("\"{cell}\" is not a finite number"), "give a number, or leave the cell empty for the default".to_string())
}

/// A finite number, or what is wrong with the text and what to do.
pub(crate) fn parse_number(cell: &str) -> Result<f64, (String, String)> {
    match cell.parse::<f64>() {
        Ok(v) if v.is_finite() => Ok(v),
        Ok(_) => Err(not_finite(cell)),
        Err(_) => {
            let shown: String = cell.chars().take(40).collect();
            let hint =
                if cell.contains(',') { "use a decimal point, no thousands separator" } else { "give a plain number" };
            Err((format!("\"{shown}\" is not a number"), hint.to_string()))
        }
    }
}
