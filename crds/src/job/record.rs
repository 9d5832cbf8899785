//! What is recorded of a try: the irreversible step that was armed, and where its evidence is.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where pictures and timeline are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// URI of the folder in the evidence store. For a batch: URI of the file `runner.log`.
    #[schemars(length(max = 2000))]
    pub uri: String,
    /// SHA-256 of `manifest.json`, which holds the digest of every other file. For a batch: SHA-256 of `runner.log`.
    #[schemars(length(max = 64))]
    pub sha256: String,
    /// Number of files.
    #[serde(default)]
    pub files: i32,
}

/// The irreversible step that was armed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Name of the FnoJob.
    #[schemars(length(max = 253))]
    pub job: String,
    /// Name of the flow's commit step.
    #[schemars(length(max = 200))]
    pub step: String,
    /// Number of the try, from 1.
    pub attempt: i32,
    /// UID of the runner Pod that armed the step.
    #[schemars(length(max = 63))]
    pub pod_uid: String,
    /// When the step was armed.
    pub at: Time,
    /// SHA-256, in hexadecimal, of what the page showed before the step.
    #[schemars(length(max = 64))]
    pub evidence_sha256: String,
}
