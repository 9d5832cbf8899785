//! One schema in a few words: type, default, limits.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

/// The schema of a list's items or of a map's values, and how a path names it.
pub(super) fn inside(schema: &JSONSchemaProps) -> Option<(&'static str, &JSONSchemaProps)> {
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        return Some(("[]", items));
    }
    match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(values)) => Some((".*", values)),
        _ => None,
    }
}

/// The type in the words of the Kubernetes API documentation.
pub(super) fn type_name(schema: &JSONSchemaProps) -> String {
    if let Some((suffix, inner)) = inside(schema) {
        let inner = type_name(inner);
        return if suffix == "[]" { format!("[]{inner}") } else { format!("map of {inner}") };
    }
    if schema.x_kubernetes_int_or_string == Some(true) {
        return "integer or string".to_owned();
    }
    if is_duration(schema) {
        return "duration".to_owned();
    }
    match (schema.type_.as_deref(), schema.format.as_deref()) {
        (Some("string"), Some("date-time")) => "time".to_owned(),
        (Some(name), _) => name.to_owned(),
        (None, _) => "any".to_owned(),
    }
}

/// The default as JSON, or that the field is required. An object's empty default means those of its fields.
pub(super) fn default(schema: &JSONSchemaProps, required: bool) -> String {
    match &schema.default {
        Some(value) => {
            let text = value.0.to_string();
            if text == "{}" { String::new() } else { format!("`{text}`") }
        }
        None if required => "required".to_owned(),
        None => String::new(),
    }
}

/// Allowed values, ranges, lengths and sizes; those of a list's items after its own.
pub(super) fn limits(schema: &JSONSchemaProps) -> String {
    let mut limits = own_limits(schema);
    let mut inner = inside(schema);
    while let Some((_, schema)) = inner {
        let own = own_limits(schema);
        if !own.is_empty() {
            limits.push(format!("each: {}", own.join(", ")));
        }
        inner = inside(schema);
    }
    limits.join("; ")
}

fn own_limits(schema: &JSONSchemaProps) -> Vec<String> {
    let mut limits = Vec::new();
    if let Some(values) = &schema.enum_ {
        let shown = |value: &serde_json::Value| match value.as_str() {
            Some(text) => format!("`{text}`"),
            None => format!("`{value}`"),
        };
        let values = values.iter().map(|value| shown(&value.0));
        limits.push(values.collect::<Vec<_>>().join(" "));
    }
    if is_duration(schema) {
        return limits;
    }
    let number = |value: Option<f64>| value.map(|value| value.to_string());
    let size = |value: Option<i64>| value.map(|value| value.to_string());
    limits.extend(range(number(schema.minimum), number(schema.maximum), ""));
    limits.extend(range(size(schema.min_length), size(schema.max_length), " characters"));
    limits.extend(range(size(schema.min_items), size(schema.max_items), " items"));
    limits.extend(range(size(schema.min_properties), size(schema.max_properties), " entries"));
    if let Some(pattern) = &schema.pattern {
        limits.push(format!("`{}`", flat(pattern)));
    }
    match (schema.x_kubernetes_list_type.as_deref(), &schema.x_kubernetes_list_map_keys) {
        (Some("map"), Some(keys)) => limits.push(format!("one per {}", keys.join(" and "))),
        (Some("set"), _) => limits.push("no duplicates".to_owned()),
        _ => {}
    }
    if schema.x_kubernetes_preserve_unknown_fields == Some(true) {
        limits.push("of any shape".to_owned());
    }
    limits
}

fn is_duration(schema: &JSONSchemaProps) -> bool {
    schema.x_kubernetes_validations.iter().flatten().any(|rule| rule.rule == crate::duration::RULE)
}

fn range(least: Option<String>, most: Option<String>, unit: &str) -> Option<String> {
    match (least, most) {
        (Some(least), Some(most)) if least == most => Some(format!("{least}{unit}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, Some(most)) => Some(format!("at most {most}{unit}")),
        (None, None) => None,
    }
}

/// A text on one line of a Markdown table.
pub(super) fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
