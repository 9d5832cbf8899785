//! The namespaces in which the operator works: one scope for all of them, or one scope for each namespace in the list. Each scope has its
//! own watches.

use std::{collections::BTreeMap, sync::Arc};

use fno_cluster::watch::Health;
use fno_core::{key::Key, plan::OutOfService, unreadable::Unreadable};
use fno_crds::{FnoBatch, FnoProvider};
use jiff::Timestamp;
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Pod};
use kube::{
    Api, Client, Resource,
    runtime::reflector::{ObjectRef, Store, store::Writer},
};
use tokio::sync::{Notify, mpsc};

use super::{
    parsed::Parsed,
    service::{Service, ServiceState},
};

/// One scope, as the tasks read it.
pub struct Scope {
    /// The namespace. None for all namespaces.
    pub namespace: Option<String>,
    /// Whether the operator can work in it.
    service: Service,
    /// Its providers.
    pub providers: Store<Parsed<FnoProvider>>,
    /// Its batches.
    pub batches: Store<Parsed<FnoBatch>>,
    /// Its runner Pods.
    pub pods: Store<Pod>,
    wake_batch: mpsc::UnboundedSender<ObjectRef<Parsed<FnoBatch>>>,
    wake_provider: mpsc::UnboundedSender<ObjectRef<Parsed<FnoProvider>>>,
}

/// The writing side of a scope: taken once, by the tasks that feed it.
pub struct ScopeInputs {
    /// The namespace. None for all namespaces.
    pub namespace: Option<String>,
    /// Feeds [`Scope::providers`].
    pub providers: Writer<Parsed<FnoProvider>>,
    /// Feeds [`Scope::batches`].
    pub batches: Writer<Parsed<FnoBatch>>,
    /// Feeds [`Scope::pods`].
    pub pods: Writer<Pod>,
    /// Batches to reconcile in addition to those that changed.
    pub woken_batches: mpsc::UnboundedReceiver<ObjectRef<Parsed<FnoBatch>>>,
    /// Providers to reconcile in addition to those that changed.
    pub woken_providers: mpsc::UnboundedReceiver<ObjectRef<Parsed<FnoProvider>>>,
}

/// The caches of all scopes.
pub struct Caches {
    scopes: Vec<Scope>,
    /// Wakes the planning task.
    pub plan: Notify,
    /// A job has finished: wakes retention.
    pub finished: Notify,
    /// A job's finalizers are not what they should be: wakes the task that corrects them.
    pub misheld: Notify,
    /// A job names a batch that is not watched: wakes the task that returns orphaned jobs to Pending.
    pub orphans: Notify,
    /// A scope went into or out of service.
    pub service_changed: Notify,
}

impl Caches {
    /// The scopes for a list of namespaces. An empty list stands for all namespaces.
    #[must_use]
    pub fn new(namespaces: &[String]) -> (Self, Vec<ScopeInputs>) {
        let names: Vec<_> = if namespaces.is_empty() {
            vec![None]
        } else {
            namespaces.iter().cloned().map(Some).collect()
        };
        let (scopes, inputs) = names.into_iter().map(scope).unzip();
        let caches = Self {
            scopes,
            plan: Notify::new(),
            finished: Notify::new(),
            misheld: Notify::new(),
            orphans: Notify::new(),
            service_changed: Notify::new(),
        };
        (caches, inputs)
    }

    /// Waits until the operator knows for every scope whether it can work there.
    pub async fn started(&self) {
        for scope in &self.scopes {
            scope.service.started().await;
        }
    }

    /// Records the health of the watch of a kind in a scope. Returns the new state of the scope if that changed it.
    pub fn report(
        &self,
        namespace: Option<&str>,
        kind: &'static str,
        health: &Health,
        now: Timestamp,
    ) -> Option<ServiceState> {
        let scope = self.scopes.iter().find(|scope| scope.namespace.as_deref() == namespace)?;
        let changed = scope.service.report(kind, health, now);
        if changed.is_some() {
            self.service_changed.notify_one();
            self.plan.notify_one();
        }
        changed
    }

    /// Whether the operator can work in that namespace now.
    pub fn is_in_service(&self, namespace: &str) -> bool {
        self.of(namespace).is_some_and(|scope| scope.service.is_in_service())
    }

    /// Whether the operator can work in each namespace of the list; `None` stands for all namespaces.
    pub fn services(&self) -> BTreeMap<Option<&str>, bool> {
        self.scopes
            .iter()
            .map(|scope| (scope.namespace.as_deref(), scope.service.is_in_service()))
            .collect()
    }

