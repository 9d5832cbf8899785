//! Shows what a batch waits for: on its provider at once, on its jobs once it has held a while.

use fno_core::{
    batch_wait::{OnJobs, keeps_pods_away, on_jobs},
    key::Key,
    why::Why,
};
use fno_crds::{FnoBatch, Reason};
use jiff::Timestamp;
use tracing::warn;

use super::settle;
use crate::{
    context::Context,
    error::Result,
    known::{key, provider_key},
};

/// Shows it; the time says when there is more to show even if nothing changes.
///
/// # Errors
/// When the API server does not answer.
pub async fn waits(
    context: &Context,
    batch: &FnoBatch,
    shown: Option<&Why>,
) -> Result<Option<Timestamp>> {
    let of = key(batch);
    if batch.phase().is_finished() {
        return Ok(None);
    }
    let provider = provider_key(batch);
    if shown.is_some_and(|why| keeps_pods_away(why.reason)) {
        trouble(context, &provider, shown);
    } else if batch.status.as_ref().is_some_and(|status| {
        status.conditions.iter().any(|c| c.type_ == "PodReady" && c.status == "True")
    }) {
        trouble(context, &provider, None);
    }
    let before = context.known.batches.with(&of, |memory| memory.wait);
    let (after, write) = on_jobs(before, shown, context.now());
    let until = match write {
        OnJobs::Nothing(until) => until,
        OnJobs::Batched => {
            let why = Why { reason: Reason::Batched, message: String::new() };
            settle::show(context, batch, &why).await?;
            None
        }
        OnJobs::Waiting(why) => {
            warn!(batch = of.name, reason = %why.reason, "{}", why.message);
            context.publisher.warning(batch, "Wait", &why).await;
            settle::show(context, batch, &why).await?;
            None
        }
    };
    context.known.batches.with(&of, |memory| memory.wait = after);
    Ok(until)
}

/// Keeps in mind what keeps the Pods of a provider away.
pub fn trouble(context: &Context, provider: &Key, why: Option<&Why>) {
    let why = why.cloned();
    if context.known.providers.set(provider, |memory| &mut memory.trouble, why) {
        context.known.caches.wake_provider(provider);
    }
}
