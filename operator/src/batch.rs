//! The batch controller: observe, decide (`fno_core::lifecycle`), act, report. Each is a file; this one drives them.

mod claim;
mod clean;
mod end;
mod launch;
mod login;
mod mint;
mod observe;
mod report;
mod runner_log;
mod settle;
mod wait;

pub use settle::ended;

use std::{sync::Arc, time::Duration};

use fno_core::{
    batch_status::derive,
    key::Key,
    lifecycle::{Hold, NextAction, next},
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
use login::Answered;
use observe::Observed;

/// Steps of one reconciliation. A batch needs four at most in a row; more is a mistake of ours that must not spin.
const MOST_STEPS: usize = 12;
/// A batch that wanted too many steps in a row is looked at again after this.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// Looked at again even if nothing happens: a missed event is no end.
const AT_LEAST_EVERY: Duration = Duration::from_secs(300);

/// What follows a step.
enum Next {
    /// Decide again, about this newer batch.
    Decide(Arc<FnoBatch>),
    /// Nothing until then.
    Wait(Option<Timestamp>),
}

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
        let step = next(&observed.seen(context, &batch));
        debug!(batch = of.name, ?step, "decided");
        match act(context, &batch, &observed, step).await? {
            Next::Decide(newer) => batch = newer,
            Next::Wait(until) => return Ok(until),
        }
    }
    warn!(batch = of.name, "a batch wanted too many steps in a row; looking again later");
    Ok(context.now().saturating_add(ASK_AGAIN).ok())
}

async fn act(
    context: &Context,
    batch: &Arc<FnoBatch>,
    observed: &Observed,
    step: NextAction,
) -> Result<Next> {
    let status = || batch.status.clone().unwrap_or_default();
    match step {
        NextAction::Wait { until, shown } => {
            let derived = derive(&observed.seen(context, batch), status(), shown.as_ref());
            let (written, later) = report::write_if_due(context, batch, &derived).await?;
            let show_at = wait::waits(context, &written, shown.as_ref()).await?;
            Ok(Next::Wait([until, later, show_at].into_iter().flatten().min()))
        }
        NextAction::Claim => claim::claim_and_launch(context, batch, observed).await,
        NextAction::Launch { attempt } => {
            launch::launch(context, batch, observed, attempt, status()).await
        }
        NextAction::Drain => {
            let api: Api<FnoBatch> =
                Api::namespaced(context.client.clone(), &batch.namespace().unwrap_or_default());
            let patch = json!({"metadata": {"resourceVersion": batch.metadata.resource_version}, "spec": {"stop": Stop::Drain}});
            let drained = Arc::new(
                api.patch(&batch.name_any(), &patch::parameters(), &Patch::Merge(&patch)).await?,
            );
            info!(batch = batch.name_any(), "the provider is suspended: the batch is drained");
            context.known.batches.wrote(&key(&*drained), &drained);
            Ok(Next::Decide(drained))
        }
        NextAction::Grant { login } => {
            answered(context, batch, login::grant(context, batch, observed, login).await?)
        }
        NextAction::Mint { login } => {
            answered(context, batch, mint::mint_code(context, batch, observed, login).await?)
        }
        NextAction::CloseLogin { login, ended } => {
            login::close(context, batch, observed, login, &ended).await.map(Next::Decide)
        }
        NextAction::Mirror => {
            settle::mirror(context, batch).await?;
            Ok(Next::Decide(Arc::clone(batch)))
        }
        NextAction::End(ending) => {
            end::finish(context, batch, observed, ending).await.map(Next::Decide)
        }
        NextAction::Settle => {
            let status = status();
            let why = Why {
                reason: status.reason.unwrap_or(Reason::RunnerLost),
                message: status.message.unwrap_or_default(),
            };
            let phase = status.phase.unwrap_or(BatchPhase::Failed);
            end::conclude(context, batch, observed, phase, &why).await.map(Next::Decide)
        }
        NextAction::Clean => {
            clean::clean(context, batch).await?;
            context.known.caches.plan.notify_one();
            Ok(Next::Wait(None))
        }
        NextAction::Forget => {
            clean::forget(context, batch).await?;
            Ok(Next::Wait(None))
        }
    }
}

fn answered(context: &Context, batch: &Arc<FnoBatch>, answer: Answered) -> Result<Next> {
    match answer {
        Answered::Batch(batch) => Ok(Next::Decide(batch)),
        Answered::Held(held) => Ok(hold(context, batch, held)),
    }
}

/// Keeps in mind what holds the step, and decides again with that: the next decision is to wait, or that it has taken too long.
fn hold(context: &Context, batch: &Arc<FnoBatch>, held: Hold) -> Next {
    context.known.batches.with(&key(&**batch), |memory| memory.held = Some(held));
    Next::Decide(Arc::clone(batch))
}
