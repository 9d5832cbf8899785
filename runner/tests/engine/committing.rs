//! The point of no return.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{
    response::Html,
    routing::{get, post},
};
use fno_crds::Reason;
use fno_runner::engine::{Act, CommitGate, CommitPoint, FailureKind, FlowEnd, Held};
use serde_json::{Value, json};

use crate::support::{Bench, Site, click};

const ROW: &str = "<table><tr id=row><td>B53001</td><td id=status>Active</td></tr></table><form method=post action=/cancel><button id=cancel>Cancel</button></form>";

/// Gives permission, records what it was told, and may change the site in between.
#[derive(Clone, Default)]
struct Gate {
    journal: Arc<Mutex<Vec<String>>>,
    held: Option<Held>,
    /// Changes the page between permission and act.
    meddle: Arc<Mutex<Option<tokio::sync::oneshot::Sender<()>>>>,
}

#[async_trait]
impl CommitGate for Gate {
    async fn arm(&self, point: &CommitPoint) -> Result<(), Held> {
        self.note(format!("arm {} {}", point.step, point.identified));
        // A native dialog hides the page from the camera.
        assert!(
            (point.picture.is_some() || point.step == "confirm") && point.url.starts_with("http"),
            "{point:?}"
        );
        let meddle = self.meddle.lock().expect("not poisoned").take();
        if let Some(meddle) = meddle {
            meddle.send(()).expect("the page waits");
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
        self.held.clone().map_or(Ok(()), Err)
    }

    async fn acted(&self, act: Act) {
        self.note(format!("acted {act}"));
    }
}

impl Gate {
    fn note(&self, what: String) {
        self.journal.lock().expect("not poisoned").push(what);
    }

