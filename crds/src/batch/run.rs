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

/// What the runner reports, and nobody else writes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(oldSelf.intents) || (has(self.intents) && oldSelf.intents.all(i, i in self.intents))").message("an intent is never taken back").optional_old_self(false))]
pub struct Run {
    /// UID of the Pod that reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub pod_uid: Option<String>,
    /// The WebDriver session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub session_id: Option<String>,
    /// The browser, `Firefox 140.3.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub browser: Option<String>,
    /// Last sign of life, at least every 30 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<MicroTime>,
    /// The login at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<RunLogin>,
    /// Logins that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logins: Option<i32>,
    /// Name of the job at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub job: Option<String>,
    /// Irreversible steps that were armed. Only grows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub intents: Vec<Intent>,
    /// Jobs settled for this try, in the order they were settled. Only grows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub results: Vec<JobResult>,
    /// The portal's clock minus ours in seconds, off a `Date` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset: Option<f64>,
    /// Seconds from the start of the runner to the first login's success, without waiting for leave and code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_seconds: Option<f64>,
    /// The session is over and nothing more will be reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RunEnd>,
}

/// A login as the runner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunLogin {
    /// Which login of the batch, from 1.
    pub n: i32,
    /// How far it is.
    pub state: LoginState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub message: Option<String>,
    /// When this state was reached.
    pub at: MicroTime,
}

/// How far a login is, as the runner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Display)]
pub enum LoginState {
    /// Asks for leave; nothing typed yet.
    AskingLogin,
    /// The code field is on screen.
    AwaitingCode,
    /// Logged in.
    LoggedIn,
    /// The portal refused the password or the code.
    Rejected,
    /// It failed before the portal could judge a credential (error page, timeout).
    Failed,
}

/// One job, settled for this try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobResult {
    /// Name of the FnoJob.
    #[schemars(length(max = 253))]
    pub job: String,
    /// Its UID.
    #[schemars(length(max = 63))]
    pub uid: String,
    /// `Succeeded`, `Failed`, `OutcomeUnknown`, or `Pending` for a job handed back.
    pub phase: JobPhase,
    /// The portal's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub outcome: Option<String>,
    /// Why.
    pub reason: Reason,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub message: Option<String>,
    /// Fields read off the portal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::string_map")]
    pub fields: BTreeMap<String, String>,
    /// Where pictures and timeline lie. Absent: the store did not take them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub step: Option<String>,
    /// Steps that had to fall back to a later selector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub drift: Vec<FlowDrift>,
    /// When the flow began.
    pub started_at: MicroTime,
    /// Seconds the flow took.
    pub seconds: f64,
}

/// A step that worked only with a later selector: the portal has begun to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowDrift {
    /// The step.
    #[schemars(length(max = 200))]
    pub step: String,
    /// Which alternative worked, from 1 (0 is the first and no drift).
    pub alternative: i32,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunEnd {
    /// `Completed`, `Drained`, `PortalChanged`, `LoginRejected`, …
    pub reason: Reason,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub message: Option<String>,
    /// The step that failed (`PortalChanged`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub step: Option<String>,
    /// Where its picture lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub evidence: Option<String>,
    /// Whether the session was ended by the logout flow.
    #[serde(default)]
    pub logged_out: bool,
    /// When.
    pub at: MicroTime,
}
