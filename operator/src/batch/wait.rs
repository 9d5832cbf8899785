//! Action: wait, and show what the batch waits for: on its provider at once, on its jobs once it has waited for a while.

use std::sync::Arc;

use fno_core::{
    batch_wait::{OnJobs, keeps_pods_away, on_jobs},
    claim::in_batch,
    key::Key,
    lifecycle::PodState,
    why::Why,
};
use fno_crds::FnoBatch;
use jiff::Timestamp;

use super::{
    acted::{Acted, Then},
    events::BatchEvent,
    observe::Observed,
    settle,
};
use crate::{
    context::Context,
    error::Result,
    known::{key, provider_key},
};

/// Waits until something changes, at most until `until`.
///
/// # Errors
/// If the API server does not answer.
pub async fn wait(
    context: &Context,
    batch: &Arc<FnoBatch>,
    observed: &Observed,
    until: Option<Timestamp>,
    shown: Option<Why>,
) -> Result<Acted> {
    let status = batch.status.clone().unwrap_or_default();
    let acted = Acted { shown, ..Acted::stated(Arc::clone(batch), status) };
    if batch.phase().is_finished() {
        return Ok(Acted { then: Then::Wait(until), ..acted });
    }
    let provider = provider_key(batch);
    if acted.shown.as_ref().is_some_and(|why| keeps_pods_away(why.reason)) {
        set_trouble(context, &provider, acted.shown.as_ref());
    } else if matches!(observed.pod, PodState::Running { .. }) {
        set_trouble(context, &provider, None);
    }
    let of = key(&**batch);
    let before = context.known.batches.with(&of, |memory| memory.wait);
    let (wait, write) = on_jobs(before, acted.shown.as_ref(), context.now());
    let (mut events, mut next) = (Vec::new(), None);
    match (write, wait) {
        // Only publishing the event marks the reason as shown: if the status cannot be stored now, this is repeated.
        (OnJobs::Waiting(why), Some(wait)) => {
            settle::mark_waiting(context, batch, &why).await?;
            events.push(BatchEvent::Waits(why, wait));
        }
        (OnJobs::Batched, wait) => {
            settle::mark_waiting(context, batch, &in_batch(&of.name)).await?;
            context.known.batches.with(&of, |memory| memory.wait = wait);
        }
        (OnJobs::Nothing(at), wait) => {
            next = at;
            context.known.batches.with(&of, |memory| memory.wait = wait);
        }
        (OnJobs::Waiting(_), None) => {}
    }
    let until = [until, next].into_iter().flatten().min();
    Ok(Acted { events, then: Then::Wait(until), ..acted })
}

/// Remembers what keeps the Pods of a provider from running, so that the provider's status shows it.
pub fn set_trouble(context: &Context, provider: &Key, why: Option<&Why>) {
    if context.known.providers.set(provider, |memory| &mut memory.trouble, why.cloned()) {
        context.known.caches.wake_provider(provider);
    }
}
