//! Act: after the end is stored, take away what the batch needed: Pod, Secrets, the runner's identity, and last the finalizer.

use std::fmt::Debug;

use fno_cluster::conflict::is_not_found;
use fno_core::{key::Key, objects::is_owned};
use fno_crds::{
    FnoBatch,
    names::{self, FINALIZER},
};
use futures::future::try_join_all;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        core::v1::{Pod, Secret, ServiceAccount},
        rbac::v1::{Role, RoleBinding},
    },
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{DeleteParams, Patch, Preconditions},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{context::Context, error::Result, known::key, patch};

/// Takes everything away.
///
/// # Errors
/// When the API server does not answer; the finalizer stays until everything is gone.
pub async fn clean(context: &Context, batch: &FnoBatch) -> Result<()> {
    let name = batch.name_any();
    let status = batch.status.clone().unwrap_or_default();
    if let Some(worker) = &status.worker {
        delete_own::<Pod>(&context.client, batch, worker).await?;
    }
    // The identity goes with or after the Pod: a runner that is still ending can no longer do anything then.
    // A code that was said to be there went when its login ended; one that was minted just before a crash is still to go.
    let codes = status
        .grants
        .iter()
        .filter(|grant| grant.step.is_none())
        .map(|grant| names::totp_secret(&name, grant.login));
    let secrets: Vec<_> = codes.chain([names::work_secret(&name)]).collect();
    try_join_all(secrets.iter().map(|secret| delete::<Secret>(&context.client, batch, secret)))
        .await?;
    let account = names::runner_account(&name);
    delete::<RoleBinding>(&context.client, batch, &account).await?;
    delete::<Role>(&context.client, batch, &account).await?;
    delete::<ServiceAccount>(&context.client, batch, &account).await?;
    release(context, batch).await
}

/// Deletes a finished batch whose time is over. It stays while one of its jobs cannot be read: that one may still be in it, and its result is
/// nowhere else.
///
/// # Errors
/// When the API server does not answer.
pub async fn forget(context: &Context, batch: &FnoBatch) -> Result<()> {
    let of = |name: &String| Key {
        namespace: batch.namespace().unwrap_or_default(),
        name: name.clone(),
    };
    if batch.spec.jobs.iter().any(|job| context.known.jobs.is_unreadable(&of(&job.name), &job.uid))
    {
        return Ok(());
    }
    delete_own::<FnoBatch>(&context.client, batch, &batch.name_any()).await?;
    context.known.batches.forget(&key(batch));
    Ok(())
}

async fn release(context: &Context, batch: &FnoBatch) -> Result<()> {
    let finalizers: Vec<_> =
        batch.finalizers().iter().filter(|finalizer| *finalizer != FINALIZER).collect();
    let api: Api<FnoBatch> =
        Api::namespaced(context.client.clone(), &batch.namespace().unwrap_or_default());
    let patch = json!({"metadata": {"resourceVersion": batch.metadata.resource_version, "finalizers": finalizers}});
    match api.patch(&batch.name_any(), &patch::parameters(), &Patch::Merge(&patch)).await {
        Ok(released) => context.known.batches.wrote(&key(batch), &std::sync::Arc::new(released)),
        Err(error) if is_not_found(&error) => context.known.batches.forget(&key(batch)),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// By name: all these names are the batch's own.
async fn delete<K>(client: &Client, batch: &FnoBatch, name: &str) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), &batch.namespace().unwrap_or_default());
    match api.delete(name, &DeleteParams::default()).await {
        Err(error) if !is_not_found(&error) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Only if it is this very object: the batch itself, or one it owns.
async fn delete_own<K>(client: &Client, batch: &FnoBatch, name: &str) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), &batch.namespace().unwrap_or_default());
    let Some(found) = api.get_opt(name).await? else { return Ok(()) };
    let meta = found.meta();
    if meta.uid != batch.metadata.uid && !is_owned(meta, batch) {
        return Ok(());
    }
    let only = Preconditions { uid: meta.uid.clone(), resource_version: None };
    match api
        .delete(name, &DeleteParams { preconditions: Some(only), ..DeleteParams::default() })
        .await
    {
        Err(error) if !is_not_found(&error) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}
