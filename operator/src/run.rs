//! Wiring: waits for the Lease, starts the watches and the tasks, and ends in order.

use std::{
    future::Future,
    process,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use anyhow::Context as _;
use fno_cluster::{client, events::Publisher, lease::Candidate};
use fno_core::lifecycle::Deadlines;
use fno_crds::{
    FnoBatch, FnoProvider,
    names::{CONTAINER_RUNNER, LABEL_COMPONENT, LABEL_MANAGED_BY, MANAGER},
};
use fno_process::{
    http::{self, Endpoints, Readiness},
    liveness::Liveness,
    shutdown,
    usage::Usage,
};
use fno_store::Store;
use futures::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, join_all},
};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Client, ResourceExt as _,
    runtime::{
        Controller, WatchStreamExt as _,
        controller::{self, Action, Config},
        watcher,
    },
};
use prometheus_client::registry::Registry;
use tokio::{net::TcpListener, select, sync::oneshot, task::JoinSet, time::timeout};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    args::Args,
    batch,
    clock::MachineClock,
    context::Context,
    error::Error,
    known::{
        Known, batches,
        caches::{self, Caches, Guarded, ScopeInputs},
        key,
    },
    metrics::Metrics,
    orphan_pods, planning, provider, retention,
    settings::Settings,
    valkey::Valkey,
    valkey_watch, watches,
};

/// Name of the Lease by which operators agree on who acts.
const LEASE: &str = "fno-operator";
/// The reporting controller of events.
const CONTROLLER: &str = "fno.dev/operator";
/// One reconciliation may take this long. Each of its calls ends in a quarter of a minute, and there may be hundreds.
const RECONCILED_WITHIN: Duration = Duration::from_secs(600);
/// Objects of a kind worked on at once: each call is a connection of its own.
const AT_ONCE: u16 = 16;
/// What is under way may take this long to end before the program ends without it; within the Pod's grace period.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs the operator until it is told to end.
///
/// # Errors
/// When it cannot start, or has lost the Lease.
pub async fn run(args: Args, settings: Settings) -> anyhow::Result<()> {
    let Args { settings: _, bind, log_level, log_format: _, lease_namespace, identity } = args;
    let client = client::connect().await.context("cannot connect to the API server")?;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Usage));
    let metrics = Metrics::register(&mut registry);
    let (ready, stop) = (Readiness::default(), CancellationToken::new());
    let listener = TcpListener::bind(bind)
        .await
        .with_context(|| format!("cannot listen on {bind} (--bind)"))?;
    info!(version = env!("CARGO_PKG_VERSION"), identity, address = %listener.local_addr().unwrap_or(bind), "starting");
    let (context, inputs) = prepare(&client, settings, metrics, log_level, &identity)?;
    let endpoints = Endpoints {
        ready: ready.clone(),
        live: context.liveness.clone(),
        registry: Arc::new(registry),
    };
    let served = tokio::spawn(http::serve(listener, endpoints, stop.clone()));

    let mut candidate = Candidate::new(client, &lease_namespace, LEASE, identity);
    let terminated = shutdown::listen()?;
    select! {
        () = candidate.lead(|up| ready.set(up)) => {}
        () = terminated.cancelled() => {
            stop.cancel();
            return Ok(());
        }
    }
    // Not ready again until every watch is in step: a probe must not take the list of before for granted.
    ready.set(false);
    context.metrics.leader.set(1);
    let outcome =
        lead(Arc::clone(&context), inputs, &mut candidate, &ready, &stop, terminated.cancelled())
            .await;
    context.metrics.leader.set(0);
    ready.set(false);
    stop.cancel();
    if outcome.is_ok() {
        candidate.release().await;
    }
    if let Ok(Ok(Err(error))) = timeout(Duration::from_secs(1), served).await {
        warn!(%error, "the HTTP server ended badly");
    }
    outcome
}

