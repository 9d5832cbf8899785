//! The controllers: everything that is the same for every kind.

use std::{fmt::Debug, sync::Arc, time::Duration};

use fno_core::{key::Key, unreadable::Unreadable};
use futures::StreamExt as _;
use kube::{
    Resource,
    runtime::{
        Controller,
        controller::{self, Action, Config},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, debug, error_span, warn};

use crate::{
    context::Context,
    error::{Error, Result},
    known::{key, parsed::Parsed},
    metrics::{Task, Word},
};

/// Number of objects of a kind that are reconciled concurrently. Each call uses its own connection.
const AT_ONCE: u16 = 16;
/// Maximum duration of one reconcile. Each of its calls ends within 15 seconds, and there may be hundreds.
const RECONCILED_WITHIN: Duration = Duration::from_secs(600);
/// When an object is reconciled again after a conflict: by then the watch has usually shown what was written in between.
const AFTER_CONFLICT: Duration = Duration::from_millis(100);

/// A kind that a controller reconciles.
pub trait Reconciled:
    Resource<DynamicType = ()> + DeserializeOwned + Clone + Debug + Send + Sync + 'static
{
    /// Name of the kind's task in metrics and in the log.
    const TASK: &'static str;

    /// Reconciles an object as far as that is possible now, and returns when to reconcile it again.
    fn reconcile(
        object: Arc<Self>,
        context: &Context,
    ) -> impl Future<Output = Result<Action>> + Send;

    /// Reconciles an object that cannot be read. Such an object counts as occupied, so this may only report it.
    fn reconcile_unreadable(
        object: Arc<Unreadable>,
        context: &Context,
    ) -> impl Future<Output = Result<Action>> + Send;

    /// Logs an error other than a conflict, and returns after which pause the object is reconciled again.
    fn failed(of: &Key, error: &Error, context: &Context) -> Duration;
}

/// Runs a controller until it is shut down. It runs its watches from the start, but reconciles only once `go` is cancelled.
pub async fn run<K: Reconciled>(
    controller: Controller<Parsed<K>>,
    context: Arc<Context>,
    go: CancellationToken,
) {
    let reconcile = move |object: Arc<Parsed<K>>, context: Arc<Context>| {
        let go = go.clone();
        async move {
            go.cancelled().await;
            let span = span::<K>(&key(&*object));
            reconcile_one(&object, &context).instrument(span).await
        }
    };
    controller
        .with_config(Config::default().concurrency(AT_ONCE))
        .run(reconcile, failed::<K>, context)
        .for_each(|result| async { log_stream_error::<K>(result.err().as_ref()) })
        .await;
}

/// The span of a reconcile, by which each logged line names the object. Its level is `error`, so that every log level includes the names.
fn span<K: Reconciled>(of: &Key) -> Span {
    match K::TASK {
        "batch" => error_span!("reconcile", batch = of.name, namespace = of.namespace),
        _ => error_span!("reconcile", provider = of.name, namespace = of.namespace),
    }
}

async fn reconcile_one<K: Reconciled>(object: &Parsed<K>, context: &Context) -> Result<Action> {
    // Everything in the scope is reconciled once the operator can work there again.
    if !context.known.caches.is_in_service(&key(object).namespace) {
        return Ok(Action::await_change());
    }
    let _work = context.liveness.working(K::TASK, RECONCILED_WITHIN);
    let started = context.clock.uptime();
    let done = match object {
        Parsed::Readable(object) => K::reconcile(Arc::clone(object), context).await,
        Parsed::Unreadable(object) => K::reconcile_unreadable(Arc::clone(object), context).await,
    };
    context
        .metrics
        .reconcile
        .get_or_create(&Task { task: Word(K::TASK) })
        .observe(context.clock.uptime().saturating_sub(started).as_secs_f64());
    done
}

fn failed<K: Reconciled>(object: Arc<Parsed<K>>, error: &Error, context: Arc<Context>) -> Action {
    let of = key(&*object);
    if error.is_conflict() {
        debug!(
            kind = K::TASK,
            name = of.name,
            namespace = of.namespace,
            "requeued after a conflict"
        );
        return Action::requeue(AFTER_CONFLICT);
    }
    context.metrics.reconcile_errors.get_or_create(&Task { task: Word(K::TASK) }).inc();
    Action::requeue(K::failed(&of, error, &context))
}

fn log_stream_error<K: Reconciled>(error: Option<&controller::Error<Error, watcher::Error>>) {
    match error {
        // A failed reconcile is logged where its pause is chosen, and an object that is gone needs no line.
        None
        | Some(controller::Error::ReconcilerFailed(..) | controller::Error::ObjectNotFound(_)) => {}
        Some(error) => warn!(%error, kind = K::TASK, "a controller failed"),
    }
}
