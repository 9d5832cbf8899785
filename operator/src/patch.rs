//! The patches of `fno-cluster` with the operator's field manager.

use fno_crds::names::MANAGER;
use kube::{Api, Resource, api::PatchParams};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Writes a status by compare-and-set, as [`fno_cluster::patch::write_status`].
///
/// # Errors
/// Any error of the API server.
pub async fn write_status<K>(api: &Api<K>, name: &str, patch: &Value) -> kube::Result<K>
where
    K: Resource + Clone + DeserializeOwned,
{
    fno_cluster::patch::write_status(api, name, patch, MANAGER).await
}

/// The parameters of the operator's patches.
#[must_use]
pub fn parameters() -> PatchParams {
    fno_cluster::patch::parameters(MANAGER)
}
