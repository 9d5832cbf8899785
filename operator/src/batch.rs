//! The batch controller. This file drives a batch: observe, decide (`fno_core::lifecycle`), act, store, publish, until there is nothing to do now.
//!
//! Every action has its own file and returns what it did ([`acted`]). An action itself stores only what must be stored before it may
//! continue: a fence, a guard, a claim. The driver derives the status from that and from the observed facts, writes it once, and then
//! publishes what happened ([`events`]).

mod acted;
mod claim;
mod clean;
mod drain;
mod end;
mod events;
mod findings;
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
    unreadable::Unreadable,
    why::Why,
};
use fno_crds::{FnoBatch, Reason, batch::BatchPhase};
use jiff::{SignedDuration, Timestamp};
use kube::runtime::controller::Action;
use tracing::{debug, info, warn};

use crate::{
    context::Context,
    controllers::Reconciled,
    error::{Error, Result},
    known::key,
};
use acted::{Acted, Then};
use observe::Observed;

/// Maximum number of actions in one reconcile. A batch needs at most four in a row; more are a bug in the operator, which must not loop.
const MOST_STEPS: usize = 12;
/// When a batch that wanted too many actions in a row is requeued.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// A batch is reconciled at least this often, even if nothing happens: an event may be missed.
const AT_LEAST_EVERY: Duration = Duration::from_secs(300);

impl Reconciled for FnoBatch {
    const TASK: &'static str = "batch";

    async fn reconcile(batch: Arc<Self>, context: &Context) -> Result<Action> {
        let of = key(&*batch);
        let until = run(context, context.known.batches.newest(&of, batch)).await?;
        let uptime = context.clock.uptime();
        let ended = context.known.batches.with(&of, |memory| {
            memory.failures = 0;
            memory.outage.ended(uptime)
        });
        if let Some(lasted) = ended {
            info!(seconds = lasted.as_secs(), "the batch is reconciled again");
        }
        let wait = until.map_or(AT_LEAST_EVERY, |at| {
            Duration::try_from(at.duration_since(context.now()))
                .unwrap_or_default()
                .min(AT_LEAST_EVERY)
        });
        Ok(Action::requeue(wait))
    }

    /// Does nothing: such a batch counts as active, and its provider reports it.
    async fn reconcile_unreadable(_: Arc<Unreadable>, _: &Context) -> Result<Action> {
        Ok(Action::await_change())
    }

    fn failed(of: &Key, error: &Error, context: &Context) -> Duration {
        let (uptime, cause) = (context.clock.uptime(), error.to_string());
        let (failures, is_news) = context.known.batches.with(of, |memory| {
            memory.failures = memory.failures.saturating_add(1);
            (memory.failures, memory.outage.failed(&cause, uptime))
        });
        let pause = Duration::from_secs(1 << failures.min(5));
        if is_news {
            warn!(
                batch = of.name,
                namespace = of.namespace,
                error = cause,
                pause_seconds = pause.as_secs(),
                "a batch could not be reconciled and is requeued"
            );
        }
        pause
    }
}

async fn run(context: &Context, mut batch: Arc<FnoBatch>) -> Result<Option<Timestamp>> {
    for _ in 0..MOST_STEPS {
        let observed = observe::observe(context, &batch).await?;
        let action = next(&observed.facts(context, &batch));
        debug!(?action, "decided");
        let acted = act(context, &batch, &observed, action).await?;
        let (stored, then) = store(context, &observed, acted).await?;
        match then {
            Then::Decide => batch = stored,
            Then::Wait(until) => return Ok(until),
        }
    }
    warn!("the batch wanted too many actions in a row and is requeued");
    Ok(Some(after(context.now(), ASK_AGAIN)))
}

/// Stores what follows from an action and from the observed facts, and publishes it.
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
        NextAction::Drain => drain::drain(context, batch).await,
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
