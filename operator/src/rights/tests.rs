use std::sync::atomic::{AtomicBool, Ordering};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use fno_cluster::client::{self, Limits};
use serde_json::Value;
use tokio::net::TcpListener;

use super::*;

const NOW: Duration = Duration::from_secs(1000);

/// An API server with at most one RoleBinding; `is_allowed` says whether it allows patches.
#[derive(Clone)]
struct ApiServer {
    binding: Arc<Mutex<Option<Value>>>,
    is_allowed: Arc<AtomicBool>,
}

fn failure(code: StatusCode, reason: &str) -> Response {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": reason, "reason": reason, "code": code.as_u16()});
    (code, Json(status)).into_response()
}

impl ApiServer {
    async fn start(binding: Option<Value>) -> (Self, Client) {
        let server = Self {
            binding: Arc::new(Mutex::new(binding)),
            is_allowed: Arc::new(AtomicBool::new(true)),
        };
        let path = "/apis/rbac.authorization.k8s.io/v1/namespaces/isp/rolebindings/fno-operator";
        let app = Router::new()
            .route(path, get(Self::read).patch(Self::change))
            .with_state(server.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        let config = kube::Config::new(format!("http://{address}").parse().expect("a URL"));
        (server, client::new(config, Limits::default()).expect("a client"))
    }

    async fn read(State(server): State<Self>) -> Response {
        match server.binding.lock().expect("no panic").clone() {
            Some(binding) => Json(binding).into_response(),
            None => failure(StatusCode::NOT_FOUND, "NotFound"),
        }
    }

    async fn change(State(server): State<Self>, Json(patch): Json<Value>) -> Response {
        if !server.is_allowed.load(Ordering::Relaxed) {
            return failure(StatusCode::FORBIDDEN, "Forbidden");
        }
        let mut binding = server.binding.lock().expect("no panic");
        let Some(object) = binding.as_mut() else {
            return failure(StatusCode::NOT_FOUND, "NotFound");
        };
        object["metadata"]["finalizers"] = patch["metadata"]["finalizers"].clone();
        Json(object.clone()).into_response()
    }

    fn finalizers(&self) -> Value {
        self.binding.lock().expect("no panic").as_ref().expect("it exists")["metadata"]["finalizers"]
            .clone()
    }
}

fn binding() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "fno-operator", "namespace": "isp", "resourceVersion": "1", "finalizers": ["example.com/other"]},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "fno-operator"},
    })
}

fn rights() -> Rights {
    Rights::new(Some("fno-operator".to_owned()))
}

async fn created() -> Result<&'static str> {
    Ok("created")
}

#[tokio::test]
async fn the_role_binding_has_the_finalizer_before_the_first_batch_exists_and_loses_it_after_the_last()
 {
    let (server, client) = ApiServer::start(Some(binding())).await;
    let rights = rights();
    let seen = server.clone();
    let create = async move { Ok(seen.finalizers()) };
    let during = rights.held(&client, "isp", NOW, create).await.expect("created");
    assert_eq!(during, json!(["example.com/other", FINALIZER]));
    rights.give_up(&client, "isp", NOW, || true).await;
    assert_eq!(server.finalizers(), json!(["example.com/other", FINALIZER]), "still needed");
    rights.give_up(&client, "isp", NOW, || false).await;
    assert_eq!(server.finalizers(), json!(["example.com/other"]));
}

#[tokio::test]
async fn a_restarted_operator_gives_up_permissions_that_its_predecessor_held() {
    let mut held = binding();
    held["metadata"]["finalizers"] = json!([FINALIZER]);
    let (server, client) = ApiServer::start(Some(held)).await;
    rights().give_up(&client, "isp", NOW, || false).await;
    assert_eq!(server.finalizers(), json!([]));
}

#[tokio::test]
async fn a_role_binding_to_a_role_of_its_namespace_is_not_changed() {
    let mut own = binding();
    own["roleRef"]["kind"] = json!("Role");
    let (server, client) = ApiServer::start(Some(own)).await;
    rights().held(&client, "isp", NOW, created()).await.expect("created");
    assert_eq!(server.finalizers(), json!(["example.com/other"]));
}

#[tokio::test]
async fn nothing_new_starts_where_the_permissions_are_being_taken_away() {
    let mut leaving = binding();
    leaving["metadata"]["deletionTimestamp"] = json!("2030-01-01T00:00:00Z");
    let (_server, client) = ApiServer::start(Some(leaving)).await;
    let error = rights().held(&client, "isp", NOW, created()).await.expect_err("not created");
    assert!(error.to_string().contains("is being deleted"), "{error}");
}

#[tokio::test]
async fn work_continues_where_the_role_binding_is_missing_or_cannot_be_changed() {
    let (_server, client) = ApiServer::start(None).await;
    assert_eq!(rights().held(&client, "isp", NOW, created()).await.expect("created"), "created");
    let (server, client) = ApiServer::start(Some(binding())).await;
    server.is_allowed.store(false, Ordering::Relaxed);
    assert_eq!(rights().held(&client, "isp", NOW, created()).await.expect("created"), "created");
}
