//! The accounts of a namespace as the caches show them. Freshly read objects can replace what the caches show.

use std::{collections::BTreeMap, sync::Arc};

use fno_core::{
    account::{AccountName, Member, Namespace, UnreadableMember},
    key::Key,
    unreadable::Unreadable,
    view::provider::{AccountFacts, ProviderFacts},
};
use fno_crds::{FnoBatch, FnoProvider};
use kube::ResourceExt as _;

use super::{Known, key};

/// The providers and the readable batches of one namespace.
#[derive(Default)]
pub struct Accounts {
    providers: Vec<(Arc<FnoProvider>, Option<Arc<ProviderFacts>>)>,
    unreadable: Vec<(Arc<Unreadable>, Option<Arc<ProviderFacts>>)>,
    batches: Vec<Arc<FnoBatch>>,
}

impl Accounts {
    /// Everything in the namespace as last watched.
    #[must_use]
    pub fn watched(known: &Known, namespace: &str) -> Self {
        by_namespace(known, known.newest_batches().readable).remove(namespace).unwrap_or_default()
    }

    /// Replaces a provider by what was just read. None if it is gone.
    pub fn set_provider(&mut self, name: &str, provider: Option<FnoProvider>) {
        let place = self.providers.iter().position(|(known, _)| known.name_any() == name);
        let facts = place.and_then(|place| self.providers.swap_remove(place).1);
        self.providers.extend(provider.map(|provider| (Arc::new(provider), facts)));
    }

    /// Replaces what is known about an account's Secrets.
    pub fn set_facts(&mut self, name: &AccountName, found: AccountFacts) {
        let of = self.providers.iter_mut().find(|(known, _)| known.name_any() == name.provider);
        if let Some((provider, facts)) = of {
            let mut known = facts.as_deref().cloned().unwrap_or_else(|| ProviderFacts {
                generation: provider.metadata.generation.unwrap_or(0),
                flows_digest: String::new(),
                work_bytes: 0,
                flow_error: None,
                accounts: BTreeMap::new(),
            });
            known.accounts.insert(name.account.clone(), found);
            *facts = Some(Arc::new(known));
        }
    }

    /// A provider by its name.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&FnoProvider> {
        self.providers.iter().map(|(known, _)| &**known).find(|known| known.name_any() == name)
    }

    /// A batch by its name.
    #[must_use]
    pub fn batch(&self, name: &str) -> Option<&FnoBatch> {
        self.batches.iter().map(|batch| &**batch).find(|batch| batch.name_any() == name)
    }

    /// All batches.
    pub fn batches(&self) -> impl Iterator<Item = &FnoBatch> {
        self.batches.iter().map(|batch| &**batch)
    }

    /// Providers and batches grouped by account.
    #[must_use]
    pub fn namespace(&self) -> Namespace<'_> {
        let members = self
            .providers
            .iter()
            .map(|(provider, facts)| Member { provider, facts: facts.as_deref() })
            .collect();
        let unreadable = self.unreadable.iter();
        let unreadable = unreadable
            .map(|(provider, facts)| UnreadableMember { provider, facts: facts.as_deref() });
        Namespace::new(members, unreadable.collect(), self.batches())
    }

    /// The other providers that share the account that `name` refers to.
    #[must_use]
    pub fn other_providers(&self, name: &AccountName) -> Vec<String> {
        let others = self.namespace().account(name).map(|account| account.others);
        let mut providers: Vec<String> =
            others.into_iter().flatten().map(|entry| entry.name.provider).collect();
        providers.sort_unstable();
        providers.dedup();
        providers.retain(|provider| *provider != name.provider);
        providers
    }
}

/// All providers and batches, by their namespaces.
#[must_use]
pub fn by_namespace(
    known: &Known,
    batches: impl IntoIterator<Item = Arc<FnoBatch>>,
) -> BTreeMap<String, Accounts> {
    let mut namespaces: BTreeMap<String, Accounts> = BTreeMap::new();
    let facts = |of: &Key| known.providers.with(of, |memory| memory.facts.clone());
    for provider in known.caches.providers() {
        let of = key(&*provider);
        let facts = facts(&of);
        namespaces.entry(of.namespace).or_default().providers.push((provider, facts));
    }
    for provider in known.caches.unreadable_providers() {
        let of = provider.key();
        let facts = facts(&of);
        namespaces.entry(of.namespace).or_default().unreadable.push((provider, facts));
    }
    for batch in batches {
        let namespace = batch.namespace().unwrap_or_default();
        namespaces.entry(namespace).or_default().batches.push(batch);
    }
    namespaces
}

/// The name that stands for the account of a batch, the same for all names of the account; with its namespace.
#[must_use]
pub fn identity(known: &Known, batch: &FnoBatch) -> (Key, String) {
    let namespace = batch.namespace().unwrap_or_default();
    let name = Accounts::watched(known, &namespace).namespace().identity_of(batch);
    (Key { namespace, name: name.provider }, name.account)
}
