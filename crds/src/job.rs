//! FnoJob: one thing to do on one circuit.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

use crate::schema;

/// One thing to do on one circuit. Immutable except `suspend`, `cancelRequested` and `priority`; deleting it asks for its withdrawal.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "fno.dev",
    version = "v1alpha1",
    kind = "FnoJob",
    plural = "fnojobs",
    shortname = "fj",
    category = "fno",
    namespaced,
    cel,
    derive = "PartialEq",
    status = "FnoJobStatus",
    doc = "One thing to do on one circuit of a portal: a validation or a cancellation.",
    selectable = ".spec.provider",
    selectable = ".spec.action",
    selectable = ".status.phase",
    selectable = ".status.batch",
    printcolumn(name = "Provider", type_ = "string", json_path = ".spec.provider"),
    printcolumn(name = "Action", type_ = "string", json_path = ".spec.action"),
    printcolumn(name = "Circuit", type_ = "string", json_path = ".spec.circuitNumber"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(
        name = "Outcome",
        type_ = "string",
        json_path = ".status.outcome",
        description = "The portal's answer"
    ),
    printcolumn(name = "Batch", type_ = "string", json_path = ".status.batch"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1),
    printcolumn(
        name = "Attempts",
        type_ = "integer",
        json_path = ".status.attempts",
        priority = 1
    ),
    printcolumn(
        name = "External-Id",
        type_ = "string",
        json_path = ".spec.externalId",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.provider == oldSelf.provider").message("provider is immutable: submit a new job").field_path(".provider"),
    validation = Rule::new("self.action == oldSelf.action").message("action is immutable: submit a new job").field_path(".action"),
    validation = Rule::new("self.circuitNumber == oldSelf.circuitNumber").message("circuitNumber is immutable: submit a new job").field_path(".circuitNumber"),
    validation = Rule::new("self.parameters == oldSelf.parameters && self.expect == oldSelf.expect").message("parameters and expect are immutable: submit a new job"),
    validation = Rule::new("has(self.externalId) == has(oldSelf.externalId) && (!has(self.externalId) || self.externalId == oldSelf.externalId)").message("externalId is immutable: submit a new job"),
    validation = Rule::new("has(self.notBefore) == has(oldSelf.notBefore) && (!has(self.notBefore) || self.notBefore == oldSelf.notBefore) && has(self.deadline) == has(oldSelf.deadline) && (!has(self.deadline) || self.deadline == oldSelf.deadline)").message("notBefore and deadline are immutable: submit a new job"),
    validation = Rule::new("self.backoffLimit == oldSelf.backoffLimit && self.ttlSecondsAfterFinished == oldSelf.ttlSecondsAfterFinished").message("backoffLimit and ttlSecondsAfterFinished are immutable: submit a new job"),
    validation = Rule::new("has(self.retryOf) == has(oldSelf.retryOf) && (!has(self.retryOf) || self.retryOf == oldSelf.retryOf)").message("retryOf is immutable: submit a new job"),
    validation = Rule::new("has(self.callback) == has(oldSelf.callback) && (!has(self.callback) || self.callback == oldSelf.callback)").message("callback is immutable: submit a new job"),
    validation = Rule::new("!oldSelf.cancelRequested || self.cancelRequested").message("cancelRequested cannot be taken back: submit a new job").field_path(".cancelRequested"),
    validation = Rule::new("!has(self.notBefore) || !has(self.deadline) || self.notBefore < self.deadline").message("notBefore must be earlier than deadline").field_path(".notBefore"),
)]
pub struct FnoJobSpec {
    /// Name of the FnoProvider in this namespace.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub provider: String,
    /// What to do.
    pub action: Action,
    /// The line as the portal calls it: line reference, B-number, service id, FSAN.
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9 ._/-]*[A-Za-z0-9])?$")
    )]
    pub circuit_number: String,
    /// Further inputs of the flow, seen there as `params.<name>`.
    #[serde(default)]
    #[schemars(schema_with = "schema::string_map", extend("default" = {}))]
    pub parameters: BTreeMap<String, String>,
    /// Fields that must match what the portal shows before anything irreversible happens.
    #[serde(default)]
    #[schemars(schema_with = "schema::string_map", extend("default" = {}))]
    pub expect: BTreeMap<String, String>,
    /// The submitter's own number or name for this job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub external_id: Option<String>,
    /// Higher goes first.
    #[serde(default)]
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: i32,
    /// Not started before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// Not started after this time; what has started is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    /// How often a failed try is repeated: 2 means three tries.
    #[serde(default = "two")]
    #[schemars(range(min = 0, max = 20))]
    pub backoff_limit: i32,
    /// Seconds a finished job is kept before it is deleted.
    #[serde(default = "one_day")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub ttl_seconds_after_finished: i32,
    /// Name of the finished job that a person retries with this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub retry_of: Option<String>,
    /// Where the end is reported to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
    /// Do not start it.
    #[serde(default)]
    pub suspend: bool,
    /// Withdraw it, unless something irreversible has begun.
    #[serde(default)]
    pub cancel_requested: bool,
}

const fn two() -> i32 {
    2
}
const fn one_day() -> i32 {
    86_400
}

/// What to do on a circuit.
#[derive(
    Clone,
    Copy,
    Debug,
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
pub enum Action {
    /// Look it up. Changes nothing; may be repeated.
    Validation,
    /// Cancel it. Happens at most once.
    Cancellation,
}

