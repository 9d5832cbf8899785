//! `when`, `optional`, `retry`, `assert`, `outcome`.

use fno_crds::Reason;
use fno_runner::engine::{FailureKind, FlowEnd, StepResult};
use serde_json::json;

use crate::support::{Bench, click, text};

#[tokio::test]
async fn a_step_is_skipped_unless_its_condition_holds() {
    let page = "<p id=status> Active  line</p><p id=gone hidden>x</p><ul><li>1<li>2</ul>";
    let mut bench = Bench::with(&[("/", page)]).await.param("kind", "fibre");
    for (when, holds) in [
        ("exists('#status')", true),
        ("exists('#gone')", false),
        ("exists('#nothing')", false),
        ("text('#status') == 'Active line'", true),
        ("text('#gone') == ''", true),
        ("count('li') == 2", true),
        ("params.kind == 'fibre' && page.url.endsWith('/')", true),
        ("has(fields.line)", false),
        ("exists('ul >>> text/2')", true),
    ] {
        let walked = bench
            .walk(json!([{"type": "assert", "name": "a", "when": when, "assert": "true"}]))
            .await;
        let expected = if holds { StepResult::Done } else { StepResult::Skipped };
        walked.finished();
        assert_eq!(walked.result("a"), expected, "{when}");
    }
    let walked = bench
        .walk(json!([{"type": "assert", "when": "fields.nothing.here == 'x'", "assert": "true"}]))
        .await;
    assert_eq!(
        (walked.failure().kind, walked.failure().reason),
        (FailureKind::Flow, Reason::StepFailed)
    );
}

#[tokio::test]
async fn a_condition_is_asked_of_the_page_that_is_coming_not_of_the_one_that_goes() {
    let router =
        crate::support::Site::router(&[("/", "<a id=go href=/next>go</a><p id=old>old</p>")])
            .route(
                "/next",
                axum::routing::get(|| async {
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                    axum::response::Html(crate::support::html("<p id=new>new</p>"))
                }),
            );
    let mut bench = Bench::on(crate::support::Site::serve(router).await).await;
    let walked = bench
        .walk(json!([
            click("#go"),
            {"type": "outcome", "when": "exists('#old')", "code": "Old"},
            {"type": "outcome", "when": "exists('#new')", "code": "New"},
        ]))
        .await;
    assert_eq!(
        walked.end,
        FlowEnd::Outcome { code: "New".into(), message: String::new(), step: "4-outcome".into() }
    );
}

#[tokio::test]
async fn the_first_outcome_that_holds_ends_the_flow() {
    let page = "<p id=status>Cancelled</p>";
    let mut bench = Bench::with(&[("/", page)]).await;
    let walked = bench
        .walk(json!([
            text("status", "#status"),
            {"type": "outcome", "code": "Active", "when": "fields.status == 'Active'"},
            {"type": "outcome", "name": "gone", "code": "AlreadyCancelled", "when": "fields.status == 'Cancelled'", "message": "The portal says {{ fields.status }}."},
            {"type": "outcome", "code": "Unknown"},
        ]))
        .await;
    assert_eq!(
        walked.end,
        FlowEnd::Outcome {
            code: "AlreadyCancelled".into(),
            message: "The portal says Cancelled.".into(),
            step: "gone".into()
        }
    );
    assert_eq!(walked.fields["status"], "Cancelled");
    assert_eq!(walked.trace.entries.len(), 4, "what comes behind it is not reached");
}

#[tokio::test]
async fn an_assertion_waits_until_it_holds() {
    let page = "<p id=n>0</p><script>const timer = setInterval(() => { n.textContent = Number(n.textContent) + 1; if (n.textContent == 4) clearInterval(timer); }, 20)</script>";
    let mut bench = Bench::with(&[("/", page)]).await;
    bench.walk(json!([{"type": "assert", "assert": "text('#n') == '4'"}])).await.finished();
    let walked = bench.walk(json!([{"type": "assert", "name": "five", "assert": "text('#n') == '5'", "message": "five of them", "timeout": 250}])).await;
    let failure = walked.failure();
    assert_eq!((failure.kind, failure.reason), (FailureKind::Value, Reason::StepFailed));
    assert!(
        failure
            .message
            .starts_with("step five: `text('#n') == '5'` does not hold (text('#n') is \"4\"): five of them (page "),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_failed_assertion_shows_what_it_compared_but_nothing_sensitive() {
    let page = "<p id=serial>B53001A</p><p id=note>of a person</p>";
    let mut bench = Bench::with(&[("/", page)]).await.param("circuitNumber", "B53001");
    let note = json!({"type": "extract", "field": "note", "from": "Text", "selectors": [["#note"]], "sensitive": true});
    let step = json!({"type": "assert", "timeout": 60, "assert": "fields.serial == params.circuitNumber && fields.note == ''"});
    let walked = bench.walk(json!([text("serial", "#serial"), note, step])).await;
    let message = &walked.failure().message;
    assert!(
        message.contains("(fields.serial is \"B53001A\", params.circuitNumber is \"B53001\")"),
        "{message}"
    );
    assert!(!message.contains("of a person"), "{message}");
}

#[tokio::test]
async fn an_optional_step_may_fail_and_a_retried_one_is_tried_again() {
    let page = "<button id=b>Go</button><p id=p hidden>here</p><script>let presses = 0; b.onclick = () => { presses += 1; if (presses === 3) p.hidden = false; }</script>";
    let mut bench = Bench::with(&[("/", page)]).await.subflow(
        "try",
        json!([click("#b"), {"type": "waitForElement", "selectors": [["#p"]], "timeout": 60}]),
    );
    let walked = bench.walk(json!([{"type": "click", "name": "maybe", "selectors": [["#none"]], "optional": true, "timeout": 60}, click("#b")])).await;
    walked.finished();
    assert_eq!(walked.result("maybe"), StepResult::Passed);
    assert!(
        walked
            .entry("maybe")
            .message
            .as_deref()
            .is_some_and(|message| message.contains("nothing matches"))
    );
    let walked = bench.walk(json!([{"type": "runFlow", "name": "press", "flow": "try", "retry": {"attempts": 3, "delay": "1ms"}}])).await;
    walked.finished();
    let results: Vec<StepResult> = walked
        .trace
        .entries
        .iter()
        .filter(|entry| entry.step == "press")
        .map(|entry| entry.result)
        .collect();
    assert_eq!(results, [StepResult::Retried, StepResult::Retried, StepResult::Done]);
    let walked =
        bench.walk(json!([{"type": "click", "name": "never", "selectors": [["#none"]], "retry": {"attempts": 2, "delay": "1ms"}, "timeout": 60}])).await;
    walked.failure();
    assert_eq!(walked.trace.entries.iter().filter(|entry| entry.step == "never").count(), 3);
}
