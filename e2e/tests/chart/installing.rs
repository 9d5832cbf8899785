//! Installing and uninstalling, as far as the API server alone decides.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fno_crds::{FnoBatch, FnoJob, names::FINALIZER};
use fno_operator::delete_all::delete_all;
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    api_server::ApiServer,
    rendering::{SYSTEM, kinds, objects, text},
};

/// Every variant with other templates or fields in it.
const VARIANTS: [&str; 7] = [
    "replicas=1",
    "crds.keep=false,policies.runnerImages=true",
    "namespaces={a,b},networkPolicy.runners.enabled=true,userRoles.create=false",
    "evidence.url=s3://bucket/prefix,evidence.s3.endpoint=https://s3.example:9000,proxy.url=http://proxy:3128,extraCA.configMap=ca",
    "valkey.external.url=rediss://v:6380/1,valkey.external.secret=s,valkey.external.caKey=ca.crt",
    "runtimeClassName=kata,priorityClassName=high,extraEnv[0].name=TZ,extraEnv[0].value=UTC,podLabels.a=b,podAnnotations.a=b,commonLabels.c=d",
    "policies.create=false,networkPolicy.enabled=false,metrics.service.enabled=false,podSecurity.runAsUser=null,podSecurity.fsGroup=null",
];

#[tokio::test]
async fn the_api_server_accepts_every_variant_without_an_unknown_field() -> Result<()> {
    let server = ApiServer::start().await?;
    server.prepare(&[SYSTEM, "a", "b"]).await?;
    let apply = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
    for values in VARIANTS {
        server.kubectl(&apply, Some(&text(&["--set", values])?)).await.context(values)?;
    }
    for folder in ["config/default", "config/openshift", "config/prerequisites"] {
        let of = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-k", folder];
        server.kubectl(&of, None).await.context(folder)?;
    }
    Ok(())
}

#[tokio::test]
async fn the_notes_say_what_uninstalling_deletes_and_what_stays() -> Result<()> {
    let server = ApiServer::start().await?;
    for (values, parts) in [
        ("replicas=1", ["jsonpath='{.status.finishedAt}'", "The CRDs stay, and with them all"]),
        ("replicas=1", ["the claim fno-operator-evidence in", "fno-evidence in each namespace"]),
        ("crds.keep=false", ["THIS DELETES ALL PROVIDERS, JOBS AND BATCHES", "--timeout 15m"]),
        ("evidence.url=s3://bucket/p", ["s3://bucket/p/NAMESPACE/ only", "docs/installing.md"]),
    ] {
        let install = ["install", "fno-operator", "charts/fno-operator", "--namespace", SYSTEM];
        let dry = ["--dry-run=client", "--set", values];
        let printed = server.helm(&[&install[..], &dry].concat()).await?;
        let notes = printed.split_once("\nNOTES:\n").context("no notes")?.1;
        for part in parts {
            ensure!(notes.contains(part), "{values}: no {part:?} in\n{notes}");
        }
    }
    Ok(())
}

#[test]
fn helm_deletes_the_jobs_first_where_it_deletes_the_crds() -> Result<()> {
    let hook = |values: &str| -> Result<Option<Value>> {
        let found = objects(&["--set", values])?;
        Ok(found.into_iter().find(|object| object["kind"] == "Job"))
    };
    let job = hook("crds.keep=false")?.context("no hook")?;
    ensure!(job["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete");
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    ensure!(container["args"].as_array().is_some_and(|args| args.contains(&json!("delete-all"))));
    for kept in ["crds.keep=true", "crds.create=false,crds.keep=false"] {
        ensure!(hook(kept)?.is_none(), "{kept} must not delete anything");
    }
    let rendered = objects(&["--set", "crds.keep=false"])?;
    ensure!(kinds(&rendered).contains(&"CustomResourceDefinition"));
    Ok(())
}

async fn create(server: &ApiServer, namespace: &str, name: &str) -> Result<()> {
    let meta = json!({"name": name, "finalizers": [FINALIZER]});
    let job: FnoJob = serde_json::from_value(
        json!({"apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": meta,
        "spec": {"provider": "p", "action": "Validation", "circuitNumber": "C1"}}),
    )?;
    let batch: FnoBatch = serde_json::from_value(
        json!({"apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": meta,
        "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "jobs": [{"name": name, "uid": "u"}]}}),
    )?;
    Api::namespaced(server.client.clone(), namespace).create(&PostParams::default(), &job).await?;
    Api::namespaced(server.client.clone(), namespace)
        .create(&PostParams::default(), &batch)
        .await?;
    Ok(())
}

/// What the operator does: lets go of what is being deleted. Fails if a batch is deleted while a job is there: that would abort it.
async fn let_go(server: &ApiServer) -> Result<()> {
    let (jobs, batches): (Api<FnoJob>, Api<FnoBatch>) =
        (Api::all(server.client.clone()), Api::all(server.client.clone()));
    let free = json!({"metadata": {"finalizers": null}});
    let (merge, params) = (Patch::Merge(&free), PatchParams::default());
    loop {
        let found = jobs.list(&ListParams::default()).await?.items;
        let deleted = batches.list(&ListParams::default()).await?.items.into_iter();
        for batch in deleted.filter(|batch| batch.metadata.deletion_timestamp.is_some()) {
            ensure!(found.is_empty(), "{} is deleted while jobs are there", batch.name_any());
            let namespace = batch.namespace().unwrap_or_default();
            let api: Api<FnoBatch> = Api::namespaced(server.client.clone(), &namespace);
            api.patch(&batch.name_any(), &params, &merge).await?;
        }
        for job in found.iter().filter(|job| job.metadata.deletion_timestamp.is_some()) {
            let namespace = job.namespace().unwrap_or_default();
            let api: Api<FnoJob> = Api::namespaced(server.client.clone(), &namespace);
            api.patch(&job.name_any(), &params, &merge).await?;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn uninstalling_with_the_crds_waits_for_what_is_at_work_and_leaves_nothing() -> Result<()> {
    let server = ApiServer::start().await?;
    server.prepare(&["a", "b", "c"]).await?;
    for namespace in ["a", "b", "c"] {
        create(&server, namespace, "one").await?;
    }
    // Nobody lets go: it says what is left instead of waiting for ever, and touches no other namespace.
    let here = ["a".to_owned(), "b".to_owned()];
    let stuck = delete_all(&server.client, &here, Duration::ZERO).await.err().context("gone?")?;
    ensure!(stuck.to_string().contains("2 FnoJobs are left (a/one, b/one)"), "{stuck}");
    let jobs: Api<FnoJob> = Api::namespaced(server.client.clone(), "c");
    ensure!(jobs.get("one").await?.metadata.deletion_timestamp.is_none());

    let patience = Duration::from_secs(60);
    tokio::select! {
        gone = delete_all(&server.client, &[], patience) => gone?,
        broken = let_go(&server) => broken?,
    }
    let left = server
        .kubectl(&["get", "fnojobs,fnobatches", "--all-namespaces", "-o", "name"], None)
        .await?;
    ensure!(left.trim().is_empty(), "{left}");
    server.kubectl(&["delete", "crd", "--all", "--timeout=60s"], None).await?;
    // The kinds are gone: nothing is left to delete.
    delete_all(&server.client, &[], patience).await
}
