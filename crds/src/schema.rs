//! Schema pieces the derive cannot say: bounded maps and open objects.

use schemars::{Schema, SchemaGenerator, json_schema};

/// A map of at most 64 short strings.
pub fn string_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": {"type": "string", "maxLength": 4096},
    })
}

/// An object of any shape. Only for fields that a recording may carry and that are checked elsewhere.
pub fn open_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// Selector alternatives: a list of chains, each a list of selectors.
pub fn selectors(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "minItems": 1, "maxItems": 10,
        "items": {"type": "array", "minItems": 1, "maxItems": 5, "items": {"type": "string", "minLength": 1, "maxLength": 1000}},
    })
}
