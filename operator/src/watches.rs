//! The watches that feed what is known, and what each change wakes.

pub mod jobs;
mod refusals;
mod visible;

use std::sync::Arc;

use fno_crds::{
    FnoBatch, FnoProvider,
    names::{CONTAINER_RUNNER, LABEL_COMPONENT, LABEL_MANAGED_BY, MANAGER},
};
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt as _,
    runtime::{WatchStreamExt as _, reflector::store::Writer, watcher, watcher::Error},
};

use self::{refusals::Refusals, visible::visible};
use crate::{
    context::Context,
    known::{caches, key, parsed::Parsed, sessions},
};

/// The providers of a scope. Their switches reach their running batches at once.
pub fn providers(
    context: &Arc<Context>,
    namespace: Option<&str>,
    writer: Writer<Parsed<FnoProvider>>,
) -> impl Stream<Item = Result<Parsed<FnoProvider>, Error>> + Send + use<> {
    let mut refusals = Refusals::of("FnoProvider");
    let [noting, relisting, passing] = [context, context, context].map(Arc::clone);
    let events = watcher(caches::api(&context.client, namespace), caches::watch_config())
        .default_backoff()
        .inspect(move |event| {
            if let Ok(event) = event {
                refusals.note(&noting.metrics.malformed, event);
            }
        })
        .reflect(writer);
    visible(events, move || {
        relisting.known.caches.plan.notify_one();
        sessions::wake_switched(&relisting.known, None);
    })
    .inspect(move |provider| {
        passing.known.caches.plan.notify_one();
        if let Ok(provider) = provider {
            sessions::wake_switched(&passing.known, Some(&key(provider)));
        }
    })
}

/// The batches of a scope. One that cannot be read shows on its provider.
pub fn batches(
    context: &Arc<Context>,
    namespace: Option<&str>,
    writer: Writer<Parsed<FnoBatch>>,
) -> impl Stream<Item = Result<Parsed<FnoBatch>, Error>> + Send + use<> {
    let mut refusals = Refusals::of("FnoBatch");
    let [relisting, passing] = [context, context].map(Arc::clone);
    let events = watcher(caches::api(&context.client, namespace), caches::watch_config())
        .default_backoff()
        .reflect(writer)
        // Behind the store: the providers woken here look there.
        .inspect(move |event| {
            if let Ok(event) = event
                && refusals.note(&passing.metrics.malformed, event)
            {
                passing.known.caches.wake_all_providers();
            }
        });
    let plan = Arc::clone(context);
    visible(events, move || relisting.known.caches.plan.notify_one())
        .inspect(move |_| plan.known.caches.plan.notify_one())
}

/// The runner Pods of a scope.
pub fn pods(
    context: &Arc<Context>,
    namespace: Option<&str>,
    writer: Writer<Pod>,
) -> impl Stream<Item = Result<Pod, Error>> + Send + use<> {
    let ours = caches::watch_config()
        .labels(&format!("{LABEL_MANAGED_BY}={MANAGER},{LABEL_COMPONENT}={CONTAINER_RUNNER}"));
    let [relisting, passing] = [context, context].map(Arc::clone);
    let events = watcher(caches::api(&context.client, namespace), ours)
        .default_backoff()
        .modify(prune)
        .reflect(writer);
    // A Pod that vanished in a gap of the watch has no event of its own that would wake its batch.
    visible(events, move || sessions::wake_running(&relisting.known))
        .inspect(move |_| passing.known.caches.plan.notify_one())
}

/// What is kept of a Pod: who it is and how it is.
fn prune(pod: &mut Pod) {
    pod.managed_fields_mut().clear();
    pod.metadata.annotations = None;
    pod.spec = None;
}
