//! The reporting part of the runner with real tokens, against the policy about them.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use fno_runner::control::{
    Control as _,
    cluster::{Cluster, Identity},
};
use http::{Method, Request, StatusCode};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::{sync::Notify, time::timeout};

use crate::{
    api_server::{ApiServer, PATIENCE, User},
    policies::{BATCH_STATUS, BATCHES, batch, installed, operator, run, runner_rights},
};

const RUNNER: [&str; 2] = ["b-runner", "--namespace=lines"];

/// Creates the runner's account and its Pod, which nothing starts. Returns the Pod's UID.
async fn create_pod(server: &ApiServer) -> Result<String> {
    server.kubectl(&[&["create", "serviceaccount"], &RUNNER[..]].concat(), None).await?;
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b-a1", "namespace": "lines"},
        "spec": {"serviceAccountName": "b-runner", "containers": [{"name": "runner", "image": "runner"}]}});
    server.kubectl(&["create", "-f", "-"], Some(&pod.to_string())).await?;
    let uid = ["get", "pod", "b-a1", "--namespace=lines", "-o", "jsonpath={.metadata.uid}"];
    server.kubectl(&uid, None).await
}

/// A client with a token of the runner's account, bound to a Pod or to nothing.
async fn client(server: &ApiServer, bound: &[&str]) -> Result<Client> {
    let token = server.kubectl(&[&["create", "token"], &RUNNER[..], bound].concat(), None).await?;
    server.client_with(token.trim()).await
}

/// A client that tells when a patch was refused.
fn watched(client: Client) -> (Client, Arc<Notify>) {
    let refused = Arc::new(Notify::new());
    let tell = Arc::clone(&refused);
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, tell) = (client.clone(), Arc::clone(&tell));
        async move {
            let patch = request.method() == Method::PATCH;
            let response = client.send(request).await;
            if patch && response.as_ref().is_ok_and(|r| r.status() == StatusCode::FORBIDDEN) {
                tell.notify_one();
            }
            response
        }
    });
    (Client::new(service, "lines"), refused)
}

async fn reported(server: &ApiServer) -> Result<Value> {
    let batch = format!("{BATCHES}/b");
    Ok(server.admitted(&operator(), "GET", &batch, &json!({})).await?["status"]["run"].clone())
}

#[tokio::test]
async fn a_runner_that_is_faster_than_the_record_of_its_pod_reports_once_it_is_recorded()
-> Result<()> {
    let server = installed("crds.create=false").await?;
    server.admitted(&operator(), "POST", BATCHES, &batch("b")).await?;
    let account = runner_rights(&server).await?;
    let uid = create_pod(&server).await?;
    // Roles and policies are in force.
    let early = User { pod_uid: Some(uid.clone()), ..account };
    server.refused(&early, "PATCH", BATCH_STATUS, &run(&uid, 1), "status.podUid").await?;

    let (bound, refused) =
        watched(client(&server, &["--bound-object-kind=Pod", "--bound-object-name=b-a1"]).await?);
    let identity = Identity {
        namespace: "lines".to_owned(),
        batch: "b".to_owned(),
        pod: "b-a1".to_owned(),
        pod_uid: uid.clone(),
        jobs: 1,
        patience: PATIENCE,
    };
    let runner = Cluster::start(bound, identity);
    timeout(PATIENCE, refused.notified()).await.context("no report was refused")?;
    ensure!(reported(&server).await?.is_null(), "a report before the record");

    let assigned = json!({"status": {"phase": "Assigned", "worker": "b-a1", "podUid": uid}});
    server.admitted(&operator(), "PATCH", BATCH_STATUS, &assigned).await?;
    ensure!(runner.delivered().await, "{:?}", runner.orders().borrow().unheard);
    ensure!(reported(&server).await?["podUid"] == uid.as_str());

    let unbound = client(&server, &[]).await?;
    let body = run(&uid, 7).to_string().into_bytes();
    let request = Request::patch(BATCH_STATUS)
        .header("Content-Type", "application/merge-patch+json")
        .body(body)?;
    let forged = unbound.request_text(request).await.err().context("a forged report")?;
    ensure!(forged.to_string().contains("this token is of no Pod"), "{forged}");
    Ok(())
}
