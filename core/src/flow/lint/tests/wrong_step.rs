//! Faults of one step.

use serde_json::{Value, json};

use super::{good, told};

/// Inserts a step as `steps[0]` of the good validation flow, and expects one finding, or none.
#[test]
fn faults_of_a_step_are_reported() {
    const NONE: &str = "";
    for (step, expected) in [
        // Names in texts.
        ("{type: navigate, url: '/{{ params.anything }}'}", NONE),
        (
            "{type: navigate, url: '/{{ job.name }}/{{ job.attempt }}?{{ provider.name }}&{{ page.title }}'}",
            NONE,
        ),
        (
            "{type: navigate, url: '/{{ fields.later }}'}",
            "Error flows.validation.steps[0].url: fields.later is not extracted by an earlier step; nothing is",
        ),
        (
            "{type: navigate, url: '/{{ param.x }}'}",
            "Error flows.validation.steps[0].url: param is not defined here; there are fields, job, page, params, provider",
        ),
        (
            "{type: navigate, url: '/{{ job.uid }}'}",
            "Error flows.validation.steps[0].url: job.uid is not defined; job has action, attempt, name",
        ),
        (
            "{type: navigate, url: '/{{ item.id }}'}",
            "Error flows.validation.steps[0].url: item is only defined in a subflow that forEach runs",
        ),
        (
            "{type: navigate, url: '/{{ params.date.year }}'}",
            "Error flows.validation.steps[0].url: params.date is a text, so there is no params.date.year",
        ),
        (
            "{type: navigate, url: '/{{ params.x | urlencode }}'}",
            "Error flows.validation.steps[0].url: there is no filter urlencode; filters are date, default, lower, replace, trim, upper",
        ),
        (
            "{type: navigate, url: '/{{ params.x | date }}'}",
            "Error flows.validation.steps[0].url: missing argument",
        ),
        (
            "{type: navigate, url: '/{{ params.x | date(\"%!\") }}'}",
            "Error flows.validation.steps[0].url: date: \"%!\" is not a format",
        ),
        (
            "{type: navigate, url: '/{{ params.x'}",
            "Error flows.validation.steps[0].url: not a template",
        ),
        (
            "{type: select, selectors: [[a]], value: '{{ fields.x }}'}",
            "Error flows.validation.steps[0].value: fields.x is not extracted",
        ),
        (
            "{type: dialog, action: Accept, contains: '{{ fields.x }}'}",
            "Error flows.validation.steps[0].contains: fields.x is not extracted",
        ),
        // Names in conditions.
        (
            "{type: press, key: Tab, when: \"has(fields.later)\"}",
            "Error flows.validation.steps[0].when: fields.later is not extracted by an earlier step",
        ),
        (
            "{type: press, key: Tab, when: \"row.x == 'y'\"}",
            "Error flows.validation.steps[0].when: row is not defined here",
        ),
        (
            "{type: press, key: Tab, when: \"secret.password == 'x'\"}",
            "Error flows.validation.steps[0].when: secret may only be used in the value of a change step",
        ),
        (
            "{type: press, key: Tab, when: \"exists('a\"}",
            "Error flows.validation.steps[0].when: not a condition",
        ),
        (
            "{type: press, key: Tab, when: \"{{ params.x }} == '1'\"}",
            "Error flows.validation.steps[0].when: this is a condition, not a text: write params.x, without {{ }}",
        ),
        (
            "{type: press, key: Tab, when: \"visible('a')\"}",
            "Error flows.validation.steps[0].when: there is no function visible()",
        ),
        (
            "{type: press, key: Tab, when: \"exists('a[')\"}",
            "Error flows.validation.steps[0].when: selector \"a[\" has a bracket or quote that is not closed",
        ),
        (
            "{type: assert, assert: \"fields.x == 'y'\"}",
            "Error flows.validation.steps[0].assert: fields.x is not extracted",
        ),
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
        (
            "{type: navigate, url: '/?p={{ secret.password }}'}",
            "Error flows.validation.steps[0].url: secret may only be used in the value of a change step",
        ),
        (
            "{type: select, selectors: [[a]], value: '{{ totp }}'}",
            "Error flows.validation.steps[0].value: totp may only be used in the value of a change step",
        ),
        (
            "{type: click, selectors: [['aria/{{ secret.username }}']]}",
            "Error flows.validation.steps[0].selectors[0]: selector \"aria/{{ secret.username }}\" must not use secret or totp",
        ),
        (
            "{type: press, key: Tab, label: 'type {{ secret.password }}'}",
            "Error flows.validation.steps[0].label: secret may only be used in the value of a change step",
        ),
        (
            "{type: press, key: Tab, label: 'press {{ params.x }}'}",
            "Warning flows.validation.steps[0].label: {{ … }} is not rendered here",
        ),
        (
            "{type: change, selectors: [['#user'], ['aria/Password']], value: hunter2}",
            "Warning flows.validation.steps[0].value: this looks like a recorded password or code",
        ),
        ("{type: change, selectors: [['#spinner']], value: hunter2}", NONE),
        // Selectors.
        (
            "{type: click, selectors: [['#a'], ['#b', 'aria/']]}",
            "Error flows.validation.steps[0].selectors[1]: selector \"aria/\" is empty",
        ),
        (
            "{type: click, selectors: [['#line-{{ params.circuitNumber }}']]}",
            "Error flows.validation.steps[0].selectors[0]: selector \"#line-{{ params.circuitNumber }}\": put the text with {{ … }} into quotes",
        ),
        (
            "{type: click, selectors: [['aria/{{ fields.x }}']]}",
            "Error flows.validation.steps[0].selectors[0]: fields.x is not extracted",
        ),
        (
            "{type: click, selectors: [['#a'], ['table', 'text/{{ params.x }}']]}",
            "Warning flows.validation.steps[0].selectors[1]: text/ takes the first element that contains the text: FTTH-00042 also finds FTTH-00042A. Name the element whose whole text it is, as in aria/{{ params.x }} or xpath///td[normalize-space()='{{ params.x }}']",
        ),
        (
            "{type: extract, field: a, from: Text, selectors: [['text/{{ params.x }}', b]]}",
            "Warning flows.validation.steps[0].selectors[0]: text/ takes the first element",
        ),
        ("{type: waitForElement, selectors: [['text/{{ params.x }}']]}", NONE),
        ("{type: click, selectors: [['text/Open']]}", NONE),
        // Keys.
        ("{type: press, key: ShiftLeft}", NONE),
        ("{type: keyDown, key: KeyA}", NONE),
        (
            "{type: press, key: Entr}",
            "Error flows.validation.steps[0].key: there is no key \"Entr\": did you mean Enter?",
        ),
        // Recorded text that only looks like a template.
        ("{type: change, selectors: [['#note']], value: \"{{ '{{' }}name}}\"}", NONE),
        (
            "{type: change, selectors: [['#note']], value: '{{ Mustache }}'}",
            "Error flows.validation.steps[0].value: Mustache is not defined here; there are fields, job, page, params, provider; for the characters {{ or {% themselves, write {{ '{{' }} or {{ '{%' }}",
        ),
        (
            "{type: change, selectors: [['#note']], value: '{{#each}}'}",
            "Error flows.validation.steps[0].value: not a template",
        ),
        (
            "{type: change, selectors: [['#note']], value: '{% if %}'}",
            "Error flows.validation.steps[0].value: only {{ … }} may be used in a text, not {% … %}: put conditions into when; for the characters {{ or {% themselves, write {{ '{{' }} or {{ '{%' }}",
        ),
        // Extraction.
        (
            "{type: extract, field: a, from: Url, regex: '('}",
            "Error flows.validation.steps[0].regex: regex is not a regular expression",
        ),
        (
            "{type: extract, field: a, from: Url, regex: 'a', group: 1}",
            "Error flows.validation.steps[0].regex: group is 1, but regex has no group",
        ),
        (
            "{type: extract, field: a, from: Url, group: 1}",
            "Warning flows.validation.steps[0].group: group is ignored without regex",
        ),
        (
            "{type: extract, field: a, from: Url, match: 'true'}",
            "Warning flows.validation.steps[0].match: match is ignored unless the step reads from Table",
        ),
        (
            "{type: extract, field: a, from: Table, selectors: [[t]], columns: {x: X}, match: \"row.y == 'z'\"}",
            "Error flows.validation.steps[0].match: row.y is not defined; row has x",
        ),
        (
            "{type: extract, field: a, from: Table, selectors: [[t]], columns: {x: X}, match: \"exists('a')\"}",
            "Error flows.validation.steps[0].match: match sees the row, not the page",
        ),
        (
            "{type: extract, field: a, from: Table, selectors: [[t]], columns: {x: X}}",
            "Warning flows.validation.steps[0]: without match every row matches",
        ),
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
        (
            "{type: navigate, url: lines}",
            "Error flows.validation.steps[0].url: \"lines\" is neither",
        ),
        // Scripts and what is ignored.
        (
            "{type: script, expression: 'window.x()'}",
            "Error flows.validation.steps[0]: a script step needs browser.allowScripts: true",
        ),
        (
            "{type: waitForExpression, expression: 'window.x'}",
            "Error flows.validation.steps[0]: a waitForExpression step needs browser.allowScripts: true",
        ),
        ("{type: close}", "Warning flows.validation.steps[0]: a close step is ignored"),
        (
            "{type: customStep, parameters: {a: 1}}",
            "Warning flows.validation.steps[0]: a customStep step is ignored",
        ),
        (
            "{type: emulateNetworkConditions}",
            "Warning flows.validation.steps[0]: an emulateNetworkConditions step is ignored",
        ),
        (
            "{type: setViewport, width: 1, height: 1, isMobile: true}",
            "Warning flows.validation.steps[0].isMobile: isMobile is ignored",
        ),
        (
            "{type: setViewport, width: 1, height: 1, deviceScaleFactor: 2.5}",
            "Warning flows.validation.steps[0].deviceScaleFactor: deviceScaleFactor is ignored",
        ),
        (
            "{type: click, selectors: [[a]], deviceType: touch}",
            "Warning flows.validation.steps[0].deviceType: deviceType is ignored",
        ),
        (
            "{type: click, selectors: [[a]], assertedEvents: [{type: popup}]}",
            "Warning flows.validation.steps[0].assertedEvents[0].type: events of type \"popup\" are ignored",
        ),
        // Subflows.
        (
            "{type: runFlow, flow: nope}",
            "Error flows.validation.steps[0].flow: there is no subflow nope; there are close-news, look-at-order",
        ),
        (
            "{type: forEach, flow: close-news, items: nope}",
            "Error flows.validation.steps[0].items: nope is not extracted by an earlier step",
        ),
        (
            "{type: runFlow, flow: look-at-order}",
            "Error flows.subflows.look-at-order.steps[0].selectors[0]: item is only defined in a subflow that forEach runs",
        ),
        // Commit.
        (
            "{type: click, selectors: [[a]], commit: {identify: {selectors: [[a]], contains: '{{ params.circuitNumber }}'}, cancellableWhen: 'true'}}",
            "Error flows.validation.steps[0].commit: commit belongs in the cancellation flow only",
        ),
        // Names of steps.
        (
            "{type: press, key: Tab, name: service}",
            "Error flows.validation.steps[3].name: steps[0] has the name service too",
        ),
        (
            "{type: press, key: Tab, name: 5-outcome}",
            "Error flows.validation.steps[4].name: steps[0] has the name 5-outcome too",
        ),
    ] {
        let mut spec = good();
        let step: Value = serde_yaml::from_str(step).unwrap_or_else(|e| panic!("{step}: {e}"));
        spec["flows"]["validation"]["steps"]
            .as_array_mut()
            .into_iter()
            .for_each(|steps| steps.insert(0, step.clone()));
        let told = told(&spec);
        match expected {
            NONE => assert_eq!(told, Vec::<String>::new(), "{step}"),
            expected => assert!(
                told.len() == 1 && told[0].starts_with(expected),
                "{step}\nexpected {expected}\ntold {told:#?}"
            ),
        }
    }
}

