//! What the chart's admission policies admit and refuse, asked of a real API server in the name of those who would ask.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{
    api_server::{ApiServer, User},
    rendering::{SYSTEM, text},
};

pub const BATCHES: &str = "/apis/fno.dev/v1alpha1/namespaces/lines/fnobatches";
const JOBS: &str = "/apis/fno.dev/v1alpha1/namespaces/lines/fnojobs";
pub const BATCH_STATUS: &str = "/apis/fno.dev/v1alpha1/namespaces/lines/fnobatches/b/status";

pub fn operator() -> User {
    User::account(SYSTEM, "fno-operator")
}

pub fn batch(name: &str) -> Value {
    json!({"apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": name},
        "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "jobs": [{"name": "j", "uid": "u"}]}})
}

fn job(name: &str, action: &str, suspend: bool) -> Value {
    json!({"apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": name},
        "spec": {"provider": "p", "action": action, "circuitNumber": "C1", "suspend": suspend}})
}

pub fn run(pod_uid: &str, logins: i32) -> Value {
    json!({"status": {"run": {"podUid": pod_uid, "logins": logins}}})
}

/// An API server with the chart's roles and policies, and people bound to the roles in the namespace `lines`.
pub async fn installed(values: &str) -> Result<ApiServer> {
    let server = ApiServer::start().await?;
    server.prepare(&[SYSTEM, "lines"]).await?;
    let templates = ["rbac", "userroles", "policies", "serviceaccount"];
    let shown: Vec<String> = templates.iter().map(|t| format!("templates/{t}.yaml")).collect();
    let mut arguments: Vec<&str> = shown.iter().flat_map(|path| ["--show-only", path]).collect();
    arguments.extend(["--set", values]);
    server.kubectl(&["apply", "--server-side", "-f", "-"], Some(&text(&arguments)?)).await?;
    for role in ["viewer", "submitter", "canceller", "approver", "admin"] {
        let (cluster_role, user) =
            (format!("--clusterrole=fno-operator-{role}"), format!("--user={role}"));
        server
            .kubectl(
                &["create", "rolebinding", role, &cluster_role, &user, "--namespace=lines"],
                None,
            )
            .await?;
    }
    Ok(server)
}

/// The rights that the operator gives the runner of a batch.
pub async fn runner_rights(server: &ApiServer) -> Result<User> {
    let rights = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: b-runner, namespace: lines}
rules:
- {apiGroups: [fno.dev], resources: [fnobatches], verbs: [get, watch], resourceNames: [b]}
- {apiGroups: [fno.dev], resources: [fnobatches/status], verbs: [get, patch], resourceNames: [b]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b-runner, namespace: lines}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: b-runner}
subjects: [{kind: ServiceAccount, name: b-runner, namespace: lines}]
";
    server.kubectl(&["apply", "--server-side", "-f", "-"], Some(rights)).await?;
    Ok(User::account("lines", "b-runner"))
}

#[tokio::test]
async fn only_a_token_of_the_recorded_pod_reports_for_a_batch() -> Result<()> {
    let server = installed("crds.create=false").await?;
    server.admitted(&operator(), "POST", BATCHES, &batch("b")).await?;
    let runner = runner_rights(&server).await?;
    let recorded = runner.clone().in_pod("pod-1");
    let status = |user: User, body: Value, sentence: &'static str| {
        let server = &server;
        async move { server.refused(&user, "PATCH", BATCH_STATUS, &body, sentence).await }
    };
    // No Pod is recorded yet: nobody reports.
    status(recorded.clone(), run("pod-1", 1), "status.podUid").await?;
    let assigned = json!({"status": {"phase": "Assigned", "podUid": "pod-1"}});
    server.admitted(&operator(), "PATCH", BATCH_STATUS, &assigned).await?;

    server.admitted(&recorded, "PATCH", BATCH_STATUS, &run("pod-1", 1)).await?;
    status(runner.clone(), run("pod-1", 2), "this token is of no Pod").await?;
    status(runner.clone().in_pod("pod-2"), run("pod-2", 2), "this token is of pod-2").await?;
    status(recorded.clone(), run("pod-2", 2), "status.run.podUid must be that of the Pod").await?;
    status(
        recorded.clone(),
        json!({"status": {"podUid": "pod-2"}}),
        "may not change status.podUid",
    )
    .await?;
    status(operator(), run("pod-1", 3), "may not change status.run").await?;

    // Another attempt: the earlier Pod reports no more.
    let again = json!({"status": {"podUid": "pod-2", "attempt": 2}});
    server.admitted(&operator(), "PATCH", BATCH_STATUS, &again).await?;
    status(recorded, run("pod-1", 9), "this token is of pod-1").await?;
    server.admitted(&runner.in_pod("pod-2"), "PATCH", BATCH_STATUS, &run("pod-2", 1)).await?;
    Ok(())
}

