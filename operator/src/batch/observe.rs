//! Observe: collects everything that a decision about a batch is based on from the watches. The API server is asked only if the watch does
//! not show a Pod that should exist: a Pod must not be given up because a watch is late.

use fno_core::{
    key::Key,
    lifecycle::{
        BatchFacts, Hold, JobState, PodState, Progress, Switches, browser_end, exists_for,
    },
    objects::{self, current_pod, is_owned},
};
use fno_crds::{FnoBatch, FnoJob, batch::BatchPhase};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt as _};

use crate::{context::Context, error::Result, known::key};

/// The observed state of a batch.
pub struct Observed {
    now: Timestamp,
    /// State of the batch's current Pod.
    pub pod: PodState,
    /// UID of the current Pod. None if it does not exist.
    pub pod_uid: Option<String>,
    images_replaced: bool,
    switches: Switches,
    exists_for: SignedDuration,
    silent_for: SignedDuration,
    idle_for: SignedDuration,
    browser: Option<String>,
    login_state_for: SignedDuration,
    jobs: Vec<JobState>,
    held: Option<Hold>,
}

impl Observed {
    /// The facts for [`fno_core::lifecycle`].
    pub fn facts<'a>(&'a self, context: &'a Context, batch: &'a FnoBatch) -> BatchFacts<'a> {
        BatchFacts {
            now: self.now,
            batch,
            pod: &self.pod,
            pod_uid: self.pod_uid.as_deref(),
            images_replaced: self.images_replaced,
            switches: self.switches,
            exists_for: self.exists_for,
            silent_for: self.silent_for,
            idle_for: self.idle_for,
            browser: self.browser.as_deref(),
            login_state_for: self.login_state_for,
            jobs: &self.jobs,
            held: self.held.as_ref(),
            deadlines: &context.deadlines,
        }
    }
}

/// Observes a batch.
///
/// # Errors
/// If the API server has to be asked for a Pod and does not answer.
pub async fn observe(context: &Context, batch: &FnoBatch) -> Result<Observed> {
    let of = key(batch);
    let pod = pod(context, batch, &of).await?;
    let state = pod.as_ref().map_or(PodState::Missing, PodState::of);
    let switches = Switches::of(context.known.provider_of(batch).as_deref());
    let now = context.now();
    Ok(Observed {
        now,
        images_replaced: pod
            .as_ref()
            .is_some_and(|pod| objects::images_replaced(&pod.metadata, &context.settings.runner)),
        browser: pod.as_ref().and_then(browser_end),
        pod_uid: pod.and_then(|pod| pod.metadata.uid),
        switches,
        exists_for: exists_for(batch, known_for(context, batch, &of), now),
        silent_for: silent_for(context, batch, &of, &state),
        idle_for: idle_for(context, batch, &of),
        login_state_for: login_state_for(context, batch, &of, &state),
        jobs: jobs(context, batch, now),
        held: context.known.batches.with(&of, |memory| memory.held.clone()),
        pod: state,
    })
}

async fn pod(context: &Context, batch: &FnoBatch, of: &Key) -> Result<Option<Pod>> {
    if batch.phase() == BatchPhase::Created {
        return Ok(None);
    }
    let name = current_pod(batch);
    let watched = context
        .known
        .caches
        .pod(&Key { namespace: of.namespace.clone(), name: name.clone() })
        .map(|pod| (*pod).clone());
    let found = match watched {
        Some(pod) => Some(pod),
        None if batch.phase().is_finished() => None,
        None => {
            Api::<Pod>::namespaced(context.client.clone(), &of.namespace).get_opt(&name).await?
        }
    };
    Ok(found.filter(|pod| is_owned(&pod.metadata, batch)))
}

/// How long this process has known the batch.
fn known_for(context: &Context, batch: &FnoBatch, of: &Key) -> SignedDuration {
    let uid = batch.metadata.uid.as_deref().unwrap_or_default();
    let now = context.clock.uptime();
    let since = context.known.batches.with(of, |memory| memory.known_since(uid, now));
    SignedDuration::try_from(now.saturating_sub(since)).unwrap_or(SignedDuration::MAX)
}

