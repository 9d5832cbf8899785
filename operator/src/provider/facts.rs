//! What was found out about a provider: its flows linted, its Secrets looked at.

use std::collections::BTreeMap;

use fno_core::flow;
use fno_crds::FnoProvider;
use kube::Client;

use crate::{
    error::Result,
    secrets::{self, AccountFacts},
};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderFacts {
    /// The generation that was looked at.
    pub generation: i64,
    /// SHA-256 of its flows.
    pub flows_digest: String,
    /// What the linter refuses.
    pub flow_error: Option<String>,
    /// By the account's name.
    pub accounts: BTreeMap<String, AccountFacts>,
}

/// Looks at a provider. `known` saves linting a generation twice.
///
/// # Errors
/// When the API server does not answer.
pub async fn find_out(
    client: &Client,
    provider: &FnoProvider,
    known: Option<&ProviderFacts>,
) -> Result<ProviderFacts> {
    let generation = provider.metadata.generation.unwrap_or(0);
    let (flows_digest, flow_error) = match known.filter(|known| known.generation == generation) {
        Some(known) => (known.flows_digest.clone(), known.flow_error.clone()),
        None => (
            flow::digest::flows_digest(&provider.spec.flows),
            flow::lint::errors(&flow::lint::lint(&provider.spec)),
        ),
    };
    let namespace = provider.metadata.namespace.as_deref().unwrap_or_default();
    let mut accounts = BTreeMap::new();
    for account in &provider.spec.accounts {
        accounts.insert(account.name.clone(), secrets::look(client, namespace, account).await?);
    }
    Ok(ProviderFacts { generation, flows_digest, flow_error, accounts })
}
