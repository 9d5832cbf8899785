//! Which batches use an account, or may still.

use fno_core::{
    key::Key,
    lifecycle::{PodState, open_grant},
    objects::current_pod,
    plan::BatchView,
    time::after,
};
use fno_crds::FnoBatch;
use jiff::Timestamp;
use kube::ResourceExt as _;

use super::batches::all;
use crate::context::{Context, key};

/// What the other batches of an account take up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// Logins that have leave and are not judged yet.
    pub undecided: usize,
    /// Sessions that live, or may still.
    pub sessions: usize,
}

/// What the other batches of this one's account take up.
pub fn others_on_account(context: &Context, batch: &FnoBatch, now: Timestamp) -> Others {
    let mut others = Others::default();
    for other in all(context).iter().filter(|other| same_account(other, batch)) {
        let Some(status) = &other.status else { continue };
        others.undecided +=
            usize::from(status.finished_at.is_none() && open_grant(status).is_some());
        let logged_in = status.run.as_ref().and_then(|run| run.logins).unwrap_or(0) > 0;
        let alive = if other.phase().is_finished() { outlives(context, other, now) } else { true };
        others.sessions += usize::from(logged_in && alive);
    }
    others
}

/// Has the batches looked at that may wait for this one's login or session.
pub fn wake_others(context: &Context, batch: &FnoBatch) {
    for other in all(context)
        .iter()
        .filter(|other| same_account(other, batch) && !other.phase().is_finished())
    {
        context.batches.with(&key(&**other), |memory| {
            // What was a matter of turn is asked again at once.
            if memory.held.as_ref().is_some_and(|held| held.in_turn) {
                memory.held = None;
            }
        });
        context.scopes.wake_batch(&key(&**other));
    }
}

/// As planning takes a batch.
pub fn view(context: &Context, batch: &FnoBatch, now: Timestamp) -> BatchView {
    let finished = batch.phase().is_finished();
    BatchView {
        key: key(batch),
        provider: batch.spec.provider.clone(),
        account: batch.spec.account.clone(),
        jobs: if finished { Vec::new() } else { held_jobs(batch) },
        holds_session: !finished || outlives(context, batch, now),
        holds_runner: !finished || pod(context, batch).is_some_and(|pod| !pod.is_over()),
        finished,
    }
}

/// The jobs no other batch may invite: the invited ones until the claim, then the claimed ones whose try has not ended. A job whose try failed
/// may be tried again in another batch while this one still runs.
fn held_jobs(batch: &FnoBatch) -> Vec<String> {
    let Some(status) = batch.status.as_ref().filter(|status| !status.claimed.is_empty()) else {
        return batch.spec.jobs.iter().map(|job| job.uid.clone()).collect();
    };
    let ended = |uid: &String| {
        status.run.as_ref().is_some_and(|run| run.results.iter().any(|result| result.uid == *uid))
    };
    status.claimed.iter().filter(|uid| !ended(uid)).cloned().collect()
}

/// Whether the session of a finished batch may still be alive: its Pod is not over, it did not log out, and the portal has not ended it yet.
fn outlives(context: &Context, batch: &FnoBatch, now: Timestamp) -> bool {
    let Some(status) = &batch.status else { return false };
    let Some(started) = &status.started_at else { return false };
    let logged_out =
        status.run.as_ref().and_then(|run| run.end.as_ref()).is_some_and(|end| end.logged_out);
    let lifetime = context
        .provider_of(batch)
        .map_or_else(fno_crds::provider::Session::default, |provider| provider.spec.session.clone())
        .max_lifetime;
    !logged_out
        && now < after(started.0, lifetime.signed())
        && pod(context, batch).is_some_and(|pod| !pod.is_over())
}

fn pod(context: &Context, batch: &FnoBatch) -> Option<PodState> {
    let name = current_pod(batch);
    context
        .scopes
        .pod(&Key { namespace: batch.namespace().unwrap_or_default(), name })
        .map(|pod| PodState::of(&pod))
}

fn same_account(other: &FnoBatch, batch: &FnoBatch) -> bool {
    other.metadata.uid != batch.metadata.uid
        && other.namespace() == batch.namespace()
        && other.spec.provider == batch.spec.provider
        && other.spec.account == batch.spec.account
}
