//! The names that a text or condition may use at a certain step.

use std::collections::BTreeMap;

use fno_crds::flow::Step;
use serde_json::{Map, Value};

use super::{Report, parts, shape::Shape};
use crate::flow::{
    condition::Condition,
    kind::FlowKind,
    selector,
    template::{Template, TemplateError},
};

/// Reports the names of a step that are not defined when it runs. Texts and conditions that cannot be parsed are reported elsewhere.
pub(super) fn check(step: &Step, path: &str, known: &Known, report: &mut Report) {
    for text in parts::texts(step) {
        let template = Template::parse(text.source).ok();
        if let Some(complaint) = template.and_then(|template| known.text(&template)) {
            report.error(format!("{path}.{}", text.at), complaint);
        }
    }
    for alternative in parts::alternatives(step) {
        let templates = selector::templates(alternative.chain).unwrap_or_default();
        if let Some(complaint) = templates.iter().find_map(|template| known.text(template)) {
            report.error(format!("{path}.{}", alternative.at), complaint);
        }
    }
    let over_rows =
        known.clone().with("row", Shape::texts(step.columns.keys().map(String::as_str)));
    for expression in parts::expressions(step) {
        let known = if expression.over_rows { &over_rows } else { known };
        let condition = Condition::parse(expression.source).ok();
        if let Some(complaint) = condition.and_then(|condition| known.condition(&condition)) {
            report.error(format!("{path}.{}", expression.at), complaint);
        }
    }
}

/// The names that are defined when a step runs.
#[derive(Clone)]
pub(super) struct Known {
    shape: Shape,
    kind: FlowKind,
}

impl Known {
    pub fn new(kind: FlowKind, fields: &BTreeMap<String, Shape>, item: Option<&Shape>) -> Self {
        let mut roots = BTreeMap::from([
            ("fields".to_owned(), Shape::Parts(fields.clone())),
            ("page".to_owned(), Shape::texts(["title", "url"])),
            ("provider".to_owned(), Shape::texts(["baseUrl", "name"])),
        ]);
        if kind.is_for_job() {
            roots.insert("params".to_owned(), Shape::Open);
            roots.insert("job".to_owned(), Shape::texts(["action", "attempt", "name"]));
        }
        roots.extend(item.map(|item| ("item".to_owned(), item.clone())));
        Self { shape: Shape::Parts(roots), kind }
    }

    /// Adds a name.
    pub fn with(mut self, name: &str, shape: Shape) -> Self {
        if let Shape::Parts(roots) = &mut self.shape {
            roots.insert(name.to_owned(), shape);
        }
        self
    }

    /// The first undefined name of a condition, as a sentence.
    pub fn condition(&self, condition: &Condition) -> Option<String> {
        condition.names().iter().find_map(|name| self.complaint(name))
    }

    fn text(&self, template: &Template) -> Option<String> {
        let mut names = template
            .names()
            .iter()
            .filter(|name| !matches!(name.split('.').next(), Some("secret" | "totp")));
        let complaint = names.find_map(|name| {
            let is_ours = self.shape.follow(name.split('.').next().unwrap_or_default()).is_ok();
            let hint = if is_ours { "" } else { parts::LITERAL };
            self.complaint(name).map(|complaint| format!("{complaint}{hint}"))
        });
        complaint.or_else(|| self.trial(template))
    }

    /// The fault of a name, as a sentence.
    fn complaint(&self, name: &str) -> Option<String> {
        match name.split('.').next() {
            Some(root @ ("params" | "job")) if !self.kind.is_for_job() => Some(format!(
                "{root} is not defined here: the {} flow runs for no job",
                self.kind.as_str()
            )),
            Some("item") if self.shape.follow("item").is_err() => {
                Some("item is only defined in a subflow that forEach runs".to_owned())
            }
            Some(root @ ("secret" | "totp")) => {
                Some(format!("{root} may only be used in the value of a change step"))
            }
            _ => self.shape.follow(name).err(),
        }
    }

    /// Renders a text with example values, which finds wrong arguments of filters.
    fn trial(&self, template: &Template) -> Option<String> {
        let mut variables = Map::new();
        for name in template.names() {
            put(
                &mut variables,
                name,
                self.shape
                    .follow(name)
                    .map(Shape::example)
                    .unwrap_or_else(|_| Shape::Text.example()),
            );
        }
        match template.render_variables(&variables) {
            Err(error @ TemplateError::Value(_)) => Some(error.to_string()),
            _ => None,
        }
    }
}

/// Inserts a value under a dotted name.
fn put(variables: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => _ = variables.entry(name).or_insert(value),
        Some((parent, rest)) => {
            let parent = variables.entry(parent).or_insert_with(|| Map::new().into());
            if let Value::Object(parent) = parent {
                put(parent, rest, value);
            }
        }
    }
}
