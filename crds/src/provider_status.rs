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
    /// When the portal's clock was measured. A difference that holds logins back is measured again after five minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_measured_at: Option<Time>,
    /// Value of the annotation `fno.dev/resume` that was last read. The same value never counts twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
    /// Value of the annotation `fno.dev/flush` that was last acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub flushed: Option<String>,
    /// Conditions `Ready`, `Reconciling` and `Stalled`.
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// The end of the last step never goes back. Steps are compared by the instant they end at, because an edit of the period changes
/// what they count. `rebasedFrom` is the one exception, and each value of it works once.
const LAST_STEP_RULE: &str = "!has(oldSelf.lastStep) || (has(self.lastStep) && (\
    (has(oldSelf.lastStepPeriodSeconds) && has(self.lastStepPeriodSeconds) \
        ? (self.lastStep + 1) * self.lastStepPeriodSeconds >= (oldSelf.lastStep + 1) * oldSelf.lastStepPeriodSeconds \
        : self.lastStep >= oldSelf.lastStep) \
    || (has(self.rebasedFrom) && self.rebasedFrom == oldSelf.lastStep \
        && !(has(oldSelf.rebasedFrom) && oldSelf.rebasedFrom == self.rebasedFrom))))";

/// State of one account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(LAST_STEP_RULE).message("lastStep never goes back in time, unless rebasedFrom names the value it replaces: a used code would be minted again"))]
pub struct AccountStatus {
    /// Name of the account in `spec.accounts`.
    #[schemars(length(min = 1, max = 40))]
    pub name: String,
    /// The last TOTP time step a code was minted for (`floor(unix time / lastStepPeriodSeconds)`). The instant at which that step
    /// ends never goes back, so that no code is used twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 253_402_300_799_i64))]
    pub last_step: Option<i64>,
    /// The period, in seconds, in which `lastStep` counts. Absent: the account's current `totp.periodSeconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 300))]
    pub last_step_period_seconds: Option<i32>,
    /// The `lastStep` that the current one replaced although it lay further in the future. It had been recorded by a clock that was
    /// ahead. Absent after the next code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 253_402_300_799_i64))]
    pub rebased_from: Option<i64>,
    /// The last accepted `fno.dev/resume` time that was applied to this account, from this provider or another one that names the
    /// same account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<Time>,
    /// Stops logins after refused credentials, and for a while after logins that ended without a verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<AccountBreaker>,
    /// Logins (`batch/n`) that may type the account's credentials and whose end is not counted yet. A login is entered here before its
    /// batch learns of the permission, so two operators cannot both grant the last one that may fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(max = 80)), extend("x-kubernetes-list-type" = "set"))]
    pub logins: Vec<String>,
    /// Number of running batches that use this account.
    #[serde(default)]
    pub active_batches: i32,
}

/// What became of the annotation `fno.dev/resume`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resume {
    /// The annotation's value.
    #[schemars(length(max = 100))]
    pub value: String,
    /// The time it names. Absent if the value is ignored, now and later, because it is not a time or was in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<Time>,
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

/// Counts the logins of an account that were refused or ended without a verdict, across restarts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountBreaker {
    /// `Closed`, `Open`, or `HalfOpen`, which lets one login try.
    #[serde(default)]
    pub state: BreakerState,
    /// Logins in a row that were refused or ended without a verdict. A login that failed in a step of the flow is not counted here
    /// but by the flow breaker.
    #[serde(default)]
    pub failures: i32,
    /// Whether the portal refused a password or a code in one of these logins. Such a breaker does not close by time.
    #[serde(default)]
    pub refused: bool,
    /// How often the operator allowed one more login after the breaker had opened, since the portal last accepted one: because
    /// `openUntil` passed, the Secret changed, or a person resumed the provider. Only the first such login can come by time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub trials: i32,
    /// Machine-readable reason why it opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What the portal, or the runner, said about the last counted login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub message: Option<String>,
    /// When it opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Time>,
    /// When it lets one login try. Absent where only other credentials or a person close it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_until: Option<Time>,
    /// Keyed digest of the credentials that were typed in the last counted login. The breaker closes when the account's Secret holds
    /// other values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub credentials_version: Option<String>,
    /// How often the portal refused which credentials, since it last took them or a person resumed the provider. A Secret that is set
    /// back to refused values stays refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["credentialsVersion"]))]
    pub refusals: Vec<Refusals>,
    /// The logins counted last (`batch/n`, newest first), so that each is counted once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(max = 80)), extend("x-kubernetes-list-type" = "set"))]
    pub counted: Vec<String>,
}

/// How often the portal refused one set of credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refusals {
    /// Keyed digest of the credentials.
    #[schemars(length(min = 1, max = 128))]
    pub credentials_version: String,
    /// How often.
    pub count: i32,
}

/// Jobs in a row that failed in the same flow step. `limits.flowFailuresToOpen` of them open the flow breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepFailures {
    /// Name of the flow step.
    #[schemars(length(max = 200))]
    pub step: String,
    /// How the step failed: `StepFailed` or `Timeout`.
    pub reason: Reason,
    /// Digest of the flows that failed. Changing the flows restarts the count.
    #[schemars(length(max = 128))]
    pub flows_digest: String,
    /// UIDs of the jobs. A job that failed in several tries is listed once.
    #[schemars(length(max = 20), inner(length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub jobs: Vec<String>,
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
    /// Logins in a row, over all accounts, that failed in a step of the login flow without a refused credential.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub login_failures: i32,
    /// The last jobs, over all batches, that failed in a row in the same flow step. Absent after an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_failures: Option<StepFailures>,
    /// What the flow step that failed last says, for example which columns a table has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub message: Option<String>,
    /// URI of the folder with the picture of the flow step that failed.
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
    /// The batches counted last (newest first), so that each is counted once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub counted: Vec<String>,
}

const fn is_zero(number: &i32) -> bool {
    *number == 0
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
