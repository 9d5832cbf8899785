//! Frames and windows.

use fno_runner::engine::FailureKind;
use serde_json::json;

use crate::support::{Bench, Site, click, text};

const INNER: &str =
    "<button id=b onclick=\"p.textContent += 'pressed '\">Go</button><p id=p>inner </p>";

fn site() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            "/",
            "<p id=p>outer</p><iframe id=first src=/first></iframe><iframe id=second src=/inner></iframe>",
        ),
        ("/first", "<p id=p>first</p><iframe id=deep src=/inner></iframe>"),
        ("/inner", INNER),
        ("/popup", "<title>popup</title><p id=p>popup</p>"),
    ]
}

#[tokio::test]
async fn a_recorded_frame_holds_for_its_step() {
    let mut bench = Bench::with(&site()).await;
    let walked = bench
        .walk(json!([
            {"type": "click", "selectors": [["#b"]], "frame": [1]},
            {"type": "extract", "field": "second", "from": "Text", "selectors": [["#p"]], "frame": [1]},
            {"type": "extract", "field": "deep", "from": "Text", "selectors": [["#p"]], "frame": [0, 0]},
            text("outer", "#p"),
        ]))
        .await;
    assert_eq!(
        walked.finished(),
        &json!({"second": "inner pressed", "deep": "inner", "outer": "outer"})
    );
}

#[tokio::test]
async fn a_switch_holds_until_the_next() {
    let mut bench = Bench::with(&site()).await;
    let walked = bench
        .walk(json!([
            {"type": "switchTo", "to": "Frame", "selectors": [["#first"]]},
            text("first", "#p"),
            {"type": "switchTo", "to": "Frame", "selectors": [["#deep"]]},
            click("#b"),
            {"type": "screenshot"},
            text("deep", "#p"),
            {"type": "extract", "field": "url", "from": "Url", "regex": "[^/]*(/[^/]*)$"},
            {"type": "switchTo", "to": "Parent"},
            text("again", "#p"),
            {"type": "switchTo", "to": "Main"},
            text("outer", "#p"),
        ]))
        .await;
    assert_eq!(
        walked.finished(),
        &json!({"first": "first", "deep": "inner pressed", "url": "/", "again": "first", "outer": "outer"})
    );
}

#[tokio::test]
async fn a_frame_that_is_made_anew_is_entered_again() {
    let page = "<div id=root></div><script>
        const draw = () => { root.innerHTML = '<iframe id=f src=/inner></iframe>'; };
        setTimeout(draw, 60); setTimeout(draw, 200);
        addEventListener('message', () => { document.title = 'told'; });</script>";
    let inner =
        "<p id=p>soon</p><script>setTimeout(() => { p.textContent = 'loaded'; }, 300)</script>";
    let mut bench = Bench::with(&[("/", page), ("/inner", inner)]).await;
    let walked = bench
        .walk(json!([{"type": "switchTo", "to": "Frame", "selectors": [["#f"]]}, {"type": "assert", "assert": "text('#p') == 'loaded'"}, text("p", "#p")]))
        .await;
    assert_eq!(walked.finished()["p"], "loaded");
    let walked = bench
        .walk(
            json!([{"type": "switchTo", "to": "Frame", "selectors": [["#none"]], "timeout": 100}]),
        )
        .await;
    assert_eq!(walked.failure().kind, FailureKind::NotFound);
}

#[tokio::test]
async fn a_frame_of_another_origin_is_worked_in_all_the_same() {
    let inner = Site::of(&[("/", INNER)]).await;
    let page =
        format!("<title>around</title><iframe id=f src='{}'></iframe>", inner.other_origin());
    let mut bench = Bench::with(&[("/", &page)]).await;
    let walked = bench
        .walk(json!([{"type": "switchTo", "to": "Frame", "selectors": [["#f"]]}, click("#b"), {"type": "assert", "assert": "page.title == 'around'"}, text("p", "#p")]))
        .await;
    assert_eq!(walked.finished()["p"], "inner pressed");
}

#[tokio::test]
async fn a_popup_is_worked_in_and_gone_for_the_next_flow() {
    let mut pages = site();
    pages[0] = (
        "/",
        "<p id=p>outer</p><button id=open onclick=\"setTimeout(() => window.open('/popup?x=1', 'popup'), 80)\">Open</button>",
    );
    let mut bench = Bench::with(&pages).await;
    let walked = bench
        .walk(json!([
            click("#open"),
            {"type": "switchTo", "to": "Window"},
            text("popup", "#p"),
            {"type": "switchTo", "to": "Main"},
            text("outer", "#p"),
            {"type": "extract", "field": "recorded", "from": "Text", "selectors": [["#p"]], "target": format!("{}/popup?x=2", bench.site.url)},
            text("still", "#p"),
        ]))
        .await;
    assert_eq!(
        walked.finished(),
        &json!({"popup": "popup", "outer": "outer", "recorded": "popup", "still": "outer"})
    );
    let walked = bench.walk(json!([{"type": "switchTo", "to": "Window", "timeout": 100}])).await;
    assert!(
        walked.failure().message.contains("no other window has opened"),
        "{}",
        walked.failure().message
    );
}
