//! Which batches use an account, or may still. A batch that cannot be read may be doing anything its account allows.

use fno_core::{
    key::Key,
    lifecycle::{PodState, Switches, open_grant},
    objects::current_pod,
    plan::{BatchView, ProviderView},
    unreadable::{Unreadable, batches_not_read},
    view,
    why::Why,
};
use fno_crds::{FnoBatch, provider::Session};
use jiff::Timestamp;
use kube::ResourceExt as _;

use super::{Known, batches::NewestBatches, key, provider_key};

/// What the other batches of an account take up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// Logins that were granted and have not ended yet, as far as is known.
    pub undecided: usize,
    /// Sessions that are alive, or may still be.
    pub sessions: usize,
}

/// What the other batches of this one's account take up.
pub fn others_on_account(known: &Known, batch: &FnoBatch, now: Timestamp) -> Others {
    let (batches, mut others) = (known.newest_batches(), Others::default());
    for other in batches.readable.iter().filter(|other| same_account(other, batch)) {
        let Some(status) = &other.status else { continue };
        others.undecided +=
            usize::from(status.finished_at.is_none() && open_grant(status).is_some());
        let logged_in = status.run.as_ref().and_then(|run| run.logins).unwrap_or(0) > 0;
        // Nobody reports any more what became of the last login of a finished batch.
        let lives =
            if other.phase().is_finished() { outlives(known, other, now) } else { logged_in };
        others.sessions += usize::from(lives);
    }
    let provider = provider_key(batch);
    // A login that may be on its way counts as a session, too.
    others.undecided += batches
        .unreadable
        .iter()
        .filter(|other| other.may_use(&provider, &batch.spec.account))
        .filter(|other| may_be_at_work(known, other))
        .count();
    others
}

/// Wakes the batches that may wait for this one's login or session.
pub fn wake_others(known: &Known, batch: &FnoBatch) {
    for other in known.newest_batches().running().filter(|other| same_account(other, batch)) {
        known.batches.with(&key(&**other), |memory| {
            // What was a matter of turn is asked again at once.
            if memory.held.as_ref().is_some_and(|held| held.in_turn) {
                memory.held = None;
            }
        });
        known.caches.wake_batch(&key(&**other));
    }
}

/// Wakes every batch that is not finished.
pub fn wake_running(known: &Known) {
    for batch in known.newest_batches().running() {
        known.caches.wake_batch(&key(&**batch));
    }
}

/// Wakes the running batches that do not follow the switches of their provider yet: those of one provider, or all.
pub fn wake_switched(known: &Known, of: Option<&Key>) {
    for batch in known.newest_batches().running() {
        if of.is_some_and(|of| *of != provider_key(batch)) {
            continue;
        }
        let switches = Switches::of(known.provider_of(batch).as_deref());
        let held = batch.status.as_ref().is_some_and(|status| status.cancellations_held);
        if switches.suspend || switches.suspend_cancellations != held {
            known.caches.wake_batch(&key(&**batch));
        }
    }
}

/// The batches as planning takes them.
pub fn views(
    known: &Known,
    batches: &NewestBatches,
    providers: &[ProviderView],
    now: Timestamp,
) -> Vec<BatchView> {
    let readable = batches.readable.iter().map(|batch| {
        let pod = pod(known, batch.namespace(), current_pod(batch));
        view::batch::view(batch, pod.as_ref(), &session(known, batch), now)
    });
    let unreadable = batches
        .unreadable
        .iter()
        .flat_map(|batch| batch.batch_views(unreadable_pod(known, batch).as_ref(), providers));
    readable.chain(unreadable).collect()
}

/// What keeps a provider from being ready because of its batches.
pub fn trouble(known: &Known, provider: &Key) -> Option<Why> {
    let batches = known.newest_batches().unreadable;
    let at_work = batches
        .iter()
        .filter(|batch| batch.may_be_of(provider))
        .filter(|batch| may_be_at_work(known, batch));
    batches_not_read(at_work.map(|batch| &**batch))
}

/// The session settings of a batch's provider as they are now; the defaults while the provider is gone or cannot be read.
fn session(known: &Known, batch: &FnoBatch) -> Session {
    known.provider_of(batch).map_or_else(Session::default, |provider| provider.spec.session.clone())
}

fn outlives(known: &Known, batch: &FnoBatch, now: Timestamp) -> bool {
    let pod = pod(known, batch.namespace(), current_pod(batch));
    pod.is_some() && view::batch::outlives(batch, pod.as_ref(), &session(known, batch), now)
}

fn may_be_at_work(known: &Known, batch: &Unreadable) -> bool {
    batch.may_be_at_work(unreadable_pod(known, batch).as_ref())
}

fn unreadable_pod(known: &Known, batch: &Unreadable) -> Option<PodState> {
    pod(known, batch.metadata.namespace.clone(), batch.pod())
}

fn pod(known: &Known, namespace: Option<String>, name: String) -> Option<PodState> {
    let of = Key { namespace: namespace.unwrap_or_default(), name };
    known.caches.pod(&of).map(|pod| PodState::of(&pod))
}

fn same_account(other: &FnoBatch, batch: &FnoBatch) -> bool {
    other.metadata.uid != batch.metadata.uid
        && other.namespace() == batch.namespace()
        && other.spec.provider == batch.spec.provider
        && other.spec.account == batch.spec.account
}

#[cfg(test)]
mod tests;
