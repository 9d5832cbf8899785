//! Act: end a batch. The fence first, then everything that follows from the end.

use std::sync::Arc;

use fno_core::{
    batch_status, batch_wait::keeps_pods_away, key::Key, lifecycle::End,
    provider_status::ProviderNews, why::Why,
};
use fno_crds::{FnoBatch, batch::BatchPhase};
use kube::ResourceExt as _;
use tracing::info;

use super::{login, observe::Observed, report, runner_log, settle, wait::trouble};
use crate::{
    context::Context,
    error::Result,
    known::{key, provider_key, sessions},
    provider,
};

/// The end. If the runner may still act, the phase is stored first and alone: that write is the fence.
pub async fn finish(
    context: &Context,
    batch: &Arc<FnoBatch>,
    observed: &Observed,
    ending: End,
) -> Result<Arc<FnoBatch>> {
    let End { phase, why, fence } = ending;
    if !fence {
        return conclude(context, batch, observed, phase, &why).await;
    }
    let status = batch_status::end(
        &observed.seen(context, batch),
        batch.status.clone().unwrap_or_default(),
        phase,
        &why,
        false,
    );
    report::write(context, batch, &status).await
}

/// Settles every job, keeps the log, tells the provider, and stores that all of this is done.
pub async fn conclude(
    context: &Context,
    batch: &Arc<FnoBatch>,
    observed: &Observed,
    phase: BatchPhase,
    why: &Why,
) -> Result<Arc<FnoBatch>> {
    let again = batch.status.as_ref().is_some_and(|status| status.finished_at.is_some());
    settle::settle_all(context, batch, why).await?;
    if again {
        return Ok(Arc::clone(batch));
    }
    let mut status = batch.status.clone().unwrap_or_default();
    if let Some((login, ended)) = login::left_open(&status) {
        login::count(context, batch, login, &ended).await?;
        login::remove_code(context, batch, login).await?;
        login::tally(context, batch, login, &ended).await;
        status = login::closed(status, login);
    }
    tell_provider(context, batch).await?;
    status.evidence = runner_log::keep(context, batch).await.or(status.evidence);
    let written = report::write(
        context,
        batch,
        &batch_status::end(&observed.seen(context, batch), status, phase, why, true),
    )
    .await?;
    told(context, &written, phase, why).await;
    Ok(written)
}

async fn tell_provider(context: &Context, batch: &FnoBatch) -> Result<()> {
    if batch.status.as_ref().and_then(|status| status.run.as_ref()).is_none() {
        return Ok(());
    }
    let of = provider_key(batch);
    let action_of = |name: &str| {
        context
            .known
            .jobs
            .action_of(&Key { namespace: of.namespace.clone(), name: name.to_owned() })
    };
    provider::status::update(context, &of, |provider| {
        let (status, change) =
            fno_core::provider_status::after_batch(provider, batch, action_of, context.now());
        (status, ProviderNews::of_breaker(change.breaker.state, change.event).into_iter().collect())
    })
    .await?;
    Ok(())
}

/// What follows once the end is stored.
async fn told(context: &Context, batch: &FnoBatch, phase: BatchPhase, why: &Why) {
    let status = batch.status.clone().unwrap_or_default();
    settle::count_end(context, batch, phase);
    let settled = status.progress.clone().unwrap_or_default();
    let note = Why {
        reason: why.reason,
        message: format!("{phase}, {settled} jobs settled. {}", why.message).trim_end().to_owned(),
    };
    info!(
        batch = batch.name_any(), namespace = batch.namespace(), provider = batch.spec.provider, phase = %phase, reason = %why.reason,
        progress = settled, logins = status.logins, "a batch ended: {}", note.message
    );
    if phase == BatchPhase::Completed {
        context.publisher.normal(batch, "Finish", &note).await;
    } else {
        context.publisher.warning(batch, "Finish", &note).await;
    }
    let of = provider_key(batch);
    trouble(context, &of, Some(why).filter(|why| keeps_pods_away(why.reason)));
    context.known.batches.with(&key(batch), |memory| memory.held = None);
    sessions::wake_others(&context.known, batch);
    context.known.caches.plan.notify_one();
    context.known.caches.wake_provider(&of);
}
