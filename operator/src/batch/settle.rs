//! Action: write the results of the jobs into the jobs. Each write is guarded by the job's version, and a job that is no longer in this batch
//! is not written, so repeating this does no harm.

use std::{sync::Arc, time::Duration};

use fno_cluster::{
    conflict::{is_conflict, is_not_found},
    patch::status_patch,
};
use fno_core::{job_status, why::Why};
use fno_crds::{
    FnoBatch, FnoJob, FnoJobStatus, JobPhase, Reason,
    batch::{JobResult, Run},
};
use futures::{StreamExt as _, stream};
use kube::{Api, ResourceExt as _};
use tracing::{info, warn};

use super::observe::at_work;
use crate::{
    context::Context,
    error::Result,
    known::{key, provider_key},
    metrics::{JobEnd, JobKind, Word},
    patch::write_status,
};

/// Number of concurrent writes.
const AT_ONCE: usize = 16;
/// When a job whose status the API server rejected is tried again.
const ASIDE: Duration = Duration::from_secs(60);
/// Number of failed reconciles of a batch in a row after which a write that keeps failing is set aside. By then about two minutes have
/// passed.
const HOPELESS: u32 = 8;

/// Writes new results into their jobs.
///
/// # Errors
/// If the API server does not answer. The next reconcile writes what is left.
pub async fn mirror(context: &Context, batch: &FnoBatch) -> Result<()> {
    let Some(run) = batch.status.as_ref().and_then(|status| status.run.as_ref()) else {
        return Ok(());
    };
    let with_result: Vec<_> = jobs_at_work(context, batch)
        .into_iter()
        .filter_map(|job| Some((result_of(run, &job)?.clone(), job)))
        .collect();
    let write_one = |(result, job): (JobResult, Arc<FnoJob>)| async move {
        let status =
            |job: &FnoJob| job_status::settled(job, &result, intent_of(run, job), context.now());
        if write(context, batch, job, status).await? {
            measure(context, batch, &result);
        }
        Ok(())
    };
    all(with_result.into_iter().map(write_one).collect()).await
}

/// Settles every job that is still in the batch: with its result, as `OutcomeUnknown` if it was armed, or else by returning it to Pending
/// with `why`.
///
/// # Errors
/// If the API server does not answer. The next reconcile settles what is left.
pub async fn settle_all(context: &Context, batch: &FnoBatch, why: &Why) -> Result<()> {
    mirror(context, batch).await?;
    let run = batch.status.as_ref().and_then(|status| status.run.as_ref());
    let reported = |job: &FnoJob| run.is_some_and(|run| result_of(run, job).is_some());
    let status = |job: &FnoJob| job_status::without_result(job, run, why, context.now());
    all(jobs_at_work(context, batch)
        .into_iter()
        // Jobs with a result that are still in the batch had their write rejected. They keep their result in the batch.
        .filter(|job| !reported(job))
        .map(|job| write(context, batch, job, status))
        .collect())
    .await
}

/// Shows on the jobs of a batch what their batch waits for.
///
/// # Errors
/// If the API server does not answer.
pub async fn mark_waiting(context: &Context, batch: &FnoBatch, why: &Why) -> Result<()> {
    let status = |job: &FnoJob| job_status::waiting(job, why, context.now());
    all(jobs_at_work(context, batch)
        .into_iter()
        .map(|job| write(context, batch, job, status))
        .collect())
    .await
}

/// Tries every write even if others fail, and returns the first error.
async fn all<T>(writes: Vec<impl Future<Output = Result<T>>>) -> Result<()> {
    let done: Vec<_> = stream::iter(writes).buffer_unordered(AT_ONCE).collect().await;
    done.into_iter().try_for_each(|result| result.map(|_| ()))
}

/// Jobs that are Batched in the batch now.
fn jobs_at_work(context: &Context, batch: &FnoBatch) -> Vec<Arc<FnoJob>> {
    let namespace = batch.namespace().unwrap_or_default();
    let of =
        |name: &String| fno_core::key::Key { namespace: namespace.clone(), name: name.clone() };
    batch
        .spec
        .jobs
        .iter()
        .filter_map(|job| at_work(context, batch, &of(&job.name), &job.uid))
        .collect()
}

fn result_of<'a>(run: &'a Run, job: &FnoJob) -> Option<&'a JobResult> {
    run.results.iter().find(|result| Some(&result.uid) == job.metadata.uid.as_ref())
}

fn intent_of<'a>(run: &'a Run, job: &FnoJob) -> Option<&'a fno_crds::job::Intent> {
    run.intents.iter().find(|intent| Some(&intent.job) == job.metadata.name.as_ref())
}

