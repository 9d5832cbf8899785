//! Action: drain a batch.

use std::sync::Arc;

use fno_crds::{FnoBatch, batch::Stop};
use kube::{Api, ResourceExt as _, api::Patch};
use serde_json::json;
use tracing::info;

use super::acted::Acted;
use crate::{context::Context, error::Result, known::key, patch};

/// Tells the runner to finish its current job and to give the other ones back: the provider is suspended.
///
/// # Errors
/// A conflict, or any other error of the API server.
pub async fn drain(context: &Context, batch: &FnoBatch) -> Result<Acted> {
    let api: Api<FnoBatch> =
        Api::namespaced(context.client.clone(), &batch.namespace().unwrap_or_default());
    let patch = json!({"metadata": {"resourceVersion": batch.metadata.resource_version}, "spec": {"stop": Stop::Drain}});
    let drained =
        Arc::new(api.patch(&batch.name_any(), &patch::parameters(), &Patch::Merge(&patch)).await?);
    info!("the provider is suspended: draining the batch");
    context.known.batches.wrote(&key(&*drained), &drained);
    Ok(Acted::silent(drained))
}