    fn told(&self) -> Vec<String> {
        self.journal.lock().expect("not poisoned").clone()
    }
}

/// Counts cancellations.
async fn portal(page: &str) -> (Site, Arc<Mutex<usize>>) {
    let count = Arc::new(Mutex::new(0));
    let clicks = Arc::clone(&count);
    let router = Site::router(&[("/", page), ("/check", "<p id=p>Pending Cancellation</p>")])
        .route(
            "/cancel",
            post(move || async move {
                *clicks.lock().expect("not poisoned") += 1;
                Html(crate::support::html("<p class=notice>Not allowed: in arrears</p>"))
            }),
        );
    (Site::serve(router).await, count)
}

fn cancel(more: Value) -> Value {
    let mut step = json!({"type": "click", "name": "submit", "selectors": [["#cancel"]], "timeout": 400, "commit": {
        "identify": {"selectors": [["#row"]], "contains": "{{ params.circuitNumber }}"}, "cancellableWhen": "text('#status') == 'Active'"}});
    step.as_object_mut().expect("a step").extend(more.as_object().expect("fields").clone());
    step
}

async fn bench(page: &str, gate: &Gate) -> (Bench, Arc<Mutex<usize>>) {
    let (site, count) = portal(page).await;
    let mut bench = Bench::on(site).await.param("circuitNumber", "B53001");
    bench.gate = Box::new(gate.clone());
    (bench, count)
}

#[tokio::test]
async fn without_permission_nothing_is_clicked() {
    let (site, count) = portal(ROW).await;
    let mut bench = Bench::on(site).await.param("circuitNumber", "B53001");
    let walked = bench.walk(json!([cancel(json!({}))])).await;
    let failure = walked.failure();
    assert_eq!(
        (failure.kind, failure.reason, failure.act),
        (FailureKind::Gate, Reason::CancellationsHeld, Act::NotReached)
    );
    assert_eq!(*count.lock().expect("not poisoned"), 0);
}

#[tokio::test]
async fn with_permission_it_is_done_once() {
    let gate = Gate::default();
    let (mut bench, count) = bench(ROW, &gate).await;
    let walked = bench.walk(json!([cancel(json!({})), {"type": "navigate", "url": "/check"}, {"type": "outcome", "code": "CancellationPending", "when": "text('#p') == 'Pending Cancellation'"}])).await;
    assert!(
        matches!(&walked.end, FlowEnd::Outcome { code, .. } if code == "CancellationPending"),
        "{:?}",
        walked.end
    );
    assert_eq!(gate.told(), ["arm submit B53001 Active", "acted Done"]);
    assert_eq!(*count.lock().expect("not poisoned"), 1);
}

#[tokio::test]
async fn whatever_does_not_fit_stops_it_before_permission_is_asked() {
    let two = ROW.replace("</table>", "</table><p id=row>B53001</p>");
    let prefix = ROW.replace("B53001", "B530011");
    let cancelled = ROW.replace("Active", "Cancelled");
    let disabled = ROW.replace("<button", "<button disabled");
    for (what, page, kind, reason) in [
        ("another line", prefix.as_str(), FailureKind::Gate, Reason::ExpectMismatch),
        ("two elements", &two, FailureKind::NotActionable, Reason::StepFailed),
        (
            "no element",
            "<button id=cancel>x</button><p id=status>Active</p>",
            FailureKind::NotFound,
            Reason::StepFailed,
        ),
        ("not cancellable", &cancelled, FailureKind::Gate, Reason::StepFailed),
        ("no button", &disabled, FailureKind::NotActionable, Reason::StepFailed),
    ] {
        let gate = Gate::default();
        let (mut bench, count) = bench(page, &gate).await;
        let walked = bench.walk(json!([cancel(json!({}))])).await;
        let failure = walked.failure();
        assert_eq!(
            (failure.kind, failure.reason, failure.act),
            (kind, reason, Act::NotReached),
            "{what}: {}",
            failure.message
        );
        assert!(gate.told().is_empty(), "{what}");
        assert_eq!(*count.lock().expect("not poisoned"), 0, "{what}");
    }
}

#[tokio::test]
async fn what_the_submitter_expects_must_be_what_the_portal_shows() {
    let gate = Gate::default();
    let (mut bench, count) = bench(ROW, &gate).await;
    bench.expect = [("customer".to_owned(), "Anna".to_owned())].into();
    let walked = bench.walk(json!([cancel(json!({}))])).await;
    assert_eq!(walked.failure().reason, Reason::ExpectMismatch);
    assert!(gate.told().is_empty() && *count.lock().expect("not poisoned") == 0);
}

#[tokio::test]
async fn a_page_that_changes_after_permission_was_given_is_not_acted_on() {
    let (send, wait) = tokio::sync::oneshot::channel::<()>();
    let gate = Gate { meddle: Arc::new(Mutex::new(Some(send))), ..Gate::default() };
    let wait = Arc::new(tokio::sync::Mutex::new(Some(wait)));
    let count = Arc::new(Mutex::new(0));
    let clicks = Arc::clone(&count);
    let page = format!(
        "{ROW}<script>fetch('/wait').then(() => {{ row.cells[0].textContent = 'B99999'; }});</script>"
    );
    let router = Site::router(&[("/", &page)])
        .route(
            "/wait",
            get(move || async move {
                let waiting = wait.lock().await.take();
                if let Some(waiting) = waiting {
                    _ = waiting.await;
                }
            }),
        )
        .route(
            "/cancel",
            post(move || async move {
                *clicks.lock().expect("not poisoned") += 1;
            }),
        );
    let mut bench = Bench::on(Site::serve(router).await).await.param("circuitNumber", "B53001");
    bench.gate = Box::new(gate.clone());
    let walked = bench.walk(json!([cancel(json!({}))])).await;
    let failure = walked.failure();
    assert_eq!(
        (failure.reason, failure.act),
        (Reason::ExpectMismatch, Act::NotDone),
        "{}",
        failure.message
    );
    assert_eq!(gate.told(), ["arm submit B53001 Active", "acted NotDone"]);
    assert_eq!(*count.lock().expect("not poisoned"), 0);
}

#[tokio::test]
async fn what_fails_behind_it_is_not_tried_again_and_an_explicit_refusal_is_told() {
    for (refused_when, act, reason) in [
        (json!(null), Act::Done, Reason::StepFailed),
        (json!("text('.notice').startsWith('Not allowed')"), Act::Refused, Reason::Refused),
    ] {
        let gate = Gate::default();
        let (mut bench, count) = bench(ROW, &gate).await;
        let mut step = cancel(json!({}));
        if !refused_when.is_null() {
            step["commit"]["refusedWhen"] = refused_when;
        }
        let walked = bench
            .walk(json!([step, {"type": "waitForElement", "name": "proof", "selectors": [["#reference"]], "timeout": 60, "retry": {"attempts": 3, "delay": "1ms"}}]))
            .await;
        let failure = walked.failure();
        assert_eq!((failure.act, failure.reason), (act, reason), "{}", failure.message);
        assert_eq!(walked.trace.entries.iter().filter(|entry| entry.step == "proof").count(), 1);
        assert_eq!(*count.lock().expect("not poisoned"), 1);
    }
}

#[tokio::test]
async fn a_native_dialog_is_a_point_of_no_return_too() {
    let page = ROW.replace("<form", "<form onsubmit=\"return confirm('Cancel line B53001?')\"");
    for (circuit, done) in [("B53001", 1), ("B5300", 0)] {
        let gate = Gate::default();
        let (mut bench, count) = bench(&page, &gate).await;
        bench = bench.param("circuitNumber", circuit);
        let commit = json!({"type": "dialog", "name": "confirm", "action": "Accept", "commit": {"identify": {"contains": "{{ params.circuitNumber }}"}, "cancellableWhen": "true"}});
        let walked = bench.walk(json!([click("#cancel"), commit, {"type": "waitForElement", "selectors": [[".notice"]]}])).await;
        assert_eq!(*count.lock().expect("not poisoned"), done, "{circuit}: {:?}", walked.end);
        assert_eq!(gate.told().len(), 2 * done);
    }
}