/// Writes the new status of a job. False if the job is no longer in the batch.
async fn write(
    context: &Context,
    batch: &FnoBatch,
    job: Arc<FnoJob>,
    status: impl Fn(&FnoJob) -> FnoJobStatus,
) -> Result<bool> {
    let (of, uid) = (key(&*job), job.uid().unwrap_or_default());
    let api: Api<FnoJob> = Api::namespaced(context.client.clone(), &of.namespace);
    if is_set_aside(context, batch, &uid) {
        return Ok(false);
    }
    let (mut job, mut refusal) = (job, None::<String>);
    loop {
        let status = status(&job);
        let status = match &refusal {
            Some(refusal) => job_status::bare(status, refusal),
            None => status,
        };
        let Some(patch) =
            status_patch(job.metadata.resource_version.as_deref(), job.status.as_ref(), &status)?
        else {
            return Ok(false);
        };
        match write_status(&api, &of.name, &patch).await {
            Ok(written) => {
                context.known.batches.with(&key(batch), |memory| memory.refused.remove(&uid));
                stored(context, written).await;
                return Ok(true);
            }
            Err(error) if is_not_found(&error) => {
                context.known.job_deleted(&of, &uid);
                return Ok(false);
            }
            Err(error) if is_conflict(&error) => {}
            Err(error) if is_refusal(&error) && refusal.is_none() => {
                refusal = Some(error.to_string());
                continue;
            }
            Err(error) if is_refusal(&error) || is_hopeless(context, batch) => {
                set_aside(context, batch, &job, &error).await;
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
        // The job has changed meanwhile: read it, and stop if it is no longer in this batch.
        let Some(fresh) = api.get_opt(&of.name).await? else {
            context.known.job_deleted(&of, &uid);
            return Ok(false);
        };
        context.known.job_applied(fresh, context.now());
        let Some(still) = at_work(context, batch, &of, &uid) else { return Ok(false) };
        job = still;
    }
}

/// Whether the API server rejects the content of this write, as opposed to an error after which a retry may succeed.
fn is_refusal(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    // etcd's own limit is reported as an internal error.
    (400..500).contains(&status.code) && !matches!(status.code, 401 | 408 | 429)
        || status.message.contains("too large")
}

/// Whether a write that fails in every reconcile for another reason is set aside, too: it must not hold up the other jobs for ever.
fn is_hopeless(context: &Context, batch: &FnoBatch) -> bool {
    context.known.batches.with(&key(batch), |memory| memory.failures >= HOPELESS)
}

/// Lets the batch continue without this job. Nothing can be written into the job, so an event says why.
async fn set_aside(context: &Context, batch: &FnoBatch, job: &FnoJob, error: &kube::Error) {
    let message = format!(
        "The API server rejects the job's status; its batch {} continues without it: {error}",
        batch.name_any()
    );
    warn!(job = job.name_any(), namespace = job.namespace(), "{message}");
    let uid = job.uid().unwrap_or_default();
    let before = context
        .known
        .batches
        .with(&key(batch), |memory| memory.refused.insert(uid, context.clock.uptime() + ASIDE));
    if before.is_none() {
        let why = Why { reason: Reason::StatusRejected, message };
        context.publisher.warning(job, "Settle", &why).await;
    }
}

fn is_set_aside(context: &Context, batch: &FnoBatch, uid: &str) -> bool {
    context.known.batches.with(&key(batch), |memory| {
        memory.refused.get(uid).is_some_and(|until| context.clock.uptime() < *until)
    })
}

/// What follows from the write. The finalizer is removed by the task in [`crate::finalizers`].
async fn stored(context: &Context, mut job: FnoJob) {
    job.metadata.managed_fields = None;
    let phase = job.phase();
    if phase.is_finished() || phase == JobPhase::OutcomeUnknown {
        ended(context, &job, phase).await;
    }
    context.known.job_applied(job, context.now());
}

/// Logs and counts the end of a job once it is stored. An event is published only if a person should look at the job.
pub async fn ended(context: &Context, job: &FnoJob, phase: JobPhase) {
    let labels = JobEnd {
        namespace: job.namespace().unwrap_or_default(),
        provider: job.spec.provider.clone(),
        action: Word(job.spec.action.into()),
        phase: Word(phase.into()),
    };
    context.metrics.jobs.get_or_create(&labels).inc();
    let status = job.status.clone().unwrap_or_default();
    let reason = status.reason.map(Reason::as_str);
    info!(job = job.name_any(), namespace = job.namespace(), provider = job.spec.provider, batch = status.batch, phase = %phase, outcome = status.outcome, reason, "a job ended");
    if let (JobPhase::Failed | JobPhase::OutcomeUnknown, Some(reason)) = (phase, status.reason) {
        context
            .publisher
            .warning(job, "Settle", &Why { reason, message: status.message.unwrap_or_default() })
            .await;
    }
}

fn measure(context: &Context, batch: &FnoBatch, result: &JobResult) {
    let of = provider_key(batch);
    context.metrics.drifted(&of, &result.drift);
    let action = context.known.jobs.action_of(&fno_core::key::Key {
        namespace: of.namespace.clone(),
        name: result.job.clone(),
    });
    if let Some(action) = action.filter(|_| result.phase == JobPhase::Succeeded) {
        let labels =
            JobKind { namespace: of.namespace, provider: of.name, action: Word(action.into()) };
        context
            .metrics
            .job_seconds
            .get_or_create(&labels)
            .observe(result.milliseconds as f64 / 1000.0);
    }
}
