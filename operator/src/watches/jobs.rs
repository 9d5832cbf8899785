//! Feeds the index from the API server.

use std::sync::Arc;

use fno_core::{key::Key, why::Why};
use fno_crds::{FnoJob, JobPhase, Reason};
use futures::{StreamExt as _, pin_mut};
use kube::{
    Api, ResourceExt as _,
    api::Patch,
    core::{DynamicObject, error_boundary::InvalidObject},
    discovery::ApiResource,
    runtime::{WatchStreamExt as _, watcher, watcher::Event},
};
use serde_json::json;
use tokio::sync::oneshot;
use tracing::{error, warn};

use crate::{
    context::Context,
    known::{
        caches::{self, Guarded},
        key,
    },
    patch,
};

/// Watches the jobs of a scope for ever. `ready` is told when the first list is in.
pub async fn watch(context: Arc<Context>, namespace: Option<String>, ready: oneshot::Sender<()>) {
    let api: Api<Guarded<FnoJob>> = caches::api(&context.client, namespace.as_deref());
    let events = watcher(api, caches::watch_config()).default_backoff();
    pin_mut!(events);
    let mut ready = Some(ready);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => context.known.jobs.relist_begins(&namespace),
            Ok(Event::InitApply(job) | Event::Apply(job)) => seen(&context, job).await,
            Ok(Event::InitDone) => {
                context
                    .known
                    .jobs
                    .relist_ends(&namespace)
                    .into_iter()
                    .for_each(|changed| context.known.wake_affected(changed));
                context.known.caches.plan.notify_one();
                if let Some(ready) = ready.take() {
                    let _ended = ready.send(());
                }
            }
            Ok(Event::Delete(job)) => {
                let uid = job.uid().unwrap_or_default();
                context.known.job_deleted(&key(&job), &uid);
            }
            Err(error) => warn!(%error, kind = "FnoJob", "a watch failed; it is begun again"),
        }
    }
}

async fn seen(context: &Context, job: Guarded<FnoJob>) {
    match job.0 {
        Ok(mut job) => {
            job.metadata.managed_fields = None;
            context.known.job_applied(job, context.now());
        }
        Err(invalid) => refuse(context, invalid).await,
    }
}

/// A job that cannot be read ends as `InvalidJob`, so that whoever submitted it sees why; everything else goes on.
async fn refuse(context: &Context, invalid: InvalidObject) {
    context.metrics.malformed.inc();
    let key = Key {
        namespace: invalid.metadata.namespace.clone().unwrap_or_default(),
        name: invalid.metadata.name.clone().unwrap_or_default(),
    };
    error!(
        job = key.name,
        namespace = key.namespace,
        error = invalid.error,
        "a job cannot be read and is left out"
    );
    if let Err(error) = write_invalid(context, &key, &invalid.error).await {
        warn!(job = key.name, namespace = key.namespace, %error, "the job that cannot be read was not told so");
    }
}

async fn write_invalid(context: &Context, key: &Key, why: &str) -> kube::Result<()> {
    let api: Api<DynamicObject> = Api::namespaced_with(
        context.client.clone(),
        &key.namespace,
        &ApiResource::erase::<FnoJob>(&()),
    );
    let Some(raw) = api.get_opt(&key.name).await? else { return Ok(()) };
    let phase = raw.data["status"]["phase"].as_str().unwrap_or("Pending");
    // Only a job nobody has begun: one that was begun is the business of who began it.
    if phase != JobPhase::Pending.to_string() {
        return Ok(());
    }
    let blocked = Why {
        reason: Reason::InvalidJob,
        message: fno_core::text::at_most(&format!("The job cannot be read: {why}"), 2000),
    };
    let now = context.now().to_string();
    let status = json!({
        "phase": JobPhase::Failed, "reason": blocked.reason, "message": blocked.message, "finishedAt": now,
        "conditions": [{"type": "Succeeded", "status": "False", "reason": blocked.reason, "message": blocked.message, "lastTransitionTime": now}],
    });
    let patch =
        json!({"metadata": {"resourceVersion": raw.metadata.resource_version}, "status": status});
    api.patch_status(&key.name, &patch::parameters(), &Patch::Merge(&patch)).await.map(|_| ())
}
