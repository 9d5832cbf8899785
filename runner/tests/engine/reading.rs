//! `extract`: values, lists, tables.

use fno_crds::Reason;
use fno_runner::engine::FailureKind;
use serde_json::{Value, json};

use crate::support::Bench;

/// Near misses of B53001 around it, a hidden row, a row for nobody.
const TABLE: &str = "<table id=lines><caption>Lines</caption>
    <thead><tr><th>Line  Reference<th>Customer<th colspan=2>Where<th>Status</tr></thead>
    <tbody>
      <tr><td>B5300<td>Ann<td>1 Main<td>Cape<td>Active
      <tr><td> B53001 <td>Bob<td>2 Main<td>Cape<td><b>Pending</b> Cancellation
      <tr><td>B530011<td>Cid<td>3 Main<td>Cape<td>Active
      <tr hidden><td>B53001<td>Ghost<td>4 Main<td>Cape<td>Active
      <tr><td>B7<td>Dan<td rowspan=2>5 Main<td>Cape<td>Active
      <tr><td>B7<td>Eve<td>Town<td>Suspended
      <tr><td colspan=5>5 of 90 lines
    </tbody></table>";

fn rows(match_: &str, more: Value) -> Value {
    let mut step = json!({"type": "extract", "name": "rows", "field": "line", "from": "Table", "selectors": [["#lines"]], "match": match_,
        "columns": {"ref": "Line Reference", "customer": "Customer", "status": "Status"}});
    step.as_object_mut().expect("a step").extend(more.as_object().expect("fields").clone());
    json!([step])
}

#[tokio::test]
async fn a_row_is_chosen_by_what_it_says() {
    let mut bench = Bench::with(&[("/", TABLE)]).await.param("circuitNumber", "B53001");
    let walked = bench.walk(rows("row.ref == params.circuitNumber", json!({}))).await;
    assert_eq!(
        walked.finished()["line"],
        json!({"ref": "B53001", "customer": "Bob", "status": "Pending Cancellation"}),
        "neither the near misses nor the hidden row"
    );
    let walked = bench.walk(rows("row.ref == 'B9'", json!({}))).await;
    assert_eq!(walked.finished().get("line"), None);
    let walked =
        bench.walk(rows("row.ref == 'B9'", json!({"cardinality": "One", "timeout": 100}))).await;
    assert_eq!(
        (walked.failure().kind, walked.failure().reason),
        (FailureKind::Value, Reason::StepFailed)
    );
    let walked = bench.walk(rows("row.ref == 'B7'", json!({"timeout": 100}))).await;
    assert_eq!(
        (walked.failure().kind, walked.failure().reason),
        (FailureKind::Ambiguous, Reason::AmbiguousMatch)
    );
    assert!(
        walked.failure().message.contains("2 rows match, one is allowed"),
        "{}",
        walked.failure().message
    );
    let walked = bench.walk(rows("row.ref == 'B7'", json!({"cardinality": "Many"}))).await;
    assert_eq!(
        walked.finished()["line"][1],
        json!({"ref": "B7", "customer": "Eve", "status": "Suspended"}),
        "what spans two rows shifts nothing"
    );
    let walked = bench.walk(rows("true", json!({"columns": {"x": "Owner"}, "timeout": 100}))).await;
    assert!(
        walked.failure().message.contains("no column \"Owner\"; its columns are"),
        "{}",
        walked.failure().message
    );
}

#[tokio::test]
async fn a_table_that_is_filled_late_is_waited_for() {
    let page = "<table id=lines><thead><tr><th>Line Reference<th>Customer<th>Status</tr></thead><tbody id=b></tbody></table><script>
        const add = (ref) => b.insertAdjacentHTML('beforeend', `<tr><td>${ref}<td>Ann<td>Active`);
        setTimeout(() => add('B1'), 100); setTimeout(() => add('B2'), 250); setTimeout(() => add('B3'), 400);</script>";
    let mut bench = Bench::with(&[("/", page)]).await;
    for ref_ in ["B1", "B3"] {
        let walked = bench.walk(rows(&format!("row.ref == '{ref_}'"), json!({}))).await;
        assert_eq!(walked.finished()["line"]["ref"], ref_);
    }
    let walked = bench.walk(rows("row.ref == 'B3'", json!({"cardinality": "One"}))).await;
    assert_eq!(walked.finished()["line"]["ref"], "B3");
}

#[tokio::test]
async fn a_table_made_of_roles_is_a_table() {
    let page = "<div role=grid id=lines><div role=row><span role=columnheader>Line Reference</span><span role=columnheader>Customer</span><span role=columnheader>Status</span></div>
        <div role=row><span role=gridcell>B1</span><span role=gridcell><input value=Ann></span><span role=gridcell>Active</span></div></div>";
    let mut bench = Bench::with(&[("/", page)]).await;
    let walked = bench.walk(rows("row.ref == 'B1'", json!({}))).await;
    assert_eq!(
        walked.finished()["line"],
        json!({"ref": "B1", "customer": "Ann", "status": "Active"})
    );
}

