//! Which element a selector means.

use fno_runner::engine::StepResult;
use serde_json::json;

use crate::support::{Bench, click, text};

/// Buttons that write their id down.
const BUTTONS: &str = "
<script>addEventListener('click', (event) => { log.textContent += `${event.composedPath()[0].id} `; });</script>
<pre id=log></pre>";

#[tokio::test]
async fn each_way_to_write_a_selector_finds_its_element() {
    let page = format!(
        "{BUTTONS}
        <button id=plain class=save>Save it</button>
        <table><tr><td>B53000</td><td><button id=row1>Open</button></td></tr><tr><td>B53001</td><td><button id=row2>Open</button></td></tr></table>
        <section><h2>Lines</h2><button id=named aria-label='Search lines'>?</button></section>
        <a id=link href='#here'>Log <b id=bold>in</b></a>
        <x-card id=card></x-card>
        <script>
          const shadow = card.attachShadow({{ mode: 'open' }});
          shadow.innerHTML = '<button id=inner>Inside</button><x-deep id=deep></x-deep>';
          shadow.querySelector('#deep').attachShadow({{ mode: 'open' }}).innerHTML = '<button id=deepest class=go>Far down</button>';
        </script>"
    );
    let mut bench = Bench::with(&[("/", &page)]).await.param("circuitNumber", "B53001");
    for (selector, id) in [
        (json!(["button.save"]), "plain"),
        (json!(["xpath///tr[td = 'B53001']//button"]), "row2"),
        (json!(["xpath///tr[td = '{{ params.circuitNumber }}']//button"]), "row2"),
        (json!(["text/Save   it"]), "plain"),
        (json!(["text/Log in"]), "link"),
        (json!(["text/Far down"]), "deepest"),
        (json!(["aria/Search lines"]), "named"),
        (json!(["aria/Save it[role=\"button\"]"]), "plain"),
        (json!(["aria/Log in[role=\"link\"]"]), "link"),
        (json!(["aria/Inside"]), "inner"),
        (json!(["pierce/.go"]), "deepest"),
        (json!(["#card", "#inner"]), "inner"),
        (json!(["#card", "#deep", "button"]), "deepest"),
        (json!(["#card", "#deep", "xpath///button"]), "deepest"),
        (json!(["table", "text/Open"]), "row1"),
    ] {
        let walked = bench
            .walk(json!([{"type": "click", "selectors": [selector]}, text("log", "#log")]))
            .await;
        let clicked = walked.finished()["log"].as_str().unwrap_or_default();
        let clicked = if clicked == "bold" { "link" } else { clicked };
        assert_eq!(clicked, id, "{selector}");
    }
}

#[tokio::test]
async fn names_are_those_that_a_screen_reader_says() {
    let page = "
        <label for=a>User name</label><input id=a>
        <label>Status <select id=b><option>Active</option></select></label>
        <span id=l1>Date</span><span id=l2>of birth</span><input id=c aria-labelledby='l1 l2'>
        <input id=d placeholder='Serial number'>
        <input id=e title='House number'>
        <button id=f><img alt='Close' src='data:,'></button>
        <input id=g type=submit value='Log On'>
        <button id=h title=ignored>Next <span aria-hidden=true>&gt;</span></button>
        <div id=i role=tab>Order</div>
        <fieldset id=j><legend>Service</legend></fieldset>
        <a id=k href=#>See <span style='display:none'>hidden</span>all</a>
        <textarea id=m aria-label=' Reason   for it '></textarea>
        <input id=n type=submit>";
    let mut bench = Bench::with(&[("/", page)]).await;
    for (selector, id) in [
        ("aria/User name", "a"),
        ("aria/User name[role=\"textbox\"]", "a"),
        ("aria/Status[role=\"combobox\"]", "b"),
        ("aria/Date of birth", "c"),
        ("aria/Serial number", "d"),
        ("aria/House number", "e"),
        ("aria/Close[role=\"button\"]", "f"),
        ("aria/Log On", "g"),
        ("aria/Next", "h"),
        ("aria/Order[role=\"tab\"]", "i"),
        ("aria/Service[role=\"group\"]", "j"),
        ("aria/See all", "k"),
        ("aria/Reason for it", "m"),
        ("aria/Submit", "n"),
    ] {
        let walked = bench.walk(json!([{"type": "extract", "field": "id", "from": "Attribute", "attribute": "id", "selectors": [[selector]]}])).await;
        assert_eq!(walked.finished()["id"], id, "{selector}");
    }
    let walked =
        bench.walk(json!([{"type": "extract", "field": "id", "from": "Attribute", "attribute": "id", "selectors": [["aria/User"]], "required": false}])).await;
    assert_eq!(walked.finished().get("id"), None, "a name is compared as a whole");
}

