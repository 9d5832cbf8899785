//! FnoProvider: one portal, as data.

mod account;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    LocalObjectReference, ResourceRequirements, SecretKeySelector, Toleration,
};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::Display;

pub use self::account::{Account, SecretKeyReference, SecretReference, Totp, TotpAlgorithm};
use crate::{duration::Duration, flow::Flow, provider_status::FnoProviderStatus, schema};

/// A portal of a fibre network operator: where it is, who logs in, how fast it may be used, and the flows a browser walks on it.
/// A new portal is a new FnoProvider; nothing is rebuilt.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "fno.dev",
    version = "v1alpha1",
    kind = "FnoProvider",
    plural = "fnoproviders",
    shortname = "fp",
    category = "fno",
    namespaced,
    cel,
    derive = "PartialEq",
    status = "FnoProviderStatus",
    doc = "One portal as data: accounts, limits and the flows a browser walks on it.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", description = "Everything needed to work is there"),
    printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspend", description = "No new batches, running ones are drained"),
    printcolumn(name = "Active", type_ = "integer", json_path = ".status.activeBatches", description = "Batches at work"),
    printcolumn(name = "Pending", type_ = "integer", json_path = ".status.pending.count", description = "Jobs that wait"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason", description = "Why it is, or is not, ready", priority = 1),
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.baseUrl", priority = 1),
    validation = Rule::new("self.metadata.name.size() <= 40").message("metadata.name must have at most 40 characters: names of batches, Pods and Secrets are made from it"),
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.accounts.all(a, self.accounts.exists_one(b, b.name == a.name))").message("accounts must have different names").field_path(".accounts"),
    validation = Rule::new("self.allowedOrigins.exists(o, self.baseUrl == o || self.baseUrl.startsWith(o + '/'))").message("allowedOrigins must contain the origin of baseUrl (scheme://host[:port])").field_path(".allowedOrigins"),
)]
pub struct FnoProviderSpec {
    /// Where the portal begins: `https://portal.example.net`. `navigate` steps with a path start from here.
    #[schemars(length(min = 8, max = 500), regex(pattern = r"^https?://[^\s/?#]+(/[^\s?#]*)?$"))]
    pub base_url: String,
    /// Origins (`scheme://host[:port]`) of pages into which the runner may type a secret.
    #[schemars(
        length(min = 1, max = 10),
        inner(length(min = 8, max = 300), regex(pattern = r"^https?://[^\s/?#]+$"))
    )]
    pub allowed_origins: Vec<String>,
    /// Accounts on the portal. Each is used by at most `session.maxSessionsPerAccount` batches at once.
    #[schemars(length(min = 1, max = 20))]
    pub accounts: Vec<Account>,
    /// How jobs are grouped.
    #[serde(default)]
    #[schemars(extend("default" = {}))]
    pub batching: Batching,
    /// What the portal's sessions allow.
    #[serde(default)]
    #[schemars(extend("default" = {}))]
    pub session: Session,
    /// Breakers and daily limits.
    #[serde(default)]
    #[schemars(extend("default" = {}))]
    pub limits: Limits,
    /// Start no new batches and drain the running ones.
    #[serde(default)]
    pub suspend: bool,
    /// Kill switch: hold every cancellation, also in running batches. Validations go on.
    #[serde(default)]
    pub suspend_cancellations: bool,
    /// Whether a person must approve jobs before they are batched.
    #[serde(default)]
    pub approval: Approval,
    /// What the browser does on the portal.
    pub flows: Flows,
    /// CEL over the `fields` a validation extracted (and `job`, `intent`): true proves that this very cancellation is in force.
    /// Only it turns an unknown outcome into success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2000))]
    pub proof: Option<String>,
    /// How the browser is set up.
    #[serde(default)]
    #[schemars(extend("default" = {}))]
    pub browser: Browser,
    /// How the runner Pods are made; overrides the operator's settings.
    #[serde(default)]
    #[schemars(extend("default" = {}))]
    pub runner: Runner,
}

/// How jobs are grouped into batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Batching {
    /// Jobs per batch at most; 1 = one login per job.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 200))]
    pub max_jobs: i32,
    /// How long the oldest job of a short queue waits for company.
    #[serde(default = "five_seconds")]
    pub linger: Duration,
    /// Batches at work at once.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 100))]
    pub max_concurrent_batches: i32,
    /// What is saved: logins or time.
    #[serde(default)]
    pub objective: Objective,
}

/// What batching aims for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Display,
)]
pub enum Objective {
    /// One session where possible.
    MinLogins,
    /// More sessions while each saves at least 10 % of the time.
    #[default]
    Balanced,
    /// As many sessions as shorten the time at all.
    MinMakespan,
}

