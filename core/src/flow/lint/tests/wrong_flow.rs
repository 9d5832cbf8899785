//! Faults of a flow as a whole.

use serde_json::{Value, json};

use super::{good, told, with, with_validation};

/// Replaces a flow of the good provider, and expects these findings and no others.
#[test]
fn faults_of_a_flow_are_reported() {
    const COMMIT: &str = "commit: {identify: {selectors: [['#m']], contains: '{{ params.circuitNumber }}'}, cancellableWhen: 'true'}";
    let cancellation = |steps: &str| with("cancellation", &steps.replace("COMMIT", COMMIT));
    let end = "{type: navigate, url: /}, {type: outcome, code: Done, when: \"exists('a')\"}, {type: outcome, code: Unclear}";
    for (spec, expected) in [
        // Ends.
        (
            with_validation("[{type: outcome, code: Active, when: \"exists('a')\"}]"),
            vec![
                "Error flows.validation.steps[0]: the last step must be an outcome without when, as a catch-all for everything not matched above",
            ],
        ),
        (
            with_validation(
                "[{type: outcome, code: A}, {type: outcome, code: B}, {type: press, key: Tab}, {type: outcome, code: C}]",
            ),
            vec![
                "Error flows.validation.steps[1]: this step is never reached: the one before it always ends the flow",
            ],
        ),
        (
            with_validation(
                "[{type: extract, field: row, from: Table, selectors: [[t]], columns: {x: X}, match: 'true', required: false}, {type: outcome, code: NotFound, when: '!has(fields.row)'}, {type: outcome, code: A}]",
            ),
            vec![
                "Warning flows.validation.steps[1].when: NotFound rests on nothing that the page shows: a page that is late, or drawn differently, gives it too. Let it rest on what the portal shows in this case, as in exists('text/No line found'), or wait before it until the page names {{ params.circuitNumber }}",
            ],
        ),
        (
            with_validation("[{type: outcome, code: NotFound}]"),
            vec![
                "Warning flows.validation.steps[0]: NotFound rests on nothing that the page shows",
            ],
        ),
        (
            with_validation(
                "[{type: outcome, code: Cancelled, when: \"count('.active') == 0\"}, {type: outcome, code: A}]",
            ),
            vec![
                "Warning flows.validation.steps[0].when: Cancelled rests on nothing that the page shows",
            ],
        ),
        (
            with_validation(
                "[{type: outcome, code: SessionLost, when: \"!exists('#logout')\"}, {type: outcome, code: NotFound, when: \"exists('.none')\"}, {type: outcome, code: A}]",
            ),
            vec![],
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
            with(
                "login",
                "[{type: change, selectors: [['#u']], value: '{{ secret.password }}{{ totp }}'}, {type: outcome, code: Active}]",
            ),
            vec![
                "Error flows.login.steps[1].code: Active is not an outcome of the login flow; its outcomes are LoggedIn, LoginRejected, AccountLocked, PortalUnavailable",
                "Error flows.login: the login flow has no outcome LoginRejected",
            ],
        ),
        (
            with(
                "login",
                "[{type: change, selectors: [['#u']], value: '{{ secret.password }}{{ totp }}{{ params.x }}'}, {type: outcome, code: LoginRejected, when: exists('.e')}]",
            ),
            vec![
                "Error flows.login.steps[0].value: params is not defined here: the login flow runs for no job",
            ],
        ),
        (
            with("sessionProbe", "[{type: navigate, url: /}]"),
            vec!["Warning flows.sessionProbe: the probe checks nothing"],
        ),
        (
            with(
                "sessionProbe",
                "[{type: outcome, code: SessionLost, when: \"exists('#login')\"}]",
            ),
            vec![],
        ),
        (
            with("logout", "[{type: outcome, code: Gone}]"),
            vec!["Error flows.logout.steps[0].code: Gone is not an outcome of the logout flow"],
        ),
        (
            with("logout", "[{type: navigate, url: '/{{ job.name }}'}]"),
            vec![
                "Error flows.logout.steps[0].url: job is not defined here: the logout flow runs for no job",
            ],
        ),
        // Subflows.
        (
            with("subflows.unused", "[{type: press, key: Tab, label: '{{ params.x }}'}]"),
            vec![
                "Warning flows.subflows.unused: no flow runs this subflow",
                "Warning flows.subflows.unused.steps[0].label: {{ … }} is not rendered here",
            ],
        ),
        (
            with("subflows.close-news", "[{type: runFlow, flow: close-news}]"),
            vec![
                "Error flows.subflows.close-news.steps[0].flow: subflow close-news runs itself: close-news -> close-news",
            ],
        ),
        (
            with("subflows.close-news", "[{type: navigate, url: '/{{ params.x }}'}]"),
            vec![
                "Error flows.subflows.close-news.steps[0].url: params is not defined here: the login flow runs for no job",
            ],
        ),
        (
            with(
                "subflows.close-news",
                "[{type: outcome, code: PortalUnavailable, when: \"exists('#down')\"}]",
            ),
            vec![],
        ),
        (
            with("subflows.close-news", "[{type: outcome, code: PortalUnavailable}]"),
            vec![
                "Error flows.login.steps[9]: this step is never reached: the one before it always ends the flow",
                "Error flows.validation.steps[2]: this step is never reached",
            ],
        ),
        (
            with(
                "subflows.look-at-order",
                "[{type: click, selectors: [['aria/{{ item.nr }}']], when: \"item.number != ''\"}]",
            ),
            vec![
                "Error flows.subflows.look-at-order.steps[0].selectors[0]: item.nr is not defined; item has number",
            ],
        ),
        (
            with_validation(
                "[{type: extract, field: a, from: Url}, {type: forEach, flow: look-at-order, items: a}, {type: runFlow, flow: close-news}, {type: outcome, code: A}]",
            ),
            vec![
                "Error flows.validation.steps[1].items: a is not a list: extract it from List, or from Table with cardinality Many",
            ],
        ),
        // Cancellation.
        (
            cancellation("[{type: outcome, code: Unclear}]"),
            vec![
                "Error flows.cancellation: a cancellation flow needs exactly one step with commit",
            ],
        ),
        (
            cancellation(&format!(
                "[{{type: click, selectors: [[a]], COMMIT}}, {{type: press, key: Enter, COMMIT}}, {end}]"
            )),
            vec![
                "Error flows.cancellation.steps[1].commit: a cancellation flow has exactly one step with commit: this is the second",
            ],
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
            vec![
                "Error flows.cancellation.steps[0].commit: commit belongs on a click, doubleClick, press or dialog step",
            ],
        ),
        (
            cancellation(&format!(
                "[{{type: click, selectors: [[a]], retry: {{attempts: 1}}, COMMIT}}, {end}]"
            )),
            vec![
                "Error flows.cancellation.steps[0].retry: a commit step is never retried: remove retry",
            ],
        ),
        (
            cancellation(&format!(
                "[{{type: click, selectors: [[a]], optional: true, COMMIT}}, {end}]"
            )),
            vec!["Error flows.cancellation.steps[0].optional: a commit step is never optional"],
        ),
        (
            cancellation(&format!(
                "[{{type: click, selectors: [[a]], COMMIT}}, {}]",
                end.replace("url: /", "url: /, retry: {attempts: 1}")
            )),
            vec![
                "Error flows.cancellation.steps[1].retry: steps after the commit step run once: remove retry",
            ],
        ),
        (
            cancellation(
                "[{type: click, selectors: [[a]], COMMIT}, {type: outcome, code: Unclear}]",
            ),
            vec![
                "Error flows.cancellation.steps[1]: after the commit step an outcome must be read from a page that is loaded again: navigate first",
                "Error flows.cancellation: after the commit step the flow must load a page again (navigate) and prove the new state there",
            ],
        ),
        (
            cancellation(&format!(
                "[{{type: click, selectors: [[a]], COMMIT}}, {}]",
                end.replace("url: /", "url: /, when: \"exists('b')\"")
            )),
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
            vec![
                "Warning flows.cancellation.steps[0].commit.identify.contains: identify does not name params.circuitNumber",
            ],
        ),
        // Proof.
        (
            {
                let mut spec = good();
                spec["proof"] = Value::Null;
                spec
            },
            vec![
                "Warning proof: without proof every unknown outcome of a cancellation waits for a person",
            ],
        ),
        (
            {
                let mut spec = good();
                spec["proof"] = json!("fields.servce.status == 'x'");
                spec
            },
            vec![
                "Error proof: fields.servce is not extracted by an earlier step; due, heading, orders, service are",
            ],
        ),
        (
            {
                let mut spec = good();
                spec["proof"] = json!("exists('a')");
                spec
            },
            vec!["Error proof: proof sees the fields of a validation"],
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
        let fits = told.len() == expected.len()
            && told.iter().zip(&expected).all(|(told, expected)| told.starts_with(expected));
        assert!(fits, "{}\nexpected {expected:#?}\ntold {told:#?}", spec["flows"]);
    }
}

#[test]
fn a_commit_never_acts_on_the_first_text_that_contains_the_circuit() {
    let spec = with(
        "cancellation",
        "[{type: click, selectors: [['text/{{ params.circuitNumber }}']], commit: {identify: {selectors: [['#m']], contains: '{{ params.circuitNumber }}'}, cancellableWhen: 'true'}}, {type: navigate, url: /}, {type: outcome, code: Done, when: \"exists('a')\"}, {type: outcome, code: Unclear}]",
    );
    let told = told(&spec);
    assert!(
        told.len() == 1
            && told[0].starts_with(
                "Error flows.cancellation.steps[0].selectors[0]: text/ takes the first element"
            ),
        "{told:#?}"
    );
}

#[test]
fn a_commit_in_a_subflow_is_reported() {
    let mut spec = with(
        "cancellation",
        "[{type: runFlow, flow: act}, {type: navigate, url: /}, {type: outcome, code: Unclear}]",
    );
    spec["flows"]["subflows"]["act"] = json!({"steps": [{"type": "click", "selectors": [["a"]], "commit": {"identify": {"selectors": [["a"]], "contains": "{{ params.circuitNumber }}"}, "cancellableWhen": "true"}}]});
    assert_eq!(
        told(&spec),
        [
            "Error flows.subflows.act.steps[0].commit: commit must be in the cancellation flow itself, not in a subflow"
        ]
    );
}

#[test]
fn subflows_may_run_each_other_three_deep() {
    let chain = |n: usize| {
        let mut spec = with("logout", "[{type: runFlow, flow: s1}]");
        for i in 1..n {
            spec["flows"]["subflows"][format!("s{i}")] =
                json!({"steps": [{"type": "runFlow", "flow": format!("s{}", i + 1)}]});
        }
        spec["flows"]["subflows"][format!("s{n}")] =
            json!({"steps": [{"type": "press", "key": "Tab"}]});
        spec
    };
    assert_eq!(told(&chain(3)), Vec::<String>::new());
    assert_eq!(
        told(&chain(4)),
        [
            "Error flows.subflows.s3.steps[0].flow: subflows may run each other three deep: s1 -> s2 -> s3 -> s4 is one more"
        ]
    );
}

#[test]
fn flows_that_multiply_are_refused_soon() {
    let mut spec = with("logout", "[{type: runFlow, flow: s1}]");
    let calls = |name: &str| json!({"steps": (0..100).map(|_| json!({"type": "runFlow", "flow": name})).collect::<Vec<_>>()});
    spec["flows"]["subflows"]["s1"] = calls("s2");
    spec["flows"]["subflows"]["s2"] = calls("s3");
    spec["flows"]["subflows"]["s3"] = calls("close-news");
    assert!(
        told(&spec).contains(
            &"Error flows: the flows run more than 2000 steps, subflows included: that is too many"
                .to_owned()
        )
    );
}