/// Where the end of a job is reported to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.url) != has(self.ref)").message("callback needs exactly one of url and ref"))]
pub struct Callback {
    /// Address on the bridge's allow-list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 2000), regex(pattern = r"^https?://\S+$"))]
    pub url: Option<String>,
    /// Name of a target in the bridge's settings.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub ref_: Option<String>,
    /// Shape of the body.
    #[serde(default)]
    pub format: CallbackFormat,
}

/// Shape of a callback's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CallbackFormat {
    /// `{job_id, status, result, screenshots[]}`.
    #[default]
    #[serde(rename = "json")]
    Json,
    /// `{JOB_ID, FNO, STATUS, STATUS_DT, JOB_EVI}`, all strings.
    #[serde(rename = "flat5")]
    Flat5,
}

/// Where a job stands.
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
pub enum JobPhase {
    /// Waiting; `reason` says for what.
    #[default]
    Pending,
    /// Claimed by exactly one FnoBatch.
    Batched,
    /// The portal gave an answer; `NotFound` is an answer.
    Succeeded,
    /// Nothing irreversible happened, or the portal refused explicitly.
    Failed,
    /// An irreversible step may have happened and nobody can prove it either way. A person decides; never retried.
    OutcomeUnknown,
    /// A person decided.
    Resolved,
    /// Withdrawn before anything irreversible.
    Cancelled,
}

impl JobPhase {
    /// Whether nothing more happens by itself (an unknown outcome is not an end: it waits for proof or a person).
    #[must_use]
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Resolved | Self::Cancelled)
    }
}

/// What is known about a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(oldSelf.phase) && oldSelf.phase in ['Succeeded','Failed','Resolved','Cancelled']) || (has(self.phase) && self.phase == oldSelf.phase)").message("a finished job does not change its phase: submit a new job with retryOf"),
    validation = Rule::new("!(has(oldSelf.phase) && oldSelf.phase == 'OutcomeUnknown') || (has(self.phase) && self.phase in ['OutcomeUnknown','Succeeded','Resolved'])").message("an unknown outcome ends only by proof or by a person's decision"),
    validation = Rule::new("!has(oldSelf.intent) || (has(self.intent) && self.intent == oldSelf.intent)").message("intent is set once"),
    validation = Rule::new("!has(oldSelf.intent) || (has(self.phase) && !(self.phase in ['Pending','Cancelled']))").message("an armed job never goes back to Pending"),
    validation = Rule::new("!has(oldSelf.resolution) || (has(self.resolution) && self.resolution == oldSelf.resolution)").message("a resolution is final"),
)]
pub struct FnoJobStatus {
    /// Where the job stands. Absent is Pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<JobPhase>,
    /// The portal's answer: `Active`, `NotFound`, `CancellationSubmitted`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub outcome: Option<String>,
    /// Why it stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<crate::Reason>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub message: Option<String>,
    /// Fields read off the portal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::string_map")]
    pub result: BTreeMap<String, String>,
    /// Where pictures and timeline lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The FnoBatch that claimed the job. Written by compare-and-set from Pending: this field is the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub batch: Option<String>,
    /// Tries used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<i32>,
    /// When the next try may start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Time>,
    /// The irreversible step that was armed. Set once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalRecord>,
    /// What a person decided about an unknown outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// When it was first claimed by a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// `Succeeded`, `EvidenceStored`, `Stalled`.
    #[serde(default)]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// How the report of the end stands. The bridge writes this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackStatus>,
    /// The generation this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Where pictures and timeline lie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Folder in the evidence store.
    #[schemars(length(max = 2000))]
    pub uri: String,
    /// SHA-256 of `manifest.json`, which holds the digest of every other file.
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
    /// The job it is for.
    #[schemars(length(max = 253))]
    pub job: String,
    /// The commit step's name.
    #[schemars(length(max = 200))]
    pub step: String,
    /// The try.
    pub attempt: i32,
    /// The runner Pod that armed it.
    #[schemars(length(max = 63))]
    pub pod_uid: String,
    /// When.
    pub at: Time,
    /// SHA-256 of what was seen before.
    #[schemars(length(max = 64))]
    pub evidence_sha256: String,
}

/// Who approved a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRecord {
    /// User name of the approver; the API server checks it against the requester.
    #[schemars(length(min = 1, max = 256))]
    pub by: String,
    /// When.
    pub at: Time,
}

/// What a person decided about an unknown outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    /// What is true.
    pub decision: Decision,
    /// User name of the decider; the API server checks it against the requester.
    #[schemars(length(min = 1, max = 256))]
    pub by: String,
    /// When.
    pub at: Time,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub note: Option<String>,
}

/// What a person found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Decision {
    /// The cancellation is in force.
    ConfirmedDone,
    /// It is not; the circuit may be cancelled by a new job.
    ConfirmedNotDone,
    /// Nobody will look any more; the circuit stays claimed.
    Abandoned,
}

/// How the report of a job's end stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CallbackStatus {
    /// Stable id of the event, for the receiver to recognise repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub event_id: Option<String>,
    /// Deliveries tried.
    pub attempts: i32,
    /// Last HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_code: Option<i32>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Time>,
    /// When it was acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Time>,
    /// When it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked_at: Option<Time>,
}

impl FnoJob {
    /// The phase; a job nobody has looked at yet is Pending.
    #[must_use]
    pub fn phase(&self) -> JobPhase {
        self.status.as_ref().and_then(|s| s.phase).unwrap_or_default()
    }
}
