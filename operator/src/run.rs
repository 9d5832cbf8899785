//! Wiring: waits for the Lease, starts the watches and the tasks, and shuts down in order.

use std::{
    future::Future,
    process,
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use anyhow::Context as _;
use fno_cluster::{client, events::Publisher, lease::Candidate};
use fno_core::{credentials::VersionKey, lifecycle::Deadlines};
use fno_process::{
    http::{self, Endpoints, Readiness},
    liveness::Liveness,
    shutdown,
    usage::Usage,
};
use fno_store::Store;
use futures::{FutureExt as _, future::BoxFuture};
use kube::{Client, runtime::Controller};
use prometheus_client::registry::Registry;
use tokio::{
    net::TcpListener,
    select,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    args::Args,
    clock::MachineClock,
    context::Context,
    controllers, finalizers, install_key,
    known::{
        Known,
        caches::{Caches, ScopeInputs},
    },
    metrics::{self, Metrics, Source},
    orphan_jobs, orphan_pods, planning, provider, retention,
    rights::{self, Rights},
    settings::Settings,
    valkey::Valkey,
    valkey_watch, watches,
};

/// Name of the Lease by which operators agree on which of them acts.
const LEASE: &str = "fno-operator";
/// When the key for credentials is read again after a failure.
const KEY_AGAIN: Duration = Duration::from_secs(2);
/// The reporting controller of events.
const CONTROLLER: &str = "fno.dev/operator";
/// How long running work may take to finish at shutdown before the program ends without it. Shorter than the Pod's grace period.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs the operator until it is told to stop.
///
/// # Errors
/// If it cannot start, or has lost the Lease.
pub async fn run(args: Args, settings: Settings) -> anyhow::Result<()> {
    let Args { bind, log_level, lease_namespace, identity, .. } = args;
    let client = client::connect().await.context("cannot connect to the API server")?;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Usage));
    let metrics = Metrics::register(&mut registry);
    let (ready, stop) = (Readiness::default(), CancellationToken::new());
    let listener = TcpListener::bind(bind)
        .await
        .with_context(|| format!("cannot listen on {bind} (--bind)"))?;
    info!(version = env!("CARGO_PKG_VERSION"), identity, address = %listener.local_addr().unwrap_or(bind), "starting");
    let (live, started) = (Liveness::default(), Arc::new(OnceLock::new()));
    metrics::read_at_scrape(
        &mut registry,
        metrics.clone(),
        Arc::clone(&started) as Arc<dyn Source>,
    );
    let endpoints =
        Endpoints { ready: ready.clone(), live: live.clone(), registry: Arc::new(registry) };
    let served = tokio::spawn(http::serve(listener, endpoints, stop.clone()));
    let terminated = shutdown::listen()?;
    let key = select! {
        key = credentials_key(&client, &lease_namespace) => key,
        () = terminated.cancelled() => {
            stop.cancel();
            return Ok(());
        }
    };
    let (context, inputs) = prepare(&client, settings, metrics, log_level, &identity, live, key)?;
    // Cannot fail: this is the only place that sets it.
    _ = started.set(Arc::clone(&context));

    let mut candidate = Candidate::new(client, &lease_namespace, LEASE, identity);
    select! {
        () = candidate.lead(|up| ready.set(up)) => {}
        () = terminated.cancelled() => {
            stop.cancel();
            return Ok(());
        }
    }
    // A leader is ready only once every watch has a complete list; that it was ready as a candidate no longer counts.
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
        warn!(%error, "the HTTP server failed");
    }
    outcome
}

/// The key of this installation. Without it the operator cannot compare an account's credentials, so it waits for the key.
async fn credentials_key(client: &Client, namespace: &str) -> VersionKey {
    loop {
        match install_key::ensure(client, namespace).await {
            Ok(key) => return key,
            Err(error) => {
                error!(
                    error = format!("{error:#}"),
                    "the key for credentials cannot be read; trying again"
                );
                sleep(KEY_AGAIN).await;
            }
        }
    }
}

