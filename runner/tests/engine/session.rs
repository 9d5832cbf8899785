//! Sessions: how they are set up, and what is known about them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::Request, http::HeaderMap, response::Html, routing::get};
use fno_runner::browser::{Browser, DriverErrorKind, RepeatGuard, Settings};
use serde_json::json;

use crate::support::{Bench, Driver, Site, click, text};

#[tokio::test]
async fn a_session_proves_that_it_sends_a_request_once() {
    let mut driver = Driver::take().await;
    assert_eq!(driver.browser().repeat_guard(), &RepeatGuard::SentOnce);
    assert!(driver.browser().version().starts_with("Firefox 1"), "{}", driver.browser().version());
    assert!(!driver.browser().session_id().is_empty());
    assert!(driver.browser().is_alive().await);
}

#[tokio::test]
async fn a_post_whose_connection_breaks_is_not_sent_again() {
    // Keep-alive and then no answer: where Firefox repeats by default.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let posts = Arc::new(Mutex::new(0));
    let count = Arc::clone(&posts);
    let server = tokio::spawn(async move {
        let page = "<form method=post action=/cancel><button id=b>Cancel</button></form>";
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                let mut buffer = [0; 8192];
                while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                    if buffer[..n].starts_with(b"POST") {
                        *count.lock().expect("not poisoned") += 1;
                        return;
                    }
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}",
                        page.len()
                    );
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let mut bench = Bench::with(&[("/", "")]).await;
    bench.rules.base_url = url;
    let walked = bench.walk(json!([{"type": "navigate", "url": "/again"}, click("#b"), {"type": "waitForElement", "selectors": [["#p"]]}])).await;
    server.abort();
    walked.failure();
    assert_eq!(*posts.lock().expect("not poisoned"), 1);
}

#[tokio::test]
async fn the_providers_settings_reach_the_portal() {
    let headers = Arc::new(Mutex::new(HeaderMap::new()));
    let seen = Arc::clone(&headers);
    let router = Router::new().route(
        "/",
        get(move |request: Request| async move {
            *seen.lock().expect("not poisoned") = request.headers().clone();
            Html(crate::support::html("<p id=p></p><script>p.textContent = `${outerWidth}x${outerHeight} ${navigator.language}`</script>"))
        }),
    );
    let mut bench = Bench::on(Site::serve(router).await).await;
    bench.driver = Driver::own_with(|settings| {
        settings.browser =
            serde_json::from_value(json!({"locale": "en-ZA", "userAgent": "fno-test", "windowSize": {"width": 1500, "height": 900}})).expect("settings");
    })
    .await;
    let walked = bench.walk(json!([text("p", "#p")])).await;
    assert_eq!(walked.finished()["p"], "1500x900 en-ZA");
    let headers = headers.lock().expect("not poisoned");
    assert_eq!(headers["user-agent"], "fno-test");
    assert!(
        headers["accept-language"].to_str().expect("text").starts_with("en-ZA,en;"),
        "{headers:?}"
    );
    bench.driver.end();
}

#[tokio::test]
async fn the_portals_clock_is_read_without_touching_a_session() {
    let cookies = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&cookies);
    let router = Site::router(&[("/", "<script>document.cookie = 'session=1'</script>")]).route(
        "/robots.txt",
        get(move |headers: HeaderMap| async move {
            *seen.lock().expect("not poisoned") = Some(headers.get("cookie").cloned());
            [("date", "Wed, 01 Jan 2025 00:00:00 GMT")]
        }),
    );
    let mut bench = Bench::on(Site::serve(router).await).await;
    bench.walk(json!([])).await.finished();
    let offset = bench.driver.browser().clock_offset().await.expect("the site tells the time");
    let ours =
        jiff::Timestamp::now().duration_since("2025-01-01T00:00:00Z".parse().expect("a time"));
    let difference = (i128::from(offset.millis) + ours.as_millis()).abs();
    assert!(
        difference <= i128::from(offset.uncertainty_millis) + 5000,
        "{offset:?} is {difference} ms off"
    );
    assert_eq!(*cookies.lock().expect("not poisoned"), Some(None), "asked, and without cookies");
}

#[tokio::test]
async fn where_nothing_listens_the_address_is_named() {
    let settings = Settings {
        webdriver_url: "http://127.0.0.1:9".into(),
        start_timeout: Duration::from_millis(100),
        ..Settings::default()
    };
    let error = Browser::open(settings).await.err().expect("no driver there");
    assert_eq!(error.kind, DriverErrorKind::Timeout);
    assert!(error.message.contains("nothing answers at http://127.0.0.1:9"), "{}", error.message);
    let error =
        Browser::open(Settings { webdriver_url: "127.0.0.1:4444".into(), ..Settings::default() })
            .await
            .err()
            .expect("no address");
    assert!(
        error.message.contains("no address of a driver such as http://127.0.0.1:4444"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn a_second_quit_does_no_harm() {
    let mut driver = Driver::own().await;
    driver.browser().quit().await;
    driver.browser().quit().await;
    assert!(!driver.browser().is_alive().await);
    driver.end();
}
