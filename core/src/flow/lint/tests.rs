use fno_crds::flow::{Flow, Step, StepType};
use proptest::prelude::*;
use serde_json::{Value, json};
use strum::IntoEnumIterator as _;

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
    let (parent, name) = flow.split_once('.').map_or((None, flow), |(parent, name)| (Some(parent), name));
    let flows = &mut spec["flows"];
    let parent = if let Some(parent) = parent { &mut flows[parent] } else { flows };
    parent[name] = json!({"steps": steps});
    spec
}

/// Another validation flow, and nothing left that leans on the good one.
fn with_validation(steps: &str) -> Value {
    let mut spec = with("validation", steps);
    spec["proof"] = json!("true");
    if !steps.contains("look-at-order") {
        spec["flows"]["subflows"].as_object_mut().and_then(|subflows| subflows.remove("look-at-order"));
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

/// A step put before the last ones of the good validation flow, and what is told about it. Its place is `steps[0]`.
#[test]
fn a_wrong_step_is_told() {
    const NONE: &str = "";
    for (step, expected) in [
        // Names in texts.
        ("{type: navigate, url: '/{{ params.anything }}'}", NONE),
        ("{type: navigate, url: '/{{ job.name }}/{{ job.attempt }}?{{ provider.name }}&{{ page.title }}'}", NONE),
        ("{type: navigate, url: '/{{ fields.later }}'}", "Error flows.validation.steps[0].url: fields.later is not extracted by an earlier step; nothing is"),
        (
            "{type: navigate, url: '/{{ param.x }}'}",
            "Error flows.validation.steps[0].url: param is not defined here; there are fields, job, page, params, provider",
        ),
        ("{type: navigate, url: '/{{ job.uid }}'}", "Error flows.validation.steps[0].url: job.uid is not defined; job has action, attempt, name"),
        ("{type: navigate, url: '/{{ item.id }}'}", "Error flows.validation.steps[0].url: item is only defined in a subflow that forEach runs"),
        ("{type: navigate, url: '/{{ params.date.year }}'}", "Error flows.validation.steps[0].url: params.date is a text, so there is no params.date.year"),
        (
            "{type: navigate, url: '/{{ params.x | urlencode }}'}",
            "Error flows.validation.steps[0].url: there is no filter urlencode; filters are date, default, lower, replace, trim, upper",
        ),
        ("{type: navigate, url: '/{{ params.x | date }}'}", "Error flows.validation.steps[0].url: missing argument"),
        ("{type: navigate, url: '/{{ params.x | date(\"%!\") }}'}", "Error flows.validation.steps[0].url: date: \"%!\" is not a format"),
        ("{type: navigate, url: '/{{ params.x'}", "Error flows.validation.steps[0].url: not a template"),
        ("{type: select, selectors: [[a]], value: '{{ fields.x }}'}", "Error flows.validation.steps[0].value: fields.x is not extracted"),
        ("{type: dialog, action: Accept, contains: '{{ fields.x }}'}", "Error flows.validation.steps[0].contains: fields.x is not extracted"),
        // Names in conditions.
        ("{type: press, key: Tab, when: \"has(fields.later)\"}", "Error flows.validation.steps[0].when: fields.later is not extracted by an earlier step"),
        ("{type: press, key: Tab, when: \"row.x == 'y'\"}", "Error flows.validation.steps[0].when: row is not defined here"),
        (
            "{type: press, key: Tab, when: \"secret.password == 'x'\"}",
            "Error flows.validation.steps[0].when: secret may only be used in the value of a change step",
        ),
        ("{type: press, key: Tab, when: \"exists('a\"}", "Error flows.validation.steps[0].when: not a condition"),
        (
            "{type: press, key: Tab, when: \"{{ params.x }} == '1'\"}",
            "Error flows.validation.steps[0].when: this is a condition, not a text: write params.x, without {{ }}",
        ),
        ("{type: press, key: Tab, when: \"visible('a')\"}", "Error flows.validation.steps[0].when: there is no function visible()"),
        ("{type: press, key: Tab, when: \"exists('a[')\"}", "Error flows.validation.steps[0].when: selector \"a[\" has a bracket or quote that is not closed"),
        ("{type: assert, assert: \"fields.x == 'y'\"}", "Error flows.validation.steps[0].assert: fields.x is not extracted"),
        // Secrets.
        ("{type: change, selectors: [['#user']], value: '{{ secret.username }}'}", NONE),
        (
            "{type: change, selectors: [['#user']], value: '{{ secret.user }}'}",
            "Error flows.validation.steps[0].value: secret.user is not defined; secret has password, username",
        ),
        (
            "{type: change, selectors: [['#code']], value: '{{ totp }}'}",
            "Error flows.validation.steps[0].value: totp may only be used in the login flow: a code is granted per login",
        ),
        ("{type: navigate, url: '/?p={{ secret.password }}'}", "Error flows.validation.steps[0].url: secret may only be used in the value of a change step"),
        ("{type: select, selectors: [[a]], value: '{{ totp }}'}", "Error flows.validation.steps[0].value: totp may only be used in the value of a change step"),
        (
            "{type: click, selectors: [['text/{{ secret.username }}']]}",
            "Error flows.validation.steps[0].selectors[0]: selector \"text/{{ secret.username }}\" must not use secret or totp",
        ),
        (
            "{type: press, key: Tab, label: 'type {{ secret.password }}'}",
            "Error flows.validation.steps[0].label: secret may only be used in the value of a change step",
        ),
        ("{type: press, key: Tab, label: 'press {{ params.x }}'}", "Warning flows.validation.steps[0].label: {{ … }} is not worked out here"),
        (
            "{type: change, selectors: [['#user'], ['aria/Password']], value: hunter2}",
            "Warning flows.validation.steps[0].value: this looks like a recorded password or code",
        ),
        ("{type: change, selectors: [['#spinner']], value: hunter2}", NONE),
        // Selectors.
        ("{type: click, selectors: [['#a'], ['#b', 'aria/']]}", "Error flows.validation.steps[0].selectors[1]: selector \"aria/\" is empty"),
        (
            "{type: click, selectors: [['#line-{{ params.circuitNumber }}']]}",
            "Error flows.validation.steps[0].selectors[0]: selector \"#line-{{ params.circuitNumber }}\": put the text with {{ … }} into quotes",
        ),
        ("{type: click, selectors: [['text/{{ fields.x }}']]}", "Error flows.validation.steps[0].selectors[0]: fields.x is not extracted"),
        // Extraction.
        ("{type: extract, field: a, from: Url, regex: '('}", "Error flows.validation.steps[0].regex: regex is not a regular expression"),
        ("{type: extract, field: a, from: Url, regex: 'a', group: 1}", "Error flows.validation.steps[0].regex: group is 1, but regex has no group"),
        ("{type: extract, field: a, from: Url, group: 1}", "Warning flows.validation.steps[0].group: group is ignored without regex"),
        ("{type: extract, field: a, from: Url, match: 'true'}", "Warning flows.validation.steps[0].match: match is ignored unless the step reads from Table"),
        (
            "{type: extract, field: a, from: Table, selectors: [[t]], columns: {x: X}, match: \"row.y == 'z'\"}",
            "Error flows.validation.steps[0].match: row.y is not defined; row has x",
        ),
        (
            "{type: extract, field: a, from: Table, selectors: [[t]], columns: {x: X}, match: \"exists('a')\"}",
            "Error flows.validation.steps[0].match: match looks at row, not at the page",
        ),
        ("{type: extract, field: a, from: Table, selectors: [[t]], columns: {x: X}}", "Warning flows.validation.steps[0]: without match every row matches"),
        (
            "{type: extract, field: a, from: Table, selectors: [[t]], columns: {'x y': X}, cardinality: Many}",
            "Error flows.validation.steps[0].columns: \"x y\" cannot be used as row.x y",
        ),
        (
            "{type: extract, field: a, from: Table, selectors: [[t]], columns: {x: X}, cardinality: Many, normalize: Date}",
            "Warning flows.validation.steps[0]: regex and normalize are ignored",
        ),
        // Addresses.
        ("{type: navigate, url: 'https://login.example.net/x'}", NONE),
        ("{type: navigate, url: 'https://{{ params.host }}/'}", NONE),
        (
            "{type: navigate, url: 'https://evil.example.org/{{ params.x }}'}",
            "Warning flows.validation.steps[0].url: https://evil.example.org is not in allowedOrigins, so no secret will be typed there",
        ),
        (
            "{type: navigate, url: 'javascript:alert(1)'}",
            "Error flows.validation.steps[0].url: \"javascript:alert(1)\" is neither an http or https address nor a path",
        ),
        ("{type: navigate, url: lines}", "Error flows.validation.steps[0].url: \"lines\" is neither"),
        // Scripts and what is ignored.
        ("{type: script, expression: 'window.x()'}", "Error flows.validation.steps[0]: a script step needs browser.allowScripts: true"),
        ("{type: waitForExpression, expression: 'window.x'}", "Error flows.validation.steps[0]: a waitForExpression step needs browser.allowScripts: true"),
        ("{type: close}", "Warning flows.validation.steps[0]: a close step is ignored"),
        ("{type: customStep, parameters: {a: 1}}", "Warning flows.validation.steps[0]: a customStep step is ignored"),
        ("{type: emulateNetworkConditions}", "Warning flows.validation.steps[0]: an emulateNetworkConditions step is ignored"),
        ("{type: setViewport, width: 1, height: 1, isMobile: true}", "Warning flows.validation.steps[0].isMobile: isMobile is ignored"),
        (
            "{type: setViewport, width: 1, height: 1, deviceScaleFactor: 2.5}",
            "Warning flows.validation.steps[0].deviceScaleFactor: deviceScaleFactor is ignored",
        ),
        ("{type: click, selectors: [[a]], deviceType: touch}", "Warning flows.validation.steps[0].deviceType: deviceType is ignored"),
        (
            "{type: click, selectors: [[a]], assertedEvents: [{type: popup}]}",
            "Warning flows.validation.steps[0].assertedEvents[0].type: events of type \"popup\" are ignored",
        ),
        // Subflows.
        ("{type: runFlow, flow: nope}", "Error flows.validation.steps[0].flow: there is no subflow nope; there are close-news, look-at-order"),
        ("{type: forEach, flow: close-news, items: nope}", "Error flows.validation.steps[0].items: nope is not extracted by an earlier step"),
        (
            "{type: runFlow, flow: look-at-order}",
            "Error flows.subflows.look-at-order.steps[0].selectors[0]: item is only defined in a subflow that forEach runs",
        ),
        // Point of no return.
        (
            "{type: click, selectors: [[a]], commit: {identify: {selectors: [[a]], contains: '{{ params.circuitNumber }}'}, cancellableWhen: 'true'}}",
            "Error flows.validation.steps[0].commit: commit belongs into the cancellation flow only",
        ),
        // Names of steps.
        ("{type: press, key: Tab, name: service}", "Error flows.validation.steps[3].name: steps[0] is called service too"),
        ("{type: press, key: Tab, name: 5-outcome}", "Error flows.validation.steps[4].name: steps[0] is called 5-outcome too"),
    ] {
        let mut spec = good();
        let step: Value = serde_yaml::from_str(step).unwrap_or_else(|e| panic!("{step}: {e}"));
        spec["flows"]["validation"]["steps"].as_array_mut().into_iter().for_each(|steps| steps.insert(0, step.clone()));
        let told = told(&spec);
        match expected {
            NONE => assert_eq!(told, Vec::<String>::new(), "{step}"),
            expected => assert!(told.len() == 1 && told[0].starts_with(expected), "{step}\nexpected {expected}\ntold {told:#?}"),
        }
    }
}

#[test]
fn what_a_step_needs_is_told_without_the_api_server_too() {
    for (step, expected) in [
        (json!({"type": "click"}), "a click step needs selectors"),
        (json!({"type": "change", "selectors": [["a"]]}), "a change step needs value"),
        (json!({"type": "navigate"}), "a navigate step needs url"),
        (json!({"type": "press"}), "a press step needs key"),
        (json!({"type": "setViewport", "width": 1}), "a setViewport step needs height"),
        (json!({"type": "extract", "from": "Text", "selectors": [["a"]]}), "an extract step needs field"),
        (json!({"type": "extract", "field": "a", "from": "Text"}), "an extract step needs selectors, unless it reads from Url"),
        (
            json!({"type": "extract", "field": "a", "from": "Attribute", "selectors": [["a"]]}),
            "an extract step needs attribute, to read an Attribute or Property",
        ),
        (
            json!({"type": "extract", "field": "a", "from": "Table", "selectors": [["a"]], "cardinality": "Many"}),
            "an extract step needs columns, to read a Table",
        ),
        (json!({"type": "assert"}), "an assert step needs assert"),
        (json!({"type": "dialog"}), "a dialog step needs action"),
        (json!({"type": "switchTo", "to": "Frame"}), "a switchTo step needs selectors, to go to a Frame"),
        (json!({"type": "runFlow"}), "a runFlow step needs flow"),
        (json!({"type": "forEach", "flow": "close-news"}), "a forEach step needs items"),
    ] {
        let mut spec = good();
        spec["flows"]["validation"]["steps"].as_array_mut().into_iter().for_each(|steps| steps.insert(0, step.clone()));
        assert_eq!(told(&spec), [format!("Error flows.validation.steps[0]: {expected}")], "{step}");
    }
}

/// A flow in place of the good one, and all that is told.
#[test]
fn a_wrong_flow_is_told() {
    const COMMIT: &str = "commit: {identify: {selectors: [['#m']], contains: '{{ params.circuitNumber }}'}, cancellableWhen: 'true'}";
    let cancellation = |steps: &str| with("cancellation", &steps.replace("COMMIT", COMMIT));
    let end = "{type: navigate, url: /}, {type: outcome, code: Done, when: \"exists('a')\"}, {type: outcome, code: Unclear}";
    for (spec, expected) in [
        // Ends.
        (
            with_validation("[{type: outcome, code: Active, when: 'true'}]"),
            vec!["Error flows.validation.steps[0]: the last step must be an outcome without when, for all that the outcomes before it do not match"],
        ),
        (
            with_validation("[{type: outcome, code: A}, {type: outcome, code: B}, {type: press, key: Tab}, {type: outcome, code: C}]"),
            vec!["Error flows.validation.steps[1]: this step is never reached: the one before it always ends the flow"],
        ),
        // Login, probe, logout.
        (
            with("login", "[{type: navigate, url: /}]"),
            vec![
                "Error flows.login: the login flow types no user name and no password",
                "Warning flows.login: an account has totp, but the login flow never types {{ totp }}",
            ],
        ),
        (
            with("login", "[{type: change, selectors: [['#u']], value: '{{ secret.password }}{{ totp }}'}, {type: outcome, code: Active}]"),
            vec!["Error flows.login.steps[1].code: Active is no outcome of the login flow: it has LoggedIn, LoginRejected, AccountLocked, PortalUnavailable"],
        ),
        (
            with("login", "[{type: change, selectors: [['#u']], value: '{{ secret.password }}{{ totp }}{{ params.x }}'}]"),
            vec!["Error flows.login.steps[0].value: params is not defined here: the login flow runs for no job"],
        ),
        (with("sessionProbe", "[{type: navigate, url: /}]"), vec!["Warning flows.sessionProbe: the probe asks nothing"]),
        (with("sessionProbe", "[{type: outcome, code: SessionLost, when: \"exists('#login')\"}]"), vec![]),
        (with("logout", "[{type: outcome, code: Gone}]"), vec!["Error flows.logout.steps[0].code: Gone is no outcome of the logout flow"]),
        (
            with("logout", "[{type: navigate, url: '/{{ job.name }}'}]"),
            vec!["Error flows.logout.steps[0].url: job is not defined here: the logout flow runs for no job"],
        ),
        // Subflows.
        (
            with("subflows.unused", "[{type: press, key: '{{ params.x }}'}]"),
            vec!["Warning flows.subflows.unused: no flow runs this subflow", "Warning flows.subflows.unused.steps[0].key: {{ … }} is not worked out here"],
        ),
        (
            with("subflows.close-news", "[{type: runFlow, flow: close-news}]"),
            vec!["Error flows.subflows.close-news.steps[0].flow: subflow close-news runs itself: close-news -> close-news"],
        ),
        (
            with("subflows.close-news", "[{type: navigate, url: '/{{ params.x }}'}]"),
            vec!["Error flows.subflows.close-news.steps[0].url: params is not defined here: the login flow runs for no job"],
        ),
        (with("subflows.close-news", "[{type: outcome, code: PortalUnavailable, when: \"exists('#down')\"}]"), vec![]),
        (
            with("subflows.close-news", "[{type: outcome, code: PortalUnavailable}]"),
            vec![
                "Error flows.login.steps[9]: this step is never reached: the one before it always ends the flow",
                "Error flows.validation.steps[2]: this step is never reached",
            ],
        ),
        (
            with("subflows.look-at-order", "[{type: click, selectors: [['text/{{ item.nr }}']], when: \"item.number != ''\"}]"),
            vec!["Error flows.subflows.look-at-order.steps[0].selectors[0]: item.nr is not defined; item has number"],
        ),
        (
            with_validation(
                "[{type: extract, field: a, from: Url}, {type: forEach, flow: look-at-order, items: a}, {type: runFlow, flow: close-news}, {type: outcome, code: A}]",
            ),
            vec!["Error flows.validation.steps[1].items: a is not a list: extract it from List, or from Table with cardinality Many"],
        ),
        // Cancellation.
        (
            cancellation("[{type: outcome, code: Unclear}]"),
            vec!["Error flows.cancellation: a cancellation flow has exactly one step with commit: there is none"],
        ),
        (
            cancellation(&format!("[{{type: click, selectors: [[a]], COMMIT}}, {{type: press, key: Enter, COMMIT}}, {end}]")),
            vec!["Error flows.cancellation.steps[1].commit: a cancellation flow has exactly one step with commit: this is the second"],
        ),
        (cancellation(&format!("[{{type: click, selectors: [[a]], COMMIT}}, {end}]")), vec![]),
        (
            cancellation(&format!(
                "[{{type: dialog, action: Accept, commit: {{identify: {{contains: '{{{{ params.circuitNumber }}}}'}}, cancellableWhen: 'true'}}}}, {end}]"
            )),
            vec![],
        ),
        (
            cancellation(&format!("[{{type: dialog, action: Dismiss, COMMIT}}, {end}]")),
            vec!["Error flows.cancellation.steps[0].action: a commit dialog is accepted"],
        ),
        (
            cancellation(&format!("[{{type: hover, selectors: [[a]], COMMIT}}, {end}]")),
            vec!["Error flows.cancellation.steps[0].commit: commit belongs on a click, doubleClick, press or dialog step"],
        ),
        (
            cancellation(&format!("[{{type: click, selectors: [[a]], retry: {{attempts: 1}}, COMMIT}}, {end}]")),
            vec!["Error flows.cancellation.steps[0].retry: a commit step is never retried: remove retry"],
        ),
        (
            cancellation(&format!("[{{type: click, selectors: [[a]], optional: true, COMMIT}}, {end}]")),
            vec!["Error flows.cancellation.steps[0].optional: a commit step is never optional"],
        ),
        (
            cancellation(&format!("[{{type: click, selectors: [[a]], COMMIT}}, {}]", end.replace("url: /", "url: /, retry: {attempts: 1}"))),
            vec!["Error flows.cancellation.steps[1].retry: steps after the commit step run once: remove retry"],
        ),
        (
            cancellation("[{type: click, selectors: [[a]], COMMIT}, {type: outcome, code: Unclear}]"),
            vec![
                "Error flows.cancellation.steps[1]: after the commit step an outcome must be read off a freshly loaded page: navigate first",
                "Error flows.cancellation: after the commit step the flow must load a page afresh (navigate) and prove the new state there",
            ],
        ),
        (
            cancellation(&format!("[{{type: click, selectors: [[a]], COMMIT}}, {}]", end.replace("url: /", "url: /, when: \"exists('b')\""))),
            vec![
                "Error flows.cancellation.steps[2]: after the commit step an outcome",
                "Error flows.cancellation.steps[3]: after the commit step an outcome",
                "Error flows.cancellation: after the commit step the flow must load",
            ],
        ),
        (
            cancellation(&format!(
                "[{{type: click, selectors: [[a]], commit: {{identify: {{contains: 'Cancel this line?'}}, cancellableWhen: \"fields.x == 'y'\"}}}}, {end}]"
            )),
            vec![
                "Error flows.cancellation.steps[0].commit.identify.selectors: identify needs the element that names the circuit",
                "Error flows.cancellation.steps[0].commit.identify.contains: identify must name the circuit",
                "Error flows.cancellation.steps[0].commit.cancellableWhen: fields.x is not extracted by an earlier step",
            ],
        ),
        (
            cancellation(&format!(
                "[{{type: click, selectors: [[a]], commit: {{identify: {{selectors: [[b]], contains: '{{{{ params.other }}}}'}}, cancellableWhen: 'true'}}}}, {end}]"
            )),
            vec!["Warning flows.cancellation.steps[0].commit.identify.contains: identify does not name params.circuitNumber"],
        ),
        // Proof.
        (
            {
                let mut spec = good();
                spec["proof"] = Value::Null;
                spec
            },
            vec!["Warning proof: without proof every unknown outcome of a cancellation waits for a person"],
        ),
        (
            {
                let mut spec = good();
                spec["proof"] = json!("fields.servce.status == 'x'");
                spec
            },
            vec!["Error proof: fields.servce is not extracted by an earlier step; due, heading, orders, service are"],
        ),
        (
            {
                let mut spec = good();
                spec["proof"] = json!("exists('a')");
                spec
            },
            vec!["Error proof: proof looks at what a validation extracted"],
        ),
        (
            {
                let mut spec = good();
                spec["proof"] = json!("intent.when == ''");
                spec
            },
            vec!["Error proof: intent.when is not defined; intent has at, attempt"],
        ),
        // Accounts and scripts.
        (
            {
                let mut spec = good();
                spec["accounts"][0]["totp"] = Value::Null;
                spec
            },
            vec!["Warning flows.login: the login flow types {{ totp }}, but no account has totp"],
        ),
        (
            {
                let mut spec = with("logout", "[{type: script, expression: 'window.x()'}]");
                spec["browser"] = json!({"allowScripts": true});
                spec
            },
            vec![],
        ),
    ] {
        let told = told(&spec);
        let fits = told.len() == expected.len() && told.iter().zip(&expected).all(|(told, expected)| told.starts_with(expected));
        assert!(fits, "{}\nexpected {expected:#?}\ntold {told:#?}", spec["flows"]);
    }
}

#[test]
fn a_commit_in_a_subflow_is_told() {
    let mut spec = with("cancellation", "[{type: runFlow, flow: act}, {type: navigate, url: /}, {type: outcome, code: Unclear}]");
    spec["flows"]["subflows"]["act"] = json!({"steps": [{"type": "click", "selectors": [["a"]], "commit": {"identify": {"selectors": [["a"]], "contains": "{{ params.circuitNumber }}"}, "cancellableWhen": "true"}}]});
    assert_eq!(told(&spec), ["Error flows.subflows.act.steps[0].commit: commit must stand in the cancellation flow itself, not in a subflow"]);
}

#[test]
fn subflows_may_run_each_other_three_deep() {
    let chain = |n: usize| {
        let mut spec = with("logout", "[{type: runFlow, flow: s1}]");
        for i in 1..n {
            spec["flows"]["subflows"][format!("s{i}")] = json!({"steps": [{"type": "runFlow", "flow": format!("s{}", i + 1)}]});
        }
        spec["flows"]["subflows"][format!("s{n}")] = json!({"steps": [{"type": "press", "key": "Tab"}]});
        spec
    };
    assert_eq!(told(&chain(3)), Vec::<String>::new());
    assert_eq!(told(&chain(4)), ["Error flows.subflows.s3.steps[0].flow: subflows may run each other three deep: s1 -> s2 -> s3 -> s4 is one more"]);
}

#[test]
fn flows_that_multiply_are_refused_soon() {
    let mut spec = with("logout", "[{type: runFlow, flow: s1}]");
    let calls = |name: &str| json!({"steps": (0..100).map(|_| json!({"type": "runFlow", "flow": name})).collect::<Vec<_>>()});
    spec["flows"]["subflows"]["s1"] = calls("s2");
    spec["flows"]["subflows"]["s2"] = calls("s3");
    spec["flows"]["subflows"]["s3"] = calls("close-news");
    assert!(told(&spec).contains(&"Error flows: the flows run more than 2000 steps, subflows included: that is too many".to_owned()));
}

#[test]
fn a_field_read_in_two_ways_may_be_used_in_either() {
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
    assert_eq!(errors(&all(Severity::Error, 1)).as_deref(), Some("flows.login.steps[0]: is wrong in a way that takes some words to tell"));
    let text = errors(&all(Severity::Error, 40)).unwrap_or_default();
    assert!(text.ends_with("; and 33 more") && text.matches("flows.login").count() == 7 && text.len() <= 520, "{text}");
    let long = Finding { message: "x".repeat(2000), ..finding(Severity::Error, 0) };
    assert_eq!(errors(&[long]).map(|text| text.chars().count()), Some(500));
}

fn any_step() -> impl Strategy<Value = Step> {
    let text = prop_oneof![
        Just("{{ params.x }}".to_owned()),
        Just("{{ totp }}".to_owned()),
        Just("{{ secret.password | date('%d') }}".to_owned()),
        Just("exists('#a') && fields.a.b == 'x'".to_owned()),
        Just("a".to_owned()),
        Just("/x".to_owned()),
        "\\PC{0,20}",
        "[a-z{}()'.| ]{0,20}",
    ];
    let types = prop::sample::select(StepType::iter().collect::<Vec<_>>());
    let field = prop::sample::select(vec![
        "name",
        "when",
        "value",
        "url",
        "key",
        "expression",
        "field",
        "regex",
        "match",
        "assert",
        "code",
        "message",
        "contains",
        "flow",
        "items",
        "label",
    ]);
    let fields = prop::collection::btree_map(field, text.clone(), 0..8);
    let enums = prop::sample::select(vec![
        json!({}),
        json!({"from": "Table", "columns": {"a": "A"}}),
        json!({"from": "Table", "cardinality": "Many"}),
        json!({"from": "List"}),
        json!({"group": 3}),
        json!({"retry": {"attempts": 2}}),
        json!({"optional": true}),
    ]);
    let commit = prop::option::weighted(0.2, (text.clone(), text.clone()));
    (types, fields, enums, prop::collection::vec(prop::collection::vec(text, 0..3), 0..3), commit).prop_map(|(type_, fields, more, selectors, commit)| {
        let mut step = json!({"type": type_, "selectors": selectors});
        let map = step.as_object_mut().unwrap_or_else(|| unreachable!("an object"));
        map.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
        map.extend(more.as_object().cloned().unwrap_or_default());
        if let Some((contains, when)) = commit {
            map.insert("commit".to_owned(), json!({"identify": {"contains": contains}, "cancellableWhen": when}));
        }
        serde_json::from_value(step).unwrap_or_else(|e| panic!("{e}"))
    })
}

fn any_flow() -> impl Strategy<Value = Flow> {
    prop::collection::vec(any_step(), 0..6).prop_map(|steps| Flow { steps, ..Flow::default() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_flows_are_judged_without_a_panic(login in any_flow(), validation in any_flow(), cancellation in any_flow(), subflows in prop::collection::btree_map("[a-z]|a", any_flow(), 0..3)) {
        let mut spec: FnoProviderSpec = serde_json::from_value(good()).unwrap_or_else(|e| panic!("{e}"));
        spec.flows.login = login;
        spec.flows.validation = validation;
        spec.flows.cancellation = Some(cancellation);
        spec.flows.subflows = subflows;
        let findings = lint(&spec);
        prop_assert_eq!(&findings, &lint(&spec), "the same twice");
        prop_assert!(findings.iter().all(|finding| !finding.message.is_empty() && !finding.path.is_empty()));
        prop_assert!(errors(&findings).is_none_or(|text| text.chars().count() <= MAX_CHARS + 20));
    }
}