fn prepare(
    client: &Client,
    settings: Settings,
    metrics: Metrics,
    log_level: String,
    identity: &str,
    liveness: Liveness,
    credentials_key: VersionKey,
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
        job: settings.deadlines.job.signed(),
    };
    let context = Context {
        client: client.clone(),
        deadlines,
        credentials_key,
        // A filter such as `info,fno_operator=debug` is for the operator; a runner gets the first word.
        runner_log_level: log_level
            .split(',')
            .next()
            .filter(|word| !word.contains('='))
            .unwrap_or("info")
            .to_owned(),
        metrics,
        publisher: Publisher::new(client.clone(), CONTROLLER, identity),
        liveness,
        rights: Rights::new(settings.role_binding.clone()),
        plan_outage: Mutex::default(),
        used_steps: Arc::new(Valkey::new(&settings.valkey)?),
        used_steps_answer: AtomicBool::new(false),
        store,
        clock: Arc::new(MachineClock::start()),
        known: Known::new(caches),
        settings,
    };
    Ok((Arc::new(context), inputs))
}

/// Runs as the leader until the operator is told to stop or loses the Lease.
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
            // Ends without finishing running work, because another operator may be acting already.
            error!("lost the Lease: stopping");
            process::exit(1);
        }
        () = ended => info!("shutting down: starting nothing new"),
        () = working => anyhow::bail!("a task of the operator ended unexpectedly"),
    }
    stop.cancel();
    let finish = async { while tasks.join_next().await.is_some() {} };
    if timeout(PATIENCE, finish).await.is_err() {
        warn!("running work did not finish in time; the next operator continues it");
    }
    Ok(())
}

/// Starts everything. Returns only if a task has ended that never should.
async fn work(
    context: Arc<Context>,
    inputs: Vec<ScopeInputs>,
    ready: Readiness,
    stop: CancellationToken,
    tasks: &mut JoinSet<()>,
) {
    let mut watching = JoinSet::new();
    let go = CancellationToken::new();
    for input in inputs {
        watching.spawn(watches::jobs::watch(Arc::clone(&context), input.namespace.clone()));
        look_after(&context, input, &go, &stop, tasks);
    }
    context.known.caches.started().await;
    valkey_watch::first(&context).await;
    provider::inspect_all(&context).await;
    info!(valkey = context.used_steps_answer(), "planning starts");
    go.cancel();
    let mut spawn = |task: BoxFuture<'static, ()>| {
        let stop = stop.clone();
        tasks.spawn(async move {
            select! {
                () = task => error!("a task ended unexpectedly"),
                () = stop.cancelled() => {}
            }
        });
    };
    spawn(follow_service(Arc::clone(&context), ready).boxed());
    spawn(planning::run(Arc::clone(&context)).boxed());
    spawn(rights::run(Arc::clone(&context)).boxed());
    spawn(retention::run(Arc::clone(&context)).boxed());
    spawn(finalizers::run(Arc::clone(&context)).boxed());
    spawn(orphan_jobs::run(Arc::clone(&context)).boxed());
    spawn(orphan_pods::run(Arc::clone(&context)).boxed());
    spawn(valkey_watch::run(Arc::clone(&context)).boxed());
    // A task that ends before the shutdown has failed: the program ends, and Kubernetes starts it again.
    select! {
        _ = watching.join_next() => {}
        _ = tasks.join_next() => {}
    }
    if stop.is_cancelled() {
        std::future::pending::<()>().await;
    }
}

/// Keeps the readiness up to date: the operator is ready while there is a namespace in which it can work.
async fn follow_service(context: Arc<Context>, ready: Readiness) {
    loop {
        ready.set(context.known.caches.services().values().any(|works| *works));
        context.known.caches.service_changed.notified().await;
    }
}

/// Starts the controllers of a scope, which run its watches.
fn look_after(
    context: &Arc<Context>,
    input: ScopeInputs,
    go: &CancellationToken,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) {
    let ScopeInputs { namespace, providers, batches, pods, woken_batches, woken_providers } = input;
    let (providers_now, batches_now) = (providers.as_reader(), batches.as_reader());
    let name = namespace.as_deref();
    let providers = watches::providers(context, name, providers);
    let (batches, pods) =
        (watches::batches(context, name, batches), watches::pods(context, name, pods));
    let controller = Controller::for_stream(batches, batches_now)
        .owns_stream(pods)
        .reconcile_on(UnboundedReceiverStream::new(woken_batches))
        .graceful_shutdown_on(stop.clone().cancelled_owned());
    tasks.spawn(controllers::run(controller, Arc::clone(context), go.clone()));
    let controller = Controller::for_stream(providers, providers_now)
        .reconcile_on(UnboundedReceiverStream::new(woken_providers))
        .graceful_shutdown_on(stop.clone().cancelled_owned());
    tasks.spawn(controllers::run(controller, Arc::clone(context), go.clone()));
}