fn prepare(
    client: &Client,
    settings: Settings,
    metrics: Metrics,
    log_level: String,
    identity: &str,
) -> anyhow::Result<(Arc<Context>, Vec<ScopeInputs>)> {
    let store = Store::open(&fno_store::Settings {
        url: settings.evidence.url.clone(),
        s3: fno_store::S3 {
            endpoint: settings.evidence.s3.endpoint.clone(),
            region: settings.evidence.s3.region.clone(),
            credentials_dir: settings.evidence.s3.credentials_dir.clone().into(),
        },
    })?;
    let (caches, inputs) = Caches::new(&settings.namespaces);
    let deadlines = Deadlines {
        pod_running: settings.deadlines.pod_running.signed(),
        logged_in: settings.deadlines.logged_in.signed(),
        heartbeat: settings.deadlines.heartbeat.signed(),
    };
    let context = Context {
        client: client.clone(),
        deadlines,
        // A filter such as `info,fno_operator=debug` is ours; a runner gets its first word.
        runner_log_level: log_level
            .split(',')
            .next()
            .filter(|word| !word.contains('='))
            .unwrap_or("info")
            .to_owned(),
        metrics,
        publisher: Publisher::new(client.clone(), CONTROLLER, identity),
        liveness: Liveness::default(),
        used_steps: Arc::new(Valkey::new(&settings.valkey)?),
        used_steps_answer: AtomicBool::new(false),
        store,
        clock: Arc::new(MachineClock::start()),
        known: Known::new(caches),
        settings,
    };
    Ok((Arc::new(context), inputs))
}

/// Leads until told to end, or until the Lease is lost.
async fn lead(
    context: Arc<Context>,
    inputs: Vec<ScopeInputs>,
    candidate: &mut Candidate,
    ready: &Readiness,
    stop: &CancellationToken,
    ended: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    let working = work(Arc::clone(&context), inputs, ready.clone(), stop.clone(), &mut tasks);
    select! {
        () = candidate.keep() => {
            // At once: another operator may be acting already.
            error!("the Lease is lost: ending");
            process::exit(1);
        }
        () = ended => info!("told to end: nothing new is begun"),
        () = working => anyhow::bail!("a task of the operator ended by itself"),
    }
    stop.cancel();
    let finish = async { while tasks.join_next().await.is_some() {} };
    if timeout(PATIENCE, finish).await.is_err() {
        warn!("what was under way did not end in time; the next operator finds it as it is");
    }
    Ok(())
}

/// Starts everything; returns only when something has ended that never should.
async fn work(
    context: Arc<Context>,
    inputs: Vec<ScopeInputs>,
    ready: Readiness,
    stop: CancellationToken,
    tasks: &mut JoinSet<()>,
) {
    let mut watching = JoinSet::new();
    let mut jobs_ready = Vec::new();
    let (go, gone) = (CancellationToken::new(), stop.clone());
    for input in inputs {
        let ScopeInputs { namespace, providers, batches, pods, woken_batches, woken_providers } =
            input;
        let (listed, in_step) = oneshot::channel();
        jobs_ready.push(in_step);
        watching.spawn(watches::jobs::watch(Arc::clone(&context), namespace.clone(), listed));

        let (providers_now, batches_now) = (providers.as_reader(), batches.as_reader());
        let name = namespace.as_deref();
        let provider_events = watcher(
            caches::api::<Guarded<FnoProvider>>(&context.client, name),
            caches::watch_config(),
        )
        .default_backoff();
        let for_plan = Arc::clone(&context);
        let provider_events = provider_events
            .reflect(providers)
            .touched_objects()
            .inspect(move |event| switched(&for_plan, event));
        let batch_events = watcher(
            caches::api::<Guarded<FnoBatch>>(&context.client, name),
            caches::watch_config(),
        )
        .default_backoff();
        let for_plan = Arc::clone(&context);
        let batch_events = batch_events
            .reflect(batches)
            .touched_objects()
            .inspect(move |_| for_plan.known.caches.plan.notify_one());
        let ours = caches::watch_config()
            .labels(&format!("{LABEL_MANAGED_BY}={MANAGER},{LABEL_COMPONENT}={CONTAINER_RUNNER}"));
        let pod_events = watcher(caches::api::<Pod>(&context.client, name), ours)
            .default_backoff()
            .modify(prune);
        let for_plan = Arc::clone(&context);
        let pod_events = pod_events
            .reflect(pods)
            .touched_objects()
            .inspect(move |_| for_plan.known.caches.plan.notify_one());

        let batch_controller = Controller::for_stream(batch_events, batches_now)
            .with_config(Config::default().concurrency(AT_ONCE))
            .owns_stream(pod_events)
            .reconcile_on(UnboundedReceiverStream::new(woken_batches))
            .graceful_shutdown_on(stop.clone().cancelled_owned())
            .run(
                once_in_step("batch", go.clone(), batch::reconcile),
                batch::failed,
                Arc::clone(&context),
            );
        tasks.spawn(
            batch_controller
                .for_each(|result| async { stream_error(result.err().as_ref(), "FnoBatch") }),
        );
        let provider_controller = Controller::for_stream(provider_events, providers_now)
            .with_config(Config::default().concurrency(AT_ONCE))
            .reconcile_on(UnboundedReceiverStream::new(woken_providers))
            .graceful_shutdown_on(stop.clone().cancelled_owned())
            .run(
                once_in_step("provider", go.clone(), provider::reconcile),
                provider::failed,
                Arc::clone(&context),
            );
        tasks.spawn(
            provider_controller
                .for_each(|result| async { stream_error(result.err().as_ref(), "FnoProvider") }),
        );
    }
    context.known.caches.ready().await;
    join_all(jobs_ready).await;
    valkey_watch::first(&context).await;
    provider::look_first(&context).await;
    info!(valkey = context.used_steps_answer(), "every watch is in step");
    go.cancel();
    ready.set(true);
    let until_stop = |task: BoxFuture<'static, ()>| {
        let stop = stop.clone();
        async move {
            select! {
                () = task => error!("a task ended by itself"),
                () = stop.cancelled() => {}
            }
        }
    };
    tasks.spawn(until_stop(planning::run(Arc::clone(&context)).boxed()));
    tasks.spawn(until_stop(retention::run(Arc::clone(&context)).boxed()));
    tasks.spawn(until_stop(orphan_pods::run(Arc::clone(&context)).boxed()));
    tasks.spawn(until_stop(valkey_watch::run(Arc::clone(&context)).boxed()));
    // A task that ends while nobody has said so has failed: the program ends, and the next one begins afresh.
    select! {
        _ = watching.join_next() => {}
        _ = tasks.join_next() => {}
    }
    if gone.is_cancelled() {
        std::future::pending::<()>().await;
    }
}

