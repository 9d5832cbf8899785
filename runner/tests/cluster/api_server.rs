//! The few answers of an API server that a runner asks for: its batch, its batch's status, Secrets by name. It refuses everything
//! that the runner's role does not allow, and writes down what was asked.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, patch},
};
use fno_runner::control::cluster::{Cluster, Identity};
use serde_json::{Value, json};
use tokio::sync::broadcast;

#[derive(Clone)]
pub struct ApiServer(Arc<Shared>);

struct Shared {
    world: Mutex<World>,
    /// `(resource, name, event)`
    events: broadcast::Sender<(&'static str, String, Value)>,
    address: std::net::SocketAddr,
}

pub struct World {
    pub batch: Value,
    pub secrets: BTreeMap<String, Value>,
    /// Bodies of the patches that were applied, in order.
    pub patches: Vec<Value>,
    /// What to do with the next patches; nothing left means apply.
    pub answers: Vec<Answer>,
    /// Refuse all patches with 500.
    pub broken: bool,
    /// Everything the role does not allow.
    pub forbidden: Vec<String>,
    version: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 500, not applied.
    Fail,
    /// 403, as an admission policy answers.
    Refuse,
    /// Applied, and then 500: who asks cannot know.
    ApplyAndFail,
}

impl ApiServer {
    pub async fn start() -> Self {
        // Fails from the second test on: it is there already.
        _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let world = World {
            batch: json!({
                "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b-1", "namespace": "isp", "resourceVersion": "1"},
                "spec": {"provider": "octotel", "account": "bot", "providerGeneration": 1, "flowsDigest": "", "jobs": [{"name": "j", "uid": "u"}]},
                "status": {"phase": "Assigned", "worker": "b-1-a1"},
            }),
            secrets: BTreeMap::new(),
            patches: Vec::new(),
            answers: Vec::new(),
            broken: false,
            forbidden: Vec::new(),
            version: 1,
        };
        let server = Self(Arc::new(Shared {
            world: Mutex::new(world),
            events: broadcast::channel(100).0,
            address: listener.local_addr().expect("an address"),
        }));
        let batches = "/apis/fno.dev/v1alpha1/namespaces/isp/fnobatches";
        let app = Router::new()
            .route(batches, get(watch_batches))
            .route(&format!("{batches}/{{name}}"), get(get_batch))
            .route(&format!("{batches}/{{name}}/status"), patch(patch_status))
            .route("/api/v1/namespaces/isp/secrets", get(watch_secrets))
            .fallback(|State(server): State<Self>, request: axum::extract::Request| async move {
                server.forbid(format!("{} {}", request.method(), request.uri()))
            })
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        server
    }

    pub fn connect(&self, jobs: usize, patience: std::time::Duration) -> Cluster {
        let address = format!("http://{}", self.0.address).parse().expect("an address");
        let client = kube::Client::try_from(kube::Config::new(address)).expect("a client");
        let identity = Identity {
            namespace: "isp".to_owned(),
            batch: "b-1".to_owned(),
            pod: "b-1-a1".to_owned(),
            pod_uid: "pod-1".to_owned(),
            jobs,
            patience,
        };
        Cluster::start(client, identity)
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().expect("no panic")
    }

