//! The texts, conditions and selectors of a step, each with its field.

use fno_crds::flow::{ExtractFrom, Step, StepType};
use serde_json::Value;

/// How to write a recorded text that only looks like a template.
pub(super) const LITERAL: &str =
    "; for the characters {{ or {% themselves, write {{ '{{' }} or {{ '{%' }}";

/// A text with templates.
pub(super) struct Text<'a> {
    pub at: &'static str,
    pub source: &'a str,
    /// Whether secrets are allowed in the text.
    pub is_value: bool,
}

/// A CEL expression.
pub(super) struct Expression<'a> {
    pub at: &'static str,
    pub source: &'a str,
    /// Whether the expression is evaluated for each row of a table, without questions to the page.
    pub over_rows: bool,
}

/// One alternative of a step's selectors.
pub(super) struct Alternative<'a> {
    pub at: String,
    pub chain: &'a [String],
}

/// The templates that the step's type uses.
pub(super) fn texts(step: &Step) -> Vec<Text<'_>> {
    let own = match step.type_ {
        StepType::Navigate => Some(("url", &step.url)),
        StepType::Change | StepType::Select => Some(("value", &step.value)),
        StepType::Dialog => Some(("contains", &step.contains)),
        StepType::Outcome => Some(("message", &step.message)),
        _ => None,
    };
    let own = own.and_then(|(at, source)| {
        Some(Text { at, source: source.as_deref()?, is_value: step.type_ == StepType::Change })
    });
    let commit = step.commit.as_ref().map(|commit| Text {
        at: "commit.identify.contains",
        source: &commit.identify.contains,
        is_value: false,
    });
    own.into_iter().chain(commit).collect()
}

/// The conditions that the step's type uses.
pub(super) fn expressions(step: &Step) -> Vec<Expression<'_>> {
    let commit = step.commit.as_ref();
    [
        ("when", step.when.as_ref(), false),
        ("assert", step.assert.as_ref().filter(|_| step.type_ == StepType::Assert), false),
        ("commit.cancellableWhen", commit.map(|commit| &commit.cancellable_when), false),
        ("commit.refusedWhen", commit.and_then(|commit| commit.refused_when.as_ref()), false),
        ("match", step.match_.as_ref().filter(|_| reads_table(step)), true),
    ]
    .into_iter()
    .filter_map(|(at, source, over_rows)| Some(Expression { at, source: source?, over_rows }))
    .collect()
}

/// The alternatives of `selectors` and `commit.identify.selectors`.
pub(super) fn alternatives(step: &Step) -> Vec<Alternative<'_>> {
    let own = step
        .selectors
        .iter()
        .enumerate()
        .map(|(i, chain)| Alternative { at: format!("selectors[{i}]"), chain });
    let identify = step.commit.iter().flat_map(|commit| &commit.identify.selectors).enumerate();
    own.chain(
        identify
            .map(|(i, chain)| Alternative { at: format!("commit.identify.selectors[{i}]"), chain }),
    )
    .collect()
}

/// Whether the step chooses rows of a table.
pub(super) fn reads_table(step: &Step) -> bool {
    step.type_ == StepType::Extract && step.from == Some(ExtractFrom::Table)
}

/// All other texts of the step, each with its field. Templates in them are not rendered.
pub(super) fn plain_texts(step: &Step) -> Vec<(String, String)> {
    let known: Vec<_> = texts(step)
        .iter()
        .map(|text| text.at)
        .chain(expressions(step).iter().map(|expression| expression.at))
        .collect();
    let mut all = Vec::new();
    collect(String::new(), &serde_json::to_value(step).unwrap_or_default(), &mut all);
    all.retain(|(at, _)| {
        !known.contains(&at.as_str())
            && !at.starts_with("selectors")
            && !at.starts_with("commit.identify.selectors")
    });
    all
}

fn collect(at: String, value: &Value, all: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => all.push((at, text.clone())),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| collect(format!("{at}[{i}]"), item, all))
        }
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            collect(if at.is_empty() { key.clone() } else { format!("{at}.{key}") }, value, all)
        }),
        _ => {}
    }
}
