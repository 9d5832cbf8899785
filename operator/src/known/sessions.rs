//! Which batches use an account, or may still.

use fno_core::{
    key::Key,
    lifecycle::{PodState, open_grant},
    objects::current_pod,
    plan::BatchView,
    view,
};
use fno_crds::{FnoBatch, provider::Session};
use jiff::Timestamp;
use kube::ResourceExt as _;

use super::{Known, batches::all, key};

/// What the other batches of an account take up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// Logins that have leave and are not judged yet.
    pub undecided: usize,
    /// Sessions that live, or may still.
    pub sessions: usize,
}

/// What the other batches of this one's account take up.
pub fn others_on_account(known: &Known, batch: &FnoBatch, now: Timestamp) -> Others {
    let mut others = Others::default();
    for other in all(known).iter().filter(|other| same_account(other, batch)) {
        let Some(status) = &other.status else { continue };
        others.undecided +=
            usize::from(status.finished_at.is_none() && open_grant(status).is_some());
        let logged_in = status.run.as_ref().and_then(|run| run.logins).unwrap_or(0) > 0;
        let alive = if other.phase().is_finished() { outlives(known, other, now) } else { true };
        others.sessions += usize::from(logged_in && alive);
    }
    others
}

/// Has the batches looked at that may wait for this one's login or session.
pub fn wake_others(known: &Known, batch: &FnoBatch) {
    for other in
        all(known).iter().filter(|other| same_account(other, batch) && !other.phase().is_finished())
    {
        known.batches.with(&key(&**other), |memory| {
            // What was a matter of turn is asked again at once.
            if memory.held.as_ref().is_some_and(|held| held.in_turn) {
                memory.held = None;
            }
        });
        known.caches.wake_batch(&key(&**other));
    }
}

/// A batch as planning takes it.
pub fn view(known: &Known, batch: &FnoBatch, now: Timestamp) -> BatchView {
    let pod = pod(known, batch);
    view::batch::view(batch, pod.as_ref(), &session(known, batch), now)
}

/// The session settings of a batch's provider as they are now; the defaults while the provider is gone.
fn session(known: &Known, batch: &FnoBatch) -> Session {
    known.provider_of(batch).map_or_else(Session::default, |provider| provider.spec.session.clone())
}

fn outlives(known: &Known, batch: &FnoBatch, now: Timestamp) -> bool {
    let pod = pod(known, batch);
    pod.is_some() && view::batch::outlives(batch, pod.as_ref(), &session(known, batch), now)
}

fn pod(known: &Known, batch: &FnoBatch) -> Option<PodState> {
    let name = current_pod(batch);
    known
        .caches
        .pod(&Key { namespace: batch.namespace().unwrap_or_default(), name })
        .map(|pod| PodState::of(&pod))
}

fn same_account(other: &FnoBatch, batch: &FnoBatch) -> bool {
    other.metadata.uid != batch.metadata.uid
        && other.namespace() == batch.namespace()
        && other.spec.provider == batch.spec.provider
        && other.spec.account == batch.spec.account
}