#[tokio::test]
async fn of_a_form_that_is_there_twice_the_displayed_one_is_filled() {
    for hiding in [
        "display:none",
        "visibility:hidden",
        "opacity:0",
        "position:absolute;left:-9999px",
        "position:fixed;transform:translateX(-200%)",
        "height:0;overflow:hidden;display:block;content-visibility:hidden",
    ] {
        let page = format!("<form style='{hiding}' id=narrow><input name=user><button>Go</button></form><form id=wide><input name=user><button>Go</button></form><pre id=log></pre>
            <script>addEventListener('submit', (event) => {{ event.preventDefault(); log.textContent = event.target.id + ' ' + event.target.user.value; }});</script>");
        let mut bench = Bench::with(&[("/", &page)]).await;
        let walked = bench.walk(json!([{"type": "change", "selectors": [["input[name=user]"]], "value": "anna"}, click("text/Go"), text("log", "#log")])).await;
        assert_eq!(walked.finished()["log"], "wide anna", "{hiding}");
    }
}

#[tokio::test]
async fn an_element_that_is_drawn_anew_all_the_time_is_pressed_once() {
    let page = "<div id=root></div><pre id=log>0</pre><script>
        const draw = () => { root.innerHTML = '<button class=go>Go</button>'; root.firstChild.onclick = () => { log.textContent = Number(log.textContent) + 1; }; };
        draw(); setInterval(draw, 30);</script>";
    let mut bench = Bench::with(&[("/", page)]).await;
    let walked = bench
        .walk(json!([
            click(".go"),
            click(".go"),
            click(".go"),
            click(".go"),
            click(".go"),
            text("log", "#log")
        ]))
        .await;
    assert_eq!(walked.finished()["log"], "5");
}

#[tokio::test]
async fn text_is_typed_whole_into_a_field_that_is_drawn_anew() {
    // Drawn anew at the first focus, as a form does that loads its state late.
    let page = "<div id=root></div><script>
        let drawn = 0;
        const draw = () => { root.innerHTML = '<input id=q>'; drawn += 1; if (drawn < 4) root.firstChild.onfocus = () => setTimeout(draw); };
        draw();</script>";
    let mut bench = Bench::with(&[("/", page)]).await;
    let walked = bench
        .walk(json!([{"type": "change", "selectors": [["#q"]], "value": "B53001"}, {"type": "extract", "field": "q", "from": "Value", "selectors": [["#q"]]}]))
        .await;
    assert_eq!(walked.finished()["q"], "B53001");
}

#[tokio::test]
async fn a_later_alternative_is_taken_and_told() {
    let page = format!("{BUTTONS}<button id=new class=search>Search</button>");
    let mut bench = Bench::with(&[("/", &page)]).await;
    let step = json!({"type": "click", "name": "find", "selectors": [["#old"], ["text/Search"]]});
    let walked = bench.walk(json!([step, text("log", "#log")])).await;
    assert_eq!(walked.finished()["log"], "new");
    let drifts: Vec<_> = walked
        .trace
        .drifts()
        .map(|(entry, drift)| {
            (entry.step.as_str(), drift.alternative, drift.wanted.as_str(), drift.found.as_str())
        })
        .collect();
    assert_eq!(drifts, [("find", 1, "#old", "text/Search")]);
}

#[tokio::test]
async fn an_earlier_alternative_that_comes_a_moment_later_is_no_drift() {
    let page = format!(
        "{BUTTONS}<button id=loading class=any>Wait</button><script>setTimeout(() => document.body.insertAdjacentHTML('beforeend', '<button id=wanted>Go</button>'), 60)</script>"
    );
    let mut bench = Bench::with(&[("/", &page)]).await;
    let walked = bench
        .walk(json!([{"type": "click", "selectors": [["#wanted"], [".any"]]}, text("log", "#log")]))
        .await;
    assert_eq!(walked.finished()["log"], "wanted");
    assert_eq!(walked.trace.drifts().count(), 0);
}

#[tokio::test]
async fn a_disabled_covered_or_moving_button_is_waited_for() {
    for (what, page) in [
        (
            "disabled",
            "<button id=go disabled>Go</button><script>setTimeout(() => { go.disabled = false; }, 80)</script>",
        ),
        (
            "aria-disabled",
            "<button id=go aria-disabled=true>Go</button><script>setTimeout(() => go.removeAttribute('aria-disabled'), 80)</script>",
        ),
        (
            "covered",
            "<button id=go>Go</button><div id=veil style='position:fixed;inset:0'></div><script>setTimeout(() => veil.remove(), 80)</script>",
        ),
        (
            "moving",
            "<style>@keyframes in { from { margin-top: 400px } }</style><button id=go style='animation: in 200ms linear'>Go</button>",
        ),
        (
            "below",
            "<div style='height: 5000px'></div><button id=go>Go</button><div style='position:fixed;top:0;left:0;right:0;height:80px'></div>",
        ),
        (
            "in a box of its own",
            "<div style='height:60px;overflow:auto'><div style='height:900px'></div><button id=go>Go</button></div>",
        ),
    ] {
        let page = format!(
            "<pre id=log>0</pre>{page}<script>go.addEventListener('click', () => {{ log.textContent = Number(log.textContent) + 1; }})</script>"
        );
        let mut bench = Bench::with(&[("/", &page)]).await;
        let walked = bench.walk(json!([click("#go"), text("log", "#log")])).await;
        assert_eq!(walked.finished()["log"], "1", "{what}");
    }
}

#[tokio::test]
async fn an_alternative_that_is_hidden_says_nothing_about_the_others() {
    let page = "<p class=error hidden>no</p>";
    let mut bench = Bench::with(&[("/", page)]).await;
    let step = json!({"type": "click", "selectors": [["#sign-out"], [".error"]], "timeout": 150});
    let walked = bench.walk(json!([step])).await;
    let said = "`.error` is in the page, but not displayed; nothing matches `#sign-out` (page";
    assert!(walked.failure().message.contains(said), "{}", walked.failure().message);
}

#[tokio::test]
async fn what_stands_in_the_way_is_named() {
    for (page, sentence) in [
        ("<p>nothing</p>", "nothing matches `#go`"),
        ("<button id=go hidden>Go</button>", "`#go` is in the page, but not displayed"),
        ("<button id=go disabled>Go</button>", "`#go` is disabled"),
        (
            "<button id=go>Go</button><div class='modal backdrop' style='position:fixed;inset:0'></div>",
            "`#go`: <button#go> is covered by <div.modal.backdrop>",
        ),
    ] {
        let mut bench = Bench::with(&[("/", page)]).await;
        let walked = bench
            .walk(
                json!([{"type": "click", "name": "press", "selectors": [["#go"]], "timeout": 150}]),
            )
            .await;
        let failure = walked.failure();
        assert!(
            failure.message.starts_with(&format!("step press: {sentence}")),
            "{}",
            failure.message
        );
        assert!(failure.message.contains("/)"), "the page is named: {}", failure.message);
        assert_eq!(walked.result("press"), StepResult::Failed);
    }
}
