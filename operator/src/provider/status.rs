//! Writes a provider's status: read it, change it, compare-and-set, and repeat on a conflict. Several tasks write here, each its own fields.

use std::sync::Arc;

use fno_cluster::{conflict::is_conflict, patch::status_patch};
use fno_core::{key::Key, provider_status::ProviderNews};
use fno_crds::{FnoProvider, FnoProviderStatus};
use kube::{Api, Client};

use crate::{
    context::Context,
    error::{Error, Result},
    known::parsed::Parsed,
    patch::write_status,
};

/// Number of conflicts before the write is left to the next reconcile. The writers are few and quick.
const MOST_TRIES: usize = 8;

/// The provider as just read. None if it is gone.
///
/// # Errors
/// If the API server does not answer, or the provider cannot be read.
pub async fn read(client: &Client, key: &Key) -> Result<Option<FnoProvider>> {
    let api = Api::<Parsed<FnoProvider>>::namespaced(client.clone(), &key.namespace);
    match api.get_opt(&key.name).await? {
        None => Ok(None),
        Some(Parsed::Readable(provider)) => Ok(Some(Arc::unwrap_or_clone(provider))),
        Some(Parsed::Unreadable(provider)) => Err(Error::Unreadable {
            kind: "FnoProvider",
            name: key.name.clone(),
            error: provider.error.clone(),
        }),
    }
}

/// Changes the status. `change` may be called several times, with a newer provider each time. None if the provider is gone.
///
/// # Errors
/// A conflict if others were quicker every time, or any other error of the API server.
pub async fn update(
    context: &Context,
    key: &Key,
    change: impl Fn(&FnoProvider) -> (FnoProviderStatus, Vec<ProviderNews>),
) -> Result<Option<FnoProvider>> {
    let api: Api<FnoProvider> = Api::namespaced(context.client.clone(), &key.namespace);
    let mut tries = 0;
    loop {
        let Some(provider) = read(&context.client, key).await? else { return Ok(None) };
        let (status, news) = change(&provider);
        let Some(patch) = status_patch(
            provider.metadata.resource_version.as_deref(),
            provider.status.as_ref(),
            &status,
        )?
        else {
            return Ok(Some(provider));
        };
        tries += 1;
        match write_status(&api, &key.name, &patch).await {
            Ok(written) => {
                publish(context, &written, &news).await;
                return Ok(Some(written));
            }
            Err(error) if is_conflict(&error) && tries < MOST_TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Changes the status, as [`update`] does, for a batch that must end even if its provider cannot be read: its Pod, its Secrets and its
/// jobs must not stay until a person corrects the provider. A refusal is not lost, because the batch's grants keep it
/// (`fno_core::account::history`).
///
/// # Errors
/// See [`update`].
pub async fn update_if_readable(
    context: &Context,
    key: &Key,
    change: impl Fn(&FnoProvider) -> (FnoProviderStatus, Vec<ProviderNews>),
) -> Result<Option<FnoProvider>> {
    match update(context, key, change).await {
        Err(error @ Error::Unreadable { .. }) => {
            tracing::warn!(provider = key.name, namespace = key.namespace, %error, "the end of a login or a batch is not recorded in the provider");
            Ok(None)
        }
        other => other,
    }
}

/// Publishes events about a provider.
pub async fn publish(context: &Context, provider: &FnoProvider, news: &[ProviderNews]) {
    let (name, namespace) =
        (provider.metadata.name.as_deref(), provider.metadata.namespace.as_deref());
    for item in news {
        if item.warning {
            tracing::warn!(provider = name, namespace, reason = %item.what.reason, "{}", item.what.message);
            context.publisher.warning(provider, item.action, &item.what).await;
        } else {
            tracing::info!(provider = name, namespace, reason = %item.what.reason, "{}", item.what.message);
            context.publisher.normal(provider, item.action, &item.what).await;
        }
    }
}
