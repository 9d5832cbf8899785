//! Flows within flows.

use fno_runner::engine::{FailureKind, FlowEnd, StepResult};
use serde_json::json;

use crate::support::{Bench, click, text};

const LIST: &str = "<pre id=log></pre><ul id=u><li>1<li>2<li>3</ul><script>
    for (const item of u.children) item.onclick = () => { log.textContent += item.textContent + ' '; };</script>";

fn items() -> serde_json::Value {
    json!({"type": "extract", "field": "items", "from": "List", "selectors": [["li"]]})
}

#[tokio::test]
async fn a_subflow_runs_once_for_each_row_and_sees_it() {
    let mut bench = Bench::with(&[("/", LIST)]).await.subflow(
        "press",
        json!([{"type": "click", "name": "one", "selectors": [["text/{{ item }}"]]}]),
    );
    let walked = bench.walk(json!([items(), {"type": "forEach", "name": "each", "items": "items", "flow": "press"}, text("log", "#log")])).await;
    assert_eq!(walked.finished()["log"], "1 2 3");
    assert_eq!(walked.trace.entries.iter().filter(|entry| entry.step == "each/one").count(), 3);
    let walked = bench
        .walk(
            json!([items(), {"type": "forEach", "items": "items", "flow": "press", "maxItems": 2}]),
        )
        .await;
    assert_eq!(walked.failure().kind, FailureKind::Value);
    assert!(walked.failure().message.contains("has 3 entries, maxItems is 2"));
    let walked =
        bench.walk(json!([{"type": "forEach", "items": "nothing", "flow": "press"}])).await;
    walked.finished();
}

#[tokio::test]
async fn subflows_share_fields_and_their_outcome_ends_the_whole_flow() {
    let mut bench = Bench::with(&[("/", LIST)]).await.subflow("outer", json!([{"type": "runFlow", "name": "in", "flow": "inner"}, click("#never")])).subflow(
        "inner",
        json!([text("first", "li"), {"type": "outcome", "name": "found", "code": "Found", "when": "fields.first == '1'", "message": "{{ fields.first }}"}]),
    );
    let walked = bench
        .walk(json!([{"type": "runFlow", "name": "out", "flow": "outer"}, click("#never")]))
        .await;
    assert_eq!(
        walked.end,
        FlowEnd::Outcome { code: "Found".into(), message: "1".into(), step: "out/in/found".into() }
    );
    assert_eq!(walked.fields["first"], "1");
}

#[tokio::test]
async fn a_failure_inside_is_told_by_its_whole_name_and_may_be_passed_over() {
    let mut bench = Bench::with(&[("/", LIST)]).await.subflow(
        "sub",
        json!([{"type": "click", "name": "none", "selectors": [["#none"]], "timeout": 60}]),
    );
    let walked = bench.walk(json!([{"type": "runFlow", "name": "call", "flow": "sub"}])).await;
    assert_eq!(walked.failure().step, "call/none");
    assert!(
        walked.failure().message.starts_with("step call/none: nothing matches `#none`"),
        "{}",
        walked.failure().message
    );
    assert_eq!(
        (walked.result("call/none"), walked.result("call")),
        (StepResult::Failed, StepResult::Failed)
    );
    assert_eq!(walked.trace.files.len(), 1, "one picture is enough");
    let walked = bench.walk(json!([{"type": "runFlow", "name": "call", "flow": "sub", "optional": true}, text("log", "li")])).await;
    assert_eq!(walked.finished()["log"], "1");
    assert_eq!(walked.result("call"), StepResult::Passed);
}

#[tokio::test]
async fn subflows_are_three_deep_at_most() {
    let call = |name: &str| json!([{"type": "runFlow", "flow": name}]);
    let mut bench = Bench::with(&[("/", "")])
        .await
        .subflow("a", call("b"))
        .subflow("b", call("c"))
        .subflow("c", call("d"))
        .subflow("d", json!([click("#x")]));
    let walked = bench.walk(call("a")).await;
    assert_eq!(walked.failure().kind, FailureKind::Flow);
    assert!(walked.failure().message.contains("3 deep"), "{}", walked.failure().message);
}
