use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, atomic::AtomicBool},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Query, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use fno_cluster::{
    client::{self, Limits},
    events::Publisher,
};
use fno_core::{credentials::VersionKey, lifecycle::Deadlines};
use fno_process::liveness::Liveness;
use fno_store::Store;
use kube::Client;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};

use super::*;
use crate::{
    clock::MachineClock,
    known::{
        Known,
        caches::{Caches, ScopeInputs},
    },
    metrics::Metrics,
    rights::Rights,
    settings::Settings,
    valkey::Valkey,
};

/// Serves empty lists and watches without events in every namespace except the refused ones. Changing the refused namespaces ends the open
/// watches.
#[derive(Clone)]
struct ApiServer(Arc<watch::Sender<BTreeSet<&'static str>>>);

impl ApiServer {
    async fn start(refused: &[&'static str]) -> (Self, Client) {
        let server = Self(Arc::new(watch::Sender::new(refused.iter().copied().collect())));
        let app = Router::new().fallback(Self::answer).with_state(server.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        let config = kube::Config::new(format!("http://{address}").parse().expect("a URL"));
        (server, client::new(config, Limits::default()).expect("a client"))
    }

    async fn answer(
        State(server): State<Self>,
        Query(query): Query<BTreeMap<String, String>>,
        request: Request,
    ) -> Response {
        let path = request.uri().path().to_owned();
        let namespace = path.split('/').skip_while(|part| *part != "namespaces").nth(1);
        let mut changes = server.0.subscribe();
        if changes.borrow_and_update().iter().any(|refused| Some(*refused) == namespace) {
            let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no", "reason": "Forbidden", "code": 403});
            return (StatusCode::FORBIDDEN, Json(status)).into_response();
        }
        let mut annotations = json!({});
        if query.contains_key("sendInitialEvents") {
            annotations = json!({"k8s.io/initial-events-end": "true"});
        }
        let bookmark = json!({"type": "BOOKMARK", "object": {"kind": "Any", "apiVersion": "v1", "metadata": {"resourceVersion": "7", "annotations": annotations}}});
        let line = Bytes::from(format!("{bookmark}\n"));
        let first = futures::stream::iter([Ok::<_, std::io::Error>(line)]);
        let until_changed = futures::stream::once(async move {
            _ = changes.changed().await;
            Ok(Bytes::new())
        });
        let body = Body::from_stream(first.chain(until_changed));
        ([("content-type", "application/json")], body).into_response()
    }

    fn refuse(&self, namespaces: &[&'static str]) {
        self.0.send_replace(namespaces.iter().copied().collect());
    }
}

/// An operator that works in these namespaces, with its watches running and nothing else.
async fn watching(client: Client, namespaces: &[&str]) -> Arc<Context> {
    let text = "valkey: {url: 'redis://127.0.0.1:1'}\nrunner: {image: r, browserImage: b}\n";
    let settings = Settings::parse(text).expect("settings");
    let folder = tempfile::tempdir().expect("a folder").keep();
    let store = Store::open(&fno_store::Settings {
        url: format!("file://{}", folder.display()),
        s3: fno_store::S3 { endpoint: None, region: None, credentials_dir: folder },
    })
    .expect("a store");
    let names: Vec<String> = namespaces.iter().map(|name| (*name).to_owned()).collect();
    let (caches, inputs) = Caches::new(&names);
    let context = Arc::new(Context {
        client: client.clone(),
        deadlines: Deadlines {
            pod_running: jiff::SignedDuration::from_mins(5),
            logged_in: jiff::SignedDuration::from_mins(5),
            heartbeat: jiff::SignedDuration::from_mins(2),
            job: jiff::SignedDuration::from_mins(3),
        },
        runner_log_level: "info".to_owned(),
        clock: Arc::new(MachineClock::start()),
        metrics: Metrics::register(&mut prometheus_client::registry::Registry::default()),
        publisher: Publisher::new(client, "fno.dev/operator", "test"),
        liveness: Liveness::default(),
        credentials_key: VersionKey::new(&[7; 32]).expect("a key"),
        rights: Rights::default(),
        plan_outage: Mutex::default(),
        used_steps: Arc::new(Valkey::new(&settings.valkey).expect("settings")),
        used_steps_answer: AtomicBool::new(false),
        store,
        known: Known::new(caches),
        settings,
    });
    for input in inputs {
        let ScopeInputs { namespace, providers, batches, pods, .. } = input;
        let name = namespace.as_deref();
        tokio::spawn(super::providers(&context, name, providers).for_each(|_| async {}));
        tokio::spawn(super::batches(&context, name, batches).for_each(|_| async {}));
        tokio::spawn(super::pods(&context, name, pods).for_each(|_| async {}));
        tokio::spawn(jobs::watch(Arc::clone(&context), namespace));
    }
    context
}

async fn until(context: &Context, namespace: &str, works: bool) {
    while context.known.caches.is_in_service(namespace) != works {
        context.known.caches.service_changed.notified().await;
    }
}

#[tokio::test]
async fn a_refused_namespace_does_not_stop_the_others_and_is_used_once_it_is_allowed() {
    let (server, client) = ApiServer::start(&["gone"]).await;
    let context = watching(client, &["good", "gone"]).await;
    context.known.caches.started().await;
    let works = |namespace| context.known.caches.is_in_service(namespace);
    assert!(works("good") && !works("gone"));
    server.refuse(&[]);
    until(&context, "gone", true).await;
    assert!(works("good"));
}

#[tokio::test]
async fn a_namespace_that_is_deleted_later_leaves_the_others_in_service() {
    let (server, client) = ApiServer::start(&[]).await;
    let context = watching(client, &["good", "leaving"]).await;
    context.known.caches.started().await;
    server.refuse(&["leaving"]);
    until(&context, "leaving", false).await;
    assert!(context.known.caches.is_in_service("good"));
    let states = context.known.caches.services();
    assert_eq!(states, [(Some("good"), true), (Some("leaving"), false)].into());
    let out = context.known.caches.out_of_service(context.now());
    assert!(out.since("leaving").is_some() && out.since("good").is_none());
}
