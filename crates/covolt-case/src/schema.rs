//! JSON schema of `case.toml` and of its tables, and the reading that it drives: one description of every key serves
//! the schema, the checks of TOML keys, and the checks of table columns.

use crate::case_file::CaseFile;
use crate::table_rows::{BatteryRow, BranchRow, BusRow, GeneratorRow, LoadRow, PvRow};
use schemars::{JsonSchema, schema_for};
use serde_json::{Map, Value};

/// JSON schema of `case.toml`.
pub fn schema() -> Value {
    schema_for!(CaseFile).to_value()
}

/// JSON schemas of one row of each table, by the table's name: buses, branches, generators, pv, batteries, loads.
pub fn table_schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("buses", schema_of::<BusRow>()),
        ("branches", schema_of::<BranchRow>()),
        ("generators", schema_of::<GeneratorRow>()),
        ("pv", schema_of::<PvRow>()),
        ("batteries", schema_of::<BatteryRow>()),
        ("loads", schema_of::<LoadRow>()),
    ]
}

pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    schema_for!(T).to_value()
}

/// What a schema node allows, references and `null` alternatives resolved.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Allowed<'a> {
    Text,
    Number,
    Integer,
    Flag,
    OneOf(&'a Value),
    List(&'a Value),
    Record {
        properties: &'a Map<String, Value>,
        node: &'a Value,
    },
    /// Free keys, all with the same kind of value.
    Named(&'a Value),
    Anything,
}

pub(crate) fn allowed<'a>(root: &'a Value, node: &'a Value) -> Allowed<'a> {
    if let Some(name) = node.get("$ref").and_then(Value::as_str) {
        let target = name.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return target.map_or(Allowed::Anything, |t| allowed(root, t));
    }
    if let Some(choices) = node.get("anyOf").and_then(Value::as_array) {
        let real = choices.iter().find(|c| c.get("type").and_then(Value::as_str) != Some("null"));
        return real.map_or(Allowed::Anything, |c| allowed(root, c));
    }
    if node.get("oneOf").is_some() || node.get("enum").is_some() {
        return Allowed::OneOf(node);
    }
    let kind = match node.get("type") {
        Some(Value::String(s)) => s.as_str(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).find(|s| *s != "null").unwrap_or(""),
        _ => "",
    };
    match kind {
        "string" => Allowed::Text,
        "number" => Allowed::Number,
        "integer" => Allowed::Integer,
        "boolean" => Allowed::Flag,
        "array" => Allowed::List(node.get("items").unwrap_or(&Value::Null)),
        "object" => match (node.get("properties").and_then(Value::as_object), node.get("additionalProperties")) {
            (Some(properties), _) => Allowed::Record { properties, node },
            (None, Some(items @ Value::Object(_))) => Allowed::Named(items),
            _ => Allowed::Anything,
        },
        _ => Allowed::Anything,
    }
}

/// Names allowed by an enumeration node.
pub(crate) fn names(node: &Value) -> Vec<&str> {
    let plain = node.get("enum").and_then(Value::as_array).into_iter().flatten();
    let described = node.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let constants = described.flat_map(|c| {
        let one = c.get("const").into_iter();
        one.chain(c.get("enum").and_then(Value::as_array).into_iter().flatten())
    });
    plain.chain(constants).filter_map(Value::as_str).collect()
}

/// Required keys of a record node.
pub(crate) fn required(node: &Value) -> Vec<&str> {
    node.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
