//! Show what a batch waits for: on its provider at once, on its jobs once it has held a while.

use fno_core::{key::Key, why::Why};
use fno_crds::{FnoBatch, Reason};
use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use super::settle;
use crate::{
    context::{Context, key, provider_key},
    error::Result,
};

/// What is waited for shows on the jobs once it has held this long.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// What a batch waits for shows on its provider at once, and on its jobs once it has held a while. The time says when to look again for that.
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
    let now = Timestamp::now();
    // A matter of turn is not worth a write per job.
    let worth = shown
        .filter(|why| !matches!(why.reason, Reason::WaitingForSession | Reason::WaitingForCode));
    let (since, written) = context.batches.with(&of, |memory| {
        let Some(why) = worth else {
            let was = memory.shown.take();
            return (None, was.is_some_and(|(_, _, written)| written));
        };
        match memory.shown {
            Some((reason, since, written)) if reason == why.reason => (Some(since), written),
            _ => {
                memory.shown = Some((why.reason, now, false));
                (Some(now), false)
            }
        }
    });
    let Some((why, since)) = worth.zip(since) else {
        if written {
            settle::show(context, batch, &Why { reason: Reason::Batched, message: String::new() })
                .await?;
        }
        return Ok(None);
    };
    let due = since.saturating_add(SHOWN_AFTER).unwrap_or(Timestamp::MAX);
    if written {
        return Ok(None);
    }
    if now < due {
        return Ok(Some(due));
    }
    warn!(batch = of.name, reason = %why.reason, "{}", why.message);
    context.publisher.warning(batch, "Wait", why).await;
    settle::show(context, batch, why).await?;
    context.batches.with(&of, |memory| memory.shown = Some((why.reason, since, true)));
    Ok(None)
}

pub fn trouble(context: &Context, provider: &Key, why: Option<&Why>) {
    if context.troubles.set(provider.clone(), why.cloned()) {
        context.scopes.wake_provider(provider);
    }
}

pub const fn keeps_pods_away(reason: Reason) -> bool {
    matches!(reason, Reason::ImageUnavailable | Reason::PodUnschedulable | Reason::PodRejected)
}
