//! Waiting: for what is not there yet, and for pages.

use std::{sync::Arc, time::Duration};

use axum::{response::Html, routing::get};
use fno_crds::Reason;
use fno_runner::engine::FailureKind;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{Bench, Site, click, text};

/// A site whose `/next` answers only when it is told to.
async fn slow_site(home: &str, next: &str) -> (Bench, Arc<Notify>) {
    let go = Arc::new(Notify::new());
    let (waits, next) = (Arc::clone(&go), crate::support::html(next));
    let router = Site::router(&[("/", home)]).route(
        "/next",
        get(move || async move {
            waits.notified().await;
            Html(next)
        }),
    );
    (Bench::on(Site::serve(router).await).await, go)
}

#[tokio::test]
async fn what_comes_late_is_seen_however_it_comes() {
    for (how, page) in [
        (
            "added",
            "<script>setTimeout(() => document.body.insertAdjacentHTML('beforeend', '<p id=late>here</p>'), 50)</script>",
        ),
        (
            "shown by a class",
            "<style>.off #late { display: none }</style><main class=off><p id=late>here</p></main><script>setTimeout(() => { document.querySelector('main').className = '' }, 50)</script>",
        ),
        (
            "shown by a style sheet",
            "<style id=sheet>#late { display: none }</style><p id=late>here</p><script>setTimeout(() => { sheet.disabled = true }, 50)</script>",
        ),
        (
            "faded in",
            "<style>#late { opacity: 0; animation: fade 60ms 50ms forwards } @keyframes fade { to { opacity: 1 } }</style><p id=late>here</p>",
        ),
        (
            "in a shadow tree",
            "<x-a id=host></x-a><script>host.attachShadow({mode: 'open'}); setTimeout(() => { host.shadowRoot.innerHTML = '<p id=late>here</p>' }, 50)</script>",
        ),
    ] {
        let mut bench = Bench::with(&[("/", page)]).await;
        let walked =
            bench.walk(json!([{"type": "waitForElement", "selectors": [["pierce/#late"]]}])).await;
        assert_eq!(walked.finished(), &json!({}), "{how}");
    }
}

#[tokio::test]
async fn a_wait_goes_on_over_navigations_in_between() {
    let hop = |to: &str| {
        format!("<p>on the way</p><script>setTimeout(() => location.href = '{to}', 30)</script>")
    };
    let mut bench = Bench::with(&[
        ("/", &hop("/2")),
        ("/2", &hop("/3")),
        ("/3", &hop("/4")),
        ("/4", "<p id=end>arrived</p>"),
    ])
    .await;
    let walked = bench.walk(json!([{"type": "waitForElement", "name": "wait", "selectors": [["#end"]]}, text("end", "#end")])).await;
    assert_eq!(walked.finished()["end"], "arrived");
    assert!(walked.entry("wait").url.as_deref().is_some_and(|url| url.ends_with("/4")));
}

#[tokio::test]
async fn after_a_click_that_leaves_the_page_the_next_step_acts_on_the_new_one() {
    // The button it presses next is on both pages.
    let button =
        |page: &str| format!("<button id=b onclick=\"document.title = '{page}'\">Go</button>");
    for way in [
        "<a id=leave href=/next>next</a>",
        "<form action=/next><input type=submit id=leave></form>",
        "<button id=leave onclick=\"location.href = '/next'\">next</button>",
    ] {
        let (mut bench, go) = slow_site(&format!("{}{way}", button("old")), &button("new")).await;
        let flow = bench.walk(json!([click("#leave"), click("#b"), {"type": "assert", "assert": "page.title == 'new'"}]));
        let (walked, ()) = tokio::join!(flow, async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            go.notify_one();
        });
        walked.finished();
    }
}

#[tokio::test]
async fn a_slow_page_takes_its_own_time_and_not_the_steps() {
    let (mut bench, go) =
        slow_site("<a id=leave href=/next>next</a>", "<p id=end>arrived</p>").await;
    let flow = bench.walk(json!([click("#leave"), {"type": "extract", "field": "end", "from": "Text", "selectors": [["#end"]], "timeout": 200}]));
    let (walked, ()) = tokio::join!(flow, async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        go.notify_one();
    });
    assert_eq!(walked.finished()["end"], "arrived");
}

