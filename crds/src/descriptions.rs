//! The descriptions in the CRDs, which `kubectl explain` shows.
//!
//! kube's derive replaces the description of an optional enum by that of the enum's type (docs/decisions/0038-field-descriptions.md).
//! The field's own description is put back, because it says what the field means and what its default is. The line breaks of a doc
//! comment are removed, because the reader's terminal breaks lines at its own width.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

/// Puts the fields' own descriptions into a CRD whose `spec` and `status` are of these types.
pub fn complete<Spec: JsonSchema, Status: JsonSchema>(crd: &mut CustomResourceDefinition) {
    for version in &mut crd.spec.versions {
        let Some(schema) =
            version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut())
        else {
            continue;
        };
        for (name, fields) in [("spec", plain::<Spec>()), ("status", plain::<Status>())] {
            if let Some(part) = schema.properties.as_mut().and_then(|all| all.get_mut(name)) {
                below(part, &fields);
            }
        }
        join_lines(schema);
    }
}

/// The schema of a type as schemars alone generates it, without references.
fn plain<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::openapi3().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Copies the descriptions of everything below a schema.
fn below(schema: &mut JSONSchemaProps, plain: &Value) {
    // An optional object is given as a choice between the object and null.
    let choices = plain["anyOf"].as_array().into_iter().flatten();
    let plain = choices.into_iter().find(|choice| choice["type"] != "null").unwrap_or(plain);
    for (name, field) in schema.properties.iter_mut().flatten() {
        copy(field, &plain["properties"][name]);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        copy(items, &plain["items"]);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        copy(values, &plain["additionalProperties"]);
    }
}

fn copy(schema: &mut JSONSchemaProps, plain: &Value) {
    if let Some(own) = plain["description"].as_str() {
        schema.description = Some(own.to_owned());
    }
    below(schema, plain);
}

fn join_lines(schema: &mut JSONSchemaProps) {
    schema.description = schema.description.as_deref().map(joined);
    schema.properties.iter_mut().flatten().for_each(|(_, field)| join_lines(field));
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        join_lines(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        join_lines(values);
    }
}

/// The text with one line per paragraph.
pub fn joined(text: &str) -> String {
    let paragraph = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split("\n\n").map(paragraph).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use schemars::schema_for;

    use super::*;
    use crate::crds;

    /// Every field of a plain schema that has a description, with its path.
    fn described(plain: &Value, path: &str, found: &mut Vec<(String, String)>) {
        let choices = plain["anyOf"].as_array().into_iter().flatten();
        let plain = choices.into_iter().find(|choice| choice["type"] != "null").unwrap_or(plain);
        for (name, field) in plain["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}/properties/{name}");
            if let Some(text) = field["description"].as_str() {
                found.push((path.clone(), joined(text)));
            }
            described(field, &path, found);
        }
    }

    #[test]
    fn every_field_keeps_its_own_description() {
        let [provider, job, batch] = crds().map(|crd| serde_json::to_value(crd).expect("JSON"));
        let root = "/spec/versions/0/schema/openAPIV3Schema/properties";
        for (crd, part, plain) in [
            (&provider, "spec", plain::<crate::FnoProviderSpec>()),
            (&provider, "status", plain::<crate::FnoProviderStatus>()),
            (&job, "spec", plain::<crate::FnoJobSpec>()),
            (&job, "status", plain::<crate::FnoJobStatus>()),
            (&batch, "spec", plain::<crate::FnoBatchSpec>()),
            (&batch, "status", plain::<crate::FnoBatchStatus>()),
        ] {
            let mut found = Vec::new();
            described(&plain, &format!("{root}/{part}"), &mut found);
            assert!(!found.is_empty(), "{part}");
            for (path, text) in found {
                let shown = crd.pointer(&path).map(|field| &field["description"]);
                assert_eq!(shown, Some(&Value::String(text)), "{path}");
            }
        }
        let reason = job.pointer(&format!("{root}/status/properties/reason/description"));
        let of_type = schema_for!(crate::Reason).to_value()["description"].clone();
        assert_ne!(reason, Some(&of_type), "the field says more than its type");
    }

    #[test]
    fn a_paragraph_is_one_line() {
        assert_eq!(joined("a\n b\n\nc"), "a b\n\nc");
    }
}
