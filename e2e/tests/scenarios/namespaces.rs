//! Namespaces come and go with work in them.

use std::time::Duration;

use anyhow::{Context, Result};
use fno_crds::{FnoBatch, batch::BatchPhase};
use fno_e2e::{Arena, jobs::wait_until};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, ResourceExt as _,
    api::DeleteParams,
    runtime::{conditions, wait::await_condition},
};
use serde_json::json;

use crate::support::{LONG, arena, beside, release_with};

/// Kubernetes users expect a namespace to go at once; the runner may finish nothing, log out and end.
const GONE_WITHIN: Duration = Duration::from_secs(60);

/// Waits until a batch of 40 jobs is at work.
pub async fn at_work(arena: &Arena) -> Result<()> {
    arena.provider("evotel", |spec| spec["suspend"] = json!(true)).await?;
    release_with(arena, "evotel", 40).await?;
    let at_work = |batch: &FnoBatch| batch.phase() == BatchPhase::InProgress;
    wait_until(&arena.batches(), LONG, |b| b.phase().to_string(), |b| b.values().any(at_work))
        .await
        .map(drop)
}

/// Deletes the namespace and waits until nothing of it is left.
pub async fn goes_in_time(arena: &Arena) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(arena.ground.client.clone());
    let uid = namespaces.get(&arena.namespace).await?.uid().unwrap_or_default();
    namespaces.delete(&arena.namespace, &DeleteParams::default()).await?;
    let gone = await_condition(namespaces, &arena.namespace, conditions::is_deleted(&uid));
    tokio::time::timeout(GONE_WITHIN, gone)
        .await
        .with_context(|| format!("{} is still there after a minute", arena.namespace))??;
    Ok(())
}

#[tokio::test]
async fn a_namespace_with_a_running_batch_is_gone_within_a_minute() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("gone").await?;
    at_work(&arena).await?;
    goes_in_time(&arena).await
}
