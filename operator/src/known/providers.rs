//! What is known of a provider beyond its object. All of it may be forgotten at any moment: a restart costs a little time, never a mistake.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fno_core::{key::Key, outage::Outage, view::provider::ProviderFacts, why::Why};
use fno_crds::provider_status::Pending;
use jiff::Timestamp;
use tokio::sync::OwnedMutexGuard;

/// What is known of one provider. Times are those of the clock's [`uptime`](crate::clock::Clock::uptime).
#[derive(Clone, Debug, Default)]
pub struct ProviderMemory {
    /// What was found out about it.
    pub facts: Option<Arc<ProviderFacts>>,
    /// When that was found out.
    pub inspected_at: Option<Duration>,
    /// When its status was last written.
    pub written_at: Option<Duration>,
    /// Its jobs that wait, as last planned.
    pub pending: Option<Pending>,
    /// Since when its oldest job waits, as last planned; none if no job waits for us.
    pub oldest_waits_since: Option<Timestamp>,
    /// The flush annotation's value that was last planned with.
    pub flushed: Option<String>,
    /// Which failures to reconcile it are worth a log line.
    pub outage: Outage,
    /// What keeps its Pods from running, as last seen.
    pub trouble: Option<Why>,
}

/// Held by whoever decides about an account.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// All providers.
#[derive(Debug, Default)]
pub struct Providers {
    memory: Mutex<HashMap<Key, ProviderMemory>>,
    turns: Mutex<HashMap<(Key, String), Turn>>,
}

impl Providers {
    /// What is known of a provider.
    pub fn get(&self, of: &Key) -> ProviderMemory {
        self.with(of, |memory| memory.clone())
    }

    /// Reads or changes what is known of a provider.
    pub fn with<T>(&self, of: &Key, act: impl FnOnce(&mut ProviderMemory) -> T) -> T {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        act(memory.entry(of.clone()).or_default())
    }

    /// Stores a value; tells whether that changed anything.
    pub fn set<T: PartialEq>(
        &self,
        of: &Key,
        field: impl FnOnce(&mut ProviderMemory) -> &mut T,
        value: T,
    ) -> bool {
        self.with(of, |memory| {
            let field = field(memory);
            let changed = *field != value;
            *field = value;
            changed
        })
    }

    /// Forgets providers that are gone.
    pub fn retain(&self, exists: impl Fn(&Key) -> bool) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).retain(|of, _| exists(of));
    }

    /// Waits for the turn of an account: one login decision at a time, so that two batches cannot both be the last one its breaker allows.
    pub async fn turn(&self, of: &Key, account: &str) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(
            self.turns
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry((of.clone(), account.to_owned()))
                .or_default(),
        );
        turn.lock_owned().await
    }
}
