//! The batch controller. This file drives a batch: observe, decide (`fno_core::lifecycle`), act, store, publish, until there is nothing to do now.
//!
//! Every act is a file and hands back what it did ([`acted`]). It stores only what must be stored before it may go on: a fence, a guard, a claim.
//! The driver derives the status from that and from what was observed, writes it once, and then publishes what happened ([`events`]).

mod acted;
mod claim;
mod clean;
mod end;
mod events;
mod launch;
mod login;
mod mint;
mod observe;
mod runner_log;
mod settle;
mod wait;

pub use settle::ended;

use std::{sync::Arc, time::Duration};

use fno_core::{
    batch_status::derive,
    key::Key,
    lifecycle::{NextAction, next},
    time::after,
    why::Why,
};
use fno_crds::{
    FnoBatch, Reason,
    batch::{BatchPhase, Stop},
};
use jiff::{SignedDuration, Timestamp};
use kube::{Api, ResourceExt as _, api::Patch, runtime::controller::Action};
use serde_json::json;
use tracing::{debug, info, warn};

use crate::{
    context::Context,
    error::{Error, Result},
    known::{caches::Guarded, key},
    metrics::{Task, Word},
    patch,
};
use acted::{Acted, Then};
use observe::Observed;

/// Steps of one reconciliation. A batch needs four at most in a row; more is a mistake of ours that must not spin.
const MOST_STEPS: usize = 12;
/// A batch that wanted too many steps in a row is looked at again after this.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// Looked at again even if nothing happens: a missed event is no end.
const AT_LEAST_EVERY: Duration = Duration::from_secs(300);

/// Brings a batch as far as it goes now.
///
/// # Errors
/// What is tried again.
pub async fn reconcile(batch: Arc<Guarded<FnoBatch>>, context: Arc<Context>) -> Result<Action> {
    let started = context.clock.uptime();
    let batch = match &batch.0 {
        Ok(batch) => Arc::new(batch.clone()),
        Err(invalid) => {
            context.metrics.malformed.inc();
            warn!(
                batch = batch.name_any(),
                error = invalid.error,
                "a batch cannot be read and is left out"
            );
            return Ok(Action::await_change());
        }
    };
    let of = key(&*batch);
    let until = run(&context, &of, context.known.batches.newest(&of, batch)).await;
    context
        .metrics
        .reconcile
        .get_or_create(&Task { task: Word("batch") })
        .observe(context.clock.uptime().saturating_sub(started).as_secs_f64());
    let until = until?;
    context.known.batches.with(&of, |memory| memory.failures = 0);
    let wait = until.map_or(AT_LEAST_EVERY, |at| {
        Duration::try_from(at.duration_since(context.now())).unwrap_or_default().min(AT_LEAST_EVERY)
    });
    Ok(Action::requeue(wait))
}

/// What is done about a failed pass: a conflict is tried again at once with what is there now, the rest ever more slowly.
pub fn failed(batch: Arc<Guarded<FnoBatch>>, error: &Error, context: Arc<Context>) -> Action {
    let of = key(&*batch);
    if error.is_conflict() {
        debug!(batch = of.name, "somebody was quicker; looking again");
        return Action::requeue(Duration::from_millis(100));
    }
    context.metrics.errors.get_or_create(&Task { task: Word("batch") }).inc();
    let failures = context.known.batches.with(&of, |memory| {
        memory.failures = memory.failures.saturating_add(1);
        memory.failures
    });
    let pause = Duration::from_secs(1 << failures.min(5));
    warn!(batch = of.name, namespace = of.namespace, %error, pause_seconds = pause.as_secs(), "a batch could not be brought on; trying again");
    Action::requeue(pause)
}

async fn run(context: &Context, of: &Key, mut batch: Arc<FnoBatch>) -> Result<Option<Timestamp>> {
    for _ in 0..MOST_STEPS {
        let observed = observe::observe(context, &batch).await?;
        let action = next(&observed.facts(context, &batch));
        debug!(batch = of.name, ?action, "decided");
        let acted = act(context, &batch, &observed, action).await?;
        let (stored, then) = store(context, &observed, acted).await?;
        match then {
            Then::Decide => batch = stored,
            Then::Wait(until) => return Ok(until),
        }
    }
    warn!(batch = of.name, "a batch wanted too many steps in a row and is requeued");
    Ok(Some(after(context.now(), ASK_AGAIN)))
}

/// Stores what follows from an act and from what was observed, and publishes it.
async fn store(
    context: &Context,
    observed: &Observed,
    acted: Acted,
) -> Result<(Arc<FnoBatch>, Then)> {
    let Acted { batch, status, shown, events, then, turn } = acted;
    let (stored, later) = match status {
        Some(status) => {
            let facts = observed.facts(context, &batch);
            let derived = derive(&facts, status, shown.as_ref());
            acted::write_if_due(context, &batch, &derived).await?
        }
        None => (batch, None),
    };
    drop(turn);
    for event in &events {
        events::publish(context, &stored, event).await;
    }
    let then = match then {
        Then::Decide => Then::Decide,
        Then::Wait(until) => Then::Wait([until, later].into_iter().flatten().min()),
    };
    Ok((stored, then))
}

async fn act(
    context: &Context,
    batch: &Arc<FnoBatch>,
    observed: &Observed,
    action: NextAction,
) -> Result<Acted> {
    let status = || batch.status.clone().unwrap_or_default();
    match action {
        NextAction::Wait { until, shown } => {
            wait::wait(context, batch, observed, until, shown).await
        }
        NextAction::Claim => claim::claim_and_launch(context, batch, observed).await,
        NextAction::Launch { attempt } => {
            launch::launch(context, batch, observed, attempt, status()).await
        }
        NextAction::Drain => drain(context, batch).await,
        NextAction::Grant { login } => login::grant(context, batch, login).await,
        NextAction::Mint { login } => mint::mint_code(context, batch, login).await,
        NextAction::CloseLogin { login, ended } => login::close(context, batch, login, ended).await,
        NextAction::Mirror => {
            settle::mirror(context, batch).await?;
            Ok(Acted::silent(Arc::clone(batch)))
        }
        NextAction::End(ending) => end::finish(context, batch, observed, ending).await,
        NextAction::Settle => {
            let status = status();
            let why = Why {
                reason: status.reason.unwrap_or(Reason::RunnerLost),
                message: status.message.unwrap_or_default(),
            };
            let phase = status.phase.unwrap_or(BatchPhase::Failed);
            end::conclude(context, batch, observed, phase, &why).await
        }
        NextAction::Clean => {
            clean::clean(context, batch).await?;
            context.known.caches.plan.notify_one();
            Ok(Acted { then: Then::Wait(None), ..Acted::silent(Arc::clone(batch)) })
        }
        NextAction::Forget => {
            clean::forget(context, batch).await?;
            Ok(Acted { then: Then::Wait(None), ..Acted::silent(Arc::clone(batch)) })
        }
    }
}

async fn drain(context: &Context, batch: &FnoBatch) -> Result<Acted> {
    let api: Api<FnoBatch> =
        Api::namespaced(context.client.clone(), &batch.namespace().unwrap_or_default());
    let patch = json!({"metadata": {"resourceVersion": batch.metadata.resource_version}, "spec": {"stop": Stop::Drain}});
    let drained =
        Arc::new(api.patch(&batch.name_any(), &patch::parameters(), &Patch::Merge(&patch)).await?);
    info!(batch = batch.name_any(), "the provider is suspended: the batch is drained");
    context.known.batches.wrote(&key(&*drained), &drained);
    Ok(Acted::silent(drained))
}
