//! Finished jobs whose time is over: archived first, then deleted. A report that is still owed holds a job back.

use std::{sync::Arc, time::Duration};

use fno_cluster::conflict::{is_conflict, is_not_found};
use fno_core::key::Key;
use fno_crds::FnoJob;
use jiff::{SignedDuration, Timestamp};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Preconditions},
};
use tokio::{select, time::sleep};
use tracing::{info, warn};

use crate::{
    context::Context,
    error::{Error, Result},
};

/// Looked at this often at least: the machine's clock may be set meanwhile.
const EVERY: Duration = Duration::from_secs(300);
/// A job that cannot go yet is tried again after this.
const PUT_OFF: SignedDuration = SignedDuration::from_mins(1);

/// Archives and deletes for ever.
pub async fn run(context: Arc<Context>) {
    loop {
        let now = context.now();
        for of in context.known.jobs.expired(now).0 {
            let gone = match expire(&context, &of).await {
                Ok(gone) => gone,
                Err(error) => {
                    warn!(job = of.name, namespace = of.namespace, %error, "a finished job could not be archived or deleted; trying again");
                    false
                }
            };
            if !gone {
                context
                    .known
                    .jobs
                    .put_off(&of, context.now().saturating_add(PUT_OFF).unwrap_or(Timestamp::MAX));
            }
        }
        // Judged by the time this round began with: what expired during it is next.
        let next = context.known.jobs.expired(now).1.map_or(EVERY, |at| {
            Duration::try_from(at.duration_since(context.now())).unwrap_or_default()
        });
        // A job may finish meanwhile whose time is over sooner.
        select! { () = sleep(next.min(EVERY)) => {}, () = context.known.caches.finished.notified() => {} }
    }
}

/// Whether nothing is left to do: the job is gone, or is on its way.
async fn expire(context: &Context, of: &Key) -> Result<bool> {
    let api: Api<FnoJob> = Api::namespaced(context.client.clone(), &of.namespace);
    // The watch is about to say so.
    let Some(mut job) = api.get_opt(&of.name).await? else { return Ok(false) };
    job.metadata.managed_fields = None;
    if !job.phase().is_finished() || owes_a_report(&job) {
        return Ok(false);
    }
    // Deleted already: it goes when its finalizers do.
    if job.metadata.deletion_timestamp.is_some() {
        return Ok(false);
    }
    context
        .store
        .archive(&job)
        .await
        .map_err(|error| Error::Evidence(anyhow::Error::from(error)))?;
    // This very version: what was archived is what goes.
    let only = Preconditions {
        uid: job.metadata.uid.clone(),
        resource_version: job.metadata.resource_version.clone(),
    };
    match api
        .delete(&of.name, &DeleteParams { preconditions: Some(only), ..DeleteParams::default() })
        .await
    {
        Ok(deleted) => {
            if let Some(held) = deleted.left() {
                return Ok(still_held(context, held));
            }
            info!(
                job = of.name,
                namespace = of.namespace,
                "a finished job was archived and deleted"
            );
        }
        Err(error) if is_not_found(&error) => {}
        Err(error) if is_conflict(&error) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    context.known.job_deleted(of, job.metadata.uid.as_deref().unwrap_or_default());
    Ok(true)
}

/// The API server has only noted the deletion: a finalizer holds the job. The index keeps it until the watch says that it is gone.
fn still_held(context: &Context, mut job: FnoJob) -> bool {
    job.metadata.managed_fields = None;
    info!(
        job = job.name_any(),
        namespace = job.namespace(),
        finalizers = ?job.finalizers(),
        "a finished job was archived and goes when its finalizers do"
    );
    context.known.job_applied(job, context.now());
    true
}

fn owes_a_report(job: &FnoJob) -> bool {
    let callback = job.status.as_ref().and_then(|status| status.callback.as_ref());
    let settled = callback
        .is_some_and(|callback| callback.delivered_at.is_some() || callback.parked_at.is_some());
    job.spec.callback.is_some() && !settled
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_job_is_held_until_its_report_is_acknowledged_or_parked() {
        let job = |callback: Value, status: Value| -> FnoJob {
            serde_json::from_value(json!({
                "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": "j"},
                "spec": {"provider": "p", "action": "Validation", "circuitNumber": "C1", "callback": callback}, "status": {"callback": status},
            }))
            .expect("a job")
        };
        let target = json!({"ref": "ords"});
        for (callback, status, owes) in [
            (Value::Null, Value::Null, false),
            (target.clone(), Value::Null, true),
            (target.clone(), json!({"attempts": 3}), true),
            (target.clone(), json!({"deliveredAt": "2030-01-01T00:00:00Z"}), false),
            (target, json!({"parkedAt": "2030-01-01T00:00:00Z"}), false),
        ] {
            assert_eq!(
                owes_a_report(&job(callback.clone(), status.clone())),
                owes,
                "{callback} {status}"
            );
        }
    }
}
