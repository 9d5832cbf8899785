//! Inspects a provider: lints its flows and reads its Secrets.

use std::collections::BTreeMap;

use fno_core::{credentials::VersionKey, flow, view::provider::ProviderFacts, work::size};
use fno_crds::FnoProvider;
use kube::Client;

use crate::{error::Result, secrets};

/// Inspects a provider. `known` is the result of the last inspection, so that a generation is linted only once.
///
/// # Errors
/// If the API server does not answer.
pub async fn inspect(
    client: &Client,
    key: &VersionKey,
    provider: &FnoProvider,
    known: Option<&ProviderFacts>,
) -> Result<ProviderFacts> {
    let generation = provider.metadata.generation.unwrap_or(0);
    let known = known.filter(|known| known.generation == generation);
    let (flows_digest, work_bytes, flow_error) = match known {
        Some(known) => (known.flows_digest.clone(), known.work_bytes, known.flow_error.clone()),
        None => (
            flow::digest::flows_digest(&provider.spec.flows),
            size::of_provider(&provider.spec),
            flow::lint::errors(&flow::lint::lint(&provider.spec)),
        ),
    };
    let namespace = provider.metadata.namespace.as_deref().unwrap_or_default();
    let mut accounts = BTreeMap::new();
    for account in &provider.spec.accounts {
        let secrets = secrets::read(client, key, namespace, account).await?;
        accounts.insert(account.name.clone(), secrets.facts);
    }
    Ok(ProviderFacts { generation, flows_digest, work_bytes, flow_error, accounts })
}
