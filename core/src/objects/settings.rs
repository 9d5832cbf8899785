//! The part of the operator's settings about runner Pods and the evidence store.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Affinity, LocalObjectReference, ResourceRequirements, Toleration},
    apimachinery::pkg::api::resource::Quantity,
};
use serde::Deserialize;

/// How runner Pods are built where the provider does not say otherwise.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunnerSettings {
    /// Image of the container `runner`.
    pub image: String,
    /// Image of the sidecar `browser`.
    pub browser_image: String,
    /// Pull policy of both images: `Always`, `IfNotPresent` or `Never`.
    #[serde(default = "if_not_present")]
    pub image_pull_policy: String,
    /// Secrets to pull the images with.
    #[serde(default)]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Requests and limits of the runner.
    #[serde(default = "runner_resources")]
    pub resources: ResourceRequirements,
    /// Requests and limits of the browser.
    #[serde(default = "browser_resources")]
    pub browser_resources: ResourceRequirements,
    /// Nodes the Pods may run on.
    #[serde(default)]
    pub node_selector: BTreeMap<String, String>,
    /// Taints the Pods tolerate.
    #[serde(default)]
    pub tolerations: Vec<Toleration>,
    /// Affinity rules of the Pods.
    #[serde(default)]
    pub affinity: Option<Affinity>,
    /// Additional labels of the Pods.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the Pods.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// PriorityClass of the Pods.
    #[serde(default)]
    pub priority_class_name: Option<String>,
    /// RuntimeClass of the Pods.
    #[serde(default)]
    pub runtime_class_name: Option<String>,
    /// Additional environment variables of the container `runner`. The operator's own take precedence.
    #[serde(default)]
    pub extra_env: Vec<EnvironmentVariable>,
    /// Additional environment variables of the container `browser`. The operator's own take precedence.
    #[serde(default)]
    pub browser_extra_env: Vec<EnvironmentVariable>,
    /// Group that owns the volumes (`fsGroup`), so that any user ID can write to them. Null if the platform chooses it (OpenShift).
    #[serde(default = "any_group")]
    pub fs_group: Option<i64>,
    /// User ID of both containers. Null for that of the image or the platform.
    #[serde(default)]
    pub run_as_user: Option<i64>,
    /// Size of the browser's shared memory, which counts towards its memory limit. With the container default of 64 MiB, Firefox crashes.
    #[serde(default = "shm_size")]
    pub shm_size: Quantity,
    /// Size of each container's temporary folder.
    #[serde(default = "tmp_size")]
    pub tmp_size: Quantity,
    /// HTTP proxy of the browser, `host:port`.
    #[serde(default)]
    pub proxy: Option<String>,
}

/// An environment variable with a plain value. References to Secrets are not supported: environments are inherited by child processes and
/// appear in dumps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvironmentVariable {
    /// Name of the variable.
    pub name: String,
    /// Value of the variable.
    pub value: String,
}

/// Where evidence is stored.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EvidenceSettings {
    /// `file:///path` (a volume) or `s3://bucket/prefix`.
    #[serde(default = "evidence_url")]
    pub url: String,
    /// The volume that is used with a `file:` URL.
    #[serde(default)]
    pub claim: EvidenceClaim,
    /// The object store that is used with an `s3:` URL.
    #[serde(default)]
    pub s3: EvidenceS3,
}

/// The volume that the runners of a namespace share.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EvidenceClaim {
    /// Name of the PersistentVolumeClaim.
    pub name: String,
    /// Requested size.
    pub size: Quantity,
    /// Name of the StorageClass; null for the cluster's default.
    pub storage_class_name: Option<String>,
    /// Access modes; `ReadWriteMany` if runners run on several nodes.
    pub access_modes: Vec<String>,
}

/// An S3-compatible object store.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EvidenceS3 {
    /// URL of the store; null for AWS.
    pub endpoint: Option<String>,
    /// Region of the bucket; null for the client's default.
    pub region: Option<String>,
    /// Folder in which the operator finds `access_key_id` and `secret_access_key`.
    pub credentials_dir: String,
    /// Name of the Secret with the same keys in every namespace with jobs, mounted into the runners there. Its credentials must reach only
    /// the evidence of that namespace.
    pub runner_secret: String,
}

impl EvidenceSettings {
    /// The folder of a `file:` URL. None for an object store.
    #[must_use]
    pub fn folder(&self) -> Option<&str> {
        self.url.strip_prefix("file://")
    }
}

impl Default for EvidenceSettings {
    fn default() -> Self {
        Self { url: evidence_url(), claim: EvidenceClaim::default(), s3: EvidenceS3::default() }
    }
}

impl Default for EvidenceClaim {
    fn default() -> Self {
        Self {
            name: "fno-evidence".to_owned(),
            size: Quantity("5Gi".to_owned()),
            storage_class_name: None,
            access_modes: vec!["ReadWriteOnce".to_owned()],
        }
    }
}

impl Default for EvidenceS3 {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: None,
            credentials_dir: "/var/run/fno/evidence-s3".to_owned(),
            runner_secret: "fno-evidence-s3-runner".to_owned(),
        }
    }
}

fn evidence_url() -> String {
    format!("file://{}", fno_crds::names::PATH_EVIDENCE)
}
fn if_not_present() -> String {
    "IfNotPresent".to_owned()
}
const fn any_group() -> Option<i64> {
    Some(65_532)
}
fn shm_size() -> Quantity {
    Quantity("256Mi".to_owned())
}
fn tmp_size() -> Quantity {
    Quantity("1Gi".to_owned())
}
fn quantities(values: &[(&str, &str)]) -> Option<BTreeMap<String, Quantity>> {
    Some(
        values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Quantity((*value).to_owned())))
            .collect(),
    )
}
fn runner_resources() -> ResourceRequirements {
    ResourceRequirements {
        requests: quantities(&[("cpu", "50m"), ("memory", "64Mi")]),
        ..ResourceRequirements::default()
    }
}
fn browser_resources() -> ResourceRequirements {
    ResourceRequirements {
        requests: quantities(&[("cpu", "250m"), ("memory", "512Mi")]),
        limits: quantities(&[("memory", "1Gi")]),
        ..ResourceRequirements::default()
    }
}