#[tokio::test]
async fn single_values_are_read_from_where_they_stand() {
    let page = "<meta name=token content=abc><p id=p> Order <b>no.</b>\n 4711 </p><a id=a href='/x?y=1'>x</a><input id=i value=typed><input type=hidden id=h value=kept>
        <select id=s><option value=1>One<option value=2 selected>Two</select><p id=d>Since 3 Feb 2026</p><p id=empty></p><ul><li> a <li>b<li hidden>c</ul><p id=late>Retrieving…</p>
        <script>setTimeout(() => { late.textContent = 'Access: Up'; }, 80)</script>";
    let mut bench = Bench::with(&[("/", page)]).await;
    for (step, value) in [
        (json!({"from": "Text", "selectors": [["#p"]]}), json!("Order no. 4711")),
        (json!({"from": "Text", "selectors": [["#p"]], "normalize": "Digits"}), json!("4711")),
        (json!({"from": "Text", "selectors": [["#p"]], "regex": r"no\.\s+(\d+)"}), json!("4711")),
        (
            json!({"from": "Text", "selectors": [["#d"]], "regex": "Since (.*)", "normalize": "Date"}),
            json!("2026-02-03"),
        ),
        (json!({"from": "Text", "selectors": [["#late"]], "regex": "Access: (.*)"}), json!("Up")),
        (json!({"from": "Text", "selectors": [["#s"]]}), json!("Two")),
        (json!({"from": "Value", "selectors": [["#s"]]}), json!("2")),
        (json!({"from": "Value", "selectors": [["#i"]]}), json!("typed")),
        (json!({"from": "Value", "selectors": [["#h"]]}), json!("kept")),
        (json!({"from": "Attribute", "attribute": "href", "selectors": [["#a"]]}), json!("/x?y=1")),
        (
            json!({"from": "Attribute", "attribute": "content", "selectors": [["meta[name=token]"]]}),
            json!("abc"),
        ),
        (
            json!({"from": "Property", "attribute": "href", "selectors": [["#a"]], "regex": "(/x.*)"}),
            json!("/x?y=1"),
        ),
        (json!({"from": "List", "selectors": [["li"]]}), json!(["a", "b"])),
        (json!({"from": "Url", "regex": "^(https?)"}), json!("http")),
        (json!({"from": "Text", "selectors": [["#none"]], "required": false}), Value::Null),
        (json!({"from": "Text", "selectors": [["#empty"]], "required": false}), Value::Null),
        (json!({"from": "List", "selectors": [["#none"]], "required": false}), Value::Null),
    ] {
        let mut whole = json!({"type": "extract", "field": "x"});
        whole.as_object_mut().expect("a step").extend(step.as_object().expect("fields").clone());
        let walked = bench.walk(json!([whole])).await;
        assert_eq!(walked.finished().get("x").unwrap_or(&Value::Null), &value, "{step}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_says_why() {
    let page = "<p id=p>Order</p><p id=empty style='height:1em'></p><p id=hidden hidden>x</p><p id=d>31 Foo 2026</p><input id=w type=password value=secret>";
    let mut bench = Bench::with(&[("/", page)]).await;
    for (step, kind, words) in [
        (
            json!({"from": "Text", "selectors": [["#none"]]}),
            FailureKind::NotFound,
            "nothing matches `#none`",
        ),
        (
            json!({"from": "Text", "selectors": [["#hidden"]]}),
            FailureKind::NotFound,
            "`#hidden` is in the page, but not displayed",
        ),
        (
            json!({"from": "Text", "selectors": [["#empty"]]}),
            FailureKind::Value,
            "`#empty`: the text is empty",
        ),
        (
            json!({"from": "Text", "selectors": [["#p"]], "regex": r"(\d+)"}),
            FailureKind::Value,
            "`#p`: the text does not match regex",
        ),
        (
            json!({"from": "Text", "selectors": [["#d"]], "normalize": "Date"}),
            FailureKind::Value,
            "\"31 Foo 2026\" is not a date",
        ),
        (
            json!({"from": "Value", "selectors": [["#w"]]}),
            FailureKind::Flow,
            "<input#w> holds a secret and is not read",
        ),
        (json!({"from": "Text", "selectors": [["p["]]}), FailureKind::Flow, "p["),
        (json!({"from": "Text", "selectors": [["p:nonsense"]]}), FailureKind::Flow, "p:nonsense"),
        (
            json!({"from": "Table", "columns": {"a": "A"}, "selectors": [["#p"]]}),
            FailureKind::Flow,
            "<p#p> is no table",
        ),
    ] {
        let mut whole = json!({"type": "extract", "name": "read", "field": "x", "timeout": 120});
        whole.as_object_mut().expect("a step").extend(step.as_object().expect("fields").clone());
        let walked = bench.walk(json!([whole])).await;
        let failure = walked.failure();
        assert_eq!(failure.kind, kind, "{step}: {}", failure.message);
        assert!(failure.message.contains(words), "{step}: {}", failure.message);
    }
}

#[tokio::test]
async fn a_field_that_is_not_there_this_time_does_not_keep_its_old_value() {
    let read = json!({"type": "extract", "field": "x", "from": "Text", "selectors": [["#p"]], "required": false});
    let mut bench = Bench::with(&[("/", "<p id=p>one</p>"), ("/2", "")]).await;
    let walked = bench.walk(json!([read, {"type": "navigate", "url": "/2"}, read])).await;
    assert_eq!(walked.finished().get("x"), None);
}
