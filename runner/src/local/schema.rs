//! Compares an object with the schema of its kind. serde ignores unknown fields; the API server refuses or drops them.

use fno_core::nearest::nearest;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

use super::yaml::{Node, Tree};

/// Maximum number of field names in a message.
const MOST_NAMES: usize = 15;

/// A remark about a field in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    /// Line in the file, from 1.
    pub line: u64,
    /// Field: `spec.flows.login.steps[0].timeout`.
    pub path: String,
    /// Human-readable sentence.
    pub message: String,
}

/// All remarks about an object.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    /// Unknown fields.
    pub errors: Vec<Remark>,
    /// Faults that only the API server refuses.
    pub warnings: Vec<Remark>,
}

/// Compares an object with the schema of its kind.
pub(super) fn check(object: &Node, kind: &CustomResourceDefinition) -> Remarks {
    let mut remarks = Remarks::default();
    let version = kind.spec.versions.iter().find(|version| version.served);
    let schema = version
        .and_then(|version| version.schema.as_ref())
        .and_then(|schema| schema.open_api_v3_schema.as_ref());
    if let (Some(schema), Tree::Map(entries)) = (schema, &object.tree) {
        let known: Vec<&str> = ["apiVersion", "kind", "metadata"]
            .into_iter()
            .chain(schema.properties.iter().flatten().map(|(name, _)| name.as_str()))
            .collect();
        for (key, value) in entries {
            match schema.properties.as_ref().and_then(|parts| parts.get(&key.value)) {
                Some(part) => remarks.value(value, part, &key.value),
                None if known.contains(&key.value.as_str()) => {}
                None => remarks.unknown(key.referenced.line(), key.value.clone(), known.clone()),
            }
        }
    }
    remarks
}

impl Remarks {
    fn value(&mut self, node: &Node, schema: &JSONSchemaProps, path: &str) {
        match &node.tree {
            Tree::Map(entries) => {
                for (key, value) in entries {
                    let path = format!("{path}.{}", key.value);
                    let known = schema.properties.as_ref();
                    match (known.and_then(|known| known.get(&key.value)), known) {
                        (Some(part), _) => self.value(value, part, &path),
                        (None, Some(known))
                            if schema.x_kubernetes_preserve_unknown_fields != Some(true) =>
                        {
                            let names = known.keys().map(String::as_str).collect();
                            self.unknown(key.referenced.line(), path, names);
                        }
                        _ => {
                            if let Some(JSONSchemaPropsOrBool::Schema(any)) =
                                &schema.additional_properties
                            {
                                self.value(value, any, &path);
                            }
                        }
                    }
                }
            }
            Tree::List(items) => {
                if let Some(JSONSchemaPropsOrArray::Schema(each)) = &schema.items {
                    for (at, item) in items.iter().enumerate() {
                        self.value(item, each, &format!("{path}[{at}]"));
                    }
                }
            }
            Tree::Scalar(serde_json::Value::String(text))
                if schema.type_.as_deref() == Some("array") && path.contains("selectors[") =>
            {
                self.warnings.push(Remark {
                    line: node.line,
                    path: path.to_owned(),
                    message: format!("a selector by itself, as some recordings have it: the API server takes lists only, so write [{text:?}]"),
                });
            }
            Tree::Scalar(_) => {}
        }
    }

    fn unknown(&mut self, line: u64, path: String, known: Vec<&str>) {
        let name = path.rsplit('.').next().unwrap_or_default();
        let message = match nearest(name, known.iter().copied()) {
            Some(nearest) => format!("there is no such field: did you mean {nearest}?"),
            None if known.len() <= MOST_NAMES => {
                format!("there is no such field; there are {}", known.join(", "))
            }
            None => "there is no such field; kubectl explain lists those there are".to_owned(),
        };
        self.errors.push(Remark { line, path, message });
    }
}
