//! Creates the objects of a batch, which are never changed. An object that an earlier reconcile created is used as it is.

use std::{fmt::Debug, time::Duration};

use fno_core::objects::is_owned;
use fno_crds::{FnoBatch, names};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{core::v1::PersistentVolumeClaim, rbac::v1::RoleBinding},
};
use kube::{Api, Client, Resource, ResourceExt as _, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Error, Result};

/// Creates an object of the batch and returns it as stored. An existing one is returned if it belongs to this batch: an earlier reconcile
/// has created it.
pub(super) async fn create<K>(client: &Client, batch: &FnoBatch, object: &K) -> Result<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
{
    let (name, namespace) = (object.name_any(), batch.namespace().unwrap_or_default());
    let api: Api<K> = Api::namespaced(client.clone(), &namespace);
    match api
        .create(
            &PostParams { field_manager: Some(names::MANAGER.to_owned()), ..PostParams::default() },
            object,
        )
        .await
    {
        Ok(created) => Ok(created),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            match api.get_opt(&name).await? {
                Some(found)
                    if is_owned(found.meta(), batch)
                        && found.meta().deletion_timestamp.is_none() =>
                {
                    Ok(found)
                }
                Some(_) => Err(Error::Taken(format!(
                    "{} {name} exists already and does not belong to this batch, or is being deleted.",
                    K::kind(&())
                ))),
                None => Err(Error::Taken(format!("{} {name} was deleted just now.", K::kind(&())))),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Creates the RoleBinding. The API server checks that the operator may grant what the Role grants, and looks the Role up in a cache that
/// lags some milliseconds behind its creation: until then it answers that the Role does not exist.
pub(super) async fn bind(client: &Client, batch: &FnoBatch, binding: &RoleBinding) -> Result<()> {
    let mut pauses = [20, 50, 100, 200, 400, 800].into_iter().map(Duration::from_millis);
    loop {
        match create(client, batch, binding).await {
            Err(Error::Api(kube::Error::Api(status))) if status.is_not_found() => {
                match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(kube::Error::Api(status).into()),
                }
            }
            other => return other.map(drop),
        }
    }
}

/// Creates the PersistentVolumeClaim for a namespace's evidence unless it exists.
pub(super) async fn ensure_volume(
    client: &Client,
    namespace: &str,
    claim: &PersistentVolumeClaim,
) -> Result<()> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    if api.get_opt(&claim.name_any()).await?.is_some() {
        return Ok(());
    }
    match api
        .create(
            &PostParams { field_manager: Some(names::MANAGER.to_owned()), ..PostParams::default() },
            claim,
        )
        .await
    {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}