#[tokio::test]
async fn elements_are_counted_as_asked_for() {
    let page = "<ul><li class=a data-s=x>1</li><li class=a>2</li><li class=a hidden>3</li></ul><input id=box type=checkbox checked><p id=gone>soon gone</p>
        <script>setTimeout(() => gone.remove(), 60)</script>";
    let mut bench = Bench::with(&[("/", page)]).await;
    let wait = |more: Value| {
        let mut step = json!({"type": "waitForElement", "timeout": 250});
        step.as_object_mut().expect("a step").extend(more.as_object().expect("fields").clone());
        step
    };
    for (more, holds) in [
        (json!({"selectors": [["li"]], "count": 2}), true),
        (json!({"selectors": [["li"]], "count": 3}), false),
        (json!({"selectors": [["li"]], "count": 1}), false),
        (json!({"selectors": [["li"]], "operator": ">=", "count": 2}), true),
        (json!({"selectors": [["li"]], "operator": ">=", "count": 3}), false),
        (json!({"selectors": [["li"]], "operator": "<=", "count": 2}), true),
        (json!({"selectors": [["li"]], "operator": "<=", "count": 1}), false),
        (json!({"selectors": [["li"]], "visible": false}), true),
        (json!({"selectors": [["li"]], "attributes": {"data-s": "x"}}), true),
        (json!({"selectors": [["li"]], "attributes": {"data-s": "y"}}), false),
        (json!({"selectors": [["#box"]], "properties": {"checked": true, "form": null}}), true),
        (json!({"selectors": [["#box"]], "properties": {"checked": false}}), false),
        (json!({"selectors": [["#gone"]], "count": 0}), true),
        (json!({"selectors": [["#never"], ["#gone"]], "count": 0}), true),
        (json!({"selectors": [["#never"], ["li"]], "count": 0}), false),
    ] {
        let walked = bench.walk(json!([wait(more.clone())])).await;
        assert_eq!(
            walked.end == fno_runner::engine::FlowEnd::Finished,
            holds,
            "{more}: {:?}",
            walked.end
        );
    }
}

#[tokio::test]
async fn whichever_alternative_a_wait_finds_is_no_drift() {
    let mut bench = Bench::with(&[("/", "<p>No line found</p>")]).await;
    let wait = json!([{"type": "waitForElement", "name": "answer", "selectors": [["table.lines"], ["text/No line found"]]}]);
    let walked = bench.walk(wait).await;
    walked.finished();
    assert_eq!(walked.trace.drifts().count(), 0, "{:?}", walked.entry("answer"));
    assert_eq!(walked.entry("answer").message.as_deref(), Some("`text/No line found` matches 1"));
}

#[tokio::test]
async fn a_wait_that_fails_says_what_it_waited_for() {
    let page = "<input id=box type=checkbox checked><p class=error hidden>no</p>";
    let mut bench = Bench::with(&[("/", page)]).await;
    for (more, said) in [
        (
            json!({"selectors": [["#box"]], "properties": {"checked": false}}),
            "`#box` matches 1 displayed element; waited for exactly 1 displayed element with the properties {\"checked\":false}",
        ),
        (
            json!({"selectors": [["#box"]], "visible": false}),
            "`#box` matches 1 displayed element; waited for exactly 1 hidden element",
        ),
        (
            json!({"selectors": [["#sign-out"], [".error"]]}),
            "`.error` matches 1 element, which is not displayed; nothing matches `#sign-out`; waited for",
        ),
    ] {
        let mut step = json!({"type": "waitForElement", "timeout": 150});
        step.as_object_mut().expect("a step").extend(more.as_object().expect("fields").clone());
        let walked = bench.walk(json!([step])).await;
        assert!(walked.failure().message.contains(said), "{}", walked.failure().message);
    }
}

#[tokio::test]
async fn an_expression_is_waited_for_if_scripts_are_allowed() {
    let page = "<script>setTimeout(() => { window.ready = true; }, 60)</script>";
    let mut bench = Bench::with(&[("/", page)]).await;
    let steps =
        json!([{"type": "waitForExpression", "expression": "window.ready // the page says so"}]);
    assert_eq!(bench.walk(steps.clone()).await.failure().kind, FailureKind::Flow);
    bench.rules.allow_scripts = true;
    bench.walk(steps).await.finished();
    let walked = bench
        .walk(json!([{"type": "waitForExpression", "expression": "window.never", "timeout": 100}]))
        .await;
    assert_eq!(
        (walked.failure().kind, walked.failure().reason),
        (FailureKind::TimedOut, Reason::Timeout)
    );
}

#[tokio::test]
async fn a_recorded_navigation_is_waited_for_up_to_its_path() {
    let (mut bench, go) =
        slow_site("<a id=leave href='/next?run=2'>next</a>", "<p id=end>arrived</p>").await;
    let url = format!("{}/next?run=1#x", bench.site.url);
    let step = json!({"type": "click", "name": "leave", "selectors": [["#leave"]], "assertedEvents": [{"type": "navigation", "url": url, "title": "recorded"}]});
    let (walked, ()) = tokio::join!(bench.walk(json!([step])), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        go.notify_one();
    });
    walked.finished();
    assert!(
        walked.entry("leave").url.as_deref().is_some_and(|url| url.ends_with("/next?run=...")),
        "{:?}",
        walked.entry("leave")
    );
}
