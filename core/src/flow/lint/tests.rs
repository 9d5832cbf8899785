mod absence;
mod any_flow;
mod wrong_flow;
mod wrong_step;

use serde_json::{Value, json};

use super::*;

const GOOD: &str = include_str!("tests/good_provider.yaml");

fn good() -> Value {
    serde_yaml::from_str(GOOD).unwrap_or_else(|e| panic!("{e}"))
}

fn findings(spec: &Value) -> Vec<Finding> {
    lint(&serde_json::from_value(spec.clone()).unwrap_or_else(|e| panic!("{e}")))
}

/// The good provider with other steps in a flow (`validation`, `subflows.x`).
fn with(flow: &str, steps: &str) -> Value {
    let mut spec = good();
    let steps: Value = serde_yaml::from_str(steps).unwrap_or_else(|e| panic!("{steps}: {e}"));
    let (parent, name) =
        flow.split_once('.').map_or((None, flow), |(parent, name)| (Some(parent), name));
    let flows = &mut spec["flows"];
    let parent = if let Some(parent) = parent { &mut flows[parent] } else { flows };
    parent[name] = json!({"steps": steps});
    spec
}

/// Another validation flow, without anything that depends on the good one.
fn with_validation(steps: &str) -> Value {
    let mut spec = with("validation", steps);
    spec["proof"] = json!("true");
    if !steps.contains("look-at-order") {
        spec["flows"]["subflows"]
            .as_object_mut()
            .and_then(|subflows| subflows.remove("look-at-order"));
    }
    spec
}

fn told(spec: &Value) -> Vec<String> {
    findings(spec).iter().map(|finding| format!("{} {finding}", finding.severity)).collect()
}

#[test]
fn a_good_provider_has_no_findings() {
    assert_eq!(told(&good()), Vec::<String>::new());
}

#[test]
fn the_cancellation_of_the_documentation_has_no_findings() {
    const DOCS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/flows.md"));
    let example = DOCS
        .split_once("<!-- linted: cancellation -->\n```yaml\n")
        .and_then(|(_, rest)| rest.split_once("\n```"))
        .map(|(example, _)| example)
        .unwrap_or_else(|| panic!("docs/flows.md has no cancellation"));
    let example: Value = serde_yaml::from_str(example).unwrap_or_else(|e| panic!("{e}"));
    let mut spec = good();
    spec["flows"]["cancellation"] = example["cancellation"].clone();
    assert_eq!(told(&spec), Vec::<String>::new());
}

#[test]
fn a_field_that_is_read_in_two_ways_may_be_used_in_either_way() {
    let steps = "[{type: extract, field: a, from: Url}, {type: extract, field: a, from: List, selectors: [[li]]}, {type: navigate, url: '/{{ fields.a }}'}, {type: runFlow, flow: close-news}, {type: forEach, flow: look-at-order, items: a}, {type: outcome, code: A}]";
    let mut spec = with_validation(steps);
    spec["proof"] = json!("fields.a == intent.job");
    assert_eq!(told(&spec), Vec::<String>::new());
}

#[test]
fn the_short_text_holds_the_errors_and_how_many_more() {
    let finding = |severity, i: usize| Finding {
        path: format!("flows.login.steps[{i}]"),
        severity,
        message: "is wrong in a way that takes some words to tell".to_owned(),
    };
    let all = |severity, n| (0..n).map(|i| finding(severity, i)).collect::<Vec<_>>();
    assert_eq!(errors(&[]), None);
    assert_eq!(errors(&all(Severity::Warning, 3)), None);
    assert_eq!(
        errors(&all(Severity::Error, 1)).as_deref(),
        Some("flows.login.steps[0]: is wrong in a way that takes some words to tell")
    );
    let text = errors(&all(Severity::Error, 40)).unwrap_or_default();
    assert!(
        text.ends_with("; and 33 more")
            && text.matches("flows.login").count() == 7
            && text.len() <= 520,
        "{text}"
    );
    let long = Finding { message: "x".repeat(2000), ..finding(Severity::Error, 0) };
    assert_eq!(errors(&[long]).map(|text| text.chars().count()), Some(500));
}
