use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{Client, Config as ClientConfig, ResourceExt as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::client::{self, Limits};

/// A Kubernetes 1.33 API server with two Pods: it refuses streaming lists, serves lists in pages of one Pod, and then one change by watch.
#[derive(Clone, Default)]
struct ApiServer {
    /// How to answer the next requests: with this refusal, or normally. Later requests are answered normally.
    script: Arc<Mutex<VecDeque<Option<StatusCode>>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

fn pod(name: &str, version: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "isp", "resourceVersion": version}})
}

fn refusal(code: StatusCode, message: &str) -> Response {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": "Refused", "code": code.as_u16()});
    (code, Json(status)).into_response()
}

async fn pods(
    State(server): State<ApiServer>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let is = |name: &str, value: &str| query.get(name).is_some_and(|it| it == value);
    let kind = match (is("watch", "true"), is("sendInitialEvents", "true")) {
        (true, true) => "stream",
        (true, false) => "watch",
        (false, _) => "list",
    };
    server.requests.lock().expect("no panic").push(kind.to_owned());
    let scripted = server.script.lock().expect("no panic").pop_front();
    if let Some(Some(code)) = scripted {
        return refusal(code, "not now");
    }
    match kind {
        "stream" => refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
        ),
        "list" => {
            let second = query.contains_key("continue");
            let (item, token) = if second { ("b", "") } else { ("a", "more") };
            Json(json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "5", "continue": token}, "items": [pod(item, "4")]})).into_response()
        }
        _ => {
            let event = json!({"type": "MODIFIED", "object": pod("a", "6")});
            let line =
                futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from(format!("{event}\n")))]);
            let open = futures::StreamExt::chain(line, futures::stream::pending());
            ([("content-type", "application/json")], Body::from_stream(open)).into_response()
        }
    }
}

async fn start(server: &ApiServer) -> Client {
    let app = Router::new()
        .route("/api/v1/namespaces/isp/pods", axum::routing::get(pods))
        .with_state(server.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let config = ClientConfig::new(format!("http://{address}").parse().expect("a URL"));
    client::new(config, Limits::default()).expect("a client")
}

/// The first `n` events as words, and the health reports until then.
async fn first(client: Client, n: usize) -> (Vec<String>, Vec<Health>) {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reports);
    let subject = Subject { kind: "Pod", namespace: Some("isp".to_owned()) };
    let events = watch::<Pod, _>(
        Api::namespaced(client, "isp"),
        watcher::Config::default(),
        subject,
        move |health| seen.lock().expect("no panic").push(health.clone()),
    );
    let words = events
        .take(n)
        .map(|event| match event.expect("never an error") {
            Event::Init => "init".to_owned(),
            Event::InitApply(pod) => format!("init {}", pod.name_any()),
            Event::InitDone => "done".to_owned(),
            Event::Apply(pod) => format!("apply {}", pod.name_any()),
            Event::Delete(pod) => format!("delete {}", pod.name_any()),
        })
        .collect()
        .await;
    let reports = reports.lock().expect("no panic").clone();
    (words, reports)
}

#[tokio::test]
async fn a_server_that_refuses_streaming_lists_is_listed_in_pages_and_watched() {
    let server = ApiServer::default();
    let (events, reports) = first(start(&server).await, 5).await;
    assert_eq!(events, ["init", "init a", "init b", "done", "apply a"]);
    assert_eq!(reports, [Health::Synced]);
    assert_eq!(*server.requests.lock().expect("no panic"), ["stream", "list", "list", "watch"]);
}

#[tokio::test]
async fn a_forbidden_watch_reports_it_and_continues_by_itself_once_it_is_allowed() {
    let server = ApiServer::default();
    *server.script.lock().expect("no panic") =
        [Some(StatusCode::FORBIDDEN), Some(StatusCode::FORBIDDEN)].into();
    let (events, reports) = first(start(&server).await, 5).await;
    assert_eq!(events, ["init", "init a", "init b", "done", "apply a"]);
    assert_eq!(
        reports,
        [Health::Refused("403 Refused: not now".to_owned()), Health::Synced],
        "one report per change"
    );
}

#[tokio::test]
async fn a_watch_that_loses_its_permission_lists_everything_again_once_it_is_allowed() {
    let server = ApiServer::default();
    // The stream and two pages are answered; then the permission is gone for the watch and for the stream that follows.
    *server.script.lock().expect("no panic") =
        [None, None, None, Some(StatusCode::FORBIDDEN), Some(StatusCode::FORBIDDEN)].into();
    let (events, reports) = first(start(&server).await, 10).await;
    let list = ["init", "init a", "init b", "done"];
    // The attempt that was refused had started a list.
    assert_eq!(events, [&list[..], &["init"], &list[..], &["apply a"]].concat());
    assert_eq!(
        reports,
        [Health::Synced, Health::Refused("403 Refused: not now".to_owned()), Health::Synced]
    );
}

#[tokio::test]
async fn an_overloaded_server_does_not_count_as_refusing() {
    let server = ApiServer::default();
    *server.script.lock().expect("no panic") = [Some(StatusCode::SERVICE_UNAVAILABLE)].into();
    let (_, reports) = first(start(&server).await, 5).await;
    assert_eq!(reports, [Health::Failing("503 Refused: not now".to_owned()), Health::Synced]);
}
