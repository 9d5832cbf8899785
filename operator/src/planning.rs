//! The planning task: one for the whole operator, woken by changes. It asks `fno_core::plan`, carries the plan out, and tells what waits for what.

mod execute;
mod wait_reasons;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use fno_core::{
    key::Key,
    plan::{Plan, ProviderView, World, pending, plan},
    provider_status::pause_of,
    view::provider::{Known, view},
    why::Why,
};
use fno_crds::{Reason, names::ANNOTATION_FLUSH, provider_status::Pending};
use fno_process::liveness::Work;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use tokio::{select, time::sleep};
use tracing::{debug, warn};

use crate::{
    context::Context,
    known::{
        batches::{self, Newest},
        caches::Guarded,
        key, sessions,
    },
    metrics::{self, Task, Waiting, Word},
    provider,
};

/// A burst of changes is one planning. Not a pause after the last change: that could be put off for ever.
const GATHER: Duration = Duration::from_millis(30);
/// Planned at least this often: the age of the queue is a metric, and a missed wake is no end.
const AT_LEAST_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// A planning that gets nothing done for this long is stuck. Each of its calls ends in a quarter of a minute.
const PROGRESS_WITHIN: Duration = Duration::from_secs(120);

/// Plans for ever.
pub async fn run(context: Arc<Context>) {
    let teller = wait_reasons::Teller::default();
    let mut wake_at = context.now();
    loop {
        let pause = Duration::try_from(wake_at.duration_since(context.now())).unwrap_or_default();
        select! {
            () = context.known.caches.plan.notified() => sleep(GATHER).await,
            () = sleep(pause) => {}
        }
        let started = context.clock.uptime();
        let work = context.liveness.working("plan", PROGRESS_WITHIN);
        wake_at = once(&context, &teller, &work).await;
        drop(work);
        context
            .metrics
            .reconcile
            .get_or_create(&Task { task: Word("plan") })
            .observe(context.clock.uptime().saturating_sub(started).as_secs_f64());
    }
}

/// Plans once and carries it out; tells when to plan again even if nothing changes.
async fn once(context: &Arc<Context>, teller: &wait_reasons::Teller, work: &Work) -> Timestamp {
    let now = context.now();
    let batches = batches::all(&context.known);
    let watched: BTreeSet<Key> =
        context.known.caches.batches().iter().map(|batch| key(&**batch)).collect();
    context.known.batches.retain(|of| watched.contains(of));
    let existing: BTreeSet<Key> =
        context.known.caches.providers().iter().map(|provider| key(&**provider)).collect();
    context.known.providers.retain(|of| existing.contains(of));
    let (providers, wakes) = providers(context, &batches, now);
    let unreadable = unreadable(context);
    let views: Vec<_> =
        batches.iter().map(|batch| sessions::view(&context.known, batch, now)).collect();

    let (plan, pending, due) = context.known.jobs.with_pending(|jobs, beside| {
        let world = World {
            now,
            providers: &providers,
            jobs,
            batches: &views,
            max_runners: context.settings.max_runners,
        };
        let mut plan = plan(&world);
        for job in jobs.iter() {
            let of = Key { namespace: job.key.namespace.clone(), name: job.provider.clone() };
            if let (Some(why), Some(wait)) = (unreadable.get(&of), plan.waits.get_mut(&job.key)) {
                *wait = why.clone();
            }
        }
        let pending = pending(
            &World {
                now,
                providers: &providers,
                jobs,
                batches: &views,
                max_runners: context.settings.max_runners,
            },
            &plan,
        );
        for job in jobs.iter_mut().filter(|job| !plan.is_ready(&job.key)) {
            job.eligible_since = now;
        }
        let due = wait_reasons::due(jobs, beside, &plan, now);
        queue_ages(context, &providers, jobs, now);
        (plan, pending, due)
    });
    numbers(context, &pending, &existing);
    flushed(context, &providers);
    let wake_at = [plan.wake_at, due.wake_at, wakes].into_iter().flatten().min();
    teller.tell(context, due.now);
    execute::all(context, plan_parts(&plan), work).await;
    let latest = now.saturating_add(AT_LEAST_EVERY).unwrap_or(Timestamp::MAX);
    wake_at.map_or(latest, |at| at.min(latest))
}

fn plan_parts(plan: &Plan) -> execute::Parts<'_> {
    if !plan.create.is_empty() || !plan.fail.is_empty() || !plan.withdraw.is_empty() {
        debug!(
            batches = plan.create.len(),
            fail = plan.fail.len(),
            withdraw = plan.withdraw.len(),
            waits = plan.waits.len(),
            "planned"
        );
    }
    execute::Parts { create: &plan.create, fail: &plan.fail, withdraw: &plan.withdraw }
}

