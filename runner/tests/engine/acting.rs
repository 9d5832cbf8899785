//! Pointer, keyboard, fields, the page itself.

use fno_runner::engine::FailureKind;
use serde_json::{Value, json};

use crate::support::{Bench, click, text};

/// Writes every event down that a person's hand makes.
const JOURNAL: &str = "<pre id=log></pre><script>
    const note = (text) => { log.textContent += `${text} `; };
    for (const type of ['click', 'dblclick', 'contextmenu', 'auxclick', 'keydown', 'keyup', 'input', 'change']) {
      addEventListener(type, (event) => {
        if (event.target.id) note([type, event.target.id, event.isTrusted ? '' : 'fake', event.key ?? ''].filter(Boolean).join(':'));
        if (type === 'contextmenu') event.preventDefault();
      });
    }
</script>";

async fn journal(page: &str, steps: Value) -> String {
    let mut bench = Bench::with(&[("/", &format!("{page}{JOURNAL}"))]).await;
    let mut steps = steps.as_array().expect("steps").clone();
    steps.push(text("log", "#log"));
    bench.walk(steps.into()).await.finished()["log"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_pointer_presses_hovers_and_doubles() {
    let log = journal("<button id=b>Go</button>", json!([click("#b")])).await;
    assert_eq!(log, "click:b");
    let log = journal(
        "<button id=b>Go</button>",
        json!([{"type": "doubleClick", "selectors": [["#b"]]}]),
    )
    .await;
    assert_eq!(log, "click:b click:b dblclick:b");
    let menu = "<nav><b id=b>Lines</b><a id=a hidden>All lines</a></nav><script>document.querySelector('nav').onmouseenter = () => { a.hidden = false; }</script>";
    let log = journal(menu, json!([{"type": "hover", "selectors": [["#b"]]}, click("#a")])).await;
    assert_eq!(log, "click:a");
    let log = journal(
        "<button id=b>Go</button>",
        json!([{"type": "click", "selectors": [["#b"]], "button": "secondary", "duration": 20.4}]),
    )
    .await;
    assert!(log.contains("contextmenu:b"), "{log}");
}

#[tokio::test]
async fn a_click_lands_where_it_was_recorded() {
    let page = "<div id=area style='width:200px;height:100px;background:silver'></div><pre id=at></pre><script>
        area.onclick = (event) => { const box = area.getBoundingClientRect(); at.textContent = `${event.clientX - box.left},${event.clientY - box.top}`; };</script>";
    let mut bench = Bench::with(&[("/", page)]).await;
    for (offset, at) in [
        (json!({"offsetX": 12.0, "offsetY": 90.0}), "12,90"),
        (json!({"offsetX": 180.0, "offsetY": 5.0}), "180,5"),
        (json!({}), "100,50"),
    ] {
        let mut step = click("#area");
        step.as_object_mut().expect("a step").extend(offset.as_object().expect("fields").clone());
        assert_eq!(bench.walk(json!([step, text("at", "#at")])).await.finished()["at"], at);
    }
}

#[tokio::test]
async fn fields_of_every_kind_take_their_value() {
    let page = "<input id=text value='what stood there'><input id=email type=email><input id=number type=number><textarea id=area>old</textarea><div id=edit contenteditable>old</div>
        <input id=date type=date><input id=time type=time><input id=range type=range max=10>
        <input id=box type=checkbox><input id=on type=checkbox checked><input id=radio type=radio>
        <select id=list><option value=a>Active<option value=c>Cancelled</select>";
    let mut bench = Bench::with(&[("/", page)]).await.param("who", "Anna");
    for (id, value, shown) in [
        ("text", "{{ params.who }}", json!("Anna")),
        ("text", "", json!("")),
        ("email", "a@b.test", json!("a@b.test")),
        ("number", "42", json!("42")),
        ("area", "one two", json!("one two")),
        ("date", "2026-01-31", json!("2026-01-31")),
        ("time", "13:45", json!("13:45")),
        ("range", "7", json!("7")),
        ("list", "Cancelled", json!("c")),
        ("list", "a", json!("a")),
    ] {
        let selectors = json!([[format!("#{id}")]]);
        let walked = bench.walk(json!([{"type": "change", "selectors": selectors, "value": value}, {"type": "extract", "field": "shown", "from": "Value", "selectors": selectors, "required": false}])).await;
        assert_eq!(
            walked.finished().get("shown").cloned().unwrap_or_else(|| json!("")),
            shown,
            "{id}"
        );
    }
    for (id, value, checked) in [
        ("box", "true", "true"),
        ("box", "false", "false"),
        ("on", "on", "true"),
        ("on", "false", "false"),
        ("radio", "true", "true"),
    ] {
        let selectors = json!([[format!("#{id}")]]);
        let walked = bench.walk(json!([{"type": "change", "selectors": selectors, "value": value}, {"type": "extract", "field": "is", "from": "Property", "attribute": "checked", "selectors": selectors}])).await;
        assert_eq!(walked.finished()["is"], checked, "{id} {value}");
    }
    let walked = bench.walk(json!([{"type": "change", "selectors": [["#edit"]], "value": "new"}, text("edit", "#edit")])).await;
    assert_eq!(walked.finished()["edit"], "new");
    let walked = bench
        .walk(json!([{"type": "change", "selectors": [["#date"]], "value": "31/01/2026"}]))
        .await;
    assert!(
        walked.failure().message.contains("dates are written 2026-01-31"),
        "{}",
        walked.failure().message
    );
}

#[tokio::test]
async fn typing_is_real_and_a_changed_list_tells_the_page() {
    let log = journal("<input id=q>", json!([{"type": "change", "selectors": [["#q"]], "value": "B5"}, {"type": "press", "key": "Enter"}])).await;
    assert_eq!(
        log,
        "keydown:q:B input:q keyup:q:B keydown:q:5 input:q keyup:q:5 keydown:q:Enter change:q keyup:q:Enter"
    );
    let log = journal(
        "<select id=s><option>One<option>Two</select>",
        json!([{"type": "select", "selectors": [["#s"]], "value": "Two"}]),
    )
    .await;
    assert_eq!(log, "input:s:fake change:s:fake");
}

#[tokio::test]
async fn what_a_field_makes_of_the_text_is_noted() {
    let mut bench = Bench::with(&[("/", "<input id=q maxlength=3><input id=r readonly>")]).await;
    let walked = bench
        .walk(json!([{"type": "change", "name": "type", "selectors": [["#q"]], "value": "B53001"}]))
        .await;
    walked.finished();
    assert_eq!(walked.entry("type").message.as_deref(), Some("the field shows \"B53\" now"));
    let walked = bench
        .walk(json!([{"type": "change", "selectors": [["#r"]], "value": "x", "timeout": 100}]))
        .await;
    assert!(
        walked.failure().message.contains("<input#r> is read-only"),
        "{}",
        walked.failure().message
    );
}

#[tokio::test]
async fn entries_are_chosen_by_label_value_and_place() {
    let page = "<select id=s><option value=1>Active<option value=2>Pending&nbsp;  Cancellation<option value=3 disabled>Closed</select><script>
        setTimeout(() => s.add(new Option('Late', '9')), 60)</script>";
    let mut bench = Bench::with(&[("/", page)]).await;
    for (by, value, chosen) in [
        ("Label", "Pending Cancellation", "2"),
        ("Value", "1", "1"),
        ("Index", "1", "2"),
        ("Label", "Late", "9"),
    ] {
        let walked = bench
            .walk(json!([{"type": "select", "name": "choose", "selectors": [["#s"]], "by": by, "value": value}, {"type": "extract", "field": "s", "from": "Value", "selectors": [["#s"]]}]))
            .await;
        assert_eq!(walked.finished()["s"], chosen, "{by} {value}");
    }
    for value in ["Closed", "Pending"] {
        let walked = bench
            .walk(
                json!([{"type": "select", "selectors": [["#s"]], "value": value, "timeout": 150}]),
            )
            .await;
        assert!(
            walked.failure().message.contains("it has Active, Pending Cancellation, Closed"),
            "{}",
            walked.failure().message
        );
    }
}

#[tokio::test]
async fn keys_are_held_and_let_go() {
    let log = journal(
        "<input id=q autofocus>",
        json!([click("#q"), {"type": "keyDown", "key": "Shift"}, {"type": "press", "key": "ArrowDown"}, {"type": "keyUp", "key": "Shift"}]),
    )
    .await;
    assert_eq!(
        log.split_once("keydown").map(|(_, keys)| keys),
        Some(":q:Shift keydown:q:ArrowDown keyup:q:ArrowDown keyup:q:Shift")
    );
    let log = journal(
        "<input id=a><input id=b>",
        json!([{"type": "press", "key": "x", "selectors": [["#b"]]}]),
    )
    .await;
    assert_eq!(log, "keydown:b:x input:b keyup:b:x");
    let mut bench = Bench::with(&[("/", "")]).await;
    let walked = bench.walk(json!([{"type": "press", "key": "Entr"}])).await;
    assert_eq!(walked.failure().kind, FailureKind::Flow);
    assert!(walked.failure().message.contains("there is no key \"Entr\""));
}

#[tokio::test]
async fn a_key_that_a_flow_forgot_to_let_go_does_not_reach_the_next() {
    let mut bench = Bench::with(&[("/", &format!("<input id=q>{JOURNAL}"))]).await;
    bench.walk(json!([click("#q"), {"type": "keyDown", "key": "Shift"}])).await.finished();
    let walked = bench
        .walk(json!([{"type": "change", "selectors": [["#q"]], "value": "a"}, text("log", "#log")]))
        .await;
    assert_eq!(walked.finished()["log"], "keydown:q:a input:q keyup:q:a");
}

#[tokio::test]
async fn page_and_boxes_are_scrolled() {
    let page = "<div id=box style='height:50px;overflow:auto'><div style='height:500px'>.</div></div><div style='height:4000px'></div><p id=low>low</p>";
    let mut bench = Bench::with(&[("/", page)]).await;
    bench
        .walk(json!([
            {"type": "scroll", "y": 300},
            {"type": "scroll", "selectors": [["#box"]], "x": 0, "y": 40},
            {"type": "waitForElement", "selectors": [["#box"]], "properties": {"scrollTop": 40}},
            {"type": "waitForElement", "selectors": [["html"]], "properties": {"scrollTop": 300}},
        ]))
        .await
        .finished();
}

#[tokio::test]
async fn the_page_gets_the_size_that_was_recorded() {
    let mut bench = Bench::with(&[("/", "<p>size</p>")]).await;
    bench.rules.allow_scripts = true;
    for (width, height) in [(900, 500), (1200, 640)] {
        let walked = bench
            .walk(json!([
                {"type": "setViewport", "width": width, "height": height, "deviceScaleFactor": 1, "isMobile": false, "hasTouch": false, "isLandscape": true},
                {"type": "waitForExpression", "expression": format!("innerWidth === {width} && innerHeight === {height}")},
            ]))
            .await;
        walked.finished();
    }
}

#[tokio::test]
async fn a_script_runs_if_it_is_allowed() {
    let mut bench = Bench::with(&[("/", "<p id=p>old</p>")]).await;
    let steps = |code: &str| json!([{"type": "script", "expression": code}, text("p", "#p")]);
    assert_eq!(bench.walk(steps("p.textContent = 'new'")).await.failure().kind, FailureKind::Flow);
    bench.rules.allow_scripts = true;
    for code in [
        "p.textContent = 'new' // with a remark",
        "const word = 'new'; if (word) { p.textContent = word; }",
    ] {
        assert_eq!(bench.walk(steps(code)).await.finished()["p"], "new", "{code}");
    }
    let walked = bench.walk(steps("p.nothing.there")).await;
    assert_eq!(walked.failure().kind, FailureKind::Driver);
    assert!(walked.failure().message.contains("TypeError"), "{}", walked.failure().message);
}

#[tokio::test]
async fn what_recordings_have_beyond_us_is_skipped() {
    let mut bench = Bench::with(&[("/", "<p id=p>here</p>")]).await;
    let walked = bench
        .walk(json!([
            {"type": "emulateNetworkConditions"},
            {"type": "customStep", "name": "custom", "parameters": {"a": 1}},
            text("p", "#p"),
            {"type": "close", "target": "main"},
        ]))
        .await;
    assert_eq!(walked.finished()["p"], "here");
    assert_eq!(walked.result("custom"), fno_runner::engine::StepResult::Skipped);
}

#[tokio::test]
async fn addresses_are_opened_from_the_base() {
    let mut bench =
        Bench::with(&[("/", ""), ("/lines/{n}", "<p id=p>lines</p>")]).await.param("n", "B5");
    let walked = bench
        .walk(json!([{"type": "navigate", "url": "/lines/{{ params.n }}?page=2"}, {"type": "extract", "field": "url", "from": "Url", "regex": "/lines/(.*)$"}]))
        .await;
    assert_eq!(walked.finished()["url"], "B5?page=2");
    let walked = bench.walk(json!([{"type": "navigate", "url": "javascript:alert(1)"}])).await;
    assert_eq!(walked.failure().kind, FailureKind::Flow);
}