#[test]
fn missing_fields_of_a_step_are_reported_without_the_api_server_too() {
    for (step, expected) in [
        (json!({"type": "click"}), "a click step needs selectors"),
        (json!({"type": "change", "selectors": [["a"]]}), "a change step needs value"),
        (json!({"type": "navigate"}), "a navigate step needs url"),
        (json!({"type": "press"}), "a press step needs key"),
        (json!({"type": "setViewport", "width": 1}), "a setViewport step needs height"),
        (
            json!({"type": "extract", "from": "Text", "selectors": [["a"]]}),
            "an extract step needs field",
        ),
        (
            json!({"type": "extract", "field": "a", "from": "Text"}),
            "an extract step needs selectors, unless it reads from Url",
        ),
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
        (
            json!({"type": "switchTo", "to": "Frame"}),
            "a switchTo step needs selectors, to go to a Frame",
        ),
        (json!({"type": "runFlow"}), "a runFlow step needs flow"),
        (json!({"type": "forEach", "flow": "close-news"}), "a forEach step needs items"),
    ] {
        let mut spec = good();
        spec["flows"]["validation"]["steps"]
            .as_array_mut()
            .into_iter()
            .for_each(|steps| steps.insert(0, step.clone()));
        assert_eq!(told(&spec), [format!("Error flows.validation.steps[0]: {expected}")], "{step}");
    }
}
