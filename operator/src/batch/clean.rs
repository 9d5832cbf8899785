//! Action: after the end is stored, delete what the batch needed: Pod, Secrets, the runner's identity, and last the finalizer.

use std::fmt::Debug;

use fno_cluster::conflict::is_not_found;
use fno_core::{account::history::refused, key::Key, objects::is_owned};
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

use crate::{
    context::Context,
    error::Result,
    known::{accounts::Accounts, key},
    patch,
};

/// Deletes everything that the batch needed.
///
/// # Errors
/// If the API server does not answer. The finalizer stays until everything is gone.
pub async fn clean(context: &Context, batch: &FnoBatch) -> Result<()> {
    let name = batch.name_any();
    let status = batch.status.clone().unwrap_or_default();
    if let Some(worker) = &status.worker {
        delete_own::<Pod>(&context.client, batch, worker).await?;
    }
    // The identity is deleted right after the Pod: from then on a runner that is still stopping can change nothing any more.
    // A code that its grant records was deleted when the login ended. One that was minted just before a crash is deleted here.
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

/// Deletes a finished batch whose `ttlSecondsAfterFinished` has passed. A batch stays while one of its jobs cannot be read: that job may
/// still be in the batch, and its result is stored nowhere else. A batch also stays while it records a refused login that its provider
/// would not know of if the provider were deleted and created again.
///
/// # Errors
/// If the API server does not answer.
pub async fn forget(context: &Context, batch: &FnoBatch) -> Result<()> {
    let namespace = batch.namespace().unwrap_or_default();
    let of = |name: &String| Key { namespace: namespace.clone(), name: name.clone() };
    let jobs = &context.known.jobs;
    if batch.spec.jobs.iter().any(|job| jobs.is_unreadable(&of(&job.name), &job.uid)) {
        return Ok(());
    }
    let was_refused = refused(batch).next().is_some();
    if was_refused && Accounts::watched(&context.known, &namespace).namespace().must_keep(batch) {
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

/// Deletes an object by name. Only for names that belong to the batch alone.
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

/// Deletes an object by name, but only if it is the batch itself or is owned by the batch.
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
