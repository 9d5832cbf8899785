//! What is known about a value before the flow runs.

use std::collections::BTreeMap;

use fno_crds::flow::{Cardinality, ExtractFrom, Step};
use serde_json::{Map, Value, json};

/// The form of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing is known.
    Any,
    /// A single text or number.
    Text,
    /// An object of texts with any names: the parameters of a job.
    Open,
    /// An object.
    Parts(BTreeMap<String, Self>),
    /// A list.
    List(Box<Self>),
}

impl Shape {
    /// An object of texts.
    pub fn texts<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Parts(names.into_iter().map(|name| (name.to_owned(), Self::Text)).collect())
    }

    /// The form of the value that an `extract` step reads.
    pub fn extracted(step: &Step) -> Self {
        let row = || Self::texts(step.columns.keys().map(String::as_str));
        match (step.from, step.cardinality) {
            (Some(ExtractFrom::Table), Some(Cardinality::Many)) => Self::List(Box::new(row())),
            (Some(ExtractFrom::Table), _) => row(),
            (Some(ExtractFrom::List), _) => Self::List(Box::new(Self::Text)),
            _ => Self::Text,
        }
    }

    /// The form of the value under a dotted name.
    ///
    /// The error is a sentence with the undefined part and the names that are defined.
    pub fn follow(&self, name: &str) -> Result<&Self, String> {
        let mut shape = self;
        let mut path = String::new();
        for part in name.split('.') {
            let parent = std::mem::take(&mut path);
            path = if parent.is_empty() { part.to_owned() } else { format!("{parent}.{part}") };
            shape = match shape {
                Self::Any => return Ok(&Self::Any),
                Self::Open => &Self::Text,
                Self::Parts(parts) => parts.get(part).ok_or_else(|| {
                    let known = parts.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                    match (parent.as_str(), known.as_str()) {
                        ("", known) => format!("{path} is not defined here; there are {known}"),
                        ("fields", "") => {
                            format!("{path} is not extracted by an earlier step; nothing is")
                        }
                        ("fields", known) => {
                            format!("{path} is not extracted by an earlier step; {known} are")
                        }
                        (parent, known) => format!("{path} is not defined; {parent} has {known}"),
                    }
                })?,
                Self::Text => return Err(format!("{parent} is a text, so there is no {path}")),
                Self::List(_) => {
                    return Err(format!(
                        "{parent} is a list, so there is no {path}; go through it with forEach, or in a condition with {parent}.exists(x, …)"
                    ));
                }
            };
        }
        Ok(shape)
    }

    /// An example value. Texts are a date, which every filter accepts.
    pub fn example(&self) -> Value {
        match self {
            Self::Any | Self::Text => json!("2026-01-02"),
            Self::Open => json!({}),
            Self::Parts(parts) => parts
                .iter()
                .map(|(name, shape)| (name.clone(), shape.example()))
                .collect::<Map<_, _>>()
                .into(),
            Self::List(item) => json!([item.example()]),
        }
    }
}
