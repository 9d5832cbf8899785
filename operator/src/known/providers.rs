//! What the operator remembers about a provider in addition to its object. All of it may be lost at any moment: a restart costs a little
//! time but never leads to a wrong decision.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fno_core::{key::Key, outage::Outage, view::provider::ProviderFacts, why::Why};
use fno_crds::provider_status::Pending;
use jiff::Timestamp;
use tokio::sync::OwnedMutexGuard;

/// What is remembered about one provider. A `Duration` is a time of the clock's [`uptime`](crate::clock::Clock::uptime).
#[derive(Clone, Debug, Default)]
pub struct ProviderMemory {
    /// What the last inspection found.
    pub facts: Option<Arc<ProviderFacts>>,
    /// When the provider was last inspected.
    pub inspected_at: Option<Duration>,
    /// When the provider's status was last written.
    pub written_at: Option<Duration>,
    /// The provider's jobs that wait, by the last plan.
    pub pending: Option<Pending>,
    /// Since when the provider's oldest job has waited, by the last plan. None if no job waits for the operator.
    pub oldest_waits_since: Option<Timestamp>,
    /// The value that the flush annotation had at the last plan.
    pub flushed: Option<String>,
    /// Which failures to reconcile it are worth a log line.
    pub outage: Outage,
    /// What keeps the provider's Pods from running, as last seen.
    pub trouble: Option<Why>,
}

/// The lock for decisions about an account.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// What is remembered about every provider.
#[derive(Debug, Default)]
pub struct Providers {
    memory: Mutex<HashMap<Key, ProviderMemory>>,
    turns: Mutex<HashMap<(Key, String), Turn>>,
}

impl Providers {
    /// What is remembered about a provider.
    pub fn get(&self, of: &Key) -> ProviderMemory {
        self.with(of, |memory| memory.clone())
    }

    /// Reads or changes what is remembered about a provider.
    pub fn with<T>(&self, of: &Key, act: impl FnOnce(&mut ProviderMemory) -> T) -> T {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        act(memory.entry(of.clone()).or_default())
    }

    /// Stores a value and returns whether it differed from the old one.
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

    /// Waits for the lock of an account: one login decision at a time, so that two batches cannot both be the last one that its breaker
    /// allows.
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
