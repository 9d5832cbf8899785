//! Act: write what became of the jobs into the jobs. Each write is guarded by the job's version, and nothing is written about a job that is not in
//! this batch any more: doing it again does no harm.

use std::sync::Arc;

use fno_cluster::{
    conflict::{is_conflict, is_not_found},
    patch::status_patch,
};
use fno_core::{job_status, why::Why};
use fno_crds::{
    FnoBatch, FnoJob, FnoJobStatus, JobPhase, Reason,
    batch::{JobResult, Run},
    names::FINALIZER,
    reason::ReasonClass,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::{Api, ResourceExt as _, api::Patch};
use serde_json::json;
use tracing::info;

use super::observe::at_work;
use crate::{
    context::Context,
    error::Result,
    known::{key, provider_key},
    metrics::{JobEnd, JobKind, Word},
    patch::{self, write_status},
};

/// Jobs written at once.
const AT_ONCE: usize = 16;

/// Writes the results that are new.
///
/// # Errors
/// When the API server does not answer; what is left is written by the next pass.
pub async fn mirror(context: &Context, batch: &FnoBatch) -> Result<()> {
    let Some(run) = batch.status.as_ref().and_then(|status| status.run.as_ref()) else {
        return Ok(());
    };
    let with_result: Vec<_> = jobs_at_work(context, batch)
        .into_iter()
        .filter_map(|job| Some((result_of(run, &job)?.clone(), job)))
        .collect();
    let write_one = |(result, job): (JobResult, Arc<FnoJob>)| async move {
        write(context, batch, job, |job| {
            job_status::settled(job, &result, intent_of(run, job), context.now())
        })
        .await?;
        measure(context, batch, &result);
        Ok(())
    };
    all(with_result.into_iter().map(write_one).collect()).await
}

/// Settles every job that is still in the batch: with its result, as unknown if it was armed, or else handed back with `why`.
///
/// # Errors
/// When the API server does not answer; what is left is settled by the next pass.
pub async fn settle_all(context: &Context, batch: &FnoBatch, why: &Why) -> Result<()> {
    mirror(context, batch).await?;
    let no_run = Run::default();
    let run = batch.status.as_ref().and_then(|status| status.run.as_ref()).unwrap_or(&no_run);
    // A good end is no reason to go back with.
    let why = match why.reason.class() {
        ReasonClass::Normal | ReasonClass::Final => Why {
            reason: Reason::Drained,
            message: "The batch ended before the job was begun.".to_owned(),
        },
        ReasonClass::Waiting | ReasonClass::RetryCounted | ReasonClass::RetryFree => why.clone(),
    };
    let status = |job: &FnoJob| match intent_of(run, job) {
        Some(intent) => job_status::outcome_unknown(job, intent, &why, context.now()),
        None => job_status::handed_back(job, &why, context.now()),
    };
    all(jobs_at_work(context, batch)
        .into_iter()
        .map(|job| write(context, batch, job, status))
        .collect())
    .await
}

/// Shows on the jobs of a batch what their batch waits for.
///
/// # Errors
/// When the API server does not answer.
pub async fn mark_waiting(context: &Context, batch: &FnoBatch, why: &Why) -> Result<()> {
    let status = |job: &FnoJob| job_status::waiting(job, why, context.now());
    all(jobs_at_work(context, batch)
        .into_iter()
        .map(|job| write(context, batch, job, status))
        .collect())
    .await
}

async fn all(writes: Vec<impl Future<Output = Result<()>>>) -> Result<()> {
    stream::iter(writes).buffer_unordered(AT_ONCE).try_collect().await
}

/// Jobs that are in the batch right now.
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

async fn write(
    context: &Context,
    batch: &FnoBatch,
    job: Arc<FnoJob>,
    status: impl Fn(&FnoJob) -> FnoJobStatus,
) -> Result<()> {
    let (of, uid) = (key(&*job), job.uid().unwrap_or_default());
    let api: Api<FnoJob> = Api::namespaced(context.client.clone(), &of.namespace);
    let mut job = job;
    loop {
        let Some(patch) = status_patch(
            job.metadata.resource_version.as_deref(),
            job.status.as_ref(),
            &status(&job),
        )?
        else {
            return Ok(());
        };
        match write_status(&api, &of.name, &patch).await {
            Ok(written) => return stored(context, &api, written).await,
            Err(error) if is_not_found(&error) => {
                context.known.job_deleted(&of, &uid);
                return Ok(());
            }
            Err(error) if is_conflict(&error) => {}
            Err(error) => return Err(error.into()),
        }
        // Somebody changed it: read it, and leave it if it is not in this batch any more.
        let Some(fresh) = api.get_opt(&of.name).await? else {
            context.known.job_deleted(&of, &uid);
            return Ok(());
        };
        context.known.job_applied(fresh, context.now());
        let Some(still) = at_work(context, batch, &of, &uid) else { return Ok(()) };
        job = still;
    }
}

async fn stored(context: &Context, api: &Api<FnoJob>, mut job: FnoJob) -> Result<()> {
    job.metadata.managed_fields = None;
    let phase = job.phase();
    if phase != JobPhase::Batched && job.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
    {
        let finalizers: Vec<_> =
            job.finalizers().iter().filter(|finalizer| *finalizer != FINALIZER).collect();
        let patch = json!({"metadata": {"resourceVersion": job.metadata.resource_version, "finalizers": finalizers}});
        match api.patch(&job.name_any(), &patch::parameters(), &Patch::Merge(&patch)).await {
            Ok(freed) => job = freed,
            Err(error) if is_not_found(&error) || is_conflict(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if phase.is_finished() || phase == JobPhase::OutcomeUnknown {
        ended(context, &job, phase).await;
    }
    context.known.job_applied(job, context.now());
    Ok(())
}

/// The end of a job, told once it is stored. An event only for what a person should look at.
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
