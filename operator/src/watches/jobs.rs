//! Feeds the index of jobs from the API server.

use std::sync::Arc;

use fno_crds::FnoJob;
use futures::{StreamExt as _, pin_mut};
use kube::{
    ResourceExt as _,
    runtime::watcher::{Config, Event},
};
use tracing::warn;

use super::{events, refusals::Refusals};
use crate::{
    context::Context,
    invalid_jobs,
    known::{key, parsed::Parsed},
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
                && let Err(error) = invalid_jobs::fail(context, &of).await
            {
                warn!(job = of.name, namespace = of.namespace, %error, "a job whose spec cannot be read could not be failed");
            }
        }
    }
}