/// Every provider as planning sees it, and when the first of their breakers or pauses ends.
fn providers(
    context: &Context,
    batches: &[Newest],
    now: Timestamp,
) -> (Vec<ProviderView>, Option<Timestamp>) {
    let mut wakes = Vec::new();
    let views = context
        .known
        .caches
        .providers()
        .iter()
        .filter_map(|guarded| guarded.0.as_ref().ok().cloned())
        .map(|provider| {
            let of = key(&provider);
            let pause = pause_of(&of, batches.iter().map(|batch| &**batch), now);
            wakes.extend(pause.as_ref().map(|(until, _)| *until));
            let status = provider.status.iter();
            let accounts = status
                .clone()
                .flat_map(|status| &status.accounts)
                .filter_map(|account| account.breaker.as_ref()?.open_until.as_ref());
            wakes.extend(
                accounts
                    .chain(
                        status
                            .filter_map(|status| status.flow_breaker.as_ref()?.open_until.as_ref()),
                    )
                    .map(|until| until.0),
            );
            let memory = context.known.providers.get(&of);
            let known = Known {
                facts: memory.facts.as_deref(),
                valkey: context.used_steps_answer(),
                pause: pause.as_ref().map(|(_, why)| why),
                flushed: memory.flushed.as_deref(),
            };
            view(&provider, known, now)
        })
        .collect();
    (views, wakes.into_iter().filter(|at| *at > now).min())
}

fn unreadable(context: &Context) -> BTreeMap<Key, Why> {
    let error = |guarded: &Guarded<_>| {
        guarded
            .0
            .as_ref()
            .err()
            .map(|invalid: &kube::core::error_boundary::InvalidObject| invalid.error.clone())
    };
    context
        .known
        .caches
        .providers()
        .iter()
        .filter_map(|guarded| Some((key(&**guarded), provider::unreadable(&error(guarded)?))))
        .collect()
}

/// Tells the metrics, and the providers whose numbers changed.
fn numbers(context: &Context, pending: &BTreeMap<Key, Pending>, existing: &BTreeSet<Key>) {
    context.metrics.jobs_pending.clear();
    for (of, waiting) in pending {
        for (reason, count) in &waiting.by_reason {
            let reason = Reason::read(reason);
            let labels = Waiting {
                namespace: of.namespace.clone(),
                provider: of.name.clone(),
                reason: Word(reason.as_str()),
            };
            context.metrics.jobs_pending.get_or_create(&labels).set(i64::from(*count));
        }
        let (waiting, exists) = (Some(waiting.clone()), existing.contains(of));
        if exists && context.known.providers.set(of, |memory| &mut memory.pending, waiting) {
            context.known.caches.wake_provider(of);
        }
    }
    context.metrics.jobs_active.clear();
    for (of, count) in context.known.jobs.active() {
        let labels = metrics::Provider { namespace: of.namespace, provider: of.name };
        context
            .metrics
            .jobs_active
            .get_or_create(&labels)
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    let at_work = context
        .known
        .caches
        .pods()
        .iter()
        .filter(|pod| !fno_core::lifecycle::PodState::of(pod).is_over())
        .count();
    context.metrics.runners_active.set(i64::try_from(at_work).unwrap_or(i64::MAX));
}

fn queue_ages(
    context: &Context,
    providers: &[ProviderView],
    jobs: &[fno_core::plan::JobView],
    now: Timestamp,
) {
    let mut oldest: BTreeMap<(&str, &str), Timestamp> = BTreeMap::new();
    for job in jobs {
        let entry = oldest.entry((&job.key.namespace, &job.provider)).or_insert(job.created_at);
        *entry = job.created_at.min(*entry);
    }
    context.metrics.queue_age.clear();
    for provider in providers {
        let age = oldest
            .get(&(provider.key.namespace.as_str(), provider.key.name.as_str()))
            .map_or(0.0, |since| now.duration_since(*since).as_secs_f64());
        let labels = metrics::Provider {
            namespace: provider.key.namespace.clone(),
            provider: provider.key.name.clone(),
        };
        context.metrics.queue_age.get_or_create(&labels).set(age.max(0.0));
    }
}

/// A flush holds for one planning; the provider's status keeps which one.
fn flushed(context: &Context, providers: &[ProviderView]) {
    for view in providers.iter().filter(|view| view.flush) {
        let value = context
            .known
            .caches
            .provider(&view.key)
            .and_then(|provider| provider.annotations().get(ANNOTATION_FLUSH).cloned());
        if context.known.providers.set(&view.key, |memory| &mut memory.flushed, value) {
            context.known.caches.wake_provider(&view.key);
        }
    }
}

/// Logs what could not be carried out; the next planning tries it again.
fn failed(context: &Context, what: &str, of: &Key, error: &crate::error::Error) {
    context.metrics.errors.get_or_create(&Task { task: Word("plan") }).inc();
    warn!(name = of.name, namespace = of.namespace, %error, "{what}; trying again");
}