    /// What the operator does to the batch.
    pub fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut world = self.world();
        change(&mut world.batch);
        self.touched(&mut world);
    }

    pub fn delete(&self) {
        let batch = self.world().batch.take();
        _ = self.0.events.send((
            "fnobatches",
            "b-1".to_owned(),
            json!({"type": "DELETED", "object": batch}),
        ));
    }

    pub fn create_secret(&self, name: &str, secret: Value) {
        self.world().secrets.insert(name.to_owned(), secret.clone());
        _ = self.0.events.send((
            "secrets",
            name.to_owned(),
            json!({"type": "ADDED", "object": secret}),
        ));
    }

    fn touched(&self, world: &mut World) {
        world.version += 1;
        world.batch["metadata"]["resourceVersion"] = json!(world.version.to_string());
        _ = self.0.events.send((
            "fnobatches",
            "b-1".to_owned(),
            json!({"type": "MODIFIED", "object": world.batch}),
        ));
    }

    fn forbid(&self, what: String) -> Response {
        self.world().forbidden.push(what);
        failure(StatusCode::FORBIDDEN, "Forbidden")
    }

    /// The objects of that name as they are, then what happens to them.
    fn watch(
        &self,
        resource: &'static str,
        query: Option<String>,
        now: impl FnOnce(&World, &str) -> Option<Value>,
    ) -> Response {
        let query = query.unwrap_or_default();
        let parameters: BTreeMap<_, _> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let name = parameters
            .get("fieldSelector")
            .and_then(|selector| selector.strip_prefix("metadata.name="))
            .map(str::to_owned);
        let (Some(name), Some("true")) = (name, parameters.get("watch").map(String::as_str)) else {
            return self.forbid(format!("{resource}?{query}"));
        };
        let (first, events) = {
            let world = self.world();
            (
                now(&world, &name).map(|object| json!({"type": "ADDED", "object": object})),
                self.0.events.subscribe(),
            )
        };
        let line = |event: Value| Ok::<_, Infallible>(Bytes::from(format!("{event}\n")));
        let later = futures::stream::unfold(events, move |mut events| {
            let name = name.clone();
            async move {
                loop {
                    let (of, who, event) = events.recv().await.ok()?;
                    if (of, who) == (resource, name.clone()) {
                        return Some((line(event), events));
                    }
                }
            }
        });
        let stream = futures::StreamExt::chain(futures::stream::iter(first.map(line)), later);
        ([("content-type", "application/json")], Body::from_stream(stream)).into_response()
    }
}

async fn watch_batches(State(server): State<ApiServer>, RawQuery(query): RawQuery) -> Response {
    server.watch("fnobatches", query, |world, _| {
        Some(world.batch.clone()).filter(|batch| !batch.is_null())
    })
}

async fn watch_secrets(State(server): State<ApiServer>, RawQuery(query): RawQuery) -> Response {
    server.watch("secrets", query, |world, name| world.secrets.get(name).cloned())
}

async fn get_batch(State(server): State<ApiServer>) -> Response {
    let world = server.world();
    if world.batch.is_null() {
        failure(StatusCode::NOT_FOUND, "NotFound")
    } else {
        Json(world.batch.clone()).into_response()
    }
}

async fn patch_status(
    State(server): State<ApiServer>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let media_type =
        headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if (name.as_str(), media_type, query.as_deref().map(|q| q.trim_start_matches('&')))
        != ("b-1", "application/merge-patch+json", Some("fieldManager=fno-runner"))
    {
        return server.forbid(format!("PATCH {name} {media_type} {query:?}"));
    }
    let patch: Value = serde_json::from_slice(&body).expect("JSON");
    let mut world = server.world();
    if world.batch.is_null() {
        return failure(StatusCode::NOT_FOUND, "NotFound");
    }
    let answer = if world.answers.is_empty() { None } else { Some(world.answers.remove(0)) };
    if world.broken || answer == Some(Answer::Fail) {
        return failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
    }
    if answer == Some(Answer::Refuse) {
        return failure(StatusCode::FORBIDDEN, "Forbidden");
    }
    merge(&mut world.batch, &patch);
    world.patches.push(patch);
    server.touched(&mut world);
    match answer {
        Some(_) => failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        None => Json(world.batch.clone()).into_response(),
    }
}

fn failure(code: StatusCode, reason: &str) -> Response {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": reason, "reason": reason, "code": code.as_u16()});
    (code, Json(status)).into_response()
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, change) in changes {
        if change.is_null() {
            target.as_object_mut().expect("an object").remove(key);
        } else {
            merge(&mut target[key], change);
        }
    }
}
