//! `docs/case-format.md` documents every key and column of the schema, and no other.
#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::Value;
use std::collections::BTreeSet;

/// Keys of a schema as the page writes them: `network.base_mva`, `series.NAME.file`, `microgrid.price.unit`.
fn keys(root: &Value, node: &Value, prefix: &str, out: &mut BTreeSet<String>) {
    if let Some(pointer) = node.get("$ref").and_then(Value::as_str) {
        return keys(root, root.pointer(&pointer[1..]).unwrap(), prefix, out);
    }
    for choice in node.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        keys(root, choice, prefix, out);
    }
    if let Some(items) = node.get("items") {
        keys(root, items, prefix, out);
    }
    if let Some(more @ Value::Object(_)) = node.get("additionalProperties") {
        keys(root, more, &format!("{prefix}NAME."), out);
    }
    for (name, child) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = format!("{prefix}{name}");
        let before = out.len();
        keys(root, child, &format!("{path}."), out);
        if out.len() == before {
            out.insert(path);
        }
    }
}

#[test]
fn law_page_and_schema_have_the_same_keys() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/case-format.md");
    let page = std::fs::read_to_string(path).unwrap();
    let schema = covolt_case::schema();
    let mut expected = BTreeSet::new();
    keys(&schema, &schema, "", &mut expected);
    // Devices in TOML have the columns of their tables, which the page documents there.
    expected.retain(|k| !["generator.", "pv.", "battery.", "load."].iter().any(|p| k.starts_with(p)));
    for (table, schema) in covolt_case::table_schemas() {
        keys(&schema, &schema, &format!("{table}:"), &mut expected);
    }
    // Rows of the page's tables begin with the key in backticks; a heading `### Table ...: name` sets the table.
    let mut found = BTreeSet::new();
    let mut table = String::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            table =
                heading.rsplit_once("`").map_or(String::new(), |(h, _)| h.rsplit('`').next().unwrap_or("").to_string());
            table = if heading.starts_with("Table") { format!("{table}:") } else { String::new() };
        }
        if let Some(key) = line.strip_prefix("| `").and_then(|l| l.split('`').next()) {
            assert!(found.insert(format!("{table}{key}")), "{key} is documented twice");
            let cells = line.matches(" | ").count();
            assert!(cells >= 3, "{key}: meaning, unit, default and example are needed");
        }
    }
    let missing: Vec<_> = expected.difference(&found).collect();
    let unknown: Vec<_> = found.difference(&expected).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:?}\nunknown: {unknown:?}");
}
