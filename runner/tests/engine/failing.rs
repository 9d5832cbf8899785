//! How failures are told apart.

use std::{convert::Infallible, time::Duration};

use axum::{body::Body, http::StatusCode, response::Html, routing::get};
use fno_crds::Reason;
use fno_runner::engine::{Act, FailureKind};
use futures::{StreamExt as _, stream};
use serde_json::json;

use crate::support::{Bench, Driver, Site, click, text};

#[tokio::test]
async fn a_portal_that_is_down_is_no_failed_step() {
    let down = |status: StatusCode| {
        get(move || async move { (status, Html(crate::support::html("<h1>Maintenance</h1>"))) })
    };
    let router = Site::router(&[("/", "<a id=a href=/503>a</a>"), ("/fine", "<p id=p>fine</p>")])
        .route("/503", down(StatusCode::SERVICE_UNAVAILABLE))
        .route("/500", down(StatusCode::INTERNAL_SERVER_ERROR))
        .route("/404", down(StatusCode::NOT_FOUND))
        .route("/429", down(StatusCode::TOO_MANY_REQUESTS));
    let mut bench = Bench::on(Site::serve(router).await).await;
    for (steps, kind, reason, words) in [
        (
            json!([{"type": "navigate", "url": "/503"}]),
            FailureKind::HttpStatus,
            Reason::PortalUnavailable,
            "the portal answered with HTTP 503",
        ),
        (
            json!([click("#a"), {"type": "waitForElement", "selectors": [["#p"]]}]),
            FailureKind::HttpStatus,
            Reason::PortalUnavailable,
            "HTTP 503",
        ),
        (
            json!([click("#a"), text("p", "#p")]),
            FailureKind::HttpStatus,
            Reason::PortalUnavailable,
            "HTTP 503",
        ),
        (
            json!([click("#a"), {"type": "assert", "assert": "exists('#p')"}]),
            FailureKind::HttpStatus,
            Reason::PortalUnavailable,
            "HTTP 503",
        ),
        (
            json!([{"type": "navigate", "url": "/429"}]),
            FailureKind::HttpStatus,
            Reason::PortalUnavailable,
            "the portal answered with HTTP 429",
        ),
        (
            json!([{"type": "navigate", "url": "/404"}, {"type": "click", "selectors": [["#p"]], "timeout": 60}]),
            FailureKind::NotFound,
            Reason::StepFailed,
            ", HTTP 404)",
        ),
        (
            json!([{"type": "navigate", "url": "http://127.0.0.1:9/"}]),
            FailureKind::ErrorPage,
            Reason::PortalUnavailable,
            "the browser shows its error page",
        ),
        (
            json!([{"type": "navigate", "url": "http://no-such-host.invalid/"}]),
            FailureKind::ErrorPage,
            Reason::PortalUnavailable,
            "dnsNotFound",
        ),
    ] {
        let walked = bench.walk(steps.clone()).await;
        let failure = walked.failure();
        assert_eq!(
            (failure.kind, failure.reason, failure.act),
            (kind, reason, Act::NotReached),
            "{steps}: {}",
            failure.message
        );
        assert!(failure.message.contains(words), "{steps}: {}", failure.message);
    }
}

#[tokio::test]
async fn a_click_into_a_broken_connection_is_an_error_page() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let dead = listener.local_addr().expect("its address");
    let hang_up = tokio::spawn(async move {
        loop {
            drop(listener.accept().await);
        }
    });
    let mut bench =
        Bench::with(&[("/", &format!("<a id=a href='http://{dead}/?token=secret'>a</a>"))]).await;
    let walked =
        bench.walk(json!([click("#a"), {"type": "waitForElement", "selectors": [["#p"]]}])).await;
    hang_up.abort();
    assert_eq!(
        (walked.failure().kind, walked.failure().reason),
        (FailureKind::ErrorPage, Reason::PortalUnavailable)
    );
    assert!(!walked.failure().message.contains("secret"), "{}", walked.failure().message);
}

#[tokio::test]
async fn a_portal_that_gives_no_answer_is_down_and_a_slow_page_is_slow() {
    let router = Site::router(&[("/", "<p>home</p>")])
        .route("/silent", get(|| async { std::future::pending::<Html<String>>().await }))
        .route(
            "/slow",
            get(|| async {
                // Begins, and never ends.
                let started = stream::once(async {
                    Ok::<_, Infallible>(crate::support::html("<p>started</p>"))
                });
                (
                    [("content-type", "text/html")],
                    Body::from_stream(started.chain(stream::pending())),
                )
            }),
        );
    let mut bench = Bench::on(Site::serve(router).await).await;
    let walked = bench.walk(json!([{"type": "navigate", "url": "/silent", "timeout": 300}])).await;
    assert_eq!(
        (walked.failure().kind, walked.failure().reason),
        (FailureKind::ErrorPage, Reason::PortalUnavailable)
    );
    assert!(
        walked.failure().message.contains("no answer within 0.3 s"),
        "{}",
        walked.failure().message
    );
    let walked = bench.walk(json!([{"type": "navigate", "url": "/slow", "timeout": 300}])).await;
    assert_eq!(
        (walked.failure().kind, walked.failure().reason),
        (FailureKind::TimedOut, Reason::Timeout)
    );
}

#[tokio::test]
async fn the_flows_deadline_cuts_a_step_short() {
    let mut bench = Bench::with(&[("/", "<p>home</p>")]).await;
    bench.deadline = Duration::from_millis(700);
    let walked = bench.walk(json!([{"type": "click", "selectors": [["#never"]], "timeout": 60_000, "optional": true}, click("#never")])).await;
    let failure = walked.failure();
    assert_eq!((failure.kind, failure.reason), (FailureKind::Deadline, Reason::Timeout));
}

#[tokio::test]
async fn a_browser_that_is_gone_is_told_and_the_next_session_works() {
    let mut bench = Bench::with(&[("/", "<p id=p>here</p>")]).await;
    bench.driver = Driver::own().await;
    bench.walk(json!([text("p", "#p")])).await.finished();
    bench.driver.killer()();
    let walked = bench
        .walk_on(json!([{"type": "extract", "field": "p", "from": "Text", "selectors": [["#p"]], "optional": true, "retry": {"attempts": 3, "delay": "1ms"}}]))
        .await;
    assert_eq!(
        (walked.failure().kind, walked.failure().reason),
        (FailureKind::Crashed, Reason::BrowserCrashed),
        "{}",
        walked.failure().message
    );
    assert!(!bench.driver.browser().is_alive().await);
    bench.driver.browser().reopen().await.expect("the driver starts another one");
    assert_eq!(bench.walk(json!([text("p", "#p")])).await.finished()["p"], "here");
    bench.driver.end();
    assert_eq!(bench.walk_on(json!([text("p", "#p")])).await.failure().kind, FailureKind::Crashed);
}

#[tokio::test]
async fn a_browser_that_dies_in_the_middle_of_a_wait_is_told() {
    let mut bench = Bench::with(&[("/", "<p id=p>here</p>")]).await;
    bench.driver = Driver::own().await;
    bench.walk(json!([])).await.finished();
    let steps = json!([{"type": "waitForElement", "selectors": [["#never"]], "timeout": 30_000}]);
    let kill = bench.driver.killer();
    let (walked, ()) = tokio::join!(bench.walk_on(steps), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        kill();
    });
    assert_eq!(walked.failure().kind, FailureKind::Crashed, "{}", walked.failure().message);
    bench.driver.end();
}
