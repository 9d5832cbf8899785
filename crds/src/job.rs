//! FnoJob: one thing to do on one circuit.

mod callback;
mod decisions;
mod default_status;
mod phase;
mod record;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

pub use self::{
    callback::{Callback, CallbackFormat, CallbackStatus},
    decisions::{ApprovalRecord, Decision, Resolution},
    phase::JobPhase,
    record::{Evidence, Intent},
};
pub(crate) use default_status::default_status;

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
        name = "Reason",
        type_ = "string",
        json_path = ".status.reason",
        description = "Why the job is in this phase, or what it waits for"
    ),
    printcolumn(
        name = "Outcome",
        type_ = "string",
        json_path = ".status.outcome",
        description = "The portal's answer"
    ),
    printcolumn(name = "Batch", type_ = "string", json_path = ".status.batch"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
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
    validation = Rule::new("has(self.requestedBy) == has(oldSelf.requestedBy) && (!has(self.requestedBy) || self.requestedBy == oldSelf.requestedBy)").message("requestedBy is immutable: submit a new job"),
    validation = Rule::new("has(self.notBefore) == has(oldSelf.notBefore) && (!has(self.notBefore) || self.notBefore == oldSelf.notBefore) && has(self.deadline) == has(oldSelf.deadline) && (!has(self.deadline) || self.deadline == oldSelf.deadline)").message("notBefore and deadline are immutable: submit a new job"),
    validation = Rule::new("self.backoffLimit == oldSelf.backoffLimit && self.ttlSecondsAfterFinished == oldSelf.ttlSecondsAfterFinished").message("backoffLimit and ttlSecondsAfterFinished are immutable: submit a new job"),
    validation = Rule::new("has(self.retryOf) == has(oldSelf.retryOf) && (!has(self.retryOf) || self.retryOf == oldSelf.retryOf)").message("retryOf is immutable: submit a new job"),
    validation = Rule::new("has(self.callback) == has(oldSelf.callback) && (!has(self.callback) || self.callback == oldSelf.callback)").message("callback is immutable: submit a new job"),
    validation = Rule::new("size(self.expect) == 0 || self.action == 'Cancellation'").message("expect is allowed only for a Cancellation: a Validation changes nothing and reports what the portal shows").field_path(".expect"),
    validation = Rule::new("!has(self.callback)").message("callback is not supported yet: this version delivers no callbacks, so remove it and watch status instead").field_path(".callback"),
    validation = Rule::new("!oldSelf.cancelRequested || self.cancelRequested").message("cancelRequested cannot be taken back: submit a new job").field_path(".cancelRequested"),
    validation = Rule::new("!has(self.notBefore) || !has(self.deadline) || self.notBefore < self.deadline").message("notBefore must be earlier than deadline").field_path(".notBefore"),
)]
pub struct FnoJobSpec {
    /// Name of the FnoProvider in the job's namespace. Lower-case letters, digits and `-`. Immutable.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("provider must be the name of an FnoProvider: lower-case letters, digits and -, beginning and ending with a letter or digit"))]
    pub provider: String,
    /// Name of the user who asked for this job: whoever creates it or, where a program creates jobs for others, the user it acts
    /// for. Default: not recorded. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub requested_by: Option<String>,
    /// `Validation` looks the circuit up and changes nothing. `Cancellation` cancels it, at most once. Immutable.
    pub action: Action,
    /// The circuit as the portal names it, for example a line reference, B-number, service id or FSAN. Immutable.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9]([A-Za-z0-9 ._/-]*[A-Za-z0-9])?$')").message("circuitNumber must begin and end with a letter or digit (no space at either end) and contain only letters, digits, spaces and . _ / -"))]
    pub circuit_number: String,
    /// Further inputs of the provider's flow, which reads them as `params.<name>`. Default: none. Immutable.
    #[serde(default)]
    #[schemars(schema_with = "schema::string_map", extend("default" = {}))]
    pub parameters: BTreeMap<String, String>,
    /// Fields of the portal's page, by the name the flow extracts them under, with the value each must have before anything
    /// irreversible is done. A difference fails the job with `ExpectMismatch`. Default: none. Immutable.
    #[serde(default)]
    #[schemars(schema_with = "schema::string_map", extend("default" = {}))]
    pub expect: BTreeMap<String, String>,
    /// The submitter's own number or name for this job, for example a ticket. Not used by the operator. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub external_id: Option<String>,
    /// Jobs with a higher priority leave the queue first. From -1000 to 1000, default 0.
    #[serde(default)]
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: i32,
    /// The job is not started before this time. Default: it may start at once. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// A job that has not started by this time fails with `DeadlineExceeded`; a job that has started is finished. Default: no
    /// deadline. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    /// How many times a failed try is repeated. Default 2, which makes three tries. Immutable.
    #[serde(default = "two")]
    #[schemars(range(min = 0, max = 20))]
    pub backoff_limit: i32,
    /// Seconds after its end until the job is archived in the evidence store and deleted. Default 86400 (24 hours). Immutable.
    #[serde(default = "one_day")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub ttl_seconds_after_finished: i32,
    /// Name of the finished job that this job tries again. Default: none. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub retry_of: Option<String>,
    /// Where the final result is sent. Not supported by this version: it must be omitted. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
    /// While true the job waits and is not started. Default false.
    #[serde(default)]
    pub suspend: bool,
    /// Withdraws the job unless its irreversible step was already armed. Cannot be taken back. Default false.
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
    /// Look the circuit up. Changes nothing and may be repeated.
    Validation,
    /// Cancel the circuit. Happens at most once.
    Cancellation,
}

/// State of a job.
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
    // The API conventions prefer conditions to a phase. It is kept because it is more than a summary of them: the claim and every
    // end are compare-and-set on it, rules of this schema order its values, it is a selectable field, and callers know it.
    /// Where the job stands. `Pending` until a batch claims it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<JobPhase>,
    /// The portal's answer: `Active`, `NotFound`, `CancellationSubmitted`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub outcome: Option<String>,
    /// Machine-readable reason for the phase; of a Pending job what it waits for. docs/reasons.md lists them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<crate::Reason>,
    /// Human-readable explanation of `reason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub message: Option<String>,
    /// Fields read from the portal's pages, by the name the flow extracts them under.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::string_map")]
    pub result: BTreeMap<String, String>,
    /// Where the pictures and the timeline of the last try are stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Name of the FnoBatch that claimed the job; of a finished job, the last one. Setting it by compare-and-set is the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub batch: Option<String>,
    /// Number of tries used up, of `spec.backoffLimit` + 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<i32>,
    /// How many times a runner, browser or session was lost while this job was at work. The first two losses use up no try, each
    /// later one uses up one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_runs: Option<i32>,
    /// Earliest time of the next try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Time>,
    /// The irreversible step that was armed for this job. Set once, never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// Who approved the job. Written by the approver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalRecord>,
    /// What a person decided about an unknown outcome. Written by that person, never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// When a batch first claimed the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When the job ended. `spec.ttlSecondsAfterFinished` counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Conditions `Succeeded`, `EvidenceStored` and `Stalled`.
    #[serde(default)]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// State of the delivery of the final result. Written by the program that delivers callbacks, which is not part of this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackStatus>,
    /// The `metadata.generation` that this status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

impl FnoJob {
    /// The phase. A job without a status is Pending.
    #[must_use]
    pub fn phase(&self) -> JobPhase {
        self.status.as_ref().and_then(|s| s.phase).unwrap_or_default()
    }
}
