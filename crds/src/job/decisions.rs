//! What people decide about a job: that it may go, and how an unknown outcome ended.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who approved a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRecord {
    /// User name of the approver. The API server requires it to be the user who writes it.
    #[schemars(length(min = 1, max = 256))]
    pub by: String,
    /// When the job was approved.
    pub at: Time,
}

/// What a person decided about an unknown outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    /// What that person found: the cancellation is in force, is not in force, or will not be looked into further.
    pub decision: Decision,
    /// User name of the person. The API server requires it to be the user who writes it.
    #[schemars(length(min = 1, max = 256))]
    pub by: String,
    /// When the decision was made.
    pub at: Time,
    /// Free text: how that person knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub note: Option<String>,
}

/// What a person found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Decision {
    /// The cancellation is in force.
    ConfirmedDone,
    /// The cancellation is not in force. The circuit may be cancelled by a new job.
    ConfirmedNotDone,
    /// The question stays open for good. The circuit stays claimed.
    Abandoned,
}
