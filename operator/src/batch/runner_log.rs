//! Action: store the runner's log before its Pod is deleted. A log that cannot be read or stored does not hold up a batch.

use std::time::Duration;

use fno_cluster::conflict::is_not_found;
use fno_core::objects::current_pod;
use fno_crds::{FnoBatch, batch::BatchPhase, job::Evidence, names::CONTAINER_RUNNER};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt as _, api::LogParams};
use tokio::time::timeout;
use tracing::warn;

use crate::context::Context;

/// Maximum size of a log: more than any batch writes, so that a faulty runner cannot fill the operator's memory.
const MOST_BYTES: i64 = 8 * 1024 * 1024;

/// How long the evidence store may take: a store that hangs must not hold up the end of a batch.
const ANSWER: Duration = Duration::from_secs(30);

/// Stores the log as evidence. None if there is no log or it could not be stored.
pub async fn keep(context: &Context, batch: &FnoBatch) -> Option<Evidence> {
    if batch.phase() == BatchPhase::Created {
        return None;
    }
    let api: Api<Pod> =
        Api::namespaced(context.client.clone(), &batch.namespace().unwrap_or_default());
    // Without the kubelet's timestamps: each line is one JSON object with its own time.
    let parameters = LogParams {
        container: Some(CONTAINER_RUNNER.to_owned()),
        limit_bytes: Some(MOST_BYTES),
        ..LogParams::default()
    };
    let text = match api.logs(&current_pod(batch), &parameters).await {
        Ok(text) => text,
        Err(error) => {
            // A container that never ran has no log.
            if !is_not_found(&error) {
                warn!(batch = batch.name_any(), %error, "the runner's log could not be read");
            }
            return None;
        }
    };
    match timeout(ANSWER, put(context, batch, text)).await {
        Ok(Ok(evidence)) => Some(evidence),
        Ok(Err(error)) => {
            warn!(batch = batch.name_any(), %error, "the runner's log could not be stored");
            None
        }
        Err(_) => {
            warn!(batch = batch.name_any(), "the runner's log could not be stored: no answer");
            None
        }
    }
}

async fn put(
    context: &Context,
    batch: &FnoBatch,
    text: String,
) -> Result<Evidence, fno_store::StoreError> {
    let namespace = batch.namespace().unwrap_or_default();
    let (provider, batch) = (&batch.spec.provider, batch.name_any());
    context.store.put_log(&namespace, provider, &batch, text.into_bytes()).await
}
