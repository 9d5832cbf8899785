//! Action: claim the invited jobs. The claim is `status.batch`, written by compare-and-set from Pending.

use std::sync::Arc;

use fno_cluster::conflict::{is_conflict, is_not_found};
use fno_core::{
    claim::{Claim, JobFacts, Lost, claim, claim_patch},
    finalizer,
    key::Key,
    lifecycle::End,
    view::job::ClaimCopy,
    why::Why,
};
use fno_crds::{
    FnoBatch, FnoJob, Reason,
    batch::{BatchPhase, JobReference},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::{Api, ResourceExt as _, api::Patch};
use serde_json::json;
use tracing::info;

use super::{
    acted::Acted,
    end, launch,
    observe::{Observed, at_work},
};
use crate::{
    context::Context,
    error::{Error, Result},
    known::key,
    patch::{self, write_status},
};

/// Number of concurrent claims.
const AT_ONCE: usize = 16;
/// Number of writes of a finalizer to one job. Others change a job a few times at most while it is claimed.
const MOST_TRIES: usize = 8;

/// Claims the invited jobs and launches the runner with those that the batch got.
///
/// # Errors
/// If the API server does not answer.
pub async fn claim_and_launch(
    context: &Context,
    batch: &Arc<FnoBatch>,
    observed: &Observed,
) -> Result<Acted> {
    let jobs = claim_all(context, batch).await?;
    if jobs.is_empty() {
        let why = Why {
            reason: Reason::Completed,
            message: "None of the invited jobs could be claimed.".to_owned(),
        };
        let end = End { phase: BatchPhase::Completed, why, fence: false };
        return end::finish(context, batch, observed, end).await;
    }
    let mut status = batch.status.clone().unwrap_or_default();
    status.claimed = jobs.iter().filter_map(|job| job.uid()).collect();
    launch::launch(context, batch, observed, 1, status).await
}

/// The jobs that the batch got, in the order in which they were invited.
///
/// # Errors
/// If the API server does not answer. Claims that succeeded are kept and found by the next reconcile.
async fn claim_all(context: &Context, batch: &FnoBatch) -> Result<Vec<Arc<FnoJob>>> {
    let claims: Vec<_> =
        batch.spec.jobs.iter().map(|invited| claim_one(context, batch, invited)).collect();
    let got: Vec<Option<Arc<FnoJob>>> =
        stream::iter(claims).buffered(AT_ONCE).try_collect().await?;
    Ok(got.into_iter().flatten().collect())
}

async fn claim_one(
    context: &Context,
    batch: &FnoBatch,
    invited: &JobReference,
) -> Result<Option<Arc<FnoJob>>> {
    let of = Key { namespace: batch.namespace().unwrap_or_default(), name: invited.name.clone() };
    if context.known.jobs.is_unreadable(&of, &invited.uid) {
        info!(
            job = invited.name,
            batch = batch.name_any(),
            "the batch continues without a job that cannot be read"
        );
        return Ok(None);
    }
    let api: Api<FnoJob> = Api::namespaced(context.client.clone(), &of.namespace);
    if let Some(ours) = at_work(context, batch, &of, &invited.uid) {
        return hold(context, &api, batch, invited, ours).await;
    }
    // The first decision uses the index's copy: its version guards the write, so a stale copy costs a conflict and no more.
    let mut copy = context.known.jobs.waiting(&of, &invited.uid);
    loop {
        let (decision, facts) = match copy.take() {
            Some(facts) => {
                (claim(context.now(), &invited.uid, &batch.name_any(), Some(&facts.facts())), facts)
            }
            None => {
                let job = api.get_opt(&invited.name).await?;
                let decision = claim(
                    context.now(),
                    &invited.uid,
                    &batch.name_any(),
                    job.as_ref().map(JobFacts::from).as_ref(),
                );
                let Some(job) = job else {
                    context.known.job_deleted(&of, &invited.uid);
                    return Ok(lost(batch, invited, &Lost::Gone));
                };
                let facts = ClaimCopy::of(&job);
                remember(context, job);
                (decision, facts)
            }
        };
        match decision {
            Claim::Ours => {
                let Some(ours) = context.known.jobs.at_work(&of) else { continue };
                return hold(context, &api, batch, invited, ours).await;
            }
            Claim::Lost(why) => return Ok(lost(batch, invited, &why)),
            Claim::Take { .. } => match take(context, &api, batch, invited, facts).await {
                Ok(job) => {
                    let ours = remember(context, job);
                    return hold(context, &api, batch, invited, ours).await;
                }
                Err(error) if is_conflict(&error) || is_not_found(&error) => {}
                Err(error) => return Err(error.into()),
            },
        }
    }
}

fn lost(batch: &FnoBatch, invited: &JobReference, why: &Lost) -> Option<Arc<FnoJob>> {
    info!(job = invited.name, batch = batch.name_any(), "the batch continues without a job: {why}");
    None
}

async fn take(
    context: &Context,
    api: &Api<FnoJob>,
    batch: &FnoBatch,
    invited: &JobReference,
    facts: ClaimCopy,
) -> kube::Result<FnoJob> {
    write_status(api, &invited.name, &claim_patch(&batch.name_any(), &facts, context.now())).await
}

/// Adds the finalizer to a job that was claimed. The claim comes first: a claim that fails leaves no finalizer behind, and a job that is
/// deleted in between does no harm, because nothing was started yet.
async fn hold(
    context: &Context,
    api: &Api<FnoJob>,
    batch: &FnoBatch,
    invited: &JobReference,
    mut job: Arc<FnoJob>,
) -> Result<Option<Arc<FnoJob>>> {
    let of = key(&*job);
    for _ in 0..MOST_TRIES {
        let Some(finalizers) = finalizer::wanted_for(&job) else { return Ok(Some(job)) };
        let patch = json!({"metadata": {
            "uid": invited.uid, "resourceVersion": job.metadata.resource_version, "finalizers": finalizers,
        }});
        match api.patch(&invited.name, &patch::parameters(), &Patch::Merge(&patch)).await {
            Ok(held) => {
                remember(context, held);
            }
            Err(error) if is_conflict(&error) || is_not_found(&error) => {
                match api.get_opt(&invited.name).await? {
                    Some(fresh) => _ = remember(context, fresh),
                    None => context.known.job_deleted(&of, &invited.uid),
                }
            }
            Err(error) => return Err(error.into()),
        }
        match at_work(context, batch, &of, &invited.uid) {
            Some(ours) => job = ours,
            None => return Ok(lost(batch, invited, &Lost::Gone)),
        }
    }
    Err(Error::Undone(format!(
        "job {} does not keep the operator's finalizer: the last of {MOST_TRIES} writes was undone, too (an admission webhook or another controller)",
        invited.name
    )))
}

fn remember(context: &Context, mut job: FnoJob) -> Arc<FnoJob> {
    job.metadata.managed_fields = None;
    context.known.job_applied(job.clone(), context.now());
    // The index may hold a newer copy by now.
    context.known.jobs.at_work(&key(&job)).unwrap_or_else(|| Arc::new(job))
}
