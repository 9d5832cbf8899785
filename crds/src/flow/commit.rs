//! The point of no return of a cancellation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Marks the point of no return of a cancellation: the first act after which the portal may have acted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    /// Element, such as a row or a dialog, that must show the circuit just before the step acts.
    pub identify: Identify,
    /// CEL that must be true just before the step acts; otherwise nothing is done.
    #[schemars(length(min = 1, max = 1000))]
    pub cancellable_when: String,
    /// CEL over the page after the step. True means that the portal refused explicitly, so nothing happened. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    pub refused_when: Option<String>,
}

/// An element and the text it must show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Identify {
    /// Selector alternatives of the element. Omit them for a native dialog.
    #[serde(
        default,
        deserialize_with = "super::selectors::alternatives",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::selectors")]
    pub selectors: Vec<Vec<String>>,
    /// Template of the text that the element must contain, usually `{{ params.circuitNumber }}`.
    #[schemars(length(min = 1, max = 500))]
    pub contains: String,
}
