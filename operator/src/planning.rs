//! The planning task: one for the whole operator, woken by changes. It asks `fno_core::plan`, carries the plan out, and writes what waits for what.

mod execute;
mod numbers;
mod wait_reasons;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use fno_core::{
    account::Namespace,
    key::Key,
    mint::clock::MEASURE_AGAIN,
    plan::{Plan, ProviderQueue, ProviderView, World, plan},
    provider_status::{measured_clock, pause_of},
    time::after,
    view::provider::{ViewInputs, view},
};
use fno_crds::{FnoProvider, names::ANNOTATION_FLUSH};
use fno_process::liveness::Work;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use tokio::{select, time::sleep};
use tracing::{debug, warn};

use self::wait_reasons::ReasonWriter;
use crate::{
    context::Context,
    known::{accounts, batches::NewestBatches, key, sessions},
    metrics::{Task, Word},
};

/// A burst of changes is one planning. Not a pause after the last change: that could be put off for ever.
const GATHER: Duration = Duration::from_millis(30);
/// Planning runs at least this often: the age of the queue is a metric, and an event may be missed.
const AT_LEAST_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// A planning that gets nothing done for this long is stuck. Each of its calls ends in a quarter of a minute.
const PROGRESS_WITHIN: Duration = Duration::from_secs(120);

/// Plans for ever.
pub async fn run(context: Arc<Context>) {
    let mut writer = ReasonWriter::default();
    let mut wake_at = context.now();
    loop {
        let pause = Duration::try_from(wake_at.duration_since(context.now())).unwrap_or_default();
        select! {
            () = context.known.caches.plan.notified() => sleep(GATHER).await,
            () = sleep(pause) => {}
        }
        let started = context.clock.uptime();
        let work = context.liveness.working("plan", PROGRESS_WITHIN);
        wake_at = once(&context, &mut writer, &work).await;
        drop(work);
        context
            .metrics
            .reconcile
            .get_or_create(&Task { task: Word("plan") })
            .observe(context.clock.uptime().saturating_sub(started).as_secs_f64());
    }
}

/// Plans once and carries it out; tells when to plan again even if nothing changes.
async fn once(context: &Arc<Context>, writer: &mut ReasonWriter, work: &Work) -> Timestamp {
    let now = context.now();
    let batches = context.known.newest_batches();
    forget_what_is_gone(context);
    let out_of_service = context.known.caches.out_of_service(now);
    let accounts = accounts::by_namespace(&context.known, batches.readable.iter().cloned());
    let namespaces: BTreeMap<&str, Namespace<'_>> =
        accounts.iter().map(|(name, accounts)| (name.as_str(), accounts.namespace())).collect();
    let (providers, wakes) = providers(context, &batches, &namespaces, now);
    let unreadable: BTreeMap<_, _> = context
        .known
        .caches
        .unreadable_providers()
        .iter()
        .map(|provider| (provider.key(), provider.provider_not_ready()))
        .collect();
    let deadlines = &context.deadlines;
    let batches =
        sessions::views(&context.known, &batches, &namespaces, &providers, deadlines, now);

    let (plan, due) = context.known.jobs.with_pending(|jobs, notes| {
        let world = World {
            now,
            providers: &providers,
            unreadable: &unreadable,
            jobs,
            batches: &batches,
            max_runners: context.settings.max_runners,
            out_of_service: &out_of_service,
        };
        let plan = plan(&world);
        for (place, job) in jobs.iter_mut().enumerate() {
            if !plan.is_ready(place) {
                job.eligible_since = now;
            }
        }
        let due = writer.due(jobs, notes, &plan.waits, now);
        (plan, due)
    });
    numbers::note(context, &plan.queues);
    flushed(context, &providers, &plan.queues);
    let wake_at = [plan.wake_at, due.wake_at, wakes].into_iter().flatten().min();
    writer.write(context, due.now);
    execute::all(context, plan_parts(&plan), work).await;
    let latest = after(now, AT_LEAST_EVERY);
    wake_at.map_or(latest, |at| at.min(latest))
}

/// What is known of batches and providers that are no more is of no use.
fn forget_what_is_gone(context: &Context) {
    let caches = &context.known.caches;
    let batches: BTreeSet<Key> = caches.batches().iter().map(|batch| key(&**batch)).collect();
    context.known.batches.retain(|of| batches.contains(of));
    let readable = caches.providers().iter().map(|provider| key(&**provider)).collect::<Vec<_>>();
    let unreadable = caches.unreadable_providers();
    let providers: BTreeSet<Key> =
        readable.into_iter().chain(unreadable.iter().map(|provider| provider.key())).collect();
    context.known.providers.retain(|of| providers.contains(of));
}

fn plan_parts(plan: &Plan) -> execute::Parts<'_> {
    if !plan.create.is_empty() || !plan.end.is_empty() {
        debug!(
            batches = plan.create.len(),
            end = plan.end.len(),
            waits = plan.waits.count(),
            "planned"
        );
    }
    execute::Parts { create: &plan.create, end: &plan.end }
}

/// Every provider as planning takes it, and when the first of their breakers or pauses ends.
fn providers(
    context: &Context,
    batches: &NewestBatches,
    namespaces: &BTreeMap<&str, Namespace<'_>>,
    now: Timestamp,
) -> (Vec<ProviderView>, Option<Timestamp>) {
    let (mut wakes, nobody) = (Vec::new(), Namespace::default());
    let readable = context.known.caches.providers();
    let views = readable
        .iter()
        .map(|provider| {
            let of = key(&**provider);
            let pause = pause_of(&of, batches.readable.iter().map(|batch| &**batch), now);
            wakes.extend(pause.as_ref().map(|(until, _)| *until));
            wakes.extend(breaker_ends(provider));
            let clock = provider.status.as_ref().and_then(measured_clock);
            wakes.extend(clock.map(|(_, measured_at)| after(measured_at, MEASURE_AGAIN)));
            let memory = context.known.providers.get(&of);
            let inputs = ViewInputs {
                namespace: namespaces.get(of.namespace.as_str()).unwrap_or(&nobody),
                facts: memory.facts.as_deref(),
                valkey: context.used_steps_answer(),
                pause: pause.as_ref().map(|(_, why)| why),
                flushed: memory.flushed.as_deref(),
            };
            view(provider, inputs, now)
        })
        .collect();
    (views, wakes.into_iter().filter(|at| *at > now).min())
}

/// When the open breakers of a provider let one try through.
fn breaker_ends(provider: &FnoProvider) -> impl Iterator<Item = Timestamp> {
    let status = provider.status.iter();
    let accounts = status
        .clone()
        .flat_map(|status| &status.accounts)
        .filter_map(|account| account.breaker.as_ref()?.open_until.as_ref());
    let flow = status.filter_map(|status| status.flow_breaker.as_ref()?.open_until.as_ref());
    accounts.chain(flow).map(|until| until.0)
}

/// A flush holds for one planning in which its provider had a queue; the provider's status keeps which one.
fn flushed(context: &Context, providers: &[ProviderView], queues: &BTreeMap<Key, ProviderQueue>) {
    for view in providers.iter().filter(|view| view.flush && queues.contains_key(&view.key)) {
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
    context.metrics.reconcile_errors.get_or_create(&Task { task: Word("plan") }).inc();
    let cause = format!("{what}: {error}");
    if context.plan_outage().failed(&cause, context.clock.uptime()) {
        warn!(name = of.name, namespace = of.namespace, %error, "{what}: trying again");
    }
}
