//! What the operator knows about a portal. Outlives restarts: breakers and the last used step live here.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{job::Action, reason::Reason};

/// What the operator knows about a portal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FnoProviderStatus {
    /// The generation this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// One entry per account.
    #[schemars(length(max = 40), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub accounts: Vec<AccountStatus>,
    /// Opens when the portal looks different, or is away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_breaker: Option<FlowBreaker>,
    /// Measured seconds per job, a moving average, per action.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    pub job_seconds: Vec<JobSeconds>,
    /// Measured seconds from the start of a runner Pod to being logged in, without waiting for a code's step; a moving average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_seconds: Option<f64>,
    /// Jobs that wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// Batches at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_batches: Option<i32>,
    /// The portal's clock minus ours, in seconds, read off its `Date` header (so known to about a second).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_offset: Option<f64>,
    /// The `fno.dev/flush` value that was last acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub flushed: Option<String>,
    /// `Ready`, `Reconciling`, `Stalled`.
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// One account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(oldSelf.lastStep) || (has(self.lastStep) && self.lastStep >= oldSelf.lastStep)").message("lastStep never goes back: a used code would be minted again"))]
pub struct AccountStatus {
    /// The account's name in `spec.accounts`.
    #[schemars(length(min = 1, max = 40))]
    pub name: String,
    /// The last TOTP time step a code was minted for (`floor(unix time / period)`). Never goes back: guard 1 against using a code twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_step: Option<i64>,
    /// Opens after refused logins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<AccountBreaker>,
    /// Batches at work with this account.
    #[serde(default)]
    pub active_batches: i32,
}

/// States of a breaker.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::Display,
)]
pub enum BreakerState {
    /// Work goes on.
    #[default]
    Closed,
    /// No login, no new batch.
    Open,
    /// One try decides.
    HalfOpen,
}

/// Counts refused logins of an account, across restarts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountBreaker {
    /// Open or not.
    #[serde(default)]
    pub state: BreakerState,
    /// Logins that failed in a row.
    #[serde(default)]
    pub failures: i32,
    /// Whether one of them was refused by the portal (wrong password or code): then time alone never closes it.
    #[serde(default)]
    pub refused: bool,
    /// Why it opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When it opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Time>,
    /// When it lets one login try; absent where only a person or a new Secret closes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_until: Option<Time>,
    /// Fingerprint of the credentials that failed: another one closes the breaker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub credentials_version: Option<String>,
    /// The failures counted last (`batch/n`, newest first, separated by spaces), so that each is counted once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 300))]
    pub counted: Option<String>,
}

/// Opens when a flow no longer fits the portal, or the portal is away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowBreaker {
    /// Open or not; half open lets one job through as a canary.
    #[serde(default)]
    pub state: BreakerState,
    /// `PortalChanged` or `PortalUnavailable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub step: Option<String>,
    /// Where its picture lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub evidence: Option<String>,
    /// Digest of the flows that failed: other flows close the breaker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub flows_digest: Option<String>,
    /// When it opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Time>,
    /// When the portal is probed again (`PortalUnavailable` only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_until: Option<Time>,
    /// The batches counted last (newest first, separated by spaces), so that each is counted once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub counted: Option<String>,
}

/// Measured time per job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobSeconds {
    /// Of which action.
    pub action: Action,
    /// Moving average in seconds.
    pub mean: f64,
}

/// Jobs that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// How many.
    #[serde(default)]
    pub count: i32,
    /// How many for which reason.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 60))]
    pub by_reason: BTreeMap<String, i32>,
}
