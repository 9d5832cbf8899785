//! The operator's memory with many objects, as the kubelet measures it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use fno_crds::FnoBatch;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    Arena, Ground,
    ground::{RELEASE, SYSTEM, kubectl},
    jobs,
};

const LONG: Duration = Duration::from_secs(1800);

/// Measures and prints both figures.
///
/// # Errors
/// Any error of the cluster.
pub async fn print(ground: &Ground) -> Result<()> {
    println!(
        "memory of the operator with 2,000 finished batches of 50 jobs: {:.1} MiB (goal 60)",
        with_finished_batches(ground, 2000).await?
    );
    println!(
        "memory of the operator with 10,000 waiting jobs: {:.1} MiB (goal 30)",
        with_waiting_jobs(ground, 10_000).await?
    );
    Ok(())
}

async fn with_waiting_jobs(ground: &Ground, count: usize) -> Result<f64> {
    let arena = Arena::new(ground, "bench-waiting").await?;
    restarted().await?;
    arena.provider("octotel", |spec| spec["suspend"] = json!(true)).await?;
    let job = |n| {
        jobs::validation(&format!("waiting-{n:05}"), "octotel", &format!("OCT{n:07}"), json!({}))
    };
    jobs::submit(&arena.jobs(), (0..count).map(job).collect()).await?;
    let counted = |p: &fno_crds::FnoProvider| {
        p.status
            .as_ref()
            .and_then(|s| s.pending.as_ref())
            .is_some_and(|p| usize::try_from(p.count).is_ok_and(|c| c == count))
    };
    jobs::wait_until(
        &arena.providers(),
        LONG,
        |p| format!("{:?}", p.status.as_ref().and_then(|s| s.pending.clone())),
        |providers| providers.values().any(counted),
    )
    .await?;
    let memory = operator_memory().await?;
    arena.jobs().delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    arena.close().await?;
    Ok(memory)
}

/// Batches as they are stored for a day after their end, with fifty results each.
async fn with_finished_batches(ground: &Ground, count: usize) -> Result<f64> {
    let arena = Arena::new(ground, "bench-finished").await?;
    // Otherwise the operator would end them itself: none of their jobs exists.
    scaled(0).await?;
    stream::iter((0..count).map(|n| finish_batch(&arena, n)))
        .buffer_unordered(16)
        .try_collect::<Vec<_>>()
        .await?;
    scaled(1).await?;
    let memory = operator_memory().await?;
    let api = arena.batches();
    api.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    arena.close().await?;
    Ok(memory)
}

/// Stores a batch that has ended. The admission policies let only the runner, by a token of its Pod, write `status.run`.
async fn finish_batch(arena: &Arena, number: usize) -> Result<()> {
    let (batch, status, run) = finished_batch(number)?;
    let api = arena.batches();
    let name = api.create(&PostParams::default(), &batch).await?.name_any();
    api.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await?;
    let path = format!("{}/{name}/status", api.resource_url());
    let runner = format!("system:serviceaccount:{}:{name}-runner", arena.namespace);
    let reported = http::Request::patch(path)
        .header("Impersonate-User", runner)
        .header("Impersonate-Group", "system:masters")
        .header("Impersonate-Extra-authentication.kubernetes.io%2Fpod-uid", uid(number, 50))
        .header("Content-Type", "application/merge-patch+json")
        .body(run.to_string().into_bytes())?;
    arena.ground.client.request_text(reported).await?;
    Ok(())
}

fn uid(batch: usize, n: usize) -> String {
    format!("5f0e7c1a-{batch:04}-4000-8000-{n:012}")
}

/// A batch, its status without `run`, and `run`.
fn finished_batch(number: usize) -> Result<(FnoBatch, Value, Value)> {
    let uid = |n: usize| uid(number, n);
    let now = jiff::Timestamp::now().to_string();
    let batch = json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": format!("octotel-{number:08x}")},
        "spec": {"provider": "octotel", "account": "bot", "providerGeneration": 1, "flowsDigest": "d".repeat(64),
            "jobs": (0..50).map(|n| json!({"name": format!("job-{number:04}-{n:02}"), "uid": uid(n)})).collect::<Vec<_>>()},
    });
    let result = |n: usize| {
        json!({"job": format!("job-{number:04}-{n:02}"), "uid": uid(n), "phase": "Succeeded", "reason": "Answered", "outcome": "Active",
            "fields": {"status": "Active", "product": "FTTH 100", "address": "1 Long Street, Cape Town", "customer": "A. Customer"},
            "evidence": {"uri": format!("file:///var/lib/fno/evidence/{}", uid(n)), "sha256": "a".repeat(64), "files": 4},
            "startedAt": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.000000Z").to_string(), "milliseconds": 1000})
    };
    let status = json!({"status": {"phase": "Completed", "reason": "Completed", "startedAt": now, "finishedAt": now, "podUid": uid(50),
        "claimed": (0..50).map(uid).collect::<Vec<_>>(), "jobsTotal": 50, "jobsCompleted": 50}});
    let run = json!({"status": {"run": {"podUid": uid(50), "logins": 1, "results": (0..50).map(result).collect::<Vec<_>>()}}});
    Ok((serde_json::from_value(batch)?, status, run))
}

/// Restarts the operator, so that its memory holds nothing from an earlier measurement.
async fn restarted() -> Result<()> {
    scaled(0).await?;
    scaled(1).await
}

/// Stops the operator, or starts it and waits until it is ready.
async fn scaled(replicas: usize) -> Result<()> {
    let deployment = format!("deployment/{RELEASE}");
    let replicas = format!("--replicas={replicas}");
    kubectl(&["scale", "--namespace", SYSTEM, &deployment, &replicas]).await?;
    kubectl(&["rollout", "status", "--namespace", SYSTEM, &deployment, "--timeout=180s"]).await?;
    Ok(())
}

/// Resident memory of the operator, in MiB. The kubelet measures every few seconds; the figure is newer than this call.
async fn operator_memory() -> Result<f64> {
    let before = jiff::Timestamp::now();
    let bytes = loop {
        let nodes = kubectl(&["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"]).await?;
        let node = nodes.split_whitespace().next().context("a node")?.to_owned();
        let summary: Value = serde_json::from_str(
            &kubectl(&["get", "--raw", &format!("/api/v1/nodes/{node}/proxy/stats/summary")])
                .await?,
        )?;
        let containers = summary["pods"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|p| p["podRef"]["namespace"] == SYSTEM)
            .flat_map(|p| p["containers"].as_array().into_iter().flatten())
            .filter(|c| c["name"] == "operator");
        let newest = containers
            .filter_map(|found| {
                let at: jiff::Timestamp = found["memory"]["time"].as_str()?.parse().ok()?;
                Some((at, found["memory"]["rssBytes"].as_u64()?))
            })
            .max();
        if let Some((_, bytes)) = newest.filter(|(at, _)| *at > before) {
            break bytes;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    Ok(bytes as f64 / 1_048_576.0)
}
