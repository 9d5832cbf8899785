//! What the operator knows about a portal. Breakers and the last used time step are stored here, so they survive restarts.
//!
//! Statuses hold no floating-point numbers: their text differs between languages, and equal values would look changed.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{job::Action, reason::Reason};

/// State of a provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FnoProviderStatus {
    /// The `metadata.generation` that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// One entry per account, also of accounts that are no longer in `spec.accounts`: their last time step is still used up.
    #[schemars(length(max = 40), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub accounts: Vec<AccountStatus>,
    /// Breaker that opens when a flow no longer fits the portal or the portal is unavailable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_breaker: Option<FlowBreaker>,
    /// Measured time per job, one moving average per action.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["action"]))]
    pub job_milliseconds: Vec<JobMilliseconds>,
    /// Moving average of the milliseconds from the start of a runner Pod to being logged in, without the time spent waiting for
    /// permission and for a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_milliseconds: Option<i64>,
    /// Jobs of this provider that wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// Number of batches that are running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_batches: Option<i32>,
    /// The portal's clock minus the cluster's, in milliseconds. Read from the portal's `Date` header, so exact to about a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_offset_milliseconds: Option<i64>,
    /// Value of the annotation `fno.dev/flush` that was last acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub flushed: Option<String>,
    /// Conditions `Ready`, `Reconciling` and `Stalled`.
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// State of one account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(oldSelf.lastStep) || (has(self.lastStep) && self.lastStep >= oldSelf.lastStep)").message("lastStep never goes back: a used code would be minted again"))]
pub struct AccountStatus {
    /// Name of the account in `spec.accounts`.
    #[schemars(length(min = 1, max = 40))]
    pub name: String,
    /// Last TOTP time step (Unix time divided by `periodSeconds`) that a code was minted for. It never decreases, so that no code is
    /// minted twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_step: Option<i64>,
    /// Breaker that opens after refused logins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<AccountBreaker>,
    /// Number of running batches that use this account.
    #[serde(default)]
    pub active_batches: i32,
}

/// States of a breaker.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::Display,
)]
pub enum BreakerState {
    /// Closed: work continues.
    #[default]
    Closed,
    /// Open: no login and no new batch.
    Open,
    /// Half open: one try decides whether it closes.
    HalfOpen,
}

/// Breaker of an account. Counts refused logins, across restarts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountBreaker {
    /// `Closed`, `Open`, or `HalfOpen`, which lets one login try.
    #[serde(default)]
    pub state: BreakerState,
    /// Number of logins that failed in a row.
    #[serde(default)]
    pub failures: i32,
    /// Whether the portal refused a password or a code in one of these logins. Such a breaker does not close by time.
    #[serde(default)]
    pub refused: bool,
    /// Machine-readable reason why it opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When the breaker opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Time>,
    /// When it lets one login try. Absent if only a person or a changed Secret closes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_until: Option<Time>,
    /// Fingerprint of the credentials that failed. The breaker closes when the Secret has another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub credentials_version: Option<String>,
    /// The failed logins counted last, as `batch/login`, so that each is counted once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(max = 80)), extend("x-kubernetes-list-type" = "set"))]
    pub counted: Vec<String>,
}

/// Breaker that opens when a flow no longer fits the portal or the portal is unavailable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowBreaker {
    /// `Closed`, `Open`, or `HalfOpen`, which lets one job through as a canary.
    #[serde(default)]
    pub state: BreakerState,
    /// Why it opened: `PortalChanged` or `PortalUnavailable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Name of the flow step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub step: Option<String>,
    /// URI of the folder with the picture of that step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub evidence: Option<String>,
    /// Digest of the flows that failed. Changed flows half open the breaker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub flows_digest: Option<String>,
    /// When the breaker opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Time>,
    /// When the portal is probed again. Only of a portal that is unavailable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_until: Option<Time>,
    /// Names of the batches counted last, so that each is counted once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub counted: Vec<String>,
}

/// Measured time per job of one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobMilliseconds {
    /// The action.
    pub action: Action,
    /// Moving average, in milliseconds.
    pub mean: i64,
}

/// Jobs of a provider that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// Number of jobs that wait.
    #[serde(default)]
    pub count: i32,
    /// Number of jobs that wait, by reason.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 60))]
    pub by_reason: BTreeMap<String, i32>,
}