/// How long the runner has been silent. Any change of its report is a sign of life, and so is the start of its container.
fn silent_for(context: &Context, batch: &FnoBatch, of: &Key, pod: &PodState) -> SignedDuration {
    let run = batch.status.as_ref().and_then(|status| status.run.as_ref());
    let life = format!(
        "{:?} {:?} {:?} {} {:?}",
        matches!(pod, PodState::Running { .. }),
        run.and_then(|run| run.heartbeat.as_ref()).map(|at| at.0),
        run.and_then(|run| run.login.as_ref()).map(|login| (login.n, login.at.0)),
        run.map_or(0, |run| run.results.len()),
        run.and_then(|run| run.end.as_ref()).map(|end| end.at.0),
    );
    let since = context.known.batches.with(of, |memory| match &memory.life {
        Some((same, since)) if *same == life => *since,
        _ => {
            let now = context.clock.uptime();
            memory.life = Some((life, now));
            now
        }
    });
    SignedDuration::try_from(context.clock.uptime().saturating_sub(since))
        .unwrap_or(SignedDuration::MAX)
}

/// How long the runner has made no progress. Before its first report this counts from when the batch was first seen; the login has a
/// deadline of its own.
fn idle_for(context: &Context, batch: &FnoBatch, of: &Key) -> SignedDuration {
    let run = batch.status.as_ref().and_then(|status| status.run.as_ref());
    let progress = run.map(Progress::of).unwrap_or_default();
    let since = context.known.batches.with(of, |memory| match &memory.progress {
        Some((same, since)) if *same == progress => *since,
        _ => {
            let now = context.clock.uptime();
            memory.progress = Some((progress, now));
            now
        }
    });
    SignedDuration::try_from(context.clock.uptime().saturating_sub(since))
        .unwrap_or(SignedDuration::MAX)
}

/// How long the runner's login has been in its current state, which may be that there is none yet. By the operator's clock, because a
/// node's clock may be wrong.
fn login_state_for(
    context: &Context,
    batch: &FnoBatch,
    of: &Key,
    pod: &PodState,
) -> SignedDuration {
    let run = batch.status.as_ref().and_then(|status| status.run.as_ref());
    let login = run.and_then(|run| run.login.as_ref()).map(|login| (login.n, login.state));
    let state = format!("{} {login:?}", matches!(pod, PodState::Running { .. }));
    let now = context.clock.uptime();
    let since = context.known.batches.with(of, |memory| match &memory.login {
        Some((same, since)) if *same == state => *since,
        _ => {
            memory.login = Some((state, now));
            now
        }
    });
    SignedDuration::try_from(now.saturating_sub(since)).unwrap_or(SignedDuration::MAX)
}

fn jobs(context: &Context, batch: &FnoBatch, now: Timestamp) -> Vec<JobState> {
    let claimed = batch.status.as_ref().map(|status| status.claimed.as_slice()).unwrap_or_default();
    let of = key(batch);
    let refused = |uid: &String| {
        context.known.batches.with(&of, |memory| {
            memory.refused.get(uid).is_some_and(|until| context.clock.uptime() < *until)
        })
    };
    let look = |name: &String, uid: &String| {
        let of = Key { namespace: batch.namespace().unwrap_or_default(), name: name.clone() };
        if let Some(job) = at_work(context, batch, &of, uid) {
            return Some(JobState::at_work(&job, refused(uid), now));
        }
        claimed
            .contains(uid)
            .then(|| JobState::settled(uid.clone(), context.known.jobs.knows(&of, uid)))
    };
    batch.spec.jobs.iter().filter_map(|job| look(&job.name, &job.uid)).collect()
}

/// The job, if it is Batched in this batch.
pub fn at_work(
    context: &Context,
    batch: &FnoBatch,
    of: &Key,
    uid: &str,
) -> Option<std::sync::Arc<FnoJob>> {
    let job = context.known.jobs.at_work(of)?;
    let here = job.status.as_ref().and_then(|status| status.batch.as_ref())
        == batch.metadata.name.as_ref();
    (here && job.metadata.uid.as_deref() == Some(uid)).then_some(job)
}
