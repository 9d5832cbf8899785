//! `FnoBatch.status.run`: what the runner reports.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::Display;

use crate::{
    job::{Evidence, Intent, JobPhase},
    reason::Reason,
    schema,
};

/// What the runner reports. No other program writes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(oldSelf.intents) || (has(self.intents) && oldSelf.intents.all(i, i in self.intents))").message("an intent is never taken back").optional_old_self(false))]
pub struct Run {
    /// UID of the Pod that writes this report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub pod_uid: Option<String>,
    /// Id of the WebDriver session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub session_id: Option<String>,
    /// Name and version of the browser, for example `Firefox 140.3.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub browser: Option<String>,
    /// Time of the last report. Written at least every 30 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<MicroTime>,
    /// State of the current login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<RunLogin>,
    /// Number of logins that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logins: Option<i32>,
    /// Name of the FnoJob that is being worked on. After the end: the one that was at work and has no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub job: Option<String>,
    /// Irreversible steps that were armed. Entries are only added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub intents: Vec<Intent>,
    /// Results of the jobs whose try in this batch is settled, in the order in which they were settled. Entries are only added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub results: Vec<JobResult>,
    /// The portal's clock minus the runner's, in milliseconds, read from a `Date` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_milliseconds: Option<i64>,
    /// Milliseconds from the start of the runner until it was logged in for the first time, without the time spent waiting for
    /// permission and for a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_milliseconds: Option<i64>,
    /// How the session ended. Nothing is reported after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RunEnd>,
}

/// A login as the runner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunLogin {
    /// Number of the login in this batch, from 1.
    pub n: i32,
    /// How far the login is.
    pub state: LoginState,
    /// Machine-readable reason why the login failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Human-readable explanation of `reason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub message: Option<String>,
    /// Steps of the login flow that worked only with a later selector alternative. Set when the login has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub drift: Vec<FlowDrift>,
    /// When the login reached this state.
    pub at: MicroTime,
}

/// How far a login is, as the runner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Display)]
pub enum LoginState {
    /// Asks for permission to log in. Nothing has been typed.
    AskingLogin,
    /// The portal asks for a one-time code.
    AwaitingCode,
    /// Logged in.
    LoggedIn,
    /// The portal refused the password or the code.
    Rejected,
    /// The login failed before the portal could judge a credential (error page, timeout).
    Failed,
}

/// One job, settled for this try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobResult {
    /// Name of the FnoJob.
    #[schemars(length(max = 253))]
    pub job: String,
    /// UID of the FnoJob.
    #[schemars(length(max = 63))]
    pub uid: String,
    /// How the try ended: `Succeeded`, `Failed`, `OutcomeUnknown`, or `Pending` for a job that another batch tries again.
    pub phase: JobPhase,
    /// The portal's answer, for example `Active` or `NotFound`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub outcome: Option<String>,
    /// Machine-readable reason for the phase.
    pub reason: Reason,
    /// Human-readable explanation of `reason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub message: Option<String>,
    /// Fields read from the portal's pages, by the name the flow extracts them under.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::string_map")]
    pub fields: BTreeMap<String, String>,
    /// Where pictures and timeline are stored. Absent if the store did not accept them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Name of the flow step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub step: Option<String>,
    /// Steps that worked only with a later selector alternative.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub drift: Vec<FlowDrift>,
    /// When the flow started.
    pub started_at: MicroTime,
    /// Milliseconds that the flow took; 0 for a job that was settled without a try.
    pub milliseconds: i64,
}

/// A step that worked only with a later selector alternative: the portal is changing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowDrift {
    /// Name of the flow step.
    #[schemars(length(max = 200))]
    pub step: String,
    /// Position of the selector alternative that worked; 0 is the first one, which is not drift.
    pub alternative: i32,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunEnd {
    /// Machine-readable reason for the end, for example `Completed`, `Drained`, `PortalChanged` or `LoginRejected`.
    pub reason: Reason,
    /// Human-readable explanation of `reason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub message: Option<String>,
    /// Name of the flow step that failed, if the reason is `PortalChanged`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub step: Option<String>,
    /// URI of the evidence folder that shows why the run ended: that of the session or of a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub evidence: Option<String>,
    /// Whether the logout flow ended the session.
    #[serde(default)]
    pub logged_out: bool,
    /// When the session ended.
    pub at: MicroTime,
}