#[tokio::test]
async fn cancelling_needs_the_verb_cancel_and_withdrawing_does_not() -> Result<()> {
    let server = installed("crds.create=false").await?;
    let (submitter, canceller) = (User::person("submitter"), User::person("canceller"));
    let (approver, admin) = (User::person("approver"), User::person("admin"));
    server.admitted(&submitter, "POST", JOBS, &job("look", "Validation", false)).await?;
    let sentence = "may not cancel lines in lines (needs the verb cancel on fnojobs.fno.dev)";
    let cancellation = job("end", "Cancellation", true);
    for user in [&submitter, &admin] {
        server.refused(user, "POST", JOBS, &cancellation, sentence).await?;
    }
    for user in [&approver, &User::person("viewer")] {
        server.refused(user, "POST", JOBS, &cancellation, "cannot create resource").await?;
    }
    server.admitted(&canceller, "POST", JOBS, &cancellation).await?;

    let end = format!("{JOBS}/end");
    let spec = |changes: Value| json!({"spec": changes});
    server.refused(&submitter, "PATCH", &end, &spec(json!({"suspend": false})), sentence).await?;
    server.refused(&submitter, "PATCH", &end, &spec(json!({"suspend": null})), sentence).await?;
    server.admitted(&canceller, "PATCH", &end, &spec(json!({"suspend": false}))).await?;
    server.admitted(&submitter, "PATCH", &end, &spec(json!({"suspend": true}))).await?;
    server.admitted(&submitter, "PATCH", &end, &spec(json!({"cancelRequested": true}))).await?;
    // The operator's finalizer on a cancellation that others may not have submitted.
    let finalizers = |list: Value| json!({"metadata": {"finalizers": list}});
    server.admitted(&operator(), "PATCH", &end, &finalizers(json!(["fno.dev/at-work"]))).await?;
    server
        .refused(
            &submitter,
            "PATCH",
            &end,
            &finalizers(json!(null)),
            "may not remove the finalizer",
        )
        .await?;
    server.admitted(&operator(), "PATCH", &end, &finalizers(json!(null))).await?;
    server.admitted(&submitter, "DELETE", &end, &json!({})).await?;
    Ok(())
}

#[tokio::test]
async fn people_decide_in_their_own_name_and_write_nothing_else() -> Result<()> {
    let server = installed("crds.create=false").await?;
    let (approver, canceller) = (User::person("approver"), User::person("canceller"));
    server.admitted(&canceller, "POST", JOBS, &job("end", "Cancellation", false)).await?;
    let status = format!("{JOBS}/end/status");
    let approval =
        |by: &str| json!({"status": {"approval": {"by": by, "at": "2030-01-01T00:00:00Z"}}});
    server.refused(&approver, "PATCH", &status, &approval("boss"), "must be the requester").await?;
    let forged = json!({"status": {"phase": "Succeeded"}});
    server.refused(&approver, "PATCH", &status, &forged, "may not change status.phase").await?;
    server.refused(&canceller, "PATCH", &status, &approval("canceller"), "cannot patch").await?;
    server
        .refused(&operator(), "PATCH", &status, &approval(&operator().name), "may not approve")
        .await?;
    server.admitted(&approver, "PATCH", &status, &approval("approver")).await?;
    let provider = "/apis/fno.dev/v1alpha1/namespaces/lines/fnoproviders";
    server.refused(&canceller, "POST", provider, &json!({}), "cannot create resource").await?;
    server
        .refused(&User::person("admin"), "POST", BATCHES, &batch("mine"), "cannot create")
        .await?;
    Ok(())
}

#[tokio::test]
async fn the_operator_creates_pods_with_the_runners_images_only_where_that_is_switched_on()
-> Result<()> {
    let server = installed("crds.create=false,policies.runnerImages=true,image.tag=v1").await?;
    let pods = "/api/v1/namespaces/lines/pods";
    let pod = |image: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {
            "initContainers": [{"name": "browser", "image": "ghcr.io/fno-operator/browser:v1"}],
            "containers": [{"name": "runner", "image": image}]}})
    };
    let sentence = "creates Pods with the runner images only, not with evil:1";
    server.refused(&operator(), "POST", pods, &pod("evil:1"), sentence).await?;
    server.admitted(&operator(), "POST", pods, &pod("ghcr.io/fno-operator/runner:v1")).await?;
    let created =
        server.kubectl(&["get", "pod", "p", "--namespace=lines", "-o", "name"], None).await?;
    ensure!(created.trim() == "pod/p", "{created}");
    Ok(())
}
