//! The account that a batch logs in with, freshly read: a decision about a login must not be based on what a watch has shown.

use std::collections::BTreeSet;

use fno_cluster::patch::status_patch;
use fno_core::{
    account::{AccountName, SharedAccount, batch_of, drop_old_entries},
    key::Key,
    provider_status::account_mut,
};
use fno_crds::{FnoBatch, FnoProvider, provider::Account, provider_status::AccountStatus};
use kube::{Api, ResourceExt as _};
use tokio::sync::OwnedMutexGuard;

use crate::{
    context::Context,
    error::Result,
    known::accounts::{self, Accounts},
    patch::write_status,
    provider::status,
};

/// The account of a batch, with its providers as just read.
pub struct Place {
    /// The name under which the batch uses the account.
    pub name: AccountName,
    /// All accounts of the namespace.
    pub accounts: Accounts,
    /// Names of the other providers that have the same account.
    pub others: Vec<String>,
    namespace: String,
    /// Batches with a recorded login in progress that no longer exist.
    gone: BTreeSet<String>,
}

/// Waits for the lock of a batch's account: one login decision at a time, under whichever name the account is used.
pub async fn turn(context: &Context, batch: &FnoBatch) -> OwnedMutexGuard<()> {
    let (of, account) = accounts::identity(&context.known, batch);
    context.known.providers.turn(&of, &account).await
}

impl Place {
    /// Reads the batch's provider, the other providers that have the same account, and the batches that the watches do not show.
    ///
    /// # Errors
    /// If the API server does not answer.
    pub async fn of(context: &Context, batch: &FnoBatch) -> Result<Self> {
        let (namespace, name) = (batch.namespace().unwrap_or_default(), AccountName::of(batch));
        let mut place = Self {
            accounts: Accounts::watched(&context.known, &namespace),
            name,
            others: Vec::new(),
            namespace,
            gone: BTreeSet::new(),
        };
        let own = place.name.provider.clone();
        place.read(context, &own).await?;
        place.others = place.accounts.other_providers(&place.name);
        place.read_others(context).await?;
        Ok(place)
    }

    /// Reads the other providers again.
    ///
    /// # Errors
    /// If the API server does not answer.
    pub async fn read_others(&mut self, context: &Context) -> Result<()> {
        for provider in self.others.clone() {
            self.read(context, &provider).await?;
        }
        self.find_gone(context).await
    }

    async fn read(&mut self, context: &Context, provider: &str) -> Result<()> {
        let of = Key { namespace: self.namespace.clone(), name: provider.to_owned() };
        self.accounts.set_provider(provider, status::read(&context.client, &of).await?);
        Ok(())
    }

    /// A login may be recorded for a batch that no watch shows, because the batch is new or gone: asks the API server which.
    async fn find_gone(&mut self, context: &Context) -> Result<()> {
        let api: Api<FnoBatch> = Api::namespaced(context.client.clone(), &self.namespace);
        let unknown: BTreeSet<String> = self
            .shared()
            .map(|shared| shared.entered().map(|login| batch_of(login).to_owned()).collect())
            .unwrap_or_default();
        for name in unknown {
            if self.accounts.batch(&name).is_some_and(|batch| !batch.phase().is_finished()) {
                continue;
            }
            if api.get_opt(&name).await?.is_none_or(|batch| batch.phase().is_finished()) {
                self.gone.insert(name);
            }
        }
        Ok(())
    }

    /// Whether a batch with a recorded login in progress no longer exists.
    #[must_use]
    pub fn is_gone(&self, batch: &str) -> bool {
        self.gone.contains(batch)
    }

    /// The batch's provider, and the account in the provider's spec. None if either is gone.
    #[must_use]
    pub fn account(&self) -> Option<(&FnoProvider, &Account)> {
        let provider = self.accounts.provider(&self.name.provider)?;
        let accounts = &provider.spec.accounts;
        Some((provider, accounts.iter().find(|account| account.name == self.name.account)?))
    }

    /// What is recorded under all names of the account.
    #[must_use]
    pub fn shared(&self) -> Option<SharedAccount<'_>> {
        self.accounts.namespace().account(&self.name)
    }
}

/// Writes the entry of one account by compare-and-set.
///
/// # Errors
/// A conflict if another writer was quicker, or any other error of the API server.
pub async fn write_entry(
    context: &Context,
    provider: &FnoProvider,
    name: &AccountName,
    entry: AccountStatus,
) -> Result<()> {
    let mut status = provider.status.clone().unwrap_or_default();
    *account_mut(&mut status, &name.account) =
        AccountStatus { name: name.account.clone(), ..entry };
    let in_spec = |name: &str| provider.spec.accounts.iter().any(|account| account.name == name);
    drop_old_entries(&mut status.accounts, in_spec, context.now());
    let version = provider.metadata.resource_version.as_deref();
    if let Some(patch) = status_patch(version, provider.status.as_ref(), &status)? {
        let namespace = provider.namespace().unwrap_or_default();
        let api: Api<FnoProvider> = Api::namespaced(context.client.clone(), &namespace);
        write_status(&api, &provider.name_any(), &patch).await?;
    }
    Ok(())
}
