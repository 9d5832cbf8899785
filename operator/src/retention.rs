//! Archives and then deletes finished jobs whose TTL has passed. A job whose callback is still owed is kept.

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

use crate::{archive::archive, context::Context, error::Result};

/// Maximum time between two checks: the machine's clock may be set meanwhile.
const EVERY: Duration = Duration::from_secs(300);
/// When a job that cannot be deleted yet is tried again.
const PUT_OFF: SignedDuration = SignedDuration::from_mins(1);

/// Archives and deletes finished jobs; never returns.
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
        // Uses the time at which this round started: jobs that expired during the round are next.
        let next = context.known.jobs.expired(now).1.map_or(EVERY, |at| {
            Duration::try_from(at.duration_since(context.now())).unwrap_or_default()
        });
        // A job that expires sooner may finish meanwhile.
        select! { () = sleep(next.min(EVERY)) => {}, () = context.known.caches.finished.notified() => {} }
    }
}

/// Archives and deletes one job. True if nothing is left to do, because the job is gone or being deleted.
async fn expire(context: &Context, of: &Key) -> Result<bool> {
    let api: Api<FnoJob> = Api::namespaced(context.client.clone(), &of.namespace);
    // The job is gone; the watch is about to report it.
    let Some(mut job) = api.get_opt(&of.name).await? else { return Ok(false) };
    job.metadata.managed_fields = None;
    if !job.phase().is_finished() || owes_a_report(&job) {
        return Ok(false);
    }
    // The job is being deleted already and disappears with its finalizers.
    if job.metadata.deletion_timestamp.is_some() {
        return Ok(false);
    }
    archive(context, &job).await?;
    // Only this version is deleted, because it is the one that was archived.
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
            info!(job = of.name, namespace = of.namespace, "archived and deleted a finished job");
        }
        Err(error) if is_not_found(&error) => {}
        Err(error) if is_conflict(&error) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    context.known.job_deleted(of, job.metadata.uid.as_deref().unwrap_or_default());
    Ok(true)
}

/// Whether a finalizer still holds the deleted job. Then the index keeps the job until the watch reports that it is gone.
fn still_held(context: &Context, mut job: FnoJob) -> bool {
    job.metadata.managed_fields = None;
    info!(
        job = job.name_any(),
        namespace = job.namespace(),
        finalizers = ?job.finalizers(),
        "archived a finished job, which is deleted once its finalizers are removed"
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
