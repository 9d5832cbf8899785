//! Feeds the index of jobs from the API server.

use std::sync::Arc;

use fno_core::{
    key::Key,
    unreadable::{self, Unreadable},
};
use fno_crds::{FnoJob, JobPhase};
use futures::{StreamExt as _, pin_mut};
use kube::{
    Api, ResourceExt as _,
    api::Patch,
    core::DynamicObject,
    discovery::ApiResource,
    runtime::watcher::{Config, Event},
};
use serde_json::json;
use tracing::warn;

use super::{events, refusals::Refusals};
use crate::{
    context::Context,
    error::Result,
    known::{key, parsed::Parsed},
    patch,
};

/// Watches the jobs of a scope; never returns.
pub async fn watch(context: Arc<Context>, namespace: Option<String>) {
    let events = events(&context, "FnoJob", namespace.as_deref(), Config::default());
    pin_mut!(events);
    let mut refusals = Refusals::of("FnoJob");
    // The stream yields no errors, because the watch restarts by itself.
    while let Some(Ok(event)) = events.next().await {
        refusals.note(&context.metrics.malformed, &event);
        match event {
            Event::Init => context.known.jobs.relist_started(&namespace),
            Event::InitApply(job) | Event::Apply(job) => apply(&context, job).await,
            Event::InitDone => {
                for changed in context.known.jobs.relist_ends(&namespace) {
                    context.known.wake_affected(changed);
                }
                context.known.caches.plan.notify_one();
            }
            Event::Delete(job) => {
                let uid = job.uid().unwrap_or_default();
                context.known.job_deleted(&key(&job), &uid);
            }
        }
    }
}

async fn apply(context: &Context, job: Parsed<FnoJob>) {
    match job {
        Parsed::Readable(job) => {
            context.known.job_applied(Arc::unwrap_or_clone(job), context.now())
        }
        Parsed::Unreadable(job) => {
            context.known.wake_affected(context.known.jobs.apply_unreadable(&job));
            let of = job.key();
            if job.invalid_job().is_some()
                && let Err(error) = fail_invalid(context, &of).await
            {
                warn!(job = of.name, namespace = of.namespace, %error, "a job whose spec cannot be read could not be failed");
            }
        }
    }
}

/// Fails a job whose spec cannot be read, so that its submitter sees why. The job is read again first, because the watch may be late.
async fn fail_invalid(context: &Context, of: &Key) -> Result<()> {
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
