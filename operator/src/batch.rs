//! The batch controller: observe, decide (`fno_core::lifecycle`), act, report. Each is a file; this one drives them.

mod claim;
mod clean;
mod launch;
mod login;
mod mint;
mod observe;
mod report;
mod runner_log;
mod settle;

pub use observe::pod_name;
pub use settle::ended;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fno_core::{
    batch_status::{derive, end},
    key::Key,
    lifecycle::{End, Hold, NextAction, next},
    why::Why,
};
use fno_crds::{
    FnoBatch, FnoBatchStatus, FnoProvider, Reason,
    batch::{BatchPhase, Stop},
};
use jiff::{SignedDuration, Timestamp};
use kube::{Api, ResourceExt as _, api::Patch, runtime::controller::Action};
use serde_json::json;
use tracing::{debug, info, warn};

use crate::{
    context::{Context, key, provider_key},
    error::{Error, Result},
    known::{caches::Guarded, sessions},
    metrics::{Task, Word},
    patch,
    provider::{self, status::News},
};
use login::Answered;
use observe::Observed;

/// Steps of one reconciliation. A batch needs four at most in a row; more is a mistake of ours that must not spin.
const MOST_STEPS: usize = 12;
/// A refused Pod is asked for again after this.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// What is waited for shows on the jobs once it has held this long.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_secs(10);
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
    let begun = Instant::now();
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
    let until = run(&context, &of, context.batches.newest(&of, batch)).await;
    context
        .metrics
        .reconcile
        .get_or_create(&Task { task: Word("batch") })
        .observe(begun.elapsed().as_secs_f64());
    let until = until?;
    context.batches.with(&of, |memory| memory.failures = 0);
    let wait = until.map_or(AT_LEAST_EVERY, |at| {
        Duration::try_from(at.duration_since(Timestamp::now()))
            .unwrap_or_default()
            .min(AT_LEAST_EVERY)
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
    let failures = context.batches.with(&of, |memory| {
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
    Ok(Timestamp::now().saturating_add(ASK_AGAIN).ok())
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
            let show_at = waits(context, &written, shown.as_ref()).await?;
            Ok(Next::Wait([until, later, show_at].into_iter().flatten().min()))
        }
        NextAction::Claim => claim(context, batch, observed).await,
        NextAction::Launch { attempt } => launch(context, batch, observed, attempt, status()).await,
        NextAction::Drain => {
            let api: Api<FnoBatch> =
                Api::namespaced(context.client.clone(), &batch.namespace().unwrap_or_default());
            let patch = json!({"metadata": {"resourceVersion": batch.metadata.resource_version}, "spec": {"stop": Stop::Drain}});
            let drained = Arc::new(
                api.patch(&batch.name_any(), &patch::parameters(), &Patch::Merge(&patch)).await?,
            );
            info!(batch = batch.name_any(), "the provider is suspended: the batch is drained");
            context.batches.wrote(&key(&*drained), &drained);
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
        NextAction::End(ending) => finish(context, batch, observed, ending).await.map(Next::Decide),
        NextAction::Settle => {
            let status = status();
            let why = Why {
                reason: status.reason.unwrap_or(Reason::RunnerLost),
                message: status.message.unwrap_or_default(),
            };
            let phase = status.phase.unwrap_or(BatchPhase::Failed);
            conclude(context, batch, observed, phase, &why).await.map(Next::Decide)
        }
        NextAction::Clean => {
            clean::clean(context, batch).await?;
            context.scopes.plan.notify_one();
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
    context.batches.with(&key(&**batch), |memory| memory.held = Some(held));
    Next::Decide(Arc::clone(batch))
}

async fn claim(context: &Context, batch: &Arc<FnoBatch>, observed: &Observed) -> Result<Next> {
    let jobs = claim::claim_all(context, batch).await?;
    if jobs.is_empty() {
        let why = Why {
            reason: Reason::Completed,
            message: "None of the invited jobs was left to be claimed.".to_owned(),
        };
        return finish(
            context,
            batch,
            observed,
            End { phase: BatchPhase::Completed, why, fence: false },
        )
        .await
        .map(Next::Decide);
    }
    let mut status = batch.status.clone().unwrap_or_default();
    status.claimed = jobs.iter().filter_map(|job| job.uid()).collect();
    launch(context, batch, observed, 1, status).await
}

async fn launch(
    context: &Context,
    batch: &Arc<FnoBatch>,
    observed: &Observed,
    attempt: i32,
    status: FnoBatchStatus,
) -> Result<Next> {
    let of = key(&**batch);
    let fail = |reason, message: String| End {
        phase: BatchPhase::Failed,
        why: Why { reason, message },
        fence: true,
    };
    let provider = match provider_for(context, batch, attempt).await? {
        Ok(provider) => provider,
        Err(why) => {
            return finish(context, batch, observed, fail(why.reason, why.message))
                .await
                .map(Next::Decide);
        }
    };
    let jobs: Vec<_> = batch
        .spec
        .jobs
        .iter()
        .filter_map(|job| {
            observe::at_work(
                context,
                batch,
                &Key { namespace: of.namespace.clone(), name: job.name.clone() },
                &job.uid,
            )
        })
        .collect();
    match launch::launch(context, batch, &provider, attempt, &jobs).await? {
        Ok(()) => {
            info!(
                batch = of.name,
                namespace = of.namespace,
                provider = batch.spec.provider,
                account = batch.spec.account,
                jobs = jobs.len(),
                attempt,
                "the runner Pod is made"
            );
            context.batches.with(&of, |memory| memory.held = None);
            let assigned = launch::assigned(batch, status, attempt, Timestamp::now());
            report::write(context, batch, &derive(&observed.seen(context, batch), assigned, None))
                .await
                .map(Next::Decide)
        }
        Err(why) => {
            let until = Timestamp::now().saturating_add(ASK_AGAIN).unwrap_or(Timestamp::MAX);
            let shown = derive(&observed.seen(context, batch), status, Some(&why));
            let written = report::write(context, batch, &shown).await?;
            Ok(hold(context, &written, Hold { why, until, in_turn: false }))
        }
    }
}

/// The provider the Pod is made from; the inner error says why there is to be none.
async fn provider_for(
    context: &Context,
    batch: &FnoBatch,
    attempt: i32,
) -> Result<std::result::Result<FnoProvider, Why>> {
    let of = provider_key(batch);
    let Some(provider) = provider::status::read(&context.client, &of).await? else {
        return Ok(Err(Why {
            reason: Reason::ProviderNotFound,
            message: format!("The provider {} is gone.", of.name),
        }));
    };
    // Flows and limits are pinned with the first Pod: the work Secret is made then.
    if attempt == 1 && provider.metadata.generation != Some(batch.spec.provider_generation) {
        let message =
            "The provider was changed while the batch was made: it is planned anew.".to_owned();
        return Ok(Err(Why { reason: Reason::ProviderNotReady, message }));
    }
    let Some(account) =
        provider.spec.accounts.iter().find(|account| account.name == batch.spec.account)
    else {
        return Ok(Err(Why {
            reason: Reason::ProviderNotReady,
            message: format!("The provider has no account {} any more.", batch.spec.account),
        }));
    };
    let facts = crate::secrets::look(&context.client, &of.namespace, account).await?;
    if facts.problem.is_some() {
        context.scopes.wake_provider(&of);
    }
    Ok(facts.problem.map_or(Ok(provider), Err))
}

/// The end. If the runner may still act, the phase is stored first and alone: that write is the fence.
async fn finish(
    context: &Context,
    batch: &Arc<FnoBatch>,
    observed: &Observed,
    ending: End,
) -> Result<Arc<FnoBatch>> {
    let End { phase, why, fence } = ending;
    if !fence {
        return conclude(context, batch, observed, phase, &why).await;
    }
    let status = end(
        &observed.seen(context, batch),
        batch.status.clone().unwrap_or_default(),
        phase,
        &why,
        false,
    );
    report::write(context, batch, &status).await
}

/// Settles every job, keeps the log, tells the provider, and stores that all of this is done.
async fn conclude(
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
        &end(&observed.seen(context, batch), status, phase, why, true),
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
        context.jobs.action_of(&Key { namespace: of.namespace.clone(), name: name.to_owned() })
    };
    provider::status::update(context, &of, |provider| {
        let (status, change) =
            fno_core::provider_status::after_batch(provider, batch, action_of, Timestamp::now());
        (status, News::of_breaker(change.breaker.state, change.event).into_iter().collect())
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
    context.batches.with(&key(batch), |memory| memory.held = None);
    sessions::wake_others(context, batch);
    context.scopes.plan.notify_one();
    context.scopes.wake_provider(&of);
}

/// What a batch waits for shows on its provider at once, and on its jobs once it has held a while. The time says when to look again for that.
async fn waits(
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

fn trouble(context: &Context, provider: &Key, why: Option<&Why>) {
    if context.troubles.set(provider.clone(), why.cloned()) {
        context.scopes.wake_provider(provider);
    }
}

const fn keeps_pods_away(reason: Reason) -> bool {
    matches!(reason, Reason::ImageUnavailable | Reason::PodUnschedulable | Reason::PodRejected)
}