    /// Where the operator cannot work now, as planning sees it.
    pub fn out_of_service(&self, now: Timestamp) -> OutOfService {
        let mut out = OutOfService::default();
        for scope in &self.scopes {
            let Some(since) = scope.service.out_since(now) else { continue };
            match &scope.namespace {
                None => out.everywhere = Some(since),
                Some(namespace) => _ = out.namespaces.insert(namespace.clone(), since),
            }
        }
        out
    }

    /// Requeues everything in a scope.
    pub fn wake_scope(&self, namespace: Option<&str>) {
        for scope in self.scopes.iter().filter(|scope| scope.namespace.as_deref() == namespace) {
            for provider in scope.providers.state() {
                self.wake_provider(&super::key(&*provider));
            }
            for batch in scope.batches.state() {
                self.wake_batch(&super::key(&*batch));
            }
        }
    }

    fn of(&self, namespace: &str) -> Option<&Scope> {
        self.scopes
            .iter()
            .find(|scope| scope.namespace.as_deref().is_none_or(|name| name == namespace))
    }

    /// A provider, if it can be read.
    pub fn provider(&self, key: &Key) -> Option<Arc<FnoProvider>> {
        let scope = self.of(&key.namespace)?;
        scope.providers.get(&reference(key))?.readable().cloned()
    }

    /// A batch, readable or not.
    pub fn batch(&self, key: &Key) -> Option<Arc<Parsed<FnoBatch>>> {
        self.of(&key.namespace)?.batches.get(&reference(key))
    }

    /// A Pod.
    pub fn pod(&self, key: &Key) -> Option<Arc<Pod>> {
        self.of(&key.namespace)?.pods.get(&reference(key))
    }

    /// Every provider that can be read.
    pub fn providers(&self) -> Vec<Arc<FnoProvider>> {
        self.all_providers().filter_map(|provider| provider.readable().cloned()).collect()
    }

    /// Every provider that cannot be read.
    pub fn unreadable_providers(&self) -> Vec<Arc<Unreadable>> {
        self.all_providers().filter_map(|provider| provider.unreadable().cloned()).collect()
    }

    fn all_providers(&self) -> impl Iterator<Item = Arc<Parsed<FnoProvider>>> {
        self.scopes.iter().flat_map(|scope| scope.providers.state())
    }

    /// Every batch, readable or not.
    pub fn batches(&self) -> Vec<Arc<Parsed<FnoBatch>>> {
        self.scopes.iter().flat_map(|scope| scope.batches.state()).collect()
    }

    /// Every runner Pod.
    pub fn pods(&self) -> Vec<Arc<Pod>> {
        self.scopes.iter().flat_map(|scope| scope.pods.state()).collect()
    }

    /// Requeues a batch.
    pub fn wake_batch(&self, key: &Key) {
        if let Some(scope) = self.of(&key.namespace) {
            // The receiver is gone only while the program ends.
            let _ended = scope.wake_batch.send(reference(key));
        }
    }

    /// Requeues every provider, readable or not.
    pub fn wake_all_providers(&self) {
        for provider in self.all_providers() {
            self.wake_provider(&super::key(&*provider));
        }
    }

    /// Requeues a provider.
    pub fn wake_provider(&self, key: &Key) {
        if let Some(scope) = self.of(&key.namespace) {
            let _ended = scope.wake_provider.send(reference(key));
        }
    }
}

fn reference<K: Resource<DynamicType = ()>>(key: &Key) -> ObjectRef<K> {
    ObjectRef::new(&key.name).within(&key.namespace)
}

fn scope(namespace: Option<String>) -> (Scope, ScopeInputs) {
    let (providers, providers_in) = writer();
    let (batches, batches_in) = writer();
    let (pods, pods_in) = writer();
    let (wake_batch, woken_batches) = mpsc::unbounded_channel();
    let (wake_provider, woken_providers) = mpsc::unbounded_channel();
    let inputs = ScopeInputs {
        namespace: namespace.clone(),
        providers: providers_in,
        batches: batches_in,
        pods: pods_in,
        woken_batches,
        woken_providers,
    };
    let service = Service::default();
    (Scope { namespace, service, providers, batches, pods, wake_batch, wake_provider }, inputs)
}

fn writer<K: Resource<DynamicType = ()> + Clone + 'static>() -> (Store<K>, Writer<K>) {
    let writer = Writer::default();
    (writer.as_reader(), writer)
}

/// The API of a kind within a scope.
pub fn api<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>>(
    client: &Client,
    namespace: Option<&str>,
) -> Api<K> {
    namespace.map_or_else(
        || Api::all(client.clone()),
        |namespace| Api::namespaced(client.clone(), namespace),
    )
}
