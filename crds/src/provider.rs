//! FnoProvider: one portal, as data.

mod account;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ConfigMapKeySelector, LocalObjectReference, ResourceRequirements, Toleration,
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
    doc = "One portal as data: accounts, limits and the flows a browser walks on it. Writing an FnoProvider is a privilege: Secrets of its namespace that hold a username and password can be typed into the origins that it names.",
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
    validation = Rule::new("self.allowedOrigins.all(o, o.matches('^https?://[^\\\\s/?#]+$'))").message("each of allowedOrigins must be an origin: scheme://host[:port], without a path or a slash at the end").field_path(".allowedOrigins"),
    validation = Rule::new("self.accounts.all(a, self.accounts.exists_one(b, b.name == a.name))").message("accounts must have different names").field_path(".accounts"),
    validation = Rule::new("self.allowedOrigins.exists(o, self.baseUrl == o || self.baseUrl.startsWith(o + '/'))").message("allowedOrigins must contain the origin of baseUrl (scheme://host[:port])").field_path(".allowedOrigins"),
)]
pub struct FnoProviderSpec {
    /// Address of the portal, for example `https://portal.example.net`. A `navigate` step whose `url` is a path is relative to it.
    #[schemars(length(min = 8, max = 500))]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^\\\\s/?#]+(/[^\\\\s?#]*)?$')").message("baseUrl must be an address such as https://portal.example.net or https://portal.example.net/app: http or https, a host, no blanks, query or fragment"))]
    pub base_url: String,
    /// Origins (`scheme://host[:port]`) of the pages into which the runner may type a secret. Must contain the origin of `baseUrl`.
    #[schemars(
        length(min = 1, max = 10),
        inner(length(min = 8, max = 300)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub allowed_origins: Vec<String>,
    /// Accounts on the portal. At most `session.maxSessionsPerAccount` batches use one account at the same time.
    #[schemars(length(min = 1, max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
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
    /// While true no new batch is created and running batches are drained: each finishes its current job and returns the rest to `Pending`.
    /// Default false.
    #[serde(default)]
    pub suspend: bool,
    /// Kill switch. While true every cancellation is held, also in running batches; validations continue. Default false.
    #[serde(default)]
    pub suspend_cancellations: bool,
    /// Which jobs a person must approve before they are batched: `None` or `Cancellations`. Default `None`.
    #[serde(default)]
    pub approval: Approval,
    /// What the browser does on the portal.
    pub flows: Flows,
    /// CEL over `fields` (what a validation extracted), `job` and `intent`. True proves that this very cancellation is in force, and
    /// turns an unknown outcome into success. Default: none, so a person decides every unknown outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2000))]
    pub proof: Option<String>,
    /// How the browser is set up.
    #[serde(default)]
    #[schemars(extend("default" = {}))]
    pub browser: Browser,
    /// Settings of this provider's runner Pods. They override the operator's own.
    #[serde(default)]
    #[schemars(extend("default" = {}))]
    pub runner: Runner,
}

/// How jobs are grouped into batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Batching {
    /// Largest number of jobs in a batch; 1 means one login per job. Default 50.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 200))]
    pub max_jobs: i32,
    /// How long the oldest job of a queue waits for more jobs before a batch smaller than `maxJobs` is created. Default 5s.
    #[serde(default = "five_seconds")]
    pub linger: Duration,
    /// Largest number of batches of this provider that run at the same time. Default 3.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 100))]
    pub max_concurrent_batches: i32,
    /// What planning optimizes for: `MinLogins`, `Balanced` or `MinMakespan`. Default `Balanced`.
    #[serde(default)]
    pub objective: Objective,
}

/// What batching aims for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Display,
)]
pub enum Objective {
    /// As few logins as possible: one session.
    MinLogins,
    /// More sessions as long as each one saves at least 10 % of the total time.
    #[default]
    Balanced,
    /// As many sessions as shorten the total time at all.
    MinMakespan,
}

/// What the portal's sessions allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// How long a session may be idle before the portal ends it. After half of this time the runner probes the session before it
    /// uses it. Default 10m.
    #[serde(default = "ten_minutes")]
    #[x_kube(validation = Rule::new("self.matches('[1-9]')").message("session.idleTimeout must be longer than 0s: a session that may never be idle cannot be used"))]
    pub idle_timeout: Duration,
    /// How long a session may last before the portal ends it. Batches are kept shorter than this. Default 30m.
    #[serde(default = "thirty_minutes")]
    #[x_kube(validation = Rule::new("self.matches('[1-9]')").message("session.maxLifetime must be longer than 0s: a session that may not last cannot be used"))]
    pub max_lifetime: Duration,
    /// Largest number of sessions of one account at the same time. Many portals end the older session when a second one logs in, so
    /// 1 is the safe value. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 20))]
    pub max_sessions_per_account: i32,
    /// Largest number of logins per batch, the first one included. Default 3.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 10))]
    pub max_logins: i32,
    /// Number of jobs that one session works on at the same time, each in a window of its own. Default 1, the only value that this
    /// version accepts.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 8))]
    #[x_kube(validation = Rule::new("self == 1").message("session.parallelJobs must be 1: this version drives one window per session"))]
    pub parallel_jobs: i32,
    /// How long a session stays logged in after its batch, so that the next batch needs no login. Default 0s (not at all), the only
    /// value that this version accepts.
    #[serde(default = "no_time")]
    #[x_kube(validation = Rule::new("self == '0s'").message("session.keepAlive must be 0s: this version ends a session with its batch"))]
    pub keep_alive: Duration,
}

