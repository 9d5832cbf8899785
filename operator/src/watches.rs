//! The watches that feed `known`, and which tasks each change wakes.

pub mod jobs;
mod news;
mod refusals;
mod visible;

use std::{fmt::Debug, sync::Arc};

use fno_cluster::watch::{Health, Subject, watch};
use fno_core::{
    key::Key,
    lifecycle::PodState,
    view::{mark::Mark, slim::slim},
};
use fno_crds::{
    FnoBatch, FnoProvider,
    names::{CONTAINER_RUNNER, LABEL_COMPONENT, LABEL_MANAGED_BY, MANAGER},
};
use futures::{Stream, StreamExt as _};
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Pod};
use kube::{
    Resource, ResourceExt as _,
    runtime::{
        WatchStreamExt as _,
        reflector::store::Writer,
        watcher::{Config, Error, Event},
    },
};
use serde::de::DeserializeOwned;
use tracing::{info, warn};

use self::{news::News, refusals::Refusals, visible::visible};
use crate::{
    context::Context,
    known::{caches, key, parsed::Parsed, service::ServiceState, sessions},
};

/// Watches the providers of a scope. A change of their switches wakes their running batches at once.
pub fn providers(
    context: &Arc<Context>,
    namespace: Option<&str>,
    writer: Writer<Parsed<FnoProvider>>,
) -> impl Stream<Item = Result<Parsed<FnoProvider>, Error>> + Send + use<> {
    let mut refusals = Refusals::of("FnoProvider");
    let [noting, relisting, passing] = [context, context, context].map(Arc::clone);
    let events = events(context, "FnoProvider", namespace, Config::default())
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

/// Watches the batches of a scope. A batch that cannot be read is reported by its provider.
pub fn batches(
    context: &Arc<Context>,
    namespace: Option<&str>,
    writer: Writer<Parsed<FnoBatch>>,
) -> impl Stream<Item = Result<Parsed<FnoBatch>, Error>> + Send + use<> {
    let mut refusals = Refusals::of("FnoBatch");
    let [relisting, passing] = [context, context].map(Arc::clone);
    let events = events(context, "FnoBatch", namespace, Config::default())
        .modify(|batch| {
            if let Parsed::Readable(batch) = batch {
                slim(Arc::make_mut(batch));
            }
        })
        .reflect(writer)
        // After the store was updated, because the providers that are woken here read the store.
        .inspect(move |event| {
            if let Ok(event) = event
                && refusals.note(&passing.metrics.malformed, event)
            {
                passing.known.caches.wake_all_providers();
            }
        });
    let plan = Arc::clone(context);
    let news = Arc::new(News::default());
    let relisted = Arc::clone(&news);
    visible(events, move || {
        relisted.forget();
        relisting.known.caches.plan.notify_one();
    })
    .inspect(move |batch| {
        let of = batch.as_ref().ok().map(key);
        // The store shows whether the batch still exists.
        let mark = |of: &Key| Some(Mark::of_batch(plan.known.caches.batch(of)?.readable()?));
        if of.is_none_or(|of| news.is(of.clone(), mark(&of))) {
            plan.known.caches.plan.notify_one();
        }
    })
}

/// Watches the runner Pods of a scope.
pub fn pods(
    context: &Arc<Context>,
    namespace: Option<&str>,
    writer: Writer<Pod>,
) -> impl Stream<Item = Result<Pod, Error>> + Send + use<> {
    let ours = Config::default()
        .labels(&format!("{LABEL_MANAGED_BY}={MANAGER},{LABEL_COMPONENT}={CONTAINER_RUNNER}"));
    let [relisting, passing] = [context, context].map(Arc::clone);
    let events = events(context, "Pod", namespace, ours).modify(prune).reflect(writer);
    // A Pod that was deleted during a gap of the watch has no event of its own that would wake its batch.
    let news = Arc::new(News::default());
    let relisted = Arc::clone(&news);
    visible(events, move || {
        relisted.forget();
        relisting.known.caches.plan.notify_one();
        sessions::wake_running(&relisting.known);
    })
    .inspect(move |pod| {
        let of = pod.as_ref().ok().map(key);
        let mark = |of: &Key| {
            let pod = passing.known.caches.pod(of)?;
            Some(Mark::of_pod(pod.metadata.uid.as_deref(), &PodState::of(&pod)))
        };
        if of.is_none_or(|of| news.is(of.clone(), mark(&of))) {
            passing.known.caches.plan.notify_one();
        }
    })
}

/// A watch of a scope, which reports its health to the scope.
fn events<K>(
    context: &Arc<Context>,
    kind: &'static str,
    namespace: Option<&str>,
    config: Config,
) -> impl Stream<Item = Result<Event<K>, Error>> + Send + use<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    let api = caches::api(&context.client, namespace);
    let subject = Subject { kind, namespace: namespace.map(str::to_owned) };
    let (context, namespace) = (Arc::clone(context), subject.namespace.clone());
    watch(api, config, subject, move |health| {
        report(&context, kind, namespace.as_deref(), health);
    })
}

fn report(context: &Context, kind: &'static str, namespace: Option<&str>, health: &Health) {
    let caches = &context.known.caches;
    match caches.report(namespace, kind, health, context.now()) {
        Some(ServiceState::InService) => {
            info!(namespace, "every watch has a complete list: the operator works here");
            caches.wake_scope(namespace);
        }
        Some(ServiceState::Refused(why)) => {
            warn!(
                namespace,
                error = why,
                "the operator does not work here until the API server allows every watch"
            );
        }
        Some(ServiceState::Starting) | None => {}
    }
}

/// Drops everything of a Pod except its identity and its status.
fn prune(pod: &mut Pod) {
    pod.managed_fields_mut().clear();
    pod.metadata.annotations = None;
    pod.spec = None;
}

#[cfg(test)]
mod tests;
