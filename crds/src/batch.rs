//! FnoBatch: jobs of one provider and account, in one portal session.

mod run;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

pub use self::run::{FlowDrift, JobResult, LoginState, Run, RunEnd, RunLogin};
use crate::job::Evidence;

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
    validation = Rule::new("self.provider == oldSelf.provider && self.account == oldSelf.account && self.providerGeneration == oldSelf.providerGeneration && self.flowsDigest == oldSelf.flowsDigest && self.jobs == oldSelf.jobs && self.ttlSecondsAfterFinished == oldSelf.ttlSecondsAfterFinished").message("a batch is immutable except stop"),
    validation = Rule::new("oldSelf.stop == 'None' || self.stop == 'Abort' || self.stop == oldSelf.stop").message("stop goes one way: None, Drain, Abort").field_path(".stop"),
)]
pub struct FnoBatchSpec {
    /// Name of the FnoProvider.
    #[schemars(length(min = 1, max = 40))]
    pub provider: String,
    /// Name of the account in the provider's list.
    #[schemars(length(min = 1, max = 40))]
    pub account: String,
    /// The provider's generation whose flows and limits hold for this batch.
    pub provider_generation: i64,
    /// SHA-256 of those flows.
    #[schemars(length(max = 64))]
    pub flows_digest: String,
    /// The jobs invited, in order. A job is in the batch only once its own status names the batch.
    #[schemars(length(min = 1, max = 200))]
    pub jobs: Vec<JobReference>,
    /// Stop early.
    #[serde(default)]
    pub stop: Stop,
    /// Seconds a finished batch is kept before it is deleted.
    #[serde(default = "one_day")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub ttl_seconds_after_finished: i32,
}

const fn one_day() -> i32 {
    86_400
}

/// One job of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobReference {
    /// Name of the FnoJob.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its UID: a job deleted and created anew under the same name is another job.
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
    /// It is not.
    #[default]
    None,
    /// Finish the job at hand, log out, hand the rest back.
    Drain,
    /// End now; what is armed becomes an unknown outcome.
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
    /// Logged in, at work.
    InProgress,
    /// The session ended in order and every job is settled for this try.
    Completed,
    /// It ended early; untouched jobs are Pending again.
    Failed,
}

impl BatchPhase {
    /// Whether nothing more happens.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// What is known about a batch. All but `run` is written by the operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(oldSelf.phase) && oldSelf.phase in ['Completed','Failed']) || (has(self.phase) && self.phase == oldSelf.phase)").message("a finished batch does not change its phase"),
)]
pub struct FnoBatchStatus {
    /// Where the batch stands. Absent is Created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<BatchPhase>,
    /// Why it stands there, or what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<crate::Reason>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub message: Option<String>,
    /// Name of the runner Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub worker: Option<String>,
    /// Number of the Pod, from 1. A Pod that never ran its main container is replaced by the next attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i32>,
    /// Settled jobs of all, `25/50`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub progress: Option<String>,
    /// Jobs claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_total: Option<i32>,
    /// Jobs with an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_completed: Option<i32>,
    /// Tries that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_failed: Option<i32>,
    /// Jobs with an unknown outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_unknown: Option<i32>,
    /// Logins that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logins: Option<i32>,
    /// Leave to log in, one entry per login the runner asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["login"]))]
    pub grants: Vec<Grant>,
    /// UIDs of jobs withdrawn while in the batch: the runner leaves them out unless it has begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), inner(length(max = 63)))]
    pub withdrawn: Vec<String>,
    /// The kill switch reached this batch: nothing more is armed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancellations_held: bool,
    /// What the runner reports. The operator never writes here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// UIDs of invited jobs the batch got.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), inner(length(max = 63)))]
    pub claimed: Vec<String>,
    /// The runner's log in the evidence store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// When the current Pod was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_at: Option<Time>,
    /// When the first login succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// `PodReady`, `LoggedIn`, `Succeeded`.
    #[serde(default)]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The generation this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Leave to log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Which login of the batch, from 1.
    pub login: i32,
    /// How far it is.
    pub state: GrantState,
    /// The TOTP time step that was burnt for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<i64>,
    /// The Secret with the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub secret: Option<String>,
    /// When leave was given. From here on the login has its deadline: the time before was spent waiting for its turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<MicroTime>,
}

/// How far a login is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Display)]
pub enum GrantState {
    /// User name and password may be typed.
    Granted,
    /// A step is burnt; the code is on its way.
    Reserved,
    /// The code lies in the Secret.
    CodeReady,
    /// The login ended, well or not; the Secret is gone.
    Done,
    /// No login: the batch has to end.
    Refused,
}

impl FnoBatch {
    /// The phase; a batch nobody has looked at yet is Created.
    #[must_use]
    pub fn phase(&self) -> BatchPhase {
        self.status.as_ref().and_then(|s| s.phase).unwrap_or_default()
    }
}
