//! FnoBatch: jobs of one provider and account, in one portal session.

mod run;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

pub use self::run::{FlowDrift, JobResult, LoginState, Run, RunEnd, RunLogin};
use crate::{Duration, job::Evidence};

/// Jobs of one provider and account that share one portal session. Created by the operator only; deleting a live one aborts it.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "fno.dev",
    version = "v1alpha1",
    kind = "FnoBatch",
    plural = "fnobatches",
    shortname = "fb",
    category = "fno",
    namespaced,
    cel,
    derive = "PartialEq",
    status = "FnoBatchStatus",
    doc = "Jobs of one provider and account that share one portal session. Created by the operator.",
    selectable = ".spec.provider",
    selectable = ".status.phase",
    printcolumn(name = "Provider", type_ = "string", json_path = ".spec.provider"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Progress", type_ = "string", json_path = ".status.progress"),
    printcolumn(name = "Failed", type_ = "integer", json_path = ".status.jobsFailed"),
    printcolumn(name = "Logins", type_ = "integer", json_path = ".status.logins"),
    printcolumn(name = "Worker", type_ = "string", json_path = ".status.worker"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.account", priority = 1),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason", priority = 1),
    printcolumn(name = "Started", type_ = "date", json_path = ".status.startedAt", priority = 1),
    printcolumn(name = "Finished", type_ = "date", json_path = ".status.finishedAt", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.provider == oldSelf.provider && self.account == oldSelf.account && self.providerGeneration == oldSelf.providerGeneration && self.flowsDigest == oldSelf.flowsDigest && self.jobs == oldSelf.jobs && self.ttlSecondsAfterFinished == oldSelf.ttlSecondsAfterFinished && has(self.limits) == has(oldSelf.limits) && (!has(self.limits) || self.limits == oldSelf.limits)").message("a batch is immutable except stop"),
    validation = Rule::new("oldSelf.stop == 'None' || self.stop == 'Abort' || self.stop == oldSelf.stop").message("stop goes one way: None, Drain, Abort").field_path(".stop"),
)]
pub struct FnoBatchSpec {
    /// Name of the FnoProvider in the batch's namespace.
    #[schemars(length(min = 1, max = 40))]
    pub provider: String,
    /// Name of the account in the provider's `spec.accounts`.
    #[schemars(length(min = 1, max = 40))]
    pub account: String,
    /// `metadata.generation` of the provider whose flows and limits apply to this batch.
    pub provider_generation: i64,
    /// SHA-256, in hexadecimal, of the provider's flows that this batch uses.
    #[schemars(length(max = 64))]
    pub flows_digest: String,
    /// The provider's limits for a running batch, as they were when the batch was created. A later edit of the provider does not change
    /// them. Absent on batches of an older version, which follow the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<PinnedLimits>,
    /// Jobs invited into the batch, in the order of work. A job belongs to the batch only once its own status names the batch.
    #[schemars(length(min = 1, max = 200))]
    pub jobs: Vec<JobReference>,
    /// Stops the batch early: `None`, `Drain` (finish the current job, hand back the rest) or `Abort` (end now). Only in this order.
    /// Default `None`.
    #[serde(default)]
    pub stop: Stop,
    /// Seconds after its end until the batch is deleted. Default 86400 (24 hours). A batch whose login the portal refused is kept until
    /// the portal has accepted the credentials of its account.
    #[serde(default = "one_day")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub ttl_seconds_after_finished: i32,
}

const fn one_day() -> i32 {
    86_400
}

/// Limits that a batch keeps from its creation to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PinnedLimits {
    /// `spec.session.maxLogins` of the provider: the largest number of logins of this batch.
    #[schemars(range(min = 1, max = 10))]
    pub max_logins: i32,
    /// `spec.limits.loginFailuresToOpen` of the provider: the number of refused logins that open the account's breaker. A stricter
    /// limit that the provider gets later holds for this batch, too.
    #[schemars(range(min = 1, max = 10))]
    pub login_failures_to_open: i32,
    /// `spec.session.maxLifetime` of the provider: how long the portal may keep this batch's session.
    pub max_lifetime: Duration,
}

/// One job of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobReference {
    /// Name of the FnoJob.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// UID of the FnoJob. A job that was deleted and created again under the same name is another job.
    #[schemars(length(min = 1, max = 63))]
    pub uid: String,
}

/// How a batch is stopped early.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    Display,
    EnumString,
)]
pub enum Stop {
    /// The batch is not stopped.
    #[default]
    None,
    /// Finish the current job, log out, and hand back the rest.
    Drain,
    /// End now. A job whose irreversible step was armed gets an unknown outcome.
    Abort,
}