/// The controllers run the watches; they reconcile only once all of these are in step.
fn once_in_step<K, F>(
    task: &'static str,
    go: CancellationToken,
    reconcile: fn(Arc<K>, Arc<Context>) -> F,
) -> impl Fn(Arc<K>, Arc<Context>) -> BoxFuture<'static, Result<Action, Error>>
where
    K: Send + Sync + 'static,
    F: Future<Output = Result<Action, Error>> + Send + 'static,
{
    move |object, context| {
        let go = go.clone();
        async move {
            go.cancelled().await;
            let _work = context.liveness.working(task, RECONCILED_WITHIN);
            reconcile(object, context).await
        }
        .boxed()
    }
}

/// What is kept of a Pod: who it is and how it is.
fn prune(pod: &mut Pod) {
    pod.metadata.managed_fields = None;
    pod.metadata.annotations = None;
    pod.spec = None;
}

/// A provider's switches reach its running batches at once.
fn switched(context: &Context, event: &Result<Guarded<FnoProvider>, watcher::Error>) {
    context.known.caches.plan.notify_one();
    let Ok(Guarded { 0: Ok(provider) }) = event else { return };
    let (namespace, name) = (provider.namespace().unwrap_or_default(), provider.name_any());
    for batch in batches::all(&context.known) {
        let status = batch.status.clone().unwrap_or_default();
        let switched = provider.spec.suspend
            || provider.spec.suspend_cancellations != status.cancellations_held;
        if switched
            && !batch.phase().is_finished()
            && batch.spec.provider == name
            && batch.namespace().as_deref() == Some(&namespace)
        {
            context.known.caches.wake_batch(&key(&*batch));
        }
    }
}

fn stream_error<E: std::error::Error>(
    error: Option<&controller::Error<E, watcher::Error>>,
    kind: &str,
) {
    match error {
        // Both are told elsewhere, or are nothing: an object that is gone.
        None
        | Some(controller::Error::ReconcilerFailed(..) | controller::Error::ObjectNotFound(_)) => {}
        Some(error) => warn!(%error, kind, "a watch failed; it is begun again"),
    }
}
