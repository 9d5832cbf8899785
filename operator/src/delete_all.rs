//! `fno-operator delete-all`: deletes all jobs and batches before the CRDs are deleted.
//!
//! Active jobs and batches have a finalizer that only a running operator removes, once their end is stored. If the operator were deleted
//! before the CRDs, these objects, and the CRDs, would stay in Terminating for ever. Therefore the chart runs this first when it is
//! uninstalled together with the CRDs.

use std::{fmt::Debug, time::Duration};

use anyhow::{Context as _, bail};
use fno_cluster::client;
use fno_crds::{FnoBatch, FnoJob};
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, Preconditions},
};
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::{
    clock::{Clock as _, MachineClock},
    known::caches,
    settings::Settings,
};

/// Time between two counts of the objects that are left.
const EVERY: Duration = Duration::from_secs(2);
/// Number of objects that the error names when the time is over.
const NAMED: usize = 5;

/// Deletes everything in the namespaces in which the operator with these settings works.
///
/// # Errors
/// The API server cannot be reached, a request is refused, or objects are left after `within`.
pub async fn run(settings: &Settings, within: Duration) -> anyhow::Result<()> {
    let client = client::connect().await.context("cannot connect to the API server")?;
    delete_all(&client, &settings.namespaces, within).await
}

/// Deletes all jobs and then all batches in `namespaces` (empty for all namespaces), and waits until they are gone. Jobs come first: a
/// batch whose jobs are withdrawn finishes the running one and logs out, while a batch that is deleted is aborted.
///
/// # Errors
/// A request is refused, or objects are left after `within`; the error names some of them.
pub async fn delete_all(
    client: &Client,
    namespaces: &[String],
    within: Duration,
) -> anyhow::Result<()> {
    let clock = MachineClock::start();
    delete::<FnoJob>(client, namespaces, &clock, within).await?;
    delete::<FnoBatch>(client, namespaces, &clock, within).await?;
    info!("deleted all jobs and batches");
    Ok(())
}

async fn delete<K>(
    client: &Client,
    namespaces: &[String],
    clock: &MachineClock,
    within: Duration,
) -> anyhow::Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let kind = K::kind(&());
    let scopes: Vec<Option<&str>> = if namespaces.is_empty() {
        vec![None]
    } else {
        namespaces.iter().map(|name| Some(name.as_str())).collect()
    };
    let mut before = None;
    loop {
        let mut left = Ok(Vec::new());
        for scope in &scopes {
            let found = delete_once::<K>(client, *scope).await;
            left = left.and_then(|left| Ok([left, found?].concat()));
        }
        match &left {
            Ok(left) if left.is_empty() => return Ok(()),
            Ok(left) if before != Some(left.len()) => {
                before = Some(left.len());
                info!(%kind, left = left.len(), "waiting for the operator to end what is running");
            }
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                bail!("may not list or delete {kind}s: {}", status.message)
            }
            Err(error) => warn!(%kind, %error, "deletion failed; trying again"),
        }
        if clock.uptime() >= within {
            let left = left.context("the API server did not answer in time")?;
            let named = left.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            bail!(
                "{} {kind}s are left ({named}{}): is the operator running? It has to end running batches before they can be deleted",
                left.len(),
                if left.len() > NAMED { ", …" } else { "" }
            );
        }
        sleep(EVERY).await;
    }
}

/// Deletes what is not being deleted yet, and returns what is left: `namespace/name` of each.
async fn delete_once<K>(client: &Client, namespace: Option<&str>) -> kube::Result<Vec<String>>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let found =
        match caches::api::<K>(client, namespace).list_metadata(&ListParams::default()).await {
            // The kind does not exist, so it has no objects. The server then answers in plain text, without a reason.
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(Vec::new()),
            found => found?,
        };
    let mut left = Vec::new();
    for object in found {
        let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
        if object.metadata.deletion_timestamp.is_none() {
            let only = Preconditions { uid: object.uid(), resource_version: None };
            let params = DeleteParams { preconditions: Some(only), ..DeleteParams::background() };
            match Api::<K>::namespaced(client.clone(), &namespace).delete(&name, &params).await {
                Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
                deleted => drop(deleted?),
            }
        }
        left.push(format!("{namespace}/{name}"));
    }
    Ok(left)
}