/// What the portal's sessions allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The portal ends a session that is idle for this long. The session is probed before it is trusted after half of it.
    #[serde(default = "ten_minutes")]
    pub idle_timeout: Duration,
    /// The portal ends a session after this long. A batch is made no longer.
    #[serde(default = "thirty_minutes")]
    pub max_lifetime: Duration,
    /// Sessions one account may have at once. Portals often end the older one: 1 is the safe value.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 20))]
    pub max_sessions_per_account: i32,
    /// Logins a batch may use, the first included.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 10))]
    pub max_logins: i32,
}

/// Breakers and daily limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Refused passwords or codes that open an account's breaker. Keep it below the portal's own lockout.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 10))]
    pub login_failures_to_open: i32,
    /// After this an open breaker lets one login try again, unless a credential was refused.
    #[serde(default = "thirty_minutes")]
    pub open_for: Duration,
    /// Jobs in a row that fail in the same step before the flow breaker opens.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 20))]
    pub flow_failures_to_open: i32,
    /// Cancellations per calendar day in `timeZone`. Without it there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_cancellations_per_day: Option<i32>,
    /// IANA name of the zone whose calendar day counts.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 60), regex(pattern = r"^[A-Za-z0-9_+/-]+$"))]
    pub time_zone: String,
}

/// Which jobs a person must approve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Approval {
    /// None.
    #[default]
    None,
    /// Cancellations.
    Cancellations,
}

/// What the browser does on the portal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Flows {
    /// Opens a session.
    pub login: Flow,
    /// Tells cheaply whether the session still lives: it succeeds, or an `assert` fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_probe: Option<Flow>,
    /// Looks a circuit up.
    pub validation: Flow,
    /// Cancels a circuit. Has exactly one step with `commit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Flow>,
    /// Ends the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logout: Option<Flow>,
    /// Flows that others run by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub subflows: BTreeMap<String, Flow>,
}

/// How the browser is set up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Browser {
    /// How long a page may load.
    #[serde(default = "thirty_seconds")]
    pub page_load_timeout: Duration,
    /// How long a script may run.
    #[serde(default = "thirty_seconds")]
    pub script_timeout: Duration,
    /// Size of the window.
    #[serde(default)]
    #[schemars(extend("default" = {}))]
    pub window_size: WindowSize,
    /// Language the browser asks for, a BCP 47 tag.
    #[serde(default = "english")]
    #[schemars(length(min = 2, max = 35), regex(pattern = r"^[A-Za-z0-9-]+$"))]
    pub locale: String,
    /// Replaces the browser's own user agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub user_agent: Option<String>,
    /// Accept certificates nobody vouches for. Only for a portal on a test bench.
    #[serde(default)]
    pub accept_insecure_certs: bool,
    /// Allow `script` and `waitForExpression` steps.
    #[serde(default)]
    pub allow_scripts: bool,
}

/// Size of the window in pixels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowSize {
    /// Pixels.
    #[serde(default = "width")]
    #[schemars(range(min = 320, max = 7680))]
    pub width: i32,
    /// Pixels.
    #[serde(default = "height")]
    #[schemars(range(min = 240, max = 4320))]
    pub height: i32,
}

/// How the runner Pods are made. What is not set here comes from the operator's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Runner {
    /// Requests and limits of the container that drives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Requests and limits of the browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser_resources: Option<ResourceRequirements>,
    /// Nodes the Pods may run on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::string_map")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints the Pods tolerate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub tolerations: Vec<Toleration>,
    /// More labels, for example the name of a Kueue queue.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::string_map")]
    pub labels: BTreeMap<String, String>,
    /// Secrets to pull the images with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// HTTP proxy for the browser, `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = r"^[^\s/:]+:[0-9]+$"))]
    pub proxy: Option<String>,
    /// Secret and key with certificates (PEM) the browser trusts besides its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_ref: Option<SecretKeySelector>,
    /// PriorityClass of the Pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
}

macro_rules! from_schema_defaults {
    ($($type:ty),*) => {$(
        impl Default for $type {
            /// The defaults of the schema: what the API server fills in for `{}`.
            fn default() -> Self {
                serde_json::from_str("{}").unwrap_or_else(|_| unreachable!("every field has a default"))
            }
        }
    )*};
}
from_schema_defaults!(Batching, Session, Limits, Browser, WindowSize);

const fn one() -> i32 {
    1
}
const fn two() -> i32 {
    2
}
const fn three() -> i32 {
    3
}
const fn fifty() -> i32 {
    50
}
const fn width() -> i32 {
    1366
}
const fn height() -> i32 {
    900
}
const fn five_seconds() -> Duration {
    Duration::from_secs(5)
}
const fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}
const fn ten_minutes() -> Duration {
    Duration::from_mins(10)
}
const fn thirty_minutes() -> Duration {
    Duration::from_mins(30)
}
fn utc() -> String {
    "UTC".to_owned()
}
fn english() -> String {
    "en-ZA".to_owned()
}
