//! Returns jobs to Pending whose batch does not take care of them: [`fno_core::ownership`] decides, this task checks and acts.

use std::{sync::Arc, time::Duration};

use fno_cluster::{
    conflict::{is_conflict, is_not_found},
    patch::status_patch,
};
use fno_core::{
    job_status,
    key::Key,
    ownership::{NamedBatch, orphaned},
    why::Why,
};
use fno_crds::{FnoBatch, FnoJob, JobPhase};
use kube::{Api, ResourceExt as _};
use tokio::{select, time::sleep};
use tracing::warn;

use crate::{
    context::Context,
    error::Result,
    known::{key, parsed::Parsed},
    patch::write_status,
};

/// How often every Batched job is checked: a batch may disappear without an event.
const EVERY: Duration = Duration::from_secs(30);

/// Checks jobs; never returns.
pub async fn run(context: Arc<Context>) {
    loop {
        for job in context.known.jobs.all_at_work() {
            if let Err(error) = check(&context, &job).await {
                warn!(job = job.name_any(), namespace = job.namespace(), %error, "a job whose batch is gone could not be returned to Pending; trying again");
            }
        }
        select! { () = sleep(EVERY) => {}, () = context.known.caches.orphans.notified() => {} }
    }
}

async fn check(context: &Context, job: &FnoJob) -> Result<()> {
    let Some(why) = judge(context, job).await? else { return Ok(()) };
    warn!(
        job = job.name_any(),
        namespace = job.namespace(),
        "returning a job to Pending: {}",
        why.message
    );
    hand_back(context, job, &why).await
}

/// Why the job has to return to Pending, if it has to. The API server is asked only for a batch that the watch does not show.
async fn judge(context: &Context, job: &FnoJob) -> Result<Option<Why>> {
    let named = job.status.as_ref().and_then(|status| status.batch.clone()).unwrap_or_default();
    let of = Key { namespace: job.namespace().unwrap_or_default(), name: named };
    if let Some(batch) = context.known.caches.batch(&of) {
        return Ok(match &*batch {
            Parsed::Readable(batch) => orphaned(job, NamedBatch::Readable(batch)),
            Parsed::Unreadable(_) => orphaned(job, NamedBatch::Unreadable),
        });
    }
    let api: Api<FnoBatch> = Api::namespaced(context.client.clone(), &of.namespace);
    let exists = !of.name.is_empty() && api.get_metadata_opt(&of.name).await?.is_some();
    Ok(if exists { None } else { orphaned(job, NamedBatch::Absent) })
}

/// Returns the job to Pending. The write is guarded by the version that was decided about: if the job changes meanwhile, it is checked
/// again.
async fn hand_back(context: &Context, job: &FnoJob, why: &Why) -> Result<()> {
    let of = key(job);
    let status = job_status::handed_back(job, why, context.now());
    let version = job.metadata.resource_version.as_deref();
    let Some(patch) = status_patch(version, job.status.as_ref(), &status)? else { return Ok(()) };
    let api: Api<FnoJob> = Api::namespaced(context.client.clone(), &of.namespace);
    let uid = job.uid().unwrap_or_default();
    match write_status(&api, &of.name, &patch).await {
        Ok(written) => {
            if written.phase() != JobPhase::Pending {
                crate::batch::ended(context, &written, written.phase()).await;
            }
            context.known.job_applied(written, context.now());
        }
        Err(error) if is_not_found(&error) => context.known.job_deleted(&of, &uid),
        Err(error) if is_conflict(&error) => match api.get_opt(&of.name).await? {
            Some(fresh) => context.known.job_applied(fresh, context.now()),
            None => context.known.job_deleted(&of, &uid),
        },
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
