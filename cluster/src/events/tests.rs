use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use fno_crds::{FnoBatch, Reason};
use serde_json::Value;
use tokio::net::TcpListener;

use super::*;
use crate::client::{self, Limits};

/// Stores events as an API server does: each name exists once, and a patch changes the stored event.
#[derive(Clone, Default)]
struct ApiServer(Arc<Mutex<BTreeMap<String, Value>>>);

fn failure(code: StatusCode, reason: &str) -> Response {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": reason, "reason": reason, "code": code.as_u16()});
    (code, Json(status)).into_response()
}

async fn create(State(server): State<ApiServer>, Json(event): Json<Value>) -> Response {
    let name = event["metadata"]["name"].as_str().expect("a name").to_owned();
    let mut events = server.0.lock().expect("no panic");
    if events.contains_key(&name) {
        return failure(StatusCode::CONFLICT, "AlreadyExists");
    }
    events.insert(name, event.clone());
    (StatusCode::CREATED, Json(event)).into_response()
}

async fn read(State(server): State<ApiServer>, Path(name): Path<String>) -> Response {
    match server.0.lock().expect("no panic").get(&name) {
        Some(event) => Json(event.clone()).into_response(),
        None => failure(StatusCode::NOT_FOUND, "NotFound"),
    }
}

async fn change(
    State(server): State<ApiServer>,
    Path(name): Path<String>,
    Json(patch): Json<Value>,
) -> Response {
    let mut events = server.0.lock().expect("no panic");
    let event = events.get_mut(&name).expect("it exists");
    event["series"] = patch["series"].clone();
    Json(event.clone()).into_response()
}

async fn start(server: &ApiServer) -> Publisher {
    let events = "/apis/events.k8s.io/v1/namespaces/isp/events";
    let app = Router::new()
        .route(events, post(create))
        .route(&format!("{events}/{{name}}"), get(read).patch(change))
        .with_state(server.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let config = kube::Config::new(format!("http://{address}").parse().expect("a URL"));
    let client = client::new(config, Limits::default()).expect("a client");
    Publisher::new(client, "fno.dev/operator", "fno-operator-0")
}

fn batch(name: &str) -> FnoBatch {
    serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": name, "namespace": "isp", "uid": "u"},
        "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "", "jobs": [{"name": "j", "uid": "u"}]},
    }))
    .expect("a batch")
}

fn why(message: &str) -> Why {
    Why { reason: Reason::BreakerOpen, message: message.to_owned() }
}

#[tokio::test]
async fn an_event_with_a_new_cause_is_a_new_event_and_a_repeat_is_counted() {
    let server = ApiServer::default();
    let publisher = start(&server).await;
    let batch = batch("b-1");
    for cause in ["wrong seed", "wrong user name", "wrong seed", "wrong seed"] {
        publisher.warning(&batch, "OpenBreaker", &why(cause)).await;
    }
    // A restarted operator continues to count.
    start(&server).await.warning(&batch, "OpenBreaker", &why("wrong seed")).await;
    let events = server.0.lock().expect("no panic");
    let seen: BTreeMap<_, _> = events
        .values()
        .map(|event| (event["note"].as_str().expect("a note"), event["series"]["count"].as_i64()))
        .collect();
    // The second publisher's server has another address but the same store.
    assert_eq!(seen, [("wrong seed", Some(4)), ("wrong user name", None)].into());
}

#[tokio::test]
async fn an_event_has_every_field_that_the_api_requires() {
    let server = ApiServer::default();
    start(&server).await.normal(&batch("b-1"), "Finish", &why("")).await;
    let events = server.0.lock().expect("no panic");
    let event = events.values().next().expect("an event");
    for (field, value) in [
        ("type", "Normal"),
        ("reason", "BreakerOpen"),
        ("action", "Finish"),
        ("reportingController", "fno.dev/operator"),
        ("reportingInstance", "fno-operator-0"),
    ] {
        assert_eq!(event[field], json!(value), "{field}");
    }
    assert_eq!(event["regarding"]["kind"], json!("FnoBatch"));
    assert!(event["eventTime"].is_string() && event["note"].is_null(), "{event}");
}

#[test]
fn the_name_of_an_event_is_valid_even_for_the_longest_object_name() {
    let of = |name: &str| {
        let regarding = ObjectReference { name: Some(name.to_owned()), ..Default::default() };
        super::name(&regarding, ["Normal", "r", "a", "n"])
    };
    let long = of(&format!("{}.x", "a".repeat(199)));
    assert!(long.len() <= 253 && !long.contains(".."), "{long}");
    assert_ne!(of("a"), of("b"));
}
