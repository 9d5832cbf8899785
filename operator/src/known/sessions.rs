//! Which batches use an account, or may still use it. A batch that cannot be read may be doing anything that its account allows.

use std::collections::BTreeMap;

use fno_core::{
    account::{AccountName, Namespace},
    key::Key,
    lifecycle::{Deadlines, PodState, Switches, may_hold_session},
    objects::current_pod,
    plan::{BatchView, ProviderView},
    unreadable::{Unreadable, batches_not_read},
    view,
    why::Why,
};
use fno_crds::{FnoBatch, provider::Session};
use jiff::Timestamp;
use kube::ResourceExt as _;

use super::{Known, accounts::Accounts, batches::NewestBatches, key, provider_key};

/// Number of sessions of other batches on the account of `batch`, under any of its names, that are alive or may still be.
pub fn of_others(
    known: &Known,
    namespace: &Namespace<'_>,
    batch: &FnoBatch,
    now: Timestamp,
) -> usize {
    let identity = namespace.identity_of(batch);
    let may_live = |other: &FnoBatch| {
        // The runner of a finished batch no longer reports how its last login ended.
        if other.phase().is_finished() {
            return outlives(known, other, now);
        }
        other.status.as_ref().is_some_and(may_hold_session)
    };
    let others = namespace.batches_of(&identity).iter();
    let others = others.filter(|other| other.metadata.uid != batch.metadata.uid);
    others.filter(|other| may_live(other)).count()
}

/// Number of batches that cannot be read and may be using the account of `batch`. Each may have a login in progress, which counts as a
/// session, too.
pub fn unreadable_on_account(known: &Known, namespace: &Namespace<'_>, batch: &FnoBatch) -> usize {
    let names = namespace.names_of(&AccountName::of(batch));
    let of = |name: &AccountName| Key {
        namespace: batch.namespace().unwrap_or_default(),
        name: name.provider.clone(),
    };
    known
        .newest_batches()
        .unreadable
        .iter()
        .filter(|other| names.iter().any(|name| other.may_use(&of(name), &name.account)))
        .filter(|other| may_be_at_work(known, other))
        .count()
}

/// Wakes the batches that may be waiting for this batch's login or session.
pub fn wake_others(known: &Known, batch: &FnoBatch) {
    let accounts = Accounts::watched(known, &batch.namespace().unwrap_or_default());
    let namespace = accounts.namespace();
    for other in namespace.batches_of(&namespace.identity_of(batch)) {
        if other.metadata.uid == batch.metadata.uid || other.phase().is_finished() {
            continue;
        }
        known.batches.with(&key(*other), |memory| {
            // A batch that only waited for its turn asks again at once. That it waited for its turn is kept: no shorter deadline applies.
            if let Some(held) = memory.held.as_mut().filter(|held| held.in_turn) {
                held.until = Timestamp::MIN;
            }
        });
        known.caches.wake_batch(&key(*other));
    }
}

/// Wakes every batch that is not finished.
pub fn wake_running(known: &Known) {
    for batch in known.newest_batches().running() {
        known.caches.wake_batch(&key(&**batch));
    }
}

/// Wakes the running batches, of one provider or of all, that do not follow the switches of their provider yet.
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

/// The batches as planning sees them.
pub fn views(
    known: &Known,
    batches: &NewestBatches,
    namespaces: &BTreeMap<&str, Namespace<'_>>,
    providers: &[ProviderView],
    deadlines: &Deadlines,
    now: Timestamp,
) -> Vec<BatchView> {
    let identity = |batch: &FnoBatch| {
        let namespace = namespaces.get(batch.namespace().as_deref().unwrap_or_default());
        namespace.map_or_else(|| AccountName::of(batch), |namespace| namespace.identity_of(batch))
    };
    let readable = batches.readable.iter().map(|batch| {
        let pod = pod(known, batch.namespace(), current_pod(batch));
        let session = session(known, batch);
        view::batch::view(batch, identity(batch), pod.as_ref(), &session, deadlines, now)
    });
    let unreadable = batches.unreadable.iter().flat_map(|batch| {
        batch.batch_views(unreadable_pod(known, batch).as_ref(), providers, deadlines)
    });
    readable.chain(unreadable).collect()
}

/// Why a provider is not ready because of its batches, if it is not.
pub fn trouble(known: &Known, provider: &Key) -> Option<Why> {
    let batches = known.newest_batches().unreadable;
    let at_work = batches
        .iter()
        .filter(|batch| batch.may_be_of(provider))
        .filter(|batch| may_be_at_work(known, batch));
    batches_not_read(at_work.map(|batch| &**batch))
}

/// The current session settings of a batch's provider, or the defaults while the provider is gone or cannot be read.
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

#[cfg(test)]
mod tests;
