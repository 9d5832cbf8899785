//! Corrects the finalizers of jobs: [`fno_core::finalizer`] decides what they should be, and the index records the jobs where they differ.
//!
//! A claim adds the finalizer itself, because nothing may start without it. Everything else happens here: in steady flow the removal at the
//! end of a job, and otherwise whatever a crash, a conflict or a person left behind.

use std::{collections::HashMap, sync::Arc, time::Duration};

use fno_cluster::conflict::{is_conflict, is_not_found};
use fno_core::key::Key;
use fno_crds::FnoJob;
use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use kube::{Api, ResourceExt as _, api::Patch};
use serde_json::json;
use tokio::{select, time::sleep};
use tracing::{debug, info, warn};

use crate::{archive, context::Context, error::Result, known::jobs::Misheld, patch};

/// Number of jobs corrected concurrently.
const AT_ONCE: usize = 16;
/// The first pause before a failed correction is repeated, which doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often the index is checked, even if nothing wakes this task.
const EVERY: Duration = Duration::from_secs(5);
/// How long a claim may take to add the finalizer itself; after that it was interrupted.
const CLAIMING: SignedDuration = SignedDuration::from_secs(10);

/// When a failed correction is repeated, and how long the pause was, by job.
type Pauses = HashMap<Key, (Duration, Duration)>;

/// Corrects finalizers; never returns.
pub async fn run(context: Arc<Context>) {
    let mut pauses = Pauses::new();
    loop {
        let uptime = context.clock.uptime();
        let noted = context.known.jobs.misheld();
        pauses.retain(|key, _| noted.iter().any(|(noted, _)| noted == key));
        let due: Vec<_> = noted
            .into_iter()
            .filter(|(_, misheld)| is_due(misheld, context.now()))
            .filter(|(key, _)| pauses.get(key).is_none_or(|(until, _)| *until <= uptime))
            .collect();
        let nothing = due.is_empty();
        let corrections = due.into_iter().map(|(of, misheld)| correct(&context, of, misheld));
        let done: Vec<_> = stream::iter(corrections).buffer_unordered(AT_ONCE).collect().await;
        for (of, corrected) in done {
            match corrected {
                Ok(()) => _ = pauses.remove(&of),
                Err(error) => {
                    warn!(job = of.name, namespace = of.namespace, %error, "the finalizers of a job could not be corrected; trying again");
                    let pause = pauses
                        .get(&of)
                        .map_or(FIRST_PAUSE, |(_, last)| (*last * 2).min(LONGEST_PAUSE));
                    pauses.insert(of, (context.clock.uptime() + pause, pause));
                }
            }
        }
        if nothing {
            select! { () = sleep(EVERY) => {}, () = context.known.caches.misheld.notified() => {} }
        }
    }
}

fn is_due(misheld: &Misheld, now: Timestamp) -> bool {
    !misheld.batched || now.duration_since(misheld.since) >= CLAIMING
}

async fn correct(context: &Context, of: Key, misheld: Misheld) -> (Key, Result<()>) {
    let corrected = write(context, &of, &misheld).await;
    (of, corrected)
}

async fn write(context: &Context, of: &Key, misheld: &Misheld) -> Result<()> {
    let api: Api<FnoJob> = Api::namespaced(context.client.clone(), &of.namespace);
    if let Some(until) = misheld.archive_until {
        archive(context, &api, of, until).await?;
    }
    let patch = json!({"metadata": {
        "uid": misheld.uid, "resourceVersion": misheld.resource_version, "finalizers": misheld.wanted,
    }});
    match api.patch(&of.name, &patch::parameters(), &Patch::Merge(&patch)).await {
        Ok(job) => stored(context, of, job),
        Err(error) if is_not_found(&error) => context.known.job_deleted(of, &misheld.uid),
        Err(error) if is_conflict(&error) => {
            debug!(job = of.name, "a job changed before its finalizers were corrected");
            match api.get_opt(&of.name).await? {
                Some(fresh) => context.known.job_applied(fresh, context.now()),
                None => context.known.job_deleted(of, &misheld.uid),
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn stored(context: &Context, of: &Key, mut job: FnoJob) {
    job.metadata.managed_fields = None;
    if job.metadata.deletion_timestamp.is_some() && job.finalizers().is_empty() {
        info!(
            job = of.name,
            namespace = of.namespace,
            "removed the last finalizer of a deleted job"
        );
        context.known.job_deleted(of, &job.uid().unwrap_or_default());
    } else {
        context.known.job_applied(job, context.now());
    }
}

/// Archives the job: the object is deleted with its finalizer, and the record of its result would be lost with it.
async fn archive(context: &Context, api: &Api<FnoJob>, of: &Key, until: Timestamp) -> Result<()> {
    let Some(mut job) = api.get_opt(&of.name).await? else { return Ok(()) };
    job.metadata.managed_fields = None;
    let archived = archive::archive(context, &job).await;
    if let Err(error) = &archived
        && context.now() >= until
    {
        warn!(job = of.name, namespace = of.namespace, %error, "a deleted job is removed without a record in the archive");
        return Ok(());
    }
    archived
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_given_time_to_add_the_finalizer_and_nothing_else_waits() {
        let now: Timestamp = "2030-01-01T00:00:00Z".parse().expect("a time");
        let misheld = |batched, seconds| Misheld {
            uid: "u".to_owned(),
            resource_version: "1".to_owned(),
            wanted: Vec::new(),
            batched,
            since: now - SignedDuration::from_secs(seconds),
            archive_until: None,
        };
        assert!(is_due(&misheld(false, 0), now));
        assert!(!is_due(&misheld(true, 9), now));
        assert!(is_due(&misheld(true, 10), now));
    }
}
