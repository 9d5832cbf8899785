//! Fails jobs that cannot be read and were never in a batch.

use fno_core::{
    key::Key,
    unreadable::{self, Unreadable},
};
use fno_crds::{FnoJob, JobPhase};
use kube::{Api, api::Patch, core::DynamicObject, discovery::ApiResource};
use serde_json::json;

use crate::{context::Context, error::Result, patch};

/// Fails a job whose spec cannot be read, so that its submitter sees why. The job is read again first, because the watch may be late.
///
/// # Errors
/// A conflict, or any other error of the API server.
pub async fn fail(context: &Context, of: &Key) -> Result<()> {
    let api: Api<DynamicObject> = Api::namespaced_with(
        context.client.clone(),
        &of.namespace,
        &ApiResource::erase::<FnoJob>(&()),
    );
    let Some(raw) = api.get_opt(&of.name).await? else { return Ok(()) };
    let version = raw.metadata.resource_version.clone();
    let now = unreadable::read::<FnoJob>(serde_json::to_value(raw)?)?;
    let Some(why) = now.err().as_ref().and_then(Unreadable::invalid_job) else { return Ok(()) };
    let at = context.now().to_string();
    let condition = json!({"type": "Succeeded", "status": "False", "reason": why.reason, "message": why.message, "lastTransitionTime": at});
    let patch = json!({
        "metadata": {"resourceVersion": version},
        "status": {"phase": JobPhase::Failed, "reason": why.reason, "message": why.message, "finishedAt": at, "conditions": [condition]},
    });
    api.patch_status(&of.name, &patch::parameters(), &Patch::Merge(&patch)).await?;
    Ok(())
}
