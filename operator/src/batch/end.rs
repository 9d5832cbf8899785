//! Action: end a batch. The fence first, then everything that follows from the end.

use std::sync::Arc;

use fno_core::{batch_status, lifecycle::End, why::Why};
use fno_crds::{FnoBatch, batch::BatchPhase};

use super::{
    acted::{self, Acted},
    events::BatchEvent,
    findings, login,
    observe::Observed,
    runner_log, settle,
};
use crate::{context::Context, error::Result, known::key};

/// Ends a batch. If the runner may still act, the phase is stored first and alone: that write is the fence, and the rest follows from it.
///
/// # Errors
/// A conflict, or any other error of the API server.
pub async fn finish(
    context: &Context,
    batch: &Arc<FnoBatch>,
    observed: &Observed,
    ending: End,
) -> Result<Acted> {
    let End { phase, why, fence } = ending;
    if !fence {
        return conclude(context, batch, observed, phase, &why).await;
    }
    let status = batch.status.clone().unwrap_or_default();
    let fenced = batch_status::end(&observed.facts(context, batch), status, phase, &why, false);
    acted::write(context, batch, &fenced).await.map(Acted::silent)
}

/// Settles every job, stores the log, updates the provider with what the batch found out, and records that all of this is done.
///
/// # Errors
/// A conflict, or any other error of the API server. Parts that are done already are not repeated.
pub async fn conclude(
    context: &Context,
    batch: &Arc<FnoBatch>,
    observed: &Observed,
    phase: BatchPhase,
    why: &Why,
) -> Result<Acted> {
    let again = batch.status.as_ref().is_some_and(|status| status.finished_at.is_some());
    settle::settle_all(context, batch, why).await?;
    if again {
        return Ok(Acted::silent(Arc::clone(batch)));
    }
    let (mut status, mut events) = (batch.status.clone().unwrap_or_default(), Vec::new());
    if let Some((login, ended)) = login::left_open(&status) {
        login::count(context, batch, login, &ended).await?;
        login::remove_code(context, batch, login).await?;
        status = login::closed(status, login, &ended, context.now());
        events.push(BatchEvent::LoginEnded { login, ended });
    }
    findings::record(context, batch).await?;
    status.evidence = runner_log::keep(context, batch).await.or(status.evidence);
    let ended = batch_status::end(&observed.facts(context, batch), status, phase, why, true);
    context.known.batches.with(&key(&**batch), |memory| memory.held = None);
    events.push(BatchEvent::Ended(phase, why.clone()));
    Ok(Acted { events, ..Acted::stated(Arc::clone(batch), ended) })
}
