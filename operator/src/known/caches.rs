//! The namespaces the operator looks after: one scope for all of them, or one for each in the list. Each has its own watches.

use std::sync::Arc;

use fno_core::{key::Key, unreadable::Unreadable};
use fno_crds::{FnoBatch, FnoProvider};
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Pod};
use kube::{
    Api, Client, Resource,
    runtime::{
        reflector::{ObjectRef, Store, store::Writer},
        watcher::Config,
    },
};
use tokio::sync::{Notify, mpsc};

use super::parsed::Parsed;

/// One scope, as every task sees it.
pub struct Scope {
    /// The namespace; none is all of them.
    pub namespace: Option<String>,
    /// Its providers.
    pub providers: Store<Parsed<FnoProvider>>,
    /// Its batches.
    pub batches: Store<Parsed<FnoBatch>>,
    /// Its runner Pods.
    pub pods: Store<Pod>,
    wake_batch: mpsc::UnboundedSender<ObjectRef<Parsed<FnoBatch>>>,
    wake_provider: mpsc::UnboundedSender<ObjectRef<Parsed<FnoProvider>>>,
}

/// The other ends of a scope: taken once, by the tasks that feed it.
pub struct ScopeInputs {
    /// The namespace; none is all of them.
    pub namespace: Option<String>,
    /// Feeds [`Scope::providers`].
    pub providers: Writer<Parsed<FnoProvider>>,
    /// Feeds [`Scope::batches`].
    pub batches: Writer<Parsed<FnoBatch>>,
    /// Feeds [`Scope::pods`].
    pub pods: Writer<Pod>,
    /// Batches to reconcile besides those that changed.
    pub woken_batches: mpsc::UnboundedReceiver<ObjectRef<Parsed<FnoBatch>>>,
    /// Providers to reconcile besides those that changed.
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
    /// A job names a batch that is not watched: wakes the task that hands orphaned jobs back.
    pub orphans: Notify,
}

impl Caches {
    /// The scopes for a list of namespaces; an empty list is all namespaces.
    #[must_use]
    pub fn new(namespaces: &[String]) -> (Self, Vec<ScopeInputs>) {
        let names: Vec<_> = if namespaces.is_empty() {
            vec![None]
        } else {
            namespaces.iter().cloned().map(Some).collect()
        };
        let (scopes, inputs) = names.into_iter().map(scope).unzip();
        (
            Self {
                scopes,
                plan: Notify::new(),
                finished: Notify::new(),
                misheld: Notify::new(),
                orphans: Notify::new(),
            },
            inputs,
        )
    }

    /// Waits until every watch has delivered its first list.
    pub async fn ready(&self) {
        for scope in &self.scopes {
            // An error means that the writer is gone: the program is ending.
            let _ended = (
                scope.providers.wait_until_ready().await,
                scope.batches.wait_until_ready().await,
                scope.pods.wait_until_ready().await,
            );
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

    /// Has a batch reconciled.
    pub fn wake_batch(&self, key: &Key) {
        if let Some(scope) = self.of(&key.namespace) {
            // The other end is gone only while the program ends.
            let _ended = scope.wake_batch.send(reference(key));
        }
    }

    /// Has every provider reconciled, readable or not.
    pub fn wake_all_providers(&self) {
        for provider in self.all_providers() {
            self.wake_provider(&super::key(&*provider));
        }
    }

    /// Has a provider reconciled.
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
    (Scope { namespace, providers, batches, pods, wake_batch, wake_provider }, inputs)
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

/// First lists come as a stream, so a large namespace is never in memory twice; a connection that died without a word is noticed within a minute.
#[must_use]
pub fn watch_config() -> Config {
    Config { timeout: Some(60), ..Config::default() }.streaming_lists()
}
