use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, http::StatusCode};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    Api,
    api::{LogParams, PostParams, WatchParams},
};
use tokio::{io::AsyncReadExt as _, net::TcpListener};

use super::*;
use crate::failure::sentence;

/// After this a call counts as hanging: far longer than the limits under test, far shorter than a person waits for a test.
const HANGS: Duration = Duration::from_secs(30);

fn client_for(address: std::net::SocketAddr) -> Client {
    let config = Config::new(format!("http://{address}").parse().expect("a URL"));
    let limits = Limits { answer: Duration::from_millis(300), silence: Duration::from_millis(300) };
    new(config, limits).expect("a client")
}

/// Accepts every connection, sends `head` and then nothing more, as a half-open connection does.
async fn silent_server(head: &'static str) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                let mut is_answered = head.is_empty();
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    if !std::mem::replace(&mut is_answered, true) {
                        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes())
                            .await
                            .expect("a reader");
                    }
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn calls_to_a_server_that_accepts_and_never_answers_end() {
    let client = client_for(silent_server("").await);
    let pods: Api<Pod> = Api::namespaced(client.clone(), "isp");
    let maps: Api<ConfigMap> = Api::namespaced(client, "isp");
    let (map, create) = (ConfigMap::default(), PostParams::default());
    let calls = async {
        tokio::join!(
            async { pods.get("p").await.err() },
            async { maps.create(&create, &map).await.err() },
            async { pods.watch(&WatchParams::default(), "0").await.err() },
            async { pods.logs("p", &LogParams::default()).await.err() },
        )
    };
    let (get, create, watch, log) =
        tokio::time::timeout(HANGS, calls).await.expect("every call ends");
    for error in [get, create, watch, log] {
        let error = sentence(&error.expect("no answer is an error"));
        assert!(error.starts_with("no answer from the API server"), "{error}");
    }
}

#[tokio::test]
async fn a_call_whose_answer_stops_in_the_middle_ends() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    let pods: Api<Pod> = Api::namespaced(client_for(silent_server(head).await), "isp");
    let answer = tokio::time::timeout(HANGS, pods.get("p")).await.expect("the call ends");
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn a_call_that_an_overloaded_server_refuses_is_sent_once() {
    for code in [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ] {
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        let app = Router::new().fallback(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async move { (code, [("retry-after", "0")], "later") }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        let maps: Api<ConfigMap> = Api::namespaced(client_for(address), "isp");
        let created = maps.create(&PostParams::default(), &ConfigMap::default()).await;
        assert!(created.is_err(), "{created:?}");
        assert_eq!(requests.load(Ordering::Relaxed), 1, "{code}");
    }
}
