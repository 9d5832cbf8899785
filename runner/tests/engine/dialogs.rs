//! Native dialogs.

use fno_crds::Reason;
use fno_runner::engine::{FailureKind, StepResult};
use serde_json::json;

use crate::support::{Bench, click, text};

const PAGE: &str = "<pre id=log></pre>
    <button id=ask onclick=\"log.textContent += confirm('Cancel B53001?') ? 'yes ' : 'no '\">Ask</button>
    <button id=late onclick=\"setTimeout(() => ask.click(), 60)\">Late</button>
    <button id=warn onclick=\"alert('Penalty applies'); log.textContent += 'warned '\">Warn</button>
    <button id=name onclick=\"log.textContent += prompt('Reference?') + ' '\">Name</button>
    <button id=calm onclick=\"log.textContent += 'calm '\">Calm</button>";

#[tokio::test]
async fn the_dialog_a_step_opens_is_answered() {
    let mut bench = Bench::with(&[("/", PAGE)]).await;
    for (id, action, log) in [
        ("#ask", "Accept", "yes"),
        ("#ask", "Dismiss", "no"),
        ("#late", "Accept", "yes"),
        ("#warn", "Accept", "warned"),
    ] {
        let walked = bench.walk(json!([{"type": "click", "name": "press", "selectors": [[id]], "onDialog": action}, text("log", "#log")])).await;
        assert_eq!(walked.finished()["log"], log, "{id} {action}");
        assert!(
            walked.entry("press").message.as_deref().is_some_and(|message| message.contains('"')),
            "what it said is noted"
        );
    }
    let walked = bench.walk(json!([{"type": "click", "selectors": [["#calm"]], "onDialog": "Accept", "timeout": 150}])).await;
    assert_eq!(walked.failure().kind, FailureKind::Dialog);
    assert!(walked.failure().message.contains("no dialog opened"));
}

#[tokio::test]
async fn a_dialog_step_answers_waits_and_types() {
    let mut bench = Bench::with(&[("/", PAGE)]).await.param("circuitNumber", "B53001");
    for (id, step, log) in [
        (
            "#ask",
            json!({"action": "Accept", "contains": "Cancel {{ params.circuitNumber }}"}),
            "yes",
        ),
        ("#ask", json!({"action": "Dismiss"}), "no"),
        ("#late", json!({"action": "Accept"}), "yes"),
        (
            "#name",
            json!({"action": "Accept", "value": "ref {{ params.circuitNumber }}"}),
            "ref B53001",
        ),
        ("#name", json!({"action": "Dismiss"}), "null"),
    ] {
        let mut dialog = json!({"type": "dialog"});
        dialog.as_object_mut().expect("a step").extend(step.as_object().expect("fields").clone());
        let walked = bench.walk(json!([click(id), dialog, text("log", "#log")])).await;
        assert_eq!(walked.finished()["log"], log, "{id} {step}");
    }
    let walked = bench.walk(json!([{"type": "dialog", "name": "maybe", "action": "Accept", "optional": true, "timeout": 60}])).await;
    walked.finished();
    assert_eq!(walked.result("maybe"), StepResult::Passed);
}

#[tokio::test]
async fn a_dialog_that_says_something_else_is_dismissed_and_fails_the_step() {
    let mut bench = Bench::with(&[("/", PAGE)]).await;
    let walked = bench.walk(json!([click("#ask"), {"type": "dialog", "name": "confirm", "action": "Accept", "contains": "B99999"}])).await;
    let failure = walked.failure();
    assert_eq!((failure.kind, failure.reason), (FailureKind::Dialog, Reason::StepFailed));
    assert!(
        failure.message.contains("the dialog says \"Cancel B53001?\", not \"B99999\""),
        "{}",
        failure.message
    );
    let walked = bench.walk_on(json!([text("log", "#log")])).await;
    assert_eq!(walked.finished()["log"], "no");
}

#[tokio::test]
async fn a_dialog_nobody_expects_fails_the_step_it_blocks_and_no_other() {
    let mut bench = Bench::with(&[("/", PAGE)]).await;
    for steps in [
        json!([click("#warn"), click("#calm")]),
        json!([click("#late"), {"type": "waitForElement", "selectors": [["#never"]]}]),
    ] {
        let walked = bench.walk(steps).await;
        assert_eq!(walked.failure().kind, FailureKind::Dialog);
        assert!(
            walked.failure().message.contains("Penalty applies")
                || walked.failure().message.contains("Cancel B53001?"),
            "{}",
            walked.failure().message
        );
        assert_eq!(walked.trace.files.len(), 1, "the picture is taken behind the dialog");
        assert_eq!(
            bench.walk(json!([click("#calm"), text("log", "#log")])).await.finished()["log"],
            "calm"
        );
    }
}

#[tokio::test]
async fn a_dialog_left_open_by_one_flow_does_not_meet_the_next() {
    let mut bench = Bench::with(&[("/", PAGE)]).await;
    bench.walk(json!([click("#warn")])).await.finished();
    assert_eq!(
        bench.walk(json!([click("#calm"), text("log", "#log")])).await.finished()["log"],
        "calm"
    );
}
