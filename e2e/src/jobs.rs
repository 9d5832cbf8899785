//! Submits jobs and waits for their end by watching them.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail};
use fno_crds::{FnoBatch, FnoJob, JobPhase};
use futures::StreamExt as _;
use kube::{
    Api, Resource, ResourceExt as _,
    api::PostParams,
    runtime::watcher::{self, Event, watcher},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A validation of a circuit, with `changes` merged into its spec.
///
/// # Panics
/// The result is not a valid FnoJob: a mistake in the scenario.
#[must_use]
pub fn validation(name: &str, provider: &str, circuit: &str, changes: Value) -> FnoJob {
    let mut spec = json!({"provider": provider, "action": "Validation", "circuitNumber": circuit});
    if let (Some(spec), Value::Object(changes)) = (spec.as_object_mut(), changes) {
        spec.extend(changes);
    }
    let job = json!({"apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": name}, "spec": spec});
    serde_json::from_value(job).expect("the scenario's job is a valid FnoJob")
}

/// Creates jobs, sixteen requests at a time.
///
/// # Errors
/// The API server refuses one.
pub async fn submit(api: &Api<FnoJob>, jobs: Vec<FnoJob>) -> Result<()> {
    let params = PostParams::default();
    let mut created =
        futures::stream::iter(jobs.iter().map(|job| api.create(&params, job))).buffer_unordered(16);
    while let Some(result) = created.next().await {
        result?;
    }
    Ok(())
}

/// Watches all objects until `done` accepts them, and returns them by name.
///
/// # Errors
/// `done` does not accept them within `within`. The error describes each object with `tell`.
pub async fn wait_until<K, D, T>(
    api: &Api<K>,
    within: Duration,
    tell: T,
    mut done: D,
) -> Result<BTreeMap<String, K>>
where
    K: Resource + Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
    D: FnMut(&BTreeMap<String, K>) -> bool,
    T: Fn(&K) -> String,
{
    let mut seen = BTreeMap::new();
    let watched = async {
        let mut stream = std::pin::pin!(watcher(api.clone(), watcher::Config::default()));
        let mut listed = false;
        while let Some(event) = stream.next().await {
            match event {
                // A list that starts again holds only a part of the objects until it is complete.
                Ok(Event::Init) => {
                    seen.clear();
                    listed = false;
                }
                Ok(Event::InitApply(object) | Event::Apply(object)) => {
                    drop(seen.insert(object.name_any(), object))
                }
                Ok(Event::Delete(object)) => drop(seen.remove(&object.name_any())),
                Ok(Event::InitDone) => listed = true,
                // The watch recovers by itself. If the cluster is gone, the time limit applies.
                Err(_) => {}
            }
            if listed && done(&seen) {
                return;
            }
        }
    };
    if tokio::time::timeout(within, watched).await.is_err() {
        let states: Vec<String> =
            seen.iter().map(|(name, object)| format!("  {name}: {}", tell(object))).collect();
        bail!("not reached within {} s:\n{}", within.as_secs(), states.join("\n"));
    }
    Ok(seen)
}

/// The state of a job in one line.
#[must_use]
pub fn tell(job: &FnoJob) -> String {
    let status = job.status.clone().unwrap_or_default();
    format!(
        "{:?} {:?} {:?} {}",
        job.phase(),
        status.outcome,
        status.reason,
        status.message.unwrap_or_default()
    )
}

/// Waits until there are jobs and all of them are finished.
///
/// # Errors
/// Some are unfinished after `within`. The error lists all jobs.
pub async fn all_finished(api: &Api<FnoJob>, within: Duration) -> Result<BTreeMap<String, FnoJob>> {
    wait_until(api, within, tell, |jobs| {
        !jobs.is_empty() && jobs.values().all(|job| job.phase().is_finished())
    })
    .await
    .context("jobs are not finished")
}

/// Waits until one job shows a reason.
///
/// # Errors
/// The job does not show it within `within`.
pub async fn shows(
    api: &Api<FnoJob>,
    name: &str,
    reason: fno_crds::Reason,
    within: Duration,
) -> Result<FnoJob> {
    let shows = |job: &FnoJob| job.status.as_ref().is_some_and(|s| s.reason == Some(reason));
    let mut jobs = wait_until(api, within, tell, |jobs| jobs.get(name).is_some_and(shows))
        .await
        .with_context(|| format!("{name} does not show {reason}"))?;
    jobs.remove(name).context("the job is gone")
}

/// Waits until every batch has ended.
///
/// # Errors
/// Some are active after `within`. The error lists all batches.
pub async fn batches_ended(
    api: &Api<FnoBatch>,
    within: Duration,
) -> Result<BTreeMap<String, FnoBatch>> {
    let tell = |batch: &FnoBatch| {
        format!("{:?} {:?}", batch.phase(), batch.status.as_ref().and_then(|s| s.message.clone()))
    };
    wait_until(api, within, tell, |batches| batches.values().all(|b| b.phase().is_finished()))
        .await
        .context("batches are still active")
}

/// The portal's answer to a job that succeeded.
#[must_use]
pub fn outcome(job: &FnoJob) -> Option<&str> {
    let status = job.status.as_ref()?;
    (status.phase == Some(JobPhase::Succeeded)).then_some(status.outcome.as_deref()).flatten()
}
