//! What every task shares.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use fno_cluster::events::Publisher;
use fno_core::{key::Key, lifecycle::Deadlines, view::provider::ProviderFacts, why::Why};
use fno_crds::{FnoBatch, FnoProvider, provider_status::Pending};
use fno_store::Store;
use kube::Client;
use tokio::sync::Notify;

use crate::{
    known::{batches::Batches, caches::Scopes, jobs::JobIndex},
    metrics::Metrics,
    provider::Looked,
    settings::Settings,
    valkey::Valkey,
};

/// What every task shares. Tasks meet here and nowhere else.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// The settings file.
    pub settings: Settings,
    /// The same deadlines, for decisions.
    pub deadlines: Deadlines,
    /// What runners log.
    pub runner_log_level: String,
    /// What Prometheus is told.
    pub metrics: Metrics,
    /// What people are told.
    pub publisher: Publisher,
    /// Used TOTP steps.
    pub valkey: Valkey,
    /// Evidence, logs and the archive.
    pub store: Store,
    /// The watched namespaces, with what is known of them and how to wake who works on them.
    pub scopes: Scopes,
    /// The jobs.
    pub jobs: JobIndex,
    /// What is known of batches beyond their objects.
    pub batches: Batches,
    /// What was found out about providers.
    pub facts: Shared<Key, Arc<ProviderFacts>>,
    /// When providers were looked at and written.
    pub looked: Shared<Key, Looked>,
    /// Whether Valkey answered when it was last asked.
    pub valkey_state: AtomicBool,
    /// A job has finished: wakes retention.
    pub finished: Notify,
    /// Jobs that wait, as last planned.
    pub pending: Shared<Key, Pending>,
    /// The flush annotation's value that was last planned with.
    pub flushed: Shared<Key, String>,
    /// What keeps a provider's Pods from running, as last seen.
    pub troubles: Shared<Key, Why>,
    /// One login decision at a time per account.
    pub accounts: Locks<(Key, String)>,
}

impl Context {
    /// Whether Valkey answered when it was last asked.
    pub fn valkey_answers(&self) -> bool {
        self.valkey_state.load(Ordering::Relaxed)
    }

    /// The provider of a batch, as watched.
    pub fn provider_of(&self, batch: &FnoBatch) -> Option<Arc<FnoProvider>> {
        self.scopes.provider(&provider_key(batch))
    }
}

/// Namespace and name of an object.
pub fn key<K: kube::Resource>(object: &K) -> Key {
    let meta = object.meta();
    Key {
        namespace: meta.namespace.clone().unwrap_or_default(),
        name: meta.name.clone().unwrap_or_default(),
    }
}

/// Namespace and name of a batch's provider.
pub fn provider_key(batch: &FnoBatch) -> Key {
    Key {
        namespace: batch.metadata.namespace.clone().unwrap_or_default(),
        name: batch.spec.provider.clone(),
    }
}

/// A small map that several tasks read and write.
#[derive(Debug)]
pub struct Shared<K, V>(Mutex<HashMap<K, V>>);

impl<K, V> Default for Shared<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone + PartialEq> Shared<K, V> {
    /// The value, if there is one.
    pub fn get(&self, key: &K) -> Option<V> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Sets or removes a value; tells whether that changed anything.
    pub fn set(&self, key: K, value: Option<V>) -> bool {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match value {
            Some(value) => map.insert(key, value.clone()).as_ref() != Some(&value),
            None => map.remove(&key).is_some(),
        }
    }
}

/// A lock per name, held over an await.
#[derive(Debug)]
pub struct Locks<K>(Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>);

impl<K> Default for Locks<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Locks<K> {
    /// Waits for the lock of that name.
    pub async fn hold(&self, name: K) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = Arc::clone(
            self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default(),
        );
        lock.lock_owned().await
    }
}