/// Where a batch stands.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
)]
pub enum BatchPhase {
    /// Jobs are being claimed.
    #[default]
    Created,
    /// The runner Pod exists.
    Assigned,
    /// The runner is logged in and works on jobs.
    InProgress,
    /// The session ended in order and every job is settled for this try.
    Completed,
    /// The session ended early. Untouched jobs are Pending again.
    Failed,
}

impl BatchPhase {
    /// Whether the batch has ended.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// State of a batch. The operator writes everything except `run`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(oldSelf.phase) && oldSelf.phase in ['Completed','Failed']) || (has(self.phase) && self.phase == oldSelf.phase)").message("a finished batch does not change its phase"),
)]
pub struct FnoBatchStatus {
    // Kept beside the conditions because it is more than a summary of them: it is the fence. Arming and every end are
    // compare-and-set on it, a rule of this schema keeps it final, and it is a selectable field.
    /// Where the batch stands. Absent means `Created`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<BatchPhase>,
    /// Machine-readable reason for the phase, or what the batch waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<crate::Reason>,
    /// Human-readable explanation of `reason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub message: Option<String>,
    /// Name of the runner Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub worker: Option<String>,
    /// UID of the runner Pod, recorded when the Pod was created. `run` can be written only with a token of this Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub pod_uid: Option<String>,
    /// Number of the Pod, from 1. A Pod that never ran its runner container is replaced by the next attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i32>,
    /// Settled jobs and all jobs of the batch, for example `25/50`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub progress: Option<String>,
    /// Number of jobs that the batch claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_total: Option<i32>,
    /// Number of jobs that the portal answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_completed: Option<i32>,
    /// Number of jobs whose try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_failed: Option<i32>,
    /// Number of jobs with an unknown outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_unknown: Option<i32>,
    /// Number of logins that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logins: Option<i32>,
    /// Permissions to log in, one entry per login that the runner asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["login"]))]
    pub grants: Vec<Grant>,
    /// UIDs of jobs that were withdrawn while in the batch. The runner skips them unless they have started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), inner(length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub withdrawn: Vec<String>,
    /// Whether cancellations are held: the runner arms no irreversible step while this is true.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancellations_held: bool,
    /// What the runner reports. Written by the runner of this batch only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// UIDs of the invited jobs that the batch claimed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), inner(length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub claimed: Vec<String>,
    /// Where the runner's log is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Keyed digest of the credentials that this batch types: they are pinned when its first Pod is created. They cannot be found
    /// out from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub credentials_version: Option<String>,
    /// When the current Pod was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_at: Option<Time>,
    /// When the first login succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When the batch ended. `spec.ttlSecondsAfterFinished` counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Conditions `PodReady`, `LoggedIn` and `Succeeded`.
    #[serde(default)]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The `metadata.generation` that this status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Permission to log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Number of the login in this batch, from 1.
    pub login: i32,
    /// How far the login is.
    pub state: GrantState,
    /// TOTP time step that was used up for this login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<i64>,
    /// The period, in seconds, in which `step` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_period_seconds: Option<i32>,
    /// Name of the Secret with the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub secret: Option<String>,
    /// When permission was given. The login's deadline counts from here, because before it only waited for its turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<MicroTime>,
    /// How the login ended. A provider that was deleted and created again learns from it what the portal refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<LoginResult>,
    /// When the operator counted the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<MicroTime>,
}

/// How a login ended, as the operator counted it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    Display,
    EnumIter,
    IntoStaticStr,
)]
pub enum LoginResult {
    /// The portal took the credentials.
    LoggedIn,
    /// The portal refused the password or the code.
    Rejected,
    /// A step of the login flow failed, or the portal was unavailable.
    Failed,
    /// Nobody reported how it ended, or it was cut short: a credential may have been refused.
    Unclear,
    /// Ended before the portal could judge: the operator withheld the code.
    NotJudged,
}

/// How far a login is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Display)]
pub enum GrantState {
    /// Granted: user name and password may be typed.
    Granted,
    /// The code is in the Secret.
    CodeReady,
    /// The login ended, successfully or not, and the Secret is deleted.
    Done,
    /// Refused: the batch has to end.
    Refused,
}

impl FnoBatch {
    /// The phase. A batch without a status is Created.
    #[must_use]
    pub fn phase(&self) -> BatchPhase {
        self.status.as_ref().and_then(|s| s.phase).unwrap_or_default()
    }
}
