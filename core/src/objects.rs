//! The Pod, Secrets and roles of a batch, as plain values. Nothing here talks to a cluster; every object is owned by its batch.

mod access;
mod evidence_claim;
mod evidence_keys;
mod images;
mod pod;
mod secrets;
mod settings;

pub use access::{Access, access};
pub use evidence_claim::evidence_claim;
pub use evidence_keys::{KEY_ACCESS_ID, KEY_ACCESS_SECRET, KeysInUse, evidence_key};
pub use images::images_replaced;
pub use pod::{PATH_CA, PATH_EVIDENCE_S3, PodInput, pod};
pub use secrets::{pinned_version, totp_secret, work_secret};
pub use settings::{
    EnvironmentVariable, EvidenceClaim, EvidenceS3, EvidenceSettings, RunnerSettings,
};

use std::collections::BTreeMap;

use fno_crds::{FnoBatch, GROUP, VERSION, names};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

/// The owner reference by which an object is deleted with its batch. It does not set `blockOwnerDeletion`: clusters that check that
/// (OpenShift) demand permission for `fnobatches/finalizers`, and nothing here needs it.
#[must_use]
pub fn owner(batch: &FnoBatch) -> OwnerReference {
    OwnerReference {
        api_version: format!("{GROUP}/{VERSION}"),
        kind: "FnoBatch".to_owned(),
        name: batch.metadata.name.clone().unwrap_or_default(),
        uid: batch.metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

/// Name of the batch's current Pod: the one of its latest attempt, or of the first attempt if there was none yet.
#[must_use]
pub fn current_pod(batch: &FnoBatch) -> String {
    let attempt = batch.status.as_ref().and_then(|status| status.attempt).unwrap_or(1);
    names::pod(batch.metadata.name.as_deref().unwrap_or_default(), attempt)
}

/// Whether `meta` belongs to this batch, by UID, and not to an earlier one of the same name.
#[must_use]
pub fn is_owned(meta: &ObjectMeta, batch: &FnoBatch) -> bool {
    meta.owner_references
        .iter()
        .flatten()
        .any(|owner| owner.kind == "FnoBatch" && Some(&owner.uid) == batch.metadata.uid.as_ref())
}

fn labels(batch: &FnoBatch) -> BTreeMap<String, String> {
    [
        (names::LABEL_MANAGED_BY, names::MANAGER),
        (names::LABEL_PROVIDER, batch.spec.provider.as_str()),
        (names::LABEL_ACCOUNT, batch.spec.account.as_str()),
        (names::LABEL_BATCH, batch.metadata.name.as_deref().unwrap_or_default()),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

fn metadata(batch: &FnoBatch, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: batch.metadata.namespace.clone(),
        labels: Some(labels(batch)),
        owner_references: Some(vec![owner(batch)]),
        ..ObjectMeta::default()
    }
}
