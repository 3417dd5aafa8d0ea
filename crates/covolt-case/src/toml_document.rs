//! Reads `case.toml` against the schema: every unknown key, missing key and wrong type at once, each with its line.

use crate::case_file::CaseFile;
use crate::fault::{CaseFault, Place, suggestion};
use crate::schema::{Allowed, allowed, names, required, schema};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Name of the case's main file.
pub(crate) const CASE_FILE: &str = "case.toml";

/// Where each key of the document stands.
#[derive(Debug, Default)]
pub(crate) struct KeyPlaces(BTreeMap<String, usize>);

impl KeyPlaces {
    /// Place of a key such as `microgrid[1].pcc`, or of the nearest key above it.
    pub fn place(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(&line) = self.0.get(path) {
                return Place::new(CASE_FILE, Some(line));
            }
            match path.rfind(['.', '[']) {
                Some(cut) => path = &path[..cut],
                None => return Place::new(CASE_FILE, None),
            }
        }
    }

    pub fn fault(&self, path: &str, what: impl Into<String>, hint: impl Into<String>) -> CaseFault {
        self.place(path).fault(path, what, hint)
    }
}

struct Reader<'a> {
    root: &'a Value,
    lines: &'a LineStarts,
    places: KeyPlaces,
    faults: &'a mut Vec<CaseFault>,
}

/// The document, as far as it can be read, with the places of its keys.
pub(crate) fn read_document(text: &str, faults: &mut Vec<CaseFault>) -> (Option<CaseFile>, KeyPlaces) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let lines = LineStarts::new(text);
    let mut last_line = None;
    for e in &errors {
        let line = e.span().map(|s| lines.line_of(s.start));
        // A slip often makes the parser stumble more than once in its line.
        if line.is_some() && std::mem::replace(&mut last_line, line) == line {
            continue;
        }
        let what = format!("is not valid TOML: {}", e.message().replace('\n', ", "));
        faults.push(Place::new(CASE_FILE, line).fault("", what, "see https://toml.io for the syntax"));
    }
    if !errors.is_empty() {
        // What a recovering parser makes of broken text would only lead to faults that are not there.
        return (None, KeyPlaces::default());
    }
    let root = schema();
    let mut reader = Reader { root: &root, lines: &lines, places: KeyPlaces::default(), faults };
    let value = reader.record(table.get_ref(), &root, "", 1);
    let places = reader.places;
    let file = value.and_then(|v| match serde_json::from_value::<CaseFile>(v) {
        Ok(file) => Some(file),
        Err(e) => {
            faults.push(Place::new(CASE_FILE, None).fault("", e.to_string(), "see docs/case-format.md"));
            None
        }
    });
    (file, places)
}

/// Where the line ends of a text are.
struct LineStarts(Vec<usize>);

impl LineStarts {
    fn new(text: &str) -> LineStarts {
        LineStarts(text.bytes().enumerate().filter(|&(_, b)| b == b'\n').map(|(i, _)| i).collect())
    }

    /// Line of a byte, counted from 1.
    fn line_of(&self, offset: usize) -> usize {
        self.0.partition_point(|&end| end < offset) + 1
    }
}

impl Reader<'_> {
    fn fault(&mut self, line: usize, path: &str, what: String, hint: String) {
        self.faults.push(Place::new(CASE_FILE, Some(line)).fault(path, what, hint));
    }

    fn record(&mut self, table: &DeTable<'_>, node: &Value, path: &str, line: usize) -> Option<Value> {
        let root = self.root;
        let (properties, items) = match allowed(root, node) {
            Allowed::Record { properties, .. } => (Some(properties), None),
            Allowed::Named(items) => (None, Some(items)),
            _ => return None,
        };
        let mut out = Map::new();
        for (key, value) in table {
            let name: &str = key.get_ref();
            let at = self.lines.line_of(key.span().start);
            let sub = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
            self.places.0.insert(sub.clone(), at);
            let child = match (properties, items) {
                (Some(p), _) => p.get(name),
                (None, items) => items,
            };
            let Some(child) = child else {
                let known = properties.into_iter().flat_map(|p| p.keys().map(String::as_str));
                let hint = suggestion(name, known);
                self.fault(at, &sub, format!("unknown key \"{name}\""), hint);
                continue;
            };
            if let Some(v) = self.value(value, child, &sub, at) {
                out.insert(name.to_string(), v);
            }
        }
        let mut complete = true;
        if let Some(p) = properties {
            let node = if let Allowed::Record { node, .. } = allowed(root, node) { node } else { node };
            for key in required(node) {
                if !out.contains_key(key) {
                    complete = false;
                    if !table.keys().any(|k| k.get_ref() == key) {
                        let sub = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
                        let meaning = p.get(key).and_then(|c| c.get("description")).and_then(Value::as_str);
                        let hint = format!("add it: {}", meaning.unwrap_or("see docs/case-format.md"));
                        self.fault(line, &sub, format!("key \"{key}\" is missing"), hint);
                    }
                }
            }
        }
        complete.then_some(Value::Object(out))
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, node: &Value, path: &str, line: usize) -> Option<Value> {
        let root = self.root;
        let expected = match (allowed(root, node), value.get_ref()) {
            (Allowed::Record { .. } | Allowed::Named(_), DeValue::Table(t)) => {
                return self.record(t, node, path, line);
            }
            (Allowed::Text, DeValue::String(s)) => return Some(Value::String(s.to_string())),
            (Allowed::Flag, DeValue::Boolean(b)) => return Some(Value::Bool(*b)),
            (Allowed::Number, DeValue::Integer(_) | DeValue::Float(_)) => {
                let number = match value.get_ref() {
                    DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix()).ok().map(|i| i as f64),
                    DeValue::Float(f) => f.as_str().parse::<f64>().ok(),
                    _ => None,
                };
                if let Some(n) = number.and_then(Number::from_f64) {
                    return Some(Value::Number(n));
                }
                "a finite number"
            }
            (Allowed::Integer, DeValue::Integer(i)) => match u32::from_str_radix(i.as_str(), i.radix()) {
                Ok(n) => return Some(Value::from(n)),
                Err(_) => "a whole number from 0 to 4294967295",
            },
            (Allowed::OneOf(choices), DeValue::String(s)) => {
                let known = names(choices);
                if known.contains(&s.as_ref()) {
                    return Some(Value::String(s.to_string()));
                }
                let hint = format!("{} (allowed: {})", suggestion(s, known.iter().copied()), known.join(", "));
                self.fault(line, path, format!("\"{s}\" is not allowed"), hint);
                return None;
            }
            (Allowed::List(items), DeValue::Array(list)) => {
                let mut out = Vec::new();
                for (k, item) in list.iter().enumerate() {
                    let sub = format!("{path}[{k}]");
                    let at = self.lines.line_of(item.span().start);
                    self.places.0.insert(sub.clone(), at);
                    out.extend(self.value(item, items, &sub, at));
                }
                return Some(Value::Array(out));
            }
            (Allowed::Text, _) => "text in quotes",
            (Allowed::Flag, _) => "true or false",
            (Allowed::Number, _) => "a number without quotes",
            (Allowed::Integer, _) => "a whole number",
            (Allowed::OneOf(_), _) => "one of its names, in quotes",
            (Allowed::List(_), _) => "a list in square brackets",
            (Allowed::Record { .. } | Allowed::Named(_), _) => "a table of keys",
            (Allowed::Anything, _) => "left out",
        };
        self.fault(line, path, "has the wrong type".to_string(), format!("must be {expected}"));
        None
    }
}
