//! Extracted fields as one flat map of dotted names, the form in which people and `FnoJob.status.result` see them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Nested objects and lists as dotted names: `service.status`, `orders.0.number`. Null values are left out. The result has no bound;
/// `fno_core::flow::result::flatten` applies the bounds of the API.
#[must_use]
pub fn dotted(fields: &Map<String, Value>) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for (name, value) in fields {
        collect(name.clone(), value, &mut out);
    }
    out
}

fn collect(name: String, value: &Value, out: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| collect(format!("{name}.{key}"), value, out))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| collect(format!("{name}.{i}"), item, out))
        }
        Value::String(text) => _ = out.insert(name, text.clone()),
        scalar => _ = out.insert(name, scalar.to_string()),
    }
}