/// Breakers and daily limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Number of refused passwords or codes in a row that open an account's breaker. Each correction of the Secret, and each resume,
    /// then allows one more login. A portal that locks the account after N refusals in a row needs at most N-2, to leave room for one
    /// wrong correction. Default 2.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 10))]
    pub login_failures_to_open: i32,
    /// How long a breaker stays open before it lets one login try again. A breaker that opened because a password or code was refused
    /// does not close by time, and an account's breaker closes by time only once until a login succeeds. 1m to 24h. Default 30m.
    #[serde(default = "thirty_minutes")]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,7}(ms|s|m|h))+$') && duration(self) >= duration('1m') && duration(self) <= duration('24h')").message("limits.openFor must be at least 1m and at most 24h: a breaker that closes at once stops nothing"))]
    pub open_for: Duration,
    /// Number of jobs in a row that fail in the same flow step before the flow breaker opens. Default 3.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 20))]
    pub flow_failures_to_open: i32,
    /// Largest number of cancellations per calendar day in `timeZone`. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_cancellations_per_day: Option<i32>,
    /// IANA name of the time zone whose calendar day counts for `maxCancellationsPerDay`. Default UTC.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 60))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_+/-]+$')").message("timeZone must be an IANA name such as Africa/Johannesburg"))]
    pub time_zone: String,
}

/// Which jobs a person must approve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Approval {
    /// No job needs approval.
    #[default]
    None,
    /// Every cancellation needs approval.
    Cancellations,
}

/// What the browser does on the portal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Flows {
    /// Logs in.
    pub login: Flow,
    /// Checks quickly whether the session is still logged in: it ends well if so, and fails if not. Default: none; the portal's
    /// address is opened instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_probe: Option<Flow>,
    /// Looks up a circuit.
    pub validation: Flow,
    /// Cancels a circuit. Exactly one step has `commit`. Default: none; cancellations then fail with `NoFlow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Flow>,
    /// Logs out. Default: none; the browser is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logout: Option<Flow>,
    /// Flows that `runFlow` and `forEach` steps of other flows run by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub subflows: BTreeMap<String, Flow>,
}

/// How the browser is set up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Browser {
    /// How long a page may take to load. Default 30s.
    #[serde(default = "thirty_seconds")]
    pub page_load_timeout: Duration,
    /// How long a script in the page may run. Default 30s.
    #[serde(default = "thirty_seconds")]
    pub script_timeout: Duration,
    /// Size of the browser window in pixels. Default 1366 by 900.
    #[serde(default)]
    #[schemars(extend("default" = {}))]
    pub window_size: WindowSize,
    /// Language that the browser asks the portal for, a BCP 47 tag. Default en-ZA.
    #[serde(default = "english")]
    #[schemars(length(min = 2, max = 35))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9-]+$')").message("locale must be a BCP 47 tag such as en-ZA"))]
    pub locale: String,
    /// User agent to send instead of the browser's own. Default: the browser's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub user_agent: Option<String>,
    /// Accept untrusted certificates. Only for portals in a test environment. Default false.
    #[serde(default)]
    pub accept_insecure_certs: bool,
    /// Allow `script` and `waitForExpression` steps, which run JavaScript in the portal's pages. Default false.
    #[serde(default)]
    pub allow_scripts: bool,
}

/// Size of the window in pixels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowSize {
    /// Width in pixels. Default 1366.
    #[serde(default = "width")]
    #[schemars(range(min = 320, max = 7680))]
    pub width: i32,
    /// Height in pixels. Default 900.
    #[serde(default = "height")]
    #[schemars(range(min = 240, max = 4320))]
    pub height: i32,
}

/// Settings of the runner Pods. What is not set here comes from the operator's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Runner {
    /// Resource requests and limits of the runner container. Default: the operator's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Resource requests and limits of the browser container. Default: the operator's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser_resources: Option<ResourceRequirements>,
    /// Labels of the nodes that the Pods may run on. Default: the operator's setting.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::string_map")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that the Pods tolerate. Default: the operator's setting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub tolerations: Vec<Toleration>,
    /// Labels added to the Pods, for example the name of a Kueue queue. Default: the operator's setting.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::string_map")]
    pub labels: BTreeMap<String, String>,
    /// Secrets used to pull the images. Default: the operator's setting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// HTTP proxy of the browser, as `host:port`. Default: the operator's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300))]
    #[x_kube(validation = Rule::new("self.matches('^[^\\\\s/:]+:[0-9]+$')").message("proxy must be host:port, for example proxy.example.net:3128"))]
    pub proxy: Option<String>,
    /// ConfigMap in the provider's namespace, and its key, with PEM certificates that the browser trusts in addition to its own. Not a
    /// Secret: the browser gets none. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_ref: Option<ConfigMapKeySelector>,
    /// Name of the PriorityClass of the Pods. Default: the operator's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("!self.startsWith('system-')").message("the priority classes of Kubernetes itself are not for runner Pods"))]
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
const fn no_time() -> Duration {
    Duration::from_secs(0)
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
